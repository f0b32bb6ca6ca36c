"""The official SDKs with LiteLLM as the backend: what they get, and what arrives where."""

import asyncio
import gzip
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import zstandard

from tests.e2e.litellm_calls import (
    CLAUDE,
    EMBEDDING,
    GEMINI,
    GPT,
    LLAMA,
    OTHER_CALLS,
    PLAIN_CALLS,
    TEXT_CALLS,
    TOOL_CALLS,
    Call,
    body,
    chat,
    count_tokens,
    embeddings,
    gemini,
    gemini_count_tokens,
    gemini_stream,
    groq_chat,
    messages,
    messages_stream,
    responses,
)
from tests.e2e.litellm_scene import MASTER_KEY, UPSTREAM_KEYS, Scene, wait_for
from tests.e2e.sdk_calls import name_of
from tests.e2e.sdks import KEY, QUESTION, TEXT, TOOL, Clients, Way, raw_client, reach
from tests.fakes import Seen, Step

pytestmark = pytest.mark.usefixtures("nobodys_settings")

MODELS = ["gpt", "claude", "gemini", "llama", "llama-3", EMBEDDING]
"""What LiteLLM calls its own."""


@pytest.fixture(params=["by base URL", "through the proxy"])
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture
def clients(way: Way, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Clients:
    return Clients(reach(way, scene.proxy, monkeypatch), is_mounted=True)


@pytest.fixture
def at_base_url(scene: Scene) -> Clients:
    return Clients(scene.proxy.url, is_mounted=True)


@pytest.mark.parametrize(("call", "model"), TEXT_CALLS, ids=name_of)
def test_an_sdk_gets_the_text_that_the_model_behind_litellm_said(
    call: Call, model: str, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(text=TEXT))

    assert call(clients, model) == TEXT
    assert len(scene.upstream.requests) == 1
    assert scene.origin.requests == []


@pytest.mark.parametrize(("call", "model"), TOOL_CALLS, ids=name_of)
def test_an_sdk_gets_the_tool_call_that_the_model_behind_litellm_made(
    call: Call, model: str, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(tool_call=TOOL))

    assert call(clients, model) == TOOL


@pytest.mark.parametrize(("call", "model", "answer"), OTHER_CALLS, ids=name_of)
def test_what_generates_nothing_is_answered_through_litellm_too(
    call: Call, model: str, answer: object, clients: Clients, scene: Scene
) -> None:
    assert call(clients, model) == answer
    assert len(scene.upstream.requests) == 1
    assert scene.origin.requests == []


ACROSS = [
    pytest.param(call, model, id=f"{call.__name__} of {model}")
    for call in (chat, responses, messages, gemini, messages_stream, gemini_stream)
    for model in (GPT, CLAUDE, GEMINI, LLAMA)
]


@pytest.mark.parametrize(("call", "model"), ACROSS)
def test_every_dialect_reaches_a_model_of_every_provider(
    call: Call, model: str, at_base_url: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(text=TEXT))

    assert call(at_base_url, model) == TEXT


@dataclass(frozen=True, slots=True)
class Passage:
    """A call on its way: as LiteLLM gets it, and as the provider behind it does."""

    call: Call
    model: str
    arrives: str
    goes_on: str
    asks_for: str
    paid_with: str

    def __str__(self) -> str:
        return self.call.__name__


OPENAI, ANTHROPIC, GOOGLE, GROQ = (
    UPSTREAM_KEYS[f"{name}_API_KEY"] for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GROQ")
)
PASSAGES = (
    Passage(chat, GPT, "/v1/chat/completions", "/v1/chat/completions", "gpt-5.1", OPENAI),
    Passage(responses, GPT, "/v1/responses", "/v1/responses", "gpt-5.1", OPENAI),
    Passage(embeddings, EMBEDDING, "/v1/embeddings", "/v1/embeddings", EMBEDDING, OPENAI),
    Passage(messages, CLAUDE, "/v1/messages", "/v1/messages", "claude-opus-4-5", ANTHROPIC),
    Passage(
        count_tokens,
        CLAUDE,
        "/v1/messages/count_tokens",
        "/v1/messages/count_tokens",
        "claude-opus-4-5",
        ANTHROPIC,
    ),
    Passage(
        groq_chat,
        LLAMA,
        "/v1/chat/completions",
        "/openai/v1/chat/completions",
        "llama-4-scout",
        GROQ,
    ),
    Passage(
        gemini,
        GEMINI,
        "/v1beta/models/gemini:generateContent",
        "/v1beta/models/gemini-2.5-pro:generateContent",
        "gemini-2.5-pro",
        GOOGLE,
    ),
    Passage(
        gemini_stream,
        GEMINI,
        "/v1beta/models/gemini:streamGenerateContent?alt=sse",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        "gemini-2.5-pro",
        GOOGLE,
    ),
    Passage(
        gemini_count_tokens,
        GEMINI,
        "/v1beta/models/gemini:countTokens",
        # To count, LiteLLM writes the version behind an address that holds it already.
        "/v1beta/v1beta/models/gemini-2.5-pro:countTokens",
        "gemini-2.5-pro",
        GOOGLE,
    ),
)


@pytest.mark.parametrize("passage", PASSAGES, ids=str)
def test_litellm_gets_its_own_key_and_our_labels_and_the_provider_gets_neither(
    passage: Passage, clients: Clients, scene: Scene
) -> None:
    passage.call(clients, passage.model)

    [arrived] = scene.witness.requests
    assert (arrived.method, arrived.path) == ("POST", passage.arrives)
    assert arrived.header("authorization") == f"Bearer {MASTER_KEY}"
    assert KEY not in arrived.text
    assert arrived.header("x-sm-user-id") == arrived.header("x-litellm-end-user-id")
    assert arrived.header("x-memory-project") == scene.proxy.project.name

    [seen] = scene.upstream.requests
    assert seen.path == passage.goes_on
    assert passage.asks_for in seen.path + seen.text
    assert passage.paid_with in everything_in(seen)
    for secret in (KEY, MASTER_KEY):
        assert secret not in everything_in(seen)
    assert not [name for name, _ in seen.headers if is_a_label(name)]


def everything_in(seen: Seen) -> str:
    return "\n".join([seen.path, *(f"{name}: {value}" for name, value in seen.headers), seen.text])


def is_a_label(name: str) -> bool:
    return name.lower().startswith(("x-sm-", "x-memory-", "x-litellm-"))


CREDENTIALS: dict[str, tuple[str, dict[str, str]]] = {
    "a bearer token": ("", {"authorization": f"Bearer {KEY}"}),
    "a password": ("", {"authorization": f"Basic {KEY}"}),
    "Anthropic's header": ("", {"x-api-key": KEY}),
    "Google's header": ("", {"x-goog-api-key": KEY}),
    "Azure's header": ("", {"api-key": KEY}),
    "Azure's other header": ("", {"Ocp-Apim-Subscription-Key": KEY}),
    "LiteLLM's header": ("", {"x-litellm-api-key": KEY}),
    "a cookie": ("", {"cookie": f"session={KEY}"}),
    "a proxy's password": ("", {"proxy-authorization": f"Basic {KEY}"}),
    "Google's query": (f"?key={KEY}", {}),
    "Google's query among others": (f"?a=1&key={KEY}&b=2", {}),
    "all at once": (
        f"?key={KEY}",
        {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "x-goog-api-key": KEY},
    ),
}
PATHS = {
    "/v1/chat/completions": GPT,
    "/v1/responses": GPT,
    "/v1/messages": CLAUDE,
    f"/v1beta/models/{GEMINI}:generateContent": GEMINI,
}


@pytest.mark.parametrize(("query", "headers"), CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize("path", PATHS)
def test_whatever_a_client_proves_itself_with_stays_here(
    path: str, query: str, headers: dict[str, str], scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path + query, json=body(PATHS[path]), headers=headers)

    assert answer.status_code == 200, answer.text
    [arrived] = scene.witness.requests
    assert KEY not in arrived.text
    assert arrived.header("authorization") == f"Bearer {MASTER_KEY}"
    [seen] = scene.upstream.requests
    assert KEY not in everything_in(seen)


@pytest.mark.parametrize("path", [*PATHS, "/v1/embeddings"])
@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"x-litellm-customer-id": "mallory"}, id="LiteLLM's customer"),
        pytest.param({"x-litellm-end-user-id": "mallory"}, id="LiteLLM's end user"),
        pytest.param(
            {"X-LiteLLM-Customer-ID": "mallory", "x-memory-project": "nowhere"}, id="everything"
        ),
    ],
)
def test_a_call_is_booked_to_the_user_that_we_took_the_client_for(
    claimed: dict[str, str], path: str, scene: Scene
) -> None:
    user = f"user-{uuid.uuid4()}"  # the calls of other tests may be booked only now
    model = PATHS.get(path, EMBEDDING)
    with raw_client("by base URL", scene.proxy) as client:
        client.post(path, json=body(model), headers={"x-sm-user-id": user, **claimed})

    wait_for(lambda: user in scene.witness.end_users)
    assert "mallory" not in scene.witness.end_users
    [arrived] = scene.witness.requests
    assert [value for name, value in arrived.headers if name == "x-sm-user-id"] == [user]
    assert arrived.header("x-memory-project") == scene.proxy.project.name
    assert "mallory" not in arrived.text
    assert not [name for name, _ in scene.upstream.requests[0].headers if is_a_label(name)]


USER_AGENTS = {
    "Claude Code CLI": "claude-code",
    "OpenAIClientImpl/Java 2.1.0": "pycharm-ai",
    "anthropic-sdk-python/0.40": "anthropic-python",
    "GeminiCLI/0.9": "gemini-cli",
    "who knows": "default-dev",
}


@pytest.mark.parametrize(("agent", "user"), USER_AGENTS.items(), ids=USER_AGENTS)
def test_litellm_is_told_which_tool_called(agent: str, user: str, scene: Scene) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        client.post("/v1/chat/completions", json=body(GPT), headers={"user-agent": agent})

    [arrived] = scene.witness.requests
    assert arrived.header("x-sm-user-id") == user
    assert arrived.header("x-litellm-end-user-id") == user


MAPPED = {
    "an exact name before a pattern": ("gpt-exactly-this", "claude-opus-4-5"),
    "a pattern": ("gpt-of-tomorrow", "gpt-5.1"),
    "a name of LiteLLM's own": ("claude", "claude-opus-4-5"),
    "a name with a colon and dots": ("gpt-4.1:free", "gpt-5.1"),
}


@pytest.mark.parametrize(("asked_for", "got"), MAPPED.values(), ids=MAPPED)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_model_is_called_what_litellm_calls_it(
    path: str, asked_for: str, got: str, scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(asked_for))

    assert answer.status_code == 200, answer.text
    [seen] = scene.upstream.requests
    assert seen.json()["model"] == got


@pytest.mark.parametrize(
    ("path", "got"),
    [
        ("/v1beta/models/gpt-exactly-this:generateContent", "claude-opus-4-5"),
        ("/v1beta/models/gemini-3:generateContent", "gemini-2.5-pro"),
        ("/v1beta/models/gemini-3:streamGenerateContent?alt=sse", "gemini-2.5-pro"),
        ("/v1beta/models/gemini-3:countTokens", "gemini-2.5-pro"),
        ("/v1/models/gemini-3:generateContent", "gemini-2.5-pro"),
        ("/gemini/v1beta/models/gemini-3:generateContent", "gemini-2.5-pro"),
    ],
)
def test_a_model_in_the_path_is_called_what_litellm_calls_it(
    path: str, got: str, scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(GEMINI))

    assert answer.status_code == 200, answer.text
    [seen] = scene.upstream.requests
    assert got in seen.path + seen.text


@pytest.mark.parametrize(
    ("asked", "arrives"),
    [
        ("?a=%2F&b=+&&c", "?a=%2F&b=+&&c"),
        ("?beta=true", "?beta=true"),
        ("?q=%E7%81%B0&key=secret&q=2;3", "?q=%E7%81%B0&q=2;3"),
        ("?KEY=secret&keys=kept", "?keys=kept"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_query_reaches_litellm_without_its_keys(
    path: str, asked: str, arrives: str, way: Way, scene: Scene
) -> None:
    host = {"/v1/messages": "api.anthropic.com"}.get(path, "api.openai.com")
    with raw_client(way, scene.proxy, host) as client:
        client.post(path + asked, json=body(GPT))

    assert [arrived.path for arrived in scene.witness.requests] == [path + arrives]


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", PATHS)
def test_a_compressed_body_is_opened_for_litellm(
    path: str, coding: str, way: Way, scene: Scene
) -> None:
    squeezed = CODINGS[coding](json.dumps(body(PATHS[path])).encode())
    hosts = {"/v1/messages": "api.anthropic.com"}
    host = hosts.get(path, "generativelanguage.googleapis.com" if ":" in path else "api.openai.com")
    headers = {"content-encoding": coding, "content-type": "application/json"}
    with raw_client(way, scene.proxy, host) as client:
        answer = client.post(path, content=squeezed, headers=headers)

    assert answer.status_code == 200, answer.text
    [seen] = scene.upstream.requests
    assert QUESTION in seen.text
    assert scene.witness.requests[0].header("content-encoding") is None


def test_openais_sdk_lists_litellms_models(clients: Clients) -> None:
    with clients.to_openai() as client:
        assert [model.id for model in client.models.list()] == MODELS
        assert client.models.retrieve("gpt").id == "gpt"


def test_anthropics_sdk_lists_litellms_models(clients: Clients) -> None:
    with clients.to_anthropic() as client:
        assert [model.id for model in client.models.list()] == MODELS


def test_groqs_sdk_lists_litellms_models(clients: Clients) -> None:
    with clients.to_groq() as client:
        assert [model.id for model in client.models.list().data] == MODELS


def test_googles_sdk_lists_litellms_models(clients: Clients) -> None:
    with clients.to_gemini() as client:
        assert [model.name for model in client.models.list()] == [f"models/{m}" for m in MODELS]
        assert client.models.get(model="gemini").name == "models/gemini"


def test_a_list_of_models_tells_litellm_no_key_of_the_clients(
    clients: Clients, scene: Scene
) -> None:
    with clients.to_gemini() as client:
        list(client.models.list())
    with clients.to_anthropic() as anthropic_client:
        list(anthropic_client.models.list())

    for arrived in scene.witness.requests:
        assert KEY not in arrived.text
        assert arrived.header("authorization") == f"Bearer {MASTER_KEY}"
    assert len(scene.witness.requests) == 2


NO_KEY: dict[str, tuple[str, str, dict[str, str]]] = {
    "chat": ("/v1/chat/completions", GPT, {}),
    "messages": ("/v1/messages", CLAUDE, {"anthropic-version": "2023-06-01"}),
    "gemini": (f"/v1beta/models/{GEMINI}:generateContent", GEMINI, {}),
}


@pytest.mark.parametrize(("path", "model", "headers"), NO_KEY.values(), ids=NO_KEY)
def test_a_client_needs_no_key_of_its_own(
    path: str, model: str, headers: dict[str, str], scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(model), headers=headers)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("call", "model"), PLAIN_CALLS, ids=name_of)
def test_a_clients_new_key_changes_nothing_for_litellm(
    call: Call, model: str, at_base_url: Clients, scene: Scene
) -> None:
    call(at_base_url, model)
    call(replace(at_base_url, key="sk-another-key-0002"), model)

    first, second = scene.witness.requests
    assert first.header("authorization") == second.header("authorization")


CONCURRENT = 10


async def test_ten_calls_at_once_get_their_own_answers(clients: Clients, scene: Scene) -> None:
    scene.upstream.always(Step(delay=0.2))  # long enough for them to meet
    with clients.to_gemini() as gemini_client:
        async with (
            clients.to_openai_async() as openai_client,
            clients.to_anthropic_async() as anthropic_client,
            gemini_client.aio as aio,
        ):

            async def ask_chat(question: str) -> str:
                asked: Any = [{"role": "user", "content": question}]
                answer = await openai_client.chat.completions.create(model=GPT, messages=asked)
                return str(answer.choices[0].message.content)

            async def ask_messages(question: str) -> str:
                asked: Any = [{"role": "user", "content": question}]
                answer = await anthropic_client.messages.create(
                    model=CLAUDE, max_tokens=9, messages=asked
                )
                return str(answer.content[0].text)

            async def ask_gemini(question: str) -> str:
                answer = await aio.models.generate_content(model=GEMINI, contents=question)
                return str(answer.text)

            for ask in (ask_chat, ask_messages, ask_gemini):
                questions = [f"{ask.__name__}-{number}?" for number in range(CONCURRENT)]
                answers = await asyncio.gather(*(ask(question) for question in questions))
                for question, answer in zip(questions, answers, strict=True):
                    # The provider's text tells the number of the request that it answers.
                    [mine] = [seen for seen in scene.upstream.requests if question in seen.text]
                    assert f"This is answer {mine.number} of" in answer
