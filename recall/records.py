"""What the memory engine takes in, keeps, and gives back: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Literal

type Outcome = Literal["complete", "aborted", "failed"]


class Kind(StrEnum):
    """What sort of thing a memory is; the order of the members is the order of importance."""

    RULE = "rule"  # standing: always, never, from now on
    NOTE = "note"  # the user asked for it to be remembered
    DECISION = "decision"
    PREFERENCE = "preference"
    PASSAGE = "passage"  # a piece of what somebody said


class Role(StrEnum):
    """Who said it."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memory: one project's, by the absolute path of its directory, or the user's own."""

    project: str | None = None

    def __str__(self) -> str:
        return self.project or "user"


USER = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question and its final answer, as they went over the wire, without what we put in."""

    id: str  # unique; the same exchange offered again is the same one
    project: str | None
    question: str
    answer: str
    user: str = ""
    client: str = ""
    session: str = ""
    turn: str = ""  # the key of the user turn, see dialects
    model: str = ""
    started: float = 0.0  # seconds since 1970
    ended: float = 0.0
    usage: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    outcome: Outcome = "complete"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a memory comes from: who said what, word for word, in which exchange."""

    role: Role
    passage: str
    exchange: str | None = None  # the exchange's id; None for what came in by hand


class Force(IntEnum):
    """What became of a standing rule."""

    HOLDS = 0
    OVERTAKEN = 1  # a newer one on the same side of the same thing comes first
    REPLACED = 2  # a newer one stands in its place


@dataclass(frozen=True, slots=True)
class Directive:
    """One standing rule that a memory lays down; a memory may lay down several."""

    text: str
    key: str  # what it is about
    subjects: int  # what requests it applies to, a mask of recall.rules.Subject
    strength: float = 1.0
    forbids: bool = False
    force: Force = Force.HOLDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A memory about to be stored; recall.drafts makes them, redacted and classified."""

    text: str
    kind: Kind = Kind.PASSAGE
    role: Role = Role.USER
    speaker: str = ""  # a name, where the conversation has one
    session: str = ""
    created: float | None = None  # seconds since 1970; None where nobody knows
    rules: tuple[Directive, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    checked: int = 0  # the version of the rules for secrets that all of it has passed
    id: str = ""  # empty: the store gives one


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A memory as it is stored."""

    id: str
    text: str
    kind: Kind
    role: Role
    scope: Scope
    speaker: str
    session: str
    position: int  # its place in the session
    created: float | None
    learned: float  # when it was stored here
    last_used: float | None = None
    times_used: int = 0
    times_said: int = 1
    checked: int = 0  # the version of the rules for secrets that the text has passed
    successor: str | None = None  # the id of the memory that stands in the place of all its rules
    rules: tuple[Directive, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found, with how well it fits; scores compare within one search only."""

    memory: Memory
    score: float
    relevant: bool = True  # passes the threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a search found, best first."""

    hits: tuple[Hit, ...] = ()
    how: str = ""  # "words and vectors" or "words only"
    failure: str = ""  # why nothing could be searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What helps with a question: few memories, in an order that stays the same, or none."""

    memories: tuple[Memory, ...] = ()
    tokens: int = 0  # an estimate, of the memories' texts
    seconds: float = 0.0
    why: str = ""  # one sentence for people, also where nothing was found


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a draft."""

    id: str
    how: Literal["new", "again", "forgotten"]  # again: was known; forgotten: must not come back
