import numpy as np
import pytest

from recall.records import Force
from recall.rules import recognise, subjects_of
from recall.standing import Standing

REQUEST = subjects_of("Write a parser for the config format")
NAMES, REDIS, GIT = (
    int(rule.subjects)
    for rule in recognise(
        "Always start function names with x_. We use Redis for caching. Never push to main."
    )
)


def standing(*stated):
    """Rules of (slot, subjects, force), all equally sure."""
    given = {}
    for slot, subjects, force in stated:
        given.setdefault(slot, []).append((slot, subjects, 1.0, force))
    return Standing.of(given)


def weights(pinned):
    return dict(zip(pinned.slots.tolist(), pinned.weights.tolist(), strict=True))


def test_what_a_request_falls_under_is_pinned():
    held = standing((3, NAMES, Force.HOLDS), (5, REDIS, Force.HOLDS), (7, GIT, Force.HOLDS))

    assert weights(held.weights(REQUEST)) == {3: 1.0, 5: 0.5}


def test_an_overtaken_rule_comes_behind_and_is_never_left_out():
    held = standing((3, NAMES, Force.OVERTAKEN), (5, NAMES, Force.HOLDS), (7, REDIS, Force.HOLDS))

    pinned = weights(held.weights(REQUEST))

    assert pinned[5] > pinned[3] > pinned[7]


def test_a_replaced_rule_is_not_pinned():
    pinned = standing((3, NAMES, Force.REPLACED), (5, NAMES, Force.HOLDS)).weights(REQUEST)

    assert weights(pinned) == {5: 1.0}
    assert (pinned.holding.tolist(), pinned.replaced.tolist()) == ([5], [3])


def test_a_memory_counts_by_its_weightiest_rule():
    held = standing((3, REDIS, Force.HOLDS), (3, NAMES, Force.HOLDS), (3, GIT, Force.REPLACED))

    assert weights(held.weights(REQUEST)) == {3: 1.0}


@pytest.mark.parametrize("said", ["How are you?", ""])
def test_talk_pins_nothing(said):
    pinned = standing((3, NAMES, Force.HOLDS)).weights(subjects_of(said))

    assert (weights(pinned), pinned.is_work) == ({}, False)


def test_a_pinned_rule_comes_before_what_is_merely_alike():
    scores = np.array([0.9, 0.1, 0.5])
    pinned = standing((1, NAMES, Force.HOLDS)).weights(REQUEST)

    pinned.mix_into(scores, np.array([0, 1, 2], np.int32), np.zeros(3, np.bool_))

    assert scores.argmax() == 1
