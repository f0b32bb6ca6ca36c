"""A turn is given memory once, and keeps it: the same text in every later request."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall.drafts import draft
from recall.embedding import Embedder
from recall.engine import BUDGET, Recall
from recall.records import USER, Role, Scope
from recall.remind import AS_BEFORE, TOO_LATE, Asked, Reminded, Reminder, Turn
from recall.render import CLOSING, OPENING
from recall.scopes import Stores
from recall.turns import Turns

ORCHARD, BAKERY = Scope("/work/orchard"), Scope("/work/bakery")
LONG = 30.0  # seconds; only a test that fails waits so long
SAID = (
    "The apples are stored in the northern cellar.",
    "The pears are sold at the market in Kettwig.",
    "The plums are made into brandy by Frauke.",
)
APPLES, PEARS, PLUMS = (
    "In which cellar are the apples stored?",
    "At which market are the pears sold?",
    "Who makes brandy of the plums?",
)


class Thoughtful:
    """A model that thinks about a question until it is told to answer."""

    name = "thoughtful/1"
    dimension = 4

    def __init__(self) -> None:
        self.was_asked = threading.Event()
        self.may_answer = threading.Event()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dimension), 0.5, np.float32)

    def embed_question(self, text: str) -> NDArray[np.float32]:
        self.was_asked.set()
        self.may_answer.wait(LONG)
        return np.full(self.dimension, 0.5, np.float32)


class Garden:
    """A memory on disk, and somebody who asks; it can be closed and opened again."""

    def __init__(self, directory: Path, embedder: Embedder | None = None) -> None:
        self.directory = directory
        self.embedder = embedder
        self.open()

    def open(self) -> None:
        self.stores = Stores(self.directory, self.embedder)
        self.recall = Recall(self.stores)
        self.turns = Turns(self.stores)
        self.reminder = Reminder(self.recall, self.turns)

    def close(self) -> None:
        self.reminder.close()
        self.recall.close()
        self.turns.close(LONG)
        self.stores.close()

    def learn(self, *texts: str, scope: Scope = ORCHARD) -> None:
        made = [draft(text, role=Role.USER) for text in texts]
        with self.stores.open(scope) as store:
            store.add([one for one in made if one is not None])

    async def ask(
        self,
        *said: str,
        session: str = "s-1",
        scope: Scope = ORCHARD,
        starts_turn: bool = True,
        deadline: float = LONG,
        budget: int = BUDGET,
    ) -> Reminded:
        asked = Asked(scope=scope, turns=turns(*said), session=session, starts_turn=starts_turn)
        return await self.reminder.remind(asked, deadline=deadline, budget=budget)

    def answered(self, *said: str, session: str = "", scope: Scope = ORCHARD) -> None:
        self.turns.answered(scope, turns(*said)[-1].key, session)


def turns(*said: str) -> list[Turn]:
    return [
        Turn(key=" / ".join(said[: place + 1]), own=text, text=text)
        for place, text in enumerate(said)
    ]


def blocks(reminded: Reminded) -> list[str]:
    """Which turns got a block, by what was said last in them."""
    return [key.rpartition(" / ")[2] for key in reminded.blocks]


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[Garden]:
    garden = Garden(tmp_path)
    garden.learn(*SAID)
    yield garden
    garden.close()


async def test_a_new_turn_gets_what_helps_with_it(garden: Garden) -> None:
    reminded = await garden.ask(APPLES)

    [(key, block)] = reminded.blocks.items()
    assert key == turns(APPLES)[-1].key
    assert block.startswith(OPENING)
    assert block.endswith(CLOSING)
    assert SAID[0] in block
    assert SAID[1] not in block
    assert len(reminded.memories) == 1
    with garden.stores.open(ORCHARD) as store:
        memory = store.get(reminded.memories[0])
    assert memory is not None
    assert memory.text == SAID[0]
    assert reminded.tokens > 0
    assert reminded.why == "1 memory by words only"


async def test_every_turn_keeps_its_own_block(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    second = await garden.ask(APPLES, PEARS)
    third = await garden.ask(APPLES, PEARS, PLUMS)

    assert blocks(third) == [APPLES, PEARS, PLUMS]
    assert {**first.blocks, **second.blocks}.items() <= third.blocks.items()
    assert SAID[1] in second.blocks[turns(APPLES, PEARS)[-1].key]
    assert [len(each.memories) for each in (first, second, third)] == [1, 1, 1]
    assert len({*first.memories, *second.memories, *third.memories}) == 3


async def test_what_is_learned_later_changes_no_earlier_turn(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    garden.learn("From now on the apples are stored in the eastern cellar, not in the northern.")

    for said in ([APPLES], [APPLES, PEARS]):
        again = await garden.ask(*said)
        assert first.blocks.items() <= again.blocks.items()
    assert "eastern" in str((await garden.ask("Once more: " + APPLES, session="s-2")).blocks)


async def test_what_is_forgotten_goes_back_to_no_turn(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    second = await garden.ask(APPLES, PEARS)
    with garden.stores.open(ORCHARD) as store:
        store.forget(first.memories)

    again = await garden.ask(APPLES, PEARS)

    assert again.blocks == {
        turns(APPLES, PEARS)[-1].key: second.blocks[turns(APPLES, PEARS)[-1].key]
    }


async def test_a_retry_gets_the_same_bytes(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    garden.learn("The apples of the old tree are stored in the barn.")
    retry = await garden.ask(APPLES)

    assert retry.blocks == first.blocks
    assert retry.memories == first.memories
    assert retry.tokens == first.tokens
    assert retry.why == AS_BEFORE


async def test_tool_rounds_bring_the_block_back_and_nothing_new(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    garden.learn("The apples of the old tree are stored in the barn.")
    round_two = await garden.ask(APPLES, starts_turn=False)

    assert round_two.blocks == first.blocks
    assert round_two.memories == first.memories
    assert round_two.why == AS_BEFORE


async def test_a_turn_that_began_before_us_gets_nothing(garden: Garden) -> None:
    running = await garden.ask(APPLES, PEARS, starts_turn=False)
    assert running.blocks == {}
    assert running.why == TOO_LATE

    later = await garden.ask(APPLES, PEARS, PLUMS)
    assert blocks(later) == [PLUMS]


async def test_a_turn_that_got_nothing_gets_nothing_later(garden: Garden) -> None:
    small_talk = "Good morning to you!"
    assert (await garden.ask(small_talk)).blocks == {}
    garden.learn("Good morning to you is how Frauke begins every letter.")

    assert (await garden.ask(small_talk, starts_turn=False)).blocks == {}
    assert blocks(await garden.ask(small_talk, APPLES)) == [APPLES]


@pytest.mark.parametrize("session", ["s-2", ""])
async def test_a_turn_that_got_nothing_is_not_given_what_its_like_got_elsewhere(
    garden: Garden, session: str
) -> None:
    elsewhere = await garden.ask(APPLES, session=session and "s-1")
    garden.answered(APPLES, session=session and "s-1")
    assert elsewhere.blocks

    assert (await garden.ask(APPLES, session=session, budget=3)).blocks == {}
    assert (await garden.ask(APPLES, session=session, starts_turn=False)).blocks == {}
    assert blocks(await garden.ask(APPLES, PEARS, session=session)) == [PEARS]


async def test_a_turn_that_began_before_us_is_not_given_what_its_like_got_elsewhere(
    garden: Garden,
) -> None:
    await garden.ask(APPLES)

    assert (await garden.ask(APPLES, session="s-2", starts_turn=False)).blocks == {}


@pytest.mark.parametrize(
    ("session", "scope"),
    [
        pytest.param("s-2", ORCHARD, id="another session"),
        pytest.param("", ORCHARD, id="no session"),
        pytest.param("s-1", BAKERY, id="another project"),
    ],
)
async def test_a_block_goes_back_to_its_own_session_and_project_only(
    garden: Garden, session: str, scope: Scope
) -> None:
    first = await garden.ask(APPLES)
    garden.learn("The apples are stored in a fridge.", scope=BAKERY)
    garden.learn("The apples of the old tree are stored in the barn.")

    other = await garden.ask(APPLES, session=session, scope=scope)

    assert other.blocks
    assert other.blocks != first.blocks
    assert SAID[0] not in str(other.blocks) or scope == ORCHARD


async def test_another_project_sees_nothing_of_it(garden: Garden) -> None:
    await garden.ask(APPLES)

    stranger = await garden.ask(APPLES, scope=BAKERY)
    in_mid_turn = await garden.ask(APPLES, scope=BAKERY, starts_turn=False)

    assert stranger.blocks == in_mid_turn.blocks == {}
    assert stranger.memories == ()
    assert stranger.why == "nothing is remembered yet"


async def test_what_is_the_users_own_comes_back_in_every_project(garden: Garden) -> None:
    garden.learn("The greenhouse is heated with wood.", scope=USER)

    for scope in (ORCHARD, BAKERY):
        told = await garden.ask("How is the greenhouse heated?", scope=scope)
        assert "with wood" in str(told.blocks)


async def test_without_a_session_a_retry_gets_the_same_and_a_new_conversation_its_own(
    garden: Garden,
) -> None:
    first = await garden.ask(APPLES, session="")
    garden.learn("The apples of the old tree are stored in the barn.")

    retry = await garden.ask(APPLES, session="")
    assert retry.blocks == first.blocks

    garden.answered(APPLES)
    second = await garden.ask(APPLES, session="")
    assert "barn" in str(second.blocks)
    assert at_apples(second) == at_apples(await garden.ask(APPLES, PEARS, session=""))


def at_apples(reminded: Reminded) -> str | None:
    return reminded.blocks.get(turns(APPLES)[-1].key)


@pytest.mark.parametrize("session", ["s-1", ""])
async def test_a_client_that_goes_on_by_itself_after_an_answer_keeps_the_turns_block(
    garden: Garden, session: str
) -> None:
    first = await garden.ask(APPLES, session=session)
    garden.answered(APPLES, session=session)

    nudged = await garden.ask(APPLES, session=session, starts_turn=False)
    later = await garden.ask(APPLES, PEARS, session=session)

    assert nudged.blocks == first.blocks
    assert first.blocks.items() <= later.blocks.items()


async def test_in_a_session_an_answered_turn_stays_the_same_turn(garden: Garden) -> None:
    first = await garden.ask(APPLES)
    garden.answered(APPLES, session="s-1")
    garden.learn("The apples of the old tree are stored in the barn.")

    assert (await garden.ask(APPLES)).blocks == first.blocks


async def test_after_a_restart_the_same_bytes_go_back_to_the_same_turns(garden: Garden) -> None:
    await garden.ask(APPLES)
    before = await garden.ask(APPLES, PEARS)
    garden.close()
    garden.open()
    garden.learn("The apples of the old tree are stored in the barn.")

    retry = await garden.ask(APPLES, PEARS)
    later = await garden.ask(APPLES, PEARS, PLUMS)

    assert retry.blocks == before.blocks
    assert retry.memories == before.memories
    assert retry.tokens == before.tokens
    assert blocks(later) == [APPLES, PEARS, PLUMS]
    assert before.blocks.items() <= later.blocks.items()


async def test_a_fork_keeps_what_it_has_in_common(garden: Garden) -> None:
    await garden.ask(APPLES)
    trunk = await garden.ask(APPLES, PEARS)

    fork = await garden.ask(APPLES, "And when are the apples stored in the cellar?")

    assert at_apples(fork) == at_apples(trunk)
    assert turns(APPLES, PEARS)[-1].key not in fork.blocks
    assert (await garden.ask(APPLES, PEARS)).blocks == trunk.blocks


async def test_a_session_whose_beginning_was_cut_off_keeps_the_rest(garden: Garden) -> None:
    await garden.ask("Good morning to you!", APPLES)
    before = await garden.ask("Good morning to you!", APPLES, PEARS)

    after = await garden.ask(APPLES, PEARS, PLUMS)

    assert [*after.blocks.values()][:2] == [*before.blocks.values()]
    assert blocks(after) == [APPLES, PEARS, PLUMS]


async def test_twenty_at_once_get_the_same_and_it_is_recalled_once(garden: Garden) -> None:
    for session in ("s-1", ""):
        everybody = await asyncio.gather(*(garden.ask(APPLES, session=session) for _ in range(20)))

        assert everybody[0].blocks
        assert {tuple(each.blocks.items()) for each in everybody} == {
            tuple(everybody[0].blocks.items())
        }
        assert {each.memories for each in everybody} == {everybody[0].memories}
    garden.recall.close()
    with garden.stores.open(ORCHARD) as store:
        memory = store.get(everybody[0].memories[0])
    assert memory is not None
    assert memory.times_used == 2  # once for each session


async def test_who_gives_up_waiting_takes_it_from_nobody(tmp_path: Path) -> None:
    model = Thoughtful()
    garden = Garden(tmp_path, model)
    garden.learn(*SAID)

    waiting = [asyncio.create_task(garden.ask(APPLES)) for _ in range(3)]
    await asyncio.to_thread(model.was_asked.wait, LONG)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    model.may_answer.set()
    others = await asyncio.gather(*waiting[1:])
    garden.close()

    assert waiting[0].cancelled()
    assert [blocks(each) for each in others] == [[APPLES], [APPLES]]


async def test_a_budget_is_for_the_newest_turn(garden: Garden) -> None:
    first = await garden.ask(APPLES)

    nothing_fits = await garden.ask(APPLES, PEARS, budget=3)

    assert nothing_fits.blocks == first.blocks
    assert nothing_fits.memories == ()
    assert nothing_fits.tokens == 0


async def test_where_nobody_has_asked_anything_there_is_nothing(garden: Garden) -> None:
    reminded = await garden.ask()

    assert reminded.blocks == {}
    assert reminded.why == "nobody has asked anything"


async def test_what_is_no_text_a_person_writes_is_answered_all_the_same(garden: Garden) -> None:
    for text in ("\x00", "\ud800 half", "🦉", " ", "x" * 200_000):
        reminded = await garden.ask(text)

        assert reminded.blocks == {}
        assert reminded.why


async def test_a_deadline_that_has_passed_leaves_the_turn_without_memory(garden: Garden) -> None:
    late = await garden.ask(APPLES, deadline=0.0)

    assert late.blocks == {}
    assert late.memories == ()
    assert late.why


async def test_a_closed_memory_gives_nothing_and_raises_nothing(garden: Garden) -> None:
    garden.close()

    reminded = await garden.ask(APPLES)

    assert reminded.blocks == {}
    assert reminded.why


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Somebody else writes into the file and does not come to an end."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_while_somebody_else_holds_the_file_turns_are_still_told_apart(
    garden: Garden,
) -> None:
    first = await garden.ask(APPLES)

    with held(garden.stores.path_of(ORCHARD)):
        second = await garden.ask(APPLES, PEARS)
        retry = await garden.ask(APPLES, PEARS)
    after = await garden.ask(APPLES, PEARS, PLUMS)

    assert first.blocks.items() <= second.blocks.items()
    assert blocks(second) == [APPLES, PEARS]
    assert retry.blocks == second.blocks
    assert second.blocks.items() <= after.blocks.items()


async def test_a_file_that_is_no_memory_costs_nobody_the_request(tmp_path: Path) -> None:
    garden = Garden(tmp_path)
    path = garden.stores.path_of(ORCHARD)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this was a memory once " * 1000)

    reminded = await garden.ask(APPLES)
    garden.close()

    assert reminded.blocks == {}
    assert reminded.why


async def test_a_file_that_vanishes_costs_nobody_the_request(garden: Garden) -> None:
    await garden.ask(APPLES)
    assert garden.turns.settle(LONG)  # or who writes removes some of them as well
    for path in garden.directory.rglob("*.db*"):
        path.unlink()

    reminded = await garden.ask(APPLES, PEARS)

    assert turns(APPLES, PEARS)[-1].key not in reminded.blocks
    assert reminded.why


# --- whatever a tool does with its conversation ----------------------------------------------

QUESTIONS = (APPLES, PEARS, PLUMS, "Good morning to you!")


@dataclass
class Story:
    """One conversation as a tool would send it, and what each of its turns was sent with."""

    session: str
    said: list[str] = field(default_factory=list)
    given: dict[str, str | None] = field(default_factory=dict)

    def check(self, sent: Reminded) -> None:
        for turn in turns(*self.said):
            block = sent.blocks.get(turn.key)
            assert self.given.setdefault(turn.key, block) == block, turn.key


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 1), st.integers(0, 3)),
        st.tuples(st.just("tool"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("rewind"), st.integers(0, 1), st.integers(1, 2)),
        st.tuples(st.just("learn"), st.just(0), st.integers(0, 3)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=15)
@given(steps=STEPS)
def test_each_request_extends_the_one_before(
    steps: Sequence[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    asyncio.run(_play(steps, tmp_path_factory.mktemp("story")))


async def _play(steps: Sequence[tuple[str, int, int]], directory: Path) -> None:
    garden = Garden(directory)
    garden.learn(*SAID)
    stories = [Story("s-1"), Story("s-2")]
    for what, which, number in steps:
        story = stories[which]
        if what == "learn":
            garden.learn(f"{SAID[number % 3][:-1]}, said Frauke in week {number} of the year.")
        elif what == "restart":
            garden.close()
            garden.open()
        elif what == "rewind":
            del story.said[-number:]
        elif what == "say":
            story.said.append(f"{QUESTIONS[number]} ({len(story.said)})")
            story.check(await garden.ask(*story.said, session=story.session))
        elif story.said:
            sent = await garden.ask(*story.said, session=story.session, starts_turn=False)
            story.check(sent)
    garden.close()
