"""What every store of memories can do; recall.sqlite_store is the embedded one.

The conformance suite in tests/recall/conformance.py says the rest: any store that passes it can
stand in the embedded one's place.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from recall.lines import Line
from recall.records import Added, Draft, Exchange, Findings, Kind, Memory, Scope


class Store(Protocol):
    """The memories of one scope."""

    scope: Scope

    def add(self, drafts: Sequence[Draft], exchange: Exchange | None = None) -> list[Added]:
        """Store drafts, and the exchange they come from, in one go; once back, it is durable.

        A draft whose text is known counts as said again; one that was forgotten is left out.
        A rule replaces the live rule with the same key.
        """

    def add_many(
        self, lessons: Sequence[tuple[Sequence[Draft], Exchange | None]]
    ) -> Sequence[Sequence[Added]]:
        """As `add` for each, all of them or none."""

    def count_redactions(self, found: Mapping[str, int]) -> None:
        """Remember how many secrets of which kind never came to be stored."""

    def search(
        self,
        question: str,
        *,
        limit: int = 50,
        seconds: float = 1.0,
        relevant_only: bool = False,
    ) -> Findings:
        """The memories that fit best, best first, with what could be done in the time.

        They come without their evidence, which `get` brings.
        """

    def get(self, memory_id: str) -> Memory | None:
        """The memory with this id, or the only one whose id begins so."""

    def list(
        self,
        *,
        kind: Kind | None = None,
        session: str | None = None,
        newest_first: bool = True,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[Memory]:
        """A page of the memories, by the time they were learned."""

    def edit(self, memory_id: str, draft: Draft) -> Memory | None:
        """Replace text and kind and keep the id; None where there is no such memory."""

    def forget(self, memory_ids: Iterable[str]) -> int:
        """Delete memories with their evidence for good; the same words are not learned again."""

    def used(self, memory_ids: Iterable[str]) -> None:
        """Count that these were brought back."""

    def count(self) -> int:
        """How many memories there are."""

    def export(self) -> Iterator[Line]:
        """Everything, as JSON values: import_lines of an empty store makes the same one."""

    def import_lines(self, lines: Iterable[Line]) -> int:
        """Take over what `export` gave, in one go; how many memories were new."""

    def close(self) -> None:
        """Let go of files and threads."""


class Opens(Protocol):
    """How the engine comes by the store of a scope."""

    def open(self, scope: Scope) -> AbstractContextManager[Store]: ...
