"""How the calls of our own LiteLLM leave: through a listener that only it may use."""

import base64
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dialects import Problem
from routing.arrival import MAGIC_HOST, ToProvider, arrival_of, is_loopback
from routing.facts import RequestFacts
from routing.headers import is_ours
from routing.outgoing import LITELLM_CUSTOMER, LITELLM_END_USER, LITELLM_KEY
from routing.ports import LOOPBACK
from routing.providers import Address, Provider

PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy")

CALLS_KEPT: Final = 10_000
SECONDS_AFTER_THE_END: Final = 120.0
"""So long a call is still known: LiteLLM logs and books after its answer."""

_LABELS: Final = frozenset({LITELLM_END_USER, LITELLM_CUSTOMER})


@dataclass(frozen=True, slots=True)
class Egress:
    """What a child has to know of it: where it is, what to show there, and whom to trust."""

    port: int
    token: str = field(repr=False)
    authorities: Path

    def url_for(self, child: str) -> str:
        """The proxy to name in the environment of this child."""
        return f"http://{child}:{self.token}@{LOOPBACK}:{self.port}"


def child_of(authorization: str, token: str) -> str | None:
    """The child that shows this Proxy-Authorization; None unless the token is right."""
    scheme, _, coded = authorization.partition(" ")
    try:
        child, _, given = base64.b64decode(coded.strip(), validate=True).partition(b":")
        name = child.decode()
    except ValueError:
        return None
    is_right = scheme.lower() == "basic" and compare_digest(given, token.encode())
    return name if is_right and name else None


def other_proxy(environ: Mapping[str, str]) -> str | None:
    """The variable that names a proxy elsewhere, a company's, which LiteLLM is to go on using."""
    named = (name for name, value in environ.items() if name.lower() in PROXIES and value)
    return next((name for name in named if not leads_to_this_machine(environ[name])), None)


def leads_to_this_machine(proxy: str) -> bool:
    """A proxy on loopback is most likely ourselves, and the call would never leave."""
    try:
        host = urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname or ""
    except ValueError:
        return True
    return is_here(host)


def is_here(host: str, names: Collection[str] = ()) -> bool:
    """Whether a connection to this host stays on this machine, which has these names."""
    host = host.lower().rstrip(".")
    try:
        return is_loopback(host) or host in names or ip_address(host).is_unspecified
    except ValueError:
        return False


def leads_back(host: str, port: int, ours: Collection[int], names: Collection[str]) -> bool:
    """Whether a call would come to one of our own listeners again."""
    if host.lower().rstrip(".") == MAGIC_HOST:
        return True
    return port in ours and is_here(host, names)


def led_back(host: str, port: int) -> Problem:
    """What LiteLLM is told then, and through it the client."""
    return Problem(
        508,
        "leads_back",
        f"LiteLLM was told to ask {host}:{port}, which is the memory proxy itself. Name the"
        " provider's own address: as `api_base` in litellm.yaml, or in the variable that names"
        " this one, such as OPENAI_BASE_URL.",
    )


def without_labels(
    pairs: Iterable[tuple[str, str]], key: str | None
) -> tuple[tuple[str, str], ...]:
    """The headers for a provider, less our labels and LiteLLM's, and less LiteLLM's own key.

    Another key in the same header is meant for who is asked: a company's LiteLLM, say.
    """
    return tuple(
        (name, value)
        for name, value in pairs
        if not is_ours(name)
        and name.lower() not in _LABELS
        and not (name.lower() == LITELLM_KEY and value == key)
    )


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a call goes that has passed us before; None keeps what the client said."""

    target: Address | None = None
    path: str | None = None
    problem: Problem | None = None


def onward(facts: RequestFacts, providers: Sequence[Provider]) -> Onward | None:
    """Straight to the provider; None for what is no call to one."""
    match arrival_of(facts, providers):
        case ToProvider(provider, path, by_base_url):
            target = provider.upstream or (provider.api if by_base_url else None)
            if by_base_url and target is None:
                return Onward(problem=led_back(facts.host, facts.port))
            return Onward(target, path if target else None)
        case None:
            return Onward()
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Expected:
    """A call that went to LiteLLM, as far as the calls that LiteLLM makes for it need to know."""

    id: str
    project: str | None
    user: str | None
    key: str | None = field(default=None, repr=False)
    """What LiteLLM asks of those who call it."""


class ExpectedCalls:
    """Those that are under way, and those that ended a moment ago."""

    def __init__(self, now: Callable[[], float] = time.monotonic, limit: int = CALLS_KEPT) -> None:
        self._now = now
        self._limit = limit
        self._going: OrderedDict[str, Expected] = OrderedDict()
        self._ended: OrderedDict[str, tuple[float, Expected]] = OrderedDict()
        self._waits: OrderedDict[str, tuple[int, str | None]] = OrderedDict()

    def begin(self, call: Expected) -> None:
        self._going[call.id] = call
        _shorten(self._going, self._limit)

    def end(self, call_id: str) -> None:
        if call := self._going.pop(call_id, None):
            self._ended[call_id] = self._now(), call
            _shorten(self._ended, self._limit)

    def find(self, call_id: str) -> Expected | None:
        if call := self._going.get(call_id):
            return call
        ended, call = self._ended.get(call_id, (0.0, None))
        return call if self._now() - ended <= SECONDS_AFTER_THE_END else None

    def refused(self, call_id: str, status: int, wait: str | None) -> None:
        """A provider would not serve it, and may have said when to come back."""
        self._waits[call_id] = status, wait
        _shorten(self._waits, self._limit)

    def wait_of(self, call_id: str, status: int) -> str | None:
        """When to come back, as the provider said who answered last, with this status."""
        said, wait = self._waits.get(call_id, (0, None))
        return wait if said == status else None


def _shorten(calls: OrderedDict[str, Any], limit: int) -> None:
    while len(calls) > limit:
        calls.popitem(last=False)
