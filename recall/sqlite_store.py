"""The embedded store: one SQLite file for a scope, and its index in memory.

The file is the only truth. Everything in `terms`, `vectors` and in memory is derived from it and
can be made again. Several processes may use the file at once: each follows the journal that the
file's triggers keep.
"""

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from itertools import compress, islice
from pathlib import Path
from types import MappingProxyType
from typing import Final

from recall import migrations, rows, turn_rows
from recall.embedding import Embedder, Questions
from recall.errors import MemoryUnavailable
from recall.following import Following
from recall.graves import Graves
from recall.index import Index, Vector, asked_lately
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
from recall.pending import Pending
from recall.records import Added, Draft, Exchange, Findings, Hit, Kind, Memory, Scope
from recall.sentences import fingerprint, storable
from recall.sqlite_file import connect, snapshot, translated
from recall.store_file import TO_BE_WIPED, StoreFile
from recall.turn_notes import TurnNotes

# Of those found lately, in memory: enough for what an agent asks again and again. What grows for
# long has the interpreter look through it for garbage, which is felt.
MEMORIES_KEPT: Final = 256
SECONDS_FOR_A_SEARCH: Final = 0.003
ROWS_AT_ONCE: Final = 2_000
# Exchanges; of some nobody knows when they were.
_THESE: Final = "(?1 IS NULL OR session = ?1) AND (?2 IS NULL OR started > 0 AND started < ?2)"

type Taught = list[list[Added]]
"""What became of the drafts of each lesson."""
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
    turns: int  # of running conversations, of which it is noted what was put in
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
        self.when_added: Callable[[SqliteStore], None] = _nobody_is_told
        self._questions = questions
        self._memories: dict[int, Memory] = {}  # those found lately, while they stay as they are
        self._file = StoreFile(path, scope.project)
        self.notes = TurnNotes(self._file)
        self._pending = Pending(self._file, self.embedder)
        self._following = Following(self._file, self._pending.model, self._forget_memories)
        self._file.when_opened = self._forget_index

    def _forget_memories(self, changed: Iterable[int]) -> None:
        for row in changed:
            self._memories.pop(row, None)

    def _forget_index(self) -> None:
        """Everything in memory is to be read anew."""
        self._memories = {}
        self._pending.forget()
        self._following.forget()

    @property
    def set_aside_to(self) -> Path | None:
        """Where a damaged file went, if one was found here."""
        return self._file.set_aside_to

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
        with self._file.write() as db:
            graves = Graves(db)
            added = []
            for drafts, exchange in lessons:
                if exchange is not None:
                    rows.put_exchange(db, graves, rows.redacted_exchange(exchange))
                added.append([self._put(db, graves, draft) for draft in drafts])
        self.when_added(self)
        return added

    def _put(self, db: sqlite3.Connection, graves: Graves, draft: Draft) -> Added:
        draft = rows.redacted(draft)
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
        with self._file.write() as db:
            row = rows.row_of(db, memory_id)
            if row is None:
                return None
            draft = rows.redacted(draft)
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
        with self._file.write() as db:
            before = _count(db, "memories")
            graves, said = Graves(db), set[str]()
            for memory_id in memory_ids:
                # Others that say nothing else go with it, and may be among those still to come.
                if (row := rows.row_of(db, memory_id)) is not None:
                    said |= rows.bury(db, graves, row)
            if said:
                rows.cut_forgotten(db, graves, said)
                turn_rows.drop_saying(db, said)
                db.execute(TO_BE_WIPED)
            forgotten = before - _count(db, "memories")
        if forgotten:
            self._file.wipe()
        return forgotten

    def count_exchanges(self, *, session: str | None = None, before: float | None = None) -> int:
        """How many exchanges there are, of one session or from before some time, or at all."""
        with self._file.read() as db:
            return _count(db, f"exchanges WHERE {_THESE}", session and storable(session), before)

    def forget_exchanges(self, *, session: str | None = None, before: float | None = None) -> int:
        """Delete what was said, of one session or before some time, or all; how many exchanges."""
        with self._file.write() as db:
            # A memory may also come from elsewhere; of these exchanges it shall quote nothing.
            db.execute(
                f"DELETE FROM evidence WHERE exchange IN (SELECT id FROM exchanges WHERE {_THESE})",  # noqa: S608 - a constant
                (session and storable(session), before),
            )
            gone = db.execute(
                f"DELETE FROM exchanges WHERE {_THESE}",  # noqa: S608 - a constant
                (session and storable(session), before),
            ).rowcount
            noted = turn_rows.drop_of(db, session and storable(session), before)
            if gone or noted:
                db.execute(TO_BE_WIPED)
        if gone or noted:
            self._file.wipe()
        return gone

    def used(self, memory_ids: Iterable[str]) -> None:
        """Count that these were brought back."""
        now = time.time()
        with self._file.write() as db:
            db.executemany(
                "UPDATE memories SET times_used = times_used + 1, last_used = ? WHERE id = ?",
                [(now, storable(memory_id)) for memory_id in memory_ids],
            )

    def count_redactions(self, found: Mapping[str, int]) -> None:
        """Remember how many secrets of which kind never came to be stored."""
        if found:
            with self._file.write() as db:
                rows.count_redactions(db, found)

    def redact(self, progress: Progress = _no_progress) -> Mapping[str, int]:
        """Apply today's rules to all that is stored; what was found, by kind."""
        found: dict[str, int] = {}
        with self._file.read() as db:
            todo = [
                (table, key, value, columns)
                for table, key, columns in _REDACTED
                for [value] in db.execute(f"SELECT {key} FROM {table}").fetchall()  # noqa: S608
            ]
        for first in range(0, len(todo), ROWS_AT_ONCE):
            # In parts, so that the proxy can write in between.
            with self._file.write() as db:
                here: dict[str, int] = {}
                for done, one in enumerate(todo[first : first + ROWS_AT_ONCE], start=first + 1):
                    for kind, count in rows.redact_row(db, *one).items():
                        here[kind] = here.get(kind, 0) + count
                    progress(done, len(todo))
                rows.count_redactions(db, here)
                if here:
                    db.execute(TO_BE_WIPED)
                    turn_rows.set_mark(db)
            for kind, count in here.items():
                found[kind] = found.get(kind, 0) + count
        if found:
            self._file.wipe()
        return MappingProxyType(found)

    # --- reading ---------------------------------------------------------------------------

    def read_soon(self) -> None:
        """Read the index in the background, before the first search waits for it."""
        self._following.start_loading()

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
        index = self._following.index(seconds)
        if index is None:
            return Findings(failure="the memory is still being read")
        found = index.known(question, limit)
        if found is None:
            asked = asked_lately(question)  # while the vector is being made
            found = index.search(asked, _in_time(vector, end), limit)
        ranked = zip(found.rows, found.scores, found.relevant, strict=True)
        wanted = compress(ranked, found.relevant) if relevant_only else ranked
        return Findings(hits=self._hits([*wanted]), how=found.how)

    def _hits(self, ranked: Sequence[tuple[int, float, bool]]) -> tuple[Hit, ...]:
        with self._file.read() as db:
            known = self._memories
            if missing := [row for row, _score, _relevant in ranked if row not in known]:
                marks = ",".join("?" * len(missing))
                found = db.execute(
                    f"SELECT {rows.MEMORY} FROM memories WHERE row IN ({marks})",  # noqa: S608
                    missing,
                )
                known.update((row[0], rows.memory_from(row, self.scope)) for row in found)
            hits = tuple(
                Hit(known[row], score, relevant)
                for row, score, relevant in ranked
                if row in known  # another process may just have deleted it
            )
            for row in [*islice(known, max(0, len(known) - MEMORIES_KEPT))]:
                del known[row]
        return hits

    def get(self, memory_id: str) -> Memory | None:
        """The memory with this id, or the only one whose id begins so."""
        with self._file.read() as db, snapshot(db):
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
        with self._file.read() as db:
            found = db.execute(
                f"SELECT {rows.MEMORY} FROM memories"  # noqa: S608 - two fixed words
                " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR session = ?2)"
                f" ORDER BY learned {order}, row {order} LIMIT ?3 OFFSET ?4",
                (kind, session and storable(session), limit, offset),
            ).fetchall()
        return [rows.memory_from(row, self.scope) for row in found]

    def count(self) -> int:
        """How many memories there are."""
        with self._file.read() as db:
            return int(db.execute("SELECT count(*) FROM memories").fetchone()[0])

    def exchange(self, exchange_id: str) -> Exchange | None:
        """What was said in this exchange."""
        with self._file.read() as db:
            row = db.execute(
                f"SELECT {rows.EXCHANGE} FROM exchanges WHERE id = ?",  # noqa: S608
                (storable(exchange_id),),
            ).fetchone()
        return rows.exchange_from(row, self.scope) if row else None

    def stats(self) -> Stats:
        """What a person may want to know of this store."""
        name = self.embedder.name if self.embedder else None
        with self._file.read() as db, snapshot(db):
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
                turns=_count(db, "notes"),
                bytes=sum(_size(self._file.companion(suffix)) for suffix in ("", "-wal")),
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
        self._file.look()
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
        with self._file.write() as db:
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
        with self._file.read() as db:
            todo = [row for [row] in db.execute("SELECT row FROM memories ORDER BY row")]
        total = len(todo) * (2 if self.embedder else 1)
        for first in range(0, len(todo), ROWS_AT_ONCE):
            with self._file.write() as db:
                for done, row in enumerate(todo[first : first + ROWS_AT_ONCE], start=first + 1):
                    rows.put_terms_again(db, row)
                    progress(done, total)
        with self._file.write() as db:
            if self.embedder:
                db.execute("DELETE FROM vectors")  # those of other models as well
            db.execute("REINDEX")
        with self._file.reading:
            self._forget_index()
        self.embed_pending(lambda done, _all: progress(min(len(todo) + done, total), total))
        return len(todo)

    def embed_pending(self, progress: Progress | None = None, limit: int | None = None) -> int:
        """Make the vectors that are missing; how many were made.

        Raises EmbeddingFailed where the model cannot be used; what was made until then is kept.
        """
        return self._pending.make(progress, limit)

    def index(self, seconds: float) -> Index | None:
        """The index in memory, as of now; None if reading it takes longer than that."""
        return self._following.index(seconds)

    def tidy(self) -> None:
        """Do what can be done better now than when somebody waits for it."""
        self._following.tidy()
        self._file.finish()

    def close(self) -> None:
        """Let go of files and threads."""
        self._following.close()
        self._file.close()


# What may hold a secret: the table, what names a row, and its columns.
_REDACTED: Final = (
    ("exchanges", "id", ("question", "answer")),
    ("evidence", "rowid", ("passage",)),
    ("rules", "rowid", ("text",)),
    ("memories", "row", ("text", "speaker")),
    ("notes", "number", ("block",)),
)


def _without_forgotten_rules(draft: Draft, graves: Graves) -> Draft:
    kept = tuple(rule for rule in draft.rules if not graves.holds(storable(rule.text)))
    if len(kept) == len(draft.rules):
        return draft
    return replace(draft, rules=kept, kind=draft.kind if kept else Kind.PASSAGE)


def _in_time(asked: Future[Vector] | None, end: float) -> Vector | None:
    """The question's vector, if it is there before the time is up."""
    if asked is None:
        return None
    # What is left is for the search itself.
    try:
        return asked.result(max(0.0, end - time.monotonic() - SECONDS_FOR_A_SEARCH))
    except (TimeoutError, MemoryUnavailable, CancelledError):
        return None


def _count(db: sqlite3.Connection, what: str, *values: object) -> int:
    return int(db.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0])  # noqa: S608


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
