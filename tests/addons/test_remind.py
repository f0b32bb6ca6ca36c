"""Whatever the memory does, the client's own bytes go on."""

import gzip
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.facts import RECORD, recorded_memory
from addons.ongoing import Calls
from addons.open_listeners import OpenListeners
from addons.open_memory import Memory, OpenMemory
from addons.read_settings import ReadSettings
from addons.readings import Readings
from addons.remind import Remind, put_body
from recall.conclude import Conclude
from recall.drafts import draft
from recall.engine import Recall
from recall.learn import Learner
from recall.records import Role, Scope
from recall.remind import Asked, Reminded, Reminder
from recall.scopes import Stores
from recall.turns import Turns
from routing import config

PROJECT = "/work/orchard"
APPLES = "In which cellar are the apples stored?"
IN_THE_CELLAR = "The apples are stored in the northern cellar."
BODY = json.dumps({"messages": [{"role": "user", "content": APPLES}]}).encode()


class Broken(Reminder):
    """One with a mistake in it."""

    async def remind(self, asked: Asked, **_: Any) -> Reminded:
        raise LookupError(f"nobody foresaw {asked.turns[-1].text!r}")


def not_opened() -> OpenMemory:
    settings = ReadSettings()
    # A busy machine may need longer than the usual deadline.
    settings.now = config.Config(memory=config.Memory(deadline=10))
    return OpenMemory(settings, OpenListeners(settings))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[OpenMemory]:
    opened = not_opened()
    stores = Stores(tmp_path)
    recall, turns, learner = Recall(stores), Turns(stores), Learner(stores)
    reminder, conclude = Reminder(recall, turns), Conclude(learner, turns)
    opened.now = now = Memory(stores, recall, turns, learner, reminder, conclude)
    with stores.open(Scope(PROJECT)) as store:
        store.add([made for made in [draft(IN_THE_CELLAR, role=Role.USER)] if made])
    yield opened
    now.close()


def flow_of(
    body: bytes = BODY, operation: str = "generate", project: str | None = PROJECT
) -> http.HTTPFlow:
    flow = tflow.tflow(req=tutils.treq(method=b"POST", path=b"/v1/chat/completions", content=body))
    flow.metadata[RECORD] = {
        "dialect": "openai-chat",
        "operation": operation,
        "project": project,
        "user_id": "ada",
        "why": "its port",
    }
    return flow


async def reminded(memory: OpenMemory, flow: http.HTTPFlow) -> tuple[bytes | None, str]:
    """The body that goes on, and what the flow says of it."""
    await Remind(memory, Readings(), Calls()).request(flow)
    return flow.request.content, recorded_memory(flow).get("why", "")


async def test_a_turn_gets_its_memory(memory: OpenMemory) -> None:
    body, why = await reminded(memory, flow_of())

    assert IN_THE_CELLAR in str(body)
    assert why == "1 memory by words only"


@pytest.mark.parametrize(
    ("flow", "why"),
    [
        pytest.param(flow_of(project=None), "no project", id="no project"),
        pytest.param(flow_of(operation="embeddings"), "", id="no conversation"),
        pytest.param(flow_of(operation="count_tokens"), "", id="a count of tokens"),
        pytest.param(flow_of(b"{"), "the body cannot be read", id="no JSON"),
        pytest.param(flow_of(b'{"messages":[]}'), "nobody asks", id="nobody asks"),
    ],
)
async def test_any_other_call_goes_on_as_it_is(
    flow: http.HTTPFlow, why: str, memory: OpenMemory
) -> None:
    before = flow.request.raw_content

    _, told = await reminded(memory, flow)

    assert flow.request.raw_content is before
    assert told.startswith(why)
    assert bool(told) == bool(why)


async def test_where_memory_is_off_a_call_goes_on_as_it_is() -> None:
    assert await reminded(not_opened(), flow_of()) == (BODY, "memory is off")


async def test_a_call_that_somebody_has_answered_is_left_alone(memory: OpenMemory) -> None:
    flow = flow_of()
    flow.response = http.Response.make(503)

    assert await reminded(memory, flow) == (BODY, "")


async def test_a_mistake_of_ours_costs_nobody_the_call_and_tells_nothing_private(
    memory: OpenMemory, caplog: pytest.LogCaptureFixture
) -> None:
    assert memory.now
    now = memory.now
    broken = Broken(now.recall, now.turns)
    memory.now = Memory(now.stores, now.recall, now.turns, now.learner, broken, now.conclude)
    calls, flow = Calls(), flow_of()

    with caplog.at_level(logging.INFO):
        await Remind(memory, Readings(), calls).request(flow)
    memory.now = now
    broken.close()

    assert flow.request.content == BODY
    assert recorded_memory(flow)["why"] == "the memory failed: LookupError"
    assert "apples" not in caplog.text + flow.comment
    [ongoing] = calls.of(flow)  # its answer is followed all the same
    assert ongoing.exchange is not None
    assert ongoing.exchange.question == APPLES


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("coding", ["", "identity", "gzip", "GZip", "deflate", "br", "zstd"])
def test_a_body_is_put_in_as_the_client_packs_its_own(coding: str, is_chunked: bool) -> None:
    request = flow_of().request
    request.headers["content-encoding"] = coding
    if is_chunked:
        del request.headers["content-length"]
        request.headers["transfer-encoding"] = "chunked"

    put_body(request, BODY + b" ")

    assert request.get_content(strict=True) == BODY + b" "
    assert (request.raw_content == BODY + b" ") == (coding in ("", "identity"))
    assert ("content-length" in request.headers) != is_chunked
    assert is_chunked or request.headers["content-length"] == str(len(request.raw_content or b""))


async def test_a_packed_body_stays_packed(memory: OpenMemory) -> None:
    flow = flow_of(gzip.compress(BODY))
    flow.request.headers["content-encoding"] = "gzip"

    await Remind(memory, Readings(), Calls()).request(flow)

    assert IN_THE_CELLAR in gzip.decompress(flow.request.raw_content or b"").decode()
