"""What the provider has witnessed, safe to read from any thread."""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from tests.fakes.codings import decode


@dataclass(frozen=True, slots=True)
class Line:
    """One client connection."""

    number: int
    sni: str | None
    alpn: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it was on the wire."""

    number: int
    method: str
    path: str
    """The raw target, with its query."""
    authority: str
    """`Host`, or `:authority` in HTTP/2."""
    headers: tuple[tuple[str, str], ...]
    """In their original order and case, without HTTP/2 pseudo-headers."""
    body: bytes
    http_version: Literal["1.1", "2"]
    line: Line
    at: float = field(default_factory=monotonic)

    @property
    def connection(self) -> int:
        return self.line.number

    @property
    def sni(self) -> str | None:
        return self.line.sni

    @property
    def alpn(self) -> str | None:
        return self.line.alpn

    def header(self, name: str) -> str | None:
        """The first value of this header."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def is_upgrade(self) -> bool:
        return (self.header("upgrade") or "").lower() == "websocket"

    @property
    def decoded(self) -> bytes:
        """The body without its content-encoding."""
        return decode(self.body, self.header("content-encoding"))

    @property
    def text(self) -> str:
        return self.decoded.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.decoded)


@dataclass(frozen=True, slots=True)
class Frame:
    """One text message that a WebSocket client sent."""

    number: int
    """Counted together with the requests."""
    text: str
    request: Seen
    """The upgrade that opened this WebSocket."""
    at: float = field(default_factory=monotonic)

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Hangup:
    """A client that left before its answer was complete."""

    request: Seen
    chunks: int
    """How many had been sent by then."""
    at: float = field(default_factory=monotonic)


class Ledger:
    """The requests, frames and hangups, in the order they happened."""

    def __init__(self, remember: int | None) -> None:
        self._changed = threading.Condition()
        self._requests: deque[Seen] = deque(maxlen=remember)
        self._frames: deque[Frame] = deque(maxlen=remember)
        self._hangups: deque[Hangup] = deque(maxlen=remember)
        self._counted = 0

    def next_number(self) -> int:
        with self._changed:
            self._counted += 1
            return self._counted

    def note(self, happening: Seen | Frame | Hangup) -> None:
        with self._changed:
            match happening:
                case Seen():
                    self._requests.append(happening)
                case Frame():
                    self._frames.append(happening)
                case Hangup():
                    self._hangups.append(happening)
            self._changed.notify_all()

    @property
    def requests(self) -> list[Seen]:
        with self._changed:
            return list(self._requests)

    @property
    def frames(self) -> list[Frame]:
        with self._changed:
            return list(self._frames)

    @property
    def hangups(self) -> list[Hangup]:
        with self._changed:
            return list(self._hangups)

    def clear(self) -> None:
        with self._changed:
            self._requests.clear()
            self._frames.clear()
            self._hangups.clear()
            self._counted = 0

    def wait_for[T](self, predicate: Callable[[], T], timeout: float) -> T:
        with self._changed:
            found = self._changed.wait_for(predicate, timeout)
        if not found:
            raise TimeoutError(f"not true within {timeout} s; requests: {self._described()}")
        return found

    def _described(self) -> str:
        return ", ".join(f"{seen.method} {seen.path}" for seen in self.requests) or "none"
