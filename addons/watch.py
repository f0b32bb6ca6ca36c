"""Look again and again, on mitmproxy's own loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("memory_proxy")


class Watch:
    """Calls `look` every so often until it is stopped; what it raises is logged, not fatal."""

    def __init__(self, seconds: float, look: Callable[[], Awaitable[None] | None]) -> None:
        self.seconds = seconds
        self.look = look
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.seconds)
            try:
                if result := self.look():
                    await result
            except Exception:
                logger.exception("watch.failed what=%s", self.look.__qualname__)
