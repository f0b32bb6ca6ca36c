"""Google's Gemini: `generateContent` and its relatives."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from dialects.text import texts_of

NAME: Final = "gemini"

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
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}

_SESSION: Final = "<session_context>"
_FILES: Final = "<loaded_context>"


def shape_error(status: int, code: str, message: str) -> dict[str, Any]:
    name = _STATUSES.get(status, "FAILED_PRECONDITION" if status < 500 else "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "status": name}}


def is_error(body: Mapping[str, Any]) -> bool:
    error = body.get("error")
    return (
        isinstance(error, dict)
        and isinstance(error.get("status"), str)
        and isinstance(error.get("message"), str)
    )


def environment_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Text that the client, not the person or a tool, has put in.

    Gemini CLI opens the conversation with its session context. A subagent has it in the system
    instruction, which then goes on with the text of the project's own files.
    """
    inner = body.get("request")
    request = inner if isinstance(inner, dict) else body
    contents = request.get("contents")
    if isinstance(contents, list) and contents and isinstance(contents[0], dict):
        yield from (t for t in texts_of(contents[0].get("parts")) if t.startswith(_SESSION))
    system = request.get("systemInstruction") or request.get("system_instruction")
    if isinstance(system, dict):
        yield from (text.partition(_FILES)[0] for text in texts_of(system.get("parts")))
