"""The scripted provider: what tests hold in their hands."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from itertools import count
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary

from tests.fakes.http1 import serve_http1
from tests.fakes.http2 import PREFACE, Http2
from tests.fakes.ledger import Frame, Hangup, Ledger, Line, Seen
from tests.fakes.service import Service
from tests.fakes.step import Script, Step
from tests.fakes.wire import Wire

BACKLOG = 1024


class Provider:
    """A model provider on loopback, in a thread of its own, while the `with` block lasts.

    `tls` is the server's context and belongs to this provider alone. With `keys`, a request has to
    carry one of them. `remember` bounds the records for runs that last.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        http2: bool = True,
        keys: Collection[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        remember: int | None = None,
    ) -> None:
        self._tls = tls
        self._http2 = http2
        self._address = (host, port)
        self._ledger = Ledger(remember)
        self._script = Script()
        self._service = Service(self._ledger, self._script, keys)
        self._line_numbers = count(1)
        self._names: WeakKeyDictionary[ssl.SSLObject | ssl.SSLSocket, str | None]
        self._names = WeakKeyDictionary()
        if tls is not None:
            tls.sni_callback = self._note_name
            if not http2:
                tls.set_alpn_protocols(["http/1.1"])

    def __enter__(self) -> Self:
        self._listener = socket.create_server(self._address, backlog=BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._talks: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []
        self._stopping = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted provider")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._faults and error is None:
            raise self._faults[0]  # a mistake of ours must not pass for one of the network

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{self._address[0]}:{self.port}"

    @property
    def requests(self) -> list[Seen]:
        return self._ledger.requests

    @property
    def frames(self) -> list[Frame]:
        """Messages that came by WebSocket."""
        return self._ledger.frames

    @property
    def hangups(self) -> list[Hangup]:
        """Clients that left in mid-answer."""
        return self._ledger.hangups

    def wait_for[T](self, predicate: Callable[[], T], timeout: float = 20.0) -> T:
        """What the predicate returns once that is true; blocks the calling thread until then."""
        return self._ledger.wait_for(predicate, timeout)

    def script(self, *steps: Step) -> None:
        """Use each of these once, for the next request that it matches."""
        self._script.add(steps)

    def always(self, *steps: Step) -> None:
        """Use these for every other request, the first that matches; replaces earlier ones."""
        self._script.stand(steps)

    def reset(self) -> None:
        """Forget the script and everything seen."""
        self._script.clear()
        self._ledger.clear()

    def _run(self) -> None:
        with self._listener:
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        accepting = asyncio.create_task(self._accept())
        await self._stopping.wait()
        accepting.cancel()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(accepting, *self._talks, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            self._welcome(client)

    def _welcome(self, client: socket.socket) -> None:
        def retire(talk: asyncio.Task[None]) -> None:
            self._talks.discard(talk)
            # A task cancelled before its first step has not touched the socket.
            client.close()
            if not talk.cancelled() and (fault := talk.exception()):
                self._faults.append(fault)

        # asyncio overlooks sockets that come from create_server(); chunks would wait 40 ms.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = asyncio.create_task(self._talk(client))
        self._talks.add(talk)
        talk.add_done_callback(retire)

    async def _talk(self, client: socket.socket) -> None:
        wire = Wire()
        try:
            await self._loop.connect_accepted_socket(lambda: wire, client, ssl=self._tls)
        except OSError:
            return  # no TLS, or none that both sides can agree on
        try:
            await self._speak(wire)
        finally:
            await wire.settle()

    async def _speak(self, wire: Wire) -> None:
        line = self._line(wire)
        first = await wire.receive()
        if not first:
            return
        if self._http2 and (line.alpn == "h2" or first.startswith(PREFACE)):
            await Http2(wire, line, self._service).serve(first)
        else:
            await serve_http1(wire, first, line, self._service)

    def _line(self, wire: Wire) -> Line:
        session: ssl.SSLObject | None = wire.transport.get_extra_info("ssl_object")
        number = next(self._line_numbers)
        if session is None:
            return Line(number, sni=None, alpn=None)
        return Line(number, self._names.get(session), session.selected_alpn_protocol())

    def _note_name(
        self, session: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
    ) -> None:
        self._names[session] = name
