import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.rules import (
    DIRECT,
    GENERAL,
    IMPLIED,
    LEXICON,
    Subject,
    applies,
    overtakes,
    recognise,
    replaces,
    subjects_of,
)

S = Subject

RULES = [
    pytest.param("Always end function names with _fn.", {"function.name.suffix"}, id="suffix"),
    pytest.param("Start function names with x_.", {"function.name.prefix"}, id="prefix"),
    pytest.param("annotate all arguments", {"argument.annotation"}, id="bare imperative"),
    pytest.param("Wrap function bodies in try/except.", {"function.error"}, id="bodies"),
    pytest.param("import only what you need", {"any.import"}, id="only"),
    pytest.param("use pytest, not unittest", {"any.test"}, id="choice"),
    pytest.param("We use structlog for logging.", {"any.logging"}, id="custom"),
    pytest.param("Never push to main.", {"any.commit"}, id="ban"),
    pytest.param("From now on, answer in German.", {"answer"}, id="answers"),
    pytest.param("Make sure that every class has a docstring.", {"class.docstring"}, id="every"),
    pytest.param("All public methods must have type hints.", {"method.annotation"}, id="must"),
    pytest.param("Name variables in snake_case.", {"variable.name.case"}, id="case"),
    pytest.param(
        "For constants, use upper case names, and for classes, start the names with 'K'.",
        {"constant.name.case", "class.name.prefix"},
        id="two rules in one sentence",
    ),
    pytest.param(
        "Let's talk about attributes. From now on end them with 'Q_z'.",
        {"attribute.name.suffix"},
        id="said of the sentence before",
    ),
    pytest.param("Could you please always add comments to code?", {"any.comment"}, id="polite"),
    pytest.param("Benenne Variablen immer auf Englisch.", {"variable"}, id="German"),
    pytest.param("Utilise toujours des annotations.", {"any.annotation"}, id="French"),
    pytest.param("Escribe siempre pruebas para las funciones.", {"function.test"}, id="Spanish"),
]


@pytest.mark.parametrize(("text", "keys"), RULES)
def test_a_directive_that_lasts_is_a_rule(text, keys):
    assert {rule.key for rule in recognise(text)} == keys


NO_RULES = [
    pytest.param("Should I always use dataclasses?", id="question"),
    pytest.param("What if every function always logged its arguments?", id="supposition"),
    pytest.param("My boss says she always writes tests for her functions.", id="narration"),
    pytest.param("The build was always green and never failed.", id="past"),
    pytest.param("I'll always add type hints to functions from now on.", id="promise"),
    pytest.param("Use the file foo.py and fix the bug.", id="one task"),
    pytest.param("Make sure the test passes now.", id="one check"),
    pytest.param("Add docstrings to all functions in src/util.py.", id="one file"),
    pytest.param("Please write a function that reverses a list.", id="request"),
    pytest.param("```\n# always use tabs\n```", id="code"),
    pytest.param("> Always use tabs for indentation.", id="quoted mail"),
    pytest.param('The linter printed: "always use double quotes in all files"', id="quoted output"),
    pytest.param("Never mind, that's always a good idea.", id="set phrase"),
    pytest.param("This will always keep our code readable.", id="praise"),
    pytest.param("I want you to follow a new convention for our code.", id="announcement"),
    pytest.param("", id="nothing"),
]


@pytest.mark.parametrize("text", NO_RULES)
def test_what_is_asked_told_or_done_once_is_no_rule(text):
    assert recognise(text) == ()


REQUESTS = [
    pytest.param("Write a function that reverses a list", S.FUNCTION, S.CLASS, id="function"),
    pytest.param(
        "Write a Stack class with push and pop methods.", S.METHOD, S.ARGUMENT, id="class"
    ),
    pytest.param("implement merge sort", S.FUNCTION, S.CLASS, id="no name for it"),
    pytest.param("Add docstrings to the parser", S.DOCSTRING, S.IMPORT, id="one side of the code"),
    pytest.param("commit and push this", S.COMMIT, S.FUNCTION, id="git"),
    pytest.param("Schreibe eine Funktion, die zählt", S.FUNCTION, S.CLASS, id="German"),
    pytest.param("Écris une classe pour la pile", S.CLASS, S.ARGUMENT, id="French"),
    pytest.param("Escribe una función que sume", S.FUNCTION, S.CLASS, id="Spanish"),
]


@pytest.mark.parametrize(("text", "inside", "outside"), REQUESTS)
def test_a_request_falls_under_what_it_makes(text, inside, outside):
    request = subjects_of(text)

    assert inside in request.direct
    assert outside not in request.direct


@pytest.mark.parametrize(
    "text",
    ["When did Anna write her book?", "How are you?", "I made a plate in pottery class.", ""],
)
def test_talk_is_no_request_for_work(text):
    assert not subjects_of(text)


BEARING = [
    pytest.param("always end function names with _fn", DIRECT, id="name"),
    pytest.param("annotate all arguments", DIRECT, id="part"),
    pytest.param("wrap function bodies in try/except", DIRECT, id="body"),
    pytest.param("import only what you need", DIRECT, id="import"),
    pytest.param("always add docstrings", DIRECT, id="no place named"),
    pytest.param("use pytest, not unittest", IMPLIED, id="beside the code"),
    pytest.param("always answer in French", GENERAL, id="any request"),
    pytest.param("always add docstrings to classes", 0.0, id="another place"),
    pytest.param("never push to main", 0.0, id="another kind of work"),
    pytest.param("always book a window seat", 0.0, id="no subject known"),
]


@pytest.mark.parametrize(("rule", "weight"), BEARING)
def test_a_rule_bears_on_a_function_where_no_word_matches(rule, weight):
    request = subjects_of("Write a function that reverses a list")

    assert [applies(r.subjects, request) for r in recognise(rule)] == [weight]


SUCCESSIONS = [
    pytest.param(
        "Always end function names with '_a'.",
        "From now on, end function names with '_b'.",
        (True, False),
        id="the same shape",
    ),
    pytest.param(
        "Always end function names with '_a'.",
        "Always start function names with 'b_'.",
        (False, False),
        id="another shape",
    ),
    pytest.param(
        "Always end function names with '_a'.",
        "Always end method names with '_a'.",
        (False, False),
        id="another place",
    ),
    pytest.param(
        "Always use the @cached decorator on functions.",
        "Always use the @traced decorator on functions.",
        (False, True),
        id="both may hold",
    ),
    pytest.param(
        "Always add docstrings to functions.",
        "Never add docstrings to functions.",
        (True, False),
        id="taken back",
    ),
    pytest.param(
        "Always book a window seat.",
        "Always water the plants.",
        (False, False),
        id="no subject known",
    ),
]


@pytest.mark.parametrize(("old", "new", "outcome"), SUCCESSIONS)
def test_a_newer_rule_replaces_only_what_cannot_hold_beside_it(old, new, outcome):
    [older], [newer] = recognise(old), recognise(new)

    assert (replaces(newer, older), overtakes(newer, older)) == outcome


def test_a_lasting_rule_is_surer_than_a_bare_one():
    [lasting] = recognise("Always annotate all arguments.")
    [bare] = recognise("Annotate all arguments.")

    assert 0 < bare.strength < lasting.strength <= 1


def test_a_rule_tells_whether_it_forbids():
    assert [r.forbids for r in recognise("Never use print statements.")] == [True]
    assert [r.forbids for r in recognise("Always use loggers.")] == [False]


def test_every_subject_that_words_name_fits_a_mask_of_sixty_three_bits():
    assert all(0 < int(subject) < 1 << 63 for subject, _ in LEXICON)


HUGE = [
    pytest.param("x" * 10_000_000, id="one word"),
    pytest.param("always use tabs. " * 600_000, id="rules all over"),
    pytest.param("def function(argument): return variable\n" * 250_000, id="code"),
    pytest.param("```" * 3_000_000, id="fences"),
    pytest.param('a "' * 3_000_000, id="quotes"),
    pytest.param(" " * 10_000_000, id="blanks"),
    pytest.param("please also and so then now just but " * 250_000, id="leads"),
]


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_text_is_read_in_bounded_time(text):
    began = time.perf_counter()

    rules = recognise(text)
    subjects_of(text)

    assert time.perf_counter() - began < 2
    assert len(rules) <= 24


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_read(text):
    for rule in recognise(text):
        applies(rule.subjects, subjects_of(text))


@given(
    st.lists(st.sampled_from(["always", "use", "'_a'", "name", "\ud800", "@", ",", "\n", "class"]))
)
def test_any_words_in_any_order_can_be_read(words):
    for rule in recognise(" ".join(words)):
        assert rule.key
        assert 0 < rule.strength <= 1
