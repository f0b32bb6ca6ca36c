"""Any exception becomes an error with a right status, and words that give nothing away."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from, text

from gateway.child_environment import child_environment
from gateway.inside.sdk.errors import Refusal, Told, clean, told
from routing.hide_secrets import HIDDEN, LONGEST_MESSAGE
from tests.e2e.litellm_environment import ROOT

TRACEBACK = """Traceback (most recent call last):
  File "/home/alice/site-packages/litellm/main.py", line 681, in acompletion
    response = await init_response
ValueError: sizes differ"""


class Carries(Exception):
    """Holds what exceptions of providers hold."""

    def __init__(self, words: str = "", /, **carried: Any) -> None:
        super().__init__(words)
        for name, value in carried.items():
            setattr(self, name, value)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it cannot be told")


class Answer:
    def __init__(self, status_code: int, **headers: str) -> None:
        self.status_code = status_code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def behind(outer: Exception, inner: Exception) -> Exception:
    outer.__context__ = inner
    return outer


UNEXPECTED: dict[str, tuple[BaseException, int, str]] = {
    "a value": (ValueError("sizes differ"), 500, "sizes differ"),
    "a key": (KeyError("model"), 500, "'model'"),
    "a type": (TypeError("no list"), 500, "no list"),
    "an attribute": (AttributeError("'str' has no get"), 400, "Invalid request format: 'str' has"),
    "memory": (MemoryError(), 500, "MemoryError"),
    "no words": (Unspeakable(), 500, "Unspeakable"),
    "a recursion": (RecursionError("too deep"), 500, "too deep"),
    "a cancellation of its own": (BaseException("odd"), 500, "odd"),
    "a status": (Carries("no", status_code=418), 418, "no"),
    "a status as text": (Carries("no", code="404"), 404, "no"),
    "a status that is none": (Carries("no", status_code=200), 500, "no"),
    "a truth for a status": (Carries("no", status_code=True), 500, "no"),
    "the status of an answer": (Carries("no", response=Answer(502)), 502, "no"),
    "a message": (Carries("shown", message="better"), 500, "better"),
    "a detail": (Carries("", status_code=400, detail={"error": "what?"}), 400, "what?"),
    "a deeper detail": (
        Carries("", status_code=400, detail={"error": {"message": "what?"}}),
        400,
        "what?",
    ),
    "an overload that LiteLLM does not know": (
        behind(Carries("busy", status_code=500), Carries("busy", status_code=529)),
        529,
        "busy",
    ),
    "an attempt that was overloaded before": (
        behind(Carries("no", status_code=401), Carries("busy", status_code=529)),
        401,
        "no",
    ),
    "no deployment": (ValueError("No deployments available for selected model"), 429, "No depl"),
    "a traceback": (ValueError(f"it broke\n{TRACEBACK}"), 500, "it broke"),
    "nothing but a traceback": (ValueError(TRACEBACK), 500, "ValueError: sizes differ"),
}


@pytest.mark.parametrize(("error", "status", "words"), UNEXPECTED.values(), ids=UNEXPECTED.keys())
def test_an_exception_is_told_with_a_status_and_words(
    error: BaseException, status: int, words: str
) -> None:
    said = told(error)

    assert said.status == status
    assert said.message.startswith(words)
    assert said.type
    assert json.loads(json.dumps(said.body))["error"]["code"] == str(status)
    assert "Traceback" not in said.message


def test_the_type_is_that_of_the_status_which_is_told() -> None:
    unexpected = Carries("no", status_code=500, type="internal_server_error")

    said = told(behind(unexpected, AttributeError("'str' has no get")))

    assert (said.status, said.type) == (400, "invalid_request_error")


def test_a_refusal_of_ours_stays_what_it_is_whatever_is_behind_it() -> None:
    said = told(behind(Refusal(500, "x_error", "no count"), AttributeError("'list' has no get")))

    assert (said.status, said.type, said.message) == (500, "x_error", "no count")


BODIES: dict[str, tuple[object, str, dict[str, str]]] = {
    "a code that clients know": (
        {"code": "context_length_exceeded", "message": "with sk-known-0001", "type": "t"},
        "context_length_exceeded",
        {"code": "context_length_exceeded", "message": f"with {HIDDEN}", "type": "t"},
    ),
    "another code": ({"code": "cyber_policy"}, "400", {"code": "cyber_policy"}),
    "no text": ({"code": 7, "message": None, "type": ["t"]}, "400", {}),
    "no object": ("a page", "400", {}),
}


@pytest.mark.parametrize(("body", "code", "said"), BODIES.values(), ids=BODIES)
def test_what_a_provider_said_itself_is_kept_without_secrets(
    body: object, code: str, said: dict[str, str]
) -> None:
    problem = told(Carries("no", status_code=400, body=body), ("sk-known-0001",))

    assert problem.said == said
    assert problem.body["error"]["code"] == code


WAITS: dict[str, tuple[BaseException, str | None]] = {
    "in its headers": (Carries("", status_code=429, headers={"Retry-After": "7"}), "7"),
    "in its answer": (Carries("", response=Answer(429, retry_after="7")), "7"),
    "as LiteLLM renames it": (
        Carries("", status_code=429, litellm_response_headers={"llm_provider-retry-after": "7"}),
        "7",
    ),
    "as a date": (
        Carries("", status_code=503, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        "Wed, 21 Oct 2026 07:28:00 GMT",
    ),
    "in what it was made of": (
        behind(
            Carries("", status_code=429), Carries("", status_code=429, headers={"retry-after": "7"})
        ),
        "7",
    ),
    "by a cooldown": (Carries("", cooldown_time=4.2), "5"),
    "by another attempt": (
        behind(
            Carries("", status_code=500), Carries("", status_code=429, headers={"retry-after": "7"})
        ),
        None,
    ),
    "with a line that it should not have": (
        Carries("", status_code=429, headers={"retry-after": "7\r\nset-cookie: a=b"}),
        None,
    ),
    "not at all": (Carries("", status_code=429), None),
}


@pytest.mark.parametrize(("error", "wait"), WAITS.values(), ids=WAITS.keys())
def test_the_time_to_come_back_is_kept(error: BaseException, wait: str | None) -> None:
    assert told(error).retry_after == wait
    assert told(error).headers == ({"retry-after": wait} if wait else {})


KEPT = (
    "/chat/completions: Invalid model name passed in model=team/gpt:fast",
    "Invalid URL (POST /v1/embeddings)",
    "see https://docs.litellm.ai/docs/proxy/usr/errors for more",
    "either/or, 3/4 and and/opt are words",
)
TAKEN_OUT = (
    ("no file /home/alice/litellm.yaml here", "alice"),
    ("no file ~/secret/place here", "secret"),
    (f"in {sys.prefix}/lib", sys.prefix),
    (f"in {ROOT}/gateway", str(ROOT)),
    ("at /opt/x/y.py:12", "/opt"),
    ("at C:\\Users\\alice\\x.py", "alice"),
    ("File '/srv/models/a.bin'", "models"),
    ("sent with Bearer of-somebody-else", "of-somebody-else"),
    ("key sk-abcdefgh12345678 is wrong", "sk-abcdefgh12345678"),
    ("key hunter2-hunter2 is wrong", "hunter2"),
    ("GET http://user:password@host/path", "password"),
)


@pytest.mark.parametrize("words", KEPT)
def test_words_that_give_nothing_away_stay_as_they_are(words: str) -> None:
    assert clean(words) == words


@pytest.mark.parametrize(("words", "secret"), TAKEN_OUT)
def test_keys_and_places_of_this_machine_are_taken_out(words: str, secret: str) -> None:
    said = clean(words, ("hunter2-hunter2",))

    assert secret not in said
    assert HIDDEN in said


def test_the_invitation_to_report_a_bug_is_taken_out() -> None:
    notice = "This looks like a bug in LiteLLM rather than in your request. File it: https://x.y"
    assert clean(f"it broke\n{notice}") == "it broke"


@settings(max_examples=60)
@given(
    pieces=lists(
        sampled_from(["sk-known-0001", "/home/alice/x", TRACEBACK, "word ", "\n", "é", "\udc80"])
        | text(max_size=40),
        max_size=30,
    ),
    repeat=integers(1, 200),
)
def test_whatever_is_said_is_short_and_holds_no_known_key(pieces: list[str], repeat: int) -> None:
    said = told(ValueError(" ".join(pieces * repeat)), ("sk-known-0001",))

    assert len(said.message) <= LONGEST_MESSAGE
    assert "sk-known-0001" not in said.message
    assert "alice" not in said.message
    assert "Traceback" not in said.message


STATUSES = {
    "AuthenticationError": 401,
    "NotFoundError": 404,
    "BadRequestError": 400,
    "UnprocessableEntityError": 422,
    "Timeout": 408,
    "PermissionDeniedError": 403,
    "RateLimitError": 429,
    "ContextWindowExceededError": 400,
    "ContentPolicyViolationError": 400,
    "RejectedRequestError": 400,
    "UnsupportedParamsError": 400,
    "PaymentRequiredError": 402,
    "ServiceUnavailableError": 503,
    "BadGatewayError": 502,
    "InternalServerError": 500,
    "APIError": 503,
    "APIConnectionError": 500,
    "APIResponseValidationError": 500,
    "JSONSchemaValidationError": 500,
    "BudgetExceededError": 422,
    "MidStreamFallbackError": 503,
    "ModelNotMappedError": 500,
    "OpenAIError": 500,
    "RouterRateLimitError": 429,
    "RouterRateLimitErrorBasic": 429,
}
EVERY_EXCEPTION = """
import inspect, json, sys
sys.path.append(sys.argv[1])
import httpx, litellm
from litellm.types.router import RouterRateLimitError, RouterRateLimitErrorBasic
from gateway.inside.sdk.errors import told

STATUSES = json.loads(sys.argv[2])
REQUEST = httpx.Request("POST", "https://api.example/v1")
GIVEN = {
    "message": "no, with sk-known-0001 from /home/alice/litellm.yaml",
    "model": "gpt", "llm_provider": "openai", "status_code": 503,
    "request": REQUEST, "failures": [], "current_cost": 2.0, "max_budget": 1.0,
    "raw_response": "{}",
    "schema": "{}", "guardrail_name": "g", "entity_type": "PERSON", "model_group": "gpt",
    "request_data": {}, "original_response": None, "cooldown_time": 4.2,
    "enable_pre_call_checks": False, "cooldown_list": [], "routed_model": "gpt",
}

def made(kind):
    status = STATUSES.get(kind.__name__, 500)
    answer = httpx.Response(status, headers={"retry-after": "7"}, request=REQUEST)
    given = GIVEN | {"response": answer}
    wanted = inspect.signature(kind.__init__).parameters.values()
    needed = {
        p.name: given.get(p.name, "x")
        for p in wanted
        if p.name != "self" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and (p.default is p.empty or p.name in ("message", "response"))
    }
    return kind(**needed)

kinds = {
    name: kind
    for name, kind in vars(litellm.exceptions).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
    and kind.__module__ == "litellm.exceptions"
}
kinds |= {kind.__name__: kind for kind in (RouterRateLimitError, RouterRateLimitErrorBasic)}
said, failed = {}, {}
for name, kind in kinds.items():
    try:
        error = made(kind)
    except Exception as wrong:
        failed[name] = repr(wrong)
        continue
    problem = told(error, ("sk-known-0001",))
    said[name] = [problem.status, problem.type, problem.message, problem.retry_after]
print(json.dumps({"said": said, "failed": failed}))
"""


@pytest.fixture(scope="module")
def of_litellm(litellm_environment: Path) -> dict[str, Any]:
    """What becomes of each exception that LiteLLM has, in LiteLLM's environment."""
    done = subprocess.run(
        [
            litellm_environment / "bin" / "python",
            "-c",
            EVERY_EXCEPTION,
            str(ROOT),
            json.dumps(STATUSES),
        ],
        env=child_environment(os.environ, "sk-master"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.e2e
def test_every_exception_of_litellm_has_a_status_and_gives_nothing_away(
    of_litellm: dict[str, Any],
) -> None:
    said = of_litellm["said"]

    assert of_litellm["failed"] == {}
    assert set(STATUSES) <= set(said)
    for name, (status, kind, message, _) in said.items():
        assert 400 <= status <= 599, name
        assert STATUSES.get(name, status) == status, name
        assert kind, name
        for secret in ("sk-known-0001", "alice"):
            assert secret not in message, name


@pytest.mark.e2e
def test_a_rate_limit_of_litellm_says_when_to_come_back(of_litellm: dict[str, Any]) -> None:
    said = of_litellm["said"]
    assert said["RateLimitError"][3] == "7"
    assert said["RouterRateLimitError"][3] == "5"


def test_an_error_has_the_shape_that_clients_know() -> None:
    problem = Told(429, "rate_limit_error", "slow down", "model", "7")
    assert problem.body == {
        "error": {
            "message": "slow down",
            "type": "rate_limit_error",
            "param": "model",
            "code": "429",
        }
    }
