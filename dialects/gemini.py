"""Google's Gemini: `generateContent` and its relatives."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, takewhile
from typing import Any, Final, Literal

from dialects.outline import Message, Outline, Part, Speaker
from dialects.parts import names, properties, whole_number
from dialects.slices import Members, Slice

NAME: Final = "gemini"
TEXT_PART: Final = (b'{"text":"', b'"},')
HAS_BREAKPOINTS: Final = False

# The Google login wraps the same calls in `/v1internal:…`, without a model in the path.
_ROOT: Final = r"/v1\w*(?:(?:/[\w.-]+)*/models/(?P<model>[^/:]+))?"

CALLS: Final[
    tuple[tuple[str, re.Pattern[str], Literal["generate", "count_tokens", "embeddings"]], ...]
] = (
    ("POST", re.compile(_ROOT + ":(?:generateContent|streamGenerateContent)"), "generate"),
    ("POST", re.compile(_ROOT + ":countTokens"), "count_tokens"),
    ("POST", re.compile(_ROOT + ":(?:embedContent|batchEmbedContents)"), "embeddings"),
)

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    504: "DEADLINE_EXCEEDED",
}

_SESSION: Final = "<session_context>"
_FILES_BEGIN: Final = "--- Content from referenced files ---"
_FILES_END: Final = "--- End of content ---"
_FILES: Final = "<loaded_context>"

_RESULTS: Final = ("functionResponse", "function_response")
_SCHEMAS: Final = (
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
)


def shape_error(status: int, code: str, message: str) -> dict[str, Any]:
    name = _STATUSES.get(status, "FAILED_PRECONDITION" if status < 500 else "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "status": name}}


def shape_error_event(error: Mapping[str, Any], _number: int) -> tuple[str, Mapping[str, Any]]:
    """The name and the data of an error in the middle of a stream; here it has no name."""
    return "", error


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        isinstance(error, dict)
        and isinstance(error.get("status"), str)
        and isinstance(error.get("message"), str)
    )


def read(body: Slice) -> Outline:
    """The outline of a body; the Google login wraps it, and so does a count of its tokens."""
    top = Members(body)
    inner = top.object_at("request", "generateContentRequest", "generate_content_request") or top
    messages = tuple(_message(content) for content in _listed(inner, "contents"))
    system = _system(inner)
    settings = inner.object_at("generationConfig", "generation_config")
    return Outline(
        model=top.text("model"),
        session=inner.text("session_id"),
        instructions=system,
        environment=(*_session(messages), *(text.partition(_FILES)[0] for text in system)),
        messages=messages,
        tools=tuple(_tools(inner)),
        schema=properties(settings.object_at(*_SCHEMAS) if settings else None),
        most_tokens=_most_tokens(settings),
    )


def _session(messages: tuple[Message, ...]) -> tuple[str, ...]:
    """Gemini CLI's context of a session, which opens the conversation in the person's name.

    What was typed follows at once, in the same content or the next. A subagent has it in the
    system instruction, which then goes on with the text of the project's own files.
    """
    first = list(chain.from_iterable(m.parts for m in takewhile(_is_persons, messages)))
    opening = first[0].text if len(first) > 1 else None
    return (opening,) if opening and opening.startswith(_SESSION) else ()


def _is_persons(message: Message) -> bool:
    return message.speaker is Speaker.PERSON


def _message(content: Members) -> Message:
    role = content.text("role") or "user"
    if role == "function":
        return Message(Speaker.TOOL)
    if role != "user":
        return Message(Speaker.MODEL)
    parts = tuple(_without_files(map(_part, _listed(content, "parts"))))
    if any(part.is_result for part in parts) and not any(part.text for part in parts):
        return Message(Speaker.TOOL)
    # Google also takes one part that is not in a list, which another cannot be put beside.
    found = content["parts"]
    return Message(Speaker.PERSON, parts, is_string=found is not None and found.is_object)


def _without_files(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, less the text of the files that Gemini CLI puts behind what named them."""
    is_file = False
    for part in parts:
        text = (part.text or "").strip()
        is_file = is_file or text == _FILES_BEGIN
        yield Part(part.where, is_result=part.is_result) if is_file else part
        is_file = is_file and text != _FILES_END


def _part(part: Members) -> Part:
    text = part.text("text")
    if text is None or part.is_true("thought"):
        return Part(part.object, is_result=any(name in part.raws for name in _RESULTS))
    return Part(part.object, text, part["text"])


def _system(inner: Members) -> tuple[str, ...]:
    found = inner.text("systemInstruction", "system_instruction")
    if found is not None:
        return (found,)
    system = inner.object_at("systemInstruction", "system_instruction")
    parts = map(_part, _listed(system, "parts")) if system else ()
    return tuple(part.text for part in parts if part.text)


def _tools(inner: Members) -> Iterator[str]:
    for tool in _listed(inner, "tools"):
        yield from names(tool.objects("functionDeclarations", "function_declarations"))


def _listed(found: Members, name: str) -> list[Members]:
    """A list, or the one thing that stands in its place."""
    one = found.object_at(name)
    return [one] if one else found.objects(name)


def _most_tokens(settings: Members | None) -> int | None:
    if settings is None:
        return None
    return whole_number(settings["maxOutputTokens"] or settings["max_output_tokens"])
