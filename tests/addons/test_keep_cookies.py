from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.facts import RECORD
from addons.keep_cookies import scope_of
from routing.cookies import ANONYMOUS, Scope

KEY = bytes(32)
NOTE = {"backend": "direct", "provider": "openai", "project": "/code", "host": "api.openai.com"}


def scope_for(note: dict[str, Any], path: str = "/v1/models", **headers: str) -> Scope | None:
    return scope_of(flow(note, path, **headers), KEY)


def flow(note: dict[str, Any], path: str = "/v1/models", **headers: str) -> http.HTTPFlow:
    named = http.Headers(**headers)
    flow = tflow.tflow(req=tutils.treq(path=path.encode(), headers=named))
    flow.metadata[RECORD] = note
    return flow


@pytest.mark.parametrize(
    "note",
    [
        pytest.param({}, id="nothing decided"),
        pytest.param(NOTE | {"backend": "litellm"}, id="to LiteLLM"),
        pytest.param(NOTE | {"backend": None}, id="to nobody"),
        pytest.param(NOTE | {"provider": None}, id="to a stranger"),
    ],
)
def test_what_goes_to_no_provider_has_no_cookies(note: dict[str, Any]) -> None:
    assert scope_for(note) is None


def test_cookies_belong_to_the_project_and_host_of_the_route() -> None:
    scope = scope_for(NOTE)

    assert scope is not None
    assert (scope.project, scope.host) == ("/code", "api.openai.com")
    assert scope.account == ANONYMOUS


def test_without_a_project_they_are_still_the_accounts() -> None:
    scope = scope_for(NOTE | {"project": None}, authorization="Bearer sk-1")

    assert scope is not None
    assert scope.project is None
    assert scope.account != ANONYMOUS


def test_an_account_is_told_by_its_credential_wherever_that_stands() -> None:
    accounts = [
        scope_for(NOTE, **{"authorization": "Bearer sk-1"}),
        scope_for(NOTE, **{"authorization": "Bearer sk-2"}),
        scope_for(NOTE, **{"x-goog-api-key": "sk-1"}),
        scope_for(NOTE, "/v1beta/models?key=sk-1"),
        scope_for(NOTE),
    ]

    assert len(set(accounts)) == len(accounts)
    assert accounts[0] == scope_for(NOTE, "/v1/chat/completions", authorization="Bearer sk-1")


def test_no_credential_can_be_read_from_a_scope() -> None:
    assert "sk-1" not in repr(scope_for(NOTE, authorization="Bearer sk-1"))
