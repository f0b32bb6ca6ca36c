"""The background worker that makes memories of exchanges while nobody waits for it.

What `offer` accepted is kept in memory until it is stored, within a limit of number and of bytes.
Explicit requests overtake everything else; what they say wins over what was said before them, also
where that is stored later.
"""

import logging
import math
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from pathlib import Path
from sys import getsizeof
from types import MappingProxyType
from typing import Final

from recall.distill import Distiller, NoDistiller
from recall.drafts import Lesson, forgetting, lesson
from recall.errors import MemoryUnavailable, StillReading, StoreTooNew, told
from recall.forgetting import Forget
from recall.records import USER, Draft, Exchange, Findings, Kind, Memory, Role, Scope
from recall.store import Opens, Store
from recall.wishes import is_likely

logger = logging.getLogger("memory_proxy")

AT_ONCE: Final = 32  # exchanges of one batch: an explicit request waits for no more than these
BYTES_AT_ONCE: Final = 4 << 20
BREATH: Final = 0.001  # seconds in which whoever serves requests comes to run, per exchange
OVERHEAD: Final = 1_024  # bytes that an exchange takes besides its texts
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between attempts at a store that fails
BETWEEN_LOGS: Final = 60.0  # seconds
MOST_FORGOTTEN: Final = 5  # memories for one request
LOOKED_THROUGH: Final = 2_000  # memories, where searching finds none

# Waiting may help: the disk is full, the file is locked.
_PASSING: Final = (MemoryUnavailable, sqlite3.OperationalError, OSError)
_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Progress:
    """What the learner has done so far, in exchanges."""

    learned: int = 0
    waiting: int = 0
    refused: int = 0  # never accepted: there was no room
    dropped: int = 0  # accepted and not learned, each with a line in the log
    redactions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class _Item:
    """An exchange that was accepted."""

    number: int
    exchange: Exchange
    size: int
    parts: int = 0  # that are not stored yet
    is_whole: bool = True  # no part was dropped


@dataclass(slots=True)
class _Part:
    """What one exchange brings to one scope."""

    item: _Item
    drafts: Sequence[Draft]
    exchange: Exchange | None
    forget: Sequence[Forget]
    redactions: Mapping[str, int]
    failed_first: float | None = None


@dataclass(slots=True)
class _Held:
    """What waits for a store that failed."""

    parts: deque[_Part]
    due: float
    pause: float


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What an exchange that overtook others has said on what they may still say."""

    number: int
    project: str | None
    forget: Sequence[Forget]
    rules: Sequence[Draft]  # the project's
    user_rules: Sequence[Draft]


class Learner:
    """Takes exchanges at once, and learns from them in a thread of its own."""

    def __init__(
        self,
        stores: Opens,
        *,
        distiller: Distiller | None = None,
        limit: int = 20_000,
        byte_limit: int = 128 << 20,
        patience: float = math.inf,
    ) -> None:
        self._stores = stores
        self._distiller = distiller or NoDistiller()
        self._limit = limit
        self._byte_limit = byte_limit
        self._patience = patience
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._urgent: deque[_Item] = deque()
        self._ordinary: deque[_Item] = deque()
        self._open: dict[int, _Item] = {}  # accepted and not done with, the oldest first
        self._bytes = 0
        self._numbers = 0
        self._learned = self._refused = self._dropped = 0
        self._redactions: Counter[str] = Counter()
        self._told_full = -BETWEEN_LOGS
        self._is_closing = self._is_stopped = False
        # These belong to the thread.
        self._held: dict[Scope, _Held] = {}
        self._ahead: list[_Ahead] = []

    def offer(self, exchange: Exchange) -> bool:
        """Accept an exchange, in a time that does not depend on its size; False: not learned.

        Without a project nothing is learned, as nobody knows whose it would be.
        """
        try:
            return self._offer(exchange)
        except Exception as error:  # whoever offers has a request to serve
            logger.warning("memory.refused error=%s", type(error).__name__)
            return False

    def settle(self, seconds: float) -> bool:
        """Wait until everything that was accepted so far is done with; whether it is."""
        with self._changed:
            last = self._numbers
            return self._changed.wait_for(
                lambda: next(iter(self._open), last + 1) > last, max(0.0, seconds)
            )

    def close(self, seconds: float) -> bool:
        """Accept nothing more and store what waits, for so long at most; whether all is stored."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        is_done = self.settle(seconds)
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
            thread, lost = self._thread, len(self._open)
            self._dropped += lost
            self._open.clear()
            self._urgent.clear()
            self._ordinary.clear()
        if lost:
            logger.warning("memory.lost exchanges=%d reason='closed'", lost)
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        return is_done

    def progress(self) -> Progress:
        """What was done so far."""
        with self._changed:
            return Progress(
                learned=self._learned,
                waiting=len(self._open),
                refused=self._refused,
                dropped=self._dropped,
                redactions=MappingProxyType(dict(self._redactions)),
            )

    # --- accepting -------------------------------------------------------------------------

    def _offer(self, exchange: Exchange) -> bool:
        if exchange.project is None:
            return False
        size = getsizeof(exchange.question) + getsizeof(exchange.answer) + OVERHEAD
        is_urgent = is_likely(exchange.question)
        with self._changed:
            if self._is_closing:
                return False
            waiting, has_room = len(self._open), self._bytes + size <= self._byte_limit
            if waiting < self._limit and has_room:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="learner", daemon=True)
                    thread.start()
                    self._thread = thread
                self._numbers += 1
                item = _Item(self._numbers, exchange, size)
                self._open[item.number] = item
                self._bytes += size
                (self._urgent if is_urgent else self._ordinary).append(item)
                self._changed.notify_all()
                return True
            self._refused += 1
            refused, now = self._refused, time.monotonic()
            is_news = now - self._told_full >= BETWEEN_LOGS
            if is_news:
                self._told_full = now
        if is_news:
            logger.warning("memory.full waiting=%d refused=%d", waiting, refused)
        return False

    # --- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            try:
                self._learn(batch)
            except Exception as error:  # a bug must not end the thread
                # Not its message: what was said may be in that.
                logger.error("memory.bug error=%s at=%s", type(error).__name__, _place(error))
                for item in batch:
                    self._drop(item)

    def _next(self) -> list[_Item] | None:
        """What to learn next, which may be nothing where a store is tried again; None: the end."""
        with self._changed:
            while not self._is_stopped:
                queue = self._urgent or self._ordinary
                if queue:
                    return list(_batch(queue))
                due = min((held.due for held in self._held.values()), default=None)
                if due is None and self._is_closing:
                    return None
                wait = None if due is None else due - time.monotonic()
                if wait is not None and (wait <= 0 or self._is_closing):
                    if wait > 0:
                        # Closing has little time: every store gets its chance soon.
                        self._changed.wait(min(wait, FIRST_PAUSE))
                    return []
                self._changed.wait(wait)
            return None

    def _learn(self, batch: Sequence[_Item]) -> None:
        by_scope: dict[Scope, deque[_Part]] = {}
        for item in batch:
            time.sleep(0 if self._is_closing else BREATH)
            try:
                parts = self._parts(item)
            except Exception as error:
                logger.warning("memory.skipped reason=%r", told(error))
                self._drop(item)
                continue
            item.parts = len(parts)
            for scope, part in parts.items():
                by_scope.setdefault(scope, deque()).append(part)
        for scope, waiting in by_scope.items():
            if held := self._held.get(scope):
                held.parts.extend(waiting)
            else:
                self._store(scope, waiting)
        now = time.monotonic()
        for scope, held in list(self._held.items()):
            if held.due <= now or self._is_closing:
                self._store(scope, held.parts)

    def _parts(self, item: _Item) -> dict[Scope, _Part]:
        """What an exchange brings to each scope."""
        taught = self._reconciled(item, lesson(item.exchange))
        drafts = self._distilled(taught)
        with self._changed:
            self._redactions.update(taught.redactions)
        project = Scope(item.exchange.project)
        parts = {project: _Part(item, drafts, taught.exchange, taught.forget, taught.redactions)}
        if taught.user or taught.forget:
            parts[USER] = _Part(item, taught.user, None, taught.forget, {})
        return parts

    def _reconciled(self, item: _Item, taught: Lesson) -> Lesson:
        """The lesson as it is after what has overtaken it; and what it overtakes itself."""
        with self._changed:
            oldest = self._ordinary[0].number if self._ordinary else None
        # What was taken out together with this one is older than what still waits.
        self._ahead = [a for a in self._ahead if a.number > min(oldest or item.number, item.number)]
        project = item.exchange.project
        rules, user_rules = _with_rules(taught.project), _with_rules(taught.user)
        for ahead in self._ahead:
            if ahead.number < item.number:
                continue
            # A rule said again comes before older ones, so the newer one is said again behind
            # the older; with the same evidence it does not count twice.
            if rules and ahead.project == project:
                taught = replace(taught, project=(*taught.project, *ahead.rules))
            if user_rules:
                taught = replace(taught, user=(*taught.user, *ahead.user_rules))
            if ahead.forget and ahead.project == project:
                taught = forgetting(taught, ahead.forget)
        if oldest is not None and oldest < item.number:
            self._ahead.append(_Ahead(item.number, project, taught.forget, rules, user_rules))
        return taught

    def _distilled(self, taught: Lesson) -> Sequence[Draft]:
        try:
            drafts = self._distiller.distill(taught.exchange, taught.project)
        except Exception as error:
            logger.warning("memory.undistilled error=%s", type(error).__name__)
            return taught.project
        if drafts is taught.project:
            return drafts
        # Whatever it was made from, the store is to look at it again.
        return [replace(draft, checked=0) for draft in drafts]

    # --- storing ---------------------------------------------------------------------------

    def _store(self, scope: Scope, parts: deque[_Part]) -> None:
        """Store all parts; where the store fails, the rest of them waits for a better time."""
        held = self._held.get(scope)
        try:
            with self._stores.open(scope) as store:
                if held:
                    self._add_singly(store, parts)
                else:
                    self._add_all(store, parts)
        except StoreTooNew as error:
            self._lose(scope, parts, error)
            self._held.pop(scope, None)
        except _PASSING as error:
            self._hold(scope, parts, error)
        except Exception as error:  # nothing that waiting could mend
            self._lose(scope, parts, error)
            self._held.pop(scope, None)
        else:
            self._held.pop(scope, None)
            if held:
                logger.info("memory.resumed scope=%s", scope)

    def _add_all(self, store: Store, parts: deque[_Part]) -> None:
        """Store parts in few transactions; a request to forget comes between two of them."""
        while parts:
            others = takewhile(lambda part: not part.forget, islice(parts, 1, None))
            group = [parts[0], *others]
            try:
                self._forget(store, parts[0])
                store.add_many([(part.drafts, part.exchange) for part in group])
            except _PASSING:
                raise
            except Exception:
                # One of them is to blame; the others must not suffer for it.
                self._add_singly(store, parts)
                return
            self._count_redactions(store, group)
            for _ in group:
                self._finish(parts.popleft())

    def _add_singly(self, store: Store, parts: deque[_Part]) -> None:
        """Store parts one by one, so that one which cannot be stored stops no other.

        Where a second one fails as well, it is the store that is to blame.
        """
        doubtful: list[tuple[_Part, Exception]] = []
        try:
            while parts:
                part = parts[0]
                try:
                    self._forget(store, part)
                    store.add_many([(part.drafts, part.exchange)])
                except StillReading:
                    raise  # no fault of this part
                except _PASSING as error:
                    if doubtful or len(parts) == 1:
                        raise
                    doubtful.append((parts.popleft(), error))
                    continue
                except Exception as error:
                    parts.popleft()
                    self._skip(part, error)
                    continue
                parts.popleft()
                self._count_redactions(store, [part])
                self._finish(part)
                for bad, reason in doubtful:
                    self._skip(bad, reason)
                doubtful.clear()
        finally:
            parts.extendleft(part for part, _ in reversed(doubtful))

    def _forget(self, store: Store, part: _Part) -> None:
        """Delete what clearly is meant, weightier kinds first, and no more than a few."""
        while part.forget:
            wish = part.forget[0]
            meant = sorted(
                _meant(store, wish),
                key=lambda memory: (memory.role is not Role.USER, _RANK[memory.kind]),
            )
            count = store.forget([memory.id for memory in meant[:MOST_FORGOTTEN]]) if meant else 0
            part.forget = part.forget[1:]
            logger.info("memory.forgotten scope=%s memories=%d", store.scope, count)

    def _count_redactions(self, store: Store, parts: Sequence[_Part]) -> None:
        found: Counter[str] = Counter()
        for part in parts:
            found.update(part.redactions)
        if found:
            try:
                store.count_redactions(found)
            except _PASSING as error:  # the memories are stored; a count is not worth a second go
                logger.warning("memory.uncounted reason=%r", told(error))

    def _hold(self, scope: Scope, parts: deque[_Part], error: Exception) -> None:
        now = time.monotonic()
        kept: deque[_Part] = deque()
        lost: deque[_Part] = deque()
        for part in parts:
            if part.failed_first is None:
                part.failed_first = now
            is_late = now - part.failed_first >= self._patience
            (lost if is_late else kept).append(part)
        self._lose(scope, lost, error)
        held = self._held.get(scope)
        if not kept:
            self._held.pop(scope, None)
        elif held:
            held.parts, held.pause = kept, min(2 * held.pause, LONGEST_PAUSE)
            held.due = now + held.pause
        else:
            self._held[scope] = _Held(kept, now + FIRST_PAUSE, FIRST_PAUSE)
            logger.warning("memory.waits scope=%s reason=%r", scope, told(error))

    def _lose(self, scope: Scope, parts: deque[_Part], error: Exception) -> None:
        if parts:
            logger.warning(
                "memory.lost exchanges=%d scope=%s reason=%r", len(parts), scope, told(error)
            )
        while parts:
            part = parts.popleft()
            part.item.is_whole = False
            self._finish(part)

    def _skip(self, part: _Part, error: Exception) -> None:
        logger.warning("memory.skipped reason=%r", told(error))
        part.item.is_whole = False
        self._finish(part)

    def _finish(self, part: _Part) -> None:
        item = part.item
        item.parts -= 1
        if item.parts == 0:
            self._close_item(item)

    def _drop(self, item: _Item) -> None:
        item.is_whole = False
        self._close_item(item)

    def _close_item(self, item: _Item) -> None:
        with self._changed:
            # After `close` it was counted as lost already.
            if self._open.pop(item.number, None):
                self._bytes -= item.size
                self._learned += item.is_whole
                self._dropped += not item.is_whole
            self._changed.notify_all()


def _place(error: Exception) -> str:
    """The line at which it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


def _batch(queue: deque[_Item]) -> Iterator[_Item]:
    """The first of a queue, as many as are learned in one go."""
    size = 0
    for _ in range(AT_ONCE):
        if not queue or size > BYTES_AT_ONCE:
            return
        size += queue[0].size
        yield queue.popleft()


def _meant(store: Store, wish: Forget) -> list[Memory]:
    """The memories that a request to forget means."""
    try:
        findings = store.search(wish.about, limit=50, seconds=2.0)
    except MemoryUnavailable:
        findings = Findings()  # cannot be searched; it can still be looked through
    if findings.failure:
        raise StillReading(findings.failure)
    # A search leaves out all too common words.
    found = [hit.memory for hit in findings.hits if wish.means(hit.memory.text, hit.memory.kind)]
    return found or [m for m in store.list(limit=LOOKED_THROUGH) if wish.means(m.text, m.kind)]


def _with_rules(drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    return tuple(draft for draft in drafts if draft.rules)
