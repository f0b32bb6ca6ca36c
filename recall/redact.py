"""Takes keys, passwords and private passages out of a text before it is stored or shown again.

Everything here is linear in the text, because a passage may be a ten-megabyte log: a pattern
either fails after a bounded number of characters or consumes what it has read, and a check on
the consumed text decides. Counted repeats are therefore possessive or have an upper bound.

The table is our own because detect-secrets, the library for this, is made for one line of a file
at a time: two of its patterns are quadratic, it knows few of the keys that people give to AI tools,
and of a private key it finds the first line only.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from recall.secrets.given import redact_given
from recall.secrets.prefixed import redact_prefixed
from recall.secrets.private import remove_private
from recall.secrets.shapes import redact_private_keys, redact_shapes
from recall.secrets.steps import INSIDE_MARKER, Step

VERSION: Final = 2

# What may be of any length.
_BOUNDLESS: Final[tuple[Step, ...]] = (remove_private, redact_private_keys)
# Private passages go first, so that nothing in them is even counted; keys before the names they
# are given to, because they know better what they are.
_STEPS: Final[tuple[Step, ...]] = (
    remove_private,
    redact_private_keys,
    redact_prefixed,
    redact_shapes,
    redact_given,
)

# One round can uncover another, as when a private span parted the two halves of a key. Three are
# plenty for honest text; the limit keeps a crafted one from making every round uncover the next.
_ROUNDS: Final = 8
# A secret that begins or ends so far from a cut is not judged by what is behind the cut.
_CONTEXT: Final = 4_096
_CUT: Final = "\n\n[…]\n\n"


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many of each kind were taken out."""

    text: str = field(repr=False)
    found: Mapping[str, int]


def redact(text: str, longest: int | None = None) -> Redacted:
    """Replace every secret by a marker that names its kind; private passages vanish whole.

    Of a text of more characters than `longest`, the beginning and the end are kept. It is cut here
    because a secret that was cut in two is no longer recognised.
    """
    found: Counter[str] = Counter()
    if longest is not None and len(text) > longest:
        text = _without(_BOUNDLESS, text, found)
        if len(text) > longest:
            kept = longest // 2 + _CONTEXT
            beginning = _without(_STEPS, text[:kept], found)
            end = _without(_STEPS, text[-kept:], found)
            text = f"{_beginning(beginning)}{_CUT}{_end(end)}"
            return Redacted(text, MappingProxyType(dict(found)))
    text = _without(_STEPS, text, found)
    return Redacted(text, MappingProxyType(dict(found)))


def _without(steps: Iterable[Step], text: str, found: Counter[str]) -> str:
    for _ in range(_ROUNDS):
        before = found.total()
        for step in steps:
            text = step(text, found)
        if found.total() == before:
            break
    return text


# No secret goes on behind one of these.
_BETWEEN: Final = re.compile(r"[^!-~]")
_REST_OF_MARKER: Final = re.compile(r"[a-z0-9: ]{0,40}\]")


def _beginning(text: str) -> str:
    text = text[: max(0, len(text) - _CONTEXT)]
    places = [place.start() for place in _BETWEEN.finditer(text, max(0, len(text) - _CONTEXT))]
    return INSIDE_MARKER.sub("", text[: places[-1]] if places else text)


def _end(text: str) -> str:
    place = _BETWEEN.search(text, _CONTEXT)
    text = text[place.start() :] if place else ""
    return _REST_OF_MARKER.sub("", text, 1) if _REST_OF_MARKER.match(text) else text
