"""Whether an identifier that a question spells out leads to the memories that hold it.

    python -m bench.identifiers
    python -m bench.identifiers --memories 10000 --questions 500 --seed 1 --misses 5

Memories of talk about code are made up, with identifiers that are easily taken for each other: the
same words in another order or in the plural, numbers that differ in one digit, the same file in
other folders. A session is about a few families of such twins. A question counts as answered when
any of the memories that hold its identifier is found. The last column asks as a proxy does: with
the threshold, and in the usual budget.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from recall.drafts import draft
from recall.embedding import EmbeddingSettings, embedder_of
from recall.engine import Recall
from recall.records import Draft, Role, Scope
from recall.scopes import Stores
from recall.sqlite_store import SqliteStore

SCOPE: Final = Scope("/bench")
PATIENCE: Final = 60.0
AT_ONCE: Final = 256
MOST: Final = 100_000
NAMED_PER_MEMORY: Final = 0.45  # how many different identifiers there are for each memory
PROMISED: Final = ("function", "file", "ticket", "error code")


def _words(text: str) -> list[str]:
    return text.split()


# --- identifiers ------------------------------------------------------------------------------

VERBS: Final = _words("load save parse fetch build merge flush split render verify")
THINGS: Final = _words(
    "user cache order token invoice session report header config batch index queue"
)
ENDINGS: Final = ("Async", "ById", "FromDisk", "ForTenant", "Once", "V2")
FOLDERS: Final = _words("api core web jobs billing shared admin store worker common")
FILES: Final = _words(
    "models views client handlers schema errors settings routes queries limits mail cron"
)
SUFFIXES: Final = ("py", "ts", "go", "rs", "sql", "yaml", "test.ts")
TICKETS: Final = _words("PAY OPS WEB API CORE DATA INFRA AUTH APP DOCS")


def functions(chance: random.Random) -> list[str]:
    """A function, and those with nearly its name."""
    verb, other = chance.sample(VERBS, 2)
    one, two = chance.sample(THINGS, 2)
    ending = chance.choice(ENDINGS)
    camel = [
        f"{verb}{one.title()}{two.title()}",
        f"{verb}{two.title()}{one.title()}",
        f"{other}{one.title()}{two.title()}",
        f"{verb}{one.title()}{two.title()}{ending}",
        f"{verb}{two.title()}{one.title()}{ending}",
        f"{verb}{one.title()}{_several(two.title())}",
    ]
    snake = [
        f"{verb}_{one}_{two}",
        f"{one}_{verb}_{two}",
        f"{one}_{two}_{verb}",
        f"{other}_{two}_{one}",
        f"{verb}_{_several(two)}_{one}",
        f"_{verb}_{one}_{two}",
        f"{verb}_{one}_{two}_{chance.randint(2, 9)}",
    ]
    named = camel if chance.random() < 0.5 else snake
    # The same words in the other style: one program calls the other.
    return [*named, snake[0] if named is camel else camel[0]]


def files(chance: random.Random) -> list[str]:
    """A file, the same name in other folders, and other names in the same folder."""
    root = chance.choice(("src", "lib", "app", "tests", "internal"))
    one, two, three = chance.sample(FOLDERS, 3)
    name, other = chance.sample(FILES, 2)
    suffix, second = chance.sample(SUFFIXES, 2)
    if chance.random() < 0.12:
        return [f"{root}\\{a}\\{b}.cs" for a, b in product((one, two), (name, other))]
    return [
        f"{root}/{one}/{name}.{suffix}",
        f"{root}/{two}/{name}.{suffix}",
        f"{root}/{one}/{two}/{name}.{suffix}",
        f"{root}/{two}/{one}/{name}.{suffix}",
        f"{root}/{one}/{other}.{suffix}",
        f"{root}/{one}/{name}.{second}",
        f"{three}/{name}.{suffix}",
    ]


def modules(chance: random.Random) -> list[str]:
    """A dotted name, and its twins."""
    one, two, three = chance.sample(FOLDERS + THINGS, 3)
    verb, other = chance.sample(VERBS, 2)
    owner, second = one.title() + two.title(), two.title() + one.title()
    sign = chance.choice((".", "::", "->"))
    return [
        f"{one}.{two}.{three}",
        f"{one}.{three}.{two}",
        f"{three}.{two}.{verb}_{one}",
        f"{owner}{sign}{verb}",
        f"{owner}{sign}{other}",
        f"{second}{sign}{verb}",
    ]


def tickets(chance: random.Random) -> list[str]:
    """A ticket, those whose number differs in a digit, and the same number elsewhere."""
    here, there = chance.sample(TICKETS, 2)
    number = str(chance.randint(100, 99_999))
    twins = [_one_digit_off(chance, number) for _ in range(3)]
    return [f"{here}-{n}" for n in (number, *twins)] + [f"{there}-{number}"]


def errors(chance: random.Random) -> list[str]:
    """An error code, and its twins."""
    sort = chance.randrange(4)
    if sort == 0:
        one, two, three = (word.upper() for word in chance.sample(THINGS + VERBS, 3))
        start = chance.choice(("ERR", "E", "ERROR"))
        orders = ((one, two), (two, one), (one, two, three), (one, three))
        return ["_".join((start, *words)) for words in orders]
    if sort == 1:
        code = f"{chance.randrange(0x80000000, 0x80100000):08X}"
        return [f"0x{c}" for c in (code, *(_one_digit_off(chance, code) for _ in range(3)))]
    start, size = chance.choice((("E", 4), ("TS", 4), ("C", 4), ("ORA-", 5), ("SQL", 5)))
    code = f"{chance.randrange(10**size):0{size}}"
    return [start + c for c in (code, *(_one_digit_off(chance, code) for _ in range(3)))]


def versions(chance: random.Random) -> list[str]:
    """A version, and those beside it."""
    one, two, three = chance.randint(0, 30), chance.randint(0, 40), chance.randint(0, 30)
    return [
        f"{one}.{two}.{three}",
        f"{one}.{two}.{three + 1}",
        f"{one}.{two + 1}.{three}",
        f"{one}.{two}.{three}0",
        f"{one}.{two}.{three}-rc.1",
        f"{one + 1}.{two}.{three}",
    ]


def hashes(chance: random.Random) -> list[str]:
    """The short hash of a commit, and others that begin alike."""
    first = "".join(chance.choice("0123456789abcdef") for _ in range(7))
    swapped = first[:3] + first[4] + first[3] + first[5:]
    return [first, swapped, *(_one_digit_off(chance, first) for _ in range(3))]


def _several(thing: str) -> str:
    return f"{thing}es" if thing.endswith("x") else f"{thing}s"


def _one_digit_off(chance: random.Random, code: str) -> str:
    place = chance.randrange(1, len(code))
    others = "0123456789" if code[place].isdigit() else "ABCDEF"
    digit = chance.choice([d for d in others if d != code[place].upper()])
    return code[:place] + (digit.lower() if code.islower() else digit) + code[place + 1 :]


FAMILIES: Final[dict[str, tuple[float, Callable[[random.Random], list[str]]]]] = {
    "function": (0.3, functions),
    "file": (0.2, files),
    "ticket": (0.12, tickets),
    "error code": (0.12, errors),
    "dotted name": (0.12, modules),
    "version": (0.07, versions),
    "commit": (0.07, hashes),
}

# --- what is said about them ------------------------------------------------------------------

FILLER: Final = (
    "The {thing} job took {number} seconds after the last deploy.",
    "{who} wants the {adjective} {thing} gone before {day}.",
    "I think the {adjective} part is how the {thing} and the {other} talk to each other.",
    "On staging the {thing} page stayed empty until somebody restarted the {other}.",
    "Nobody has touched the {thing} since {who} left the team.",
    "We keep {number} of them and drop the rest.",
    "It only shows when the {thing} is {adjective} and the {other} is not.",
    "The dashboard says {number} requests a minute, most of them for the {thing}.",
    "That was agreed with {who} on {day}, in the meeting about the {other}.",
    "The tests for the {thing} are slow because each one starts a database.",
    "A retry hides it, so the logs look clean although the {thing} was {adjective}.",
    "Let me know whether the {other} should stay as it is.",
    "The container has {number} MB and needs about half of that.",
    "In the end the {adjective} setup was the cheaper one.",
)
TOLD_BY_USER: Final = (
    "I looked into {x} and the {thing} is {adjective} there.",
    "{x} breaks as soon as the {thing} is {adjective}, {who} saw it on {day}.",
    "We decided on {day} that {x} stays {adjective} until the {other} is rewritten.",
    "Remember that {x} belongs to {who}, ask before the {thing} is changed.",
    "Yesterday {who} and I spent {number} minutes on {x}; the {thing} was to blame.",
    "About {x}: the {adjective} {thing} is on purpose, because the {other} cannot wait.",
    "Can you make {x} less {adjective}? The {thing} suffers from it.",
    "Since {day} the {thing} is stuck, and {x} is where it starts.",
    "What bothers me in {x} is the {adjective} {thing}, and that {who} built on it.",
    "{who} says {x} is fine, it is the {other} that is {adjective}.",
)
TOLD_BY_ASSISTANT: Final = (
    "I traced it to {x}: the {thing} is read before the {other} is ready.",
    "{x} now waits for the {thing}, so the {other} can no longer be {adjective}.",
    "The cause was {x}, where a {adjective} {thing} was taken for a {other}.",
    "With {x} out of the way the {thing} takes {number} ms instead of {number} seconds.",
    "I left {x} as it is, since the {adjective} {thing} depends on it.",
    "What {x} needs is a lock around the {thing}; everything else is {adjective} enough.",
    "To sum up: {x} is {adjective}, the {other} is not, and {number} tests cover both.",
    "Neither the {thing} nor the {other} mattered, it was {x} all along.",
)
TOLD_OF: Final = {
    "function": (
        "{x} returns nothing when the {thing} is {adjective}.",
        "I renamed the argument of {x} and made the {thing} optional.",
        "Call {x} once at the start, then the {other} keeps the {thing}.",
    ),
    "file": (
        "In {x} the {thing} comes from the {other}.",
        "I split {x}, the {adjective} half went to the {other}.",
        "The {thing} settings are in {x}, line {number}.",
    ),
    "ticket": (
        "{x} is about the {adjective} {thing}, {who} has it now.",
        "Please close {x}, the {thing} was fixed together with the {other}.",
        "The {thing} work goes under {x} and not under the old one.",
    ),
    "error code": (
        "It fails with {x} whenever the {thing} is {adjective}.",
        "{x} went away after I pinned the {other}.",
        "The log shows {x} {number} times, each for another {thing}.",
    ),
    "dotted name": (
        "Importing {x} pulls in the whole {thing}, which makes the start {adjective}.",
        "{x} is only used by the {other} now.",
        "I moved the {thing} check into {x}.",
    ),
    "version": (
        "The {thing} library has to stay at {x}, newer ones are {adjective}.",
        "With {x} the {thing} test passes again.",
        "{who} shipped {x} on {day}, with the {adjective} {thing} in it.",
    ),
    "commit": (
        "{x} introduced the {adjective} {thing}.",
        "I reverted {x} because of the {other}.",
        "The {thing} worked until {x}, {who} bisected it on {day}.",
    ),
}
THINGS_TOLD: Final = _words(
    "cache queue parser login upload export checkout search index mailer scheduler "
    "importer dashboard webhook gateway invoice profile upgrade backup migration sandbox "
    "editor"
)
ADJECTIVES: Final = _words(
    "slow stale empty broken flaky half-finished nested outdated quiet locked duplicate "
    "huge fragile unsorted lazy missing strict noisy"
)
PEOPLE: Final = _words("Amira Bruno Chidi Dorota Emre Farah Goran Hana Ivo Jun Kamila Leandro")
DAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

# What stands above everything that is merely alike, where a request falls under it.
RULES: Final = (
    "Always add a test for what you change.",
    "Never commit to the main branch.",
    "From now on write type hints in every function.",
    "Always run the linter before you finish.",
    "Do not add dependencies without asking me.",
    "Use tabs instead of spaces in SQL files.",
    "Always write docstrings in the imperative.",
    "Never log what customers typed.",
    "Names of functions must always begin with a verb.",
    "Write commit messages in English, always.",
)


class Talk:
    """Sentences that nobody ever said."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def sentence(self, patterns: tuple[str, ...], named: str = "") -> str:
        """One of the patterns, filled in."""
        thing, other = self._chance.sample(THINGS_TOLD, 2)
        return self._chance.choice(patterns).format(
            x=named,
            thing=thing,
            other=other,
            adjective=self._chance.choice(ADJECTIVES),
            who=self._chance.choice(PEOPLE),
            day=self._chance.choice(DAYS),
            number=self._chance.randint(2, 900),
        )

    def about(self, named: list["Named"], role: Role) -> str:
        """What one turn says about these identifiers."""
        told = TOLD_BY_USER if role is Role.USER else TOLD_BY_ASSISTANT
        said = [self.sentence(told + TOLD_OF[n.kind], self._written(n)) for n in named]
        around = self._chance.choice((0, 0, 0, 1, 2, 4, 9 if role is Role.ASSISTANT else 5))
        said += [self.sentence(FILLER) for _ in range(around + (not named))]
        self._chance.shuffle(said)
        return ("\n- " if len(said) > 4 and self._chance.random() < 0.3 else " ").join(said)

    def _written(self, named: "Named") -> str:
        """The identifier as it may stand in a text."""
        name = named.name
        if named.kind == "function" and self._chance.random() < 0.3:
            name += "()"
        if named.kind == "file" and self._chance.random() < 0.2:
            name += f":{self._chance.randint(1, 900)}"
        if named.kind == "version" and self._chance.random() < 0.3:
            name = f"v{name}"
        around = self._chance.choice(("", "", "", "`", "`", '"'))
        return around + name + around


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier that memories hold."""

    name: str
    kind: str


def families(chance: random.Random, count: int) -> list[list[Named]]:
    """So many identifiers of all kinds, each beside its twins."""
    taken: set[str] = set()
    made = []
    for kind, (share, family) in FAMILIES.items():
        end = len(taken) + round(share * count)
        while len(taken) < end:
            names = [name for name in dict.fromkeys(family(chance)) if name not in taken]
            taken.update(names)
            if names:
                made.append([Named(name, kind) for name in names])
    return made


def standing(count: int) -> Iterator[tuple[Draft, list[Named]]]:
    """So many rules that the user laid down."""
    for text in RULES[:count]:
        made = draft(text, role=Role.USER, session="rules", created=1_699_000_000.0)
        assert made is not None
        yield made, []


def turns(chance: random.Random, count: int) -> Iterator[tuple[Draft, list[Named]]]:
    """So many memories, each with the identifiers it holds, in sessions of some dozen."""
    known = families(chance, round(NAMED_PER_MEMORY * count))
    talk = Talk(chance)
    session, now = 0, 1_700_000_000.0
    about: list[Named] = []
    left = 0
    for number in range(count):
        if not left:
            session, left, now = session + 1, chance.randint(4, 24), now + 20_000
            about = [named for family in chance.sample(known, 3) for named in family]
        left, now = left - 1, now + chance.uniform(10, 600)
        role = Role.ASSISTANT if number % 2 else Role.USER
        named = chance.sample(about, min(len(about), chance.choice((0, 1, 1, 1, 1, 1, 2))))
        text = talk.about(named, role)
        made = draft(text, role=role, session=f"s{session}", created=now)
        assert made is not None
        yield made, named


# --- questions --------------------------------------------------------------------------------

ASKED: Final = (
    "What did we find out about {x}?",
    "Why was {x} a problem?",
    "Remind me what was said about {x}.",
    "{x} again. What was the reason last time?",
    "Is there anything I should know before I touch {x}?",
    "Did anybody ever look into {x}",
    "please check {x} once more, and explain what we decided",
    "Who knows about {x}?",
)
ASKED_OF: Final = {
    "function": ("What does {x} do?", "Refactor {x}() so that it is easier to test."),
    "file": ("What is in {x}?", "Open {x} and fix what we talked about."),
    "ticket": ("What is the state of {x}?", "Let's continue with {x}."),
    "error code": ("I get {x} when I start it.", "error {x}: how did we fix this?"),
    "dotted name": ("Where is {x} used?", "Add a test for {x}"),
    "version": ("Can we upgrade from {x}?", "What changed in {x}?"),
    "commit": ("What did commit {x} do?", "git revert {x} - is that safe?"),
}
AROUND: Final = (
    "I have been at this since the morning and would like to be done with it today.",
    "Keep the change small, do not reformat anything, and do not add dependencies.",
    "Run the whole suite afterwards and show me only what failed.",
    "Write a short summary at the end that I can paste into the pull request.",
    "You may assume that the database is up and that the fixtures are loaded.",
    "If something is unclear then ask me first instead of guessing.",
    'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\n'
    "ValueError: not enough values to unpack (expected 2, got 1)",
    "2024-05-17 08:41:12 WARN  pool exhausted, 17 waiting\n"
    "2024-05-17 08:41:13 INFO  connection 0 given back after 912 ms",
    "```\nfor (let i = 0; i < rows.length; i++) {\n  total += rows[i].price\n}\n```",
    "The reviewer asked for clearer names and for one function per purpose.",
    "As far as I can tell nothing else depends on it, but please make sure.",
)
WORDINGS: Final = ("in a sentence", "alone", "small letters", "capitals", "in a long prompt")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what it is about."""

    text: str
    named: Named
    wording: str


def questions(chance: random.Random, held: list[Named], count: int) -> Iterator[Question]:
    """So many questions, equally many about each kind of identifier and in each wording."""
    by_kind = {kind: [named for named in held if named.kind == kind] for kind in FAMILIES}
    for kind, every in by_kind.items():
        chance.shuffle(every)
        if len(every) * len(FAMILIES) < count:
            print(f"only {len(every)} of kind {kind} to ask for", file=sys.stderr)
    for number in range(count):
        kind = list(FAMILIES)[number % len(FAMILIES)]
        place = number // len(FAMILIES)
        if place < len(by_kind[kind]):
            named = by_kind[kind][place]
            wording = WORDINGS[place % len(WORDINGS)]
            yield Question(_asked(chance, named, wording), named, wording)


def _asked(chance: random.Random, named: Named, wording: str) -> str:
    pattern = chance.choice(ASKED + ASKED_OF[named.kind])
    match wording:
        case "alone":
            return named.name
        case "small letters":
            return pattern.format(x=named.name.lower())
        case "capitals":
            return pattern.format(x=named.name.upper())
        case "in a long prompt":
            said = chance.sample(AROUND, chance.randint(4, 9))
            said.insert(chance.randint(0, len(said)), pattern.format(x=named.name))
            return "\n".join(said)
        case _:
            return pattern.format(x=named.name)


# --- measuring --------------------------------------------------------------------------------


@dataclass(slots=True)
class Count:
    """How often what was asked for came back."""

    asked: int = 0
    first: int = 0
    in_five: int = 0
    in_ten: int = 0
    recalled: int = 0

    def add(self, place: int | None, is_recalled: bool) -> None:
        self.asked += 1
        self.first += place == 0
        self.in_five += place is not None and place < 5
        self.in_ten += place is not None
        self.recalled += is_recalled


def main() -> None:
    """Fill a store, and ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rules", type=int, default=0, choices=range(len(RULES) + 1), help="standing rules beside"
    )
    parser.add_argument("--words-only", action="store_true", help="without any embedding model")
    parser.add_argument("--misses", type=int, default=0, help="show so many of what went wrong")
    arguments = parser.parse_args()
    if arguments.memories > MOST:
        parser.error(f"there are names for {MOST:,} memories and no more")

    chance = random.Random(arguments.seed)  # noqa: S311 - the same every time, on purpose
    model = EmbeddingSettings(model="none" if arguments.words_only else None)
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(Path(folder), embedder_of(model))
        engine = Recall(stores)
        with stores.open(SCOPE) as store:
            holders = fill(store, [*standing(arguments.rules), *turns(chance, arguments.memories)])
            asked = list(questions(chance, list(holders), arguments.questions))
            counts, how = ask(store, engine, asked, holders, arguments.misses)
            print(
                f"{store.count():,} memories, {len(holders):,} identifiers,"
                f" seed {arguments.seed}, {how}"
            )
        report(counts)
        engine.close()
        stores.close()


def fill(store: SqliteStore, memories: list[tuple[Draft, list[Named]]]) -> dict[Named, set[str]]:
    """Store all memories; by identifier, the ids of those that hold it."""
    holders: dict[Named, set[str]] = defaultdict(set)
    lost: Counter[str] = Counter()
    began = time.monotonic()
    for first in range(0, len(memories), AT_ONCE):
        part = memories[first : first + AT_ONCE]
        added = store.add([made for made, _named in part])
        for (made, named), memory in zip(part, added, strict=True):
            for each in named:
                holders[each].add(memory.id)
                lost[each.kind] += each.name not in made.text
        store.embed_pending()
        print(
            f"\r{first + len(part):,} memories, {time.monotonic() - began:.0f} s",
            end="",
            file=sys.stderr,
        )
    print(file=sys.stderr)
    if lost.total():
        print(f"taken for secrets, and so not stored: {dict(+lost)}")
    return holders


def ask(
    store: SqliteStore,
    engine: Recall,
    asked: list[Question],
    holders: dict[Named, set[str]],
    misses: int,
) -> tuple[dict[tuple[str, str], Count], str]:
    """By kind and wording, what came back; and how it was looked for."""
    counts: dict[tuple[str, str], Count] = defaultdict(Count)
    how = ""
    for question in asked:
        wanted = holders[question.named]
        found = store.search(question.text, limit=10, seconds=PATIENCE)
        ids = [hit.memory.id for hit in found.hits]
        place = next((place for place, each in enumerate(ids) if each in wanted), None)
        brought = engine.recall_now(question.text, SCOPE, PATIENCE)
        is_recalled = any(memory.id in wanted for memory in brought.memories)
        counts[question.named.kind, question.wording].add(place, is_recalled)
        how = found.how
        if misses and (place is None or place > 4 or not is_recalled):
            misses -= 1
            print(
                f"\n{question.named.name} ({question.named.kind}, {question.wording}),"
                f" held by {len(wanted)}: at place {place}, recalled: {is_recalled}"
                f" ({brought.why})\n  asked:  {question.text[:200]!r}"
            )
            for each in sorted(wanted)[:2]:
                memory = store.get(each)
                print(f"  wanted: {memory.text[:200] if memory else None!r}")
            for hit in found.hits[:3]:
                print(f"  found:  {hit.score:.2f} {hit.relevant} {hit.memory.text[:160]!r}")
    return counts, how


def report(counts: dict[tuple[str, str], Count]) -> None:
    """One row for each kind of identifier and for each wording."""
    kinds = list(FAMILIES)
    table = {
        **{kind: _sum(counts, [kind], WORDINGS) for kind in kinds},
        **{wording: _sum(counts, kinds, (wording,)) for wording in WORDINGS},
        "all": _sum(counts, kinds, WORDINGS),
        ", ".join(PROMISED): _sum(counts, list(PROMISED), WORDINGS),
    }
    print(f"{'':36} {'asked':>6} {'hit@1':>7} {'hit@5':>7} {'hit@10':>7} {'recalled':>9}   (%)")
    for name, count in table.items():
        if count.asked:
            shares = [100 * n / count.asked for n in (count.first, count.in_five, count.in_ten)]
            print(
                f"{name:36} {count.asked:6} {shares[0]:7.1f} {shares[1]:7.1f} {shares[2]:7.1f}"
                f" {100 * count.recalled / count.asked:9.1f}"
            )


def _sum(
    counts: dict[tuple[str, str], Count], kinds: list[str], wordings: tuple[str, ...]
) -> Count:
    chosen = [counts[key] for key in product(kinds, wordings) if key in counts]
    return Count(
        asked=sum(count.asked for count in chosen),
        first=sum(count.first for count in chosen),
        in_five=sum(count.in_five for count in chosen),
        in_ten=sum(count.in_ten for count in chosen),
        recalled=sum(count.recalled for count in chosen),
    )


if __name__ == "__main__":
    main()
