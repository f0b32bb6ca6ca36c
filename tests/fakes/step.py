"""What a test wants the provider to do, and the queue that hands it out."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.fakes.ledger import Seen  # which imports us

type BreakHow = Literal["reset", "close"]
type Coding = Literal["gzip", "br", "zstd"]
type Header = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One behaviour. Everything left out stays as the provider does it by default."""

    match: str = ""
    """Only for requests whose path contains this."""
    when: "Callable[[Seen], bool]" = lambda _: True
    """Only for requests of which this is true; of a WebSocket it sees the upgrade."""

    status: int | None = None
    headers: tuple[Header, ...] = ()
    """Replace default headers of the same name; may repeat a name."""
    set_cookies: tuple[str, ...] = ()
    body: bytes | None = None
    html: str | None = None

    text: str | None = None
    """What the model says."""
    thought: str | None = None
    """What it has thought before; signed (Anthropic) or encrypted (Responses)."""
    tool_call: tuple[str, Mapping[str, Any]] | None = None
    """The tool the model calls, and its arguments."""
    custom_call: tuple[str, str] | None = None
    """Responses only: the custom tool the model calls, and the text it is given."""
    chunks: int | None = None
    """Text deltas of a stream, or pieces of a plain body."""

    delay: float = 0.0
    """Seconds before the headers."""
    hold: threading.Event | None = None
    """No headers before this is set."""
    chunk_delay: float = 0.0
    compress: Coding | None = None
    no_length: bool = False
    """HTTP/1.1: only the end of the connection ends the body. HTTP/2: no content-length."""

    break_after: int | None = None
    """Break off after so many chunks, without an end of the body."""
    break_how: BreakHow = "reset"
    garbage: bytes | None = None
    """Bytes in place of an HTTP answer."""
    stall: bool = False
    """Take the request and never answer it."""

    demand_cookie: tuple[str, str] | None = None
    """Answer like a Cloudflare challenge unless the request carries this cookie."""

    websocket: Literal["accept"] | int | None = None
    """What becomes of an upgrade. Such a step is for upgrades only, any other never is."""


DEFAULT = Step()


class Script:
    """Steps that are used once each, and then steps that stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._once: list[Step] = []
        self._standing: tuple[Step, ...] = ()

    def add(self, steps: tuple[Step, ...]) -> None:
        with self._lock:
            self._once.extend(steps)

    def stand(self, steps: tuple[Step, ...]) -> None:
        with self._lock:
            self._standing = steps

    def clear(self) -> None:
        with self._lock:
            self._once.clear()
            self._standing = ()

    def take(self, seen: "Seen", *, is_upgrade: bool) -> Step:
        """The step for this request; a queued one is used up."""

        def suits(step: Step) -> bool:
            is_meant = step.match in seen.path and step.when(seen)
            return is_meant and (step.websocket is not None) == is_upgrade

        with self._lock:
            for position, step in enumerate(self._once):
                if suits(step):
                    return self._once.pop(position)
            return next(filter(suits, self._standing), DEFAULT)
