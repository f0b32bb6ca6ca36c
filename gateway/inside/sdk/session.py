"""The one HTTP session that every call to a provider shares, as far as LiteLLM lets it."""

import ssl
import time
from collections.abc import Iterator, Sequence
from http.cookies import Morsel, SimpleCookie
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import httpx
import litellm
from aiohttp.abc import AbstractCookieJar
from litellm.constants import AIOHTTP_KEEPALIVE_TIMEOUT, AIOHTTP_TTL_DNS_CACHE
from litellm.llms.custom_httpx.http_handler import (
    AsyncHTTPHandler,
    blocked_cookie_jar,
    build_aiohttp_keepalive_socket_factory,
    get_ssl_configuration,
)

from routing.cookies import ANONYMOUS, CookieJar, Scope

# Long thinking on many streams at once must not wait for a free connection.
CONNECTIONS: Final = 0


class CloudflareJar(AbstractCookieJar):  # type: ignore[misc] # has no types where mypy runs
    """Keeps Cloudflare's cookies for the host that set them, and no other cookie."""

    def __init__(self) -> None:
        super().__init__()
        self._jar = CookieJar()

    @property
    def unsafe(self) -> bool:
        """Hosts that are only a number have cookies as well."""
        return True

    @property
    def quote_cookie(self) -> bool:
        """A value goes back as it came."""
        return False

    @property
    def cookies(self) -> MappingProxyType[tuple[str, str], SimpleCookie]:
        """Nobody is shown them."""
        return MappingProxyType({})

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """Nobody is shown them."""
        return frozenset()

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def clear(self, predicate: Any = None) -> None:
        """Forget all of them."""
        self._jar = CookieJar()

    def clear_domain(self, domain: str) -> None:
        """Forget all of them: which are whose is the inner jar's affair."""
        self.clear()

    def update_cookies(self, cookies: Any, response_url: Any = None) -> None:
        """Only what a provider says in a header counts."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: Any) -> None:
        """Keep what Cloudflare set."""
        self._jar.remember(_scope(response_url), headers, time.time())

    def filter_cookies(self, request_url: Any) -> SimpleCookie:
        """What goes back to this host."""
        header = self._jar.header_for(
            _scope(request_url), request_url.raw_path, request_url.scheme == "https", None,
            time.time(),
        )  # fmt: skip
        kept = SimpleCookie()
        for pair in (header or "").split("; "):
            name, equals, value = pair.partition("=")
            if equals:
                kept[name] = value
                kept[name].set(name, value, value)
        return kept


def open_session() -> aiohttp.ClientSession:
    """The session; a running loop has to be there."""
    options: dict[str, Any] = {
        "limit": CONNECTIONS,
        "keepalive_timeout": AIOHTTP_KEEPALIVE_TIMEOUT,
        "ttl_dns_cache": AIOHTTP_TTL_DNS_CACHE,
    }
    if litellm.force_ipv4:
        options["local_addr"] = ("0.0.0.0", 0)  # noqa: S104 - of a client: any, but of version 4
    if factory := build_aiohttp_keepalive_socket_factory():
        options["socket_factory"] = factory
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(**options), cookie_jar=CloudflareJar()
    )


def share(session: aiohttp.ClientSession) -> None:
    """Let all that LiteLLM makes to speak with a provider speak through the session."""
    make = AsyncHTTPHandler.create_aiohttp_transport

    # Each of its calls may be given a session, but many forget it on the way (1.106.2).
    def shared(*args: Any, shared_session: Any = None, **options: Any) -> Any:
        return make(*args, shared_session=shared_session or session, **options)

    AsyncHTTPHandler.create_aiohttp_transport = staticmethod(shared)
    if not AsyncHTTPHandler.should_use_aiohttp_transport():
        return  # the user wants HTTP/2 or httpx, which this session cannot speak
    trust = get_ssl_configuration()
    # LiteLLM's clients of OpenAI's kind, one for each key, would keep every cookie of everybody.
    litellm.aclient_session = httpx.AsyncClient(
        transport=AsyncHTTPHandler.create_async_transport(
            ssl_context=trust if isinstance(trust, ssl.SSLContext) else None,
            ssl_verify=trust if isinstance(trust, bool) else None,
        ),
        cookies=blocked_cookie_jar(),
        follow_redirects=True,
    )


def _scope(url: Any) -> Scope:
    return Scope(None, ANONYMOUS, url.raw_host or "")
