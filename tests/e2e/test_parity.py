"""One contract for every backend: what a client is told must not tell which of them it was."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from tests.e2e.litellm_calls import CLAUDE, EMBEDDING, GPT, LLAMA, body
from tests.e2e.litellm_errors import ENDPOINTS
from tests.e2e.litellm_errors import told as told_of
from tests.e2e.litellm_scene import Scene, wait_for
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
from tests.e2e.sdks import KEY, TEXT, TOOL, Clients, raw_client
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
        told[backend.name] = (events(known), events(unknown), unknown.status_code)

    assert told["litellm"] == told["sdk"]
    assert told["sdk"][2] == 404


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


# What no backend could send on, and what leads a call elsewhere.

ODD_BODY = (
    b'%b{"model": "%b", "max_tokens": 9, "service_tier": %b, "messages": [{"role": "user",'
    b' "content": %b}], "input": %b, "contents": [{"role": "user", "parts": [{"text": %b}]}]}'
)


def odd_body(
    model: str, *, before: bytes = b"", number: bytes = b"1", text: bytes = b'"hello"'
) -> bytes:
    """One that every dialect could read, but for something odd."""
    return ODD_BODY % (before, model.encode(), number, text, text, text)


TAKEN, REFUSED, BROKEN = (dict.fromkeys(ENDPOINTS, status) for status in (200, 400, 500))
# Read with a second parser, which takes them; OpenAI's SDK then cannot write them.
TAKEN_IF_WRITTEN = {"openai-chat": 500, "openai-responses": 500, "anthropic": 200, "gemini": 200}
ODD_BODIES = {
    "a byte order mark": (functools.partial(odd_body, before=b"\xef\xbb\xbf"), REFUSED),
    "half of a surrogate pair": (functools.partial(odd_body, text=b'"\\ud83d"'), REFUSED),
    "text that is no UTF-8": (functools.partial(odd_body, text=b'"\xe9"'), REFUSED),
    "a number beyond all numbers": (functools.partial(odd_body, number=b"1e999"), TAKEN_IF_WRITTEN),
    "very many levels": (functools.partial(odd_body, number=b"[" * 1100 + b"]" * 1100), TAKEN),
    "a number that is none": (functools.partial(odd_body, number=b"NaN"), TAKEN_IF_WRITTEN),
}


@pytest.mark.parametrize(("made", "of_litellm"), ODD_BODIES.values(), ids=ODD_BODIES)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_body_that_nobody_could_send_on_is_a_bad_request_but_where_litellms_proxy_takes_it(
    dialect: str, made: Callable[[str], bytes], of_litellm: dict[str, int], backends: Backends
) -> None:
    path, model = ENDPOINTS[dialect]
    expected = {"litellm": of_litellm[dialect], "sdk": 400}
    for name, status in expected.items():
        with backends[name].client(authorization=f"Bearer {KEY}") as client:
            answer = client.post(path, content=made(model))

        assert answer.status_code == status, name
        assert status == 200 or told_of(dialect, answer), name


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("odd", ODD_BODIES)
def test_a_body_that_goes_direct_is_the_providers_to_judge(
    odd: str, dialect: str, backends: Backends
) -> None:
    path, model = ENDPOINTS[dialect]
    made, _ = ODD_BODIES[odd]
    with backends["direct"].client(authorization=f"Bearer {KEY}") as client:
        client.post(path, content=made(model))

    [seen] = backends["direct"].provider.requests
    assert seen.body == made(model)


ODD_FIELDS: dict[str, tuple[object, dict[str, int]]] = {
    "api_key": ("sk-of-the-client-0001", TAKEN),
    "headers": ({"x-of-the-client": "1"}, TAKEN),
    "extra_headers": ({"x-of-the-client": "1"}, TAKEN),
    "user_config": ({"model_list": []}, BROKEN),
    "api_base": ("http://127.0.0.1:1", BROKEN),
    "base_url": ("http://127.0.0.1:1", BROKEN),
    "model_list": ([], BROKEN),
    "metadata": ("no object", REFUSED | {"openai-chat": 200}),
}


@pytest.mark.parametrize("field", ODD_FIELDS)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_field_that_a_client_has_no_say_in_is_refused_behind_the_sdk_alone(
    dialect: str, field: str, backends: Backends
) -> None:
    path, model = ENDPOINTS[dialect]
    value, of_litellm = ODD_FIELDS[field]
    for name, status in {"litellm": of_litellm[dialect], "sdk": 400}.items():
        with backends[name].client(authorization=f"Bearer {KEY}") as client:
            answer = client.post(path, json=body(model) | {field: value})

        assert answer.status_code == status, name
        assert len(backends[name].provider.requests) == (status == 200), name
        assert status == 200 or told_of(dialect, answer), name


def test_metadata_of_embeddings_that_is_no_object_breaks_litellms_proxy_alone(
    backends: Backends,
) -> None:
    asked = {"model": EMBEDDING, "input": "one", "metadata": "no object"}
    statuses = {}
    for name in VIA_LITELLM:
        with backends[name].client(authorization=f"Bearer {KEY}") as client:
            statuses[name] = client.post("/v1/embeddings", json=asked).status_code

    assert statuses == {"litellm": 500, "sdk": 400}


@pytest.mark.parametrize("dialect", [name for name in ENDPOINTS if name != "gemini"])
def test_several_models_at_once_are_asked_by_litellms_proxy_alone_and_in_chat_alone(
    dialect: str, backends: Backends
) -> None:
    path, model = ENDPOINTS[dialect]
    for name in VIA_LITELLM:
        with backends[name].client(authorization=f"Bearer {KEY}") as client:
            answer = client.post(path, json=body(f"{model},{LLAMA}"))

        if (name, dialect) == ("litellm", "openai-chat"):
            assert [part["object"] for part in answer.json()] == ["chat.completion"] * 2
        else:
            assert answer.status_code == 400
            assert "Invalid model name" in told_of(dialect, answer)


def test_what_a_call_cost_is_told_in_parts_by_litellms_proxy_alone(backends: Backends) -> None:
    told = {}
    for name in VIA_LITELLM:
        with backends[name].client(authorization=f"Bearer {KEY}") as client:
            # Of the chat models here LiteLLM knows no prices.
            answer = client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "one"})
        told[name] = answer.headers

    assert all("x-litellm-response-cost" in headers for headers in told.values())
    parts = {
        name: any(header.startswith("x-litellm-response-cost-") for header in headers)
        for name, headers in told.items()
    }
    assert parts == {"litellm": True, "sdk": False}


# Where LiteLLM has a name of its own for a model, and hooks.


@pytest.mark.parametrize(
    ("path", "model", "told"),
    [
        ("/v1/chat/completions", GPT, "gpt"),
        ("/v1/responses", GPT, "gpt"),
        ("/v1/embeddings", GPT, "gpt"),
        ("/v1/messages", CLAUDE, "claude"),
    ],
)
def test_an_answer_names_the_model_as_litellm_does(
    path: str, model: str, told: str, scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(model), headers={"x-api-key": KEY})

    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == told


def test_a_hook_before_the_call_is_asked_by_litellms_proxy_alone(scene: Scene) -> None:
    headers = {"x-api-key": KEY, "x-sm-user-id": "who-asks"}
    with raw_client("by base URL", scene.proxy) as client:
        client.post("/v1/messages", json=body(CLAUDE), headers=headers)
    wait_for(lambda: "who-asks" in scene.witness.end_users)

    assert len(scene.witness.notes("hook")) == (scene.backend == "litellm")


def test_a_stream_that_its_client_leaves_is_booked_by_litellms_proxy_alone(scene: Scene) -> None:
    path, users = "/v1/chat/completions", ("who-leaves", "who-stays")
    leaves, stays = ({"x-sm-user-id": user} for user in users)
    scene.upstream.script(Step(text="word " * 400, chunk_delay=0.05))
    with (
        raw_client("by base URL", scene.proxy) as client,
        client.stream("POST", path, json=body(GPT, stream=True), headers=leaves) as answer,
    ):
        next(answer.iter_raw())
    scene.upstream.wait_for(lambda: scene.upstream.hangups, 20.0)

    with raw_client("by base URL", scene.proxy) as client:
        for _ in range(3):  # and some that nobody leaves
            assert client.post(path, json=body(GPT), headers=stays).status_code == 200
    booked = ["who-leaves"] * (scene.backend == "litellm") + ["who-stays"] * 3

    def of_these() -> list[str]:
        # The calls of other tests may be booked only now.
        return sorted(user for user in scene.witness.end_users if user in users)

    wait_for(lambda: len(of_these()) >= len(booked))
    assert of_these() == booked


def test_a_stream_is_kept_alive_by_litellms_proxy_alone(scene: Scene) -> None:
    scene.upstream.script(Step(delay=2.5))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post("/groq/v1/chat/completions", json=body("llama-3", stream=True))

    assert answer.status_code == 200
    assert answer.text.startswith(":") == (scene.backend == "litellm")
