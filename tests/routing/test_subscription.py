from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.config import DEFAULTS, Config, ViaLiteLLM, load, understand
from routing.decide import LiteLLMNow, decide
from routing.facts import RequestFacts
from routing.port_registry import Project
from routing.projects import Projects
from routing.providers import Address
from routing.subscription import is_subscription
from routing.yaml_source import parse, read

PROVIDERS = {provider.name: provider for provider in load(None).provider_list}
GEMINI = "generativelanguage.googleapis.com"


def token_of(issuer: str) -> str:
    """A JSON Web Token as far as anybody can read it without its key."""
    parts = ('{"alg":"RS256"}', f'{{"aud":["https://api.openai.com/v1"],"iss":"{issuer}"}}', "sign")
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


CHATGPT = token_of("https://auth.openai.com")


def paid_by_login(provider: str, host: str, path: str = "/v1/messages", **headers: str) -> bool:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    facts = RequestFacts(18800, "POST", host, 443, path, pairs)
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
        pytest.param("copilot", "copilot-api.acme.ghe.com", {}, id="Copilot at a company"),
        pytest.param(
            "anthropic",
            "gateway.test",
            {"Authorization": "Bearer tid=abc;exp=1;sku=x:0a"},
            id="Copilot's token",
        ),
        pytest.param("openai", "h", {"Authorization": "token ghu_abc"}, id="GitHub's, its scheme"),
        pytest.param("openai", "h", {"Authorization": "Bearer gho_abc"}, id="GitHub's"),
        pytest.param(
            "openai", "127.0.0.1", {"Authorization": f"Bearer {CHATGPT}"}, id="ChatGPT's token"
        ),
        pytest.param(
            "openai",
            "127.0.0.1",
            {"Authorization": f"Bearer {token_of('https://auth0.openai.com/')}"},
            id="ChatGPT's token of old",
        ),
        pytest.param(
            "anthropic", "api.anthropic.com", {"X_Api_Key": "sk-ant-oat01-a"}, id="as if a key"
        ),
        pytest.param("gemini", GEMINI, {"X_Goog_Api_Key": "ya29.abc"}, id="Google's as if a key"),
        pytest.param("gemini", GEMINI, {"Authorization": "ya29.abc"}, id="no scheme"),
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
        pytest.param("openai", "127.0.0.1", {"Cookie": "a=1; tid=abc"}, id="a cookie"),
        pytest.param("openai", "127.0.0.1", {"X_Trace": "tid=abc"}, id="no credential's header"),
        pytest.param(
            "openai", "127.0.0.1", {"Proxy_Authorization": "Bearer ya29.a"}, id="a proxy's"
        ),
        pytest.param(
            "azure",
            "acme.openai.azure.com",
            {"Authorization": f"Bearer {token_of('https://sts.windows.net/')}"},
            id="Azure's token",
        ),
        pytest.param("openai", "127.0.0.1", {"Authorization": "Bearer eyJhbG"}, id="half a token"),
        pytest.param(
            "openai", "127.0.0.1", {"Authorization": "Bearer eyJ.é.é"}, id="no token at all"
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


@pytest.mark.parametrize(
    "query",
    [
        "access_token=ya29.a0Abc",
        "access_token=opaque",
        "alt=sse&oauth_token=opaque",
        "Access%5FToken=ya29.abc&alt=sse",
        "key=ya29.abc",
    ],
)
def test_a_login_pays_that_stands_in_the_query(query: str) -> None:
    assert paid_by_login("gemini", GEMINI, f"/v1beta/models/g:generateContent?{query}")


@pytest.mark.parametrize(
    "query",
    [
        "key=AIzaSy",
        "access_token=",
        "alt=ya29.abc",
        "my_access_token=a",
        "",
        "%ff=%ff&key=\udcff&=&",
    ],
)
def test_a_key_pays_where_the_query_holds_no_login(query: str) -> None:
    assert not paid_by_login("gemini", GEMINI, f"/v1beta/models/g:generateContent?{query}")


# A login in any place, on any way to us, under any rules: where the request goes.

PORT, SHOP = 18800, Project("/code/shop", 18801, "2026-01-01T00:00:00+00:00")
UP: Mapping[ViaLiteLLM, LiteLLMNow] = {
    "litellm": LiteLLMNow(Address("http", "127.0.0.1", 4000), "up"),
    "sdk": LiteLLMNow(Address("http", "127.0.0.1", 4001), "up"),
}
NOTHING: Mapping[ViaLiteLLM, LiteLLMNow] = {}
some = st.sampled_from
conditions = st.lists(
    some(
        [
            *("project: /code/shop", "project: /", "provider: openai", "provider: anthropic"),
            *("provider: gemini", "provider: copilot", "provider: groq", "model: '*'"),
        ]
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda condition: condition.partition(":")[0],
).map(", ".join)
backends = some(["direct", "litellm", "sdk"])
rules = st.lists(st.builds("{{{}, backend: {}}}".format, conditions, backends), max_size=3)
ENTERPRISE = "copilot: {hosts: [copilot-api.acme.ghe.com], api: 'https://copilot-api.acme.ghe.com'}"


def settings(rules: list[str], backend: str, litellm: str) -> Config:
    text = (
        f"{{backend: {backend}, backends: [{', '.join(rules)}], providers: {{{ENTERPRISE}}},"
        f" litellm: {{config: litellm.yaml, {litellm}}}}}"
    )
    return understand(parse(text, "/etc/config.yaml", {}), read(DEFAULTS, {}))


configs = st.builds(
    settings,
    rules,
    backends,
    some(["when_down: error", "when_down: direct", "forward_credentials: true"]),
)
tokens = st.builds(
    "{}{}".format,
    some(["sk-ant-oat01-", "ya29.", "tid=", "gho_", "ghu_", f"{CHATGPT}"]),
    st.text("abcXYZ019-_;=:.", max_size=20),
)
in_headers = st.builds(
    lambda name, scheme, token: ((name, f"{scheme}{token}"),),
    some(["Authorization", "authorization", "x-api-key", "X-Goog-Api-Key", "api-key"]),
    some(["Bearer ", "bearer  ", "token ", ""]),
    tokens,
) | some([(("ChatGPT-Account-Id", "a"),)])
in_queries = st.builds("{}={}".format, some(["access_token", "oauth_token", "key"]), tokens)
keys = some([(), (("x-api-key", "sk-ant-api03-a"),), (("Authorization", "Bearer sk-a"),)])
logins = st.tuples(in_headers, st.just("")) | st.tuples(keys, in_queries.map("?alt=sse&{}".format))
CALLS = [
    ("api.anthropic.com", "", "/v1/messages"),
    ("api.openai.com", "", "/v1/responses"),
    ("api.openai.com", "/openai", "/v1/chat/completions"),
    (GEMINI, "", "/v1beta/models/g:streamGenerateContent"),
    ("api.groq.com", "/groq", "/openai/v1/chat/completions"),
    ("copilot-api.acme.ghe.com", "/copilot", "/chat/completions"),
]


def asked(
    call: tuple[str, str, str],
    headers: tuple[tuple[str, str], ...],
    query: str,
    *,
    by_base_url: bool,
    is_handshake: bool,
    in_shop: bool,
) -> RequestFacts:
    host, mount, path = call
    port = SHOP.port if in_shop else PORT
    facts = RequestFacts(port, "POST", host, 443, f"{path}{query}", headers, model="gpt-5")
    if by_base_url:
        facts = replace(facts, host="127.0.0.1", port=port, path=f"{mount}{path}{query}")
    if is_handshake:
        return replace(
            facts, method="GET", model=None, headers=(*headers, ("Upgrade", "websocket"))
        )
    return facts


ways = st.fixed_dictionaries(
    dict.fromkeys(["by_base_url", "is_handshake", "in_shop"], st.booleans())
)


@given(some(CALLS), logins, ways, configs)
def test_a_login_goes_direct_and_unchanged_whatever_the_config_says(
    call: tuple[str, str, str],
    login: tuple[tuple[tuple[str, str], ...], str],
    way: dict[str, bool],
    config: Config,
) -> None:
    facts = asked(call, *login, **way)
    for litellms in (UP, NOTHING):
        route = decide(facts, config, Projects((SHOP,)), litellms)

        assert (route.backend, route.problem, route.in_place_of) == ("direct", None, None)
        assert route.model is None
        if facts.host == "127.0.0.1":
            assert route.target == Address("https", call[0], 443)
            assert route.path == f"{call[2]}{login[1]}"
        else:
            assert (route.target, route.path) == (None, None)
