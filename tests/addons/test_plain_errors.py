"""The wrap around mitmproxy's HttpStream: the one place that a release of mitmproxy may break."""

from collections.abc import Iterator

import pytest
from mitmproxy import connection, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.test import taddons, tflow

from addons import plain_errors

OURS = http.Response.make(502, b"told by us", {"x-ours": "1"})
BROKEN = ResponseProtocolError(1, "nobody there", ErrorCode.CONNECT_FAILED)


def ours(flow: http.HTTPFlow, status: int, message: str) -> http.Response:
    assert (status, message) == (502, "nobody there")
    return OURS


def nothing(flow: http.HTTPFlow, status: int, message: str) -> None:
    return None


def fails(flow: http.HTTPFlow, status: int, message: str) -> http.Response:
    raise ValueError(message)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = HttpStream._handle_event
    yield
    HttpStream._handle_event = before


@pytest.fixture
def stream() -> HttpStream:
    """One of mitmproxy's own that has just begun to wait for an answer."""
    with taddons.context(Proxyserver()) as proxy:
        surroundings = context.Context(tflow.tclient_conn(), proxy.options)
    HttpLayer(surroundings, HTTPMode.regular)
    stream = HttpStream(surroundings, 1)
    list(stream._handle_event(events.Start()))
    stream.flow = tflow.tflow()
    stream.server_state = stream.state_wait_for_response_headers
    stream.client_state = stream.state_done
    return stream


def sent(stream: HttpStream, event: HttpEvent) -> list[HttpEvent]:
    """What the client is told."""
    told: list[HttpEvent] = []
    command: commands.Command
    for command in stream._handle_event(event):
        if isinstance(command, SendHttp):
            assert isinstance(command.connection, connection.Client)
            told.append(command.event)
    return told


def test_the_wrap_is_installed_where_mitmproxy_handles_events(stream: HttpStream) -> None:
    plain_errors.install(ours)

    assert plain_errors.fits()
    assert HttpStream._handle_event is not plain_errors._original
    assert stream._handle_event.__func__ is HttpStream._handle_event


def test_mitmproxys_page_is_replaced_by_our_answer(stream: HttpStream) -> None:
    plain_errors.install(ours)

    assert sent(stream, BROKEN) == [
        ResponseHeaders(1, OURS, end_stream=False),
        ResponseData(1, b"told by us"),
        ResponseEndOfMessage(1),
    ]


@pytest.mark.parametrize("answer", [nothing, fails])
def test_mitmproxys_page_stays_where_we_have_no_answer(
    answer: plain_errors.Answer, stream: HttpStream
) -> None:
    plain_errors.install(answer)

    assert sent(stream, BROKEN) == [BROKEN]


def test_an_answer_that_has_begun_is_broken_off_and_not_answered_again(stream: HttpStream) -> None:
    plain_errors.install(ours)
    answer = http.Response.make(200)
    answer.stream = True
    begun = ResponseHeaders(1, answer, end_stream=False)

    assert sent(stream, begun) == [begun]
    assert sent(stream, BROKEN) == [BROKEN]
