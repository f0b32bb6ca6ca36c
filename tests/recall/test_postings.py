"""The arrays say the same as BM25 written out in plain Python, however the postings came in."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall import ranking
from recall.postings import COMMON_TERMS_READ, POSTINGS_READ, Lexical, Postings, pack_terms

K1, B = ranking.BM25_K1, ranking.BM25_B
# The smallest and the largest number that a term can have are among them.
VOCABULARY = (0, 1, 2, 7, 255, 256, 65_535, 1 << 24, (1 << 31) + 5, (1 << 32) - 2, (1 << 32) - 1)

type Text = dict[int, int]
type Corpus = list[Text]

texts = st.dictionaries(st.sampled_from(VOCABULARY), st.integers(1, 4), max_size=6)
corpora = st.lists(texts, max_size=25)
questions = st.dictionaries(
    st.sampled_from(VOCABULARY), st.floats(0.125, 8.0, width=32), max_size=len(VOCABULARY)
)
quick = settings(max_examples=60)


def postings_of(*parts: Corpus, merged: bool = False) -> Postings:
    """The memories in parts, as they come in one after the other."""
    postings, slot = Postings(K1, B), 0
    for part in parts:
        postings.add(slot, [pack_terms(text) for text in part])
        slot += len(part)
        while merged and postings.is_ragged():
            postings.merge_last()
    return postings


def as_terms(question: Mapping[int, float]) -> NDArray[np.uint32]:
    return np.array(list(question), np.uint32)


def search(
    postings: Postings,
    question: Mapping[int, float],
    rarities: Mapping[int, float] | None = None,
    best: int = 1_000_000,
) -> Lexical:
    rare = [(rarities or {}).get(term, 0.0) for term in question]
    return postings.search(
        postings.look_up(as_terms(question)),
        np.array(list(question.values()), np.float32),
        np.array(rare),
        best,
    )


def held(
    postings: Postings, terms: NDArray[np.uint32], slots: NDArray[np.int32]
) -> NDArray[np.bool_]:
    return postings.covers(postings.look_up(terms), slots)


def bm25(
    corpus: Sequence[Text], question: Mapping[int, float], live: Sequence[int] | None = None
) -> list[float]:
    """The same in plain Python."""
    kept = [{term: min(count, 255) for term, count in text.items() if count > 0} for text in corpus]
    slots = range(len(corpus)) if live is None else live
    lengths = [sum(text.values()) for text in kept]
    average = max(sum(lengths[slot] for slot in slots) / max(len(slots), 1), 1.0)
    scores = []
    for text, length in zip(kept, lengths, strict=True):
        norm = K1 * (1 - B + B * length / average)
        held = [(text[term], weight) for term, weight in question.items() if term in text]
        scores.append(sum(weight * n * (K1 + 1) / (n + norm) for n, weight in held))
    return scores


def near(scores: Sequence[float]) -> object:
    return pytest.approx(scores, rel=1e-4, abs=1e-6)


@quick
@given(corpora, questions)
def test_every_memory_scores_what_bm25_says(corpus: Corpus, question: dict[int, float]) -> None:
    found = search(postings_of(corpus), question)

    expected = bm25(corpus, question)
    assert found.scores.tolist() == near(expected)
    assert found.slots.tolist() == [slot for slot, score in enumerate(expected) if score > 0]


@quick
@given(st.lists(st.lists(texts, max_size=8), max_size=6), questions, st.booleans())
def test_it_does_not_matter_in_how_many_parts_the_memories_came(
    parts: list[Corpus], question: dict[int, float], merged: bool
) -> None:
    together = postings_of([text for part in parts for text in part])
    apart = postings_of(*parts, merged=merged)

    one, other = search(together, question), search(apart, question)

    assert other.scores.tolist() == near(one.scores.tolist())
    assert other.slots.tolist() == one.slots.tolist()
    terms = as_terms(question)
    assert np.array_equal(apart.look_up(terms).holders, together.look_up(terms).holders)
    slots = np.arange(sum(map(len, parts)), dtype=np.int32)
    assert np.array_equal(held(apart, terms, slots), held(together, terms, slots))


@quick
@given(corpora, corpora, questions, st.data())
def test_what_is_left_scores_as_if_nothing_else_had_been_there(
    corpus: Corpus, later: Corpus, question: dict[int, float], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(0, len(corpus) - 1)) if corpus else st.just(set[int]()))
    postings = postings_of(corpus)
    for slot in gone:
        postings.remove(slot)
    postings.add(len(corpus), [pack_terms(text) for text in [*later, {7: 1}]])

    everything = [*corpus, *later, {7: 1}]
    live = [slot for slot in range(len(everything)) if slot not in gone]
    found, expected = search(postings, question), bm25(everything, question, live)

    assert postings.live == len(live)
    assert [found.scores[slot] for slot in live] == near([expected[slot] for slot in live])


@quick
@given(corpora, questions, st.data())
def test_a_removed_memory_changes_the_others_by_next_to_nothing(
    corpus: Corpus, question: dict[int, float], data: st.DataObject
) -> None:
    corpus = [*corpus, *([{1: 1, 2: 1, 7: 1}] * 200)]
    postings = postings_of(corpus)
    before = search(postings, question).scores
    slot = data.draw(st.integers(0, len(corpus) - 1))
    postings.remove(slot)

    after = search(postings, question).scores

    others = np.arange(len(corpus)) != slot
    assert after[others] == pytest.approx(before[others], rel=0.05)


@quick
@given(corpora, st.lists(st.sampled_from(VOCABULARY), unique=True), st.data())
def test_covers_tells_which_memories_hold_which_terms(
    corpus: Corpus, terms: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(corpus)))
    postings = postings_of(corpus[:cut], corpus[cut:])
    order = data.draw(st.permutations(range(len(corpus))))

    found = held(postings, np.array(terms, np.uint32), np.array(order, np.int32))

    assert found.tolist() == [[term in corpus[slot] for slot in order] for term in terms]


@quick
@given(corpora, st.lists(st.sampled_from(VOCABULARY), unique=True))
def test_looking_up_counts_the_memories_that_hold_a_term(corpus: Corpus, terms: list[int]) -> None:
    holders = postings_of(corpus).look_up(np.array(terms, np.uint32)).holders

    assert holders.tolist() == [sum(term in text for text in corpus) for term in terms]


@quick
@given(corpora, questions, st.dictionaries(st.sampled_from(VOCABULARY), st.floats(0.0, 1.0)))
def test_exact_is_the_rarity_of_the_rarest_term_that_a_memory_holds(
    corpus: Corpus, question: dict[int, float], rarities: dict[int, float]
) -> None:
    found = search(postings_of(corpus[:9], corpus[9:]), question, rarities)

    expected = [
        max((rarities.get(term, 0.0) for term in question if term in text), default=0.0)
        for text in corpus
    ]
    assert found.exact.tolist() == pytest.approx(expected, rel=1e-5)


def test_no_more_holders_are_counted_than_there_are_memories() -> None:
    postings = postings_of([{7: 1}] * 10)
    for slot in range(8):
        postings.remove(slot)

    assert postings.look_up(np.array([7], np.uint32)).holders.tolist() == [2]


def test_a_count_above_255_is_kept_as_255() -> None:
    corpus: Corpus = [{7: 255}, {7: 256}, {7: 100_000}, {7: 3, 2: 1}]

    found = search(postings_of(corpus), {7: 2.0})

    assert found.scores.tolist() == near(bm25(corpus, {7: 2.0}))
    assert found.scores[0] == found.scores[1] == found.scores[2]
    assert held(
        postings_of(corpus), np.array([7, 8, 2], np.uint32), np.arange(4, dtype=np.int32)
    ).tolist() == [[True] * 4, [False] * 4, [False, False, False, True]]


@pytest.mark.parametrize("corpus", [[], [{}], [{}, {}], [{}, {7: 1}], [{7: 1}, {}]])
def test_a_memory_without_words_is_found_by_none(corpus: Corpus) -> None:
    postings = postings_of(*[[text] for text in corpus])

    found = search(postings, {7: 1.0, 255: 1.0})

    assert found.scores.tolist() == near(bm25(corpus, {7: 1.0}))
    assert found.slots.tolist() == [slot for slot, text in enumerate(corpus) if text]
    assert postings.live == len(corpus)
    slots = np.arange(len(corpus), dtype=np.int32)
    assert held(postings, np.array([7], np.uint32), slots).tolist() == [list(map(bool, corpus))]


def test_memories_without_words_beside_others_can_be_merged() -> None:
    parts: list[Corpus] = [[{}], [{7: 2}], [{}, {}], [{7: 1, 2: 1}], [{}]]

    found = search(postings_of(*parts, merged=True), {7: 1.0})

    assert found.slots.tolist() == [1, 4]


@pytest.mark.parametrize("corpus", [[], [{}], [{7: 1}, {2: 3}]])
def test_an_empty_question_finds_nothing(corpus: Corpus) -> None:
    postings = postings_of(corpus)

    found = search(postings, {})

    assert not len(found.slots)
    assert not found.scores.any()
    assert postings.look_up(np.zeros(0, np.uint32)).holders.tolist() == []
    assert held(postings, np.zeros(0, np.uint32), np.arange(len(corpus), dtype=np.int32)).shape == (
        0,
        len(corpus),
    )


def test_adding_nothing_changes_nothing() -> None:
    postings = postings_of([{7: 1}])
    postings.add(1, [])

    assert search(postings, {7: 1.0}).slots.tolist() == [0]
    assert postings.live == 1


def test_more_memories_than_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        Postings(K1, B).add((1 << 24) - 1, [pack_terms({7: 1})] * 2)


def crowd() -> Corpus:
    """Two words that together are in more memories than a search reads, and a rare third."""
    count = POSTINGS_READ * 2 // 3
    shift = count // 4
    corpus: Corpus = [{} for _ in range(count + shift)]
    for slot in range(count):
        corpus[slot][1] = 1 + slot % 3
    for slot in range(shift, count + shift):
        corpus[slot][2] = 1 + slot % 2
    for slot in range(0, count + shift, 1000):
        corpus[slot][7] = 1
    return corpus


def test_a_word_beyond_the_allowance_reorders_and_finds_nothing_by_itself() -> None:
    corpus = crowd()
    question = {1: 1.0, 2: 0.5, 7: 5.0}

    found = search(postings_of(corpus), question)

    expected = bm25(corpus, question)
    by_others = [slot for slot, text in enumerate(corpus) if 1 in text or 7 in text]
    assert found.slots.tolist() == by_others
    assert found.scores[by_others].tolist() == near([expected[slot] for slot in by_others])
    only_common = [slot for slot, text in enumerate(corpus) if set(text) == {2}]
    assert only_common
    assert not found.scores[only_common].any()


@pytest.mark.parametrize("gone", [range(0), range(3_000, 3_500)])
def test_the_best_are_found_though_common_words_are_counted_for_few(gone: range) -> None:
    postings = postings_of(crowd())
    for slot in gone:
        postings.remove(slot)
    question = {1: 1.0, 2: 0.1, 7: 5.0}

    every, few = search(postings, question), search(postings, question, best=150)

    left = [slot for slot in every.slots.tolist() if slot not in gone]
    best = sorted(left, key=lambda slot: -every.scores[slot])[:150]
    assert len(few.slots) < len(every.slots)
    assert set(best) <= set(few.slots.tolist())
    assert few.scores[best].tolist() == every.scores[best].tolist()


def test_a_word_that_all_memories_hold_still_finds_them_if_it_is_all_there_is() -> None:
    corpus: Corpus = [{7: 1}] * (POSTINGS_READ + 1)

    assert len(search(postings_of(corpus), {7: 0.5}).slots) == POSTINGS_READ + 1


def test_of_very_common_words_only_some_are_read() -> None:
    holders = 4_000
    read = (POSTINGS_READ - 2) // (holders + 1) + COMMON_TERMS_READ
    common = {100 + number: 1 for number in range(read + 3)}
    corpus: Corpus = [{7: 1}, {7: 1, **common}] + [common] * holders

    found = search(postings_of(corpus), {7: 5.0, **dict.fromkeys(common, 0.1)})

    counted = {7: 5.0, **dict.fromkeys(list(common)[:read], 0.1)}
    assert found.scores[:2].tolist() == near(bm25(corpus, counted)[:2])


def test_a_very_common_word_counts_for_the_few_that_a_rare_one_finds() -> None:
    corpus: Corpus = [{2: 1 + slot % 3} for slot in range(POSTINGS_READ + 1)]
    for slot in (0, 5_000, len(corpus) - 1):
        corpus[slot][7] = 1
    corpus += [{7: 1}, {7: 1, 2: 2}]
    corpus.insert(0, {7: 2})
    question = {7: 5.0, 2: 0.5}

    found = search(postings_of(corpus), question)

    assert found.slots.tolist() == [slot for slot, text in enumerate(corpus) if 7 in text]
    expected = bm25(corpus, question)
    assert found.scores[found.slots].tolist() == near([expected[slot] for slot in found.slots])


def test_a_question_of_many_unknown_words_is_answered_by_the_one_that_is_known() -> None:
    corpus: Corpus = [{5: 1} for _ in range(50)]
    corpus[30][7] = 1
    unknown = {1_000 + number: 9.0 for number in range(200)}

    found = search(postings_of(corpus), {**unknown, 7: 4.0})

    assert found.slots.tolist() == [30]
