"""Recall on real files: what helps comes back in time, everything else stays where it is."""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall.drafts import draft
from recall.embedding import Embedder, EmbeddingFailed, MiniLM
from recall.engine import BUDGET, MOST, Recall, choose
from recall.records import USER, Hit, Kind, Memory, Recollection, Role, Scope
from recall.render import tokens
from recall.scopes import Stores
from recall.sentences import fingerprint

PROJECT, OTHER = Scope("/work/orchard"), Scope("/work/bakery")
LONG = 30.0  # seconds; only a test that fails waits so long
KEY = "sk-ant-api03-Zr8Tq2Lw5Xn7Bv4Kc1Jd9Hf6Gs3Pm0Ya8Ue5Io2Wq7Et4Ry1Tu6"

type Floats = NDArray[np.float32]


class Hashing:
    """Every text has a direction of its own."""

    name = "hashing/1"
    dimension = 32

    def embed(self, texts: Sequence[str]) -> Floats:
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=32) for t in texts]
        vectors = np.array(rows, np.float32).reshape(-1, self.dimension)
        normal: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normal

    def embed_question(self, text: str) -> Floats:
        vector: Floats = self.embed([text])[0]
        return vector


class Slow(Hashing):
    """Answers a question when it is told to, and not before."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.was_asked = threading.Event()
        self.asked = 0

    def embed_question(self, text: str) -> Floats:
        self.asked += 1
        self.was_asked.set()
        self.may_answer.wait(LONG)
        return super().embed_question(text)


class Broken(Hashing):
    """Has no vector for any question."""

    def embed_question(self, text: str) -> Floats:
        raise EmbeddingFailed("out of order")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., tuple[Stores, Recall]]]:
    with contextlib.ExitStack() as closing:

        def begin(embedder: Embedder | None = None, threads: int = 2) -> tuple[Stores, Recall]:
            stores = Stores(tmp_path, embedder)
            closing.callback(stores.close)
            recall = Recall(stores, threads=threads)
            closing.callback(recall.close)
            return stores, recall

        yield begin


type Running = Callable[..., tuple[Stores, Recall]]


def learn(stores: Stores, *texts: str, scope: Scope = PROJECT) -> list[str]:
    made = [draft(text, role=Role.USER) for text in texts]
    with stores.open(scope) as store:
        added = store.add([one for one in made if one is not None])
        store.embed_pending()
    return [one.id for one in added]


def texts(found: Recollection) -> list[str]:
    return [memory.text for memory in found.memories]


def now(recall: Recall, question: str, scope: Scope = PROJECT, budget: int = BUDGET) -> list[str]:
    return texts(recall.recall_now(question, scope, LONG, budget))


# --- what helps, and what does not ---------------------------------------------------------

SAID = (
    "The web shop is written in Kotlin and runs on a single Hetzner server in Falkenstein.",
    "We keep orders in PostgreSQL 16 and the session data in Valkey.",
    "The nightly backup goes to a Backblaze bucket and is restored for a trial every first Monday.",
    "Invoices are numbered by year and a counter, such as 2024-00017, without any gap.",
    "Payments go through Mollie; refunds have to be approved by Henrike.",
    "The product photos are scaled by imgproxy and never stored twice.",
    "Our release train leaves on Wednesdays, and nothing is deployed on Fridays.",
    "Feature toggles live in the table toggles and are read once a minute.",
    "The search page uses Meilisearch, since the customers mistype the names of the plants.",
    "We moved from Jenkins to Woodpecker because of the slow agents.",
    "The admin pages are served under /backstage and are only open to the office network.",
    "Customers from Switzerland pay no VAT, the shipping label says so.",
    "Tomasz owns the checkout, Henrike the bookkeeping export.",
    "The bookkeeping export is a DATEV file that leaves the house on the third of each month.",
    "We decided against GraphQL: two clients do not make up for the extra layer.",
    "Log lines are JSON and go to Loki, where they stay for thirty days.",
    "Passwords are hashed with argon2id, with 64 MB and three rounds.",
    "The mail templates are in MJML and are compiled when the image is built.",
    "Stock levels come from the warehouse every ten minutes over SFTP as a CSV file.",
    "The flaky test in CheckoutSpec was a time zone: it failed between midnight and two.",
    "Database migrations are run by Flyway before the new version takes traffic.",
    "The coupon code engine rounds in favour of the customer.",
    "Seeds are sold by the gram, bulbs by the piece; the unit is in the column sold_by.",
    "The staging server is rebuilt from scratch every Sunday night.",
    "An order is cancelled automatically if it is unpaid after nine days.",
    "The front end is server-side rendered, with a little htmx for the basket.",
    "We measured the basket page: 340 ms at the median, most of it in the tax service.",
    "The tax service is called once per basket and its answer is kept for five minutes.",
    "Tracking numbers are fetched from DHL by the job parcel_sync.",
    "The job parcel_sync stops after 500 parcels, or DHL blocks us.",
    "Newsletter subscriptions need a double opt-in; the proof is kept for three years.",
    "Prices are stored in cents as integers, and never as floats.",
    "The monitoring pages Tomasz by phone if the checkout fails for five minutes.",
    "Secrets are kept in SOPS files and decrypted when a container starts.",
    "The plant encyclopaedia is a static site that Astro builds from Markdown.",
    "Old orders are moved to the archive schema after ten years, as the law wants.",
    "Load tests are written for k6 and run against staging before the spring season.",
    "A customer can have several delivery addresses but only one for billing.",
    "The API for resellers is versioned by date, the oldest one is 2022-03-01.",
    "Reviews are shown after a moderator has read them, which takes a day at most.",
)

RELATED = {
    "Which database do we keep the orders in?": 1,
    "where do the backups go": 2,
    "How are invoices numbered?": 3,
    "Who has to approve a refund?": 4,
    "Can I deploy this on Friday?": 6,
    "why did we choose Meilisearch for the search page?": 8,
    "What did we use before Woodpecker?": 9,
    "how are passwords hashed?": 16,
    "After how many days is an unpaid order cancelled?": 24,
    "what limit does parcel_sync have?": 29,
    "Should prices be floats or integers?": 31,
    "who gets paged when the checkout fails?": 32,
    "How long do we have to keep old orders?": 35,
    "Which tool do we use for load tests?": 36,
}

UNRELATED = (
    "What is the capital of Mongolia?",
    "Tell me a joke about penguins.",
    "Who wrote The Magic Mountain?",
    "How tall is Kilimanjaro?",
    "Translate 'good evening' into Finnish, please.",
    "What is the boiling point of ethanol?",
    "Recommend a novel by an Icelandic author.",
    "How do I get red wine out of a white shirt?",
    "Which muscles does rowing train?",
    "Explain the offside rule in football.",
    "How many moons does Jupiter have?",
    "My knee hurts when I go downstairs, what can that be?",
    "Thanks, that was great!",
    "What is a good name for a grey cat?",
    "Write a birthday poem for my grandmother.",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recall]:
    """The memory of a software project, with the shipped model."""
    stores = Stores(tmp_path_factory.mktemp("shop"), MiniLM())
    recall = Recall(stores)
    learn(stores, *SAID)
    yield recall
    recall.close()
    stores.close()


@pytest.mark.parametrize("question", UNRELATED)
def test_an_unrelated_question_gets_nothing(shop: Recall, question: str) -> None:
    found = shop.recall_now(question, PROJECT, LONG)

    assert texts(found) == []
    assert found.tokens == 0
    assert found.why.startswith("nothing relevant")
    assert "words and vectors" in found.why


@pytest.mark.parametrize(("question", "place"), list(RELATED.items()))
def test_a_related_question_gets_what_helps(shop: Recall, question: str, place: int) -> None:
    found = shop.recall_now(question, PROJECT, LONG)

    assert SAID[place] in texts(found)
    assert len(found.memories) <= MOST
    assert found.why.endswith("by words and vectors")


@pytest.mark.parametrize("question", ["", " \n\t ", "\x00", "?", "🦉", "\ud800", "the of and"])
def test_a_question_without_words_gets_nothing(shop: Recall, question: str) -> None:
    found = shop.recall_now(question, PROJECT, LONG)

    assert found.memories == ()
    assert found.why


def test_a_very_long_question_is_no_trouble(shop: Recall) -> None:
    question = "Which database do we keep the orders in?\n" + "stack frame Of nowhere " * 100_000

    assert shop.recall_now(question, PROJECT, LONG).why


def test_where_nothing_was_stored_nothing_is_made(running: Running, tmp_path: Path) -> None:
    _stores, recall = running()

    found = recall.recall_now("where do the backups go", PROJECT, LONG)

    assert found == replace(Recollection(why="nothing is remembered yet"), seconds=found.seconds)
    assert list(tmp_path.iterdir()) == []


# --- whose memory --------------------------------------------------------------------------


def test_the_projects_and_the_users_memories_are_searched_and_no_others(running: Running) -> None:
    stores, recall = running()
    learn(stores, "The trumpet lesson was moved to the barn", scope=PROJECT)
    learn(stores, "My trumpet lesson teacher is called Odilo", scope=USER)
    learn(stores, "The trumpet lesson is cancelled for the choir", scope=OTHER)
    question = "What about the trumpet lesson?"

    here, there, own = (recall.recall_now(question, s, LONG) for s in (PROJECT, OTHER, USER))

    assert {m.scope for m in here.memories} == {PROJECT, USER}
    assert {m.scope for m in there.memories} == {OTHER, USER}
    assert {m.scope for m in own.memories} == {USER}
    assert len(own.memories) == 1
    assert len(here.memories) == len(there.memories) == 2


def test_a_project_without_memories_still_has_the_users(running: Running) -> None:
    stores, recall = running()
    learn(stores, "My trumpet lesson teacher is called Odilo", scope=USER)

    assert now(recall, "Who is the teacher of my trumpet lesson?", Scope("/never/seen"))
    assert not stores.exists(Scope("/never/seen"))


# --- which of those found ------------------------------------------------------------------


def hit(text: str, score: float = 1.0, **values: object) -> Hit:
    memory = Memory(
        id=str(values.pop("id", text)),
        text=text,
        kind=Kind(str(values.pop("kind", "passage"))),
        role=Role.USER,
        scope=PROJECT,
        speaker="",
        session="",
        position=0,
        created=None,
        learned=1e9,
    )
    relevant = bool(values.pop("relevant", True))
    return Hit(replace(memory, **values), score, relevant)  # type: ignore[arg-type]


@given(
    st.lists(st.text("abc déf 語", min_size=1, max_size=400), unique=True, max_size=40),
    st.integers(-1, 2_000),
)
@settings(max_examples=50)
def test_a_budget_is_never_exceeded(said: list[str], budget: int) -> None:
    chosen = choose([hit(text, -place) for place, text in enumerate(said)], budget)

    assert sum(tokens(memory.text) for memory in chosen.memories) <= chosen.tokens
    assert chosen.tokens <= max(budget, 0)
    assert len(chosen.memories) <= MOST


def test_the_best_come_first_into_the_budget() -> None:
    hits = [hit(f"number {n} " + f"w{n}x " * 40, score=n) for n in range(20)]
    one = choose([hits[19]], 10_000).tokens

    chosen = choose(hits, 3 * one + 5)

    assert {m.id for m in chosen.memories} == {h.memory.id for h in hits[17:]}


def test_what_is_too_long_makes_way_for_what_is_shorter() -> None:
    long, short = hit("long " + "many words " * 500, 9.0), hit("a short remark", 1.0)

    assert [m.text for m in choose([long, short], 100).memories] == ["a short remark"]


@pytest.mark.parametrize("budget", [0, -5])
def test_no_budget_brings_nothing(shop: Recall, budget: int) -> None:
    found = shop.recall_now("How are invoices numbered?", PROJECT, LONG, budget)

    assert found.memories == ()
    assert found.tokens == 0


def test_what_says_nearly_the_same_is_shown_once(running: Running) -> None:
    stores, recall = running()
    same = (
        "The trumpet lesson of the village band begins at seven on Thursday in the old barn",
        "the trumpet lesson of the village band begins at seven on Thursday, in the big old barn!",
    )
    learn(stores, *same, "The trumpet lesson costs twelve crowns")

    found = now(recall, "When does the trumpet lesson of the village band begin?")

    assert len(set(found) & set(same)) == 1


def test_short_texts_that_differ_in_the_word_that_matters_are_both_shown() -> None:
    hits = [hit("Ana likes the red trumpet"), hit("Bob likes the red trumpet")]

    assert len(choose(hits, 1_000).memories) == 2


def test_what_was_superseded_is_left_out() -> None:
    old, new = hit("start names with fn_", 2.0, successor="n"), hit("start names with go_", id="n")

    assert [m.id for m in choose([old, new], 1_000).memories] == ["n"]


def test_of_a_rule_only_what_holds_now_is_recalled(running: Running) -> None:
    stores, recall = running(Hashing())
    rules = [f"From now on, start all function names with {p}_." for p in ("fn", "go", "do")]
    for rule in rules:
        learn(stores, rule)
    learn(stores, *SAID[:20])

    for question in ("Write a function that reverses a list", "start all function names with fn_"):
        found = now(recall, question)
        assert rules[2] in found
        assert not set(rules[:2]) & set(found)


def test_an_outdated_rule_never_comes_without_the_one_that_holds(running: Running) -> None:
    stores, recall = running()
    old = "From now on, start all function names with fn_: the orchard team in Lisbon likes it so."
    new = "From now on, start all function names with do_."
    learn(stores, old)
    learn(stores, new)
    learn(stores, *SAID[:20])

    found = now(recall, "What does the orchard team in Lisbon like?")

    assert new in found or old not in found


def test_a_rule_whose_successor_was_forgotten_can_be_recalled_again(running: Running) -> None:
    stores, recall = running()
    old = "From now on, start all function names with fn_: the orchard team in Lisbon likes it so."
    learn(stores, old)
    new = learn(stores, "From now on, start all function names with do_.")
    learn(stores, *SAID[:20])
    with stores.open(PROJECT) as store:
        store.forget(new)

    assert old in now(recall, "What does the orchard team in Lisbon like?")


def test_rules_come_first_and_the_rest_in_the_order_it_was_said() -> None:
    hits = [
        hit("late remark", 9.0, created=300.0),
        hit("early remark", 1.0, created=100.0),
        hit("always knock twice", 2.0, kind="rule", created=200.0),
        hit("middle remark", 5.0, created=200.0),
    ]

    said = [m.text for m in choose(hits, 1_000).memories]

    assert said == ["always knock twice", "early remark", "middle remark", "late remark"]


@given(st.permutations(range(12)))
@settings(max_examples=30)
def test_the_order_does_not_depend_on_the_scores(scores: list[int]) -> None:
    hits = [
        hit(f"remark {n} about w{n}", score, kind="rule" if n % 4 == 0 else "note", created=n % 5)
        for n, score in enumerate(scores)
    ]

    in_order = [m.id for m in choose(hits, 10_000).memories]

    assert in_order == [m.id for m in choose(sorted(hits, key=lambda h: h.score), 10_000).memories]
    assert in_order == [m.id for m in choose([replace(h, score=1.0) for h in hits], 9_999).memories]


def test_the_order_does_not_depend_on_how_the_question_is_put(shop: Recall) -> None:
    orders = [
        now(shop, question)
        for question in (
            "What do we know about the checkout and its tests, and who owns it?",
            "who owns the checkout? and what do we know about its tests",
            "checkout: owner, tests",
        )
    ]

    for one in orders:
        assert one
        for other in orders:
            both = [text for text in one if text in other]
            assert both == [text for text in other if text in both]


# --- secrets -------------------------------------------------------------------------------


def test_a_secret_that_came_into_the_file_is_taken_out_when_it_is_recalled(
    running: Running,
) -> None:
    stores, recall = running()
    learn(stores, "The trumpet lesson begins at seven")
    text = f"The trumpet lesson is booked with the key {KEY} on the site of the band"
    with contextlib.closing(sqlite3.connect(stores.path_of(PROJECT))) as db, db:
        db.execute(
            "INSERT INTO memories (id, text, kind, role, speaker, session, position, learned,"
            " fingerprint) VALUES ('raw', ?, 'passage', 'user', '', '', 0, 1e9, ?)",
            (text, fingerprint(text)),
        )

    found = recall.recall_now("How is the trumpet lesson booked, with which key?", PROJECT, LONG)

    assert "raw" in [memory.id for memory in found.memories]
    assert KEY not in repr(found)


# --- in time -------------------------------------------------------------------------------

QUESTION = "When does the trumpet lesson begin?"
ANSWER = "The trumpet lesson begins at seven"


def read(stores: Stores) -> None:
    """Have the index in memory, so that nothing but the vector can be late."""
    with stores.open(PROJECT) as store:
        assert store.index(LONG)


def test_words_must_do_until_the_vector_is_there_and_it_serves_the_next_call(
    running: Running,
) -> None:
    embedder = Slow()
    stores, recall = running(embedder)
    learn(stores, ANSWER)
    read(stores)

    early = recall.recall_now(QUESTION, PROJECT, 0.2)
    embedder.may_answer.set()
    late = recall.recall_now(QUESTION, PROJECT, LONG)

    assert texts(early) == texts(late) == [ANSWER]
    assert early.why == "1 memory by words only"
    assert late.why == "1 memory by words and vectors"
    assert embedder.asked == 1


def test_words_must_do_where_there_are_no_vectors(running: Running) -> None:
    stores, recall = running(Broken())
    learn(stores, ANSWER)

    for _ in range(3):
        assert recall.recall_now(QUESTION, PROJECT, LONG).why == "1 memory by words only"


@pytest.mark.parametrize("deadline", [-1.0, 0.0, 1e-9, 1e-4])
async def test_a_deadline_that_cannot_be_met_is_no_trouble(
    running: Running, deadline: float
) -> None:
    stores, recall = running(Hashing())
    learn(stores, ANSWER)

    for _ in range(20):
        found = await recall.recall(QUESTION, PROJECT, deadline=deadline)
        assert found.memories == () or texts(found) == [ANSWER]
        assert found.why
    assert texts(await recall.recall(QUESTION, PROJECT, deadline=LONG)) == [ANSWER]


@pytest.mark.parametrize("deadline", [3_600.0, 1e9, 1e12, float("inf")])
async def test_a_deadline_may_be_as_long_as_one_likes(running: Running, deadline: float) -> None:
    stores, recall = running(Hashing())
    learn(stores, ANSWER)
    stores.close()
    stores, recall = running(Hashing())

    assert texts(await recall.recall(QUESTION, PROJECT, deadline=deadline)) == [ANSWER]


async def test_what_is_late_is_given_up_and_serves_the_next_call(running: Running) -> None:
    embedder = Slow()
    stores, recall = running(embedder)
    learn(stores, ANSWER)
    read(stores)

    waiting = asyncio.create_task(recall.recall(QUESTION, PROJECT, deadline=0.05))
    assert (await waiting).why in ("nothing found in time", "1 memory by words only")
    embedder.may_answer.set()

    found = await recall.recall(QUESTION, PROJECT, deadline=LONG)
    assert found.why == "1 memory by words and vectors"


async def test_the_event_loop_is_free_while_a_recall_takes_long(running: Running) -> None:
    embedder = Slow()
    stores, recall = running(embedder)
    learn(stores, ANSWER)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        await asyncio.to_thread(embedder.was_asked.wait, LONG)
        for _ in range(100):
            ticks += 1
            await asyncio.sleep(0)
        embedder.may_answer.set()

    ticking = asyncio.create_task(tick())
    found = await recall.recall(QUESTION, PROJECT, deadline=LONG)

    # Had the loop been blocked, the vector would never have come.
    assert found.why == "1 memory by words and vectors"
    await ticking
    assert ticks == 100


async def test_who_stops_waiting_disturbs_nobody(running: Running) -> None:
    embedder = Slow()
    stores, recall = running(embedder)
    learn(stores, ANSWER)
    waiting = [
        asyncio.create_task(recall.recall(QUESTION, PROJECT, deadline=LONG)) for _ in range(5)
    ]
    await asyncio.to_thread(embedder.was_asked.wait, LONG)

    for each in waiting[:3]:
        each.cancel()
    embedder.may_answer.set()

    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in done[:3])
    assert all(isinstance(each, Recollection) and texts(each) == [ANSWER] for each in done[3:])
    assert texts(await recall.recall(QUESTION, PROJECT, deadline=LONG)) == [ANSWER]


async def test_many_at_once_all_get_their_answer(running: Running) -> None:
    stores, recall = running(Hashing())
    learn(stores, ANSWER)

    questions = [f"When does the trumpet lesson number {n} begin?" for n in range(40)]
    found = await asyncio.gather(*(recall.recall(q, PROJECT, deadline=LONG) for q in questions))

    assert [texts(each) for each in found] == [[ANSWER]] * 40


# --- out of order --------------------------------------------------------------------------


def warnings_in(caplog: pytest.LogCaptureFixture, begin: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith(begin)]


async def test_a_store_of_a_later_version_is_told_once_and_left_as_it_is(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    stores, recall = running()
    learn(stores, ANSWER)
    path = stores.path_of(PROJECT)
    stores.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    stores, recall = running()

    with caplog.at_level(logging.WARNING, logger="memory_proxy"):
        for _ in range(5):
            found = await recall.recall(QUESTION, PROJECT, deadline=LONG)
            assert (found.memories, found.why) == ((), "the memory cannot be used now")

    assert len(warnings_in(caplog, "memory not recalled")) == 1
    assert path.read_bytes() == before


async def test_a_damaged_store_is_set_aside_and_nothing_is_found(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    stores, recall = running()
    learn(stores, ANSWER)
    path = stores.path_of(PROJECT)
    stores.close()
    path.write_bytes(b"no database" * 1_000)
    stores, recall = running()

    with caplog.at_level(logging.WARNING, logger="memory_proxy"):
        for _ in range(3):
            found = await recall.recall(QUESTION, PROJECT, deadline=LONG)
            assert found.memories == ()
            assert found.why

    assert len(warnings_in(caplog, "memory set aside")) == 1
    assert [p.read_bytes() for p in path.parent.glob("*.damaged-*")] == [b"no database" * 1_000]


async def test_a_store_that_is_damaged_while_it_is_open_is_no_trouble(running: Running) -> None:
    stores, recall = running()
    learn(stores, *SAID)
    assert now(recall, "How are invoices numbered?")
    path = stores.path_of(PROJECT)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\xa5" * size)

    for number in range(3):
        found = await recall.recall(f"How are invoices numbered {number}?", PROJECT, deadline=LONG)
        assert found.why


async def test_one_locked_store_holds_up_no_other(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    stores, _recall = running()
    learn(stores, ANSWER)
    learn(stores, ANSWER, scope=OTHER)
    stores.close()
    db = sqlite3.connect(stores.path_of(PROJECT), isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    stores, recall = running(threads=2)

    try:
        with caplog.at_level(logging.WARNING, logger="memory_proxy"):
            locked = [
                asyncio.create_task(recall.recall(QUESTION, PROJECT, deadline=0.3))
                for _ in range(4)
            ]
            free = await recall.recall(QUESTION, OTHER, deadline=3.0)
            done = await asyncio.gather(*locked)
    finally:
        db.close()

    assert texts(free) == [ANSWER]
    assert all(each.memories == () and each.why for each in done)
    assert len(warnings_in(caplog, "memory not recalled")) <= 1
    found = await recall.recall(QUESTION, PROJECT, deadline=LONG)
    assert texts(found) == [ANSWER]


async def test_the_projects_memories_come_although_the_users_cannot(running: Running) -> None:
    stores, _recall = running()
    learn(stores, ANSWER)
    learn(stores, "My trumpet lesson teacher is called Odilo", scope=USER)
    stores.close()
    with contextlib.closing(sqlite3.connect(stores.path_of(USER))) as db:
        db.execute("PRAGMA user_version = 999")
    _stores, recall = running()

    assert texts(await recall.recall(QUESTION, PROJECT, deadline=LONG)) == [ANSWER]


async def test_a_file_that_is_gone_is_no_trouble(running: Running) -> None:
    stores, recall = running()
    learn(stores, ANSWER)
    assert now(recall, QUESTION) == [ANSWER]
    for path in stores.path_of(PROJECT).parent.iterdir():
        path.unlink()

    found = await recall.recall(QUESTION, PROJECT, deadline=LONG)

    assert found.memories == ()
    assert found.why


# --- what is counted, and the end ----------------------------------------------------------


def test_what_was_brought_back_is_counted_at_the_end(running: Running) -> None:
    stores, recall = running()
    [one] = learn(stores, ANSWER)
    [own] = learn(stores, "My trumpet lesson teacher is called Odilo", scope=USER)
    [other] = learn(stores, "The kiln is hot by noon")
    for _ in range(3):
        assert len(now(recall, "What about the trumpet lesson?")) == 2

    recall.close()

    with stores.open(PROJECT) as store:
        used, unused = store.get(one), store.get(other)
        assert used is not None
        assert unused is not None
        assert used.times_used == 3
        assert used.last_used is not None
        assert abs(used.last_used - time.time()) < 3_600
        assert (unused.times_used, unused.last_used) == (0, None)
    with stores.open(USER) as store:
        memory = store.get(own)
        assert memory is not None
        assert memory.times_used == 3


def test_closing_twice_counts_once(running: Running) -> None:
    stores, recall = running()
    [one] = learn(stores, ANSWER)
    now(recall, QUESTION)

    recall.close()
    recall.close()

    with stores.open(PROJECT) as store:
        memory = store.get(one)
    assert memory is not None
    assert memory.times_used == 1


async def test_after_the_end_nothing_is_recalled_and_nothing_opened(running: Running) -> None:
    stores, recall = running()
    learn(stores, ANSWER)
    recall.close()
    assert (await recall.recall(QUESTION, PROJECT, deadline=LONG)).why == "the memory is closed"

    stores.close()

    assert (await recall.recall(QUESTION, PROJECT, deadline=LONG)).memories == ()
    assert recall.recall_now(QUESTION, PROJECT, LONG).memories == ()


async def test_who_still_waits_at_the_end_gets_nothing_and_no_exception(running: Running) -> None:
    embedder = Slow()
    stores, recall = running(embedder, threads=1)
    learn(stores, ANSWER)
    waiting = [
        asyncio.create_task(recall.recall(f"{QUESTION} {n}", PROJECT, deadline=LONG))
        for n in range(4)
    ]
    await asyncio.to_thread(embedder.was_asked.wait, LONG)

    closing = asyncio.create_task(asyncio.to_thread(recall.close))
    await asyncio.sleep(0.01)
    embedder.may_answer.set()
    await closing

    done = await asyncio.gather(*waiting)
    assert all(each.why for each in done)
