"""Which backend a call is for: the first of the user's rules that fits, else the usual one."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Final

from routing.config import Backend, BackendRule, Config
from routing.facts import shown

LOGIN: Final = "a login that only its provider understands"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a call when it is asked for; None is not known, or not known yet."""

    project: str | None = None
    provider: str | None = None
    model: str | None = None
    """As the client calls it."""
    is_login: bool = False
    """Whether a login pays for it, and not an API key."""
    is_handshake: bool = False
    """Whether it opens a WebSocket, on which calls are made later."""


@dataclass(frozen=True, slots=True)
class Choice:
    backend: Backend
    why: str
    rule: str | None = None
    """The rule that speaks here, if one does."""
    undecided: tuple[int, ...] = ()
    """The rules that would decide if what is not known fitted them."""


def choose(known: Known, config: Config) -> Choice:
    undecided: list[int] = []
    passed_over = None
    for number, rule in enumerate(config.backends, 1):
        answers = [*_answers(rule, known)]
        fits, may_fit = all(answers), False not in answers
        told = f"rule {number} ({_conditions(rule)})"
        if known.is_login and rule.backend != "direct" and not rule.subscriptions:
            passed_over = passed_over or (told if fits else None)
        elif fits or (may_fit and known.is_handshake and rule.backend != "direct"):
            # LiteLLM has no WebSocket, so the client makes its calls over HTTP, which tell all.
            return Choice(rule.backend, told, told, tuple(undecided))
        elif may_fit:
            undecided.append(number)
    if known.is_login and (passed_over or config.backend != "direct"):
        why = in_spite_of(passed_over, LOGIN)
        return Choice("direct", why, passed_over, tuple(undecided))
    return Choice(config.backend, "configured", None, tuple(undecided))


def in_spite_of(rule: str | None, why: str) -> str:
    """Why a call goes direct, and what rule would have had it otherwise."""
    return f"{why}, in spite of {rule}" if rule else why


def _answers(rule: BackendRule, known: Known) -> Iterator[bool | None]:
    """For each condition whether it is met; None where nobody knows yet."""
    project, provider, model = known.project, known.provider, known.model
    if rule.project is not None:
        yield None if project is None else PurePath(project).is_relative_to(rule.project)
    if rule.provider is not None:
        yield None if provider is None else provider == rule.provider
    if rule.model is not None:
        yield None if model is None else fnmatchcase(model, rule.model)


def _conditions(rule: BackendRule) -> str:
    named = {"project": rule.project, "provider": rule.provider, "model": rule.model}
    return ", ".join(f"{name} {shown(str(it))}" for name, it in named.items() if it is not None)
