"""HTTP/1.1 on one connection: request after request, until an upgrade or the end."""

from http import HTTPStatus

import h11

from tests.fakes.deliver import Outlet, deliver
from tests.fakes.ledger import Line, Seen
from tests.fakes.reply import Reply
from tests.fakes.service import Service
from tests.fakes.step import BreakHow
from tests.fakes.websocket import serve_websocket
from tests.fakes.wire import Wire

LARGEST_HEAD = 1 << 20


async def serve_http1(wire: Wire, first: bytes, line: Line, service: Service) -> None:
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
    http.receive_data(first)
    while seen := await _next_request(http, wire, line, service):
        reply = service.reply(seen)
        if reply.status == HTTPStatus.SWITCHING_PROTOCOLS:
            await serve_websocket(wire, seen, reply, service)
            return
        outlet = EndlessOutlet(wire) if reply.step.no_length else Http1Outlet(http, wire)
        if not await wire.do_unless_gone(deliver(reply, outlet)):
            service.hung_up(seen, outlet.sent)
            return
        if wire.is_ours_to_close or http.our_state is not h11.DONE:
            break
        http.start_next_cycle()
    wire.close()


async def _next_request(
    http: h11.Connection, wire: Wire, line: Line, service: Service
) -> Seen | None:
    """None when the client is done, or does not speak HTTP."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            return None
        if event is h11.NEED_DATA:
            data = await wire.receive()
            if not data:
                return None
            http.receive_data(data)
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return _seen(request, bytes(body), line, service.next_number())
        else:
            return None


def _seen(request: h11.Request, body: bytes, line: Line, number: int) -> Seen:
    headers = [
        (name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items()
    ]
    return Seen(
        number=number,
        method=request.method.decode(),
        path=request.target.decode("latin-1"),
        authority=next((value for name, value in headers if name.lower() == "host"), ""),
        headers=tuple(headers),
        body=body,
        http_version="1.1",
        line=line,
    )


class Http1Outlet(Outlet):
    """With a content-length, or chunked."""

    def __init__(self, http: h11.Connection, wire: Wire) -> None:
        self._http = http
        self._wire = wire

    async def start(self, reply: Reply) -> None:
        headers = list(reply.headers)
        if reply.length is not None:
            headers.append(("content-length", str(reply.length)))
        await self._emit(
            h11.Response(
                status_code=reply.status,
                headers=[(name.encode(), value.encode()) for name, value in headers],
                reason=_reason(reply.status),
            )
        )

    async def send(self, chunk: bytes) -> None:
        await self._emit(h11.Data(chunk))

    async def finish(self) -> None:
        await self._emit(h11.EndOfMessage())

    async def break_off(self, how: BreakHow) -> None:
        self._wire.cut(how)

    async def talk_garbage(self, garbage: bytes) -> None:
        await self._wire.send(garbage)
        self._wire.close()

    async def _emit(self, event: h11.Event) -> None:
        await self._wire.send(self._http.send(event) or b"")


class EndlessOutlet(Outlet):
    """Only the end of the connection ends the body, which h11 never does to a 1.1 client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def start(self, reply: Reply) -> None:
        status = b"HTTP/1.1 %d %s" % (reply.status, _reason(reply.status))
        headers = [f"{name}: {value}".encode() for name, value in reply.headers]
        await self._wire.send(b"\r\n".join([status, *headers, b"connection: close", b"\r\n"]))

    async def send(self, chunk: bytes) -> None:
        await self._wire.send(chunk)

    async def finish(self) -> None:
        self._wire.close()

    async def break_off(self, how: BreakHow) -> None:
        self._wire.cut(how)

    async def talk_garbage(self, garbage: bytes) -> None:
        await self._wire.send(garbage)
        self._wire.close()


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
