"""Whatever a step asks for happens on the wire, over HTTP/1.1 and HTTP/2 alike."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import h2.connection
import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from tests.fakes import Authority, Provider, Step
from tests.fakes.step import BreakHow, Coding

CHAT = "/v1/chat/completions"
PLAIN = {"model": "m"}
STREAM = {"model": "m", "stream": True}
FOREVER = 60.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority: Authority) -> Iterator[Provider]:
    with Provider(tls=authority.server_context()) as provider:
        yield provider


@pytest.fixture
def unencrypted() -> Iterator[Provider]:
    """For WebSockets: the blocking client reads and writes in two threads, which OpenSSL does not
    bear, so that over TLS a handshake in a hundred is lost."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    # One for each test, because httpx writes its ALPN offer into it.
    return authority.client_context()


@pytest.fixture(params=[False, True], ids=["http1", "http2"])
def client(
    provider: Provider, trust: ssl.SSLContext, request: pytest.FixtureRequest
) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=provider.url, verify=trust, http2=request.param) as client:
        yield client


def test_each_queued_step_serves_one_matching_request(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(Step(status=500), Step(match="/messages", status=529))
    provider.always(Step(match="/health", status=503))

    statuses = [
        client.post(CHAT, json=PLAIN).status_code,
        client.post(CHAT, json=PLAIN).status_code,
        client.post("/v1/messages", json=PLAIN).status_code,
        client.get("/health").status_code,
        client.get("/health").status_code,
    ]

    assert statuses == [500, 200, 529, 503, 503]


def test_a_queued_step_waits_for_the_request_that_it_is_meant_for(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(Step(status=529, when=lambda seen: b"for you" in seen.decoded))

    statuses = [
        client.post(CHAT, json=PLAIN).status_code,
        client.post(CHAT, json=PLAIN | {"note": "for you"}).status_code,
        client.post(CHAT, json=PLAIN | {"note": "for you"}).status_code,
    ]

    assert statuses == [200, 529, 200]


def test_scripted_headers_replace_ours_and_may_repeat(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(
        Step(
            status=429,
            headers=(("X-Request-Id", "mine"), ("Retry-After", "7")),
            set_cookies=("a=1; Path=/", "b=2"),
        )
    )

    answer = client.post(CHAT, json=PLAIN)

    assert answer.headers.get_list("x-request-id") == ["mine"]
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_scripted_body_is_sent_as_it_is_on_any_path(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(Step(status=201, body=b"{ }"), Step(html="<h1>Bad gateway</h1>", status=502))

    assert client.delete("/v1/anything").content == b"{ }"
    assert client.get("/health").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("body", [PLAIN, STREAM], ids=["plain", "stream"])
def test_answers_can_be_compressed(
    provider: Provider, client: httpx.Client, coding: Coding, body: dict[str, object]
) -> None:
    provider.script(Step(compress=coding, text="Hello"))

    answer = client.post(CHAT, json=body)

    assert answer.headers["content-encoding"] == coding
    assert "Hello" in answer.text


@pytest.mark.parametrize("coding", [None, "gzip", "br", "zstd"])
def test_a_stream_arrives_chunk_by_chunk(
    provider: Provider, client: httpx.Client, coding: Coding | None
) -> None:
    provider.always(Step(chunks=4, chunk_delay=0.03, compress=coding))

    def seconds_between_the_first_and_the_last() -> float:
        with client.stream("POST", CHAT, json=STREAM) as answer:
            arrivals = [monotonic() for part in answer.iter_bytes() if part]
        assert len(arrivals) == 7  # the role, four deltas, the finish reason, the end
        return arrivals[-1] - arrivals[0]

    # Some may meet on a busy machine, but not each time.
    assert any(seconds_between_the_first_and_the_last() > 0.15 for _ in range(10))


def test_more_chunks_than_words_make_the_answer_longer(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(Step(chunks=50), Step(text="one two three", chunks=2))

    assert client.post(CHAT, json=STREAM).text.count('"content":') == 51
    assert client.post(CHAT, json=STREAM).text.count('"content":') == 3


def test_the_headers_wait_for_the_delay(provider: Provider, client: httpx.Client) -> None:
    provider.script(Step(delay=0.1))
    started = monotonic()

    client.get("/health")

    assert monotonic() - started >= 0.1


def test_the_headers_wait_until_they_are_let_go(provider: Provider, client: httpx.Client) -> None:
    gate = threading.Event()
    provider.script(Step(hold=gate))

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, "/health", timeout=20)
        provider.wait_for(lambda: provider.requests)
        with pytest.raises(TimeoutError):
            answer.result(0.1)
        gate.set()

        assert answer.result().status_code == 200


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("body", [PLAIN, STREAM], ids=["plain", "stream"])
def test_an_answer_breaks_off_without_an_end(
    provider: Provider, client: httpx.Client, how: BreakHow, body: dict[str, object]
) -> None:
    provider.script(Step(break_after=2, break_how=how, chunk_delay=0.02))
    received: list[bytes] = []

    with (
        client.stream("POST", CHAT, json=body) as answer,
        pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)),
    ):
        received.extend(answer.iter_bytes())

    assert received
    assert b"[DONE]" not in b"".join(received)
    assert provider.hangups == []
    assert client.get("/health").status_code == 200


def test_a_body_without_a_length_is_complete(provider: Provider, client: httpx.Client) -> None:
    provider.script(Step(no_length=True), Step(no_length=True))

    plain = client.post(CHAT, json=PLAIN)
    stream = client.post(CHAT, json=STREAM)

    assert plain.json()["object"] == "chat.completion"
    assert stream.text.endswith("[DONE]\n\n")
    assert "content-length" not in plain.headers
    assert "transfer-encoding" not in stream.headers


def test_garbage_is_no_http(provider: Provider, client: httpx.Client) -> None:
    provider.script(Step(garbage=b"\x00\x01 not http at all\r\n\r\n"))

    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/health")


def test_a_stalled_request_is_never_answered(provider: Provider, client: httpx.Client) -> None:
    provider.script(Step(stall=True))

    with pytest.raises(httpx.ReadTimeout):
        client.get("/health", timeout=httpx.Timeout(20, read=0.1))
    client.close()  # with HTTP/2, httpx tells no server that it gave up on a stream

    assert provider.wait_for(lambda: provider.hangups)[0].chunks == 0


def test_a_client_that_leaves_in_mid_answer_is_noticed(
    provider: Provider, client: httpx.Client
) -> None:
    provider.script(Step(chunk_delay=FOREVER))

    with client.stream("POST", CHAT, json=STREAM) as answer:
        parts = answer.iter_bytes()  # once nobody has it, httpx hangs up
        next(parts)
        leaving = monotonic()
    client.close()

    [hangup] = provider.wait_for(lambda: provider.hangups)
    assert hangup.request == provider.requests[0]
    assert hangup.chunks == 1
    assert hangup.at >= leaving


def test_an_http2_stream_that_is_reset_is_a_hangup_and_its_connection_lives_on() -> None:
    with Provider() as provider, socket.create_connection(("127.0.0.1", provider.port)) as raw:
        provider.script(Step(stall=True))
        http = h2.connection.H2Connection()
        http.initiate_connection()
        request = [
            (":method", "GET"),
            (":path", "/health"),
            (":scheme", "http"),
            (":authority", "x"),
        ]
        http.send_headers(1, request, end_stream=True)
        raw.sendall(http.data_to_send())
        provider.wait_for(lambda: provider.requests)

        http.reset_stream(1)
        http.send_headers(3, request, end_stream=True)
        raw.sendall(http.data_to_send())

        provider.wait_for(lambda: len(provider.requests) == 2)
        [hangup] = provider.hangups
        assert hangup.request == provider.requests[0]


def test_a_challenge_ends_when_its_cookie_comes_back(
    provider: Provider, client: httpx.Client
) -> None:
    provider.always(Step(demand_cookie=("cf_clearance", "passed")))

    challenge = client.post(CHAT, json=PLAIN)
    client.cookies.clear()
    answer = client.post(CHAT, json=PLAIN, headers={"cookie": "a=1; cf_clearance=passed"})

    assert challenge.status_code == 403
    assert challenge.headers["cf-mitigated"] == "challenge"
    assert challenge.headers["server"] == "cloudflare"
    assert challenge.headers["set-cookie"].startswith("cf_clearance=passed;")
    assert answer.status_code == 200


def test_an_upgrade_can_be_refused(unencrypted: Provider) -> None:
    unencrypted.script(Step(websocket=426, headers=(("x-why", "scripted"),)))

    with pytest.raises(InvalidStatus) as refused, connect(_websocket_url(unencrypted)):
        pass

    assert refused.value.response.status_code == 426
    assert refused.value.response.headers["x-why"] == "scripted"


def test_steps_without_websocket_are_for_messages_not_for_upgrades(unencrypted: Provider) -> None:
    unencrypted.script(Step(status=429), Step(break_after=1))
    unencrypted.script(Step(websocket="accept", set_cookies=("__cf_bm=1",)))

    with connect(_websocket_url(unencrypted)) as codex:
        assert codex.response
        assert codex.response.headers["set-cookie"] == "__cf_bm=1"

        codex.send('{"type":"response.create"}')
        refusal = json.loads(codex.recv())
        assert (refusal["type"], refusal["status"]) == ("error", 429)

        codex.send('{"type":"response.create"}')
        assert json.loads(codex.recv())["type"] == "response.created"
        with pytest.raises(ConnectionClosedError):
            codex.recv()


def test_a_websocket_client_that_leaves_in_mid_answer_is_noticed(unencrypted: Provider) -> None:
    unencrypted.script(Step(chunk_delay=FOREVER))

    with connect(_websocket_url(unencrypted), close_timeout=1) as codex:
        codex.send('{"type":"response.create"}')
        codex.recv()

    [hangup] = unencrypted.wait_for(lambda: unencrypted.hangups)
    assert hangup.request.is_upgrade
    assert hangup.chunks >= 1


def _websocket_url(provider: Provider) -> str:
    return f"{provider.url.replace('http', 'ws', 1)}/v1/responses"
