"""What deciding needs to know of a body, in one reading."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dialects.formats import FORMATS
from dialects.workspace import declared_in_body


@dataclass(frozen=True, slots=True)
class Seen:
    model: str | None = None
    directories: tuple[str, ...] = ()


def look(dialect: str, body: bytes) -> Seen:
    """A body that is no JSON object tells nothing; it is forwarded all the same."""
    parsed = _object(body)
    if parsed is None:
        return Seen()
    model = parsed.get("model")
    environment = FORMATS[dialect].environment_texts(parsed)
    return Seen(
        model if isinstance(model, str) else None,
        declared_in_body(parsed, environment),
    )


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(body, parse_int=float)  # no limit on digits
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
