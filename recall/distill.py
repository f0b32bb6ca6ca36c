"""Where an LLM could make better memories of an exchange. By default none does."""

from collections.abc import Sequence
from typing import Protocol

from recall.records import Draft, Exchange


class Distiller(Protocol):
    """Makes the drafts of an exchange better than the words alone allow."""

    def distill(self, exchange: Exchange, drafts: Sequence[Draft]) -> Sequence[Draft]:
        """The drafts to store in place of these; it may take long, and may fail.

        The exchange is redacted already. What comes back is redacted again.
        """


class NoDistiller:
    """Leaves the drafts as they are, and spends nobody's tokens."""

    def distill(self, exchange: Exchange, drafts: Sequence[Draft]) -> Sequence[Draft]:
        """The same drafts."""
        return drafts
