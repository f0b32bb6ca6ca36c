import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing.cookie_format import LONGEST_PAUSE, MOST_BYTES, Unusable, decode, encode
from routing.cookies import (
    KEY_LENGTH,
    LONGEST_COOKIE,
    LONGEST_PATH,
    Contents,
    Cookie,
    Scope,
    account_of,
)

NOW = 1_800_000_000.0
KEY = bytes(range(KEY_LENGTH))
SECRET = "sesame"
HERE = Scope("/code/shop", "account-1", "api.openai.com")
PASSED = Cookie("cf_clearance", SECRET, "/", True, NOW + 60)
SESSION = replace(PASSED, expires=None)


def held(*cookies: Cookie, scope: Scope = HERE) -> Contents:
    return Contents(KEY, ((scope, cookies),) if cookies else ())


def document(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(held(PASSED), NOW))
    return found | changed


def with_cookie(**changed: Any) -> dict[str, Any]:
    found = document()
    found["scopes"][0]["cookies"][0] |= changed
    return found


def with_scope(**changed: Any) -> dict[str, Any]:
    found = document()
    found["scopes"][0] |= changed
    return found


# Servers send what they like, and mitmproxy keeps bytes that are no UTF-8 as halves of surrogates.
ANY_TEXT = st.text(max_size=20) | st.binary(max_size=8).map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
VALUES = ANY_TEXT.filter(lambda text: keepable(value=text))
COOKIES = st.builds(
    Cookie,
    name=st.sampled_from(["cf_clearance", "__cf_bm", "__cflb", "_cfuvid", "cf_chl_rc_i"]),
    value=VALUES,
    path=st.just("/") | ANY_TEXT.map("/{}".format),
    is_secure=st.booleans(),
    expires=st.none() | st.floats(NOW + 1, NOW + 1e9),
)
CONTENTS = st.builds(
    Contents,
    st.binary(min_size=KEY_LENGTH, max_size=KEY_LENGTH),
    st.lists(
        st.tuples(
            st.builds(
                Scope,
                st.none() | ANY_TEXT,
                st.sampled_from(["anonymous", "0f" * 16]),
                st.sampled_from(["api.openai.com", "127.0.0.1"]),
            ),
            st.lists(COOKIES, min_size=1, max_size=4).map(tuple),
        ),
        max_size=5,
    ).map(tuple),
)


def keepable(**changed: Any) -> bool:
    return replace(PASSED, **changed).may_be_kept


@settings(max_examples=100)
@given(CONTENTS)
def test_what_is_written_is_read_back(contents: Contents) -> None:
    assert decode(encode(contents, NOW), NOW) == contents


@settings(max_examples=200)
@given(st.binary())
@example(b"")
@example(b"null")
@example(b"[" * 100_000)
@example(b'{"version": ' + b"9" * 5_000 + b"}")
@example(b'{"version": 1' + b"0" * 400 + b"}")
@example(b'{"version": NaN}')
def test_any_bytes_are_read_as_no_file(data: bytes) -> None:
    assert isinstance(decode(data, NOW), Unusable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "path", "secure", "expires", "cookies", "host"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    st.sampled_from(["version", "written", "key", "scopes"]),
    st.sampled_from(["project", "account", "host", "cookies"]),
    st.sampled_from(["name", "value", "path", "secure", "expires"]),
    st.integers(0, 2),
    JSON,
)
def test_a_file_that_somebody_changed_tells_cookies_that_may_be_kept_or_nothing(
    top: str, of_scope: str, of_cookie: str, where: int, value: Any
) -> None:
    changed = [document(**{top: value}), with_scope(**{of_scope: value})][where % 2]
    if where == 2:
        changed = with_cookie(**{of_cookie: value})

    found = decode(json.dumps(changed).encode(), NOW)

    if isinstance(found, Contents):
        cookies = [cookie for _, kept in found.scopes for cookie in kept]
        assert all(cookie.may_be_kept and not cookie.is_over(NOW) for cookie in cookies)


@settings(max_examples=200)
@given(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 3))
def test_a_damaged_file_is_no_exception(at: int, data: bytes, cut: int) -> None:
    good = encode(held(PASSED, SESSION), NOW)
    at %= len(good)

    assert isinstance(decode(good[:at] + data + good[at + cut :], NOW), Contents | Unusable)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param([], "no version", id="a list"),
        pytest.param(document(version="1"), "no version", id="a version in words"),
        pytest.param(document(version=True), "no version", id="a version that is true"),
        pytest.param(document(version=2), "of version 2", id="of a later program"),
        pytest.param(document(version=0), "of version 0", id="of no program"),
        pytest.param(document(written=None), "lacks", id="written never"),
        pytest.param(document(scopes={}), "lacks", id="no list of scopes"),
        pytest.param(document(key=7), "lacks", id="a key that is a number"),
        pytest.param(document(key="00"), "key", id="a key that is too short"),
        pytest.param(document(key="zz" * KEY_LENGTH), "key", id="a key that is no key"),
        pytest.param(with_scope(host=None), "scope", id="no host"),
        pytest.param(with_scope(host="API.openai.com"), "scope", id="a host that none is"),
        pytest.param(with_scope(project=1), "scope", id="a project that none is"),
        pytest.param(with_scope(cookies=None), "scope", id="no cookies"),
        pytest.param(with_cookie(name="session"), "cookie", id="somebody else's cookie"),
        pytest.param(with_cookie(value=f"{SECRET}\r\nx: y"), "cookie", id="a header in a value"),
        pytest.param(with_cookie(value=f"{SECRET}; b=c"), "cookie", id="another cookie in it"),
        pytest.param(with_cookie(value=SECRET * LONGEST_COOKIE), "cookie", id="a long value"),
        pytest.param(with_cookie(path="v1"), "cookie", id="a path that none is"),
        pytest.param(with_cookie(path="/" * (LONGEST_PATH + 1)), "cookie", id="a long path"),
        pytest.param(with_cookie(secure=1), "cookie", id="half secure"),
        pytest.param(with_cookie(expires=float("inf")), "cookie", id="for ever"),
        pytest.param(with_cookie(expires=10**400), "cookie", id="almost for ever"),
        pytest.param(with_cookie(expires="tomorrow"), "cookie", id="an end in words"),
    ],
)
def test_what_we_would_not_write_is_not_read(wrong: Any, why: str) -> None:
    found = decode(json.dumps(wrong).encode(), NOW)

    assert isinstance(found, Unusable)
    assert why in found.why
    assert SECRET not in found.why


def test_more_bytes_than_we_write_are_not_read() -> None:
    good = encode(held(PASSED), NOW)

    assert isinstance(decode(good + b" " * (MOST_BYTES - len(good)), NOW), Contents)
    assert isinstance(decode(good + b" " * (MOST_BYTES - len(good) + 1), NOW), Unusable)


def test_what_goes_beyond_the_most_bytes_is_what_went_unused_longest() -> None:
    big = replace(PASSED, value="x" * (LONGEST_COOKIE - len(PASSED.name)))
    scopes = [replace(HERE, host=f"h{number}.example") for number in range(2_000)]
    full = Contents(KEY, tuple((scope, (big,)) for scope in scopes))

    data = encode(full, NOW)
    found = decode(data, NOW)

    assert MOST_BYTES - 2 * LONGEST_COOKIE < len(data) <= MOST_BYTES
    assert isinstance(found, Contents)
    assert found.scopes == full.scopes[-len(found.scopes) :]
    assert found.key == KEY


def test_a_cookie_that_expired_meanwhile_is_not_read() -> None:
    later = replace(PASSED, name="__cf_bm", expires=NOW + 120)
    data = encode(held(PASSED, later), NOW)

    assert decode(data, NOW + 59) == held(PASSED, later)
    assert decode(data, NOW + 60) == held(later)
    assert decode(data, NOW + 120) == held()


def test_a_cookie_without_an_end_outlives_a_pause_of_a_day_and_no_longer() -> None:
    lasting = replace(PASSED, name="__cf_bm", expires=NOW + 10 * LONGEST_PAUSE)
    data = encode(held(SESSION, lasting), NOW)

    assert decode(data, NOW + LONGEST_PAUSE) == held(SESSION, lasting)
    assert decode(data, NOW + LONGEST_PAUSE + 1) == held(lasting)


def test_a_clock_that_was_put_back_ends_no_session() -> None:
    assert decode(encode(held(SESSION), NOW), NOW - 10 * LONGEST_PAUSE) == held(SESSION)


def test_no_credential_is_written_and_the_same_one_is_known_again() -> None:
    key = "sk-not-to-be-written"
    account = account_of(KEY, [("authorization", f"Bearer {key}")])
    data = encode(held(PASSED, scope=replace(HERE, account=account)), NOW)

    found = decode(data, NOW)

    assert isinstance(found, Contents)
    assert key.encode() not in data
    again = account_of(found.key, [("authorization", f"Bearer {key}")])
    assert [scope.account for scope, _ in found.scopes] == [again]


def test_neither_values_nor_the_key_show_in_a_repr() -> None:
    shown = repr(decode(encode(held(PASSED), NOW), NOW))

    assert HERE.host in shown
    assert SECRET not in shown
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
