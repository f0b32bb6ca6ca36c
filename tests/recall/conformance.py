"""What every store of memories promises, as sentences that any store can be run through.

Make a subclass whose `open_store` fixture gives an empty store for a scope at every call:

    class TestMyStore(Conformance):
        @pytest.fixture
        def open_store(self, tmp_path: Path) -> Iterator[OpenStore]: ...

Only `recall.store.Store` is used, so a store that passes can stand in the embedded one's place.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recall import drafts
from recall.lines import Line, memory_line
from recall.records import (
    Added,
    Draft,
    Evidence,
    Exchange,
    Findings,
    Hit,
    Kind,
    Memory,
    Role,
    Scope,
)
from recall.sentences import storable
from recall.store import Store

PROJECT = Scope("/projects/garden")
OTHER = Scope("/projects/cellar")
LONG_ENOUGH = 60.0  # seconds; only a test that fails waits so long

type OpenStore = Callable[[Scope], Store]

quick = settings(
    max_examples=12,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

SPOKEN = {
    "Chinese": ("我们的数据库每天凌晨三点备份。", "数据库什么时候备份？"),
    "Japanese": ("会議室の鍵は受付の引き出しにあります。", "会議室の鍵はどこですか。"),
    "Arabic": ("مفتاح الخادم موجود في الدرج الأزرق.", "أين مفتاح الخادم؟"),
    "German": ("Die Prüfungen laufen nachts auf dem Gerät im Keller.", "Wo laufen die Prüfungen?"),
    "Korean": ("배포 서버는 매주 금요일에 다시 시작한다.", "배포 서버는 언제 시작하나요?"),
    "Russian": ("Резервные копии лежат в подвале.", "Где лежат резервные копии?"),
}

STRANGE = {
    "half a surrogate pair": "The lighthouse \ud83d keeper is called Ines.",
    "a NUL": "The lighthouse\0keeper is called Ines.",
    "control characters": "The \x01lighthouse\x1b[31m keeper\x7f is called Ines.\x85\u2028",
    "emoji": "The lighthouse keeper 👩🏽‍🚀🏳️‍🌈 is called Ines 🎉.",
    "no spaces at all": "lighthouse" * 3_000,
    "marks in both directions": "The lighthouse \u202eyeek\u202c keeper is called Ines.",
}

SENSELESS: dict[str, Any] = {
    "nothing": None,
    "a number": 5,
    "a list": [],
    "an empty object": {},
    "a type that nobody knows": {"type": "dream"},
    "a type that is no text": {"type": ["memory"]},
    "a store of another format": {"type": "store", "format": 999, "scope": None},
    "a memory without a text": {"type": "memory", "id": "a"},
    "a memory without an id": {"type": "memory", "id": "", "text": "Said by nobody."},
    "a kind that nobody knows": {"type": "memory", "id": "a", "text": "b", "kind": "dream"},
    "a role that nobody knows": {"type": "memory", "id": "a", "text": "b", "role": "ghost"},
    "a place that is no number": {"type": "memory", "id": "a", "text": "b", "position": "x"},
    "a number too large": {"type": "memory", "id": "a", "text": "b", "times_used": 1 << 70},
    "a time too large": {"type": "memory", "id": "a", "text": "b", "created": 10**400},
    "a time without an end": {"type": "memory", "id": "a", "text": "b", "created": float("inf")},
    "rules that are no list": {"type": "memory", "id": "a", "text": "b", "rules": {}},
    "evidence without a passage": {"type": "memory", "id": "a", "text": "b", "evidence": [{}]},
    "an exchange without a question": {"type": "exchange", "id": "e", "answer": "b"},
    "an exchange of no outcome": {
        "type": "exchange",
        "id": "e",
        "question": "a",
        "answer": "b",
        "outcome": "maybe",
    },
}


def say(text: str, **more: Any) -> Draft:
    """What the user says, as recall.drafts makes a draft of it."""
    made = drafts.draft(text, role=more.pop("role", Role.USER), **more)
    assert made is not None
    return made


def said_in(exchange: str, text: str, **more: Any) -> Draft:
    return Draft(text=text, evidence=(Evidence(Role.USER, text, exchange),), **more)


def exchange(name: str, question: str, answer: str = "", scope: Scope = PROJECT) -> Exchange:
    return Exchange(
        id=name, project=scope.project, question=question, answer=answer, session="s", started=1e9
    )


def hits(store: Store, question: str, **more: Any) -> tuple[Hit, ...]:
    return store.search(question, seconds=LONG_ENOUGH, **more).hits


def found(store: Store, question: str, **more: Any) -> list[str]:
    return [hit.memory.text for hit in hits(store, question, **more)]


def texts(store: Store, **more: Any) -> list[str]:
    more = {"newest_first": False, "limit": 1_000} | more
    return [memory.text for memory in store.list(**more)]


def kept(store: Store, memory_id: str) -> Memory:
    memory = store.get(memory_id)
    assert memory is not None
    return memory


def add(store: Store, *said: Draft | str) -> list[Added]:
    return store.add([Draft(text=one) if isinstance(one, str) else one for one in said])


def exported(store: Store) -> list[Line]:
    return list(store.export())


def through_json(lines: Iterable[Line]) -> list[Line]:
    """As they come back from a file: nothing but JSON, nothing that UTF-8 cannot hold."""
    written = [json.dumps(line, ensure_ascii=False, allow_nan=False).encode() for line in lines]
    return [json.loads(line) for line in written]


def in_order(lines: Iterable[Line]) -> list[str]:
    """For comparing exports: where nobody promises an order, none is compared."""
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


def everything(store: Store, questions: Sequence[str] = ()) -> str:
    """All that any read gives back."""
    memories = store.list(limit=10_000)
    read = [repr(exported(store)), repr(memories), *(repr(store.get(m.id)) for m in memories)]
    read += [repr(store.search(question, seconds=LONG_ENOUGH)) for question in questions]
    return "\n".join(read)


class Essentials:
    """The sentences that everything else rests on; quick enough for a store with a model."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        raise NotImplementedError("gives an empty store for a scope at every call")

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Store:
        return open_store(PROJECT)

    def test_what_is_added_is_found(self, store: Store) -> None:
        [added] = add(store, "The spare key hangs behind the boiler.")

        assert added.how == "new"
        assert store.count() == 1
        [hit] = hits(store, "Where does the spare key hang?")
        assert hit.memory.id == added.id
        assert hit.memory.text == "The spare key hangs behind the boiler."
        assert hit.memory.scope == store.scope == PROJECT
        assert hit.relevant

    def test_what_fits_best_comes_first(self, store: Store) -> None:
        add(
            store,
            "The invoices are printed every Thursday afternoon.",
            "The spare key hangs behind the boiler.",
            "Our parrot speaks a little Portuguese.",
        )

        assert found(store, "Where does the spare key hang?")[0].startswith("The spare key")
        assert found(store, "Which language does the parrot speak?")[0].startswith("Our parrot")
        scores = [hit.score for hit in hits(store, "When are the invoices printed?")]
        assert scores == sorted(scores, reverse=True)

    @pytest.mark.parametrize("language", SPOKEN)
    def test_words_of_many_languages_are_found(self, store: Store, language: str) -> None:
        text, question = SPOKEN[language]
        add(store, "The invoices are printed every Thursday.", *(t for t, _ in SPOKEN.values()))

        assert found(store, question)[0] == text

    def test_a_newer_rule_comes_before_the_one_it_replaces(self, store: Store) -> None:
        [old] = add(store, say("Always start function names with x_."))
        [new] = add(store, say("Always start function names with y_."))

        ranked = [hit.memory.id for hit in hits(store, "Write a function that adds numbers.")]
        assert ranked.index(new.id) < ranked.index(old.id)
        ranked = [hit.memory.id for hit in hits(store, "Always start function names with x_.")]
        assert ranked.index(new.id) < ranked.index(old.id)
        assert kept(store, old.id).successor == new.id
        assert kept(store, new.id).successor is None

    def test_what_was_found_before_is_told_as_it_is_now(self, store: Store) -> None:
        question = "Write a function that adds numbers."
        [old] = add(store, say("Always start function names with x_."))
        assert [hit.memory.successor for hit in hits(store, question)] == [None]

        [new] = add(store, say("Always start function names with y_."))

        told = {hit.memory.id: hit.memory.successor for hit in hits(store, question)}
        assert told == {old.id: new.id, new.id: None}

    def test_an_edited_memory_is_found_by_its_new_words_only(self, store: Store) -> None:
        add(store, "The invoices are printed every Thursday afternoon.")
        [added] = add(store, "The spare key hangs behind the boiler.")
        hits(store, "key")

        changed = store.edit(added.id, Draft(text="Our parrot speaks Portuguese.", kind=Kind.NOTE))

        assert changed is not None
        assert (changed.id, changed.text, changed.kind) == (
            added.id,
            "Our parrot speaks Portuguese.",
            Kind.NOTE,
        )
        assert store.count() == 2
        [best, *_] = hits(store, "Which language does the parrot speak?")
        assert (best.memory.id, best.relevant) == (added.id, True)
        assert not hits(store, "spare key behind the boiler", relevant_only=True)

    def test_what_was_forgotten_is_neither_found_nor_learned_again(self, store: Store) -> None:
        [gone, _] = add(store, "The vault opens with marmalade.", "Our parrot speaks Portuguese.")
        hits(store, "vault")

        assert store.forget([gone.id]) == 1

        assert store.get(gone.id) is None
        assert store.count() == 1
        assert "marmalade" not in everything(store, ["What does the vault open with?"])
        [again] = add(store, "The vault opens with marmalade.")
        assert (again.how, store.count()) == ("forgotten", 1)
        assert "marmalade" not in everything(store, ["What does the vault open with?"])

    def test_an_export_makes_the_same_store_again(self, open_store: OpenStore) -> None:
        one, two = open_store(PROJECT), open_store(PROJECT)
        furnish(one)

        new = two.import_lines(through_json(one.export()))

        assert new == one.count()
        assert in_order(exported(two)) == in_order(exported(one))
        assert texts(two) == texts(one)
        for question in QUESTIONS:
            assert ranking(two, question) == ranking(one, question)


class Conformance(Essentials):
    """Everything that the protocol promises."""

    # --- adding ----------------------------------------------------------------------------

    def test_every_draft_has_its_answer_in_its_place(self, store: Store) -> None:
        first = add(store, "One lamp is red.", "Two lamps are green.", "One lamp is red.")

        assert [one.how for one in first] == ["new", "new", "again"]
        assert first[0].id == first[2].id != first[1].id
        assert add(store) == []

    def test_the_same_thing_said_twice_is_one_memory_said_twice(self, store: Store) -> None:
        [first] = add(store, "The spare key hangs behind the boiler.")
        [again] = add(store, "  the SPARE key\n hangs behind the boiler!")

        assert (again.how, again.id) == ("again", first.id)
        assert store.count() == 1
        memory = kept(store, first.id)
        assert memory.text == "The spare key hangs behind the boiler."
        assert memory.times_said == 2

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("My favourite language is C#.", "My favourite language is C."),
            ("Private names begin with a _", "Private names begin with a"),
            ("?", "!!!"),
            ("🎉", "🎂"),
            ("The lamp costs 5 €.", "The lamp costs 5 $."),
        ],
    )
    def test_what_differs_in_more_than_dress_is_not_the_same(
        self, store: Store, one: str, other: str
    ) -> None:
        assert [added.how for added in add(store, one, other)] == ["new", "new"]
        assert texts(store) == [one, other]

    def test_an_id_that_is_taken_is_refused_and_nothing_is_stored(self, store: Store) -> None:
        add(store, Draft(text="The lamp is red.", id="lamp"))

        with pytest.raises(ValueError, match="id"):
            add(store, "It rains.", Draft(text="The lamp is blue.", id="lamp"))

        assert texts(store) == ["The lamp is red."]

    def test_the_two_sides_of_a_conversation_are_kept_apart(self, store: Store) -> None:
        said = Draft(text="The lamp is red.")
        answered = replace(said, role=Role.ASSISTANT)

        assert [one.how for one in add(store, said, answered)] == ["new", "new"]

    def test_an_exchange_offered_twice_counts_once(self, store: Store) -> None:
        offered = exchange("e1", "The lamp is red. Why?", "Because of the bulb.")
        draft = said_in("e1", "The lamp is red.")

        [first] = store.add([draft], offered)
        [again] = store.add([draft], offered)

        assert (first.how, again.how) == ("new", "again")
        memory = kept(store, first.id)
        assert memory.times_said == 1
        assert memory.evidence == draft.evidence
        assert [line["id"] for line in exported(store) if line["type"] == "exchange"] == ["e1"]

    def test_evidence_is_kept_once_for_each_exchange(self, store: Store) -> None:
        said = [said_in(name, "The lamp is red.") for name in ("e1", "e2", "e1")]
        [first] = {added.id for draft in said for added in store.add([draft])}

        memory = kept(store, first)
        assert [evidence.exchange for evidence in memory.evidence] == ["e1", "e2"]
        assert memory.times_said == 2

    def test_all_that_a_draft_says_is_kept(self, store: Store) -> None:
        draft = Draft(
            text="Ines repairs the lighthouse.",
            kind=Kind.DECISION,
            role=Role.ASSISTANT,
            speaker="Ines",
            session="monday",
            created=1.5e9,
            rules=say("Always use tabs in Python code.").rules,
            evidence=(Evidence(Role.ASSISTANT, "She said: Ines repairs the lighthouse.", "e1"),),
            id="lighthouse",
        )
        [added] = store.add([draft])

        memory = kept(store, added.id)
        assert added.id == "lighthouse"
        for name in ("text", "kind", "role", "speaker", "session", "created", "rules", "evidence"):
            assert getattr(memory, name) == getattr(draft, name), name
        assert (memory.times_said, memory.times_used, memory.last_used) == (1, 0, None)
        assert memory.learned > 1.5e9

    def test_a_memory_said_again_with_more_weight_becomes_weightier(self, store: Store) -> None:
        [added] = add(store, Draft(text="Always use tabs in Python code."))
        add(store, say("Always use tabs in Python code."))
        assert kept(store, added.id).kind is Kind.RULE
        assert kept(store, added.id).rules

        add(store, Draft(text="Always use tabs in Python code."))
        assert kept(store, added.id).kind is Kind.RULE

    def test_places_in_a_session_follow_one_another(self, store: Store) -> None:
        for text in ("The first word.", "The second word.", "The third word."):
            add(store, Draft(text=text, session="monday"))
            add(store, Draft(text=text + " Elsewhere.", session="tuesday"))

        for session in ("monday", "tuesday"):
            said = store.list(session=session, newest_first=False)
            assert len(said) == 3
            places = [memory.position for memory in said]
            assert places == sorted(set(places))

    # --- rules -----------------------------------------------------------------------------

    def test_a_rule_said_again_holds_again(self, store: Store) -> None:
        [old] = add(store, say("Always start function names with x_."))
        [new] = add(store, say("Always start function names with y_."))
        [again] = add(store, say("Always start function names with x_."))

        assert (again.how, again.id) == ("again", old.id)
        assert kept(store, old.id).successor is None
        assert kept(store, new.id).successor == old.id
        ranked = [hit.memory.id for hit in hits(store, "Write a function that adds numbers.")]
        assert ranked.index(old.id) < ranked.index(new.id)

    def test_rules_about_different_things_leave_each_other_alone(self, store: Store) -> None:
        [one, two] = add(
            store,
            say("Always start function names with x_."),
            say("Never commit without running the tests."),
        )

        assert kept(store, one.id).successor is None
        assert kept(store, two.id).successor is None

    def test_a_rule_edited_into_something_else_has_no_successor_left(self, store: Store) -> None:
        [old] = add(store, say("Always start function names with x_."))
        add(store, say("Always start function names with y_."))

        store.edit(old.id, Draft(text="Our parrot speaks Portuguese."))

        memory = kept(store, old.id)
        assert (memory.successor, memory.rules) == (None, ())

    def test_a_rule_whose_successor_was_forgotten_points_nowhere(self, store: Store) -> None:
        [old] = add(store, say("Always start function names with x_."))
        [new] = add(store, say("Always start function names with y_."))

        store.forget([new.id])

        assert kept(store, old.id).successor is None

    # --- getting ---------------------------------------------------------------------------

    def test_a_memory_is_got_by_the_beginning_of_its_id(self, store: Store) -> None:
        add(
            store,
            Draft(text="The lamp is red.", id="abcd"),
            Draft(text="The lamp is blue.", id="abef"),
            Draft(text="The lamp is pink.", id="ab"),
        )

        assert kept(store, "abcd").text == "The lamp is red."
        assert kept(store, "abc").text == "The lamp is red."
        assert kept(store, "abe").text == "The lamp is blue."
        assert kept(store, "ab").text == "The lamp is pink."  # all of it

    @pytest.mark.parametrize("wanted", ["a", "", "ax", "abcde", "%", "_", "*", "\ud800", "a\0"])
    def test_what_names_no_memory_or_several_names_none(self, store: Store, wanted: str) -> None:
        add(store, Draft(text="The lamp is red.", id="abcd"), Draft(text="It rains.", id="abef"))

        assert store.get(wanted) is None
        assert store.edit(wanted, Draft(text="The lamp is gone.")) is None
        assert store.forget([wanted]) == 0
        store.used([wanted])
        assert texts(store) == ["The lamp is red.", "It rains."]

    # --- listing ---------------------------------------------------------------------------

    def test_pages_follow_one_another(self, store: Store) -> None:
        said = [f"Lamp number {number} is red." for number in range(7)]
        add(store, *said)

        pages = [texts(store, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert [text for page in pages for text in page] == said
        assert texts(store, newest_first=True, limit=2) == [said[6], said[5]]

    def test_a_list_can_be_of_one_kind_or_of_one_session(self, store: Store) -> None:
        add(
            store,
            Draft(text="The lamp is red.", session="monday"),
            Draft(text="The lamp is blue.", session="monday", kind=Kind.NOTE),
            Draft(text="The lamp is pink.", session="tuesday", kind=Kind.NOTE),
        )

        assert texts(store, kind=Kind.NOTE) == ["The lamp is blue.", "The lamp is pink."]
        assert texts(store, session="monday") == ["The lamp is red.", "The lamp is blue."]
        assert texts(store, session="monday", kind=Kind.NOTE) == ["The lamp is blue."]
        assert texts(store, session="wednesday") == texts(store, kind=Kind.RULE) == []
        assert texts(store, session="\ud800") == []

    def test_a_list_is_in_the_order_of_learning_also_after_an_edit(self, store: Store) -> None:
        [first, *_] = add(store, "The lamp is red.", "The lamp is blue.", "The lamp is pink.")

        store.edit(first.id, Draft(text="The lamp is brown."))

        assert texts(store) == ["The lamp is brown.", "The lamp is blue.", "The lamp is pink."]

    # --- editing ---------------------------------------------------------------------------

    def test_an_edit_changes_text_and_kind_and_nothing_else(self, store: Store) -> None:
        [added] = add(store, said_in("e1", "The lamp is red.", session="monday", created=1.5e9))
        store.used([added.id])
        before = kept(store, added.id)

        after = store.edit(added.id[:10], Draft(text="The lamp is blue.", kind=Kind.NOTE))

        assert after == replace(before, text="The lamp is blue.", kind=Kind.NOTE)
        assert after == kept(store, added.id)

    def test_an_edit_to_the_text_of_another_memory_loses_neither(
        self, open_store: OpenStore
    ) -> None:
        store, copy = open_store(PROJECT), open_store(PROJECT)
        [_, two] = add(store, "The lamp is red.", "The lamp is blue.")

        store.edit(two.id, Draft(text="The lamp is red."))
        copy.import_lines(exported(store))

        assert in_order(exported(copy)) == in_order(exported(store))

    def test_the_old_text_of_an_edited_memory_can_be_learned_anew(self, store: Store) -> None:
        [added] = add(store, "The lamp is red.")
        store.edit(added.id, Draft(text="The lamp is blue."))

        assert [one.how for one in add(store, "The lamp is blue.", "The lamp is red.")] == [
            "again",
            "new",
        ]

    # --- forgetting ------------------------------------------------------------------------

    def test_forgetting_counts_what_there_was(self, store: Store) -> None:
        [one, two, _] = add(store, "The lamp is red.", "The lamp is blue.", "The lamp is pink.")

        assert store.forget([]) == 0
        assert store.forget([one.id, one.id, two.id[:12], "nobody"]) == 2
        assert texts(store) == ["The lamp is pink."]

    def test_a_forgotten_sentence_is_cut_out_of_longer_texts(self, store: Store) -> None:
        [gone] = add(store, "The vault opens with marmalade.")
        store.forget([gone.id])

        [added] = store.add(
            [said_in("e2", "It rains today.  THE VAULT opens with marmalade! The cat sleeps.")]
        )

        assert added.how == "new"
        assert "rains" in kept(store, added.id).text
        assert "cat sleeps" in kept(store, added.id).text
        assert "marmalade" not in everything(store, ["vault marmalade"])

    @pytest.mark.parametrize(
        "dressed",
        [
            "{} It rains today.",
            "It rains today. {}",
            "**{}** It rains today.",
            "_{}_ It rains today.",
            "`{}` It rains today.",
            "It rains today.\r\n> {}\r\n",
            "- {}\n- It rains today.\n",
            "1. {}\n2. It rains today.\n",
            "### {}\n\nIt rains today.",
            "“{}” It rains today.",
            "({}) It rains today.",
        ],
    )
    def test_a_forgotten_sentence_is_known_in_every_dress(self, store: Store, dressed: str) -> None:
        [gone] = add(store, "The vault opens with marmalade.")
        store.forget([gone.id])

        [added] = add(store, dressed.format("The vault opens with marmalade."))

        assert added.how == "new"
        assert "marmalade" not in everything(store, ["vault marmalade"])
        assert "It rains today" in kept(store, added.id).text

    def test_a_forgotten_sentence_is_known_across_a_broken_line(self, store: Store) -> None:
        [gone] = add(store, "The vault behind the kitchen door opens with marmalade.")
        store.forget([gone.id])

        add(store, "The vault behind\nthe kitchen door opens\n  with marmalade. It rains today.")

        assert "marmalade" not in everything(store)
        assert "It rains today" in everything(store)

    def test_a_forgotten_sentence_is_cut_out_of_exchanges(self, store: Store) -> None:
        text = "The vault opens with marmalade."
        [gone] = store.add([said_in("e1", text)], exchange("e1", f"It rains. {text}", "Noted."))
        store.forget([gone.id])
        assert "marmalade" not in everything(store)

        store.add([], exchange("e2", f"Once more: it snows.\n{text}", f"Well. {text} Indeed."))

        assert "marmalade" not in everything(store)
        assert "it snows" in everything(store)
        assert "Indeed" in everything(store)

    def test_a_forgotten_rule_is_not_laid_down_again(self, store: Store) -> None:
        [gone] = add(store, say("Always start function names with x_."))
        store.forget([gone.id])

        add(store, say("Always start function names with x_. Never use tabs in Python code."))

        assert "x_" not in everything(store, ["Write a function that adds numbers."])

    @pytest.mark.parametrize(
        ("text", "rest"),
        [
            ("我住在奥斯陆。我喜欢猫。", "今天天气很好，我们去公园走走吧。"),
            ("鍵は箱の中。箱は棚の上。", "明日は雨が降るそうです。"),
            ("My pin is 7. I am Ann.", "The weather is going to be fine."),
        ],
    )
    def test_short_sentences_that_were_forgotten_stay_forgotten_together(
        self, store: Store, text: str, rest: str
    ) -> None:
        [gone] = add(store, text)
        store.forget([gone.id])

        add(store, f"{text} {rest}")

        assert text not in everything(store)
        assert rest in everything(store)

    def test_short_words_that_say_nothing_are_not_cut_from_everything(self, store: Store) -> None:
        [gone] = add(store, "Yes. The vault opens with marmalade. Thanks.")
        store.forget([gone.id])

        [added] = add(store, "Yes. The cat sleeps in the cellar. Thanks.")

        assert kept(store, added.id).text == "Yes. The cat sleeps in the cellar. Thanks."

    def test_what_was_forgotten_here_does_not_come_back_by_an_import(
        self, open_store: OpenStore
    ) -> None:
        store, elsewhere = open_store(PROJECT), open_store(PROJECT)
        text = "The vault opens with marmalade."
        [gone] = add(store, text)
        store.forget([gone.id])
        elsewhere.add([said_in("e1", text)], exchange("e1", f"It rains. {text}", text))
        quoting = Evidence(Role.USER, f"It rains. {text}", "e1")
        add(
            elsewhere,
            Draft(text="It rains in the garden.", evidence=(quoting,)),
            say(f"Never use tabs in Python code. {text}"),
        )

        store.import_lines(exported(elsewhere))

        assert "marmalade" not in everything(store, ["vault marmalade"])
        assert "It rains in the garden." in texts(store)

    def test_what_was_forgotten_stays_forgotten_in_a_copy(self, open_store: OpenStore) -> None:
        store, copy = open_store(PROJECT), open_store(PROJECT)
        [gone] = add(store, "The vault opens with marmalade.")
        store.forget([gone.id])
        lines = exported(store)
        assert "marmalade" not in repr(lines)

        copy.import_lines(lines)

        assert [one.how for one in add(copy, "The vault opens with marmalade.")] == ["forgotten"]

    def test_forgotten_sentences_never_come_back(self, open_store: OpenStore) -> None:
        sentences = (
            "The vault opens with marmalade.",
            "Our parrot speaks Portuguese!",
            "金庫の番号は三七二一です。",
            "Der Schlüssel hängt hinter dem Ofen.",
            "Why is the lighthouse painted green?",
        )
        dresses: tuple[Callable[[str], str], ...] = (
            str,
            str.upper,
            lambda text: f"  {text}",
            lambda text: f"**{text}**",
            lambda text: text.replace(" ", "  "),
        )
        saying = st.lists(
            st.tuples(st.sampled_from(sentences), st.sampled_from(dresses)), min_size=1, max_size=4
        )
        joined = st.sampled_from((" ", "\n", "\n\n"))
        act = st.one_of(
            st.tuples(st.just("add"), saying, joined),
            st.tuples(st.just("exchange"), saying, joined),
            st.tuples(st.just("forget"), st.sampled_from(sentences), joined),
            st.tuples(st.just("copy"), st.none(), joined),
        )

        @quick
        @given(st.lists(act, min_size=2, max_size=8))
        def come_back(acts: Any) -> None:
            store = open_store(PROJECT)
            gone: set[str] = set()
            for number, (verb, what, space) in enumerate(acts):
                if verb == "forget":
                    meant, said = all_with(store, {what})
                    if meant:
                        store.forget(meant)
                        gone |= said
                elif verb == "copy":
                    copy = open_store(PROJECT)
                    copy.import_lines(through_json(store.export()))
                    store = copy
                else:
                    text = space.join(dress(sentence) for sentence, dress in what)
                    name = f"e{number}"
                    offered = exchange(name, text, text) if verb == "exchange" else None
                    store.add([said_in(name, text)], offered)
                back = [s for s in gone if squeezed(s) in squeezed(everything(store, [s]))]
                assert not back

        def all_with(store: Store, said: set[str]) -> tuple[list[str], set[str]]:
            """The memories that hold any of these sentences, or one that goes with them."""
            held = {memory.id: squeezed(memory.text) for memory in store.list(limit=100)}
            while True:
                meant = [i for i, text in held.items() if any(squeezed(s) in text for s in said)]
                more = {s for s in sentences for i in meant if squeezed(s) in held[i]}
                if more <= said:
                    return meant, said
                said = said | more

        def squeezed(text: str) -> str:
            return "".join(text.replace("\\n", " ").upper().split())

        come_back()

    # --- using -----------------------------------------------------------------------------

    def test_use_is_counted(self, store: Store) -> None:
        [one, two] = add(store, "The lamp is red.", "The lamp is blue.")

        store.used([one.id, "nobody"])
        store.used([one.id])
        store.used([])

        assert kept(store, one.id).times_used == 2
        last = kept(store, one.id).last_used
        assert last is not None
        assert last >= kept(store, one.id).learned
        assert (kept(store, two.id).times_used, kept(store, two.id).last_used) == (0, None)

    # --- searching -------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "question", ["", " \n\t", "?", "\0", "\ud800", "\u200b", "…", "the of"]
    )
    def test_a_question_that_asks_for_nothing_is_answered_with_nothing_relevant(
        self, store: Store, question: str
    ) -> None:
        assert hits(store, question) == ()
        add(store, "The lamp is red.", "Our parrot speaks Portuguese.")

        assert hits(store, question, relevant_only=True) == ()

    def test_a_search_gives_no_more_than_asked_for(self, store: Store) -> None:
        add(store, *(f"Lamp number {number} is red." for number in range(9)))

        assert len(hits(store, "Which lamp is red?")) == 9
        assert len(hits(store, "Which lamp is red?", limit=4)) == 4
        assert hits(store, "Which lamp is red?", limit=4) == hits(store, "Which lamp is red?")[:4]

    def test_what_a_search_gives_is_what_the_store_holds(self, store: Store) -> None:
        [added] = add(store, said_in("e1", "The lamp is red.", speaker="Ines", session="monday"))
        memory = kept(store, added.id)

        [hit] = hits(store, "Which colour is the lamp?")

        assert replace(hit.memory, evidence=(), rules=()) == replace(memory, evidence=(), rules=())

    def test_only_relevant_memories_are_those_that_are_marked_so(self, store: Store) -> None:
        add(store, "The lamp is red.", "Our parrot speaks Portuguese.", "It rains in November.")
        question = "Which language does the parrot speak?"

        assert hits(store, question, relevant_only=True) == tuple(
            hit for hit in hits(store, question) if hit.relevant
        )

    def test_a_search_without_time_says_so_or_answers(self, store: Store) -> None:
        add(store, "The lamp is red.")

        hurried = store.search("lamp", seconds=0.0)
        assert hurried != Findings()
        assert found(store, "lamp") == ["The lamp is red."]

    # --- strange texts ---------------------------------------------------------------------

    @pytest.mark.parametrize("strange", STRANGE)
    def test_strange_texts_are_kept_found_and_moved(
        self, open_store: OpenStore, strange: str
    ) -> None:
        store, copy = open_store(PROJECT), open_store(PROJECT)
        text = STRANGE[strange]
        [added] = store.add(
            [
                Draft(
                    text=text,
                    speaker=text,
                    session=text,
                    evidence=(Evidence(Role.USER, text, text),),
                )
            ],
            exchange(text, text, text),
        )

        memory = kept(store, added.id)
        assert memory.text == memory.speaker == memory.session == storable(text)
        assert memory.evidence[0].passage == storable(text)
        assert texts(store, session=text) == [storable(text)]
        assert hits(store, text)
        copy.import_lines(through_json(store.export()))
        assert in_order(exported(copy)) == in_order(exported(store))
        assert store.forget([added.id]) == 1
        assert [one.how for one in store.add([Draft(text=text)])] == ["forgotten"]

    def test_a_strange_id_is_as_good_as_any(self, store: Store) -> None:
        [added] = add(store, Draft(text="The lamp is red.", id="a\ud800b"))

        assert kept(store, added.id).text == "The lamp is red."
        assert kept(store, "a\ud800b").text == "The lamp is red."
        assert store.forget(["a\ud800b"]) == 1

    def test_ten_megabytes_are_a_memory_like_any_other(self, store: Store) -> None:
        line = (
            "All lamps burn, said Ines, "
            + "who went up the lighthouse again, " * 99
            + "and slept. "
        )
        text = (line * (10_000_000 // len(line))).strip()
        [added] = add(store, text)

        assert kept(store, added.id).text == text
        [hit] = hits(store, "Do the lamps burn, Ines?")
        assert hit.memory.id == added.id
        assert store.forget([added.id]) == 1
        assert [one.how for one in add(store, text)] == ["forgotten"]

    @pytest.mark.parametrize(
        "created", [0.0, -1.0, -1e300, 1e12, 1e300, float("inf"), float("-inf"), float("nan")]
    )
    def test_a_time_that_no_calendar_has_harms_nothing(
        self, open_store: OpenStore, created: float
    ) -> None:
        store, copy = open_store(PROJECT), open_store(PROJECT)
        offered = replace(exchange("e1", "Hm?", "Hm."), started=created, ended=created)
        store.add([Draft(text="The lamp is red.", created=created)], offered)
        add(store, Draft(text="The lamp is blue.", created=1.5e9), "The lamp is pink.")

        assert sorted(found(store, "Which colour is the lamp?")) == sorted(texts(store))
        copy.import_lines(through_json(store.export()))
        assert in_order(exported(copy)) == in_order(exported(store))

    def test_any_text_comes_back_as_it_was_and_survives_json(self, open_store: OpenStore) -> None:
        @quick
        @given(st.lists(st.text(st.characters(), min_size=1), min_size=1, max_size=4))
        def come_back(said: list[str]) -> None:
            store, copy = open_store(PROJECT), open_store(PROJECT)
            ids: dict[str, str] = {}
            for text in said:
                [added] = store.add([Draft(text=text, speaker=text, session=text)])
                assert added.how in ("new", "again")
                ids.setdefault(added.id, text)
            for memory_id, text in ids.items():
                assert kept(store, memory_id).text == storable(text)
            lines = through_json(store.export())
            assert [kept_line["text"] for kept_line in lines if kept_line["type"] == "memory"] == [
                storable(text) for text in ids.values()
            ]
            copy.import_lines(lines)
            assert copy.count() == len(ids)
            for text in said:
                assert len(hits(store, text)) <= len(ids)

        come_back()

    # --- moving ----------------------------------------------------------------------------

    def test_an_export_begins_with_the_store_and_holds_whole_memories(self, store: Store) -> None:
        furnish(store)

        first, *others = exported(store)

        assert (first["type"], first["format"]) == ("store", 1)
        memories = [memory_line(kept(store, m.id)) for m in store.list(newest_first=False)]
        assert in_order(line for line in others if line["type"] == "memory") == in_order(memories)

    def test_importing_twice_changes_nothing(self, open_store: OpenStore) -> None:
        one, two = open_store(PROJECT), open_store(PROJECT)
        furnish(one)
        lines = through_json(one.export())
        two.import_lines(lines)
        before = exported(two)

        assert two.import_lines(lines) == 0
        assert exported(two) == before
        assert one.import_lines(lines) == 0
        assert in_order(exported(one)) == in_order(before)

    def test_an_import_leaves_what_is_known_as_it_is(self, open_store: OpenStore) -> None:
        one, two = open_store(PROJECT), open_store(PROJECT)
        add(one, Draft(text="The lamp is red.", id="lamp"), "Our parrot speaks Portuguese.")
        add(two, Draft(text="The lamp is blue.", id="lamp"))
        add(two, Draft(text="our parrot speaks portuguese", id="parrot"))

        assert two.import_lines(exported(one)) == 0
        assert texts(two) == ["The lamp is blue.", "our parrot speaks portuguese"]

    def test_a_copy_goes_on_where_the_first_one_was(self, open_store: OpenStore) -> None:
        one, two = open_store(PROJECT), open_store(PROJECT)
        [old] = add(one, say("Always start function names with x_.", session="monday"))
        two.import_lines(through_json(one.export()))

        [new] = add(two, say("Always start function names with y_.", session="monday"))
        [again] = add(two, say("Always start function names with y_."))

        assert again.how == "again"
        assert kept(two, old.id).successor == new.id
        assert kept(two, new.id).position > kept(two, old.id).position

    @pytest.mark.parametrize("senseless", SENSELESS)
    def test_a_senseless_line_changes_nothing_at_all(self, store: Store, senseless: str) -> None:
        furnish(store)
        before = exported(store)
        good: Line = {"type": "memory", "id": "good", "text": "A good line came before."}

        with pytest.raises(ValueError, match=r".+"):
            store.import_lines([good, SENSELESS[senseless], {**good, "id": "behind"}])

        assert exported(store) == before
        assert not hits(store, "A good line came before.", relevant_only=True)

    def test_lines_that_stop_in_the_middle_change_nothing(self, store: Store) -> None:
        furnish(store)
        before = exported(store)

        def cut_off() -> Iterable[Line]:
            yield {"type": "memory", "id": "good", "text": "A good line came before."}
            raise OSError("the disk was pulled out")

        with pytest.raises(Exception, match=r"the disk was pulled out|cannot be used"):
            store.import_lines(cut_off())

        assert exported(store) == before

    def test_an_import_takes_no_secrets_over(self, store: Store) -> None:
        key = "sk-ant-api03-Hq2Ld8Vz4Nc6Xt1Bw9Kf3Jr7Gs5Pm0Ya2Ue4Io8Wq6Et1Ry3Tu5"
        line: Line = {
            "type": "memory",
            "id": "m",
            "text": f"The provider's key is {key}.",
            "evidence": [{"role": "user", "passage": f"Mine is {key}, thanks.", "exchange": "e"}],
        }
        talk: Line = {"type": "exchange", "id": "e", "question": f"Is {key} it?", "answer": key}

        store.import_lines([talk, line])

        assert store.count() == 1
        assert key not in everything(store)

    # --- scopes ----------------------------------------------------------------------------

    def test_no_scope_sees_what_another_holds(self, open_store: OpenStore) -> None:
        here, there, mine = open_store(PROJECT), open_store(OTHER), open_store(Scope())
        [added] = here.add(
            [said_in("e1", "The vault opens with marmalade.")],
            exchange("e1", "The vault opens with marmalade.", "Noted."),
        )

        for store in (there, mine):
            assert store.count() == 0
            assert store.get(added.id) is None
            assert hits(store, "What does the vault open with?") == ()
            assert "marmalade" not in everything(store)
            assert store.forget([added.id]) == 0
            assert store.edit(added.id, Draft(text="Gone.")) is None
        assert here.count() == 1
        here.forget([added.id])
        assert [one.how for one in add(there, "The vault opens with marmalade.")] == ["new"]

    def test_an_import_puts_everything_into_the_scope_of_its_store(
        self, open_store: OpenStore
    ) -> None:
        here, there = open_store(PROJECT), open_store(OTHER)
        furnish(here)

        there.import_lines(exported(here))

        assert {memory.scope for memory in there.list(limit=100)} == {OTHER}

    def test_a_closed_store_can_be_closed_again(self, open_store: OpenStore) -> None:
        store = open_store(PROJECT)
        store.close()
        store.close()


QUESTIONS = (
    "Write a function that adds numbers.",
    "Where does the spare key hang?",
    "数据库什么时候备份？",
    "What did Ines say about the lighthouse in June?",
)


def furnish(store: Store) -> None:
    """Put something of every sort into a store."""
    add(store, say("Always start function names with x_."))
    add(store, say("Always start function names with y_.", session="monday"))
    for number, (text, _) in enumerate(SPOKEN.values()):
        add(store, Draft(text=text, session="monday", created=1.5e9 + number * 86_400))
    [key, _] = store.add(
        [
            said_in("e1", "The spare key hangs behind the boiler."),
            said_in("e1", "Ines painted the lighthouse in June.", speaker="Ines"),
        ],
        exchange("e1", "The spare key hangs behind the boiler.", "Ines painted it in June."),
    )
    store.add([said_in("e2", "The spare key hangs behind the boiler.")])
    [gone] = add(store, "The vault opens with marmalade.")
    store.forget([gone.id])
    store.used([key.id])


def ranking(store: Store, question: str) -> list[tuple[str, float, bool]]:
    """In an order that does not tell apart what fits equally well."""
    ranked = [(hit.memory.id, round(hit.score, 4), hit.relevant) for hit in hits(store, question)]
    return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))
