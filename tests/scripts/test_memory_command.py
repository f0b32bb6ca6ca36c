"""`memproxy memory`, with a real store in a home of its own."""

import contextlib
import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis.strategies import integers, text

from recall import redact
from recall.records import USER, Directive, Draft, Evidence, Exchange, Kind, Role, Scope
from recall.rules import Subject
from recall.scopes import Stores
from scripts import memory_command, memory_output, memory_view
from scripts.command import main
from tests.fakes.provider import Provider

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
MEMPROXY = Path(sys.executable).with_name("memproxy")
KEY = "sk-ant-api03-" + "Qw3rTy7uI9" * 9 + "AA"
# What a hostile page may have talked a model into saying: it renames the window and hides text.
NASTY = "Harmless\x1b]0;owned\x07 words\x9b31m \u202egnp.exe\x7f \x00end"


class Person:
    """A user with a home, a registered project, and the command."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.project = (directory / "it's a project").resolve()
        self.project.mkdir(parents=True)
        self.environment = {"MEMPROXY_HOME": str(self.home)}
        self.scope = Scope(str(self.project))
        self.places = Stores(self.home / "memory")
        assert self.run("add", str(self.project)).exit_code == 0

    def run(self, *line: str, said: str | bytes = "", **more: str) -> Result:
        return CliRunner().invoke(main, line, input=said, env=self.environment | more)

    def __call__(self, name: str, *line: str, said: str | bytes = "", **more: str) -> Result:
        options = [] if "--user" in line else ["--project", str(self.project)]
        return self.run("memory", name, *options, *line, said=said, **more)

    def json(self, name: str, *line: str, said: str | bytes = "") -> Any:
        done = self(name, "--json", *line, said=said)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def learn(
        self, *drafts: Draft, exchange: Exchange | None = None, scope: Scope | None = None
    ) -> list[str]:
        with self.places.open(scope or self.scope) as store:
            return [added.id for added in store.add(drafts, exchange)]

    def ids(self) -> list[str]:
        return [one["id"] for one in self.json("list", "--all")]

    def starts(self, *line: str, **more: Any) -> subprocess.Popen[str]:
        """The command as a process of its own, in the project."""
        return subprocess.Popen(
            [MEMPROXY, "memory", *line],
            cwd=self.project,
            env=os.environ | self.environment,
            text=True,
            **more,
        )

    def at_a_terminal(self, *line: str, answer: str = "", columns: int = 80) -> tuple[int, str]:
        """The exit status, and all that appeared on the screen."""
        ours, its = pty.openpty()
        termios.tcsetwinsize(its, (24, columns))
        with self.starts(*line, stdin=its, stdout=its, stderr=its) as process:
            os.close(its)
            os.write(ours, answer.encode())
            screen = bytearray()
            # Linux tells the end of the other side as an error.
            with contextlib.suppress(OSError):
                while seen := os.read(ours, 4096):
                    screen += seen
            os.close(ours)
            return process.wait(SECONDS), screen.decode().replace("\r\n", "\n")


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    person = Person(tmp_path)
    yield person
    person.places.close()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def said(*texts: str, **more: Any) -> list[Draft]:
    return [Draft(text=one, **more) for one in texts]


def obeyed(output: str) -> list[str]:
    """The characters of an output that a terminal would act upon."""
    return [c for c in output if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


def filled(person: Person) -> list[str]:
    """Three memories of two sessions, and the exchange that one of them comes from."""
    exchange = Exchange(
        id="exchange-1",
        project=str(person.project),
        question="Which database do we take? I would like PostgreSQL.",
        answer="PostgreSQL 16 it is.",
        client="claude-code",
        model="some-model",
        session="monday",
        started=1_700_000_000.0,
    )
    decision = Draft(
        text="PostgreSQL 16 is the database.",
        kind=Kind.DECISION,
        role=Role.ASSISTANT,
        session="monday",
        created=1_700_000_000.0,
        evidence=(Evidence(Role.ASSISTANT, "PostgreSQL 16 it is.", "exchange-1"),),
    )
    return [
        *person.learn(decision, exchange=exchange),
        *person.learn(*said("The parser lives in src/grammar.", session="tuesday")),
        *person.learn(*said("Ines looks after the deployment.", speaker="Jo", session="tuesday")),
    ]


# --- whose memory ----------------------------------------------------------------------------


def test_a_directory_in_no_project_is_told_what_to_do(person: Person, tmp_path: Path) -> None:
    done = person.run("memory", "list", "--project", str(tmp_path))

    assert done.exit_code == 1
    assert "lies in no registered project" in done.stderr
    assert f"memproxy add {tmp_path}" in done.stderr


def test_a_folder_of_a_project_has_the_projects_memory(person: Person) -> None:
    filled(person)
    inner = person.project / "src"
    inner.mkdir()

    assert len(person.json("list", "--project", str(inner))) == 3


def test_what_the_user_has_is_apart_from_what_a_project_has(person: Person) -> None:
    person.learn(*said("Mine."), scope=USER)
    person.learn(*said("The project's."))

    [own], [project] = person.json("list", "--user"), person.json("list")

    assert (own["text"], own["project"]) == ("Mine.", None)
    assert (project["text"], project["project"]) == ("The project's.", str(person.project))


def test_nobody_has_two_memories_at_once(person: Person) -> None:
    done = person.run("memory", "list", "--user", "--project", str(person.project))

    assert done.exit_code == 2
    assert "--project" in done.stderr


READERS: dict[str, list[str]] = {
    "list": [],
    "search": ["anything"],
    "show": ["0123"],
    "edit": ["0123", "new"],
    "forget": ["--all"],
    "export": [],
    "stats": [],
    "reindex": [],
    "redact": [],
}


@pytest.mark.parametrize("name", READERS)
def test_where_nothing_was_ever_remembered_one_line_says_so(person: Person, name: str) -> None:
    done = person(name, *READERS[name])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: Nothing is remembered for {person.project}.\n"
    assert not (person.home / "memory").exists()


@pytest.mark.parametrize("name", ["list", "search"])
def test_a_program_gets_an_empty_list_where_nothing_is_remembered(
    person: Person, name: str
) -> None:
    never = person(name, "--json", *READERS[name])
    person.learn(*said("Something."))
    person("forget", "--all", "--yes")
    no_more = person(name, "--json", *READERS[name])

    for done in (never, no_more):
        assert (done.exit_code, done.stdout) == (1, "[]\n")
        assert "Nothing is remembered" in done.stderr


# --- list, search, show ----------------------------------------------------------------------


def test_the_list_begins_with_the_newest(person: Person) -> None:
    oldest, middle, newest = filled(person)

    done = person("list")

    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [newest[:8], middle[:8], oldest[:8]]
    assert [line.split()[3] for line in lines] == ["Jo", "user", "assistant"]
    assert "decision" in lines[2]
    assert "2023-11-1" in lines[2]
    assert lines[2].endswith("PostgreSQL 16 is the database.")
    assert done.stderr == ""


def test_the_list_says_when_there_is_more(person: Person) -> None:
    person.learn(*said(*(f"Number {n} of many." for n in range(25))))

    some, few, every = person("list"), person("list", "--limit", "3"), person("list", "--all")

    counts = [len(done.stdout.splitlines()) for done in (some, few, every)]
    assert counts == [20, 3, 25]
    assert ["more" in done.stderr for done in (some, few, every)] == [True, True, False]
    assert "more" not in person("list", "--limit", "25").stderr


def test_the_list_can_be_narrowed_to_a_kind_and_a_session(person: Person) -> None:
    decision, parser, deployment = filled(person)

    assert [one["id"] for one in person.json("list", "--kind", "decision")] == [decision]
    assert [one["id"] for one in person.json("list", "--session", "tuesday")] == [
        deployment,
        parser,
    ]
    assert person.json("list", "--kind", "rule") == []
    assert person("list", "--kind", "rule").exit_code == 0


def test_every_kind_can_be_named(person: Person) -> None:
    filled(person)

    assert {person("list", "--kind", kind.value).exit_code for kind in Kind} == {0}
    assert person("list", "--kind", "gossip").exit_code == 2


def test_a_long_list_is_whole_and_holds_nothing_twice(person: Person) -> None:
    ids = person.learn(*said(*(f"Fact number {n}." for n in range(2 * memory_view.PAGE + 7))))

    assert person.ids() == ids[::-1]


def test_a_list_is_read_page_by_page_while_others_learn(person: Person) -> None:
    before = set(person.learn(*said(*(f"Fact number {n}." for n in range(300)))))
    with person.places.open(person.scope) as store:
        walk = memory_view.memories(store)
        first = next(walk)
        person.learn(*said(*(f"Learned meanwhile, number {n}." for n in range(150))))

        seen = [first.id, *(one.id for one in walk)]

    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_a_search_shows_the_best_first(person: Person) -> None:
    decision, *_ = filled(person)

    found = person.json("search", "which", "database", "do we use?")

    assert found[0]["id"] == decision
    assert found[0]["relevant"] is True
    assert [one["score"] for one in found] == sorted((o["score"] for o in found), reverse=True)
    assert person("search", "database").stdout.split()[1] == decision[:8]


def test_a_search_shows_what_hardly_fits_only_when_asked(person: Person) -> None:
    filled(person)
    question = ("search", "PostgreSQL", "parser", "zebra", "crossing", "in", "Marrakesh")

    usual, every = person.json(*question), person.json(*question, "--all")

    assert all(one["relevant"] for one in usual)
    assert {one["id"] for one in usual} <= {one["id"] for one in every}


def test_a_search_that_finds_nothing_relevant_says_so_and_is_no_failure(person: Person) -> None:
    filled(person)

    told, listed = person("search", "xylophone"), person.json("search", "xylophone")

    assert told.exit_code == 0
    assert "Nothing relevant" in told.stdout
    assert listed == []


def test_all_about_a_memory_is_shown_with_where_it_comes_from(person: Person) -> None:
    decision, *_ = filled(person)
    with person.places.open(person.scope) as store:
        store.used([decision])

    told, machine = person("show", decision[:6]).stdout, person.json("show", decision[:6])

    assert machine["id"] == decision
    assert machine["times_used"] == 1
    assert machine["evidence"] == [
        {"exchange": "exchange-1", "role": "assistant", "passage": "PostgreSQL 16 it is."}
    ]
    for part in (decision, "decision", "monday", "1 time, last 20", "claude-code", "some-model"):
        assert part in told
    assert "evidence  assistant, exchange exchange-1" in told
    assert "\n    PostgreSQL 16 it is.\n" in told


def indenting(how: str) -> Draft:
    rule = Directive(f"Indent with {how}.", "indent", int(Subject.FORMAT))
    return Draft(text=rule.text, kind=Kind.RULE, rules=(rule,))


def test_a_rule_that_was_replaced_names_its_successor(person: Person) -> None:
    [old] = person.learn(indenting("tabs"))
    [new] = person.learn(indenting("two spaces"))

    assert person.json("show", old)["successor"] == new
    assert f"replaced  by {new[:8]}: Indent with two spaces." in person("show", old).stdout
    assert "(replaced) Indent with tabs." in person("list").stdout


@pytest.mark.parametrize("name", ["show", "edit", "forget"])
@pytest.mark.parametrize("wanted", ["zzzz", "", "%", "\x1b[2J"])
def test_an_unknown_id_is_told(person: Person, name: str, wanted: str) -> None:
    ids = filled(person)

    done = person(name, wanted, *(["new text"] if name == "edit" else []))

    assert done.exit_code == 1
    assert "There is no memory" in done.stderr
    assert "\x1b" not in done.stderr
    assert person.ids() == ids[::-1]


def test_an_id_that_means_two_memories_is_told_with_both(person: Person) -> None:
    person.learn(Draft(text="One.", id="abc1"), Draft(text="Two.", id="abc2"))

    done = person("show", "abc")

    assert done.exit_code == 1
    assert "More than one" in done.stderr
    assert "abc1" in done.stderr
    assert "abc2" in done.stderr
    assert person("show", "abc2").exit_code == 0


# --- what a terminal sees --------------------------------------------------------------------


def test_no_text_reaches_the_terminal_as_a_command(person: Person) -> None:
    exchange = Exchange(id=NASTY, project=None, question="?", answer="!", client=NASTY, model=NASTY)
    nasty = Draft(
        text=NASTY,
        id=f"{NASTY[8:12]}-id",
        speaker=NASTY,
        session=NASTY,
        evidence=(Evidence(Role.USER, NASTY, NASTY),),
    )
    [memory_id] = person.learn(nasty, exchange=exchange)

    for line in (
        ["list"],
        ["list", "--json"],
        ["search", "harmless", "words", "--all"],
        ["search", "harmless", "words", "--all", "--json"],
        ["show", memory_id],
        ["show", memory_id, "--json"],
        ["export"],
        ["stats"],
        ["forget", memory_id],
        ["forget", memory_id, "--yes", "--json"],
    ):
        done = person(*line)
        assert obeyed(done.stdout + done.stderr) == [], line
        assert done.stdout + done.stderr, line


@given(text())
def test_what_is_printed_is_never_obeyed(anything: str) -> None:
    shown = memory_output.printable(anything)

    assert set(obeyed(shown)) <= {"\t", "\u200c", "\u200d"}
    assert memory_output.printable(shown) == shown


def test_letters_of_all_languages_stay_as_they_are() -> None:
    words = "Grüße, 日本語, نمونه, हिन्दी, 👩\u200d💻"

    assert memory_output.printable(words) == words


@given(text(), integers(1, 100))
def test_what_is_cut_fits(anything: str, width: int) -> None:
    line = memory_output.printable(anything)
    shown = memory_output.cut(line, width)

    assert memory_output.width_of(shown) <= width
    assert shown == line or (shown.endswith("…") and line.startswith(shown[:-1]))


def test_a_pipe_gets_whole_lines_and_one_for_each_memory(person: Person) -> None:
    person.learn(*said("first line\nsecond line\r\n" + "word " * 200))

    [line] = person("list").stdout.splitlines()

    assert "first line second line word word" in line
    assert line.count("word") == 200


@pytest.mark.e2e
def test_a_terminal_gets_lines_as_wide_as_itself(person: Person) -> None:
    person.learn(*said("long " * 100, "記憶" * 100))

    status, screen = person.at_a_terminal("list", columns=90)

    lines = screen.splitlines()
    assert status == 0
    assert len(lines) == 2
    assert {memory_output.width_of(line) for line in lines} <= {89, 90}
    assert all(line.endswith("…") for line in lines)


@pytest.mark.e2e
@pytest.mark.parametrize("columns", [40, 60, 72])
def test_a_narrow_terminal_has_room_for_the_text(person: Person, columns: int) -> None:
    person.learn(*said("long " * 100, created=1_700_000_000.0, speaker="Jo"))

    _status, screen = person.at_a_terminal("list", columns=columns)

    [line] = screen.splitlines()
    assert memory_output.width_of(line) <= columns
    assert line.count("long") >= 2
    assert ("2023-11-1" in line, "Jo" in line) == (columns >= 60, columns >= 72)


# --- add, edit -------------------------------------------------------------------------------


def test_what_is_added_is_remembered(person: Person) -> None:
    done = person("add", "The", "staging server is called Heron.")
    [one] = person.json("list")

    assert done.exit_code == 0
    assert done.stdout == f"Remembered as {one['id'][:8]} ({one['kind']}).\n"
    assert one["text"] == "The staging server is called Heron."
    assert one["role"] == "user"
    assert person.json("search", "staging server")[0]["id"] == one["id"]


def test_what_is_added_comes_from_the_standard_input_too(person: Person) -> None:
    added = person.json("add", "-", "--kind", "decision", said="We deploy on Tuesdays.\n")

    assert (added["how"], added["kind"], added["redacted"]) == ("new", "decision", {})
    assert person.json("show", added["id"])["text"] == "We deploy on Tuesdays."


def test_bytes_that_are_no_text_do_no_harm(person: Person) -> None:
    added = person.json("add", "-", said=b"Latin \xe9 is not UTF-8 here.")

    assert person.json("show", added["id"])["text"] == "Latin \ufffd is not UTF-8 here."


def test_a_secret_that_is_added_is_named_by_its_kind_only(person: Person) -> None:
    done = person("add", f"The key for the crawler is {KEY} as of today.")

    assert "Redacted: 1 anthropic key." in done.stdout
    assert KEY not in done.output
    assert KEY not in person("export").stdout
    assert person.json("stats")["redacted"] == {"anthropic key": 1}


def test_what_was_known_is_not_added_twice(person: Person) -> None:
    first = person.json("add", "The logo is green.")
    again = person("add", "The logo is green.")

    assert again.stdout == f"This was known already, as {first['id'][:8]}.\n"
    assert person.ids() == [first["id"]]


def test_what_was_forgotten_on_purpose_is_not_added(person: Person) -> None:
    added = person.json("add", "The launch is planned for the ninth of May.")
    person("forget", added["id"], "--yes")

    again = person("add", "The launch is planned for the ninth of May.")

    assert again.exit_code == 0
    assert "forgotten on purpose, and was not added" in again.stdout
    assert person("list").exit_code == 1


@pytest.mark.parametrize("line", [["add", ""], ["add", " ", "\n"], ["add", "-"]])
def test_nothing_is_no_memory(person: Person, line: list[str]) -> None:
    done = person(*line)

    assert done.exit_code == 1
    assert "An empty text is no memory" in done.stderr


def test_an_edited_memory_keeps_its_id(person: Person) -> None:
    [memory_id] = person.learn(*said("The meeting is on Monday."))

    done = person("edit", memory_id[:8], "The meeting", "is on Wednesday.")

    assert done.stdout == f"Changed: {memory_id[:8]}\n"
    assert person.json("show", memory_id)["text"] == "The meeting is on Wednesday."
    assert person.json("search", "meeting wednesday")[0]["id"] == memory_id


def test_a_secret_is_taken_out_of_an_edited_text_too(person: Person) -> None:
    [memory_id] = person.learn(*said("The key is somewhere."))

    edited = person.json("edit", memory_id, f"The key is {KEY} indeed.")

    assert edited["redacted"] == {"anthropic key": 1}
    assert KEY not in person("export").stdout


def test_what_is_called_a_rule_and_reads_as_none_is_told(person: Person) -> None:
    none = person("add", "--kind", "rule", "Lanterns are in the meadow.")
    rule = person("add", "Always indent with two spaces.")

    assert "(rule).\nIt does not read as a standing rule" in none.stdout
    assert rule.stdout.endswith("(rule).\n")


def test_another_kind_alone_needs_no_editor(person: Person, tmp_path: Path) -> None:
    [memory_id] = person.learn(*said("We deploy on Tuesdays."))

    done = person("edit", memory_id, "--kind", "decision", **editor(tmp_path, "exit 3"))

    assert done.exit_code == 0
    shown = person.json("show", memory_id)
    assert (shown["kind"], shown["text"]) == ("decision", "We deploy on Tuesdays.")
    assert person.json("edit", memory_id, "--kind", "decision")["changed"] is False


def test_who_adds_one_memory_does_not_wait_for_all_that_lack_a_vector(person: Person) -> None:
    person.learn(*said(*(f"Fact number {n}." for n in range(2 * memory_view.EMBEDDED_OF_FEW))))

    done = person("add", "The staging server is called Heron.")

    left = memory_view.EMBEDDED_OF_FEW + 1
    assert done.stderr.startswith(f"{left} still found by words only")
    assert person.json("stats")["pending"] == left
    assert person.json("search", "staging server")[0]["relevant"] is True


def editor(directory: Path, script: str) -> dict[str, str]:
    program = directory / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return {"VISUAL": str(program)}


def test_without_a_text_the_editor_is_asked(person: Person, tmp_path: Path) -> None:
    [memory_id] = person.learn(*said("The build takes two minutes."))
    seen = tmp_path / "seen"
    script = f'ls -l "$1" > {seen}; sed -i.old s/two/nine/ "$1"; rm "$1.old"'

    done = person("edit", memory_id, **editor(tmp_path, script))

    assert done.exit_code == 0, done.output
    assert person.json("show", memory_id)["text"] == "The build takes nine minutes."
    assert seen.read_text().startswith("-rw-------")
    assert not Path(seen.read_text().split()[-1]).exists()


def test_an_editor_that_changes_nothing_changes_nothing(person: Person, tmp_path: Path) -> None:
    [memory_id] = person.learn(*said("The build takes two minutes."))

    for script in (":", 'touch "$1"'):
        done = person("edit", memory_id, **editor(tmp_path, script))
        assert (done.exit_code, done.stdout) == (0, "Nothing was changed.\n")


@pytest.mark.parametrize("script", ["exit 3", ': > "$1"'])
def test_an_editor_that_fails_or_empties_the_text_leaves_it(
    person: Person, tmp_path: Path, script: str
) -> None:
    [memory_id] = person.learn(*said("The build takes two minutes."))

    done = person("edit", memory_id, **editor(tmp_path, script))

    assert done.exit_code == 1
    assert person.json("show", memory_id)["text"] == "The build takes two minutes."


# --- forget ----------------------------------------------------------------------------------


def test_what_is_forgotten_is_gone_from_the_disk(person: Person) -> None:
    decision, *others = filled(person)

    done = person("forget", decision, "--yes")

    assert "Forgotten for good: 1 memory." in done.stdout
    assert "will not be learned again" in done.stdout
    assert person.ids() == others[::-1]
    for file in (person.home / "memory").rglob("*"):
        assert not file.is_file() or b"PostgreSQL 16" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (["--session", "tuesday"], [0]),
        (["--before", "2023-12-01"], [1, 2]),
        (["--before", "2023-12-01T10:30"], [1, 2]),
        (["--matching", "Which database do we use?"], [1, 2]),
        (["--matching", "xylophone"], [0, 1, 2]),
        (["--all"], []),
        (["--session", "sunday"], [0, 1, 2]),
    ],
    ids=str,
)
def test_memories_are_forgotten_by_what_they_have_in_common(
    person: Person, choice: list[str], kept: list[int]
) -> None:
    ids = filled(person)

    told = person.json("forget", "--yes", *choice)

    with person.places.open(person.scope) as store:
        left = {one.id for one in store.list()}
    assert left == {ids[n] for n in kept}
    assert set(told["ids"]) == set(ids) - left
    assert told["forgotten"] == len(told["ids"])


def test_what_a_search_shows_is_what_matching_forgets(person: Person) -> None:
    filled(person)
    question = "Who looks after the deployment?"

    shown = [one["id"] for one in person.json("search", question)]
    told = person.json("forget", "--yes", "--matching", question)

    assert told["ids"] == shown
    assert told["exchanges"] == 0


def exchanged(person: Person) -> None:
    """Three exchanges, of which no memory quotes all, and the last none at all."""
    for number, session in enumerate(("monday", "monday", "tuesday"), start=1):
        exchange = Exchange(
            id=f"exchange-{number}",
            project=str(person.project),
            question=f"Question {number} about herons, and a secret plan.",
            answer=f"Answer {number} about herons.",
            session=session,
            started=1_700_000_000.0 + number * 86_400,
        )
        with person.places.open(person.scope) as store:
            store.add(
                said(f"Answer {number} about herons.", session=session, created=exchange.started)
                if number < 3
                else [],
                exchange,
            )


@pytest.mark.parametrize(
    ("choice", "gone", "kept"),
    [
        (["--all"], (2, 3), ""),
        (["--session", "monday"], (2, 2), "3"),
        (["--session", "tuesday"], (0, 1), "12"),
        (["--session", "sunday"], (0, 0), "123"),
        (["--before", "2023-11-16T12:00"], (1, 1), "23"),
        (["--before", "2023-01-01"], (0, 0), "123"),
    ],
    ids=str,
)
def test_what_was_asked_and_answered_is_forgotten_with_it(
    person: Person, choice: list[str], gone: tuple[int, int], kept: str
) -> None:
    exchanged(person)

    told = person.json("forget", "--yes", *choice)

    assert (told["forgotten"], told["exchanges"]) == gone
    assert person.json("stats")["exchanges"] == len(kept)
    bytes_left = b"".join(
        file.read_bytes() for file in (person.home / "memory").rglob("*") if file.is_file()
    )
    for number in "123":
        assert (f"Question {number} about herons".encode() in bytes_left) is (number in kept)
        assert (f"Answer {number} about herons".encode() in bytes_left) is (number in kept)


def test_exchanges_without_memories_are_forgotten_too(person: Person) -> None:
    exchanged(person)
    person("forget", "--session", "monday", "--yes")

    asked, done = person("forget", "--all"), person("forget", "--all", "--yes")

    assert "With 1 exchange: all that was asked" in asked.stderr
    assert done.stdout.startswith("Forgotten for good: 1 exchange.")
    assert person("forget", "--all", "--yes").stdout == "Nothing of that is remembered.\n"


@pytest.mark.parametrize("line", [[], ["--all", "--session", "x"], ["abcd", "--all"]], ids=str)
def test_what_is_to_be_forgotten_is_said_in_one_way(person: Person, line: list[str]) -> None:
    filled(person)

    assert person("forget", "--yes", *line).exit_code == 2
    assert len(person.ids()) == 3


def test_one_unknown_id_among_others_deletes_nothing(person: Person) -> None:
    ids = filled(person)

    assert person("forget", "--yes", ids[0], "zzzz").exit_code == 1
    assert len(person.ids()) == 3


def test_the_same_id_twice_is_one_memory(person: Person) -> None:
    ids = filled(person)

    assert person.json("forget", "--yes", ids[0], ids[0][:8])["forgotten"] == 1


def test_nothing_is_forgotten_unasked_where_nobody_can_be_asked(person: Person) -> None:
    filled(person)

    done = person("forget", "--all", said="y\n")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "no terminal" in done.stderr
    assert "--yes" in done.stderr
    assert "Ines looks after" in done.stderr
    assert len(person.ids()) == 3


def test_many_that_are_to_be_forgotten_are_counted_not_shown(person: Person) -> None:
    person.learn(*said(*(f"Number {n} of many." for n in range(30))))

    done = person("forget", "--all")

    assert "… and 10 more." in done.stderr
    assert len(done.stderr.splitlines()) == 22


@pytest.mark.e2e
@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, 0), ("n\n", 1, 3), ("\n", 1, 3)])
def test_a_person_is_asked_before_anything_is_forgotten(
    person: Person, answer: str, status: int, left: int
) -> None:
    filled(person)

    ended, screen = person.at_a_terminal("forget", "--all", answer=answer)

    assert ended == status
    assert "Ines looks after" in screen
    assert "With 1 exchange: all that was asked and answered there.\n" in screen
    assert "Delete 3 memories and 1 exchange for good?" in screen
    with person.places.open(person.scope) as store:
        assert store.count() == left


# --- export, import --------------------------------------------------------------------------


def test_an_export_holds_everything_and_makes_the_same_memory(
    person: Person, tmp_path: Path
) -> None:
    _decision, parser, _deployment = filled(person)
    person("forget", parser, "--yes")
    file = tmp_path / "out.jsonl"

    told = person.json("export", str(file))
    taken = person.json("import", "--user", str(file))

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert told == {"file": str(file), "lines": len(lines)}
    assert taken == {"new": 2, "known": 0}
    again = person("export", "--user").stdout.splitlines()
    assert lines[1:] == [json.loads(line) for line in again[1:]]
    assert mode_of(file) == 0o600
    assert person("import", "--user", str(file)).stdout == (
        "Imported: 0 new, 2 known already, with 1 exchange and 1 mark of a forgotten sentence.\n"
    )


def test_an_export_goes_through_a_pipe(person: Person) -> None:
    filled(person)

    taken = person.json("import", "-", "--user", said=person("export").stdout)

    assert taken == {"new": 3, "known": 0}


def test_an_export_replaces_a_file_only_when_told(person: Person, tmp_path: Path) -> None:
    filled(person)
    file = tmp_path / "precious"
    file.write_text("kept")
    file.chmod(0o644)

    refused = person("export", str(file))
    assert (refused.exit_code, file.read_text()) == (1, "kept")
    assert "--force" in refused.stderr

    assert person("export", str(file), "--force").exit_code == 0
    assert mode_of(file) == 0o600
    assert "PostgreSQL" in file.read_text()


def test_an_export_of_nothing_does_not_replace_an_earlier_one(
    person: Person, tmp_path: Path
) -> None:
    filled(person)
    file = tmp_path / "out.jsonl"
    person("export", str(file))
    person.learn(scope=USER)

    for place in ("--user", f"--project={tmp_path}"):
        done = person("export", place, str(file), "--force")
        assert done.exit_code == 1
    assert "PostgreSQL" in file.read_text()


def test_an_export_takes_along_what_is_not_to_be_learned_again(
    person: Person, tmp_path: Path
) -> None:
    plan = "The one and only plan."
    person("add", plan)
    person("forget", "--all", "--yes")
    file = tmp_path / "out.jsonl"

    exported = person("export", str(file))
    imported = person("import", "--user", str(file))

    assert exported.stdout == (
        "Exported: 0 memories, with 1 mark of a forgotten sentence, to "
        f"{file}, readable by you alone.\n"
    )
    assert "plan" not in file.read_text()
    assert imported.stdout == (
        "Imported: 0 new, 0 known already, with 1 mark of a forgotten sentence.\n"
    )
    assert person("add", "--user", plan).stdout == (
        "This was forgotten on purpose, and was not added.\n"
    )


def test_exchanges_without_a_memory_are_exported_too(person: Person, tmp_path: Path) -> None:
    person.learn(
        exchange=Exchange(id="e1", project=str(person.project), question="And now?", answer="")
    )

    done = person("export", "-")
    taken = person("import", "--user", "-", said=done.stdout)

    assert "And now?" in done.stdout
    assert taken.stdout == "Imported: 0 new, 0 known already, with 1 exchange.\n"
    with person.places.open(USER) as store:
        assert store.count_exchanges() == 1


def test_an_export_that_cannot_be_written_leaves_nothing_behind(
    person: Person, tmp_path: Path
) -> None:
    filled(person)
    folder = tmp_path / "folder"
    folder.mkdir()

    for file in (folder / "missing" / "out", person.home / "ports.json" / "out"):
        done = person("export", str(file))
        assert done.exit_code == 1
        assert f"{file} cannot be written" in done.stderr
    assert person("export", str(folder), "--force").exit_code == 2
    assert list(folder.iterdir()) == []


MEMORY = {"type": "memory", "id": "abc", "text": "A fact.", "kind": "note", "role": "user"}


@pytest.mark.parametrize(
    "wrong",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"type": "memory"}',
        b'{"type": "memory", "id": "x", "text": 7}',
        b'{"type": "memory", "id": "x", "text": "t", "kind": "gossip"}',
        b'{"type": "memory", "id": "x", "text": "t", "learned": NaN}',
        b'{"type": "exchange", "id": []}',
        b'{"type": "tombstone", "mark": "xyz"}',
        b'{"type": "tombstone", "mark": 3}',
        b'{"type": "tombstone-key"}',
        b'{"type": "novel"}',
        b"{}",
        b"[" * 100_000,
    ],
    ids=lambda line: line[:60].decode("latin-1"),
)
def test_an_import_with_a_wrong_line_names_it_and_takes_nothing(
    person: Person, wrong: bytes
) -> None:
    [before] = person.learn(*said("Known before."))
    good = json.dumps(MEMORY).encode()

    done = person("import", "-", said=good + b"\n\n" + wrong + b"\n" + good + b"\n")

    assert done.exit_code == 1, done.output
    assert "the standard input, line 3: " in done.stderr
    assert "Nothing was imported." in done.stderr
    assert "Traceback" not in done.output
    assert person.ids() == [before]


def test_an_import_of_a_file_that_is_missing_says_so(person: Person, tmp_path: Path) -> None:
    assert person("import", str(tmp_path / "nothing")).exit_code == 2


# --- stats, reindex, redact ------------------------------------------------------------------


def test_stats_tell_people_and_programs_the_same(person: Person) -> None:
    filled(person)
    person("add", "Something with a date, and a proper end.")
    person("forget", "--session", "monday", "--yes")

    told, machine = person("stats").stdout, person.json("stats")

    assert machine["kinds"] == {"note": 1, "passage": 2}
    assert machine["memories"] == 3
    assert machine["forgotten"] > 0
    assert machine["project"] == str(person.project)
    assert Path(machine["file"]).is_file()
    assert machine["bytes"] >= Path(machine["file"]).stat().st_size
    assert machine["oldest"] <= machine["newest"] <= time.time()
    assert machine["set_aside"] == []
    for part in (machine["file"], "memories   3: ", "2 passage", str(person.project)):
        assert part in told


def test_a_reindexed_memory_is_found_by_words_and_by_meaning(person: Person) -> None:
    decision, *_ = filled(person)

    assert person("reindex").stdout == "Reindexed: 3 memories.\n"

    stats = person.json("stats")
    assert sum(stats["embedded"].values()) == 3
    assert stats["pending"] == 0
    assert person.json("search", "database")[0]["id"] == decision


@pytest.mark.e2e
def test_a_person_sees_how_far_a_long_task_is(person: Person) -> None:
    filled(person)

    for name in ("reindex", "redact"):
        status, screen = person.at_a_terminal(name)
        assert status == 0
        assert "[####" in screen, name


def test_secrets_that_an_earlier_version_let_pass_are_taken_out(person: Person) -> None:
    evidence = (Evidence(Role.USER, f"It is {KEY} now.", "e"),)
    exchange = Exchange(id="e", project=None, question=f"It is {KEY} now.", answer="Thanks.")
    draft = Draft(text=f"It is {KEY} now.", evidence=evidence, checked=redact.VERSION)
    person.learn(draft, exchange=exchange)

    told, machine = person("redact"), person.json("redact")

    assert told.stdout == "Redacted: 2 anthropic key.\n"
    assert machine == {"redacted": {}}
    assert person("redact").stdout == "There was no secret.\n"
    assert KEY not in person("export").stdout
    for file in (person.home / "memory").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


# --- when the store is not well --------------------------------------------------------------


def file_of(person: Person) -> Path:
    person.places.close()
    return Path(person.json("stats")["file"])


@pytest.mark.e2e
def test_a_damaged_store_is_set_aside_and_the_person_is_told_where(person: Person) -> None:
    filled(person)
    file = file_of(person)
    file.write_bytes(b"this was a database once, now it is a poem" * 200)

    with person.starts("list", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, trouble = process.communicate(timeout=SECONDS)
    [copy] = file.parent.glob(f"{file.name}.damaged-*")

    assert (process.returncode, output) == (1, "")
    assert str(copy) in trouble
    assert "Traceback" not in trouble
    assert b"poem" in copy.read_bytes()
    assert person.json("stats")["set_aside"] == [str(copy)]
    assert str(copy) in person("stats").stdout


def test_a_store_of_a_later_version_is_left_alone(person: Person) -> None:
    filled(person)
    file = file_of(person)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 999")
    before = file.read_bytes()

    for name, line in READERS.items():
        done = person(name, *line)
        assert done.exit_code == 1
        assert "later version" in done.stderr
    assert person("add", "text").exit_code == 1
    assert file.read_bytes() == before


def test_a_store_that_cannot_be_opened_is_told_in_one_line(person: Person) -> None:
    filled(person)
    file = file_of(person)
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    file.mkdir()

    done = person("list")

    assert done.exit_code == 1
    assert str(file) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_locked_store_is_told_in_one_line(person: Person) -> None:
    filled(person)
    file = file_of(person)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("BEGIN EXCLUSIVE")
        done = person("add", "This has to wait.")

    assert done.exit_code == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.output


# --- processes -------------------------------------------------------------------------------


@pytest.mark.e2e
def test_the_current_directory_says_whose_memory_it_is(person: Person) -> None:
    filled(person)

    with person.starts("list", "--json", stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0
    assert len(json.loads(output)) == 3


@pytest.mark.e2e
@pytest.mark.parametrize("line", [["list", "--all"], ["list", "--all", "--json"], ["export"]])
def test_a_reader_that_has_enough_is_no_trouble(person: Person, line: list[str]) -> None:
    person.learn(*said(*(f"Fact number {n}. " + "word " * 50 for n in range(2000))))

    with person.starts(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        trouble = process.stderr.read()
        status = process.wait(SECONDS)

    assert (status, trouble) == (memory_view.READER_GONE, "")


@pytest.mark.e2e
def test_a_terminal_that_lacks_a_letter_gets_its_number(person: Person) -> None:
    person.learn(*said("Straße 記"))
    person.environment["PYTHONIOENCODING"] = "latin-1"

    with person.starts("list", stdout=subprocess.PIPE, encoding="latin-1") as process:
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0
    assert output.endswith("Straße \\u8a18\n")


@pytest.mark.e2e
def test_the_command_starts_without_loading_what_only_memory_needs() -> None:
    ask = "import sys, scripts.command; print(*sys.modules, sep='\\n')"

    loaded = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()

    assert "scripts.memory_command" in loaded
    assert not {"numpy", "onnxruntime", "sqlite3", "httpx"} & set(loaded)
    # Plain values: a command's options name the kinds.
    assert {name for name in loaded if name.startswith("recall")} == {"recall", "recall.records"}


# --- settings --------------------------------------------------------------------------------


def configured(person: Person, *lines: str) -> None:
    (person.home / "config.yaml").write_text("memory:\n  embedding:\n    " + "\n    ".join(lines))


def test_the_settings_may_ask_for_words_only(person: Person) -> None:
    configured(person, "model: none")
    person("add", "The staging server is called Heron.")

    stats = person.json("stats")

    assert (stats["embedded"], stats["pending"]) == ({}, 0)
    assert person.json("search", "staging server")[0]["relevant"] is True
    assert "(searched: words only)" in person("search", "xylophone").stdout


def test_the_settings_name_the_model_that_makes_the_vectors(person: Person) -> None:
    with Provider() as provider:
        configured(
            person,
            f"url: {provider.url}/v1",
            "model: acme-embed",
            f"key: {KEY}",
            "dimensions: 16",
        )

        person("add", "The staging server is called Heron.")

        [asked] = provider.requests
    assert asked.path == "/v1/embeddings"
    assert asked.header("authorization") == f"Bearer {KEY}"
    assert json.loads(asked.body)["dimensions"] == 16
    assert person.json("stats")["embedded"] == {"acme-embed/16": 1}


def test_a_model_that_cannot_be_reached_costs_no_memory_and_tells_no_key(person: Person) -> None:
    configured(person, "url: http://127.0.0.1:1/v1", "model: m", f"key: {KEY}")

    added, found = person("add", "The server is called Heron."), person("search", "server")

    assert (added.exit_code, found.exit_code) == (0, 0)
    assert "Found by words only, for now: the embedding endpoint cannot" in added.stderr
    assert "Heron" in found.stdout
    assert KEY not in added.output + found.output


def test_a_mistake_in_the_settings_is_told_with_its_line(person: Person) -> None:
    configured(person, f"key: {KEY}", "url: http://127.0.0.1:1/v1")

    done = person("add", "The server is called Heron.")

    assert done.exit_code == 1
    assert f"{person.home / 'config.yaml'}:4: memory.embedding.url: `url` needs" in done.stderr
    assert KEY not in done.output


def test_every_command_speaks_to_programs_and_names_its_memory() -> None:
    context = click.Context(main)

    for name, one in memory_command.memory.commands.items():
        options = {option for parameter in one.params for option in parameter.opts}
        assert {"--json", "--project", "--user"} <= options, name
        assert one.get_short_help_str(200), name
    assert "memory" in main.list_commands(context)


def test_the_help_has_the_commands_in_the_order_of_their_use(person: Person) -> None:
    told = person.run("memory", "--help").stdout

    shown = [line.split()[0] for line in told.partition("Commands:")[2].splitlines() if line]
    assert shown == list(memory_command.memory.commands)
    assert shown[:4] == ["list", "search", "show", "add"]


def test_all_memories_there_are_can_be_seen_at_once(person: Person) -> None:
    assert person("stats", "--everywhere").stdout == "Nothing is remembered yet.\n"
    person("add", "The lighthouse is red.")
    person("add", "--user", "I live in Oslo.")

    told, machine = person("stats", "--everywhere"), person.json("stats", "--everywhere")

    assert [line.split()[:2] for line in told.stdout.splitlines()] == [["1", "memory"]] * 2
    assert "you, across all projects" in told.stdout.splitlines()[0]
    assert [one["project"] is None for one in machine] == [True, False]


def test_a_memory_that_cannot_be_used_hides_no_other(person: Person, tmp_path: Path) -> None:
    person("add", "--user", "I live in Oslo.")
    later, junk = Scope("/work/later"), Scope("/work/junk")
    for scope in (person.scope, later, junk):
        person.learn(*said("The lighthouse is red."), scope=scope)
    person.places.close()
    with contextlib.closing(sqlite3.connect(person.places.path_of(later))) as db:
        db.execute("PRAGMA user_version = 999")
    person.places.path_of(junk).write_bytes(b"this was a database once" * 200)

    told, machine = person("stats", "--everywhere"), person("stats", "--everywhere", "--json")

    assert (told.exit_code, machine.exit_code) == (1, 1)
    assert len(told.stdout.splitlines()) == 2
    assert str(person.project) in told.stdout
    assert [one["project"] for one in json.loads(machine.stdout)] == [None, str(person.project)]
    for trouble in (told.stderr.splitlines(), machine.stderr.splitlines()):
        assert trouble[0].startswith(f"Error: {person.places.path_of(junk)} is damaged")
        assert trouble[1].startswith(
            f"Error: {person.places.path_of(later)} was written by a later"
        )
        assert len(trouble) == 2


@pytest.fixture
def closed_disk(person: Person) -> Iterator[Callable[[], None]]:
    """All memory lies on a disk of its own, on which nothing can be written any more at a call."""
    disk = person.home / "memory"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a disk")

    def close() -> None:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    yield close
    subprocess.run(["umount", disk], check=True)


@pytest.mark.e2e
def test_where_nothing_may_be_written_nobody_is_told_that_nothing_is_remembered(
    person: Person, closed_disk: Callable[[], None]
) -> None:
    person("add", "The lighthouse is red.")
    person("add", "--user", "I live in Oslo.")
    closed_disk()

    told, machine = person("stats", "--everywhere"), person("stats", "--everywhere", "--json")

    assert (told.exit_code, told.stdout) == (1, "")
    assert (machine.exit_code, machine.stdout) == (1, "[]\n")
    assert told.stderr == machine.stderr
    files = [person.places.path_of(scope) for scope in (person.scope, USER)]
    for line, file in zip(told.stderr.splitlines(), files, strict=True):
        assert line.startswith(f"Error: {file} cannot be used now: ")
