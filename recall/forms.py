"""Rows of word forms, which is how tables of language are written here."""


def alternation(row: str) -> str:
    """The forms in a row as alternatives of a pattern: blanks part them, + joins two words."""
    return "|".join(row.replace("+", r"\s+").split())


def words_in(row: str) -> frozenset[str]:
    """The words in a row."""
    return frozenset(row.split())
