"""Passages that the user keeps to himself: `<private>…</private>`."""

import re
from collections import Counter
from typing import Final

# Escaped as well: an editor that escapes what was typed does not change what was meant by it.
_PRIVATE_TAG: Final = re.compile(
    r"(?:<|&(?:amp;){0,2}(?:lt|\#60|\#x3c);|\\(?:u003c|x3c)|%3c)"
    r"(?P<close>\\{0,9}/|&\#47;|%2f)?private(?P<rest>\s[^<>]{0,500}?)?\s{0,9}"
    r"(?:>|&(?:amp;){0,2}(?:gt|\#62|\#x3e);|\\{1,9}(?:u003e|x3e)|%3e)",
    re.IGNORECASE,
)


def remove_private(text: str, found: Counter[str]) -> str:
    """Without its private passages; one that is never closed reaches to the end."""
    pieces: list[str] = []
    depth = done = 0
    for tag in _PRIVATE_TAG.finditer(text):
        if tag["close"]:
            depth = max(0, depth - 1)
            if depth == 0 and done < 0:
                done = tag.end()
        elif not (tag["rest"] or "").rstrip().endswith("/"):
            if depth == 0:
                pieces.append(text[done : tag.start()])
                found["private"] += 1
                done = -1
            depth += 1
    if not pieces:
        return text
    if depth == 0:
        pieces.append(text[done:])
    return _joined(pieces)


def _joined(pieces: list[str]) -> str:
    """Put together so that words on both sides of a removed passage do not fuse."""
    apart: list[str] = []
    last = ""
    for piece in filter(None, pieces):
        if apart and not last.isspace() and not piece[0].isspace():
            apart.append(" ")
        apart.append(piece)
        last = piece[-1]
    return "".join(apart)
