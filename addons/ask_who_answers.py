"""Have mitmproxy ask only those of its addons that answer.

For each hook of each flow it looks through all the forty that it has, and then once more to tell
them that the flow has changed; few of them have anything to do with it. That is 1 of the 2.4 ms
that mitmdump by itself adds to a call of 10 KB. What is asked, in which order and how a failure of
one is kept from the others stays as it is in `AddonManager.trigger_event`.
"""

import inspect
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.hooks import Hook

type Handlers = tuple[Callable[..., Any], ...]


class AskWhoAnswers:
    """From when the proxy runs until we are unloaded."""

    def __init__(self) -> None:
        self.manager: AddonManager | None = None

    def running(self) -> None:
        self.manager = ctx.master.addons
        shortcut = Shortcut(self.manager)
        self.manager.trigger_event = shortcut.trigger_event  # type: ignore[method-assign]

    def done(self) -> None:
        if self.manager is not None:
            vars(self.manager).pop("trigger_event", None)


class Shortcut:
    """Knows who has which hook, for as long as the addons are the same."""

    def __init__(self, manager: AddonManager) -> None:
        self.manager = manager
        self.usual = manager.trigger_event
        self._addons: list[Any] = []
        self._with_more: list[Any] = []  # those that hold others
        self._answering: dict[str, tuple[Handlers, ...]] = {}

    async def trigger_event(self, event: Hook) -> None:
        """In place of mitmproxy's own."""
        try:
            answering = self._who_answers(event)
        except Exception:
            # What is odd goes the long way, where mitmproxy says what is wrong with it.
            await self.usual(event)
            return
        arguments = event.args()
        for handlers in answering:
            try:
                for handler in handlers:
                    waits = handler(*arguments)
                    if waits is not None and inspect.isawaitable(waits):
                        await waits
            except AddonHalt:
                return
            except OptionsError:
                raise
            except Exception:
                with safecall():
                    raise

    def _who_answers(self, event: Hook) -> tuple[Handlers, ...]:
        """The handlers of each addon of the chain together, as one's failure ends only its own."""
        if self._all() != self._addons:
            self._with_more = [a for a in traverse(self.manager.chain) if hasattr(a, "addons")]
            self._addons = self._all()
            self._answering.clear()
        known = self._answering.get(event.name)
        if known is None:
            asked = (self._of(addon, event) for addon in self.manager.chain)
            known = self._answering[event.name] = tuple(filter(None, asked))
        return known

    def _all(self) -> list[Any]:
        """All addons; mitmproxy loads a script anew when its file has changed."""
        return [*self.manager.chain, *[a for holder in self._with_more for a in holder.addons]]

    def _of(self, addon: Any, event: Hook) -> Handlers:
        return tuple(function for _owner, function in self.manager._iter_hooks(addon, event))
