"""A Cloudflare challenge that one call passed stays passed, through every backend alike."""

from pathlib import Path

import httpx
import pytest

from routing.port_registry import PortRegistry
from tests.e2e.litellm_scene import wait_until_up
from tests.e2e.parity_scene import (
    BACKENDS,
    CHAT,
    CONTENTS,
    GENERATE,
    MESSAGES,
    RESPONSES,
    STREAM,
    Backend,
    backend_named,
)
from tests.e2e.sdks import KEY, SECOND_KEY
from tests.fakes import Step

type Backends = dict[str, Backend]

PASSED = ("cf_clearance", "passed")
DIALECTS = {
    "openai-chat": ("/v1/chat/completions", CHAT),
    "openai-chat, streamed": ("/v1/chat/completions", CHAT | STREAM),
    "openai-responses": ("/v1/responses", RESPONSES),
    "anthropic": ("/v1/messages", MESSAGES),
    "anthropic, streamed": ("/v1/messages", MESSAGES | STREAM),
    "gemini": (GENERATE, CONTENTS),
}


def call(backend: Backend, dialect: str, *, port: int | None = None, key: str = KEY) -> int:
    """The status that a client without cookies of its own is answered with."""
    path, body = DIALECTS[dialect]
    answer = httpx.post(
        f"http://127.0.0.1:{port or backend.proxy.port}{path}",
        json=body,
        headers={"authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=40,
    )
    assert "set-cookie" not in answer.headers or backend.name == "direct"
    return answer.status_code


@pytest.fixture
def another_project(backends: Backends, tmp_path: Path) -> dict[str, int]:
    """Of each backend the port of a project that no other test has."""
    ports = {}
    for name, backend in backends.items():
        proxy = backend.proxy
        directory = proxy.home.parent / f"project-of-{tmp_path.name}"
        directory.mkdir()
        registry = PortRegistry(
            proxy.home / "ports.json", first=proxy.shared_port + 1, last=proxy.shared_port + 19
        )
        ports[name] = registry.get_or_allocate_port(directory)
        proxy.wait_until(lambda proxy=proxy, port=ports[name]: port in proxy.listening())
    return ports


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_challenge_is_told_once_and_passed_from_then_on(
    dialect: str, backends: Backends, another_project: dict[str, int]
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(demand_cookie=PASSED))
        statuses = [call(backend, dialect, port=another_project[name]) for _ in range(3)]

        assert statuses == [403, 200, 200], name
        sent = [seen.header("cookie") for seen in backend.provider.requests]
        assert sent == [None, "cf_clearance=passed", "cf_clearance=passed"]


def test_what_one_project_passed_is_not_passed_for_another(
    backends: Backends, another_project: dict[str, int]
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(demand_cookie=PASSED))
        first = [call(backend, "anthropic", port=another_project[name]) for _ in range(2)]
        backend.provider.always(Step(demand_cookie=("cf_clearance", "another")))
        elsewhere = call(backend, "anthropic")

        assert (first, elsewhere) == ([403, 200], 403), name
        assert backend.provider.requests[-1].header("cookie") in (None, ""), name


def test_a_project_has_its_cookies_per_account_of_the_provider(
    backends: Backends, another_project: dict[str, int]
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(demand_cookie=PASSED))
        port = another_project[name]
        for _ in range(2):
            call(backend, "openai-chat", port=port)
        another_key = call(backend, "openai-chat", port=port, key=SECOND_KEY)

        # Behind LiteLLM the account is LiteLLM's, whatever key the client has.
        assert another_key == (403 if name == "direct" else 200), name


def test_only_cloudflares_cookies_are_kept(
    backends: Backends, another_project: dict[str, int]
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(set_cookies=("sid=1; path=/", "__cf_bm=b; path=/")))
        for _ in range(2):
            call(backend, "openai-chat", port=another_project[name])

        assert backend.provider.requests[-1].header("cookie") == "__cf_bm=b", name


@pytest.mark.parametrize("name", BACKENDS)
def test_a_passed_challenge_stays_passed_over_a_restart_where_that_is_asked_for(
    name: str, litellm_environment: Path, tmp_path: Path
) -> None:
    with backend_named(name, tmp_path, litellm_environment, {"cookies": {"keep": True}}) as it:
        it.provider.always(Step(demand_cookie=PASSED))
        before = [call(it, "anthropic") for _ in range(2)]
        it.proxy.stop()
        it.proxy.start()
        wait_until_up(it.proxy)

        assert (before, call(it, "anthropic")) == ([403, 200], 200)
