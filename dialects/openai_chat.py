"""OpenAI's Chat Completions and embeddings, which most providers speak."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from dialects.text import system_texts

NAME: Final = "openai-chat"

# Azure names the deployment, its word for the model, in the path.
_ROOT: Final = r"(?:/openai/deployments/(?P<model>[^/]+)|(?:/[\w.-]+)*)"

CALLS: Final[tuple[tuple[str, re.Pattern[str], Literal["generate", "embeddings"]], ...]] = (
    ("POST", re.compile(_ROOT + r"/chat/completions"), "generate"),
    ("POST", re.compile(_ROOT + r"/embeddings"), "embeddings"),
)

_ERROR_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def shape_error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        isinstance(error, dict)
        and isinstance(error.get("message"), str)
        and "type" in error
        and "type" not in body
    )


def environment_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Text that the client, not the person or a tool, has put in."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        yield from system_texts(message)
