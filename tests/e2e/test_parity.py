"""One contract for every backend: what a client is told must not tell which of them it was."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from tests.e2e.litellm_calls import GPT
from tests.e2e.litellm_errors import ENDPOINTS
from tests.e2e.litellm_errors import told as told_of
from tests.e2e.parity_scene import (
    CALLS,
    CHAT,
    FAMILIES,
    IMPATIENT,
    KEYS_OF_LITELLM,
    VIA_LITELLM,
    Backend,
    Event,
    Request,
    as_litellm_tells,
    events,
)
from tests.e2e.sdks import KEY, TEXT, TOOL, Clients
from tests.fakes import Step

pytestmark = pytest.mark.usefixtures("nobodys_settings")

AT_ONCE = 32

type Backends = dict[str, Backend]


def ask(backend: Backend, request: Request) -> list[Event]:
    said = Step(tool_call=TOOL) if request.step == "tool" else Step(text=TEXT)
    backend.provider.always(said)
    with backend.client(authorization=f"Bearer {KEY}") as client:
        answer = client.post(request.path, json=request.body)
    assert answer.status_code == 200, answer.text
    assert len(backend.provider.requests) == 1
    assert not any(key in answer.text for key in KEYS_OF_LITELLM)
    return events(answer)


@pytest.mark.parametrize("request_", CALLS, ids=str)
def test_a_client_is_told_the_same_events_by_every_backend(
    request_: Request, backends: Backends
) -> None:
    told = {name: ask(backend, request_) for name, backend in backends.items()}

    expected = as_litellm_tells(request_, told["direct"])
    assert told["litellm"] == expected
    assert told["sdk"] == expected
    assert len(told) == 1 + len(VIA_LITELLM)


# Pages of ours.


def test_health_and_info_have_the_same_keys_and_name_the_backend(backends: Backends) -> None:
    health = {name: backend.proxy.ask("/health") for name, backend in backends.items()}
    info = {name: backend.proxy.ask("/memory-routing/info") for name, backend in backends.items()}

    assert {name: page["backend"]["name"] for name, page in health.items()} == _each(backends)
    assert {page["status"] for page in health.values()} == {"ok"}
    assert len({frozenset(page) for page in health.values()}) == 1
    assert {name: page["backend"] for name, page in info.items()} == _each(backends)
    for page in info.values():
        assert page.keys() == {"user_id", "matched_pattern", "project", "backend", "why"}
        assert all(value is None or isinstance(value, str) for value in page.values())


def _each(backends: Backends) -> dict[str, str]:
    return {name: name for name in backends}


# What else a client may ask.


def openai_models(clients: Clients) -> set[str]:
    with clients.to_openai() as client:
        return {model.id for model in client.models.list()}


def anthropic_models(clients: Clients) -> set[str]:
    with clients.to_anthropic() as client:
        return {model.id for model in client.models.list()}


def groq_models(clients: Clients) -> set[str]:
    with clients.to_groq() as client:
        return {model.id for model in client.models.list().data}


def gemini_models(clients: Clients) -> set[str]:
    with clients.to_gemini() as client:
        return {str(model.name).removeprefix("models/") for model in client.models.list()}


@pytest.mark.parametrize("list_", [openai_models, anthropic_models, groq_models, gemini_models])
def test_every_sdk_can_list_the_models(
    list_: Callable[[Clients], set[str]], backends: Backends
) -> None:
    listed = {
        name: list_(Clients(backend.proxy.url, is_mounted=True))
        for name, backend in backends.items()
    }

    assert listed["direct"]
    # LiteLLM has one list for everybody.
    assert listed["litellm"] == listed["sdk"] == {*FAMILIES, *IMPATIENT}


def test_a_single_model_is_told_alike(backends: Backends) -> None:
    told = {}
    for backend in (backends["litellm"], backends["sdk"]):
        with backend.client(authorization=f"Bearer {KEY}") as client:
            known, unknown = (client.get(f"/v1/models/{name}") for name in (GPT, "nobodys-model"))
        told[backend.name] = (events(known), known.status_code, unknown.status_code)

    assert told["litellm"] == told["sdk"]
    assert told["sdk"][1:] == (200, 404)


def test_a_query_changes_nothing_in_the_answer(backends: Backends) -> None:
    [plain] = [request for request in CALLS if request.name == "messages"]
    marked = replace(plain, path=f"{plain.path}?beta=true&x=%20")
    told = [ask(backend, marked) for backend in backends.values()]

    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("broken", [b'{"model": "x", "mess', b"\x00\xff", b""], ids=repr)
def test_a_body_that_is_no_json_is_a_bad_request(
    broken: bytes, dialect: str, backends: Backends
) -> None:
    path, _ = ENDPOINTS[dialect]
    for backend in backends.values():
        with backend.client(authorization=f"Bearer {KEY}") as client:
            answer = client.post(path, content=broken)

        assert answer.status_code == 400, backend.name
        assert told_of(dialect, answer), backend.name


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_json_that_is_no_object_breaks_litellms_proxy_alone(
    dialect: str, backends: Backends
) -> None:
    path, _ = ENDPOINTS[dialect]
    for name, backend in backends.items():
        with backend.client(authorization=f"Bearer {KEY}") as client:
            answer = client.post(path, json=[1])

        assert answer.status_code == (500 if name == "litellm" else 400)
        assert told_of(dialect, answer)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/nothing/at/all"])
def test_what_is_no_model_call_is_the_providers_whatever_the_backend(
    path: str, backends: Backends
) -> None:
    for backend in backends.values():
        with backend.client(authorization=f"Bearer {KEY}") as client:
            answer = client.get(path)

        assert answer.status_code == 404
        [seen] = backend.provider.requests
        assert (seen.method, seen.path) == ("GET", path)
        assert seen.header("authorization") == f"Bearer {KEY}"


# What is said of the caller.


@pytest.mark.parametrize("request_", CALLS, ids=str)
def test_a_provider_sees_no_label_and_no_key_that_is_not_for_it(
    request_: Request, backends: Backends
) -> None:
    labels = {
        "x-sm-user-id": "alice-the-user",
        "x-memory-project": "the-project-of-hers",
        "x-memory-anything": "of-ours",
        "x-litellm-end-user-id": "mallory",
    }
    for backend in backends.values():
        with backend.client(authorization=f"Bearer {KEY}") as client:
            client.post(request_.path, json=request_.body, headers=labels)

        [seen] = backend.provider.requests
        text = f"{seen.headers}"
        assert not any(value in text for value in labels.values() if value != "mallory")
        if backend.name != "direct":
            assert "mallory" not in text
            assert KEY not in text
            assert not any(name.lower().startswith("x-memory-") for name, _ in seen.headers)


# One after another, and all at once.


def test_calls_one_after_another_get_their_own_answers(backends: Backends) -> None:
    for backend in backends.values():
        with backend.client(authorization=f"Bearer {KEY}") as client:
            for number in range(1, 9):
                answer = client.post("/v1/chat/completions", json=CHAT)
                assert f"This is answer {number} of" in answer.text


async def test_calls_at_once_get_their_own_answers(backends: Backends) -> None:
    for backend in backends.values():
        backend.provider.always(Step(delay=0.1))  # long enough for them to meet
        async with httpx.AsyncClient(
            base_url=backend.proxy.url, trust_env=False, timeout=60, limits=httpx.Limits()
        ) as client:

            async def ask_for(number: int, client: httpx.AsyncClient = client) -> tuple[str, str]:
                question = f"question {number}?"
                body = CHAT | {"messages": [{"role": "user", "content": question}]}
                answer = await client.post(
                    "/v1/chat/completions",
                    json=body | {"stream": number % 2 == 0},
                    headers={"authorization": f"Bearer {KEY}"},
                )
                chunks = [data for _, data in events(answer) if data != "[DONE]"]
                parts = [part for chunk in chunks for part in chunk["choices"]]
                return question, "".join(
                    part.get("delta", part.get("message", {})).get("content", "") for part in parts
                )

            answered = dict(await asyncio.gather(*map(ask_for, range(AT_ONCE))))
        for question, answer in answered.items():
            # The provider's text tells the number of the request that it answers.
            [mine] = [seen for seen in backend.provider.requests if f'"{question}"' in seen.text]
            assert f"This is answer {mine.number} of" in answer, backend.name


ODD_BODIES = {
    "half of a surrogate pair": (
        b'{"model": "%b", "messages": [{"role": "user", "content": "\\ud83d"}]}'
    ),
    "a number beyond all numbers": b'{"model": "%b", "messages": [], "temperature": 1e999}',
}


@pytest.mark.parametrize("form", ODD_BODIES.values(), ids=ODD_BODIES)
def test_a_body_that_nobody_could_send_on_is_a_bad_request_behind_the_sdk(
    form: bytes, backends: Backends
) -> None:
    with backends["sdk"].client(authorization=f"Bearer {KEY}") as client:
        answer = client.post("/v1/chat/completions", content=form % GPT.encode())

    assert answer.status_code == 400
    assert "Invalid JSON payload" in told_of("openai-chat", answer)
