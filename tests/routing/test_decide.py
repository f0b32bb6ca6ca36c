from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.config import DEFAULTS, Config, ViaLiteLLM, understand
from routing.decide import LiteLLMNow, decide
from routing.facts import RequestFacts
from routing.port_registry import Project
from routing.projects import Projects
from routing.providers import Address
from routing.yaml_source import parse, read

type Running = Mapping[ViaLiteLLM, LiteLLMNow]
type State = Literal["up", "starting", "installing", "down", "refused", "absent"]

PORT = 18800
SHOP = Project("/code/shop", 18801, "2026-01-01T00:00:00+00:00")
PROJECTS = Projects((SHOP,))
LITELLM = Address("http", "127.0.0.1", 4000)
SDK = Address("http", "127.0.0.1", 4001)
UP: Running = {"litellm": LiteLLMNow(LITELLM, "up"), "sdk": LiteLLMNow(SDK, "up")}
NOTHING: Running = {}


def settings(text: str = "") -> Config:
    return understand(parse(text, "config.yaml", {}), read(DEFAULTS, {}))


DIRECT = settings()
VIA_LITELLM = settings("{backend: litellm, litellm: {url: 'http://127.0.0.1:4000'}}")
OR_DIRECT = settings(
    "{backend: litellm, litellm: {url: 'http://127.0.0.1:4000', when_down: direct}}"
)
VIA_SDK = settings("{backend: sdk, litellm: {config: litellm.yaml}}")
SDK_OR_DIRECT = settings("{backend: sdk, litellm: {config: litellm.yaml, when_down: direct}}")
MAPPED = settings(
    "{backend: litellm, litellm: {url: 'http://127.0.0.1:4000', models: {'gpt-*': fast}}}"
)


def through_proxy(
    host: str, path: str, *headers: tuple[str, str], method: str = "POST"
) -> RequestFacts:
    return RequestFacts(PORT, method, host, 443, path, headers)


def by_base_url(path: str, *headers: tuple[str, str], method: str = "POST") -> RequestFacts:
    return RequestFacts(PORT, method, "127.0.0.1", PORT, path, headers)


CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Row:
    """One provider's call: how it comes by proxy and by base URL, and where it belongs."""

    name: str
    host: str
    path: str
    base_path: str
    litellms: str = CHAT
    dialect: str = "openai-chat"


EVERY_PROVIDER = [
    Row(
        "anthropic",
        "api.anthropic.com",
        "/v1/messages?beta=true",
        "/v1/messages?beta=true",
        "/v1/messages?beta=true",
        "anthropic",
    ),
    Row("openai", "api.openai.com", CHAT, CHAT),
    Row(
        "openai",
        "api.openai.com",
        "/v1/responses",
        "/openai/responses",
        "/v1/responses",
        "openai-responses",
    ),
    Row(
        "gemini",
        "generativelanguage.googleapis.com",
        "/v1beta/models/g:streamGenerateContent?alt=sse",
        "/gemini/models/g:streamGenerateContent?alt=sse",
        "/v1beta/models/g:streamGenerateContent?alt=sse",
        "gemini",
    ),
    Row("groq", "api.groq.com", f"/openai{CHAT}", f"/groq{CHAT}"),
    Row("openrouter", "openrouter.ai", f"/api{CHAT}", f"/openrouter{CHAT}"),
    Row("mistral", "api.mistral.ai", CHAT, f"/mistral{CHAT}"),
    Row("deepseek", "api.deepseek.com", "/chat/completions", "/deepseek/chat/completions"),
    Row("xai", "api.x.ai", CHAT, f"/xai{CHAT}"),
]
every_provider = pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row.name}, {row.dialect}") for row in EVERY_PROVIDER]
)


def test_every_shipped_provider_has_its_row_or_a_test_of_its_own() -> None:
    assert {row.name for row in EVERY_PROVIDER} | {"azure", "copilot"} == set(DIRECT.providers)


@every_provider
def test_direct_through_the_proxy_goes_where_the_client_sent_it(row: Row) -> None:
    route = decide(through_proxy(row.host, row.path), DIRECT, PROJECTS, {})

    assert route.provider is not None
    assert route.provider.name == row.name
    assert (route.backend, route.target, route.path) == ("direct", None, None)
    assert route.problem is None
    assert route.dialect == row.dialect


@every_provider
def test_direct_by_base_url_goes_to_the_providers_own_address(row: Row) -> None:
    route = decide(by_base_url(row.base_path), DIRECT, PROJECTS, {})

    assert route.provider is not None
    assert route.provider.name == row.name
    assert route.backend == "direct"
    assert (route.target, route.path) == (Address("https", row.host, 443), row.path)
    assert route.dialect == row.dialect


@every_provider
@pytest.mark.parametrize("by", ["proxy", "base URL"])
def test_with_litellm_every_providers_call_goes_to_litellms_route(row: Row, by: str) -> None:
    proxied, based = through_proxy(row.host, row.path), by_base_url(row.base_path)
    route = decide(proxied if by == "proxy" else based, VIA_LITELLM, PROJECTS, UP)

    assert (route.backend, route.target, route.path) == ("litellm", LITELLM, row.litellms)
    assert route.problem is None
    assert route.dialect == row.dialect
    assert route.why.endswith("backend: litellm, configured")


def test_azure_through_the_proxy_goes_to_the_resource_or_to_litellm() -> None:
    facts = through_proxy("acme.openai.azure.com", "/openai/deployments/d/chat/completions?v=1")

    direct = decide(facts, DIRECT, PROJECTS, {})
    litellm = decide(facts, VIA_LITELLM, PROJECTS, UP)

    assert (direct.backend, direct.target, direct.path) == ("direct", None, None)
    assert (litellm.target, litellm.path) == (
        LITELLM,
        "/openai/deployments/d/chat/completions?v=1",
    )


def test_azure_by_base_url_needs_to_be_told_its_address() -> None:
    facts = by_base_url("/azure/openai/deployments/d/chat/completions")
    told = settings("{providers: {azure: {api: 'https://acme.openai.azure.com'}}}")

    refused = decide(facts, DIRECT, PROJECTS, {})
    served = decide(facts, told, PROJECTS, {})

    assert refused.problem is not None
    assert (refused.problem.status, refused.problem.code) == (404, "no_address")
    assert "`providers.azure.api`" in refused.problem.message
    assert served.target == Address("https", "acme.openai.azure.com", 443)
    assert served.path == "/openai/deployments/d/chat/completions"


def test_azure_by_base_url_needs_no_address_to_go_to_litellm() -> None:
    facts = by_base_url("/azure/openai/deployments/d/chat/completions")

    route = decide(facts, VIA_LITELLM, PROJECTS, UP)

    assert (route.problem, route.target) == (None, LITELLM)


# LiteLLM's state, what the config wants then, how the client pays, and whether it upgrades.

NOT_UP: tuple[State, ...] = ("starting", "installing", "down", "absent")
LOGIN = ("Authorization", "Bearer sk-ant-oat01-abc")
A_LOGIN = "a login that only its provider understands"
KEY = ("Authorization", "Bearer sk-abc")
UPGRADE = ("Upgrade", "websocket")


def outcome(state: State, config: Config, *headers: tuple[str, str]) -> str:
    method = "GET" if UPGRADE in headers else "POST"
    facts = through_proxy("api.openai.com", "/v1/responses", *headers, method=method)
    route = decide(facts, config, PROJECTS, both(state))
    if route.problem:
        return str(route.problem.status)
    return "fallback" if route.in_place_of else route.backend


def both(state: State) -> Running:
    """The two backends of LiteLLM in the same state."""
    if state == "absent":
        return {}
    return {"litellm": LiteLLMNow(LITELLM, state), "sdk": LiteLLMNow(SDK, state)}


@pytest.mark.parametrize(
    ("states", "config", "headers", "expected"),
    [
        pytest.param(("up",), VIA_LITELLM, (KEY,), "litellm", id="key, up"),
        pytest.param(("up",), OR_DIRECT, (KEY,), "litellm", id="key, up, or direct"),
        pytest.param(NOT_UP, VIA_LITELLM, (KEY,), "503", id="key, not up"),
        pytest.param(NOT_UP, OR_DIRECT, (KEY,), "fallback", id="key, not up, or direct"),
        pytest.param(("up",), VIA_LITELLM, (KEY, UPGRADE), "426", id="upgrade, up"),
        pytest.param(("up",), OR_DIRECT, (KEY, UPGRADE), "426", id="upgrade, up, or direct"),
        pytest.param(NOT_UP, VIA_LITELLM, (KEY, UPGRADE), "426", id="upgrade, not up"),
        pytest.param(NOT_UP, OR_DIRECT, (KEY, UPGRADE), "426", id="upgrade, not up, or direct"),
        pytest.param(("up",), VIA_SDK, (KEY,), "sdk", id="SDK, key, up"),
        pytest.param(NOT_UP, VIA_SDK, (KEY,), "503", id="SDK, key, not up"),
        pytest.param(NOT_UP, SDK_OR_DIRECT, (KEY,), "fallback", id="SDK, key, not up, or direct"),
        pytest.param(("up", *NOT_UP), VIA_SDK, (KEY, UPGRADE), "426", id="SDK, upgrade"),
        pytest.param(("up", *NOT_UP), VIA_SDK, (LOGIN,), "direct", id="SDK, login"),
        pytest.param(("up", *NOT_UP), VIA_LITELLM, (LOGIN,), "direct", id="login"),
        pytest.param(("up", *NOT_UP), OR_DIRECT, (LOGIN,), "direct", id="login, or direct"),
        pytest.param(("up", *NOT_UP), VIA_LITELLM, (LOGIN, UPGRADE), "direct", id="login, upgrade"),
        pytest.param(("up", *NOT_UP), DIRECT, (KEY,), "direct", id="direct, key"),
        pytest.param(("up", *NOT_UP), DIRECT, (LOGIN,), "direct", id="direct, login"),
        pytest.param(("up", *NOT_UP), DIRECT, (KEY, UPGRADE), "direct", id="direct, upgrade"),
    ],
)
def test_the_backend_follows_the_config_the_credential_and_litellms_state(
    states: tuple[State, ...],
    config: Config,
    headers: tuple[tuple[str, str], ...],
    expected: str,
) -> None:
    assert {state: outcome(state, config, *headers) for state in states} == dict.fromkeys(
        states, expected
    )


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(
            through_proxy("api.anthropic.com", "/v1/messages", LOGIN), id="Claude with a login"
        ),
        pytest.param(by_base_url("/v1/messages", LOGIN), id="the same by base URL"),
        pytest.param(through_proxy("chatgpt.com", "/backend-api/codex/responses"), id="ChatGPT"),
        pytest.param(
            by_base_url("/v1/responses", ("chatgpt-account-id", "a")), id="ChatGPT by base URL"
        ),
        pytest.param(
            through_proxy("cloudcode-pa.googleapis.com", "/v1internal:generateContent"),
            id="Gemini CLI with a login",
        ),
        pytest.param(through_proxy("api.githubcopilot.com", "/chat/completions"), id="Copilot"),
        pytest.param(by_base_url("/copilot/chat/completions"), id="Copilot by base URL"),
    ],
)
def test_a_subscription_goes_direct_whatever_the_config_says(facts: RequestFacts) -> None:
    route = decide(facts, VIA_LITELLM, PROJECTS, UP)

    assert route.backend == "direct"
    assert route.target != LITELLM
    assert route.why.endswith("direct, a login that only its provider understands")


@pytest.mark.parametrize("state", NOT_UP)
def test_a_backend_that_is_not_up_says_when_to_come_back(state: State) -> None:
    facts = through_proxy("api.anthropic.com", "/v1/messages")
    route = decide(facts, VIA_LITELLM, PROJECTS, both(state))

    assert route.problem is not None
    assert (route.problem.status, route.problem.code) == (503, "backend_down")
    assert route.problem.retry_after
    assert "memproxy status" in route.problem.message
    assert (route.backend, route.target, route.dialect) == ("litellm", None, "anthropic")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param(
            through_proxy("api.anthropic.com", "/api/event_logging/v2/batch"),
            "not a model call",
            id="telemetry",
        ),
        pytest.param(
            through_proxy("api.openai.com", "/v1/responses", method="GET"),
            "not a model call",
            id="responses by GET without an upgrade",
        ),
        pytest.param(by_base_url("/openai/v1/files"), "not a model call", id="an upload"),
        pytest.param(
            through_proxy("generativelanguage.googleapis.com", "/v1beta/models/g:embedContent"),
            "LiteLLM has no such route",
            id="embeddings of Gemini",
        ),
    ],
)
def test_what_litellm_does_not_take_goes_direct(facts: RequestFacts, why: str) -> None:
    for litellms in (UP, {}):
        route = decide(facts, VIA_LITELLM, PROJECTS, litellms)

        assert (route.backend, route.problem) == ("direct", None)
        assert route.target != LITELLM
        assert route.why.endswith(f"backend: direct, {why}")


@pytest.mark.parametrize(
    ("host", "port"),
    [("example.org", 443), ("127.0.0.1", 8000), ("api.openai.com.evil.test", 443)],
)
@pytest.mark.parametrize("config", [DIRECT, VIA_LITELLM])
def test_a_request_to_any_other_host_passes_as_it_is(host: str, port: int, config: Config) -> None:
    facts = RequestFacts(PORT, "POST", host, port, "/v1/messages")
    route = decide(facts, config, PROJECTS, UP)

    assert (route.backend, route.target, route.path) == ("direct", None, None)
    assert (route.provider, route.call, route.page, route.problem) == (None, None, None, None)
    assert route.why.endswith("backend: no provider of ours")


@pytest.mark.parametrize("page", ["/health", "/memory-routing/info"])
@pytest.mark.parametrize(
    ("config", "backend"),
    [
        pytest.param(DIRECT, "direct", id="direct"),
        pytest.param(VIA_LITELLM, "litellm", id="LiteLLM"),
        pytest.param(VIA_SDK, "sdk", id="SDK"),
    ],
)
@pytest.mark.parametrize("litellms", [UP, {}])
def test_a_page_of_ours_is_answered_by_us_and_names_the_backend(
    page: str, config: Config, backend: str, litellms: Running
) -> None:
    route = decide(by_base_url(page, method="GET"), config, PROJECTS, litellms)

    assert (route.page, route.problem, route.target) == (page, None, None)
    assert route.summary["backend"] == backend


# Rules on backends; which of them fits is `choose`'s, and has tests of its own.

RULED = settings(
    "{litellm: {url: 'http://127.0.0.1:4000', models: {'gpt-*': fast}}, backends: ["
    "{provider: groq, backend: direct}, {project: /code/shop, backend: litellm},"
    "{model: 'gpt-*', backend: litellm}, {provider: gemini, backend: litellm},"
    "{provider: anthropic, backend: litellm, subscriptions: true}]}"
)
RULED_OR_DIRECT = RULED.model_copy(
    update={"litellm": RULED.litellm.model_copy(update={"when_down": "direct"})}
)
OPENAI = through_proxy("api.openai.com", "/v1/responses", KEY)


@pytest.mark.parametrize(
    ("facts", "backend", "why"),
    [
        pytest.param(OPENAI, "direct", "direct, configured", id="the model is not read yet"),
        pytest.param(
            replace(OPENAI, model="gpt-5"),
            "litellm",
            "litellm, rule 3 (model gpt-*)",
            id="the model in the body",
        ),
        pytest.param(
            through_proxy("a.openai.azure.com", "/openai/deployments/gpt-5/chat/completions"),
            "litellm",
            "litellm, rule 3 (model gpt-*)",
            id="the model in the path",
        ),
        pytest.param(
            replace(
                through_proxy("a.openai.azure.com", "/openai/deployments/o9/chat/completions"),
                model="gpt-5",
            ),
            "direct",
            "direct, configured",
            id="the model in the path before that in the body",
        ),
        pytest.param(
            replace(OPENAI, listener=SHOP.port),
            "litellm",
            "litellm, rule 2 (project /code/shop)",
            id="the project by its port",
        ),
        pytest.param(
            replace(OPENAI, directories=("/code/shop/src",)),
            "litellm",
            "litellm, rule 2 (project /code/shop)",
            id="the project by its directory",
        ),
        pytest.param(
            replace(through_proxy("api.groq.com", f"/openai{CHAT}"), model="gpt-5"),
            "direct",
            "direct, rule 1 (provider groq)",
            id="an earlier rule",
        ),
        pytest.param(
            through_proxy("api.anthropic.com", "/v1/messages", LOGIN),
            "litellm",
            "litellm, rule 5 (provider anthropic)",
            id="a login that is meant",
        ),
        pytest.param(
            through_proxy("cloudcode-pa.googleapis.com", "/v1internal:generateContent"),
            "direct",
            f"direct, {A_LOGIN}, in spite of rule 4 (provider gemini)",
            id="a login that is not meant",
        ),
        pytest.param(
            through_proxy("generativelanguage.googleapis.com", "/v1beta/models/g:embedContent"),
            "direct",
            "direct, LiteLLM has no such route, in spite of rule 4 (provider gemini)",
            id="what LiteLLM does not take",
        ),
        pytest.param(
            through_proxy("api.anthropic.com", "/api/event_logging/v2/batch", LOGIN),
            "direct",
            "direct, not a model call, in spite of rule 5 (provider anthropic)",
            id="telemetry",
        ),
        pytest.param(
            replace(OPENAI, method="GET", headers=(KEY, UPGRADE)),
            "litellm",
            "litellm, use_http, rule 2 (project /code/shop)",
            id="an upgrade of nobody knows which project",
        ),
        pytest.param(
            by_base_url("/health", method="GET"),
            "direct",
            "direct, configured, unless rule 1, 2, 3, 4 or 5 fits",
            id="a page of ours",
        ),
        pytest.param(
            RequestFacts(SHOP.port, "GET", "localhost", SHOP.port, "/memory-routing/info"),
            "litellm",
            "litellm, rule 2 (project /code/shop), unless rule 1 fits",
            id="a page of ours, on a project's port",
        ),
    ],
)
def test_a_route_names_the_rule_that_it_follows(
    facts: RequestFacts, backend: str, why: str
) -> None:
    route = decide(facts, RULED, PROJECTS, UP)

    assert route.backend == backend
    assert route.why.endswith(f"; backend: {why}")
    assert (route.target == LITELLM) == (backend == "litellm" and not (route.problem or route.page))


def test_a_rule_stands_by_its_backend_while_that_is_down() -> None:
    facts = replace(OPENAI, model="gpt-5")

    refused = decide(facts, RULED, PROJECTS, {})
    fallen = decide(facts, RULED_OR_DIRECT, PROJECTS, {})

    assert refused.problem is not None
    assert refused.problem.status == 503
    assert refused.why.endswith("backend: litellm, backend_down, rule 3 (model gpt-*)")
    assert (fallen.backend, fallen.in_place_of, fallen.problem) == ("direct", "litellm", None)
    assert fallen.why.endswith("direct, LiteLLM is not up, in spite of rule 3 (model gpt-*)")


def test_each_backend_is_asked_at_its_own_address() -> None:
    config = settings(
        "{backend: sdk, litellm: {config: litellm.yaml, forward_credentials: true},"
        "backends: [{model: 'gpt-*', backend: litellm}]}"
    )
    key = through_proxy("generativelanguage.googleapis.com", "/v1beta/models/g:countTokens?key=k")

    by_rule = decide(replace(OPENAI, model="gpt-5"), config, PROJECTS, UP)
    by_default = decide(key, config, PROJECTS, UP)
    in_its_place = decide(key, SDK_OR_DIRECT, PROJECTS, {})

    assert (by_rule.backend, by_rule.target) == ("litellm", LITELLM)
    assert (by_default.backend, by_default.target) == ("sdk", SDK)
    # What a client pays with is of no use to the SDK, so it is never handed on.
    assert by_default.path == "/v1beta/models/g:countTokens"
    assert in_its_place.in_place_of == "sdk"


def test_a_model_is_renamed_for_litellm_and_kept_for_its_provider() -> None:
    groq = replace(through_proxy("api.groq.com", f"/openai{CHAT}"), model="gpt-5")

    assert decide(replace(OPENAI, model="gpt-5"), RULED, PROJECTS, UP).model == "fast"
    assert decide(groq, RULED, PROJECTS, UP).model is None


@pytest.mark.parametrize(
    ("facts", "is_open"),
    [
        pytest.param(OPENAI, True, id="neither project nor model"),
        pytest.param(replace(OPENAI, directories=("/elsewhere",)), True, id="no model"),
        pytest.param(replace(OPENAI, listener=SHOP.port), False, id="decided by the project"),
        pytest.param(
            through_proxy("api.groq.com", f"/openai{CHAT}"), False, id="decided by the provider"
        ),
        pytest.param(through_proxy("example.org", "/"), False, id="another host"),
    ],
)
def test_a_route_is_open_where_the_body_may_send_it_elsewhere(
    facts: RequestFacts, is_open: bool
) -> None:
    assert decide(facts, RULED, PROJECTS, UP).is_open == is_open
    assert not decide(facts, DIRECT, PROJECTS, UP).is_open
    assert not decide(facts, MAPPED, PROJECTS, UP).is_open


@pytest.mark.parametrize("config", [DIRECT, VIA_LITELLM])
@pytest.mark.parametrize(
    ("facts", "status"),
    [
        pytest.param(by_base_url("/nowhere"), 404, id="an unknown path"),
        pytest.param(by_base_url("/v1/messages", ("Origin", "https://evil.test")), 403, id="page"),
        pytest.param(by_base_url("/health", ("Origin", "null")), 403, id="a page in a sandbox"),
    ],
)
def test_what_is_refused_goes_nowhere(config: Config, facts: RequestFacts, status: int) -> None:
    route = decide(facts, config, PROJECTS, UP)

    assert route.problem is not None
    assert route.problem.status == status
    assert (route.target, route.page, route.provider) == (None, None, None)


@pytest.mark.parametrize("by", ["port", "header", "directory", "nothing"])
@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(through_proxy("api.anthropic.com", "/v1/messages"), id="a call"),
        pytest.param(by_base_url("/v1/messages"), id="by base URL"),
        pytest.param(by_base_url("/health"), id="a page of ours"),
        pytest.param(by_base_url("/nowhere"), id="an unknown path"),
        pytest.param(through_proxy("example.org", "/"), id="another host"),
    ],
)
@pytest.mark.parametrize("config", [DIRECT, VIA_LITELLM])
def test_every_request_knows_its_project_or_that_it_has_none(
    config: Config, facts: RequestFacts, by: str
) -> None:
    if by == "port":
        port = SHOP.port if facts.port == PORT else facts.port
        facts = replace(facts, listener=SHOP.port, port=port)
    elif by == "header":
        facts = replace(facts, headers=(("x-memory-project", "shop"),))
    elif by == "directory":
        facts = replace(facts, directories=("/code/shop/src",))
    route = decide(facts, config, PROJECTS, UP)

    assert route.project == (None if by == "nothing" else SHOP.path)
    assert route.summary["project"] == route.project
    assert "; project: " in route.why


@pytest.mark.parametrize(
    ("named", "becomes"),
    [("gpt-4o", "fast"), ("claude-x", None), ("fast", None), (None, None)],
)
def test_the_body_names_another_model_only_where_it_is_mapped(
    named: str | None, becomes: str | None
) -> None:
    facts = replace(through_proxy("api.openai.com", "/v1/responses"), model=named)

    assert decide(facts, MAPPED, PROJECTS, UP).model == becomes
    assert decide(facts, DIRECT, PROJECTS, UP).model is None


def test_a_key_in_the_query_stays_with_the_provider() -> None:
    path = "/v1beta/models/g:generateContent?key=AIza&alt=sse"
    host = "generativelanguage.googleapis.com"

    litellm = decide(through_proxy(host, path), VIA_LITELLM, PROJECTS, UP)
    direct = decide(by_base_url(path), DIRECT, PROJECTS, {})

    assert litellm.path == "/v1beta/models/g:generateContent?alt=sse"
    assert direct.path == path


def test_a_gateway_stands_for_its_provider_by_proxy_and_by_base_url() -> None:
    config = settings("{providers: {groq: {upstream: 'http://gateway.test:8080'}}}")
    gateway = Address("http", "gateway.test", 8080)
    path = "/openai/v1/chat/completions"

    for facts in (through_proxy("api.groq.com", path), by_base_url(f"/groq{path}")):
        route = decide(facts, config, PROJECTS, {})
        assert (route.target, route.path) == (gateway, path)


def test_a_provider_of_the_users_own_is_served() -> None:
    config = settings(
        "providers: {acme: {hosts: [ai.acme.test], api: 'https://ai.acme.test', mount: /my-gw/v1}}"
    )

    proxied = decide(through_proxy("ai.acme.test", "/my-gw/v1/messages"), config, PROJECTS, {})
    based = decide(by_base_url("/acme/chat/completions"), config, PROJECTS, {})

    assert proxied.provider is not None
    assert proxied.provider.name == "acme"
    assert proxied.dialect == "anthropic"
    assert (based.target, based.path) == (
        Address("https", "ai.acme.test", 443),
        "/my-gw/v1/chat/completions",
    )
    assert based.call is not None


def test_a_summary_tells_all_in_plain_values() -> None:
    facts = replace(
        through_proxy("api.anthropic.com", "/v1/messages", ("User-Agent", "claude-cli/2")),
        listener=SHOP.port,
    )

    assert decide(facts, VIA_LITELLM, PROJECTS, UP).summary == {
        "user_id": "claude-code",
        "matched_pattern": "^claude-cli/",
        "project": "/code/shop",
        "provider": "anthropic",
        "dialect": "anthropic",
        "operation": "generate",
        "backend": "litellm",
        "why": (
            "user: User-Agent matches ^claude-cli/; project: port 18801;"
            " backend: litellm, configured"
        ),
    }


hosts = st.sampled_from(["127.0.0.1", "memory.proxy", "api.openai.com", "chatgpt.com", "a.test"])
names = st.sampled_from(
    ["origin", "authorization", "upgrade", "x-sm-user-id", "x-memory-project", "user-agent"]
)
paths = st.builds(
    "{}{}".format,
    st.sampled_from(["/v1/messages", "/v1/models/", "/openai/", "/azure/x", "/", "", "/health"]),
    st.text(max_size=20),
)
requests = st.builds(
    RequestFacts,
    listener=st.just(PORT),
    method=st.sampled_from(["GET", "POST", "OPTIONS"]),
    host=hosts | st.text(max_size=20),
    port=st.just(PORT),
    path=paths,
    headers=st.lists(st.tuples(names, st.text(max_size=20)), max_size=4).map(tuple),
    directories=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)
STRAY = "\udcff"


@given(
    requests,
    st.sampled_from([DIRECT, VIA_LITELLM, OR_DIRECT, MAPPED, RULED]),
    st.sampled_from([UP, NOTHING]),
)
@example(by_base_url("/health", ("origin", "http://[")), DIRECT, NOTHING)
@example(replace(by_base_url("/v1/messages"), directories=("~\0",)), DIRECT, NOTHING)
@example(by_base_url(f"/v1/models/{STRAY}", method="GET"), VIA_LITELLM, UP)
@example(by_base_url(f"/v1beta/models/{STRAY}:generateContent"), VIA_LITELLM, UP)
@example(by_base_url(f"/openai/deployments/{STRAY}/embeddings"), VIA_LITELLM, UP)
def test_whatever_comes_is_decided_in_printable_words(
    facts: RequestFacts, config: Config, litellms: Running
) -> None:
    route = decide(facts, config, PROJECTS, litellms)

    assert all(text is None or text.isprintable() for text in route.summary.values())
    if route.problem:
        assert route.problem.message.isprintable()
        assert route.target is None
    if route.target == LITELLM:
        assert route.backend == "litellm"
