"""The bytes and signs say the same as exact cosines, as far as bytes and signs can."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall.vectors import ROWS, Vectors, quantised

type Floats = NDArray[np.float32]

DIMENSIONS = (3, 64, 100, 384, 1536)


def units(count: int, dimension: int, seed: int = 0) -> Floats:
    return _normal(np.random.default_rng(seed).normal(size=(count, dimension)))


def clustered(count: int, clusters: int, dimension: int, seed: int = 0) -> Floats:
    """As texts lie: in groups that speak of the same thing, all of them a little alike."""
    random = np.random.default_rng(seed)
    common = units(1, dimension, seed + 1) * 0.4
    centres = common + units(clusters, dimension, seed + 2)
    spread = random.normal(size=(count, dimension)) * 0.8 / np.sqrt(dimension)
    return _normal(centres[random.integers(0, clusters, count)] + spread)


def _normal(numbers: NDArray[np.floating]) -> Floats:
    normal: Floats = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
    return normal


def holding(vectors: Floats, first_slot: int = 0) -> Vectors:
    held = Vectors(vectors.shape[1])
    held.put(first_slot, quantised(vectors))
    return held


def slots(*numbers: int) -> NDArray[np.int32]:
    return np.array(numbers, np.int32)


def none(count: int, dimension: int) -> NDArray[np.int8]:
    return np.zeros((count, dimension), np.int8)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_cosines_are_right_within_what_a_byte_can_say(dimension: int) -> None:
    vectors, question = units(500, dimension), units(1, dimension, 9)[0]

    near = holding(vectors).cosines(question, np.arange(500, dtype=np.int32))

    assert np.abs(near - vectors @ question).max() < 0.01


@given(st.integers(1, 70), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_only_the_direction_of_a_vector_counts(dimension: int, seed: int, size: float) -> None:
    vectors, question = units(8, dimension, seed), units(1, dimension, seed + 1)[0]
    every = np.arange(8, dtype=np.int32)

    one, other = holding(vectors), holding(vectors * np.float32(size))

    # A number that lies between two bytes may fall to either.
    assert other.cosines(question, every) == pytest.approx(one.cosines(question, every), abs=0.01)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_all_slots_are_near_where_as_many_are_asked_for(dimension: int) -> None:
    held = holding(units(40, dimension))

    assert sorted(held.nearest(units(1, dimension, 3)[0], 40, 40).tolist()) == list(range(40))


@pytest.mark.parametrize("dimension", [64, 100, 384, 1536])
def test_the_same_vector_is_among_the_nearest(dimension: int) -> None:
    vectors = units(3_000, dimension)
    held = holding(vectors)

    for slot in range(0, 3_000, 100):
        assert slot in held.nearest(vectors[slot], 30, 3_000)


def test_the_nearest_by_signs_hold_nearly_all_that_are_nearest() -> None:
    # A search takes 300 by signs and shows few: what matters is the ten that are truly nearest. The
    # share of signs that agree tells the angle, to a few degrees with 384 of them, and the ten are
    # nearer than the 300th by more than that: all of them are there. The bound is far below.
    vectors = clustered(8_000, 100, 384)
    questions = clustered(8_000, 100, 384)[::160] + 0.5 * units(50, 384, 7)
    held = holding(vectors)

    shares = []
    for question in questions:
        truly = set(np.argsort(-(vectors @ question))[:10].tolist())
        near = held.nearest(question, 300, len(vectors))
        assert len(near) < 1_500
        shares.append(len(truly & set(near.tolist())) / 10)

    assert np.mean(shares) > 0.95


def test_slots_are_found_across_blocks() -> None:
    count = ROWS + 300
    vectors, question = units(count, 64), units(1, 64, 5)[0]
    held = holding(vectors)
    asked = slots(0, ROWS - 1, ROWS, ROWS + 299, 17)

    assert np.abs(held.cosines(question, asked) - vectors[asked] @ question).max() < 0.01
    for slot in (0, ROWS - 1, ROWS, ROWS + 299):
        assert slot in held.nearest(vectors[slot], 100, count)
    assert held.known == count


@pytest.mark.parametrize("cut", [1, 1_000, ROWS - 1, ROWS, ROWS + 7])
def test_it_does_not_matter_in_how_many_parts_the_vectors_came(cut: int) -> None:
    vectors, question = units(ROWS + 20, 16), units(1, 16, 5)[0]
    together, apart = holding(vectors), holding(vectors[:cut])
    apart.put(cut, quantised(vectors[cut:]))
    every = np.arange(len(vectors), dtype=np.int32)

    assert np.array_equal(apart.cosines(question, every), together.cosines(question, every))
    assert apart.known == together.known
    assert apart.centred(question, 0.5) == pytest.approx(together.centred(question, 0.5), abs=1e-6)


def test_a_slot_without_a_vector_has_no_cosine_and_is_never_near() -> None:
    vectors = units(6, 64)
    held = Vectors(64)
    bytes_of = quantised(vectors)
    bytes_of[[1, 4]] = 0
    held.put(0, bytes_of)

    near = held.cosines(vectors[0], slots(0, 1, 2, 3, 4, 5))

    assert np.isnan(near).tolist() == [False, True, False, False, True, False]
    assert sorted(held.nearest(vectors[0], 6, 6).tolist()) == [0, 2, 3, 5]
    assert held.known == 4


def test_slots_behind_the_last_vector_have_none() -> None:
    held = holding(units(3, 64))

    assert np.isnan(held.cosines(units(1, 64)[0], slots(2, 3, ROWS + 1, 5 * ROWS))).tolist() == [
        False,
        True,
        True,
        True,
    ]
    assert sorted(held.nearest(units(1, 64)[0], 10, 2).tolist()) == [0, 1]


def test_where_few_have_a_vector_only_these_are_near() -> None:
    vectors = units(100, 64)
    held = holding(vectors)
    held.put(100, none(2_900, 64))

    assert sorted(held.nearest(vectors[0], 300, 3_000).tolist()) == list(range(100))
    some = held.nearest(vectors[0], 20, 3_000)
    assert 0 in some
    assert some.max() < 100


def test_no_vectors_are_near_to_nothing() -> None:
    question = units(1, 64)[0]
    held = Vectors(64)
    assert not len(held.nearest(question, 10, 100))
    assert np.isnan(held.cosines(question, slots(0, 50))).all()
    assert np.array_equal(held.centred(question, 0.5), question)

    held.put(0, none(50, 64))

    assert not len(held.nearest(question, 10, 50))
    assert np.array_equal(held.centred(question, 0.5), question)
    assert held.known == 0


def test_asking_about_no_slots_is_no_trouble() -> None:
    assert holding(units(3, 64)).cosines(units(1, 64)[0], slots()).tolist() == []


def test_a_vector_can_be_replaced() -> None:
    vectors, others = units(5, 100), units(5, 100, 1)
    held = holding(vectors)

    held.put(2, quantised(others[2:3]))

    question = others[2]
    assert held.cosines(question, slots(2))[0] == pytest.approx(1.0, abs=0.01)
    assert held.cosines(question, slots(1))[0] == pytest.approx(vectors[1] @ question, abs=0.01)
    assert held.known == 5


def test_a_removed_vector_is_gone() -> None:
    vectors = units(5, 100)
    held = holding(vectors)

    held.remove(2)
    held.remove(2)

    assert np.isnan(held.cosines(vectors[2], slots(2)))[0]
    assert sorted(held.nearest(vectors[2], 5, 5).tolist()) == [0, 1, 3, 4]
    assert held.known == 4


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_centring_takes_off_a_share_of_the_mean_of_all_that_are_known(dimension: int) -> None:
    vectors, others = units(30, dimension), units(4, dimension, 1)
    held = holding(vectors)
    held.put(30, none(5, dimension))
    held.put(3, quantised(others))
    held.remove(20)
    question = units(1, dimension, 2)[0]

    centred = held.centred(question, 0.5)

    known = np.concatenate([vectors[:3], others, vectors[7:20], vectors[21:]])
    assert held.known == len(known) == 29
    assert centred.dtype == np.float32
    assert centred == pytest.approx(question - 0.5 * known.mean(axis=0), abs=0.01)
    assert held.centred(question, 0.0) == pytest.approx(question)


@given(st.lists(st.tuples(st.integers(0, 19), st.booleans()), max_size=40))
@settings(max_examples=40)
def test_whatever_is_put_and_removed_the_last_word_counts(
    changes: list[tuple[int, bool]],
) -> None:
    vectors, question = units(60, 24), units(1, 24, 3)[0]
    held, expected = Vectors(24), dict[int, int]()
    for number, (slot, is_put) in enumerate(changes):
        if is_put:
            held.put(slot, quantised(vectors[number : number + 1]))
            expected[slot] = number
        elif held.known:
            held.remove(slot)
            expected.pop(slot, None)

    near = held.cosines(question, np.arange(20, dtype=np.int32))

    assert {slot for slot in range(20) if not np.isnan(near[slot])} == set(expected)
    for slot, number in expected.items():
        assert near[slot] == pytest.approx(vectors[number] @ question, abs=0.02)
    assert held.known == len(expected)
    assert set(held.nearest(question, 20, 20).tolist()) == set(expected)
    mean = np.mean([vectors[number] for number in expected.values()], axis=0) if expected else 0.0
    assert held.centred(question, 1.0) == pytest.approx(question - mean, abs=0.02)
