"""Stop a call that a LiteLLM elsewhere sends back to us, by a proxy of its environment."""

from hashlib import blake2b

from mitmproxy import http

from addons.facts import header_of, recorded
from addons.own_pages import tell
from addons.read_settings import ReadSettings
from addons.readings import Readings
from dialects import Call, Problem
from routing.loops import Rounds


class StopLoops:
    """What LiteLLM sends through our ports looks like a tool's call, but for what it asks."""

    def __init__(self, settings: ReadSettings, readings: Readings) -> None:
        self.settings = settings
        self.readings = readings
        self.rounds = Rounds()

    def request(self, flow: http.HTTPFlow) -> None:
        note, litellm = recorded(flow), self.settings.now.litellm
        # One of our own has a way out of its own.
        if flow.response or flow.error or note.get("backend") != "litellm" or not litellm.url:
            return
        sender = header_of(flow.request, b"user-agent") or ""
        if not self.rounds.begin(flow.id, lambda: self._asked(flow), sender):
            flow.response = tell(note["errors_in"], _going_round(str(litellm.url)))

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code < 400:
            self.rounds.answered(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        self.rounds.end(flow.id)
        # Who was alone is read when another comes, which may be after everybody else needed it.
        self.readings.forget(flow)

    def _asked(self, flow: http.HTTPFlow) -> str:
        """What a call asks, alike in each round."""
        note = recorded(flow)
        if note["operation"] == "generate":
            longest = self.settings.now.memory.longest_body_in_bytes
            call = Call(note["dialect"], "generate")
            conversation = self.readings.of(flow, call, longest).conversation
            if conversation and conversation.turns:
                # The same in every dialect, and with memory in it or without.
                return conversation.turns[-1].key
        # LiteLLM writes a body anew, but from the second round on always the same.
        body = blake2b(flow.request.raw_content or b"", digest_size=16).hexdigest()
        return f"{note['operation']} {body}"


def _going_round(url: str) -> Problem:
    return Problem(
        508,
        "goes_round",
        f"LiteLLM at {url} sends what it is asked back to the memory proxy, most likely because its"
        " HTTPS_PROXY or an `api_base` leads here. Start it without that.",
    )
