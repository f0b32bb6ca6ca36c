"""Let the calls of our own LiteLLM out, and know for which call each is made."""

import logging
import os
import socket
from collections import OrderedDict
from secrets import token_urlsafe
from typing import Any

from mitmproxy import connection, http

from addons.facts import (
    facts_of,
    header_of,
    headers_from,
    is_second_leg,
    pairs_of,
    record_leg,
    recorded,
)
from addons.open_listeners import OpenListeners
from addons.own_pages import MISTAKE, tell
from addons.read_settings import ReadSettings
from addons.use_authority import trusted
from dialects import Problem
from routing.arrival import MAGIC_HOST
from routing.egress import (
    Egress,
    Expected,
    ExpectedCalls,
    child_of,
    leads_back,
    led_back,
    onward,
    other_proxy,
    without_labels,
)
from routing.errors import ProxyError
from routing.facts import shown
from routing.headers import CALL
from routing.ports import free_port, is_free

logger = logging.getLogger("memory_proxy")

_CALL = CALL.encode()
PROXY_AUTHORIZATION = "proxy-authorization"
LET_THROUGH = "/let-through"
REFUSALS_KEPT = 1_000
TRIES_FOR_A_PORT = 20

STRANGER = Problem(
    407, "not_for_you", "This port of the memory proxy is for the LiteLLM that it has started."
)


class LetOut:
    """A listener for the children alone, whose calls go on as they are, less our labels."""

    def __init__(self, settings: ReadSettings, listeners: OpenListeners) -> None:
        self.settings = settings
        self.listeners = listeners
        self._port: int | None = None
        self._token = token_urlsafe(24)
        self._why: str | None = None
        self._expected = ExpectedCalls()
        self._children: dict[str, str] = {}
        """Which child opened a tunnel, by the connection's id."""
        self._refusals: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Children, and hosts for which they do not take our certificate."""
        self._names = frozenset({socket.gethostname().lower()})

    def for_children(self) -> Egress | None:
        """What a child needs to let its calls out here; None where they leave another way."""
        if variable := other_proxy(os.environ):
            self._why = f"LiteLLM uses the proxy that {variable} names"
            return None
        try:
            authorities = trusted(self.settings)[1]
            if self._port is None:
                self._port = self._free_port()
        except (ProxyError, OSError) as error:
            self._why = f"LiteLLM's calls leave without us: {error}"
            logger.warning("egress.none reason=%r", str(error))
            return None
        self.listeners.open_for_children(self._port)
        self._why = None
        return Egress(self._port, self._token, authorities)

    def expect(self, call: Expected) -> None:
        """A call is on its way to LiteLLM."""
        self._expected.begin(call)

    def forget(self, flow_id: str) -> None:
        """The call has ended; what LiteLLM still sends for it is known for a while."""
        self._expected.end(flow_id)

    def state(self) -> dict[str, Any] | None:
        """How it is, for whoever asks /health; None where nobody has asked for it."""
        if self._port is None and self._why is None:
            return None
        is_open = self._port in self.listeners.listening()
        return {"port": self._port, "listening": is_open, "why": self._why}

    def is_child(self, client: connection.Client) -> bool:
        """Whether this connection came in where only children may."""
        return self._port is not None and client.sockname[1] == self._port

    def is_refused(self, client: connection.Client, host: str) -> bool:
        """Whether the child on this connection takes only the host's own certificate."""
        return (self._children.get(client.id, ""), host) in self._refusals

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if not self.is_child(flow.client_conn):
            return
        child = self._admitted(flow)
        if child is None:
            flow.response = refusal(STRANGER)
        else:
            self._children[flow.client_conn.id] = child

    def client_disconnected(self, client: connection.Client) -> None:
        self._children.pop(client.id, None)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        try:
            if flow.is_replay:
                return  # as it went out the first time
            if self.is_child(flow.client_conn):
                self._let_out(flow)
            elif call := self._call_of(flow):
                self._pass_on(flow, call)
        except Exception:
            logger.exception("egress.failed")
            flow.response = refusal(MISTAKE)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """LiteLLM's proxy forgets on some routes what a provider said of when to come back."""
        call, response = recorded(flow).get("call"), flow.response
        if response is None or not call or not is_second_leg(flow) or response.status_code < 400:
            return
        self._expected.refused(call, response.status_code, response.headers.get("retry-after"))

    def wait_of(self, flow: http.HTTPFlow, status: int) -> str | None:
        """When the provider behind LiteLLM wants to be asked again, if it said so."""
        return self._expected.wait_of(flow.id, status)

    def _let_out(self, flow: http.HTTPFlow) -> None:
        client, request = flow.client_conn, flow.request
        child, call = self._admitted(flow), self._call_of(flow)
        is_known = client.id in self._children or child is not None
        record_leg(flow, call if is_known else None)
        unlabel(request, call)
        if not is_known:
            flow.response = refusal(STRANGER)
        elif child and (host := host_to_let_through(request)):
            self._let_through(child, host)
            flow.response = http.Response.make(204)
        elif leads_back(request.host, request.port, self.listeners.ports, self._names):
            flow.response = refusal(led_back(request.host, request.port))

    def _let_through(self, child: str, host: str) -> None:
        """LiteLLM may have been told to trust one authority alone, by its `ssl_verify`."""
        self._refusals[child, host] = None
        while len(self._refusals) > REFUSALS_KEPT:
            self._refusals.popitem(last=False)
        told = "egress.tunnelled host=%s reason='LiteLLM trusts another authority alone'"
        logger.warning(told, shown(host))

    def _pass_on(self, flow: http.HTTPFlow, call: Expected) -> None:
        """It came to another port, from a LiteLLM that forwards headers: we have had it before."""
        way = onward(facts_of(flow), self.settings.now.provider_list)
        if way is None:
            return  # a page of ours, or nothing that could go on
        record_leg(flow, call, way.target.host if way.target else None)
        unlabel(flow.request, call)
        if way.problem:
            flow.response = refusal(way.problem)
        if way.target:
            flow.request.scheme = way.target.scheme
            flow.request.host = way.target.host
            flow.request.port = way.target.port
        if way.path:
            flow.request.path = way.path

    def _admitted(self, flow: http.HTTPFlow) -> str | None:
        """The child that this request shows itself to be; what it shows goes no further."""
        given = flow.request.headers.get(PROXY_AUTHORIZATION, "")
        flow.request.headers.pop(PROXY_AUTHORIZATION, None)
        return child_of(given, self._token)

    def _call_of(self, flow: http.HTTPFlow) -> Expected | None:
        return self._expected.find(header_of(flow.request, _CALL) or "")

    def _free_port(self) -> int:
        """Outside of what the registry may give to a project."""
        ports = self.settings.now.ports
        taken = {ports.shared, *range(ports.first, ports.last + 1)}
        found = (free_port() for _ in range(TRIES_FOR_A_PORT))
        others = (port for port in range(65535, 1023, -1) if port not in taken and is_free(port))
        port = next((port for port in found if port not in taken), None) or next(others, None)
        if port is None:
            raise ProxyError("no port is left for them; make `ports` in the config narrower")
        return port


def refusal(problem: Problem) -> http.Response:
    """In the shape that LiteLLM reads, whichever provider it asked for."""
    response = tell("openai-chat", problem)
    if problem.status == 407:
        response.headers["proxy-authenticate"] = 'Basic realm="memory proxy"'
    return response


def host_to_let_through(request: http.Request) -> str | None:
    """The host for which a child does not take our certificate, if that is what it tells us."""
    is_told = request.host == MAGIC_HOST and request.path.startswith(LET_THROUGH)
    return request.query.get("host") if is_told else None


def unlabel(request: http.Request, call: Expected | None) -> None:
    pairs = without_labels(pairs_of(request.headers), call.key if call else None)
    request.headers = headers_from(pairs)
