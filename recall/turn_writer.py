"""Writes in the background what is to be noted about turns, and keeps the notes bounded."""

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Final, Protocol

from recall.errors import MemoryUnavailable, StoreTooNew, told
from recall.records import USER, Scope
from recall.scopes import Stores
from recall.turn_notes import Change, Place, Seen, State
from recall.turn_rows import Note

logger = logging.getLogger("memory_proxy")

MOST_WAITING: Final = 4_096  # changes, while a file cannot be written
AT_ONCE: Final = 256  # changes of one transaction
BETWEEN_LOOKS: Final = 256  # notes written, before it is looked whether there are too many
LONGEST: Final = 3_600.0  # seconds; no clock waits for ever
BETWEEN_LOGS: Final = 60.0  # seconds
SECONDS_FOR_A_FILE: Final = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between attempts at a file that fails

# Waiting may help: the disk is full, the file is locked.
_PASSING: Final = (MemoryUnavailable, sqlite3.OperationalError, OSError)
_NOTHING: Final[Mapping[Place, Change]] = MappingProxyType({})


class Told(Protocol):
    """Who wants to know what became of a note: as it was written, or None if it may not be."""

    def __call__(self, scope: Scope, change: Change, kept: Note | None, state: State) -> None: ...


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when a file that failed is left alone."""

    due: float
    seconds: float


class TurnWriter:
    """One thread that writes what waits, file by file."""

    def __init__(
        self,
        stores: Stores,
        clock: Callable[[], float],
        when_written: Told,
        *,
        most: int,
        most_bytes: int,
    ) -> None:
        self.lock = threading.Condition()
        """Whoever holds it sees nothing change; `when_written` is called with it."""
        self._stores = stores
        self._clock = clock
        self._when_written = when_written
        self._most = most
        self._most_bytes = most_bytes
        self._thread: threading.Thread | None = None
        self._waiting: dict[Scope, dict[Place, Change]] = {}  # none of them empty
        self._untidy: dict[Scope, int] = {}  # files to be looked through, and since which number
        self._numbers = 0
        self._written: Counter[Scope] = Counter()
        self._pauses: dict[Scope, _Pause] = {}
        self._lost = 0  # as too many waited
        self._told = -BETWEEN_LOGS
        self._is_closing = self._is_stopped = False

    def waiting(self, scope: Scope) -> Mapping[Place, Change]:
        """What is not yet written; holding the lock."""
        return self._waiting.get(scope, _NOTHING)

    def write_soon(
        self,
        scope: Scope,
        place: Place,
        *,
        note: Note | None = None,
        known_stays: bool = False,
        state: State = (None, None),
        answered: bool = False,
        found: float | None = None,
        checked: tuple[str, str] | None = None,
    ) -> bool:
        """Add to what is to be written about a place; holding the lock. False: it is closed."""
        if self._is_stopped:
            return False
        self._numbers += 1
        waiting = self._waiting.setdefault(scope, {})
        change = waiting.get(place) or Change(self._numbers)
        if note is not None:
            # What was to be written about an older one counts no longer.
            change = Change(change.number, note, known_stays, state)
        if answered:
            noted = change.note and replace(change.note, answered=True)
            change = replace(change, note=noted, answered=True)
        waiting[place] = replace(
            change,
            found=change.found if found is None else found,
            checked=checked or change.checked,
        )
        if sum(map(len, self._waiting.values())) > MOST_WAITING:
            del waiting[next(iter(waiting))]
            self._lost += 1
            if time.monotonic() - self._told >= BETWEEN_LOGS:
                self._told = time.monotonic()
                logger.warning("memory.turns_lost turns=%d reason='too many wait'", self._lost)
        self._begin()
        return True

    def look_through_once(self, scope: Scope) -> None:
        """Have a file looked through for what is gone or too much, when it is first used."""
        if scope not in self._written:
            self.look_through(scope)

    def look_through(self, scope: Scope) -> None:
        """Have a file looked through now."""
        with self.lock:
            if self._is_stopped:
                return
            self._written[scope] += 0
            self._numbers += 1
            self._untidy.setdefault(scope, self._numbers)
            self._begin()

    def _begin(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="memory-notes", daemon=True)
            thread.start()
            self._thread = thread
        self.lock.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until all that was kept so far is written; whether it is."""
        with self.lock:
            last = self._numbers
            return self.lock.wait_for(
                lambda: min((number for number, _ in self._due()), default=last + 1) > last,
                max(0.0, min(seconds, LONGEST)),
            )

    def close(self, seconds: float) -> None:
        """Write what waits, in so many seconds at most, and end the thread."""
        with self.lock:
            self._is_closing = True
            self.lock.notify_all()
        self.settle(seconds)
        with self.lock:
            self._is_stopped = True
            self.lock.notify_all()
            thread, lost = self._thread, sum(map(len, self._waiting.values()))
            self._waiting.clear()
            self._untidy.clear()
        if lost:
            logger.warning("memory.turns_lost turns=%d reason='closed'", lost)
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    # --- the thread ------------------------------------------------------------------------

    def _due(self) -> list[tuple[int, Scope]]:
        """Every file that there is something to do for, with the number of what came first."""
        due = [(number, scope) for scope, number in self._untidy.items()]
        for scope, waiting in self._waiting.items():
            due += [(min(change.number for change in waiting.values()), scope)]
        return due

    def _run(self) -> None:
        while (scope := self._next()) is not None:
            try:
                self._serve(scope)
            except StoreTooNew as error:
                self._lose(scope, None, error)
            except _PASSING as error:
                self._pause(scope, error)
            except Exception as error:  # a bug must not end the thread
                self._lose(scope, None, error)
            else:
                self._pauses.pop(scope, None)

    def _next(self) -> Scope | None:
        """The scope to serve next, the one that has waited longest; None: the end."""
        with self.lock:
            while not self._is_stopped:
                due = sorted(self._due(), key=lambda one: one[0])
                if not due and self._is_closing:
                    return None
                now = time.monotonic()
                waits = {scope: self._wait_of(scope, now) for _, scope in due}
                for _, scope in due:
                    if waits[scope] <= 0:
                        return scope
                self.lock.wait(min(waits.values(), default=None))
            return None

    def _wait_of(self, scope: Scope, now: float) -> float:
        pause = self._pauses.get(scope)
        if pause is None:
            return 0.0
        # Closing has little time: every file gets its chance soon.
        since = pause.due - pause.seconds
        return since + (FIRST_PAUSE if self._is_closing else pause.seconds) - now

    def _serve(self, scope: Scope) -> None:
        with self.lock:
            batch = dict(islice(self._waiting.get(scope, {}).items(), AT_ONCE))
            untidy = self._untidy.get(scope)
        if batch:
            self._write_all(scope, batch)
        elif untidy is not None:
            self._tidy(scope)
            with self.lock:
                if self._untidy.get(scope) == untidy:
                    del self._untidy[scope]
                self.lock.notify_all()

    def _write_all(self, scope: Scope, batch: Mapping[Place, Change]) -> None:
        try:
            self._write(scope, batch)
        except _PASSING:
            raise
        except Exception as error:
            # One of them is to blame; the others must not suffer for it.
            if len(batch) == 1:
                self._lose(scope, batch, error)
            else:
                for place, change in batch.items():
                    self._write_all(scope, {place: change})

    def _write(self, scope: Scope, batch: Mapping[Place, Change]) -> None:
        kept: Mapping[Place, Note] = {}
        state: State = None, None
        noted = [change.note for change in batch.values() if change.note]
        if noted or self._stores.exists(scope):
            with self._stores.open(scope) as store:
                quoted = {memory_id for note in noted for memory_id in note.memories}
                user = seen_of_user(self._stores, SECONDS_FOR_A_FILE)
                theirs = of_user(self._stores, quoted, SECONDS_FOR_A_FILE)
                state, kept = store.notes.write(batch, user, theirs, self._clock())
            if theirs and seen_of_user(self._stores, SECONDS_FOR_A_FILE) != user:
                self.look_through(scope)  # forgotten while this was written
        with self.lock:
            waiting = self._waiting.get(scope, {})
            for place, change in batch.items():
                if waiting.get(place) is not change:
                    continue  # there is more to write by now
                del waiting[place]
                if change.note is not None:
                    self._when_written(scope, change, kept.get(place), state)
            if not waiting:
                self._waiting.pop(scope, None)
            self.lock.notify_all()
        before = self._written[scope] // BETWEEN_LOOKS
        self._written[scope] += len(kept)
        if self._written[scope] // BETWEEN_LOOKS > before:
            self.look_through(scope)

    def _tidy(self, scope: Scope) -> None:
        """Delete what quotes memories that are gone, what is old, and what is too much."""
        if not self._stores.exists(scope):
            return
        with self._stores.open(scope, create=False) as store:
            strangers = store.notes.strangers()
            if gone := strangers - of_user(self._stores, strangers, SECONDS_FOR_A_FILE):
                store.notes.forget(gone)
            store.notes.prune(self._clock(), self._most, self._most_bytes)

    def _pause(self, scope: Scope, error: Exception) -> None:
        before = self._pauses.get(scope)
        seconds = min(2 * before.seconds, LONGEST_PAUSE) if before else FIRST_PAUSE
        with self.lock:
            self._pauses[scope] = _Pause(time.monotonic() + seconds, seconds)
        if before is None:
            logger.warning("memory.turns_wait scope=%s reason=%r", scope, told(error))

    def _lose(self, scope: Scope, batch: Iterable[Place] | None, error: Exception) -> None:
        """Nothing that waiting could mend, of some places or all; in memory it is still known."""
        with self.lock:
            waiting = self._waiting.get(scope, {})
            places = list(waiting if batch is None else batch)
            lost = sum(waiting.pop(place, None) is not None for place in places)
            if not waiting:
                self._waiting.pop(scope, None)
                self._untidy.pop(scope, None)
            self.lock.notify_all()
        logger.warning("memory.turns_lost turns=%d scope=%s reason=%r", lost, scope, told(error))


def seen_of_user(stores: Stores, seconds: float) -> Seen:
    """What is seen of the user's own file."""
    if not stores.exists(USER):
        return None
    with stores.open(USER, create=False, seconds=seconds) as store:
        return store.notes.seen(seconds)


def of_user(stores: Stores, ids: set[str], seconds: float) -> set[str]:
    """Those of the ids that are of memories in the user's own file."""
    if not ids or not stores.exists(USER):
        return set()
    with stores.open(USER, create=False, seconds=seconds) as store:
        return store.notes.known(ids, seconds)
