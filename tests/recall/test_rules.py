import time
from itertools import product, starmap

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
    pytest.param("We use Redis for caching.", {"use.cach"}, id="custom of no known subject"),
    pytest.param("We use Next.js for the website.", {"use.websit"}, id="called like a file"),
    pytest.param("This project uses Stripe for payments.", {"use.payment"}, id="project"),
    pytest.param("From now on, use Redis for caching.", {"use.cach"}, id="means that lasts"),
    pytest.param("We use pnpm as our package manager.", {"use.manag packag"}, id="part it plays"),
    pytest.param("We use Postgres as our database.", {"any.database"}, id="part that is known"),
    pytest.param("Wir nutzen Linear für Tickets.", {"use.ticket"}, id="German custom"),
    pytest.param("We use Redis for caching and tests.", {"use.cach", "any.test"}, id="both"),
    pytest.param("From now on, limit lines to 80 characters.", {"any.format"}, id="line length"),
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
    pytest.param("We use this for fun.", id="for fun"),
    pytest.param("We use it for logging, somehow.", id="pronoun"),
    pytest.param("What do we use for caching?", id="question for the means"),
    pytest.param("Do we use Redis for caching?", id="question for a custom"),
    pytest.param("We used Redis for caching back then.", id="past custom"),
    pytest.param("We could use Redis for caching.", id="possibility"),
    pytest.param("Use Redis for caching.", id="order"),
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
def test_a_saidfalls_under_what_it_makes(text, inside, outside):
    request = subjects_of(text)

    assert inside in request.direct
    assert outside not in request.direct


@pytest.mark.parametrize(
    "text",
    ["When did Anna write her book?", "How are you?", "I made a plate in pottery class.", ""],
)
def test_talk_is_no_saidfor_work(text):
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


# Work that does not name the places of code, each request in words of its own.
CODING = """
Write a parser for the config format
Write a parser for git commits
write a logger
Implement password hashing
Implement the merge of two sorted lists
Implement the docker client wrapper
Add a deploy command to the CLI
Add pagination to the API
Fix the pipeline scheduler
Convert the dates to ISO format
Give me a function that reverses a string
Show me how to reverse a list in a python function
What would a python function for gcd look like?
Could you write a small tool that resizes images?
Need a helper that merges two dicts
I need a CLI for exporting invoices
Can you do a bubble sort in Python?
Let's build the importer
Cache the session lookups
Please handle the edge case of empty input
Erstelle ein Skript zum Umbenennen von Fotos
Implementiere die Login-Seite
Entwickle eine Klasse für Rechnungen
Programmiere einen Taschenrechner
Kannst du einen Parser schreiben?
Écris un parseur JSON
Escribe un analizador
""".strip().splitlines()
OTHER_WORK = """
Commit my changes
Push the branch
Deploy to staging
Install the dependencies
Run the tests
Update the README
Write a commit message
Write the changelog entry
Merge the pull request
Write an email to Bob
Draft a blog post about our Python parser
Make a list of groceries
What is a parser?
What did we decide about caching?
Why does the parser crash?
How are you?
I need a break
""".strip().splitlines()


def bearing(rule, request):
    [stated] = recognise(rule)
    return applies(stated.subjects, subjects_of(request))


@pytest.mark.parametrize("said", CODING)
def test_a_rule_on_names_bears_on_everyday_coding(said):
    assert bearing("Always start function names with x_.", said) >= IMPLIED


@pytest.mark.parametrize("said", OTHER_WORK)
def test_a_rule_on_names_does_not_bear_on_other_work_or_talk(said):
    assert bearing("Always start function names with x_.", said) == 0


@pytest.mark.parametrize(
    ("rule", "weight"),
    [
        ("We use Redis for caching.", IMPLIED),
        ("Wir nutzen Stripe für Zahlungen.", IMPLIED),
        ("From now on, limit lines to 80 characters.", DIRECT),
        ("We use Jira for tickets.", 0.0),
        ("We use the garden for parties.", 0.0),
    ],
)
def test_what_is_used_bears_on_code_where_code_meets_it(rule, weight):
    assert bearing(rule, "Write a parser") == weight


REPLACED, OVERTAKEN, BOTH_HOLD = (True, False), (False, True), (False, False)
SUCCESSIONS = {
    REPLACED: [
        ("Always end function names with '_a'.", "From now on, end function names with '_b'."),
        ("Name variables in camelCase.", "Name variables in snake_case."),
        ("Always add docstrings to functions.", "Never add docstrings to functions."),
        ("Always add a docstring to every class.", "Don't ever add docstrings to classes."),
        ("Always use tabs for indentation.", "Always use spaces for indentation."),
        ("Always indent with tabs.", "From now on indent with 4 spaces."),
        ("Always use single quotes.", "Always use double quotes."),
        ("Always answer in German.", "Always answer in English."),
        ("Antworte immer auf Deutsch.", "Antworte immer auf Englisch."),
        ("From now on use pytest.", "From now on use unittest."),
        ("Never use emojis.", "Always use emojis."),
        ("Always write docstrings in Google style.", "Always write docstrings in NumPy style."),
        ("Use f-strings, never % formatting.", "Use % formatting, never f-strings."),
        ("From now on, limit lines to 80 chars.", "From now on, limit lines to 100 chars."),
        ("From now on cap retries at 3.", "From now on cap retries at 5."),
        ("We use npm for packages.", "We use pnpm for packages."),
        ("We use yarn for packages.", "From now on, use npm."),
        ("We use Foo for the frontend.", "We use Bar for the frontend."),
        ("We use Redis for caching.", "We use Memcached for caching."),
        ("We use redis for caching", "we use memcached for caching"),
        ("For caching we use Redis.", "We use Memcached for caching."),
        ("We use Redis for caching.", "From now on, use Valkey for caching."),
        ("We use Redis for caching.", "We don't use Redis for caching anymore."),
        ("We use Jira for tickets.", "We use Linear for tickets."),
        ("Wir nutzen Jira für Tickets.", "Wir verwenden Linear für Tickets."),
    ],
    OVERTAKEN: [
        (
            "Always use the @cached decorator on functions.",
            "Always use the @traced decorator on functions.",
        ),
        ("Always write tests.", "Always write tests before code."),
        ("Always use async endpoints.", "Always use GraphQL."),
        ("Always use hooks in React.", "Always use Tailwind in React."),
        ("Always use snake_case for variables.", "Always use camelCase for variables in Java."),
        ("We use Redis for caching.", "We also use Memcached for caching."),
    ],
    BOTH_HOLD: [
        ("Always end function names with '_a'.", "Always start function names with 'b_'."),
        ("Always end function names with '_a'.", "Always end method names with '_a'."),
        ("Never push to main.", "Never force push."),
        ("Never push to main.", "Never push secrets."),
        ("Never use mocks.", "Never use fixtures."),
        ("Never use wildcard imports.", "Never use relative imports."),
        ("Always answer in German.", "Never answer with emojis."),
        ("Always explain your answer.", "Always answer in German."),
        ("Always use 4 spaces in Python.", "Always use 2 spaces in YAML."),
        ("Always use tabs in Go.", "Always use spaces in Python."),
        ("Always use tabs.", "Always use semicolons."),
        ("Always use single quotes.", "Always use trailing commas."),
        ("Always add type hints to functions.", "Never add type hints to lambdas."),
        ("Never use the ORM for reports.", "Always use the ORM for writes."),
        ("Always write commit messages in English.", "Always sign commits."),
        ("We use pytest for unit tests.", "We use Playwright for end-to-end tests."),
        ("We use PostgreSQL for production.", "We use SQLite for tests."),
        ("We use Docker for local development.", "We use Kubernetes for deployment."),
        ("We use Redis for caching.", "We use Redis for queues."),
        ("We use Redis for caching in production.", "We use a dict for caching in tests."),
        ("Always use uv for Python packages.", "Always use pnpm for JavaScript packages."),
        ("Always book a window seat.", "Always water the plants."),
        ("Always book a window seat.", "Always book an aisle seat."),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [(*pair, outcome) for outcome, pairs in SUCCESSIONS.items() for pair in pairs],
)
def test_a_newer_rule_replaces_only_what_cannot_hold_beside_it(old, new, outcome):
    # A sentence may lay down several rules; only those about the same meet.
    meetings = [
        (newer, older)
        for newer, older in product(recognise(new), recognise(old))
        if newer.subjects == older.subjects
    ]

    assert (any(starmap(replaces, meetings)), any(starmap(overtakes, meetings))) == outcome


def test_a_ban_and_a_wish_for_different_things_both_hold():
    older = recognise("Never use print for logging.")
    newer = recognise("Never use logging in tests.")

    assert not any(replaces(new, old) for new in newer for old in older)


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
    began = time.process_time()

    rules = recognise(text)
    subjects_of(text)

    assert time.process_time() - began < 2
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
