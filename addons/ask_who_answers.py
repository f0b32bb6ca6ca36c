"""Have mitmproxy ask only those of its addons that answer.

For each hook of each flow it looks through all the forty that it has, and ours and the user's, and
then once more to tell them that the flow has changed; few of them have anything to do with it. Of
the 2.4 ms that mitmdump by itself adds to a call of 10 KB that is 1. Who is asked, in which order
and how a failure of one is kept from the others is as in `AddonManager.trigger_event`, but for two
things. Hooks are looked up when the addons change: one that is set on an addon or taken from it
otherwise is noticed only then. And who is removed while another is waited for is not asked again.
"""

import inspect
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.hooks import Hook


class AskWhoAnswers:
    """From when the proxy runs until we are unloaded, unless somebody else stands there."""

    def __init__(self) -> None:
        self.manager: AddonManager | None = None
        self.ours: Callable[..., Any] | None = None

    def running(self) -> None:
        manager = ctx.master.addons
        if "trigger_event" not in vars(manager):
            self.manager, self.ours = manager, Shortcut(manager).trigger_event
            manager.trigger_event = self.ours  # type: ignore[method-assign]

    def done(self) -> None:
        if self.manager is not None and vars(self.manager).get("trigger_event") is self.ours:
            del vars(self.manager)["trigger_event"]


class Asked(NamedTuple):
    """A hook, whose it is, and under which addon of the chain: a failure ends what is under it."""

    top: Any
    owner: Any
    hook: Callable[..., Any]


class Shortcut:
    """Knows who has which hook, for as long as the addons are the same."""

    def __init__(self, manager: AddonManager) -> None:
        self.manager = manager
        self.usual = manager.trigger_event
        self._latest: LineUp | None = None

    async def trigger_event(self, event: Hook) -> None:
        """In place of mitmproxy's own."""
        try:
            line_up = self._line_up()
            left = deque(line_up.asked(event))
        except Exception:
            # What is odd goes the long way, where mitmproxy says what is wrong with it.
            await self.usual(event)
            return
        arguments = event.args()
        failed = None
        while left:
            top, owner, hook = left.popleft()
            if top is failed:
                continue
            waits = None
            try:
                waits = hook(*arguments)
                if waits is not None and inspect.isawaitable(waits):
                    await waits
            except AddonHalt:
                return
            except OptionsError:
                raise
            except Exception:
                failed = top
                with safecall():
                    raise
            if waits is None:
                continue
            with suppress(Exception):  # what is odd now is told of at the next event
                if (now := self._line_up()) is not line_up:
                    left = deque(still_to_ask(event, line_up, now, owner))
                    line_up = now

    def _line_up(self) -> "LineUp":
        if self._latest is None or not self._latest.stands():
            self._latest = LineUp(self.manager)
        return self._latest


class LineUp:
    """All addons in the order in which mitmproxy comes to them, and who of them answers what."""

    def __init__(self, manager: AddonManager) -> None:
        self.manager = manager
        self.addons = list(traverse(manager.chain))
        self._chain = list(manager.chain)
        holders = [addon for addon in self.addons if hasattr(addon, "addons")]
        self._held = [(holder, holder.addons[:]) for holder in holders]
        self._asked: dict[str, tuple[Asked, ...]] = {}

    def stands(self) -> bool:
        """Whether it is still so; mitmproxy loads a script anew when its file has changed."""
        if self.manager.chain != self._chain:
            return False
        for holder, held in self._held:  # noqa: SIM110 - quicker, and asked for at each event
            if holder.addons != held:
                return False
        return True

    def asked(self, event: Hook) -> tuple[Asked, ...]:
        known = self._asked.get(event.name)
        if known is None:
            known = self._asked[event.name] = tuple(
                Asked(top, owner, hook)
                for top in self.manager.chain
                for owner, hook in self.manager._iter_hooks(top, event)
            )
        return known


def still_to_ask(event: Hook, before: LineUp, now: LineUp, last: Any) -> tuple[Asked, ...]:
    """Whose turn comes after the last one's, who may be gone, and was not before."""
    place = before.addons.index(last)
    stay = [addon for addon in before.addons[place:] if addon in now.addons]
    if not stay:
        return ()
    had_their_turn = before.addons[: place + 1]
    later = now.addons[now.addons.index(stay[0]) :]
    return tuple(
        one for one in now.asked(event) if one.owner in later and one.owner not in had_their_turn
    )
