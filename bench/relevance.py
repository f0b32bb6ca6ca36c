"""Whether questions get memories that have to do with them, and nothing otherwise.

    python -m bench.relevance MEMORIES.jsonl QUERIES.jsonl [MORE_MEMORIES.jsonl MORE_QUERIES.jsonl]

The files are those of bench.retrieval; of each question, `gold` names the memories that answer it,
or `gold_sessions` the sessions. Of each set a few scopes are filled, each into a store of its own.

Related: what a scope's own questions find among the best ten is kept when the threshold is on, in
the search and in what is recalled within the usual budget. Unrelated: questions of other scopes, of
other sets, and those below, which have to do with nobody's memory, shall get nothing. A standing
rule comes back wherever a request falls under it, so what brought back nothing else is counted
apart. Where each scope asks for the same sort of work, the questions of other scopes fall under its
rules as its own do, and that row says nothing about the threshold.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.retrieval import fill, lines_of
from recall.embedding import EmbeddingSettings, embedder_of
from recall.engine import Recall
from recall.records import Kind, Scope
from recall.scopes import Stores
from recall.sqlite_store import SqliteStore

PATIENCE: Final = 60.0
BEST: Final = 10

KNOWLEDGE: Final = (
    "What is the boiling point of ethanol?",
    "Who painted the ceiling of the Sistine Chapel?",
    "Why is the sky blue?",
    "How many moons does Jupiter have?",
    "What year did the Berlin Wall come down?",
    "Explain how vaccines work.",
    "What is the capital of Mongolia?",
    "How far away is the nearest star?",
    "Who wrote The Brothers Karamazov?",
    "What causes tides?",
    "How does a diesel engine differ from a petrol engine?",
    "Which planet rotates on its side?",
    "What language is spoken in Suriname?",
    "How tall is Kilimanjaro?",
    "When was the printing press invented?",
    "What is the difference between a crocodile and an alligator?",
    "How do bees make honey?",
    "Which element has the symbol W?",
    "Who was the first woman in space?",
    "How long does light take from the sun to the earth?",
    "What is the tallest building in Kuala Lumpur?",
    "Why do leaves change colour in autumn?",
    "What does a notary do?",
    "Explain the offside rule in football.",
    "What is the plural of octopus?",
    "How is glass made?",
    "What is the Treaty of Westphalia?",
    "Which river flows through Baghdad?",
    "What do pandas eat?",
    "How many strings has a cello?",
    "Who discovered penicillin?",
    "What is the square root of 1764?",
    "How are pearls formed?",
    "What is inflation in economics?",
    "Name three noble gases.",
    "What is the currency of Hungary?",
    "What is photosynthesis?",
    "How does a refrigerator get cold?",
    "Why did the Roman Empire fall?",
    "How deep is the Mariana Trench?",
)
OTHER_LANGUAGES: Final = (
    "Wie hoch ist der Eiffelturm?",
    "Wer hat den Buchdruck erfunden?",
    "Warum ist das Meer salzig?",
    "Quelle est la capitale du Portugal ?",
    "Combien de pattes a une araignée ?",
    "¿Cuántos huesos tiene el cuerpo humano?",
    "¿Quién pintó el Guernica?",
    "日本で一番高い山は何ですか。",
    "太阳系有多少颗行星？",  # noqa: RUF001 - the question mark of Chinese
    "Сколько дней в високосном году?",
)
SMALL_TALK: Final = (
    "Hello!",
    "Hi there, how are you?",
    "Good morning",
    "Good night, see you tomorrow",
    "Thanks a lot!",
    "thank you, that was great",
    "Nice work.",
    "You're welcome",
    "Haha, that's funny",
    "lol",
    "Are you there?",
    "Who are you?",
    "What can you do?",
    "Are you a robot?",
    "Which model are you?",
    "Tell me a joke.",
    "I'm bored.",
    "How's the weather?",
    "What time is it?",
    "That's not what I meant.",
    "Sorry, my mistake.",
    "Never mind.",
    "I don't understand.",
    "Interesting!",
    "wow",
    "Have a nice weekend!",
    "Can you hear me?",
    "Do you like music?",
    "Happy birthday!",
    "test",
)
GENERIC_CODING: Final = (
    "How do I reverse a list in Python?",
    "Write a regex that matches an email address.",
    "What is the difference between let and const?",
    "How do I exit vim?",
    "Explain the CAP theorem.",
    "What does O(n log n) mean?",
    "Write a bash loop over all files in a directory.",
    "How do I undo the last commit?",
    "Write a function that checks whether a number is prime.",
    "What is a monad?",
    "Convert this JSON to YAML.",
    "How do I centre a div?",
    "What is the difference between TCP and UDP?",
    "Write a Dockerfile for a Go binary.",
    "How do I sort a dictionary by value?",
    "What is tail recursion?",
    "Write a SQL query that finds duplicate rows.",
    "What is the default port of PostgreSQL?",
    "Explain what a segmentation fault is.",
    "Write a binary search in Rust.",
    "What does chmod 755 do?",
    "How do I read a file line by line in Java?",
    "Write unit tests for a stack.",
    "What is dependency injection?",
    "Generate a UUID in JavaScript.",
    "How do I kill a process on port 8080?",
    "What is the difference between a process and a thread?",
    "Write a haiku about compilers.",
    "How do I parse command line arguments in C?",
    "Explain list comprehensions.",
)
COMMANDS: Final = (
    "continue",
    "go on",
    "yes",
    "no",
    "ok",
    "ok, do it",
    "yes please",
    "proceed",
    "next",
    "stop",
    "try again",
    "do the same for the rest",
    "run the tests",
    "fix it",
    "commit this",
    "commit and push",
    "undo that",
    "format the code",
    "fix the lint errors",
    "explain this file",
    "make it shorter",
    "summarize what you did",
    "show me the diff",
    "looks good, merge it",
    "refactor this function",
    "clean up",
    "/clear",
    "write a commit message",
    "add comments",
    "rename the variable",
)
GENERAL: Final = {
    "knowledge": KNOWLEDGE,
    "other languages": OTHER_LANGUAGES,
    "small talk": SMALL_TALK,
    "generic coding": GENERIC_CODING,
    "commands": COMMANDS,
}
OTHER_SCOPES: Final = "other scopes"
OTHER_SETS: Final = "other sets"


@dataclass(frozen=True, slots=True)
class Set:
    """Memories and questions by scope."""

    name: str
    memories: dict[str, list[dict[str, Any]]]
    questions: dict[str, list[dict[str, Any]]]


@dataclass(slots=True)
class Related:
    """What became of the questions that a scope can answer."""

    asked: int = 0
    found: int = 0
    relevant: int = 0
    recalled: int = 0

    def __add__(self, other: "Related") -> "Related":
        return Related(
            self.asked + other.asked,
            self.found + other.found,
            self.relevant + other.relevant,
            self.recalled + other.recalled,
        )


@dataclass(slots=True)
class Unrelated:
    """How many of the questions that have to do with something else got a memory."""

    asked: int = 0
    relevant: int = 0
    recalled: int = 0
    rules_alone: int = 0

    def __add__(self, other: "Unrelated") -> "Unrelated":
        return Unrelated(
            self.asked + other.asked,
            self.relevant + other.relevant,
            self.recalled + other.recalled,
            self.rules_alone + other.rules_alone,
        )


@dataclass(slots=True)
class Counts:
    """All that was counted, by set, and by set and kind of question."""

    related: dict[str, Related] = field(default_factory=lambda: defaultdict(Related))
    unrelated: dict[tuple[str, str], Unrelated] = field(
        default_factory=lambda: defaultdict(Unrelated)
    )


def main() -> None:
    """Fill the stores one after the other, and ask each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--scopes", type=int, default=10, help="of each set, at most")
    parser.add_argument("--own", type=int, default=60, help="questions of a scope's own, at most")
    parser.add_argument("--others", type=int, default=40, help="of other scopes, and of other sets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--words-only", action="store_true", help="without any embedding model")
    parser.add_argument("--show", type=int, default=0, help="so many of what went wrong")
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("each file of memories needs its file of questions")

    pairs = zip(arguments.files[::2], arguments.files[1::2], strict=True)
    sets = [read(memories, questions) for memories, questions in pairs]
    chance = random.Random(arguments.seed)  # noqa: S311 - the same every time, on purpose
    model = EmbeddingSettings(model="none" if arguments.words_only else None)
    counts, began = Counts(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(Path(folder), embedder_of(model))
        engine = Recall(stores)
        for each in sets:
            for user in sample(chance, sorted(each.memories), arguments.scopes):
                own = sample(chance, each.questions[user], arguments.own)
                strange = strangers(chance, sets, each, user, arguments.others)
                with stores.open(Scope(f"/{each.name}/{user}")) as store:
                    asking = Asking(store, engine, each.name, counts, arguments.show)
                    asking.fill(each.memories[user])
                    asking.related(own)
                    asking.unrelated(strange)
                print(f"{each.name} {user}, {time.monotonic() - began:.0f} s", file=sys.stderr)
        engine.close()
        stores.close()
    report(counts)


def read(memories: Path, questions: Path) -> Set:
    """The memories and the questions of a set."""
    by_user = defaultdict(list)
    for line in lines_of(memories):
        by_user[line["user"]].append(line)
    asked = defaultdict(list)
    for line in lines_of(questions):
        asked[line["user"]].append(line)
    return Set("/".join(memories.absolute().parts[-3:-1]), by_user, asked)


def sample[T](chance: random.Random, of: list[T], most: int) -> list[T]:
    """At most so many of these, in their order."""
    places = sorted(chance.sample(range(len(of)), min(most, len(of))))
    return [of[place] for place in places]


def strangers(
    chance: random.Random, sets: list[Set], here: Set, user: str, most: int
) -> dict[str, list[str]]:
    """By kind, questions that have nothing to do with a scope."""
    # The same task may be set in several scopes.
    own = {question["text"] for question in here.questions[user]}

    def chosen(questions: Iterator[dict[str, Any]]) -> list[str]:
        texts = dict.fromkeys(q["text"] for q in questions if q["text"] not in own)
        return sample(chance, list(texts), most)

    beside = (q for name, asked in here.questions.items() if name != user for q in asked)
    elsewhere = (q for s in sets if s is not here for asked in s.questions.values() for q in asked)
    return {
        OTHER_SCOPES: chosen(beside),
        OTHER_SETS: chosen(elsewhere),
        **{kind: list(texts) for kind, texts in GENERAL.items()},
    }


class Asking:
    """One scope being filled and asked."""

    def __init__(
        self, store: SqliteStore, engine: Recall, name: str, counts: Counts, show: int
    ) -> None:
        self._store = store
        self._engine = engine
        self._name = name
        self._counts = counts
        self._show = show
        self._holds: dict[str, set[str]] = {}  # by memory, the lines and sessions it stands for

    def fill(self, memories: list[dict[str, Any]]) -> None:
        """Store all of a scope's memories."""
        names = fill(self._store, memories)
        session = {line["id"]: line["session"] for line in memories}
        self._holds = {
            memory: {*lines, *(session[line] for line in lines)} for memory, lines in names.items()
        }

    def related(self, questions: list[dict[str, Any]]) -> None:
        """Ask what some memory answers."""
        for question in questions:
            gold = set(question["gold"] or question["gold_sessions"])
            if not gold:
                continue
            text = question["text"]
            hits = self._store.search(text, limit=BEST, seconds=PATIENCE).hits
            answers = [hit for hit in hits if self._holds[hit.memory.id] & gold]
            brought = self._engine.recall_now(text, self._store.scope, PATIENCE).memories
            is_relevant = any(hit.relevant for hit in answers)
            is_recalled = any(self._holds[memory.id] & gold for memory in brought)
            self._counts.related[self._name] += Related(
                1, bool(answers), is_relevant, bool(answers) and is_recalled
            )
            if answers and not is_relevant:
                self._tell("lost", text, answers[0].memory.text)

    def unrelated(self, questions: dict[str, list[str]]) -> None:
        """Ask what has nothing to do with any memory."""
        for kind, texts in questions.items():
            for text in texts:
                hits = self._store.search(text, limit=BEST, seconds=PATIENCE).hits
                brought = self._engine.recall_now(text, self._store.scope, PATIENCE).memories
                rules_alone = bool(brought) and all(m.kind is Kind.RULE for m in brought)
                self._counts.unrelated[self._name, kind] += Unrelated(
                    1, any(hit.relevant for hit in hits), bool(brought), rules_alone
                )
                if brought:
                    self._tell(kind, text, brought[-1].text)

    def _tell(self, what: str, question: str, memory: str) -> None:
        if self._show > 0:
            self._show -= 1
            print(f"{self._name}, {what}: {question[:160]!r}\n  {memory[:200]!r}")


def report(counts: Counts) -> None:
    """A table of each sort, one row for each set and kind, and what they come to."""
    print(
        f"{'related':34} {'asked':>6} {'found in 10':>12} {'kept, search':>13}"
        f" {'kept, recall':>13}   (of those found)"
    )
    for name, own in {**counts.related, "all": sum(counts.related.values(), Related())}.items():
        print(
            f"{name:34} {own.asked:6} {_share(own.found, own.asked):>12}"
            f" {_share(own.relevant, own.found):>13} {_share(own.recalled, own.found):>13}"
        )
    print(
        f"\n{'unrelated':34} {'asked':>6} {'got, search':>12} {'got, recall':>13}"
        f" {'rules alone':>13} {'more than rules':>16}"
    )
    kinds = dict.fromkeys(kind for _name, kind in counts.unrelated)
    names = dict.fromkeys(name for name, _kind in counts.unrelated)
    rows = {f"{name}: {kind}": count for (name, kind), count in counts.unrelated.items()}
    for kind in kinds:
        rows[f"all: {kind}"] = sum((counts.unrelated[n, kind] for n in names), Unrelated())
    for name in names:
        rows[f"{name}: all"] = sum((counts.unrelated[name, k] for k in kinds), Unrelated())
    rows["all"] = sum(counts.unrelated.values(), Unrelated())
    for label, got in rows.items():
        if got.asked:
            print(
                f"{label:34} {got.asked:6} {_share(got.relevant, got.asked):>12}"
                f" {_share(got.recalled, got.asked):>13} {_share(got.rules_alone, got.asked):>13}"
                f" {_share(got.recalled - got.rules_alone, got.asked):>16}"
            )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


if __name__ == "__main__":
    main()
