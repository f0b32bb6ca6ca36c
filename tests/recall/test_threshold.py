"""Which of the memories found are worth showing."""

from collections.abc import Sequence

import numpy as np
import pytest

from recall.threshold import (
    MOST_WORDS,
    Evidence,
    Word,
    names_in,
    relevant,
    required,
    sought,
    strengths,
    weight_of,
)

RARE = weight_of(None)
NUMBERS = {"the": 1996, "day": 2154, "dog": 3899, "parsnip": None}


def weight(word: str) -> float:
    return weight_of(NUMBERS.get(word))


def words(*spellings: str, names: Sequence[str] = ()) -> tuple[Word, ...]:
    return tuple(Word(spelling, RARE, spelling in names) for spelling in spellings)


def evidence(  # a scope of a few pages, where nothing covers anything unless told
    *cosine: float | None,
    asked: tuple[Word, ...] = words("parsnip", "compost", "frost"),
    held: Sequence[Sequence[bool]] | None = None,
    nearby: Sequence[Sequence[bool]] | None = None,
    in_scope: Sequence[bool] | None = None,
    scope_words: float = 5_000,
) -> Evidence:
    nothing = np.zeros((len(asked), len(cosine)), np.bool_)
    holds = nothing if held is None else np.array(held, np.bool_)
    return Evidence(
        words=asked,
        in_scope=holds.any(axis=1) if in_scope is None else np.array(in_scope, np.bool_),
        held=holds,
        nearby=holds if nearby is None else np.array(nearby, np.bool_),
        cosine=np.array([np.nan if c is None else c for c in cosine]),
        scope_words=scope_words,
    )


ALL_THREE = [[True], [True], [True]]


def test_a_memory_with_the_words_and_the_meaning_is_relevant() -> None:
    assert relevant(evidence(0.5, held=ALL_THREE)).tolist() == [True]


def test_neither_some_likeness_nor_one_word_is_enough() -> None:
    one_word = [[True, False], [False, False], [False, False]]

    assert relevant(evidence(0.2, 0.3, held=one_word)).tolist() == [False, False]


def test_the_same_meaning_in_other_words_is_enough() -> None:
    assert relevant(evidence(0.7)).tolist() == [True]


def test_what_is_far_weaker_than_the_best_does_not_follow_it() -> None:
    assert relevant(evidence(0.8, 0.5, 0.1)).tolist() == [True, True, False]


def test_the_best_opens_the_door_from_any_place() -> None:
    assert relevant(evidence(0.4, 0.1, 0.7)).tolist() == [True, False, True]


def test_the_same_memory_can_be_relevant_among_few_and_not_among_many() -> None:
    few, many = evidence(0.45, scope_words=40), evidence(0.45, scope_words=40_000)

    assert relevant(few).all()
    assert not relevant(many).any()


def test_beyond_some_size_no_more_is_required() -> None:
    assert required(0) < required(100) < required(10_000) < required(MOST_WORDS)
    assert required(MOST_WORDS) == required(1e9)


def test_words_said_beside_a_memory_count_half() -> None:
    beside = strengths(evidence(0.0, nearby=ALL_THREE, in_scope=[True] * 3))
    itself = strengths(evidence(0.0, held=ALL_THREE))

    assert beside == pytest.approx(itself / 2)


def test_a_name_that_nobody_mentioned_counts_against_all_candidates() -> None:
    held = [[True], [True], [False]]
    of_whom = evidence(
        0.3, asked=words("parsnip", "frost", "ludmila", names=["ludmila"]), held=held
    )
    of_what = evidence(0.3, asked=words("parsnip", "frost", "mulching"), held=held)

    assert strengths(of_whom) < strengths(of_what)


def test_a_known_name_is_a_word_like_others() -> None:
    held = [[True], [True], [False]]
    asked = words("parsnip", "frost", "ludmila", names=["ludmila"])
    known = evidence(0.3, asked=asked, held=held, in_scope=[True] * 3)

    assert strengths(known) == strengths(evidence(0.3, asked=words("a", "b", "c"), held=held))


def test_one_common_word_is_no_match_in_full() -> None:
    common = (Word("day", weight_of(NUMBERS["day"]), False),)

    assert not relevant(evidence(0.3, asked=common, held=[[True]])).any()


def test_without_vectors_most_of_the_words_are_needed() -> None:
    held = [[True, True, False], [True, False, False], [True, False, False]]
    by_words = evidence(None, None, None, held=held)
    no_vector = Evidence(
        by_words.words, by_words.in_scope, by_words.held, by_words.nearby, None, 5_000
    )

    assert relevant(by_words).tolist() == relevant(no_vector).tolist()
    assert relevant(no_vector)[0]
    assert not relevant(evidence(None, held=[[True], [False], [False]])).any()


def test_a_memory_without_a_vector_is_judged_by_its_words_beside_others() -> None:
    held = [[True, False], [True, False], [True, False]]

    assert relevant(evidence(None, 0.1, held=held)).tolist() == [True, False]


def test_a_question_of_small_talk_gets_nothing() -> None:
    assert relevant(evidence(0.9, asked=sought(["Hello"], frozenset(), weight))).tolist() == [False]


def test_no_candidates_are_no_trouble() -> None:
    assert relevant(evidence()).tolist() == []


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (["Thanks", "great"], []),
        (["please", "continue"], []),
        (["parsnip", "Parsnip", "frost"], ["parsnip", "frost"]),
        (["list", "order", "parsnip"], ["parsnip"]),
        (["shopping", "list"], ["shopping"]),
        (["list"], ["list"]),
        (["good", "morning", "train"], ["train"]),
    ],
)
def test_vague_words_count_only_where_there_are_no_others(
    asked: list[str], left: list[str]
) -> None:
    assert [word.spelling for word in sought(asked, frozenset(), weight)] == left


def test_the_rarer_a_word_the_more_it_weighs() -> None:
    weights = [weight_of(NUMBERS[word]) for word in ("the", "day", "dog", "parsnip")]

    assert weights == sorted(weights)
    assert weights[0] < 0.1
    assert weight_of(1012) < weight_of(NUMBERS["parsnip"])  # a sign


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What did Ludmila plant in May?", {"ludmila", "may"}),
        ("Parsnips? Compost! Frost.", set()),
        ('He said: "Never again." So why?', set()),
        ("what is the difference between TCP and UDP", set()),
        ("is (Ørsted) a name", {"ørsted"}),
        ("", set()),
    ],
)
def test_a_capital_inside_a_sentence_makes_a_name(question: str, names: set[str]) -> None:
    assert names_in(question) == names


def test_names_are_marked_among_the_words() -> None:
    question = "Where did Ludmila sow parsnip?"

    found = sought(["Ludmila", "sow", "parsnip"], names_in(question), weight)

    assert [word.spelling for word in found if word.is_name] == ["ludmila"]
