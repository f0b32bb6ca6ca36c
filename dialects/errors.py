"""Errors of ours, and LiteLLM's, told in the dialect that the client speaks."""

import json
from dataclasses import dataclass
from typing import Final

from dialects.formats import FORMATS


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request gets no answer from a provider, in words for the person who reads it."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


def shape_error(dialect: str, problem: Problem) -> bytes:
    shaped = FORMATS[dialect].shape_error(problem.status, problem.code, problem.message)
    return json.dumps(shaped).encode()


def reshape_error(dialect: str, status: int, body: bytes) -> bytes | None:
    """A backend's error body in the client's dialect; None if it already is."""
    try:
        parsed = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and FORMATS[dialect].is_error(parsed):
        return None
    told = _told(parsed, "")
    message = told.message or f"The backend answered {status} without saying why."
    return shape_error(dialect, Problem(status, told.code or "backend_error", message))


@dataclass(frozen=True, slots=True)
class _Told:
    message: str
    code: str


def _told(value: object, code: str, depth: int = 0) -> _Told:
    """Message and code out of any of the shapes that servers use, which nest at will."""
    if isinstance(value, str):
        return _Told(value, code)
    if isinstance(value, dict) and depth < _DEEPEST:
        code = str(value.get("code") or value.get("type") or code)
        place = value.get("loc")  # a web framework's complaint about a part of the request
        where = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
        for key in ("error", "detail", "message", "msg"):
            told = _told(value.get(key), code, depth + 1)
            if told.message:
                return _Told(where + told.message, told.code)
    if isinstance(value, list) and depth < _DEEPEST:
        parts = [told for item in value if (told := _told(item, code, depth + 1)).message]
        return _Told("; ".join(part.message for part in parts), parts[0].code if parts else code)
    return _Told("", code)


_DEEPEST: Final = 8


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
