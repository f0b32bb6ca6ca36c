"""HTTP/2 on one connection: many streams, each answered by a task of its own."""

import asyncio
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.fakes.deliver import Outlet, deliver
from tests.fakes.ledger import Line, Seen
from tests.fakes.reply import Reply
from tests.fakes.service import Service
from tests.fakes.step import BreakHow
from tests.fakes.wire import Wire

PREFACE = b"PRI * HTTP/2"


@dataclass
class Stream:
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    seen: Seen | None = None
    outlet: Outlet | None = None
    answering: asyncio.Task[None] | None = None


class Http2:
    def __init__(self, wire: Wire, line: Line, service: Service) -> None:
        self._wire = wire
        self._line = line
        self._service = service
        self._streams: dict[int, Stream] = {}
        self._answers = asyncio.TaskGroup()
        self.http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.room = asyncio.Event()
        """Set when flow control may have opened a window."""

    async def serve(self, first: bytes) -> None:
        self.http.initiate_connection()
        async with self._answers:
            try:
                await self._listen(first)
            except h2.exceptions.ProtocolError:
                await self.flush()  # the GOAWAY that h2 has prepared
            self._drop_all()

    async def _listen(self, data: bytes) -> None:
        while data:
            for event in self.http.receive_data(data):
                self._handle(event)
            await self.flush()
            data = await self._wire.receive()

    async def flush(self) -> None:
        if data := self.http.data_to_send():
            await self._wire.send(data)

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number), headers=headers):
                self._streams[number] = Stream([(str(k), str(v)) for k, v in headers or ()])
            case h2.events.DataReceived(stream_id=int(number), data=data):
                self.http.acknowledge_received_data(event.flow_controlled_length or 0, number)
                self._streams[number].body += data or b""
            case h2.events.StreamEnded(stream_id=int(number)):
                self._answer(number, self._streams[number])
            case h2.events.StreamReset(stream_id=int(number)):
                self._drop(number)
            case h2.events.ConnectionTerminated():
                self._drop_all()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self.room.set()

    def _answer(self, number: int, stream: Stream) -> None:
        stream.seen = self._seen(stream)
        stream.outlet = Http2Outlet(self, self._wire, number)
        reply = self._service.reply(stream.seen)
        stream.answering = self._answers.create_task(deliver(reply, stream.outlet))
        stream.answering.add_done_callback(lambda _: self._streams.pop(number, None))

    def _drop(self, number: int) -> None:
        """The client wants no more of this stream."""
        stream = self._streams.pop(number, None)
        if stream is None or stream.answering is None:
            return
        stream.answering.cancel()
        if stream.seen and stream.outlet and not self._wire.is_ours_to_close:
            self._service.hung_up(stream.seen, stream.outlet.sent)

    def _drop_all(self) -> None:
        for number in list(self._streams):
            self._drop(number)

    def _seen(self, stream: Stream) -> Seen:
        pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
        return Seen(
            number=self._service.next_number(),
            method=pseudo[":method"],
            path=pseudo[":path"],
            authority=pseudo.get(":authority", ""),
            headers=tuple(pair for pair in stream.headers if not pair[0].startswith(":")),
            body=bytes(stream.body),
            http_version="2",
            line=self._line,
        )


class Http2Outlet(Outlet):
    def __init__(self, connection: Http2, wire: Wire, number: int) -> None:
        self._connection = connection
        self._wire = wire
        self._http = connection.http
        self._number = number

    async def start(self, reply: Reply) -> None:
        headers = [(":status", str(reply.status))]
        headers += [(name.lower(), value) for name, value in reply.headers]
        if reply.length is not None:
            headers.append(("content-length", str(reply.length)))
        self._http.send_headers(self._number, headers)
        await self._connection.flush()

    async def send(self, chunk: bytes) -> None:
        while chunk:
            size = min(await self._window(), self._http.max_outbound_frame_size)
            self._http.send_data(self._number, chunk[:size])
            chunk = chunk[size:]
            await self._connection.flush()

    async def finish(self) -> None:
        self._http.end_stream(self._number)
        await self._connection.flush()

    async def break_off(self, how: BreakHow) -> None:
        if how == "close":
            self._wire.cut(how)
            return
        self._http.reset_stream(self._number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self._connection.flush()

    async def talk_garbage(self, garbage: bytes) -> None:
        await self._wire.send(garbage)
        self._wire.close()

    async def _window(self) -> int:
        while not (window := self._http.local_flow_control_window(self._number)):
            self._connection.room.clear()
            await self._connection.room.wait()
        return window
