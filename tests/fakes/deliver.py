"""The pace at which a reply is sent, and where it breaks off; the same for every protocol."""

import asyncio
from abc import ABC, abstractmethod

from tests.fakes.reply import Reply
from tests.fakes.step import BreakHow, Step

STALL_LIMIT = 60.0
SECONDS_BETWEEN_LOOKS = 0.01


class Outlet(ABC):
    """How one protocol sends one answer."""

    sent = 0
    """Chunks so far."""

    @abstractmethod
    async def start(self, reply: Reply) -> None: ...

    @abstractmethod
    async def send(self, chunk: bytes) -> None: ...

    @abstractmethod
    async def finish(self) -> None: ...

    @abstractmethod
    async def break_off(self, how: BreakHow) -> None: ...

    @abstractmethod
    async def talk_garbage(self, garbage: bytes) -> None: ...


async def be_due(step: Step) -> None:
    """Wait until the answer may begin."""
    await asyncio.sleep(step.delay)
    while step.hold and not step.hold.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def deliver(reply: Reply, outlet: Outlet) -> None:
    step = reply.step
    if step.stall:
        await asyncio.sleep(STALL_LIMIT)
        await outlet.break_off("close")
        return
    await be_due(step)
    if step.garbage is not None:
        await outlet.talk_garbage(step.garbage)
        return

    await outlet.start(reply)
    for chunk in reply.chunks:
        if outlet.sent == step.break_after:
            break
        if outlet.sent:
            await asyncio.sleep(step.chunk_delay)
        await outlet.send(chunk)
        outlet.sent += 1
    if step.break_after is None:
        await outlet.finish()
    else:
        await outlet.break_off(step.break_how)
