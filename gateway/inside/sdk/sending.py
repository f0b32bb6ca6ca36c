"""Answers on their way out, by ASGI."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from litellm.anthropic_interface.exceptions import AnthropicExceptionMapping
from litellm.litellm_core_utils.llm_response_utils.get_headers import get_response_headers
from starlette.requests import Request
from starlette.types import Send

from gateway.inside.sdk.answers import dumped, sendable
from gateway.inside.sdk.errors import Told

VERSION: Final = version("litellm")
NO_HEADERS: Final[Mapping[str, str]] = {}
EVENT_STREAM: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


async def send_whole(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """An answer in one piece, of JSON."""
    about = {"content-type": "application/json", "content-length": str(len(body))}
    await _start(send, status, {**headers, **about})
    await send({"type": "http.response.body", "body": body})


async def begin_stream(send: Send, headers: Mapping[str, str]) -> None:
    """The head of an answer in pieces."""
    await _start(send, 200, {**headers, **EVENT_STREAM})


async def send_piece(send: Send, data: bytes) -> None:
    """One piece of it."""
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def end_stream(send: Send) -> None:
    """Its good end."""
    await send({"type": "http.response.body", "body": b""})


async def refuse(
    request: Request, problem: Told, send: Send, headers: Mapping[str, str] = NO_HEADERS
) -> None:
    """An error before anything was sent, in the shape that LiteLLM's proxy gives it here."""
    body = problem.body
    # Whoever has no key is told so in one shape, by which our parent knows it.
    if request.url.path.startswith("/v1/messages") and problem.type != "auth_error":
        body = AnthropicExceptionMapping.transform_to_anthropic_error(
            status_code=problem.status, raw_message=problem.message
        )
    await send_whole(send, problem.status, {**headers, **problem.headers}, dumped(body))


def headers_beside(error: BaseException) -> dict[str, str]:
    """What the provider said beside its error, as LiteLLM names it."""
    headers = getattr(error, "headers", None) or {}
    if not headers:
        response = getattr(error, "response", None)
        said = getattr(response, "headers", None) or getattr(
            error, "litellm_response_headers", None
        )
        headers = get_response_headers(dict(said)) if said else {}
    kept = sendable(headers) if isinstance(headers, Mapping) else {}
    return {**kept, "x-litellm-version": VERSION}


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
