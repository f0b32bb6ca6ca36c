"""Follow a changed litellm.yaml: a new LiteLLM takes over from the one that runs, once it is up."""

import logging
import os
from pathlib import Path

from addons.one_backend import OneBackend
from addons.run_backend import RunBackend
from addons.watch import Watch
from routing.errors import ConfigError
from routing.paths import Stamp, stamp_of

logger = logging.getLogger("memory_proxy")

SECONDS_BETWEEN_LOOKS = 0.3


class RenewBackend:
    """A file that is broken, or with which LiteLLM does not start, changes nothing and is told."""

    def __init__(self, backend: RunBackend) -> None:
        # Each by itself: one that takes its time to start must not hold up the other.
        self._watches = [
            Watch(SECONDS_BETWEEN_LOOKS, Follower(one).look) for one in backend.each.values()
        ]

    def running(self) -> None:
        for watch in self._watches:
            watch.start()

    def done(self) -> None:
        for watch in self._watches:
            watch.stop()


class Follower:
    """Looks after the file of one backend."""

    def __init__(self, backend: OneBackend) -> None:
        self.backend = backend
        self._file: Path | None = None
        self._stamp: Stamp | None = None
        self._candidate: Stamp | None = None

    async def look(self) -> None:
        file = self._watched()
        stamp, before = stamp_of(file) if file else None, self._candidate
        self._candidate = stamp
        if file is None or file != self._file:
            # Whoever starts LiteLLM with another file starts it with what is in it now.
            self._file, self._stamp, self.backend.problem = file, stamp, None
        elif stamp != self._stamp and stamp == before:  # not still being written
            self._stamp = stamp
            reason = await self._take_over(file)
            self.backend.problem = reason and f"{file.name} is not taken over: {reason}"
            if self.backend.problem:
                logger.error("The changed %s", self.backend.problem)

    def _watched(self) -> Path | None:
        """Two cannot have the same port: where one is told, the file counts from the next start."""
        is_followed = self.backend.running and not self.backend.port
        return self.backend.config if is_followed else None

    async def _take_over(self, file: Path) -> str | None:
        """Use the changed file; why not, if it cannot be used."""
        from gateway.litellm_yaml import read_litellm_yaml

        try:
            read_litellm_yaml(file, os.environ)
        except ConfigError as broken:
            return str(broken)
        return await self.backend.renew()
