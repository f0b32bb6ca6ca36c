"""The embedded store: one SQLite file for a scope, and its index in memory.

The file is the only truth. Everything in `terms`, `vectors` and in memory is derived from it and
can be made again. Several processes may use the file at once: each follows the journal that the
file's triggers keep.
"""

import contextlib
import logging
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from recall import migrations, rows, words
from recall.embedding import Embedder, EmbeddingFailed, Questions
from recall.errors import MemoryUnavailable, StoreDamaged
from recall.graves import Graves
from recall.index import Asked, Index, Indexed, Vector
from recall.lines import (
    FORMAT,
    Line,
    count_of,
    exchange_line,
    exchange_of,
    mark_of,
    memory_line,
    memory_of,
)
from recall.process import give_memory_back
from recall.records import Added, Draft, Exchange, Findings, Hit, Kind, Memory, Scope
from recall.sentences import fingerprint, storable
from recall.sqlite_file import (
    backups,
    connect,
    discard,
    identity_of,
    prepare,
    readable,
    set_aside,
    snapshot,
    transaction,
    translated,
)
from recall.standing import Stated
from recall.vectors import quantised

logger = logging.getLogger("memory_proxy")

JOURNAL_KEPT: Final = 50_000
MOST_FOLLOWED: Final = 5_000  # changes; after more, reading everything anew is quicker
MEMORIES_KEPT: Final = 1_000  # of those found lately, in memory
SECONDS_TO_CLOSE: Final = 5.0
SECONDS_FOR_A_SEARCH: Final = 0.003
ROWS_AT_ONCE: Final = 2_000
EMBEDDED_AT_ONCE: Final = 8
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
_WITHOUT_VECTOR: Final = (
    "memories WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE memory = row AND model IS ?)"
)
# Exchanges; of some nobody knows when they were.
_THESE: Final = "(?1 IS NULL OR session = ?1) AND (?2 IS NULL OR started > 0 AND started < ?2)"
_TO_BE_WIPED: Final = "INSERT OR REPLACE INTO meta VALUES ('wipe', random())"
_WIPE_MARK: Final = "SELECT value FROM meta WHERE name = 'wipe'"
_RULES: Final = "SELECT memory, subjects, strength, force FROM rules"

type Taught = list[list[Added]]
"""What became of the drafts of each lesson."""
type Made = list[tuple[int, bytes]]
"""Rows, and what was derived for each."""
type Progress = Callable[[int, int], None]


def _no_progress(_done: int, _all: int) -> None:
    """Nobody watches."""


def _nobody_is_told(_store: "SqliteStore") -> None:
    """What waits for a vector waits until somebody calls embed_pending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a person may want to know of a store."""

    kinds: Mapping[str, int]
    superseded: int
    exchanges: int
    bytes: int
    embedded: Mapping[str, int]  # the model's name, and how many vectors are of it
    pending: int  # memories that still wait for a vector of the present model
    tombstones: int
    redacted: Mapping[str, int]
    oldest: float | None
    newest: float | None
    version: int


class SqliteStore:
    """The memories of one scope in one file."""

    def __init__(self, path: Path, scope: Scope, questions: Questions | None = None) -> None:
        self.path = path
        self.scope = scope
        self.set_aside_to: Path | None = None
        self.when_added: Callable[[SqliteStore], None] = _nobody_is_told
        self._questions = questions
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._is_closed = False
        self._identity: tuple[int, int] | None = None
        self._journal: tuple[int, int] | None = None  # the file's own, as long as it lies there
        self._loading: _Loading | None = None  # and what has been loaded
        self._memories: dict[int, Memory] = {}  # those found lately, as long as nothing changes
        # From the first to the last of these rows, none lacks a vector that can be made now.
        self._embedded: tuple[int, int] | None = None
        self._open()

    @property
    def embedder(self) -> Embedder | None:
        """What makes the vectors of this store, if anything does."""
        return self._questions.embedder if self._questions else None

    # --- writing ---------------------------------------------------------------------------

    def add(self, drafts: Sequence[Draft], exchange: Exchange | None = None) -> list[Added]:
        """Store drafts, and the exchange they come from, in one go; once back, it is durable."""
        return self.add_many([(drafts, exchange)])[0]

    def add_many(self, lessons: Sequence[tuple[Sequence[Draft], Exchange | None]]) -> Taught:
        """Store what several exchanges taught, in one transaction."""
        with self._write() as db:
            graves = Graves(db)
            added = []
            for drafts, exchange in lessons:
                if exchange is not None:
                    rows.put_exchange(db, graves, rows.redacted_exchange(exchange))
                added.append([self._put(db, graves, draft) for draft in drafts])
        self.when_added(self)
        return added

    def _put(self, db: sqlite3.Connection, graves: Graves, draft: Draft) -> Added:
        draft = rows.redacted_draft(draft)
        text, was_cut = graves.without_forgotten(storable(draft.text))
        if was_cut and not text.strip():
            return Added("", "forgotten")
        draft = _without_forgotten_rules(draft, graves)
        known = db.execute(
            "SELECT row, id, kind FROM memories WHERE fingerprint = ? AND role = ?",
            (fingerprint(text), draft.role),
        ).fetchone()
        if known:
            row, memory_id, kind = known
            rows.said_again(db, row, kind, draft)
        else:
            memory_id = storable(draft.id) or secrets.token_hex(8)
            if db.execute("SELECT 1 FROM memories WHERE id = ?", (memory_id,)).fetchone():
                raise ValueError(f"the id {memory_id} is that of another memory")
            row = rows.put_memory(
                db,
                Memory(
                    id=memory_id,
                    text=text,
                    kind=draft.kind,
                    role=draft.role,
                    scope=self.scope,
                    speaker=storable(draft.speaker),
                    session=storable(draft.session),
                    position=rows.next_position(db, storable(draft.session)),
                    created=draft.created,
                    learned=time.time(),
                    rules=draft.rules,
                    checked=draft.checked,
                ),
            )
        rows.put_evidence(db, graves, row, draft.evidence)
        rows.stand_in(db, row, memory_id, draft.rules)
        return Added(memory_id, "again" if known else "new")

    def edit(self, memory_id: str, draft: Draft) -> Memory | None:
        """Replace text and kind and keep the id; None where there is no such memory."""
        with self._write() as db:
            row = rows.row_of(db, memory_id)
            if row is None:
                return None
            draft = rows.redacted_draft(draft)
            row = rows.move(db, row, storable(draft.text))
            db.execute(
                "UPDATE memories SET kind = ?, checked = ?, successor = NULL WHERE row = ?",
                (draft.kind, draft.checked, row),
            )
            db.execute("DELETE FROM rules WHERE memory = ?", (row,))
            rows.put_rules(db, row, draft.rules)
            [full_id] = db.execute("SELECT id FROM memories WHERE row = ?", (row,)).fetchone()
            rows.stand_in(db, row, full_id, draft.rules)
        self.when_added(self)
        return self.get(full_id)

    def forget(self, memory_ids: Iterable[str]) -> int:
        """Delete memories with their evidence for good; the same words are not learned again."""
        with self._write() as db:
            before = _count(db, "memories")
            graves, said = Graves(db), set[str]()
            for memory_id in memory_ids:
                # Others that say nothing else go with it, and may be among those still to come.
                if (row := rows.row_of(db, memory_id)) is not None:
                    said |= rows.bury(db, graves, row)
            if said:
                rows.cut_forgotten(db, graves, said)
                db.execute(_TO_BE_WIPED)
            forgotten = before - _count(db, "memories")
        if forgotten:
            self._wipe()
        return forgotten

    def count_exchanges(self, *, session: str | None = None, before: float | None = None) -> int:
        """How many exchanges there are, of one session or from before some time, or at all."""
        with self._read() as db:
            return _count(db, f"exchanges WHERE {_THESE}", session and storable(session), before)

    def forget_exchanges(self, *, session: str | None = None, before: float | None = None) -> int:
        """Delete what was said, of one session or before some time, or all; how many exchanges."""
        with self._write() as db:
            # A memory may also come from elsewhere; of these exchanges it shall quote nothing.
            db.execute(
                f"DELETE FROM evidence WHERE exchange IN (SELECT id FROM exchanges WHERE {_THESE})",  # noqa: S608 - a constant
                (session and storable(session), before),
            )
            gone = db.execute(
                f"DELETE FROM exchanges WHERE {_THESE}",  # noqa: S608 - a constant
                (session and storable(session), before),
            ).rowcount
            if gone:
                db.execute(_TO_BE_WIPED)
        if gone:
            self._wipe()
        return gone

    def used(self, memory_ids: Iterable[str]) -> None:
        """Count that these were brought back."""
        now = time.time()
        with self._write() as db:
            db.executemany(
                "UPDATE memories SET times_used = times_used + 1, last_used = ? WHERE id = ?",
                [(now, storable(memory_id)) for memory_id in memory_ids],
            )

    def count_redactions(self, found: Mapping[str, int]) -> None:
        """Remember how many secrets of which kind never came to be stored."""
        if found:
            with self._write() as db:
                rows.count_redactions(db, found)

    def redact(self, progress: Progress = _no_progress) -> Mapping[str, int]:
        """Apply today's rules to all that is stored; what was found, by kind."""
        found: dict[str, int] = {}
        with self._read() as db:
            todo = [
                (table, key, value, columns)
                for table, key, columns in _REDACTED
                for [value] in db.execute(f"SELECT {key} FROM {table}").fetchall()  # noqa: S608
            ]
        for first in range(0, len(todo), ROWS_AT_ONCE):
            # In parts, so that the proxy can write in between.
            with self._write() as db:
                here: dict[str, int] = {}
                for done, one in enumerate(todo[first : first + ROWS_AT_ONCE], start=first + 1):
                    for kind, count in rows.redact_row(db, *one).items():
                        here[kind] = here.get(kind, 0) + count
                    progress(done, len(todo))
                rows.count_redactions(db, here)
                if here:
                    db.execute(_TO_BE_WIPED)
            for kind, count in here.items():
                found[kind] = found.get(kind, 0) + count
        if found:
            self._wipe()
        return MappingProxyType(found)

    # --- reading ---------------------------------------------------------------------------

    def search(
        self,
        question: str,
        *,
        limit: int = 50,
        seconds: float = 1.0,
        relevant_only: bool = False,
    ) -> Findings:
        """The memories that fit best, best first, with what could be done in the time."""
        end = time.monotonic() + seconds
        vector = self._questions.ask(question) if self._questions else None
        index = self.index(seconds)
        if index is None:
            return Findings(failure="the memory is still being read")
        found = index.known(question, limit)
        if found is None:
            asked = Asked.of(question)  # while the vector is being made
            found = index.search(asked, _in_time(vector, end), limit)
        ranked = [hit for hit in found.ranked if hit[2]] if relevant_only else found.ranked
        return Findings(hits=self._hits(ranked), how=found.how)

    def _hits(self, ranked: Sequence[tuple[int, float, bool]]) -> tuple[Hit, ...]:
        with self._read() as db:
            if len(self._memories) > MEMORIES_KEPT:
                self._memories = {}
            known = self._memories
            if missing := [row for row, _score, _relevant in ranked if row not in known]:
                marks = ",".join("?" * len(missing))
                found = db.execute(
                    f"SELECT {rows.MEMORY} FROM memories WHERE row IN ({marks})",  # noqa: S608
                    missing,
                )
                known.update((row[0], rows.memory_from(row, self.scope)) for row in found)
        return tuple(
            Hit(known[row], score, relevant)
            for row, score, relevant in ranked
            if row in known  # another process may just have deleted it
        )

    def get(self, memory_id: str) -> Memory | None:
        """The memory with this id, or the only one whose id begins so."""
        with self._read() as db, snapshot(db):
            row = rows.row_of(db, memory_id)
            return None if row is None else self._whole(db, row)

    def _whole(self, db: sqlite3.Connection, row: int) -> Memory:
        found = db.execute(f"SELECT {rows.MEMORY} FROM memories WHERE row = ?", (row,)).fetchone()  # noqa: S608
        return rows.memory_from(
            found, self.scope, rows.rules_of(db, row), rows.evidence_of(db, row)
        )

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
        order = "DESC" if newest_first else "ASC"
        with self._read() as db:
            found = db.execute(
                f"SELECT {rows.MEMORY} FROM memories"  # noqa: S608 - two fixed words
                " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR session = ?2)"
                f" ORDER BY learned {order}, row {order} LIMIT ?3 OFFSET ?4",
                (kind, session and storable(session), limit, offset),
            ).fetchall()
        return [rows.memory_from(row, self.scope) for row in found]

    def count(self) -> int:
        """How many memories there are."""
        with self._read() as db:
            return int(db.execute("SELECT count(*) FROM memories").fetchone()[0])

    def exchange(self, exchange_id: str) -> Exchange | None:
        """What was said in this exchange."""
        with self._read() as db:
            row = db.execute(
                f"SELECT {rows.EXCHANGE} FROM exchanges WHERE id = ?",  # noqa: S608
                (storable(exchange_id),),
            ).fetchone()
        return rows.exchange_from(row, self.scope) if row else None

    def stats(self) -> Stats:
        """What a person may want to know of this store."""
        name = self.embedder.name if self.embedder else None
        with self._read() as db, snapshot(db):
            count = db.execute("SELECT count(*) FROM memories").fetchone()[0]
            embedded = dict(
                db.execute(
                    "SELECT name, count(*) FROM vectors JOIN models ON number = model GROUP BY name"
                ).fetchall()
            )
            [oldest, newest] = db.execute(
                "SELECT min(coalesce(created, learned)), max(coalesce(created, learned))"
                " FROM memories"
            ).fetchone()
            return Stats(
                kinds=dict(db.execute("SELECT kind, count(*) FROM memories GROUP BY kind")),
                superseded=_count(db, "memories WHERE successor IS NOT NULL"),
                exchanges=_count(db, "exchanges"),
                bytes=sum(_size(self._companion(suffix)) for suffix in ("", "-wal")),
                embedded=embedded,
                pending=count - embedded.get(name, 0) if name else 0,
                tombstones=_count(db, "tombstones"),
                redacted=dict(db.execute("SELECT kind, count FROM redactions ORDER BY kind")),
                oldest=oldest,
                newest=newest,
                version=migrations.VERSION,
            )

    # --- in and out ------------------------------------------------------------------------

    def export(self) -> Iterator[Line]:
        """Everything, as JSON values: import_lines of an empty store makes the same one."""
        self._look_for_the_file()
        with translated(self.path), contextlib.closing(connect(self.path)) as db, snapshot(db):
            yield {"type": "store", "format": FORMAT, "scope": self.scope.project}
            for row in db.execute(f"SELECT {rows.EXCHANGE} FROM exchanges ORDER BY rowid"):  # noqa: S608
                yield exchange_line(rows.exchange_from(row, self.scope))
            for [row] in db.execute("SELECT row FROM memories ORDER BY row"):
                yield memory_line(self._whole(db, row))
            for [key] in db.execute("SELECT key FROM tombstone_keys"):
                yield {"type": "tombstone-key", "key": key.hex()}
            for [mark] in db.execute("SELECT mark FROM tombstones"):
                yield {"type": "tombstone", "mark": mark.hex()}
            for kind, count in db.execute("SELECT kind, count FROM redactions"):
                yield {"type": "redactions", "kind": kind, "count": count}

    def import_lines(self, lines: Iterable[Line]) -> int:
        """Take over what `export` gave, in one go; how many memories were new.

        What is known by its id or by its words is left as it is; what was forgotten here stays
        forgotten. A line that makes no sense raises ValueError, and nothing is taken over.
        """
        with self._write() as db:
            is_new = db.execute(
                "SELECT NOT EXISTS (SELECT 1 FROM memories)"
                " AND NOT EXISTS (SELECT 1 FROM redactions)"
            ).fetchone()[0]
            taken: set[str] = set()
            for line in lines:
                match line:
                    case {"type": "store"}:
                        if line.get("format") != FORMAT:
                            raise ValueError(f"format {line.get('format')!r} is not known here")
                    case {"type": "exchange"}:
                        exchange = rows.redacted_exchange(exchange_of(line, self.scope))
                        rows.put_exchange(db, Graves(db), exchange, known_stays=True)
                    case {"type": "memory"}:
                        self._take_over(db, memory_of(line, self.scope), taken)
                    case {"type": "tombstone-key"}:
                        key = mark_of(line, "key")
                        db.execute("INSERT OR IGNORE INTO tombstone_keys VALUES (?)", (key,))
                    case {"type": "tombstone"}:
                        mark = mark_of(line, "mark")
                        db.execute("INSERT OR IGNORE INTO tombstones VALUES (?)", (mark,))
                    case {"type": "redactions"}:
                        kind, count = count_of(line)
                        if is_new:
                            rows.count_redactions(db, {kind: count})
                    case {"type": other}:
                        raise ValueError(f"a line of type {other!r} is not known here")
                    case _:
                        raise ValueError("this line has no type")
        self.when_added(self)
        return len(taken)

    def _take_over(self, db: sqlite3.Connection, memory: Memory, taken: set[str]) -> None:
        memory, graves = rows.redacted(memory), Graves(db)
        text, was_cut = graves.without_forgotten(memory.text)
        if was_cut and not text.strip():
            return
        known = db.execute(
            "SELECT id FROM memories WHERE id = ?1 OR (fingerprint = ?2 AND role = ?3)",
            (memory.id, fingerprint(text), memory.role),
        ).fetchall()
        # Two memories of one export may say the same by now; they were two there.
        if any(name == memory.id or name not in taken for [name] in known):
            return
        stated = tuple(rule for rule in memory.rules if not graves.holds(rule.text))
        row = rows.put_memory(db, replace(memory, text=text, rules=stated))
        rows.put_evidence(db, graves, row, memory.evidence)
        taken.add(memory.id)

    # --- what is derived -------------------------------------------------------------------

    def reindex(self, progress: Progress = _no_progress) -> int:
        """Make everything derived again: terms, vectors, and the index in memory.

        Raises EmbeddingFailed, and leaves the vectors, where no vector can be made.
        """
        if self.embedder:
            self.embedder.embed(["Is the model there?"])
        with self._read() as db:
            todo = [row for [row] in db.execute("SELECT row FROM memories ORDER BY row")]
        total = len(todo) * (2 if self.embedder else 1)
        for first in range(0, len(todo), ROWS_AT_ONCE):
            with self._write() as db:
                for done, row in enumerate(todo[first : first + ROWS_AT_ONCE], start=first + 1):
                    rows.put_terms_again(db, row)
                    progress(done, total)
        with self._write() as db:
            if self.embedder:
                db.execute("DELETE FROM vectors")  # those of other models as well
            db.execute("REINDEX")
        with self._reading:
            self._forget_index()
        self.embed_pending(lambda done, _all: progress(min(len(todo) + done, total), total))
        return len(todo)

    def embed_pending(self, progress: Progress | None = None, limit: int | None = None) -> int:
        """Make the vectors that are missing; how many were made.

        Raises EmbeddingFailed where the model cannot be used; what was made until then is kept.
        """
        if self.embedder is None:
            return 0
        total = self._pending() if progress else 0
        done = 0
        while limit is None or done < limit:
            most = min(16 * EMBEDDED_AT_ONCE, (limit or sys.maxsize) - done)
            with self._read() as db:
                waiting = self._waiting(db, most)
            if not waiting:
                # Nobody has to look through the older ones again.
                self._embedded = self._embedded and (0, self._embedded[1])
                break
            made, failure = _embedded(self.embedder, waiting)
            if made:
                self._keep_vectors(made)
            if failure:
                raise failure
            if refused := len(waiting) - len(made):
                # They are tried again at the next start.
                logger.warning("memory without vectors: %s of %s refused", refused, len(waiting))
            reached = waiting[-1][0]
            first, last = self._embedded or (reached, reached)
            self._embedded = min(first, reached), max(last, reached)
            done += len(waiting)
            if progress:
                progress(done, max(total, done))
        return done

    def _waiting(self, db: sqlite3.Connection, most: int) -> Sequence[tuple[int, str]]:
        """So many texts without a vector: what was just said, then the rest, the newest first."""
        if self._embedded is None:
            [newest] = db.execute("SELECT coalesce(max(row), 0) FROM memories").fetchone()
            self._embedded = newest + 1, newest
        first, last = self._embedded
        query = f"SELECT row, text FROM {_WITHOUT_VECTOR} AND row"  # noqa: S608 - a constant
        model = self._model(db)
        return (
            db.execute(f"{query} > ? ORDER BY row LIMIT ?", (model, last, most)).fetchall()
            or db.execute(f"{query} < ? ORDER BY row DESC LIMIT ?", (model, first, most)).fetchall()
        )

    def _pending(self) -> int:
        with self._read() as db:
            [count] = db.execute(
                f"SELECT count(*) FROM {_WITHOUT_VECTOR}",  # noqa: S608 - a constant
                (self._model(db),),
            ).fetchone()
        return int(count)

    def _keep_vectors(self, made: Made) -> None:
        assert self.embedder is not None
        with self._write() as db:
            # Now, and not before: a remote model tells its dimension with its first vectors.
            db.execute(
                "INSERT OR IGNORE INTO models (name, dimension) VALUES (?, ?)",
                (self.embedder.name, self.embedder.dimension),
            )
            model = self._model(db)
            db.executemany(
                # The memory may be gone, or have another text, by now.
                "INSERT OR REPLACE INTO vectors SELECT row, ?2, ?3 FROM memories WHERE row = ?1",
                [(row, model, vector) for row, vector in made],
            )

    def _model(self, db: sqlite3.Connection) -> int | None:
        """The number under which vectors of the present model are kept, if there are any."""
        name = self.embedder.name if self.embedder else ""
        found = db.execute("SELECT number FROM models WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else None

    def index(self, seconds: float) -> Index | None:
        """The index in memory, as of now; None if reading it takes longer than that."""
        end = time.monotonic() + seconds
        while True:
            loading = self.start_loading()
            if not loading.done.wait(max(0.0, end - time.monotonic())):
                return None
            with self._read() as db:
                if loading is not self._loading:
                    continue  # the file was replaced meanwhile
                if loading.index is None:
                    self._loading = None  # the next one who asks may have more luck
                    raise MemoryUnavailable(loading.failure)
                [version] = db.execute("PRAGMA data_version").fetchone()
                if version == loading.version:
                    return loading.index
                self._memories = {}  # somebody may be reading the old one
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
        self._look_for_the_file()
        with self._reading:
            if self._loading is None:
                loading = _Loading()
                threading.Thread(
                    target=self._load, args=(loading,), name="memory-index", daemon=True
                ).start()
                self._loading = loading
            return self._loading

    def _load(self, loading: "_Loading") -> None:
        identity = self._identity
        try:
            with readable(self.path), translated(self.path):
                index, stale = self._read_index()
            index.settle()
            loading.index = index
            give_memory_back()
        except StoreDamaged as damage:
            loading.failure = str(damage)
            self._give_up(damage, identity)
        except MemoryUnavailable as error:
            loading.failure = str(error)
        except Exception as error:
            loading.failure = f"{self.path} cannot be read: {type(error).__name__}"
        finally:
            loading.done.set()
        if loading.index is not None and stale:
            self._keep_terms(stale)

    def _read_index(self) -> tuple[Index, Made]:
        """All that is stored as an index, and the terms that had to be made anew for it."""
        try:
            return self._read_index_from(connect(self.path, strict=True))
        except sqlite3.OperationalError:
            return self._read_index_from(connect(self.path))

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
        with contextlib.suppress(MemoryUnavailable), self._write() as db:
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
                rules += db.execute(f"{_RULES} WHERE memory IN ({marks})", part).fetchall()
            index.put_rules(rules)
            index.seq = seq
        return True

    # --- files and connections -------------------------------------------------------------

    def _open(self) -> None:
        with self._writing, self._reading:
            if self._is_closed:
                raise MemoryUnavailable(f"{self.path} is closed.")
            self.set_aside_to = prepare(self.path, self.scope.project) or self.set_aside_to
            with translated(self.path):
                self._close_connections()
                self._writer = connect(self.path)
                try:
                    self._reader = connect(self.path)
                except BaseException:
                    self._close_connections()
                    raise
                self._identity, self._journal = identity_of(self.path), None
            self._forget_index()

    def _forget_index(self) -> None:
        """Everything in memory is to be read anew."""
        self._loading = None
        self._memories = {}
        self._embedded = None

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction; within one, it is the same."""
        with self._writing:
            self._look_for_the_file()
            if self._writer is None:
                raise MemoryUnavailable(f"{self.path} cannot be opened now.")
            if self._writer.in_transaction:
                yield self._writer
                return
            identity = self._identity
            try:
                with translated(self.path), transaction(self._writer) as db:
                    yield db
                    _prune_journal(db)
            except StoreDamaged as damage:
                self._give_up(damage, identity)
                raise

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        self._look_for_the_file()
        identity = self._identity
        try:
            with self._reading, translated(self.path):
                if self._reader is None:
                    raise MemoryUnavailable(f"{self.path} cannot be opened now.")
                yield self._reader
        except StoreDamaged as damage:
            # Without the lock: whoever needs both takes the one for writing first.
            self._give_up(damage, identity)
            raise

    def _look_for_the_file(self) -> None:
        """Somebody may have deleted or replaced the file under us; then a new one begins."""
        if self._is_closed:
            raise MemoryUnavailable(f"{self.path} is closed.")
        if self._writer is not None and identity_of(self.path) == self._identity:
            if self._journal is None:
                self._journal = identity_of(self._companion("-wal"))
            return
        with self._writing, self._reading:
            if self._writer is None:
                self._open()  # what kept it from being opened may be over
            elif identity_of(self.path) != self._identity:
                logger.warning(
                    "memory file gone or replaced: %s; what lies there counts", self.path
                )
                self._close_connections()
                with translated(self.path):
                    self._set_journal_aside()
                self._open()

    def _set_journal_aside(self) -> None:
        """The old file's journal would be played into the new one."""
        if self._journal and identity_of(self._companion("-wal")) == self._journal:
            set_aside(self._companion("-wal"))
            with contextlib.suppress(FileNotFoundError):
                self._companion("-shm").unlink()

    def _companion(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _give_up(self, damage: StoreDamaged, identity: tuple[int, int] | None) -> None:
        """Set the damaged file aside, if nobody else has, and begin a new one."""
        with self._writing, self._reading:
            self._close_connections()
            if aside := discard(self.path, damage, identity):
                self.set_aside_to = aside
            self._open()

    def _wipe(self) -> None:
        """Leave nothing of what was deleted in the file, its journal or its backups.

        What cannot be done now, because somebody reads, is done when the store is next opened.
        """
        for backup in backups(self.path):
            with contextlib.suppress(OSError):
                backup.unlink()
                logger.info("memory backup deleted: %s held what was to be forgotten", backup)
        with self._writing:
            if self._writer is None:
                return
            try:
                # Whoever sets the mark again meanwhile has more to be wiped.
                marked = self._writer.execute(_WIPE_MARK).fetchone()
                with contextlib.suppress(sqlite3.OperationalError):
                    self._writer.execute("VACUUM")
                [busy, *_pages] = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    self._writer.execute(
                        "DELETE FROM meta WHERE name = 'wipe' AND value IS ?", marked or (None,)
                    )
                    return
                reason = "it is being read"
            except sqlite3.Error as error:
                reason = str(error)
            logger.info("memory not wiped now: %s: %s", self.path, reason)

    def finish(self) -> None:
        """Do what could not be done when something was forgotten."""
        with self._read() as db:
            is_unfinished = db.execute(_WIPE_MARK).fetchone()
        if is_unfinished:
            self._wipe()

    def _close_connections(self) -> None:
        for db in (self._writer, self._reader):
            if db is not None:
                with contextlib.suppress(sqlite3.Error):
                    db.close()
        self._writer = self._reader = None

    def close(self) -> None:
        """Let go of files and threads."""
        if loading := self._loading:
            loading.done.wait(SECONDS_TO_CLOSE)
        with self._writing, self._reading:
            self._is_closed = True
            self._close_connections()
            self._loading = None


class _Loading:
    """An index that is being read, or has been."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.index: Index | None = None
        self.failure = ""
        self.version = -1  # of the data that is in the index


# What may hold a secret: the table, what names a row, and its columns.
_REDACTED: Final = (
    ("exchanges", "id", ("question", "answer")),
    ("evidence", "rowid", ("passage",)),
    ("rules", "rowid", ("text",)),
    ("memories", "row", ("text", "speaker")),
)


def _without_forgotten_rules(draft: Draft, graves: Graves) -> Draft:
    kept = tuple(rule for rule in draft.rules if not graves.holds(storable(rule.text)))
    if len(kept) == len(draft.rules):
        return draft
    return replace(draft, rules=kept, kind=draft.kind if kept else Kind.PASSAGE)


def _embedded(
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


def _in_time(asked: Future[Vector] | None, end: float) -> Vector | None:
    """The question's vector, if it is there before the time is up."""
    if asked is None:
        return None
    # What is left is for the search itself.
    try:
        return asked.result(max(0.0, end - time.monotonic() - SECONDS_FOR_A_SEARCH))
    except (TimeoutError, MemoryUnavailable, CancelledError):
        return None


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


def _prune_journal(db: sqlite3.Connection) -> None:
    """Let the journal be of bounded length; who is further behind reads everything anew."""
    [first, last] = db.execute("SELECT min(seq), max(seq) FROM journal").fetchone()
    if first is not None and last - first > 2 * JOURNAL_KEPT:
        db.execute("DELETE FROM journal WHERE seq <= ?", (last - JOURNAL_KEPT,))


def _last_change(db: sqlite3.Connection) -> int:
    [last] = db.execute("SELECT max(seq) FROM journal").fetchone()
    return int(last or 0)


def _count(db: sqlite3.Connection, what: str, *values: object) -> int:
    return int(db.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0])  # noqa: S608


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
