"""The vector half of the index: signs for a first look, bytes for a closer one.

100,000 vectors of 384 numbers are 38 MB as bytes; reading them all takes five times as long as a
search may. Their signs are 5 MB, and the vectors whose signs agree most with the question's hold
nearly all of those that are nearest to it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

type Slots = NDArray[np.signedinteger[Any]]

ROWS: Final = 65_536  # of a block; memory is taken block by block and never copied
_SAMPLE: Final = 4_096
_FARTHEST: Final = 65_535  # more than any distance


def quantised(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """A byte for each number, in the vector's own scale; only the direction counts."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.rint(vectors * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)


def signs(vectors: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.uint64]:
    """One bit for each number, 64 in a word."""
    bits = np.packbits(vectors > 0, axis=1)
    missing = -bits.shape[1] % 8
    if missing:
        bits = np.pad(bits, ((0, 0), (0, missing)))
    return np.ascontiguousarray(bits).view(np.uint64)


class _Block:
    def __init__(self, dimension: int) -> None:
        self.values = np.zeros((ROWS, dimension), np.int8)
        self.scales = np.full(ROWS, np.nan, np.float32)  # 1 / length, NaN where there is none
        self.signs = np.zeros((-(-dimension // 64), ROWS), np.uint64)


class Vectors:
    """The vectors of one scope by slot; a slot may have none."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.blocks: list[_Block] = []
        self.known = 0
        self._sum = np.zeros(dimension, np.float64)
        # To work in, so that no search has to ask the system for memory.
        self._differing = np.empty(ROWS, np.uint64)
        self._bits = np.empty(ROWS, np.uint8)
        self._wide = np.empty((0, dimension), np.float32)

    def put(self, first_slot: int, values: NDArray[np.int8]) -> None:
        """Keep the vectors of slots that follow one another; a row of zeros is no vector."""
        done = 0
        while done < len(values):
            block, row = divmod(first_slot + done, ROWS)
            while len(self.blocks) <= block:
                self.blocks.append(_Block(self.dimension))
            part = values[done : done + ROWS - row]
            rows = slice(row, row + len(part))
            into = self.blocks[block]
            if not np.isnan(into.scales[rows]).all():
                self._count(into.values[rows].astype(np.float32), into.scales[rows], -1)
            into.values[rows] = part
            wide = part.astype(np.float32)
            squares = np.einsum("ij,ij->i", wide, wide)
            squares[squares == 0] = np.nan
            into.scales[rows] = 1.0 / np.sqrt(squares)
            into.signs[:, rows] = signs(part).T
            self._count(wide, into.scales[rows], +1)
            done += len(part)

    def _count(self, values: NDArray[np.float32], scales: NDArray[np.float32], sign: int) -> None:
        unknown = np.isnan(scales)
        self.known += sign * int(len(scales) - np.count_nonzero(unknown))
        self._sum += sign * (np.where(unknown, np.float32(0.0), scales) @ values)

    def centred(self, question: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """The question's vector without a share of what all memories have in common."""
        if not self.known:
            return question
        return (question - share * self._sum / self.known).astype(np.float32)

    def remove(self, slot: int) -> None:
        """The slot has no vector any more."""
        self.put(slot, np.zeros((1, self.dimension), np.int8))

    def nearest(self, question: NDArray[np.float32], count: int, slots: int) -> NDArray[np.int32]:
        """About as many slots as asked for, those whose signs agree most, in no order."""
        wanted = signs(question.reshape(1, -1))[0]
        sizes = [min(ROWS, slots - first) for first in range(0, slots, ROWS)]
        measured = [
            (block.scales[:rows], self._distances(block, wanted, rows))
            for block, rows in zip(self.blocks, sizes, strict=False)
        ]
        is_known = self.known == slots  # of every one
        limit = _FARTHEST
        if self.known > count:
            limit = _quantile(measured, count / self.known, is_known)
        found = []
        for number, (scales, distance) in enumerate(measured):
            near = (distance <= limit).nonzero()[0].astype(np.int32)
            if not is_known:
                near = near[~np.isnan(scales.take(near))]
            near += number * ROWS
            found.append(near)
        return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.int32), *found])

    def _distances(
        self, block: _Block, wanted: NDArray[np.uint64], rows: int
    ) -> NDArray[np.uint16]:
        """In how many signs each vector of a block differs from the question's."""
        differing, bits = self._differing[:rows], self._bits[:rows]
        distance = np.zeros(rows, np.uint16)
        for word, own in enumerate(wanted):
            np.bitwise_xor(block.signs[word, :rows], own, out=differing)
            np.bitwise_count(differing, out=bits)
            distance += bits
        return distance

    def cosines(self, question: NDArray[np.float32], slots: Slots) -> NDArray[np.float32]:
        """How near each of these is; NaN where a slot has no vector."""
        if len(self.blocks) == 1 and (not len(slots) or slots.max() < ROWS):
            return self._cosines(self.blocks[0], question, slots)
        result = np.full(len(slots), np.nan, np.float32)
        for number, block in enumerate(self.blocks):
            here = (slots // ROWS == number).nonzero()[0]
            if len(here):
                result[here] = self._cosines(block, question, slots.take(here) - number * ROWS)
        return result

    def _cosines(
        self, block: _Block, question: NDArray[np.float32], rows: Slots
    ) -> NDArray[np.float32]:
        if len(rows) > len(self._wide):
            self._wide = np.empty((2 * len(rows), self.dimension), np.float32)
        wide = self._wide[: len(rows)]
        wide[:] = block.values.take(rows, axis=0)
        near: NDArray[np.float32] = wide @ question
        near *= block.scales.take(rows)
        return near


def _quantile(
    measured: list[tuple[NDArray[np.float32], NDArray[np.uint16]]], share: float, is_known: bool
) -> int:
    """A distance that about this share of the vectors is within, judged by a sample."""
    total = sum(len(distance) for _scales, distance in measured)
    step = max(1, total // _SAMPLE)
    sample = np.concatenate([distance[::step] for _scales, distance in measured])
    if not is_known:
        scales = np.concatenate([scales[::step] for scales, _distance in measured])
        sample = sample[~np.isnan(scales)]
    if not len(sample):
        return _FARTHEST
    place = min(len(sample) - 1, int(len(sample) * share))
    sample.partition(place)
    return int(sample[place])
