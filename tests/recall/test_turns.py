"""What was put into a turn goes back to it, and what was forgotten does not."""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.register_assert_rewrite("tests.recall.conformance")

from recall import migrations, redact  # noqa: E402
from recall.errors import MemoryUnavailable  # noqa: E402
from recall.records import USER, Draft, Scope  # noqa: E402
from recall.scopes import Stores  # noqa: E402
from recall.sqlite_file import APPLICATION  # noqa: E402
from recall.turn_writer import MOST_WAITING  # noqa: E402
from recall.turns import KNOWN, Note, Turns  # noqa: E402
from tests.recall.conformance import (  # noqa: E402
    LONG_ENOUGH,
    OTHER,
    PROJECT,
    add,
    exported,
    quick,
    texts,
)

DAY = 86_400.0
KEY = "sk-ant-api03-Hq2Ld8Vz4Nc6Xt1Bw9Kf3Jr7Gs5Pm0Ya2Ue4Io8Wq6Et1Ry3Tu5"

type Begin = Callable[..., Turns]


def note(key: str, block: str = "", *, session: str = "s", **more: Any) -> Note:
    told: dict[str, Any] = {"own": f"own of {key}", "memories": (), "tokens": 7, "created": 1.0}
    return Note(key=key, session=session, block=block or f"Block of {key}.", **(told | more))


def pairs(*keys: str) -> list[tuple[str, str]]:
    return [(key, f"own of {key}") for key in keys]


def given_to(
    turns: Turns, *keys: str, session: str = "s", scope: Scope = PROJECT
) -> dict[str, Note]:
    return turns.find(scope, pairs(*keys), session, LONG_ENOUGH)


def remembered(stores: Stores, text: str, scope: Scope = PROJECT) -> str:
    with stores.open(scope) as store:
        return add(store, text)[0].id


def forget(stores: Stores, memory_id: str, scope: Scope = PROJECT) -> None:
    with stores.open(scope) as store:
        assert store.forget([memory_id]) == 1


def in_file(stores: Stores, scope: Scope = PROJECT) -> set[str]:
    """The keys of the notes that are stored."""
    with raw(stores.path_of(scope)) as db:
        return {key for [key] in db.execute("SELECT key FROM notes")}


def bytes_in(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        yield db


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with raw(path) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


class Clock:
    """Stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path / "memory")
    yield stores
    stores.close()


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Stores]:
    """The same files, as another process sees them."""
    stores = Stores(tmp_path / "memory")
    yield stores
    stores.close()


@pytest.fixture
def begin(stores: Stores, others: Stores) -> Iterator[Begin]:
    """Its turns are closed before the files that they write to, which are named for that here."""
    assert others is not stores
    begun: list[Turns] = []

    def begin(of: Stores = stores, **more: Any) -> Turns:
        begun.append(Turns(of, **more))
        return begun[-1]

    yield begin
    for turns in begun:
        turns.close(LONG_ENOUGH)


@pytest.fixture
def turns(begin: Begin) -> Turns:
    return begin()


# --- the same goes back ------------------------------------------------------------------------


BLOCKS = {
    "plain": "> The lamp is red.",
    "empty lines": "\n\n> The lamp\n\n> is red.\n\n",
    "other scripts": "> 灯是红色的。 Лампа красная. 🏳️‍🌈",
    "a NUL and controls": "> The\0lamp\x01is\x7fred.\u2028",
    "long": "> The lamp is red. " * 5_000,
    "nothing": "",
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_same_bytes_come_back_at_once_and_after_a_restart(
    turns: Turns, begin: Begin, name: str
) -> None:
    kept = replace(note("a", answered=True), block=BLOCKS[name], tokens=123, created=5.25)
    turns.keep(PROJECT, kept)
    assert given_to(turns, "a") == {"a": kept}
    turns.close(LONG_ENOUGH)

    assert given_to(begin(), "a") == {"a": kept}


def test_the_memories_of_a_block_come_back_in_their_order(
    turns: Turns, begin: Begin, stores: Stores
) -> None:
    first, second = (remembered(stores, f"Lamp {number} is red.") for number in "12")
    mine = remembered(stores, "My kettle is black.", USER)
    kept = note("a", memories=(second, mine, first))
    turns.keep(PROJECT, kept)
    turns.close(LONG_ENOUGH)

    assert given_to(begin(), "a") == {"a": kept}


def test_a_project_without_a_file_has_no_notes_and_gets_none_by_asking(
    turns: Turns, stores: Stores
) -> None:
    assert given_to(turns, "a", "b") == {}
    turns.answered(PROJECT, "a", "s")
    assert turns.settle(LONG_ENOUGH)

    assert not stores.exists(PROJECT)


def test_notes_of_another_project_are_not_found(turns: Turns) -> None:
    turns.keep(PROJECT, note("a"))

    assert given_to(turns, "a", scope=OTHER) == {}
    turns.settle(LONG_ENOUGH)
    assert given_to(turns, "a", scope=OTHER) == {}


def test_only_what_was_asked_for_is_given(turns: Turns, begin: Begin) -> None:
    for key in "abc":
        turns.keep(PROJECT, note(key))
    turns.close(LONG_ENOUGH)

    again = begin()
    assert given_to(again, "x", "b", "y").keys() == {"b"}
    assert given_to(again, "c", "x", "b").keys() == {"c", "b"}
    assert again.find(PROJECT, [], "s", LONG_ENOUGH) == {}


def test_a_conversation_may_be_long(turns: Turns, begin: Begin) -> None:
    keys = [f"k{number}" for number in range(1_500)]
    for key in keys:
        turns.keep(PROJECT, note(key))
    assert turns.settle(LONG_ENOUGH)

    assert list(given_to(begin(), *keys)) == keys


def test_more_notes_are_found_than_are_kept_in_memory(turns: Turns) -> None:
    keys = [f"k{number}" for number in range(KNOWN + 100)]
    for first in range(0, len(keys), 500):
        for key in keys[first : first + 500]:
            turns.keep(PROJECT, note(key))
        assert turns.settle(LONG_ENOUGH)

    for _ in range(2):
        assert list(given_to(turns, *keys)) == keys


def test_that_a_turn_was_answered_is_known_at_once_and_after_a_restart(
    turns: Turns, begin: Begin
) -> None:
    turns.keep(PROJECT, note("a"))
    assert not given_to(turns, "a")["a"].answered
    turns.answered(PROJECT, "a", "s")
    assert given_to(turns, "a")["a"].answered
    assert turns.settle(LONG_ENOUGH)
    turns.keep(PROJECT, note("b"))
    assert turns.settle(LONG_ENOUGH)

    another = begin()
    another.answered(PROJECT, "b", "s")  # which it has never read
    another.close(LONG_ENOUGH)

    assert [n.answered for n in given_to(begin(), "a", "b").values()] == [True, True]


def test_a_session_may_have_any_name(turns: Turns, begin: Begin) -> None:
    names = ["", "a b", "half \ud83d a pair", "日本", "a\0b", "'; DROP TABLE notes; --"]
    for name in names:
        turns.keep(PROJECT, note("a", f"For {name!r}.", session=name))

    for at in (turns, begin()):
        for name in names:
            found = given_to(at, "a", session=name)["a"]
            assert (found.block, found.session) == (f"For {name!r}.", name)
        assert turns.settle(LONG_ENOUGH)


def test_who_keeps_last_is_right(turns: Turns, begin: Begin, others: Stores) -> None:
    other = begin(others)
    for number, at in enumerate((turns, other, turns, other, other)):
        at.keep(PROJECT, note("a", f"Number {number}."))
        assert given_to(at, "a")["a"].block == f"Number {number}."
        assert at.settle(LONG_ENOUGH)

    assert given_to(begin(), "a")["a"].block == "Number 4."


# --- other sessions ----------------------------------------------------------------------------


def test_the_sessions_own_note_comes_before_the_newest_of_others(
    turns: Turns, begin: Begin
) -> None:
    turns.keep(PROJECT, note("a", "Old.", session="one", created=1.0))
    turns.keep(PROJECT, note("a", "New.", session="two", created=9.0))
    turns.keep(PROJECT, note("a", "Older.", session="three", created=0.5))

    for at in (turns, begin()):
        blocks = {s: given_to(at, "a", session=s)["a"].block for s in ("one", "two", "four", "")}
        assert blocks == {"one": "Old.", "two": "New.", "four": "New.", "": "New."}
        assert turns.settle(LONG_ENOUGH)


def test_what_was_taken_over_from_another_session_stays(turns: Turns, begin: Begin) -> None:
    turns.keep(PROJECT, note("a", "Old.", session="first", created=1.0))
    assert given_to(turns, "a", "x", session="fork")["a"] == note("a", "Old.", session="fork")
    turns.keep(PROJECT, note("a", "New.", session="third", created=9.0))

    assert given_to(turns, "a", "x", session="fork")["a"].block == "Old."
    turns.close(LONG_ENOUGH)
    assert given_to(begin(), "a", "x", session="fork")["a"].block == "Old."


def test_for_the_newest_turn_another_sessions_note_stays_the_others(
    turns: Turns, begin: Begin
) -> None:
    turns.keep(PROJECT, note("a", "Old.", session="first", created=1.0))

    for at in (turns, begin()):
        assert given_to(at, "a", session="second")["a"] == note("a", "Old.", session="first")
        assert turns.settle(LONG_ENOUGH)
    turns.keep(PROJECT, note("a", "New.", session="first", created=2.0))
    assert given_to(turns, "a", session="second")["a"].block == "New."


# --- turns that moved --------------------------------------------------------------------------

# What the session has notes on (key, typed, block, whether it was answered), the conversation
# (key, typed), and what its turns are then given.
type Noted = tuple[str, str, str, bool]
type Typed = tuple[str, str]
MOVED: dict[str, tuple[list[Noted], list[Typed], dict[str, str]]] = {
    "the turns before it were left out": (
        [("a", "mend the lamp", "A.", True), ("b", "paint it", "B.", True)],
        [("b2", "paint it"), ("c", "thanks")],
        {"b2": "B."},
    ),
    "it is the newest, and its tool is at work": (
        [("a", "mend the lamp", "A.", False)],
        [("a2", "mend the lamp")],
        {"a2": "A."},
    ),
    "the same was said again": (
        [("a", "go on", "A.", True)],
        [("a", "go on"), ("b", "go on")],
        {"a": "A."},
    ),
    "the same was said again, and what came before is not told": (
        [("a", "go on", "A.", True)],
        [("b", "go on")],
        {},
    ),
    "two turns say the same": (
        [("a", "go on", "A.", True)],
        [("b", "go on"), ("c", "go on"), ("d", "thanks")],
        {},
    ),
    "two turns said the same": (
        [("a", "go on", "A.", True), ("b", "go on", "B.", True)],
        [("c", "go on"), ("d", "thanks")],
        {},
    ),
    "it has moved before": (
        [("a", "go on", "A.", True), ("b", "go on", "A.", True)],
        [("c", "go on"), ("d", "thanks")],
        {"c": "A."},
    ),
    "nothing like it was said": (
        [("a", "mend the lamp", "A.", True)],
        [("b", "paint the lamp"), ("c", "thanks")],
        {},
    ),
}


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("is_written", [True, False])
def test_a_turn_that_moved_keeps_its_block(
    turns: Turns, begin: Begin, name: str, is_written: bool
) -> None:
    noted, conversation, expected = MOVED[name]
    for key, own, block, answered in noted:
        turns.keep(PROJECT, note(key, block, own=own, answered=answered))
    if is_written:
        turns.close(LONG_ENOUGH)
        turns = begin()

    assert turns.find(PROJECT, conversation, "another", LONG_ENOUGH).keys() == (
        {key for key, *_ in noted} & dict(conversation).keys()
    )
    found = turns.find(PROJECT, conversation, "s", LONG_ENOUGH)
    assert {key: one.block for key, one in found.items()} == expected
    turns.close(LONG_ENOUGH)
    again = begin().find(PROJECT, conversation, "s", LONG_ENOUGH)
    assert again == found


def test_where_no_session_is_named_no_turn_has_moved(turns: Turns) -> None:
    turns.keep(PROJECT, note("a", session="", own="mend the lamp"))

    assert turns.find(PROJECT, [("b", "mend the lamp")], "", LONG_ENOUGH) == {}
    assert turns.settle(LONG_ENOUGH)
    assert turns.find(PROJECT, [("b", "mend the lamp")], "", LONG_ENOUGH) == {}


# --- forgetting --------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [PROJECT, USER], ids=["of the project", "of the user"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "by another process"])
@pytest.mark.parametrize("is_written", [False, True], ids=["known", "read from the file"])
def test_a_block_goes_with_each_memory_it_quotes(  # noqa: PLR0917 - fixtures
    turns: Turns,
    begin: Begin,
    stores: Stores,
    others: Stores,
    scope: Scope,
    elsewhere: bool,
    is_written: bool,
) -> None:
    stays = remembered(stores, "The lamp is red.")
    mine = remembered(stores, "My teapot is blue.", USER)
    goes = remembered(stores, "The vault opens with marmalade.", scope)
    turns.keep(PROJECT, note("a", "> marmalade", memories=(stays, goes, mine)))
    turns.keep(PROJECT, note("b", "> lamp", memories=(stays, mine)))
    turns.keep(PROJECT, note("c", "> nothing"))
    assert given_to(turns, "a", "b", "c").keys() == {"a", "b", "c"}
    assert turns.settle(LONG_ENOUGH)
    if is_written:
        turns = begin()

    forget(others if elsewhere else stores, goes, scope)

    assert given_to(turns, "a", "b", "c").keys() == {"b", "c"}
    assert turns.settle(LONG_ENOUGH)
    assert in_file(stores) == {"b", "c"}
    turns.close(LONG_ENOUGH)
    for of in (stores, others):
        of.close()
    assert b"marmalade" not in bytes_in(stores.directory)


def test_a_block_goes_with_every_sentence_it_holds(
    turns: Turns, stores: Stores, begin: Begin
) -> None:
    both = remembered(stores, "The lamp is red. The vault opens\nwith <b>Marmalade</b>, says Ines.")
    goes = remembered(stores, "The vault opens\nwith <b>Marmalade</b>, says Ines.")
    held = "> - the user said: “The lamp is red. The vault opens\n>   with ‹b>Marmalade‹/b>, says\n"
    turns.keep(PROJECT, note("a", f"{held}>   Ines.”", memories=(both,)))
    turns.keep(PROJECT, note("b", "> - the user said: “The lamp is red.”", memories=(both,)))
    assert given_to(turns, "a", "b").keys() == {"a", "b"}
    assert turns.settle(LONG_ENOUGH)

    forget(stores, goes)

    with stores.open(PROJECT) as store:
        assert texts(store) == ["The lamp is red."]
    for at in (turns, begin()):
        assert given_to(at, "a", "b").keys() == {"b"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Ines wohnt in der STRASSE am Fluss.", "> ines wohnt in der straße am fluss"),
        ("我们的数据库每天凌晨三点备份。", "> “我们的数据库每天凌晨三点备份。”"),
        ("The ＶＡＵＬＴ opens with marmalade.", "> The VAULT opens with marmalade"),
        ("Always call it x_marmalade, never y.", "> - Always call it x_marmalade, never y."),
    ],
)
def test_words_are_the_same_however_they_are_written(
    turns: Turns, stores: Stores, said: str, shown: str
) -> None:
    goes = remembered(stores, said)
    turns.keep(PROJECT, note("a", shown))
    turns.keep(PROJECT, note("b", "> Another marmalade, y and vault."))
    assert turns.settle(LONG_ENOUGH)

    forget(stores, goes)

    assert given_to(turns, "a", "b").keys() == {"b"}


def test_what_is_forgotten_while_a_note_waits_is_not_written(
    turns: Turns, stores: Stores, begin: Begin
) -> None:
    goes = remembered(stores, "The vault opens with marmalade.", USER)
    stays = remembered(stores, "The lamp is red.")
    assert given_to(turns, "a") == {}
    with locked(stores.path_of(PROJECT)):
        turns.keep(PROJECT, note("a", "> marmalade", memories=(goes,)))
        turns.keep(PROJECT, note("b", "> nothing"))
        assert given_to(turns, "a", "b").keys() == {"a", "b"}
        forget(stores, goes, USER)
        assert given_to(turns, "a", "b").keys() == {"b"}
    assert turns.settle(LONG_ENOUGH)
    turns.keep(PROJECT, note("c", "> lamp", memories=(stays,)))
    assert turns.settle(LONG_ENOUGH)

    assert given_to(turns, "a", "b", "c").keys() == {"b", "c"}
    assert in_file(stores) == {"b", "c"}
    assert given_to(begin(), "a", "b", "c").keys() == {"b", "c"}


def test_a_block_that_quotes_what_never_was_is_not_written(turns: Turns, stores: Stores) -> None:
    turns.keep(PROJECT, note("a", memories=("nobody",)))
    assert turns.settle(LONG_ENOUGH)

    assert in_file(stores) == set()
    assert given_to(turns, "a") == {}


def test_what_was_forgotten_while_nobody_looked_is_deleted_at_the_first_use(
    turns: Turns, stores: Stores, others: Stores, begin: Begin
) -> None:
    mine = remembered(stores, "The vault opens with marmalade.", USER)
    turns.keep(PROJECT, note("a", "> marmalade", memories=(mine,)))
    turns.keep(PROJECT, note("b"))
    turns.close(LONG_ENOUGH)
    forget(stores, mine, USER)
    stores.close()
    assert b"marmalade" in bytes_in(others.directory)

    later = begin(others)
    assert given_to(later, "x") == {}
    assert later.settle(LONG_ENOUGH)

    assert in_file(others) == {"b"}
    others.close()
    assert b"marmalade" not in bytes_in(others.directory)


def test_what_is_forgotten_elsewhere_is_deleted_as_soon_as_the_project_is_used(
    turns: Turns, stores: Stores, others: Stores
) -> None:
    mine = remembered(stores, "The vault opens with marmalade.", USER)
    turns.keep(PROJECT, note("a", "> marmalade", memories=(mine,)))
    turns.keep(PROJECT, note("b"))
    assert given_to(turns, "b").keys() == {"b"}
    assert turns.settle(LONG_ENOUGH)
    forget(others, mine, USER)

    assert given_to(turns, "b").keys() == {"b"}  # nobody asks for the other
    assert turns.settle(LONG_ENOUGH)

    assert in_file(stores) == {"b"}


def test_an_edited_memory_leaves_what_was_said_then(
    turns: Turns, stores: Stores, begin: Begin
) -> None:
    lamp = remembered(stores, "The lamp is red.")
    turns.keep(PROJECT, note("a", "> The lamp is red.", memories=(lamp,)))
    with stores.open(PROJECT) as store:
        assert store.edit(lamp, Draft(text="The lamp is green."))
    assert turns.settle(LONG_ENOUGH)

    for at in (turns, begin()):
        assert given_to(at, "a")["a"].block == "> The lamp is red."


def test_with_the_exchanges_of_a_session_go_its_notes(turns: Turns, stores: Stores) -> None:
    lamp = remembered(stores, "The lamp is red.")
    for session, created in (("one", 100.0), ("two", 200.0), ("three", 300.0)):
        turns.keep(PROJECT, note(session, session=session, created=created, memories=(lamp,)))
    assert turns.settle(LONG_ENOUGH)

    with stores.open(PROJECT) as store:
        store.forget_exchanges(session="one")
        assert in_file(stores) == {"two", "three"}
        assert given_to(turns, "one", session="one") == {}
        store.forget_exchanges(before=250.0)
        assert in_file(stores) == {"three"}
        store.forget_exchanges()
        assert in_file(stores) == set()


def test_a_deleted_file_takes_its_notes_along(turns: Turns, stores: Stores) -> None:
    lamp = remembered(stores, "The lamp is red.")
    turns.keep(PROJECT, note("a", memories=(lamp,)))
    assert turns.settle(LONG_ENOUGH)
    assert given_to(turns, "a")
    for file in stores.path_of(PROJECT).parent.iterdir():
        file.unlink()

    assert given_to(turns, "a") == {}
    remembered(stores, "The lamp is green.")
    assert given_to(turns, "a") == {}


def test_an_export_holds_no_notes(turns: Turns, stores: Stores) -> None:
    remembered(stores, "The lamp is red.")
    turns.keep(PROJECT, note("a", "> marmalade"))
    assert turns.settle(LONG_ENOUGH)

    with stores.open(PROJECT) as store:
        assert "marmalade" not in json.dumps(exported(store))
        assert store.stats().turns == 1


# --- secrets -----------------------------------------------------------------------------------


def as_by_older_rules(stores: Stores, block: str) -> None:
    with raw(stores.path_of(PROJECT)) as db:
        db.execute("UPDATE notes SET block = ?, checked = ?", (block, redact.VERSION - 1))


def test_a_block_checked_by_older_rules_is_checked_again(
    turns: Turns, stores: Stores, begin: Begin
) -> None:
    turns.keep(PROJECT, note("a"))
    turns.close(LONG_ENOUGH)
    as_by_older_rules(stores, f"> The key is {KEY}.")

    later = begin()
    block = given_to(later, "a")["a"].block
    assert KEY not in block
    assert block.startswith("> The key is [redacted: ")
    assert given_to(later, "a")["a"].block == block
    later.close(LONG_ENOUGH)

    later = begin()
    assert given_to(later, "a")["a"].block == block
    later.close(LONG_ENOUGH)
    stores.close()
    assert KEY.encode() not in bytes_in(stores.directory)


def test_todays_rules_are_applied_to_blocks_too(
    turns: Turns, stores: Stores, others: Stores
) -> None:
    turns.keep(PROJECT, note("a"))
    assert turns.settle(LONG_ENOUGH)
    as_by_older_rules(stores, f"> The key is {KEY}.")

    with others.open(PROJECT) as store:
        assert sum(store.redact().values()) == 1
        assert not store.redact()

    assert KEY not in given_to(turns, "a")["a"].block
    turns.close(LONG_ENOUGH)
    for of in (stores, others):
        of.close()
    assert KEY.encode() not in bytes_in(stores.directory)


def test_a_secret_in_a_block_is_never_written(turns: Turns, stores: Stores) -> None:
    turns.keep(PROJECT, note("a", f"> The key is {KEY}."))
    assert turns.settle(LONG_ENOUGH)

    assert KEY not in given_to(turns, "a")["a"].block
    assert given_to(turns, "a")["a"].block.startswith("> The key is [redacted: ")
    stores.close()
    assert KEY.encode() not in bytes_in(stores.directory)


# --- bounds ------------------------------------------------------------------------------------


def test_what_nobody_asks_for_in_a_month_goes(begin: Begin, stores: Stores) -> None:
    clock = Clock()
    turns = begin(clock=clock)
    for key in "abc":
        turns.keep(PROJECT, note(key))
    assert turns.settle(LONG_ENOUGH)
    clock.now += 20 * DAY
    assert given_to(turns, "a").keys() == {"a"}  # known
    turns.close(LONG_ENOUGH)
    turns = begin(clock=clock)
    assert given_to(turns, "b").keys() == {"b"}  # read from the file
    turns.close(LONG_ENOUGH)
    assert in_file(stores) == {"a", "b", "c"}

    clock.now += 11 * DAY
    turns = begin(clock=clock)
    assert given_to(turns, "x") == {}
    assert turns.settle(LONG_ENOUGH)

    assert in_file(stores) == {"a", "b"}


def test_a_clock_that_was_ahead_keeps_nothing_for_ever(begin: Begin, stores: Stores) -> None:
    clock = Clock()
    clock.now += 10_000 * DAY
    turns = begin(clock=clock)
    turns.keep(PROJECT, note("a"))
    turns.close(LONG_ENOUGH)

    clock.now -= 10_000 * DAY
    for days, left in ((0, {"a"}), (20, {"a"}), (31, set[str]())):
        clock.now = Clock().now + days * DAY
        turns = begin(clock=clock)
        given_to(turns, "x")
        turns.close(LONG_ENOUGH)
        assert in_file(stores) == left


LIMITS = {
    "too many": {"most": 6},
    "too much": {"most_bytes": 6 * 100},
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_what_was_asked_for_longest_ago_makes_room(
    begin: Begin, stores: Stores, limits: dict[str, int]
) -> None:
    clock = Clock()
    turns = begin(clock=clock)
    keys = [f"k{number}" for number in range(12)]
    for key in keys:
        clock.now += 60
        turns.keep(PROJECT, note(key, "x" * 100))
        assert turns.settle(LONG_ENOUGH)
    clock.now += 2 * DAY
    assert given_to(turns, "k0").keys() == {"k0"}
    turns.close(LONG_ENOUGH)

    turns = begin(clock=clock, **limits)
    given_to(turns, "x")
    assert turns.settle(LONG_ENOUGH)

    assert in_file(stores) == {"k0", *keys[-5:]}


def test_many_notes_are_bounded_while_they_are_kept(begin: Begin, stores: Stores) -> None:
    turns = begin(most=100)
    for number in range(1_000):
        turns.keep(PROJECT, note(f"k{number}"))
        if number % 100 == 0:
            assert turns.settle(LONG_ENOUGH)
    assert turns.settle(LONG_ENOUGH)

    assert len(in_file(stores)) < 400


# --- when something is wrong -------------------------------------------------------------------


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_while_the_file_is_locked_notes_are_found_and_written_later(
    turns: Turns, stores: Stores, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    turns.keep(PROJECT, note("a", "> marmalade"))
    assert turns.settle(LONG_ENOUGH)
    with locked(stores.path_of(PROJECT)):
        turns.keep(PROJECT, note("b", "> marmalade"))
        turns.answered(PROJECT, "a", "s")
        assert not turns.settle(0.0)
        for at in (turns, begin()):
            assert given_to(at, "a")["a"].block == "> marmalade"
        assert given_to(turns, "b", "a").keys() == {"a", "b"}
        for session in ("s", "another"):
            assert given_to(turns, "a", session=session)["a"].answered
    assert turns.settle(LONG_ENOUGH)

    assert given_to(begin(), "a")["a"].answered
    assert given_to(begin(), "b").keys() == {"b"}
    assert "marmalade" not in " ".join(warnings_of(caplog))


class Lookout(Stores):
    """Does something else once it has looked whether there is a file."""

    then: Callable[[], None] | None = None

    def exists(self, scope: Scope) -> bool:
        there = super().exists(scope)
        if scope == PROJECT and self.then:
            then, self.then = self.then, None
            then()
        return there


def test_a_note_whose_file_is_made_in_the_moment_of_asking_is_found(
    tmp_path: Path, begin: Begin
) -> None:
    with closing(Lookout(tmp_path / "elsewhere")) as stores:
        turns, path = begin(stores), stores.path_of(PROJECT)
        path.parent.mkdir(parents=True)
        who_opens = FileLock(f"{path}.lock")
        who_opens.acquire()
        turns.keep(PROJECT, note("a"))

        def write() -> None:
            who_opens.release()
            assert turns.settle(LONG_ENOUGH)

        stores.then = write
        assert given_to(turns, "a").keys() == {"a"}
        assert in_file(stores) == {"a"}
        turns.close(LONG_ENOUGH)


def test_what_waits_for_a_locked_file_is_bounded(
    turns: Turns, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    remembered(stores, "The lamp is red.")
    keys = [f"k{number}" for number in range(MOST_WAITING + 10)]
    with locked(stores.path_of(PROJECT)):
        for key in keys:
            turns.keep(PROJECT, note(key))
    assert turns.settle(LONG_ENOUGH)

    assert set(keys[10:]) <= in_file(stores)  # those that were on their way are there too
    assert sum("too many wait" in line for line in warnings_of(caplog)) == 1


def test_threads_that_ask_and_keep_at_once_see_what_they_kept(turns: Turns) -> None:
    def converse(name: int) -> None:
        keys = [f"{name}-{number}" for number in range(30)]
        for number, key in enumerate(keys):
            turns.keep(PROJECT, note(key, session=str(name)))
            turns.answered(PROJECT, key, str(name))
            found = given_to(turns, *keys[: number + 1], session=str(name))
            assert list(found) == keys[: number + 1]
            assert all(one.answered for one in found.values())

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(converse, name) for name in range(6)]:
            done.result()


def test_where_the_file_cannot_be_used_memory_gives_what_it_knows(
    turns: Turns, stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = stores.path_of(PROJECT)
    remembered(stores, "The lamp is red.")
    turns.keep(PROJECT, note("a", "> marmalade"))
    assert turns.settle(LONG_ENOUGH)
    stores.path_of(PROJECT).rename(tmp_path / "elsewhere.db")
    path.mkdir()  # something else lies in its place

    assert given_to(turns, "a", "b").keys() == {"a"}
    with pytest.raises(MemoryUnavailable):
        given_to(turns, "b")
    turns.keep(PROJECT, note("b", "> marmalade"))
    assert given_to(turns, "b").keys() == {"b"}
    turns.close(0.0)
    assert any("turns_lost turns=1" in line for line in warnings_of(caplog))
    assert "marmalade" not in " ".join(warnings_of(caplog))


def test_a_file_of_a_later_version_is_not_waited_for(
    turns: Turns, stores: Stores, begin: Begin, others: Stores
) -> None:
    remembered(stores, "The lamp is red.")
    stores.close()
    with raw(stores.path_of(PROJECT)) as db:
        db.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")

    later = begin(others)
    with pytest.raises(MemoryUnavailable, match="later version"):
        given_to(later, "a")
    later.keep(PROJECT, note("a"))
    assert later.settle(LONG_ENOUGH)
    assert given_to(later, "a").keys() == {"a"}


def test_a_damaged_file_is_set_aside_and_notes_go_on(
    turns: Turns, stores: Stores, others: Stores, begin: Begin
) -> None:
    turns.keep(PROJECT, note("a"))
    turns.close(LONG_ENOUGH)
    stores.close()
    stores.path_of(PROJECT).write_bytes(b"no memory at all" * 1_000)

    later = begin(others)
    assert given_to(later, "a") == {}
    later.keep(PROJECT, note("b"))
    later.close(LONG_ENOUGH)

    assert in_file(others) == {"b"}
    assert list(stores.path_of(PROJECT).parent.glob("*.damaged-*"))


def test_a_note_with_a_bad_byte_is_none(turns: Turns, stores: Stores, begin: Begin) -> None:
    for key in "ab":
        turns.keep(PROJECT, note(key))
    turns.close(LONG_ENOUGH)
    with raw(stores.path_of(PROJECT)) as db:
        db.execute("UPDATE notes SET memories = CAST(x'5bff' AS TEXT) WHERE key = 'a'")

    assert given_to(begin(), "a", "b").keys() == {"b"}


def test_a_note_that_cannot_be_stored_stops_no_other(turns: Turns, stores: Stores) -> None:
    remembered(stores, "The lamp is red.")
    with locked(stores.path_of(PROJECT)):
        for key, tokens in (("a", 1), ("b", 1 << 80), ("c", 1)):
            turns.keep(PROJECT, note(key, tokens=tokens))
    assert turns.settle(LONG_ENOUGH)

    assert in_file(stores) == {"a", "c"}


def test_without_time_nothing_is_waited_for(
    turns: Turns, begin: Begin, stores: Stores, others: Stores
) -> None:
    turns.keep(PROJECT, note("a"))
    assert turns.settle(LONG_ENOUGH)
    assert turns.find(PROJECT, pairs("a"), "s", 0.0).keys() == {"a"}
    assert turns.find(PROJECT, pairs("a"), "s", -1.0).keys() == {"a"}
    by_another = FileLock(f"{stores.path_of(PROJECT)}.lock")  # who opens a file takes it
    with by_another, pytest.raises(MemoryUnavailable, match="cannot be opened now"):
        begin(others).find(PROJECT, pairs("a"), "s", 0.0)


def test_after_closing_nothing_is_written_and_nothing_breaks(turns: Turns, stores: Stores) -> None:
    turns.keep(PROJECT, note("a"))
    turns.close(LONG_ENOUGH)
    turns.keep(PROJECT, note("b"))
    turns.answered(PROJECT, "a", "s")
    turns.close(LONG_ENOUGH)

    assert turns.settle(LONG_ENOUGH)
    assert in_file(stores) == {"a"}


# --- versions ----------------------------------------------------------------------------------


def test_a_file_of_the_first_format_is_upgraded_after_a_backup(
    stores: Stores, begin: Begin
) -> None:
    path = stores.path_of(PROJECT)
    path.parent.mkdir(parents=True, mode=0o700)
    with raw(path) as db:
        migrations.STEPS[0](db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO memories (id, text, kind, role, speaker, session, position, learned,"
            " fingerprint) VALUES ('old', 'The lamp is red.', 'passage', 'user', '', '', 0, 1, '')"
        )

    turns = begin()
    assert given_to(turns, "a") == {}
    turns.keep(PROJECT, note("a", memories=("old",)))
    assert turns.settle(LONG_ENOUGH)
    [backup] = path.parent.glob("*.format-1.backup")
    assert backup.stat().st_mode & 0o777 == 0o600
    with raw(backup) as db:
        assert db.execute("PRAGMA user_version").fetchall() == [(1,)]
        assert db.execute("SELECT text FROM memories").fetchall() == [("The lamp is red.",)]
    with stores.open(PROJECT) as store:
        assert texts(store) == ["The lamp is red."]
    assert in_file(stores) == {"a"}
    forget(stores, "old")
    assert in_file(stores) == set()


# --- as a dictionary would do it ---------------------------------------------------------------


class Model:
    """What `find` gives, as plainly as it can be said."""

    def __init__(self) -> None:
        self.notes: dict[tuple[str, str], Note] = {}

    def find(self, turns: Sequence[tuple[str, str]], session: str) -> dict[str, Note]:
        owns = [own for _, own in turns]
        keys = [key for key, _ in turns]
        before = dict(self.notes)
        found: dict[str, Note] = {}
        for key, own in turns:
            is_newest = key == keys[-1]
            if mine := before.get((key, session)):
                found[key] = mine
                continue
            if same := [one for (name, _), one in before.items() if name == key]:
                found[key] = max(same, key=lambda one: one.created)
                if is_newest:
                    continue
            elif session and owns.count(own) == 1:
                alike = [
                    one
                    for (name, of), one in before.items()
                    if of == session
                    and one.own == own
                    and name not in keys
                    and not (is_newest and one.answered)
                ]
                if len({one.block for one in alike}) != 1:
                    continue
                found[key] = max(alike, key=lambda one: one.created)
            else:
                continue
            found[key] = replace(found[key], key=key, session=session)
            self.notes[key, session] = found[key]
        return found


KEYS = [f"k{number}" for number in range(6)]
SESSIONS = ["", "one", "two"]
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.sampled_from(KEYS), st.sampled_from(SESSIONS)),
        st.tuples(st.just("answered"), st.sampled_from(KEYS), st.sampled_from(SESSIONS)),
        st.tuples(
            st.just("find"),
            st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
            st.sampled_from(SESSIONS),
        ),
        st.tuples(st.sampled_from(["settle", "restart"]), st.none(), st.just("")),
    ),
    max_size=40,
)


@given(ACTS)
@settings(quick, max_examples=40)
def test_notes_are_found_as_a_dictionary_would_find_them(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, Any, str]]
) -> None:
    stores = Stores(tmp_path_factory.mktemp("turns"))
    turns, model = Turns(stores), Model()
    try:
        for number, (what, about, session) in enumerate(acts):
            match what:
                case "keep":
                    own = f"own {KEYS.index(about) % 4}"
                    kept = note(
                        about, f"{number}.", session=session, own=own, created=float(number)
                    )
                    turns.keep(PROJECT, kept)
                    model.notes[about, session] = kept
                case "answered":
                    turns.answered(PROJECT, about, session)
                    if known := model.notes.get((about, session)):
                        model.notes[about, session] = replace(known, answered=True)
                case "find":
                    asked = [(key, f"own {KEYS.index(key) % 4}") for key in about]
                    found = turns.find(PROJECT, asked, session, LONG_ENOUGH)
                    assert found == model.find(asked, session)
                    assert list(found) == [key for key in about if key in found]
                case "settle":
                    assert turns.settle(LONG_ENOUGH)
                case "restart":
                    turns.close(LONG_ENOUGH)
                    turns = Turns(stores)
    finally:
        turns.close(LONG_ENOUGH)
        stores.close()
