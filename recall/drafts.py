"""Make memories of what was said: redacted first, then taken apart and classified. No LLM."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from recall import rules
from recall.forgetting import Forget
from recall.passages import LONG, Piece, packed, passages, prose, sentences, without_marker
from recall.records import Directive, Draft, Evidence, Exchange, Kind, Role
from recall.redact import VERSION, redact
from recall.sentences import storable
from recall.stances import stance
from recall.wishes import Remember, hands_over, is_for_everywhere, wishes

KEPT = 262_144  # characters of a question, and of an answer, that are stored
LONGEST = 32_768  # characters of one memory
ANSWERED = 12  # passages of one answer
FORGOTTEN = 10  # requests to forget of one question
OPENING, CLOSING = 3, 3  # of which so many from its beginning and from its end


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one exchange teaches, without its secrets."""

    project: tuple[Draft, ...]
    user: tuple[Draft, ...]  # for all of the user's projects
    forget: tuple[Forget, ...]
    exchange: Exchange  # as it may be stored
    redactions: Mapping[str, int]  # how many secrets of which kind were taken out


def draft(
    text: str,
    *,
    role: Role,
    speaker: str = "",
    session: str = "",
    created: float | None = None,
    kind: Kind | None = None,
    id: str = "",  # noqa: A002 - as the field is called
    evidence: Sequence[Evidence] = (),
) -> Draft | None:
    """One memory of a text that came from a person or an import; None if only secrets were in it.

    Without a kind it is classified. Of a text beyond 32,768 characters the beginning and the end
    are kept.
    """
    text = redact(storable(text), LONGEST).text.strip()
    if not _says_something(text):
        return None
    found = directives(text) if role is Role.USER and kind in (None, Kind.RULE) else ()
    return Draft(
        checked=VERSION,
        text=text,
        kind=kind or _kind(text, role, found),
        role=role,
        speaker=redact(storable(speaker)).text,
        session=session,
        created=created,
        rules=found,
        evidence=tuple(replace(e, passage=redact(storable(e.passage)).text) for e in evidence),
        id=id,
    )


def lesson(exchange: Exchange) -> Lesson:
    """Everything that is learned of one exchange; of a broken one, only the user's words.

    Of a question or an answer beyond 262,144 characters the beginning and the end are kept. What
    the user wants forgotten is cut out of both before anything is made of them.
    """
    found: Counter[str] = Counter()
    question = _without_secrets(exchange.question, found)
    answer = _without_secrets(exchange.answer, found)
    asked = wishes(question)
    unwanted = [wish for wish in asked if isinstance(wish, Forget)]
    # Said in passing, a request is about nothing; it is not remembered either.
    forget = tuple({wish.about: wish for wish in unwanted if wish.about}.values())[:FORGOTTEN]
    if unwanted:
        # What else is said with the same words may be what is true instead: "I live in Oslo now,
        # no longer in Lyon". The answer only repeats it.
        question = _without(question, (said for wish in unwanted for said in wish.said))
        answer = without(answer, forget)
    kept = replace(exchange, question=question, answer=answer)
    remember = [wish for wish in asked if isinstance(wish, Remember)]
    drafts, everywhere = _of_the_user(kept, remember)
    if exchange.outcome == "complete":
        drafts += _of_the_assistant(kept)
    return Lesson(tuple(drafts), tuple(everywhere), forget, kept, MappingProxyType(dict(found)))


def forgetting(taught: Lesson, forget: Sequence[Forget]) -> Lesson:
    """The lesson as if the user had asked for something to be forgotten before it."""
    kept = replace(
        taught.exchange,
        question=without(taught.exchange.question, forget),
        answer=without(taught.exchange.answer, forget),
    )
    return replace(
        taught,
        project=tuple(d for d in taught.project if not _is_meant(d.text, forget, d.kind)),
        user=tuple(d for d in taught.user if not _is_meant(d.text, forget, d.kind)),
        exchange=kept,
    )


def without(text: str, forget: Sequence[Forget]) -> str:
    """A text without the sentences that somebody wants forgotten."""
    if not _is_meant(text, forget):
        return text
    lines = (sentence for line in text.split("\n") for sentence in sentences(line))
    return _without(text, [sentence for sentence in lines if _is_meant(sentence, forget)])


def directives(text: str) -> tuple[Directive, ...]:
    """The standing rules that a user's text lays down, each once."""
    found = {(rule.text, rule.key): rule for rule in rules.recognise(text)}
    return tuple(_directive(rule) for rule in found.values())


def _directive(rule: rules.Rule) -> Directive:
    return Directive(rule.text, rule.key, int(rule.subjects), rule.strength, rule.forbids)


def _without_secrets(text: str, found: Counter[str]) -> str:
    redacted = redact(storable(text), KEPT)
    found.update(redacted.found)
    return redacted.text


_REDACTED = re.compile(r"\[redacted: [^\]\n]{1,40}\]")
_LETTER = re.compile(r"[^\W_]")


def _says_something(text: str) -> bool:
    return _LETTER.search(_REDACTED.sub("", text)) is not None


def _is_meant(text: str, forget: Iterable[Forget], kind: Kind = Kind.PASSAGE) -> bool:
    return any(wish.means(text, kind) for wish in forget)


def _kind(text: str, role: Role, found: tuple[Directive, ...]) -> Kind:
    """What sort of thing a whole text is; only the user lays down rules and takes decisions."""
    if role is not Role.USER:
        return Kind.PASSAGE
    # A rule is pinned, so a long text does not become one by a rule that occurs in it.
    if found and len(text) <= LONG:
        return Kind.RULE
    if any(isinstance(wish, Remember) for wish in wishes(text)):
        return Kind.NOTE
    return stance(text) or Kind.PASSAGE


# What the user says.


def _of_the_user(
    exchange: Exchange, remember: Sequence[Remember]
) -> tuple[list[Draft], list[Draft]]:
    """The project's drafts and the user's own, each text once, the weightiest first."""
    project: dict[str, Draft] = {}
    everywhere: dict[str, Draft] = {}

    def learn(text: str, said: str, kind: Kind, found: Sequence[Directive], general: bool) -> None:
        text = text.strip()
        if _says_something(text):
            (everywhere if general else project).setdefault(
                text, _made(exchange, Role.USER, text, said, kind=kind, found=found)
            )

    taken: list[str] = []
    for wish in remember:
        said = "\n".join(wish.said)
        found = directives(wish.text) or directives(said)
        learn(wish.text, said, Kind.RULE if found else Kind.NOTE, found, wish.everywhere)
        taken += wish.said
    rest = _without(exchange.question, taken)
    pieces = prose(rest)
    taken = []
    for said, found in _rules(rest, pieces):
        learn(without_marker(said), said, Kind.RULE, found, is_for_everywhere(said))
        taken.append(said)
    # What became a rule or a note is not kept a second time in a passage: the passage would
    # still be found after the rule was replaced.
    for passage in passages(_without(rest, taken)) if taken else packed(pieces):
        if not _only_asks(passage):
            learn(passage, passage, stance(passage) or Kind.PASSAGE, (), False)
    return list(project.values()), list(everywhere.values())


def _rules(text: str, pieces: Iterable[Piece]) -> list[tuple[str, tuple[Directive, ...]]]:
    """The sentences that lay down rules, word for word, each with its rules."""
    prosaic = "\n".join(p.text if p.is_item else p.text.replace("\n", " ") for p in pieces)
    found: dict[str, dict[str, Directive]] = {}
    for rule in rules.recognise(prosaic):
        found.setdefault(rule.text, {})[rule.key] = _directive(rule)
    # A sentence is recognised in plain apostrophes; what was said may have others.
    plain = text.replace("’", "'")
    sayings = []
    for sentence, directives_in_it in found.items():
        place = _loosely(sentence).search(plain)
        said = text[place.start() : place.end()] if place else sentence
        sayings.append((said, tuple(directives_in_it.values())))
    return sayings


def _without(text: str, said: Iterable[str]) -> str:
    """A text without some of its sentences; what stood around one is parted by an empty line."""
    for sentence in said:
        text = _loosely(sentence).sub("\n\n", text)
    return text


def _loosely(sentence: str) -> re.Pattern[str]:
    """The sentence with any white space between its words, as lines are broken anywhere."""
    return re.compile(r"\s+".join(map(re.escape, sentence.split())) or r"(?!)")


_ASKS = re.compile(
    r"[\s\"'(]*(?:(?:and|so|but|ok(?:ay)?|hi|hey|hello|please|thanks|great|now|also|then)[\s,.!]+){0,3}"
    r"(?:what|how|why|where|when|who|which|is|are|does|do|did|can|could|would|will|should|was|were"
    r"|any|show|tell|explain)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"(?<!\w)(?:i|i'm|i've|i'd|my|mine|we|we're|we've|our|ours|us)(?!\w)", re.IGNORECASE
)


def _only_asks(passage: str) -> bool:
    """Whether a passage asks and states nothing, so that it would only echo the same question."""
    if "?" not in passage or _TELLS.search(passage.replace("’", "'")) or hands_over(passage):
        return False
    return all(
        sentence.rstrip("\"')*_ ").endswith("?") and _ASKS.match(sentence)
        for sentence in sentences(passage)
    )


# What the assistant says.


_OUTCOME = re.compile(
    r"\b(?:fixed|done|works?|working|pass(?:es|ed)|succeed(?:s|ed)|because|the\s+(?:cause|reason|problem|bug"
    r"|issue|fix|solution|result)\b|root\s+cause|caused\s+by|turned\s+out|found\s+that|added|changed|created"
    r"|moved|removed|renamed|replaced|updated|implemented|switched|configured|decided|instead\s+of|so\s+that"
    r"|in\s+summary|to\s+summari[sz]e|conclusion|recommend\w*|behoben|erledigt|weil|grund|ursache|corrigé"
    r"|parce\s+que|arreglado|porque)\b|修正|完了|原因|なぜなら|修复|完成|因为",
    re.IGNORECASE,
)


def _of_the_assistant(exchange: Exchange) -> list[Draft]:
    """Up to twelve passages of the final answer, in its order.

    The first three and the last three come first, as an answer opens with what it is about and
    closes with the outcome; then those that state an outcome, then the earliest.
    """
    said = [p for p in passages(exchange.answer) if _says_something(p) and not _only_asks(p)]
    if len(said) > ANSWERED:
        edges = {*range(OPENING), *range(len(said) - CLOSING, len(said))}
        rest = [place for place in range(len(said)) if place not in edges]
        rest.sort(key=lambda place: (_OUTCOME.search(said[place]) is None, place))
        chosen = edges.union(rest[: ANSWERED - len(edges)])
        said = [said[place] for place in sorted(chosen)]
    return [_made(exchange, Role.ASSISTANT, passage, passage) for passage in said]


def _made(
    exchange: Exchange,
    role: Role,
    text: str,
    said: str,
    *,
    kind: Kind = Kind.PASSAGE,
    found: Sequence[Directive] = (),
) -> Draft:
    return Draft(
        checked=VERSION,
        text=text,
        kind=kind,
        role=role,
        session=exchange.session,
        created=exchange.started or None,
        rules=tuple(found),
        evidence=(Evidence(role, said, exchange.id),),
    )
