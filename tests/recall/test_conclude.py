"""However a turn is sent, repeated and broken off, one exchange comes of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recall.conclude import MOST, PATIENCE, Conclude
from recall.learn import Learner
from recall.records import Exchange, Outcome, Scope
from recall.scopes import Stores
from recall.turns import Note, Turns

ORCHARD, BAKERY = "/work/orchard", "/work/bakery"
LONG = 30.0  # seconds; only a test that fails waits so long


class Taken:
    """A learner that keeps what it is offered."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def offer(self, exchange: Exchange) -> bool:
        self.exchanges.append(exchange)
        return True

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(one.question, one.answer, one.outcome) for one in self.exchanges]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[Turns]:
    stores = Stores(tmp_path)
    turns = Turns(stores)
    yield turns
    turns.close(LONG)
    stores.close()


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def conclude(taken: Taken, turns: Turns, clock: Clock) -> Conclude:
    return Conclude(taken, turns, clock)


def asked(
    question: str = "Where do the apples go?",
    *,
    session: str = "s-1",
    project: str = ORCHARD,
    started: float = 100.0,
) -> Exchange:
    """A turn as it is known when a request of it goes out."""
    return Exchange(
        id="",
        project=project,
        question=question,
        answer="",
        session=session,
        turn=f"turn of {question}",
        started=started,
        outcome="aborted",
    )


def answered(turn: Exchange, answer: str = "To the cellar.") -> Exchange:
    return replace(turn, answer=answer, outcome="complete", ended=turn.started + 1)


def broken(turn: Exchange, outcome: Outcome, answer: str = "") -> Exchange:
    return replace(turn, answer=answer, outcome=outcome, ended=turn.started + 1)


def test_an_answered_turn_is_one_exchange(conclude: Conclude, taken: Taken) -> None:
    turn = asked()

    conclude.begin(turn)
    conclude.end(answered(turn), is_final=True)
    conclude.close()

    [exchange] = taken.exchanges
    assert exchange.id
    assert replace(exchange, id="") == answered(turn)


def test_tool_rounds_belong_to_the_turn_that_called_the_tools(
    conclude: Conclude, taken: Taken
) -> None:
    first, second, third = (asked(started=at) for at in (100.0, 103.0, 107.0))

    for call in (first, second):
        conclude.begin(call)
        conclude.end(answered(call, "Let me look into the shed."), is_final=False)
        assert taken.exchanges == []
    conclude.begin(third)
    conclude.end(answered(third, "They go to the cellar."), is_final=True)
    conclude.close()

    assert taken.told == [(first.question, "They go to the cellar.", "complete")]
    assert taken.exchanges[0].started == first.started
    assert taken.exchanges[0].ended == third.started + 1


@pytest.mark.parametrize("outcome", ["failed", "aborted"])
def test_a_retry_is_the_same_exchange(conclude: Conclude, taken: Taken, outcome: Outcome) -> None:
    first, retry = asked(started=100.0), asked(started=102.0)

    conclude.begin(first)
    conclude.end(broken(first, outcome, "To the ce"), is_final=False)
    conclude.begin(retry)
    conclude.end(answered(retry), is_final=True)
    conclude.close()

    assert taken.told == [(first.question, "To the cellar.", "complete")]
    assert taken.exchanges[0].started == first.started


def test_a_request_sent_twice_at_once_is_one_exchange(conclude: Conclude, taken: Taken) -> None:
    for session in ("s-1", ""):
        turn = asked(session=session)
        conclude.begin(turn)
        conclude.begin(turn)
        conclude.end(answered(turn, "To the cellar."), is_final=True)
        conclude.end(answered(turn, "Into the cellar."), is_final=True)
    conclude.close()

    assert [exchange.answer for exchange in taken.exchanges] == ["To the cellar."] * 2


def test_one_of_two_that_breaks_off_takes_nothing_from_the_other(
    conclude: Conclude, taken: Taken, clock: Clock
) -> None:
    turn = asked()
    conclude.begin(turn)
    conclude.begin(turn)
    conclude.end(broken(turn, "aborted"), is_final=False)

    clock.now += PATIENCE + 1
    conclude.look()
    assert taken.exchanges == []

    conclude.end(answered(turn), is_final=True)
    assert taken.told == [(turn.question, "To the cellar.", "complete")]


@pytest.mark.parametrize("session", ["s-1", ""])
def test_what_a_model_says_more_of_itself_answers_no_question_again(
    conclude: Conclude, taken: Taken, session: str
) -> None:
    first, more = (asked(session=session, started=at) for at in (100.0, 110.0))
    conclude.begin(first)
    conclude.end(answered(first), is_final=True)

    conclude.begin(more, goes_on=True)
    conclude.end(answered(more, "The helper is done too."), is_final=True)
    conclude.close()

    assert taken.told == [
        (first.question, "To the cellar.", "complete"),
        ("", "The helper is done too.", "complete"),
    ]
    assert len({exchange.id for exchange in taken.exchanges}) == 2


def test_what_a_model_says_more_after_a_break_answers_the_question(
    conclude: Conclude, taken: Taken
) -> None:
    first, more = asked(started=100.0), asked(started=110.0)
    conclude.begin(first)
    conclude.end(broken(first, "aborted", "To the"), is_final=False)

    conclude.begin(more, goes_on=True)
    conclude.end(answered(more), is_final=True)

    assert taken.told == [(first.question, "To the cellar.", "complete")]


def test_what_breaks_off_after_an_answer_leaves_nothing_behind(
    conclude: Conclude, taken: Taken
) -> None:
    first, more = asked(started=100.0), asked(started=110.0)
    conclude.begin(first)
    conclude.end(answered(first), is_final=True)

    conclude.begin(more, goes_on=True)
    conclude.end(broken(more, "failed"), is_final=False)
    conclude.close()

    assert taken.told == [(first.question, "To the cellar.", "complete")]


def test_a_turn_that_was_given_up_and_answered_later_is_the_same_exchange(
    conclude: Conclude, taken: Taken, clock: Clock
) -> None:
    first, later = asked(started=100.0), asked(started=2_000.0)
    conclude.begin(first)
    conclude.end(broken(first, "failed"), is_final=False)
    clock.now += PATIENCE + 1
    conclude.look()

    conclude.begin(later)
    conclude.end(answered(later), is_final=True)

    assert [exchange.outcome for exchange in taken.exchanges] == ["failed", "complete"]
    assert len({exchange.id for exchange in taken.exchanges}) == 1


def test_a_resumed_session_is_not_learned_again(conclude: Conclude, taken: Taken) -> None:
    for started in (100.0, 900.0):
        turn = asked(started=started)
        conclude.begin(turn)
        conclude.end(answered(turn), is_final=True)
    conclude.close()

    assert len(taken.exchanges) == 1


def test_without_a_session_the_same_words_later_are_another_exchange(
    conclude: Conclude, taken: Taken
) -> None:
    for started in (100.0, 900.0):
        turn = asked(session="", started=started)
        conclude.begin(turn)
        conclude.end(answered(turn), is_final=True)
    conclude.close()

    assert len({exchange.id for exchange in taken.exchanges}) == 2


def test_the_same_turn_of_another_session_or_project_is_another_exchange(
    conclude: Conclude, taken: Taken
) -> None:
    places = [(ORCHARD, "s-1"), (ORCHARD, "s-2"), (BAKERY, "s-1")]
    for project, session in places:
        turn = asked(project=project, session=session)
        conclude.begin(turn)
        conclude.end(answered(turn), is_final=True)

    assert len({exchange.id for exchange in taken.exchanges}) == len(places)


def test_an_exchange_is_the_same_one_after_a_restart(turns: Turns, taken: Taken) -> None:
    for _ in range(2):
        conclude = Conclude(taken, turns)
        turn = asked()
        conclude.begin(turn)
        conclude.end(answered(turn), is_final=True)
        conclude.close()

    assert len({exchange.id for exchange in taken.exchanges}) == 1


@pytest.mark.parametrize("outcome", ["failed", "aborted"])
def test_a_turn_that_nobody_goes_on_with_is_learned_with_its_outcome(
    conclude: Conclude, taken: Taken, clock: Clock, outcome: Outcome
) -> None:
    turn = asked()
    conclude.begin(turn)
    conclude.end(broken(turn, outcome, "To the ce"), is_final=False)

    clock.now += PATIENCE
    conclude.look()
    assert taken.exchanges == []

    clock.now += 1
    conclude.look()
    conclude.look()
    conclude.close()
    assert taken.told == [(turn.question, "To the ce", outcome)]


def test_a_tool_round_that_nobody_goes_on_with_counts_as_broken_off(
    conclude: Conclude, taken: Taken, clock: Clock
) -> None:
    turn = asked()
    conclude.begin(turn)
    conclude.end(answered(turn, "Let me look."), is_final=False)

    clock.now += PATIENCE + 1
    conclude.look()

    assert taken.told == [(turn.question, "", "aborted")]


def test_a_call_that_takes_long_is_waited_for(
    conclude: Conclude, taken: Taken, clock: Clock
) -> None:
    turn = asked()
    conclude.begin(turn)

    clock.now += 100 * PATIENCE
    conclude.look()
    assert taken.exchanges == []

    conclude.end(answered(turn), is_final=True)
    assert len(taken.exchanges) == 1


def test_whoever_asks_something_else_has_given_up_what_was_broken_off(
    conclude: Conclude, taken: Taken
) -> None:
    pears = asked("Where do the pears go?")
    conclude.begin(pears)
    conclude.end(broken(pears, "aborted", "To the"), is_final=False)

    conclude.begin(asked("Where do the plums go?", session="s-2"))
    conclude.begin(asked("Where do the plums go?", session=""))
    conclude.begin(asked("Where do the plums go?", project=BAKERY))
    assert taken.exchanges == []

    conclude.begin(asked("Where do the plums go?"))
    assert taken.told == [(pears.question, "To the", "aborted")]


def test_without_a_session_one_conversation_gives_up_no_other(
    conclude: Conclude, taken: Taken
) -> None:
    pears = asked("Where do the pears go?", session="")
    conclude.begin(pears)
    conclude.end(broken(pears, "failed"), is_final=False)

    conclude.begin(asked("Where do the plums go?", session=""))

    assert taken.exchanges == []


def test_a_call_that_still_runs_is_not_given_up_for_another(
    conclude: Conclude, taken: Taken
) -> None:
    pears, plums = asked("Where do the pears go?"), asked("Where do the plums go?")
    conclude.begin(pears)
    conclude.begin(plums)
    conclude.end(answered(plums, "To the still."), is_final=True)
    conclude.end(answered(pears, "To the kitchen."), is_final=True)
    conclude.close()

    assert [exchange.answer for exchange in taken.exchanges] == ["To the still.", "To the kitchen."]


def test_at_the_end_what_was_never_answered_is_offered_too(
    conclude: Conclude, taken: Taken
) -> None:
    running, broken_off = asked("Where do the pears go?"), asked("Where do the plums go?")
    conclude.begin(broken_off)
    conclude.end(broken(broken_off, "failed"), is_final=False)
    conclude.begin(replace(running, session="s-2"))

    conclude.close()
    conclude.close()

    assert sorted(taken.told) == [
        (running.question, "", "aborted"),
        (broken_off.question, "", "failed"),
    ]


def test_an_answer_to_what_never_began_is_nothing(conclude: Conclude, taken: Taken) -> None:
    conclude.end(answered(asked()), is_final=True)
    conclude.close()

    assert taken.exchanges == []


def test_more_turns_than_can_be_kept_are_learned_as_far_as_they_came(
    conclude: Conclude, taken: Taken
) -> None:
    for number in range(MOST + 3):
        conclude.begin(asked(f"What is in crate {number}?", session=""))

    assert taken.told == [(f"What is in crate {number}?", "", "aborted") for number in range(3)]


def test_only_an_answer_makes_a_turn_answered(conclude: Conclude, turns: Turns) -> None:
    turn, scope = asked(session=""), Scope(ORCHARD)
    note = Note(
        key=turn.turn,
        own="own",
        session="",
        block="The apples go to the cellar.",
        memories=(),
        tokens=7,
        created=100.0,
    )
    turns.keep(scope, note)

    conclude.begin(turn)
    conclude.end(broken(turn, "failed"), is_final=False)
    conclude.begin(turn)
    conclude.end(answered(turn), is_final=False)
    assert not found(turns, scope, turn).answered

    conclude.begin(turn)
    conclude.end(answered(turn), is_final=True)
    assert found(turns, scope, turn).answered


def found(turns: Turns, scope: Scope, turn: Exchange) -> Note:
    return turns.find(scope, [(turn.turn, "own")], turn.session, LONG)[turn.turn]


def test_a_real_learner_learns_an_exchange_once(tmp_path: Path, turns: Turns) -> None:
    stores = Stores(tmp_path / "memory")
    learner = Learner(stores)
    conclude = Conclude(learner, turns)

    for started in (100.0, 200.0):
        turn = asked("The apples are stored in the northern cellar.", started=started)
        conclude.begin(turn)
        conclude.end(answered(turn, "Noted: the northern cellar."), is_final=True)
    assert learner.settle(LONG)

    with stores.open(Scope(ORCHARD)) as store:
        assert store.count_exchanges() == 1
        assert {memory.times_said for memory in store.list()} == {1}
    learner.close(LONG)
    stores.close()


type Event = tuple[str, int]

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "answer", "tool", "fail", "abort", "wait"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(events=EVENTS)
def test_in_any_order_of_events_each_answered_turn_is_one_complete_exchange(
    events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stores = Stores(tmp_path_factory.getbasetemp() / "any-order")
    turns, taken, clock = Turns(stores), Taken(), Clock()
    conclude = Conclude(taken, turns, clock)
    running = [0, 0, 0]
    was_answered: set[str] = set()

    for what, number in events:
        turn = asked(f"What is in crate {number}?")
        if what == "wait":
            clock.now += PATIENCE * 1.5
            conclude.look()
        elif what == "begin":
            conclude.begin(turn)
            running[number] += 1
        elif running[number]:
            running[number] -= 1
            if what == "answer":
                was_answered.add(turn.question)
                conclude.end(answered(turn), is_final=True)
            elif what == "tool":
                conclude.end(answered(turn, "Let me look."), is_final=False)
            else:
                outcome: Outcome = "failed" if what == "fail" else "aborted"
                conclude.end(broken(turn, outcome), is_final=False)
    conclude.close()
    turns.close(LONG)
    stores.close()

    told = [(one.question, one.outcome) for one in taken.exchanges]
    assert len(told) == len(set(told))
    ids = {(one.question, one.id) for one in taken.exchanges}
    assert len(ids) == len({question for question, _ in told})
    answers = [told.index((question, "complete")) for question in was_answered]
    assert all(told[at][0] not in dict(told[at + 1 :]) for at in answers)
    assert {question for question, outcome in told if outcome == "complete"} == was_answered
