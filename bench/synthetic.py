"""Made-up memories and questions, for speed and size; they say nothing about quality."""

import bisect
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from recall.records import Draft, Evidence, Role

_COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "this",
    "are",
    "or",
    "from",
    "at",
    "which",
    "but",
    "have",
    "an",
    "they",
    "you",
    "were",
    "her",
    "all",
    "she",
    "there",
    "would",
    "their",
    "we",
    "him",
    "been",
    "has",
    "when",
    "who",
    "will",
    "no",
    "more",
    "if",
    "out",
    "so",
    "up",
    "said",
    "what",
    "its",
    "about",
    "than",
    "into",
    "them",
    "can",
    "only",
    "other",
    "time",
    "new",
    "some",
    "could",
    "these",
]
_SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "bu",
    "da",
    "de",
    "di",
    "do",
    "du",
    "fa",
    "fe",
    "fi",
    "fo",
    "ga",
    "ge",
    "gi",
    "go",
    "ka",
    "ke",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "pa",
    "pe",
    "pi",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "ve",
    "vi",
    "vo",
    "za",
    "ze",
    "zi",
    "zo",
]
_VOCABULARY = 60_000


@dataclass(frozen=True, slots=True)
class Question:
    """Words of one memory among others, as a person might remember them."""

    text: str
    wanted: str  # the id of the memory


class Speech:
    """Words as often as people use them: few all the time, most hardly ever."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same every time, on purpose
        words: set[str] = set()
        while len(words) < _VOCABULARY:
            count = self.random.randint(2, 4)
            words.add("".join(self.random.choice(_SYLLABLES) for _ in range(count)))
        self.words = sorted(words)
        self.random.shuffle(self.words)
        self._sums = list(
            itertools.accumulate((place + 12) ** -1.05 for place in range(1, _VOCABULARY + 1))
        )

    def word(self) -> str:
        """A word with a meaning."""
        return self.words[bisect.bisect_left(self._sums, self.random.random() * self._sums[-1])]

    def name(self) -> str:
        """An identifier, a path, or a number."""
        kind = self.random.random()
        if kind < 0.4:
            return f"{self.word()}_{self.word()}"
        if kind < 0.7:
            return f"src/{self.word()}/{self.word()}.py"
        return str(self.random.randint(0, 9999))

    def words_of(self, count: int) -> list[str]:
        """So many words of running text."""
        made = []
        for _ in range(count):
            kind = self.random.random()
            common = self.random.choice(_COMMON) if kind < 0.45 else None
            made.append(common or (self.name() if kind < 0.48 else self.word()))
        return made


def drafts(count: int, speech: Speech) -> Iterator[Draft]:
    """So many memories, in sessions of some dozen, half of them the user's."""
    session, left, now = 0, 0, 1_700_000_000.0
    for number in range(count):
        if not left:
            session, left = session + 1, speech.random.randint(4, 20)
        left -= 1
        now += speech.random.uniform(10, 600)
        length = max(4, min(400, int(speech.random.lognormvariate(3.4, 0.75))))
        text = " ".join(speech.words_of(length))
        role = Role.ASSISTANT if number % 2 else Role.USER
        yield Draft(
            id=f"m{number}",
            text=text,
            role=role,
            session=f"s{session}",
            created=now,
            evidence=(Evidence(role, text, None),),
        )


def questions(memories: list[Draft], count: int, speech: Speech) -> list[Question]:
    """Questions for some of these; one in five is as long as a pasted log."""
    made = []
    for memory in speech.random.sample(memories, count):
        telling = [word for word in memory.text.split() if word not in _COMMON]
        words = speech.random.sample(telling, min(len(telling), speech.random.randint(2, 5)))
        if speech.random.random() < 0.2:
            words += speech.words_of(speech.random.randint(120, 400))
        else:
            words += [speech.random.choice(_COMMON) for _ in range(5)]
        speech.random.shuffle(words)
        made.append(Question(" ".join(words), memory.id))
    return made
