"""Run as a process of its own, as LiteLLM is: sends requests in each of the ways LiteLLM does."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from gateway.inside import marks

AT = "http://provider.example"
ODD: tuple[Any, ...] = (None, object(), {"headers": 5}, {"headers": [(b"x-memory-call", b"\xff")]})


class App:
    """As much of a web framework as is needed."""

    def __init__(self) -> None:
        self.stack: Any = self.handle
        self.handler: Callable[[], Awaitable[None]]

    def add_middleware(self, middleware: Any) -> None:
        self.stack = middleware(self.stack)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handler()

    async def call(self, call_id: str | None, handler: Callable[[], Awaitable[None]]) -> None:
        self.handler = handler
        headers = [] if call_id is None else [(b"X-Memory-Call", call_id.encode())]
        await self.stack({"type": "http", "headers": headers}, None, None)


async def get(path: str, **options: Any) -> None:
    async with httpx.AsyncClient(**options) as client:
        await client.get(path if "://" in path else f"{AT}/{path}")


def get_sync(path: str) -> None:
    with httpx.Client() as client:
        client.get(f"{AT}/{path}")


async def stream(path: str) -> None:
    async with httpx.AsyncClient() as client, client.stream("POST", f"{AT}/{path}") as answer:
        await answer.aread()


async def at_once() -> None:
    """Two calls, of which each sends when the other has begun."""
    both = asyncio.Barrier(2)

    async def one(path: str) -> None:
        await both.wait()
        await get(path)
        await both.wait()

    apps = App(), App()
    for app in apps:
        app.add_middleware(marks.Carry)
    first = apps[0].call("call-a", lambda: one("one-of-two"))
    second = apps[1].call("call-b", lambda: one("the-other"))
    await asyncio.gather(first, second)


async def main(recorder: str) -> None:
    app = App()
    marks.note_the_way_out()
    marks.carry(app)
    tasks: list[asyncio.Task[None]] = []

    async def in_a_task() -> None:
        await asyncio.create_task(get("in-a-task"))

    async def after_the_end() -> None:
        async def later() -> None:
            await has_ended.wait()
            await get("after-the-end")

        tasks.append(asyncio.create_task(later()))

    async def twice() -> None:
        await get("first-try")
        await get("second-try")

    has_ended = asyncio.Event()
    await app.call("call-1", lambda: get("at-once"))
    await app.call("call-1", lambda: stream("streamed"))
    await app.call("call-1", lambda: asyncio.to_thread(get_sync, "in-a-thread"))
    await app.call("call-1", in_a_task)
    await app.call("call-1", twice)
    await app.call("call-1", after_the_end)
    has_ended.set()
    await asyncio.gather(*tasks)
    await get("outside-of-any-call")
    await app.call(None, lambda: get("without-an-id"))
    await app.call("call-1", lambda: get(f"{recorder}/past-the-egress", trust_env=False))
    await at_once()

    for scope in ODD:
        await app.stack(scope, None, None)
    marks.mark(None, None)
    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = recorder
    await app.call("call-1", lambda: get("by-another-proxy"))


asyncio.run(main(sys.argv[1]))
