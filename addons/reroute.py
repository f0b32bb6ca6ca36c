"""Send each request where the decision says, labelled for whoever receives it."""

import logging
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import http

from addons.facts import facts_of, header_of, headers_from, is_second_leg, record, recorded
from addons.open_listeners import OpenListeners
from addons.own_pages import MISTAKE, OwnPages, tell
from addons.read_settings import ReadSettings
from addons.readings import Readings
from addons.run_backend import RunBackend
from dialects import Unreadable
from dialects.splice import replace_model
from routing.decide import Route, decide
from routing.facts import RequestFacts
from routing.headers import PROJECT, is_ours
from routing.outgoing import to_litellm, to_provider

logger = logging.getLogger("memory_proxy")


@dataclass(slots=True)
class _Seen:
    """What is known of a request from its headers, as its body mostly changes nothing of it."""

    wire: tuple[object, ...]
    facts: RequestFacts
    known: tuple[object, ...] = ()
    """What the route was decided from."""
    route: Route | None = None


class Reroute:
    """Decides each request once: when its headers are in, or with its body if it has a say."""

    def __init__(
        self,
        settings: ReadSettings,
        listeners: OpenListeners,
        backend: RunBackend,
        readings: Readings,
        pages: OwnPages,
    ) -> None:
        self.settings = settings
        self.listeners = listeners
        self.backend = backend
        self.readings = readings
        self.pages = pages
        self._seen: WeakKeyDictionary[http.HTTPFlow, _Seen] = WeakKeyDictionary()

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        try:
            await self._with_headers(flow)
        except Exception:
            give_up(flow)

    async def request(self, flow: http.HTTPFlow) -> None:
        try:
            await self._with_body(flow)
        except Exception:
            give_up(flow)

    async def _with_headers(self, flow: http.HTTPFlow) -> None:
        if is_second_leg(flow):
            return  # it has been decided when it came from the tool
        facts = self._facts(flow)
        route = self._decide(flow, facts)
        if flow.response or flow.error:  # refused already; the record says in which dialect
            record(flow, facts, route)
            return
        if route.call and route.call.has_body and not facts.wants_websocket:
            is_direct = route.backend == "direct" and not route.in_place_of
            has_no_say = route.call.operation == "embeddings" and not route.is_open
            is_unread = has_no_say or self._is_too_long(facts)
            # What nobody would read need not be held either.
            if not (is_direct and is_unread):
                return
        await self._apply(flow, facts, route)
        # An answer of ours is given when the whole request is in; the rest streams through.
        flow.request.stream = flow.response is None and has_length(flow.request)

    async def _with_body(self, flow: http.HTTPFlow) -> None:
        give_length(flow.request)
        if flow.response or flow.error or recorded(flow):
            return
        facts = self._facts(flow)
        route = self._decide(flow, facts)
        if route.call and self._body_has_a_say(facts, route):
            longest = self.settings.now.memory.longest_body_in_bytes
            facts = facts_of(flow, self.readings.of(flow, route.call, longest).conversation)
            route = self._decide(flow, facts)
        await self._apply(flow, facts, route)

    def _is_too_long(self, facts: RequestFacts) -> bool:
        length = facts.header("content-length") or ""
        longest = self.settings.now.memory.longest_body_in_bytes
        return length.isascii() and length.isdigit() and len(length) < 20 and int(length) > longest

    def _decide(self, flow: http.HTTPFlow, facts: RequestFacts) -> Route:
        known = facts, self.settings.now, self.listeners.projects, self.backend.now
        seen = self._seen.get(flow)
        if seen is None:
            return decide(*known)
        if seen.route is None or seen.known != known:
            seen.known, seen.route = known, decide(*known)
        return seen.route

    def _facts(self, flow: http.HTTPFlow) -> RequestFacts:
        """Other addons may change a request between its headers and its body; they seldom do."""
        request = flow.request
        wire = request.headers.fields, request.method, request.host, request.port, request.path
        seen = self._seen.get(flow)
        if seen is None or seen.wire != wire:
            seen = self._seen[flow] = _Seen(wire, facts_of(flow))
        return seen.facts

    def _body_has_a_say(self, facts: RequestFacts, route: Route) -> bool:
        """It may declare the project, and it names the model: where models are mapped, and where
        a backend depends on it."""
        named = route.membership.project or facts.header(PROJECT) or facts.directories
        return (
            not named
            or route.is_open
            or (route.backend != "direct" and bool(self.settings.now.litellm.models))
        )

    async def _apply(self, flow: http.HTTPFlow, facts: RequestFacts, route: Route) -> None:
        depends = route.backend != "direct" or route.in_place_of
        if (
            depends
            and not facts.wants_websocket
            and not route.page
            and await self.backend.settle(route)
        ):
            route = self._decide(flow, facts)
        self._seen.pop(flow, None)
        record(flow, facts, route)
        if route.page:
            flow.response = self.pages.answer(route, facts)
        elif route.problem:
            flow.response = tell(route.dialect, route.problem)
        elif route.backend != "direct":
            # Our app over the SDK has no use for what a client would pay with.
            forward = self.settings.now.litellm.forward_credentials and route.backend == "litellm"
            self.backend.begin(flow, route)
            key = self.backend.key_of(route.backend)
            pairs = to_litellm(facts.headers, route, flow.id, key, forward)
            flow.request.headers = headers_from(pairs)
            self._aim(flow, route)
            open_body(flow.request, route.model)
        else:
            if any(is_ours(name) for name, _value in facts.headers):
                flow.request.headers = headers_from(to_provider(facts.headers))
            self._aim(flow, route)

    def _aim(self, flow: http.HTTPFlow, route: Route) -> None:
        """Last, as mitmproxy writes the host into the headers."""
        request = flow.request
        if route.target:
            request.scheme = route.target.scheme
            request.host = route.target.host
            request.port = route.target.port
        if route.path:
            request.path = route.path


def give_up(flow: http.HTTPFlow) -> None:
    """A mistake of ours: the client is told, because what was half changed must not go out."""
    logger.exception("request.failed")
    dialect = recorded(flow).get("errors_in", "openai-chat")
    flow.response = tell(dialect, MISTAKE)


def open_body(request: http.Request, model: str | None) -> None:
    """LiteLLM reads neither compressed bodies nor our clients' names for its models."""
    if request.raw_content is None:
        return
    if header_of(request, b"content-encoding") is not None:
        try:
            body = request.get_content(strict=True)
        except ValueError:
            return  # not what its header says: LiteLLM shall say so
        del request.headers["content-encoding"]
        request.content = body
    if model is not None and request.content:
        try:
            request.content = replace_model(request.content, model)
        except Unreadable:
            return


def has_length(request: http.Request) -> bool:
    """Whether an HTTP/1.1 server could tell where this request ends."""
    return not request.is_http2 or "content-length" in request.headers


def give_length(request: http.Request) -> None:
    """HTTP/2 needs no length. mitmproxy would write the body unframed to an HTTP/1.1 server, which
    would take it for the next request."""
    if request.is_http2 and "content-length" not in request.headers and request.raw_content:
        request.headers["content-length"] = str(len(request.raw_content))
