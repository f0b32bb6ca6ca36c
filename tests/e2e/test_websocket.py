"""Codex talks WebSocket: what it says, and what it hears, is what it would be without us."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection, serve

from tests.e2e.memory_scene import saved_flows
from tests.e2e.mitmdump import Mitmdump, free_block
from tests.fakes import Authority, Provider, Step

SECONDS = 10.0
FOREVER = 60.0
OPENAI = "wss://api.openai.com/v1/responses"
SOCKETS = "wss://sockets.example/anything"
METADATA = "x-codex-turn-metadata"
HANDSHAKE = {
    "authorization": "Bearer sk-mine",
    "originator": "codex_exec",
    "openai-beta": "responses_websockets=2026-02-06",
    "x-codex-turn-metadata": '{"turn_id":"","request_kind":"prewarm","sandbox":"none"}',
    "session-id": "01a1f892-1bb2-7122-8d4d-bb54b0d4d4d0",
    "x-codex-window-id": "01a1f892-1bb2-7122-8d4d-bb54b0d4d4d0:0",
}
# Spaces, order and escapes as no encoder of ours would write them.
WARM_UP = '{"type":"response.create", "model":"gpt-6.1-sol","input":[],"generate":false }'
TURN = (
    '{"type":"response.create","model":"gpt-6.1-sol","stream":true,"store":false,'
    '"previous_response_id":"resp_1", "input":[{"type":"message","role":"user","content":'
    '[{"type":"input_text","text":"gr\\u00fc\\u00df \\ud83d\\ude00 dich, \u4e16\u754c"}]}],'
    '"client_metadata":{"session_id":"01a1f892"}, "unheard_of":1.0}'
)
LONG_TURN = TURN.replace("dich", "dich " * 20_000)


@pytest.fixture(scope="module")
def sockets() -> Iterator[int]:
    """An origin that sends back what it gets, and closes with the code it is told."""

    def talk(line: ServerConnection) -> None:
        for message in line:
            if isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                line.close(int(code), reason)
                return
            line.send(message)

    with serve(talk, "127.0.0.1", 0, max_size=None) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def secured_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, Path]]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Provider(tls=authority.server_context()) as provider:
        yield provider, authority.pem_path


@pytest.fixture(scope="module")
def secured(
    secured_provider: tuple[Provider, Path],
    sockets: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mitmdump]:
    """A proxy whose providers speak TLS, and that saves its flows."""
    provider, ca = secured_provider
    directory = tmp_path_factory.mktemp("secured")
    settings = (
        f"upstream_ca: {ca}\n"
        "providers:\n"
        f"  openai: {{upstream: '{provider.url}'}}\n"
        f"  own: {{hosts: [sockets.example], upstream: 'http://127.0.0.1:{sockets}'}}\n"
    )
    arguments = ("-n", "-w", str(directory / "flows"))
    with Mitmdump(directory, settings, arguments=arguments) as proxy:
        yield proxy


type Way = Callable[..., ClientConnection]


@pytest.fixture(params=["proxy", "base URL", "proxy, TLS to the provider"])
def way(request: pytest.FixtureRequest) -> tuple[Way, Provider]:
    """How a client opens its socket, and the provider at the other end."""
    if request.param == "proxy, TLS to the provider":
        secured: Mitmdump = request.getfixturevalue("secured")
        provider: Provider = request.getfixturevalue("secured_provider")[0]
        provider.reset()
        return through(secured), provider
    direct: Mitmdump = request.getfixturevalue("direct")
    provider = request.getfixturevalue("provider")
    return (through(direct) if request.param == "proxy" else beside(direct)), provider


def test_the_handshake_reaches_the_provider(way: tuple[Way, Provider]) -> None:
    opened, provider = way

    with opened(additional_headers=HANDSHAKE | {"x-sm-user-id": "me", "x-memory-project": "p"}):
        pass

    (seen,) = provider.requests
    assert seen.path == "/v1/responses"
    assert {name: seen.header(name) for name in HANDSHAKE} == HANDSHAKE
    assert not [name for name, _ in seen.headers if name.startswith(("x-sm-", "x-memory"))]


def test_frames_and_answers_pass_unchanged(way: tuple[Way, Provider]) -> None:
    opened, provider = way
    plan = (Step(), Step(text="Hallo \u4e16\u754c \U0001f600 " + "so on " * 5000, chunks=7))

    provider.script(*plan)
    with opened(additional_headers=HANDSHAKE) as codex:
        heard = [ask(codex, WARM_UP), ask(codex, LONG_TURN)]

    assert [frame.text for frame in provider.frames] == [WARM_UP, LONG_TURN]
    deltas = [json.loads(text).get("delta", "") for text in heard[1]]
    assert "".join(deltas) == plan[1].text
    assert len([delta for delta in deltas if delta]) == 7
    assert [json.loads(text)["type"] for text in heard[0]] == [
        "response.created",
        "response.completed",
    ]


def test_events_come_one_by_one(way: tuple[Way, Provider]) -> None:
    opened, provider = way
    provider.always(Step(text="a b c d e f g h", chunks=8, chunk_delay=0.05))

    def seconds_after_the_first() -> float:
        codex.send(TURN)
        first = codex.recv(SECONDS)
        began = monotonic()
        rest = [*until_completed(codex)]
        assert json.loads(first)["type"] == "response.created"
        assert len(rest) > 8
        return monotonic() - began

    # Some may meet on a busy machine, but not each time.
    with opened() as codex:
        assert any(seconds_after_the_first() > 0.3 for _ in range(10))


@pytest.mark.parametrize("status", [403, 404, 426, 500])
def test_a_refusal_of_the_provider_is_its_own(way: tuple[Way, Provider], status: int) -> None:
    opened, provider = way
    provider.script(
        Step(websocket=status, body=b'{"error": "scripted"}', headers=(("X-Why", "so"),))
    )

    with pytest.raises(InvalidStatus) as refused, opened():
        pass

    answer = refused.value.response
    assert (answer.status_code, answer.body) == (status, b'{"error": "scripted"}')
    assert answer.headers["x-why"] == "so"


@pytest.mark.parametrize("compression", ["deflate", None])
def test_compression_is_what_both_ends_agree_on(secured: Mitmdump, compression: Any) -> None:
    message = "again and again, " * 10_000

    with through(secured, SOCKETS)(compression=compression) as line:
        agreed = [extension.name for extension in line.protocol.extensions]
        line.send(message)
        heard = line.recv(SECONDS)

    assert agreed == (["permessage-deflate"] if compression else [])
    assert heard == message


def test_the_scripted_provider_agrees_on_compression_too(way: tuple[Way, Provider]) -> None:
    opened, _ = way

    with opened(compression="deflate") as codex:
        assert [extension.name for extension in codex.protocol.extensions]
        assert ask(codex, TURN)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(range(256)) * 40, id="bytes"),
        pytest.param("\x00\u2028\U0001f600", id="odd letters"),
        pytest.param("long " * 200_000, id="a megabyte"),
    ],
)
def test_whatever_a_message_holds_comes_back(secured: Mitmdump, message: str | bytes) -> None:
    with through(secured, SOCKETS)() as line:
        line.send(message)

        assert line.recv(SECONDS) == message


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1013, 4000, 4999])
def test_the_code_that_a_provider_closes_with_reaches_the_client(
    secured: Mitmdump, code: int
) -> None:
    with through(secured, SOCKETS)() as line:
        line.send(f"close {code} because of it")
        with pytest.raises(ConnectionClosed) as closed:
            line.recv(SECONDS)

    assert closed.value.rcvd
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "because of it")


def test_a_client_that_leaves_is_missed_by_the_provider(way: tuple[Way, Provider]) -> None:
    opened, provider = way
    provider.script(Step(chunk_delay=FOREVER))

    with opened(close_timeout=1) as codex:
        codex.send(TURN)
        codex.recv(SECONDS)
        codex.socket.shutdown(socket.SHUT_RDWR)  # `close` would wait for who reads there

    assert provider.wait_for(lambda: provider.hangups)


def test_on_the_shared_port_a_frame_tells_the_project(
    secured: Mitmdump, secured_provider: tuple[Provider, Path]
) -> None:
    inside = secured.project / "src"
    metadata = json.dumps({"turn_id": "1", "workspaces": {str(inside): {"has_changes": True}}})
    telling = json.loads(TURN) | {"client_metadata": {METADATA: metadata}}
    stranger = json.dumps({"workspaces": {"/somewhere/else": {}}})
    lost = json.loads(TURN) | {"client_metadata": {METADATA: stranger}}

    for session, frame in (("telling", telling), ("lost", lost)):
        headers = HANDSHAKE | {"session-id": session}
        with through(secured, port=secured.shared_port)(additional_headers=headers) as codex:
            ask(codex, WARM_UP)
            ask(codex, json.dumps(frame))

    telling_record, lost_record = (
        eventually(partial(record_of, secured, session)) for session in ("telling", "lost")
    )
    assert telling_record["project"] == str(secured.project.resolve())
    assert str(inside) in telling_record["why"]
    assert lost_record["project"] is None


def test_on_a_projects_own_port_no_frame_changes_the_project(
    secured: Mitmdump, secured_provider: tuple[Provider, Path]
) -> None:
    metadata = json.dumps({"workspaces": {"/somewhere/else": {}}})
    frame = json.loads(TURN) | {"client_metadata": {METADATA: metadata}}

    with through(secured)(additional_headers=HANDSHAKE | {"session-id": "own port"}) as codex:
        ask(codex, json.dumps(frame))

    record = eventually(partial(record_of, secured, "own port"))
    assert record["project"] == str(secured.project.resolve())


class Alive(BaseHTTPRequestHandler):
    """LiteLLM, as far as its health goes."""

    def do_GET(self) -> None:
        body = b'"I\'m alive!"'
        self.send_response(200 if self.path == "/health/liveliness" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its parent's name
        pass


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Mitmdump]]:
    """One proxy; its LiteLLM is up, down, or takes connections and says nothing."""
    with (
        contextlib.ExitStack() as stack,
        ThreadingHTTPServer(("127.0.0.1", 0), Alive) as alive,
    ):
        # socketserver listens before it serves: nobody is answered at this one.
        mute = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Alive))
        serving = threading.Thread(target=alive.serve_forever, args=(0.01,))
        serving.start()
        ports = {"up": alive.server_port, "down": free_block(), "mute": mute.server_port}
        directory = tmp_path_factory.mktemp("litellm")
        settings = "backend: litellm\nlitellm: {{url: 'http://127.0.0.1:{port}', key: sk-hers}}\n"
        proxy = Mitmdump(directory, settings.format(port=ports["up"]))
        stack.enter_context(proxy)

        def with_litellm(state: str) -> Mitmdump:
            proxy.configure(settings.format(port=ports[state]))
            url = f"http://127.0.0.1:{ports[state]}"
            proxy.wait_until(lambda: proxy.ask("/health")["backend"]["url"] == url, 10)
            return proxy

        yield with_litellm
        alive.shutdown()
        serving.join()


@pytest.mark.parametrize("by_base_url", [False, True], ids=["proxy", "base URL"])
@pytest.mark.parametrize("state", ["up", "down", "mute"])
def test_litellm_has_no_websocket_so_the_client_is_told_to_use_http_at_once(
    litellm: Callable[[str], Mitmdump], state: str, by_base_url: bool
) -> None:
    proxy = litellm(state)
    opened = beside(proxy) if by_base_url else through(proxy)
    began = monotonic()

    with pytest.raises(InvalidStatus) as refused, opened(additional_headers=HANDSHAKE):
        pass

    answer = refused.value.response
    assert monotonic() - began < 10  # half of what a call waits for LiteLLM
    assert answer.status_code == 426
    assert json.loads(answer.body or b"")["error"]["message"]
    assert answer.headers["content-type"] == "application/json"


def through(proxy: Mitmdump, url: str = OPENAI, *, port: int | None = None) -> Way:
    """As a tool with HTTPS_PROXY does."""

    def opened(**options: Any) -> ClientConnection:
        at = f"http://127.0.0.1:{port or proxy.port}"
        settings = {"max_size": None, "open_timeout": 30} | options
        context = proxy.trust()
        # The blocking client writes while another thread of it reads. In TLS 1.3 that one is
        # handed a session ticket in just that moment, and one handshake in 250 is lost.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return connect(url, ssl=context, proxy=at, **settings)

    return opened


def beside(proxy: Mitmdump) -> Way:
    """As a tool does that has us for a base URL."""

    def opened(**options: Any) -> ClientConnection:
        url = f"ws://127.0.0.1:{proxy.port}/v1/responses"
        return connect(url, proxy=None, **({"max_size": None, "open_timeout": 30} | options))

    return opened


def ask(codex: Connection, text: str) -> list[str]:
    codex.send(text)
    return [*until_completed(codex)]


def until_completed(codex: Connection) -> Iterator[str]:
    kind = ""
    while kind != "response.completed":
        text = codex.recv(SECONDS)
        assert isinstance(text, str)
        kind = json.loads(text)["type"]
        yield text


def record_of(proxy: Mitmdump, session: str) -> dict[str, Any] | None:
    """What the saved flow of this session says about itself."""
    for flow in saved_flows(proxy):
        if flow.request.headers.get("session-id") == session:
            record: dict[str, Any] = flow.metadata["memory_proxy"]
            return record
    return None


def eventually[T](find: Callable[[], T | None]) -> T:
    deadline = monotonic() + SECONDS
    while (found := find()) is None:
        assert monotonic() < deadline
        threading.Event().wait(0.05)
    return found
