import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.work import asked, is_writing

# What is to be made or changed is code, whatever else is said about it.
CODE = [
    ("write a parser for the config format", "a parser", True),
    ("write a logger", "a logger", True),
    ("write a markdown renderer", "a markdown renderer", True),
    ("please write a tokenizer please", "a tokenizer", True),
    ("could you write a small tool that resizes images?", "a small tool", True),
    ("implement password hashing", "password hashing", True),
    ("implement the merge of two sorted lists", "the merge", True),
    ("add a deploy command to the cli", "a deploy command", True),
    ("let's build the importer", "the importer", True),
    ("program a calculator", "a calculator", True),
    ("write a binary search", "a binary search", True),
    ("fix the pipeline scheduler", "the pipeline scheduler", False),
    ("make the parser faster", "the parser", True),
    ("refactor the checkout", "the checkout", False),
    ("cache the session lookups", "the session lookups", False),
    ("please handle the edge case of empty input", "the edge case", False),
    ("give me a function that reverses a string", "a function", True),
    ("need a helper that merges two dicts", "a helper", True),
    ("i need a cli for exporting invoices", "a cli", True),
    ("can you do a bubble sort in python?", "a bubble sort", True),
    ("please provide a python class for matrices", "a python class", True),
    ("erstelle ein skript zum umbenennen von fotos", "ein skript", True),
    ("implementiere die login-seite", "die login-seite", True),
    ("kannst du einen parser schreiben?", "kannst du einen parser", True),
    ("ich brauche ein skript, das dateien kopiert", "ein skript", True),
    ("écris un parseur json", "un parseur json", True),
    ("escribe un analizador simple", "un analizador simple", True),
]


@pytest.mark.parametrize(("said", "thing", "is_new"), CODE, ids=[row[0] for row in CODE])
def test_code_is_asked_for(said, thing, is_new):
    work = asked(said)

    assert work
    assert (work.thing, work.is_new, work.is_code) == (thing, is_new, True)


@pytest.mark.parametrize(
    "said",
    [
        "commit my changes",
        "commit the parser",
        "push the branch",
        "deploy the server",
        "write a commit message",
        "write the changelog entry",
        "update the readme",
        "add the package httpx",
        "write an email to bob",
        "write a cover letter",
        "make dinner for my sister",
        "create a shopping list",
        "schreib mir einen brief an die bank",
    ],
)
def test_other_work_may_be_no_code(said):
    work = asked(said)

    assert work
    assert not work.is_code


@pytest.mark.parametrize(
    "said",
    [
        "what is a parser?",
        "what did we decide about the parser",
        "why did the build fail?",
        "who wrote the parser?",
        "was haben wir über caching beschlossen?",
        "how are you?",
        "thanks, that was great!",
        "i need a break",
        "i need a doctor",
        "show me the weather",
        "handle it",
        "sort that out please",
        "",
    ],
)
def test_questions_and_talk_ask_for_no_work(said):
    assert asked(said) is None or not asked(said).is_code


@pytest.mark.parametrize(
    ("thing", "is_one"),
    [("a blog post", True), ("eine mail", True), ("a parser", False), ("an email client", False)],
)
def test_what_people_read_is_writing(thing, is_one):
    assert is_writing(thing) is is_one


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_asked(text):
    assert asked(text.lower()) is None or asked(text.lower()).thing is not None
