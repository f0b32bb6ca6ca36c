"""What a user asks the memory for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.forgetting import Forget
from recall.stances import stance
from recall.wishes import MOST, Remember, is_for_everywhere, is_likely, wishes

REMEMBERED = {
    "Please remember that we deploy on Thursdays.": "we deploy on Thursdays.",
    "remember: the staging host is pg-2": "the staging host is pg-2",
    "Remember my dog is called Rex.": "my dog is called Rex.",
    "Could you remember that I use fish?": "I use fish",
    "I want you to remember that my name is Ada": "my name is Ada",
    "remember to run the linter": "run the linter",
    "don’t forget that I am left-handed": "I am left-handed",
    "never forget to lock the file": "lock the file",
    "Keep in mind that the API is slow.": "the API is slow.",
    "Note for later: the licence ends in May": "the licence ends in May",
    "We deploy on Thursdays, please remember that.": "We deploy on Thursdays",
    "We deploy on Thursdays. Remember that!": "We deploy on Thursdays.",
    "From now on, answer in one paragraph.": "From now on, answer in one paragraph.",
    "Please write tests first from now on.": "write tests first from now on.",
    "- remember that Ann reviews the schema": "Ann reviews the schema",
    "Merk dir bitte, dass wir donnerstags ausliefern.": "wir donnerstags ausliefern.",
    "Vergiss nicht, dass ich Tee trinke": "ich Tee trinke",
    "Ab jetzt bitte auf Deutsch antworten": "Ab jetzt bitte auf Deutsch antworten",
    "Souviens-toi que je préfère les phrases courtes": "je préfère les phrases courtes",
    "N'oublie pas que le serveur est lent": "le serveur est lent",
    "Recuerda que uso pnpm": "uso pnpm",
    "记住：我们用 uv": "我们用 uv",
    "Can you please note that the port is 8443?": "the port is 8443",
    "Would you kindly record that prod is eu-west-1?": "prod is eu-west-1",
    "Please note that the port is 8443.": "the port is 8443.",
    "I'd like you to note that my timezone is CET.": "my timezone is CET.",
    "Actually, remember that we use bun.": "we use bun.",
    "Do not forget that I am left-handed": "I am left-handed",
    "remember the staging port is 8443": "the staging port is 8443",
    "remember the deploy script needs sudo": "the deploy script needs sudo",
    "Please remember the name of the host is heron": "the name of the host is heron",
    "Please save to memory: our tenant is acme": "our tenant is acme",
    "Commit to memory that we deploy on Fridays": "we deploy on Fridays",
    "Add to your memory that we use bun.": "we use bun.",
    "Could you add that we use bun to your memory?": "we use bun",
    "Can you save that we use bun to your memory?": "we use bun",
    "Update your memory: the port is 9000": "the port is 9000",
    "Store this: the key vault is kv-1": "the key vault is kv-1",
    "Write this down: the port is 8443": "the port is 8443",
    "Merken Sie sich, dass wir donnerstags ausliefern.": "wir donnerstags ausliefern.",
    "Kannst du dir merken, dass ich Anna heiße?": "ich Anna heiße",
    "Könnten Sie sich bitte notieren, dass ich Anna heiße?": "ich Anna heiße",
    "Der Port ist 8443. Kannst du dir das merken?": "Der Port ist 8443.",
    "Bitte merken: der Port ist 8443": "der Port ist 8443",
    "Notiere: Prod läuft in Frankfurt": "Prod läuft in Frankfurt",
    "Denke immer daran: keine Mocks.": "keine Mocks.",
    "Erinnere dich daran, dass wir Nix nutzen.": "wir Nix nutzen.",
    "Ich möchte, dass du dir merkst, dass wir Nix nutzen.": "wir Nix nutzen.",
    "Bitte speichere, dass wir Nix nutzen.": "wir Nix nutzen.",
    "Behalte im Hinterkopf, dass wir Nix nutzen.": "wir Nix nutzen.",
    "Peux-tu retenir que le port est 8443 ?": "le port est 8443",
    "Je veux que tu retiennes que le port est 8443.": "le port est 8443.",
    "Garde en mémoire que le port est 8443.": "le port est 8443.",
    "¿Puedes recordar que el puerto es 8443?": "el puerto es 8443",
    "Ten presente que el puerto es 8443.": "el puerto es 8443.",
    "Guarda en tu memoria que el puerto es 8443.": "el puerto es 8443.",
    "毎週木曜に出荷することを覚えておいてください。": "毎週木曜に出荷する",
}
FORGOTTEN = {
    "Forget that I live in Lyon.": "I live in Lyon",
    "Please forget what I said about the staging server": "the staging server",
    "forget about the nightly build, we dropped it": "the nightly build",
    "Forget my phone number": "my phone number",
    "forget the rule about trailing commas": "trailing commas",
    "Can you forget that I use vim?": "I use vim",
    "Please delete my home address from your memory.": "my home address",
    "Vergiss, dass ich in Lyon wohne": "ich in Lyon wohne",
    "Oublie que j'habite à Lyon": "j'habite à Lyon",
    "Olvida que uso npm": "uso npm",
    "忘掉我说的旧服务器": "旧服务器",
    "リヨンに住んでいることを忘れてください。": "リヨンに住んでいる",
}
NO_REQUEST = [
    "Do you remember that we use fish?",
    "Can you remember what I said?",
    "Remember when it rained all week?",
    "Remember the selected tab across reloads",
    "Remember the tab the user is on",
    "Remember password is broken on Safari.",
    "I can't remember the port",
    "Make the server remember that the user is in.",
    "I will remember that it works.",
    "He told me to remember that the door is open.",
    "Note that this test is slow.",
    "The docs say: please note that it is slow.",
    "Can you save that file?",
    "Can you store that value in the cache?",
    "Write the buffer to memory.",
    "Remove the node from memory.",
    "Kannst du dich erinnern, dass wir Nix nutzen?",
    "Ich kann mir nicht merken, wie das geht.",
    "Te souviens-tu que le port est 8443 ?",
    "¿Recuerdas que el puerto es 8443?",
    "never forget",
    "Never mind what I said.",
    "Did you forget the tests?",
    "Why did you forget the tests?",
    "The model forgets the tests.",
    "git forget origin",
    "Forget-me-nots are blue.",
    "Forget gates are what an LSTM needs.",
    "I forgot the password",
    "I forget how git works",
    "Ich habe das Passwort vergessen.",
    "Vergiss die Tests nicht.",
    "Oublie pas les tests !",
    "Delete the note about tests from the README.",
    "The flag is deprecated from now on.",
    "Is it like this from now on?",
    "Implement the remember-me checkbox in every project template.",
    "```\nremember that this is code\n```",
    "> remember that somebody else wrote this",
    "> Forget that somebody else wrote this.",
    "<system-reminder>\nremember that the client says so\n</system-reminder>",
    "Remember:",
    "",
]


@pytest.mark.parametrize(("said", "meant"), REMEMBERED.items())
def test_what_to_remember_is_kept_in_the_users_words(said: str, meant: str) -> None:
    [wish] = wishes(said)
    assert isinstance(wish, Remember)
    assert wish.text == meant
    assert not wish.everywhere
    assert all(sentence in said for sentence in wish.said)


@pytest.mark.parametrize(("said", "meant"), FORGOTTEN.items())
def test_what_to_forget_is_recognised(said: str, meant: str) -> None:
    [wish] = wishes(said)
    assert isinstance(wish, Forget)
    assert wish.about == meant


@pytest.mark.parametrize("said", NO_REQUEST)
def test_talk_about_memory_is_no_request(said: str) -> None:
    assert wishes(said) == []


@pytest.mark.parametrize("said", [*REMEMBERED, *FORGOTTEN])
def test_no_request_escapes_the_quick_look(said: str) -> None:
    assert is_likely(said)
    assert is_likely("x" * 9_000_000 + "\n" + said)


@pytest.mark.parametrize(
    "said",
    [
        "For all my projects, use uv.",
        "In every project I want strict types.",
        "Remember for all my projects that I am left-handed.",
        "Remember everywhere: I am left-handed.",
        "Everywhere: remember that I am left-handed.",
        "Use uv in all my projects from now on.",
    ],
)
def test_a_request_may_be_for_all_projects(said: str) -> None:
    [wish] = wishes(said)
    assert isinstance(wish, Remember)
    assert wish.everywhere
    assert is_for_everywhere(said)


@pytest.mark.parametrize(
    "said", ["Remember to escape HTML everywhere.", "Remember that I renamed it globally."]
)
def test_everywhere_in_the_code_is_not_everywhere(said: str) -> None:
    [wish] = wishes(said)
    assert isinstance(wish, Remember)
    assert not wish.everywhere


def test_a_list_is_remembered_item_by_item() -> None:
    found = wishes("Please remember these:\n- Ann reviews the schema\n- Bo holds the keys\n\nBye!")
    assert [w.text for w in found if isinstance(w, Remember)] == [
        "Ann reviews the schema",
        "Bo holds the keys",
    ]


def test_what_was_pasted_in_is_no_request() -> None:
    assert wishes("Remember that " + "it is so and " * 1_000) == []
    assert wishes("It is so and " * 1_000 + "so on. Remember that.") == []
    assert len(wishes("Remember this:\n" + "- one of many things\n" * 1_000)) == MOST


def test_a_list_that_needs_its_lead_in_stays_whole() -> None:
    [wish] = wishes("Remember that our hosts are:\n- red.example\n- blue.example")
    assert isinstance(wish, Remember)
    assert wish.text == "our hosts are:\n- red.example\n- blue.example"


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*REMEMBERED, *FORGOTTEN, *NO_REQUEST, "please ", "remember ", ": "]),
            st.text(max_size=60),
        ),
        max_size=12,
    ).map(" \n".join)
)
def test_any_text_can_be_asked_for_its_requests(text: str) -> None:
    stance(text)
    for wish in wishes(text):
        assert wish.said
        assert isinstance(wish, Forget) or wish.text.strip()
