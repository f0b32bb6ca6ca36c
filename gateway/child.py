"""One process of ours: started with a pipe that ties its life to ours, heard, and ended."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from routing.hide_secrets import hide_secrets

LINES_KEPT = 40
CHUNK = 65536
LOG_LIMIT = 5_000_000


class Child:
    """A running process. It has to end when its standard input does."""

    def __init__(
        self, process: asyncio.subprocess.Process, hide: Sequence[str], log: Path | None
    ) -> None:
        self._process = process
        self._hide = hide
        self._write = _opened(log)
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._keeps_lines = True
        assert process.stdout is not None
        assert process.stderr is not None
        self._listening = asyncio.gather(
            self._listen(process.stdout, is_log=False), self._listen(process.stderr, is_log=True)
        )

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        hide: Sequence[str],
        log: Path | None,
    ) -> Self:
        """Start it; `hide` are the secrets that its output must not show."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd=directory,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C in our terminal is ours to handle: the child ends when we are done with it.
            start_new_session=True,
        )
        return cls(process, hide, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    @property
    def lines(self) -> list[str]:
        """What it said last, without secrets; empty once it was told to be forgotten."""
        return list(self._lines)

    def forget_output(self) -> None:
        """It is up: from now on its output may hold what users said, and is not remembered."""
        self._keeps_lines = False
        self._lines.clear()

    async def ended(self) -> int:
        """Wait for its end, and for the last it had to say."""
        code = await self._process.wait()
        # A process that it left behind may hold its output open.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listening), 1)
        return code

    async def stop(self, grace: float) -> None:
        """Ask it to end, and after the grace make it."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            pass
        finally:
            # Its whole group: it may have started others.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._listening.cancel()
            # Also when we are cancelled in the grace: it is dead by now, and wants to be collected.
            await self._process.wait()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen(self, stream: asyncio.StreamReader, *, is_log: bool) -> None:
        rest = b""
        while chunk := await stream.read(CHUNK):
            *complete, rest = (rest + chunk).split(b"\n")
            # Without a line's end there is no knowing what to hide.
            rest = rest[-CHUNK:]
            for raw in complete:
                self._hear(raw, is_log)
        self._hear(rest, is_log)

    def _hear(self, raw: bytes, is_log: bool) -> None:
        # Standard output is a banner at first and may hold prompts later: none of it is logged.
        write = self._write if is_log else None
        if write is None and not self._keeps_lines:
            return
        line = hide_secrets(raw.decode(errors="replace").rstrip(), *self._hide)
        if line and self._keeps_lines:
            self._lines.append(line)
        if line and write:
            write(line)


def _opened(log: Path | None) -> Callable[[str], None] | None:
    if log is None:
        return None
    with suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.old"))

    def write(line: str) -> None:
        # A full disk must not stop the draining: a child with a full pipe stands still.
        with suppress(OSError):
            handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    return write
