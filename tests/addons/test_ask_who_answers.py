import asyncio
import itertools
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager, traverse
from mitmproxy.hooks import Hook
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHook,
)
from mitmproxy.test import taddons, tflow

from addons.ask_who_answers import AskWhoAnswers, Shortcut

DOES = (
    *("note", "wait", "fail", "halt", "is wrong", "nothing"),
    *(f"reload {number}{then}" for number in range(3) for then in ("", " fail", " halt")),
)
NAMES = ("requestheaders", "request", "response", "update")
GONE = "is asked after it has gone"


EVENTS = (HttpRequestHeadersHook, HttpRequestHook, HttpResponseHook)
type Does = dict[str, str]
type Tree = tuple[Does, list[Tree]]


class Scene:
    """A manager with addons that do as told, and note it."""

    def __init__(self, *trees: Tree) -> None:
        self.noted: list[str] = []
        self.names = (f"addon {number}" for number in itertools.count())
        self.manager = AddonManager(SimpleNamespace(options=Options()))
        self.add(*trees)

    def add(self, *trees: Tree) -> None:
        self.manager.chain += [Noting(tree, self) for tree in trees]

    def told(self) -> list[str]:
        told = list(self.noted)
        self.noted.clear()
        return told

    def reload(self, number: int) -> None:
        """What one of them holds is another, as a script is whose file has changed."""
        every = traverse(self.manager.chain)
        if holders := [addon for addon in every if hasattr(addon, "addons")]:
            holders[number % len(holders)].reload()


class Noting:
    """An addon with hooks that do as told, and other addons in it."""

    def __init__(self, tree: Tree, scene: Scene) -> None:
        self.name = next(scene.names)
        self.scene = scene
        self.is_gone = False
        does, self.inner = tree
        if self.inner:
            self.addons = [Noting(each, scene) for each in self.inner]
        for hook, what in does.items():
            if what != "nothing":
                setattr(self, hook, self.handler(hook, what))

    def __repr__(self) -> str:
        return self.name

    def reload(self) -> None:
        for addon in traverse(self.addons):
            addon.is_gone = True
        self.addons = [Noting(each, self.scene) for each in self.inner]

    def handler(self, hook: str, what: str) -> Any:
        """What is gone has no effect any more, but is noted."""
        told, noted = f"{self.name} {hook}", self.scene.noted
        does, _, then = what.removeprefix("reload ").partition(" ")

        def at_once(_: object) -> None:
            noted.append(f"{told} {GONE}" if self.is_gone else told)
            if not self.is_gone:
                end(what)

        async def waits(_: object) -> None:
            noted.append(f"{told} {GONE}" if self.is_gone else f"{told} begins")
            if not self.is_gone:
                await asyncio.sleep(0)
                if does.isdigit():
                    self.scene.reload(int(does))
                noted.append(f"{told} ends")
                end(then)

        def end(how: str) -> None:
            if how == "fail":
                raise RuntimeError(told)
            if how == "halt":
                raise exceptions.AddonHalt

        return 7 if what == "is wrong" else waits if what == "wait" or does.isdigit() else at_once


def trees() -> st.SearchStrategy[Tree]:
    does = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(DOES))
    return st.recursive(
        st.tuples(does, st.just([])),
        lambda inner: st.tuples(does, st.lists(inner, max_size=3)),
        max_leaves=5,
    )


def asked(scene: Scene, ask: Callable[[Hook], Any]) -> list[str]:
    """What the addons do, and what is logged, at every event of a flow, twice."""
    lines = logging.getLogger("mitmproxy.addonmanager")
    note = SimpleNamespace(level=0, handle=lambda line: scene.noted.append(line.getMessage()))
    lines.addHandler(note)  # type: ignore[arg-type]
    try:
        asyncio.run(lifecycle(scene.manager, ask))
    finally:
        lines.removeHandler(note)  # type: ignore[arg-type]
    return scene.told()


async def lifecycle(manager: AddonManager, ask: Callable[[Hook], Any]) -> None:
    manager.trigger_event = ask  # type: ignore[method-assign, assignment]
    for event in (*EVENTS, *EVENTS):
        await manager.handle_lifecycle(event(tflow.tflow()))


def request(manager: AddonManager) -> None:
    asyncio.run(manager.trigger_event(HttpRequestHook(tflow.tflow())))


@settings(max_examples=200)
@given(st.lists(trees(), max_size=5))
def test_the_same_happens_as_when_mitmproxy_asks_everybody(given_trees: list[Tree]) -> None:
    """But for who is gone; where something is odd, mitmproxy itself asks."""
    usual, ours = Scene(*given_trees), Scene(*given_trees)

    expected = asked(usual, usual.manager.trigger_event)
    told = asked(ours, Shortcut(ours.manager).trigger_event)

    assert [line for line in told if GONE not in line] == [
        line for line in expected if GONE not in line
    ]
    assert GONE not in str(told) or "is wrong" in str(given_trees)


def test_a_script_that_is_loaded_anew_while_somebody_waits_is_asked_as_it_is_now() -> None:
    waits: Tree = ({"request": "reload 0"}, [])
    script: Tree = ({"request": "note"}, [])
    scene = Scene(waits, ({}, [script]))
    scene.manager.trigger_event = Shortcut(scene.manager).trigger_event  # type: ignore[method-assign]

    request(scene.manager)
    assert scene.told() == ["addon 0 request begins", "addon 0 request ends", "addon 3 request"]
    request(scene.manager)
    assert scene.told() == ["addon 0 request begins", "addon 0 request ends", "addon 4 request"]


def test_who_comes_later_is_asked_as_well_and_who_has_left_is_not() -> None:
    inner: Tree = ({"request": "note"}, [])
    scene = Scene(({}, [inner]))
    manager = scene.manager
    manager.trigger_event = Shortcut(manager).trigger_event  # type: ignore[method-assign]

    def ask() -> list[str]:
        request(manager)
        return scene.told()

    assert ask() == ["addon 1 request"]
    scene.add(inner)
    assert ask() == ["addon 1 request", "addon 2 request"]
    manager.chain[0].addons[:] = [Noting(inner, scene)]
    assert ask() == ["addon 3 request", "addon 2 request"]
    manager.chain = manager.chain[1:]
    assert ask() == ["addon 2 request"]


def test_a_hook_that_an_addon_gets_later_is_noticed_when_the_addons_change() -> None:
    scene = Scene(({}, []))
    manager = scene.manager
    manager.trigger_event = Shortcut(manager).trigger_event  # type: ignore[method-assign]
    request(manager)

    manager.chain[0].request = manager.chain[0].handler("request", "note")
    request(manager)
    assert scene.told() == []

    scene.add(({}, []))
    request(manager)
    assert scene.told() == ["addon 0 request"]


def test_an_error_in_an_option_is_left_to_who_has_set_it() -> None:
    class Refuses:
        def request(self, _: object) -> None:
            raise exceptions.OptionsError("no")

    manager = Scene().manager
    manager.chain.append(Refuses())
    with pytest.raises(exceptions.OptionsError):
        asyncio.run(Shortcut(manager).trigger_event(HttpRequestHook(tflow.tflow())))


async def test_mitmproxy_asks_everybody_again_after_we_have_left() -> None:
    scene = Scene()
    with taddons.context() as tested:
        manager, ours = tested.master.addons, AskWhoAnswers()
        manager.add(ours, Noting(({"request": "note"}, []), scene))

        ours.running()
        assert "trigger_event" in vars(manager)
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))
        manager.remove(ours)
        assert "trigger_event" not in vars(manager)
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))

    assert scene.told() == ["addon 0 request"] * 2


@pytest.mark.parametrize("came", ["before us", "after us"])
def test_what_somebody_else_has_put_there_stays(came: str) -> None:
    async def theirs(_: Hook) -> None: ...

    with taddons.context() as tested:
        manager, ours = tested.master.addons, AskWhoAnswers()
        if came == "after us":
            ours.running()
        manager.trigger_event = theirs
        if came == "before us":
            ours.running()
        assert manager.trigger_event is theirs
        ours.done()
        assert manager.trigger_event is theirs
