"""OpenAI's Chat Completions and embeddings, which most providers speak."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from dialects.outline import Message, Outline, Speaker
from dialects.parts import client_texts, names, parts_of, properties, session_key, whole_number
from dialects.slices import Members, Slice

NAME: Final = "openai-chat"
TEXT_PART: Final = (b'{"type":"text","text":"', b'"},')
HAS_BREAKPOINTS: Final = True  # of the cache, which clients set on parts

_TEXTS: Final = frozenset({"text"})

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


def shape_error_event(error: Mapping[str, Any], _number: int) -> tuple[str, Mapping[str, Any]]:
    """The name and the data of an error in the middle of a stream; here it has no name."""
    return "", error


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        isinstance(error, dict)
        and isinstance(error.get("message"), str)
        and "type" in error
        and "type" not in body
    )


def read(body: Slice) -> Outline:
    """The outline of a body."""
    top = Members(body)
    form = top.object_at("response_format")
    asked = form.object_at("json_schema") if form else None
    messages = tuple(_message(message) for message in top.objects("messages"))
    return Outline(
        model=top.text("model"),
        wants_stream=top.is_true("stream"),
        session=session_key(top.text("prompt_cache_key")),
        environment=tuple(client_texts(messages)),
        messages=messages,
        tools=(
            *names(top.objects("tools"), "function", "custom"),
            *names(top.objects("functions")),  # as they were called at first
        ),
        schema=properties(asked.object_at("schema") if asked else None),
        most_tokens=whole_number(top["max_completion_tokens"] or top["max_tokens"]),
    )


def _message(message: Members) -> Message:
    role = message.text("role")
    if role in ("system", "developer"):
        return Message(Speaker.CLIENT, *parts_of(message["content"], _TEXTS))
    if role in ("tool", "function"):
        return Message(Speaker.TOOL)
    if role != "user":
        return Message(Speaker.MODEL)
    return Message(Speaker.PERSON, *parts_of(message["content"], _TEXTS))
