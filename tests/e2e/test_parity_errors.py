"""One contract for every backend: what goes wrong is told alike, and the next call is served."""

import json

import httpx
import pytest

from tests.e2e.litellm_calls import EMBEDDING, GEMINI, GPT
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.parity_scene import (
    CHAT,
    CONTENTS,
    GROQ,
    IMPATIENT,
    KEYS_OF_LITELLM,
    MESSAGES,
    RESPONSES,
    STREAM,
    VIA_LITELLM,
    Backend,
    Json,
    events,
)
from tests.e2e.sdks import KEY
from tests.fakes import Step

type Backends = dict[str, Backend]

STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)
BODIES = {
    "openai-chat": CHAT,
    "openai-responses": RESPONSES,
    "anthropic": MESSAGES,
    "gemini": CONTENTS,
}
LATER = (("retry-after", "7"),)
SECONDS_TO_NOTICE = 15.0


def call(dialect: str, *, stream: bool) -> tuple[str, Json]:
    """Path and body."""
    path, body = ENDPOINTS[dialect][0], BODIES[dialect]
    if not stream:
        return path, body
    if dialect == "gemini":
        return path.replace(":generate", ":streamGenerate") + "?alt=sse", body
    return path, body | STREAM


def ask(backend: Backend, dialect: str, *, stream: bool) -> httpx.Response:
    return post(backend, *call(dialect, stream=stream))


def post(backend: Backend, path: str, body: Json) -> httpx.Response:
    with backend.client(authorization=f"Bearer {KEY}") as client:
        return client.post(path, json=body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_providers_refusal_is_told_with_its_status_and_when_to_come_back(
    dialect: str, status: int, stream: bool, backends: Backends
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(status=status, headers=LATER))
        answer = ask(backend, dialect, stream=stream)

        # LiteLLM knows no 502 of Gemini's.
        is_raised = (dialect, status) == ("gemini", 502) and name in VIA_LITELLM
        assert answer.status_code == (500 if is_raised else status), name
        assert answer.headers["retry-after"] == "7", name
        assert told(dialect, answer)
        assert len(backend.provider.requests) == 1  # nobody but the client tries again
        assert not any(key in answer.text for key in KEYS_OF_LITELLM)


QUOTED = (
    'Incorrect API key provided: {}. Traceback (most recent call last): File "/srv/a.py", line 3'
)


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_what_litellm_pays_with_is_told_to_nobody(
    name: str, dialect: str, backends: Backends
) -> None:
    backend = backends[name]
    for key in KEYS_OF_LITELLM:
        said = QUOTED.format(key).encode()
        body = b'{"error": {"message": "' + said.replace(b'"', b"'") + b'", "type": "x"}}'
        backend.provider.always(Step(status=401, body=body))
        answer = ask(backend, dialect, stream=False)

        assert answer.status_code == 401
        assert "Incorrect API key" in told(dialect, answer)
        assert key not in answer.text
        assert "Traceback" not in answer.text
        assert "/srv/a.py" not in answer.text


FAULTS = {
    "resets the connection": Step(break_after=0),
    "talks nonsense": Step(garbage=b"\x00\x01 nonsense\r\n\r\n"),
    "answers with a page": Step(html="<html><title>We are down</title><p>Sorry</html>"),
    "answers with a page and 200": Step(status=200, html="<html>hello</html>"),
    "answers with what is no JSON": Step(body=b"no JSON"),
    "answers with half": Step(break_after=1, chunks=4),
    "answers with nothing": Step(body=b""),
    "answers with null": Step(body=b"null"),
    "answers with a list": Step(body=b"[]"),
    "answers with an error and 200": Step(
        body=b'{"error": {"message": "no", "type": "server_error", "code": null}}'
    ),
}
# These answers LiteLLM reads in ways of their own.
WHOLE_CALLS = {
    **{dialect: call(dialect, stream=False) for dialect in ENDPOINTS},
    "groq": ("/groq/openai/v1/chat/completions", GROQ),
    "embeddings": ("/v1/embeddings", {"model": EMBEDDING, "input": "one"}),
    "messages to GPT": ("/v1/messages", MESSAGES | {"model": GPT}),
}
DIALECTS = {"groq": "openai-chat", "embeddings": "openai-chat", "messages to GPT": "anthropic"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("called", WHOLE_CALLS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_provider_that_is_broken_is_an_error_and_the_next_call_is_served(
    name: str, called: str, fault: str, backends: Backends
) -> None:
    backend = backends[name]
    backend.provider.script(FAULTS[fault])
    broken = post(backend, *WHOLE_CALLS[called])
    served = post(backend, *WHOLE_CALLS[called])

    assert broken.status_code >= 500
    dialect = DIALECTS.get(called, called)
    message = told(dialect, broken)
    assert "<" not in message
    assert "Invalid request" not in message  # which it was not
    assert dialect != "openai-chat" or broken.json()["error"]["type"] == "server_error"
    assert served.status_code == 200


@pytest.mark.parametrize("called", ["openai-chat", "embeddings"])
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_an_error_with_200_that_names_no_status_is_given_one_by_litellm(
    name: str, called: str, backends: Backends
) -> None:
    backends[name].provider.script(Step(body=b'{"error": {"message": "no", "type": "x"}}'))
    answer = post(backends[name], *WHOLE_CALLS[called])

    assert answer.status_code == 422
    assert told("openai-chat", answer)


@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_count_of_tokens_that_is_none_is_the_providers_mistake(
    name: str, backends: Backends
) -> None:
    backends[name].provider.script(Step(body=b"[]"))
    answer = post(backends[name], f"/v1beta/models/{GEMINI}:countTokens", CONTENTS)

    assert answer.status_code == 500
    assert told("gemini", answer)


@pytest.mark.parametrize("called", ["openai-chat", "groq"])
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_messages_of_no_shape_are_the_clients_mistake(
    name: str, called: str, backends: Backends
) -> None:
    path, body = WHOLE_CALLS[called]
    answer = post(backends[name], path, body | {"messages": ["hello"]})

    assert answer.status_code == 400
    assert told("openai-chat", answer).startswith("Invalid request format: litellm.")
    assert backends[name].provider.requests == []


TOO_LONG = (
    "This model's maximum context length is 9 tokens. However, your messages resulted in 99 tokens",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
)


@pytest.mark.parametrize("words", TOO_LONG)
@pytest.mark.parametrize("called", ["openai-chat", "openai-responses", "groq"])
def test_a_context_that_is_too_long_has_its_code_whatever_the_provider_says_of_it(
    called: str, words: str, backends: Backends
) -> None:
    code = "context_length_exceeded"
    error = {"message": words, "type": "invalid_request_error", "param": "messages", "code": code}
    for name, backend in backends.items():
        backend.provider.script(Step(status=400, body=json.dumps({"error": error}).encode()))
        answer = post(backend, *WHOLE_CALLS[called])

        assert answer.status_code == 400, name
        assert answer.json()["error"]["code"] == code, name
        assert words in told("openai-chat", answer).replace("\\", ""), name


def test_a_code_whose_words_are_new_is_kept_behind_the_sdk_alone(backends: Backends) -> None:
    error = {"message": "It is too much", "type": "x", "code": "context_length_exceeded"}
    codes = {}
    for name, backend in backends.items():
        backend.provider.script(Step(status=400, body=json.dumps({"error": error}).encode()))
        codes[name] = ask(backend, "openai-chat", stream=False).json()["error"]["code"]

    assert codes == {"direct": error["code"], "litellm": "400", "sdk": error["code"]}


EVENTS = (("content-type", "text/event-stream"),)
CREATED = {
    **{"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []},
    **{"status": "in_progress", "parallel_tool_calls": True, "tools": [], "tool_choice": "auto"},
}


def stream_of(*data: Json) -> Step:
    """A provider's stream of these events; those that have a type are called by it."""
    body = ""
    for event in data:
        name = f"event: {event['type']}\n" if "type" in event else ""
        body += f"{name}data: {json.dumps(event)}\n\n"
    return Step(headers=EVENTS, body=body.encode())


FAILURES = {
    "context_length_exceeded": TOO_LONG[1],
    "insufficient_quota": "You exceeded your current quota, please check your plan.",
    "rate_limit_exceeded": "Rate limit reached. Please try again in 1.5s.",
    "invalid_prompt": "Invalid prompt",
    "server_is_overloaded": "Our servers are currently overloaded.",
    "usage_not_included": "To use Codex, upgrade.",
    "server_error": "An error occurred.",
    "cyber_policy": "This was blocked.",
}


def failed_for(backend: Backend, error: Json) -> Json:
    """What a client is told of a response that begins well, and then fails."""
    first = {"type": "response.created", "sequence_number": 0, "response": CREATED}
    failed = CREATED | {"status": "failed", "error": error}
    last = {"type": "response.failed", "sequence_number": 1, "response": failed}
    backend.provider.script(stream_of(first, last))
    said = [data for _, data in events(ask(backend, "openai-responses", stream=True))]
    [told] = [data for data in said if data != "[DONE]" and data["type"] == "response.failed"]
    assert told["sequence_number"] == 1
    return told["response"]["error"]


@pytest.mark.parametrize("code", FAILURES)
def test_a_response_that_fails_in_its_stream_says_why_as_the_provider_does(
    code: str, backends: Backends
) -> None:
    error = {"code": code, "message": FAILURES[code]}
    for name, backend in backends.items():
        assert failed_for(backend, error) == error, name


@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_timeout_of_a_vector_store_is_a_server_error_behind_litellm(
    name: str, backends: Backends
) -> None:
    told_of = failed_for(backends[name], {"code": "vector_store_timeout", "message": "late"})

    assert told_of["code"] == "server_error"
    assert "late" in told_of["message"]


CHUNK = {
    **{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"},
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "par"}}],
}
STARTED = {
    **{"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []},
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
CANDIDATE = {"candidates": [{"content": {"role": "model", "parts": [{"text": "par"}]}, "index": 0}]}
BUSY = {"error": {"message": "busy", "type": "server_error", "code": 503}}
MID_STREAM = {
    "openai-chat": ("", stream_of(CHUNK, BUSY)),
    "groq": ("", stream_of(CHUNK, BUSY)),
    "anthropic": (
        "error",
        stream_of(
            {"type": "message_start", "message": STARTED},
            {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        ),
    ),
    "gemini": (
        "",
        stream_of(CANDIDATE, {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
    ),
}


@pytest.mark.parametrize("called", MID_STREAM)
def test_an_error_in_a_stream_is_one_event_and_the_same_from_both(
    called: str, backends: Backends
) -> None:
    event, step = MID_STREAM[called]
    path, body = call(called, stream=True) if called in ENDPOINTS else WHOLE_CALLS[called]
    said = {}
    for name in VIA_LITELLM:
        backends[name].provider.script(step)
        said[name] = events(post(backends[name], path, body if "sse" in path else body | STREAM))

    assert said["litellm"] == said["sdk"]
    name, last = said["sdk"][-1]
    assert name == event
    assert "busy" in last["error"]["message"]
    assert "None" not in last["error"].values()


NO_STREAM = {
    "a page": Step(status=200, html="<html>hello</html>"),
    "no JSON": Step(body=b"no JSON"),
    "nothing": Step(body=b""),
    "a break": Step(break_after=0),
    "an error": stream_of({"type": "error", "code": "x", "message": "no", "sequence_number": 0}),
}


@pytest.mark.parametrize("fault", NO_STREAM)
def test_a_stream_of_responses_that_never_begins_has_a_status_behind_the_sdk_alone(
    fault: str, backends: Backends
) -> None:
    answers = {}
    for name in VIA_LITELLM:
        backends[name].provider.script(NO_STREAM[fault])
        answers[name] = ask(backends[name], "openai-responses", stream=True)

    assert answers["sdk"].status_code == 500
    assert told("openai-responses", answers["sdk"])
    assert answers["litellm"].status_code == 200
    [(name, failed), done] = events(answers["litellm"])
    assert (name, failed["type"]) == ("response.failed", "response.failed")
    assert failed["response"]["error"]["code"] == "server_error"
    assert done == ("", "[DONE]")


def test_an_error_where_a_stream_of_groqs_was_due_has_a_status_behind_the_sdk_alone(
    backends: Backends,
) -> None:
    path, body = WHOLE_CALLS["groq"]
    answers = {}
    for name in VIA_LITELLM:
        backends[name].provider.script(FAULTS["answers with an error and 200"])
        answers[name] = post(backends[name], path, body | STREAM)

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "litellm": 200,
        "sdk": 500,
    }
    [(_, said)] = events(answers["litellm"])
    assert said == events(answers["sdk"])[0][1]
    assert (said["error"]["type"], said["error"]["code"]) == ("server_error", "500")


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "gemini"])
def test_an_error_with_a_status_in_place_of_a_stream_is_told_with_it(
    dialect: str, backends: Backends
) -> None:
    for name in VIA_LITELLM:
        backends[name].provider.script(stream_of(BUSY))
        answer = ask(backends[name], dialect, stream=True)

        # OpenAI's SDK, by which LiteLLM asks for chat, keeps no status.
        assert answer.status_code == (500 if dialect == "openai-chat" else 503), name
        assert "busy" in told(dialect, answer), name


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_provider_that_says_nothing_is_given_up_after_the_timeout_in_litellm_yaml(
    name: str, dialect: str, stream: bool, backends: Backends
) -> None:
    backend = backends[name]
    backend.provider.script(Step(stall=True))
    path, body = call(dialect, stream=stream)
    model = ENDPOINTS[dialect][1]
    [impatient] = [name for name, real in IMPATIENT.items() if real == model]
    with backend.client(authorization=f"Bearer {KEY}") as client:
        answer = client.post(path.replace(model, impatient), json=body | {"model": impatient})
    served = ask(backend, dialect, stream=stream)

    assert answer.status_code == 408
    assert told(dialect, answer)
    assert served.status_code == 200
    backend.provider.wait_for(lambda: backend.provider.hangups, SECONDS_TO_NOTICE)


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_stream_that_breaks_looks_like_no_good_end(dialect: str, backends: Backends) -> None:
    for name, backend in backends.items():
        backend.provider.script(Step(break_after=3, chunks=8))
        try:
            told_of_it = '"error"' in ask(backend, dialect, stream=True).text
        except httpx.RemoteProtocolError:
            told_of_it = True
        served = ask(backend, dialect, stream=True)

        assert told_of_it, name
        assert served.status_code == 200, name


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_client_that_hangs_up_in_mid_stream_frees_the_provider(
    dialect: str, backends: Backends
) -> None:
    path, body = call(dialect, stream=True)
    for backend in backends.values():
        backend.provider.always(Step(chunks=200, chunk_delay=0.1))
        with (
            backend.client(authorization=f"Bearer {KEY}") as client,
            client.stream("POST", path, json=body) as answer,
        ):
            next(answer.iter_raw())
        # The stream would go on for 20 seconds more.
        assert backend.provider.wait_for(
            lambda it=backend: it.provider.hangups, SECONDS_TO_NOTICE
        ), backend.name


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_model_that_litellm_does_not_know_is_told_as_that(
    name: str, dialect: str, backends: Backends
) -> None:
    path, body = call(dialect, stream=False)
    model = ENDPOINTS[dialect][1]
    with backends[name].client(authorization=f"Bearer {KEY}") as client:
        answer = client.post(
            path.replace(model, "nobodys-model"), json=body | {"model": "nobodys-model"}
        )

    assert answer.status_code in (400, 404)
    assert "nobodys-model" in told(dialect, answer)
    assert backends[name].provider.requests == []
