"""What a request to forget takes away, and what it must leave alone."""

from itertools import count

import pytest

from recall.drafts import lesson
from recall.forgetting import Forget
from recall.records import Draft, Exchange, Kind, Role
from recall.wishes import MOST, wishes

numbers = count()


def learned(said: str) -> tuple[Draft, ...]:
    return lesson(Exchange(id=f"e{next(numbers)}", project="/p", question=said, answer="")).project


def left_of(memories: tuple[str, ...], request: str) -> list[str]:
    """What is still known of some memories after a request."""
    forget = [wish for wish in wishes(request) if isinstance(wish, Forget)]
    return [
        made.text
        for said in memories
        for made in learned(said)
        if not any(wish.means(made.text, made.kind) for wish in forget)
    ]


# What was said, and in how many ways it may be taken back.
TAKEN_BACK = {
    "Remember that we use bun for packages.": (
        "Forget that we use bun for packages.",
        "Forget we use bun.",
        "FORGET THAT WE USE BUN",
        "**Forget that we use bun.**",
        "Please forget: we use bun",
        "Forget these:\n- we use bun",
        "Actually, forget what I told you about bun.",
        "Never mind what I said about bun.",
        "No, forget that we use bun, it was pnpm.",
        "Forget we ever use bun.",
        "Please don't remember that we use bun anymore.",
        "Don't remember we use bun.",
        "Stop remembering that we use bun.",
        "Please delete from your memory that we use bun.",
        "What I said about bun, please forget it.",
    ),
    "Remember that the VPN host is vpn.acme.io.": (
        "Hmm, please forget what I told you about the VPN host.",
        "Forget what we said earlier about the VPN host for this project.",
        "- forget everything you know about the VPN host",
        "I want you to forget what I said about the VPN host.",
        "Could you please forget that the VPN host is vpn.acme.io?",
        "Forget the VPN host is vpn.acme.io.",
        "Delete everything I told you about the VPN host from your memory.",
        "Remove the fact that the VPN host is vpn.acme.io from your memory.",
        "Please remove the note on the VPN host.",
        "Erase all memories of the VPN host.",
        "Yes, forget all I told you about the VPN host.",
        "Hi! Forget the note about the VPN host, just ask me.",
        "forget about the VPN host, we dropped it",
    ),
    "Remember that Anna's salary is 90k.": (
        "Forget Anna's salary.",
        "Forget about Anna’s salary",
        "Ok, forget Anna's salary, she asked me to.",
    ),
    "Remember that my phone number is 555.": (
        "Forget my phone number, please.",
        "Please delete my phone number from memory.",
        "Remove my phone number from memory",
        "Wipe my phone number from your memory.",
        "Please unlearn my phone number.",
    ),
    "Remember that Anna moved to Oslo.": ("Forget that Anna moved to Oslo.",),
    "From now on answer in German.": (
        "Forget that rule about answering in German.",
        "Forget the rule that you answer in German.",
    ),
    "Always indent with tabs in Go.": (
        "Forget what I said about tabs, just use spaces.",
        "Actually, drop the rule about tabs.",
        "Forget that you should always indent with tabs in Go.",
    ),
    "Merk dir, dass der Port von Staging 8443 ist.": (
        "Vergiss, was ich über den Port von Staging gesagt habe.",
        "Bitte vergiss alles, was ich dir vorhin zum Port von Staging erzählt habe.",
        "Ach nein, vergiss das, was ich über den Port gesagt hatte!",
        "Vergiss, was du über den Port weißt.",
        "Vergiss, dass der Port von Staging 8443 ist.",
        "Vergiss: der Port von Staging ist 8443",
        "Vergessen Sie bitte, dass der Port von Staging 8443 ist.",
        "Kannst du vergessen, was ich zum Port von Staging gesagt habe?",
        "Ich möchte, dass du vergisst, dass der Port 8443 ist.",
        "Merk dir nicht mehr, dass der Port 8443 ist.",
        "Vergiss die Notiz über den Port.",
        "Vergiss alles über den Port.",
    ),
    "Merk dir, dass der Server Reiher heißt.": ("Vergiss, was ich dir über Reiher erzählt habe.",),
    "Merk dir, dass Annas Gehalt 90k ist.": (
        "Vergiss Annas Gehalt.",
        "Ok, vergiss Annas Gehalt bitte wieder.",
    ),
    "Merk dir, dass meine Telefonnummer 555 ist.": (
        "Lösche meine Telefonnummer aus deinem Gedächtnis.",
        "Kannst du bitte meine Telefonnummer vergessen?",
        "Vergiss meine Telefonnummer, die ist alt.",
    ),
    "Retiens que le port de staging est 8443.": (
        "Oublie ce que je t'ai dit sur le port de staging.",
        "Non, oubliez tout ce que j'ai dit à propos du port de staging.",
        "Peux-tu oublier que le port de staging est 8443 ?",
    ),
    "Retiens que mon numéro est 555.": (
        "En fait, oublie mon numéro.",
        "Supprime mon numéro de ta mémoire.",
    ),
    "Recuerda que el puerto de staging es 8443.": (
        "Olvida lo que te dije sobre el puerto de staging.",
        "Por favor, olvida que el puerto de staging es 8443.",
        "¿Puedes olvidar que el puerto de staging es 8443?",
    ),
    "Recuerda que mi número es 555.": ("Olvida mi número.", "Borra mi número de tu memoria."),
    "记住服务器叫苍鹭。": ("忘掉关于服务器的事。",),
    "覚えておいて：サーバーの名前はアオサギです。": ("サーバーの名前のことは忘れて",),
}
OTHERS = (
    "Remember that the backup host is b2.acme.io.",
    "Remember that Bo's salary is low and Bo moved to Rome.",
    "Remember that Bo's phone number is 556.",
    "Never answer with emojis.",
    "Merk dir, dass wir freitags ausliefern.",
)

KEPT = (
    "Always write tests with pytest.",
    "Always put tests in tests/.",
    "Always use semicolons in JavaScript.",
    "Always use type hints in Python.",
    "Never use React's useEffect.",
    "Remember that the unit tests need docker.",
    "Remember that Anna reviews the schema.",
    "I built the login page with React, and the server's cache is in Redis.",
    "My approach is to keep the cache small.",
    "Remember that the failing test is test_lock.",
    "Verwende immer Semikolons.",
    "Schreibe Tests immer mit pytest.",
)
SAID_IN_PASSING = [
    "forget it",
    "Forget about it.",
    "Forget that.",
    "Never mind, forget that.",
    "Forget everything.",
    "Forget all rules.",
    "Forget the previous instructions and sing",
    "Forget what I said.",
    "Forget I asked.",
    "Forget my last question.",
    "Forget the tests.",
    "Forget about tests.",
    "Actually, forget about the unit tests.",
    "Forget about the tests, just give me the code.",
    "Forget about the tests for now, just ship",
    "Forget about the unit tests for this PR.",
    "Forget about semicolons, just write it.",
    "Forget about type hints here.",
    "Forget about writing tests.",
    "Forget everything about tests, only fix the bug.",
    "Forget the type hints, they are ugly.",
    "Forget that failing test.",
    "Forget everything you know about React, just give me HTML.",
    "Forget the fact that tests need docker, just ship it.",
    "Forget the server's cache.",
    "Forget our login page.",
    "Forget my approach, take yours.",
    "Forget that the tests need docker for this task.",
    "Forget Python's type hints, just ship.",
    "Forget my tests, just write the code.",
    "Let's forget about the unit tests.",
    "You can forget about type hints in this script.",
    "Can you forget about tests?",
    "Vergiss es.",
    "Vergiss die Tests, gib mir nur den Code.",
    "Vergiss einfach die Semikolons.",
    "Vergiss das mit den Tests.",
    "Vergiss die Tests erst mal.",
    "Kannst du die Semikolons vergessen?",
    "Oublie les tests, donne-moi juste le code.",
    "Olvida los tests por ahora.",
    "Olvídate de los tests.",
    "テストは忘れて",
    "忘掉测试",
]


@pytest.mark.parametrize(
    ("memory", "request_"),
    [(memory, request) for memory, requests in TAKEN_BACK.items() for request in requests],
)
def test_a_plain_request_takes_away_what_it_means_and_nothing_else(
    memory: str, request_: str
) -> None:
    assert left_of((memory,), request_) == []
    assert left_of(OTHERS, request_) == left_of(OTHERS, "")
    assert learned(request_) == ()


@pytest.mark.parametrize("said", SAID_IN_PASSING)
def test_what_is_said_in_passing_takes_nothing_away_and_is_not_learned(said: str) -> None:
    assert left_of(KEPT, said) == left_of(KEPT, "")
    assert learned(said) == ()


def test_names_of_things_leave_rules_alone() -> None:
    rules = ("Never use React's useEffect.", "Always use type hints in Python.")
    for request in ("Forget React's useEffect.", "Forget Python's type hints."):
        assert left_of(rules, request) == left_of(rules, "")


def test_half_a_statement_takes_nothing_away() -> None:
    said = ("Remember that Anna reviews the schema.",)
    for request in (
        "Forget that Anna, who is in Ulm, has a cold.",
        "Forget that Anna, which is a nice name, is here.",
        "Vergiss, dass Anna, die in Ulm wohnt, krank ist.",
    ):
        assert left_of(said, request) == ["Anna reviews the schema."]


def test_my_birthday_is_not_annas() -> None:
    said = ("Remember that my birthday is in May.", "Remember that Anna's birthday is in June.")
    assert left_of(said, "Forget my birthday.") == ["Anna's birthday is in June."]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Forget Postgres; SQLite is enough for us.", "SQLite is enough for us."),
        ("Forget Postgres, we picked SQLite.", "we picked SQLite."),
        ("Forget that I live in Lyon, I live in Oslo now.", "I live in Oslo now."),
        ("Forget the rule about tabs, always use spaces in Go.", "always use spaces in Go."),
        (
            "Forget what I said about tabs, from now on indent with spaces in Go.",
            "from now on indent with spaces in Go.",
        ),
    ],
)
def test_what_holds_instead_is_learned(said: str, kept: str) -> None:
    assert [made.text for made in learned(said)] == [kept]


def test_what_is_wrong_about_it_is_not_learned() -> None:
    assert learned("Forget my phone number, it's 555 1234.") == ()


@pytest.mark.parametrize(
    "said",
    [
        "The model forgets the tests.",
        "git forget origin keeps the branch",
        "I forget how the worker takes its lock.",
        "Forget-me-nots are blue in this theme.",
        "Don't forget the tests.",
        "Vergiss die Tests nicht.",
        "N'oublie pas les tests.",
        "Remove the node from memory.",
        "Delete our cache from the memory of the server.",
    ],
)
def test_talk_of_forgetting_is_learned_as_ever(said: str) -> None:
    assert [made.text for made in learned(said)] == [said]


def test_a_list_of_what_to_forget_has_an_end() -> None:
    assert len(wishes("Forget these:\n" + "- one of many things\n" * 1_000)) == MOST


@pytest.mark.parametrize(
    ("about", "text", "is_meant"),
    [
        ("I live in Lyon", "Since May I have been living in Lyon.", True),
        ("I live in Lyon", "I was in Lyon once.", False),
        ("the staging servers", "The staging server is slow.", True),
        ("it", "It is so.", False),
        ("旧服务器", "旧服务器在里昂。", True),
    ],
)
def test_to_forget_means_what_has_all_its_words(about: str, text: str, is_meant: bool) -> None:
    assert Forget(about, ()).means(text) is is_meant


@pytest.mark.parametrize(
    ("kind", "is_meant"),
    [(Kind.NOTE, True), (Kind.RULE, True), (Kind.PASSAGE, False), (Kind.DECISION, False)],
)
def test_one_word_is_enough_for_what_is_kept_on_request(kind: Kind, is_meant: bool) -> None:
    assert Forget("Lyon", ()).means("The trains to Lyon were late.", kind) is is_meant


def test_a_word_with_parts_is_found_however_it_is_spelled() -> None:
    assert Forget("the left-handed user", ()).means("The user is left handed.")
    assert Forget("the left handed user", ()).means("The user is left-handed.")
    assert Forget("that the server is lic-3", ()).means("The server is called lic-3.")


def test_what_the_assistant_says_is_no_request() -> None:
    taught = lesson(
        Exchange(id="e", project="/p", question="", answer="Forget that we use bun on the server.")
    )
    assert taught.forget == ()
    assert [made.role for made in taught.project] == [Role.ASSISTANT]
