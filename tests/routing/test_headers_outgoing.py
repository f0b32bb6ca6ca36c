from dataclasses import replace
from urllib.parse import quote, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.config import load
from routing.decide import Route, decide
from routing.facts import RequestFacts
from routing.headers import CREDENTIAL_QUERY, CREDENTIALS, is_ours, without_credentials
from routing.outgoing import to_litellm, to_provider
from routing.port_registry import Project
from routing.projects import Projects

SHOP = Project("/code/my shop: 店", 18801, "2026-01-01T00:00:00+00:00")
FACTS = RequestFacts(
    18801, "POST", "api.openai.com", 443, "/v1/responses", (("x-sm-user-id", "alice"),)
)
ROUTE: Route = decide(FACTS, load(None), Projects((SHOP,)), {})
WITHOUT_PROJECT: Route = decide(replace(FACTS, listener=18800), load(None), Projects(), {})

OURS = ["x-sm-user-id", "X-SM-User-Id", "x-memory-project", "X-Memory-Anything", "x-memory-"]
NOT_OURS = ["x-sm-user", "x-sm-user-id-2", "x-memory", "memory-x", "user-agent", "x-mem-project"]

Pairs = tuple[tuple[str, str], ...]


@pytest.mark.parametrize("name", OURS)
def test_a_header_of_ours_never_reaches_a_provider(name: str) -> None:
    pairs = (("Accept", "a"), (name, "secret"), ("Authorization", "Bearer k"))

    assert to_provider(pairs) == (("Accept", "a"), ("Authorization", "Bearer k"))


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_header_that_only_looks_like_ours_is_the_providers(name: str) -> None:
    assert to_provider(((name, "v"),)) == ((name, "v"),)


def in_any_case(name: str) -> st.SearchStrategy[str]:
    flips = st.lists(st.booleans(), min_size=len(name), max_size=len(name))
    return flips.map(
        lambda up: "".join(c.upper() if u else c for c, u in zip(name, up, strict=True))
    )


header_names = st.one_of(
    st.sampled_from([*OURS, *NOT_OURS, *sorted(CREDENTIALS), "X-LiteLLM-API-Key"]),
    st.sampled_from([*sorted(CREDENTIALS), "x-sm-user-id", "x-memory-project"]).flatmap(
        in_any_case
    ),
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True),
)
header_lists = st.lists(st.tuples(header_names, st.text(max_size=10)), max_size=8).map(tuple)


@given(header_lists)
def test_a_provider_gets_everything_that_is_not_ours_in_order(pairs: Pairs) -> None:
    assert to_provider(pairs) == tuple(pair for pair in pairs if not is_ours(pair[0]))


@given(header_lists)
def test_litellm_gets_no_credential_of_the_client(pairs: Pairs) -> None:
    marked = tuple((name, f"client:{value}") for name, value in pairs)
    sent = to_litellm(marked, ROUTE, "c1", "sk-ours", forward_credentials=False)

    for name, value in sent:
        if name.lower() in CREDENTIALS:
            assert value == "Bearer sk-ours"


@given(header_lists, st.booleans(), st.none() | st.just("sk-ours"))
def test_litellm_gets_our_labels_once_and_no_forged_ones(
    pairs: Pairs, forward: bool, key: str | None
) -> None:
    marked = tuple((name, f"client:{value}") for name, value in pairs)
    sent = to_litellm(marked, ROUTE, "c1", key, forward)

    for label in ("x-sm-user-id", "x-litellm-end-user-id"):
        assert [value for name, value in sent if name.lower() == label] == ["alice"]
    assert [value for name, value in sent if name.lower() == "x-memory-project"] == [
        quote("my shop: 店")
    ]
    assert [value for name, value in sent if name.lower() == "x-memory-call"] == ["c1"]


@given(header_lists, st.booleans())
def test_what_litellm_keeps_of_the_client_keeps_its_order_and_bytes(
    pairs: Pairs, forward: bool
) -> None:
    sent = to_litellm(pairs, ROUTE, "c1", "sk-ours", forward)
    untouched = tuple(
        (name, value)
        for name, value in pairs
        if not is_ours(name)
        and name.lower() not in CREDENTIALS
        and not name.lower().startswith("x-litellm-")
    )
    rest = iter(sent)

    assert all(pair in rest for pair in untouched)


@pytest.mark.parametrize(
    "name", ["x-litellm-end-user-id", "X-LiteLLM-Customer-Id", "x-litellm-api-key"]
)
@pytest.mark.parametrize("forward", [True, False])
def test_a_client_cannot_book_its_calls_to_somebody_else(name: str, forward: bool) -> None:
    sent = to_litellm(((name, "mallory"),), ROUTE, "c1", "sk-ours", forward)

    assert "mallory" not in [value for _, value in sent]


def test_our_key_takes_the_place_of_the_clients() -> None:
    pairs = (("Authorization", "Bearer client"), ("x-api-key", "client"), ("Cookie", "a=b"))

    assert to_litellm(pairs, WITHOUT_PROJECT, "c1", "sk-ours", forward_credentials=False) == (
        ("x-memory-call", "c1"),
        ("x-sm-user-id", "alice"),
        ("x-litellm-end-user-id", "alice"),
        ("Authorization", "Bearer sk-ours"),
    )


def test_our_key_stands_beside_the_clients_where_that_is_forwarded() -> None:
    pairs = (("Authorization", "Bearer client"),)

    assert to_litellm(pairs, WITHOUT_PROJECT, "c1", "sk-ours", forward_credentials=True) == (
        ("Authorization", "Bearer client"),
        ("x-memory-call", "c1"),
        ("x-sm-user-id", "alice"),
        ("x-litellm-end-user-id", "alice"),
        ("x-litellm-api-key", "sk-ours"),
    )


@pytest.mark.parametrize("forward", [True, False])
def test_without_a_key_of_ours_none_is_sent(forward: bool) -> None:
    assert to_litellm((), WITHOUT_PROJECT, "c1", None, forward) == (
        ("x-memory-call", "c1"),
        ("x-sm-user-id", "alice"),
        ("x-litellm-end-user-id", "alice"),
    )


@given(header_lists, st.booleans())
def test_the_labels_are_ascii_whatever_the_project_is_called(pairs: Pairs, forward: bool) -> None:
    sent = to_litellm(pairs, ROUTE, "c1", None, forward)[-3:]

    assert [name for name, _ in sent] == [
        "x-sm-user-id",
        "x-litellm-end-user-id",
        "x-memory-project",
    ]
    assert all(value.isascii() for _, value in sent)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/x", "/x"),
        ("/x?", "/x?"),
        ("/x?&", "/x?&"),
        ("/x?a=1", "/x?a=1"),
        ("/x?key=k", "/x"),
        ("/x?key", "/x"),
        ("/x?key=", "/x"),
        ("/x?key=k&a=1", "/x?a=1"),
        ("/x?a=1&key=k", "/x?a=1"),
        ("/x?a=%2f&key=k&b=+", "/x?a=%2f&b=+"),
        ("/x?key=k&key=l&a", "/x?a"),
        ("/x?k%65y=k&a=1", "/x?a=1"),
        ("/x?access_token=t&api-key=k&subscription-key=s&oauth_token=o&z=1", "/x?z=1"),
        ("/x?monkey=k&keys=l&Key=m", "/x?monkey=k&keys=l"),
        ("/x?a=key=k", "/x?a=key=k"),
        ("/key=k?a=?key=k", "/key=k?a=?key=k"),
    ],
)
def test_a_key_in_the_query_is_left_out(path: str, kept: str) -> None:
    assert without_credentials(path) == kept


plain_parts = st.from_regex(r"[A-Za-z0-9%+=?/:@!$'()*,;._~-]{0,12}", fullmatch=True).filter(
    lambda part: unquote_plus(part.partition("=")[0]) not in CREDENTIAL_QUERY
)
key_names = st.sampled_from([*sorted(CREDENTIAL_QUERY), "%6bey", "k%65y", "api%2Dkey"])
key_parts = st.builds("{}={}".format, key_names, st.just("SECRET"))


@given(bare=st.sampled_from(["/v1/x", "/", "/a%3Fkey=b"]), parts=st.lists(plain_parts, min_size=1))
@example(bare="/", parts=["", ""])
def test_a_path_without_keys_stays_byte_for_byte(bare: str, parts: list[str]) -> None:
    path = f"{bare}?{'&'.join(parts)}"

    assert without_credentials(path) == path


@given(
    bare=st.sampled_from(["/v1/x", "/", "/a%3Fkey=b"]),
    marked=st.lists(
        st.tuples(plain_parts, st.just(True)) | st.tuples(key_parts, st.just(False)), min_size=1
    ),
)
def test_only_keys_are_left_out_and_the_rest_stays_byte_for_byte(
    bare: str, marked: list[tuple[str, bool]]
) -> None:
    path = f"{bare}?{'&'.join(part for part, _ in marked)}"
    kept = [part for part, stays in marked if stays]

    assert without_credentials(path) == (f"{bare}?{'&'.join(kept)}" if kept else bare)


@given(st.text())
def test_leaving_keys_out_twice_is_like_once(path: str) -> None:
    once = without_credentials(path)

    assert without_credentials(once) == once
