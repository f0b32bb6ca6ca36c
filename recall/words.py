"""The words of a text, as the numbers that the lexical index counts."""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from threading import local
from typing import Final, NamedTuple
from unicodedata import normalize

import Stemmer  # type: ignore[import-not-found]  # a C extension without stubs

VERSION: Final = 2
"""Raised when a text gives other terms than before; stored ones are then made anew."""
MAX_CHARS: Final = 1 << 20
"""What lies behind the first million characters of a text is not indexed."""
MAX_WORDS: Final = 100_000
"""Nor are words beyond this number."""
MAX_QUESTION_CHARS: Final = 20_000

# Words of a question that say nothing about what is sought: +6 recall@10 where people talk.
_ENGLISH: Final = """
    a about above after again all also am an and any are as at be because been before being
    below between both but by can could d did do does doing don down during each few for from had
    has have having he her here hers him his how i if in into is it its just ll m may me might mine
    more most must my no nor not now of on once only or other our ours out over own re s same shall
    she should so some such t than that the their theirs them then there these they this those
    through to too under until up us ve very was we were what when where which while who whom whose
    why will with would you your yours"""
# German ones, as far as they are no English words.
_GERMAN: Final = """
    aber als auch auf aus bei bin bist da das dass dein deine dem den der des dich dir du ein
    eine einem einen einer er es fur habe haben hast hatte hatten ich ihr ihre im ist ja kann mein
    meine meinem meinen meiner mich mir mit nach nicht noch oder sich sie sind uber um und uns unser
    unsere vom von vor wann waren warum wegen welche welchem welchen welcher welches wem wen wer
    werden wie wir wird wo wurde wurden zu zum zur"""
_STOP: Final = frozenset((_ENGLISH + " " + _GERMAN).split())
# Said with a capital inside a sentence, these are names: May, Will, US, IT.
_MAYBE_NAMES: Final = frozenset(("may", "will", "us", "it"))
_NEVER_SOUGHT: Final = _STOP - _MAYBE_NAMES

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SHORT_MONTHS: Final = {m[:3].lower(): m.lower() for m in _MONTHS} | {"sept": "september"}
_ROLES: Final = frozenset(("assistant", "human", "model", "system", "tool", "user"))

# Scripts that put no spaces between words (and Korean, which glues particles to them).
_UNSPACED: Final = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u109f\u1100-\u11ff\u1780-\u17d3"
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003134f"
)
# Indic vowel signs belong to their words, though Python's \w leaves them out.
_LETTER: Final = rf"(?:[^\W{_UNSPACED}]|[\u0900-\u0963\u0981-\u0dff])"
_ASCII_WORD: Final = re.compile(
    r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"
    r"|[A-Za-z](?:\+\+|#)(?![A-Za-z0-9_])"
    r"|[A-Za-z0-9_]{1,64}(?:(?:[./\\@-]|::|->)[A-Za-z0-9_]{1,64}){0,15}"
)
_WORD: Final = re.compile(
    r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"
    r"|[A-Za-z](?:\+\+|#)(?![A-Za-z0-9_])"
    rf"|{_LETTER}{{1,64}}(?:(?:[./\\@-]|::|->){_LETTER}{{1,64}}){{0,15}}"
    rf"|[{_UNSPACED}]{{1,64}}"
)
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_MARKS: Final = re.compile("[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]+")
_LONG_RUN: Final = re.compile(r"[^\w\s]{64,}")
_ARABIC: Final = re.compile("[\u0621-\u064a]")
_ARABIC_ARTICLE: Final = re.compile("^(?:[وفبك]?ال|لل)(?=..)")
_ARABIC_LETTERS: Final = str.maketrans({"ٱ": "ا", "ى": "ي", "ة": "ه"})

_INSIDE: Final = re.compile(r"[0-9./\\@_:>-]|[a-z][A-Z]|[A-Z]{2}[a-z]")
_PATH_JOINERS: Final = re.compile(r"[./\\@]|::|->")
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|[0-9]+")
_ORDINAL: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)")
_VERSION: Final = re.compile(r"v([0-9]+(?:\.[0-9a-z]+)+(?:[-+.][0-9a-z]+)*)")
_HASH: Final = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,64}")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?|[0-9]{1,3}(?:,[0-9]{3})+")
_NAME: Final = re.compile(r"\w+")
# That a word begins with it is asked after its first digit, since digits are found quickly.
_ISO_DATE: Final = re.compile(r"([0-9](?<!\w.)[0-9]{3})-([01]?[0-9])-([0-3]?[0-9])\b")
# What sets an identifier apart from words with a hyphen or a stroke between them.
_IDENTIFIER: Final = re.compile(
    r"_|[a-z][A-Z]|[A-Z]{2}[a-z]|[A-Za-z]-?[0-9]|[0-9][A-Za-z]|::|->|[/\\].*[/\\]|\w[.@]\w"
)
# An attachment may follow, as in "Which of these? [two photos]".
_QUESTION_MARK: Final = re.compile(
    r"[?\uff1f\u061f][\s\"'\u201d\u2019)*_~.!]*(?:\[[^\[\]]{0,400}\]\s*)?$"
)
# Only where a word begins so are these tried.
_REPLY: Final = re.compile(
    r"\b(?=[dhy])"
    r"(?:(?:did|have) you (?:already |ever |just )?(?:advised?|answer(?:ed)?|explain(?:ed)?|give"
    r"|given|list(?:ed)?|mention(?:ed)?|propos(?:e|ed)|provided?|recommend(?:ed)?|said|say|show"
    r"|shown|suggest(?:ed)?|tell|told|write|written)\b"
    r"|you(?:'ve| had| have)? (?:already |just |once |previously )?(?:advised|answered|explained"
    r"|gave|given|listed|mentioned|proposed|provided|recommended|said|showed|shown|suggested|told"
    r"|wrote)\b"
    r"|your (?:earlier |last |previous )?(?:advice|answer|explanation|proposal|recommendation"
    r"|reply|response|suggestion)s?\b)",
    re.IGNORECASE,
)

DIGITS_OF_AN_ID: Final = 6
_SHORT_WORD: Final = 5
IDENTIFIER_WEIGHT: Final = 2.0
"""An identifier that the question spells out outweighs words that merely look like it."""
PART_WEIGHT: Final = 0.5
PAIR_WEIGHT: Final = 0.5
"""+0.4 recall@10 where people talk; without vectors, +2.8 beside an assistant. Flat from 0.2."""


class _Stemmers(local):
    """A stemmer for each thread; one is not safe to share."""

    def __init__(self) -> None:
        self.porter = Stemmer.Stemmer("porter", 0)


_stemmers = _Stemmers()


def document_text(speaker: str, day: date | None, text: str) -> str:
    """The text to index for a memory: who said it and on which day count as words of it."""
    # +3.7 recall@10 where people talk. The names of roles are no news, and questions hold them.
    who = "" if speaker.casefold() in _ROLES else speaker
    when = f"{day.day} {_MONTHS[day.month - 1]} {day.year}" if day else ""
    return f"{who} {when}\n{text}" if who or when else text


def index_terms(text: str) -> dict[int, int]:
    """How often each term occurs in a text; a term is a 32-bit hash of its spelling.

    Identifiers count as a whole and by their parts, and neighbouring words also as a pair. Words
    that no question may ask for are left out. The sum of the values is the length for BM25.
    """
    found = _words(text[:MAX_CHARS], MAX_WORDS)
    counts: dict[int, int] = {}
    heads: dict[str, int] = {}
    for word, count in Counter(found).items():
        head, terms = _indexed(word)
        if head:
            heads[word] = head
        for term in terms:
            counts[term] = counts.get(term, 0) + count
    for pair in _pairs([heads[w] for w in found if w in heads]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def question_terms(text: str, found: Sequence[str] | None = None) -> dict[int, float]:
    """The terms a question asks for, with the weight of each; 1.0 is an ordinary word.

    `found` are the words that `asked` finds in it, if these are known already.
    """
    text = text[:MAX_QUESTION_CHARS]
    weighted = [_weighted(word) for word in (asked(text) if found is None else found)]
    weights: dict[int, float] = {}
    for _head, terms, own in weighted:
        for term, weight in zip(terms, own, strict=True):
            if weight > weights.get(term, 0.0):
                weights[term] = weight
    for pair in _pairs([head for head, _terms, _own in weighted if head]):
        weights.setdefault(pair, PAIR_WEIGHT)
    for year, month, day in _ISO_DATE.findall(text):
        if 1 <= int(month) <= 12:
            for word in (year, _MONTHS[int(month) - 1].lower(), str(int(day))):
                weights.setdefault(_term(stem(word)), 1.0)
    return weights


def asked(text: str) -> list[str]:
    """The words of a question as they are spelled, except those that only make it a question."""
    text = text[:MAX_QUESTION_CHARS]
    shouting = text.isupper()
    return [
        word
        for place, word in enumerate(_words(text, MAX_WORDS))
        if (folded := word.casefold()) not in _STOP
        or (folded in _MAYBE_NAMES and place > 0 and word[0].isupper() and not shouting)
    ]


def terms_of(word: str) -> tuple[int, ...]:
    """The terms under which a word is found, as a whole or by its parts."""
    return _weighted(word)[1]


def names(found: Sequence[str]) -> frozenset[str]:
    """The words of a question, as `asked` finds them, in which `is_named` looks for a speaker."""
    spelled = " ".join(found)
    if spelled.isascii():
        return frozenset(_NAME.findall(spelled.lower()))
    return frozenset(map(_fold, set(_NAME.findall(spelled))))


def is_named(speaker: str, words: frozenset[str]) -> bool:
    """Whether a question with these `names` speaks of the speaker, by any part of the name."""
    parts = (_fold(name) for word in _words(speaker, 20) for name in _NAME.findall(word))
    return any(part in words for part in parts if len(part) > 1 and part not in _ROLES)


def is_question(text: str) -> bool:
    """Whether a text ends by asking: what follows it is the answer."""
    end = text[-500:]
    if end.isascii() and "?" not in end:
        return False  # as most texts; to search them all takes a tenth of reading the index
    return bool(_QUESTION_MARK.search(end))


def asks_for_reply(text: str) -> bool:
    """Whether a question is about what the assistant, not the user, has said."""
    return bool(_REPLY.search(text[:MAX_QUESTION_CHARS]))


def _words(text: str, most: int) -> list[str]:
    found: list[str]
    if text.isascii():
        found = _ASCII_WORD.findall(text)
    else:
        found = _WORD.findall(plain_marks(text))
    return found[:most]


def plain_marks(text: str) -> str:
    """The text without accents, vowel points and the like, in one Unicode form."""
    # Sorting a long run of marks takes Python quadratic time.
    text = _LONG_RUN.sub(" ", text)
    return normalize("NFC", _MARKS.sub("", normalize("NFKD", text)))


def _pairs(heads: list[int]) -> list[int]:
    """A term for every two words that follow each other, function words set aside."""
    return [(a * 0x9E3779B1 + b) & 0xFFFFFFFF for a, b in pairwise(heads)]


@lru_cache(maxsize=1 << 15)
def _indexed(word: str) -> tuple[int, tuple[int, ...]]:
    """The term with which a word stands in pairs, or 0, and all under which it is found."""
    found = _spellings(word)
    exact = map(_as_identifier, found.identifiers)
    return _head(found), tuple({_term(t): None for t in (*found.wholes, *found.parts, *exact)})


@lru_cache(maxsize=1 << 13)
def _weighted(word: str) -> tuple[int, tuple[int, ...], tuple[float, ...]]:
    """The same for a word of a question, and the weight of each of its terms."""
    if word.isascii() and word.isalpha() and word.islower():
        # Nearly every word; what follows gives the same, in three times the time.
        if word in _NEVER_SOUGHT:
            return 0, (), ()
        stemmed = stem(word)
        term = _term(stemmed)
        if len(word) <= _SHORT_WORD:
            return term, (term,), _ORDINARY
        return term, (term, _term(_as_identifier(stemmed))), _OR_IDENTIFIER
    asked = _spellings(word)
    weights = dict.fromkeys(map(_term, asked.parts), PART_WEIGHT if asked.identifiers else 1.0)
    weights |= dict.fromkeys(map(_term, asked.wholes), 1.0)
    exact = asked.identifiers[: len(asked.wholes)]
    if not exact and len(word) > _SHORT_WORD and word.isascii() and word.isalpha():
        exact = asked.wholes  # people ask for getUserById as getuserbyid too
    weights |= dict.fromkeys(map(_term, map(_as_identifier, exact)), IDENTIFIER_WEIGHT)
    return _head(asked), tuple(weights), tuple(weights.values())


# The same for all words, as thousands are kept.
_ORDINARY: Final = (1.0,)
_OR_IDENTIFIER: Final = (1.0, IDENTIFIER_WEIGHT)


def _as_identifier(whole: str) -> str:
    """The spelling that only those memories hold where the word is written as an identifier."""
    return f"={whole}"


def _head(found: "_Spellings") -> int:
    return _term(found.wholes[0]) if found.wholes and found.is_spaced else 0


class _Spellings(NamedTuple):
    wholes: tuple[str, ...]
    """The word as it stands."""
    parts: tuple[str, ...] = ()
    """The words inside it."""
    identifiers: tuple[str, ...] = ()
    """Those of both that are spelled as only identifiers are."""
    is_spaced: bool = True
    """False: characters of a script without spaces, whose wholes are pairs already."""


def _spellings(word: str) -> _Spellings:
    folded = _fold(word)
    if _IS_UNSPACED.match(word):
        pairs = tuple(a + b for a, b in pairwise(folded)) or (folded,)
        return _Spellings(pairs, is_spaced=False)
    if not _INSIDE.search(word):
        return _Spellings(() if folded in _NEVER_SOUGHT else (stem(folded),))
    if _NUMBER.fullmatch(folded):
        whole = folded.replace(",", "").lstrip("0") or "0"
        # The number of a run, an order or a commit is no quantity.
        is_id = folded.isdigit() and len(folded) >= DIGITS_OF_AN_ID
        return _Spellings((whole,), identifiers=(whole,) if is_id else ())
    if ordinal := _ORDINAL.fullmatch(folded):
        return _Spellings((ordinal[1],))
    if _HASH.fullmatch(folded):
        hashes = (folded, folded[:7])  # git shows the short form
        return _Spellings(hashes, identifiers=hashes)
    pieces = [p for p in _PATH_JOINERS.split(word) if p]
    joined = [_joined(p) for p in pieces]
    wholes = [".".join(joined)]
    if version := _VERSION.fullmatch(folded):
        wholes.append(version[1])
    parts = joined if len(pieces) > 1 else []
    identifiers = [_unmistakable(p) for p in pieces if _IDENTIFIER.search(p)]
    if len(pieces) > 2:
        file = ".".join(joined[-2:])  # a file without its folders
        parts.append(file)
        identifiers.append(file)
    for piece in pieces:
        parts += _inner(piece)
    return _Spellings(
        tuple(w for w in wholes if w),
        tuple(p for p in parts if len(p) > 1 and p not in wholes and p not in _NEVER_SOUGHT),
        (*wholes[len(pieces) == 1 :], *identifiers) if _IDENTIFIER.search(word) else (),
    )


def _unmistakable(piece: str) -> str:
    """The spelling of a name; `_book` keeps its underscore, or the word book would ask for it."""
    joined = _joined(piece)
    return _fold(piece) if joined.isalpha() and len(list(_inner(piece))) < 2 else joined


def _inner(piece: str) -> Iterator[str]:
    """The words that camel case, underscores and digits separate inside a name."""
    for chunk in piece.replace("-", "_").split("_"):
        runs = _CAMEL.findall(chunk)
        if len(runs) > 1 and len(chunk) < len(piece):
            yield _joined(chunk)
        for run in runs:
            if not run.isdigit():
                yield stem(_fold(run))
            elif len(run) > 3 or run == chunk:
                yield run.lstrip("0") or "0"


def _joined(name: str) -> str:
    """One spelling for userId, user_id and user-id."""
    return stem(_fold(name).replace("_", "").replace("-", ""))


def _fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    word = word.casefold()
    if _ARABIC.match(word):
        word = _ARABIC_ARTICLE.sub("", word.translate(_ARABIC_LETTERS))
    return word


def stem(word: str) -> str:
    """What the forms of a word have in common."""
    word = _SHORT_MONTHS.get(word, word)
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word  # the stem of "ts" would be "t"
    found: str = _stemmers.porter.stemWord(word)
    return found


def _term(spelling: str) -> int:
    try:
        return zlib.crc32(spelling.encode())
    except UnicodeEncodeError:  # to say how takes longer
        return zlib.crc32(spelling.encode(errors="surrogatepass"))
