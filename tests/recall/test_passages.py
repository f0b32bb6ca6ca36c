"""What of a text is prose, and how it is parted."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recall.passages import EDGE, LONG, MOST, is_noise, passages, prose, sentences

STATEMENT = "The cache keeps one lock per file, and the second machine never sees it."

NOT_PROSE = {
    "a fence": "```python\nlock = acquire(path)\nprint(lock)\n```",
    "a fence in tildes": "~~~\nsome words that a program wrote\n~~~",
    "a fence that is never closed": "```\nsome words that a program wrote\n\nand more of them",
    "a fence inside a list": "- ```sh\n  make the thing go\n  ```",
    "indented code": "\n    lock = acquire(path)\n    release(lock)\n",
    "a diff": (
        "diff --git a/lock.py b/lock.py\nindex 1a2b3c4..5d6e7f8 100644\n--- a/lock.py\n"
        "+++ b/lock.py\n@@ -1,3 +1,3 @@\n the context of the change\n-it was so\n+it is so now"
    ),
    "a Python traceback": (
        'Traceback (most recent call last):\n  File "lock.py", line 3, in <module>\n'
        "    acquire(path)\nlock.Busy: somebody else holds this lock already"
    ),
    "a Java stack": (
        "java.lang.IllegalStateException: the lock is held\n"
        "    at com.example.Lock.acquire(Lock.java:31)\nCaused by: java.io.IOException: gone"
    ),
    "a log": (
        "2026-03-01 10:00:00,123 INFO the worker has started with four threads\n"
        "2026-03-01 10:00:01,456 WARNING the lock is held by another worker\n"
        "[ERROR] the worker gives up after ten attempts"
    ),
    "JSON": '{\n  "name": "the name of the thing",\n  "size": 3\n}',
    "JSON on one line": '{"name": "the name of the thing", "size": 3}',
    "XML": "<project>\n  <name>the name of the thing</name>\n</project>",
    "a table of numbers": "| 1 | 2.50 | 17 |\n|---|---|---|\n| 3 | 4.25 | 19 |\n| 5 | 6.75 | 2 |",
    "base64": "QUJD" * 60,
    "a shell": "$ make install\n$ cd build && ls -la",
    "a listing": "main.py\nlock.py\nworker.py\nREADME\ntests\nsetup.cfg\nbuild",
    "a quotation": "> somebody else wrote this sentence\n> and this one",
    "what a client put in": (
        "<system-reminder>\nThe user opened a file.\n\nDo not mention it.\n</system-reminder>"
    ),
    "code without a fence": "import os\nfrom pathlib import Path\n\ndef a(path):\n    return path",
}


@pytest.mark.parametrize("other", NOT_PROSE.values(), ids=NOT_PROSE)
def test_only_what_was_said_becomes_a_passage(other: str) -> None:
    assert passages(other) == []
    after = f"{other}\n```" if other.count("```") == 1 else other
    assert passages(f"{STATEMENT}\n\n{after}\n\nWe moved it to the database.") == [
        f"{STATEMENT}\nWe moved it to the database."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "OK, thanks!",
        "yes please",
        "continue",
        "/clear",
        "/model opus",
        "👍",
        "lgtm",
        "Danke",
        "d'accord, merci",
        "继续",
        "ありがとうございます。",
        "42",
        "",
        " \n\t ",
        "[Request interrupted by user]",
    ],
)
def test_what_says_nothing_is_no_passage(text: str) -> None:
    assert passages(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "We use uv.",
        "Nein, wir nutzen Postgres!",
        "我们用 uv 管理依赖。",
        "キャッシュはプロセスごとです。",
        "نستخدم قاعدة بيانات واحدة؟",
        "Нам нужен один замок.",
        "Inline code like `lock = acquire()` stays where it is.",
    ],
)
def test_a_short_statement_is_one_passage_in_any_language(text: str) -> None:
    assert passages(text) == [text]


def test_a_heading_stands_above_every_passage_of_its_section() -> None:
    section = " ".join([STATEMENT] * 4)
    found = passages(f"# Locks\n\n{section}\n\nSecondly: {section}\n\n## Empty\n")
    assert found == [f"# Locks\n{section}", f"# Locks\nSecondly: {section}"]


def test_a_list_keeps_its_lead_in_wherever_it_is_cut() -> None:
    items = [f"- reason {n}: {STATEMENT * 2}" for n in range(8)]
    found = passages("It fails for these reasons:\n\n" + "\n".join(items))
    assert len(found) > 1
    assert all(passage.startswith("It fails for these reasons:\n- reason") for passage in found)
    assert [line for passage in found for line in passage.split("\n")[1:]] == items


def test_nested_items_stay_with_their_item() -> None:
    [piece] = prose("- the lock\n  - its file\n  - its owner")
    assert piece.is_item
    assert piece.text == "- the lock\n- its file\n- its owner"


def test_a_whole_message_may_be_indented() -> None:
    text = f"\n    {STATEMENT}\n    It does not matter.\n\n    We moved it to the database.\n"
    assert len(prose(text)) == 2


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    found = passages(" ".join([f"Number {n}. {STATEMENT}" for n in range(40)]))
    assert len(found) > 3
    assert all(passage.endswith("it.") and len(passage) <= LONG for passage in found)


def test_abbreviations_and_versions_end_no_sentence() -> None:
    text = "Use a lock, e.g. a file. See Dr. Lee on 3. May about v1.2.3 of a.py! Done? 好的。完了。"
    assert sentences(text) == [
        "Use a lock, e.g. a file.",
        "See Dr. Lee on 3. May about v1.2.3 of a.py!",
        "Done?",
        "好的。",
        "完了。",
    ]


def test_of_a_long_text_only_the_edges_are_read() -> None:
    first, last = "This is how it begins, in words.", "And this is how it ends, in words."
    middle = "Nobody reads this sentence here.\n" * (EDGE // 8)
    found = "\n".join(passages(f"{first}\n\n```\n{middle}\n```\n\n{last}"))
    assert first in found
    assert last in found
    assert "Nobody" not in found


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "x = 1;\n",
        "word and word. ",
        "\n",
        "<a ",
        "((((",
        "- a\n",
        'File "x\n',
        "あ",
        "`",
        "> ",
    ],
)
def test_ten_megabytes_of_anything_are_no_trouble(unit: str) -> None:
    found = passages(unit * (10_000_000 // len(unit)))
    assert len(found) <= MOST


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *NOT_PROSE.values(),
                STATEMENT,
                STATEMENT * 12,
                "# Heading",
                "**Bold**",
                "- an item that matters",
                "  1. another item",
                "leading in:",
                "",
                "```",
                "> quoted",
                "\ud800 half",
                "\x00\x1b[31m red",
                "日本語の文です。" * 120,
            ]
        ),
        st.text(max_size=200),
    ),
    max_size=30,
).map("\n".join)


@settings(max_examples=150)
@given(LINES)
@example("\ud800 x y")
def test_every_line_of_a_passage_was_said_word_for_word(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in plain.split("\n")]
    for passage in passages(text):
        assert not is_noise(passage)
        assert passage.strip()
        assert len(passage) <= LONG + 2 * 200 + 2
        for said in passage.split("\n"):
            assert any(said.strip() in line for line in lines)


@given(st.text(alphabet="ab.!?。 \n\"'e.g.\u061f", max_size=80))
def test_sentences_are_parts_of_the_text_in_its_order(text: str) -> None:
    place = 0
    for sentence in sentences(text):
        place = text.index(sentence, place) + len(sentence)
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
