"""OpenAI's Responses, over HTTP and over WebSocket."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from dialects.openai_chat import is_error, shape_error
from dialects.text import system_texts, texts_of
from dialects.workspace import CODEX_METADATA

__all__ = ["CALLS", "NAME", "environment_texts", "is_error", "shape_error"]

NAME: Final = "openai-responses"

_PATH: Final = re.compile(r"(?:/[\w.-]+)*/responses")

CALLS: Final[tuple[tuple[str, re.Pattern[str], Literal["generate"]], ...]] = (
    ("POST", _PATH, "generate"),
    ("GET", _PATH, "generate"),  # the upgrade to WebSocket
)

_CODEX_ENVIRONMENT: Final = "<environment_context>"


def environment_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Text that the client, not the person or a tool, has put in.

    Codex sends its environment in the user's name, as a part that starts with its own tag. The
    first such part is Codex's: a person's words only come after it. Any other client's are a
    person's.
    """
    metadata = body.get("client_metadata")
    is_codex = isinstance(metadata, dict) and CODEX_METADATA in metadata
    instructions = body.get("instructions")
    if isinstance(instructions, str):
        yield instructions
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        yield from system_texts(item)
        if is_codex and isinstance(item, dict) and item.get("role") == "user":
            yield from (
                text
                for text in texts_of(item.get("content"))
                if text.startswith(_CODEX_ENVIRONMENT)
            )
