"""A LiteLLM elsewhere that sends its calls through us: they are not taken for a tool's."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import yaml

from routing.loops import MOST_AT_ONCE, ROUNDS
from tests.e2e.litellm_calls import GPT, body
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.litellm_scene import straight_to, wait_for, wait_until_up
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.sdks import KEY, raw_client
from tests.fakes import Provider, Seen, Step

OPENAI = "https://api.openai.com/v1/chat/completions"


class Elsewhere(ThreadingHTTPServer):
    """Asks OpenAI for whatever it is asked, as a LiteLLM does: in its own name and dialect."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.proxy: Mitmdump
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.goes_to = OPENAI
        self.uses_proxy = True
        self.forwards = True
        self.sends_on: tuple[str, dict[str, Any]] | None = None
        """In place of a chat call."""
        self.asked: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def reset(self) -> None:
        self.goes_to, self.uses_proxy, self.forwards = OPENAI, True, True
        self.sends_on = None
        self.asked.clear()

    def ask(self, headers: dict[str, str]) -> httpx.Response:
        kept = {name: value for name, value in headers.items() if name.startswith("x-")}
        own = {"authorization": "Bearer sk-of-litellm", "user-agent": "litellm/1.106.2"}
        proxy = self.proxy.url if self.uses_proxy else None
        with httpx.Client(
            proxy=proxy, verify=self.proxy.trust(), trust_env=False, timeout=60
        ) as client:
            path, sent = self.sends_on or ("", body(GPT))
            url = self.goes_to.removesuffix("/v1/chat/completions") + path if path else self.goes_to
            return client.post(url, json=sent, headers=own | (kept if self.forwards else {}))


class Relay(BaseHTTPRequestHandler):
    server: Elsewhere
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(headers)
        answer = self.server.ask(headers)
        self._answer(answer.status_code, answer.content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Elsewhere, Provider]]:
    directory = tmp_path_factory.mktemp("loops")
    litellm = Elsewhere()
    with Provider() as provider:
        config = straight_to(provider) | {
            "backend": "litellm",
            "litellm": {"url": litellm.url, "key": "sk-litellm"},
            "memory": {"enabled": True},
        }
        litellm.proxy = Mitmdump(directory, yaml.safe_dump(config))
        with litellm.proxy as proxy:
            wait_until_up(proxy)
            yield litellm, provider
    litellm.shutdown()
    litellm.server_close()


@pytest.fixture
def litellm(elsewhere: tuple[Elsewhere, Provider]) -> Elsewhere:
    elsewhere[0].reset()
    return elsewhere[0]


@pytest.fixture
def provider(elsewhere: tuple[Elsewhere, Provider]) -> Provider:
    elsewhere[1].reset()
    return elsewhere[1]


def ask(litellm: Elsewhere, **headers: str) -> httpx.Response:
    with raw_client("by base URL", litellm.proxy) as client:
        return client.post(
            "/v1/chat/completions",
            json=body(GPT),
            headers={"authorization": f"Bearer {KEY}", "user-agent": "a tool", **headers},
        )


def labels_in(seen: Seen) -> list[str]:
    return [name for name, _ in seen.headers if name.lower().startswith(("x-memory", "x-sm-"))]


@pytest.mark.parametrize("way", ["by proxy", "by base URL", "by base URL, with its name"])
def test_a_litellm_that_forwards_headers_is_known_again(
    litellm: Elsewhere, provider: Provider, way: str
) -> None:
    if way != "by proxy":
        litellm.uses_proxy = False
        mount = "/openai" if "name" in way else ""
        litellm.goes_to = f"{litellm.proxy.url}{mount}/v1/chat/completions"
    provider.script(Step(set_cookies=("__cf_bm=1; Path=/", "session=2")))
    before = len(litellm.proxy.log)

    answer = ask(litellm, **{"x-sm-user-id": "me"})

    assert answer.status_code == 200
    (asked,) = litellm.asked
    (seen,) = provider.requests
    assert asked["x-sm-user-id"] == "me"
    assert labels_in(seen) == []
    assert seen.header("authorization") == "Bearer sk-of-litellm"
    assert seen.json() == body(GPT)

    def logged() -> list[tuple[str, str]]:
        return re.findall(r" (call|egress) POST .* call=([-\w]+)", litellm.proxy.log[before:])

    wait_for(lambda: len(logged()) > 1)
    call = asked["x-memory-call"]
    assert sorted(logged()) == [("call", call), ("egress", call)]


def test_it_is_left_to_leave_as_it_will(litellm: Elsewhere) -> None:
    assert litellm.proxy.ask("/health")["egress"] is None


def test_an_id_that_nobody_gave_out_says_nothing(litellm: Elsewhere, provider: Provider) -> None:
    litellm.uses_proxy, litellm.goes_to = False, f"{provider.url}/v1/chat/completions"

    ask(litellm, **{"x-memory-call": "11111111-2222-3333-4444-555555555555"})

    (asked,) = litellm.asked
    assert asked["x-memory-call"] != "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_litellm_that_forwards_nothing_does_not_go_round_for_ever(
    litellm: Elsewhere, provider: Provider, dialect: str
) -> None:
    litellm.forwards = False
    path, model = ENDPOINTS[dialect]

    with raw_client("by base URL", litellm.proxy) as client:
        answer = client.post(path, json=body(model), headers={"user-agent": "a tool"})

    assert answer.status_code == 508
    assert "back to the memory proxy" in told(dialect, answer)
    assert len(litellm.asked) == ROUNDS + 1
    assert provider.requests == []


OTHERS = {
    "embeddings": ("/v1/embeddings", {"model": "e", "input": "one"}),
    "counting tokens": ("/v1/messages/count_tokens", body("m")),
    "a call that says nothing": ("/v1/chat/completions", {"model": "m", "messages": []}),
}


@pytest.mark.parametrize(("path", "sent"), OTHERS.values(), ids=OTHERS)
def test_nor_does_what_asks_no_question(
    litellm: Elsewhere, provider: Provider, path: str, sent: dict[str, Any]
) -> None:
    litellm.forwards, litellm.sends_on = False, (path, sent)

    with raw_client("by base URL", litellm.proxy) as client:
        answer = client.post(path, json=sent, headers={"user-agent": "a tool"})

    assert answer.status_code == 508
    assert len(litellm.asked) <= MOST_AT_ONCE
    assert provider.requests == []


def test_after_that_it_is_asked_again(litellm: Elsewhere, provider: Provider) -> None:
    litellm.forwards = False
    assert ask(litellm).status_code == 508
    litellm.forwards = True

    assert ask(litellm).status_code == 200
