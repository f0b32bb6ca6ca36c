"""Streams through LiteLLM: they flow, they end with the client, and they break where they broke."""

import json
import time
from dataclasses import dataclass
from typing import Any

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
    chat_stream,
    gemini_stream,
    groq_stream,
    messages_stream,
    responses_stream,
)
from tests.e2e.litellm_scene import UPSTREAM_KEYS, Scene, backend
from tests.e2e.sdk_calls import name_of
from tests.e2e.sdks import QUESTION, TEXT, TOOL, Clients, raw_client
from tests.fakes import Step
from tests.fakes.content import data_event, named_event

pytestmark = pytest.mark.usefixtures("nobodys_settings")

SECONDS = 20.0
LETTERS = "a b c d e f g h"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A request for a stream."""

    name: str
    path: str
    model: str

    def __str__(self) -> str:
        return self.name


ARRAY = Streamed("gemini's array", f"/v1beta/models/{GEMINI}:streamGenerateContent", GEMINI)
STREAMS = (
    Streamed("chat", "/v1/chat/completions", GPT),
    Streamed("responses", "/v1/responses", GPT),
    Streamed("messages", "/v1/messages", CLAUDE),
    Streamed("groq", "/groq/v1/chat/completions", LLAMA),
    Streamed("gemini", f"{ARRAY.path}?alt=sse", GEMINI),
    ARRAY,
)


@pytest.fixture
def clients(scene: Scene) -> Clients:
    return Clients(scene.proxy.url, is_mounted=True)


@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_a_stream_arrives_while_the_provider_still_speaks(stream: Streamed, scene: Scene) -> None:
    scene.upstream.always(Step(text=LETTERS, chunks=8, chunk_delay=0.1))

    def comes_bit_by_bit() -> bool:
        with (
            raw_client("by base URL", scene.proxy) as client,
            client.stream("POST", stream.path, json=body(stream.model, stream=True)) as answer,
        ):
            assert answer.status_code == 200
            arrivals = [time.monotonic() for _ in answer.iter_raw()]
        return len(arrivals) >= 5 and arrivals[-1] - arrivals[0] > 0.3

    # On a busy machine some may come together, but not each time.
    assert any(comes_bit_by_bit() for _ in range(10))


@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_a_client_that_hangs_up_in_mid_stream_frees_the_provider(
    stream: Streamed, scene: Scene
) -> None:
    scene.upstream.always(Step(text="word " * 400, chunk_delay=0.1))

    with (
        raw_client("by base URL", scene.proxy) as client,
        client.stream("POST", stream.path, json=body(stream.model, stream=True)) as answer,
    ):
        next(answer.iter_raw())

    [hangup] = scene.upstream.wait_for(lambda: scene.upstream.hangups, SECONDS)
    assert hangup.chunks < 200


def events(*said: Any) -> bytes:
    """As a provider sends them: with their names, where they have such."""
    return b"".join(named_event(one) if "type" in one else data_event(one) for one in said)


KEYS = " and ".join(UPSTREAM_KEYS.values())
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
BEGINNINGS = {
    "openai-chat": events(
        CHUNK | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "So"}}]}
    ),
    "openai-responses": events(
        {"type": "response.created", "response": {"id": "r", "object": "response"}},
    ),
    "anthropic": events(
        {
            "type": "message_start",
            "message": {
                **{"id": "m", "type": "message", "role": "assistant", "model": "c"},
                **{"content": [], "usage": {"input_tokens": 1, "output_tokens": 1}},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ),
    "gemini": events({"candidates": [{"content": {"role": "model", "parts": [{"text": "So"}]}}]}),
}
ERRORS = {
    "openai-chat": events({"error": {"message": KEYS, "type": "x", "param": None, "code": None}}),
    "openai-responses": events(
        {"type": "error", "code": "server_error", "message": KEYS, "param": None}
    ),
    "anthropic": events({"type": "error", "error": {"type": "overloaded_error", "message": KEYS}}),
    "gemini": events({"error": {"code": 429, "message": KEYS, "status": "RESOURCE_EXHAUSTED"}}),
}
STREAM = (("content-type", "text/event-stream"),)


def stream_of(dialect: str, then: bytes) -> Step:
    """A stream that begins well."""
    return Step(body=BEGINNINGS[dialect] + then, headers=STREAM)


GARBAGE = b"data: \x00\xff{no JSON " + KEYS.encode() + b"\n\n"
PAGE = b"<html><h1>502</h1>" + KEYS.encode() + b"</html>\n\n"
FAULTS = {
    "breaks": lambda _: Step(text=LETTERS, chunks=8, chunk_delay=0.05, break_after=5),
    "tells an error": lambda dialect: stream_of(dialect, ERRORS[dialect]),
    "sends garbage": lambda dialect: stream_of(dialect, GARBAGE),
    "sends a page": lambda dialect: stream_of(dialect, PAGE),
}
CHAT, RESPONSES, MESSAGES, GROQ, EVENTS, _ = STREAMS
BROKEN: tuple[tuple[str, Streamed, Call, str, type[Exception]], ...] = (
    ("openai-chat", CHAT, chat_stream, "breaks", openai.APIError),
    ("openai-chat", CHAT, chat_stream, "tells an error", openai.APIError),
    ("openai-chat", CHAT, chat_stream, "sends garbage", openai.APIError),
    ("openai-chat", GROQ, groq_stream, "breaks", groq.APIError),
    ("openai-chat", GROQ, groq_stream, "tells an error", groq.APIError),
    ("anthropic", MESSAGES, messages_stream, "breaks", anthropic.APIError),
    ("anthropic", MESSAGES, messages_stream, "tells an error", anthropic.APIError),
    ("anthropic", MESSAGES, messages_stream, "sends garbage", anthropic.APIError),
    ("anthropic", MESSAGES, messages_stream, "sends a page", anthropic.APIError),
    ("gemini", EVENTS, gemini_stream, "breaks", genai.errors.APIError),
    ("gemini", EVENTS, gemini_stream, "tells an error", genai.errors.APIError),
    ("gemini", EVENTS, gemini_stream, "sends garbage", genai.errors.APIError),
    ("gemini", EVENTS, gemini_stream, "sends a page", genai.errors.APIError),
)


@pytest.mark.parametrize(("dialect", "stream", "call", "fault", "expected"), BROKEN, ids=name_of)
def test_a_stream_that_goes_wrong_behind_litellm_is_an_error_for_the_sdk(
    dialect: str,
    stream: Streamed,
    call: Call,
    fault: str,
    expected: type[Exception],
    *,
    clients: Clients,
    scene: Scene,
) -> None:
    scene.upstream.script(*[FAULTS[fault](dialect)] * 2)
    scene.upstream.always(Step(text=TEXT))

    with pytest.raises(expected) as caught:
        call(clients, stream.model)
    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(stream.path, json=body(stream.model, stream=True))

    assert call(clients, stream.model) == TEXT, "the next one is served"
    assert answer.text.count('"error":') + answer.text.count("event: error") >= 1
    for key in UPSTREAM_KEYS.values():
        assert key not in answer.text
        assert key not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("fault", ["breaks", "tells an error", "sends a page"])
def test_a_response_that_goes_wrong_behind_litellm_has_failed(
    fault: str, clients: Clients, scene: Scene
) -> None:
    scene.upstream.script(FAULTS[fault]("openai-responses"))
    scene.upstream.always(Step(text=TEXT))

    with (
        clients.to_openai() as client,
        client.responses.create(model=GPT, input=QUESTION, stream=True) as told,
    ):
        *_, last = told

    assert last.type == "response.failed"
    assert last.response.error.message
    for key in UPSTREAM_KEYS.values():
        assert key not in last.to_json()
    assert responses_stream(clients, GPT) == TEXT, "the next one is served"


def test_an_error_in_an_array_is_geminis_and_names_no_key(scene: Scene) -> None:
    scene.upstream.always(FAULTS["tells an error"]("gemini"))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(ARRAY.path, json=body(GEMINI))

    *_, last = json.loads(answer.content)
    assert (last["error"]["code"], last["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    for key in UPSTREAM_KEYS.values():
        assert key not in answer.text


def test_an_array_that_breaks_behind_litellm_tells_an_error_of_geminis(scene: Scene) -> None:
    scene.upstream.always(Step(text=LETTERS, chunks=8, chunk_delay=0.1, break_after=5))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(ARRAY.path, json=body(GEMINI))

    *_, last = json.loads(answer.content)
    assert last["error"]["code"] == 500
    assert last["error"]["status"] == "INTERNAL"


@pytest.mark.parametrize("query", ["", "?alt=json", "?key=mine", "?prettyPrint=false"])
def test_gemini_without_events_streams_a_json_array(query: str, scene: Scene) -> None:
    scene.upstream.always(Step(text=TEXT))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(ARRAY.path + query, json=body(GEMINI))

    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    told = json.loads(answer.content)
    assert len(told) > 1
    parts = [part for one in told for part in one["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts) == TEXT


def test_a_tool_call_is_in_geminis_array_too(scene: Scene) -> None:
    scene.upstream.always(Step(tool_call=TOOL))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(ARRAY.path, json=body(GEMINI))

    [told] = json.loads(answer.content)
    [part] = told["candidates"][0]["content"]["parts"]
    assert part["functionCall"] == {"name": TOOL[0], "args": TOOL[1]}


def test_an_array_that_is_refused_is_an_error_and_no_array(scene: Scene) -> None:
    scene.upstream.always(Step(status=429))

    with raw_client("by base URL", scene.proxy) as client:
        answer = client.post(ARRAY.path, json=body(GEMINI))

    assert answer.status_code == 429
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_models_name_makes_litellm_fetch_nothing_from_elsewhere(
    clients: Clients, scene: Scene
) -> None:
    """For a Llama 3 it would ask Hugging Face how to count, and stand still meanwhile."""
    began = time.monotonic()
    scene.upstream.always(Step(text=TEXT))

    assert groq_stream(clients, "llama-3") == TEXT
    assert time.monotonic() - began < SECONDS
    assert backend(scene.proxy)["state"] == "up"
