"""Calls that come round again: a LiteLLM elsewhere may send what it is asked through us."""

from collections import Counter, defaultdict
from typing import Final

ROUNDS: Final = 8
"""So often a sender may have sent what another is waiting for; two tools may ask the same."""
MOST_AT_ONCE: Final = 100
"""So often anybody may have; whoever measures something asks the same many times at once."""


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

    def begin(self, call: str, asked: str, sender: str) -> bool:
        """Whether it may go to LiteLLM; what went round may not, until nobody waits for it."""
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
        if waited := self._waiting.get(call):
            self._answered.add(waited[0])
            self._looping.discard(waited[0])

    def end(self, call: str) -> None:
        """Nobody waits for it any more."""
        if waited := self._waiting.pop(call, None):
            asked, sender = waited
            self._senders[asked][sender] -= 1
            if not self._senders[asked].total():
                del self._senders[asked]
                self._looping.discard(asked)
                self._answered.discard(asked)
