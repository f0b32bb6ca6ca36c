"""Stop a conversation that a LiteLLM elsewhere sends back to us, by a proxy of its environment."""

from mitmproxy import http

from addons.facts import recorded
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
        if note["operation"] != "generate":
            return
        longest = self.settings.now.memory.longest_body_in_bytes
        call = Call(note["dialect"], "generate")
        conversation = self.readings.of(flow, call, longest).conversation
        if conversation is None or not conversation.turns:
            return
        # The same in every dialect, and with memory in it or without.
        asked, sender = conversation.turns[-1].key, flow.request.headers.get("user-agent", "")
        if not self.rounds.begin(flow.id, asked, sender):
            flow.response = tell(note["errors_in"], _going_round(str(litellm.url)))

    def response(self, flow: http.HTTPFlow) -> None:
        self.rounds.end(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        self.rounds.end(flow.id)


def _going_round(url: str) -> Problem:
    return Problem(
        508,
        "goes_round",
        f"LiteLLM at {url} sends what it is asked back to the memory proxy, most likely because its"
        " HTTPS_PROXY or an `api_base` leads here. Start it without that.",
    )
