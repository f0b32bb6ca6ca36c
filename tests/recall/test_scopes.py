"""Every scope has a file of its own, and what is stored there comes by its vectors unasked."""

import contextlib
import gc
import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall.embedding import EmbeddingFailed
from recall.errors import MemoryUnavailable
from recall.records import USER, Draft, Scope
from recall.scopes import EMBEDDED_IN_A_ROW, PROJECTS, USER_FILE, Stores, Tender
from recall.sqlite_store import SqliteStore

PROJECT = Scope("/work/orchard")
LONG = 20.0  # seconds, less than a rest; only a test that fails waits so long

type Floats = NDArray[np.float32]


class Ones:
    """All texts are alike."""

    name = "ones/1"
    dimension = 8

    def embed(self, texts: Sequence[str]) -> Floats:
        return np.full((len(texts), self.dimension), 8**-0.5, np.float32)

    def embed_question(self, text: str) -> Floats:
        vector: Floats = self.embed([text])[0]
        return vector


class Moody(Ones):
    """Fails as long as it is in a bad mood, and tells when it did."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.failed = threading.Event()

    def embed(self, texts: Sequence[str]) -> Floats:
        if self.error is not None:
            self.failed.set()
            raise self.error
        return super().embed(texts)


class Choosy(Ones):
    """Cannot embed one text."""

    def embed(self, texts: Sequence[str]) -> Floats:
        if any("unspeakable" in text for text in texts):
            raise EmbeddingFailed("not this one")
        return super().embed(texts)


class Watched(Ones):
    """Tells when it begins, and goes on when it may, without haste."""

    def __init__(self) -> None:
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Floats:
        self.began.set()
        self.may_go_on.wait(LONG)
        time.sleep(0.02)
        return super().embed(texts)


type Opening = Callable[..., Stores]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    with contextlib.ExitStack() as closing:

        def begin(*args: object, **kwargs: object) -> Stores:
            stores = Stores(tmp_path, *args, **kwargs)  # type: ignore[arg-type]
            closing.callback(stores.close)
            return stores

        yield begin


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def learn(stores: Stores, *texts: str, scope: Scope = PROJECT) -> None:
    with stores.open(scope) as store:
        store.add([Draft(text=text) for text in texts])


def pending(store: SqliteStore, at_most: int = 0) -> int:
    """How many vectors are missing, once it is no more than that or time is up."""
    end = time.monotonic() + LONG
    while (missing := store.stats().pending) > at_most and time.monotonic() < end:
        time.sleep(0.01)
    return missing


# --- where things lie ----------------------------------------------------------------------

paths = st.one_of(
    st.text(min_size=1, max_size=60),
    st.lists(st.sampled_from(["a", "b", "..", ".", "", "a-b", "a b", "ä"]), min_size=1).map(
        "/".join
    ),
    st.binary(min_size=1, max_size=40).map(lambda name: name.decode("utf-8", "surrogateescape")),
)


@given(paths, paths)
@example("/a/b", "/a/b/")
@example("/a/b", "/a//b")
@example("/a b", "/a-b")
@example("/x/app", "/y/app")
@example("/Ä", "/A\u0308")
@example("/a\udcff", "/a\udcfe")
@example("/a\udcff", "/a\xff")
@example("user", "/user")
@settings(max_examples=200)
def test_two_projects_never_share_a_file(one: str, other: str) -> None:
    assume(one != other)
    stores = Stores(Path("/memory"))

    files = {stores.path_of(Scope(one)), stores.path_of(Scope(other)), stores.path_of(USER)}

    assert len(files) == 3


@given(paths)
@example("/")
@example("..")
@example("/a/..")
@example("/a/.hidden")
@example("/a/line\nbreak\x00and nul")
@example("/a/" + "x" * 5_000)
@example("/a/" + "語" * 300)
@example("/a/\udcff\udcfe")
@example("/a/\ud800")
@example("C:\\Users\\me\\app")
@example("/a/CON")
@example("/a/-rf")
@settings(max_examples=200)
def test_a_file_lies_in_the_directory_and_has_a_safe_name(project: str) -> None:
    path = Stores(Path("/memory")).path_of(Scope(project))

    assert path.parent == Path("/memory") / PROJECTS
    assert path.suffix == ".db"
    assert len(path.name.encode()) <= 200  # there is room for ".damaged-…" and the like
    assert path.name.isprintable()
    assert not set(path.name) & set('/\\:*?"<>| ')
    assert path.name[0] not in ".-"


def test_the_name_tells_people_which_project_it_is(tmp_path: Path) -> None:
    stores = Stores(tmp_path)

    assert stores.path_of(Scope("/home/me/web-shop")).name.startswith("web-shop-")
    assert stores.path_of(USER) == tmp_path / USER_FILE


def test_the_file_of_a_project_stays_the_same_from_one_run_to_the_next(tmp_path: Path) -> None:
    # A hash that changes would lose all memories.
    assert Stores(tmp_path).path_of(PROJECT).name == "orchard-5c648a5cccfdfb4d.db"


@pytest.mark.parametrize(
    "project",
    ["/", "/a/..", "/a/line\nbreak", "/a/" + "x" * 5_000, "/a/\udcff\udcfe", "/a/語", "relative"],
)
def test_odd_directories_have_a_memory_like_others(opening: Opening, project: str) -> None:
    scope = Scope(project)
    learn(opening(), "the kiln is hot", scope=scope)

    again = opening()

    assert again.exists(scope)
    assert again.known() == [scope]
    with again.open(scope) as store:
        assert [memory.text for memory in store.list()] == ["the kiln is hot"]
        assert store.list()[0].scope == scope
        assert [hit.memory.text for hit in store.search("kiln", seconds=LONG).hits]


# --- which there are -----------------------------------------------------------------------


def test_only_what_was_stored_exists(opening: Opening, tmp_path: Path) -> None:
    stores = opening()
    assert not stores.exists(PROJECT)
    assert not stores.exists(USER)
    assert stores.known() == []
    assert list(tmp_path.iterdir()) == []

    learn(stores, "the kiln is hot")

    assert stores.exists(PROJECT)
    assert not stores.exists(USER)
    assert not stores.exists(Scope("/work"))
    assert stores.known() == [PROJECT]


def test_the_users_own_comes_first_among_the_known(opening: Opening) -> None:
    stores = opening()
    scopes = [Scope("/work/a"), Scope("/work/b"), Scope("/else/a"), USER]
    for scope in scopes:
        learn(stores, "the kiln is hot", scope=scope)

    known = opening().known()

    assert known[0] == USER
    assert set(known) == set(scopes)
    assert len(known) == 4


def test_what_cannot_be_read_is_not_among_the_known(opening: Opening, tmp_path: Path) -> None:
    learn(opening(), "the kiln is hot")
    junk = tmp_path / PROJECTS / "junk-0123456789abcdef.db"
    junk.write_bytes(b"junk" * 999)
    folder = tmp_path / PROJECTS / "folder-0123456789abcdef.db"
    folder.mkdir()
    missed: list[MemoryUnavailable] = []

    assert opening().known() == [PROJECT]
    assert opening().known(missed.append) == [PROJECT]

    assert str(missed[0]).startswith(f"{folder} cannot be used now: ")
    assert str(missed[1]).startswith(f"{junk} is damaged: ")
    assert len(missed) == 2
    assert junk.exists()


def test_a_file_that_is_only_just_being_made_is_neither_known_nor_missed(
    opening: Opening, tmp_path: Path
) -> None:
    learn(opening(), "the kiln is hot")
    (tmp_path / PROJECTS / "empty-0123456789abcdef.db").touch()
    begun = tmp_path / PROJECTS / "begun-0123456789abcdef.db"
    with contextlib.closing(sqlite3.connect(begun)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    missed: list[MemoryUnavailable] = []

    assert opening().known(missed.append) == [PROJECT]
    assert missed == []


def test_where_the_projects_cannot_be_looked_through_it_is_told(
    opening: Opening, tmp_path: Path
) -> None:
    (tmp_path / PROJECTS).touch()
    missed: list[MemoryUnavailable] = []

    assert opening().known(missed.append) == []
    [error] = missed
    assert str(error).startswith(f"{tmp_path / PROJECTS} cannot be used now: ")


def test_files_are_private(opening: Opening, tmp_path: Path) -> None:
    stores = opening()
    learn(stores, "the kiln is hot")
    learn(stores, "the kiln is hot", scope=USER)

    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_directories_that_a_copy_has_opened_to_others_are_shut_again(
    opening: Opening, tmp_path: Path
) -> None:
    memory = tmp_path / "home" / "memory"
    directories = [memory, memory / PROJECTS]
    for scope in (PROJECT, USER):
        with contextlib.closing(Stores(memory)) as stores:
            learn(stores, "the kiln is hot", scope=scope)
        for directory in (*directories, memory.parent):
            directory.chmod(0o755)

        with contextlib.closing(Stores(memory)) as stores, stores.open(scope) as store:
            assert store.count() == 1

        assert [mode_of(directory) for directory in directories] == [0o700, 0o700]
        # Whoever named it may have others in it.
        assert mode_of(memory.parent) == 0o755


# --- opening and closing -------------------------------------------------------------------


def test_a_store_is_opened_once(opening: Opening) -> None:
    stores = opening()

    with stores.open(PROJECT) as one, stores.open(PROJECT) as other:
        assert one is other


def test_all_who_ask_at_once_get_the_same_store(opening: Opening) -> None:
    stores = opening()
    together = threading.Barrier(8)

    def take(number: int) -> SqliteStore:
        together.wait(LONG)
        with stores.open(PROJECT) as store:
            store.add([Draft(text=f"the kiln number {number} is hot")])
            return store

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))

    assert len(set(map(id, taken))) == 1
    assert taken[0].count() == 8


def test_nothing_is_made_for_who_only_looks(opening: Opening, tmp_path: Path) -> None:
    stores = opening()

    with pytest.raises(MemoryUnavailable), stores.open(PROJECT, create=False):
        pass

    assert list(tmp_path.iterdir()) == []
    learn(stores, "the kiln is hot")
    with opening().open(PROJECT, create=False) as store:
        assert store.count() == 1


def test_a_directory_that_cannot_be_made_is_told_as_ours_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("a file")
    stores = Stores(tmp_path / "in-the-way")

    for _ in range(2):
        with pytest.raises(MemoryUnavailable), stores.open(PROJECT):
            pass
    (tmp_path / "in-the-way").unlink()

    learn(stores, "the kiln is hot")
    stores.close()


def test_closed_stores_stay_closed(opening: Opening) -> None:
    stores = opening(Ones(), tended=True)
    learn(stores, "the kiln is hot")
    with stores.open(PROJECT) as store:
        pass

    stores.close()
    stores.close()

    with pytest.raises(MemoryUnavailable):
        store.count()
    with pytest.raises(MemoryUnavailable):
        store.search("kiln")
    with pytest.raises(MemoryUnavailable):
        store.add([Draft(text="the kiln is cold")])
    with pytest.raises(MemoryUnavailable), stores.open(PROJECT):
        pass


def test_closing_lets_go_of_files_and_threads(opening: Opening) -> None:
    stores = opening(Ones(), tended=True)
    before = set(threading.enumerate())
    learn(stores, "the kiln is hot")
    with stores.open(PROJECT) as store:
        pending(store)
        store.search("kiln", seconds=LONG)

    stores.close()
    gc.collect()  # an open connection would warn, and a warning is an error

    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)  # who opened the store may be about to end
    assert set(threading.enumerate()) <= before
    path = stores.path_of(PROJECT)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")  # nobody else has it open
    db.close()


# --- vectors in the background -------------------------------------------------------------


def test_what_was_stored_gets_its_vector_unasked(opening: Opening) -> None:
    stores = opening(Ones(), tended=True)
    count = 3 * EMBEDDED_IN_A_ROW + 1
    learn(stores, *(f"the kiln number {number} is hot" for number in range(count)))
    learn(stores, "the user likes kilns", scope=USER)

    for scope in (PROJECT, USER):
        with stores.open(scope) as store:
            assert pending(store) == 0
            assert store.search("kiln", seconds=LONG).how == "words and vectors"


def test_what_was_edited_gets_a_vector_again(opening: Opening) -> None:
    stores = opening(Ones(), tended=True)
    learn(stores, "the kiln is hot")
    with stores.open(PROJECT) as store:
        assert pending(store) == 0
        store.edit(store.list()[0].id, Draft(text="the kiln is cold"))
        assert pending(store) == 0
        assert store.stats().embedded == {"ones/1": 1}


def test_what_was_left_over_is_done_when_the_store_is_opened_again(opening: Opening) -> None:
    learn(opening(), "the kiln is hot", "bread needs time")

    with opening(Ones(), tended=True).open(PROJECT) as store:
        assert pending(store) == 0


def test_another_model_makes_all_vectors_anew(opening: Opening) -> None:
    class Twos(Ones):
        name = "twos/1"
        dimension = 16

        def embed(self, texts: Sequence[str]) -> Floats:
            return np.full((len(texts), self.dimension), 0.25, np.float32)

    first = opening(Ones(), tended=True)
    learn(first, *(f"the kiln number {number} is hot" for number in range(40)))
    with first.open(PROJECT) as store:
        assert pending(store) == 0
    first.close()

    with opening(Twos(), tended=True).open(PROJECT) as store:
        assert pending(store) == 0
        assert store.stats().embedded == {"ones/1": 40, "twos/1": 40}
        assert store.search("kiln", seconds=LONG).how == "words and vectors"


def test_untended_stores_wait_for_somebody_to_ask(opening: Opening) -> None:
    stores = opening(Ones())
    learn(stores, "the kiln is hot", "bread needs time")

    with stores.open(PROJECT) as store:
        assert store.stats().pending == 2
        assert store.embed_pending() == 2
        assert store.stats().pending == 0


def test_without_an_embedder_nothing_is_pending(opening: Opening) -> None:
    stores = opening(tended=True)
    learn(stores, "the kiln is hot")

    with stores.open(PROJECT) as store:
        assert store.stats().pending == 0
        assert store.embed_pending() == 0


@pytest.mark.parametrize("error", [EmbeddingFailed("asleep"), ValueError("odd"), MemoryError()])
def test_an_embedder_that_fails_does_not_end_the_work(opening: Opening, error: Exception) -> None:
    embedder = Moody(error)
    stores = opening(embedder, tended=True)
    learn(stores, "the kiln is hot")
    assert embedder.failed.wait(LONG)

    # Storing and searching go on meanwhile, and so does the thread.
    learn(stores, "bread needs time")
    with stores.open(PROJECT) as store:
        assert store.stats().pending == 2
        assert store.search("kiln", seconds=LONG).hits[0].memory.text == "the kiln is hot"
    assert any(thread.name == "memory-vectors" for thread in threading.enumerate())


def test_a_file_that_cannot_be_written_keeps_no_other_from_its_vectors(opening: Opening) -> None:
    class Refused(Ones):
        """Cannot store what it makes of one text: the disk, say."""

        def embed(self, texts: Sequence[str]) -> Floats:
            if any("kiln" in text for text in texts):
                failed.set()
                raise MemoryUnavailable("the disk is full")
            return super().embed(texts)

    failed = threading.Event()
    stores = opening(Refused(), tended=True)
    learn(stores, "the kiln is hot")
    assert failed.wait(LONG)

    learn(stores, "the user likes bread", scope=USER)
    with stores.open(USER) as store:
        assert pending(store) == 0


def test_who_rested_is_served_while_another_has_more_and_more_to_do() -> None:
    class Store:
        """Fails once, or always has more to do."""

        def __init__(self, turns: list[str], name: str) -> None:
            self.turns, self.name = turns, name

        def tidy(self) -> None:
            if self.name == "fails once" and self.name not in self.turns:
                self.turns.append(self.name)
                raise MemoryUnavailable("the disk is full")

        def embed_pending(self, *, limit: int) -> int:
            self.turns.append(self.name)
            time.sleep(0.001)
            return limit if len(self.turns) < 2_000 else 0

    turns: list[str] = []
    tender = Tender(rest=0.05)
    tender.wake(Store(turns, "fails once"))
    tender.wake(Store(turns, "has more to do"))
    end = time.monotonic() + LONG
    while len(turns) < 2_000 and turns.count("fails once") < 2 and time.monotonic() < end:
        time.sleep(0.01)
    tender.stop()

    assert turns[:1_900].count("fails once") > 1


@pytest.mark.parametrize("refused", ["unspeakable", "unspeakable" * 20])
def test_one_text_that_cannot_be_embedded_does_not_keep_others_from_it(
    opening: Opening, refused: str
) -> None:
    stores = opening(Choosy())
    learn(stores, *(f"the kiln number {number} is hot" for number in range(30)))
    learn(stores, refused)
    learn(stores, *(f"the oven number {number} is hot" for number in range(30)))

    with stores.open(PROJECT) as store:
        for _ in range(5):
            with contextlib.suppress(EmbeddingFailed):
                store.embed_pending()
        assert store.stats().pending == 1


def test_who_closes_waits_for_no_more_than_what_is_being_done(opening: Opening) -> None:
    embedder = Watched()
    stores = opening(embedder, tended=True)
    learn(stores, *(f"the kiln number {number} is hot" for number in range(500)))
    assert embedder.began.wait(LONG)

    closing = threading.Thread(target=stores.close)
    closing.start()
    embedder.may_go_on.set()
    closing.join(LONG)

    assert not closing.is_alive()
    with opening(Ones()).open(PROJECT) as store:
        assert store.count() == 500
        assert store.stats().pending > 0


def test_what_fails_is_told_without_texts(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = Moody(EmbeddingFailed("asleep"))
    with caplog.at_level(logging.DEBUG, logger="memory_proxy"):
        stores = opening(embedder, tended=True)
        learn(stores, "the kiln is hot")
        assert embedder.failed.wait(LONG)
        stores.close()

    assert "kiln" not in caplog.text
