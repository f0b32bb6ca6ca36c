"""Whether two things that somebody wants can both be done, as far as their words tell.

What is laid down for different places can, two bans can, and so can different deeds. A wish and
the ban on it cannot, nor two values of one choice ("tabs" and "spaces"), nor two means to the same
purpose ("Redis for caching" and "Memcached for caching"). Where the words do not tell, the newer
only comes first. A new choice is a new row.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import chain

from recall.forms import words_in


class Verdict(Enum):
    """What becomes of the older of two wishes."""

    STAYS = auto()
    COMES_BEHIND = auto()
    GIVES_WAY = auto()


class Means(Enum):
    """How what is used is called: by its name ("Redis"), as one thing, or in the plural."""

    NAMED = auto()
    ONE = auto()
    SEVERAL = auto()


# What excludes one another: the choice, called by the words for it, and its values.
CHOICES: tuple[tuple[str, str], ...] = (
    ("indentation indent whitespace formatting", r"\d+[ -]*(?:spaces|blanks)|tabs|spaces"),
    (
        "line length width",
        r"(?:(?<=lines )|(?<=line ))[^.,;]{0,40}?\d+|\d+[^.,;]{0,20}?per line",
    ),
    ("quote string", r"(?:single|double|triple)[ -]?quot\w+|backticks"),
    ("semicolon statement", r"semicolons?"),
    ("trailing comma", r"(?:trailing|dangling) commas?"),
    (
        "name naming case",
        r"(?:snake|camel|pascal|kebab|upper|lower|title|screaming)[ _-]?(?:snake[ _-]?)?case",
    ),
    ("docstring style", r"(?:google|numpy|sphinx|rest|epytext)(?=[ -](?:style|docstring|format))"),
    (
        "language answer",
        r"german|english|french|spanish|italian|dutch|portuguese|chinese|japanese"
        r"|deutsch|englisch|französisch|spanisch|français|anglais|allemand|español|inglés|alemán",
    ),
    ("spelling", r"(?:british|american)(?= (?:english|spelling))"),
    ("package", r"npm|pnpm|yarn|bun"),
    ("package dependency environment", r"pip|pipenv|poetry|conda|uv|pdm|rye"),
    ("unit test", r"pytest|unittest|nose|doctest"),
    ("unit test", r"jest|vitest|mocha|jasmine"),
    ("browser test", r"playwright|cypress|selenium|puppeteer"),
    (
        "database storage data",
        r"postgres(?:ql)?|mysql|mariadb|sqlite|oracle|mongo(?:db)?|mssql|dynamodb",
    ),
    ("formatting formatter format", r"black|yapf|autopep8|prettier|biome"),
    ("linting linter lint", r"eslint|tslint|biome|pylint|flake8"),
    ("type checking", r"mypy|pyright|pytype"),
    ("frontend ui interface", r"react|vue|svelte|angular|solidjs|preact"),
    ("styling css style", r"tailwind|bootstrap|styled[ -]components|css modules|bulma"),
    ("web server api backend", r"flask|django|fastapi|express|rails|laravel"),
    ("api", r"graphql|rest|grpc|soap"),
    ("http client request", r"requests|httpx|aiohttp|urllib|axios|ky"),
    ("logging log output", r"prints?|structlog|loguru|console\.log|winston|pino"),
    ("deploy deployment ci build", r"jenkins|github actions|gitlab(?: ci)?|circleci|travis"),
    ("cloud hosting", r"aws|gcp|azure|heroku|vercel|netlify"),
    ("container", r"docker|podman"),
    ("string formatting", r"f[ -]strings?|% ?(?:formatting|strings?)|str\.format"),
    ("history branch merge", r"rebas(?:e|es|ing)|merge commits|squash(?:es|ing)?"),
    ("data class", r"dataclass(?:es)?|pydantic|attrs"),
)
_CHOICES = tuple(
    (words_in(names), re.compile(rf"(?<!\w)(?:{values})(?!\w)")) for names, values in CHOICES
)
# "in German", "in snake_case" tell how, and no place.
_HOW = tuple(values for names, values in _CHOICES if names & {"answer", "case", "quote"})
_LANGUAGES = words_in(
    "python typescript javascript rust go golang java kotlin swift ruby php c c++ c# yaml json toml"
    " sql css html bash shell"
)

_SEGMENT = re.compile(r"[,;:]|\b(?:and|but|und|aber|sondern|et|mais|y|pero)\b")
# "from now on" is no place, "no more than" no ban.
_SAYS_NOTHING = re.compile(
    r"\bfrom (?:now|here|this \w+) on(?:wards?)?\b|\bin (?:the )?future\b"
    r"|\bin (?:order|case|fact|addition|particular)\b"
    r"|\bno(?:t)? (?:more|longer|fewer|less|later) than\b|\b(?:not|never|don't) exceed\b"
    r"|\bnot only\b|\bno matter\b|\bwithout exception\b"
)
_BANS = re.compile(
    r"\b(?:never|don't|do not|avoid|no|not|stop|refrain|nie|niemals|kein\w*|nicht|jamais|ne|nunca|"
    r"evita)\b"
)
_CONTRASTS = re.compile(
    r"\b(?:instead of|rather than|in place of|over|without|statt|anstelle von|au lieu de"
    r"|en lugar de)\b"
)
# What begins a wish of its own after "never …,".
_WANTS = re.compile(r"^\W*(?:(?:please|then|only|bitte|nur)\W+)*(?:always|use|prefer|immer)\b")
_ADDS = re.compile(r"\b(?:also|additionally|as well|too|besides|auch|zusätzlich|aussi|también)\b")

_PLACE = re.compile(
    r"\b(?P<by>in|inside|within|for|(?<!rely )(?<!relies )on|of|at"
    r"|(?<!switch )(?<!stick )(?<!move )(?<!migrate )to|bei|für|auf|im|pour|dans|para|en)\s+"
    r"(?:(?:the|a|an|our|your|my|all|every|each|any|new|der|die|das|den|dem|le|la|les|el|los)\s+)*"
    r"(?=(?P<where>[^\W\d_][\w+#-]*(?:\s+[^\W\d_][\w+#-]*){0,2}))"
)
_PLACE_ENDS = re.compile(
    r"\s+(?:in|inside|within|for|on|to|of|at|with|from|by|that|which|when|instead|rather|now|is|"
    r"are|must|should|and|or|not|before|after|as|when|while|if|because|bei|für|auf|im|mit|pour|dans|"
    r"para|en|avec|con)\b.*"
)
_PURPOSE = frozenset({"for", "für", "pour", "para"})
# "in Google style", "in imperative mood" tell how; "in general", "in the code" tell nothing.
_MANNER = re.compile(r"\b(?:style|mood|tense|voice|form|format|way|manner|order|person|stil)$")
_ANYWHERE = words_in(
    "future general now code codebase project repo repository everything everyone them it you me"
    " us zukunft projekt allgemeinen lieu favour favor course work team futur avenir futuro"
)

# Of ports one may open several.
_MEASURES = re.compile(
    r"\b(?:limit|cap|exceed|under|below|within|at (?:most|least)|max\w*|min\w*|up to|wrap|keep"
    r"|(?:more|less|fewer|longer|shorter) than|timeouts?)\b"
    r"|# (?:characters?|chars?|columns?|spaces|blanks|lines|words|sentences|seconds|minutes|hours"
    r"|days|ms|times|retries|percent|zeichen|leerzeichen|zeilen|sekunden)\b"
)
_WORD = re.compile(r"\w[\w+#]*")
_MEANS = re.compile(
    r"\b(?:use|rely on|nutzen|benutzen|verwenden)\s+([^.,;]*?)\s+"
    r"(?:for|as|für|als|pour|comme|para|como)\b"
)
# Words that do not tell one wish from another.
_PLAIN = words_in(
    "a an the all any every each our your my we i you they it its this that these those them there"
    " is are be been to of in on for at by with from into as and or if then so also only just now"
    " always never ever must should shall need want like have has do not no don t please make sure"
    " ensure remember from longer more anymore default when whenever everything team project"
    " code codebase statement statements rule convention standard will would can could instead"
    " immer nie niemals bitte wir der die das den dem ein eine einen und mit für auf im ab jetzt"
    " sofort toujours jamais siempre nunca"
)
# The deeds that rules speak of. Those of one row come to the same.
DEEDS: tuple[str, ...] = (
    "use prefer adopt utilize employ go switch stick choose verwende verwenden nutze nutzen benutze"
    " benutzen utilise utiliser usa usar",
    "add include write put give provide annotate document have append insert place",
    "answer reply respond speak talk antworte antworten schreibe réponds responde",
    "name call start begin end prefix suffix",
    "limit keep restrict cap wrap break",
    "run execute call", "commit", "push", "merge", "deploy ship release", "store save persist",
    "format indent", "log print", "import", "test", "sign", "explain", "validate", "raise throw",
    "return", "install", "handle treat", "check", "avoid", "index", "drop", "squash", "rebase",
)  # fmt: skip
_DEED = {verb: row for row, verbs in enumerate(DEEDS) for verb in verbs.split()}


@dataclass(frozen=True, slots=True)
class Wording:
    """What a wish says: what is wanted and what is not, where, what for, and by what deed."""

    wanted: frozenset[str]
    banned: frozenset[str]
    words: frozenset[str]
    places: frozenset[frozenset[str]]
    purposes: frozenset[frozenset[str]]
    chosen: frozenset[tuple[int, str]]
    numbers: tuple[str, ...]
    frame: str  # all of it but the numbers
    deed: int | None
    adds: bool
    means: Means


@lru_cache(maxsize=4096)
def read(text: str) -> Wording:
    """Take a wish apart."""
    low = _SAYS_NOTHING.sub(" ", text.lower())
    wants, bans = _by_polarity(low)
    places, purposes = _places(low)
    where = frozenset(chain.from_iterable(places))
    means = _MEANS.search(low)
    wanted, banned = content(wants), content(bans)
    return Wording(
        # Where nothing else is said, the place is what it is about: "add docstrings to functions".
        wanted - where or wanted,
        banned - where or banned,
        content(low) | where,
        places,
        purposes,
        frozenset((row, value) for row, value in _chosen(wants) if not content(value) <= where),
        tuple(re.findall(r"\d+", low)),
        re.sub(r"\d+", "#", " ".join(_WORD.findall(low))),
        next((_DEED[word] for word in _WORD.findall(low) if word in _DEED), None),
        bool(_ADDS.search(low)),
        _sort_of(means[1]) if means else Means.NAMED,
    )


def compare(newer: Wording, older: Wording) -> Verdict:
    """What becomes of the older of two wishes about the same side of the same thing."""
    if is_another_measure(newer, older):
        return Verdict.GIVES_WAY
    apart_here, apart_there = _only_in(newer, older), _only_in(older, newer)
    if apart_here and apart_there:
        return Verdict.STAYS
    certain = Verdict.COMES_BEHIND if apart_here or apart_there else Verdict.GIVES_WAY
    taken_back = [
        (banned, wanted)
        for banned, wanted in ((newer.banned, older.wanted), (older.banned, newer.wanted))
        if banned & wanted
    ]
    if any(banned <= wanted for banned, wanted in taken_back):
        return certain
    if (newer.wanted, newer.banned) == (older.wanted, older.banned):
        return certain
    if not newer.wanted or not older.wanted:
        # Two bans hold beside each other, and so does a ban beside another wish.
        return Verdict.COMES_BEHIND if taken_back else Verdict.STAYS
    rows = {row for row, _ in newer.chosen} & {row for row, _ in older.chosen}
    if any(_differ(row, newer, older) for row in rows):
        return Verdict.COMES_BEHIND if newer.adds else certain
    if newer.chosen and older.chosen and not rows:
        return Verdict.STAYS
    if newer.purposes & older.purposes and newer.deed == older.deed == 0 and not newer.adds:
        return certain if _are_named_alike(newer, older) else Verdict.COMES_BEHIND
    if newer.deed != older.deed and not taken_back:
        return Verdict.STAYS
    return Verdict.COMES_BEHIND


def compare_shapes(newer: Wording, older: Wording) -> Verdict:
    """Likewise of two shapes of names, of which only one is wanted, or one in each language."""
    if not (newer.wanted or older.wanted) and newer.banned != older.banned:
        return Verdict.STAYS
    here, there = _languages(newer), _languages(older)
    if here and there:
        return Verdict.GIVES_WAY if here & there else Verdict.STAYS
    return Verdict.COMES_BEHIND if here else Verdict.GIVES_WAY


def compare_means(newer: Wording, older: Wording) -> Verdict:
    """Likewise of two means to one purpose, of which one takes the other's place."""
    if not newer.wanted or not older.wanted:
        return compare(newer, older)
    if _only_in(newer, older) and _only_in(older, newer):
        return Verdict.STAYS
    if _only_in(newer, older) or newer.adds or newer.means is not older.means:
        return Verdict.COMES_BEHIND
    return Verdict.GIVES_WAY


def is_another_measure(newer: Wording, older: Wording) -> bool:
    """Whether one is the other with another number: "limit lines to 80", "… to 100"."""
    is_same = newer.frame == older.frame and newer.numbers != older.numbers
    return is_same and bool(_MEASURES.search(newer.frame))


def _are_named_alike(newer: Wording, older: Wording) -> bool:
    """Whether both means are names, or one thing each; of fixtures and mocks one has both."""
    return newer.means is older.means is not Means.SEVERAL


def _sort_of(means: str) -> Means:
    if re.match(r"(?:a|an|ein\w*|une?|una)\s", means):
        return Means.ONE
    return Means.SEVERAL if re.search(r"(?<![iuaos])s$", means) else Means.NAMED


def _languages(wording: Wording) -> frozenset[str]:
    return _LANGUAGES & frozenset(chain.from_iterable(wording.places))


def _by_polarity(low: str) -> tuple[str, str]:
    """What is wanted, and what is not."""
    wants: list[str] = []
    bans: list[str] = []
    is_ban = False
    for segment in _SEGMENT.split(low):
        contrast = _CONTRASTS.search(segment)
        said, against = (
            (segment[: contrast.start()], segment[contrast.end() :]) if contrast else (segment, "")
        )
        is_ban = bool(_BANS.search(said)) or (is_ban and not _WANTS.search(said))
        (bans if is_ban else wants).append(said)
        (wants if is_ban else bans).append(against)
    return " . ".join(wants), " . ".join(bans)


def _places(low: str) -> tuple[frozenset[frozenset[str]], frozenset[frozenset[str]]]:
    """Where a wish holds, and which of these are what something is for."""
    places, purposes = set(), set()
    for found in _PLACE.finditer(low):
        where = _PLACE_ENDS.sub("", f" {found['where']}").strip()
        if not where or _MANNER.search(where) or any(how.fullmatch(where) for how in _HOW):
            continue
        words = content(where) - _ANYWHERE
        if words:
            places.add(words)
            if found["by"] in _PURPOSE:
                purposes.add(words)
    return frozenset(places), frozenset(purposes)


def _chosen(wants: str) -> frozenset[tuple[int, str]]:
    return frozenset(
        (row, found[0])
        for row, (_, values) in enumerate(_CHOICES)
        for found in values.finditer(wants)
    )


def _differ(row: int, newer: Wording, older: Wording) -> bool:
    """Whether they choose differently; "4 spaces" only says "spaces" more closely."""
    ours = {value for at, value in newer.chosen if at == row}
    theirs = {value for at, value in older.chosen if at == row}
    return not any(a.endswith(b) or b.endswith(a) for a in ours for b in theirs)


def _only_in(one: Wording, other: Wording) -> bool:
    """Whether one names a place that the other does not speak of."""
    shared = {row for row, _ in one.chosen} & {row for row, _ in other.chosen}
    return any(
        place not in other.places
        and not place <= other.words
        and not any(place <= _CHOICES[row][0] for row in shared)
        for place in one.places
    )


@lru_cache(maxsize=4096)
def content(text: str) -> frozenset[str]:
    """The words that carry what is said, in lower case and in the singular."""
    found = frozenset(_singular(word) for word in _WORD.findall(text) if word not in _PLAIN)
    return frozenset(word for word in found if word not in _DEED) or found


def _singular(word: str) -> str:
    if re.search(r"(?:ss|x|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and re.search(r"[^s]s$", word) else word
