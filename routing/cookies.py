"""Cloudflare's cookies for clients that keep none.

A challenge that one request passed stays passed for the next one of the same project, account and
host. Nothing else is kept: no other cookie, and no credential.
"""

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from routing import headers

NAMES = frozenset({"cf_clearance", "__cf_bm", "__cflb", "_cfuvid"})
NAME_PREFIX = "cf_chl_"

COOKIES_PER_SCOPE = 32
LONGEST_COOKIE = 4096
LONGEST_PATH = 1024
LONGEST_LIFE = 400 * 24 * 3600.0

_CREDENTIALS = (headers.CREDENTIALS - {"cookie"}) | headers.CREDENTIAL_QUERY
ANONYMOUS = "anonymous"
KEY_LENGTH = 32

# Anything that could end a header line or begin another cookie.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f;]")


@dataclass(frozen=True, slots=True)
class Scope:
    """Who may see a cookie again: one project's one account at exactly one host."""

    project: str | None
    account: str
    host: str


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie that a server set; `expires` is None until the jar forgets it."""

    name: str
    value: str = field(repr=False)
    path: str
    is_secure: bool
    expires: float | None

    @property
    def may_be_kept(self) -> bool:
        """It is one of Cloudflare's, is not too long, and does no harm in a header."""
        return (
            _is_cloudflares(self.name)
            and len(self.name) + len(self.value) <= LONGEST_COOKIE
            and not _UNSAFE.search(self.name + self.value)
            and self.path.startswith("/")
            and len(self.path) <= LONGEST_PATH
        )

    def is_over(self, now: float) -> bool:
        """The server wants it back no more."""
        return self.expires is not None and self.expires <= now

    def goes_to(self, path: str, secure: bool) -> bool:
        """The request's path lies below the cookie's, and the way there is secure enough."""
        below = self.path if self.path.endswith("/") else f"{self.path}/"
        return (secure or not self.is_secure) and (path == self.path or path.startswith(below))


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a jar holds; what went unused longest comes first."""

    key: bytes = field(repr=False)
    scopes: tuple[tuple[Scope, tuple[Cookie, ...]], ...] = ()


class CookieJar:
    """Remembers per scope, and forgets the scope and the cookie that went unused longest."""

    def __init__(self, limit: int = 1024) -> None:
        self.limit = limit
        self.key = secrets.token_bytes(KEY_LENGTH)
        """What accounts are named with (`account_of`): the names are worth nothing elsewhere."""
        self.changes = 0
        """How often a cookie came, changed or was ended."""
        self._scopes: OrderedDict[Scope, OrderedDict[tuple[str, str], Cookie]] = OrderedDict()

    def contents(self) -> Contents:
        """What it holds now, as a value."""
        held = ((scope, tuple(cookies.values())) for scope, cookies in self._scopes.items())
        return Contents(self.key, tuple(held))

    def fill(self, contents: Contents) -> None:
        """Hold this, as far as there is room, in place of what it held."""
        self.key = contents.key
        self._scopes.clear()
        for scope, cookies in contents.scopes:
            kept = cookies[-COOKIES_PER_SCOPE:]
            self._scopes[scope] = OrderedDict(((c.name, c.path), c) for c in kept)
            self._touch(scope)

    def remember(self, scope: Scope, set_cookie_headers: Iterable[str], now: float) -> None:
        """Keep Cloudflare's cookies out of an answer, and drop those that it ends."""
        scope = _exact(scope)
        for header in set_cookie_headers:
            cookie = read_set_cookie(header, scope.host, now)
            if cookie is None:
                continue
            cookies = self._scopes.setdefault(scope, OrderedDict())
            before = cookies.pop((cookie.name, cookie.path), None)
            after = None if cookie.is_over(now) else cookie
            if after:
                cookies[cookie.name, cookie.path] = after
            self.changes += before != after
            while len(cookies) > COOKIES_PER_SCOPE:
                cookies.popitem(last=False)
        self._touch(scope)

    def header_for(
        self, scope: Scope, path: str, secure: bool, client_cookie_header: str | None, now: float
    ) -> str | None:
        """The whole Cookie header to send; None where the client's is to stay as it is."""
        scope = _exact(scope)
        cookies = self._scopes.get(scope)
        if cookies is None:
            return None
        for key in [key for key, cookie in cookies.items() if cookie.is_over(now)]:
            del cookies[key]
        own = _names_in(client_cookie_header or "")
        bare_path = path.partition("?")[0]
        sent = [
            (key, cookie)
            for key, cookie in cookies.items()
            if cookie.name not in own and cookie.goes_to(bare_path, secure)
        ]
        for key, _ in sent:
            cookies.move_to_end(key)
        self._touch(scope)
        if not sent:
            return None
        # The longest path first (RFC 6265, 5.4): servers that read one of a name read the first.
        sent.sort(key=lambda item: -len(item[1].path))
        ours = "; ".join(f"{cookie.name}={cookie.value}" for _, cookie in sent)
        return _append(client_cookie_header or "", ours)

    def _touch(self, scope: Scope) -> None:
        """Make it the scope used last, without keeping an empty one."""
        if not self._scopes.get(scope):
            self._scopes.pop(scope, None)
            return
        self._scopes.move_to_end(scope)
        while len(self._scopes) > self.limit:
            self._scopes.popitem(last=False)


def read_set_cookie(header: str, host: str, now: float) -> Cookie | None:
    """One of Cloudflare's cookies for this host, or None; RFC 6265, 5.2."""
    pair, *attributes = header.split(";")
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    if not equals or not _is_cloudflares(name):
        return None
    said: dict[str, str] = {}
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        said[key.strip(" \t").lower()] = text.strip(" \t")
    path = said.get("path", "")
    cookie = Cookie(
        name=name,
        value=value,
        # The default would be the request's folder; Cloudflare always names the root.
        path=path if path.startswith("/") else "/",
        is_secure="secure" in said,
        expires=_expiry(said, now),
    )
    return cookie if cookie.may_be_kept and _covers(said.get("domain", ""), host) else None


def account_of(key: bytes, pairs: Iterable[tuple[str, str]], path: str = "") -> str:
    """A name for whoever these credentials belong to, from which they cannot be read back.

    Gemini's clients may have theirs in the query of the path.
    """
    query = parse_qsl(path.partition("?")[2])
    credentials = sorted(
        (name.lower(), value.strip())
        for name, value in (*pairs, *query)
        if name.lower() in _CREDENTIALS
    )
    digest = hashlib.blake2b(key=key, digest_size=16)
    given = [pair for pair in credentials if pair[1]]
    for name, value in given:
        data = value.encode("utf-8", "surrogatepass")
        digest.update(f"{name}:{len(data)}:".encode() + data)
    return digest.hexdigest() if given else ANONYMOUS


def _is_cloudflares(name: str) -> bool:
    return name in NAMES or name.startswith(NAME_PREFIX)


def _exact(scope: Scope) -> Scope:
    return Scope(scope.project, scope.account, scope.host.lower())


def _covers(domain: str, host: str) -> bool:
    """Whether a Domain attribute allows this host; an absent one does."""
    domain = domain.lower().removeprefix(".")
    if not domain or domain == host:
        return True
    # The end of an IP address is no domain.
    is_name = not host.replace(".", "").isdigit() and ":" not in host
    return is_name and host.endswith(f".{domain}")


def _expiry(said: dict[str, str], now: float) -> float | None:
    """When the cookie ends, by Max-Age before Expires; an unreadable one says nothing."""
    if re.fullmatch(r"-?[0-9]+", age := said.get("max-age", ""), re.ASCII):
        # Digits beyond these are centuries, and int() refuses thousands of them.
        seconds = int(age[:12])
        return now + min(float(seconds), LONGEST_LIFE) if seconds > 0 else 0.0
    try:
        date = parsedate_to_datetime(said.get("expires", ""))
    except (ValueError, OverflowError):
        return None
    # A date is in GMT even where it does not say so.
    when = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return min(when, now + LONGEST_LIFE)


def _names_in(cookie_header: str) -> set[str]:
    return {pair.partition("=")[0].strip() for pair in cookie_header.split(";")}


def _append(cookie_header: str, ours: str) -> str:
    if not cookie_header.strip():
        return ours
    separator = " " if cookie_header.rstrip().endswith(";") else "; "
    return cookie_header + separator + ours
