"""Gemini's answers, where another server gave them in another form."""

import json
import re
from typing import Any, Final

_EVENT_END: Final = re.compile(rb"\r?\n\r?\n")


class ArrayOfEvents:
    """A stream of server-sent events as the JSON array that Google sends to who did not ask for
    events. Feed it chunks; an empty one ends the stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._before = b"["

    def __call__(self, chunk: bytes) -> bytes:
        if not chunk:
            return self._elements(self._rest) + (b"[]" if self._before == b"[" else b"]")
        *events, self._rest = _EVENT_END.split(self._rest + chunk)
        return b"".join(map(self._elements, events))

    def _elements(self, event: bytes) -> bytes:
        lines = (line.strip() for line in event.splitlines())
        data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
        if not data or data == b"[DONE]":
            return b""
        before, self._before = self._before, b"\n,\r\n"
        return before + data


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
