"""Read the settings, and take over a changed file while running."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from addons.watch import Watch
from routing import config as settings
from routing.config import Config
from routing.errors import ConfigError, ProxyError
from routing.paths import Stamp, places, stamp_of

logger = logging.getLogger("memory_proxy")

SECONDS_BETWEEN_LOOKS = 0.3


class ReadSettings:
    """Holds the settings that count now; a broken file changes nothing and is told about."""

    def __init__(self) -> None:
        self.places = places(os.environ)
        self.now: Config = settings.load(None)
        self.is_readable = False
        """Whether what the user wrote could be read at start; if not, nothing is served."""
        self.problem: str | None = None
        self.changed: list[Callable[[], None]] = []
        """Called after a change has been taken over."""
        self._stamp: Stamp | None = None
        self._candidate: Stamp | None = None
        self._watch = Watch(SECONDS_BETWEEN_LOOKS, self.look)

    def file(self) -> Path:
        return settings.file_of(self.places.config_file, os.environ, ctx.options.memory_config)[0]

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "memory_config", str, "", "The memory proxy's config.yaml, if not the usual one."
        )

    def configure(self, updated: set[str]) -> None:
        if "memory_config" in updated:
            self._read()
            if not self.is_readable:
                # At start an error on record makes mitmproxy end; nothing has been served.
                logger.error("The memory proxy does not start:\n%s", self.problem)

    def running(self) -> None:
        if self.is_readable:
            self._apply()
            self._watch.start()

    def done(self) -> None:
        self._watch.stop()

    def look(self) -> None:
        stamp, before = stamp_of(self.file()), self._candidate
        self._candidate = stamp
        if stamp == self._stamp or stamp != before:
            return  # nothing new, or still being written
        if stamp is None:
            self._stamp = stamp
            self.problem = f"{self.file()} is gone; its settings stay until the next start"
            logger.warning("settings.kept reason=%r", self.problem)
            return
        old = self.now
        self._read()
        if self.problem:
            logger.error("The changed settings are not taken over:\n%s", self.problem)
        elif self.now != old:
            self._apply()
            logger.info("settings.changed file=%s", self.file())
            for tell in self.changed:
                try:
                    tell()
                except (ProxyError, OSError) as error:  # the others follow all the same
                    self.problem = f"the changed settings are not wholly in force: {error}"
                    logger.error(self.problem)

    def _read(self) -> None:
        self._stamp = stamp_of(self.file())
        given = ctx.options.memory_config
        path, is_named = settings.file_of(self.places.config_file, os.environ, given)
        try:
            self.now = settings.load(path, must_exist=is_named)
            self.is_readable, self.problem = True, None
        except ConfigError as error:
            self.problem = str(error)

    def _apply(self) -> None:
        ctx.options.update(
            # An unused provider connection per CONNECT would turn a dead provider into a 502
            # even for calls that go elsewhere.
            connection_strategy="lazy",
            tcp_timeout=self.now.idle_timeout,
        )
