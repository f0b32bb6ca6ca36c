"""Exchanges and memories as the JSON values of an export, and back."""

from collections.abc import Mapping
from typing import Any, Final

from recall.records import Directive, Evidence, Exchange, Force, Kind, Memory, Role, Scope
from recall.sentences import storable

FORMAT: Final = 1

# Whole numbers beyond it are none in many a program that reads JSON.
LARGEST: Final = 2**53

type Line = dict[str, Any]


def memory_line(memory: Memory) -> Line:
    """All of a memory but its scope, which is that of the export."""
    return {
        "type": "memory",
        "id": memory.id,
        "text": memory.text,
        "kind": memory.kind.value,
        "role": memory.role.value,
        "speaker": memory.speaker,
        "session": memory.session,
        "position": memory.position,
        "created": memory.created,
        "learned": memory.learned,
        "last_used": memory.last_used,
        "times_used": memory.times_used,
        "times_said": memory.times_said,
        "successor": memory.successor,
        "rules": [
            {
                "text": rule.text,
                "key": rule.key,
                "subjects": rule.subjects,
                "strength": rule.strength,
                "forbids": rule.forbids,
                "force": rule.force.name.lower(),
            }
            for rule in memory.rules
        ],
        "evidence": [
            {"role": e.role.value, "passage": e.passage, "exchange": e.exchange}
            for e in memory.evidence
        ],
    }


def memory_of(line: Line, scope: Scope) -> Memory:
    """Raises ValueError, which says what is wrong, for what is no memory."""
    take = _Taker(line)
    return Memory(
        id=take.text("id"),
        text=take.text("text"),
        kind=Kind(take.text("kind", "passage")),
        role=Role(take.text("role", "user")),
        scope=scope,
        speaker=take.text("speaker", ""),
        session=take.text("session", ""),
        position=take.whole("position", 0),
        created=take.number("created"),
        learned=take.number("learned") or 0.0,
        last_used=take.number("last_used"),
        times_used=take.whole("times_used", 0),
        times_said=take.whole("times_said", 1),
        successor=take.text("successor", "") or None,
        rules=tuple(
            Directive(
                part.text("text"),
                part.text("key"),
                part.mask("subjects"),
                part.number("strength") or 0.0,
                part.truth("forbids"),
                _force(part.text("force", "holds")),
            )
            for part in take.list("rules")
        ),
        evidence=tuple(
            Evidence(
                Role(part.text("role", "user")),
                part.text("passage"),
                part.text("exchange", "") or None,
            )
            for part in take.list("evidence")
        ),
    )


def exchange_line(exchange: Exchange) -> Line:
    """All of an exchange but its project, which is the scope of the export."""
    return {
        "type": "exchange",
        "id": exchange.id,
        "user": exchange.user,
        "client": exchange.client,
        "session": exchange.session,
        "turn": exchange.turn,
        "model": exchange.model,
        "question": exchange.question,
        "answer": exchange.answer,
        "started": exchange.started,
        "ended": exchange.ended,
        "usage": dict(exchange.usage),
        "outcome": exchange.outcome,
    }


def exchange_of(line: Line, scope: Scope) -> Exchange:
    """Raises ValueError, which says what is wrong, for what is no exchange."""
    take = _Taker(line)
    outcome = take.text("outcome", "complete")
    if outcome not in ("complete", "aborted", "failed"):
        raise ValueError(f"outcome {outcome!r} is not known here")
    return Exchange(
        id=take.text("id"),
        project=scope.project,
        user=take.text("user", ""),
        client=take.text("client", ""),
        session=take.text("session", ""),
        turn=take.text("turn", ""),
        model=take.text("model", ""),
        question=take.text("question"),
        answer=take.text("answer"),
        started=take.number("started") or 0.0,
        ended=take.number("ended") or 0.0,
        usage=take.counts("usage"),
        outcome=outcome,  # type: ignore[arg-type]  # one of the three
    )


def mark_of(line: Line, name: str) -> bytes:
    """Bytes, written as hexadecimal digits."""
    try:
        return bytes.fromhex(_Taker(line).text(name))
    except ValueError:
        raise ValueError(f"{name} should be hexadecimal digits") from None


def count_of(line: Line) -> tuple[str, int]:
    """A kind of secret, and how often it was found."""
    take = _Taker(line)
    return take.text("kind"), take.whole("count", 0)


def _force(name: str) -> Force:
    try:
        return Force[name.upper()]
    except KeyError:
        raise ValueError(f"force {name!r} is not known here") from None


class _Taker:
    """Takes the values of a line one by one, and says which is not what it should be."""

    def __init__(self, line: Mapping[str, Any]) -> None:
        self._line = line

    def text(self, name: str, default: str | None = None) -> str:
        value = self._line.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and name == "id" and not value):
            raise ValueError(f"{name} should be a text")
        return storable(value)

    def whole(self, name: str, default: int) -> int:
        value = self._line.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
            raise ValueError(f"{name} should be a whole number from 0 to 2147483647")
        return value

    def mask(self, name: str) -> int:
        value = self._line.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise ValueError(f"{name} should be a whole number")
        return value

    def number(self, name: str) -> float | None:
        value = self._line.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{name} should be a number")
        if not abs(value) <= LARGEST:  # or Infinity, or NaN, which compares with nothing
            raise ValueError(f"{name} should be a smaller number")
        return float(value)

    def truth(self, name: str) -> bool:
        value = self._line.get(name, False)
        if not isinstance(value, bool):
            raise ValueError(f"{name} should be true or false")
        return value

    def list(self, name: str) -> "list[_Taker]":
        value = self._line.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise ValueError(f"{name} should be a list of objects")
        return [_Taker(part) for part in value]

    def counts(self, name: str) -> dict[str, int]:
        value = self._line.get(name) or {}
        if not isinstance(value, dict) or not all(isinstance(n, int) for n in value.values()):
            raise ValueError(f"{name} should hold whole numbers")
        return {str(key): number for key, number in value.items()}
