"""One backend that goes through LiteLLM: the LiteLLM that is wanted now, and those that finish."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addons.read_settings import ReadSettings
from routing.config import LiteLLM, ViaLiteLLM
from routing.decide import LiteLLMNow
from routing.ports import is_free
from routing.providers import Address

if TYPE_CHECKING:
    from addons.let_out import LetOut
    from gateway.litellm_proxy import LiteLLMProxy

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements" / "litellm.txt"

TRUSTED_FOR = 1.0
"""So many seconds one attempt to connect counts for the requests that follow it."""
SECONDS_TO_CONNECT = 2.0
SECONDS_TO_LEAVE_A_PORT = 10.0
SECONDS_BETWEEN_LOOKS = 0.05


class OneBackend:
    """LiteLLM's proxy, or our app over its SDK, as the settings ask for it."""

    def __init__(self, name: ViaLiteLLM, settings: ReadSettings, let_out: LetOut) -> None:
        self.name = name
        self.settings = settings
        self.let_out = let_out
        self.running: LiteLLMProxy | None = None
        self.problem: str | None = None
        """Why a changed litellm.yaml does not count."""
        self._made_for: object = None
        self._ending: list[LiteLLMProxy] = []
        self._is_reachable = True
        self._tried_at = 0.0
        self._work: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> LiteLLMNow | None:
        """What deciding may know of it."""
        if self.running is None:
            return None
        state = self.running.status.state
        if state == "up" and not self._is_reachable:
            state = "down"
        return LiteLLMNow(Address(*self.running.address), state)

    @property
    def config(self) -> Path | None:
        """The litellm.yaml of a LiteLLM of ours."""
        litellm = self.settings.now.litellm
        return None if self.name == "litellm" and litellm.url else litellm.config

    @property
    def port(self) -> int | None:
        """The port that it is told to use."""
        return self.settings.now.litellm.port if self.name == "litellm" else None

    def state(self) -> dict[str, Any]:
        if self.running is None:
            return {"name": self.name, "state": "down"}
        status = self.running.status
        return {
            "name": self.name,
            "state": status.state,
            "since": status.since,
            "version": status.version,
            "url": status.url,
            "pid": status.pid,
            "restarts": status.restarts,
            "detail": status.detail,
        }

    def ending(self) -> list[dict[str, Any]]:
        """The processes of ours that nobody asks any more, and how many calls each still serves."""
        return [
            {"name": self.name, "pid": old.status.pid, "url": old.status.url, "calls": old.calls}
            for old in self._ending
            if old.status.pid is not None
        ]

    def stop(self) -> None:
        for task in self._work:
            task.cancel()
        if self.running:
            self._in_background(self.running.stop())

    def follow_settings(self) -> None:
        config = self.settings.now
        # Only what makes it another LiteLLM; how it is used may change under a running one.
        is_used = self.name in config.used_backends
        wanted = config.litellm.place(self.name) if is_used else None
        if wanted == self._made_for:
            return
        old = self.running
        self.running, self._made_for = (self._made(config.litellm) if is_used else None), wanted
        self._is_reachable, self._tried_at = True, 0.0
        if old:
            self._retire(old)
        if self.running:
            self._in_background(self._start(self.running, self.port))

    async def renew(self) -> str | None:
        """Let another, with the same settings, take over once it is up; why not, if it fails."""
        old = self.running
        if old is None or old.status.pid is None:
            return None  # nothing runs, and what is started next reads the file as it is then
        new = self._made(self.settings.now.litellm)
        await new.start()
        try:
            while new.status.state in ("starting", "installing") and self.running is old:
                await new.wait_while_starting(SECONDS_BETWEEN_LOOKS)
            if self.running is not old:
                return None  # the settings ask for something else since
            if new.status.state != "up":
                return new.status.detail
            self.running = new
            self._is_reachable, self._tried_at = True, 0.0
            self._retire(old)
            return None
        finally:
            if self.running is not new:
                await new.stop()

    async def settle(self) -> None:
        """Make sure that one that was up still is, and wait for one that is on its way."""
        litellm = self.settings.now.litellm
        until = time.monotonic() + (litellm.wait if litellm.when_down == "error" else 0)
        # The settings may ask for another one meanwhile, or for none.
        while running := self.running:
            left = until - time.monotonic()
            status = running.status
            if status.state == "starting" and left > 0:
                await running.wait_while_starting(left)
            elif status.state == "up" and not await self._reaches(running):
                # If a process of ours has ended, that is noticed now, and it is started again.
                if left <= 0 or status.pid is None:
                    return
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            else:
                return

    def report_failure(self) -> None:
        """A request did not get through, or its answer broke off."""
        self._tried_at = 0.0
        if self.running:
            self.running.report_failure()

    async def _reaches(self, running: LiteLLMProxy) -> bool:
        """Whether it takes connections; a yes counts for a moment, a no only once."""
        if not self._is_reachable or time.monotonic() - self._tried_at > TRUSTED_FOR:
            is_reachable = await can_connect(Address(*running.address))
            if running is not self.running:
                return False  # another one is wanted since
            was_reachable, self._is_reachable = self._is_reachable, is_reachable
            self._tried_at = time.monotonic()
            if was_reachable and not is_reachable:
                running.report_failure()
        return self._is_reachable

    def _made(self, wanted: LiteLLM) -> LiteLLMProxy:
        # Only now: the default start has no use for it.
        from gateway.litellm_proxy import LiteLLMProxy, Local, Remote

        secret = wanted.key_for(self.name)
        key = secret.get_secret_value() if secret else None
        if self.config is None:
            return LiteLLMProxy(Remote(str(wanted.url), key))
        return LiteLLMProxy(
            Local(
                config=self.config,
                kind="sdk" if self.name == "sdk" else "proxy",
                port=self.port,
                key=key,
                environment=self.settings.places.litellm_dir,
                requirements=REQUIREMENTS,
                log=wanted.log,
                egress=self.let_out.for_children() if wanted.egress else None,
            )
        )

    async def _start(self, new: LiteLLMProxy, port: int | None) -> None:
        """Start it, on the port that it is told to use, which one that finishes may still have."""
        in_its_way = [old for old in self._ending if port and old.address[2] == port]
        for old in in_its_way:
            old.leave_port()
        until = time.monotonic() + SECONDS_TO_LEAVE_A_PORT
        # It is another process that closes it.
        while in_its_way and not is_free(new.address[2]) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        await new.start()

    def _retire(self, old: LiteLLMProxy) -> None:
        self._ending.append(old)
        self._in_background(self._finish(old))

    async def _finish(self, old: LiteLLMProxy) -> None:
        try:
            await old.finish()
        finally:
            self._ending.remove(old)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


async def can_connect(address: Address) -> bool:
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
