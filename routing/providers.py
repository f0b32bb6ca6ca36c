"""Whose calls we look into, and where a base URL leads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

_URL: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+))"
    r"(?::(?P<port>\d{1,5}))?/?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Address:
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Address":
        match = _URL.fullmatch(url)
        port = int(match["port"]) if match and match["port"] else None
        if match is None or port == 0 or (port or 0) > 65535:
            # Never the value: it may hold a password.
            raise ValueError("expected http://HOST[:PORT] or https://HOST[:PORT], and no more")
        scheme, host = match["scheme"].lower(), (match["v6"] or match["host"]).lower()
        return cls(scheme, host, port or default_port(scheme))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        shown = "" if self.port == default_port(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{shown}"


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    hosts: tuple[str, ...]
    """Names or patterns; `*` stands for any letters."""
    family: str
    """Its native dialect: what its errors and model lists look like."""
    api: Address | None
    """Where a base URL leads; None if each user has a host of their own."""
    mount: str = ""
    """The path below which its API lies, such as `/openai/v1`."""
    upstream: Address | None = None
    """A gateway that stands for the provider; its calls go there instead."""
    subscription_hosts: tuple[str, ...] = ()
    """Hosts that take a subscription's login and nothing else."""

    def owns(self, host: str) -> bool:
        return _matches(host, self.hosts)

    def is_subscription_host(self, host: str) -> bool:
        return _matches(host, self.subscription_hosts)

    def mounted(self, path: str) -> str:
        """A base URL's path as the provider expects it, whichever part of it the user gave."""
        first, _, _ = self.mount.removeprefix("/").partition("/")
        if not first or re.match(rf"/(upload/v\d|{re.escape(first)}(/|\?|$))", path):
            return path
        root, version = _split_version(self.mount)
        return root + path if re.match(r"/v\d", path) and version else self.mount + path


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def provider_of(host: str, providers: Iterable[Provider]) -> Provider | None:
    return next((provider for provider in providers if provider.owns(host)), None)


def _split_version(mount: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)(/v\d\w*)?", mount)
    return (match[1], match[2] or "") if match else (mount, "")


@lru_cache(maxsize=1024)  # for each call all providers are asked
def _matches(host: str, patterns: tuple[str, ...]) -> bool:
    lowered = host.lower().rstrip(".")
    return any(fnmatchcase(lowered, pattern) for pattern in patterns)
