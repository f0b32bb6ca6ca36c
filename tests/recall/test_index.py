"""Searching stores on real files: what comes first, what beside it, and what after a change."""

import random
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recall import ranking, words
from recall.drafts import draft
from recall.errors import MemoryUnavailable
from recall.index import LOOKED_AT_CLOSELY, Asked, Index
from recall.lines import Line, memory_line
from recall.postings import Postings, pack_terms
from recall.records import Draft, Findings, Kind, Memory, Role, Scope
from recall.scopes import Stores
from recall.sqlite_store import SqliteStore
from recall.vectors import Vectors, quantised

PROJECT, OTHER = Scope("/work/orchard"), Scope("/work/bakery")
SECONDS = 30.0

type Floats = NDArray[np.float32]


@cache
def _direction(word: str) -> Floats:
    numbers = np.random.default_rng(zlib.crc32(word.encode())).normal(size=64)
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)


class Hashing:
    """Lays texts close that share words: a word is a direction of its own."""

    name = "hashing/1"
    dimension = 64

    def embed(self, texts: Sequence[str]) -> Floats:
        rows = [sum((_direction(w) for w in t.lower().split()), _direction(" ")) for t in texts]
        summed = np.array(rows, np.float32).reshape(-1, self.dimension)
        normal: Floats = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return normal

    def embed_question(self, text: str) -> Floats:
        vector: Floats = self.embed([text])[0]
        return vector


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path)
    yield stores
    stores.close()


@pytest.fixture
def seeing(tmp_path: Path) -> Iterator[Stores]:
    """Stores whose memories have vectors, once these were made."""
    stores = Stores(tmp_path / "seeing", Hashing())
    yield stores
    stores.close()


@pytest.fixture
def store(stores: Stores) -> SqliteStore:
    with stores.open(PROJECT) as store:
        return store


def ask(store: SqliteStore, question: str, limit: int = 50) -> Findings:
    return store.search(question, limit=limit, seconds=SECONDS)


def found(store: SqliteStore, question: str, limit: int = 50) -> list[str]:
    return [hit.memory.text for hit in ask(store, question, limit).hits]


def rule(text: str) -> Draft:
    made = draft(text, role=Role.USER)
    assert made is not None
    assert made.kind is Kind.RULE
    return made


def forget_texts(store: SqliteStore, texts: Iterable[str]) -> None:
    by_text = {memory.text: memory.id for memory in store.list(limit=10_000)}
    store.forget([by_text[text] for text in texts])


# --- who stands beside whom ----------------------------------------------------------------

SAID = (
    "Ana paints the chair",
    "Bob mends the kettle",
    "Cleo sells the lantern",
    "Dino lifts the basket",
    "Emma cleans the mirror",
    "Finn finds the ladder",
    "Gina hides the blanket",
    "Hugo wants the saddle",
    "Iris brings the anchor",
    "Jack drops the pillow",
    "Kira keeps the hammer",
    "Liam folds the tent",
)


def lines(session: str, texts: Sequence[str]) -> list[Line]:
    return [
        memory_line(
            Memory(
                id=f"{session}-{position}",
                text=text,
                kind=Kind.PASSAGE,
                role=Role.USER,
                scope=PROJECT,
                speaker="",
                session=session,
                position=position,
                created=None,
                learned=1e9,
            )
        )
        for position, text in enumerate(texts)
    ]


def noise(session: str, count: int, seed: int) -> list[Draft]:
    made = random.Random(seed)  # noqa: S311
    vocabulary = [a + b for a in ("grav", "molt", "sorb", "tind") for b in ("ela", "ino", "upe")]
    return [
        Draft(
            text=f"{session} {number} " + " ".join(made.choices(vocabulary, k=5)), session=session
        )
        for number in range(count)
    ]


def assert_neighbours(store: SqliteStore, said: Sequence[str]) -> None:
    """What was said beside a match comes right behind it: one place away, then two."""
    for place, text in enumerate(said):
        beside = {said[p] for p in (place - 1, place + 1) if 0 <= p < len(said)}
        first = found(store, text.split()[-1], 3)
        assert first[0] == text
        assert set(first[1 : 1 + len(beside)]) == beside


def test_what_is_said_beside_a_match_comes_next(store: SqliteStore) -> None:
    store.add(noise("before", 20, 1))
    store.add([Draft(text=text, session="talk") for text in SAID])
    store.add(noise("after", 20, 2))

    assert_neighbours(store, SAID)


def test_sessions_that_are_told_in_turns_keep_to_themselves(store: SqliteStore) -> None:
    for one, other in zip(SAID[:6], SAID[6:], strict=True):
        store.add([Draft(text=one, session="a")])
        store.add([Draft(text=other, session="b")])
    store.add(noise("other", 20, 1))

    assert_neighbours(store, SAID[:6])
    assert_neighbours(store, SAID[6:])


@pytest.mark.parametrize("seed", range(3))
def test_an_import_may_come_in_any_order(store: SqliteStore, seed: int) -> None:
    shuffled = lines("talk", SAID)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    store.add(noise("other", 20, 1))
    cut = seed * 5
    store.import_lines(shuffled[:cut])
    ask(store, "anything")  # the first part is in the index before the second comes
    store.import_lines(shuffled[cut:])

    assert_neighbours(store, SAID)


@pytest.mark.parametrize("seed", range(3))
def test_where_something_is_forgotten_the_others_close_up(store: SqliteStore, seed: int) -> None:
    store.add(noise("other", 20, 1))
    store.import_lines(lines("talk", SAID))
    ask(store, "anything")
    left, made = list(SAID), random.Random(seed)  # noqa: S311
    for _ in range(2):
        gone = made.sample(left, 3)
        forget_texts(store, gone)
        left = [text for text in left if text not in gone]
        assert_neighbours(store, left)


def test_a_session_goes_on_behind_what_is_left_of_it(store: SqliteStore) -> None:
    store.add(noise("other", 20, 1))
    store.add([Draft(text=text, session="talk") for text in SAID[:6]])
    ask(store, "anything")
    forget_texts(store, SAID[3:6])
    ask(store, "anything")

    store.add([Draft(text=text, session="talk") for text in SAID[6:]])

    assert_neighbours(store, [*SAID[:3], *SAID[6:]])


def test_an_edited_memory_keeps_its_place_in_the_session(store: SqliteStore) -> None:
    store.add(noise("other", 20, 1))
    added = store.add([Draft(text=text, session="talk") for text in SAID])
    ask(store, "anything")
    store.edit(added[4].id, Draft(text="Emma polishes the trumpet"))

    assert_neighbours(store, [*SAID[:4], "Emma polishes the trumpet", *SAID[5:]])


# --- changes -------------------------------------------------------------------------------

ELSEWHERE = """
import sys
from pathlib import Path
from recall.records import Draft, Scope
from recall.scopes import Stores

stores = Stores(Path(sys.argv[1]))
with stores.open(Scope(sys.argv[2])) as store:
    first, second = store.list(newest_first=False)
    store.edit(first.id, Draft(text="the lighthouse keeper collects stamps"))
    store.forget([second.id])
    store.add([Draft(text="the harbour master breeds falcons")])
stores.close()
"""


def test_what_another_process_changes_is_seen_by_the_next_search(
    store: SqliteStore, stores: Stores
) -> None:
    store.add([Draft(text="the lighthouse keeper plays chess"), Draft(text="the cook sings bass")])
    assert found(store, "chess")

    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(stores.directory), str(PROJECT)],
        check=True,
        cwd=Path(__file__).parents[2],
    )

    everything = found(store, "what about falcons, stamps, chess and bass?")
    assert set(everything) == {
        "the lighthouse keeper collects stamps",
        "the harbour master breeds falcons",
    }
    assert found(store, "falcons")[0] == "the harbour master breeds falcons"
    assert found(store, "stamps")[0] == "the lighthouse keeper collects stamps"


def test_each_change_is_in_the_next_answer_to_the_same_question(store: SqliteStore) -> None:
    [first] = store.add([Draft(text="the kiln runs at 900 degrees")])
    assert found(store, "how hot is the kiln?") == ["the kiln runs at 900 degrees"]

    store.edit(first.id, Draft(text="the kiln runs at 1200 degrees"))
    assert found(store, "how hot is the kiln?") == ["the kiln runs at 1200 degrees"]

    store.add([Draft(text="the kiln is hot by noon")])
    assert len(found(store, "how hot is the kiln?")) == 2

    store.forget([first.id])
    assert found(store, "how hot is the kiln?") == ["the kiln is hot by noon"]


def test_vectors_that_come_later_are_used_for_the_same_question(seeing: Stores) -> None:
    with seeing.open(PROJECT) as store:
        store.add([Draft(text="the kiln is hot"), Draft(text="bread needs time")])
        assert ask(store, "the kiln").how == "words only"
        assert store.embed_pending() == 2
        assert ask(store, "the kiln").how == "words and vectors"
        # Only a vector finds what shares nothing but function words.
        assert found(store, "the is")[0] == "the kiln is hot"


def test_a_memory_without_words_disturbs_nobody(store: SqliteStore) -> None:
    store.add([Draft(text="the")])
    assert found(store, "what is a zither?") == ["the"]
    store.add([Draft(text="?!")])
    store.add([Draft(text="a zither has many strings")])

    assert found(store, "what is a zither?")[0] == "a zither has many strings"


def test_an_index_that_could_not_be_read_is_read_the_next_time(
    store: SqliteStore, stores: Stores
) -> None:
    store.add([Draft(text="a zither has many strings")])
    path = stores.path_of(PROJECT)
    db = sqlite3.connect(path, isolation_level=None)
    # A blob where a number belongs, as a bad disk or a careless hand would leave it.
    db.execute("UPDATE memories SET position = x'00'")
    with pytest.raises(MemoryUnavailable):
        ask(store, "zither")
    db.execute("UPDATE memories SET position = 0")
    db.close()

    assert found(store, "zither") == ["a zither has many strings"]


# --- more memories than are looked at closely ----------------------------------------------


def babble(count: int, sessions: int, seed: int) -> list[Draft]:
    """Memories of made-up words, of which, as in a language, few are common."""
    made = np.random.default_rng(seed)
    parts = [a + b for a in ("b", "k", "dr", "fl") for b in ("a", "e", "i", "o")]
    vocabulary = [a + b + c for a in parts for b in parts for c in parts[:10]]
    shares = 1.0 / np.arange(10, len(vocabulary) + 10)
    drawn = made.choice(len(vocabulary), size=(count, 9), p=shares / shares.sum())
    return [
        Draft(
            text=" ".join(vocabulary[word] for word in row),
            session=f"s{number * sessions // count}",
            role=Role.USER if number % 2 == 0 else Role.ASSISTANT,
        )
        for number, row in enumerate(drawn.tolist())
    ]


def looked_at_all(memories: Sequence[Memory], question: str, limit: int) -> list[str]:
    """What the ranking says when it is asked about every memory."""
    return _Everything.of(tuple(memories)).best(question, limit)


class _Everything:
    """All memories, ranked without a first look."""

    def __init__(self, memories: Sequence[Memory]) -> None:
        self.memories = memories
        count = len(memories)
        self.postings = Postings(ranking.BM25_K1, ranking.BM25_B)
        self.postings.add(0, [pack_terms(words.index_terms(m.text)) for m in memories])
        self.vectors = Vectors(Hashing.dimension)
        self.vectors.put(0, quantised(Hashing().embed([m.text for m in memories])))
        sessions = np.array([int(m.session[1:]) for m in memories])
        places = np.arange(count)
        self.before = np.where(np.append(-1, sessions[:-1]) == sessions, places - 1, -1)
        self.after = np.where(np.append(sessions[1:], -1) == sessions, places + 1, -1)
        self.sessions = sessions
        self.human = np.array([m.role is Role.USER for m in memories])

    @staticmethod
    @lru_cache(maxsize=1)
    def of(memories: tuple[Memory, ...]) -> "_Everything":
        return _Everything(memories)

    def best(self, question: str, limit: int) -> list[str]:
        asked, live = words.question_terms(question), len(self.memories)
        found = self.postings.look_up(np.array(list(asked), np.uint32))
        holders, weights = found.holders.tolist(), list(asked.values())
        idf = [ranking.inverse_frequency(n, live) for n in holders]
        rare = [ranking.rarity(w, i) for w, i in zip(weights, idf, strict=True)]
        lexical = self.postings.search(
            found,
            np.array(idf, np.float32) * np.array(weights, np.float32),
            np.array(rare),
            live,
        )
        vector = self.vectors.centred(Hashing().embed_question(question), ranking.CENTRE)
        candidates = ranking.Candidates(
            lexical=lexical.scores,
            exact=lexical.exact,
            cosine=self.vectors.cosines(vector, np.arange(live, dtype=np.int32)),
            previous=self.before,
            next=self.after,
            session=self.sessions,
            human=self.human,
            named=np.zeros(live, bool),
            asks=np.zeros(live, bool),
            created=np.full(live, np.nan),
        )
        scores = ranking.scores(candidates, 0.0)
        return [self.memories[p].text for p in np.argsort(-scores, kind="stable")[:limit]]


def test_a_first_look_loses_next_to_nothing(seeing: Stores) -> None:
    with seeing.open(PROJECT) as store:
        store.add(babble(4_000, 200, 1))
        store.embed_pending()
        memories = store.list(limit=10_000, newest_first=False)
        assert len(memories) > 2 * LOOKED_AT_CLOSELY

        made, shares, firsts = random.Random(3), [], 0  # noqa: S311
        for memory in made.sample(list(memories), 60):
            question = " ".join(made.sample(memory.text.split(), 4))
            few, all_of_them = found(store, question, 10), looked_at_all(memories, question, 10)
            shares.append(len(set(few) & set(all_of_them)) / 10)
            firsts += few[0] == all_of_them[0]

    # The mean of all candidates is that of fewer, which moves near ties; nothing else may differ.
    assert np.mean(shares) > 0.9
    assert firsts >= 58


def test_what_was_forgotten_takes_no_place_from_what_is_left(store: SqliteStore) -> None:
    doomed = [f"frobnicate {number}" for number in range(600)]
    store.add([Draft(text=text) for text in doomed])
    store.add(babble(2_500, 100, 2))
    kept = "whoever has to frobnicate on the old machine does so slowly and with care for the disks"
    store.add([Draft(text=kept)])
    assert found(store, "frobnicate")

    forget_texts(store, doomed)

    assert found(store, "how do I frobnicate?", 5)[:1] == [kept]


def test_a_question_without_any_match_is_no_trouble_when_no_vector_is_left(seeing: Stores) -> None:
    with seeing.open(PROJECT) as store:
        added = store.add([Draft(text="a zither has strings"), Draft(text="bread needs time")])
        store.embed_pending()
        ask(store, "zither")
        store.add(babble(LOOKED_AT_CLOSELY + 100, 20, 2))
        store.forget([one.id for one in added])

        assert ask(store, "quixotic xylophone").hits == ()


# --- rules ---------------------------------------------------------------------------------

RULE = "From now on, start all function names with fn_."


@pytest.mark.parametrize("others", [30, LOOKED_AT_CLOSELY + 500])
def test_a_rule_comes_back_for_work_that_shares_no_word_with_it(
    store: SqliteStore, others: int
) -> None:
    store.add(babble(others // 2, 10, 1))
    store.add([rule(RULE)])
    store.add(babble(others // 2, 10, 5))

    [first, *_] = ask(store, "Write a function that reverses a list", 3).hits

    assert first.memory.text == RULE
    assert first.relevant


def test_a_rule_about_code_has_no_place_in_talk(store: SqliteStore) -> None:
    store.add([rule(RULE)])
    store.add([Draft(text="the picnic at the lake is moved to sunday")])
    store.add(babble(100, 10, 1))

    for question in ("When is the picnic at the lake?", "Tell me a joke about penguins", "Thanks!"):
        hits = ask(store, question).hits
        assert RULE not in [hit.memory.text for hit in hits if hit.relevant]
    assert found(store, "When is the picnic at the lake?")[0].startswith("the picnic")


OLDEST = "From now on, start all function names with fn_: the orchard team in Lisbon likes it so."
OLDER = "From now on, start all function names with go_: the bakery in Porto likes it so."
NEWEST = "From now on, start all function names with do_."


@pytest.mark.parametrize(
    "question",
    [
        "Write a function that reverses a list",
        "What do function names start with?",
        "What does the orchard team in Lisbon like?",
        "Who lives in Porto, the bakery or the orchard team?",
        "start all function names with fn_",
    ],
)
@pytest.mark.parametrize("others", [50, LOOKED_AT_CLOSELY + 500])
def test_a_superseded_rule_comes_behind_its_successors(
    store: SqliteStore, question: str, others: int
) -> None:
    store.add(babble(others, 10, 1))
    for text in (OLDEST, OLDER, NEWEST):
        store.add([rule(text)])
        ask(store, "anything")

    ranked = [text for text in found(store, question, 3_000) if text in (OLDEST, OLDER, NEWEST)]

    assert ranked in ([NEWEST, OLDER, OLDEST], [NEWEST, OLDER], [NEWEST])


def test_a_rule_stays_behind_a_successor_that_was_edited(store: SqliteStore) -> None:
    store.add(babble(50, 10, 1))
    store.add([rule(OLDEST)])
    [newer] = store.add([rule(OLDER)])
    ask(store, "anything")
    store.edit(newer.id, rule(NEWEST))

    ranked = found(store, "What does the orchard team in Lisbon like?")

    assert ranked.index(NEWEST) < ranked.index(OLDEST)


def test_a_rule_that_is_said_again_holds_again(store: SqliteStore) -> None:
    one = "From now on, start all function names with fn_."
    two = "From now on, start all function names with go_."
    for text in (one, two, one):
        store.add([rule(text)])
        ask(store, "anything")

    assert found(store, "Write a function that reverses a list")[0] == one
    assert found(store, "start all function names with go_")[0] == one


def test_a_rule_that_was_forgotten_is_pinned_no_more(store: SqliteStore) -> None:
    [added] = store.add([rule(RULE)])
    store.add(babble(30, 10, 1))
    assert ask(store, "Write a function that reverses a list").hits[0].relevant

    store.forget([added.id])

    assert not any(hit.relevant for hit in ask(store, "Write a function that reverses a list").hits)


# --- identifiers ---------------------------------------------------------------------------

VERBS = ("get", "set", "load", "save", "find", "drop", "sort", "merge", "check", "build")
NOUNS = (
    "user",
    "order",
    "invoice",
    "token",
    "ticket",
    "report",
    "basket",
    "sensor",
    "route",
    "fee",
)
WAYS = ("id", "name", "date", "size", "owner", "index", "status", "group", "level", "colour")


def identifiers() -> dict[str, list[str]]:
    """Of each kind some hundreds, all of the same few words."""
    of = [(v, n, w) for v in VERBS for n in NOUNS for w in WAYS]
    return {
        "camel": [f"{v}{n.title()}By{w.title()}" for v, n, w in of[::2]],
        "snake": [f"{n}_{w}_{v}" for v, n, w in of[::2]],
        "path": [f"src/{v}/{n}/{w}.py" for v, n, w in of[::2]],
        "ticket": [f"{n[:3].upper()}-{1000 + 7 * i}" for i, (_v, n, _w) in enumerate(of[::2])],
        "error": [f"E{100 + 3 * i:04}" for i in range(500)],
        "dotted": [f"{n}.{v}.{w}" for v, n, w in of[::2]],
    }


SENTENCES = (
    "we looked into {} again and it needs another review before the release",
    "the failing build on Monday was because of {} and nothing else",
    "Maria asked whether {} could wait until the customers answer",
)
WORDINGS = (
    "{}",
    "What did we say about {}?",
    "please fix {} now, the build is failing and the customers are waiting for a review",
    "is there anything left to do for `{}`, or is it done?",
    "why does {}() fail",
)


@pytest.mark.parametrize("with_vectors", [False, True])
def test_who_spells_out_an_identifier_finds_it(
    stores: Stores, seeing: Stores, with_vectors: bool
) -> None:
    kinds = identifiers()
    said = {
        name: SENTENCES[number % 3].format(name)
        for names in kinds.values()
        for number, name in enumerate(names)
    }
    with (seeing if with_vectors else stores).open(PROJECT) as store:
        store.add([Draft(text=text, session=str(n // 12)) for n, text in enumerate(said.values())])
        assert store.count() == len(said) >= 3_000
        store.embed_pending()
        missed = [
            wording.format(name)
            for names in kinds.values()
            for number, name in enumerate(names[:: 17 if with_vectors else 11])
            for wording in (WORDINGS[number % len(WORDINGS)], WORDINGS[(number + 2) % 5])
            if said[name] not in found(store, wording.format(name), 5)
        ]

    assert missed == []


# --- always the same, and from many threads ------------------------------------------------


def test_the_same_question_gets_the_same_answer(seeing: Stores) -> None:
    with seeing.open(PROJECT) as store:
        store.add(babble(2_000, 100, 4))
        store.embed_pending()
        questions = [memory.text for memory in store.list(limit=10)]
        before = [found(store, question, 20) for question in questions]
        assert [found(store, question, 20) for question in questions] == before
    # Nor does it matter that the index was read anew.
    again = Stores(seeing.directory, Hashing())
    with again.open(PROJECT) as store:
        assert [found(store, question, 20) for question in questions] == before
    again.close()


def test_a_longer_answer_begins_like_a_shorter_one(store: SqliteStore) -> None:
    store.add(babble(400, 20, 4))
    question = store.list(limit=1)[0].text

    assert found(store, question, 3) == found(store, question, 20)[:3]


def test_searching_goes_on_while_others_add_edit_and_forget(seeing: Stores) -> None:
    with seeing.open(OTHER) as other:
        other.add([Draft(text=f"bakery bread {number}") for number in range(50)])
    with seeing.open(PROJECT) as store:
        store.add([Draft(text=f"orchard tree {n}", session=str(n // 9)) for n in range(200)])
        store.embed_pending()
        done, forgotten = threading.Event(), set[str]()

        def change() -> None:
            try:
                for turn in range(25):
                    added = store.add(
                        [Draft(text=f"orchard apple {turn} {n}", session="x") for n in range(4)]
                    )
                    store.edit(added[0].id, Draft(text=f"orchard pear {turn}"))
                    gone = [added[1].id, store.list(newest_first=False, limit=1)[0].id]
                    store.forget(gone)
                    forgotten.update(gone)
                    store.embed_pending()
            finally:
                done.set()

        def look(number: int) -> int:
            searches = 0
            while not done.is_set() or not searches:
                gone = frozenset(forgotten)
                hits = ask(store, f"orchard bread apple {number} {searches % 7}").hits
                assert hits
                assert not gone & {hit.memory.id for hit in hits}
                assert all(hit.memory.text.startswith("orchard") for hit in hits)
                assert len({hit.memory.id for hit in hits}) == len(hits)
                searches += 1
            return searches

        with ThreadPoolExecutor(5) as pool:
            changing = pool.submit(change)
            looking = [pool.submit(look, number) for number in range(4)]
            assert all(each.result() for each in looking)
            changing.result()
        assert not forgotten & {hit.memory.id for hit in ask(store, "orchard apple", 500).hits}
        assert len(ask(store, "orchard", 1_000).hits) == store.count()


def test_many_small_additions_become_few_pieces_and_the_same_answers() -> None:
    index, others = Index(), Index()
    terms = [pack_terms(words.index_terms(f"kiln {n} glows {n % 7}")) for n in range(3_001)]
    rows = [
        (row, "s", "user", "", row, None, None, "", 1, terms[row], None) for row in range(1, 3_001)
    ]
    others.append(rows)
    others.settle()
    index.append(rows[:1])
    index.settle()
    for first in range(1, len(rows), 30):
        part = rows[first : first + 30]
        index.take_over([row[0] for row in part], part)
        index.tidy()

    assert not index.words.is_ragged()
    for question in ("kiln 17", "glows 3 kiln", "which kiln glows?"):
        asked = Asked.of(question)
        one, other = index.search(asked, None, 20), others.search(asked, None, 20)
        assert one.rows == other.rows
