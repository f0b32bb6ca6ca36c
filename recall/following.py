"""How the index in memory keeps up with its file, whoever writes into it."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from recall import rows, words
from recall.errors import MemoryUnavailable, StoreDamaged
from recall.index import Index, Indexed
from recall.process import give_memory_back
from recall.sqlite_file import connect, readable, snapshot, translated
from recall.standing import Stated
from recall.store_file import StoreFile

MOST_FOLLOWED: Final = 5_000  # changes; after more, reading everything anew is quicker
ROWS_AT_ONCE: Final = 2_000
SECONDS_TO_CLOSE: Final = 5.0
# What an index wants to know of a memory, in the order of recall.index.Indexed.
_INDEXED: Final = (
    "m.row, m.session, m.role, m.speaker, m.position, m.created, newer.row,"
    " substr(m.text, -500), terms.version, terms.terms, vectors.vector"
)
_JOINED: Final = (
    f"SELECT {_INDEXED} FROM memories AS m LEFT JOIN memories AS newer ON newer.id = m.successor"  # noqa: S608
    " LEFT JOIN terms ON terms.memory = m.row"
    " LEFT JOIN vectors ON vectors.memory = m.row AND model = ?"
)
_RULES: Final = "SELECT memory, subjects, strength, force FROM rules"

type Made = list[tuple[int, bytes]]
"""Rows, and the terms that were found anew for each."""
type Model = Callable[[sqlite3.Connection], int | None]
"""The number of the model whose vectors count."""


class Following:
    """The index of one file: read in the background, then kept up by the file's journal."""

    def __init__(
        self, file: StoreFile, model: Model, when_changed: Callable[[Sequence[int]], None]
    ) -> None:
        self._file = file
        self._model = model
        self._when_changed = when_changed  # called with the rows, by who reads
        self._loading: _Loading | None = None  # and what has been loaded

    def forget(self) -> None:
        """What was read counts no longer."""
        self._loading = None

    def close(self) -> None:
        """Wait a little for who is reading."""
        if loading := self._loading:
            loading.kept.wait(SECONDS_TO_CLOSE)

    def index(self, seconds: float) -> Index | None:
        """The index in memory, as of now; None if reading it takes longer than that."""
        end = time.monotonic() + seconds
        while True:
            loading = self.start_loading()
            if not loading.done.wait(max(0.0, end - time.monotonic())):
                return None
            with self._file.read() as db:
                if loading is not self._loading:
                    continue  # the file was replaced meanwhile
                if loading.index is None:
                    self._loading = None  # the next one who asks may have more luck
                    raise MemoryUnavailable(loading.failure)
                [version] = db.execute("PRAGMA data_version").fetchone()
                if version == loading.version:
                    return loading.index
                if self._follow(db, loading.index):
                    loading.version = version
                    return loading.index
                self._loading = None  # too much has changed: it is read anew

    def tidy(self) -> None:
        """Put the index in memory into good shape, while searches go on."""
        if (loading := self._loading) and loading.index:
            loading.index.tidy()

    def start_loading(self) -> "_Loading":
        """Read the index in the background, unless that is done or under way."""
        self._file.look()
        with self._file.reading:
            if self._loading is None:
                loading = _Loading()
                threading.Thread(
                    target=self._load, args=(loading,), name="memory-index", daemon=True
                ).start()
                self._loading = loading
            return self._loading

    def _load(self, loading: "_Loading") -> None:
        identity = self._file.identity
        try:
            with readable(self._file.path), translated(self._file.path):
                index, stale = self._read_index()
            index.settle()
            loading.index = index
        except StoreDamaged as damage:
            loading.failure = str(damage)
            self._file.give_up(damage, identity)
        except MemoryUnavailable as error:
            loading.failure = str(error)
        except Exception as error:
            loading.failure = f"{self._file.path} cannot be read: {type(error).__name__}"
        finally:
            loading.done.set()
        try:
            if loading.index is not None and stale:
                self._keep_terms(stale)
        finally:
            loading.kept.set()
        give_memory_back()  # which takes a while itself

    def _read_index(self) -> tuple[Index, Made]:
        """All that is stored as an index, and the terms that had to be made anew for it."""
        try:
            return self._read_index_from(connect(self._file.path, strict=True))
        except sqlite3.OperationalError:
            return self._read_index_from(connect(self._file.path))

    def _read_index_from(self, connection: sqlite3.Connection) -> tuple[Index, Made]:
        index = Index()
        stale: Made = []
        with contextlib.closing(connection) as db, snapshot(db):
            index.seq, model = _last_change(db), self._model(db)
            cursor = db.execute(f"{_JOINED} ORDER BY m.row", (model,))
            while part := cursor.fetchmany(ROWS_AT_ONCE):
                index.append(_with_terms(part, stale, db))
            index.put_rules(db.execute(_RULES).fetchall())
        return index, stale

    def _keep_terms(self, made: Sequence[tuple[int, bytes]]) -> None:
        with contextlib.suppress(MemoryUnavailable), self._file.write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO terms SELECT row, ?2, ?3 FROM memories WHERE row = ?1",
                [(row, words.VERSION, terms) for row, terms in made],
            )

    def _follow(self, db: sqlite3.Connection, index: Index) -> bool:
        """Take over what has changed in the file since the last look; False: too much has."""
        stale: Made = []
        with snapshot(db):
            seq, model = _last_change(db), self._model(db)
            first = db.execute("SELECT min(seq) FROM journal").fetchone()[0]
            if seq < index.seq or (first is not None and first > index.seq + 1):
                return False
            changed = [
                row
                for [row] in db.execute(
                    "SELECT DISTINCT memory FROM journal WHERE seq > ? ORDER BY memory",
                    (index.seq,),
                )
            ]
            if len(changed) > MOST_FOLLOWED:
                return False
            rules: list[Stated] = []
            for first in range(0, len(changed), 500):
                part = changed[first : first + 500]
                marks = ",".join("?" * len(part))
                found = db.execute(
                    f"{_JOINED} WHERE m.row IN ({marks}) ORDER BY m.row", (model, *part)
                ).fetchall()
                index.take_over(part, _with_terms(found, stale, db))
                self._when_changed(part)
                rules += db.execute(f"{_RULES} WHERE memory IN ({marks})", part).fetchall()
            index.put_rules(rules)
            index.seq = seq
        return True


class _Loading:
    """An index that is being read, or has been."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.kept = threading.Event()  # what had to be made anew for it
        self.index: Index | None = None
        self.failure = ""
        self.version = -1  # of the data that is in the index


def _with_terms(part: Sequence[Indexed], stale: Made, db: sqlite3.Connection) -> Sequence[Indexed]:
    """The same, with the terms made anew where they are missing or of other rules."""
    return [
        indexed if indexed[8] == words.VERSION else _made_anew(indexed, stale, db)
        for indexed in part
    ]


def _made_anew(indexed: Indexed, stale: Made, db: sqlite3.Connection) -> Indexed:
    row = indexed[0]
    [speaker, created, text] = db.execute(
        "SELECT speaker, created, text FROM memories WHERE row = ?", (row,)
    ).fetchone()
    terms = rows.terms_of(speaker, created, text)
    stale.append((row, terms))
    return (*indexed[:8], words.VERSION, terms, indexed[10])


def _last_change(db: sqlite3.Connection) -> int:
    [last] = db.execute("SELECT max(seq) FROM journal").fetchone()
    return int(last or 0)
