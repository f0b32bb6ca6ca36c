"""Follow each answer as it streams by, and learn from the turns that it concludes."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import http

from addons.facts import header_of, record_usage, recorded, recorded_memory
from addons.log_calls import log_answer
from addons.ongoing import Calls, Ongoing
from addons.open_memory import OpenMemory
from addons.pass_streams import Copy
from addons.readings import FRAME, Readings
from dialects.answers import Answer, Follower, FrameFollower
from recall.records import Exchange
from routing.facts import shown


class Learn:
    """Reads along with what passes, and changes nothing of it."""

    def __init__(self, memory: OpenMemory, readings: Readings, calls: Calls) -> None:
        self.memory = memory
        self.readings = readings
        self.calls = calls
        self._following: WeakKeyDictionary[http.HTTPFlow, Follower] = WeakKeyDictionary()
        self._frames: WeakKeyDictionary[http.HTTPFlow, FrameFollower] = WeakKeyDictionary()

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or response.status_code == 101:
            return
        if self.memory.settings.now.memory.report and recorded_memory(flow):
            tell(recorded_memory(flow), response)
        if (calls := self.calls.of(flow)) and isinstance(response.stream, Copy):
            follower = self._following[flow] = follower_of(calls[0], response)
            response.stream.follow = follower.feed

    def response(self, flow: http.HTTPFlow) -> None:
        follower, calls = self._following.pop(flow, None), self.calls.of(flow)
        if flow.response is None or flow.websocket or not calls:
            return
        if follower is None:  # it is here in full, such as what LiteLLM said and is told anew
            follower = follower_of(calls[0], flow.response)
            follower.feed(flow.response.raw_content or b"")
        self._end(flow, calls.popleft(), follower.end())

    def error(self, flow: http.HTTPFlow) -> None:
        if flow.websocket:
            self.websocket_end(flow)
            return
        follower, calls = self._following.pop(flow, None), self.calls.of(flow)
        if calls:
            nothing = Answer(outcome="failed", problem="no answer")
            self._end(flow, calls.popleft(), follower.end() if follower else nothing)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        calls = self.calls.of(flow)
        if flow.websocket is None or not calls:
            return
        message = flow.websocket.messages[-1]
        if message.from_client:
            return
        following = self._frames.setdefault(flow, FrameFollower())
        if len(calls) > 1 and (refused := following.refusal(message.content)):
            self._end(flow, calls.pop(), refused)
        elif answer := following.frame(message.content):
            self._end(flow, calls.popleft(), answer)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        following, calls = self._frames.pop(flow, None), self.calls.of(flow)
        while calls:
            broken = following.end() if following else Answer(outcome="aborted")
            following = None
            self._end(flow, calls.popleft(), broken)

    def _end(self, flow: http.HTTPFlow, call: Ongoing, answer: Answer) -> None:
        note = recorded(flow)
        if self.memory.now and call.exchange:
            self.memory.now.conclude.end(concluded(call, answer), is_final=answer.is_final)
        if answer.outcome == "complete" and call.dialect == FRAME.dialect:
            for name in filter(None, (answer.response_id, call.conversation)):
                self.readings.continuations.note(name, note.get("project"), call.turn)
        record_usage(flow, answer.usage)
        if flow.websocket:
            log_answer(flow, answer.outcome, call.reminded, answer.usage)


def follower_of(call: Ongoing, response: http.Response) -> Follower:
    encoding = header_of(response, b"content-encoding") or ""
    return Follower(call.dialect, response.status_code, encoding)


def concluded(call: Ongoing, answer: Answer) -> Exchange:
    """The exchange, with what the answer brought."""
    assert call.exchange is not None
    return replace(
        call.exchange,
        answer=answer.text,
        model=answer.model or call.exchange.model,
        ended=time.time(),
        usage=answer.usage.told(),
        outcome=answer.outcome,
    )


def tell(told: Mapping[str, Any], response: http.Response) -> None:
    """What went in, or why nothing did, for who reads headers."""
    response.headers["x-memory-injected"] = str(len(told["memories"]))
    response.headers["x-memory-tokens"] = str(told["tokens"])
    response.headers["x-memory-ms"] = str(told["milliseconds"])
    response.headers["x-memory-why"] = shown(told["why"])
    if told["memories"]:
        response.headers["x-memory-ids"] = " ".join(told["memories"])
