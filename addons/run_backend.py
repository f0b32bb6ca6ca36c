"""Keep LiteLLM running, or know whether the one that runs elsewhere is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx

from addons.read_settings import ReadSettings
from routing.config import LiteLLM
from routing.decide import LiteLLMNow
from routing.providers import Address

if TYPE_CHECKING:
    from gateway.litellm_proxy import LiteLLMProxy

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements" / "litellm.txt"

TRUSTED_FOR = 1.0
"""So many seconds one attempt to connect counts for the requests that follow it."""
SECONDS_TO_CONNECT = 2.0


class RunBackend:
    """The LiteLLM proxy that the settings ask for, if they ask for one."""

    def __init__(self, settings: ReadSettings) -> None:
        self.settings = settings
        self.proxy: LiteLLMProxy | None = None
        self._made_for: object = None
        self._is_reachable = True
        self._tried_at = 0.0
        self._work: set[asyncio.Task[None]] = set()
        settings.changed.append(self.follow_settings)

    @property
    def now(self) -> LiteLLMNow | None:
        """What deciding may know of it."""
        if self.proxy is None:
            return None
        status = self.proxy.status
        state = status.state if self._is_reachable else "down"
        return LiteLLMNow(Address(*self.proxy.address), state)

    @property
    def key(self) -> str | None:
        return self.proxy.key if self.proxy else None

    def state(self) -> dict[str, Any]:
        """For /health and whoever asks there."""
        if self.proxy is None:
            return {"name": self.settings.now.backend, "state": "up"}
        status = self.proxy.status
        return {
            "name": "litellm",
            "state": status.state,
            "since": status.since,
            "version": status.version,
            "url": status.url,
            "pid": status.pid,
            "restarts": status.restarts,
            "detail": status.detail,
        }

    def running(self) -> None:
        if self.settings.is_readable:
            self.follow_settings()

    def done(self) -> None:
        # At the end of the process the loop cancels its watch, which ends LiteLLM; this is for a
        # script that is loaded again.
        if self.proxy and not ctx.master.should_exit.is_set():
            self._in_background(self.proxy.stop())

    def follow_settings(self) -> None:
        config = self.settings.now
        # Only what makes it another LiteLLM; how it is used may change under a running one.
        wanted = config.litellm.place if config.backend == "litellm" else None
        if wanted == self._made_for:
            return
        old = self.proxy
        self.proxy, self._made_for = (self._proxy(config.litellm) if wanted else None), wanted
        self._is_reachable, self._tried_at = True, 0.0
        self._in_background(_relieve(old, self.proxy))

    async def settle(self, *, may_wait: bool) -> None:
        """Wait for a proxy that is starting, and make sure that one that was up still is."""
        if self.proxy is None:
            return
        if may_wait and self.proxy.status.state == "starting":
            await self.proxy.wait_ready(self.settings.now.litellm.wait)
        if self.proxy.status.state == "up" and time.monotonic() - self._tried_at > TRUSTED_FOR:
            self._is_reachable = await can_connect(Address(*self.proxy.address))
            self._tried_at = time.monotonic()
            if not self._is_reachable:
                self.proxy.report_failure()

    def report_failure(self) -> None:
        """A request did not get through."""
        self._tried_at = 0.0
        if self.proxy:
            self.proxy.report_failure()

    def _proxy(self, wanted: LiteLLM) -> LiteLLMProxy:
        # Only now: the default start has no use for it.
        from gateway.litellm_proxy import LiteLLMProxy, Local, Remote

        key = wanted.key.get_secret_value() if wanted.key else None
        if wanted.url:
            return LiteLLMProxy(Remote(str(wanted.url), key))
        assert wanted.config is not None  # the settings see to it
        return LiteLLMProxy(
            Local(
                config=wanted.config,
                port=wanted.port,
                key=key,
                environment=self.settings.places.litellm_dir,
                requirements=REQUIREMENTS,
                log=wanted.log,
            )
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


async def _relieve(old: LiteLLMProxy | None, new: LiteLLMProxy | None) -> None:
    """One after the other, because both may be told to use the same port."""
    if old:
        await old.stop()
    if new:
        await new.start()


async def can_connect(address: Address) -> bool:
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
