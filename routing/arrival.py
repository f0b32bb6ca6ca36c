"""How a request reached us: through the proxy, by base URL, or to ask us something."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from dialects import Problem
from routing.facts import RequestFacts, shown
from routing.providers import Provider, provider_of

MAGIC_HOST: Final = "memory.proxy"
OWN_PAGES: Final = ("/health", "/memory-routing/info")

_OPENAI: Final = re.compile(r"(/v1)?/(chat/completions|responses|embeddings)")
_ANTHROPIC: Final = re.compile(r"(/v1)?/messages(/.*)?")
_GEMINI: Final = re.compile(r"/v1(alpha|beta)/.*|/v1\w*/models/[^/]+:\w+")
# What several providers have: the list of models, and whatever else lies below a version.
_ANYBODYS: Final = re.compile(r"(/v1)?/models(/.*)?|/v1/.+")


# Another name for this machine would lead us to ourselves without end, and a name that a web page
# has pointed here would make the page one of ours.
_WRONG_HOST: Final = Problem(
    421, "wrong_host", "This port is the memory proxy's: call it 127.0.0.1 or localhost."
)


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A question to the proxy itself."""

    path: str


@dataclass(frozen=True, slots=True)
class ToProvider:
    """A request for a provider, with the path as the provider expects it."""

    provider: Provider
    path: str
    by_base_url: bool


@dataclass(frozen=True, slots=True)
class Refused:
    problem: Problem
    dialect: str


Arrival = OwnPage | ToProvider | Refused | None
"""None: a plain HTTP request for a host that is none of ours, which passes as it is."""


def arrival_of(facts: RequestFacts, providers: Sequence[Provider]) -> Arrival:
    if not is_for_us(facts):
        if provider := provider_of(facts.host, providers):
            return ToProvider(provider, facts.path, by_base_url=False)
        return Refused(_WRONG_HOST, "openai-chat") if facts.port == facts.listener else None
    if origin := _foreign_page(facts):
        return Refused(
            Problem(403, "foreign_origin", f"A page of {shown(origin)} may not use this proxy."),
            "openai-chat",
        )
    if facts.bare_path in OWN_PAGES:
        return OwnPage(facts.bare_path)
    return _by_base_url(facts, providers)


def is_for_us(facts: RequestFacts) -> bool:
    """Told by port and loopback host, never by path alone: those belong to everyone."""
    host = facts.host.lower().rstrip(".")
    return host == MAGIC_HOST or (facts.port == facts.listener and is_loopback(host))


def is_loopback(host: str) -> bool:
    host = host.lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _by_base_url(facts: RequestFacts, providers: Sequence[Provider]) -> Arrival:
    named = {provider.name: provider for provider in providers}
    first, _, rest = facts.path.removeprefix("/").partition("/")
    if first in named and rest:
        provider, path = named[first], f"/{rest}"
    else:
        name = _implied(facts)
        if name is None or name not in named:
            return Refused(_unknown_path(facts, named), "openai-chat")
        provider, path = named[name], facts.path
    return ToProvider(provider, provider.mounted(path), by_base_url=True)


def _implied(facts: RequestFacts) -> str | None:
    """The provider whose API has this path; where several have it, whose credential it carries."""
    path = facts.bare_path
    if _OPENAI.fullmatch(path):
        return "openai"
    if _ANTHROPIC.fullmatch(path):
        return "anthropic"
    if _GEMINI.fullmatch(path):
        return "gemini"
    if _ANYBODYS.fullmatch(path):
        if facts.header("x-api-key") or facts.header("anthropic-version"):
            return "anthropic"
        if facts.header("x-goog-api-key") or "key" in facts.query_names:
            return "gemini"
        return "openai"
    return None


def _foreign_page(facts: RequestFacts) -> str | None:
    """The origin of a web page that calls us from a browser, unless it is served from here.

    Without this, any page that a developer visits could spend the key that we add for LiteLLM.
    """
    origin = facts.header("origin")
    if not origin:
        return None
    scheme, separator, _ = origin.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        return None  # editors and desktop programs have origins with schemes of their own
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        host = None
    # A page in a sandbox says "null".
    return None if host and is_loopback(host) else origin


def _unknown_path(facts: RequestFacts, named: dict[str, Provider]) -> Problem:
    prefixes = ", ".join(f"/{name}" for name in named)
    return Problem(
        404,
        "unknown_path",
        f"{shown(facts.bare_path)} is no model API that this proxy knows. Begin the path with a"
        f" provider ({prefixes}), or use /v1/chat/completions, /v1/responses, /v1/messages,"
        " /v1/models, /v1/embeddings or /v1beta/models/….",
    )
