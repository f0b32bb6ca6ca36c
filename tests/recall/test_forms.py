import re

from recall.forms import alternation, any_of, compiled, words_in


def test_a_row_matches_each_of_its_forms():
    row = re.compile(alternation("write set+up buil[dt]"))

    assert all(row.fullmatch(form) for form in ("write", "set  up", "build", "built"))
    assert not row.fullmatch("set")


def test_a_row_is_a_set_of_words():
    assert words_in("a b  b") == {"a", "b"}


def test_rows_of_patterns_are_one_pattern_in_either_case() -> None:
    table = compiled(any_of("forget|unlearn", "vergiss") + r"\s+it")

    assert all(table.fullmatch(said) for said in ("forget it", "Unlearn it", "VERGISS IT"))
    assert not table.fullmatch("forget")
