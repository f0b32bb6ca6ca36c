import inspect
from typing import Any

from mitmproxy import hooks

from addons.as_one import AsOne


class Noting:
    def __init__(self, name: str, noted: list[str]) -> None:
        self.name = name
        self.noted = noted


class Starts(Noting):
    def running(self) -> None:
        self.noted.append(f"{self.name} runs")

    def request(self, flow: Any) -> None:
        self.noted.append(f"{self.name} sees {flow}")


class Waits(Noting):
    async def request(self, flow: Any) -> None:
        self.noted.append(f"{self.name} waits for {flow}")


async def test_a_hook_goes_to_those_that_have_it_in_their_order() -> None:
    noted: list[str] = []
    one: Any = AsOne(
        [Starts("a", noted), Waits("b", noted), Noting("c", noted), Starts("d", noted)]
    )

    await one.request("it")
    one.running()

    assert noted == ["a sees it", "b waits for it", "d sees it", "a runs", "d runs"]
    assert {name for name in hooks.all_hooks if hasattr(one, name)} == {"running", "request"}


def test_a_hook_that_nobody_waits_in_is_none_to_wait_for() -> None:
    """mitmproxy breaks silently over a `running` or `done` that is a coroutine."""
    one: Any = AsOne([Starts("a", []), Waits("b", [])])

    assert not inspect.iscoroutinefunction(one.running)
    assert inspect.iscoroutinefunction(one.request)


def test_ours_have_the_hooks_that_must_not_be_waited_for() -> None:
    from addons import memory

    (one,) = memory.addons
    for name in ("load", "configure", "running", "done", "client_connected", "tls_clienthello"):
        assert not inspect.iscoroutinefunction(getattr(one, name)), name
