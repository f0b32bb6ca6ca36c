"""Errors behind LiteLLM: in the dialect of the client, of the class that its SDK knows."""

import json
from dataclasses import dataclass, replace
from types import ModuleType

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
    Call,
    body,
    chat,
    chat_stream,
    gemini,
    gemini_stream,
    groq_chat,
    groq_stream,
    messages,
    messages_stream,
    responses,
    responses_stream,
)
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.litellm_scene import UPSTREAM_KEYS, Scene
from tests.e2e.sdk_calls import name_of
from tests.e2e.sdks import TEXT, Clients, raw_client
from tests.fakes import Step
from tests.fakes.endpoints import Dialect
from tests.fakes.refusals import refusal

pytestmark = pytest.mark.usefixtures("nobodys_settings")

STATUSES = (400, 401, 403, 404, 422, 429, 500, 503, 529)
CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of an SDK, and whose exceptions it raises."""

    call: Call
    model: str
    sdk: ModuleType

    def __str__(self) -> str:
        return self.call.__name__


PLAIN = (
    Asked(chat, GPT, openai),
    Asked(responses, GPT, openai),
    Asked(messages, CLAUDE, anthropic),
    Asked(groq_chat, LLAMA, groq),
)
STREAMED = (
    Asked(chat_stream, GPT, openai),
    Asked(responses_stream, GPT, openai),
    Asked(messages_stream, CLAUDE, anthropic),
    Asked(groq_stream, LLAMA, groq),
)
REFUSED = [
    *((asked, status) for asked in PLAIN for status in STATUSES),
    # A stream that is refused is no stream yet.
    *((asked, status) for asked in STREAMED for status in (401, 429, 529)),
]
BROKEN_BODIES = {
    "cut short": b'{"model": "gpt", "messages": [{"role": "user", "content": "h',
    "no JSON": b"\x00\xff not JSON \r\n",
    "empty": b"",
    "a list": b"[1]",
    "a number": b"7",
    "null": b"null",
    "an empty object": b"{}",
}
LATER = (("retry-after", "7"), ("x-should-retry", "false"))


@pytest.fixture
def clients(scene: Scene) -> Clients:
    return Clients(scene.proxy.url, is_mounted=True)


@pytest.mark.parametrize(("asked", "status"), REFUSED, ids=str)
def test_an_sdk_raises_the_class_that_belongs_to_the_providers_status(
    asked: Asked, status: int, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(status=status, headers=LATER))

    with pytest.raises(getattr(asked.sdk, CLASSES[status])) as caught:
        asked.call(clients, asked.model)

    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert len(scene.upstream.requests) == 1


@pytest.mark.parametrize("call", [gemini, gemini_stream], ids=name_of)
@pytest.mark.parametrize("status", STATUSES)
def test_googles_sdk_raises_the_class_that_belongs_to_the_providers_status(
    status: int, call: Call, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(status=status, headers=LATER))
    expected = genai.errors.ClientError if status < 500 else genai.errors.ServerError

    with pytest.raises(expected) as caught:
        call(clients, GEMINI)

    assert caught.value.code == status
    assert caught.value.status
    assert len(scene.upstream.requests) == 1


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_providers_error_is_told_in_the_clients_dialect(
    dialect: str, status: int, scene: Scene
) -> None:
    scene.upstream.always(Step(status=status, headers=LATER))
    path, model = ENDPOINTS[dialect]

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(model))

    assert answer.status_code == status
    assert told(dialect, answer)


ENDPOINTS_AND_MODELS = [
    *((dialect, model) for dialect, (_, model) in ENDPOINTS.items()),
    ("anthropic", GPT),  # another provider's, whose errors LiteLLM hands on in another way
]
QUOTED = "Incorrect API key provided: {0}. See /home/me/x.py, https://h/v1?key={0}&a=1 and {0}"


@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
@pytest.mark.parametrize(("dialect", "model"), ENDPOINTS_AND_MODELS)
def test_a_key_that_a_provider_quotes_does_not_reach_the_client(
    dialect: Dialect, model: str, status: int, scene: Scene
) -> None:
    path, _ = ENDPOINTS[dialect]
    quoted = QUOTED.format(" ".join(UPSTREAM_KEYS.values()))
    error = json.dumps(refusal(dialect, max(status, 400), "req_1", quoted)).encode()
    scene.upstream.script(Step(status=status, body=error))
    scene.upstream.always(Step(text=TEXT))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(model))
        assert client.post(path, json=body(model)).status_code == 200, "the next one is served"

    assert answer.status_code == status or (status == 200 and answer.status_code >= 400)
    assert told(dialect, answer)
    everything = f"{answer.headers} {answer.text}"
    assert "/root" not in everything
    for key in UPSTREAM_KEYS.values():
        assert key not in everything


def test_a_context_that_is_too_long_is_told_by_its_code(clients: Clients, scene: Scene) -> None:
    message = "This model's maximum context length is 8192 tokens. However, you requested 10000."
    error = {"message": message, "type": "invalid_request_error", "param": "messages"}
    error["code"] = "context_length_exceeded"
    scene.upstream.always(Step(status=400, body=json.dumps({"error": error}).encode()))

    for call in (chat, chat_stream, responses):
        with pytest.raises(openai.BadRequestError, match="maximum context length") as caught:
            call(clients, GPT)
        assert caught.value.code == "context_length_exceeded"


def test_messages_tell_when_to_come_back_where_the_error_says_so(scene: Scene) -> None:
    message = "Rate limit reached. Please try again in 12.5s."
    error = json.dumps(refusal("anthropic", 429, "req_1", message)).encode()
    scene.upstream.always(Step(status=429, body=error))
    path, model = ENDPOINTS["anthropic"]

    with raw_client("by base URL", scene.proxy) as client:
        assert client.post(path, json=body(model)).headers["retry-after"] == "13"


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "gemini"])
def test_a_client_is_told_when_to_come_back(dialect: str, scene: Scene) -> None:
    scene.upstream.always(Step(status=429, headers=LATER))
    path, model = ENDPOINTS[dialect]

    with raw_client("by base URL", scene.proxy) as client:
        assert client.post(path, json=body(model)).headers["retry-after"] == "7"


@pytest.mark.parametrize("sent", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_body_that_litellm_cannot_read_is_told_in_the_clients_dialect(
    dialect: str, sent: bytes, scene: Scene
) -> None:
    path, _ = ENDPOINTS[dialect]
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, content=sent, headers={"content-type": "application/json"})

    if dialect == "gemini" and sent == b"{}":
        assert answer.status_code < 500  # LiteLLM leaves it to Gemini what it says to nothing
        return
    assert 400 <= answer.status_code <= 500
    assert told(dialect, answer)


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_body_that_is_not_what_its_header_says_is_told_in_the_clients_dialect(
    dialect: str, coding: str, scene: Scene
) -> None:
    path, _ = ENDPOINTS[dialect]
    headers = {"content-type": "application/json", "content-encoding": coding}
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, content=b"{not compressed}", headers=headers)

    assert 400 <= answer.status_code <= 500
    assert told(dialect, answer)


UNKNOWN: tuple[tuple[Call, type[Exception]], ...] = (
    (chat, openai.BadRequestError),
    (chat_stream, openai.BadRequestError),
    (responses, openai.BadRequestError),
    (messages, anthropic.BadRequestError),
    (messages_stream, anthropic.BadRequestError),
    (groq_chat, groq.BadRequestError),
    (gemini, genai.errors.ClientError),
    (gemini_stream, genai.errors.ClientError),
)


@pytest.mark.parametrize(("call", "expected"), UNKNOWN, ids=name_of)
def test_a_model_that_litellm_does_not_know_is_a_bad_request(
    call: Call, expected: type[Exception], clients: Clients, scene: Scene
) -> None:
    with pytest.raises(expected, match=r"[Ii]nvalid model name"):
        call(clients, "nobodys-model")

    assert scene.upstream.requests == []


@pytest.mark.parametrize("path", ["/v1/models/nobodys-model", "/v1beta/models/nobodys-model"])
def test_a_model_that_litellm_does_not_know_is_not_found_in_its_list(
    path: str, scene: Scene
) -> None:
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.get(path)

    assert answer.status_code == 404
    assert told("gemini" if "beta" in path else "openai-chat", answer)


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
@pytest.mark.parametrize("asked", PLAIN, ids=str)
def test_the_provider_sees_each_retry_of_an_sdk_and_none_of_litellms(
    asked: Asked, retries: int, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(status=429, headers=(("retry-after", "0.01"),)))

    with pytest.raises(asked.sdk.RateLimitError):
        asked.call(replace(clients, retries=retries), asked.model)

    counted = [arrived.header("x-stainless-retry-count") for arrived in scene.witness.requests]
    assert counted == [str(number) for number in range(retries + 1)]
    assert len(scene.upstream.requests) == retries + 1


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_the_provider_sees_each_retry_of_googles_sdk_and_none_of_litellms(
    retries: int, clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(status=503))
    patience = genai.types.HttpRetryOptions(
        attempts=retries + 1, initial_delay=0.01, max_delay=0.01, jitter=0.01
    )
    options = genai.types.HttpOptions(
        base_url=f"{clients.root}/gemini", timeout=20_000, retry_options=patience
    )

    with (
        genai.Client(api_key="k", http_options=options) as client,
        pytest.raises(genai.errors.ServerError),
    ):
        client.models.generate_content(model=GEMINI, contents="?")

    assert len(scene.upstream.requests) == retries + 1


@pytest.mark.parametrize("asked", PLAIN, ids=str)
def test_a_call_succeeds_when_its_retry_does(asked: Asked, clients: Clients, scene: Scene) -> None:
    scene.upstream.script(Step(status=503, headers=(("retry-after", "0.01"),)))
    scene.upstream.always(Step(text=TEXT))

    assert asked.call(replace(clients, retries=1), asked.model) == TEXT
    assert len(scene.upstream.requests) == 2


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_one_refused_call_does_not_close_a_model_to_the_next(dialect: str, scene: Scene) -> None:
    scene.upstream.script(*(Step(status=429) for _ in range(5)))
    path, model = ENDPOINTS[dialect]

    with raw_client("by base URL", scene.proxy) as client:
        statuses = [client.post(path, json=body(model)).status_code for _ in range(6)]

    assert statuses == [429] * 5 + [200]


NONSENSE = {
    "garbage": Step(garbage=b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a page": Step(html="<h1>Bad gateway</h1>", status=502),
}


@pytest.mark.parametrize("broken", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_provider_that_talks_nonsense_is_told_in_the_clients_dialect(
    dialect: str, broken: Step, scene: Scene
) -> None:
    scene.upstream.always(broken)
    path, model = ENDPOINTS[dialect]

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(path, json=body(model))

    assert answer.status_code >= 500
    assert told(dialect, answer)
