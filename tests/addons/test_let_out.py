import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.facts import RECORD, comment, is_second_leg, record_leg
from addons.keep_cookies import scope_of
from routing.egress import Expected

KEY = b"any key"
NOTED = {
    "of a tool": (
        {"user_id": "me", "project": "/shop", "why": "backend: direct"},
        "me in /shop (backend: direct)",
    ),
    "of a tool, that goes to LiteLLM": (
        {"user_id": "me", "project": None, "why": "backend: litellm", "call": "1"},
        "me in no project (backend: litellm); call 1",
    ),
}
LEGS = {
    "for a call": (Expected("1", "/shop", "me"), "LiteLLM for call 1: me in /shop"),
    "for a call of no project": (
        Expected("1", None, "me"),
        "LiteLLM for call 1: me in no project",
    ),
    "for a call of nobody": (Expected("1", "/shop", None), "LiteLLM for call 1: /shop"),
    "for none": (None, "LiteLLM, for no call that is known"),
}


@pytest.mark.parametrize(("note", "told"), NOTED.values(), ids=NOTED)
def test_the_first_legs_comment_names_the_call_if_there_is_a_second(
    note: dict[str, str | None], told: str
) -> None:
    flow = tflow.tflow()
    flow.metadata[RECORD] = note

    assert comment(flow) == told
    assert not is_second_leg(flow)


@pytest.mark.parametrize(("call", "told"), LEGS.values(), ids=LEGS)
def test_the_second_legs_comment_names_the_call_that_it_is_for(
    call: Expected | None, told: str
) -> None:
    flow = tflow.tflow()

    record_leg(flow, call)

    assert flow.comment == told
    assert is_second_leg(flow)


def test_cookies_of_a_second_leg_belong_to_the_project_of_its_call() -> None:
    headers = {"authorization": "Bearer sk-1"}
    flow = tflow.tflow(req=tutils.treq(host="api.example", headers=http.Headers(**headers)))
    flow.client_conn.sni = None
    unknown = flow.copy()

    record_leg(flow, Expected("1", "/shop", "me"))
    record_leg(unknown, None)

    known, stranger = scope_of(flow, KEY), scope_of(unknown, KEY)
    assert known
    assert stranger
    assert (known.project, known.host) == ("/shop", "api.example")
    assert stranger.project is None
    assert known.account == stranger.account
