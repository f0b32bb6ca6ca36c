"""What random looks like, and what only stands in for a secret."""

import re
from typing import Final

_CHUNK: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# Every branch begins with a plain character, so that the search skips what cannot begin one.
_STAND_IN: Final = re.compile(
    r"""\.\.\.|…|\*\*\*|••|xxxx|<[^>]*>|\{\{|\{[\w.]*\}|\$\{|%\(|%[sdv]\Z|0{12}"""
    r"|(?P<word>your(?:[_-]?(?:own|api|secret|access|auth|token|key|pass|pwd|client|project|new))?"
    r"|my[_-](?:api|secret|token|key|password)|examples?|placeholder|dummy|fake|change[_-]?(?:me"
    r"|this|it)|insert|replace[_-]?(?:me|this|with)|redacted|todo|goes[_-]here)"
)
_VARIABLE: Final = re.compile(r"\$\(?\w+\)?\Z|%\w+%\Z|[xX*.#_0-]+\Z")


def is_real(value: str) -> bool:
    """Not one of the stand-ins that documentation and templates are full of."""
    head = value[:200].lower()
    if len(set(head)) < min(6, len(head) // 2) or _VARIABLE.match(value):
        return False
    for match in _STAND_IN.finditer(head):
        start, end = match.span()
        if not match["word"] or head[end - 7 :] == "example":
            return False
        if not head[start - 1 : start].isalpha() and not head[end : end + 1].isalpha():
            return False
    return True


_DIGIT: Final = re.compile(r"[0-9]")
_HEXADECIMAL: Final = re.compile(
    r"(?:(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{24,}"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\Z"
)


def is_random(value: str, words_up_to: float = 3.2) -> bool:
    """Case and digits change too often for words: `skFadingCircle2` is a name, `aB3xK9q` is not."""
    head = value[:80]
    if _HEXADECIMAL.match(head):
        return len(set(head)) > 5 and is_real(head)
    chunks = _CHUNK.findall(head)
    letters = sum(map(len, chunks))
    if letters < 8 or letters > words_up_to * len(chunks):
        return False
    if not _DIGIT.search(head) and (letters > 2.9 * len(chunks) or head.lower() == head):
        return False
    return is_real(value)
