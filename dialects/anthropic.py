"""Anthropic's Messages."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from dialects.outline import Message, Outline, Speaker
from dialects.parts import are_results, client_texts, names, parts_of, properties, whole_number
from dialects.slices import Members, Slice, Unreadable, whole

NAME: Final = "anthropic"
TEXT_PART: Final = (b'{"type":"text","text":"', b'"},')
HAS_BREAKPOINTS: Final = True  # of the cache, which clients set on parts

_TEXTS: Final = frozenset({"text"})
_RESULTS: Final = frozenset({"tool_result"})
_BROKEN_IN: Final = "[Request interrupted by user"

# OpenAI's Assistants have messages too, below /v1/threads.
_ROOT: Final = r"(?!.*/threads/)(?:/[\w.-]+)*"

CALLS: Final[tuple[tuple[str, re.Pattern[str], Literal["generate", "count_tokens"]], ...]] = (
    ("POST", re.compile(_ROOT + r"/messages"), "generate"),
    ("POST", re.compile(_ROOT + r"/messages/count_tokens"), "count_tokens"),
)

ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def shape_error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def shape_error_event(error: Mapping[str, Any], _number: int) -> tuple[str, Mapping[str, Any]]:
    """The name and the data of an error in the middle of a stream."""
    return "error", error


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        body.get("type") == "error"
        and isinstance(error, dict)
        and isinstance(error.get("type"), str)
        and isinstance(error.get("message"), str)
    )


def read(body: Slice) -> Outline:
    """The outline of a body."""
    top = Members(body)
    about = top.object_at("metadata")
    form = top.object_at("output_config", "output_format")
    system, _ = parts_of(top["system"], _TEXTS)
    instructions = tuple(part.text for part in system if part.text)
    session = _session(about.text("user_id") if about else None)
    is_claude_code = session is not None
    messages = tuple(_message(m, is_claude_code) for m in top.objects("messages"))
    return Outline(
        model=top.text("model"),
        wants_stream=top.is_true("stream"),
        session=session,
        instructions=instructions,
        # Claude Code tells it in a message of the role `system`, others in `system`.
        environment=(*instructions, *client_texts(messages)),
        messages=messages,
        tools=tuple(names(top.objects("tools"))),
        schema=properties(_schema(form)),
        most_tokens=whole_number(top["max_tokens"]),
    )


def _message(message: Members, is_claude_code: bool) -> Message:
    role = message.text("role")
    if role in ("system", "developer"):
        return Message(Speaker.CLIENT, *parts_of(message["content"], _TEXTS))
    if role != "user":
        return Message(Speaker.MODEL)
    if are_results(message, _RESULTS):  # most messages are, and they may be long
        return Message(Speaker.TOOL)
    parts, is_string = parts_of(message["content"], _TEXTS, _RESULTS)
    if any(part.is_result for part in parts):
        texts = [part.text for part in parts if part.text]
        # Beside results Claude Code itself speaks, of a skill's rules and the like, unless the
        # person has broken in.
        is_its_own = is_claude_code and not any(text.startswith(_BROKEN_IN) for text in texts)
        if not texts or is_its_own:
            return Message(Speaker.TOOL)
    return Message(Speaker.PERSON, parts, is_string)


def _session(user_id: str | None) -> str | None:
    """Claude Code tells its session in a JSON object that is written as the user's id.

    Up to its version 2.0 it was a name made of several.
    """
    if user_id is None:
        return None
    if not user_id.startswith("{"):
        user, _, session = user_id.rpartition("_session_")
        return session if user.startswith("user_") and session else None
    try:
        return Members(whole(user_id.encode())).text("session_id")
    except Unreadable:  # anybody may call a user as they like
        return None


def _schema(form: Members | None) -> Members | None:
    inner = form.object_at("format") if form else None
    return (inner or form).object_at("schema") if form else None
