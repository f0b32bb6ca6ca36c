"""What was acknowledged stays: kills, full disks, locks, lost files, wrong clocks, many at once."""

import json
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

pytest.register_assert_rewrite("tests.recall.conformance")

from recall.errors import MemoryUnavailable  # noqa: E402
from recall.learn import Learner, Progress  # noqa: E402
from recall.records import Draft, Exchange, Scope  # noqa: E402
from recall.scopes import Stores  # noqa: E402
from recall.sqlite_file import translated  # noqa: E402
from recall.sqlite_store import SqliteStore  # noqa: E402
from tests.recall.conformance import (  # noqa: E402
    LONG_ENOUGH,
    OTHER,
    PROJECT,
    QUESTIONS,
    add,
    everything,
    exchange,
    exported,
    found,
    furnish,
    hits,
    in_order,
    kept,
    ranking,
    say,
    texts,
    through_json,
)

ROOT = Path(__file__).parents[2]

# Imports once, then forks a writer for each line of its input, so that many rounds are quick.
NURSERY = """
import itertools, os, sys
from pathlib import Path
from recall.records import Draft, Evidence, Exchange, Role, Scope
from recall.sqlite_store import SqliteStore

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def forever(path, scope, name):
    store = SqliteStore(path, scope)
    for number in itertools.count():
        text = f"Lamp {name}-{number} is red."
        said = Exchange(id=text, project=scope.project, question=text, answer="Noted.")
        [added] = store.add([Draft(text=text, evidence=(Evidence(Role.USER, text, text),))], said)
        tell("added", added.id, f"{name}-{number}")
        if number % 5 == 3:
            store.edit(added.id, Draft(text=f"Kettle {name}-{number} is black."))
            tell("edited", added.id, f"{name}-{number}")
        if number % 5 == 4:
            store.forget([added.id])
            tell("forgot", added.id, f"{name}-{number}")

def at_once(path, scope, name):
    store = SqliteStore(path, scope)
    for number in range(25):
        store.add([Draft(text=f"Lamp {name}-{number} is red."), Draft(text=f"We share {number}.")])
        assert f"Lamp {name}-{number} is red." in [
            hit.memory.text for hit in store.search(f"lamp {name}-{number}", seconds=60).hits
        ]
    store.close()
    tell("done")

tell("ready")
children = []
for line in sys.stdin:
    what, path, scope, *names = line.split()
    for name in names:
        child = os.fork()
        if not child:
            try:
                globals()[what](Path(path), Scope(scope), name)
            except BaseException as error:
                tell("error", repr(error))
            os._exit(0)
        children.append(child)
        tell("born", child)
    while children:
        os.waitpid(children.pop(), 0)
    tell("dead")
"""

HOLD_THE_LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE memories SET times_used = 99")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
db.close()
print("released", flush=True)
"""

ON_A_FULL_DISK = """
import json, resource, sys
from pathlib import Path
from recall.errors import MemoryUnavailable
from recall.records import Draft, Scope
from recall.sqlite_store import SqliteStore

store = SqliteStore(Path(sys.argv[1]), Scope(sys.argv[2]))
numbers = iter(range(1_000_000))
acknowledged = []

def fill():
    for number in numbers:
        [added] = store.add([Draft(text=f"Lamp number {number} is red. " + "It shines. " * 20)])
        acknowledged.append(added.id)

_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
errors = []
for act in (fill, fill, lambda: store.forget(acknowledged[:1]), lambda: store.used(acknowledged)):
    try:
        act()
    except MemoryUnavailable as error:
        errors.append(str(error))
    else:
        if act is not fill and store.count() < len(acknowledged):
            del acknowledged[0]  # it could be forgotten all the same
full = len(acknowledged)
readable = store.count()
hits = len(store.search("Which lamp is red?", seconds=60).hits)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
[added] = store.add([Draft(text="The disk has room again.")])
acknowledged.append(added.id)
store.close()
print(json.dumps([errors, full, readable, hits, acknowledged]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memories" / "garden.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, PROJECT)
    yield store
    store.close()


@contextmanager
def opened(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, PROJECT)) as store:
        yield store


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        verdict: list[tuple[str]] = db.execute("PRAGMA integrity_check").fetchall()
        orphans: list[tuple[str]] = db.execute("PRAGMA foreign_key_check").fetchall()
        return verdict == [("ok",)] and not orphans


class Nursery:
    """Starts writers that can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._stdin: IO[str] = process.stdin
        self._stdout: IO[str] = process.stdout
        assert self.hear() == ["ready"]

    def start(self, what: str, path: Path, *names: str) -> None:
        self._stdin.write(f"{what} {path} {PROJECT} {' '.join(names)}\n")
        self._stdin.flush()

    def hear(self) -> list[str]:
        return self._stdout.readline().split(maxsplit=2)

    def until_dead(self) -> Iterator[list[str]]:
        while (heard := self.hear()) != ["dead"]:
            assert heard, "the nursery itself died"
            yield heard


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin
        process.stdin.close()


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "released\n"
            process.stdin.close()


@contextmanager
def locked_here(paths: list[Path]) -> Iterator[None]:
    connections = [sqlite3.connect(path, isolation_level=None) for path in paths]
    for db in connections:
        db.execute("BEGIN IMMEDIATE")
    yield
    for db in connections:
        db.execute("ROLLBACK")
        db.close()


# --- kills -------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_what_was_acknowledged_survives_kills_at_any_moment(nursery: Nursery, path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - the same at every run
    expected: dict[str, str] = {}
    gone: set[str] = set()
    done: Counter[str] = Counter()
    for number in range(30):
        nursery.start("forever", path, f"w{number}")
        verb, child = nursery.hear()
        assert verb == "born"
        heard = [nursery.hear() for _ in range(chance.randrange(12))]
        time.sleep(0.003 * chance.random())
        os.kill(int(child), signal.SIGKILL)
        for verb, memory_id, name in [*heard, *nursery.until_dead()]:
            done[verb] += 1
            match verb:
                case "added":
                    expected[memory_id] = f"Lamp {name} is red."
                case "edited":
                    expected[memory_id] = f"Kettle {name} is black."
                case "forgot":
                    gone.add(expected.pop(memory_id))
        if not path.exists():
            continue
        with opened(path) as store:
            assert store.set_aside_to is None
            held = {memory.id: memory.text for memory in store.list(limit=10_000)}
            unheard = {held[memory_id] for memory_id in held.keys() - expected.keys()}
            assert not gone & {*held.values(), *unheard}
            for memory_id, text in expected.items():
                # The last thing done may not have been told any more.
                if held.get(memory_id) != text:
                    assert f"w{number}-" in text
                    expected[memory_id] = held.get(memory_id, "")
            expected = {memory_id: text for memory_id, text in expected.items() if text}
            expected |= held
            assert len(expected) == len(held)
        assert is_sound(path)
    assert done["added"] > 100
    assert done["edited"]
    assert done["forgot"]
    assert not list(path.parent.glob("*.damaged-*"))


@pytest.mark.e2e
def test_a_kill_while_a_store_is_made_leaves_a_store_or_none(
    nursery: Nursery, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same at every run
    for number in range(15):
        path = tmp_path / str(number) / "garden.db"
        nursery.start("forever", path, "w")
        _, child = nursery.hear()
        time.sleep(0.012 * chance.random())
        os.kill(int(child), signal.SIGKILL)
        acknowledged = [heard for heard in nursery.until_dead() if heard[0] == "added"]

        with opened(path) as store:
            assert store.set_aside_to is None
            assert store.count() >= min(1, len(acknowledged))
            add(store, "The store is as good as new.")
            assert "The store is as good as new." in found(store, "Is the store good?")
        assert is_sound(path)


@pytest.mark.e2e
def test_six_processes_that_add_at_once_lose_nothing(nursery: Nursery, path: Path) -> None:
    names = [f"w{number}" for number in range(6)]
    nursery.start("at_once", path, *names)

    heard = Counter(words[0] for words in nursery.until_dead())

    assert heard == {"born": 6, "done": 6}
    with opened(path) as store:
        said = store.list(limit=1_000)
        own = {f"Lamp {name}-{number} is red." for name in names for number in range(25)}
        shared = {f"We share {number}." for number in range(25)}
        assert sorted(memory.text for memory in said) == sorted(own | shared)
        assert {memory.times_said for memory in said if memory.text in own} == {1}
        assert {memory.times_said for memory in said if memory.text in shared} == {6}
    assert is_sound(path)


# --- locks -------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_a_locked_store_can_be_read_and_says_that_it_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stores = Stores(tmp_path)
    learner = Learner(stores)
    try:
        for scope in (OTHER, PROJECT):
            with stores.open(scope) as store:
                add(store, "The lamp is red.")
                found(store, "lamp")
        refused: list[str] = []

        def write() -> None:
            try:
                add(store, "The parrot is green.")
            except MemoryUnavailable as error:
                refused.append(str(error))

        with (
            locked_by_another_process(stores.path_of(PROJECT)),
            locked_by_another_process(stores.path_of(OTHER)),
        ):
            for number in range(100):
                assert learner.offer(
                    exchange(f"e{number}", f"Kettle {number} is black.", scope=OTHER)
                )
            writing = threading.Thread(target=write)
            writing.start()
            with opened(stores.path_of(PROJECT)) as another:
                assert texts(another) == ["The lamp is red."]
            while writing.is_alive():
                assert found(store, "lamp") == texts(store) == ["The lamp is red."]
                assert kept(store, store.list()[0].id).times_used == 0
                assert len(exported(store)) == 2
                time.sleep(0.05)
            writing.join()
            while not any("memory.waits" in line for line in warnings_of(caplog)):
                time.sleep(0.01)
            assert learner.progress().learned == 0

        [reason] = refused
        assert "cannot be used now" in reason
        assert "locked" in reason
        add(store, "The parrot is green.")
        assert texts(store) == ["The lamp is red.", "The parrot is green."]
        assert learner.close(LONG_ENOUGH)
        assert learner.progress() == Progress(learned=100)
        with stores.open(OTHER) as learned:
            assert learned.count() == 101
            assert learned.stats().exchanges == 100
    finally:
        learner.close(LONG_ENOUGH)
        stores.close()


@pytest.mark.e2e
def test_a_write_waits_for_a_lock_that_is_let_go(store: SqliteStore, path: Path) -> None:
    add(store, "The lamp is red.")
    with locked_by_another_process(path):
        writing = threading.Thread(target=add, args=(store, "The parrot is green."))
        writing.start()
        assert texts(store) == ["The lamp is red."]
    writing.join(LONG_ENOUGH)

    assert texts(store) == ["The lamp is red.", "The parrot is green."]


# --- disks -------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_on_a_full_disk_nothing_acknowledged_is_lost(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_A_FULL_DISK, path, str(PROJECT)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    errors, full, readable, hits_then, acknowledged = json.loads(said)

    assert len(errors) >= 2
    assert all("cannot be used now" in error for error in errors)
    assert full == readable > 10
    assert hits_then == min(50, full)
    with opened(path) as store:
        assert {memory.id for memory in store.list(limit=10_000)} == set(acknowledged)
        assert "The disk has room again." in found(store, "Does the disk have room?")
    assert is_sound(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.e2e
def test_a_store_goes_on_when_the_disk_has_room_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with opened(small_disk / "garden.db") as store:
        furnish(store)
        ballast.write_bytes(bytes(400_000))
        before = exported(store)
        refused = ""
        for number in range(1_000):
            try:
                add(store, f"Lamp number {number} is red. " + "It shines. " * 1_000)
            except MemoryUnavailable as error:
                refused = str(error)
                break
            before = exported(store)
        assert "full" in refused
        with pytest.raises(MemoryUnavailable):
            add(store, "x" * 900_000)

        assert exported(store) == before
        assert found(store, "Where does the spare key hang?")
        ballast.unlink()
        add(store, "The parrot is green.")
        assert found(store, "Is the parrot green?")[0] == "The parrot is green."
    assert is_sound(small_disk / "garden.db")


@pytest.mark.e2e
def test_who_opens_a_store_on_a_full_disk_is_told_that_it_is_full(small_disk: Path) -> None:
    path = small_disk / "garden.db"
    with opened(path) as store:
        add(store, "The lamp is red.")
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4_096))

    for one in (path, small_disk / "new.db"):
        with pytest.raises(MemoryUnavailable, match=r"cannot be used now: the disk is full \("):
            SqliteStore(one, PROJECT)


def test_a_disk_that_fails_is_not_called_full(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    for path in (tmp_path / "garden.db", tmp_path / "gone" / "garden.db"):
        with pytest.raises(MemoryUnavailable) as caught, translated(path):
            raise error
        assert str(caught.value) == f"{path} cannot be used now: disk I/O error"


@pytest.mark.skipif(not hasattr(os, "geteuid") or not os.geteuid(), reason="root may write all")
def test_where_nothing_may_be_written_it_is_told(tmp_path: Path) -> None:
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o500)
    for path in (directory / "garden.db", directory / "projects" / "garden.db"):
        with pytest.raises(MemoryUnavailable, match="cannot be used now"):
            SqliteStore(path, PROJECT)


def test_where_a_directory_lies_in_the_way_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "garden.db").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "garden.db", tmp_path / "file" / "garden.db"):
        with pytest.raises(MemoryUnavailable, match="cannot be used now"):
            SqliteStore(path, PROJECT)


# --- lost files --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["search", "list", "count", "get", "export", "stats", "add"])
@pytest.mark.parametrize("companions", [True, False])
def test_a_deleted_file_is_begun_anew(
    store: SqliteStore, path: Path, first: str, companions: bool, caplog: pytest.LogCaptureFixture
) -> None:
    [gone] = add(store, "The vault opens with marmalade.")
    found(store, "vault")
    for file in path.parent.glob("garden.db*") if companions else [path]:
        file.unlink()

    match first:
        case "search":
            assert hits(store, "What does the vault open with?") == ()
        case "list":
            assert store.list() == []
        case "count":
            assert store.count() == 0
        case "get":
            assert store.get(gone.id) is None
        case "export":
            assert len(exported(store)) == 1
        case "stats":
            assert store.stats().kinds == {}
        case "add":
            assert [one.how for one in add(store, "The lamp is red.")] == ["new"]

    assert "marmalade" not in everything(store, ["What does the vault open with?"])
    assert [one.how for one in add(store, "The parrot is green.")] == ["new"]
    assert "The parrot is green." in found(store, "Is the parrot green?")
    assert len(warnings_of(caplog)) == 1
    assert path.exists()
    store.close()
    assert is_sound(path)


def test_the_whole_directory_may_go(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, "The vault opens with marmalade.")
    path.parent.rename(path.parent.with_name("elsewhere"))

    assert hits(store, "What does the vault open with?") == ()
    add(store, "The lamp is red.")

    assert texts(store) == ["The lamp is red."]
    assert len(warnings_of(caplog)) == 1
    with opened(path.parent.with_name("elsewhere") / path.name) as old:
        assert texts(old) == ["The vault opens with marmalade."]


def test_another_file_in_its_place_is_the_store_from_then_on(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, "The vault opens with marmalade.", *(f"Lamp {number}." for number in range(9)))
    found(store, "vault")
    with opened(path.with_name("other.db")) as other:
        add(other, "The parrot is green.", *(f"Kettle {number}." for number in range(20)))
        lines = exported(other)
    path.with_name("other.db").replace(path)

    assert found(store, "What does the vault open with? Is the parrot green?")[0] == (
        "The parrot is green."
    )
    assert "marmalade" not in everything(store, ["What does the vault open with?"])
    assert exported(store) == lines
    assert len(warnings_of(caplog)) == 1


@pytest.mark.e2e
def test_two_stores_whose_file_was_deleted_go_on_together(store: SqliteStore, path: Path) -> None:
    with opened(path) as another:
        add(store, "The vault opens with marmalade.")
        assert texts(another) == ["The vault opens with marmalade."]
        path.unlink()

        for number in range(20):
            add((store, another)[number % 2], f"Lamp number {number} is red.")

        for one in (store, another):
            assert texts(one) == [f"Lamp number {number} is red." for number in range(20)]
            assert len(found(one, "Which lamp is red?")) == 20
    store.close()
    assert is_sound(path)


# --- clocks ------------------------------------------------------------------------------------


def test_a_clock_that_goes_backwards_breaks_nothing(store: SqliteStore, path: Path) -> None:
    furnish(store)
    now = time.time()
    times = (now + 1e9, 0.0, now - 1e9, -5.0, now + 60, now - 60)
    add(store, *(Draft(text=f"Lamp {number} is red.", created=t) for number, t in enumerate(times)))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # As if the clock had been a century ahead, and then right again.
        db.execute("UPDATE memories SET learned = learned + 3e9, last_used = last_used + 3e9")
    [old] = add(store, say("Always start function names with z_."))
    [new] = add(store, say("Always start function names with w_."))
    store.used([new.id])

    for one in (store, SqliteStore(path, PROJECT)):
        with closing(one):
            assert len(found(one, "Which lamp is red?", limit=100)) == one.count()
            pages = [texts(one, limit=4, offset=offset) for offset in range(0, 24, 4)]
            assert sorted(text for page in pages for text in page) == sorted(texts(one))
            assert kept(one, old.id).successor == new.id
            assert one.stats().oldest == -5.0
            with opened(path.with_name(f"{one is store}.db")) as copy:
                copy.import_lines(through_json(one.export()))
                assert in_order(exported(copy)) == in_order(exported(one))
                assert [ranking(copy, q) for q in QUESTIONS] == [ranking(one, q) for q in QUESTIONS]


# --- many at once ------------------------------------------------------------------------------


def test_ten_thousand_exchanges_offered_at_once_are_all_stored(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    learner = Learner(stores)
    projects = [Scope(f"/projects/{number}") for number in range(4)]
    try:
        for scope in projects:
            with stores.open(scope) as store:
                add(store, "It began.")
        with locked_here([stores.path_of(scope) for scope in projects]):
            # Nothing can be stored now, so who offers waits for nobody if this ends at all.
            for number in range(10_000):
                assert learner.offer(
                    Exchange(
                        id=f"e{number}",
                        project=projects[number // 2_500].project,
                        question=f"The lamp in room {number} is red.",
                        answer="" if number % 10 else f"The lamp in room {number} was mended.",
                        session=f"s{number % 7}",
                        started=1e9 + number,
                    )
                )
            assert learner.progress() == Progress(waiting=10_000)

        assert learner.close(LONG_ENOUGH)  # it stores what waits, without pauses

        assert learner.progress() == Progress(learned=10_000)
        for number, scope in enumerate(projects):
            with stores.open(scope) as store:
                assert store.stats().exchanges == 2_500
                said = {memory.text for memory in store.list(limit=10_000)}
                rooms = range(2_500 * number, 2_500 * (number + 1))
                asked = {f"The lamp in room {room} is red." for room in rooms}
                told = {f"The lamp in room {room} was mended." for room in rooms[::10]}
                assert said == asked | told | {"It began."}
                assert store.count() == len(said)
    finally:
        learner.close(LONG_ENOUGH)
        stores.close()
