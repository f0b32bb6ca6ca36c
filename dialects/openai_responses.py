"""OpenAI's Responses, over HTTP and over WebSocket."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from dialects.openai_chat import is_error, shape_error
from dialects.outline import Message, Outline, Speaker
from dialects.parts import client_texts, names, parts_of, properties, session_key, whole_number
from dialects.slices import Members, Slice
from dialects.typed import typed
from dialects.workspace import CODEX_METADATA

__all__ = [
    "CALLS",
    "HAS_BREAKPOINTS",
    "NAME",
    "TEXT_PART",
    "is_error",
    "read",
    "shape_error",
    "shape_error_event",
]

NAME: Final = "openai-responses"
TEXT_PART: Final = (b'{"type":"input_text","text":"', b'"},')
HAS_BREAKPOINTS: Final = False

_PATH: Final = re.compile(r"(?:/[\w.-]+)*/responses")

CALLS: Final[tuple[tuple[str, re.Pattern[str], Literal["generate"]], ...]] = (
    ("POST", _PATH, "generate"),
    ("GET", _PATH, "generate"),  # the upgrade to WebSocket
)

# A frame is made of the same fields and its type.
_FRAME: Final = "response.create"
_TEXTS: Final = frozenset({"input_text"})

_CODEX_ENVIRONMENT: Final = "<environment_context>"
_CODEX_FILE: Final = "# AGENTS.md instructions"
_CODEX_PARTS: Final = "internal_chat_message_metadata_passthrough"
_CODEX_KIND: Final = "environments.environment_context"


def shape_error_event(error: Mapping[str, Any], number: int) -> tuple[str, Mapping[str, Any]]:
    """The name and the data of an error in the middle of a stream.

    OpenAI's documentation has the fields side by side; its SDK raises what has an object `error`.
    """
    inner = error["error"]
    told = {name: inner.get(name) for name in ("code", "message", "param")}
    return "error", {"type": "error", **told, "sequence_number": number, "error": inner}


def read(body: Slice) -> Outline:
    """The outline of a body, or of a frame."""
    top = Members(body)
    if top.text("type") == _FRAME:
        top = top.object_at("response") or top
    metadata = _strings(top.object_at("client_metadata"))
    instructions = tuple(filter(None, [top.text("instructions")]))
    items = top.objects("input")
    triggers_compaction = bool(items) and items[-1].text("type") == "compaction_trigger"
    if triggers_compaction:
        items.pop()
    messages = [_message(item) for item in items]
    said = top["input"]
    if said is not None and said.is_text:
        messages = [Message(Speaker.PERSON, *parts_of(said, _TEXTS))]
    environment = [*instructions, *client_texts(messages)]
    if CODEX_METADATA in metadata:
        environment += _codex_environment(bool(instructions), items, messages)
    answer = top.object_at("text")
    form = answer.object_at("format") if answer else None
    return Outline(
        model=top.text("model"),
        wants_stream=top.is_true("stream"),
        session=metadata.get("session_id") or session_key(top.text("prompt_cache_key")),
        continues=top.text("previous_response_id"),
        kept_as=_kept_as(top),
        instructions=instructions,
        environment=tuple(environment),
        messages=tuple(messages),
        tools=(*names(top.objects("tools")), *_tools_added(items)),
        schema=properties(form.object_at("schema") if form else None),
        most_tokens=whole_number(top["max_output_tokens"]),
        is_warm_up=top.is_false("generate"),
        triggers_compaction=triggers_compaction,
        metadata=MappingProxyType(metadata),
    )


def _kept_as(top: Members) -> str | None:
    kept = top.object_at("conversation")
    name = kept.text("id") if kept else top.text("conversation")
    return f"conversation {name}" if name else None


def _message(item: Members) -> Message:
    kind, role = item.text("type") or "message", item.text("role")
    if kind == "additional_tools" or (kind == "message" and role in ("system", "developer")):
        return Message(Speaker.CLIENT, *parts_of(item["content"], _TEXTS))
    if kind == "message" and role == "user":
        parts, is_string = parts_of(item["content"], _TEXTS)
        return Message(Speaker.PERSON, parts, is_string, item[_CODEX_PARTS] is not None)
    if kind.endswith("_output") or kind == "mcp_approval_response":
        return Message(Speaker.TOOL)
    return Message(Speaker.MODEL)


def _codex_environment(
    has_begun: bool, items: Iterable[Members], messages: Iterable[Message]
) -> tuple[str, ...]:
    """Codex's own environment, which it sends in the person's name at the beginning.

    It stands behind what the client says and before anything that the person typed. A text of the
    same form that comes later, or in a frame which only goes on, is the person's.
    """
    for item, message in zip(items, messages, strict=False):
        if message.speaker is Speaker.CLIENT:
            has_begun = True
        if message.speaker is not Speaker.PERSON:
            continue
        for number, part in enumerate(message.parts):
            text = part.text or ""
            if text.startswith(_CODEX_ENVIRONMENT):
                is_codexs = has_begun and _kind(item, number) in ("", _CODEX_KIND)
                return (text,) if is_codexs else ()
            # What a file says may look like words behind it.
            if typed(text) and not text.startswith(_CODEX_FILE):
                return ()
    return ()


def _kind(item: Members, number: int) -> str:
    """What Codex says that a part is; empty where it does not say."""
    about = item.object_at(_CODEX_PARTS)
    kinds = about.items("content_item_kinds") if about else []
    return kinds[number].text() if number < len(kinds) and kinds[number].is_text else ""


def _tools_added(items: Iterable[Members]) -> Iterator[str]:
    for item in items:
        if item.text("type") == "additional_tools":
            yield from names(item.objects("tools"))


def _strings(found: Members | None) -> dict[str, str]:
    if found is None:
        return {}
    return {name: value.text() for name, value in found.named.items() if value.is_text}
