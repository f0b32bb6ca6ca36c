"""Kept cookies as JSON: what a good file looks like, and why other bytes are not one.

No credential is in it: an account is named by a keyed digest, and the key beside it is there so
that the same credential is given the same name after a restart.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from routing.cookies import KEY_LENGTH, Contents, Cookie, Scope

VERSION: Final = 1
MOST_BYTES: Final = 4 * 1024 * 1024
LONGEST_PAUSE: Final = 24 * 3600.0
"""A cookie without an end is for the session. A tool's session goes on while the proxy is started
anew, so such a cookie is read back; but not after so many seconds, as no session lasts for ever."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """These bytes are no file of kept cookies."""

    why: str


class _Odd(ValueError):
    """Something that we never write; the message says what."""


def encode(contents: Contents, now: float) -> bytes:
    """The file's bytes; what went unused longest is left out where they would be too many."""
    head = json.dumps({"version": VERSION, "written": now, "key": contents.key.hex()})
    start, end = f'{head[:-1]}, "scopes": [\n', "\n]}\n"
    room = MOST_BYTES - len(start) - len(end)
    lines: list[str] = []
    for scope, cookies in reversed(contents.scopes):
        line = _line(scope, cookies)
        room -= len(line) + len(",\n")
        if room < 0:
            break
        lines.append(line)
    return (start + ",\n".join(reversed(lines)) + end).encode()


def decode(data: bytes, now: float) -> Contents | Unusable:
    """The cookies that are still good, or why there are none to be read."""
    try:
        return _contents(_document(data), now)
    except _Odd as odd:
        return Unusable(str(odd))


def _line(scope: Scope, cookies: tuple[Cookie, ...]) -> str:
    return json.dumps(
        {
            "project": scope.project,
            "account": scope.account,
            "host": scope.host,
            "cookies": [
                {
                    "name": cookie.name,
                    "value": cookie.value,
                    "path": cookie.path,
                    "secure": cookie.is_secure,
                    "expires": cookie.expires,
                }
                for cookie in cookies
            ],
        }
    )


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise _Odd(f"it has more than {MOST_BYTES} bytes")
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _Odd("it is no JSON") from None
    version = document.get("version") if isinstance(document, dict) else None
    if not _is_number(version):
        raise _Odd("it has no version")
    if version != VERSION:
        raise _Odd(f"it is of version {version}, and this program knows {VERSION}")
    assert isinstance(document, dict)
    return document


def _contents(document: dict[str, Any], now: float) -> Contents:
    match document:
        case {"written": written, "key": str(key), "scopes": [*entries]} if _is_number(written):
            is_one_session = now - written <= LONGEST_PAUSE
            scopes = [_scope(entry, now, is_one_session) for entry in entries]
            return Contents(_key(key), tuple((scope, kept) for scope, kept in scopes if kept))
    raise _Odd("it lacks when it was written, the key or the scopes")


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise _Odd("its key is none")
    return key


def _scope(entry: Any, now: float, is_one_session: bool) -> tuple[Scope, tuple[Cookie, ...]]:
    match entry:
        case {
            "project": str() | None as project,
            "account": str(account),
            "host": str(host),
            "cookies": [*cookies],
        } if host == host.lower():
            kept = [_cookie(cookie) for cookie in cookies]
            return Scope(project, account, host), tuple(
                cookie
                for cookie in kept
                if (is_one_session if cookie.expires is None else not cookie.is_over(now))
            )
    raise _Odd("a scope lacks its project, account, host or cookies")


def _cookie(entry: Any) -> Cookie:
    match entry:
        case {
            "name": str(name),
            "value": str(value),
            "path": str(path),
            "secure": bool(is_secure),
            "expires": expires,
        } if expires is None or _is_number(expires):
            cookie = Cookie(name, value, path, is_secure, expires)
            if cookie.may_be_kept:
                return cookie
    # Never the entry: it may be a secret.
    raise _Odd("a cookie is none that we would keep")


def _is_number(value: Any) -> bool:
    # In Python True is a number, and in JSON so is what no float holds.
    try:
        is_one = isinstance(value, int | float) and not isinstance(value, bool)
        return is_one and math.isfinite(value)
    except OverflowError:
        return False
