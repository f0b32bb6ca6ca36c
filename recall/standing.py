"""How standing rules are mixed into a ranking: pinned where a request falls under them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recall import rules
from recall.records import Force

# In shares of the distance between the best and the worst score of what was found.
# Enough for a rule that applies directly to come before whatever is merely alike; at a quarter of
# it, recall@10 of coding requests is 6 points lower.
PINNED: Final = 2.0
# Where no work is asked for, a rule is a little more than what was said in passing.
IN_TALK: Final = 1.5
REPLACED: Final = 0.5
MOST_PINNED: Final = 200

type Stated = tuple[int, int, float, int]
"""row, subjects, strength, force"""
type Slots = NDArray[np.int32]
type Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pinned:
    """Which memories a request brings back for their rules, and how it changes the ranking."""

    slots: Slots
    weights: Numbers
    holding: Slots  # memories with a rule that holds
    replaced: Slots  # memories all of whose rules were replaced
    is_work: bool

    def mix_into(self, scores: Numbers, slots: Slots, spelled_out: NDArray[np.bool_]) -> None:
        """Change the scores of these memories, whose slots are ascending.

        Those that hold an identifier which the request spells out keep their lead.
        """
        if not len(scores):
            return
        low = scores.min()
        scores -= low
        spread = float(scores.max()) or 1.0
        scores[_at(self.replaced, slots)[0]] *= REPLACED
        if self.is_work:
            here, given = _at(self.slots, slots)
            scores[here] += PINNED * spread * self.weights[given]
            scores[spelled_out] += PINNED * spread
        else:
            scores[_at(self.holding, slots)[0]] *= IN_TALK
        scores += low


@dataclass(frozen=True, slots=True)
class Standing:
    """All standing rules of a scope, as arrays."""

    slots: Slots
    strengths: Numbers
    masks: tuple[int, ...]  # each once
    mask_of: NDArray[np.intp]  # by rule
    holding: Slots
    replaced: Slots

    @classmethod
    def of(cls, stated: Mapping[int, Sequence[Stated]]) -> "Standing":
        """From the rules by slot."""
        live = [
            (slot, subjects, strength * (rules.OVERTAKEN if force == Force.OVERTAKEN else 1.0))
            for slot, given in stated.items()
            for _row, subjects, strength, force in given
            if force != Force.REPLACED
        ]
        masks, mask_of = np.unique([rule[1] for rule in live], return_inverse=True)
        slots = np.array([rule[0] for rule in live], np.int32)
        holding = np.unique(slots)
        return cls(
            slots,
            np.array([rule[2] for rule in live], np.float64),
            tuple(int(mask) for mask in masks),
            mask_of,
            holding,
            np.setdiff1d(np.array(list(stated), np.int32), holding).astype(np.int32),
        )

    def weights(self, request: rules.Request) -> Pinned:
        """How strongly each memory's rules bear on a request."""
        none = np.zeros(0, np.int32)
        if not request or not self.masks:
            return Pinned(none, np.zeros(0), self.holding, self.replaced, bool(request))
        bearing = np.array([_bearing(mask, request) for mask in self.masks])
        weights = bearing[self.mask_of] * self.strengths
        order = np.lexsort((-weights, self.slots))
        slots, firsts = np.unique(self.slots[order], return_index=True)
        best = weights[order][firsts]
        kept = np.flatnonzero(best > 0)
        if len(kept) > MOST_PINNED:
            # Of equally weighty ones, the newest.
            kept = np.sort(kept[np.lexsort((-slots[kept], -best[kept]))[:MOST_PINNED]])
        return Pinned(slots[kept], best[kept], self.holding, self.replaced, True)


@lru_cache(maxsize=4096)
def _bearing(mask: int, request: rules.Request) -> float:
    return rules.applies(mask, request)


def _at(wanted: Slots, slots: Slots) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the wanted slots lie among these, and which of the wanted are there at all."""
    if not len(wanted):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    at = np.minimum(np.searchsorted(slots, wanted), len(slots) - 1)
    given = np.flatnonzero(slots[at] == wanted)
    return at[given], given
