"""Gemini's answers, where another server gave them in another form."""

import json
from collections.abc import Iterable
from typing import Any

from dialects import gemini
from dialects.error_events import ErrorEvents
from dialects.errors import Clean
from dialects.events import ServerSentEvents


class Array:
    """Server-sent events as the JSON array that Google sends to who did not ask for events.

    Feed it chunks; an empty one ends the stream.
    """

    def __init__(self, clean: Clean) -> None:
        self._events = ErrorEvents(gemini.NAME, clean)
        self._framing = ServerSentEvents()
        self._before = b"["

    def __call__(self, chunk: bytes) -> bytes:
        if chunk:
            return self._told(self._framing.feed(self._events.feed(chunk)))
        last = self._told(self._framing.feed(self._events.end()))
        return last + self._told(self._framing.end()) + self._end()

    def _told(self, events: Iterable[bytes]) -> bytes:
        told = b""
        for data in events:
            if data and data != b"[DONE]":
                told += self._before + data
                self._before = b"\n,\r\n"
        return told

    def _end(self) -> bytes:
        return b"[]" if self._before == b"[" else b"]"


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
