import math
from dataclasses import replace

import numpy as np
import pytest

from recall.ranking import Candidates, inverse_frequency, rarity, scores

NOW = 1_750_000_000.0
DAY = 86_400.0


def talk(count: int, *, sessions: int = 1) -> Candidates:
    """So many memories of people, none of which has anything to do with the question."""
    places = np.arange(count)
    session = places * sessions // count
    return Candidates(
        lexical=np.zeros(count),
        exact=np.zeros(count),
        cosine=np.full(count, 0.1),
        previous=np.where(np.append(-1, session[:-1]) == session, places - 1, -1),
        next=np.where(np.append(session[1:], -1) == session, places + 1, -1),
        session=session,
        human=np.ones(count, bool),
        named=np.zeros(count, bool),
        asks=np.zeros(count, bool),
        created=np.full(count, NOW - 100 * DAY),
    )


def at(count: int, **values: float) -> np.ndarray:
    out = np.zeros(count)
    for place, value in values.items():
        out[int(place[1:])] = value
    return out


def order(found: Candidates, *, about_reply: bool = False) -> list[int]:
    return np.argsort(-scores(found, NOW, about_reply), kind="stable").tolist()


def test_the_memory_with_the_words_of_the_question_is_first():
    assert order(replace(talk(20), lexical=at(20, m7=9.0)))[0] == 7


def test_the_memory_that_means_the_same_is_first():
    assert order(replace(talk(20), cosine=at(20, m7=0.6)))[0] == 7


def test_words_are_enough_where_the_question_has_no_vector():
    assert order(replace(talk(20), lexical=at(20, m7=9.0), cosine=None))[0] == 7


def test_a_memory_without_a_vector_is_neither_liked_nor_disliked():
    cosine = np.array([0.5, np.nan, -0.1])
    assert order(replace(talk(3, sessions=3), cosine=cosine)) == [0, 1, 2]


def test_vectors_of_no_memory_are_no_vectors():
    found = replace(talk(20), lexical=at(20, m7=9.0, m8=3.0))
    none, unknown = replace(found, cosine=None), replace(found, cosine=np.full(20, np.nan))
    assert np.array_equal(scores(none, NOW), scores(unknown, NOW))


def test_what_is_said_beside_a_match_comes_next():
    ranked = order(replace(talk(21, sessions=3), lexical=at(21, m10=9.0)))
    assert ranked[0] == 10
    assert set(ranked[1:3]) == {9, 11}
    assert set(ranked[3:5]) == {8, 12}


def test_a_neighbour_of_another_session_gains_nothing():
    ranked = scores(replace(talk(20, sessions=2), lexical=at(20, m10=9.0)), NOW)
    assert ranked[9] == pytest.approx(ranked[0])


def test_an_answer_comes_before_what_led_to_the_question():
    found = replace(talk(20), lexical=at(20, m10=9.0), asks=at(20, m10=1.0) > 0)
    assert order(found)[:3] == [10, 11, 9]


def test_a_question_at_the_end_of_a_session_is_answered_by_nothing():
    found = replace(talk(20), lexical=at(20, m19=9.0), asks=at(20, m19=1.0) > 0)
    assert order(found)[:2] == [19, 18]


def test_the_session_of_the_best_match_comes_before_others():
    ranked = scores(replace(talk(30, sessions=3), lexical=at(30, m15=9.0)), NOW)
    assert ranked[10:20].min() > ranked[:10].max()


def test_the_order_of_the_candidates_does_not_matter():
    random = np.random.default_rng(1)
    found = replace(
        talk(40, sessions=6), lexical=random.random(40) * 9, cosine=random.random(40) - 0.3
    )
    shuffled = random.permutation(40)
    place = np.append(np.argsort(shuffled), -1)
    moved = Candidates(
        lexical=found.lexical[shuffled],
        exact=found.exact[shuffled],
        cosine=(found.lexical if found.cosine is None else found.cosine)[shuffled],
        previous=place[found.previous[shuffled]],
        next=place[found.next[shuffled]],
        session=found.session[shuffled],
        human=found.human[shuffled],
        named=found.named[shuffled],
        asks=found.asks[shuffled],
        created=found.created[shuffled],
    )
    assert np.allclose(scores(moved, NOW), scores(found, NOW)[shuffled])


def test_what_a_person_said_comes_before_a_reply_that_matches_as_well():
    found = replace(talk(20, sessions=20), lexical=at(20, m3=9.0, m7=9.0))
    assert order(replace(found, human=at(20, m3=1.0) == 0))[:2] == [7, 3]


def test_a_question_about_a_reply_prefers_no_one():
    found = replace(talk(20, sessions=20), lexical=at(20, m3=9.0, m7=8.9))
    assert order(replace(found, human=at(20, m3=1.0) == 0), about_reply=True)[:2] == [3, 7]


def test_who_is_named_in_the_question_comes_first():
    found = replace(talk(20, sessions=20), lexical=at(20, m3=9.0, m7=9.0))
    assert order(replace(found, named=at(20, m7=1.0) > 0))[:2] == [7, 3]


def test_an_identifier_that_is_spelled_out_beats_all_else():
    found = replace(
        talk(20, sessions=20),
        lexical=at(20, m3=9.0, m7=9.0),
        cosine=at(20, m7=0.7),
        named=at(20, m7=1.0) > 0,
        human=at(20, m3=1.0) == 0,
        exact=at(20, m3=1.0),
    )
    assert order(found)[0] == 3


def test_of_two_that_match_alike_the_newer_is_first():
    found = replace(talk(20, sessions=20), lexical=at(20, m3=9.0, m7=9.0))
    assert order(replace(found, created=NOW - DAY * (100 - 90 * at(20, m7=1.0))))[:2] == [7, 3]


def test_age_never_outweighs_a_better_match():
    found = replace(talk(20, sessions=20), lexical=at(20, m3=9.0, m7=8.0))
    assert order(replace(found, created=NOW - 1000 * DAY * at(20, m3=1.0)))[:2] == [3, 7]


@pytest.mark.parametrize("created", [math.nan, NOW + 1000 * DAY, -NOW, 0.0, 1e300, -1e300])
def test_any_date_gives_a_finite_score(created):
    assert np.isfinite(scores(replace(talk(5), created=np.full(5, created)), NOW)).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_candidates_are_scored_too(count):
    found = replace(talk(count), lexical=np.ones(count)) if count else empty()
    assert scores(found, NOW).shape == (count,)
    assert np.isfinite(scores(found, NOW)).all()


def empty() -> Candidates:
    floats, ints, bools = np.zeros(0), np.zeros(0, int), np.zeros(0, bool)
    return Candidates(floats, floats, floats, ints, ints, ints, bools, bools, bools, floats)


def test_scoring_leaves_its_input_alone():
    found = replace(talk(20), lexical=at(20, m7=9.0).astype(np.float32))
    before = found.lexical.copy()
    scores(found, NOW)
    assert np.array_equal(found.lexical, before)


def test_single_precision_is_enough():
    found = replace(talk(20), lexical=np.arange(20.0), cosine=np.linspace(0, 1, 20))
    assert found.cosine is not None
    small = replace(
        found,
        lexical=found.lexical.astype(np.float32),
        cosine=found.cosine.astype(np.float32),
        previous=found.previous.astype(np.int32),
        next=found.next.astype(np.int32),
    )
    assert np.allclose(scores(small, NOW), scores(found, NOW), atol=1e-5)


def test_a_rare_term_weighs_more_than_a_frequent_one():
    weights = [inverse_frequency(holders, 1000) for holders in (1, 10, 100, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0


def test_an_identifier_is_telling_unless_it_is_everywhere():
    assert rarity(3.0, inverse_frequency(1, 10_000)) == 1.0
    assert rarity(3.0, inverse_frequency(2, 300)) > 0.6
    assert rarity(3.0, inverse_frequency(9_000, 10_000)) < 0.1


@pytest.mark.parametrize("weight", [0.4, 0.5, 1.0])
def test_no_other_term_is_telling(weight):
    assert rarity(weight, inverse_frequency(1, 1_000_000)) == 0.0
