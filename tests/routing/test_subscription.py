import pytest

from routing.config import load
from routing.facts import RequestFacts
from routing.subscription import is_subscription

PROVIDERS = {provider.name: provider for provider in load(None).provider_list}


def paid_by_login(provider: str, host: str, **headers: str) -> bool:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    facts = RequestFacts(18800, "POST", host, 443, "/v1/messages", pairs)
    return is_subscription(facts, PROVIDERS[provider], host)


@pytest.mark.parametrize(
    ("provider", "host", "headers"),
    [
        pytest.param(
            "anthropic",
            "api.anthropic.com",
            {"Authorization": "Bearer sk-ant-oat01-abc"},
            id="Claude",
        ),
        pytest.param(
            "anthropic",
            "127.0.0.1",
            {"authorization": "bearer  sk-ant-oat01-abc"},
            id="Claude by base URL, written otherwise",
        ),
        pytest.param("openai", "chatgpt.com", {}, id="ChatGPT"),
        pytest.param("openai", "ChatGPT.com.", {}, id="ChatGPT, written otherwise"),
        pytest.param("openai", "127.0.0.1", {"ChatGPT_Account_Id": "a"}, id="ChatGPT by base URL"),
        pytest.param("gemini", "cloudcode-pa.googleapis.com", {}, id="Gemini CLI"),
        pytest.param(
            "gemini",
            "generativelanguage.googleapis.com",
            {"Authorization": "Bearer ya29.abc"},
            id="Google's token",
        ),
        pytest.param("copilot", "api.githubcopilot.com", {}, id="Copilot"),
        pytest.param("copilot", "api.business.githubcopilot.com", {}, id="Copilot for companies"),
    ],
)
def test_a_login_pays(provider: str, host: str, headers: dict[str, str]) -> None:
    assert paid_by_login(provider, host, **headers)


@pytest.mark.parametrize(
    ("provider", "host", "headers"),
    [
        pytest.param("anthropic", "api.anthropic.com", {"x_api_key": "sk-ant-api03"}, id="Claude"),
        pytest.param(
            "anthropic",
            "api.anthropic.com",
            {"Authorization": "Bearer sk-ant-api03-abc"},
            id="Claude's key as a bearer",
        ),
        pytest.param(
            "openai", "api.openai.com", {"Authorization": "Bearer sk-proj-abc"}, id="OpenAI"
        ),
        pytest.param(
            "anthropic",
            "api.anthropic.com",
            {"Authorization": "Basic sk-ant-oat01-abc"},
            id="another scheme",
        ),
        pytest.param(
            "anthropic",
            "api.anthropic.com",
            {"Authorization": "Bearer x-sk-ant-oat01"},
            id="a token that only holds the mark",
        ),
        pytest.param("openai", "api.openai.com", {"ChatGPT_Account_Id": ""}, id="an empty account"),
        pytest.param("openai", "api.openai.com", {"Authorization": ""}, id="an empty header"),
        pytest.param("gemini", "generativelanguage.googleapis.com", {}, id="no credential"),
    ],
)
def test_a_key_pays(provider: str, host: str, headers: dict[str, str]) -> None:
    assert not paid_by_login(provider, host, **headers)
