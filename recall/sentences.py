"""Sentences, and when two of them are the same one."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# An end is a mark that something other than a letter or digit follows, so that 1.5 and a.py stay
# whole; Chinese and Japanese marks need no space behind them.
_ENDS: Final = re.compile(r"[.!?…]+(?=[\s\"'”’)\]]|$)[\"'”’)\]]*|[。！？؟]+|\n+")
_SPACE: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_EDGES: Final = " \t\r\n\"'“”‘’«»()[]{}<>*_`~#>|-–—•.,;:!?…。！？؟、"


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text begin and end; together they cover all of it."""
    start = 0
    for end in _ENDS.finditer(text):
        yield start, end.end()
        start = end.end()
    if start < len(text):
        yield start, len(text)


def plain(text: str) -> str:
    """The sentence without what makes no other sentence of it: case, spaces, marks at the ends."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", folded).strip(_EDGES)


def storable(text: str) -> str:
    """Every text can be stored: halves of surrogate pairs become the replacement character."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def fingerprint(text: str) -> bytes:
    """Equal for texts that say the same in the same words."""
    return hashlib.sha256(plain(storable(text)).encode()).digest()[:16]


def keyed(key: bytes, text: str) -> bytes:
    """The mark that a forgotten sentence leaves; without the key, no guess can be tested on it."""
    return hmac.digest(key, plain(storable(text)).encode(), "sha256")[:16]
