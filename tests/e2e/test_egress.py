"""LiteLLM's own calls leave through us: with cookies, without labels, and seen beside the first."""

import base64
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http
from mitmproxy.exceptions import FlowReadException
from mitmproxy.io import FlowReader

from routing.port_registry import PortRegistry
from routing.ports import free_port
from tests.e2e.listening import listening_addresses
from tests.e2e.litellm_calls import (
    body,
    chat,
    chat_stream,
    count_tokens,
    embeddings,
    gemini,
    gemini_stream,
    messages,
    messages_stream,
    responses,
    responses_stream,
)
from tests.e2e.litellm_errors import told
from tests.e2e.litellm_scene import (
    API,
    MASTER_KEY,
    UNASKED,
    backend,
    litellm_proxy,
    straight_to,
    wait_for,
    wait_until_up,
)
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.sdks import KEY, Clients, raw_client
from tests.fakes import Authority, Provider, Seen, Step

FAMILIES = {
    "gpt": "openai/gpt-5.1",
    "claude": "anthropic/claude-opus-4-5",
    "gem": "gemini/gemini-2.5-pro",
    "llama": "groq/llama-4-scout",
    "aio": "aiohttp_openai/gpt-5.1",
}
DIALECTS = {
    "openai-chat": ("/v1/chat/completions", "gpt"),
    "openai-responses": ("/v1/responses", "gpt"),
    "anthropic": ("/v1/messages", "claude"),
    "gemini": ("/v1beta/models/{}:generateContent", "gem"),
}
CALLS: dict[str, tuple[Callable[[Clients, str], object], str]] = {
    "chat": (chat, "gpt"),
    "a chat's stream": (chat_stream, "gpt"),
    "responses": (responses, "gpt"),
    "a response's stream": (responses_stream, "gpt"),
    "embeddings": (embeddings, "gpt"),
    "messages": (messages, "claude"),
    "a message's stream": (messages_stream, "claude"),
    "counting": (count_tokens, "claude"),
    "Gemini": (gemini, "gem"),
    "Gemini's stream": (gemini_stream, "gem"),
    "Groq": (chat, "llama"),
    "Groq's stream": (chat_stream, "llama"),
    "LiteLLM's client over aiohttp alone": (chat, "aio"),
}
LABELS = re.compile(r"x-memory-|x-sm-|x-litellm-|proxy-authorization", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scene:
    backend: str
    proxy: Mitmdump
    plain: Provider
    """Without TLS, as an Ollama on this machine."""
    secure: Provider
    other_port: int
    """Of another project."""
    child: int
    """The process of LiteLLM."""
    flows_file: Path

    @property
    def seen(self) -> list[Seen]:
        return [*self.plain.requests, *self.secure.requests]

    def legs(self, path: str, since: float) -> tuple[http.HTTPFlow, list[http.HTTPFlow]]:
        """The call to this path that came since then, and what LiteLLM sent for it."""

        def found() -> tuple[http.HTTPFlow, list[http.HTTPFlow]] | None:
            flows = self._flows()
            firsts = [
                f
                for f in flows
                if not is_second(f)
                and f.request.path.startswith(path)
                and f.request.timestamp_start >= since
            ]
            if not firsts:
                return None
            seconds = [f for f in flows if is_second(f) and firsts[-1].id in f.comment]
            return (firsts[-1], seconds) if seconds else None

        value = wait_for(found)
        assert value is not None
        return value

    def _flows(self) -> list[http.HTTPFlow]:
        flows = []
        with self.flows_file.open("rb") as file, suppress(FlowReadException):  # half written
            for flow in FlowReader(file).stream():
                assert isinstance(flow, http.HTTPFlow)
                flows.append(flow)
        return flows

    def lines_of(self, user: str) -> list[tuple[str, str]]:
        """Of the call of this user, once it is told in the log: each leg's line and its outcome."""
        log = self.proxy.log
        if not (called := re.search(rf" call POST .* user={user} .* call=([-\w]+)", log)):
            return []
        line = rf" (call|egress) POST .* -> (\d+|failed) .*call={called[1]}"
        return re.findall(line, log)

    @property
    def egress(self) -> httpx.URL:
        """What only the child knows."""
        return httpx.URL(environment_of(self.child)["HTTPS_PROXY"])


def is_second(flow: http.HTTPFlow) -> bool:
    return flow.comment.startswith("LiteLLM")


@pytest.fixture(scope="module", params=["litellm", "sdk"])
def module_scene(
    request: pytest.FixtureRequest,
    litellm_environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("egress")
    (strangers := directory / "strangers").mkdir()
    trusted, distrusted = Authority(directory), Authority(strangers)
    with (
        Provider() as plain,
        Provider(tls=trusted.server_context("localhost")) as secure,
        Provider(tls=distrusted.server_context("localhost")) as unknown,
    ):
        config = straight_to(plain) | {
            "backend": request.param,
            "litellm": {"config": "litellm.yaml", "key": MASTER_KEY, "wait": 100},
            "upstream_ca": str(trusted.pem_path),
        }
        proxy = litellm_proxy(directory, litellm_environment, config)
        flows_file = directory / "flows"
        proxy.command[1:1] = ["-w", str(flows_file)]
        places = {
            "plain": plain.url,
            "secure": f"https://localhost:{secure.port}",
            "forwards": f"https://localhost:{secure.port}",
            "unknown": f"https://localhost:{unknown.port}",
            "closed": f"http://127.0.0.1:{free_port()}",
            "back": f"http://127.0.0.1:{proxy.shared_port}",
            "magic": "http://memory.proxy",
            "falls": f"http://127.0.0.1:{free_port()}",
            # Told to trust one authority alone, it does not take our certificate.
            "pinned": f"https://127.0.0.1:{secure.port}",
        }
        models = [
            model_at(f"{place}-{name}", model, url)
            for place, url in places.items()
            for name, model in FAMILIES.items()
        ]
        for model in models:
            if model["model_name"].startswith("pinned"):
                model["litellm_params"]["ssl_verify"] = str(trusted.pem_path)
        (proxy.home / "litellm.yaml").write_text(json.dumps(settings_of(models)))
        other = directory / "other"
        other.mkdir()
        registry = PortRegistry(
            proxy.home / "ports.json", first=proxy.shared_port + 1, last=proxy.shared_port + 19
        )
        other_port = registry.get_or_allocate_port(other)
        with proxy:
            child = wait_until_up(proxy)["pid"]
            yield Scene(request.param, proxy, plain, secure, other_port, child, flows_file)


def model_at(name: str, model: str, url: str) -> dict[str, Any]:
    family = model.partition("/")[0].removeprefix("aiohttp_")
    key = f"os.environ/{family.upper()}_API_KEY"
    path = "/v1/chat/completions" if model.startswith("aiohttp") else API[family]
    return {
        "model_name": name,
        "litellm_params": {"model": model, "api_base": url + path, "api_key": key},
    }


def settings_of(models: list[dict[str, Any]]) -> dict[str, Any]:
    forwarding = [f"forwards-{name}" for name in FAMILIES]
    return {
        "model_list": models,
        "router_settings": {
            "num_retries": 0,
            "disable_cooldowns": True,
            "fallbacks": [{"falls-gpt": ["plain-gpt"]}],
        },
        "general_settings": UNASKED,
        "litellm_settings": {
            "model_group_settings": {"forward_client_headers_to_llm_api": forwarding}
        },
    }


@pytest.fixture
def scene(module_scene: Scene) -> Scene:
    module_scene.plain.reset()
    module_scene.secure.reset()
    return module_scene


def ask(
    scene: Scene,
    model: str,
    dialect: str = "openai-chat",
    *,
    port: int | None = None,
    **headers: str,
) -> httpx.Response:
    path = DIALECTS[dialect][0].format(model)
    return httpx.post(
        f"http://127.0.0.1:{port or scene.proxy.port}{path}",
        json=asked(dialect, model),
        headers={"authorization": f"Bearer {KEY}", **headers},
        trust_env=False,
        timeout=60,
    )


def asked(dialect: str, model: str) -> dict[str, Any]:
    match dialect:
        case "openai-responses":
            return {"model": model, "input": "hi"}
        case "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        case _:
            return body(model, max_tokens=9)


@pytest.mark.parametrize("place", ["plain", "secure"])
@pytest.mark.parametrize("call", CALLS)
def test_what_litellm_sends_passes_us_and_names_the_call_that_it_is_for(
    scene: Scene, place: str, call: str
) -> None:
    make, model = CALLS[call]
    before = len(scene.proxy.log)

    make(Clients(scene.proxy.url, is_mounted=True), f"{place}-{model}")

    (seen,) = scene.seen
    assert labels_in(seen) == []

    def logged() -> list[tuple[str, str]]:
        return re.findall(r" (call|egress) POST .* call=([-\w]+)", scene.proxy.log[before:])

    wait_for(lambda: len(logged()) > 1)
    (one, first), (other, second) = logged()
    assert ({one, other}, first) == ({"call", "egress"}, second)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_both_legs_are_flows_whose_comments_name_the_call(scene: Scene, secure: bool) -> None:
    place = "secure" if secure else "plain"
    began = time.time()

    chat_stream(Clients(scene.proxy.url, is_mounted=True), f"{place}-gpt")

    first, (second,) = scene.legs("/v1/chat/completions", began)
    assert first.comment.startswith("default-dev in ")
    assert f"; call {first.id}" in first.comment
    assert second.comment == (f"LiteLLM for call {first.id}: default-dev in {scene.proxy.project}")
    assert second.request.path == "/v1/chat/completions"
    assert second.request.json()["messages"] == [
        {"role": "user", "content": "What is the colour of the sky?"}
    ]
    assert second.response
    assert b"data: [DONE]" in (second.response.content or b"")


def test_a_fallback_is_for_the_same_call(scene: Scene) -> None:
    assert ask(scene, "falls-gpt", **{"x-sm-user-id": "who-falls"}).status_code == 200

    wait_for(lambda: len(scene.lines_of("who-falls")) > 2)
    assert scene.lines_of("who-falls") == [("egress", "failed"), ("egress", "200"), ("call", "200")]
    assert len(scene.seen) == 1


def test_a_call_that_goes_direct_has_no_second_leg(scene: Scene) -> None:
    before = len(scene.proxy.log)
    with scene.proxy.client() as client:
        client.get("https://api.openai.com/v1/files", headers={"authorization": "Bearer sk-1"})

    wait_for(lambda: "call GET openai" in scene.proxy.log[before:])
    assert "call=" not in scene.proxy.log[before:]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_challenge_that_litellm_passed_stays_passed(scene: Scene, dialect: str) -> None:
    model = f"secure-{DIALECTS[dialect][1]}"
    # Two dialects have the same host and key, so each has a challenge of its own here.
    scene.secure.always(Step(demand_cookie=(f"cf_chl_{dialect}", "passed")))

    answers = [ask(scene, model, dialect) for _ in range(3)]

    assert [answer.is_success for answer in answers] == [False, True, True]
    sent = [cookies_in(seen) & {f"cf_chl_{dialect}=passed"} for seen in scene.seen]
    assert sent == [set(), {f"cf_chl_{dialect}=passed"}, {f"cf_chl_{dialect}=passed"}]


def test_a_streamed_call_passes_it_too(scene: Scene) -> None:
    scene.secure.script(Step(set_cookies=("cf_chl_stream=1; Path=/; Secure",)))
    clients = Clients(scene.proxy.url, is_mounted=True)

    messages_stream(clients, "secure-claude")
    messages_stream(clients, "secure-claude")

    assert ["cf_chl_stream=1" in cookies_in(seen) for seen in scene.seen] == [False, True]


def test_a_cookie_stays_with_its_project(scene: Scene) -> None:
    scene.secure.script(Step(set_cookies=("_cfuvid=mine; Path=/; Secure",)))

    ask(scene, "secure-llama")
    ask(scene, "secure-llama", port=scene.other_port)
    ask(scene, "secure-llama", port=scene.proxy.shared_port)
    ask(scene, "secure-llama")

    sent = ["_cfuvid=mine" in cookies_in(seen) for seen in scene.seen]
    assert sent == [False, False, False, True]


def test_a_cookie_stays_with_its_account(scene: Scene) -> None:
    """Both of these models are at one host, and LiteLLM has a key for each."""
    scene.secure.script(Step(set_cookies=("cf_chl_1=openai; Path=/; Secure",)))

    ask(scene, "secure-gpt")
    ask(scene, "secure-llama")
    ask(scene, "secure-gpt")

    sent = ["cf_chl_1=openai" in cookies_in(seen) for seen in scene.seen]
    assert sent == [False, False, True]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_cookie_reaches_litellm(scene: Scene, dialect: str) -> None:
    """It would keep one for everybody, and tells its client what a provider's headers were."""
    scene.secure.script(Step(set_cookies=("session=1; Path=/", "__cf_bm=2; Path=/; Secure")))

    answer = ask(scene, f"secure-{DIALECTS[dialect][1]}", dialect)

    assert answer.is_success
    assert not [name for name in answer.headers if "cookie" in name]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_litellm_that_forwards_headers_tells_no_label(scene: Scene, dialect: str) -> None:
    model = f"forwards-{DIALECTS[dialect][1]}"

    ask(scene, model, dialect, **{"x-sm-user-id": "me", "x-of-the-client": "kept"})

    (seen,) = scene.seen
    assert labels_in(seen) == []
    if (scene.backend, dialect) == ("litellm", "openai-chat"):
        # It does forward there, as the rest of what it forwards shows.
        assert seen.header("x-of-the-client") == "kept"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def connect(scene: Scene, authorization: str) -> Answer:
    place = f"localhost:{scene.secure.port}"
    return exchange(scene, f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n", authorization)


def absolute(scene: Scene, authorization: str) -> Answer:
    first_line = f"GET {scene.plain.url}/v1/models HTTP/1.1\r\n"
    return exchange(scene, f"{first_line}Host: {scene.plain.url[7:]}\r\n", authorization)


def origin(scene: Scene, authorization: str) -> Answer:
    host = f"127.0.0.1:{scene.egress.port}"
    return exchange(scene, f"GET /health HTTP/1.1\r\nHost: {host}\r\n", authorization)


def exchange(scene: Scene, head: str, authorization: str) -> Answer:
    shown = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    with socket.create_connection(("127.0.0.1", scene.egress.port or 0), 10) as line:
        line.sendall(f"{head}{shown}\r\n".encode())
        answer = HTTPResponse(line)
        answer.begin()
        has_end = answer.length is not None
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read() if has_end else b"",
        )


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


STRANGERS = {
    "nothing": lambda _: "",
    "no token": lambda _: basic("litellm:"),
    "another token": lambda _: basic("litellm:guessed"),
    "half of the token": lambda url: basic(f"{url.username}:{url.password[:10]}"),
    "another scheme": lambda url: f"Bearer {url.password}",
    "garbage": lambda _: "Basic ä",
}


@pytest.mark.parametrize("shown", STRANGERS)
@pytest.mark.parametrize("way", [connect, absolute, origin], ids=lambda way: way.__name__)
def test_a_stranger_is_refused(
    scene: Scene, way: Callable[[Scene, str], Answer], shown: str
) -> None:
    answer = way(scene, STRANGERS[shown](scene.egress))

    assert answer.status == 407
    assert answer.headers["proxy-authenticate"].startswith("Basic")
    assert json.loads(answer.body)["error"]["code"] == "not_for_you"
    assert scene.seen == []


def test_whoever_has_the_token_may_pass(scene: Scene) -> None:
    """Without this, the refusals above might have another reason."""
    token = basic(f"{scene.egress.username}:{scene.egress.password}")

    answers = [way(scene, token).status for way in (connect, absolute, origin)]

    assert answers == [200, 200, 508]  # the last has nowhere to go but to us


def test_the_token_is_told_to_nobody(scene: Scene) -> None:
    began = time.time()
    ask(scene, "plain-gpt", **{"x-sm-user-id": "who-tells"})
    scene.legs("/v1/chat/completions", began)
    wait_for(lambda: scene.lines_of("who-tells"))

    secrets = (scene.egress.password, basic(f"{scene.egress.username}:{scene.egress.password}")[6:])
    told = [
        scene.proxy.log,
        scene.flows_file.read_bytes().decode(errors="replace"),
        json.dumps(scene.proxy.ask("/health")),
    ]
    assert [secret for secret in secrets for text in told if secret in text] == []


@pytest.mark.parametrize("place", ["back", "magic"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_litellm_that_leads_back_to_us_is_told_so(scene: Scene, dialect: str, place: str) -> None:
    before = len(scene.proxy.log)

    answer = ask(scene, f"{place}-{DIALECTS[dialect][1]}", dialect)

    message = told(dialect, answer)
    assert answer.status_code >= 500
    assert "which is the memory proxy itself" in message
    assert "api_base" in message
    wait_for(lambda: " call POST" in scene.proxy.log[before:])
    assert len(re.findall(r" call POST", scene.proxy.log[before:])) == 1
    assert scene.seen == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [("closed", "Connect call failed"), ("unknown", "upstream_ca")],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_that_cannot_be_reached_is_told_in_words(
    scene: Scene, dialect: str, place: str, reason: str
) -> None:
    answer = ask(scene, f"{place}-{DIALECTS[dialect][1]}", dialect)

    assert answer.status_code >= 500
    assert reason in told(dialect, answer)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_that_hangs_up_is_told_in_words(scene: Scene, dialect: str) -> None:
    scene.secure.always(Step(garbage=b"\x00\x01 no HTTP\r\n\r\n"))

    answer = ask(scene, f"secure-{DIALECTS[dialect][1]}", dialect)

    assert answer.status_code >= 500
    assert "No answer from localhost" in told(dialect, answer)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_litellm_that_trusts_one_authority_alone_reaches_it_unmarked(
    scene: Scene, dialect: str
) -> None:
    # The first ones at once, of which each finds out what it has to do.
    with ThreadPoolExecutor(8) as at_once:
        asking = [
            at_once.submit(ask, scene, f"pinned-{DIALECTS[dialect][1]}", dialect) for _ in range(8)
        ]
    answers = [asked.result() for asked in asking]

    answers.append(ask(scene, f"pinned-{DIALECTS[dialect][1]}", dialect))

    assert [answer.status_code for answer in answers] == [200] * 9
    assert [labels_in(seen) for seen in scene.seen] == [[]] * 9
    if dialect in ("openai-responses", "gemini"):  # where LiteLLM heeds a model's `ssl_verify`
        assert "egress.tunnelled host=127.0.0.1" in scene.proxy.log


def test_only_this_machine_can_reach_the_listener(scene: Scene) -> None:
    addresses = listening_addresses(scene.proxy.process.pid)

    assert ("127.0.0.1", scene.egress.port) in addresses
    assert {address for address, _ in addresses} == {"127.0.0.1"}


def test_it_is_no_projects_port(scene: Scene) -> None:
    health = scene.proxy.ask("/health", scene.proxy.shared_port)

    assert scene.egress.port not in [one["port"] for one in health["listeners"]]
    assert health["problems"] == []
    assert health["egress"] == {"port": scene.egress.port, "listening": True, "why": None}


def test_where_no_litellm_is_wanted_there_is_no_such_listener(direct: Mitmdump) -> None:
    addresses = listening_addresses(direct.process.pid)

    assert {port for _, port in addresses} == {direct.shared_port, direct.port}
    assert direct.ask("/health")["egress"] is None


def test_a_companys_proxy_goes_on_being_used(
    litellm_environment: Path, tmp_path: Path, provider: Provider
) -> None:
    company = "http://proxy.corp.example:3128"
    config = straight_to(provider) | {
        "backend": "litellm",
        "litellm": {"config": "litellm.yaml", "wait": 0},
    }
    models = settings_of([model_at("gpt", FAMILIES["gpt"], provider.url)])
    proxy = litellm_proxy(tmp_path, litellm_environment, config, models)
    proxy.environment["HTTPS_PROXY"] = company

    with proxy:
        pid = wait_for(lambda: backend(proxy)["pid"])
        told = wait_for(lambda: environment_of(pid))  # empty until its program has begun
        health = proxy.ask("/health")

    assert told["HTTPS_PROXY"] == company
    assert "MEMPROXY_MARK_CALLS" not in told
    assert "HTTPS_PROXY" in health["egress"]["why"]
    assert not health["egress"]["listening"]


def test_it_can_be_switched_off(
    litellm_environment: Path, tmp_path: Path, provider: Provider
) -> None:
    config = straight_to(provider) | {
        "backend": "sdk",
        "litellm": {"config": "litellm.yaml", "wait": 100, "egress": False},
    }
    models = settings_of([model_at("gpt", FAMILIES["gpt"], provider.url)])
    proxy = litellm_proxy(tmp_path, litellm_environment, config, models)

    with proxy, raw_client("by base URL", proxy) as client:
        wait_until_up(proxy)
        answer = client.post("/v1/chat/completions", json=body("gpt"))
        told = environment_of(backend(proxy)["pid"])
        health = proxy.ask("/health")

    assert answer.status_code == 200, answer.text
    assert health["egress"] is None
    assert not {"HTTPS_PROXY", "MEMPROXY_MARK_CALLS"} & told.keys()
    assert labels_in(provider.requests[-1]) == []


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if pair)


def cookies_in(seen: Seen) -> set[str]:
    return set((seen.header("cookie") or "").split("; "))


def labels_in(seen: Seen) -> list[str]:
    return [name for name, _ in seen.headers if LABELS.match(name)]
