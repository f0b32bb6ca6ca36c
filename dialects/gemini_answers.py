"""Gemini's answers, where another server gave them in another form."""

import json
import re
from typing import Any, Final

from dialects import gemini
from dialects.errors import reshape_error

_EVENT_END: Final = re.compile(rb"(\r?\n\r?\n)")


class Stream:
    """LiteLLM's server-sent events as Google would have sent them.

    Its errors are in OpenAI's shape; and a client that did not ask for events reads a JSON array.
    Feed it chunks; an empty one ends the stream.
    """

    def __init__(self, *, as_array: bool) -> None:
        self.as_array = as_array
        self._rest = b""
        self._before = b"["

    def __call__(self, chunk: bytes) -> bytes:
        if not chunk:
            return self._told(self._rest) + self._end()
        *parts, self._rest = _EVENT_END.split(self._rest + chunk)
        # Every other part is the end that the pattern found.
        events = zip(parts[::2], parts[1::2], strict=True)
        return b"".join(self._told(event, end) for event, end in events)

    def _told(self, event: bytes, end: bytes = b"") -> bytes:
        lines = (line.strip() for line in event.splitlines())
        data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
        error = _error(data)
        if not self.as_array:
            return b"data: " + error + end if error else event + end
        if not data or data == b"[DONE]":
            return b""
        before, self._before = self._before, b"\n,\r\n"
        return before + (error or data)

    def _end(self) -> bytes:
        if not self.as_array:
            return b""
        return b"[]" if self._before == b"[" else b"]"


def _error(data: bytes) -> bytes | None:
    """An error that is not in Gemini's shape yet, in Gemini's shape."""
    if not data.startswith(b"{") or b'"error"' not in data[:32]:
        return None
    try:
        parsed = json.loads(data)
        code = int(parsed["error"]["code"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        code = 500
    return reshape_error(gemini.NAME, code, data)


def models_from_openai(listed: object) -> dict[str, Any] | None:
    """OpenAI's list of models, or one of them, as Gemini lists its own; None if it is neither."""
    if not isinstance(listed, dict):
        return None
    if isinstance(models := listed.get("data"), list):
        named = (_model(model) for model in models if isinstance(model, dict))
        return {"models": [model for model in named if model]}
    return _model(listed)


def _model(model: dict[str, Any]) -> dict[str, Any] | None:
    name = model.get("id")
    if not isinstance(name, str):
        return None
    return {
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def models_body(body: bytes) -> bytes | None:
    try:
        models = models_from_openai(json.loads(body))
    except (ValueError, RecursionError):
        return None
    return json.dumps(models).encode() if models is not None else None
