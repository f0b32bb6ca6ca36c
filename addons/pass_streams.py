"""Pass answers on, chunk by chunk, and keep a copy for whoever looks at the flow."""

import logging
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http

from addons.facts import header_of
from addons.retell import change_of_stream, is_to_be_retold

logger = logging.getLogger("memory_proxy")

COPY_AT_MOST = 8 * 1024 * 1024


class Copy:
    """Hands every chunk on. What it keeps is for mitmweb and for saved flows."""

    def __init__(self, change: Callable[[bytes], bytes] | None = None) -> None:
        self.change = change
        self.follow: Callable[[bytes], None] | None = None
        """Reads along; what goes wrong there is not the client's concern."""
        self.chunks: list[bytes] = []
        self.size = 0

    def __call__(self, chunk: bytes) -> bytes:
        chunk = self._changed(chunk)
        self.size += len(chunk)
        if self.size <= COPY_AT_MOST:
            self.chunks.append(chunk)
        elif self.chunks:
            self.chunks.clear()
        if self.follow:
            self._let_follow(chunk)
        return chunk

    def _changed(self, chunk: bytes) -> bytes:
        try:
            return self.change(chunk) if self.change else chunk
        except Exception as error:
            # The client would wait for ever; not its message, as below.
            logger.error("answer.unchanged error=%s", type(error).__name__)
            self.change = None
            return chunk

    def _let_follow(self, chunk: bytes) -> None:
        try:
            assert self.follow is not None
            self.follow(chunk)
        except Exception as error:
            # Not its message: what was said may be in that.
            logger.error("answer.unread error=%s", type(error).__name__)
            self.follow = None

    @property
    def content(self) -> bytes | None:
        """None where the answer was too long to keep."""
        return b"".join(self.chunks) if self.size <= COPY_AT_MOST else None


class PassStreams:
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or response.status_code == 101 or is_to_be_retold(flow):
            return
        if response.raw_content is not None:
            return  # an answer of our own, here in full
        change = change_of_stream(flow)
        mark_the_end(flow.request, response)
        response.stream = Copy(change)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response and isinstance(flow.response.stream, Copy):
            flow.response.data.content = flow.response.stream.content
            flow.response.stream = True  # the copy would be kept twice
        if was_cut_off(flow):
            flow.kill()

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)


def mark_the_end(request: http.Request, response: http.Response) -> None:
    """Chunk an answer without a length on its way to an HTTP/1.1 client.

    mitmproxy would let the end of the connection be its end, and a break in the middle would
    look to the client like a short success.
    """
    if request.http_version == "HTTP/1.1" and has_no_length(request, response):
        response.headers["transfer-encoding"] = "chunked"
        response.http_version = "HTTP/1.1"


def has_no_length(request: http.Request, response: http.Response) -> bool:
    return (
        request.method != "HEAD"
        and response.status_code not in (204, 304)
        and header_of(response, b"content-length") is None
        and header_of(response, b"transfer-encoding") is None
    )


def was_cut_off(flow: http.HTTPFlow) -> bool:
    """Whether the provider's connection was reset, where only its end could end the answer.

    mitmproxy takes a reset for an end; its reader knows better.
    """
    response = flow.response
    if response is None or response.is_http2 or header_of(response, b"content-length") is not None:
        return False
    server: Any = ctx.master.addons.get("proxyserver")
    handler = getattr(server, "connections", {}).get(flow.client_conn.id)
    transport = getattr(handler, "transports", {}).get(flow.server_conn)
    return bool(transport and transport.reader and transport.reader.exception())
