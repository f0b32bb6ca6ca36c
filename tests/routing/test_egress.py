import base64
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.config import load
from routing.egress import (
    SECONDS_AFTER_THE_END,
    Egress,
    Expected,
    ExpectedCalls,
    child_of,
    leads_back,
    onward,
    other_proxy,
    without_labels,
)
from routing.facts import RequestFacts
from routing.providers import Address

EGRESS = Egress(40000, "made-up", Path("/ca/bundle.pem"))


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


def test_what_a_child_is_told_is_what_it_has_to_show() -> None:
    url = urlsplit(EGRESS.url_for("litellm-1"))

    assert (url.hostname, url.port) == ("127.0.0.1", 40000)
    assert child_of(basic(f"{url.username}:{url.password}".encode()), "made-up") == "litellm-1"


def test_the_token_does_not_show() -> None:
    assert "made-up" not in repr(EGRESS)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Basic",
        "Bearer made-up",
        basic(b"made-up"),
        basic(b":made-up"),
        basic(b"litellm:"),
        basic(b"litellm:made-up "),
        basic(b"litellm:made"),
        basic(b"\xff\xfe:made-up"),
        "Basic \u00e4\u00f6",
        f"{basic(b'litellm:made-up')}, {basic(b'litellm:made-up')}",
    ],
)
def test_nobody_else_is_a_child(shown: str) -> None:
    assert child_of(shown, "made-up") is None


@settings(max_examples=100)
@given(st.text())
def test_whatever_is_shown_it_is_read_or_refused(shown: str) -> None:
    assert child_of(shown, "made-up") is None


OURS = {18800, 18801, 40000}
BACK = {
    "loopback": ("127.0.0.1", 18800, True),
    "its other name": ("LocalHost", 18801, True),
    "its other family": ("::1", 18800, True),
    "the egress itself": ("127.0.0.1", 40000, True),
    "every address": ("0.0.0.0", 18800, True),
    "the machine's name": ("desk", 18800, True),
    "the machine's name with a dot": ("Desk.", 18800, True),
    "the magic host": ("memory.proxy", 80, True),
    "the magic host on any port": ("Memory.Proxy.", 443, True),
    "an Ollama": ("127.0.0.1", 11434, False),
    "another machine": ("192.0.2.1", 18800, False),
    "a name elsewhere": ("example.com", 18800, False),
    "no name": ("", 18800, False),
}


@pytest.mark.parametrize(("host", "port", "back"), BACK.values(), ids=BACK)
def test_a_call_leads_back_where_one_of_our_ports_is(host: str, port: int, back: bool) -> None:
    assert leads_back(host, port, OURS, {"desk"}) is back


PROXIES = {
    "none": ({}, None),
    "ours": ({"HTTPS_PROXY": "http://127.0.0.1:18800"}, None),
    "ours without a scheme": ({"https_proxy": "localhost:18800"}, None),
    "a company's": ({"HTTPS_PROXY": "http://proxy.corp:3128"}, "HTTPS_PROXY"),
    "a company's beside ours": (
        {"HTTPS_PROXY": "http://127.0.0.1:18800", "all_proxy": "socks5://proxy.corp"},
        "all_proxy",
    ),
    "an empty one": ({"HTTPS_PROXY": ""}, None),
    "exceptions alone": ({"NO_PROXY": "corp.example"}, None),
    "one that cannot be read": ({"HTTP_PROXY": "http://[bad"}, None),
}


@pytest.mark.parametrize(("environ", "variable"), PROXIES.values(), ids=PROXIES)
def test_a_companys_proxy_goes_on_being_used(environ: dict[str, str], variable: str | None) -> None:
    assert other_proxy(environ) == variable


def test_a_provider_sees_no_label_and_everything_else() -> None:
    kept = (("Authorization", "Bearer sk-1"), ("x-stainless-os", "Linux"), ("Accept", "*/*"))
    labels = (
        ("X-Memory-Call", "1"),
        ("x-memory-project", "shop"),
        ("X-SM-User-Id", "me"),
        ("x-litellm-end-user-id", "me"),
        ("x-litellm-customer-id", "me"),
        ("X-LiteLLM-API-Key", "sk-master"),
    )

    assert without_labels((*labels, *kept, *labels), "sk-master") == kept


def test_a_key_for_another_litellm_goes_on_to_it() -> None:
    kept = (("x-litellm-api-key", "sk-of-the-company"),)

    assert without_labels(kept, "sk-master") == kept
    assert without_labels(kept, None) == kept


def facts(host: str, port: int, path: str) -> RequestFacts:
    return RequestFacts(listener=18800, method="POST", host=host, port=port, path=path)


def test_what_has_passed_us_goes_straight_to_its_provider() -> None:
    providers = load(None).provider_list
    path = "/v1/chat/completions"

    by_proxy = onward(facts("api.openai.com", 443, path), providers)
    by_base_url = onward(facts("127.0.0.1", 18800, path), providers)
    to_nobody = onward(facts("example.com", 80, "/"), providers)
    nowhere = onward(facts("127.0.0.1", 18800, f"/azure{path}"), providers)
    to_a_page = onward(facts("127.0.0.1", 18800, "/health"), providers)

    assert by_proxy
    assert (by_proxy.target, by_proxy.path) == (None, None)
    assert by_base_url
    assert by_base_url.target == Address("https", "api.openai.com", 443)
    assert by_base_url.path == path
    assert to_nobody
    assert (to_nobody.target, to_nobody.problem) == (None, None)
    assert nowhere
    assert nowhere.problem
    assert nowhere.problem.status == 508
    assert to_a_page is None


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_call_is_known_while_it_lasts_and_a_while_after_its_end() -> None:
    clock = Clock()
    calls, call = ExpectedCalls(clock), Expected("1", "/work/shop", "me")
    calls.begin(call)

    clock.now += 10 * SECONDS_AFTER_THE_END
    assert calls.find("1") == call
    calls.end("1")
    clock.now += SECONDS_AFTER_THE_END
    assert calls.find("1") == call
    clock.now += 1
    assert calls.find("1") is None


def test_the_last_refusal_says_when_to_come_back() -> None:
    calls = ExpectedCalls(Clock())
    calls.refused("1", 429, "30")
    assert (calls.wait_of("1", 429), calls.wait_of("1", 500)) == ("30", None)

    calls.refused("1", 429, None)
    assert calls.wait_of("1", 429) is None
    assert calls.wait_of("2", 429) is None


def test_what_was_never_expected_is_not_known() -> None:
    calls = ExpectedCalls(Clock())
    calls.end("1")

    assert calls.find("1") is None
    assert calls.find("") is None


def test_of_too_many_calls_the_oldest_are_forgotten() -> None:
    calls = ExpectedCalls(Clock(), limit=2)
    for name in "abc":
        calls.begin(Expected(name, None, None))
    known = [name for name in "abc" if calls.find(name)]
    for name in "abc":
        calls.end(name)
    calls.begin(Expected("d", None, None))
    calls.end("d")

    assert known == ["b", "c"]
    assert [name for name in "abcd" if calls.find(name)] == ["c", "d"]
