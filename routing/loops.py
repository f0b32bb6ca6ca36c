"""Conversations that come round again: a LiteLLM elsewhere may send its calls through us."""

from collections import Counter, defaultdict
from typing import Final

ROUNDS: Final = 3
"""So often a sender may have sent what another is waiting for; two tools may ask the same."""
MOST_AT_ONCE: Final = 100
"""So often anybody may have; whoever measures something asks the same many times at once."""


class Rounds:
    """The calls that wait for LiteLLM, by what they ask and by who sends them."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, str]] = {}
        self._senders: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._looping: set[str] = set()

    def begin(self, call: str, asked: str, sender: str) -> bool:
        """Whether it may go to LiteLLM; a conversation that went round may not, until it rests."""
        senders = self._senders[asked]
        has_another = senders.total() > senders[sender]
        if (has_another and senders[sender] >= ROUNDS) or senders.total() >= MOST_AT_ONCE:
            # Else each round that fails would be tried again, as often as LiteLLM tries.
            self._looping.add(asked)
        if asked in self._looping:
            return False
        self._waiting[call] = asked, sender
        senders[sender] += 1
        return True

    def end(self, call: str) -> None:
        """It has been answered, or nobody waits for it any more."""
        if waited := self._waiting.pop(call, None):
            asked, sender = waited
            self._senders[asked][sender] -= 1
            if not self._senders[asked].total():
                del self._senders[asked]
                self._looping.discard(asked)
