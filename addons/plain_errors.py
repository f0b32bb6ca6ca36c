"""Replace mitmproxy's HTML error pages, for which it has no hook.

Whatever goes wrong before an answer has begun (no connection, a certificate that does not verify,
garbage instead of HTTP) reaches the client from one layer, `HttpStream`. We wrap the method that
emits it. Where mitmproxy has changed so that the wrap would not fit, its own pages stay.
"""

import inspect
import logging
from collections.abc import Callable, Generator
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events, layers
from mitmproxy.proxy.layers.http import HttpStream

logger = logging.getLogger("memory_proxy")

Answer = Callable[[http.HTTPFlow, int, str], http.Response | None]
"""From a flow, a status and mitmproxy's message to the answer; None keeps mitmproxy's own."""

Commands = Generator[commands.Command, Any, None]

layer: Any = layers.http  # what we take from it is not all meant for us
_NEEDED = (
    "SendHttp",
    "ResponseHeaders",
    "ResponseData",
    "ResponseEndOfMessage",
    "ResponseProtocolError",
)
_original = getattr(HttpStream, "_handle_event", None)


def fits() -> bool:
    """Whether mitmproxy's layer is still the one that this file was written for."""
    if _original is None or any(not hasattr(layer, name) for name in _NEEDED):
        return False
    return list(inspect.signature(_original).parameters)[:2] == ["self", "event"]


def install(answer: Answer) -> None:
    """Ask `answer` for what to send in place of an error page; the last one installed counts."""
    if not fits():
        logger.warning("errors.plain reason='mitmproxy has changed'")
        return

    def handle_event(self: HttpStream, event: events.Event) -> Commands:
        inner = _original(self, event)  # type: ignore[misc]  # fits() has seen it
        reply: Any = None
        while True:
            try:
                command = inner.send(reply)
            except StopIteration:
                return
            response = _instead_of(self, command, answer)
            if response is None:
                reply = yield command
            else:
                reply = None
                yield from _send(self, response)

    HttpStream._handle_event = handle_event  # type: ignore[method-assign]  # see above


def _instead_of(
    stream: HttpStream, command: commands.Command, answer: Answer
) -> http.Response | None:
    if not isinstance(command, layer.SendHttp) or command.connection is not stream.context.client:
        return None
    if isinstance(command.event, layer.ResponseHeaders):
        stream.memory_proxy_began = True  # type: ignore[attr-defined]  # ours, on their object
        return None
    if not isinstance(command.event, layer.ResponseProtocolError):
        return None
    status = command.event.code.http_status_code()
    flow = getattr(stream, "flow", None)
    if status is None or flow is None or hasattr(stream, "memory_proxy_began"):
        return None
    try:
        return answer(flow, status, command.event.message)
    except Exception:
        logger.exception("error.untold")
        return None


def _send(stream: HttpStream, response: http.Response) -> Commands:
    client, stream_id = stream.context.client, stream.stream_id
    yield layer.SendHttp(layer.ResponseHeaders(stream_id, response, end_stream=False), client)
    yield layer.SendHttp(layer.ResponseData(stream_id, response.raw_content or b""), client)
    yield layer.SendHttp(layer.ResponseEndOfMessage(stream_id), client)
