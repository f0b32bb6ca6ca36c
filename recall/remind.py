"""Which memory goes into which turn of a conversation: each turn keeps what it was given.

A turn is given memory once, when it begins. From then on the same text goes back to it with every
request of the conversation, because a provider that finds its prompt changed at an earlier place
reads, and bills, everything behind that place anew.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from recall.engine import BUDGET, DEADLINE, Recall
from recall.errors import MemoryUnavailable, told
from recall.records import Recollection, Scope
from recall.render import render, tokens
from recall.turns import Note, Turns

logger = logging.getLogger("memory_proxy")

GAP: Final = "\n\n"
"""Between a block and what the person typed."""
PATIENCE: Final = 1.0
"""Seconds, where a conversation may have memory already. To send it without that once has the
provider read all of it anew, twice, which takes longer."""
THREADS: Final = 8
"""They only wait, and a file that makes one wait shall not keep the others' from being read."""
JUST_MADE: Final = 256
AS_BEFORE: Final = "as before"
TOO_LATE: Final = "this turn began without memory"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said at one point of a conversation; dialects.conversation tells what is what."""

    key: str
    own: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as far as memory is concerned."""

    scope: Scope
    turns: Sequence[Turn]
    session: str = ""
    starts_turn: bool = True
    """Whether the newest turn begins with this request, or a retry of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """What goes into a request, and what a person may want to know about it."""

    blocks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The texts, by the keys of the turns that they belong to."""
    memories: tuple[str, ...] = ()
    """The ids of those in the newest turn."""
    tokens: int = 0
    """Of the newest turn's block, by estimate."""
    seconds: float = 0.0
    why: str = ""


class Reminder:
    """Gives new turns what helps with them, and old turns what they were given."""

    def __init__(self, recall: Recall, turns: Turns) -> None:
        self._recall = recall
        self._turns = turns
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="memory-turns")
        self._making: dict[tuple[Scope, str, str], asyncio.Task[_Made]] = {}
        self._made: OrderedDict[tuple[Scope, str, str], _Made] = OrderedDict()

    async def remind(
        self, asked: Asked, *, deadline: float = DEADLINE, budget: int = BUDGET
    ) -> Reminded:
        """What goes into a request, in so many seconds at most; never raises."""
        try:
            return await self._remind(asked, deadline, budget)
        except (asyncio.CancelledError, RuntimeError):  # what it works with has been closed
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Reminded(why="the memory is closed")

    async def _remind(self, asked: Asked, deadline: float, budget: int) -> Reminded:
        began = time.monotonic()
        if not asked.turns:
            return Reminded(why="nobody has asked anything")
        newest = asked.turns[-1]
        is_first = asked.starts_turn and len(asked.turns) == 1
        notes = await self._notes(asked, deadline if is_first else max(deadline, PATIENCE))
        if notes is None:
            # A note made now might take the place of one that cannot be seen.
            made = self._made.get((asked.scope, newest.key, asked.session))
            if made is None:
                took = time.monotonic() - began
                return Reminded(seconds=took, why="the memory cannot be used now")
            notes = {newest.key: made.note}
        known = notes.get(newest.key)
        if known and is_of_turn(known, asked):
            why = AS_BEFORE if known.block else TOO_LATE
        elif asked.starts_turn:
            known, why = await self._first_time(asked, began, began + deadline, budget)
        else:
            # What the same words were given elsewhere must not come in between two rounds.
            known, why = _note(asked, Recollection()), TOO_LATE
            self._turns.keep(asked.scope, known)
        blocks = {key: note.block for key, note in (notes | {known.key: known}).items()}
        return Reminded(
            blocks={key: block for key, block in blocks.items() if block},
            memories=known.memories,
            tokens=known.tokens,
            seconds=time.monotonic() - began,
            why=why,
        )

    async def _notes(self, asked: Asked, seconds: float) -> dict[str, Note] | None:
        """What is known of the turns; None where that cannot be told in this time."""
        turns = [(turn.key, turn.own) for turn in asked.turns]
        try:
            found = self._pool.submit(self._turns.find, asked.scope, turns, asked.session, seconds)
            return await asyncio.wait_for(asyncio.wrap_future(found), seconds)
        except (TimeoutError, MemoryUnavailable) as error:
            logger.warning("memory.turns_unknown reason=%r", told(error))
            return None

    async def _first_time(
        self, asked: Asked, began: float, end: float, budget: int
    ) -> tuple[Note, str]:
        """The newest turn's memory; who asks for the same at the same time gets the same."""
        place = (asked.scope, asked.turns[-1].key, asked.session)
        if (made := self._made.get(place)) and made.at >= began:
            return made.note, made.why  # while this one was still looking for notes
        making = self._making.get(place)
        if making is None:
            making = asyncio.create_task(self._make(asked, end, budget))
            self._making[place] = making
            making.add_done_callback(lambda _: self._making.pop(place, None))
        # Whoever gives up waiting must not take it from the others.
        made = await asyncio.shield(making)
        return made.note, made.why

    async def _make(self, asked: Asked, end: float, budget: int) -> "_Made":
        newest = asked.turns[-1]
        found = await self._recall.recall(
            newest.text, asked.scope, deadline=max(0.0, end - time.monotonic()), budget=budget
        )
        # Also where there is nothing: the turn begins now, and so it shall stay.
        note, why = _note(asked, found), found.why
        if not self._turns.keep(asked.scope, note):
            note, why = _note(asked, Recollection()), "the memory is closed"
        made = _Made(note, why, time.monotonic())
        self._made[asked.scope, newest.key, asked.session] = made
        while len(self._made) > JUST_MADE:
            self._made.popitem(last=False)
        return made

    def close(self) -> None:
        """End the threads; who waits for one is told."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Made:
    """A note that was just made."""

    note: Note
    why: str
    at: float


def is_of_turn(note: Note, asked: Asked) -> bool:
    """Whether a note on the newest turn is this turn's own.

    Clients that name no session may begin many conversations with the same words; one that begins
    with a turn which has been answered is another one. A turn that is gone on with has left a
    note when it began, so that what is there is its own.
    """
    if note.session != asked.session:
        return False
    return bool(asked.session) or not asked.starts_turn or not note.answered


def _note(asked: Asked, found: Recollection) -> Note:
    """What the newest turn is given."""
    newest, block = asked.turns[-1], render(found)
    return Note(
        key=newest.key,
        own=newest.own,
        session=asked.session,
        block=block,
        memories=tuple(memory.id for memory in found.memories),
        tokens=tokens(block) if block else 0,
        created=time.time(),
    )
