"""The bytes of one connection, and the moment at which the client leaves."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from typing import Any

from tests.fakes.step import BreakHow

LINGER_NOT = struct.pack("ii", 1, 0)


class Wire(asyncio.Protocol):
    """Reads at any time, so that a client who leaves in mid-answer is noticed."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.is_ours_to_close = False
        self._lost = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes:
        """The next bytes; none when the client is gone."""
        if self.gone.is_set() and self._incoming.empty():
            return b""
        return await self._incoming.get()

    async def send(self, data: bytes) -> None:
        await self._writable.wait()
        if not self.gone.is_set():
            self.transport.write(data)

    def close(self) -> None:
        """End it in good order."""
        self.is_ours_to_close = True
        self.transport.close()

    def cut(self, how: BreakHow) -> None:
        """End it where nobody expects it."""
        if how == "close":
            self.close()
            return
        self.is_ours_to_close = True
        # Without this the system would say goodbye properly even on abort().
        raw: socket.socket = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self.transport.abort()

    async def settle(self) -> None:
        """Leave no socket behind."""
        if not self.transport.is_closing():
            self.transport.abort()
        try:
            await self._lost.wait()
        except asyncio.CancelledError:
            # TLS may wait for a goodbye that this client will not say.
            self.transport.abort()
            await self._lost.wait()
            raise

    async def do_unless_gone(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the work was done before the client left."""
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return self.is_ours_to_close
            working.result()
            return True
        finally:
            working.cancel()
            watching.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._incoming.put_nowait(data)

    def eof_received(self) -> None:
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self._leave()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _leave(self) -> None:
        self.gone.set()
        self._writable.set()
        self._incoming.put_nowait(b"")
