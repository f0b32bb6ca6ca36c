import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.config import Config, UserRule, Users, load
from routing.facts import RequestFacts, shown
from routing.identity import project_of, user_of
from routing.port_registry import Project
from routing.projects import Projects

CONFIG: Config = load(None)
SHARED = 18800
SHOP = Project("/code/shop", 18801, "2026-01-01T00:00:00+00:00")
API = Project("/code/api", 18802, "2026-01-01T00:00:00+00:00")
OTHER_API = Project("/other/api", 18803, "2026-01-01T00:00:00+00:00")
PROJECTS = Projects((SHOP, API, OTHER_API))


def asked(
    *headers: tuple[str, str], listener: int = SHARED, directories: tuple[str, ...] = ()
) -> RequestFacts:
    return RequestFacts(
        listener, "POST", "api.openai.com", 443, "/v1/responses", headers, directories
    )


@pytest.mark.parametrize(
    ("agent", "user"),
    [
        ("OpenAIClientImpl/Java 4.14.0", "pycharm-ai"),
        ("Claude Code CLI", "claude-code"),
        ("claude-cli/2.1.329 (external, sdk-cli)", "claude-code"),
        ("anthropic-sdk-python/0.40.0", "anthropic-python"),
        ("Anthropic/Python 1.17.0", "anthropic-python"),
        ("AsyncAnthropic/Python 1.17.0", "anthropic-python"),
        ("codex_exec/0.169.0 (Debian 12; x86_64) xterm (codex_exec; 0.169.0)", "codex"),
        ("codex-tui/0.169.0", "codex"),
        ("GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; terminal)", "gemini-cli"),
        ("opencode/1.18.33 ai-sdk/provider-utils/3 runtime/bun/1.3.14", "opencode"),
        ("OpenAI/Python 3.51.0", "default-dev"),
        ("OpenAI/JS 5.20.1", "default-dev"),
        ("google-genai-sdk/3.3.0 gl-python/3.12", "default-dev"),
        ("litellm/1.81.10", "default-dev"),
        ("curl/8.5 claude-cli/2", "default-dev"),
        ("CLAUDE-CLI/2", "default-dev"),
        ("", "default-dev"),
    ],
)
def test_a_tool_is_known_by_its_user_agent(agent: str, user: str) -> None:
    assert user_of(asked(("User-Agent", agent)), CONFIG.users).id == user


def test_who_sends_no_user_agent_is_the_default() -> None:
    user = user_of(asked(), CONFIG.users)

    assert (user.id, user.matched_pattern, user.why) == ("default-dev", None, "no rule matches")


def test_a_user_tells_which_rule_matched() -> None:
    user = user_of(asked(("user-agent", "claude-cli/2.1")), CONFIG.users)

    assert user.matched_pattern == "^claude-cli/"
    assert user.why == "User-Agent matches ^claude-cli/"


@pytest.mark.parametrize(
    ("said", "user"),
    [
        pytest.param("alice", "alice", id="a name"),
        pytest.param("a" * 128, "a" * 128, id="a long name"),
        pytest.param("alice@acme.test/7", "alice@acme.test/7", id="signs"),
        pytest.param("", "claude-code", id="nothing"),
        pytest.param("a" * 129, "claude-code", id="too long a name"),
        pytest.param("two words", "claude-code", id="a space"),
        pytest.param("alice\r\nx-evil: 1", "claude-code", id="a second header"),
        pytest.param("alice\n", "claude-code", id="a line break"),
        pytest.param("josé", "claude-code", id="a letter that no header takes"),
        pytest.param("\udcff", "claude-code", id="a stray byte"),
    ],
)
def test_a_client_may_name_its_user_in_visible_ascii(said: str, user: str) -> None:
    facts = asked(("User-Agent", "claude-cli/2"), ("X-SM-User-Id", said))

    assert user_of(facts, CONFIG.users).id == user


def test_who_names_the_user_needs_no_pattern() -> None:
    user = user_of(asked(("x-sm-user-id", "alice")), CONFIG.users)

    assert user.matched_pattern is None
    assert user.why == "the client said so in x-sm-user-id"


def test_the_first_rule_that_matches_decides() -> None:
    users = Users(
        default="nobody",
        rules=(
            UserRule(header="X-Team", pattern="blue", user="blue-team"),
            UserRule(pattern="claude", user="claude"),
            UserRule(pattern="cli", user="cli"),
        ),
    )

    assert user_of(asked(("User-Agent", "a claude cli")), users).id == "claude"
    assert user_of(asked(("User-Agent", "claude"), ("x-team", "light blue")), users).id == (
        "blue-team"
    )
    assert user_of(asked(("User-Agent", "red")), users).id == "nobody"


def test_a_rule_looks_at_every_header_of_its_name() -> None:
    facts = asked(("User-Agent", "one"), ("user-agent", "claude-cli/2"))

    assert user_of(facts, CONFIG.users).id == "claude-code"


OUTSIDE = "/code/elsewhere"

PORT = "port 18801"
NONE = "port 18800 is shared and the client declares no directory"


@pytest.mark.parametrize(
    ("listener", "header", "directories", "project", "why"),
    [
        pytest.param(18801, None, (), SHOP, PORT, id="port"),
        pytest.param(18801, "api", ("/code/api",), SHOP, PORT, id="port before all"),
        pytest.param(
            SHARED, "shop", (), SHOP, "x-memory-project names shop", id="header with a name"
        ),
        pytest.param(
            SHARED,
            "/code/shop/src",
            (),
            SHOP,
            "x-memory-project names /code/shop/src",
            id="header with a path",
        ),
        pytest.param(
            SHARED,
            "shop",
            ("/code/api",),
            SHOP,
            "x-memory-project names shop",
            id="header before directory",
        ),
        pytest.param(
            SHARED,
            "unknown",
            ("/code/shop",),
            None,
            "x-memory-project names no registered project: unknown",
            id="an unknown name is no question to the directory",
        ),
        pytest.param(
            SHARED,
            OUTSIDE,
            (),
            None,
            f"x-memory-project names no registered project: {OUTSIDE}",
            id="a path outside",
        ),
        pytest.param(
            SHARED,
            "api",
            (),
            None,
            "x-memory-project names more than one project: api",
            id="a name that two have",
        ),
        pytest.param(SHARED, "", (), None, NONE, id="an empty header"),
        pytest.param(
            SHARED,
            None,
            ("/code/shop/src",),
            SHOP,
            "the client works in /code/shop/src",
            id="directory",
        ),
        pytest.param(
            SHARED,
            None,
            (OUTSIDE, "/code/shop"),
            SHOP,
            "the client works in /code/shop",
            id="the first directory that lies in a project",
        ),
        pytest.param(
            SHARED,
            None,
            (OUTSIDE, "relative"),
            None,
            f"{OUTSIDE} lies in no registered project",
            id="directories outside",
        ),
        pytest.param(SHARED, None, (), None, NONE, id="nothing"),
        pytest.param(
            18899,
            None,
            (),
            None,
            "port 18899 is shared and the client declares no directory",
            id="a port of nobody",
        ),
    ],
)
def test_the_first_answer_names_the_project(
    listener: int,
    header: str | None,
    directories: tuple[str, ...],
    project: Project | None,
    why: str,
) -> None:
    headers = [("X-Memory-Project", header)] if header is not None else []
    found = project_of(asked(*headers, listener=listener, directories=directories), PROJECTS)

    assert found.project == project
    assert found.why == why


anything = st.text(max_size=40) | st.sampled_from(["~\0", "/\0", "/\ud800", "~", "..", "/" * 5000])


@given(said=anything, directory=anything)
@example(said="", directory="~\0")
@example(said="~\0", directory="")
@example(said="/code/\n2026-01-01 INFO all is well", directory="")
@example(said="", directory="/\ud800")
@example(said="", directory="/" + "a" * 100_000)
def test_whatever_a_client_declares_the_reason_is_short_and_printable(
    said: str, directory: str
) -> None:
    facts = asked(("x-memory-project", said), directories=(directory,))
    why = project_of(facts, PROJECTS).why

    assert why.isprintable()
    assert len(why) < 2000
    assert why.encode()


@given(st.text(), st.integers(1, 50))
def test_what_is_shown_is_printable_and_no_longer_than_asked(text: str, longest: int) -> None:
    safe = shown(text, longest)

    assert safe.isprintable()
    assert len(safe) <= longest * len("\\U0010ffff") + 1


@given(st.text("abc /-äß为", max_size=200))
def test_what_is_printable_and_short_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("headers", "wants"),
    [
        pytest.param((("Upgrade", "websocket"),), True, id="an upgrade"),
        pytest.param((("upgrade", "WebSocket"),), True, id="in another case"),
        pytest.param((("Upgrade", "h2c"),), False, id="to something else"),
        pytest.param((), False, id="none"),
    ],
)
def test_an_upgrade_to_websocket_is_told_by_its_header(
    headers: tuple[tuple[str, str], ...], wants: bool
) -> None:
    assert asked(*headers).wants_websocket is wants


def test_headers_are_found_whatever_their_case_and_number() -> None:
    facts = asked(("Accept", "a"), ("ACCEPT", "b"))

    assert list(facts.values("accept")) == ["a", "b"]
    assert facts.header("aCCept") == "a"
    assert facts.header("missing") is None


def test_a_query_is_told_from_the_path() -> None:
    facts = RequestFacts(1, "GET", "h", 1, "/a?key=&b=1&k%65y2=x?y")

    assert facts.bare_path == "/a"
    assert facts.query_names == {"key", "b", "key2"}
