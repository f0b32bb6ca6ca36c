"""Many addons as one.

For each hook of each flow mitmproxy asks every addon it knows, and most of ours have nothing to do
with most hooks. Asked as one, they are asked only where they answer.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import hooks

type Handler = Callable[..., Any]


class AsOne:
    """Has the hooks that any of them has, and calls them in the order in which they were given."""

    def __init__(self, addons: Sequence[object]) -> None:
        for name in hooks.all_hooks:
            handlers = [
                handler for addon in addons if callable(handler := getattr(addon, name, None))
            ]
            if handlers:
                setattr(self, name, chain(handlers))


def chain(handlers: Sequence[Handler]) -> Handler:
    """One after the other; a coroutine only if one of them is: some hooks must not be any."""
    if not any(map(inspect.iscoroutinefunction, handlers)):

        def at_once(*arguments: Any) -> None:
            for handler in handlers:
                handler(*arguments)

        return at_once

    async def in_turn(*arguments: Any) -> None:
        for handler in handlers:
            waits = handler(*arguments)
            if waits is not None:
                await waits

    return in_turn
