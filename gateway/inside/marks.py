"""The id of a call, carried from the request that came in to the requests made for it.

Whatever goes wrong here, LiteLLM's call goes on, and is then linked with no other.
"""

import asyncio
import base64
import functools
import http.client
import os
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote, urlsplit

HEADER: Final = "x-memory-call"
MARK_CALLS: Final = "MEMPROXY_MARK_CALLS"
"""Set where there is an egress, which takes the header off again."""
LET_THROUGH: Final = "http://memory.proxy/let-through"
SECONDS_TO_ASK: Final = 5.0
SECONDS_FOR_MARKED: Final = 5.0
SECONDS_BETWEEN_LOOKS: Final = 0.01
PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

_call: ContextVar[str | None] = ContextVar("memory_call", default=None)
_way_out: dict[str, str | None] = {}
"""The variables that lead to the egress, as we were started with them."""
_marked: Counter[str] = Counter()
"""How many requests are on their way to each host with a mark."""
_counting = threading.Lock()
_opaque: set[str] = set()
"""Hosts that the egress may pass unopened, because we do not take its certificate for theirs."""


class Carry:
    """Between the server and the app, so that all of the app runs with the call's id."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        before = _call.set(call_in(scope))
        try:
            await self.app(scope, receive, send)
        finally:
            # What the app has left running keeps the id: it has a copy of this context.
            _call.reset(before)


def note_the_way_out() -> None:
    """Before a litellm.yaml is read, which may name another."""
    if os.environ.get(MARK_CALLS):
        _way_out.update(_proxies_now())


def carry(app: Any) -> None:
    """Let whatever the app sends for a request carry the id that came with it."""
    if not os.environ.get(MARK_CALLS):
        return
    try:
        app.add_middleware(Carry)
        for library in ("httpx", "httpx2"):
            if module := sys.modules.get(library):
                wrap_send(module.Client)
                wrap_async_send(module.AsyncClient)
        if aiohttp := sys.modules.get("aiohttp"):
            wrap_aiohttp(aiohttp.ClientSession)
    except Exception as error:
        sys.stderr.write(f"calls are not marked: {type(error).__name__}\n")


def call_in(scope: Any) -> str | None:
    """The id that a request brings along."""
    with suppress(Exception):
        for name, value in scope.get("headers", ()):
            if name.lower() == HEADER.encode():
                return str(value.decode("ascii"))
    return None


def wrap_send(client: Any) -> None:
    """Mark what an httpx client sends."""
    send = client.send

    @functools.wraps(send)
    def marked(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        try:
            with under_way(mark(self, request)):
                return send(self, request, *args, **options)
        except Exception as error:
            if not is_distrust(error) or not let_through(request):
                raise
        return send(self, request, *args, **options)

    client.send = marked


def wrap_async_send(client: Any) -> None:
    """Mark what an asynchronous httpx client sends."""
    send = client.send

    @functools.wraps(send)
    async def marked(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        try:
            with under_way(mark(self, request)):
                return await send(self, request, *args, **options)
        except Exception as error:
            if not is_distrust(error) or not await asyncio.to_thread(let_through, request):
                raise
        return await send(self, request, *args, **options)

    client.send = marked


def wrap_aiohttp(session: Any) -> None:
    """Mark what LiteLLM sends with aiohttp itself, and lead it to the egress: it would not look."""
    request = session._request  # which all of its public methods call

    @functools.wraps(request)
    async def marked(self: Any, method: str, url: Any, **options: Any) -> Any:
        host = None
        with suppress(Exception):
            options, host = led_out(str(url), options)
        with under_way(host):
            return await request(self, method, url, **options)

    session._request = marked


def mark(client: Any, request: Any) -> str | None:
    """Only on its way to the egress, which takes the mark off; the host that it goes to, marked."""
    with suppress(Exception):
        call, host = _call.get(), str(request.url.host)
        if call and client.trust_env and leaves_by_egress() and sets_out(host):
            request.headers.setdefault(HEADER, call)
            return host
    return None


def sets_out(host: str) -> bool:
    """Count a marked request, which is then `under_way`; not to a host that would see the mark."""
    with _counting:
        if host in _opaque:
            return False
        _marked[host] += 1
        return True


@contextmanager
def under_way(host: str | None) -> Iterator[None]:
    """While a request that was marked for this host has no answer yet."""
    try:
        yield
    finally:
        if host is not None:
            with _counting:
                _marked[host] -= 1


def led_out(url: str, options: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The options of an aiohttp request, with the egress as its proxy and the mark on it.

    And the host that it goes to, if the mark is ours; httpx may send with aiohttp, and has marked.
    """
    parts, marked = urlsplit(url), None
    if parts.scheme not in ("http", "https") or not leaves_by_egress():
        return options, None
    call, headers = _call.get(), options.get("headers")
    pairs: list[Any] = list(
        headers.items() if headers and hasattr(headers, "items") else headers or ()
    )
    is_marked = any(str(name).lower() == HEADER for name, _ in pairs)
    if call and not is_marked and parts.hostname and sets_out(parts.hostname):
        pairs.append((HEADER, call))
        marked = parts.hostname
    proxy = options.get("proxy") or _way_out["HTTP_PROXY"]
    return {**options, "proxy": proxy, "headers": pairs}, marked


def leaves_by_egress() -> bool:
    """Not if a litellm.yaml has named another proxy since: nobody would take the mark off."""
    return bool(_way_out) and _proxies_now() == _way_out


def _proxies_now() -> dict[str, str | None]:
    names = (*PROXIES, *(name.upper() for name in PROXIES))
    return {name: os.environ.get(name) for name in names}


def let_through(request: Any) -> bool:
    """Have the egress let further connections to this host through, as it cannot open them.

    From now on nothing is marked that goes there, even if the egress gives no answer: it may have
    done it all the same, or for another call, and the host would see the mark of the next one. What
    is marked already and about to connect must find the egress still closed, as this one has. Of
    this one nothing was sent yet: certificates come first.
    """
    with suppress(Exception):
        host = str(request.url.host)
        request.headers.pop(HEADER, None)
        with _counting:
            _opaque.add(host)
        _wait_for_marked(host)
        # Each time: another call may be a moment ahead, or the egress may have forgotten it.
        _ask_egress(host)
        return True
    return False


def _wait_for_marked(host: str) -> None:
    """They fail within moments; one that does not goes by a client that trusts the egress."""
    until = time.monotonic() + SECONDS_FOR_MARKED
    while _marked[host] and time.monotonic() < until:
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _ask_egress(host: str) -> None:
    egress = urlsplit(_way_out["HTTP_PROXY"] or "")
    shown = base64.b64encode(f"{egress.username}:{egress.password}".encode()).decode()
    line = http.client.HTTPConnection(egress.hostname or "", egress.port, timeout=SECONDS_TO_ASK)
    try:
        headers = {"Proxy-Authorization": f"Basic {shown}"}
        line.request("POST", f"{LET_THROUGH}?host={quote(host)}", headers=headers)
        answer = line.getresponse()
        answer.read()
        if answer.status >= 300:
            raise ConnectionRefusedError(f"the egress answered {answer.status}")
    finally:
        line.close()


def is_distrust(error: BaseException | None) -> bool:
    """Whether behind it is a certificate that was not trusted, where that can only be ours."""
    if not leaves_by_egress():
        return False
    for _ in range(10):
        told = (error, getattr(error, "certificate_error", None))  # the latter is aiohttp's
        if any(isinstance(one, ssl.SSLCertVerificationError) for one in told):
            return True
        error = error and (error.__cause__ or error.__context__)
    return False
