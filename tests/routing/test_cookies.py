from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.cookies import (
    COOKIES_PER_SCOPE,
    LONGEST_COOKIE,
    LONGEST_PATH,
    Contents,
    Cookie,
    CookieJar,
    Scope,
    account_of,
    read_set_cookie,
)

NOW = 1_800_000_000.0
KEY = bytes(32)
HERE = Scope("/code/shop", "account-1", "api.openai.com")


def jar_with(*set_cookie: str, scope: Scope = HERE) -> CookieJar:
    jar = CookieJar()
    jar.remember(scope, set_cookie, NOW)
    return jar


def sent(
    jar: CookieJar,
    *,
    scope: Scope = HERE,
    path: str = "/v1/chat/completions",
    secure: bool = True,
    client: str | None = None,
    now: float = NOW,
) -> str | None:
    return jar.header_for(scope, path, secure, client, now)


@pytest.mark.parametrize(
    "name", ["cf_clearance", "__cf_bm", "__cflb", "_cfuvid", "cf_chl_2", "cf_chl_rc_i"]
)
def test_a_cloudflare_cookie_goes_back_to_where_it_came_from(name: str) -> None:
    assert (
        sent(jar_with(f"{name}=token; Path=/; HttpOnly; Secure; SameSite=None")) == f"{name}=token"
    )


@pytest.mark.parametrize(
    "header",
    [
        "session=secret; Path=/",
        "CF_CLEARANCE=wrong-case",
        "cf_clearance_other=no",
        "x__cf_bm=no",
        "cf_clearance",
        "=cf_clearance",
        "",
        ";;;",
        "__cf_bm=a\r\nset-cookie: b",
        "__cf_bm=a\x00",
        "__cf_bm=" + "v" * LONGEST_COOKIE,
    ],
)
def test_anything_else_is_not_kept(header: str) -> None:
    assert sent(jar_with(header)) is None


@pytest.mark.parametrize(
    "other",
    [
        Scope("/code/bank", HERE.account, HERE.host),
        Scope(None, HERE.account, HERE.host),
        Scope(HERE.project, "account-2", HERE.host),
        Scope(HERE.project, HERE.account, "openai.com"),
        Scope(HERE.project, HERE.account, "chat.api.openai.com"),
    ],
)
def test_no_other_project_account_or_host_sees_it(other: Scope) -> None:
    jar = jar_with("__cf_bm=token; Domain=openai.com")

    assert sent(jar, scope=other) is None


def test_a_host_is_the_same_in_capital_letters() -> None:
    jar = jar_with("__cf_bm=1", scope=Scope(HERE.project, HERE.account, "API.OpenAI.com"))

    assert sent(jar) == "__cf_bm=1"


@pytest.mark.parametrize(
    ("domain", "host", "is_kept"),
    [
        ("openai.com", "api.openai.com", True),
        (".openai.com", "api.openai.com", True),
        ("API.OPENAI.COM", "api.openai.com", True),
        ("", "api.openai.com", True),
        ("evil.com", "api.openai.com", False),
        ("chat.api.openai.com", "api.openai.com", False),
        ("penai.com", "api.openai.com", False),
        ("0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
    ],
)
def test_a_domain_has_to_cover_the_host(domain: str, host: str, is_kept: bool) -> None:
    cookie = read_set_cookie(f"__cf_bm=1; Domain={domain}", host, NOW)

    assert (cookie is not None) is is_kept


@pytest.mark.parametrize(
    ("attributes", "seconds_later", "is_sent"),
    [
        ("", 10**9, True),
        ("Max-Age=60", 59, True),
        ("Max-Age=60", 60, False),
        ("max-age = 60", 59, True),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 59, True),
        ("Max-Age=soon", 10**6, True),
        ("Max-Age=" + "9" * 5000, 10**6, True),
        # NOW is Fri, 15 Jan 2027 08:00:00 GMT.
        ("Expires=Fri, 15 Jan 2027 08:01:00 GMT", 59, True),
        ("Expires=Fri, 15 Jan 2027 08:01:00 GMT", 60, False),
        ("Expires=Fri, 15-Jan-2027 08:01:00 GMT", 59, True),
        ("Expires=Friday, 15-Jan-27 08:01:00 GMT", 60, False),
        ("Expires=Fri, 99 Nov 2027 99:99:99 GMT", 10**6, True),
        ("Expires=tomorrow", 10**6, True),
    ],
)
def test_a_cookie_goes_out_until_it_expires(
    attributes: str, seconds_later: int, is_sent: bool
) -> None:
    jar = jar_with(f"__cf_bm=1; {attributes}")

    assert (sent(jar, now=NOW + seconds_later) is not None) is is_sent


@pytest.mark.parametrize(
    "end",
    ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT", "Max-Age=0; Expires=x"],
)
def test_an_ended_cookie_is_forgotten_at_once(end: str) -> None:
    assert sent(jar_with("__cf_bm=1", f"__cf_bm=; {end}")) is None


@pytest.mark.parametrize(
    ("attributes", "path", "secure", "is_sent"),
    [
        ("Path=/v1", "/v1", True, True),
        ("Path=/v1", "/v1?stream=true", True, True),
        ("Path=/v1", "/v1/messages", True, True),
        ("Path=/v1/", "/v1/messages", True, True),
        ("Path=/v1", "/v10", True, False),
        ("Path=/v1/", "/v1", True, False),
        ("Path=v1", "/other", True, True),
        ("Path=/v1", "/?/v1", True, False),
        ("Secure", "/v1", False, False),
        ("", "/v1", False, True),
    ],
)
def test_path_and_secure_are_respected(
    attributes: str, path: str, secure: bool, is_sent: bool
) -> None:
    jar = jar_with(f"__cf_bm=1; {attributes}")

    assert (sent(jar, path=path, secure=secure) is not None) is is_sent


@pytest.mark.parametrize(
    ("client", "header"),
    [
        (None, "__cf_bm=ours; _cfuvid=ours"),
        ("", "__cf_bm=ours; _cfuvid=ours"),
        ("a=1", "a=1; __cf_bm=ours; _cfuvid=ours"),
        ("a=1;  b = 2 ;", "a=1;  b = 2 ; __cf_bm=ours; _cfuvid=ours"),
        ("__cf_bm=theirs", "__cf_bm=theirs; _cfuvid=ours"),
        ("_cfuvid=x;__cf_bm=", None),
    ],
)
def test_the_clients_own_cookies_stay_and_win(client: str | None, header: str | None) -> None:
    assert sent(jar_with("__cf_bm=ours", "_cfuvid=ours"), client=client) == header


def test_a_newer_cookie_of_the_name_replaces_the_older() -> None:
    assert sent(jar_with("__cf_bm=1", "__cf_bm=2")) == "__cf_bm=2"


def test_the_scope_that_went_unused_longest_is_forgotten_first() -> None:
    jar = CookieJar(limit=2)
    first, second, third = (Scope("/p", "a", f"{n}.openai.com") for n in range(3))
    jar.remember(first, ["__cf_bm=1"], NOW)
    jar.remember(second, ["__cf_bm=2"], NOW)
    sent(jar, scope=first)

    jar.remember(third, ["__cf_bm=3"], NOW)

    assert [sent(jar, scope=scope) for scope in (first, second, third)] == [
        "__cf_bm=1",
        None,
        "__cf_bm=3",
    ]


def test_a_scope_keeps_only_so_many_cookies() -> None:
    jar = jar_with(*(f"cf_chl_{n}=x" for n in range(COOKIES_PER_SCOPE + 5)))

    header = sent(jar) or ""

    assert header.count("=") == COOKIES_PER_SCOPE
    assert "cf_chl_4=" not in header


def test_a_value_never_shows_in_a_repr() -> None:
    cookie = read_set_cookie("cf_clearance=sesame", HERE.host, NOW)

    assert cookie is not None
    assert cookie.value == "sesame"
    assert "sesame" not in repr(cookie)
    assert "sesame" not in repr(jar_with("cf_clearance=sesame"))


COOKIE_LIKE = st.builds(
    "{}={}{}".format,
    st.sampled_from(["__cf_bm", "cf_clearance", "cf_chl_x", "session", ""]) | st.text(max_size=8),
    st.text(max_size=12),
    st.lists(
        st.builds(
            "; {}={}".format,
            st.sampled_from(["Max-Age", "Expires", "Path", "Domain", "Secure"])
            | st.text(max_size=5),
            st.text(max_size=30) | st.from_regex(r"\A-?[0-9]{1,40}\Z"),
        ),
        max_size=4,
    ).map("".join),
)
SCOPES = st.builds(
    Scope,
    st.sampled_from([None, "/a", "/b"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["api.openai.com", "openai.com", "127.0.0.1"]),
)


@given(st.lists(COOKIE_LIKE | st.text()), SCOPES, SCOPES, st.text(), st.none() | st.text())
def test_whatever_a_server_sends_stays_in_its_scope_and_in_its_names(
    headers: list[str], scope: Scope, other: Scope, path: str, client: str | None
) -> None:
    jar = jar_with(*headers, scope=scope)

    header = jar.header_for(scope, path, True, client, NOW)

    if header is not None:
        assert header.startswith(client if client and client.strip() else "")
        for pair in header[len(client or "") :].lstrip("; ").split("; "):
            name = pair.partition("=")[0]
            assert name in {"__cf_bm", "cf_clearance", "__cflb", "_cfuvid"} or name.startswith(
                "cf_chl_"
            )
            assert not {"\r", "\n", "\0"} & set(pair)
    if other != scope:
        assert jar.header_for(other, path, True, client, NOW) is None


def test_an_account_is_the_same_for_the_same_credentials_in_any_order_or_case() -> None:
    one = account_of(KEY, [("Authorization", "Bearer a"), ("X-Api-Key", "k"), ("accept", "x")])
    two = account_of(KEY, [("x-api-key", " k "), ("authorization", "Bearer a"), ("accept", "y")])

    assert one == two


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer b")],
        [("x-api-key", "Bearer a")],
        [("api-key", "Bearer a")],
        [("x-goog-api-key", "Bearer a")],
        [("authorization", "Bearer a"), ("chatgpt-account-id", "1")],
        [],
    ],
)
def test_other_credentials_are_another_account(headers: list[tuple[str, str]]) -> None:
    assert account_of(KEY, headers) != account_of(KEY, [("authorization", "Bearer a")])


@pytest.mark.parametrize("headers", [[], [("authorization", " ")], [("cookie", "a=1")]])
def test_without_a_credential_the_account_is_anonymous(headers: list[tuple[str, str]]) -> None:
    assert account_of(KEY, headers) == "anonymous"


def test_an_account_does_not_hold_its_credential() -> None:
    assert "sk-secret" not in account_of(KEY, [("authorization", "Bearer sk-secret\udcff")])


def test_what_one_jar_held_another_sends() -> None:
    first, second = jar_with("__cf_bm=1", "_cfuvid=2; Path=/v1"), CookieJar()

    second.fill(first.contents())

    assert sent(second) == sent(first) == "_cfuvid=2; __cf_bm=1"
    assert second.key == first.key
    assert second.contents() == first.contents()


def test_two_jars_name_the_same_account_differently() -> None:
    keys = [CookieJar().key, CookieJar().key]

    assert len({account_of(key, [("x-api-key", "k")]) for key in keys}) == 2


def test_a_jar_is_filled_as_far_as_there_is_room() -> None:
    cookie = Cookie("__cf_bm", "1", "/", True, None)
    many = tuple(replace(cookie, name=f"cf_chl_{n}") for n in range(COOKIES_PER_SCOPE + 1))
    scopes = [replace(HERE, host=f"{n}.example") for n in range(3)]
    jar = jar_with("__cf_bm=before")
    jar.limit = 2

    jar.fill(Contents(KEY, ((scopes[0], (cookie,)), (scopes[1], many), (scopes[2], (cookie,)))))

    assert jar.contents() == Contents(KEY, ((scopes[1], many[1:]), (scopes[2], (cookie,))))


@pytest.mark.parametrize(
    ("header", "is_change"),
    [
        ("__cf_bm=1; Max-Age=60", False),
        ("__cf_bm=2; Max-Age=60", True),
        ("__cf_bm=1; Max-Age=61", True),
        ("__cf_bm=1; Max-Age=60; Secure", True),
        ("__cf_bm=1; Max-Age=60; Path=/v1", True),
        ("__cf_bm=; Max-Age=0", True),
        ("_cfuvid=; Max-Age=0", False),
        ("session=1", False),
    ],
)
def test_a_jar_tells_whether_something_changed(header: str, is_change: bool) -> None:
    jar = jar_with("__cf_bm=1; Max-Age=60")
    before, held = jar.changes, jar.contents()

    jar.remember(HERE, [header], NOW)
    sent(jar)

    assert (jar.changes != before) is is_change
    assert (jar.contents() != held) is is_change


@pytest.mark.parametrize(("length", "is_kept"), [(LONGEST_PATH, True), (LONGEST_PATH + 1, False)])
def test_a_path_has_a_longest_length(length: int, is_kept: bool) -> None:
    path = "/".ljust(length, "p")

    assert (sent(jar_with(f"__cf_bm=1; Path={path}"), path=path) is not None) is is_kept
