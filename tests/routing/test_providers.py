import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.config import load
from routing.providers import Address, Provider, provider_of

SHIPPED = load(None).provider_list
BY_NAME = {provider.name: provider for provider in SHIPPED}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.anthropic.com", "anthropic"),
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("chatgpt.com", "openai"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("cloudcode-pa.googleapis.com", "gemini"),
        ("api.groq.com", "groq"),
        ("openrouter.ai", "openrouter"),
        ("api.mistral.ai", "mistral"),
        ("codestral.mistral.ai", "mistral"),
        ("api.deepseek.com", "deepseek"),
        ("api.x.ai", "xai"),
        ("us-east-1.api.x.ai", "xai"),
        ("acme.openai.azure.com", "azure"),
        ("acme.cognitiveservices.azure.com", "azure"),
        ("acme.services.ai.azure.com", "azure"),
        ("api.githubcopilot.com", "copilot"),
        ("api.individual.githubcopilot.com", "copilot"),
        ("api.business.githubcopilot.com", "copilot"),
        ("API.OpenAI.com", "openai"),
        ("api.openai.com.", "openai"),
        ("ACME.OPENAI.AZURE.COM.", "azure"),
    ],
)
def test_a_host_of_a_provider_is_looked_into(host: str, name: str) -> None:
    provider = provider_of(host, SHIPPED)

    assert provider is not None
    assert provider.name == name


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("", id="nothing"),
        pytest.param("example.org", id="another host"),
        pytest.param("api.openai.com.evil.test", id="a provider's name in front"),
        pytest.param("evil-api.openai.com.test", id="another top level"),
        pytest.param("xapi.openai.com", id="a longer first name"),
        pytest.param("evilchatgpt.com", id="a longer name"),
        pytest.param("www.chatgpt.com", id="the chat's web site"),
        pytest.param("ab.chatgpt.com", id="telemetry beside the chat"),
        pytest.param("openai.com", id="the domain alone"),
        pytest.param("platform.openai.com", id="a web site"),
        pytest.param("auth.openai.com", id="the log-in"),
        pytest.param("console.anthropic.com", id="a console"),
        pytest.param("anthropic.com", id="the other domain alone"),
        pytest.param("openai.azure.com", id="Azure without a resource"),
        pytest.param("openai.azure.com.evil.test", id="Azure in front"),
        pytest.param("storage.googleapis.com", id="another service of Google"),
        pytest.param("oauth2.googleapis.com", id="Google's log-in"),
        pytest.param("api.github.com", id="GitHub"),
        pytest.param("githubcopilot.com", id="Copilot's domain alone"),
        pytest.param("evilgithubcopilot.com", id="a longer domain"),
        pytest.param("api.groq.com:443", id="with a port"),
        pytest.param("https://api.groq.com", id="with a scheme"),
        pytest.param("api.openai.com\n", id="with a line break"),
        pytest.param(" api.openai.com", id="with a space"),
        pytest.param("api-openai.com", id="a dash for a dot"),
        pytest.param("api.openai.c\u043em", id="a letter that only looks alike"),
    ],
)
def test_any_other_host_is_nobodys(host: str) -> None:
    assert provider_of(host, SHIPPED) is None


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", max_size=30))
def test_whatever_is_appended_to_a_providers_host_makes_it_another(suffix: str) -> None:
    for host in ("api.anthropic.com", "api.groq.com", "chatgpt.com"):
        found = provider_of(host + "." + suffix, SHIPPED)

        assert (found is not None) == (suffix.strip(".") == "")


def test_the_first_provider_with_a_host_owns_it() -> None:
    first = Provider("first", ("*.shared.test",), "openai-chat", None)
    second = Provider("second", ("api.shared.test",), "openai-chat", None)

    assert provider_of("api.shared.test", [first, second]) is first
    assert provider_of("api.shared.test", [second, first]) is second


@pytest.mark.parametrize(
    ("name", "given_path", "mounted"),
    [
        ("anthropic", "/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("anthropic", "/messages", "/v1/messages"),
        ("anthropic", "/v1", "/v1"),
        ("anthropic", "/v1?a=b", "/v1?a=b"),
        ("openai", "/v1/chat/completions", "/v1/chat/completions"),
        ("openai", "/chat/completions", "/v1/chat/completions"),
        ("openai", "/models?limit=1", "/v1/models?limit=1"),
        ("openai", "/v2/chat/completions", "/v2/chat/completions"),
        ("gemini", "/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent"),
        ("gemini", "/v1/models/g:generateContent", "/v1/models/g:generateContent"),
        ("gemini", "/v1alpha/models", "/v1alpha/models"),
        ("gemini", "/models/g:generateContent", "/v1beta/models/g:generateContent"),
        ("gemini", "/upload/v1beta/files?alt=json", "/upload/v1beta/files?alt=json"),
        ("groq", "/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", "/chat/completions", "/openai/v1/chat/completions"),
        ("openrouter", "/api/v1/chat/completions", "/api/v1/chat/completions"),
        ("openrouter", "/v1/chat/completions", "/api/v1/chat/completions"),
        ("openrouter", "/chat/completions", "/api/v1/chat/completions"),
        ("mistral", "/v1/chat/completions", "/v1/chat/completions"),
        ("mistral", "/chat/completions", "/v1/chat/completions"),
        ("deepseek", "/chat/completions", "/chat/completions"),
        ("deepseek", "/v1/chat/completions", "/v1/chat/completions"),
        ("deepseek", "/anthropic/v1/messages", "/anthropic/v1/messages"),
        ("xai", "/v1/chat/completions", "/v1/chat/completions"),
        ("xai", "/chat/completions", "/v1/chat/completions"),
        (
            "azure",
            "/openai/deployments/d/chat/completions",
            "/openai/deployments/d/chat/completions",
        ),
        ("azure", "/deployments/d/chat/completions", "/openai/deployments/d/chat/completions"),
        ("azure", "/v1/responses", "/openai/v1/responses"),
        ("azure", "/openai/v1/responses", "/openai/v1/responses"),
        ("copilot", "/chat/completions", "/chat/completions"),
        ("copilot", "/v1/messages", "/v1/messages"),
    ],
)
def test_a_base_url_may_name_as_much_of_the_path_as_it_likes(
    name: str, given_path: str, mounted: str
) -> None:
    assert BY_NAME[name].mounted(given_path) == mounted


@pytest.mark.parametrize("provider", SHIPPED, ids=lambda provider: provider.name)
def test_a_path_that_is_mounted_stays_so(provider: Provider) -> None:
    once = provider.mounted("/chat/completions?x=/v1/y")

    assert provider.mounted(once) == once
    assert once == f"{provider.mount}/chat/completions?x=/v1/y"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.example.test", Address("https", "api.example.test", 443)),
        ("http://api.example.test", Address("http", "api.example.test", 80)),
        ("http://127.0.0.1:4000/", Address("http", "127.0.0.1", 4000)),
        ("HTTPS://API.Example.test:8443", Address("https", "api.example.test", 8443)),
        ("http://[::1]:4000", Address("http", "::1", 4000)),
        ("http://localhost:1", Address("http", "localhost", 1)),
        ("http://lite_llm:65535", Address("http", "lite_llm", 65535)),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("localhost:4000", id="no scheme"),
        pytest.param("ftp://host", id="another scheme"),
        pytest.param("http://", id="no host"),
        pytest.param("http://:4000", id="a port alone"),
        pytest.param("http://host:0", id="port 0"),
        pytest.param("http://host:65536", id="a port too high"),
        pytest.param("http://host:sk-secret", id="a port that is no number"),
        pytest.param("http://host:\uff14\uff10", id="digits of another script"),
        pytest.param("http://host/v1", id="a path"),
        pytest.param("http://host?a=sk-secret", id="a query"),
        pytest.param("http://host#sk-secret", id="a fragment"),
        pytest.param("http://me:sk-secret@host", id="a password"),
        pytest.param("http://me:sk-secret/x@host", id="a password with a slash"),
        pytest.param("http://[sk-secret", id="a broken bracket"),
        pytest.param("http://sk-secret℀.test", id="a letter that normalises to a slash"),
        pytest.param("http://host\n", id="a line break"),
        pytest.param("http://two words", id="a space"),
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected http://HOST\[:PORT\]") as caught:
        Address.parse(url)

    assert "secret" not in str(caught.value)


@given(
    st.builds(
        Address,
        st.sampled_from(["http", "https"]),
        st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
        | st.ip_addresses().map(str),
        st.integers(1, 65535),
    )
)
def test_an_address_is_written_as_it_is_read(address: Address) -> None:
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("address", "written"),
    [
        (Address("https", "a.test", 443), "https://a.test"),
        (Address("http", "a.test", 443), "http://a.test:443"),
        (Address("http", "::1", 80), "http://[::1]"),
    ],
)
def test_an_address_names_its_port_where_it_is_not_the_usual_one(
    address: Address, written: str
) -> None:
    assert str(address) == written
