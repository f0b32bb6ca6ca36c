"""Change one value in a JSON body and leave every other byte as it is."""

import json
import re
from collections.abc import Iterator
from json import decoder
from typing import Final

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder(parse_int=float)  # no limit on digits
_scan_string = decoder.scanstring  # type: ignore[attr-defined]  # the stubs do not know it


class NotAnObject(ValueError):
    """The body is not a JSON object, so there is nothing to splice into."""


def replace_model(body: bytes, model: str) -> bytes:
    """The body with another model named, every other byte untouched.

    A body that names no model comes back as it was: the backend will say so better than we can.
    """
    try:
        text = body.decode()
        spans = [
            (start, end)
            for key, value, start, end in members(text)
            if key == "model" and isinstance(value, str)
        ]
    except (ValueError, RecursionError) as error:
        raise NotAnObject(str(error)) from error
    for start, end in reversed(spans):
        text = text[:start] + json.dumps(model) + text[end:]
    return text.encode()


def members(text: str) -> Iterator[tuple[str, object, int, int]]:
    """Each member of a JSON object: key, value, and where the value stands."""
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise NotAnObject("not a JSON object")
    at = _after_space(text, at + 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise NotAnObject(f"no key at character {at}")
        key, at = _scan_string(text, at + 1)
        at = _after_space(text, at)
        if text[at : at + 1] != ":":
            raise NotAnObject(f"no value at character {at}")
        start = _after_space(text, at + 1)
        value, end = _DECODER.raw_decode(text, start)
        yield key, value, start, end
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
            if text[at : at + 1] == "}":
                raise NotAnObject(f"a comma before the end at character {at}")
        elif text[at : at + 1] != "}":
            raise NotAnObject(f"no comma at character {at}")
    if _after_space(text, at + 1) != len(text):
        raise NotAnObject("something after the object")


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # the pattern matches the empty string
    return match.end()
