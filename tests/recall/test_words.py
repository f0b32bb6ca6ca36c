import time
from datetime import date, datetime
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall import words
from recall.words import (
    IDENTIFIER_WEIGHT,
    MAX_CHARS,
    MAX_WORDS,
    asks_for_reply,
    document_text,
    index_terms,
    is_named,
    is_question,
    names,
    question_terms,
)

ANYTHING = st.text(st.characters(codec=None), max_size=300)  # lone surrogates are among them
PROSE = st.text("abcdefghijklmnopqrstuvwxyz ,.", max_size=200)


def finds(question: str, text: str) -> bool:
    """Whether the text holds all words the question asks for, pairs and identifiers aside."""
    asked = {term for term, weight in question_terms(question).items() if weight == 1.0}
    return bool(asked) and asked <= index_terms(text).keys()


def share(question: str, text: str) -> float:
    asked, held = question_terms(question), index_terms(text)
    return sum(w for t, w in asked.items() if t in held) / sum(asked.values())


@given(ANYTHING)
def test_any_text_has_terms(text):
    assert all(0 <= t < 2**32 and n > 0 for t, n in index_terms(text).items())
    assert all(0 <= t < 2**32 and w > 0 for t, w in question_terms(text).items())
    is_named(text, names(words.asked(text)))
    is_question(text)
    asks_for_reply(text)
    document_text(text, None, text)


@given(ANYTHING)
def test_the_same_text_always_has_the_same_terms(text):
    assert index_terms(text) == index_terms(text)
    assert question_terms(text) == question_terms(text)


@given(PROSE)
def test_case_makes_no_difference_to_prose(text):
    assert index_terms(text.upper()) == index_terms(text) == index_terms(text.title())


@given(ANYTHING)
def test_a_unicode_form_makes_no_difference(text):
    assert index_terms(normalize("NFD", text)) == index_terms(normalize("NFC", text))


@given(PROSE, PROSE)
def test_more_text_never_has_fewer_terms(first, second):
    assert index_terms(first).keys() <= index_terms(f"{first} {second}").keys()


@pytest.mark.parametrize("text", ["", " ", "\0\x07\x1b", "\ud800", "?!…", "🙂", "\u0301", "the of"])
def test_a_text_without_words_has_no_terms(text):
    assert index_terms(text) == question_terms(text) == {}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When did we bake the bread?", "Baked three breads this morning."),
        ("Where is the Straße?", "die STRASSE am Bahnhof"),
        ("Wo liegt das Fußballstadion?", "Das Fussballstadion liegt am Fluss."),
        ("Welche Größe haben die Käfer?", "die Grosse der Kafer"),
        ("Quelle est la crème?", "est la creme, quelle surprise"),
        ("数据库", "我们把数据库搬到了新的服务器"),
        ("データベース", "新しいデータベースに移行しました"),
        ("서버를", "어제 서버를 옮겼다"),
        ("ฐานข้อมูล", "เราย้ายฐานข้อมูลเมื่อวาน"),
        ("水", "水 is Japanese for water"),
        ("أين الكتاب؟", "أين وضعتُ كِتَاب الطبخ"),
        ("المدرسة", "ذهب إلى مدرسه"),
        ("إدارة", "اداره الخوادم"),
        ("مـــرحبا", "مرحبا بكم"),
        ("किताब", "यह किताब नई है"),
        ("the deadline in Sept", "due in September, the deadline"),
        ("my 3rd attempt", "attempt 3"),
        ("cost of $1,500", "it cost 1500 euros"),
        ("full-width ＡＢＣ", "full-width abc"),
    ],
)
def test_people_find_what_they_wrote_another_way(question, text):
    assert finds(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("データベースはどこですか？", "データベースの設定を変えた"),
        ("数据库在哪里？", "我们把数据库搬到了新的服务器"),
        ("서버는 어디에 있나요?", "어제 서버를 옮겼다"),
    ],
)
def test_a_question_in_an_unspaced_script_finds_part_of_its_words(question, text):
    assert 0 < share(question, text) < 1
    assert share(question, "An English text about nothing.") == 0


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("getuserbyid", "call getUserById(7)"),
        ("user_id", "the userId column"),
        ("userId", "the user_id column"),
        ("src/foo/bar.py", "edited src/foo/bar.py:12"),
        (r"src\foo\bar.py", "edited src/foo/bar.py"),
        ("bar.py", "edited src/foo/bar.py."),
        ("parseHeaders", "moved to lib/parseHeaders.ts"),
        ("ABC-1234", "fixes abc-1234."),
        ("E0308", "error[E0308]: mismatched types"),
        ("0x80070057", "failed with 0x80070057!"),
        ("1.2.3", "released v1.2.3 today"),
        ("v1.2.3", "released v1.2.3, at last"),
        ("os.path.join", "use os.path.join()"),
        ("std::vector", "a std::vector<int>"),
        ("self->head", "self->head = NULL"),
        ("me@example.org", "mail me@example.org"),
        ("9fceb02", "9fceb02d0ae598e95dc970b74767f19372d6aaf8 is good"),
        ("9fceb02d0ae598e95dc970b74767f19372d6aaf8", "since 9fceb02 it fails"),
        ("550e8400-e29b-41d4-a716-446655440000", "id=550e8400-e29b-41d4-a716-446655440000"),
        ("__init__", "in __init__ of the class"),
        ("node.js", "Node.js 22"),
    ],
)
def test_an_identifier_is_found_as_a_whole(identifier, text):
    asked = question_terms(f"where is {identifier}")
    exact = {term for term, weight in asked.items() if weight == IDENTIFIER_WEIGHT}
    assert exact & index_terms(text).keys()


@pytest.mark.parametrize("word", ["user", "request", "headers", "parsing", "C++", "C#"])
def test_the_words_inside_an_identifier_find_it(word):
    assert finds(word, "renamed parseUserRequest_headers in C++ and c#")


@pytest.mark.parametrize("identifier", ["getUserById", "user_id", "src/foo/bar.py", "E0308"])
def test_an_identifier_in_other_words_is_not_found_as_a_whole(identifier):
    asked = question_terms(identifier)
    exact = {term for term, weight in asked.items() if weight == IDENTIFIER_WEIGHT}
    others = index_terms(
        "get User by Id, src / foo, bar. py, e 0308; getUsersByName src/foo/baz.py"
    )
    assert exact
    assert not exact & others.keys()


@pytest.mark.parametrize(
    "text", ["well-known and/or self-made", "Who? Nobody. 1,500 or 11.5", "8th"]
)
def test_ordinary_writing_makes_no_identifier(text):
    bare = {term for word in text.split() for term, w in question_terms(word).items() if w > 1.0}
    assert not bare & index_terms(text).keys()


def test_words_of_every_question_are_not_asked_for():
    assert question_terms("What did you do with the bicycle?") == question_terms("bicycle")


def test_a_name_that_is_also_a_function_word_is_asked_for_when_capitalised():
    assert len(question_terms("What did Will buy in May?")) > len(question_terms("Will, may buy"))
    assert finds("the trip in May", "the trip: 4 May 2024")


def test_words_side_by_side_are_asked_for_as_a_pair():
    apart, together = "the key of the garden shed", "the shed in which the garden key hangs"
    assert share("garden shed", apart) > share("garden shed", together) > 0


def test_who_said_it_and_when_are_words_of_a_memory():
    text = document_text("Noor", date(2024, 5, 8), "I planted the apple tree.")
    assert finds("What did Noor plant on 8 May 2024?", text)
    assert text == document_text("Noor", datetime(2024, 5, 8, 23, 59), "I planted the apple tree.")


def test_a_date_in_figures_finds_the_date_in_words():
    right, wrong = "5 March 2024: the pipe burst", "6 May 2023: the pipe burst"
    assert share("What burst on 2024-03-05?", right) > share("What burst on 2024-03-05?", wrong)


@pytest.mark.parametrize("role", ["user", "assistant", "Assistant", ""])
def test_a_role_is_no_word_of_a_memory(role):
    assert document_text(role, None, "Hello") == "Hello"


@pytest.mark.parametrize(
    ("speaker", "question", "named"),
    [
        ("Noor", "What did noor plant?", True),
        ("Noor", "What is Noor's tree?", True),
        ("Noor Haddad", "What did Noor plant?", True),
        ("José", "What did Jose plant?", True),
        ("Noor", "What did Noora plant?", False),
        ("user", "What did the user plant?", False),
        ("", "Who?", False),
        ("Will", "What did Will plant?", True),
        ("Will", "When will it rain?", False),
    ],
)
def test_a_speaker_is_named_by_any_part_of_the_name(speaker, question, named):
    assert is_named(speaker, names(words.asked(question))) is named


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ("Are you coming?", True),
        ('She said "really?"', True),
        ("来ますか？", True),
        ("هل تأتي؟", True),
        ("Which one? [two photos]", True),
        ("Are you coming? I am.", False),
        ("", False),
    ],
)
def test_a_question_ends_by_asking(text, asking):
    assert is_question(text) is asking


@pytest.mark.parametrize(
    ("question", "about_reply"),
    [
        ("Which library did you recommend for charts?", True),
        ("What was the recipe you gave me?", True),
        ("Remind me of the title you previously suggested", True),
        ("What was your answer about tides?", True),
        ("Can you recommend a library?", False),
        ("What did I tell you about my sister?", False),
        ("Where do I live?", False),
    ],
)
def test_a_question_may_be_about_a_reply(question, about_reply):
    assert asks_for_reply(question) is about_reply


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 10**7, "日本" * 5 * 10**6, "a.b" * 3 * 10**6, "aB" * 5 * 10**6, "-" * 10**7),
        *("é? " * 3 * 10**6, "\u0301" * 10**7, "1,000" * 2 * 10**6, "[" * 10**7, "?" * 10**7),
        *("a" + "\u05b0\u05ad" * 10**6, "\ufdfa" * 10**6, "\u0344\u0316" * 10**6),
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_ten_megabytes_are_read_in_a_moment(text):
    before = time.process_time()
    for read in (
        index_terms,
        question_terms,
        lambda t: names(words.asked(t)),
        is_question,
        asks_for_reply,
    ):
        read(text)
    # What is not linear takes hours.
    assert time.process_time() - before < 60


def test_what_lies_beyond_the_limits_is_not_indexed():
    assert index_terms("x" + " " * MAX_CHARS + "zebra") == index_terms("x")
    many = "a " * (MAX_WORDS - 1)
    assert finds("zebra", f"{many} zebra quagga")
    assert not finds("quagga", f"{many} zebra quagga")
