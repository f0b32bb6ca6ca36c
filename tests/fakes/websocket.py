"""The Responses API on a WebSocket, as Codex uses it."""

import asyncio
import contextlib

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from tests.fakes.deliver import be_due
from tests.fakes.ledger import Frame, Seen
from tests.fakes.reply import Reply
from tests.fakes.service import Service
from tests.fakes.wire import Wire


async def serve_websocket(wire: Wire, seen: Seen, reply: Reply, service: Service) -> None:
    await be_due(reply.step)
    session = WebSocketSession(wire, seen, service)
    async with asyncio.TaskGroup() as tasks:
        answering = tasks.create_task(session.answer())
        with contextlib.suppress(RemoteProtocolError):
            await session.open(reply)
            await session.listen()
        answering.cancel()
    if session.unfinished is not None and not wire.is_ours_to_close:
        service.hung_up(seen, session.unfinished)
    wire.close()


class WebSocketSession:
    """Listens while it answers, and answers one message after the other."""

    def __init__(self, wire: Wire, seen: Seen, service: Service) -> None:
        self._wire = wire
        self._seen = seen
        self._service = service
        self._socket = WSConnection(ConnectionType.SERVER)
        self._questions: asyncio.Queue[Frame] = asyncio.Queue()
        self.unfinished: int | None = None
        """How many messages of an answer have been sent, while there are more to come."""

    async def open(self, reply: Reply) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in self._seen.headers]
        self._socket.initiate_upgrade_connection(headers, self._seen.path)
        acceptance = AcceptConnection(
            extensions=[PerMessageDeflate()],
            extra_headers=[(name.encode(), value.encode()) for name, value in reply.headers],
        )
        await self._wire.send(self._socket.send(acceptance))

    async def listen(self) -> None:
        """Until the client says goodbye or is gone."""
        message = ""
        while data := await self._wire.receive():
            self._socket.receive_data(data)
            for event in self._socket.events():
                match event:
                    case TextMessage():
                        message += event.data
                        if event.message_finished:
                            self._ask(message)
                            message = ""
                    case Ping() | CloseConnection():
                        await self._wire.send(self._socket.send(event.response()))
                        if isinstance(event, CloseConnection):
                            return

    def _ask(self, message: str) -> None:
        number = self._service.next_number()
        self._questions.put_nowait(Frame(number, message, self._seen))

    async def answer(self) -> None:
        while True:
            step, messages = self._service.messages(await self._questions.get())
            self.unfinished = 0
            await be_due(step)
            for message in messages:
                if self.unfinished == step.break_after:
                    self._wire.cut(step.break_how)
                    return
                if self.unfinished:
                    await asyncio.sleep(step.chunk_delay)
                await self._wire.send(self._socket.send(TextMessage(message.decode())))
                self.unfinished += 1
            self.unfinished = None
