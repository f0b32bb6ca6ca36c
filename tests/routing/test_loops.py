from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.loops import MOST_AT_ONCE, ROUNDS, Rounds


def begin(rounds: Rounds, sender: str, count: int, asked: str = "this") -> list[bool]:
    return [
        rounds.begin(f"{sender} {asked} {number}", lambda: asked, sender) for number in range(count)
    ]


def test_what_comes_back_in_another_name_goes_round_a_few_times_and_no_more() -> None:
    rounds = Rounds()

    assert begin(rounds, "a tool", 1) == [True]
    assert begin(rounds, "litellm", ROUNDS + 3) == [True] * ROUNDS + [False] * 3


def test_one_client_may_ask_the_same_many_times_at_once_but_not_endlessly() -> None:
    assert begin(Rounds(), "a tool", MOST_AT_ONCE + 1) == [True] * MOST_AT_ONCE + [False]


def test_another_conversation_is_not_concerned() -> None:
    rounds = Rounds()
    begin(rounds, "a tool", 1)
    begin(rounds, "litellm", ROUNDS + 1)

    assert begin(rounds, "litellm", ROUNDS, "that") == [True] * ROUNDS


def test_what_went_round_is_refused_until_nobody_waits_for_it() -> None:
    rounds = Rounds()
    begin(rounds, "a tool", 1)
    begin(rounds, "litellm", ROUNDS + 1)

    for number in reversed(range(ROUNDS)):
        rounds.end(f"litellm this {number}")
        assert not rounds.begin("once more", lambda: "this", "litellm")
    rounds.end("a tool this 0")

    assert rounds.begin("once more", lambda: "this", "litellm")


def test_what_has_been_answered_is_no_loop_while_somebody_waits_for_it() -> None:
    rounds = Rounds()
    begin(rounds, "a tool", 1)
    assert begin(rounds, "a script", ROUNDS + 1)[-1] is False

    rounds.answered("a script this 0")
    assert begin(rounds, "more of it", MOST_AT_ONCE) == [True] * MOST_AT_ONCE


def test_what_a_call_asks_is_wanted_only_where_another_waits() -> None:
    rounds, told = Rounds(), list[str]()

    def ask() -> str:
        told.append("asked")
        return "this"

    for number in range(3):
        assert rounds.begin(str(number), ask, "a tool")
        rounds.answered(str(number))
        rounds.end(str(number))
    assert not told

    rounds.begin("one", ask, "a tool")
    rounds.begin("another", ask, "litellm")
    assert len(told) == 2


def test_who_was_alone_and_answered_is_no_loop_either() -> None:
    rounds = Rounds()
    begin(rounds, "a tool", 1)
    rounds.answered("a tool this 0")

    assert begin(rounds, "a script", MOST_AT_ONCE + 5)[-1]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=40))
def test_when_all_have_ended_everything_may_begin(calls: list[tuple[str, str]]) -> None:
    rounds = Rounds()
    for number, (sender, asked) in enumerate(calls):
        rounds.begin(str(number), partial(str, asked), sender)
    for number in range(len(calls)):
        rounds.end(str(number))

    for asked in "xyz":
        assert begin(rounds, "a", ROUNDS, asked) == [True] * ROUNDS
