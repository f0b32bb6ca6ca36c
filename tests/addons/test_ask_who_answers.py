import asyncio
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.hooks import Hook
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHook,
)
from mitmproxy.test import taddons, tflow

from addons.ask_who_answers import AskWhoAnswers, Shortcut

DOES = ("note", "wait", "fail", "halt", "is wrong", "nothing")
NAMES = ("requestheaders", "request", "response", "update")


EVENTS = (HttpRequestHeadersHook, HttpRequestHook, HttpResponseHook)
type Does = dict[str, str]
type Tree = tuple[Does, list[Tree]]


class Noting:
    """An addon with hooks that do as told, and other addons in it."""

    def __init__(self, tree: Tree, noted: list[str], names: Iterator[str]) -> None:
        self.name = next(names)
        does, inner = tree
        if inner:
            self.addons = [Noting(each, noted, names) for each in inner]
        for hook, what in does.items():
            if what != "nothing":
                setattr(self, hook, self.handler(f"{self.name} {hook}", what, noted))

    def handler(self, told: str, what: str, noted: list[str]) -> Any:
        def note(_: object) -> None:
            noted.append(told)

        async def wait(_: object) -> None:
            noted.append(f"{told} begins")
            await asyncio.sleep(0)
            noted.append(f"{told} ends")

        def fail(_: object) -> None:
            noted.append(told)
            raise RuntimeError(told)

        def halt(_: object) -> None:
            noted.append(told)
            raise exceptions.AddonHalt

        return {"note": note, "wait": wait, "fail": fail, "halt": halt, "is wrong": 7}[what]


def trees() -> st.SearchStrategy[Tree]:
    does = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(DOES))
    return st.recursive(
        st.tuples(does, st.just([])),
        lambda inner: st.tuples(does, st.lists(inner, max_size=3)),
        max_leaves=5,
    )


def names() -> Iterator[str]:
    return (f"addon {number}" for number in range(1_000))


def manager_of(*addons: Any) -> AddonManager:
    manager = AddonManager(SimpleNamespace(options=Options()))
    manager.chain += addons
    return manager


def asked(manager: AddonManager, ask: Callable[[Hook], Any], noted: list[str]) -> list[str]:
    """What the addons do, and what is logged, at every event of a flow, twice."""
    lines = logging.getLogger("mitmproxy.addonmanager")
    note = SimpleNamespace(level=0, handle=lambda line: noted.append(line.getMessage()))
    lines.addHandler(note)  # type: ignore[arg-type]
    try:
        for event in (*EVENTS, *EVENTS):
            asyncio.run(lifecycle(manager, ask, event(tflow.tflow())))
    finally:
        lines.removeHandler(note)  # type: ignore[arg-type]
    told = list(noted)
    noted.clear()
    return told


async def lifecycle(manager: AddonManager, ask: Callable[[Hook], Any], event: Hook) -> None:
    manager.trigger_event = ask  # type: ignore[method-assign]
    await manager.handle_lifecycle(event)


@settings(max_examples=150, deadline=None)
@given(st.lists(trees(), max_size=5))
def test_the_same_happens_as_when_mitmproxy_asks_everybody(given_trees: list[Tree]) -> None:
    noted: list[str] = []
    numbered = names()
    manager = manager_of(*(Noting(tree, noted, numbered) for tree in given_trees))
    usual = AddonManager.trigger_event.__get__(manager)

    expected = asked(manager, usual, noted)
    told = asked(manager, Shortcut(manager).trigger_event, noted)

    assert told == expected


def test_who_comes_later_is_asked_as_well_and_who_has_left_is_not() -> None:
    noted: list[str] = []
    numbered = names()
    inner: Tree = ({"request": "note"}, [])
    holder = Noting(({}, [inner]), noted, numbered)
    manager = manager_of(holder)
    shortcut = Shortcut(manager)

    def ask() -> list[str]:
        asyncio.run(shortcut.trigger_event(HttpRequestHook(tflow.tflow())))
        told = list(noted)
        noted.clear()
        return told

    assert ask() == ["addon 1 request"]
    manager.chain.append(Noting(inner, noted, numbered))
    assert ask() == ["addon 1 request", "addon 2 request"]
    holder.addons[:] = [Noting(inner, noted, numbered)]
    assert ask() == ["addon 3 request", "addon 2 request"]
    manager.chain = manager.chain[1:]
    assert ask() == ["addon 2 request"]


def test_an_error_in_an_option_is_left_to_who_has_set_it() -> None:
    class Refuses:
        def request(self, _: object) -> None:
            raise exceptions.OptionsError("no")

    with pytest.raises(exceptions.OptionsError):
        asyncio.run(Shortcut(manager_of(Refuses())).trigger_event(HttpRequestHook(tflow.tflow())))


async def test_mitmproxy_asks_everybody_again_after_we_have_left() -> None:
    noted: list[str] = []
    with taddons.context() as tested:
        manager, ours = tested.master.addons, AskWhoAnswers()
        manager.add(ours, Noting(({"request": "note"}, []), noted, names()))

        ours.running()
        assert "trigger_event" in vars(manager)
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))
        manager.remove(ours)
        assert "trigger_event" not in vars(manager)
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))

    assert noted == ["addon 0 request"] * 2
