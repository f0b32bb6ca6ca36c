"""Recall within a deadline: from a question to the few memories that help with it."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from recall.errors import MemoryUnavailable, told
from recall.records import USER, Hit, Kind, Memory, Recollection, Scope
from recall.redact import VERSION, redact
from recall.render import tokens
from recall.scopes import Stores
from recall.sentences import plain

logger = logging.getLogger("memory_proxy")

DEADLINE: Final = 0.15  # seconds
LONGEST: Final = 3_600.0  # no clock waits for ever
BUDGET: Final = 1_500  # tokens
CONSIDERED: Final = 28
MOST: Final = 20  # memories; more would bury what helps
# What is left of the deadline when a search has to give its answer.
SPARED: Final = 0.01
# Of the words of two texts, the share from which on they say the same.
ALIKE: Final = 0.8
# So many memories may be too long for what is left of the budget before no more is tried.
MISSES: Final = 3
# A line of who said it and when, around each memory.
TOKENS_AROUND: Final = 16
SECONDS_BETWEEN_WARNINGS: Final = 60.0
SECONDS_BETWEEN_COUNTS: Final = 10.0


class Recall:
    """Finds memories for questions, on threads of its own."""

    def __init__(self, stores: Stores, *, threads: int = 2) -> None:
        self._stores = stores
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="memory-recall")
        # A thread of its own: writing may have to wait for others, and recall must not.
        self._counting = ThreadPoolExecutor(1, thread_name_prefix="memory-counting")
        self._warned = -SECONDS_BETWEEN_WARNINGS
        self._lock = threading.Lock()
        self._used: dict[Scope, list[str]] = {}
        self._counted = time.monotonic()

    async def recall(
        self, question: str, scope: Scope, *, deadline: float = DEADLINE, budget: int = BUDGET
    ) -> Recollection:
        """What helps with a question, in so many seconds and tokens at most; never raises.

        The event loop is free meanwhile. What is late is given up, but what it has read and
        computed makes the next time quick.
        """
        began = time.monotonic()
        end = began + min(deadline, LONGEST)
        try:
            # Given up in time, it is cancelled if it has not begun.
            work = self._pool.submit(self._recalled, question, scope, end, budget)
            return await asyncio.wait_for(asyncio.wrap_future(work), end - began)
        except TimeoutError:
            return Recollection(seconds=time.monotonic() - began, why="nothing found in time")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Recollection(seconds=time.monotonic() - began, why="the memory is closed")
        except RuntimeError:  # the pool is closed
            return Recollection(seconds=time.monotonic() - began, why="the memory is closed")

    def recall_now(
        self, question: str, scope: Scope, deadline: float = DEADLINE, budget: int = BUDGET
    ) -> Recollection:
        """The same on the calling thread, for who has no event loop."""
        return self._recalled(question, scope, time.monotonic() + min(deadline, LONGEST), budget)

    def _recalled(self, question: str, scope: Scope, end: float, budget: int) -> Recollection:
        began = time.monotonic()
        try:
            found = self._recall(question, scope, end - SPARED, budget)
        except MemoryUnavailable as error:
            self._warn(error)
            found = Recollection(why="the memory cannot be used now")
        except Exception as error:  # whatever it is, the request goes on without memory
            self._warn(error)
            found = Recollection(why=f"the memory failed: {type(error).__name__}")
        return replace(found, seconds=time.monotonic() - began)

    def _recall(self, question: str, scope: Scope, end: float, budget: int) -> Recollection:
        if not question.strip():
            return Recollection(why="an empty question")
        if time.monotonic() > end + SPARED:
            return Recollection(why="nothing found in time")
        hits: list[Hit] = []
        hows: list[str] = []
        failures: list[str] = []
        for each in dict.fromkeys((scope, USER)):
            if not self._stores.exists(each):
                continue
            left = max(0.0, end - time.monotonic())
            try:
                with self._stores.open(each, seconds=left) as store:
                    left = max(0.0, end - time.monotonic())
                    found = store.search(
                        question, limit=CONSIDERED, seconds=left, relevant_only=True
                    )
            except MemoryUnavailable as error:
                # What one file cannot give, the other still may.
                self._warn(error)
                failures.append("the memory cannot be used now")
                continue
            hits += found.hits
            (failures if found.failure else hows).append(found.failure or found.how)
        chosen = choose(hits, budget)
        if not chosen.memories and hows:
            return Recollection(why=f"nothing relevant, by {hows[0]}")
        if not chosen.memories:
            return Recollection(why=failures[0] if failures else "nothing is remembered yet")
        self._note_use(chosen.memories)
        count = len(chosen.memories)
        return Recollection(
            memories=chosen.memories,
            tokens=chosen.tokens,
            why=f"{count} {'memory' if count == 1 else 'memories'} by {hows[0]}",
        )

    def _note_use(self, memories: Iterable[Memory]) -> None:
        """Count what was brought back; written now and then, as nobody waits for it."""
        with self._lock:
            for memory in memories:
                self._used.setdefault(memory.scope, []).append(memory.id)
            if time.monotonic() - self._counted < SECONDS_BETWEEN_COUNTS:
                return
            self._counted = time.monotonic()
        with contextlib.suppress(RuntimeError):  # closed
            self._counting.submit(self._count)

    def _count(self) -> None:
        with self._lock:
            used, self._used = self._used, {}
        for scope, ids in used.items():
            try:
                with self._stores.open(scope, create=False) as store:
                    store.used(ids)
            except MemoryUnavailable as error:
                logger.debug("memory use not counted: %s", error)

    def _warn(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned >= SECONDS_BETWEEN_WARNINGS:
            self._warned = now
            logger.warning("memory not recalled: %s", told(error))

    def close(self) -> None:
        """End the threads, and write what is still to be counted."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._counting.shutdown(wait=True, cancel_futures=True)
        self._count()


@dataclass(frozen=True, slots=True)
class Choice:
    """What fits into a budget, in an order that does not depend on the question."""

    memories: tuple[Memory, ...]
    tokens: int


def choose(hits: Sequence[Hit], budget: int) -> Choice:
    """Of what was found, the relevant, each once, the newest version, up to so many tokens."""
    chosen: list[_Shown] = []
    spent = missed = 0
    for hit in sorted(hits, key=lambda hit: -hit.score):
        if not hit.relevant or hit.memory.successor is not None:
            continue
        shown = _shown(hit.memory)
        if not shown.said or _is_known(shown.said, chosen):
            continue
        if spent + shown.tokens > budget:
            missed += 1
            if missed > MISSES:
                break
            continue
        spent += shown.tokens
        chosen.append(shown)
        if len(chosen) == MOST:
            break
    return Choice(tuple(sorted((shown.memory for shown in chosen), key=_place)), spent)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A memory as it may be shown, by today's rules for secrets."""

    of: Memory
    memory: Memory
    said: frozenset[str]
    tokens: int


class _Showing:
    """What was shown lately, so that an agent's next question costs less."""

    KEPT: Final = 256

    def __init__(self) -> None:
        self._known: dict[int, _Shown] = {}

    def __call__(self, memory: Memory) -> _Shown:
        # The same object, so the same memory: stores give it again until something changes.
        known = self._known.get(id(memory))
        if known is not None and known.of is memory:
            return known
        text = memory.text if memory.checked == VERSION else redact(memory.text).text
        shown = _Shown(
            memory,
            memory if text == memory.text else replace(memory, text=text),
            frozenset(plain(text).split()),
            tokens(text) + TOKENS_AROUND,
        )
        self._known[id(memory)] = shown
        if len(self._known) > self.KEPT:
            with contextlib.suppress(KeyError, RuntimeError):  # another thread was quicker
                del self._known[next(iter(self._known))]
        return shown


_shown = _Showing()


def _is_known(said: frozenset[str], chosen: Sequence[_Shown]) -> bool:
    """Whether one of those chosen says nearly the same in nearly the same words."""
    least, most = ALIKE * len(said), len(said) / ALIKE
    for other in chosen:
        if least <= len(other.said) <= most:
            common = len(said & other.said)
            if common >= ALIKE * (len(said) + len(other.said) - common):
                return True
    return False


def _place(memory: Memory) -> tuple[bool, float, str]:
    """Rules first, then in the order in which it was said."""
    return memory.kind is not Kind.RULE, memory.created or memory.learned, memory.id
