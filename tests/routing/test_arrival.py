import pytest

from routing.arrival import OwnPage, Refused, ToProvider, arrival_of, is_for_us, is_loopback
from routing.config import load
from routing.facts import RequestFacts

PROVIDERS = load(None).provider_list
PORT = 18800


def asked(
    path: str,
    *headers: tuple[str, str],
    host: str = "127.0.0.1",
    port: int = PORT,
    method: str = "POST",
) -> RequestFacts:
    return RequestFacts(PORT, method, host, port, path, headers)


def to_provider(facts: RequestFacts) -> tuple[str, str, bool]:
    arrival = arrival_of(facts, PROVIDERS)
    assert isinstance(arrival, ToProvider)
    return arrival.provider.name, arrival.path, arrival.by_base_url


def refused(facts: RequestFacts) -> Refused:
    arrival = arrival_of(facts, PROVIDERS)
    assert isinstance(arrival, Refused)
    return arrival


@pytest.mark.parametrize(
    ("host", "port", "is_ours"),
    [
        ("127.0.0.1", PORT, True),
        ("127.8.8.8", PORT, True),
        ("::1", PORT, True),
        ("localhost", PORT, True),
        ("LocalHost", PORT, True),
        ("localhost.", PORT, True),
        ("proxy.localhost", PORT, True),
        ("memory.proxy", 80, True),
        ("Memory.Proxy.", 443, True),
        ("127.0.0.1", PORT + 1, False),
        ("localhost", 80, False),
        ("192.168.1.1", PORT, False),
        ("0.0.0.0", PORT, False),
        ("evil.test", PORT, False),
        ("localhost.evil.test", PORT, False),
        ("127.0.0.1.evil.test", PORT, False),
        ("evil-localhost", PORT, False),
        ("memory.proxy.evil.test", PORT, False),
        ("", PORT, False),
    ],
)
def test_a_request_is_for_us_by_port_and_loopback_host(host: str, port: int, is_ours: bool) -> None:
    assert is_for_us(asked("/health", host=host, port=port)) is is_ours


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("a.LOCALHOST", True),
        ("127.1", False),
        ("10.0.0.1", False),
        ("::", False),
        ("localhos", False),
        ("[::1]", False),
        ("", False),
    ],
)
def test_a_loopback_host_is_a_name_or_a_whole_address(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


@pytest.mark.parametrize("path", ["/health", "/memory-routing/info", "/v1/messages", "/groq/x"])
def test_through_the_proxy_a_providers_path_is_the_providers(path: str) -> None:
    facts = asked(f"{path}?a=b", host="api.groq.com", port=443)

    assert to_provider(facts) == ("groq", f"{path}?a=b", False)


def test_through_the_proxy_a_page_may_call_its_provider() -> None:
    facts = asked("/v1/messages", ("Origin", "https://a.test"), host="api.anthropic.com", port=443)

    assert to_provider(facts) == ("anthropic", "/v1/messages", False)


@pytest.mark.parametrize(
    ("host", "port"),
    [("example.org", 80), ("127.0.0.1", 8000), ("api.openai.com.evil.test", 443)],
)
def test_another_hosts_request_is_none_of_our_business(host: str, port: int) -> None:
    for path in ("/health", "/v1/messages", "/openai/v1/models", "/"):
        assert arrival_of(asked(path, host=host, port=port), PROVIDERS) is None


@pytest.mark.parametrize("path", ["/health", "/memory-routing/info"])
@pytest.mark.parametrize("query", ["", "?", "?verbose=1"])
def test_a_page_of_ours_is_ours_with_any_query(path: str, query: str) -> None:
    assert arrival_of(asked(path + query), PROVIDERS) == OwnPage(path)
    assert arrival_of(asked(path + query, host="memory.proxy", port=80), PROVIDERS) == (
        OwnPage(path)
    )


@pytest.mark.parametrize(
    ("path", "provider", "providers_path"),
    [
        ("/v1/chat/completions", "openai", "/v1/chat/completions"),
        ("/chat/completions?a=b", "openai", "/v1/chat/completions?a=b"),
        ("/v1/responses", "openai", "/v1/responses"),
        ("/v1/embeddings", "openai", "/v1/embeddings"),
        ("/v1/messages?beta=true", "anthropic", "/v1/messages?beta=true"),
        ("/messages", "anthropic", "/v1/messages"),
        ("/v1/messages/count_tokens", "anthropic", "/v1/messages/count_tokens"),
        ("/v1/messages/batches", "anthropic", "/v1/messages/batches"),
        ("/v1beta/models", "gemini", "/v1beta/models"),
        ("/v1beta/models/g:generateContent", "gemini", "/v1beta/models/g:generateContent"),
        ("/v1/models/g:generateContent?alt=sse", "gemini", "/v1/models/g:generateContent?alt=sse"),
        ("/v1alpha/models/g:countTokens", "gemini", "/v1alpha/models/g:countTokens"),
        ("/anthropic/v1/messages", "anthropic", "/v1/messages"),
        ("/openai/v1/chat/completions?q=/x", "openai", "/v1/chat/completions?q=/x"),
        ("/openai/v1/files", "openai", "/v1/files"),
        ("/groq/openai/v1/chat/completions", "groq", "/openai/v1/chat/completions"),
        ("/groq/v1/chat/completions", "groq", "/openai/v1/chat/completions"),
        ("/gemini/v1beta/models/g:generateContent", "gemini", "/v1beta/models/g:generateContent"),
        ("/gemini/upload/v1beta/files", "gemini", "/upload/v1beta/files"),
        ("/openrouter/v1/chat/completions", "openrouter", "/api/v1/chat/completions"),
        ("/mistral/v1/chat/completions", "mistral", "/v1/chat/completions"),
        ("/deepseek/chat/completions", "deepseek", "/chat/completions"),
        ("/xai/v1/chat/completions", "xai", "/v1/chat/completions"),
        ("/copilot/chat/completions", "copilot", "/chat/completions"),
    ],
)
@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", PORT), ("memory.proxy", 80)])
def test_a_base_url_leads_to_a_provider(
    path: str, provider: str, providers_path: str, host: str, port: int
) -> None:
    facts = asked(path, host=host, port=port)

    assert to_provider(facts) == (provider, providers_path, True)


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/m?x=1"])
@pytest.mark.parametrize(
    ("headers", "query", "provider"),
    [
        pytest.param((), "", "openai", id="nothing"),
        pytest.param((("Authorization", "Bearer k"),), "", "openai", id="a bearer"),
        pytest.param((("x-api-key", "k"),), "", "anthropic", id="Anthropic's key"),
        pytest.param(
            (("anthropic-version", "2023-06-01"), ("Authorization", "Bearer k")),
            "",
            "anthropic",
            id="Anthropic's version",
        ),
        pytest.param((("X-Goog-Api-Key", "k"),), "", "gemini", id="Google's key"),
        pytest.param((), "key=k", "gemini", id="a key in the query"),
        pytest.param((), "monkey=k", "openai", id="a longer name in the query"),
    ],
)
def test_whose_models_are_meant_is_told_by_the_credential(
    path: str, headers: tuple[tuple[str, str], ...], query: str, provider: str
) -> None:
    mark = "&" if "?" in path else "?"
    facts = asked(path + (mark + query if query else ""), *headers, method="GET")

    assert to_provider(facts)[0] == provider


@pytest.mark.parametrize(
    ("header", "provider"),
    [
        pytest.param("authorization", "openai", id="a bearer"),
        pytest.param("x-api-key", "anthropic", id="a key of Anthropic's"),
        pytest.param("x-goog-api-key", "gemini", id="a key of Google's"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/files", "/v1/threads/t/messages", "/v1/messagesx"])
def test_any_other_path_below_v1_goes_to_whom_its_credential_belongs(
    path: str, header: str, provider: str
) -> None:
    assert to_provider(asked(path, (header, "k"))) == (provider, path, True)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "*",
        "/favicon.ico",
        "/v1",
        "/v2/chat/completions",
        "//v1/chat/completions",
        "/openai",
        "/openai/",
        "/openai?x=/v1/models",
        "/OpenAI/v1/models",
        "/unknown/v1/chat/completions",
        "/health/",
        "/healthy",
        "/memory-routing/infos",
        "/x?y=/health",
    ],
)
def test_a_path_that_nobody_has_is_refused_with_the_ways_to_say_it(path: str) -> None:
    problem = refused(asked(path)).problem

    assert (problem.status, problem.code) == (404, "unknown_path")
    assert "/anthropic" in problem.message
    assert "/v1/chat/completions" in problem.message


def test_what_is_told_of_an_unknown_path_is_printable_and_short() -> None:
    message = refused(asked("/\n\udcff" + "x" * 100_000)).problem.message

    assert message.isprintable()
    assert len(message) < 1000


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/models", "/v1beta/models", "/groq/v1/x"])
def test_a_path_of_a_provider_that_is_not_configured_is_refused(path: str) -> None:
    arrival = arrival_of(asked(path), [])

    assert isinstance(arrival, Refused)
    assert arrival.problem.code == "unknown_path"


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("https://evil.test", id="a page"),
        pytest.param("http://evil.test:18800", id="a page on our port"),
        pytest.param("HTTPS://EVIL.TEST", id="in upper case"),
        pytest.param("null", id="a page in a sandbox"),
        pytest.param("http://localhost.evil.test", id="a name that begins like ours"),
        pytest.param("http://127.0.0.1.evil.test", id="an address that goes on"),
        pytest.param("http://192.168.1.10", id="a neighbour"),
        pytest.param("http://localhost@evil.test", id="a user like ours"),
        pytest.param("http://[", id="a broken address"),
        pytest.param("http://", id="no host"),
        pytest.param("https:evil.test", id="no slashes"),
        pytest.param("evil.test", id="no scheme"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/openai/v1/models", "/health", "/nowhere"])
def test_a_web_page_from_elsewhere_is_refused(origin: str, path: str) -> None:
    problem = refused(asked(path, ("Origin", origin))).problem

    assert (problem.status, problem.code) == (403, "foreign_origin")


def test_a_web_page_from_elsewhere_is_refused_on_the_magic_host_too() -> None:
    facts = asked("/health", ("Origin", "https://evil.test"), host="memory.proxy", port=80)

    assert refused(facts).problem.code == "foreign_origin"


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("http://localhost:3000", id="a page of this machine"),
        pytest.param("https://127.0.0.1", id="its address"),
        pytest.param("http://[::1]:8080", id="its other address"),
        pytest.param("http://app.localhost", id="a name of this machine"),
        pytest.param("vscode-webview://abc", id="an editor"),
        pytest.param("app://obsidian.md", id="a desktop program"),
        pytest.param("chrome-extension://abc", id="an extension"),
        pytest.param("", id="an empty header"),
    ],
)
def test_a_page_or_program_of_this_machine_is_served(origin: str) -> None:
    assert to_provider(asked("/v1/messages", ("origin", origin)))[0] == "anthropic"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.1", "0", "::", "rebound.test", "example.com"])
def test_another_name_for_our_port_is_refused_and_leads_nowhere(host: str) -> None:
    problem = refused(asked("/v1/models", host=host)).problem

    assert (problem.status, problem.code) == (421, "wrong_host")


def test_a_stranger_at_another_port_passes() -> None:
    assert arrival_of(asked("/v1/models", host="example.com", port=80), PROVIDERS) is None
