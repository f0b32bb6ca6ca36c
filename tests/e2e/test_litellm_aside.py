"""What LiteLLM does not get although it is the backend, and what a LiteLLM of others says."""

from collections.abc import Iterator
from pathlib import Path

import anthropic
import groq
import openai
import pytest
from google import genai

from tests.e2e.litellm_calls import (
    CLAUDE,
    GEMINI,
    GPT,
    LLAMA,
    PLAIN_CALLS,
    Call,
    body,
    chat,
    chat_stream,
    gemini,
    gemini_embeddings,
    groq_chat,
    messages,
    messages_stream,
    responses,
)
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.litellm_scene import Scene, backend, litellm_proxy, straight_to, wait_until_up
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.sdk_calls import name_of
from tests.e2e.sdks import Clients, Way, raw_client
from tests.fakes import Step

pytestmark = pytest.mark.usefixtures("nobodys_settings")

LOGIN = "sk-ant-oat01-a-login-of-claude"


@pytest.fixture
def clients(scene: Scene) -> Clients:
    return Clients(scene.proxy.url, is_mounted=True)


CLAUDES, CODEX, GOOGLE = "api.anthropic.com", "chatgpt.com", "generativelanguage.googleapis.com"
LOGINS: dict[str, tuple[Way, str, str, dict[str, str]]] = {
    "Claude's by base URL": (
        "by base URL",
        "",
        "/v1/messages",
        {"authorization": f"Bearer {LOGIN}"},
    ),
    "Claude's through the proxy": (
        "through the proxy",
        CLAUDES,
        "/v1/messages?beta=true",
        {"authorization": f"bearer {LOGIN}", "anthropic-beta": "oauth-2025-04-20"},
    ),
    "Claude's count": (
        "through the proxy",
        CLAUDES,
        "/v1/messages/count_tokens",
        {"authorization": f"Bearer {LOGIN}"},
    ),
    "ChatGPT's host": (
        "through the proxy",
        CODEX,
        "/backend-api/codex/responses",
        {"authorization": "Bearer eyJ.a.b"},
    ),
    "ChatGPT's account": (
        "through the proxy",
        "api.openai.com",
        "/v1/responses",
        {"authorization": "Bearer eyJ.a.b", "ChatGPT-Account-ID": "acc-1"},
    ),
    "ChatGPT's account by base URL": (
        "by base URL",
        "",
        "/v1/responses",
        {"authorization": "Bearer eyJ.a.b", "chatgpt-account-id": "acc-1"},
    ),
    "Google's token": (
        "through the proxy",
        GOOGLE,
        f"/v1beta/models/{GEMINI}:generateContent",
        {"authorization": "Bearer ya29.a0Af"},
    ),
    "Google's Code Assist": (
        "through the proxy",
        "cloudcode-pa.googleapis.com",
        "/v1internal:generateContent",
        {"authorization": "Bearer anything"},
    ),
    "Copilot's host": (
        "through the proxy",
        "api.githubcopilot.com",
        "/chat/completions",
        {"authorization": "Bearer tid=1"},
    ),
    "Copilot by base URL": (
        "by base URL",
        "",
        "/copilot/chat/completions",
        {"authorization": "Bearer tid=1"},
    ),
}


@pytest.mark.parametrize(("way", "host", "path", "headers"), LOGINS.values(), ids=LOGINS)
def test_a_subscriptions_login_goes_direct_all_the_same(
    way: Way, host: str, path: str, headers: dict[str, str], scene: Scene
) -> None:
    with raw_client(way, scene.proxy, host) as client:
        answer = client.post(path, json=body("m"), headers={**headers, "x-sm-user-id": "me"})

    assert answer.status_code == 200, answer.text
    [seen] = scene.origin.requests
    for name, value in headers.items():
        assert seen.header(name) == value
    assert seen.header("x-sm-user-id") is None
    assert seen.json()["model"] == "m"
    assert scene.witness.requests == []
    assert scene.upstream.requests == []


BESIDES: dict[str, tuple[str, str, str]] = {
    "Claude Code's telemetry": ("POST", CLAUDES, "/api/event_logging/v2/batch"),
    "Claude Code's profile": ("GET", CLAUDES, "/api/claude_code/settings"),
    "an upload": ("POST", "api.openai.com", "/v1/files"),
    "an image": ("POST", "api.openai.com", "/v1/images/generations"),
    "Codex's telemetry": ("POST", CODEX, "/backend-api/codex/analytics-events/events"),
    "a stored response": ("GET", "api.openai.com", "/v1/responses/resp_1"),
    "a batch of messages": ("POST", CLAUDES, "/v1/messages/batches"),
    "Gemini's files": ("POST", GOOGLE, "/upload/v1beta/files"),
}


@pytest.mark.parametrize(("method", "host", "path"), BESIDES.values(), ids=BESIDES)
def test_what_is_no_model_call_goes_direct_with_the_clients_own_key(
    method: str, host: str, path: str, scene: Scene
) -> None:
    scene.origin.always(Step(body=b"{}"))
    with raw_client("through the proxy", scene.proxy, host) as client:
        client.request(method, path, headers={"x-api-key": "mine", "x-memory-project": "p"})

    [seen] = scene.origin.requests
    assert (seen.method, seen.path, seen.header("x-api-key")) == (method, path, "mine")
    assert seen.header("x-memory-project") is None
    assert scene.witness.requests == []


def test_geminis_embeddings_go_direct(clients: Clients, scene: Scene) -> None:
    assert gemini_embeddings(clients, "gemini-embedding-001") == 1
    assert len(scene.origin.requests) == 1
    assert scene.witness.requests == []


UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


@pytest.mark.parametrize("way", ["by base URL", "through the proxy"])
def test_an_upgrade_to_websocket_is_refused_with_426(way: Way, scene: Scene) -> None:
    with raw_client(way, scene.proxy) as client:
        answer = client.get("/v1/responses", headers=UPGRADE)

    assert answer.status_code == 426
    assert "POST /v1/responses" in told("openai-responses", answer)
    assert scene.witness.requests == []
    assert scene.origin.requests == []


def test_a_logins_upgrade_to_websocket_reaches_its_provider(scene: Scene) -> None:
    scene.origin.always(Step(websocket=403))
    with raw_client("through the proxy", scene.proxy, CODEX) as client:
        answer = client.get("/backend-api/codex/responses", headers=UPGRADE)

    assert answer.status_code == 403
    assert scene.origin.requests[0].is_upgrade


def test_a_caller_is_told_that_litellm_is_the_backend(scene: Scene) -> None:
    told_now = scene.proxy.ask("/memory-routing/info", user_agent="Claude Code CLI")

    assert (told_now["user_id"], told_now["backend"]) == ("claude-code", scene.backend)
    assert backend(scene.proxy)["version"]


# A LiteLLM that somebody else runs


@pytest.fixture(scope="module")
def strangers(
    session_scene: Scene, litellm_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Mitmdump]]:
    """Two proxies that do not know the key of a LiteLLM that runs already."""
    address = backend(session_scene.proxy)["url"]
    keys = {"a wrong key": {"key": "sk-not-the-key"}, "no key": {}}
    proxies = {}
    for name, key in keys.items():
        config = {"backend": "litellm", "litellm": {"url": address, **key}}
        directory = tmp_path_factory.mktemp("stranger")
        proxies[name] = litellm_proxy(
            directory, litellm_environment, config | straight_to(session_scene.origin)
        )
    with proxies["a wrong key"], proxies["no key"]:
        for proxy in proxies.values():
            wait_until_up(proxy)
        yield proxies


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("known", ["a wrong key", "no key"])
def test_a_key_that_litellm_refuses_is_told_as_ours_in_the_clients_dialect(
    known: str, dialect: str, strangers: dict[str, Mitmdump], scene: Scene
) -> None:
    path, model = ENDPOINTS[dialect]
    with raw_client("by base URL", strangers[known]) as client:
        answer = client.post(path, json=body(model), headers={"authorization": "Bearer mine"})

    assert answer.status_code == 403, answer.text
    assert "litellm.key" in told(dialect, answer)
    assert "sk-not-the-key" not in answer.text
    assert scene.upstream.requests == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models"])
@pytest.mark.parametrize("known", ["a wrong key", "no key"])
def test_without_its_key_litellms_models_cannot_be_listed(
    known: str, path: str, strangers: dict[str, Mitmdump]
) -> None:
    with raw_client("by base URL", strangers[known]) as client:
        answer = client.get(path)

    assert answer.status_code == 403, answer.text
    assert "litellm.key" in told("gemini" if "beta" in path else "openai-chat", answer)


FORBIDDEN: tuple[tuple[Call, str, type[Exception]], ...] = (
    (chat, GPT, openai.PermissionDeniedError),
    (chat_stream, GPT, openai.PermissionDeniedError),
    (responses, GPT, openai.PermissionDeniedError),
    (messages, CLAUDE, anthropic.PermissionDeniedError),
    (messages_stream, CLAUDE, anthropic.PermissionDeniedError),
    (groq_chat, LLAMA, groq.PermissionDeniedError),
    (gemini, GEMINI, genai.errors.ClientError),
)


@pytest.mark.parametrize(("call", "model", "expected"), FORBIDDEN, ids=name_of)
def test_an_sdk_takes_a_key_that_litellm_refuses_for_a_lack_of_permission(
    call: Call, model: str, expected: type[Exception], strangers: dict[str, Mitmdump]
) -> None:
    with pytest.raises(expected, match=r"litellm\.key"):
        call(Clients(strangers["a wrong key"].url, is_mounted=True), model)


@pytest.fixture(scope="module")
def forwarding(
    session_scene: Scene, litellm_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    """A proxy whose settings send the client's own credential along."""
    litellm = {
        "url": backend(session_scene.proxy)["url"],
        "key": "sk-master-key-of-litellm",
        "forward_credentials": True,
        "models": {"gpt-*": "gpt", "claude-*": "claude", "llama-*": "llama", "gemini-*": "gemini"},
    }
    config = {"backend": "litellm", "litellm": litellm} | straight_to(session_scene.origin)
    directory = tmp_path_factory.mktemp("forwarding")
    with litellm_proxy(directory, litellm_environment, config) as proxy:
        wait_until_up(proxy)
        yield proxy


@pytest.mark.parametrize(("call", "model"), PLAIN_CALLS, ids=name_of)
def test_a_clients_own_key_reaches_litellm_only_where_the_settings_say_so(
    call: Call, model: str, forwarding: Mitmdump, scene: Scene
) -> None:
    call(Clients(forwarding.url, is_mounted=True, key="sk-of-the-client-0003"), model)

    [arrived] = scene.witness.requests
    assert "sk-of-the-client-0003" in arrived.text
    assert arrived.header("x-litellm-api-key") == "sk-master-key-of-litellm"
    [seen] = scene.upstream.requests
    assert "sk-of-the-client-0003" not in str(seen.headers)
