"""Calls that come round again: a LiteLLM elsewhere may send what it is asked through us."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ROUNDS: Final = 8
"""So often a sender may have sent what another is waiting for; two tools may ask the same."""
MOST_AT_ONCE: Final = 100
"""So often anybody may have; whoever measures something asks the same many times at once."""


@dataclass(slots=True)
class _Alone:
    """The only call that waits."""

    call: str
    ask: Callable[[], str]
    sender: str
    is_answered: bool = False


class Rounds:
    """The calls that wait for LiteLLM, by what they ask and by who sends them.

    Of a call that goes round none is answered before it breaks, so what has been answered once is
    no loop for as long as somebody waits for it.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, str]] = {}
        self._senders: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._looping: set[str] = set()
        self._answered: set[str] = set()
        self._alone: _Alone | None = None

    def begin(self, call: str, ask: Callable[[], str], sender: str) -> bool:
        """Whether it may go to LiteLLM; what went round may not, until nobody waits for it.

        `ask` tells what the call asks, as long as it waits: nobody needs to know of one alone.
        """
        if not self._waiting and self._alone is None:
            self._alone = _Alone(call, ask, sender)
            return True
        if alone := self._alone:
            self._alone = None
            self._begin(alone.call, alone.ask(), alone.sender)
            if alone.is_answered:
                self.answered(alone.call)
        return self._begin(call, ask(), sender)

    def _begin(self, call: str, asked: str, sender: str) -> bool:
        senders = self._senders[asked]
        has_another = senders.total() > senders[sender]
        is_often = (has_another and senders[sender] >= ROUNDS) or senders.total() >= MOST_AT_ONCE
        if is_often and asked not in self._answered:
            # Else each round that fails would be tried again, as often as LiteLLM tries.
            self._looping.add(asked)
        if asked in self._looping:
            return False
        self._waiting[call] = asked, sender
        senders[sender] += 1
        return True

    def answered(self, call: str) -> None:
        """LiteLLM has begun to answer it."""
        if self._alone and self._alone.call == call:
            self._alone.is_answered = True
        if waited := self._waiting.get(call):
            self._answered.add(waited[0])
            self._looping.discard(waited[0])

    def end(self, call: str) -> None:
        """Nobody waits for it any more."""
        if self._alone and self._alone.call == call:
            self._alone = None
        if waited := self._waiting.pop(call, None):
            asked, sender = waited
            self._senders[asked][sender] -= 1
            if not self._senders[asked].total():
                del self._senders[asked]
                self._looping.discard(asked)
                self._answered.discard(asked)
