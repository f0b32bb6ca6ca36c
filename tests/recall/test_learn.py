"""The background worker, with real stores on disk unless a store has to fail."""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from recall.errors import MemoryUnavailable, StoreTooNew, told
from recall.learn import AT_ONCE, Learner, Progress
from recall.records import USER, Added, Draft, Exchange, Findings, Kind, Memory, Scope
from recall.scopes import Stores
from recall.store import Store

KEY = "sk-ant-api03-Zr8Tq2Lw5Xn7Bv4Kc1Jd9Hf6Gs3Pm0Ya8Ue5Io2Wq7Et4Ry1Tu6"
PROJECT = Scope("/p")
LONG_ENOUGH = 60.0  # seconds; only a test that fails waits so long


def exchange(name: object, question: str = "", answer: str = "", project: str = "/p") -> Exchange:
    question = question or f"The worker number {name} reads a file of its own."
    return Exchange(id=str(name), project=project, question=question, answer=answer, started=1e9)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path)
    yield stores
    stores.close()


@pytest.fixture
def learner(stores: Stores) -> Iterator[Learner]:
    learner = Learner(stores)
    yield learner
    learner.close(LONG_ENOUGH)


def memories(stores: Stores, scope: Scope = PROJECT, kind: Kind | None = None) -> list[Memory]:
    with stores.open(scope) as store:
        return list(store.list(kind=kind, limit=5_000, newest_first=False))


def texts(stores: Stores, scope: Scope = PROJECT, kind: Kind | None = None) -> list[str]:
    return [memory.text for memory in memories(stores, scope, kind)]


class Watched:
    """A store that tells somebody before it stores anything."""

    def __init__(self, store: Store, before: Callable[[Exchange | None], None]) -> None:
        self._store = store
        self._before = before

    def add_many(
        self, lessons: Sequence[tuple[Sequence[Draft], Exchange | None]]
    ) -> Sequence[Sequence[Added]]:
        for _, given in lessons:
            self._before(given)
        return self._store.add_many(lessons)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class WatchedStores:
    """Real stores, each of them watched."""

    def __init__(self, stores: Stores, before: Callable[[Exchange | None], None]) -> None:
        self._stores = stores
        self._before = before

    @contextlib.contextmanager
    def open(self, scope: Scope) -> Iterator[Any]:
        with self._stores.open(scope) as store:
            yield Watched(store, self._before)


class Gate:
    """Holds up whoever stores until it is opened, and notes the order."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.order: list[str] = []

    def __call__(self, given: Exchange | None) -> None:
        self.reached.set()
        assert self.opened.wait(LONG_ENOUGH)
        if given:
            self.order.append(given.id)


class Broken:
    """Stores of which some fail, for a while or for good."""

    def __init__(self, stores: Stores, error: Exception, project: str, times: float) -> None:
        self._stores = stores
        self._error = error
        self._project = project
        self._left = times

    @contextlib.contextmanager
    def open(self, scope: Scope) -> Iterator[Any]:
        if scope.project == self._project and self._left > 0:
            self._left -= 1
            raise self._error
        with self._stores.open(scope) as store:
            yield store


def test_what_was_offered_is_soon_in_the_store(stores: Stores, learner: Learner) -> None:
    fact = "Our cache keeps one lock per file."
    assert learner.offer(exchange("e1", fact, "The lock is in the database now."))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores) == [fact, "The lock is in the database now."]
    with stores.open(PROJECT) as store:
        kept = store.exchange("e1")
        assert kept is not None
        assert kept.question == fact
    assert learner.progress() == Progress(learned=1)


def test_without_a_project_nothing_is_learned(stores: Stores, learner: Learner) -> None:
    nobodys = Exchange(id="e1", project=None, question="We use one lock.", answer="")
    assert not learner.offer(nobodys)
    assert learner.settle(LONG_ENOUGH)
    assert stores.known() == []


def test_the_same_thing_said_twice_is_one_memory(stores: Stores, learner: Learner) -> None:
    for name in ("e1", "e2"):
        assert learner.offer(exchange(name, "Our cache keeps one lock per file."))
    assert learner.settle(LONG_ENOUGH)
    [memory] = memories(stores)
    assert memory.times_said == 2


@pytest.mark.parametrize("outcome", ["aborted", "failed"])
def test_of_an_exchange_that_broke_off_only_the_users_words_are_learned(
    stores: Stores, learner: Learner, outcome: Literal["aborted", "failed"]
) -> None:
    asked = exchange(1, "Remember that the gate code is kept by Ines.", "The gate is mad")
    learner.offer(replace(asked, outcome=outcome))
    assert learner.settle(LONG_ENOUGH)

    assert texts(stores) == ["the gate code is kept by Ines."]
    assert [memory.kind for memory in memories(stores)] == [Kind.NOTE]


def test_the_same_exchange_offered_again_is_not_learned_twice(
    stores: Stores, learner: Learner
) -> None:
    whole = exchange(1, "We keep the gate code with Ines.", "The gate was made by Ada in Turin.")
    broken = replace(whole, answer="The gate was", outcome="aborted")
    for again in (broken, whole, whole, broken):
        learner.offer(again)
        assert learner.settle(LONG_ENOUGH)

    assert texts(stores) == [whole.question, whole.answer]
    assert [memory.times_said for memory in memories(stores)] == [1, 1]
    with stores.open(PROJECT) as store:
        assert store.stats().exchanges == 1
        kept = store.exchange(whole.id)
    assert kept is not None
    assert (kept.answer, kept.outcome) == (whole.answer, "complete")


def test_many_at_once_from_many_threads_are_all_learned(stores: Stores, learner: Learner) -> None:
    def offer(thread: int) -> None:
        for number in range(100):
            assert learner.offer(exchange(f"{thread}-{number}", project=f"/p{number % 2}"))

    threads = [threading.Thread(target=offer, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress().learned == 600
    assert {len(memories(stores, Scope(f"/p{n}"))) for n in range(2)} == {300}


def test_beyond_the_limit_nothing_is_accepted_and_nothing_accepted_is_lost(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate), limit=40)
    accepted = [n for n in range(100) if learner.offer(exchange(n))]
    assert len(accepted) == 40
    assert learner.progress() == Progress(waiting=40, refused=60)
    assert [r.getMessage() for r in caplog.records] == ["memory.full waiting=40 refused=1"]
    gate.opened.set()
    assert learner.settle(LONG_ENOUGH)
    assert len(memories(stores)) == 40
    assert learner.offer(exchange("later"))
    assert learner.close(LONG_ENOUGH)
    assert learner.progress().learned == 41


def test_the_bytes_that_wait_are_limited(stores: Stores) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate), byte_limit=3_000_000)
    assert learner.offer(exchange(1, "word " * 400_000))
    assert not learner.offer(exchange(2, "word " * 400_000))
    assert learner.offer(exchange(3))
    gate.opened.set()
    assert learner.settle(LONG_ENOUGH)
    assert learner.offer(exchange(4, "word " * 400_000))
    assert learner.close(LONG_ENOUGH)


def test_an_explicit_request_overtakes_what_waits(stores: Stores) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate))
    for number in range(5 * AT_ONCE):
        learner.offer(exchange(number))
    assert gate.reached.wait(LONG_ENOUGH)
    learner.offer(exchange("wish", "Remember that Ann reviews the schema."))
    gate.opened.set()
    assert learner.close(LONG_ENOUGH)
    assert gate.order.index("wish") <= AT_ONCE
    assert len(gate.order) == 5 * AT_ONCE + 1
    assert texts(stores, kind=Kind.NOTE) == ["Ann reviews the schema."]


def test_to_forget_holds_for_what_was_said_before_and_is_stored_later(stores: Stores) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate))
    for number in range(3 * AT_ONCE):
        learner.offer(exchange(number))
    learner.offer(exchange("before", "I live in Lyon. The lock is in the database."))
    assert gate.reached.wait(LONG_ENOUGH)
    learner.offer(exchange("wish", "Forget that I live in Lyon."))
    learner.offer(exchange("after", "The office has moved to Lyon, and I live in it."))
    gate.opened.set()
    assert learner.close(LONG_ENOUGH)
    assert gate.order.index("wish") < gate.order.index("before")
    assert [text for text in texts(stores) if "Lyon" in text] == [
        "The office has moved to Lyon, and I live in it."
    ]
    with stores.open(PROJECT) as store:
        before = store.exchange("before")
        assert before is not None
        assert "Lyon" not in before.question


def test_the_newer_rule_holds_even_if_the_older_is_stored_later(stores: Stores) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate))
    for number in range(3 * AT_ONCE):
        learner.offer(exchange(number))
    older = "Function names must always start with a_ in our code."
    newer = "From now on, function names must always start with b_ in our code."
    learner.offer(exchange("older", older))
    assert gate.reached.wait(LONG_ENOUGH)
    learner.offer(exchange("newer", newer))
    gate.opened.set()
    assert learner.close(LONG_ENOUGH)
    assert gate.order.index("newer") < gate.order.index("older")
    by_text = {memory.text: memory for memory in memories(stores, kind=Kind.RULE)}
    assert by_text[newer].successor is None
    assert by_text[newer].times_said == 1
    assert by_text[older].successor == by_text[newer].id


def test_to_forget_deletes_only_what_is_clearly_meant(stores: Stores, learner: Learner) -> None:
    kept = "I was in Lyon once, and the trains were late."
    learner.offer(exchange("e1", "Remember that I live in Lyon."))
    learner.offer(exchange("e2", kept))
    assert learner.settle(LONG_ENOUGH)
    learner.offer(exchange("e3", "Please forget that I live in Lyon."))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores) == [kept]
    learner.offer(exchange("e4", "I live in Lyon."))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores) == [kept]


class BeingRead:
    """Real stores; the project's cannot be searched the first few times."""

    def __init__(self, stores: Stores, times: int) -> None:
        self._stores = stores
        self.left = times

    @contextlib.contextmanager
    def open(self, scope: Scope) -> Iterator[Any]:
        with self._stores.open(scope) as store:
            yield _BeingRead(store, self)


class _BeingRead:
    def __init__(self, store: Store, of: BeingRead) -> None:
        self._store = store
        self._of = of

    def search(self, *args: Any, **options: Any) -> Findings:
        if self._store.scope == PROJECT and self._of.left:
            self._of.left -= 1
            return Findings(failure="the memory is still being read")
        return self._store.search(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_wish_to_forget_waits_for_the_index_whatever_stands_behind_it(stores: Stores) -> None:
    with stores.open(PROJECT) as store:
        store.add([Draft(text="I live in Lyon.")])
    still = BeingRead(stores, times=3)
    learner = Learner(still)
    learner.offer(exchange("wish", "Forget that I live in Lyon."))
    learner.offer(exchange("after", "The lock is in the database."))
    assert learner.settle(LONG_ENOUGH)
    assert learner.close(LONG_ENOUGH)

    assert still.left == 0
    assert texts(stores) == ["The lock is in the database."]
    assert learner.progress().dropped == 0


def test_a_single_word_is_too_little_to_forget_what_was_said(
    stores: Stores, learner: Learner
) -> None:
    said = "The trains to Lyon were late."
    learner.offer(exchange("e1", said))
    learner.offer(exchange("e2", "Forget about Lyon."))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores) == [said]


def test_what_is_for_all_projects_goes_to_the_user(stores: Stores, learner: Learner) -> None:
    learner.offer(exchange("e1", "Remember for all my projects that I am left-handed."))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores, USER) == ["I am left-handed."]
    assert texts(stores) == []
    learner.offer(exchange("e2", "Forget that I am left-handed.", project="/q"))
    assert learner.settle(LONG_ENOUGH)
    assert texts(stores, USER) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryUnavailable("The disk is full."),
        sqlite3.OperationalError("database is locked"),
        OSError(28, "No space left on device"),
    ],
)
def test_a_store_that_fails_for_a_while_loses_nothing(stores: Stores, error: Exception) -> None:
    learner = Learner(Broken(stores, error, "/p", times=3))
    for number in range(50):
        learner.offer(exchange(number))
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(learned=50)
    assert texts(stores) == [exchange(n).question for n in range(50)]
    assert learner.close(LONG_ENOUGH)


def test_a_store_that_fails_for_good_holds_up_no_other(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    error = MemoryUnavailable("The lock number 7 is held.")
    learner = Learner(Broken(stores, error, "/p", times=float("inf")), patience=0.3)
    for number in range(20):
        learner.offer(exchange(number))
        learner.offer(exchange(f"q{number}", project="/q"))
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(learned=20, dropped=20)
    assert len(memories(stores, Scope("/q"))) == 20
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "memory.waits scope=/p reason='The lock number 7 is held.'"
    assert all(line.endswith(" reason='The lock number 7 is held.'") for line in lines)
    lost = [line for line in lines if line.startswith("memory.lost ")]
    assert sum(int(line.split("exchanges=")[1].split()[0]) for line in lost) == 20
    assert learner.close(LONG_ENOUGH)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreTooNew("Made later. Update the program."), "Made later. Update the program."),
        (ValueError("what somebody said"), "ValueError"),
    ],
)
def test_where_waiting_cannot_help_nobody_waits(
    stores: Stores, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    learner = Learner(Broken(stores, error, "/p", times=float("inf")), patience=1e9)
    learner.offer(exchange(1))
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(dropped=1)
    [line] = [record.getMessage() for record in caplog.records]
    assert line == f"memory.lost exchanges=1 scope=/p reason={reason!r}"
    assert learner.close(LONG_ENOUGH)


@pytest.mark.parametrize("error", [ValueError("it cannot be stored"), MemoryUnavailable("too big")])
def test_one_exchange_that_cannot_be_stored_stops_no_other(
    stores: Stores, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(given: Exchange | None) -> None:
        if given and given.id == "7":
            raise error

    learner = Learner(WatchedStores(stores, refuse), patience=1e9)
    for number in range(30):
        learner.offer(exchange(number))
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(learned=29, dropped=1)
    assert len(memories(stores)) == 29
    assert f"memory.skipped reason={told(error)!r}" in caplog.text
    assert learner.close(LONG_ENOUGH)


def test_of_a_file_that_cannot_be_used_the_log_says_which_and_why(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    path = stores.path_of(PROJECT)
    path.mkdir(parents=True)
    learner = Learner(stores)
    learner.offer(exchange(1))
    while not caplog.records:
        time.sleep(0.01)
    assert not learner.settle(0.5)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("memory.waits scope=/p reason=")
    assert f"{path} cannot be used now: " in line
    path.rmdir()
    assert learner.close(LONG_ENOUGH)


def test_an_exchange_that_cannot_even_be_read_stops_no_other(
    stores: Stores, learner: Learner
) -> None:
    broken: Any = Exchange(id="bad", project="/p", question="text", answer=None)  # type: ignore[arg-type]
    learner.offer(broken)
    learner.offer(exchange("good"))
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(learned=1, dropped=1)
    assert len(memories(stores)) == 1


class Shouting:
    """A distiller that changes every draft, and tells a secret."""

    def distill(self, given: Exchange, drafts: Sequence[Draft]) -> Sequence[Draft]:
        assert KEY not in given.question
        return [Draft(text=f"{draft.text.upper()} {KEY}") for draft in drafts]


class Confused:
    """A distiller that fails."""

    def distill(self, given: Exchange, drafts: Sequence[Draft]) -> Sequence[Draft]:
        raise RuntimeError(given.question)


def test_a_distiller_may_put_drafts_in_other_words(stores: Stores) -> None:
    learner = Learner(stores, distiller=Shouting())
    learner.offer(exchange("e1", f"We use one lock. {KEY}"))
    assert learner.close(LONG_ENOUGH)
    [text] = texts(stores)
    assert text.startswith("WE USE ONE LOCK.")
    assert KEY not in text


def test_where_distilling_fails_the_plain_drafts_are_kept(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    learner = Learner(stores, distiller=Confused())
    learner.offer(exchange("e1", "We use one lock."))
    assert learner.close(LONG_ENOUGH)
    assert texts(stores) == ["We use one lock."]
    assert "memory.undistilled error=RuntimeError" in caplog.text
    assert "lock" not in caplog.text


def test_secrets_are_counted_and_neither_stored_nor_logged(
    stores: Stores, learner: Learner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    learner.offer(exchange("e1", f"Remember that the key is {KEY}.", f"I noted {KEY} for you."))
    learner.offer(exchange("e2", f"Forget that the key is {KEY}."))
    assert learner.settle(LONG_ENOUGH)
    redactions: Mapping[str, int] = learner.progress().redactions
    assert sum(redactions.values()) == 3
    learner.close(LONG_ENOUGH)
    stores.close()
    assert KEY not in caplog.text
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*.*"))


def test_to_settle_ends_in_time_whatever_happens(stores: Stores) -> None:
    gate = Gate()
    learner = Learner(WatchedStores(stores, gate))
    assert learner.settle(0)
    learner.offer(exchange(1))
    assert not learner.settle(0.05)
    gate.opened.set()
    assert learner.settle(LONG_ENOUGH)
    assert learner.close(LONG_ENOUGH)


def test_to_close_stores_what_waits_and_accepts_nothing_more(stores: Stores) -> None:
    learner = Learner(stores)
    for number in range(100):
        learner.offer(exchange(number))
    assert learner.close(LONG_ENOUGH)
    assert len(memories(stores)) == 100
    assert not learner.offer(exchange("late"))
    assert learner.close(LONG_ENOUGH)


def test_to_close_ends_in_time_and_says_what_was_lost(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    learner = Learner(Broken(stores, OSError("no disk"), "/p", times=float("inf")))
    for number in range(10):
        learner.offer(exchange(number))
    assert not learner.close(0.2)
    assert "memory.lost exchanges=10 reason='closed'" in caplog.text
    assert learner.progress() == Progress(dropped=10)


@pytest.mark.parametrize(
    ("question", "answer"),
    [("", ""), ("\ud800\x00", "\udfff\x1b[31m"), ("word " * 2_000_000, "x" * 10_000_000)],
)
def test_odd_and_huge_texts_are_no_trouble(
    stores: Stores, learner: Learner, question: str, answer: str
) -> None:
    odd = Exchange(id="odd", project="/p", question=question, answer=answer)
    assert learner.offer(odd)
    assert learner.settle(LONG_ENOUGH)
    assert learner.progress() == Progress(learned=1)
    with stores.open(PROJECT) as store:
        assert store.exchange("odd") is not None
