"""Who asks, for which project; and what nobody but us gets to know of it."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from routing.port_registry import PortRegistry
from tests.bodies import captured
from tests.e2e.http2_client import Http2Client, http2_client
from tests.e2e.mitmdump import PORTS_IN_A_BLOCK, Mitmdump, upstreams
from tests.fakes import Provider, Step

KEYS = {"user_id", "matched_pattern", "project", "backend", "why"}
WORKPLACE = "/tmp/proj/shop-api"
"""Where the captured requests were made."""

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def registered(
    session_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    """A proxy with three projects besides its own: two of the same name, one of a rare one."""
    directory = tmp_path_factory.mktemp("registered")
    proxy = Mitmdump(directory, upstreams(session_provider.url))
    first = proxy.shared_port + 1
    registry = PortRegistry(
        proxy.home / "ports.json", first=first, last=first + PORTS_IN_A_BLOCK - 2
    )
    for name in ("shop-api", "one/twin", "two/twin"):
        (directory / name).mkdir(parents=True)
        registry.get_or_allocate_port(directory / name)
    with proxy:
        yield proxy


@pytest.fixture
def proxy(registered: Mitmdump, provider: Provider) -> Mitmdump:
    return registered


@pytest.fixture
def shop(registered: Mitmdump) -> Path:
    return registered.home.parent / "shop-api"


def info(proxy: Mitmdump, headers: dict[str, str], port: int | None = None) -> dict[str, Any]:
    """What we say of a request with these headers, and nothing that httpx adds."""
    with httpx.Client(trust_env=False, headers=headers) as client:
        url = f"http://127.0.0.1:{port or proxy.shared_port}/memory-routing/info"
        told: dict[str, Any] = client.get(url).json()
    return told


USERS: dict[str, tuple[dict[str, str], str, str | None]] = {
    "JetBrains AI": (
        {"user-agent": "OpenAIClientImpl/Java 2.9.1"},
        "pycharm-ai",
        "^OpenAIClientImpl/Java",
    ),
    "Claude Code as specified": ({"user-agent": "Claude Code CLI"}, "claude-code", "^Claude Code"),
    "Claude Code as measured": (
        {"user-agent": "claude-cli/2.1.329 (external, cli)"},
        "claude-code",
        "^claude-cli/",
    ),
    "Anthropic's SDK as specified": (
        {"user-agent": "anthropic-sdk-python/1.2.3"},
        "anthropic-python",
        "^anthropic-sdk-python/",
    ),
    "Anthropic's SDK as measured": (
        {"user-agent": "AsyncAnthropic/Python 2.11.0"},
        "anthropic-python",
        "^(Async)?Anthropic/Python",
    ),
    "Codex": (
        {"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"},
        "codex",
        "^codex[_-]",
    ),
    "Gemini CLI": (
        {"user-agent": "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64)"},
        "gemini-cli",
        "^GeminiCLI",
    ),
    "OpenCode": ({"user-agent": "opencode/1.18.33 ai-sdk/4"}, "opencode", "^opencode/"),
    "a stranger": ({"user-agent": "curl/8.0"}, "default-dev", None),
    "one that only mentions another": (
        {"user-agent": "mine (like Claude Code CLI)"},
        "default-dev",
        None,
    ),
    "no name at all": ({"user-agent": ""}, "default-dev", None),
    "a name of its own": ({"x-sm-user-id": "ada"}, "ada", None),
    "its own name before any rule": (
        {"X-SM-User-ID": "ada", "user-agent": "Claude Code CLI"},
        "ada",
        None,
    ),
    "a name that is none": (
        {"x-sm-user-id": "two words", "user-agent": "Claude Code CLI"},
        "claude-code",
        "^Claude Code",
    ),
}


@pytest.mark.parametrize(("headers", "user", "pattern"), USERS.values(), ids=USERS)
def test_the_info_page_tells_the_user_of_these_very_headers(
    headers: dict[str, str], user: str, pattern: str | None, proxy: Mitmdump
) -> None:
    told = info(proxy, headers)

    assert set(told) == KEYS
    assert (told["user_id"], told["matched_pattern"]) == (user, pattern)
    assert told["backend"] == "direct"
    assert all(value is None or isinstance(value, str) for value in told.values())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_info_page_is_found_by_every_name_of_this_machine(host: str, proxy: Mitmdump) -> None:
    answer = httpx.get(f"http://{host}:{proxy.port}/memory-routing/info?x=1", trust_env=False)

    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == KEYS


def test_the_info_page_is_found_through_the_proxy_itself(proxy: Mitmdump) -> None:
    with proxy.client() as client:
        answer = client.get("http://memory.proxy/memory-routing/info")

    assert answer.json()["project"] == str(proxy.project.resolve())


def test_a_providers_page_of_the_same_path_is_the_providers(
    proxy: Mitmdump, provider: Provider
) -> None:
    provider.always(Step(body=b'{"mine": true}'))

    with proxy.client() as client:
        for path in ("/memory-routing/info", "/health"):
            assert client.get(f"https://api.openai.com{path}").json() == {"mine": True}


def test_a_port_names_its_project(proxy: Mitmdump, shop: Path) -> None:
    assert info(proxy, {}, proxy.port)["project"] == str(proxy.project.resolve())
    assert info(proxy, {}, proxy.port_of(shop))["project"] == str(shop.resolve())


def test_a_port_of_its_own_wins_over_what_the_client_says(proxy: Mitmdump, shop: Path) -> None:
    metadata = json.dumps({"workspaces": {str(shop): {}}})
    headers = {"x-memory-project": str(shop), "x-codex-turn-metadata": metadata}

    told = info(proxy, headers, proxy.port)

    assert told["project"] == str(proxy.project.resolve())
    assert f"port {proxy.port}" in told["why"]


def test_a_shared_port_alone_names_no_project(proxy: Mitmdump) -> None:
    told = info(proxy, {})

    assert told["project"] is None
    assert "declares no directory" in told["why"]


SAID = {
    "the path": ("{shop}", True),
    "a path inside": ("{shop}/src/deep", True),
    "a path with a slash at its end": ("{shop}/", True),
    "the name": ("shop-api", True),
    "a path beside it": ("{shop}-2", False),
    "a path that climbs out": ("{shop}/../elsewhere", False),
    "an unknown path": ("/nowhere/at/all", False),
    "an unknown name": ("nobody", False),
    "a name that two have": ("twin", False),
    "part of a name": ("shop", False),
}


@pytest.mark.parametrize(("said", "is_known"), SAID.values(), ids=SAID)
def test_a_header_names_the_project_on_the_shared_port(
    said: str, is_known: bool, proxy: Mitmdump, shop: Path
) -> None:
    told = info(proxy, {"x-memory-project": said.format(shop=shop.resolve())})

    assert told["project"] == (str(shop.resolve()) if is_known else None)
    assert "x-memory-project" in told["why"]


def test_an_unknown_project_in_the_header_is_not_made_up_for_by_a_directory(
    proxy: Mitmdump, shop: Path
) -> None:
    metadata = json.dumps({"workspaces": {str(shop): {}}})

    told = info(proxy, {"x-memory-project": "nobody", "x-codex-turn-metadata": metadata})

    assert told["project"] is None


@pytest.mark.parametrize(
    ("directory", "is_known"), [("{shop}", True), ("{shop}/src", True), ("{shop}-2", False)]
)
def test_codex_declares_its_directory_in_a_header(
    directory: str, is_known: bool, proxy: Mitmdump, shop: Path
) -> None:
    metadata = json.dumps({"workspaces": {directory.format(shop=shop.resolve()): {}}})

    told = info(proxy, {"x-codex-turn-metadata": metadata})

    assert told["project"] == (str(shop.resolve()) if is_known else None)


DECLARING = (
    "claude-main",
    "claude-tool",
    "claude-subagent",
    "codex-http-main",
    "codex-http-tool",
    "gemini-main",
    "gemini-tool",
    "opencode-main",
    "opencode-openai-main",
    "opencode-tool",
)
NOT_DECLARING = ("py-openai-chat-tool", "py-anthropic-tool", "py-gemini-main", "js-gemini-tool")


def project_seen_for(
    name: str, workplace: str, proxy: Mitmdump, *, with_headers: bool = True
) -> str:
    """The project in our log for a captured request, sent to the shared port as the tool does."""
    request = captured(name)
    label = f"{name}-{len(proxy.log)}"
    unfit = ("host", "content-length", "content-encoding", "accept-encoding", "connection")
    headers = {
        key: value.replace(WORKPLACE, workplace)
        for key, value in request.headers
        if with_headers and key.lower() not in unfit
    }
    body = request.raw.replace(WORKPLACE.encode(), workplace.encode())
    port = f"http://127.0.0.1:{proxy.shared_port}"
    with httpx.Client(
        proxy=port, verify=proxy.trust(), trust_env=False, headers=headers, timeout=20
    ) as client:
        answer = client.post(
            f"https://{request.host}{request.path}", content=body, headers={"x-sm-user-id": label}
        )
    assert answer.status_code == 200, answer.text
    line = re.compile(rf"user={label} project=(.*) backend=direct")
    proxy.wait_until(lambda: line.search(proxy.log))
    found = line.search(proxy.log)
    assert found
    return found[1]


@pytest.mark.parametrize("name", DECLARING)
def test_a_tools_own_declaration_names_the_project_on_the_shared_port(
    name: str, proxy: Mitmdump, shop: Path
) -> None:
    workplace = str(shop.resolve())

    assert project_seen_for(name, workplace, proxy) == workplace
    assert project_seen_for(name, f"{workplace}/src", proxy) == workplace


@pytest.mark.parametrize("name", DECLARING)
def test_a_tool_in_a_directory_of_no_project_has_none(
    name: str, proxy: Mitmdump, shop: Path
) -> None:
    assert project_seen_for(name, f"{shop.resolve()}-elsewhere", proxy) == "None"


def test_codex_declares_its_directory_in_the_body_as_well(proxy: Mitmdump, shop: Path) -> None:
    workplace = str(shop.resolve())

    assert project_seen_for("codex-http-main", workplace, proxy, with_headers=False) == workplace


@pytest.mark.parametrize("name", NOT_DECLARING)
def test_a_program_that_declares_nothing_has_no_project(
    name: str, proxy: Mitmdump, shop: Path
) -> None:
    assert project_seen_for(name, str(shop.resolve()), proxy) == "None"


def test_a_path_that_a_person_types_names_no_project(
    proxy: Mitmdump, provider: Provider, shop: Path
) -> None:
    typed = (
        f"<env>\nWorking directory: {shop}\n - Primary working directory: {shop}\n<cwd>{shop}</cwd>"
    )
    body = BODY | {"messages": [{"role": "user", "content": typed}]}
    url = f"http://127.0.0.1:{proxy.shared_port}"

    httpx.post(url + CHAT, json=body, headers={"x-sm-user-id": "typist"}, trust_env=False)

    proxy.wait_until(lambda: "user=typist project=None" in proxy.log)


OURS = {
    "x-sm-user-id": "ada",
    "X-SM-USER-ID": "ada",
    "x-memory-project": "shop-api",
    "X-Memory-Anything": "else",
    "x-memory-": "odd",
}
THEIRS = {"x-memo": "1", "x-sm-user": "2", "X-Mixed-Case": "3", "my-x-memory-project": "4"}
PLACES = {
    "a call": "/v1/chat/completions",
    "a count": "/v1/messages/count_tokens",
    "an upload": "/v1/files",
    "telemetry": "/v1/traces",
}


@pytest.mark.parametrize("header", OURS)
@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("way", ["base URL", "proxy", "HTTP/2"])
def test_our_headers_stay_with_us_and_all_others_go_on(
    way: str, path: str, header: str, proxy: Mitmdump, provider: Provider
) -> None:
    host = "https://api.openai.com"
    if way == "base URL":
        client = httpx.Client(base_url=f"{proxy.url}/openai", trust_env=False)
    elif way == "proxy":
        client = proxy.client(base_url=host)
    else:
        client = http2_client(proxy, host)
    with client:
        client.post(path, headers={**THEIRS, header: OURS[header]}, content=b"{}")

    [seen] = provider.requests
    assert header.lower() not in [name.lower() for name, _ in seen.headers]
    assert {name: seen.header(name) for name in THEIRS} == THEIRS


def test_our_headers_stay_with_us_when_a_websocket_opens(
    proxy: Mitmdump, provider: Provider
) -> None:
    provider.always(Step(websocket="accept"))
    url = f"ws://127.0.0.1:{proxy.port}/v1/responses"

    with connect(url, additional_headers=[*OURS.items(), *THEIRS.items()], proxy=None):
        [seen] = provider.wait_for(lambda: provider.requests)

    assert not {name.lower() for name in OURS} & {name.lower() for name, _ in seen.headers}
    assert {name: seen.header(name) for name in THEIRS} == THEIRS


SECRET = "sEcReT-0123456789"
SECRET_HEADERS = {
    "authorization": f"Bearer sk-{SECRET}",
    "x-api-key": SECRET,
    "x-goog-api-key": SECRET,
    "cookie": f"session={SECRET}",
}
SECRET_BODY = {"model": "m", "messages": [{"role": "user", "content": f"I say {SECRET}"}]}


def calls_with_secrets(proxy: Mitmdump, provider: Provider) -> None:
    """Good calls and bad ones, all of them full of secrets."""
    query = f"key={SECRET}&q={SECRET}"
    hosts = {
        "https://api.openai.com": (CHAT, "/v1/files", "/v1/models"),
        "https://generativelanguage.googleapis.com": ("/v1beta/models/m:generateContent",),
        "http://127.0.0.1:9": ("/elsewhere",),
    }
    steps = (
        Step(),
        Step(status=429),
        Step(garbage=SECRET.encode()),
        Step(garbage=f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode()),
        Step(body=b"{}", headers=(("set-cookie", f"__cf_bm={SECRET}"),)),
        Step(break_after=1, text=SECRET),
    )
    for step in steps:
        provider.always(step)
        for make in (proxy.client, lambda **o: http2_client(proxy, **o)):
            for host, paths in hosts.items():
                with make(base_url=host, headers=SECRET_HEADERS) as client:
                    for path in paths:
                        try:
                            client.post(f"{path}?{query}", json=SECRET_BODY)
                        except httpx.TransportError:
                            continue
    provider.reset()
    for path in (CHAT, "/health", "/nowhere"):
        httpx.post(
            f"{proxy.url}{path}?{query}",
            json=SECRET_BODY,
            headers=SECRET_HEADERS,
            trust_env=False,
        )


MALFORMED = {
    "no HTTP": f"{SECRET}\r\n\r\n",
    "half a head": f"POST / HTTP/1.1\r\nauthorization: {SECRET}",
    "a header without a colon": f"POST /health HTTP/1.1\r\nauthorization {SECRET}\r\n\r\n",
    "an unknown version": f"POST /?key={SECRET} HTTP/9.9\r\n\r\n",
    "no host": f"GET /{SECRET} HTTP/1.1\r\n\r\n",
    "a length that is none": (
        f"POST /v1/messages?key={SECRET} HTTP/1.1\r\nhost: localhost\r\n"
        f"content-length: {SECRET}\r\n\r\n"
    ),
    "an odd target": f"GET ht!tp://u:{SECRET}@x/?key={SECRET} HTTP/1.1\r\n\r\n",
    "an odd tunnel": f"CONNECT u:{SECRET}@api.openai.com HTTP/1.1\r\n\r\n",
    "a password for the proxy": (
        f"CONNECT 127.0.0.1:9 HTTP/1.1\r\nproxy-authorization: Basic {SECRET}\r\n\r\n{SECRET}"
    ),
    "an odd header name": (
        f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx {SECRET}: 1\r\n\r\n"
    ),
    "two lengths": (
        f"POST /v1/messages?key={SECRET} HTTP/1.1\r\nhost: localhost\r\n"
        f"content-length: 1\r\ntransfer-encoding: {SECRET}\r\n\r\n"
    ),
}


def say(proxy: Mitmdump, text: str) -> None:
    """Send it, hear the answer out, and wait until the proxy has noted that we left."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as wire:
        me = f"127.0.0.1:{wire.getsockname()[1]}"
        wire.sendall(text.encode())
        wire.shutdown(socket.SHUT_WR)
        while wire.recv(65536):
            pass
    proxy.wait_until(lambda: f"[{me}] client disconnect" in proxy.log)


def test_the_log_tells_no_secret_of_any_call(proxy: Mitmdump, provider: Provider) -> None:
    before = len(proxy.log)

    calls_with_secrets(proxy, provider)
    say(proxy, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    log = proxy.log[before:]

    assert "call POST" in log
    assert [line for line in log.splitlines() if SECRET in line or "?" in line] == []


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_the_log_tells_no_secret_of_what_cannot_be_read(text: str, proxy: Mitmdump) -> None:
    before = len(proxy.log)

    say(proxy, text)

    assert [line for line in proxy.log[before:].splitlines() if SECRET in line] == []


FORBIDDEN = {
    "a blank around a key": ("authorization", f" Bearer {SECRET} "),
    "a line's end in a key": ("x-api-key", f"{SECRET}\n"),
    "capitals": (f"X-{SECRET}", "1"),
    "a length that is none": ("content-length", SECRET),
}


@pytest.mark.parametrize("header", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_log_tells_no_secret_of_a_header_that_http2_forbids(
    header: tuple[str, str], proxy: Mitmdump
) -> None:
    before = len(proxy.log)

    with Http2Client(proxy, "api.openai.com", is_lawful=False) as client:
        client.post(CHAT, SECRET_BODY, header)
        with pytest.raises(ConnectionError):
            client.listen_until(lambda: False)
    proxy.wait_until(lambda: "HTTP/2 protocol error" in proxy.log[before:])

    assert [line for line in proxy.log[before:].splitlines() if SECRET in line] == []
