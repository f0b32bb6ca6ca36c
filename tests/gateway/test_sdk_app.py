"""The SDK app as a process: what clients get from it, and what providers get through it."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.litellm_proxy import LiteLLMProxy, Local, Pace
from tests.e2e.litellm_environment import REQUIREMENTS
from tests.fakes import Authority, Provider, Seen, Step
from tests.gateway.sdk_child import KEY, UPSTREAM_KEYS, App, model, running

pytestmark = pytest.mark.e2e

TEXT = "The sky is blue, “mostly”, and sometimes 灰色."
PROMPT = "the secret recipe of the blue pancake"
ASKED = [{"role": "user", "content": PROMPT}]
CONTENTS = [{"role": "user", "parts": [{"text": PROMPT}]}]
TOOL = ("look_up", {"what": "sky"})
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}}
EMBEDDING = "text-embedding-3-small"
STATUSES = (400, 401, 403, 404, 422, 429, 500, 503, 529)
LATER = (("retry-after", "7"),)
SECONDS = 20.0


@pytest.fixture(scope="module")
def providers() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(providers: Provider) -> Provider:
    providers.reset()
    return providers


@pytest.fixture(scope="module")
def app(
    providers: Provider, litellm_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    first, second = (
        model("rotated", providers, "openai/gpt-5.1", api_key=key) for key in ROTATED_KEYS
    )
    settings = {
        "model_list": [
            model("gpt", providers, "openai/gpt-5.1"),
            model("claude", providers, "anthropic/claude-opus-4-5"),
            model("gemini", providers, "gemini/gemini-2.5-pro"),
            model("llama", providers, "groq/llama-4-scout"),
            model(EMBEDDING, providers, f"openai/{EMBEDDING}"),
            model("team/gpt:fast 100%", providers, "openai/gpt-5.1"),
            model("shaky", providers, "openai/gpt-shaky"),
            model("patient", providers, "openai/gpt-5.1"),
            model("hurried", providers, "openai/gpt-5.1", timeout=0.5),
            *(first, second),
        ],
        "router_settings": {
            "num_retries": 0,
            "retry_after": 0,
            "disable_cooldowns": True,
            "fallbacks": [{"shaky": ["llama"]}],
            "model_group_retry_policy": {"patient": {"RateLimitErrorRetries": 2}},
            "model_group_alias": {"other-gpt": "gpt"},
        },
        # As loud as a user can make it: prompts must stay out of the log all the same.
        "litellm_settings": {"callbacks": ["witness.note"], "set_verbose": True},
        "general_settings": {"database_connection_pool_limit": 3},
    }
    directory = tmp_path_factory.mktemp("sdk")
    with running(directory, litellm_environment, settings) as started:
        yield started
    # Also what it logs a moment after an answer, or at its end.
    for secret in (PROMPT, TEXT, KEY, *UPSTREAM_KEYS.values(), *ROTATED_KEYS):
        assert secret not in started.said


ROTATED_KEYS = ("sk-rotated-0001", "sk-rotated-0002")


@dataclass(frozen=True, slots=True)
class Route:
    """A route that asks a model, in the dialect that it speaks."""

    dialect: str
    path: str
    body: dict[str, Any]
    text_of: Callable[[Any], str]
    delta_of: Callable[[Any], str]

    def __str__(self) -> str:
        return f"{self.path} of {self.body.get('model', '')}"

    @property
    def streamed(self) -> tuple[str, dict[str, Any]]:
        if self.dialect == "gemini":
            verb = ":streamGenerateContent?alt=sse"
            return self.path.replace(":generateContent", verb), self.body
        return self.path, {**self.body, "stream": True}


def chat(name: str, path: str = "/v1/chat/completions") -> Route:
    return Route(
        "chat",
        path,
        {"model": name, "messages": ASKED},
        lambda said: str(said["choices"][0]["message"]["content"]),
        lambda event: (event["choices"] or [{}])[0].get("delta", {}).get("content") or "",
    )


def messages(name: str) -> Route:
    return Route(
        "messages",
        "/v1/messages",
        {"model": name, "max_tokens": 99, "messages": ASKED},
        lambda said: str(said["content"][0]["text"]),
        lambda event: event.get("delta", {}).get("text") or "",
    )


def responses(name: str, path: str = "/v1/responses") -> Route:
    return Route(
        "responses",
        path,
        {"model": name, "input": PROMPT},
        lambda said: str(said["output"][0]["content"][0]["text"]),
        lambda event: str(event["delta"]) if event["type"] == "response.output_text.delta" else "",
    )


def gemini(name: str) -> Route:
    def text(said: Any) -> str:
        parts = said["candidates"][0]["content"]["parts"]
        return "".join(part.get("text", "") for part in parts)

    path = f"/v1beta/models/{name}:generateContent"
    return Route("gemini", path, {"contents": CONTENTS}, text, text)


AT_HOME = (chat("gpt"), messages("claude"), responses("gpt"), gemini("gemini"))
"""Each dialect with a model of the provider that speaks it."""
ROUTES = (
    *AT_HOME,
    *(chat(name) for name in ("claude", "gemini", "llama")),
    *(messages(name) for name in ("gpt", "gemini")),
    *(responses(name) for name in ("claude", "llama")),
    *(gemini(name) for name in ("gpt", "claude")),
    chat("ignored", "/openai/deployments/gpt/chat/completions"),
    responses("ignored", "/openai/deployments/gpt/responses"),
)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """The JSON of each event."""
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_answers_with_what_the_model_said(
    route: Route, app: App, provider: Provider
) -> None:
    provider.always(Step(text=TEXT))

    answer = app.post(route.path, route.body)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert route.text_of(answer.json()) == TEXT
    assert answer.headers["x-litellm-model-id"]
    assert len(provider.requests) == 1


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_streams_what_the_model_says(route: Route, app: App, provider: Provider) -> None:
    provider.always(Step(text=TEXT, chunks=5))

    answer = app.post(*route.streamed)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "".join(map(route.delta_of, events(answer))) == TEXT
    assert len(events(answer)) >= 5
    is_openai = route.dialect in ("chat", "responses")
    assert answer.text.endswith("data: [DONE]\n\n") is is_openai


@pytest.mark.parametrize("route", [chat("gpt"), messages("claude")], ids=str)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_a_tool_call_of_the_model_arrives(
    is_streamed: bool, route: Route, app: App, provider: Provider
) -> None:
    provider.always(Step(tool_call=TOOL))
    function = {"name": TOOL[0], "parameters": SCHEMA}
    tool = (
        {"type": "function", "function": function}
        if route.dialect == "chat"
        else {"name": TOOL[0], "input_schema": SCHEMA}
    )
    path, body = route.streamed if is_streamed else (route.path, route.body)

    answer = app.post(path, {**body, "tools": [tool]})

    assert answer.status_code == 200
    assert TOOL[0] in answer.text
    said = "".join(arguments_in(event) for event in events(answer)) if is_streamed else ""
    assert is_streamed or json.loads(tool_arguments(answer.json())) == TOOL[1]
    assert not is_streamed or json.loads(said) == TOOL[1]


def tool_arguments(said: dict[str, Any]) -> str:
    if "content" in said:
        return json.dumps(said["content"][0]["input"])
    return str(said["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])


def arguments_in(event: dict[str, Any]) -> str:
    if "choices" not in event:
        return event.get("delta", {}).get("partial_json") or ""
    deltas = [choice.get("delta", {}) for choice in event["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    return "".join(call["function"].get("arguments") or "" for call in calls)


@pytest.mark.parametrize("path", ["/v1/embeddings", f"/openai/deployments/{EMBEDDING}/embeddings"])
def test_texts_become_vectors(path: str, app: App, provider: Provider) -> None:
    answer = app.post(path, {"model": EMBEDDING, "input": ["one", "two"]})

    assert [len(item["embedding"]) > 0 for item in answer.json()["data"]] == [True, True]
    assert answer.json()["model"] == EMBEDDING


def test_tokens_are_counted_by_their_provider_and_guessed_where_it_does_not_say(
    app: App, provider: Provider
) -> None:
    of_claude = {"model": "claude", "messages": ASKED}
    of_gemini = "/v1beta/models/gemini:countTokens"

    counted = app.post("/v1/messages/count_tokens", of_claude).json()
    in_gemini = app.post(of_gemini, {"contents": CONTENTS}).json()
    provider.always(Step(status=500))
    guessed = app.post("/v1/messages/count_tokens", of_claude).json()
    guessed_in_gemini = app.post(of_gemini, {"contents": CONTENTS}).json()
    of_nobody = app.post("/v1/messages/count_tokens", {**of_claude, "model": "nobody"}).json()

    assert counted["litellm_count_source"] == in_gemini["litellm_count_source"] == "provider"
    for count in (guessed, guessed_in_gemini, of_nobody):
        assert count["litellm_count_source"] == "local_estimate"
    assert counted["input_tokens"] > 0 < guessed["input_tokens"]
    assert in_gemini["totalTokens"] > 0 < guessed_in_gemini["totalTokens"]


def test_models_are_listed_for_each_kind_of_client(app: App) -> None:
    with app.client() as client:
        listed = client.get("/v1/models").json()
        for_anthropic = client.get("/v1/models", headers={"anthropic-version": "1"}).json()
        one = client.get("/v1/models/team/gpt:fast%20100%25")
        none = client.get("/v1/models/nobody")

    names = [entry["id"] for entry in listed["data"]]
    assert listed["object"] == "list"
    assert {"gpt", "claude", "gemini", "llama", "other-gpt", "rotated"} <= set(names)
    assert for_anthropic["has_more"] is False
    assert for_anthropic["data"][0]["type"] == "model"
    assert (one.status_code, one.json()["id"]) == (200, "team/gpt:fast 100%")
    assert (none.status_code, none.json()["error"]["code"]) == (404, "404")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "team/gpt:fast 100%", "messages": ASKED}),
        ("/openai/deployments/team/gpt:fast%20100%25/chat/completions", {"messages": ASKED}),
        ("/openai/deployments/team%2Fgpt%3Afast%20100%25/chat/completions", {"messages": ASKED}),
        ("/v1beta/models/team%2Fgpt:fast%20100%25:generateContent", {"contents": CONTENTS}),
        ("/v1/chat/completions", {"model": "other-gpt", "messages": ASKED}),
    ],
    ids=["in the body", "in the path", "escaped", "before a verb", "by an alias"],
)
def test_a_models_name_may_hold_slashes_colons_and_escapes(
    path: str, body: dict[str, Any], app: App, provider: Provider
) -> None:
    assert app.post(path, body).status_code == 200
    assert provider.requests[-1].json()["model"] == "gpt-5.1"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("route", AT_HOME, ids=str)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_a_refusal_keeps_its_status_and_says_when_to_come_back(
    is_streamed: bool, route: Route, status: int, app: App, provider: Provider
) -> None:
    provider.always(Step(status=status, headers=LATER))

    answer = app.post(*(route.streamed if is_streamed else (route.path, route.body)))

    assert answer.status_code == status
    assert answer.headers["retry-after"] == "7"
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"]
    if route.dialect == "messages":
        assert answer.json()["type"] == "error"
    else:
        assert (error["code"], error["param"]) == (str(status), None)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("route", AT_HOME, ids=str)
def test_a_stream_that_breaks_ends_with_an_error_event(
    route: Route, app: App, provider: Provider
) -> None:
    # A pause, or what was said before the break is lost in it.
    provider.always(Step(text=TEXT, chunks=9, chunk_delay=0.15, break_after=8, break_how="close"))

    answer = app.post(*route.streamed)

    assert answer.status_code == 200
    last = events(answer)[-1]
    if route.dialect == "responses":
        assert last["type"] == "response.failed"
        last = last["response"]
    assert last["error"]["message"]
    if route.dialect == "messages":
        assert "event: error\ndata: " in answer.text
        assert last["type"] == "error"
    if route.dialect in ("chat", "gemini"):
        assert (last["error"]["code"], last["error"]["param"]) == ("500", None)


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Step(html="<title>502</title>", status=502), 502),
        (Step(body=b'{"a":'), 500),
        (Step(garbage=b"nothing of HTTP\r\n\r\n"), 500),
    ],
    ids=["a page", "half a body", "garbage"],
)
def test_nonsense_of_a_provider_is_an_error_and_the_next_call_is_served(
    step: Step, status: int, app: App, provider: Provider
) -> None:
    provider.script(step)

    answer = app.post("/v1/messages", messages("claude").body)
    after = app.post("/v1/messages", messages("claude").body)

    assert (answer.status_code, answer.json()["type"]) == (status, "error")
    assert after.status_code == 200


def test_a_timeout_that_litellm_yaml_sets_counts(app: App, provider: Provider) -> None:
    provider.always(Step(stall=True))

    answer = app.post("/v1/chat/completions", chat("hurried").body)

    assert answer.status_code == 408
    assert provider.wait_for(lambda: provider.hangups)


UNREADABLE = {
    "cut short": b'{"model": "gpt", "messages": [{"role": "user", "content": "h',
    "no text": b"\x00\xff not JSON",
    "a list": b"[1]",
    "a number": b"7",
    "null": b"null",
    "not a number": b'{"model": "gpt", "messages": NaN}',
    "too deep": b"[" * 100_000,
    "nothing": b"",
    "an empty object": b"{}",
    "a model that is a number": b'{"model": 7, "messages": []}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"])
def test_a_body_that_cannot_be_used_is_the_clients_mistake(
    path: str, body: bytes, app: App, provider: Provider
) -> None:
    with app.client() as client:
        answer = client.post(path, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert provider.requests == []


@pytest.mark.parametrize("route", AT_HOME, ids=str)
def test_a_model_that_nobody_has_is_told_as_litellms_proxy_tells_it(
    route: Route, app: App, provider: Provider
) -> None:
    path = route.path.replace("/gemini:", "/nobody:")

    answer = app.post(path, {**route.body, "model": "nobody"})

    assert answer.status_code == 400
    assert "Invalid model name passed in model=nobody" in answer.json()["error"]["message"]
    assert provider.requests == []


def test_messages_of_no_shape_are_the_clients_mistake(app: App, provider: Provider) -> None:
    answer = app.post("/v1/chat/completions", {"model": "gpt", "messages": ["hello"]})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid request format")


def test_what_is_no_route_is_not_found_and_another_method_not_allowed(app: App) -> None:
    with app.client() as client:
        missing = client.post("/v1/files", json={})
        wrong = client.get("/v1/chat/completions")
        slash = client.get("/v1/chat/completions/")

    assert [missing.status_code, wrong.status_code, slash.status_code] == [404, 405, 404]
    assert missing.json()["error"]["code"] == "404"
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": "Bearer sk-another", "x-litellm-api-key": KEY}, 200),
        ({"x-litellm-api-key": f"Bearer {KEY}"}, 200),
        ({}, 401),
        ({"authorization": "Bearer sk-another"}, 401),
        ({"authorization": f"Bearer {KEY}", "x-litellm-api-key": "sk-another"}, 401),
        ({"authorization": f"Bearer {KEY}x"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Bearer \u00e9"}, 401),
        ({"authorization": f"Bearer {KEY}", "host": "evil.example"}, 421),
        ({"authorization": f"Bearer {KEY}", "host": "127.0.0.1.evil.example:80"}, 421),
        ({"authorization": f"Bearer {KEY}", "host": "localhost:1"}, 200),
        ({"authorization": f"Bearer {KEY}", "host": "[::1]"}, 200),
    ],
    ids=str,
)
def test_only_who_has_the_key_and_came_on_purpose_is_let_in(
    headers: dict[str, str], status: int, app: App
) -> None:
    with httpx.Client(base_url=app.url, trust_env=False) as client:
        encoded = [(name, value.encode()) for name, value in headers.items()]
        for path in ("/v1/models", "/health/readiness"):
            answer = client.get(path, headers=encoded)
            assert answer.status_code == status
            if status == 401:
                assert answer.json()["error"]["type"] == "auth_error"
                assert answer.json()["error"]["code"] == "401"


def test_health_needs_no_key_and_tells_no_version(app: App) -> None:
    with httpx.Client(base_url=app.url, trust_env=False) as client:
        for path in ("/health/liveliness", "/health/liveness"):
            assert client.get(path).json() == "I'm alive!"
    with app.client() as client:
        ready = client.get("/health/readiness").json()
    assert ready["status"] == "healthy"
    assert ready["litellm_version"]


DANGERS: tuple[dict[str, Any], ...] = (
    {"api_base": "http://127.0.0.1:1"},
    {"base_url": "http://127.0.0.1:1"},
    {"api_key": "sk-of-the-client"},
    {"user_config": {"model_list": []}},
    {"model_list": []},
    {"extra_headers": {"authorization": "Bearer sk-of-the-client"}},
    {"headers": {"authorization": "Bearer sk-of-the-client"}},
    {"metadata": {"langfuse_host": "http://127.0.0.1:1"}},
    {"fallbacks": [{"model": "gpt", "api_base": "http://127.0.0.1:1"}]},
    {"mock_testing_fallbacks": True},
    {"mock_timeout": True},
)


@pytest.mark.parametrize("danger", DANGERS, ids=lambda danger: next(iter(danger)))
def test_a_body_cannot_lead_a_call_or_its_key_astray(
    danger: dict[str, Any], app: App, provider: Provider
) -> None:
    answer = app.post("/v1/chat/completions", {**chat("gpt").body, **danger})

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert provider.requests == []


def test_a_body_cannot_put_words_into_the_models_mouth_or_callbacks_into_litellm(
    app: App, provider: Provider
) -> None:
    provider.always(Step(text=TEXT))
    body = {**chat("gpt").body, "mock_response": "a lie", "callbacks": ["nowhere.at_all"]}

    answer = app.post("/v1/chat/completions", body)

    assert chat("gpt").text_of(answer.json()) == TEXT


LABELS = {
    "x-sm-user-id": "alice",
    "x-litellm-end-user-id": "alice",
    "x-memory-project": "pancakes",
    "x-memory-call": "call-0001",
    "x-custom": "of the client",
    "cookie": "session=of-the-client",
    "user-agent": "tool/1.0",
    "anthropic-beta": "a-beta-2026-01-01",
    "anthropic-version": "2023-06-01",
}


@pytest.mark.parametrize("route", [*AT_HOME, chat("llama")], ids=str)
def test_no_header_of_the_client_reaches_a_provider_but_anthropics_own(
    route: Route, app: App, provider: Provider
) -> None:
    assert app.post(route.path, route.body, **LABELS).status_code == 200

    [seen] = provider.requests
    text = everything_in(seen)
    for name, value in LABELS.items():
        if name.startswith("anthropic-"):
            if route.dialect == "messages":
                assert value in (seen.header(name) or "")
        else:
            assert value not in text
    assert KEY not in text


def everything_in(seen: Seen) -> str:
    return "\n".join([seen.path, *(f"{name}: {value}" for name, value in seen.headers), seen.text])


@pytest.mark.parametrize("route", AT_HOME, ids=str)
def test_callbacks_know_whom_a_call_is_for_and_no_credential(
    route: Route, app: App, provider: Provider
) -> None:
    user = f"alice of {route.dialect}"
    headers = LABELS | {"x-litellm-end-user-id": user}

    app.post(route.path, route.body, **headers)
    app.post(*route.streamed, **headers)

    notes = wait_for(lambda: both if len(both := noted_of(app, user)) == 2 else None)
    for note in notes:
        assert (note["how"], note["end_user"]) == ("success", user)
        assert note["request"]["headers"]["x-memory-project"] == "pancakes"
        assert note["request"]["method"] == "POST"
        assert note["request"]["url"].startswith(app.url)
        assert PROMPT in json.dumps(note["request"]["body"])
        for secret in (KEY, "of-the-client"):
            assert secret not in json.dumps(note)
        assert note["holds_the_proxy"] is False


def noted_of(app: App, user: str) -> list[dict[str, Any]]:
    return [note for note in app.noted() if note["end_user"] == user]


def test_callbacks_are_told_of_a_failure(app: App, provider: Provider) -> None:
    provider.always(Step(status=500))

    app.post("/v1/chat/completions", chat("gpt").body, **{"x-litellm-end-user-id": "unlucky"})

    [note] = wait_for(lambda: noted_of(app, "unlucky"))
    assert (note["how"], note["group"]) == ("failure", "gpt")


@pytest.mark.parametrize("route", AT_HOME, ids=str)
def test_a_client_that_leaves_before_the_first_byte_ends_the_call(
    route: Route, app: App, provider: Provider
) -> None:
    provider.always(Step(stall=True))

    for path, body in ((route.path, route.body), route.streamed):
        seen = len(provider.requests)
        left = len(provider.hangups)
        connection = ask_raw(app, path, body)
        provider.wait_for(lambda seen=seen: len(provider.requests) > seen, SECONDS)
        connection.close()
        provider.wait_for(lambda left=left: len(provider.hangups) > left, SECONDS)

    assert [hangup.chunks for hangup in provider.hangups] == [0, 0]


@pytest.mark.parametrize("route", AT_HOME, ids=str)
def test_a_client_that_leaves_during_a_stream_ends_it(
    route: Route, app: App, provider: Provider
) -> None:
    provider.always(Step(text="word " * 300, chunks=300, chunk_delay=0.1))

    connection = ask_raw(app, *route.streamed)
    while b"word" not in connection.recv(65536):
        pass
    connection.close()

    [hangup] = provider.wait_for(lambda: provider.hangups, SECONDS)
    assert 0 < hangup.chunks < 200


def ask_raw(app: App, path: str, body: dict[str, Any]) -> socket.socket:
    """A request on a socket of its own, whose answer nobody has to read."""
    host, _, port = app.url.removeprefix("http://").partition(":")
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    connection = socket.create_connection((host, int(port)), timeout=SECONDS)
    connection.sendall(head.encode() + data)
    return connection


def test_calls_at_once_are_all_answered_each_with_its_own_words(
    app: App, provider: Provider
) -> None:
    said = [f"{number}-th answer" for number in range(32)]
    provider.always(
        *(
            Step(text=words, delay=0.2, when=lambda seen, n=n: f"question {n}!" in seen.text)
            for n, words in enumerate(said)
        )
    )

    def ask(number: int) -> str:
        route = AT_HOME[number % len(AT_HOME)]
        body = json.loads(json.dumps(route.body).replace(PROMPT, f"question {number}!"))
        path, asked = (route.path, body) if number % 3 else (route.streamed[0], body)
        if number % 3:
            return route.text_of(app.post(path, asked).json())
        streamed = asked if route.dialect == "gemini" else {**asked, "stream": True}
        return "".join(map(route.delta_of, events(app.post(path, streamed))))

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(ask, range(32))) == said


def test_only_cloudflares_cookies_go_back_to_their_host(app: App, provider: Provider) -> None:
    cookies = ("__cf_bm=b1; path=/", "session=s1; path=/", "cf_clearance=c1; path=/")
    provider.script(Step(set_cookies=cookies))

    app.post("/v1/chat/completions", chat("gpt").body)
    for route in (chat("gpt"), messages("claude")):
        app.post(route.path, route.body)

    first, *others = provider.requests
    assert first.header("cookie") is None
    for seen in others:
        sent = (seen.header("cookie") or "").split("; ")
        assert sorted(sent) == ["__cf_bm=b1", "cf_clearance=c1"]
    provider.script(Step(set_cookies=("__cf_bm=; Max-Age=0", "cf_clearance=; Max-Age=0")))
    app.post("/v1/chat/completions", chat("gpt").body)


def test_retries_are_those_of_litellm_yaml(app: App, provider: Provider) -> None:
    provider.always(Step(status=429))

    assert app.post("/v1/chat/completions", chat("patient").body).status_code == 429
    assert len(provider.requests) == 3
    provider.reset()
    provider.script(Step(status=429))
    assert app.post("/v1/chat/completions", chat("patient").body).status_code == 200
    assert len(provider.requests) == 2


@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_a_fallback_takes_over(is_streamed: bool, app: App, provider: Provider) -> None:
    provider.always(Step(status=500, when=is_shaky), Step(text=TEXT))
    route = chat("shaky")

    answer = app.post(*(route.streamed if is_streamed else (route.path, route.body)))

    assert answer.status_code == 200
    assert answer.headers["x-litellm-model-group"] == "llama"
    assert [is_shaky(seen) for seen in provider.requests] == [True, False]
    said = (
        "".join(map(route.delta_of, events(answer)))
        if is_streamed
        else route.text_of(answer.json())
    )
    assert said == TEXT


def is_shaky(seen: Seen) -> bool:
    return bool(seen.json()["model"] == "gpt-shaky")


def test_the_keys_of_a_model_take_turns(app: App, provider: Provider) -> None:
    for _ in range(24):
        assert app.post("/v1/chat/completions", chat("rotated").body).status_code == 200

    used = {seen.header("authorization") for seen in provider.requests}
    assert used == {f"Bearer {key}" for key in ROTATED_KEYS}


def test_the_log_names_what_went_wrong_and_holds_no_prompt_and_no_key(
    app: App, provider: Provider
) -> None:
    provider.always(Step(status=429))
    for route in ROUTES:
        app.post(route.path, route.body)
        app.post(*route.streamed)

    # A provider may quote what it was asked, and LiteLLM what it cannot read.
    quoting = json.dumps({"error": {"message": f"{PROMPT} is no question"}}).encode()
    provider.always(Step(status=400, body=quoting))
    for route in ROUTES:
        app.post(route.path, route.body)
    provider.always(Step(body=json.dumps({"said": TEXT}).encode()))
    for route in ROUTES:
        app.post(route.path, route.body)
    app.post("/v1/chat/completions", {"model": "gpt", "messages": [{"role": 7, "content": PROMPT}]})

    said = wait_for(lambda: app.said if "sdk.refused" in app.said else None)
    assert "RateLimitError" in said
    assert "general_settings.database_connection_pool_limit" in said
    assert "litellm_settings.set_verbose" in said
    for secret in (PROMPT, TEXT, KEY, *UPSTREAM_KEYS.values(), *ROTATED_KEYS):
        assert secret not in said


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[Provider]:
    with Provider(tls=authority.server_context(), host="localhost") as provider:
        yield provider


@pytest.fixture(scope="module")
def behind_a_proxy(
    providers: Provider,
    encrypted: Provider,
    authority: Authority,
    litellm_environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[App]:
    """The provider stands for the proxy here: it is asked for addresses that only it knows."""
    models = [
        model("gpt", providers, "openai/gpt-5.1", api_base="http://api.example/v1"),
        model("claude", providers, "anthropic/claude-opus-4-5", api_base="http://api.example"),
        model("gemini", providers, "gemini/gemini-2.5-pro", api_base="http://api.example/v1beta"),
        model("llama", providers, "groq/llama-4-scout", api_base="http://api.example/openai/v1"),
        model("cooling", providers, "groq/llama-4-scout", api_base="http://api.example/openai/v1"),
        model("gpt-encrypted", encrypted, "openai/gpt-5.1"),
        model("claude-encrypted", encrypted, "anthropic/claude-opus-4-5"),
        model("gemini-encrypted", encrypted, "gemini/gemini-2.5-pro"),
        model("llama-encrypted", encrypted, "groq/llama-4-scout"),
    ]
    settings = {
        "model_list": models,
        "router_settings": {"num_retries": 0, "allowed_fails": 0, "cooldown_time": 30},
    }
    way_out = providers.url.replace("http://", "http://egress:made-up-token@")
    variables = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"), way_out)
    variables |= {"NO_PROXY": "localhost", "SSL_CERT_FILE": str(authority.pem_path)}
    directory = tmp_path_factory.mktemp("behind-a-proxy")
    with running(directory, litellm_environment, settings, variables) as started:
        yield started


ENCRYPTED = (
    *(chat(f"{name}-encrypted") for name in ("gpt", "claude", "gemini", "llama")),
    messages("claude-encrypted"),
    responses("gpt-encrypted"),
    gemini("gemini-encrypted"),
)


def test_the_authority_that_the_environment_names_is_trusted(
    behind_a_proxy: App, encrypted: Provider
) -> None:
    for route in ENCRYPTED:
        assert behind_a_proxy.post(route.path, route.body).status_code == 200
        assert behind_a_proxy.post(*route.streamed).status_code == 200

    assert len(encrypted.requests) == 2 * len(ENCRYPTED)
    assert len({seen.connection for seen in encrypted.requests}) == 1


def test_all_calls_leave_by_the_proxy_of_the_environment_on_one_connection(
    behind_a_proxy: App, provider: Provider
) -> None:
    asked = [*AT_HOME, chat("llama"), chat("gemini"), messages("gpt"), responses("claude")]

    for route in asked:
        assert behind_a_proxy.post(route.path, route.body).status_code == 200
        assert behind_a_proxy.post(*route.streamed).status_code == 200
    behind_a_proxy.post("/v1/messages/count_tokens", {"model": "claude", "messages": ASKED})
    behind_a_proxy.post("/v1beta/models/gemini:countTokens", {"contents": CONTENTS})

    assert len(provider.requests) == 2 * len(asked) + 2
    for seen in provider.requests:
        assert seen.path.startswith("http://api.example/")
        # Of `egress:made-up-token`.
        assert seen.header("proxy-authorization") == "Basic ZWdyZXNzOm1hZGUtdXAtdG9rZW4="
    assert len({seen.connection for seen in provider.requests}) == 1


def test_a_model_that_cools_down_is_refused_with_the_time_to_come_back(
    behind_a_proxy: App, provider: Provider
) -> None:
    provider.always(Step(status=500))
    route = chat("cooling")
    # One failure of all closes a model that has no other deployment only when it repeats.
    answers = [behind_a_proxy.post(route.path, route.body) for _ in range(8)]
    provider.reset()

    cooling = behind_a_proxy.post(route.path, route.body)

    assert {answer.status_code for answer in answers} <= {500, 429}
    assert cooling.status_code == 429
    assert 0 < int(cooling.headers["retry-after"]) <= 30
    assert cooling.json()["error"]["type"]
    assert provider.requests == []


async def test_our_parent_starts_it_and_it_finishes_what_it_began_when_it_is_ended(
    providers: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    providers.reset()
    providers.always(Step(text=TEXT, chunks=20, chunk_delay=0.1))
    config = tmp_path / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [model("gpt", providers, "openai/gpt-5.1")]}))
    local = Local(config, litellm_environment, REQUIREMENTS, kind="sdk")
    proxy = LiteLLMProxy(local, pace=Pace(probe=0.2, stop=SECONDS))
    path, body = chat("gpt").streamed
    await proxy.start()
    try:
        await proxy.wait_while_starting(60)
        assert proxy.status.state == "up", proxy.status
        assert proxy.status.version
        headers = {"authorization": f"Bearer {proxy.key}"}
        async with (
            httpx.AsyncClient(
                base_url=proxy.status.url, headers=headers, trust_env=False
            ) as client,
            client.stream("POST", path, json=body) as answer,
        ):
            pieces = answer.aiter_lines()
            first = await anext(pieces)
            ending = asyncio.create_task(proxy.stop())
            rest = "".join([piece async for piece in pieces])
        await ending
        assert first.startswith("data: ")
        assert rest.endswith("data: [DONE]")
    finally:
        await proxy.stop()
    assert proxy.status.state == "down"


async def test_a_file_that_litellm_cannot_use_is_told_in_one_line(
    providers: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    config = tmp_path / "litellm.yaml"
    settings = {
        "model_list": [model("gpt", providers, "openai/gpt-5.1")],
        "litellm_settings": {"callbacks": ["nowhere.at_all"]},
    }
    config.write_text(json.dumps(settings))
    local = Local(config, litellm_environment, REQUIREMENTS, kind="sdk")
    proxy = LiteLLMProxy(local, pace=Pace(first_pause=60))
    await proxy.start()
    try:
        await proxy.wait_while_starting(60)
        assert proxy.status.state == "down"
        assert "litellm_settings.callbacks" in proxy.status.detail
        assert "nowhere" in proxy.status.detail
        assert "Traceback" not in proxy.status.detail
    finally:
        await proxy.stop()


def wait_for[T](found: Callable[[], T]) -> T:
    deadline = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return value
