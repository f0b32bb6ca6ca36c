"""The decision: who asks, for which project, and where the request goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from dialects import Call, Problem, recognise
from routing.arrival import OwnPage, Refused, ToProvider, arrival_of
from routing.choosing import Choice, Known, choose, in_spite_of
from routing.config import Backend, Config, ViaLiteLLM
from routing.facts import RequestFacts
from routing.identity import Membership, User, project_of, user_of
from routing.litellm_routes import litellm_path, mapped
from routing.projects import Projects
from routing.providers import Address, Provider
from routing.subscription import carries_login, is_subscription

BACKEND_DOWN: Final = "backend_down"


@dataclass(frozen=True, slots=True)
class LiteLLMNow:
    """Where a LiteLLM is, and whether it answers."""

    address: Address
    state: Literal["installing", "starting", "up", "down", "refused"]


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of one request: answered by us (`page`, `problem`) or sent on."""

    user: User
    membership: Membership
    backend: Backend
    why: str
    dialect: str = "openai-chat"
    """In which errors of ours are told."""
    provider: Provider | None = None
    call: Call | None = None
    target: Address | None = None
    """Where it goes instead of where the client sent it; None keeps the client's."""
    path: str | None = None
    model: str | None = None
    """The model to name in the body instead of the client's; None keeps the client's."""
    page: str | None = None
    problem: Problem | None = None
    in_place_of: ViaLiteLLM | None = None
    """Direct only because this one is not up."""
    is_open: bool = False
    """Whether what the body tells may send it to another backend."""

    @property
    def project(self) -> str | None:
        return self.membership.project.path if self.membership.project else None

    @property
    def summary(self) -> dict[str, str | None]:
        """Plain values, for a flow's metadata and for whoever asks."""
        return {
            "user_id": self.user.id,
            "matched_pattern": self.user.matched_pattern,
            "project": self.project,
            "provider": self.provider.name if self.provider else None,
            "dialect": self.call.dialect if self.call else None,
            "operation": self.call.operation if self.call else None,
            "backend": self.backend,
            "why": self.why,
        }


def decide(
    facts: RequestFacts,
    config: Config,
    projects: Projects,
    litellms: Mapping[ViaLiteLLM, LiteLLMNow],
) -> Route:
    """`litellms` tells how each LiteLLM is that runs or should run."""
    user, membership = user_of(facts, config.users), project_of(facts, projects)
    why = f"user: {user.why}; project: {membership.why}"
    match arrival_of(facts, config.provider_list):
        case OwnPage(path):
            choice = choose(_known_of_caller(facts, membership), config)
            why += f"; backend: {_as_far_as_known(choice)}"
            return Route(user, membership, choice.backend, why, page=path)
        case Refused(problem, dialect):
            return Route(user, membership, "direct", why, dialect, problem=problem)
        case ToProvider() as arrival:
            call = call_of(facts, arrival)
            dialect = call.dialect if call else arrival.provider.family
            route = Route(user, membership, "direct", why, dialect, arrival.provider, call)
            return _towards(route, facts, arrival, config, litellms)
        case None:
            return Route(user, membership, "direct", f"{why}; backend: no provider of ours")


def call_of(facts: RequestFacts, arrival: ToProvider) -> Call | None:
    call = recognise(facts.method, arrival.path, arrival.provider.family)
    if call and facts.method == "GET" and call.operation == "generate":
        return call if facts.wants_websocket else None
    return call


def _towards(
    route: Route,
    facts: RequestFacts,
    arrival: ToProvider,
    config: Config,
    litellms: Mapping[ViaLiteLLM, LiteLLMNow],
) -> Route:
    """The route with its backend and its target."""
    choice = choose(_known_of_call(route, facts, arrival), config)
    route = replace(route, is_open=bool(choice.undecided))
    if choice.backend == "direct":
        return _direct(route, arrival, choice.why)
    if route.call is None:
        return _direct(route, arrival, in_spite_of(choice.rule, "not a model call"))
    settings, litellm = config.litellm, litellms.get(choice.backend)
    keeps_keys = settings.forward_credentials and choice.backend == "litellm"
    path = litellm_path(route.call, arrival.path, settings.models, keeps_keys)
    if path is None:
        return _direct(route, arrival, in_spite_of(choice.rule, "LiteLLM has no such route"))
    if facts.wants_websocket:
        return _refused(route, choice, _USE_HTTP)
    if litellm is None or litellm.state != "up":
        if settings.when_down == "direct":
            reason = in_spite_of(choice.rule, "LiteLLM is not up")
            return replace(_direct(route, arrival, reason), in_place_of=choice.backend)
        return _refused(route, choice, _NOT_UP[litellm.state if litellm else "down"])
    model = mapped(facts.model, settings.models) if facts.model else None
    return replace(
        route,
        backend=choice.backend,
        why=f"{route.why}; backend: {choice.backend}, {choice.why}",
        target=litellm.address,
        path=path,
        model=model if model != facts.model else None,
    )


def _known_of_call(route: Route, facts: RequestFacts, arrival: ToProvider) -> Known:
    api = arrival.provider.api
    host = api.host if arrival.by_base_url and api else facts.host
    return Known(
        project=route.project,
        provider=arrival.provider.name,
        model=(route.call and route.call.model) or facts.model,
        # What is no call goes direct in any case, and not because of a login.
        is_login=route.call is not None and is_subscription(facts, arrival.provider, host),
        is_handshake=facts.wants_websocket,
    )


def _known_of_caller(facts: RequestFacts, membership: Membership) -> Known:
    """A page of ours is asked about calls that are still to come."""
    project = membership.project.path if membership.project else None
    return Known(project=project, is_login=carries_login(facts))


def _as_far_as_known(choice: Choice) -> str:
    told = f"{choice.backend}, {choice.why}"
    if not choice.undecided:
        return told
    *others, last = map(str, choice.undecided)
    return f"{told}, unless rule {f'{", ".join(others)} or {last}' if others else last} fits"


def _direct(route: Route, arrival: ToProvider, reason: str) -> Route:
    provider = arrival.provider
    target = provider.upstream or (provider.api if arrival.by_base_url else None)
    why = f"{route.why}; backend: direct, {reason}"
    if arrival.by_base_url and target is None:
        return replace(route, why=why, problem=_no_address(provider))
    return replace(route, why=why, target=target, path=arrival.path if target else None)


def _refused(route: Route, choice: Choice, problem: Problem) -> Route:
    reason = f"{problem.code}, {choice.rule}" if choice.rule else problem.code
    return replace(
        route,
        backend=choice.backend,
        why=f"{route.why}; backend: {choice.backend}, {reason}",
        problem=problem,
    )


# Codex falls back to HTTP at once on this status; others cost it seconds or break it.
_USE_HTTP: Final = Problem(
    426, "use_http", "LiteLLM is reached over HTTP, not over WebSocket. Use POST /v1/responses."
)


def _not_up(told: str, retry_after: int) -> Problem:
    """What went wrong exactly may name files of this machine; the user asks for it there."""
    message = f"The memory proxy's LiteLLM backend {told}. `memproxy status` tells more."
    return Problem(503, BACKEND_DOWN, message, retry_after)


_NOT_UP: Final = {
    "installing": _not_up("is being installed, which takes a minute or two, once", 15),
    "starting": _not_up("is starting", 5),
    "down": _not_up("is not answering", 5),
    "refused": _not_up("is a malicious release, so it is not used", 60),
}


def _no_address(provider: Provider) -> Problem:
    return Problem(
        404,
        "no_address",
        f"{provider.name} has a host per user, so a base URL needs to be told which: set"
        f" `providers.{provider.name}.api` in the config.",
    )
