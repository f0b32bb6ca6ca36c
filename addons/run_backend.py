"""Keep each LiteLLM running that the settings ask for, or know whether it is up elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, http

from addons.facts import recorded
from addons.one_backend import OneBackend
from addons.read_settings import ReadSettings
from addons.this_proxy import STARTED, version
from routing.config import ViaLiteLLM
from routing.decide import LiteLLMNow, Route
from routing.egress import Expected

if TYPE_CHECKING:
    from addons.let_out import LetOut
    from gateway.litellm_proxy import LiteLLMProxy


class RunBackend:
    """The backends that go through LiteLLM, and which flow went to which process."""

    def __init__(self, settings: ReadSettings, let_out: LetOut) -> None:
        self.settings = settings
        self.let_out = let_out
        self.each: Mapping[str, OneBackend] = {
            "litellm": OneBackend("litellm", settings, let_out),
            "sdk": OneBackend("sdk", settings, let_out),
        }
        self._went_to: dict[str, LiteLLMProxy] = {}
        settings.changed.append(self.follow_settings)

    @property
    def now(self) -> dict[ViaLiteLLM, LiteLLMNow]:
        """What deciding may know of them."""
        return {one.name: now for one in self.each.values() if (now := one.now)}

    def key_of(self, backend: str) -> str | None:
        """The key that this backend asks for."""
        one = self.each.get(backend)
        return one.running.key if one and one.running else None

    @property
    def problems(self) -> list[str]:
        told = [one.problem for one in self.each.values() if one.problem]
        for one in self.each.values():
            told += one.running.problems if one.running else ()
        # Both may follow the same file.
        return [*dict.fromkeys(told)]

    def states(self) -> list[dict[str, Any]]:
        """Each backend that calls may go to, the usual one first, for whoever asks /health."""
        direct = {"name": "direct", "state": "up", "since": STARTED, "version": version()}
        return [
            self.each[name].state() if name in self.each else direct
            for name in self.settings.now.used_backends
        ]

    def ending(self) -> list[dict[str, Any]]:
        """The processes of ours that nobody asks any more, and how many calls each still serves."""
        return [old for one in self.each.values() for old in one.ending()]

    async def settle(self, route: Route) -> bool:
        """See to it that what is known of the backend that the route depends on is so.

        Whether it was not.
        """
        one = self.each.get(route.in_place_of or route.backend)
        if one is None:
            return False
        before = one.now
        await one.settle()
        return one.now != before

    def begin(self, flow: http.HTTPFlow, route: Route) -> None:
        """The flow goes to the LiteLLM that is wanted now, which stays until the flow has ended."""
        if running := self.each[route.backend].running:
            self._went_to[flow.id] = running
            running.begin(flow.id)
            self.let_out.expect(Expected(flow.id, route.project, route.user.id, running.key))

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._end(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if running := self._went_to.pop(flow.id, None):
            running.end(flow.id)
            self.let_out.forget(flow.id)

    def running(self) -> None:
        if self.settings.is_readable:
            self.follow_settings()

    def done(self) -> None:
        # At the end of the process the loop cancels all tasks, which ends every LiteLLM; this is
        # for a script that is loaded again.
        if not ctx.master.should_exit.is_set():
            for one in self.each.values():
                one.stop()

    def follow_settings(self) -> None:
        for one in self.each.values():
            one.follow_settings()

    def report_failure(self, flow: http.HTTPFlow) -> None:
        """A request did not get through, or its answer broke off."""
        if one := self.each.get(recorded(flow).get("backend", "")):
            one.report_failure()
