"""Have the kept cookies on disk, while the settings ask for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from addons.keep_cookies import KeepCookies
from addons.open_listeners import OpenListeners
from addons.read_settings import ReadSettings
from addons.watch import Watch
from routing.cookie_file import CookieFile
from routing.cookies import Contents

logger = logging.getLogger("memory_proxy")

SECONDS_BETWEEN_LOOKS: Final = 1.0
SECONDS_AFTER_A_FAILURE: Final = 15.0
SECONDS_UNTIL_STALE: Final = 3600.0
"""The file tells when the proxy last ran, too, so it is also written when nothing has changed."""


class SaveCookies:
    """Reads the file at the start, writes it soon after a change and at the end.

    It comes before the listeners, so that at the end it has written before they release the lock:
    whoever serves next reads what this one wrote last.
    """

    def __init__(
        self, settings: ReadSettings, listeners: OpenListeners, cookies: KeepCookies
    ) -> None:
        self.settings = settings
        self.listeners = listeners
        self.jar = cookies.jar
        self.file = CookieFile(settings.places.cookies_file)
        self._is_ours = False
        self._may_be_there = True
        self._written: int | None = None
        """How many changes of the jar the file holds; None as long as we have not written it."""
        self._written_at = 0.0
        self._not_before = 0.0
        self._is_in_trouble = False
        # One thread, so that nothing overtakes what was asked for before it.
        self._worker = ThreadPoolExecutor(1, "cookies")
        self._watch = Watch(SECONDS_BETWEEN_LOOKS, self.look)

    def running(self) -> None:
        if self.settings.is_readable:
            # When the listeners, which start after us, have the lock, and before any call.
            asyncio.get_running_loop().call_soon(self._begin)

    def done(self) -> None:
        self._watch.stop()
        if self._is_ours and (work := self._due(is_last=True)):
            self._worker.submit(work)
        self._is_ours = False
        self._worker.shutdown()

    async def look(self) -> None:
        """Write or remove the file if that is due, while calls go on."""
        if work := self._due():
            await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _begin(self) -> None:
        if self.listeners.registry is None:
            return  # another proxy serves, and the file is its own
        self._is_ours = True
        if not self.settings.now.cookies.keep:
            self._remove()
        elif kept := self.file.read(time.time()):
            self.jar.fill(kept)
        self._watch.start()

    def _due(self, *, is_last: bool = False) -> Callable[[], None] | None:
        """What is to be done on the disk now."""
        now = time.monotonic()
        if now < self._not_before and not is_last:
            return None
        if not self.settings.now.cookies.keep:
            return self._remove if self._may_be_there else None
        is_stale = now - self._written_at > SECONDS_UNTIL_STALE
        if self.jar.changes == self._written and not is_stale and not is_last:
            return None
        return partial(self._write, self.jar.contents(), self.jar.changes)

    def _write(self, contents: Contents, changes: int) -> None:
        self._may_be_there = True
        try:
            self.file.write(contents, time.time())
        except OSError as error:
            self._tell("cookies.not_written", error)
        else:
            self._written, self._written_at = changes, time.monotonic()
            self._is_in_trouble = False

    def _remove(self) -> None:
        try:
            was_there = self.file.remove()
        except OSError as error:
            self._tell("cookies.not_removed", error)
        else:
            self._may_be_there, self._written, self._is_in_trouble = False, None, False
            if was_there:
                logger.info("cookies.removed file=%s reason='cookies.keep is off'", self.file.path)

    def _tell(self, event: str, error: OSError) -> None:
        """Once, and try again later."""
        self._not_before = time.monotonic() + SECONDS_AFTER_A_FAILURE
        if not self._is_in_trouble:
            self._is_in_trouble = True
            logger.warning("%s file=%s reason=%r", event, self.file.path, str(error))
