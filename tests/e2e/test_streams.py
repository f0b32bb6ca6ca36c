"""Streams pass at once and unchanged, and a broken one stays broken."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from tests.e2e.http2_client import Http2Client, alpn
from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.e2e.sdks import ASKED, Clients
from tests.fakes import Authority, Provider, Step
from tests.fakes.step import BreakHow, Coding

pytestmark = pytest.mark.usefixtures("nobodys_settings")

FOREVER = 60.0
CODINGS: tuple[Coding | None, ...] = (None, "gzip", "br", "zstd")


@dataclass(frozen=True, slots=True)
class Stream:
    """A call that is answered in events."""

    host: str
    path: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]


CHAT = Stream("api.openai.com", "/v1/chat/completions", {"stream": True, "messages": ASKED})
MESSAGES = Stream("api.anthropic.com", "/v1/messages", {"stream": True, "messages": ASKED})
STREAMS = (
    CHAT,
    Stream("api.openai.com", "/v1/responses", {"stream": True, "input": "?"}),
    MESSAGES,
    Stream(
        "generativelanguage.googleapis.com",
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        {"contents": []},
    ),
)


@dataclass(frozen=True, slots=True)
class Route:
    """How a client comes to us, and what is spoken on either side."""

    name: str
    offer: tuple[str, ...]
    """By ALPN; none is a base URL, in clear."""
    client: str
    upstream: str
    """Where the provider offers both."""

    def __str__(self) -> str:
        return self.name

    def to(self, proxy: Mitmdump, host: str) -> dict[str, Any]:
        if not self.offer:
            return {"base_url": proxy.url, "trust_env": False, "timeout": 20}
        return {
            "base_url": f"https://{host}",
            "proxy": proxy.url,
            "verify": alpn(proxy.ca_file, *self.offer),
            "http2": True,
            "trust_env": False,
            "timeout": 20,
        }


ROUTES = (
    Route("base URL", (), "HTTP/1.1", "1.1"),
    Route("HTTP/1.1", ("http/1.1",), "HTTP/1.1", "1.1"),
    Route("HTTP/2", ("h2", "http/1.1"), "HTTP/2", "2"),
    # mitmproxy takes the client's first choice, and the server its own.
    Route("HTTP/1.1 before HTTP/2", ("http/1.1", "h2"), "HTTP/1.1", "2"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """A proxy, and the provider behind it."""

    proxy: Mitmdump
    provider: Provider
    authority: Authority | None = None

    def straight(self, route: Route) -> httpx.Client:
        """A client that goes to the provider itself, on the protocol that we would use."""
        if self.authority is None:
            return httpx.Client(base_url=self.provider.url, trust_env=False, timeout=20)
        offer = ("h2",) if route.upstream == "2" else ("http/1.1",)
        trust = alpn(self.authority.pem_path, *offer)
        return httpx.Client(
            base_url=self.provider.url, verify=trust, http2=True, trust_env=False, timeout=20
        )

    def is_http2_upstream(self, route: Route) -> bool:
        return self.authority is not None and route.upstream == "2"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A provider on HTTPS that speaks HTTP/2 to whoever does."""
    directory = tmp_path_factory.mktemp("secure")
    authority = Authority(directory)
    with Provider(tls=authority.server_context()) as provider:
        config = upstreams(provider.url) + f"upstream_ca: '{authority.pem_path}'\n"
        with Mitmdump(directory, config) as proxy:
            yield Side(proxy, provider, authority)


@pytest.fixture(params=["in clear", "on TLS"])
def side(request: pytest.FixtureRequest) -> Side:
    if request.param == "in clear":
        return Side(request.getfixturevalue("direct"), request.getfixturevalue("provider"))
    chosen: Side = request.getfixturevalue("secure")
    chosen.provider.reset()
    return chosen


@pytest.fixture(params=ROUTES, ids=str)
def route(request: pytest.FixtureRequest) -> Route:
    chosen: Route = request.param
    return chosen


@pytest.fixture
def client(side: Side, route: Route) -> Iterator[httpx.Client]:
    with httpx.Client(**route.to(side.proxy, CHAT.host)) as client:
        yield client


def test_each_side_speaks_the_protocol_that_is_meant(
    client: httpx.Client, side: Side, route: Route
) -> None:
    answer = client.post(CHAT.path, json=CHAT.body)

    assert answer.http_version == route.client
    [seen] = side.provider.requests
    assert seen.http_version == ("2" if side.is_http2_upstream(route) else "1.1")


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_the_first_event_arrives_while_the_provider_still_holds_the_next(
    coding: Coding | None, client: httpx.Client, side: Side
) -> None:
    side.provider.always(Step(chunk_delay=FOREVER, compress=coding))

    with client.stream("POST", CHAT.path, json=CHAT.body) as answer:
        first = next(answer.iter_bytes())
        assert first.startswith(b"data: {")
    client.close()

    [hangup] = side.provider.wait_for(lambda: side.provider.hangups)
    assert hangup.chunks == 1


@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_the_first_event_of_every_dialect_arrives_at_once(
    stream: Stream, route: Route, direct: Mitmdump, provider: Provider
) -> None:
    provider.always(Step(chunk_delay=FOREVER))

    with (
        httpx.Client(**route.to(direct, stream.host)) as client,
        client.stream("POST", stream.path, json=stream.body) as answer,
    ):
        assert b"data: {" in next(answer.iter_bytes())

    [hangup] = provider.wait_for(lambda: provider.hangups)
    assert hangup.chunks == 1


def test_events_arrive_one_by_one(client: httpx.Client, side: Side) -> None:
    side.provider.always(Step(chunks=5, chunk_delay=0.05))

    def parts() -> int:
        with client.stream("POST", CHAT.path, json=CHAT.body) as answer:
            return len([part for part in answer.iter_raw() if part])

    # Some may meet on a busy machine; all of them, each time, meet only in a buffer.
    assert any(parts() > 1 for _ in range(10))


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "plain"])
def test_bytes_and_headers_are_those_of_a_direct_call(
    is_streamed: bool, coding: Coding | None, side: Side, route: Route
) -> None:
    headers = (("X-Mixed-Case", "a"), ("x-twice", "1"), ("x-twice", "2"), ("x-empty", ""))
    step = Step(headers=headers, chunks=3, compress=coding)

    def ask(client: httpx.Client) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        side.provider.reset()  # so that both requests have the same number
        side.provider.always(step)
        body = MESSAGES.body | {"stream": is_streamed}
        with client, client.stream("POST", MESSAGES.path, json=body) as answer:
            raw = b"".join(answer.iter_raw())
        return answer.status_code, answer.headers.raw, raw

    wanted = ask(side.straight(route))
    seen = ask(httpx.Client(**route.to(side.proxy, MESSAGES.host)))

    assert seen[0] == wanted[0] == 200
    assert seen[2] == wanted[2]
    if (route.client == "HTTP/2") == side.is_http2_upstream(route):
        assert seen[1] == wanted[1]
    else:
        assert across_protocols(seen[1]) == across_protocols(wanted[1])


def across_protocols(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """In HTTP/2, names have no capitals and lengths are told by frames."""
    return [(k.lower(), v) for k, v in headers if k.lower() != b"transfer-encoding"]


async def test_a_client_that_hangs_up_before_the_answer_frees_the_provider(
    side: Side, route: Route
) -> None:
    side.provider.always(Step(stall=True))

    async with httpx.AsyncClient(**route.to(side.proxy, CHAT.host)) as client:
        call = asyncio.create_task(client.post(CHAT.path, json=CHAT.body))
        await asyncio.to_thread(side.provider.wait_for, lambda: side.provider.requests)
        call.cancel()
        await asyncio.wait([call])

    [hangup] = side.provider.wait_for(lambda: side.provider.hangups)
    assert hangup.chunks == 0


def test_a_cancelled_stream_frees_the_provider_and_leaves_the_others_alone(side: Side) -> None:
    side.provider.script(Step(chunk_delay=FOREVER), Step(chunks=3, chunk_delay=0.3))

    with Http2Client(side.proxy, CHAT.host) as client:
        dropped = client.post(CHAT.path, CHAT.body)
        client.listen_until(lambda: client.received[dropped])
        kept = client.post(CHAT.path, CHAT.body)
        client.listen_until(lambda: client.received[kept])
        client.cancel(dropped)
        [hangup] = side.provider.wait_for(lambda: side.provider.hangups)
        client.listen_until(lambda: client.ended)

    assert hangup.request.number == 1
    assert client.ended == {kept}
    assert client.received[kept].endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("coding", [None, "gzip"], ids=str)
def test_an_answer_that_breaks_off_is_an_error(
    coding: Coding | None, is_streamed: bool, how: BreakHow, client: httpx.Client, side: Side
) -> None:
    side.provider.always(Step(break_after=2, break_how=how, chunks=9, compress=coding))

    with pytest.raises(httpx.TransportError):
        client.post(CHAT.path, json=CHAT.body | {"stream": is_streamed})


def test_a_body_without_a_length_that_is_reset_is_an_error(
    route: Route, direct: Mitmdump, provider: Provider
) -> None:
    provider.always(Step(no_length=True, break_after=2, chunk_delay=0.05))

    with pytest.raises(httpx.TransportError):
        httpx.post(provider.url + CHAT.path, json=CHAT.body, trust_env=False)
    with (
        httpx.Client(**route.to(direct, CHAT.host)) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.post(CHAT.path, json=CHAT.body)


def read_chat(clients: Clients) -> None:
    with (
        clients.to_openai() as client,
        client.chat.completions.create(model="m", messages=ASKED, stream=True) as chunks,
    ):
        for _ in chunks:
            pass


def read_messages(clients: Clients) -> None:
    with (
        clients.to_anthropic() as client,
        client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream,
    ):
        stream.until_done()


def read_gemini(clients: Clients) -> None:
    with clients.to_gemini() as client:
        for _ in client.models.generate_content_stream(model="m", contents="?"):
            pass


BROKEN_READS: dict[str, tuple[Callable[[Clients], None], tuple[type[Exception], ...]]] = {
    "openai": (read_chat, (openai.APIError, httpx2.TransportError)),
    "anthropic": (read_messages, (anthropic.APIError, httpx2.TransportError)),
    "gemini": (read_gemini, (httpx.TransportError,)),
}


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize(("read", "errors"), BROKEN_READS.values(), ids=BROKEN_READS)
def test_an_sdk_raises_when_a_stream_breaks_off(
    read: Callable[[Clients], None],
    errors: tuple[type[Exception], ...],
    how: BreakHow,
    side: Side,
) -> None:
    side.provider.always(Step(break_after=4, break_how=how, chunks=9))

    with pytest.raises(errors):
        read(Clients(side.proxy.url, is_mounted=True))


def test_a_body_that_only_the_end_of_the_connection_ends_is_whole(
    client: httpx.Client, side: Side
) -> None:
    side.provider.always(Step(no_length=True, text="one two three", chunks=3))

    answers = [client.post(CHAT.path, json={"messages": ASKED}) for _ in range(2)]

    for answer in answers:
        assert answer.json()["choices"][0]["message"]["content"] == "one two three"


def test_head_gets_the_headers_without_a_body(client: httpx.Client, side: Side) -> None:
    side.provider.always(Step(body=b"{}", chunks=1))

    head, get = client.head("/v1/models"), client.get("/v1/models")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == "2"
    assert [seen.method for seen in side.provider.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_ends(status: int, client: httpx.Client, side: Side) -> None:
    side.provider.script(Step(status=status, body=b""))

    first, second = client.get("/v1/models"), client.get("/v1/models")

    assert (first.status_code, first.content) == (status, b"")
    assert second.status_code == 200


LARGE = b"0123456789abcdef" * (20 * 1024 * 1024 // 16)


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/openai/v1/files"],
    ids=["a call", "an upload"],
)
def test_twenty_megabytes_pass_both_ways(path: str, route: Route, side: Side) -> None:
    if route.offer:
        path = path.removeprefix("/openai")
    side.provider.always(Step(body=LARGE[::-1], chunks=50))

    with httpx.Client(**route.to(side.proxy, CHAT.host)) as client:
        answer = client.post(path, content=LARGE)

    # Compared beforehand: pytest would take minutes to show the difference.
    is_same_up, is_same_down = (
        side.provider.requests[0].body == LARGE,
        answer.content == LARGE[::-1],
    )
    assert (is_same_up, is_same_down) == (True, True)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/files"])
def test_a_request_without_a_length_arrives_whole(path: str, route: Route, side: Side) -> None:
    if route.offer:
        path = path.removeprefix("/openai")
    side.provider.always(Step(body=b"{}"))
    parts = [b'{"messages": [', b"]", b"}"]

    with httpx.Client(**route.to(side.proxy, CHAT.host)) as client:
        answers = [client.post(path, content=iter(parts)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [seen.body for seen in side.provider.requests] == [b"".join(parts)] * 2


PARALLEL = 12


async def test_twelve_streams_of_one_http2_connection_do_not_queue_for_an_http1_provider(
    direct: Mitmdump, provider: Provider
) -> None:
    everybody_has_asked = threading.Event()
    provider.script(Step())
    provider.always(Step(hold=everybody_has_asked))
    [route] = [route for route in ROUTES if route.name == "HTTP/2"]

    async with httpx.AsyncClient(**route.to(direct, CHAT.host)) as client:
        await client.get("/v1/models")  # opens the one connection
        calls = [
            asyncio.create_task(client.post(CHAT.path, json=CHAT.body | {"user": str(number)}))
            for number in range(PARALLEL)
        ]
        # mitmproxy by itself lets five through and then waits.
        await asyncio.to_thread(provider.wait_for, lambda: len(provider.requests) == 1 + PARALLEL)
        everybody_has_asked.set()
        answers = await asyncio.gather(*calls)

    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert {seen.http_version for seen in provider.requests} == {"1.1"}
    assert len({answer.extensions["network_stream"] for answer in answers}) == 1
    assert len({answer.text for answer in answers}) == PARALLEL
