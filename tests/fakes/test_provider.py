"""What the provider records, whom it lets in, and that it leaves nothing behind."""

import asyncio
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest
import zstandard

from tests.fakes import Authority, Provider, Step

CHAT = "/openai/v1/chat/completions?beta=true"
BODY = {"model": "m"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


def test_a_request_is_recorded_as_it_was_on_the_wire(provider: Provider) -> None:
    client = http.client.HTTPConnection("127.0.0.1", provider.port)
    client.putrequest("POST", CHAT, skip_accept_encoding=True)
    for name, value in (("X-Two", "b"), ("x-two", "a"), ("CONTENT-LENGTH", "2")):
        client.putheader(name, value)
    client.endheaders(b"{}")
    client.getresponse().read()
    client.close()

    [seen] = provider.requests
    host = f"127.0.0.1:{provider.port}"
    assert (seen.method, seen.path, seen.body) == ("POST", CHAT, b"{}")
    assert seen.headers == (
        ("Host", host),
        ("X-Two", "b"),
        ("x-two", "a"),
        ("CONTENT-LENGTH", "2"),
    )
    assert seen.authority == host
    assert seen.header("X-TWO") == "b"
    assert seen.header_values("x-two") == ["b", "a"]
    assert (seen.http_version, seen.sni, seen.alpn) == ("1.1", None, None)


def test_a_compressed_request_can_be_read(provider: Provider) -> None:
    body = zstandard.ZstdCompressor().compress(json.dumps(BODY).encode())

    answer = httpx.post(provider.url + CHAT, content=body, headers={"content-encoding": "zstd"})

    assert answer.json()["model"] == "m"
    assert provider.requests[0].json() == BODY
    assert provider.requests[0].body == body


def test_http2_and_the_name_asked_for_are_recorded(authority: Authority) -> None:
    tls = authority.server_context("api.openai.com")
    with Provider(tls=tls) as provider, _client(authority, http2=True) as client:
        answers = [
            client.post(
                provider.url + CHAT,
                json=BODY,
                headers={"host": "api.openai.com"},
                extensions={"sni_hostname": "api.openai.com"},
            )
            for _ in range(2)
        ]

    assert [answer.http_version for answer in answers] == ["HTTP/2", "HTTP/2"]
    first, second = provider.requests
    assert (first.sni, first.alpn, first.http_version) == ("api.openai.com", "h2", "2")
    assert first.authority == "api.openai.com"
    assert first.connection == second.connection


def test_without_http2_the_client_is_offered_only_http1(authority: Authority) -> None:
    with (
        Provider(tls=authority.server_context(), http2=False) as provider,
        _client(authority, http2=True) as client,
    ):
        assert client.get(f"{provider.url}/health").http_version == "HTTP/1.1"


def test_http2_in_clear_is_understood(provider: Provider) -> None:
    with httpx.Client(http1=False, http2=True) as client:
        assert client.get(f"{provider.url}/health").http_version == "HTTP/2"


def test_the_client_sees_the_certificate_that_the_authority_names(authority: Authority) -> None:
    with Provider(tls=authority.server_context("api.anthropic.com")) as provider:
        address = ("127.0.0.1", provider.port)
        with (
            socket.create_connection(address) as raw,
            authority.client_context().wrap_socket(
                raw, server_hostname="api.anthropic.com"
            ) as secured,
        ):
            presented = secured.getpeercert(binary_form=True)

    assert presented == authority.certificate_of("api.anthropic.com")


def test_a_client_that_distrusts_the_certificate_is_no_fault_of_ours(authority: Authority) -> None:
    with (
        Provider(tls=authority.server_context()) as provider,
        pytest.raises(httpx.ConnectError),
        httpx.Client(verify=ssl.create_default_context()) as client,
    ):
        client.get(provider.url)


def test_large_bodies_pass_in_both_directions_on_http2(authority: Authority) -> None:
    large = "word " * 100_000
    with (
        Provider(tls=authority.server_context()) as provider,
        _client(authority, http2=True) as client,
    ):
        provider.script(Step(text=large, chunks=3))
        answer = client.post(provider.url + CHAT, json=BODY | {"input": large})

    assert answer.json()["choices"][0]["message"]["content"] == large
    assert provider.requests[0].json()["input"] == large


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer sk-good"}, ""),
        ({"x-api-key": "sk-good"}, ""),
        ({"x-goog-api-key": "sk-good"}, ""),
        ({"api-key": "sk-good"}, ""),
        ({}, "?key=sk-good"),
    ],
)
def test_a_known_key_opens_the_door_wherever_it_is(headers: dict[str, str], query: str) -> None:
    with Provider(keys={"sk-good"}) as provider:
        answer = httpx.get(f"{provider.url}/v1/models{query}", headers=headers)

    assert answer.status_code == 200


def test_an_unknown_key_is_refused_in_the_dialect() -> None:
    with Provider(keys={"sk-good"}) as provider:
        answer = httpx.post(f"{provider.url}/v1/messages", headers={"x-api-key": "sk-bad"})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_refused_as_openai_does(provider: Provider, method: str) -> None:
    answer = httpx.request(method, f"{provider.url}/v1/nothing")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL ({method} /v1/nothing)"


def test_head_gets_the_headers_of_get(provider: Provider) -> None:
    with httpx.Client(base_url=provider.url) as client:
        head, get = client.head("/health"), client.get("/health")

    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]
    assert provider.requests[0].connection == provider.requests[1].connection


async def test_a_hundred_clients_are_answered_at_once(provider: Provider) -> None:
    everybody_has_asked = threading.Event()
    provider.always(Step(hold=everybody_has_asked))

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        calls = [
            asyncio.create_task(client.post(provider.url + CHAT, json=BODY)) for _ in range(100)
        ]
        await asyncio.to_thread(provider.wait_for, lambda: len(provider.requests) == 100)
        everybody_has_asked.set()
        answers = await asyncio.gather(*calls)

    assert len({answer.json()["id"] for answer in answers}) == 100


def test_wait_for_tells_what_it_saw_instead(provider: Provider) -> None:
    httpx.get(f"{provider.url}/health")

    assert provider.wait_for(lambda: provider.requests)[0].path == "/health"
    with pytest.raises(TimeoutError, match="GET /health"):
        provider.wait_for(lambda: provider.hangups, timeout=0.01)


def test_reset_forgets_what_was_seen_and_planned(provider: Provider) -> None:
    provider.always(Step(status=500))
    httpx.get(f"{provider.url}/health")

    provider.reset()

    assert provider.requests == []
    assert httpx.get(f"{provider.url}/health").status_code == 200


def test_stopping_is_quick_and_leaves_no_thread(authority: Authority) -> None:
    threads = set(threading.enumerate())
    with Provider(tls=authority.server_context()) as provider:
        provider.always(Step(stall=True))
        address = ("127.0.0.1", provider.port)
        silent = socket.create_connection(address)
        stalled = authority.client_context().wrap_socket(
            socket.create_connection(address), server_hostname="localhost"
        )
        stalled.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        provider.wait_for(lambda: provider.requests)
        stopping = monotonic()

    assert monotonic() - stopping < 10  # TLS would wait for a goodbye for half a minute
    assert set(threading.enumerate()) <= threads
    silent.close()
    stalled.close()


@pytest.mark.e2e
def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "tests.fakes", "--chunks", "3"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        url = serving.stdout.readline().removeprefix("listening: ").strip()
        answer = httpx.post(url + CHAT, json=BODY | {"stream": True})
        serving.terminate()

    assert answer.text.count('"content":') == 4
    assert serving.returncode == 0


def _client(authority: Authority, *, http2: bool) -> httpx.Client:
    return httpx.Client(verify=authority.client_context(), http2=http2)
