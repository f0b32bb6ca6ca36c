"""Bodies of answers, as the pieces in which they are written."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    type: str
    chunks: tuple[bytes, ...] = ()
    is_stream: bool = False


def json_content(value: Any) -> Content:
    return Content("application/json", (dump(value),))


def event_stream(events: Iterable[bytes]) -> Content:
    return Content("text/event-stream; charset=utf-8", tuple(events), is_stream=True)


def data_event(value: Any, end: bytes = b"\n\n") -> bytes:
    return b"data: " + dump(value) + end


def named_event(value: Json) -> bytes:
    """An event that carries its type also as the name of the event."""
    return b"event: " + str(value["type"]).encode() + b"\n" + data_event(value)


def json_array_stream(values: Iterable[Any]) -> Content:
    """A JSON array, one element at a time."""
    pieces: list[bytes] = []
    for value in values:
        pieces.append((b",\r\n" if pieces else b"[") + dump(value))
    pieces[-1] += b"]"
    return Content("application/json; charset=UTF-8", tuple(pieces), is_stream=True)


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
