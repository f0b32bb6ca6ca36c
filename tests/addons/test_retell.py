import json
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.facts import RECORD
from addons.retell import (
    LONGEST_ERROR,
    change_of_stream,
    cleaner_for,
    is_key_missed,
    is_key_refused,
    is_to_be_retold,
    tell_when_to_come_back,
)
from routing.hide_secrets import secrets_given


def error(kind: object) -> bytes:
    return json.dumps({"error": {"message": "m", "type": kind, "code": "401"}}).encode()


REFUSALS = {
    "without a database": (error("no_db_connection"), True),
    "an unknown key": (error("auth_error"), True),
    "a key that its database lacks": (error("token_not_found_in_db"), True),
    "a provider's refusal": (error("authentication_error"), False),
    "no kind": (error(None), False),
    "a kind of another form": (error({"a": 1}), False),
    "an error in words": (b'{"error": "auth_error"}', False),
    "no error": (b'{"detail": "auth_error"}', False),
    "a list": (b'["auth_error"]', False),
    "no JSON": (b"auth_error", False),
    "nothing": (b"", False),
    "very deep": (b"[" * 99999, False),
}


@pytest.mark.parametrize(("body", "is_refused"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_key_is_told_from_a_providers_refusal(body: bytes, is_refused: bool) -> None:
    assert is_key_refused(body) == is_refused


@pytest.mark.parametrize(
    ("status", "body", "is_missed"),
    [
        pytest.param(500, b"Internal Server Error", True, id="500 in plain text"),
        pytest.param(500, b"Internal Server Error\n", True, id="with a line's end"),
        pytest.param(500, b"<h1>Internal Server Error</h1>", False, id="500 of somebody else"),
        pytest.param(500, error("server_error"), False, id="500 in JSON"),
        pytest.param(503, b"Internal Server Error", False, id="503"),
        pytest.param(401, b"", False, id="401"),
    ],
)
def test_a_missing_key_is_told_from_other_errors(status: int, body: bytes, is_missed: bool) -> None:
    assert is_key_missed(status, body) == is_missed


EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json", "content-length": "99"}


def flow(
    backend: str | None,
    headers: dict[str, str],
    status: int = 200,
    dialect: str = "openai-chat",
    path: str = "/v1/x",
) -> http.HTTPFlow:
    made = tflow.tflow(
        req=tutils.treq(path=path.encode()),
        resp=tutils.tresp(status_code=status, headers=http.Headers(), content=None),
    )
    assert made.response
    for name, value in headers.items():
        made.response.headers[name] = value
    decided = {
        "backend": backend,
        "dialect": dialect,
        "errors_in": dialect,
        "operation": "generate",
    }
    made.metadata[RECORD] = decided
    return made


@pytest.mark.parametrize("backend", ["litellm", "sdk", "direct", None])
@pytest.mark.parametrize(
    ("status", "headers", "is_read"),
    [
        pytest.param(429, JSON, True, id="an error"),
        pytest.param(500, EVENTS, True, id="an error of another type"),
        pytest.param(200, JSON, True, id="a short answer"),
        pytest.param(
            200, JSON | {"content-length": f"{LONGEST_ERROR + 1}"}, False, id="a long one"
        ),
        pytest.param(200, JSON | {"content-length": "x"}, False, id="of nobody knows what length"),
        pytest.param(200, {"content-type": "application/json"}, False, id="of no length"),
        pytest.param(200, EVENTS, False, id="a stream"),
    ],
)
def test_short_answers_of_litellm_are_read_before_they_pass_and_no_others(
    backend: str | None, status: int, headers: dict[str, str], is_read: bool
) -> None:
    is_litellms = backend in ("litellm", "sdk")

    assert is_to_be_retold(flow(backend, headers, status)) == (is_read and is_litellms)


ERROR = b'data: {"error": {"message": "no", "type": "None", "code": "429"}}\n\n'


@pytest.mark.parametrize("backend", ["litellm", "sdk"])
@pytest.mark.parametrize(
    ("dialect", "path", "told"),
    [
        ("openai-chat", "/v1/chat/completions", b'data: {"error": {"message": "no", "type": "rate'),
        ("openai-responses", "/v1/responses", b'event: error\ndata: {"type": "error", "code": "4'),
        (
            "anthropic",
            "/v1/messages",
            b'event: error\ndata: {"type": "error", "error": {"type": "ra',
        ),
        ("gemini", "/v1beta/models/m:stream?alt=sse", b'data: {"error": {"code": 429, "mess'),
        ("gemini", "/v1beta/models/m:stream", b'[{"error": {"code": 429, "message": "no"'),
    ],
)
def test_an_error_in_a_stream_of_litellms_is_told_in_the_clients_dialect(
    dialect: str, path: str, told: bytes, backend: str
) -> None:
    streamed = flow(backend, EVENTS | {"content-length": "7"}, dialect=dialect, path=path)
    change = change_of_stream(streamed)

    assert change is not None
    assert (change(ERROR) + change(b"")).startswith(told)
    assert streamed.response
    assert "content-length" not in streamed.response.headers


@pytest.mark.parametrize(
    ("backend", "headers"),
    [
        pytest.param("direct", EVENTS, id="a provider's own"),
        pytest.param(None, EVENTS, id="of a call that nobody decided"),
        pytest.param("litellm", JSON, id="no stream"),
        pytest.param("litellm", EVENTS | {"content-encoding": "gzip"}, id="compressed"),
    ],
)
def test_other_streams_pass_as_they_are(backend: str | None, headers: dict[str, str]) -> None:
    streamed = flow(backend, headers)

    assert change_of_stream(streamed) is None
    assert streamed.response
    assert dict(streamed.response.headers) == headers


@pytest.mark.parametrize("name", ["Authorization", "x-litellm-api-key", "X-Api-Key"])
def test_the_key_that_litellm_was_given_does_not_come_back(name: str) -> None:
    asked = flow("litellm", JSON, 500)
    asked.request.headers[name] = "Bearer opaque-key-of-litellm"

    assert cleaner_for(asked)("your opaque-key-of-litellm is no") == "your [hidden] is no"


@pytest.fixture
def given() -> Iterator[str]:
    """A key that stands in the litellm.yaml of one that runs."""
    secrets_given.add("Wv63opaquekey77")
    yield "Wv63opaquekey77"
    secrets_given.discard("Wv63opaquekey77")


def test_the_keys_that_litellm_was_started_with_do_not_come_back(given: str) -> None:
    clean = cleaner_for(flow("litellm", JSON, 401))

    assert clean(f"The key {given} has no access") == "The key [hidden] has no access"


def test_a_word_for_a_key_is_left_in_a_message() -> None:
    asked = flow("litellm", JSON, 500)
    asked.request.headers["authorization"] = "Bearer key"

    assert cleaner_for(asked)("this key is no") == "this key is no"


@pytest.mark.parametrize(
    ("said", "in_words", "told"),
    [
        ({"llm_provider-retry-after": "7"}, None, {"retry-after": "7"}),
        ({"retry-after": "3", "llm_provider-retry-after": "7"}, 9, {"retry-after": "3"}),
        ({"llm_provider-retry-after-ms": "70"}, 9, {"retry-after-ms": "70", "retry-after": "9"}),
        ({}, 9, {"retry-after": "9"}),
        ({}, None, {}),
    ],
)
def test_a_client_is_told_when_to_come_back_by_the_first_who_knows(
    said: dict[str, str], in_words: int | None, told: dict[str, str]
) -> None:
    headers = http.Headers()
    for name, value in said.items():
        headers[name] = value

    tell_when_to_come_back(headers, in_words)

    assert {name: value for name, value in headers.items() if name.startswith("retry")} == told
