"""Whether the memories found for a question have anything to do with it.

A ranking always has a first place. What decides here is how strongly the best of the candidates
speaks for itself, and how much text it is the best of: the more there is, the better a stranger's
question fits something by chance.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

# The constants lie in the flat middle over talks of two people, chats with an assistant, notes of
# a project, and stretches of 1 to 100 memories of these. There, of the questions with an answer
# among the first ten, 96 to 98 % keep it (92 % of the notes', 90 to 98 % of the stretches'). Of the
# unrelated ones 2 % get something: of questions about other people 3 %, of general knowledge 0 to
# 5 %, of small talk 0 to 7 %; but 14 % from chats of others with an assistant, and a quarter of
# those like "format the code" where the scope is about code.

REQUIRED: Final = 0.13
"""0.03 more costs 2 % of the related questions and spares 0.5 % of the unrelated ones."""
PER_LOG_WORD: Final = 0.045
"""The best of more text fits better by chance. Without it 60 % keep theirs in a scope of one."""
MOST_WORDS: Final = 80_000
"""No more is required beyond: without this bound half is lost among two million words."""

COVERAGE: Final = 0.5
"""What holding all the question's words is worth in cosine; flat from 0.4 to 0.8."""
GUESSED_COSINE: Final = 0.15
"""Puts words alone where 96 % keep theirs, too; 4 % of the unrelated questions do then."""

AT_LEAST_ASKED: Final = 5.0
"""Added to the weight of all words, lest one common word be a whole match; flat from 3 to 8."""
UNKNOWN_NAME: Final = 3.0
"""How often a name counts that no memory holds: questions about other people from 6 to 3 %."""

MOST_SOUGHT: Final = 40
"""Words; with more, of a long prompt, the figures stay the same."""

FOLLOWS: Final = 0.4
"""Of the best one's strength. 0.5 costs 2 % of the answers; 0.3 leaves half as much again."""

# In the vocabulary of all-MiniLM-L6-v2 the words stand by how common they are, from "the" on.
_THE: Final = 1996
_RARE: Final = 28_500.0
_SIGN: Final = 300.0
_RANKS_ALIKE: Final = 20.0

# What people say to anyone holds nothing to look for: a question of nothing else gets nothing.
_TO_ANYONE: Final = """
    afternoon ah awesome bit bored boring bye carry cheers congrats congratulations continue
    cool describe detail else evening excellent explain fine funny get go goes going good
    goodbye got great haha hello hey hi hiya hmm interesting joke jokes keep keeps lol lot lots
    many mind morning much nice night nope oh ok okay one perfect please pls proceed really
    repeat right sorry sounds sure tell thank thanks thing things think thx wait welcome well
    wonderful wow yeah yep yes yup"""
# These tell how to answer or fit any subject. They count only where nothing else is asked for:
# 1 % more of the related questions keep what was found.
_OF_ANYTHING: Final = """
    across answer answers ask asked asking aspect aspects bring brings brought chat chats
    continued conversation conversations described detailed details different discuss discussed
    discussing discussion example examples explained gave give given help helped item items know
    known knows like liked likes list listed lists mean means meant mention mentioned need
    needed needs never ones order overview provide provided question questions recall remember
    remembered remind reminded said say saying says see seen show showed shown shows stop
    summaries summarise summarize summary talk talked talking talks thinking thinks throughout
    told various walk want wanted wants way ways"""
_SMALL_TALK: Final = frozenset(_TO_ANYONE.split())
_VAGUE: Final = frozenset(_OF_ANYTHING.split())

_MARKS_BETWEEN: Final = 8  # at most, from a word back to the end of the sentence before
# A word that may begin with a capital; that there is no letter before it is asked last, since the
# search for a character of a class is quick.
_CAPITALISED: Final = re.compile(r"[^\W\d_a-z](?<![^\W\d_].)[^\W\d_]*")
_STARTS_SENTENCE: Final = frozenset(".?!:;\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A word that a question asks for."""

    spelling: str
    weight: float
    """The rarer in English, the more."""
    is_name: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the ranked candidates of one question."""

    words: tuple[Word, ...]
    in_scope: Bools
    """For each word: some memory of the scope holds it."""
    held: Bools
    """For each word and candidate: the memory holds it."""
    nearby: Bools
    """Likewise: it or a memory up to two places away in its session does."""
    cosine: Floats | None
    """Likeness to the question's own vector, NaN where unknown; None if it has no vector."""
    scope_words: float
    """How much text the candidates were chosen from."""


def sought(
    asked: Iterable[str], names: frozenset[str], weight: Callable[[str], float]
) -> tuple[Word, ...]:
    """The words that say what a question is about, each once, the weightiest first.

    `asked` are its words without function words, `weight` is `weight_of` each.
    """
    spellings = dict.fromkeys(map(str.casefold, asked))
    telling = [spelling for spelling in spellings if spelling not in _SMALL_TALK]
    subject = [spelling for spelling in telling if spelling not in _VAGUE]
    found = [(weight(spelling), spelling) for spelling in subject or telling]
    found.sort(key=itemgetter(0), reverse=True)
    return tuple(Word(spelling, own, spelling in names) for own, spelling in found[:MOST_SOUGHT])


def names_in(question: str) -> frozenset[str]:
    """The words with a capital inside a sentence, which in English are names."""
    found = set()
    for match in _CAPITALISED.finditer(question):
        word = match[0]
        if not word[0].isupper():
            continue
        # A few characters tell: copying all before each word would take quadratic time.
        before = question[max(0, match.start() - _MARKS_BETWEEN) : match.start()].rstrip(" \"'“(*-")
        is_name = len(word) > 1 and not word.isupper()
        if is_name and before and before[-1] not in _STARTS_SENTENCE:
            found.add(word.casefold())
    return frozenset(found)


def weight_of(number: int | None) -> float:
    """How much a word tells, by its number in the model's vocabulary; None is the rarest."""
    # Not by how often the scope has it: a scope of three memories cannot tell rare from common.
    if number is None:
        rank = _RARE
    elif number < _THE:
        rank = _SIGN
    else:
        rank = number - _THE + 1.0
    return math.log1p(rank / _RANKS_ALIKE)


def relevant(found: Evidence) -> Bools:
    """Whether each candidate is worth showing; the best has to earn it for all of them."""
    strength = strengths(found)
    if not found.words or not len(strength):
        return np.zeros(len(strength), np.bool_)
    best = strength.max()
    return (strength >= FOLLOWS * best) & bool(best >= required(found.scope_words))


def required(scope_words: float) -> float:
    """How strong the best candidate from this much text has to be."""
    return REQUIRED + PER_LOG_WORD * math.log(min(max(scope_words, 1.0), MOST_WORDS))


def strengths(found: Evidence) -> NDArray[np.float64]:
    """How strongly each candidate speaks for itself: its cosine and the words it covers."""
    covered = _coverage(found)
    guessed = GUESSED_COSINE + (1.0 - COVERAGE) * covered
    cosine = guessed if found.cosine is None else found.cosine.astype(np.float64)
    strength: NDArray[np.float64] = np.where(np.isnan(cosine), guessed, cosine) + COVERAGE * covered
    return strength


def _coverage(found: Evidence) -> NDArray[np.float64]:
    """The share of what is asked for that each memory holds, half of it in what is said beside."""
    weights = np.array([word.weight for word in found.words])
    asked = sum(
        word.weight * (UNKNOWN_NAME if word.is_name and not is_held else 1.0)
        for word, is_held in zip(found.words, found.in_scope.tolist(), strict=True)
    )
    share: NDArray[np.float64] = weights @ (found.held.astype(np.float64) + found.nearby)
    return share / (2 * (asked + AT_LEAST_ASKED))
