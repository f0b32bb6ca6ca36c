"""What was put into which turn of a conversation, so that the same goes back to it every time.

`find` knows at once what was kept, and what it once gave to a session it gives again. What is to be
written is written by a thread, in the background; what waits for it is all that a kill can lose.

Nothing that was forgotten comes back: a note is deleted together with a memory that its block
quotes. Forgetting a memory of the user's own file cannot reach the files of projects, so whatever
quotes one is compared with that file when it is read, and whenever anything was forgotten there.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recall.errors import MemoryUnavailable, told
from recall.records import Scope
from recall.redact import VERSION, redact
from recall.scopes import Stores
from recall.sentences import storable
from recall.turn_notes import Change, Place, Seen, State, is_still
from recall.turn_rows import DAY, Note, Stored
from recall.turn_writer import LONGEST, TurnWriter, of_user, seen_of_user

__all__ = ["Note", "Turns"]

logger = logging.getLogger("memory_proxy")

MOST: Final = 20_000  # notes of one scope
MOST_BYTES: Final = 64 << 20  # of their blocks
KNOWN: Final = 4_096  # notes in memory


@dataclass(frozen=True, slots=True)
class _Asked:
    """A conversation whose notes are asked for."""

    scope: Scope
    session: str
    owns: Mapping[str, str]
    """What was typed in each turn, by key."""
    newest: str

    def said_once(self, of: Iterable[str]) -> set[str]:
        """What was typed in one of these turns, and in no other one."""
        times = Counter(self.owns.values())
        return {self.owns[key] for key in of if times[self.owns[key]] == 1}


@dataclass(frozen=True, slots=True)
class _Known:
    """A note in memory, as of what was seen of the files then."""

    note: Note
    state: State
    found: float


@dataclass(frozen=True, slots=True)
class _Held:
    """What is in memory at one moment."""

    exact: Mapping[str, _Known]
    """The session's own notes, by key."""
    unwritten: Mapping[Place, Stored]
    """All notes that wait to be written, also those of other sessions."""
    answered: frozenset[Place]
    """The turns of which it waits to be written that they have had their answer."""

    def beside(self, rows: Iterable[Stored]) -> list[Stored]:
        """Of what was read from the file, what is not newer here, as it will be."""
        return [
            replace(row, note=replace(row.note, answered=True)) if place in self.answered else row
            for row in rows
            if (place := (row.note.key, row.note.session)) not in self.unwritten
        ]


class Turns:
    """Keeps what was put into turns, and gives it back; for all threads."""

    def __init__(
        self,
        stores: Stores,
        clock: Callable[[], float] = time.time,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._known: OrderedDict[tuple[Scope, Place], _Known] = OrderedDict()
        self._states: dict[Scope, State] = {}  # as last seen
        self._writer = TurnWriter(
            stores, clock, self._was_written, most=most, most_bytes=most_bytes
        )
        self._lock = self._writer.lock

    # --- asking ----------------------------------------------------------------------------

    def find(
        self, scope: Scope, turns: Sequence[tuple[str, str]], session: str, seconds: float
    ) -> dict[str, Note]:
        """The notes on the turns of a conversation, given as pairs of key and own, by key.

        The session's own note comes before the newest of other sessions, which from then on is the
        session's as well. Only for the newest turn the other session's is given as it is: whether
        that turn is the same one is for the caller to say, who then keeps a note of his own.

        A turn without a note, of a session that is named, may be one that moved, because what was
        said before it was left out or changed. It has the note of the only turn of this session,
        outside this conversation, with the same words; the newest turn only if that one has had no
        answer, as saying the same words again begins another turn.

        Where a file cannot be read in time, what is known in memory is given; where that is
        nothing, MemoryUnavailable is raised, because no note is not the same as not knowing.
        """
        if not turns:
            return {}
        end = time.monotonic() + max(0.0, min(seconds, LONGEST))
        asked = _Asked(scope, storable(session), dict(turns), turns[-1][0])
        try:
            notes = self._find(asked, end)
        except MemoryUnavailable:
            notes = self._remembered(asked)
            if not notes:
                raise
        if session == asked.session:
            return notes
        # As the client says it, for who compares.
        return {
            key: replace(note, session=session) if note.session == asked.session else note
            for key, note in notes.items()
        }

    def _remembered(self, asked: _Asked) -> dict[str, Note]:
        """What is in memory, whether or not it can be compared with the files."""
        notes: dict[str, Note] = {}
        with self._lock:
            waiting = self._writer.waiting(asked.scope)
            for key in asked.owns:
                place = key, asked.session
                if (change := waiting.get(place)) and change.note is not None:
                    notes[key] = change.note
                elif known := self._known.get((asked.scope, place)):
                    notes[key] = known.note
        return notes

    def _find(self, asked: _Asked, end: float) -> dict[str, Note]:
        scope = asked.scope
        user, is_sure = self._seen_of_user(scope, end)
        state: State = None, user
        rows: list[Stored] = []
        held = None if self._stores.exists(scope) else self._in_memory(asked, state)
        # Once more: what was still waiting a moment ago may lie in a file by now.
        if held is None or self._stores.exists(scope):
            self._writer.look_through_once(scope)
            with self._stores.open(scope, create=False, seconds=_left(end)) as store:
                last = self._states.get(scope, state)
                if last[1] != user:
                    self._writer.look_through(scope)  # it may quote what was forgotten there
                state = last[0], user
                while True:
                    held = self._in_memory(asked, state)
                    missing = asked.owns.keys() - held.exact.keys()
                    seen, rows = store.notes.find(missing, asked.session, _left(end))
                    if state == (seen, user):
                        break
                    state = seen, user
                missing -= {row.note.key for row in rows}
                if owns := asked.said_once(missing) if asked.session else None:
                    rows += store.notes.find_alike(owns, asked.session, _left(end))
        good = [*held.unwritten.values(), *self._good(scope, held.beside(rows), is_sure, end)]
        with self._lock:
            self._states[scope] = state
            return self._given(asked, state, held.exact, good)

    def _seen_of_user(self, scope: Scope, end: float) -> tuple[Seen, bool]:
        """What is seen of the user's own file now, or else was last; and whether it is now."""
        try:
            return seen_of_user(self._stores, _left(end)), True
        except MemoryUnavailable:
            return self._states.get(scope, (None, None))[1], False

    def _in_memory(self, asked: _Asked, state: State) -> _Held:
        """What nothing speaks against: the session's own notes, and all that wait to be written."""
        exact: dict[str, _Known] = {}
        now = self._clock()
        with self._lock:
            changes = self._writer.waiting(asked.scope)
            waiting = {
                place: change.note
                for place, change in changes.items()
                if change.note is not None and _may_be_given(change.note, change.state, state)
            }
            answered = frozenset(place for place, change in changes.items() if change.answered)
            for key in asked.owns:
                place = key, asked.session
                known = self._known.get((asked.scope, place))
                if note := waiting.get(place):
                    exact[key] = _Known(note, state, now)
                elif known and known.state == state:
                    self._known.move_to_end((asked.scope, place))
                    exact[key] = known
        unwritten = {place: Stored(note, (), now, VERSION) for place, note in waiting.items()}
        return _Held(exact, unwritten, answered)

    def _good(
        self, scope: Scope, rows: Sequence[Stored], is_sure: bool, end: float
    ) -> list[Stored]:
        """Of what was read, what may be given: it quotes nothing that is gone, and no secret."""
        quoted = {memory_id for row in rows for memory_id in row.users}
        there: set[str] = set()
        if quoted and is_sure:
            try:
                there = of_user(self._stores, quoted, _left(end))
            except MemoryUnavailable:
                is_sure = False
        if is_sure and quoted - there:
            self._writer.look_through(scope)
        good = [row for row in rows if there.issuperset(row.users)]
        return [row if row.checked == VERSION else self._checked(scope, row) for row in good]

    def _checked(self, scope: Scope, row: Stored) -> Stored:
        """The same by today's rules for secrets."""
        note = replace(row.note, block=redact(row.note.block).text)
        with self._lock:
            self._writer.write_soon(
                scope, (note.key, note.session), checked=(row.note.block, note.block)
            )
        return replace(row, note=note, checked=VERSION)

    def _given(
        self, asked: _Asked, state: State, exact: Mapping[str, _Known], rows: Sequence[Stored]
    ) -> dict[str, Note]:
        """One note for each turn that has one, from what is in memory and in the file."""
        scope, session, now = asked.scope, asked.session, self._clock()
        by_key: dict[str, list[Stored]] = {}
        for row in rows:
            by_key.setdefault(row.note.key, []).append(row)
        owns = asked.said_once(asked.owns) if session else ()
        notes: dict[str, Note] = {}
        for key, own in asked.owns.items():
            if known := exact.get(key):
                notes[key] = known.note
                self._was_found(scope, (key, session), known.found, now)
                continue
            best = None
            if same := by_key.get(key):
                best = max(same, key=lambda row: (row.note.session == session, row.note.created))
            elif own in owns:
                best = _moved(rows, asked, key)
            if best is None:
                continue
            note, place = best.note, (key, session)
            if same and (note.session == session or key == asked.newest):
                self._was_found(scope, (key, note.session), best.found, now)
            else:
                note = replace(note, key=key, session=session)
                self._writer.write_soon(scope, place, note=note, known_stays=True, state=state)
            if note.session == session:
                self._remember(scope, place, _Known(note, state, now))
            notes[key] = note
        return notes

    def _was_found(self, scope: Scope, place: Place, last: float, now: float) -> None:
        """Remember once a day that a note is still in use."""
        if abs(now - last) > DAY:
            self._writer.write_soon(scope, place, found=now)
            if known := self._known.get((scope, place)):
                self._known[scope, place] = replace(known, found=now)

    # --- telling ---------------------------------------------------------------------------

    def keep(self, scope: Scope, note: Note) -> bool:
        """Remember what is put into a turn: found at once, and written soon; whether that is so."""
        try:
            note = replace(note, session=storable(note.session))
            place = note.key, note.session
            with self._lock:
                state = self._states.get(scope, (None, None))
                if not self._writer.write_soon(scope, place, note=note, state=state):
                    return False
                self._known.pop((scope, place), None)
                self._remember(scope, place, _Known(note, state, self._clock()))
            self._writer.look_through_once(scope)
        except Exception as error:  # whoever keeps has a request to serve
            logger.warning("memory.turn_not_kept reason=%r", told(error))
            return False
        return True

    def answered(self, scope: Scope, key: str, session: str) -> None:
        """Remember that a turn has had its answer: known at once, and written soon."""
        try:
            place = key, storable(session)
            with self._lock:
                known = self._known.get((scope, place))
                if known and not known.note.answered:
                    note = replace(known.note, answered=True)
                    self._known[scope, place] = replace(known, note=note)
                self._writer.write_soon(scope, place, answered=True)
        except Exception as error:
            logger.warning("memory.turn_not_kept reason=%r", told(error))

    def _remember(self, scope: Scope, place: Place, known: _Known) -> None:
        """Have a note in memory, unless a newer one came meanwhile; holding the lock."""
        present = self._known.get((scope, place))
        if present is None or present.state != known.state:
            self._known[scope, place] = known
            self._known.move_to_end((scope, place))
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def _was_written(self, scope: Scope, change: Change, kept: Note | None, state: State) -> None:
        """Have in memory what lies in the file now; holding the lock."""
        assert change.note is not None
        place = change.note.key, change.note.session
        known = self._known.get((scope, place))
        if known is None or known.note != change.note:
            return
        if kept is None:
            del self._known[scope, place]
        elif not change.known_stays:
            self._known[scope, place] = replace(known, note=kept, state=state)

    def settle(self, seconds: float) -> bool:
        """Wait until all that was kept so far is written; whether it is."""
        return self._writer.settle(seconds)

    def close(self, seconds: float) -> None:
        """Write what waits, in so many seconds at most, and end the thread."""
        self._writer.close(seconds)


def _left(end: float) -> float:
    return max(0.0, end - time.monotonic())


def _may_be_given(note: Note, then: State, now: State) -> bool:
    """Whether nothing was forgotten since the note was made that it may quote."""
    return not note.memories or is_still(then, now)


def _moved(rows: Iterable[Stored], asked: _Asked, key: str) -> Stored | None:
    """The note of the only turn in which the same was typed before, where there is only one.

    One turn may have been noted more than once, each time that it had moved.
    """
    same = [
        row
        for row in rows
        if row.note.session == asked.session
        and row.note.own == asked.owns[key]
        and row.note.key not in asked.owns
        and not (key == asked.newest and row.note.answered)
    ]
    if len({(row.note.block, row.note.memories) for row in same}) != 1:
        return None
    return max(same, key=lambda row: row.note.created)
