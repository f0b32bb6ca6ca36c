"""The official SDKs read our errors here, over a transport that answers at once."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import groq
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors as google
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from dialects import Problem, Retold, reshape_error, shape_error
from dialects.errors import error_in_success

DIALECTS = ["openai-chat", "openai-responses", "anthropic", "gemini"]
STATUSES = [400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 426, 429, 500, 502, 503, 504, 529]
MESSAGE = 'LiteLLM is down. See "memproxy status"; it says: 为什么.'

every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
every_status = pytest.mark.parametrize("status", STATUSES)


HEADERS = {"content-type": "application/json"}


class Answers(httpx.BaseTransport):
    """Answers every request alike."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, headers=HEADERS, content=self.body, request=request)


class Answers2(httpx2.BaseTransport):
    """The same for Anthropic's SDK, which builds on the next httpx."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, headers=HEADERS, content=self.body, request=request)


def told(dialect: str, status: int) -> bytes:
    return shape_error(dialect, Problem(status, "backend_down", MESSAGE))


def over(status: int, body: bytes) -> httpx.Client:
    return httpx.Client(transport=Answers(status, body))


def raised_by_openai(status: int, body: bytes) -> openai.APIStatusError:
    client = openai.OpenAI(api_key="k", max_retries=0, http_client=over(status, body))
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return caught.value


def raised_by_openai_responses(status: int, body: bytes) -> openai.APIStatusError:
    client = openai.OpenAI(api_key="k", max_retries=0, http_client=over(status, body))
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="m", input="hi")
    return caught.value


def raised_by_anthropic(status: int, body: bytes) -> anthropic.APIStatusError:
    over2 = httpx2.Client(transport=Answers2(status, body))
    client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=over2)
    with client, pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]
        )
    return caught.value


def raised_by_groq(status: int, body: bytes) -> groq.APIStatusError:
    client = groq.Groq(api_key="k", max_retries=0, http_client=over(status, body))
    with client, pytest.raises(groq.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return caught.value


def raised_by_google(status: int, body: bytes) -> google.APIError:
    options = types.HttpOptions(
        httpx_client=over(status, body), retry_options=types.HttpRetryOptions(attempts=1)
    )
    client = genai.Client(api_key="k", http_options=options)
    with pytest.raises(google.APIError) as caught:
        client.models.generate_content(model="m", contents="hi")
    client.close()
    return caught.value


@every_status
@pytest.mark.parametrize(
    ("raised", "dialect"),
    [
        pytest.param(raised_by_openai, "openai-chat", id="chat"),
        pytest.param(raised_by_openai_responses, "openai-responses", id="responses"),
    ],
)
def test_openais_sdk_reads_our_errors(
    raised: Callable[[int, bytes], openai.APIStatusError], dialect: str, status: int
) -> None:
    error = raised(status, told(dialect, status))

    assert error.status_code == status
    assert error.code == "backend_down"
    assert error.type == json.loads(told(dialect, status))["error"]["type"]
    assert error.param is None
    assert MESSAGE in str(error)


@every_status
def test_groqs_sdk_reads_our_errors(status: int) -> None:
    error = raised_by_groq(status, told("openai-chat", status))

    assert error.status_code == status
    assert isinstance(error.body, dict)
    assert error.body["error"]["message"] == MESSAGE


@every_status
def test_anthropics_sdk_reads_our_errors(status: int) -> None:
    error = raised_by_anthropic(status, told("anthropic", status))

    assert error.status_code == status
    assert isinstance(error.body, dict)
    assert error.body["type"] == "error"
    assert error.body["error"]["message"] == MESSAGE


@every_status
def test_googles_sdk_reads_our_errors(status: int) -> None:
    error = raised_by_google(status, told("gemini", status))

    assert error.code == status
    assert error.message == MESSAGE
    assert error.status == json.loads(told("gemini", status))["error"]["status"]


@pytest.mark.parametrize(
    ("status", "chat", "messages", "gemini"),
    [
        (400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
        (401, "authentication_error", "authentication_error", "UNAUTHENTICATED"),
        (403, "permission_error", "permission_error", "PERMISSION_DENIED"),
        (404, "not_found_error", "not_found_error", "NOT_FOUND"),
        (413, "invalid_request_error", "request_too_large", "FAILED_PRECONDITION"),
        (422, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION"),
        (426, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION"),
        (429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        (500, "server_error", "api_error", "INTERNAL"),
        (502, "server_error", "api_error", "UNAVAILABLE"),
        (503, "server_error", "api_error", "UNAVAILABLE"),
        (504, "server_error", "timeout_error", "DEADLINE_EXCEEDED"),
        (529, "server_error", "overloaded_error", "UNAVAILABLE"),
    ],
)
def test_each_dialect_has_its_own_word_for_a_status(
    status: int, chat: str, messages: str, gemini: str
) -> None:
    assert json.loads(told("openai-chat", status))["error"]["type"] == chat
    assert json.loads(told("openai-responses", status)) == json.loads(told("openai-chat", status))
    assert json.loads(told("anthropic", status))["error"]["type"] == messages
    assert json.loads(told("gemini", status))["error"]["status"] == gemini


# What LiteLLM answers, as measured with version 1.106.

UNKNOWN_MODEL = {
    "error": {
        "message": "/chat/completions: Invalid model name passed in model=nope.",
        "type": "invalid_request_error",
        "param": None,
        "code": "400",
        "provider_specific_fields": {"a": 1},
    }
}
INVALID_JSON = {
    "error": {
        "message": "Invalid JSON payload: unexpected end of data: line 1 column 6 (char 5)",
        "type": "invalid_request_error",
        "param": "request_body",
        "code": "400",
    }
}
RATE_LIMIT = {
    "error": {
        "message": "litellm.RateLimitError: RateLimitError: OpenAIException - upstream says 429",
        "type": "throttling_error",
        "param": None,
        "code": "429",
    }
}
UNKNOWN_MODEL_ANTHROPIC = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "anthropic_messages: Invalid model name passed in model=nope.",
        "provider_specific_fields": None,
    },
}
NO_GOOGLE = {"error": {"code": 500, "message": "Internal server error", "status": "INTERNAL"}}

OPENAI_SHAPED = {
    "an unknown model": (400, UNKNOWN_MODEL),
    "invalid JSON": (400, INVALID_JSON),
    "a rate limit": (429, RATE_LIMIT),
}


def as_it_is(text: str) -> str:
    return text


def retold(dialect: str, status: int, body: object) -> Retold:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return reshape_error(dialect, status, raw, as_it_is)


def reshaped_from(dialect: str, status: int, body: object) -> bytes:
    return retold(dialect, status, body).body


def code_in(dialect: str, status: int, body: object) -> Any:
    return json.loads(reshaped_from(dialect, status, body))["error"]["code"]


def type_in(dialect: str, status: int, body: object) -> Any:
    return json.loads(reshaped_from(dialect, status, body))["error"]["type"]


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize("case", OPENAI_SHAPED)
def test_litellms_errors_are_openais_already(dialect: str, case: str) -> None:
    status, body = OPENAI_SHAPED[case]

    assert json.loads(reshaped_from(dialect, status, body)) == body


def test_litellms_errors_of_messages_are_anthropics_already() -> None:
    body = UNKNOWN_MODEL_ANTHROPIC

    assert json.loads(reshaped_from("anthropic", 400, body)) == body


def test_litellms_errors_of_gemini_are_geminis_where_it_counts_tokens() -> None:
    assert json.loads(reshaped_from("gemini", 500, NO_GOOGLE)) == NO_GOOGLE


@every_dialect
def test_every_text_of_an_error_is_made_clean(dialect: str) -> None:
    details: list[Any] = [7, None, "a secret", {"deep": {"s": "a secret"}}]
    while len(json.dumps(details)) < 500:
        details = [details, "a secret"]
    inner = {"type": "t", "message": "a secret", "status": "S", "code": 500, "details": details}
    body = json.dumps({"type": "error", "error": inner}).encode()

    told = reshape_error(dialect, 500, body, lambda text: text.replace("secret", "word"))

    assert message_in(dialect, told.body, exactly=False) == "a word"
    assert b"secret" not in told.body


def openais(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "t", "param": None, "code": "400"} | fields}


def anthropics(message: str, kind: str = "api_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


BAD = "litellm.BadRequestError: OpenAIException - "
TOO_LONG = "context_length_exceeded"
QUOTE = json.dumps({"error": {"message": "m", "code": TOO_LONG}})


@pytest.mark.parametrize(
    ("message", "told", "code"),
    [
        ("litellm.ContextWindowExceededError: too long", "400", "context_length_exceeded"),
        ("litellm.ContentPolicyViolationError: no", "400", "content_policy_violation"),
        ("litellm.ContextWindowExceededError: too long", "its_own", "its_own"),
        ("litellm.BadRequestError: no", "400", "400"),
        ("litellm.BadRequestError: no", "None", "400"),
        (BAD + "Your input exceeds the context window of this model.", "400", TOO_LONG),
        (BAD + "no\nReceived Messages=[it exceeds the context window]", "400", "400"),
        (BAD + QUOTE, "400", TOO_LONG),
        (BAD + QUOTE + "\nmodel=m", "400", TOO_LONG),
        (BAD + QUOTE.replace(TOO_LONG, "made_up"), "400", "400"),
        (BAD + json.dumps({"error": {"message": QUOTE}}), "400", "400"),
        (BAD + QUOTE.removesuffix("}"), "400", "400"),
        (QUOTE, "400", "400"),
        pytest.param(BAD + '{"a":' * 100_000, "400", "400", id="very deep"),
    ],
)
@pytest.mark.parametrize("body", [openais, anthropics], ids=["native", "foreign"])
def test_the_code_that_litellm_only_tells_in_words_is_told_as_code(
    body: Callable[..., dict[str, Any]], message: str, told: str, code: str
) -> None:
    said = body(message)
    said["error"]["code"] = told

    assert code_in("openai-chat", 400, said) == code


BLAMED = "Invalid request format: litellm."
OPENAI_ANSWER = "InternalServerError: OpenAIException - 'str' object has no attribute 'model_dump'"
GROQ_ANSWER = "APIConnectionError: GroqException - 'ModelResponse' object has no attribute 'x'"
OF_REQUEST = "APIConnectionError: GroqException - 'str' object has no attribute 'get'"


@pytest.mark.parametrize(
    ("message", "status", "kind", "words"),
    [
        (BLAMED + OPENAI_ANSWER, 500, "server_error", "litellm." + OPENAI_ANSWER),
        (BLAMED + GROQ_ANSWER, 500, "server_error", "litellm." + GROQ_ANSWER),
        (BLAMED + OF_REQUEST, 400, "t", BLAMED + OF_REQUEST),
        (BAD + BLAMED + OPENAI_ANSWER, 400, "t", BAD + BLAMED + OPENAI_ANSWER),
    ],
    ids=["OpenAI's answer", "Groq's answer", "the request", "a provider that says so"],
)
def test_what_lacks_in_an_answer_is_not_blamed_on_the_request(
    message: str, status: int, kind: str, words: str
) -> None:
    told = retold("openai-chat", 400, openais(message))

    assert told.status == status
    assert json.loads(told.body)["error"] == {
        "message": words,
        "type": kind,
        "param": None,
        "code": str(status),
    }


@pytest.mark.parametrize("vague", [None, "None", "", "api_error", "internal_server_error"])
@pytest.mark.parametrize(
    ("status", "chat", "messages"),
    [
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (408, "invalid_request_error", "timeout_error"),
    ],
)
def test_a_type_that_says_nothing_is_replaced_by_that_of_the_status(
    vague: str | None, status: int, chat: str, messages: str
) -> None:
    assert type_in("openai-chat", status, openais("m", type=vague)) == chat
    assert type_in("anthropic", status, anthropics("m", vague or "")) == messages


@pytest.mark.parametrize(
    ("quoted", "told", "status", "kind"),
    [
        ("overloaded_error", 500, 529, "overloaded_error"),
        ("overloaded_error", 529, 529, "overloaded_error"),
        ("request_too_large", 400, 413, "request_too_large"),
        ("rate_limit_error", 500, 500, "api_error"),
        ("overloaded_error", 400, 400, "invalid_request_error"),
    ],
)
def test_a_status_that_litellm_lowered_is_told_as_the_provider_gave_it(
    quoted: str, told: int, status: int, kind: str
) -> None:
    provider = json.dumps({"type": "error", "error": {"type": quoted, "message": "no"}})
    said = f"litellm.InternalServerError: AnthropicError - {provider}"
    body = anthropics(said, "api_error" if told >= 500 else "invalid_request_error")

    assert retold("anthropic", told, body).status == status
    assert type_in("anthropic", told, body) == kind


@pytest.mark.parametrize(
    ("status", "message", "seconds"),
    [
        (429, "Rate limit reached. Please try again in 12.5s. Visit", 13),
        (429, "Please try again in 6m0s.", 360),
        (429, "try again in 1h2m3s", 3723),
        (429, "Please try again in 20ms.", 1),
        (429, "No deployments available for selected model, Try again in 5 seconds.", 5),
        (429, "quota; Please retry in 21.03s.", 22),
        (429, '"details": [{"retryDelay": "21s"}]', 21),
        (429, 'quoted {\\"retryDelay\\": \\"21s\\"}', 21),
        (503, "retry after 2 minutes", 120),
        (503, "Retry-After: 30", 30),
        (529, "Overloaded. Retry in 3 s", 3),
        (429, "retry after that. Try again in 4s", 4),
        (429, "slow down", None),
        (429, "try again in 0s", None),
        (429, "try again in 999999s", None),
        (429, "try again in a moment", None),
        (400, "try again in 5s", None),
    ],
)
@every_dialect
def test_the_time_to_come_back_is_read_from_the_errors_own_words(
    dialect: str, status: int, message: str, seconds: int | None
) -> None:
    assert retold(dialect, status, openais(message)).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "m", "type": "x", "code": "y"}}, 500),
        ({"error": {"message": "m", "code": 429}}, 429),
        ({"error": {"message": "m", "code": "404"}}, 404),
        ({"error": {"message": "m", "code": 200}}, 500),
        ({"error": "words"}, 500),
        (anthropics("m", "overloaded_error"), 529),
        (anthropics("m", "rate_limit_error"), 429),
        (anthropics("m", "nobodys_error"), 500),
        ({"id": "r", "object": "response", "error": {"message": "m"}, "status": "failed"}, None),
        ({"error": None}, None),
        ({"error": {}}, None),
        ({"candidates": []}, None),
        ([{"error": "x"}], None),
        (b"{", None),
        (b"", None),
    ],
)
def test_a_success_that_is_an_error_gets_a_status(body: object, status: int | None) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    assert error_in_success(raw) == status


@pytest.mark.parametrize("case", OPENAI_SHAPED)
def test_litellms_openai_shaped_errors_reach_anthropics_sdk_with_their_reason(case: str) -> None:
    status, body = OPENAI_SHAPED[case]
    reshaped = reshaped_from("anthropic", status, body)

    assert body["error"]["message"] in str(raised_by_anthropic(status, reshaped))


@pytest.mark.parametrize("case", OPENAI_SHAPED)
def test_litellms_openai_shaped_errors_reach_googles_sdk_with_their_reason(case: str) -> None:
    status, body = OPENAI_SHAPED[case]
    reshaped = reshaped_from("gemini", status, body)

    error = raised_by_google(status, reshaped)
    assert (error.code, error.message) == (status, body["error"]["message"])
    assert error.status in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")


def message_in(dialect: str, body: bytes, *, exactly: bool = True) -> str:
    """The message, where the dialect's clients look for it; fails on any other shape."""
    parsed = json.loads(body, parse_constant=pytest.fail)
    if not exactly:
        return str(parsed["error"]["message"])
    if dialect == "anthropic":
        assert set(parsed) == {"type", "error"}
        assert parsed["type"] == "error"
        assert set(parsed["error"]) == {"type", "message"}
        assert isinstance(parsed["error"]["type"], str)
    elif dialect == "gemini":
        assert set(parsed) == {"error"}
        assert set(parsed["error"]) == {"code", "message", "status"}
        assert isinstance(parsed["error"]["code"], int)
        assert isinstance(parsed["error"]["status"], str)
    else:
        assert set(parsed) == {"error"}
        assert set(parsed["error"]) == {"message", "type", "param", "code"}
        assert isinstance(parsed["error"]["type"], str)
        assert isinstance(parsed["error"]["code"], str)
    message = parsed["error"]["message"]
    assert isinstance(message, str)
    return message


VALIDATION = (
    b'{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"},'
    b'{"loc":["body"],"msg":"too long"}]}'
)
GOOGLES_LIST = b'[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}]'


@every_dialect
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b'{"detail":"Not Found"}', "Not Found", id="an unknown route"),
        pytest.param(b'{"detail":{"error":"no key"}}', "no key", id="an error in a detail"),
        pytest.param(
            b'{"detail":{"error":{"message":"deep down","code":"c"}}}',
            "deep down",
            id="an error object in a detail",
        ),
        pytest.param(VALIDATION, "body.messages.0: field required", id="a validation error"),
        pytest.param(VALIDATION, "body: too long", id="the second validation error"),
        pytest.param(b'{"detail":[{"loc":5,"msg":"odd place"}]}', "odd place", id="a loc of 5"),
        pytest.param(b'{"detail":[{"loc":null,"msg":"nowhere"}]}', "nowhere", id="a loc of null"),
        pytest.param(b'{"detail":[{"msg":"no place"}]}', "no place", id="no loc"),
        pytest.param(b'{"error":"just words"}', "just words", id="words for an error"),
        pytest.param(b'{"message":"at the top"}', "at the top", id="a message at the top"),
        pytest.param(b'{"error":null,"message":"beside"}', "beside", id="a message beside null"),
        pytest.param(GOOGLES_LIST, "slow down", id="Google's list"),
    ],
)
def test_the_reason_is_found_in_any_of_the_usual_shapes(
    dialect: str, body: bytes, reason: str
) -> None:
    assert reason in message_in(dialect, reshaped_from(dialect, 422, body))


@every_dialect
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Internal Server Error", id="plain text"),
        pytest.param(b"<html><body><h1>502 Bad Gateway</h1></body></html>", id="a page"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="an empty list"),
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'"oops', id="a broken string"),
        pytest.param(b"NaN", id="not a number"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(b"[" * 200_000, id="deep lists"),
        pytest.param(b'{"error":' * 200_000, id="deep objects"),
        pytest.param(b'{"error":{"message":5}}', id="a number for a message"),
        pytest.param(b'{"error":{"message":null,"type":"x"}}', id="no message"),
        pytest.param(b'{"error":{"message":NaN,"type":"x"}}', id="a message that is no JSON"),
        pytest.param(b'{"type":"error","error":{}}', id="an empty error"),
        pytest.param(b'{"error":{"status":"x"}}', id="a status alone"),
        pytest.param(b'{"error":{"code":' + b"9" * 5000 + b"}}", id="a very long number"),
        pytest.param(b'{"detail":[]}', id="an empty detail"),
        pytest.param(b'{"detail":[5]}', id="a number in a detail"),
    ],
)
def test_an_error_without_a_reason_says_that_none_was_given(dialect: str, body: bytes) -> None:
    reshaped = reshaped_from(dialect, 502, body)

    assert message_in(dialect, reshaped) == "The backend answered 502 without saying why."


NATIVE: dict[str, bytes] = {
    dialect: shape_error(dialect, Problem(429, "c", "slow down")) for dialect in DIALECTS
}


@pytest.mark.parametrize(
    ("dialect", "native"),
    [
        pytest.param(dialect, native, id=f"{dialect} in {native}")
        for dialect in DIALECTS
        for native in DIALECTS
    ],
)
def test_an_error_of_one_dialect_is_told_in_another_unless_they_are_the_same(
    dialect: str, native: str
) -> None:
    reshaped = reshaped_from(native, 429, NATIVE[dialect])

    if NATIVE[dialect] == NATIVE[native]:
        assert reshaped == NATIVE[native]
    assert message_in(native, reshaped) == "slow down"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b'{"detail":{"message":"m","code":"c","type":"t"}}', "c", id="its code"),
        pytest.param(b'{"detail":{"message":"m","type":"t"}}', "t", id="else its type"),
        pytest.param(b'{"code":"outer","error":{"message":"m"}}', "outer", id="else one around it"),
        pytest.param(b'{"detail":{"message":"m"}}', "404", id="else the status"),
        pytest.param(b"oops", "404", id="also without a reason"),
    ],
)
def test_the_code_of_an_error_is_kept_where_the_dialect_has_a_place_for_it(
    body: bytes, code: str
) -> None:
    assert code_in("openai-chat", 404, body) == code


words = st.sampled_from(["error", "detail", "message", "msg", "loc", "type", "code", "status"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("error"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


def is_native(dialect: str, body: bytes) -> bool:
    error = json.loads(body, parse_constant=pytest.fail)["error"]
    wanted = {"gemini": "status"}.get(dialect, "type")
    return isinstance(error["message"], str) and wanted in error


@given(
    dialect=st.sampled_from(DIALECTS),
    status=st.integers(400, 599),
    value=json_values | st.fixed_dictionaries({"error": json_values, "type": json_values}),
)
def test_an_error_of_any_form_is_native_or_made_so(dialect: str, status: int, value: Any) -> None:
    reshaped = reshaped_from(dialect, status, value)

    assert is_native(dialect, reshaped)
    assert reshaped_from(dialect, status, reshaped) == reshaped


@given(dialect=st.sampled_from(DIALECTS), body=st.binary() | st.text().map(str.encode))
def test_any_bytes_become_an_error_in_the_dialect(dialect: str, body: bytes) -> None:
    assert message_in(dialect, reshaped_from(dialect, 500, body))


@given(
    dialect=st.sampled_from(DIALECTS),
    status=st.integers(400, 599),
    code=st.text().filter(lambda code: code != "None"),  # so LiteLLM says that it has none
    message=st.text(min_size=1),
)
def test_whatever_we_say_is_an_error_in_the_dialect(
    dialect: str, status: int, code: str, message: str
) -> None:
    shaped = shape_error(dialect, Problem(status, code, message))

    assert message_in(dialect, shaped) == message
    assert reshaped_from(dialect, status, shaped) == shaped
