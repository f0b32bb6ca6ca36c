"""Streams through LiteLLM: they flow, they end with the client, and they break where they broke."""

import json
import time
from dataclasses import dataclass

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
)
from tests.e2e.litellm_scene import Scene, backend
from tests.e2e.sdk_calls import name_of
from tests.e2e.sdks import QUESTION, TEXT, TOOL, Clients, raw_client
from tests.fakes import Step

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

    arrivals = []
    with (
        raw_client("by base URL", scene.proxy) as client,
        client.stream("POST", stream.path, json=body(stream.model, stream=True)) as answer,
    ):
        assert answer.status_code == 200
        for _ in answer.iter_raw():
            arrivals.append(time.monotonic())

    assert len(arrivals) >= 5
    assert arrivals[-1] - arrivals[0] > 0.3


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


BROKEN: tuple[tuple[Call, str, type[Exception]], ...] = (
    (chat_stream, GPT, openai.APIError),
    (messages_stream, CLAUDE, anthropic.APIError),
    (groq_stream, LLAMA, groq.APIError),
    (gemini_stream, GEMINI, genai.errors.APIError),
)


@pytest.mark.parametrize(("call", "model", "expected"), BROKEN, ids=name_of)
def test_a_stream_that_breaks_behind_litellm_is_an_error_for_the_sdk(
    call: Call, model: str, expected: type[Exception], clients: Clients, scene: Scene
) -> None:
    scene.upstream.always(Step(text=LETTERS, chunks=8, chunk_delay=0.1, break_after=5))

    with pytest.raises(expected):
        call(clients, model)


def test_a_response_that_breaks_behind_litellm_has_failed(clients: Clients, scene: Scene) -> None:
    scene.upstream.always(Step(text=LETTERS, chunks=8, chunk_delay=0.1, break_after=5))

    with (
        clients.to_openai() as client,
        client.responses.create(model=GPT, input=QUESTION, stream=True) as events,
    ):
        types = [event.type for event in events]

    assert "response.failed" in types
    assert "response.completed" not in types


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
