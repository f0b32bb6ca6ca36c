"""Anthropic's Messages."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from dialects.text import system_texts

NAME: Final = "anthropic"

# OpenAI's Assistants have messages too, below /v1/threads.
_ROOT: Final = r"(?!.*/threads/)(?:/[\w.-]+)*"

CALLS: Final[tuple[tuple[str, re.Pattern[str], Literal["generate", "count_tokens"]], ...]] = (
    ("POST", re.compile(_ROOT + r"/messages"), "generate"),
    ("POST", re.compile(_ROOT + r"/messages/count_tokens"), "count_tokens"),
)

_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def shape_error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        body.get("type") == "error"
        and isinstance(error, dict)
        and isinstance(error.get("type"), str)
        and isinstance(error.get("message"), str)
    )


def environment_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Text that the client, not the person or a tool, has put in.

    Claude Code keeps its environment in messages of the role `system`, others in `system`.
    """
    system = body.get("system")
    yield from system_texts({"role": "system", "content": system})
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        yield from system_texts(message)
