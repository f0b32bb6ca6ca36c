"""Errors: a provider's pass as they are, ours are told in the dialect of the client."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import anthropic
import groq
import httpx
import openai
import pytest
from google import genai

from tests.e2e.http2_client import http2_client
from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.e2e.sdk_calls import Call, chat, gemini, groq_chat, messages, name_of
from tests.e2e.sdk_calls import responses as respond
from tests.e2e.sdks import Clients, reach
from tests.fakes import Authority, Provider, Step

pytestmark = pytest.mark.usefixtures("nobodys_settings")

STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 503, 529)
HEADERS = (
    ("Retry-After", "7"),
    ("retry-after-ms", "7000"),
    ("request-id", "req_of_the_provider"),
    ("X-Request-ID", "another_of_the_provider"),
    ("x-should-retry", "false"),
    ("x-ratelimit-limit-requests", "60"),
    ("x-ratelimit-remaining-tokens", "0"),
    ("x-ratelimit-reset-tokens", "6m0s"),
    ("anthropic-ratelimit-requests-remaining", "0"),
    ("anthropic-organization-id", "org-1"),
    ("x-memory-like", "of the provider, not of ours"),
    ("warning", '199 - "a, b"'),
    ("warning", "299 - again"),
)
QUESTION = {"model": "m", "max_tokens": 9, "messages": [], "input": "?", "contents": []}


@dataclass(frozen=True, slots=True)
class Endpoint:
    dialect: str
    host: str
    path: str

    def __str__(self) -> str:
        return self.dialect


CHAT = Endpoint("openai-chat", "api.openai.com", "/v1/chat/completions")
RESPONSES = Endpoint("openai-responses", "api.openai.com", "/v1/responses")
MESSAGES = Endpoint("anthropic", "api.anthropic.com", "/v1/messages")
GEMINI = Endpoint("gemini", "generativelanguage.googleapis.com", "/v1beta/models/m:generateContent")
ENDPOINTS = (CHAT, RESPONSES, MESSAGES, GEMINI)


type Route = Callable[[Mitmdump, str], httpx.Client]
"""From a proxy and a provider's host to a client of that provider."""

ROUTES: dict[str, Route] = {
    "by base URL": lambda proxy, host: httpx.Client(
        base_url=proxy.url, trust_env=False, timeout=20
    ),
    "through the proxy": lambda proxy, host: proxy.client(base_url=f"https://{host}"),
    "through the proxy on HTTP/2": lambda proxy, host: http2_client(proxy, f"https://{host}"),
}


@pytest.fixture(params=ROUTES.values(), ids=ROUTES)
def route(request: pytest.FixtureRequest) -> Route:
    chosen: Route = request.param
    return chosen


@pytest.fixture
def clients(direct: Mitmdump) -> Clients:
    return Clients(direct.url, is_mounted=True)


@pytest.fixture
def as_a_tool(direct: Mitmdump, monkeypatch: pytest.MonkeyPatch) -> Clients:
    return Clients(reach("through the proxy", direct, monkeypatch), is_mounted=True)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
@pytest.mark.parametrize("status", STATUSES)
def test_an_error_of_the_provider_passes_with_all_its_headers(
    status: int, endpoint: Endpoint, route: Route, direct: Mitmdump, provider: Provider
) -> None:
    provider.always(Step(status=status, headers=HEADERS, set_cookies=("a=1; Path=/", "b=2")))
    wanted = httpx.post(provider.url + endpoint.path, json=QUESTION, trust_env=False)
    provider.reset()  # so that both requests have the same number
    provider.always(Step(status=status, headers=HEADERS, set_cookies=("a=1; Path=/", "b=2")))

    with route(direct, endpoint.host) as client:
        answer = client.post(endpoint.path, json=QUESTION)

    assert answer.status_code == wanted.status_code == status
    assert answer.content == wanted.content
    if answer.http_version == "HTTP/2":
        assert answer.headers.raw == [(name.lower(), value) for name, value in wanted.headers.raw]
    else:
        assert answer.headers.raw == wanted.headers.raw


def test_a_page_of_html_from_a_provider_passes_as_it_is(
    route: Route, direct: Mitmdump, provider: Provider
) -> None:
    provider.script(Step(html="<h1>Bad gateway</h1>", status=502))

    with route(direct, CHAT.host) as client:
        answer = client.post(CHAT.path, json=QUESTION)

    assert (answer.status_code, answer.text) == (502, "<h1>Bad gateway</h1>")
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"


CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}
STAINLESS = ((chat, openai), (respond, openai), (messages, anthropic), (groq_chat, groq))


@pytest.mark.parametrize(("call", "sdk"), STAINLESS, ids=name_of)
@pytest.mark.parametrize("status", STATUSES)
def test_an_sdk_raises_the_class_that_belongs_to_the_status(
    status: int, call: Call, sdk: ModuleType, clients: Clients, provider: Provider
) -> None:
    provider.always(Step(status=status, headers=HEADERS))

    with pytest.raises(getattr(sdk, CLASSES[status])) as caught:
        call(clients)

    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-reset-tokens"] == "6m0s"


@pytest.mark.parametrize("status", STATUSES)
def test_the_gemini_sdk_raises_the_class_that_belongs_to_the_status(
    status: int, clients: Clients, provider: Provider
) -> None:
    provider.always(Step(status=status, headers=HEADERS))
    expected = genai.errors.ClientError if status < 500 else genai.errors.ServerError

    with pytest.raises(expected) as caught:
        gemini(clients)

    assert caught.value.code == status


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
@pytest.mark.parametrize(("call", "sdk"), STAINLESS, ids=name_of)
def test_the_provider_sees_each_retry_of_an_sdk_and_no_more(
    call: Call, sdk: ModuleType, retries: int, as_a_tool: Clients, provider: Provider
) -> None:
    provider.always(Step(status=429, headers=(("retry-after-ms", "5"),)))

    with pytest.raises(sdk.RateLimitError):
        call(replace(as_a_tool, retries=retries))

    counted = [seen.header("x-stainless-retry-count") for seen in provider.requests]
    assert counted == [str(number) for number in range(retries + 1)]


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_the_provider_sees_each_retry_of_the_gemini_sdk_and_no_more(
    retries: int, clients: Clients, provider: Provider
) -> None:
    provider.always(Step(status=503))
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
        client.models.generate_content(model="m", contents="?")

    assert len(provider.requests) == retries + 1


@pytest.mark.parametrize("call", [chat, messages, groq_chat], ids=name_of)
def test_a_call_succeeds_when_its_retry_does(
    call: Call, clients: Clients, provider: Provider
) -> None:
    soon = (("retry-after-ms", "5"),)
    provider.script(Step(status=529, headers=soon), Step(status=500, headers=soon))

    assert call(replace(clients, retries=2)) == "This is answer 3 of the scripted provider."


def test_an_sdk_waits_as_long_as_the_provider_asks(clients: Clients, provider: Provider) -> None:
    provider.script(Step(status=429, headers=(("retry-after", "1"),)))

    chat(replace(clients, retries=1))

    first, second = provider.requests
    assert second.at - first.at >= 0.95  # by itself it would wait half a second at most


# Errors of our own making


def told(endpoint: Endpoint, answer: httpx.Response, status: int) -> str:
    """The message, having seen that everything around it is as the dialect wants it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.content)
    error = body["error"]
    match endpoint.dialect:
        case "anthropic":
            assert set(body) == {"type", "error"}
            assert body["type"] == "error"
            assert set(error) == {"type", "message"}
            assert error["type"].endswith("_error")
        case "gemini":
            assert set(body) == {"error"}
            assert set(error) == {"code", "message", "status"}
            assert error["code"] == status
            assert re.fullmatch("[A-Z_]+", error["status"])
        case _:
            assert set(body) == {"error"}
            assert set(error) == {"message", "type", "param", "code"}
            assert error["type"].endswith("_error")
    message = error["message"]
    assert isinstance(message, str)
    assert message
    assert "<" not in message
    return message


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that refuses, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Provider(tls=authority.server_context()) as provider:
        yield provider


@pytest.fixture(scope="module")
def astray(
    closed_port: int, untrusted: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    """A proxy whose providers are out of reach; Groq's certificate is one that nobody knows."""
    nowhere = f"http://127.0.0.1:{closed_port}"
    config = upstreams(nowhere, "openai", "anthropic", "gemini")
    config += f"  groq: {{upstream: '{untrusted.url}'}}\n"
    config += f"  mistral: {{upstream: '{nowhere.replace('http:', 'https:')}'}}\n"
    with Mitmdump(tmp_path_factory.mktemp("astray"), config) as proxy:
        yield proxy


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a_provider_out_of_reach_is_told_in_the_dialect(
    endpoint: Endpoint, route: Route, astray: Mitmdump
) -> None:
    with route(astray, endpoint.host) as client:
        answer = client.post(endpoint.path, json=QUESTION)
        again = client.post(endpoint.path, json=QUESTION)

    assert "No answer from" in told(endpoint, answer, 502)
    assert told(endpoint, again, 502)


OTHER_REQUESTS = {
    "a list of models": ("GET", Endpoint("anthropic", "api.anthropic.com", "/v1/models"), b""),
    "a count": (
        "POST",
        Endpoint("anthropic", "api.anthropic.com", "/v1/messages/count_tokens"),
        b"{}",
    ),
    "embeddings": ("POST", Endpoint("openai-chat", "api.openai.com", "/v1/embeddings"), b"{}"),
    "a small upload": ("POST", Endpoint("openai-chat", "api.openai.com", "/v1/files"), b"x" * 99),
    "a large upload": (
        "POST",
        Endpoint("openai-chat", "api.openai.com", "/v1/files"),
        b"x" * 3_000_000,
    ),
    "TLS to a closed port": (
        "POST",
        Endpoint("openai-chat", "api.mistral.ai", "/v1/chat/completions"),
        b"{}",
    ),
}


@pytest.mark.parametrize(
    ("method", "endpoint", "body"), OTHER_REQUESTS.values(), ids=OTHER_REQUESTS
)
@pytest.mark.parametrize("is_http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_whatever_else_finds_no_provider_is_told_in_its_familys_dialect(
    method: str, endpoint: Endpoint, body: bytes, is_http2: bool, astray: Mitmdump
) -> None:
    route = ROUTES["through the proxy on HTTP/2" if is_http2 else "through the proxy"]
    with route(astray, endpoint.host) as client:
        answer = client.request(method, endpoint.path, content=body)
        again = client.request(method, endpoint.path, content=body)

    assert told(endpoint, answer, 502)
    assert told(endpoint, again, 502)


UNREACHED = (
    (chat, openai.InternalServerError),
    (respond, openai.InternalServerError),
    (messages, anthropic.InternalServerError),
    (groq_chat, groq.InternalServerError),
    (gemini, genai.errors.ServerError),
)


@pytest.mark.parametrize(("call", "expected"), UNREACHED, ids=name_of)
def test_an_sdk_raises_its_class_for_servers_errors_when_a_provider_is_out_of_reach(
    call: Call, expected: type[Exception], astray: Mitmdump
) -> None:
    with pytest.raises(expected, match="No answer from"):
        call(Clients(astray.url, is_mounted=True))


def test_a_certificate_that_nobody_trusts_is_refused_with_a_hint(
    route: Route, astray: Mitmdump, untrusted: Provider
) -> None:
    endpoint = Endpoint("openai-chat", "api.groq.com", "/openai/v1/chat/completions")
    with route(astray, endpoint.host) as client:
        path = f"/groq{endpoint.path}" if "127.0.0.1" in str(client.base_url) else endpoint.path
        answer = client.post(path, json=QUESTION, headers={"authorization": "Bearer sk-mine"})

    assert "upstream_ca" in told(endpoint, answer, 502)
    assert untrusted.requests == []


UNREADABLE = {
    "garbage": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "a lie about the length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    "nothing at all": b"",
}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_http_answer_is_told_and_the_connection_stays_of_use(
    answer: bytes, endpoint: Endpoint, route: Route, direct: Mitmdump, provider: Provider
) -> None:
    provider.script(Step(garbage=answer))

    with route(direct, endpoint.host) as client:
        first = client.post(endpoint.path, json=QUESTION)
        second = client.post(endpoint.path, json=QUESTION)

    assert told(endpoint, first, 502)
    assert second.status_code == 200
    assert connection_of(first) is connection_of(second)
    assert len(provider.requests) == 2


def connection_of(answer: httpx.Response) -> object:
    return answer.extensions["network_stream"]


@dataclass(frozen=True, slots=True)
class Refused:
    status: int
    method: str
    path: str
    says: str
    origin: str = "http://localhost"


REFUSED = {
    "an unknown path": Refused(404, "POST", "/v2/nothing", "/v2/nothing"),
    "the root": Refused(404, "GET", "/", "/v1/messages"),
    "an unknown provider": Refused(404, "POST", "/nobody/v1/chat/completions", "/anthropic"),
    "a provider without an address": Refused(404, "POST", "/azure/v1/responses", "providers.azure"),
    "a question by POST": Refused(405, "POST", "/health", "GET"),
    "who am I, by POST": Refused(405, "POST", "/memory-routing/info", "GET"),
    "a foreign page": Refused(403, "POST", CHAT.path, "evil.example", "https://evil.example"),
    "a foreign page that reads": Refused(403, "GET", "/health", "a.example", "http://a.example:80"),
    "a foreign page in a sandbox": Refused(403, "POST", CHAT.path, "null", "null"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_we_refuse_is_told_and_reaches_no_provider(
    row: Refused, direct: Mitmdump, provider: Provider
) -> None:
    with ROUTES["by base URL"](direct, "") as client:
        answer = client.request(row.method, row.path, headers={"origin": row.origin}, json={})
        after = client.get("/health")

    assert row.says in told(CHAT, answer, row.status)
    assert provider.requests == []
    assert after.status_code == 200
    assert connection_of(answer) is connection_of(after)


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "vscode-webview://1a2b", ""]
)
def test_a_page_or_program_of_this_machine_may_call(
    origin: str, direct: Mitmdump, provider: Provider
) -> None:
    with ROUTES["by base URL"](direct, "") as client:
        answer = client.post(CHAT.path, json=QUESTION, headers={"origin": origin})

    assert answer.status_code == 200
    assert provider.requests[0].header("origin") == origin
