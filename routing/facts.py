"""What one request says about itself."""

from dataclasses import dataclass
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request as it reached one of our listeners, before anything was changed."""

    listener: int
    """The port it came in at, which names the project."""
    method: str
    host: str
    """Where the client wanted to go; a loopback host where it used us as a base URL."""
    port: int
    path: str
    """With its query, as sent."""
    headers: tuple[tuple[str, str], ...] = ()
    directories: tuple[str, ...] = ()
    """Working directories that the client itself declares, the most telling first."""
    model: str | None = None
    """The model that the body names, once it has been read."""

    def header(self, name: str) -> str | None:
        found = self.values(name)
        return found[0] if found else None

    def values(self, name: str) -> list[str]:
        # Most headers are of another length, which is told at once.
        wanted, size = name.lower(), len(name)
        return [value for key, value in self.headers if len(key) == size and key.lower() == wanted]

    @property
    def bare_path(self) -> str:
        return self.path.partition("?")[0]

    @property
    def query_names(self) -> frozenset[str]:
        query = self.path.partition("?")[2]
        return frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True))

    @property
    def wants_websocket(self) -> bool:
        return (self.header("upgrade") or "").lower() == "websocket"


def shown(text: str, longest: int = 200) -> str:
    """What a client sent, fit for a log line, a header or a page: printable and short."""
    safe = text[:longest]
    if not safe.isprintable():
        safe = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in safe)
    return safe + ("…" if len(text) > longest else "")
