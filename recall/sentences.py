"""Sentences, and when two of them are the same one."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# An end is a mark that something other than a letter or digit follows, so that 1.5 and a.py stay
# whole; what closes a quotation or an emphasis belongs to it. Chinese and Japanese marks need no
# space behind them.
_ENDS: Final = re.compile(r"[.!?…]+[\"'”’»)\]*_`~\ufe0f]*(?=[\s<]|$)|[。！？؟]+[”’」』）*_`]*|\n+")
# A sentence may be wrapped: so many lines are looked at together.
_LINES: Final = 4
_SPACE: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
# What begins an item of a list, a heading or a quotation is no part of what it says; but C# and x_
# end as they do for a reason.
_MARKER: Final = re.compile(r"(?:(?:[-*•–—>#]+|\d{1,3}[.)])\s+)+")
# A question is another sentence than the statement in its words.
_AROUND: Final = " \"'“”‘’«»()[]{}.,;:!…。！、"
_EMPHASIS: Final = ("**", "__", "*", "_", "`")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text begin and end; together they cover all of it."""
    start = 0
    for end in _ENDS.finditer(text):
        yield start, end.end()
        start = end.end()
    if start < len(text):
        yield start, len(text)


def candidates(text: str) -> Iterator[tuple[int, int]]:
    """Where sentences may lie: the spans, and for hard-wrapped ones some lines together."""
    parts = list(spans(text))
    for first, (start, _end) in enumerate(parts):
        for last in range(first, min(first + _LINES, len(parts))):
            end = parts[last][1]
            yield start, end
            if text[end - 1] != "\n" or text[end - 2 : end] == "\n\n":
                break


def is_question(sentence: str) -> bool:
    """Whether a sentence ends with a question mark, or with one that is quoted or emphasised."""
    return sentence.rstrip("\"')*_ ").endswith(("?", "？", "؟"))


def plain(text: str) -> str:
    """The sentence without what makes no other sentence of it: case, spaces, marks around it."""
    if text.isascii():
        folded = " ".join(text.lower().split())  # the same, in a fifth of the time
    else:
        folded = _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    said = folded
    if marker := _MARKER.match(said):
        said = said[marker.end() :]
    said = said.strip(_AROUND)
    for mark in _EMPHASIS:
        if len(said) > 2 * len(mark) and said.startswith(mark) and said.endswith(mark):
            said = said[len(mark) : -len(mark)].strip(_AROUND)
    return said or folded


def storable(text: str) -> str:
    """Every text can be stored: halves of surrogate pairs become the replacement character."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def fingerprint(text: str) -> bytes:
    """Equal for texts that say the same in the same words."""
    return hashlib.sha256(plain(storable(text)).encode()).digest()[:16]


def keyed(key: bytes, text: str) -> bytes:
    """The mark that a forgotten sentence leaves; without the key, no guess can be tested on it."""
    return hmac.digest(key, plain(storable(text)).encode(), "sha256")[:16]
