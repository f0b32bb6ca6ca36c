"""What a call asks is compared with what others ask; nobody keeps a body for it."""

import json
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.facts import RECORD
from addons.ongoing import Calls
from addons.open_listeners import OpenListeners
from addons.open_memory import OpenMemory
from addons.read_settings import ReadSettings
from addons.readings import Readings
from addons.remind import Remind, put_body
from addons.stop_loops import StopLoops
from routing import config
from routing.loops import ROUNDS

ELSEWHERE = "backend: litellm\nlitellm: {url: 'http://127.0.0.1:4000'}\n"
BODY = json.dumps({"messages": [{"role": "user", "content": "Where are the apples?"}]}).encode()
REMINDED = BODY.replace(b"Where", b"<memory>In the cellar.</memory> Where")


class Kept(Readings):
    def bodies(self) -> list[bytes]:
        return [raw for raw, _ in self._known.values()]


@pytest.fixture
def settings(tmp_path: Path) -> ReadSettings:
    file = tmp_path / "config.yaml"
    file.write_text(ELSEWHERE)
    settings = ReadSettings()
    settings.now = config.load(file)
    return settings


def flow_from(sender: str) -> http.HTTPFlow:
    request = tutils.treq(method=b"POST", path=b"/v1/chat/completions", content=BODY)
    request.headers["user-agent"] = sender
    flow = tflow.tflow(req=request)
    flow.metadata[RECORD] = {
        "backend": "litellm",
        "dialect": "openai-chat",
        "errors_in": "openai-chat",
        "operation": "generate",
        "project": None,
        "user_id": None,
        "why": "its port",
    }
    return flow


@pytest.mark.parametrize("ends", ["response", "error"])
async def test_a_call_that_was_alone_is_not_kept_for_one_that_came_later(
    settings: ReadSettings, ends: str
) -> None:
    readings = Kept()
    loops = StopLoops(settings, readings)
    remind = Remind(OpenMemory(settings, OpenListeners(settings)), readings, Calls())
    alone, later = flow_from("a tool"), flow_from("litellm")

    loops.request(alone)
    await remind.request(alone)
    put_body(alone.request, REMINDED)
    assert readings.bodies() == []
    loops.request(later)  # for which the first is read as well
    await remind.request(later)
    for flow in (alone, later):
        getattr(loops, ends)(flow)

    assert readings.bodies() == []


def test_what_goes_round_is_refused_in_the_callers_dialect(settings: ReadSettings) -> None:
    loops = StopLoops(settings, Readings())
    rounds = [flow_from("a tool"), *(flow_from("litellm") for _ in range(ROUNDS + 1))]

    for flow in rounds:
        loops.request(flow)

    assert [flow.response is None for flow in rounds] == [True] * (ROUNDS + 1) + [False]
    last = rounds[-1].response
    assert last is not None
    assert last.status_code == 508
    assert json.loads(last.get_text() or "")["error"]["code"] == "goes_round"
