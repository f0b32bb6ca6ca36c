"""Clients that take little time themselves: HTTP/1.1 by hand, over a connection kept open."""

import asyncio
import json
import ssl
import time
from dataclasses import dataclass

LONGEST = 2**22


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask: straight to a server, or through a proxy by CONNECT."""

    name: str
    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    proxy: int | None = None
    """A proxy's port on loopback."""
    key: str = "sk-bench"


class Client:
    """One connection, opened at the first call and again after a failure."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def call(self, body: bytes) -> float:
        """Seconds from the first byte sent to the last byte received."""
        try:
            return await self._call(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.writer = None  # it was closed while nothing was asked
            return await self._call(body)

    async def _call(self, body: bytes) -> float:
        if self.writer is None:
            await self._connect()
        assert self.reader
        assert self.writer
        way = self.way
        head = (
            f"POST {way.path} HTTP/1.1\r\nhost: {way.host}:{way.port}\r\n"
            f"authorization: Bearer {way.key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        started = time.perf_counter()
        self.writer.write(head.encode() + body)
        status, headers = await self._head(self.reader)
        answer = await self._body(self.reader, headers)
        took = time.perf_counter() - started
        if status != 200 or b'"error"' in answer:
            raise RuntimeError(f"{way.name}: {status} {answer[:300]!r}")
        return took

    def close(self) -> None:
        if self.writer:
            self.writer.close()

    async def _connect(self) -> None:
        way = self.way
        port = way.proxy or way.port
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=LONGEST)
        if way.proxy:
            there = f"{way.host}:{way.port}"
            self.writer.write(f"CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n\r\n".encode())
            status, _ = await self._head(self.reader)
            if status != 200:
                raise RuntimeError(f"{way.name}: CONNECT was answered with {status}")
        if way.tls:
            await self.writer.start_tls(way.tls, server_hostname=way.host)

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        answer = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            answer += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return answer


def chat(size: int, *, stream: bool) -> bytes:
    """A chat call of about that many bytes, in words."""
    words = "so the parser reads each line of the file and keeps what it has seen before "
    text = (words * (size // len(words) + 1))[:size]
    asked = {"model": "gpt", "messages": [{"role": "user", "content": text}], "stream": stream}
    return json.dumps(asked).encode()


async def in_turns(ways: list[Way], body: bytes, calls: int) -> dict[str, list[float]]:
    """One client on each way, a call on each in turn, so that all see the same weather."""
    clients = {way.name: Client(way) for way in ways}
    took: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(calls):
        for name, client in clients.items():
            took[name].append(await client.call(body))
    for client in clients.values():
        client.close()
    return took


async def at_once(
    ways: list[Way], body: bytes, clients: int, calls: int, rounds: int
) -> dict[str, list[float]]:
    """So many clients together, way by way, in several rounds; `calls` are those of all rounds."""
    took: dict[str, list[float]] = {way.name: [] for way in ways}
    crowds = {way.name: [Client(way) for _ in range(clients)] for way in ways}

    async def ask(name: str, client: Client) -> None:
        for _ in range(max(1, calls // rounds // clients)):
            took[name].append(await client.call(body))

    for _ in range(rounds):
        for name, crowd in crowds.items():
            await asyncio.gather(*(ask(name, client) for client in crowd))
    for crowd in crowds.values():
        for client in crowd:
            client.close()
    return took
