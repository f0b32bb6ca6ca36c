"""Rows of words and of patterns, which is how tables of language are written here."""

import re


def alternation(row: str) -> str:
    """The forms in a row as alternatives of a pattern: blanks part them, + joins two words."""
    return "|".join(row.replace("+", r"\s+").split())


def words_in(row: str) -> frozenset[str]:
    """The words in a row."""
    return frozenset(row.split())


def any_of(*rows: str) -> str:
    """Rows that are patterns as alternatives of one."""
    return f"(?:{'|'.join(rows)})"


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, to be searched for in text of either case."""
    return re.compile(pattern, re.IGNORECASE)
