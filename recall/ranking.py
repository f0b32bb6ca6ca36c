"""In which order the memories found for a question are worth showing."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any] | float
Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

# Flat: 0.6 to 1.2 and 0.4 to 0.75 are within 0.5 recall@10 of this.
BM25_K1: Final = 0.9
BM25_B: Final = 0.6

CENTRE: Final = 0.5
"""How much of the scope's mean vector to take off the question's: +0.4 recall@10."""

# Vectors add 4 recall@10 to words alone. Flat: a tenth more or less of either makes no difference.
LEXICAL: Final = 0.6
LEXICAL_ALONE: Final = 0.9
COSINE: Final = 1.3

# What is said beside a match belongs to it: +3.7 recall@10 where people talk, answers +1.2,
# and nothing lost beside an assistant.
NEXT_TO_IT: Final = 0.3
TWO_AWAY: Final = 0.12
ANSWERS_IT: Final = 0.2
# +1.1 recall@10 where people talk, +0.5 beside an assistant.
IN_BEST_SESSION: Final = 0.2

# +2.6 recall@10 where people talk.
SPEAKER_NAMED: Final = 0.25
# Long replies hold every word there is: +10 recall@10 beside an assistant, flat from 0.4.
SAID_BY_HUMAN: Final = 0.6

# Says "it is this one" against all of the above: who spells out an identifier wants it found.
EXACT: Final = 3.0
_RARE: Final = 6.0

# A tie-breaker: at 0.1 it would cost 0.7 recall@10 beside an assistant.
RECENT: Final = 0.02
RECENT_DAYS: Final = 30.0
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is known of the memories that may answer a question: one element each, aligned."""

    lexical: Floats
    """BM25 score."""
    exact: Floats
    """The highest `rarity` of the question's terms that it holds, 0 if none."""
    cosine: Floats | None
    """Likeness to the question's vector. NaN: the memory has none yet; None: no question vector."""
    previous: Ints
    """Place of the memory said before it in the same session, -1 if that is no candidate."""
    next: Ints
    """Likewise of the one said after it."""
    session: Ints
    human: Bools
    """Said by a person rather than by an assistant."""
    named: Bools
    """Said by someone whose name is in the question."""
    asks: Bools
    """Ends with a question, so that the next memory is the answer."""
    created: Floats
    """Seconds since the epoch, NaN if unknown."""


def rarity(weight: Numbers, inverse: Numbers) -> NDArray[np.float64]:
    """How far a term of this `inverse_frequency` tells which memory is meant.

    `weight` is that of `question_terms`: above 1 for an identifier. Any other word would cost
    7 recall@10 among 36,000 memories, since questions hold rare words that mean nothing.
    """
    share = np.minimum(inverse / _RARE, 1.0)
    return share * share * np.greater(weight, 1.0)


def inverse_frequency(holders: Numbers, memories: int) -> NDArray[np.float64]:
    """BM25's weight of a term that so many of the memories hold."""
    weight: NDArray[np.float64] = np.log((memories + 1.0) / (np.asarray(holders) + 0.5))
    return weight


def scores(found: Candidates, now: float, about_reply: bool = False) -> NDArray[np.float64]:
    """How well each candidate answers the question; more is better.

    `about_reply` says that the question is about what the assistant has said.
    """
    if not len(found.lexical):
        return np.zeros(0)
    match = _match(found.lexical, found.cosine)

    # A neighbour that is missing (-1) counts as an average candidate, since the mean of `match` is
    # 0: +6 recall@10 where sessions are short.
    padded = _ending(match, 0.0)
    previous, following = _ending(found.previous, -1), _ending(found.next, -1)
    beside = padded.take(previous) + padded.take(following)
    score: NDArray[np.float64] = match + NEXT_TO_IT * beside[:-1]
    before, after = previous.take(found.previous), following.take(found.next)
    score += TWO_AWAY * (padded.take(before) + padded.take(after))
    score += ANSWERS_IT * _ending(match * found.asks, 0.0).take(found.previous)
    score += IN_BEST_SESSION * _best_of_session(match, found.session)

    score += SPEAKER_NAMED * found.named + EXACT * found.exact
    if not about_reply:
        score += SAID_BY_HUMAN * found.human
    score += RECENT * _recency(found.created, now)
    return score


def _ending[T: np.generic](given: NDArray[T], last: float) -> NDArray[T]:
    """The same with one more at the end, where an index of -1 leads."""
    padded = np.empty(len(given) + 1, given.dtype)
    padded[:-1] = given
    padded[-1] = last
    return padded


def _match(lexical: Floats, cosine: Floats | None) -> NDArray[np.float64]:
    """How alike each candidate and the question are, with mean 0."""
    words: NDArray[np.float64] = lexical.astype(np.float64)
    count = len(words)
    # The three best and not the best alone: one odd hit shall not make all others look alike.
    most = min(3, count)
    best = np.partition(words, -most)[-most:].sum() / most
    if best > 0:
        words /= best
    words -= words.sum() / count
    if cosine is None:
        return words * LEXICAL_ALONE
    unknown = np.isnan(cosine)
    missing = np.count_nonzero(unknown)
    if missing == count:
        return words * LEXICAL_ALONE
    meaning = cosine.astype(np.float64)
    if missing:
        meaning[unknown] = 0.0
    meaning -= meaning.sum() / (count - missing)
    if missing:
        meaning[unknown] = 0.0
    match: NDArray[np.float64] = LEXICAL * words + COSINE * meaning
    return match


def _best_of_session(match: NDArray[np.float64], session: Ints) -> NDArray[np.float64]:
    """The best match in each candidate's session."""
    best = np.full(session.max() + 1, -np.inf)
    np.maximum.at(best, session, match)
    return best.take(session)


def _recency(created: Floats, now: float) -> NDArray[np.float64]:
    """1 for what is new or dated in the future, half of it after a month, 0 if unknown."""
    age = np.maximum(now - created, 0.0) / (RECENT_DAYS * _DAY)
    return np.where(np.isnan(age), 0.0, np.exp2(-age))
