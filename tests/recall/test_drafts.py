"""What becomes of an exchange, and of a text that came by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recall.distill import NoDistiller
from recall.drafts import (
    ANSWERED,
    KEPT,
    LONGEST,
    Lesson,
    draft,
    forgetting,
    lesson,
)
from recall.forgetting import Forget
from recall.records import Draft, Evidence, Exchange, Kind, Role

KEY = "sk-ant-api03-Zr8Tq2Lw5Xn7Bv4Kc1Jd9Hf6Gs3Pm0Ya8Ue5Io2Wq7Et4Ry1Tu6"
FACT = "Our cache keeps one lock per file, and the second machine never sees it."


def exchange(question: str = "", answer: str = "", **fields: object) -> Exchange:
    made = Exchange(id="e1", project="/p", question=question, answer=answer, started=1_000.0)
    return replace(made, **fields)  # type: ignore[arg-type]


def told(taught: Lesson) -> list[tuple[Kind, Role, str]]:
    return [(d.kind, d.role, d.text) for d in taught.project]


def test_statements_and_the_answer_become_passages_with_their_evidence() -> None:
    answer = "The lock moved to the database, so both machines see it now."
    taught = lesson(exchange(FACT, answer, session="s"))
    assert told(taught) == [
        (Kind.PASSAGE, Role.USER, FACT),
        (Kind.PASSAGE, Role.ASSISTANT, answer),
    ]
    assert [d.evidence for d in taught.project] == [
        (Evidence(Role.USER, FACT, "e1"),),
        (Evidence(Role.ASSISTANT, answer, "e1"),),
    ]
    assert all(d.created == 1_000.0 and d.session == "s" for d in taught.project)


def test_requests_and_rules_are_memories_of_their_own() -> None:
    taught = lesson(
        exchange(
            f"{FACT} From now on, always use uv instead of pip."
            " Remember that Ann reviews the schema."
        )
    )
    assert told(taught) == [
        (Kind.RULE, Role.USER, "From now on, always use uv instead of pip."),
        (Kind.NOTE, Role.USER, "Ann reviews the schema."),
        (Kind.PASSAGE, Role.USER, FACT),
    ]
    rule, note, _ = taught.project
    assert rule.rules
    assert note.evidence[0].passage == "Remember that Ann reviews the schema."


def test_a_rule_is_recognised_across_a_broken_line() -> None:
    taught = lesson(
        exchange("I\u2019d like you to always use uv\ninstead of pip for our packages.")
    )
    assert [d.kind for d in taught.project] == [Kind.RULE]
    assert (
        taught.project[0].text
        == "I\u2019d like you to always use uv\ninstead of pip for our packages."
    )


def test_what_is_for_all_projects_belongs_to_the_user() -> None:
    taught = lesson(
        exchange(
            "For all my projects, never write comments in German. Remember that I sit in Oslo."
        )
    )
    assert [d.text for d in taught.user] == ["For all my projects, never write comments in German."]
    assert [d.text for d in taught.project] == ["I sit in Oslo."]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("We decided to keep the lock in the database.", Kind.DECISION),
        ("I prefer short answers to long ones.", Kind.PREFERENCE),
    ],
)
def test_a_passage_takes_the_kind_of_what_it_tells(said: str, kind: Kind) -> None:
    assert draft(said, role=Role.USER, kind=kind) is not None
    assert lesson(exchange(said)).project[0].kind in (kind, Kind.RULE)
    assert lesson(exchange(answer=said)).project[0].kind is Kind.PASSAGE


def test_an_assistant_lays_down_no_rules() -> None:
    taught = lesson(exchange(answer="Always use uv instead of pip. Remember that Ann reviews it."))
    assert [(d.kind, d.rules) for d in taught.project] == [(Kind.PASSAGE, ())]


@pytest.mark.parametrize("outcome", ["aborted", "failed"])
def test_half_an_answer_is_not_learned(outcome: str) -> None:
    taught = lesson(exchange(FACT, "It is because of the lo", outcome=outcome))
    assert [d.role for d in taught.project] == [Role.USER]


@pytest.mark.parametrize(
    "question",
    ["How does the lock work?", "Can you fix the tests?", "ok, and what is this?", "continue"],
)
def test_a_mere_question_states_nothing(question: str) -> None:
    assert lesson(exchange(question)).project == ()


def test_a_question_that_tells_something_is_kept() -> None:
    assert lesson(exchange("We moved to Oslo in May, can you adapt the clock?")).project


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("Could you keep a record that prod is eu-west-1?", True),
        ("Can you note that down: port 8443 is for staging?", True),
        ("Can you explain that function?", False),
        ("Could you check that the tests pass?", False),
        ("Can you note down the steps?", False),
    ],
)
def test_a_question_that_hands_something_over_is_more_than_a_question(
    question: str, kept: bool
) -> None:
    assert bool(lesson(exchange(question)).project) is kept


def test_nothing_is_made_of_secrets() -> None:
    taught = lesson(
        exchange(
            f"{FACT} The key is {KEY}. <private>My salary is 5.</private>",
            f"I stored {KEY} in the settings of the worker.",
        )
    )
    assert KEY not in repr(taught)
    assert "salary" not in repr(taught)
    assert sum(taught.redactions.values()) >= 3
    assert lesson(exchange(KEY)).project == ()


def test_what_is_to_be_forgotten_is_in_nothing_that_is_stored() -> None:
    taught = lesson(
        exchange(
            f"{FACT} Forget that I live in Lyon.",
            "Done: I no longer know that you live in Lyon.\n\nThe lock is in the database.",
        )
    )
    assert [wish.about for wish in taught.forget] == ["I live in Lyon"]
    assert "Lyon" not in repr(taught.exchange)
    assert "Lyon" not in repr(taught.project)
    assert FACT in taught.exchange.question
    assert "The lock is in the database." in [d.text for d in taught.project]


def test_what_is_true_instead_may_be_said_in_the_same_words() -> None:
    taught = lesson(
        exchange(
            "Forget that I live in Lyon. I live in Oslo now, no longer in Lyon."
            " Remember that I live where Lyon was."
        )
    )
    assert [d.text for d in taught.project] == [
        "I live where Lyon was.",
        "I live in Oslo now, no longer in Lyon.",
    ]


def test_a_later_wish_to_forget_takes_it_out_of_an_earlier_lesson() -> None:
    taught = lesson(exchange(f"{FACT}\n\n{'We live in Lyon. ' * 30}", "Lyon? You live there!"))
    after = forgetting(taught, [Forget("we live in Lyon", ())])
    assert "Lyon" not in after.exchange.question
    assert [d.text for d in after.project if "live" in d.text and d.role is Role.USER] == []


def test_of_a_long_answer_beginning_end_and_outcomes_are_kept() -> None:
    paragraphs = [f"{n}. The worker number {n} reads its own file. " * 9 for n in range(40)]
    paragraphs[20] = "The root cause was the lock of the worker in question. " * 8
    taught = lesson(exchange(answer="\n\n".join(paragraphs)))
    texts = [d.text for d in taught.project]
    assert len(texts) == ANSWERED
    assert texts[0].startswith("0. The worker number 0")
    assert any("root cause" in text for text in texts)
    assert "number 39" in texts[-1]


def test_huge_texts_are_clipped() -> None:
    taught = lesson(exchange("word " * 2_000_000, "x" * 10_000_000))
    assert len(taught.exchange.question) <= KEPT + 10
    assert len(taught.exchange.answer) <= KEPT + 10
    made = draft(FACT * 200_000, role=Role.USER)
    assert made is not None
    assert len(made.text) <= LONGEST + 10


LOREM = "lorem ipsum dolor. "
SECRET = "SECRETXYZ is our plan."
PRIVATE = {
    "nested": ("<private> x <private> ", f" y </private> {SECRET} </private>"),
    "entities": ("&lt;private&gt; ", f"{SECRET} &lt;/private&gt;"),
    "json": ("\\u003cprivate\\u003e ", f"{SECRET} \\u003c/private\\u003e"),
    "upper case": ("<PRIVATE> ", f"{SECRET} </PRIVATE>"),
    "never closed": ("<private> ", f"{SECRET} and so on"),
    "closed and opened": ("<private> x </private> <private> ", f"{SECRET} </private>"),
}


@pytest.mark.parametrize(("opening", "closing"), PRIVATE.values(), ids=PRIVATE)
@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [(0, 0, 0), (10_000, 8_000, 0), (10_000, 0, 8_000), (0, 30_000, 0), (8_000, 8_000, 8_000)],
)
def test_nothing_private_of_a_long_text_is_stored(
    opening: str, closing: str, before: int, inside: int, after: int
) -> None:
    text = f"hi. {LOREM * before}{opening}{LOREM * inside}{closing} {LOREM * after}"

    assert "SECRETXYZ" not in repr(lesson(exchange(text, text)))
    assert "SECRETXYZ" not in repr(draft(text, role=Role.USER))


@given(
    st.lists(
        st.one_of(
            st.integers(0, 8_000).map(LOREM.__mul__),
            st.tuples(st.sampled_from([*PRIVATE.values()]), st.integers(0, 8_000)).map(
                lambda row: f"{row[0][0]}{LOREM * row[1]}{row[0][1]}"
            ),
            st.text(max_size=20),
        ),
        max_size=5,
    ).map("".join)
)
@settings(max_examples=30)
def test_nothing_private_is_stored_whatever_surrounds_it(text: str) -> None:
    assert "SECRETXYZ" not in repr(lesson(exchange(answer=text)).exchange)
    assert "SECRETXYZ" not in repr(draft(text, role=Role.ASSISTANT))


def test_a_private_key_in_the_middle_of_a_long_text_leaves_no_line() -> None:
    line = "MIIEpAIBAAKCAQEA7bq3Zr8Tq2Lw5Xn7Bv4Kc1Jd9Hf6Gs3Pm0Ya8Ue5Io2Wq7Et4"
    dashes = "-" * 5
    key = "\n".join(
        (
            f"{dashes}BEGIN RSA PRIVATE KEY{dashes}",
            *[line] * 20_000,
            f"{dashes}END RSA PRIVATE KEY{dashes}",
        )
    )
    taught = lesson(exchange(f"{LOREM * 100}\n{key}\n{LOREM * 20_000}"))

    assert line not in repr(taught)
    assert taught.redactions == {"private key": 1}


def test_what_was_private_is_counted_also_where_it_was_cut_out() -> None:
    text = f"{LOREM * 20_000} <private>my salary</private> {LOREM * 20_000}"

    assert lesson(exchange(text)).redactions == {"private": 1}


def test_a_text_by_hand_is_one_memory() -> None:
    made = draft(
        f"Always use uv instead of pip. My key: {KEY}",
        role=Role.USER,
        speaker="Ann",
        session="s",
        created=5.0,
        id="m1",
        evidence=[Evidence(Role.USER, f"the key {KEY}")],
    )
    assert made is not None
    assert KEY not in repr(made)
    assert (made.kind, made.speaker, made.session, made.created, made.id) == (
        Kind.RULE,
        "Ann",
        "s",
        5.0,
        "m1",
    )
    assert made.rules


@pytest.mark.parametrize("text", ["", "  \n", "...", KEY, "<private>all of it</private>"])
def test_a_text_that_says_nothing_is_no_memory(text: str) -> None:
    assert draft(text, role=Role.USER) is None


def test_a_given_kind_is_kept() -> None:
    made = draft("Always use uv.", role=Role.USER, kind=Kind.NOTE)
    assert made is not None
    assert (made.kind, made.rules) == (Kind.NOTE, ())


def test_by_default_nothing_is_distilled() -> None:
    drafts = [Draft(text=FACT)]
    assert NoDistiller().distill(exchange(), drafts) is drafts


ODD = st.lists(
    st.one_of(
        st.sampled_from(
            [
                FACT,
                f" {KEY} ",
                "remember that ",
                "Forget that I live in Lyon.",
                "Always use tabs in our functions.",
                "<private>",
                "\ud800",
                "\x00\x1b",
                "```",
                "\n\n",
                "- ",
                "“Never do this”",
            ]
        ),
        st.text(max_size=50),
    ),
    max_size=10,
).map("".join)


@given(ODD, ODD)
def test_any_exchange_can_be_learned(question: str, answer: str) -> None:
    taught = lesson(exchange(question, answer))
    assert KEY not in repr(taught)
    texts = [(d.role, d.text) for d in taught.project]
    assert len(texts) == len(set(texts))
    for made in (*taught.project, *taught.user):
        assert made.text.strip()
        made.text.encode()
        assert made.evidence[0].exchange == "e1"
    taught.exchange.question.encode()


@given(ODD)
def test_any_text_can_be_drafted(text: str) -> None:
    made = draft(text, role=Role.USER)
    if made:
        assert KEY not in made.text
        made.text.encode()
