"""The lexical half of the index: which memories hold a word, as arrays.

Memories are known by their slot, a number that grows. The postings lie in segments, each sorted by
term; new memories form a small one, and small ones are merged into larger ones, so that adding
stays cheap and a search touches few of them.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# A word in more memories than this is worth little and costs much; beyond the allowance such
# words only re-order the memories that rarer words have found.
POSTINGS_READ: Final = 10_000
TERMS_READ: Final = 40
COMMON_TERMS_READ: Final = 12
# Up to so many postings of a term, all are read along with others; that is quicker than searching.
READ_WHOLE: Final = 1_024
# From so many times as many postings on, it is quicker to seek the memories among them than to
# spread them out.
SOUGHT_AMONG: Final = 20
_SLOT_BITS: Final = 24  # of a packed posting: 32 bits of term, 24 of slot, 8 of count
MOST_SLOTS: Final = 1 << _SLOT_BITS

type Terms = Mapping[int, int]
type Int32s = NDArray[np.int32]


def pack_terms(counts: Terms) -> bytes:
    """How a memory's terms are kept: 8 bytes each, the term above the count."""
    packed = np.fromiter(
        ((term << 32) | min(count, 255) for term, count in counts.items()),
        dtype=np.uint64,
        count=len(counts),
    )
    packed.sort()
    return packed.astype("<u8").tobytes()


@dataclass(frozen=True, slots=True)
class Segment:
    """The postings of some memories, by term and then by slot."""

    terms: NDArray[np.uint32]  # each once, ascending
    starts: NDArray[np.int64]  # where a term's postings begin; one more at the end
    slots: NDArray[np.int32]
    counts: NDArray[np.uint8]

    @classmethod
    def of(cls, packed: NDArray[np.uint64]) -> "Segment":
        """From postings packed as term, slot and count, in any order; they are sorted in place."""
        packed.sort()
        all_terms = (packed >> np.uint64(32)).astype(np.uint32)
        slots = ((packed >> np.uint64(8)) & np.uint64(MOST_SLOTS - 1)).astype(np.int32)
        counts = (packed & np.uint64(255)).astype(np.uint8)
        firsts = np.flatnonzero(np.r_[True, all_terms[1:] != all_terms[:-1]][: len(all_terms)])
        return cls(all_terms[firsts], np.r_[firsts, len(all_terms)], slots, counts)

    @property
    def size(self) -> int:
        return len(self.slots)

    def packed(self) -> NDArray[np.uint64]:
        """Back into the form that `of` takes."""
        terms = np.repeat(self.terms, np.diff(self.starts)).astype(np.uint64)
        slots = self.slots.astype(np.uint64)
        return (terms << np.uint64(32)) | (slots << np.uint64(8)) | self.counts


def merge(*segments: Segment) -> Segment:
    """One segment of several."""
    return Segment.of(np.concatenate([segment.packed() for segment in segments]))


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Where the postings of a question's terms lie, and how many memories hold each."""

    ranges: list[tuple[NDArray[np.int64], NDArray[np.int64]]]  # first and last, by segment
    holders: NDArray[np.int64]

    def parted(self, first: int) -> tuple["LookedUp", "LookedUp"]:
        """The first so many terms, and the others."""
        return (
            LookedUp([(a[:first], b[:first]) for a, b in self.ranges], self.holders[:first]),
            LookedUp([(a[first:], b[first:]) for a, b in self.ranges], self.holders[first:]),
        )


@dataclass(frozen=True, slots=True)
class Lexical:
    """What the words of a question say about the memories."""

    slots: NDArray[np.int32]  # the memories that hold its rarer words: the best, and some others
    scores: NDArray[np.float64]  # by slot; what common words add is counted for `slots` only
    exact: NDArray[np.float32]  # by slot, the rarity of the rarest word that it holds


class Places:
    """Where each of some slots lies among them, to be read off rather than sought."""

    def __init__(self) -> None:
        self._place_of = np.zeros(0, np.int32)  # to work in; all -1 but for moments

    @contextlib.contextmanager
    def of(self, slots: NDArray[np.signedinteger[Any]], all_slots: int) -> Iterator[Int32s]:
        """By slot, its place among these, of equal ones the first; -1 for any other."""
        if len(self._place_of) <= all_slots:
            self._place_of = np.full(2 * all_slots + 1, -1, np.int32)
        place_of = self._place_of
        place_of[slots[::-1]] = np.arange(len(slots) - 1, -1, -1, dtype=np.int32)
        try:
            yield place_of
        finally:
            place_of[slots] = -1


class Postings:
    """All segments of one scope, and what BM25 needs to know of the memories."""

    def __init__(self, k1: float, b: float) -> None:
        self.k1, self.b = k1, b
        self.segments: list[Segment] = []
        self.lengths = np.zeros(1024, np.float32)  # in terms, by slot
        self.slots = 0
        self.live = 0
        self.live_length = 0.0
        self.places = Places()
        self._norms_known: NDArray[np.float32] | None = None
        self._later: list[NDArray[np.uint64]] = []

    def add(self, first_slot: int, blobs: Sequence[bytes], *, later: bool = False) -> None:
        """Take in the packed terms of memories whose slots follow one another.

        What is to be added later can be searched after `merge_all`, which then costs far less.
        """
        if not blobs:
            return
        if first_slot + len(blobs) > MOST_SLOTS:
            raise ValueError(f"more than {MOST_SLOTS} memories in one scope")
        sizes = np.fromiter(map(len, blobs), np.int64, len(blobs)) // 8
        kept = np.frombuffer(b"".join(blobs), "<u8").astype(np.uint64, copy=False)
        slots = np.repeat(np.arange(first_slot, first_slot + len(blobs), dtype=np.uint64), sizes)
        counts = kept & np.uint64(255)
        lengths = np.bincount(
            (slots - np.uint64(first_slot)).astype(np.int64), counts, minlength=len(blobs)
        )
        self._grow(first_slot + len(blobs))
        self.lengths[first_slot : first_slot + len(blobs)] = lengths
        self.slots = first_slot + len(blobs)
        self._norms_known = None
        self.live += len(blobs)
        self.live_length += float(lengths.sum())
        high = kept & np.uint64(0xFFFFFFFF00000000)
        if not len(kept):
            return  # they hold no word
        packed = high | (slots << np.uint64(8)) | counts
        if later:
            self._later.append(packed)
        else:
            self.segments.append(Segment.of(packed))

    def remove(self, slot: int) -> None:
        """The memory is gone; its postings stay until the index is next read from the file."""
        self.live -= 1
        self.live_length -= float(self.lengths[slot])

    def is_ragged(self) -> bool:
        """There are small segments beside each other, which would better be one."""
        return len(self.segments) > 1 and (
            self.segments[-1].size * 2 >= self.segments[-2].size or len(self.segments) > 12
        )

    def merge_all(self) -> None:
        """Make one segment of all."""
        parts = [segment.packed() for segment in self.segments] + self._later
        self._later = []
        if parts:
            self.segments = [Segment.of(np.concatenate(parts))]

    def merge_last(self) -> None:
        """Make one segment of the last two."""
        last, before = self.segments.pop(), self.segments.pop()
        self.segments.append(merge(before, last))

    def replace(self, before: Segment, last: Segment, merged: Segment) -> bool:
        """Put one segment in the place of two that follow each other, if they are still there."""
        for place, (one, other) in enumerate(pairwise(self.segments)):
            if one is before and other is last:
                self.segments[place : place + 2] = [merged]
                return True
        return False

    def look_up(self, terms: NDArray[np.uint32]) -> LookedUp:
        """Find the postings of these terms."""
        ranges = []
        for segment in self.segments:
            at = segment.terms.searchsorted(terms)
            here = segment.terms.take(at, mode="clip") == terms
            ranges.append((segment.starts.take(at), segment.starts.take(at + here)))
        holders = np.zeros(len(terms), np.int64)
        for starts, ends in ranges:
            holders += ends - starts
        return LookedUp(ranges, np.minimum(holders, self.live))

    def search(
        self,
        found: LookedUp,
        weights: NDArray[np.float32],
        rarities: NDArray[np.float64],
        best: int,
    ) -> Lexical:
        """BM25 of the memories; each term with its weight, which is more for a rarer one.

        Of those that hold a rarer word, the others than the best so many may be left out, and what
        common words add to these as well.
        """
        weights = weights * np.float32(self.k1 + 1.0)
        taken, common = _shared_out(found.holders, weights)
        # Ascending, so that of several the rarest is the one that stays.
        told = rarities.tolist()
        telling = sorted((place for place in taken if told[place]), key=told.__getitem__)
        exact = np.zeros(self.slots, np.float32)
        norms = self._norms()
        every_slot, every_score = [], []
        for segment, (starts, ends) in zip(self.segments, found.ranges, strict=True):
            first = starts.take(taken)
            sizes = ends.take(taken) - first
            at = _together(first, sizes)
            if not len(at):
                continue
            slots, counts = segment.slots.take(at), segment.counts.take(at).astype(np.float32)
            counts *= weights.take(taken).repeat(sizes) / (counts + norms.take(slots))
            every_slot.append(slots)
            every_score.append(counts)
            for place in telling:
                exact[segment.slots[starts[place] : ends[place]]] = told[place]
        if not every_slot:
            return Lexical(np.zeros(0, np.int32), np.zeros(self.slots), exact)
        slots, counts = _joined(every_slot), _joined(every_score)
        scores = np.bincount(slots, counts, minlength=self.slots)
        # Of truth values, numpy finds those that are not zero many times as quickly.
        held = np.zeros(self.slots, np.bool_)
        held[slots] = True
        slots = held.nonzero()[0].astype(np.int32)
        if common:
            best += self.slots - self.live  # as any of those that are gone may be in between
            slots = _contenders(slots, scores, best, float(weights.take(common).sum()))
            self._score_only(slots, common, found, weights, scores)
        return Lexical(slots, scores, exact)

    def covers(
        self,
        found: LookedUp,
        slots: NDArray[np.int32],
        rows: NDArray[np.intp] | None = None,
    ) -> NDArray[np.bool_]:
        """Which of these memories hold each of the terms; a row per term, or the one given for it.

        Several terms may share a row. A slot below 0 is none, and holds nothing.
        """
        if rows is None:
            rows = np.arange(len(found.holders))
        held = np.zeros((rows.max(initial=-1) + 1, len(slots)), np.bool_)
        if not len(slots):
            return held
        with self.places.of(slots, self.slots) as place_of:  # of equal ones, of the first
            for segment, (starts, ends) in zip(self.segments, found.ranges, strict=True):
                sizes = ends - starts
                is_common = sizes > READ_WHOLE
                for often in is_common.nonzero()[0].tolist():
                    of_term = segment.slots[starts[often] : ends[often]]
                    at = of_term.searchsorted(slots)
                    held[rows[often]] |= of_term.take(at, mode="clip") == slots
                seldom = (~is_common).nonzero()[0]
                sizes = sizes.take(seldom)
                places = place_of.take(segment.slots.take(_together(starts.take(seldom), sizes)))
                here = (places >= 0).nonzero()[0]
                held[rows.take(seldom).repeat(sizes).take(here), places.take(here)] = True
            return held.take(place_of.take(slots), axis=1)

    def _score_only(
        self,
        slots: NDArray[np.int32],
        common: Sequence[int],
        found: LookedUp,
        weights: NDArray[np.float32],
        scores: NDArray[np.float64],
    ) -> None:
        """Count common words for the memories that rarer ones have found."""
        norms, reached = self._norms().take(slots), scores.take(slots)
        for place in common:
            for segment, (starts, ends) in zip(self.segments, found.ranges, strict=True):
                counts = self._counts_of(segment, int(starts[place]), int(ends[place]), slots)
                if counts is not None:
                    reached += weights[place] * counts / (counts + norms)
        scores[slots] = reached

    def _counts_of(
        self, segment: Segment, start: int, end: int, slots: NDArray[np.int32]
    ) -> NDArray[np.float32] | None:
        """How often each of these memories holds the term with these postings."""
        if start == end:
            return None
        holders = segment.slots[start:end]
        if end - start < SOUGHT_AMONG * len(slots):
            spread = np.zeros(self.slots, np.uint8)
            spread[holders] = segment.counts[start:end]
            return spread.take(slots).astype(np.float32)
        at = holders.searchsorted(slots)
        counts = segment.counts[start:end].take(at, mode="clip").astype(np.float32)
        counts *= holders.take(at, mode="clip") == slots
        return counts

    def _norms(self) -> NDArray[np.float32]:
        """BM25's measure of how long each memory is beside the others."""
        # What was removed since moves the average by next to nothing.
        if self._norms_known is None:
            average = max(self.live_length / self.live, 1.0) if self.live else 1.0
            norms = self.lengths[: self.slots] * np.float32(self.k1 * self.b / average)
            self._norms_known = norms + np.float32(self.k1 * (1.0 - self.b))
        return self._norms_known

    def _grow(self, slots: int) -> None:
        if slots > len(self.lengths):
            larger = np.zeros(max(slots, 2 * len(self.lengths)), np.float32)
            larger[: self.slots] = self.lengths[: self.slots]
            self.lengths = larger


def _shared_out(
    holders: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[list[int], list[int]]:
    """The places of the terms to read, and of those that are too common for it, best first."""
    taken: list[int] = []
    common: list[int] = []
    read = 0
    held = holders.tolist()
    for place in [p for p in (-weights).argsort(kind="stable").tolist() if held[p]][:TERMS_READ]:
        if read and read + held[place] > POSTINGS_READ:
            common.append(place)
        else:
            taken.append(place)
            read += held[place]
    return taken, common[:COMMON_TERMS_READ]


def _contenders(
    slots: NDArray[np.int32], scores: NDArray[np.float64], best: int, gain: float
) -> NDArray[np.int32]:
    """Those that can be among the best even if only they gain all that is still to be had."""
    if len(slots) <= best:
        return slots
    reached = scores.take(slots)
    edge = np.partition(reached, len(reached) - best)[len(reached) - best] - gain
    contending: NDArray[np.int32] = slots[reached >= edge]
    return contending


def _joined[T: np.generic](parts: Sequence[NDArray[T]]) -> NDArray[T]:
    if len(parts) == 1:
        return parts[0]
    whole: NDArray[T] = np.concatenate(parts)
    return whole


def _together(firsts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the elements of several ranges lie: one call of numpy costs more than some thousand."""
    ends = sizes.cumsum()
    within: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0)
    within += (firsts - ends + sizes).repeat(sizes)
    return within
