"""Errors of ours, and LiteLLM's, told in the dialect that the client speaks."""

import json
from dataclasses import dataclass
from typing import Any

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
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and FORMATS[dialect].is_error(parsed):
        return None
    message, code = _told(parsed) or (f"The backend answered {status} without saying why.", None)
    return shape_error(dialect, Problem(status, code or "backend_error", message))


def _told(parsed: object) -> tuple[str, str | None] | None:
    """Message and code out of any of the shapes that servers use: error, detail or message."""
    if not isinstance(parsed, dict):
        return None
    error = parsed.get("error", parsed.get("detail", parsed))
    if isinstance(error, list):
        return _validation_errors(error)
    if isinstance(error, dict):
        code = error.get("code") or error.get("type")
        message = error.get("message", error.get("error"))
        return (message, str(code) if code else None) if isinstance(message, str) else None
    return (error, None) if isinstance(error, str) else None


def _validation_errors(errors: list[Any]) -> tuple[str, str | None] | None:
    """What a FastAPI server answers to a request that it cannot read."""
    told = [
        f"{'.'.join(map(str, e.get('loc', ())))}: {e['msg']}"
        for e in errors
        if isinstance(e, dict) and isinstance(e.get("msg"), str)
    ]
    return ("; ".join(told), "invalid_request") if told else None
