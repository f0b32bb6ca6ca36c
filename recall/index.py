"""Everything that a search of one scope needs, as arrays in memory."""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recall import languages, ranking, rules, threshold, words
from recall.embedding import MiniLM, how_common
from recall.postings import Lexical, LookedUp, Postings, merge
from recall.records import Role
from recall.standing import Standing, Stated
from recall.vectors import Vectors

# Up to so many memories, each is looked at closely. Beyond, the best by words and by signs are,
# with what was said around the best of these.
LOOKED_AT_CLOSELY: Final = 1_500
BY_WORDS: Final = 200
BY_SIGNS: Final = 200
WITH_NEIGHBOURS: Final = 80
# The threshold looks at so many of the best: with 10 it loses 5 % of what helps.
JUDGED: Final = 50
# Who spells out an identifier that few memories hold wants these, whatever else is in the prompt.
SPELLED_OUT: Final = 0.5
ANSWERS_KEPT: Final = 256
MERGED_AT_ONCE: Final = 50_000  # postings, in some milliseconds
LONGEST_CHAIN: Final = 64  # of rules that replaced each other; it might be a ring
# How far a superseded memory comes behind the one that stands in its place.
BEHIND: Final = 1e-3

type Indexed = tuple[Any, ...]
"""row, session, role, speaker, position, created, row of the successor, the text's end, version of
the terms, terms, vector or None"""
type Vector = NDArray[np.float32]
type Slots = NDArray[np.signedinteger[Any]]

_SLOT: Final = np.dtype(
    [
        ("row", "i8"),
        ("successor", "i8"),  # a row, or 0
        ("created", "f8"),
        ("session", "i4"),  # 0: in none
        ("position", "i8"),
        ("before", "i4"),  # the slot of what was said before in the session, or -1
        ("after", "i4"),
        ("speaker", "i4"),
        ("human", "?"),
        ("asks", "?"),
        ("alive", "?"),
    ]
)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that fit best, best first; the score of each, and whether it is relevant."""

    rows: tuple[int, ...]
    scores: tuple[float, ...]
    relevant: tuple[bool, ...]
    how: str


class Index:
    """The memories of one scope by slot, which is the order in which they came in."""

    def __init__(self) -> None:
        self.seq = 0  # the last change of the file that is in here
        self.slots = 0
        self.words = Postings(ranking.BM25_K1, ranking.BM25_B)
        self.vectors: Vectors | None = None  # as long as none is known
        self._lock = threading.Lock()
        self._about = np.zeros(1024, _SLOT)
        self._session_numbers: dict[str, int] = {"": 0}
        self._last_of_session: dict[int, int] = {}
        self._speaker_numbers: dict[str, int] = {}
        # Agents ask the same again and again while they work; whatever changes empties this.
        self._answers: OrderedDict[tuple[tuple[int, int], bool, int], Found] = OrderedDict()
        self._stated = Standing.of({})
        self._rules: dict[int, list[Stated]] = {}

    # --- keeping up ------------------------------------------------------------------------

    def append(self, rows: Sequence[Indexed]) -> None:
        """Take in more memories; their rows are greater than all before. `settle` completes it."""
        with self._lock:
            self._append(rows, later=True)

    def _append(self, rows: Sequence[Indexed], *, later: bool = False) -> None:
        if not rows:
            return
        first, last = self.slots, self.slots + len(rows)
        if last > len(self._about):
            larger = np.zeros(max(last, 2 * len(self._about)), _SLOT)
            larger[:first] = self._about[:first]
            self._about = larger
        self._answers.clear()
        columns = list(zip(*rows, strict=True))
        about = self._about[first:last]
        about["row"] = columns[0]
        about["session"] = _numbered(columns[1], self._session_numbers)
        is_human = {role: role == Role.USER for role in set(columns[2])}
        about["human"] = [is_human[role] for role in columns[2]]
        about["speaker"] = _numbered(columns[3], self._speaker_numbers)
        about["position"] = columns[4]
        about["created"] = np.array(columns[5], np.float64)  # None becomes NaN
        about["successor"] = [s or 0 for s in columns[6]]
        about["asks"] = list(map(words.is_question, columns[7]))
        about["alive"] = True
        self.slots = last  # from here on nothing fails
        self.words.add(first, columns[9], later=later)
        self._put_vectors(first, columns[10])
        about["before"] = about["after"] = -1

    def _put_vectors(self, first: int, blobs: Sequence[bytes | None]) -> None:
        if self.vectors is None:
            known = next((blob for blob in blobs if blob is not None), None)
            if known is None:
                return
            self.vectors = Vectors(len(known))
        size = self.vectors.dimension
        none = bytes(size)
        together = b"".join(b if b is not None and len(b) == size else none for b in blobs)
        self.vectors.put(first, np.frombuffer(together, np.int8).reshape(-1, size))

    def _link(self, slot: int) -> None:
        """Put a memory into its place between what was said before and after it."""
        about = self._about
        session = int(about["session"][slot])
        if not session:
            return
        before = self._last_of_session.get(session, -1)
        after = -1
        position = about["position"][slot]
        while before >= 0 and about["position"][before] > position:
            before, after = int(about["before"][before]), before
        about["before"][slot], about["after"][slot] = before, after
        if before >= 0:
            about["after"][before] = slot
        if after >= 0:
            about["before"][after] = slot
        else:
            self._last_of_session[session] = slot

    def take_over(self, changed: Iterable[int], rows: Sequence[Indexed]) -> None:
        """Follow changes: of these rows, those given are as they are now; the others are gone."""
        with self._lock:
            last = int(self._about["row"][self.slots - 1]) if self.slots else 0
            self._answers.clear()
            present = {row[0]: row for row in rows}
            for row in changed:
                slot = self._slot_of(row)
                if slot >= 0 and row in present:
                    self._update(slot, present[row])
                elif slot >= 0:
                    self._remove(slot)
                self._rules.pop(row, None)
            first = self.slots
            self._append([row for row in rows if row[0] > last])
            for slot in range(first, self.slots):
                self._link(slot)
            # Large merges are left to `tidy`: a request may be waiting for this.
            while self.words.is_ragged() and self.words.segments[-2].size < MERGED_AT_ONCE:
                self.words.merge_last()

    def _update(self, slot: int, row: Indexed) -> None:
        self._about["successor"][slot] = row[6] or 0
        self._about["human"][slot] = row[2] == Role.USER
        self._put_vectors(slot, [row[10]])

    def _remove(self, slot: int) -> None:
        about = self._about
        if not about["alive"][slot]:
            return
        about["alive"][slot] = False
        before, after = int(about["before"][slot]), int(about["after"][slot])
        if before >= 0:
            about["after"][before] = after
        if after >= 0:
            about["before"][after] = before
        session = int(about["session"][slot])
        if self._last_of_session.get(session) == slot:
            self._last_of_session[session] = before
        self.words.remove(slot)
        if self.vectors is not None:
            self.vectors.remove(slot)

    def put_rules(self, stated: Sequence[Stated]) -> None:
        """The standing rules of rows whose rules were not known, or have just been taken over."""
        with self._lock:
            self._answers.clear()
            for rule in stated:
                self._rules.setdefault(rule[0], []).append(rule)
            self._stated = Standing.of(
                {slot: r for row, r in self._rules.items() if (slot := self._slot_of(row)) >= 0}
            )

    def settle(self) -> None:
        """After all was appended: link what was said in a session, and merge the postings."""
        with self._lock:
            about = self._about[: self.slots]
            order = np.lexsort((about["position"], about["session"]))
            first, second = order[:-1], order[1:]
            sessions = about["session"]
            together = (sessions[first] == sessions[second]) & (sessions[first] > 0)
            about["after"][first[together]] = second[together]
            about["before"][second[together]] = first[together]
            self._last_of_session = dict(zip(sessions[order].tolist(), order.tolist(), strict=True))
            self.words.merge_all()

    def tidy(self) -> None:
        """Merge what has become many pieces, while searches go on."""
        while True:
            with self._lock:
                if not self.words.is_ragged():
                    return
                before, last = self.words.segments[-2:]
            merged = merge(before, last)
            with self._lock:
                if not self.words.replace(before, last, merged):
                    return  # something else has come of them meanwhile

    def _slot_of(self, row: int) -> int:
        """The slot of a row, -1 if it is not here."""
        slot = int(np.searchsorted(self._about["row"][: self.slots], row))
        if slot < self.slots and self._about["row"][slot] == row and self._about["alive"][slot]:
            return slot
        return -1

    # --- searching -------------------------------------------------------------------------

    def known(self, question: str, limit: int) -> Found | None:
        """What a search by words and vectors found lately, if nothing has changed since."""
        with self._lock:
            return self._answers.get((mark_of(question), False, limit))

    def search(self, asked: "Asked", vector: Vector | None, limit: int) -> Found:
        """The memories that fit a question best, whose vector may be known or not."""
        key = asked.mark, vector is None, limit
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                found = self._search(asked, vector, limit)
                self._answers[key] = found
                if len(self._answers) > ANSWERS_KEPT:
                    self._answers.popitem(last=False)
        return found

    def _search(self, asked: "Asked", vector: Vector | None, limit: int) -> Found:
        own = vector if self._fits(vector) else None
        how = "words only" if own is None else "words and vectors"
        terms, sought_terms = self.words.look_up(asked.every_term).parted(len(asked.weights))
        lexical = self._lexical(asked, terms)
        pinned = self._stated.weights(asked.request)
        slots, cosines = self._candidates(lexical, self._centred(own), pinned.slots)
        if not len(slots):
            return Found((), (), (), how)
        about = self._about.take(slots)
        exact = lexical.exact.take(slots)
        previous, following = self._places(slots, about["before"], about["after"])
        scores = ranking.scores(
            ranking.Candidates(
                lexical=lexical.scores.take(slots),
                exact=exact,
                cosine=cosines,
                previous=previous,
                next=following,
                session=about["session"],
                human=about["human"],
                named=self._is_named(asked.said).take(about["speaker"]),
                asks=about["asks"],
                created=about["created"],
            ),
            time.time(),
            asked.about_reply,
        )
        spelled_out = exact >= SPELLED_OUT
        pinned.mix_into(scores, slots, spelled_out)
        self._order_versions(about, scores)
        best = _best(scores, max(limit, JUDGED))
        looked_at = slots.take(best[:JUDGED])
        wanted = spelled_out.take(best[:JUDGED])
        if len(pinned.slots):
            wanted |= np.isin(looked_at, pinned.slots)
        # Of a question in another language the shipped model only tells that it is one.
        telling = own if asked.is_english else None
        relevant = self._are_relevant(looked_at, asked.sought, sought_terms, telling, wanted)
        fits = relevant.tolist()
        best = best[:limit]
        fits += [False] * (len(best) - len(fits))
        return Found(
            tuple(about["row"].take(best).tolist()),
            tuple(scores.take(best).tolist()),
            tuple(fits[: len(best)]),
            how,
        )

    def _places(self, slots: Slots, *wanted: Slots) -> list[NDArray[np.int32]]:
        """Where each of the wanted lies among the slots; -1 for nowhere, as for a slot of -1."""
        with self.words.places.of(slots, self.slots) as place_of:
            return [place_of.take(each) for each in wanted]

    def _fits(self, vector: Vector | None) -> bool:
        """Whether a question's vector can be compared with the memories'."""
        return (
            vector is not None
            and self.vectors is not None
            and self.vectors.dimension == len(vector)
        )

    def _centred(self, vector: Vector | None) -> Vector | None:
        if vector is None or self.vectors is None:
            return None
        return self.vectors.centred(vector, ranking.CENTRE)

    def _are_relevant(
        self,
        slots: Slots,
        sought: "_Sought",
        terms: LookedUp,
        vector: Vector | None,
        otherwise: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Which of the best are worth showing: they fit, or something else speaks for them."""
        if not sought.words:
            return otherwise
        before, after = self._about["before"], self._about["after"]
        window = [slots]
        for neighbour in (before, after):
            beside = neighbour[slots]
            beyond = neighbour[beside]
            beyond[beside < 0] = -1
            window += [beside, beyond]
        around = np.concatenate(window)
        held = self.words.covers(terms, around, sought.word_of)
        by_place = held.reshape(len(sought.words), len(window), len(slots))
        in_scope = np.zeros(len(sought.words), np.bool_)
        in_scope[sought.word_of[terms.holders > 0]] = True
        # The threshold was measured with the shipped model; others spread their cosines otherwise.
        is_ours = vector is not None and len(vector) == MiniLM.dimension
        fits = threshold.relevant(
            threshold.Evidence(
                words=sought.words,
                in_scope=in_scope,
                held=by_place[:, 0],
                nearby=by_place.any(axis=1),
                cosine=self._cosines(vector, slots) if vector is not None and is_ours else None,
                scope_words=self.words.live_length,
            )
        )
        relevant: NDArray[np.bool_] = fits | otherwise
        superseded = (relevant & (self._about["successor"][slots] > 0)).nonzero()[0]
        if len(superseded):
            relevant |= np.isin(slots, [self._newest(slot) for slot in slots[superseded].tolist()])
        return relevant

    def _lexical(self, asked: "Asked", found: LookedUp) -> Lexical:
        idf = ranking.inverse_frequency(found.holders, self.words.live)
        weights = (idf * asked.weights).astype(np.float32)
        rarities = ranking.rarity(asked.weights, idf)
        best = BY_WORDS if self.slots > LOOKED_AT_CLOSELY else self.slots
        return self.words.search(found, weights, rarities, best)

    def _cosines(self, vector: Vector, slots: Slots) -> NDArray[np.float32]:
        assert self.vectors is not None
        return self.vectors.cosines(vector, slots)

    def _candidates(
        self, lexical: Lexical, vector: Vector | None, pinned: Slots
    ) -> tuple[Slots, NDArray[np.float32] | None]:
        """The slots worth a closer look, ascending, and how near they are."""
        alive = self._about["alive"][: self.slots]
        if self.slots <= LOOKED_AT_CLOSELY:
            every = alive.nonzero()[0]
            return every, None if vector is None else self._cosines(vector, every)
        slots: Slots = lexical.slots
        if self.words.live < self.slots:
            slots = slots[alive.take(slots)]
        if len(slots) > BY_WORDS:
            slots = slots.take(_among_best(lexical.scores.take(slots), BY_WORDS))
        chosen = np.zeros(self.slots, np.bool_)
        chosen[slots] = True
        if vector is not None and self.vectors is not None:
            chosen[self.vectors.nearest(vector, BY_SIGNS, self.slots)] = True
            slots = chosen.nonzero()[0]
        rough = lexical.scores.take(slots)
        rough /= max(float(rough.max(initial=0.0)), 1e-9)
        near = None if vector is None else self._cosines(vector, slots)
        if near is not None:
            rough += np.where(np.isnan(near), 0.0, near)
        best = slots.take(_among_best(rough, WITH_NEIGHBOURS))
        for neighbour in (self._about["before"], self._about["after"]):
            beside = neighbour[best]
            beside = beside[beside >= 0]
            beyond = neighbour[beside]
            chosen[beside] = True
            chosen[beyond[beyond >= 0]] = True
        # What stands in the place of something found has to be there to come before it.
        newer = self._about["successor"][best] > 0
        if newer.any():
            chosen[[self._newest(slot) for slot in best[newer].tolist()]] = True
        chosen[pinned] = True
        everything = chosen.nonzero()[0]
        if self.words.live < self.slots:
            everything = everything[alive.take(everything)]
        if vector is None or near is None:
            return everything, None
        cosines = np.empty(len(everything), np.float32)
        is_new = np.ones(len(everything), np.bool_)
        at = everything.searchsorted(slots)
        cosines[at], is_new[at] = near, False
        cosines[is_new] = self._cosines(vector, everything[is_new])
        return everything, cosines

    def _newest(self, slot: int) -> int:
        """What stands in the place of this memory now; itself, if nothing does."""
        for _ in range(LONGEST_CHAIN):
            newer = self._slot_of(int(self._about["successor"][slot]))
            if newer < 0:
                break
            slot = newer
        return slot

    def _is_named(self, said: Sequence[str]) -> NDArray[np.bool_]:
        """By the number of a speaker: whether a question with these words names them."""
        if len(self._speaker_numbers) <= 1 and "" in self._speaker_numbers:
            return np.zeros(1, np.bool_)
        spoken = words.names(said)
        return np.array([words.is_named(s, spoken) for s in self._speaker_numbers] or [False])

    def _order_versions(self, about: NDArray[Any], scores: NDArray[np.float64]) -> None:
        """Let what was superseded come behind what stands in its place."""
        superseded = np.flatnonzero(about["successor"])
        if not len(superseded):
            return
        place_of = {row: place for place, row in enumerate(about["row"].tolist())}
        newer = {
            place: place_of.get(int(about["successor"][place])) for place in superseded.tolist()
        }

        def age(place: int) -> int:
            """How many stand between this one and the one that holds now."""
            for steps in range(LONGEST_CHAIN):
                following = newer.get(place)
                if following is None:
                    return steps
                place = following
            return LONGEST_CHAIN

        for place in sorted(newer, key=age):
            if (following := newer[place]) is not None:
                scores[place] = min(scores[place], scores[following] - BEHIND)


@dataclass(frozen=True, slots=True)
class _Sought:
    """The words that a question is about, and under which terms each is found."""

    words: tuple[threshold.Word, ...]
    terms: tuple[int, ...]
    word_of: NDArray[np.intp]  # the place of each term's word

    @classmethod
    def of(cls, question: str, asked: Sequence[str], is_english: bool) -> "_Sought":
        if is_english:
            found = threshold.sought(asked, threshold.names_in(question), _weight)
        else:
            found = threshold.sought(languages.telling(asked) or asked, frozenset(), _weight)
        with_terms = [(word, own) for word in found if (own := words.terms_of(word.spelling))]
        terms = [own for _word, own in with_terms]
        sizes = [len(own) for own in terms]
        return cls(
            tuple(word for word, _own in with_terms),
            tuple(term for own in terms for term in own),
            np.repeat(np.arange(len(sizes)), sizes),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a question says by itself, found while its vector is being made elsewhere."""

    mark: tuple[int, int]
    every_term: NDArray[np.uint32]  # those that have weights, then those of the words sought
    weights: NDArray[np.float32]
    sought: _Sought
    request: rules.Request
    said: tuple[str, ...]  # its words, but those that only make it a question
    about_reply: bool
    is_english: bool

    @classmethod
    def of(cls, question: str) -> "Asked":
        """Read a question; of a very long one, the beginning."""
        mark = mark_of(question)
        question = question[: words.MAX_QUESTION_CHARS]
        asked = words.asked(question)
        is_english = languages.is_english(question)
        terms = words.question_terms(question, asked)
        sought = _Sought.of(question, asked, is_english)
        return cls(
            mark=mark,
            every_term=np.array([*terms, *sought.terms], np.uint32),
            weights=np.array([*terms.values()], np.float32),
            sought=sought,
            request=rules.subjects_of(question),
            said=tuple(asked),
            about_reply=words.asks_for_reply(question),
            is_english=is_english,
        )


class _Lately:
    """What was asked lately: by the steps of an agent, and for the project and the user in turn."""

    KEPT: Final = 256

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[int, int], Asked] = OrderedDict()

    def __call__(self, question: str) -> Asked:
        mark = mark_of(question)
        known = self._asked.get(mark)
        if known is None:
            known = self._asked[mark] = Asked.of(question)
            while len(self._asked) > self.KEPT:
                with contextlib.suppress(KeyError):  # another thread was quicker
                    self._asked.popitem(last=False)
        return known


asked_lately: Final = _Lately()


def mark_of(question: str) -> tuple[int, int]:
    """Tells questions apart without keeping them: what was asked shall not lie about."""
    return hash(question), len(question)


@lru_cache(maxsize=1 << 13)
def _weight(word: str) -> float:
    return threshold.weight_of(how_common(word))


def _numbered(names: Sequence[str], numbers: dict[str, int]) -> list[int]:
    """The number of each name; new names get the next ones."""
    for name in dict.fromkeys(names):
        numbers.setdefault(name, len(numbers))
    return [numbers[name] for name in names]


def _best(scores: NDArray[Any], count: int) -> NDArray[np.intp]:
    """The places of the highest scores, highest first; of equal ones, the earlier first."""
    places = _among_best(scores, count)
    return places.take((-scores.take(places)).argsort(kind="stable"))


def _among_best(scores: NDArray[Any], count: int) -> NDArray[np.intp]:
    """The same places, in their own order."""
    if len(scores) <= count:
        return np.arange(len(scores))
    ordered = scores.copy()
    ordered.partition(len(scores) - count)
    edge = ordered[len(scores) - count]
    places: NDArray[np.intp] = (scores >= edge).nonzero()[0]
    if len(places) == count:
        return places
    # Of those that lie at the edge, the first.
    above = scores.take(places) > edge
    at_edge = places[~above][: count - np.count_nonzero(above)]
    return np.sort(np.concatenate([places[above], at_edge]))
