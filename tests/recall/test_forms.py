import re

from recall.forms import alternation, words_in


def test_a_row_matches_each_of_its_forms():
    row = re.compile(alternation("write set+up buil[dt]"))

    assert all(row.fullmatch(form) for form in ("write", "set  up", "build", "built"))
    assert not row.fullmatch("set")


def test_a_row_is_a_set_of_words():
    assert words_in("a b  b") == {"a", "b"}
