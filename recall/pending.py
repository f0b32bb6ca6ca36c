"""The vectors that are still to be made."""

import contextlib
import logging
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Final

from recall.embedding import Embedder, EmbeddingFailed
from recall.store_file import StoreFile
from recall.vectors import quantised

logger = logging.getLogger("memory_proxy")

EMBEDDED_AT_ONCE: Final = 8
_WITHOUT_VECTOR: Final = (
    "memories WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE memory = row AND model IS ?)"
)

type Made = list[tuple[int, bytes]]
"""Rows, and the vector of each."""
type Progress = Callable[[int, int], None]


class Pending:
    """What of one file waits for a vector of the present model."""

    def __init__(self, file: StoreFile, embedder: Embedder | None) -> None:
        self._file = file
        self._embedder = embedder
        # From the first to the last of these rows, none lacks a vector that can be made now.
        self._done: tuple[int, int] | None = None

    def forget(self) -> None:
        """Nobody knows any longer which are done."""
        self._done = None

    def make(self, progress: Progress | None = None, limit: int | None = None) -> int:
        """Make the vectors that are missing; how many were made.

        Raises EmbeddingFailed where the model cannot be used; what was made until then is kept.
        """
        if self._embedder is None:
            return 0
        total = self.count() if progress else 0
        done = 0
        while limit is None or done < limit:
            most = min(16 * EMBEDDED_AT_ONCE, (limit or sys.maxsize) - done)
            with self._file.read() as db:
                waiting = self._waiting(db, most)
            if not waiting:
                # Nobody has to look through the older ones again.
                self._done = self._done and (0, self._done[1])
                break
            made, failure = _vectors_of(self._embedder, waiting)
            if made:
                self._keep(made)
            if failure:
                raise failure
            if refused := len(waiting) - len(made):
                # They are tried again at the next start.
                logger.warning("memory without vectors: %s of %s refused", refused, len(waiting))
            reached = waiting[-1][0]
            first, last = self._done or (reached, reached)
            self._done = min(first, reached), max(last, reached)
            done += len(waiting)
            if progress:
                progress(done, max(total, done))
        return done

    def _waiting(self, db: sqlite3.Connection, most: int) -> Sequence[tuple[int, str]]:
        """So many texts without a vector: what was just said, then the rest, the newest first."""
        if self._done is None:
            [newest] = db.execute("SELECT coalesce(max(row), 0) FROM memories").fetchone()
            self._done = newest + 1, newest
        first, last = self._done
        query = f"SELECT row, text FROM {_WITHOUT_VECTOR} AND row"  # noqa: S608 - a constant
        model = self.model(db)
        return (
            db.execute(f"{query} > ? ORDER BY row LIMIT ?", (model, last, most)).fetchall()
            or db.execute(f"{query} < ? ORDER BY row DESC LIMIT ?", (model, first, most)).fetchall()
        )

    def count(self) -> int:
        with self._file.read() as db:
            [count] = db.execute(
                f"SELECT count(*) FROM {_WITHOUT_VECTOR}",  # noqa: S608 - a constant
                (self.model(db),),
            ).fetchone()
        return int(count)

    def _keep(self, made: Made) -> None:
        assert self._embedder is not None
        with self._file.write() as db:
            # Now, and not before: a remote model tells its dimension with its first vectors.
            db.execute(
                "INSERT OR IGNORE INTO models (name, dimension) VALUES (?, ?)",
                (self._embedder.name, self._embedder.dimension),
            )
            model = self.model(db)
            db.executemany(
                # The memory may be gone, or have another text, by now.
                "INSERT OR REPLACE INTO vectors SELECT row, ?2, ?3 FROM memories WHERE row = ?1",
                [(row, model, vector) for row, vector in made],
            )

    def model(self, db: sqlite3.Connection) -> int | None:
        """The number under which vectors of the present model are kept, if there are any."""
        name = self._embedder.name if self._embedder else ""
        found = db.execute("SELECT number FROM models WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else None


def _vectors_of(
    embedder: Embedder, texts: Sequence[tuple[int, str]]
) -> tuple[Made, EmbeddingFailed | None]:
    """The vectors that can be made of some texts, and why no more can now.

    A text that the model refuses, for its length perhaps, is left out; where it refuses all of a
    batch, it is the model that fails.
    """
    made: Made = []
    # Texts of like length together: a remote model pads them to the longest.
    by_length = sorted(texts, key=lambda text: len(text[1]))
    for first in range(0, len(by_length), EMBEDDED_AT_ONCE):
        part = by_length[first : first + EMBEDDED_AT_ONCE]
        try:
            made += _vectors(embedder, part)
        except EmbeddingFailed as failure:
            singly: Made = []
            for one in part:
                with contextlib.suppress(EmbeddingFailed):
                    singly += _vectors(embedder, [one])
            made += singly
            if not singly and (len(part) > 1 or not made):
                return made, failure
    return made, None


def _vectors(embedder: Embedder, texts: Sequence[tuple[int, str]]) -> Made:
    vectors = quantised(embedder.embed([text for _row, text in texts]))
    return [(row, v.tobytes()) for (row, _text), v in zip(texts, vectors, strict=True)]
