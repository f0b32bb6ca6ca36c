"""Only providers are looked into; for everybody else the proxy is a tunnel."""

import contextlib
import os
import socket
import socketserver
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from cryptography import x509

from tests.e2e.listening import listening_addresses
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.tunnel import everything_from, tunnel
from tests.fakes import Authority, Provider, Step

SECONDS = 5.0
STRANGER = "stranger.example"
OWN_PROTOCOL = "acme/1"
SETTINGS = """
upstream_ca: {ca}
providers:
  mine: {{hosts: [localhost, '*.models.example']}}
  anthropic: {{upstream: 'http://127.0.0.1:{uploads}'}}
  openai: {{upstream: 'http://127.0.0.1:{uploads}'}}
"""
NOISE = os.urandom(200_000)


class Uploads:
    """An origin that tells what has arrived so far, long before the upload is over."""

    END = b"the last of it"

    def __init__(self) -> None:
        self.arrived = b""
        self._changed = threading.Condition()

    def talk(self, line: socket.socket) -> None:
        with self._changed:
            self.arrived = b""
        while data := line.recv(65536):
            with self._changed:
                self.arrived += data
                self._changed.notify_all()
            if self.END in self.arrived:
                line.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                return

    def has(self, wanted: bytes) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: wanted in self.arrived, SECONDS)


@dataclass(frozen=True, slots=True)
class Scene:
    """The proxy, and what stands behind it."""

    proxy: Mitmdump
    authority: Authority
    secured: Provider
    uploads: Uploads


@pytest.fixture(scope="module")
def module_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("tunnels")
    authority, uploads = Authority(directory), Uploads()
    tls = authority.server_context(
        STRANGER, "eu.models.example", alpn=(OWN_PROTOCOL, "h2", "http/1.1")
    )
    with (
        Provider(tls=tls) as secured,
        origin(uploads.talk) as uploads_port,
        Mitmdump(directory, SETTINGS.format(ca=authority.pem_path, uploads=uploads_port)) as proxy,
    ):
        yield Scene(proxy, authority, secured, uploads)


@pytest.fixture
def scene(module_scene: Scene) -> Scene:
    module_scene.secured.reset()
    module_scene.uploads.arrived = b""
    return module_scene


@pytest.mark.parametrize("offered", [("h2", "http/1.1"), ("http/1.1",), (OWN_PROTOCOL,), ()])
@pytest.mark.parametrize(
    ("asked_for", "named"),
    [
        pytest.param("127.0.0.1", STRANGER, id="an address and a name"),
        pytest.param("127.0.0.1", "127.0.0.1", id="an address without a name"),
        pytest.param("localhost", STRANGER, id="a stranger's name at a provider's host"),
    ],
)
def test_a_strangers_certificate_and_protocol_are_its_own(
    scene: Scene, asked_for: str, named: str, offered: tuple[str, ...]
) -> None:
    trust = scene.authority.client_context()
    if offered:
        trust.set_alpn_protocols(offered)

    with (
        tunnel(scene.proxy, asked_for, scene.secured.port) as line,
        trust.wrap_socket(line, server_hostname=named) as session,
    ):
        assert session.getpeercert(binary_form=True) == scene.authority.certificate_of(STRANGER)
        assert session.selected_alpn_protocol() == (offered[0] if offered else None)


@pytest.mark.parametrize("offered", [("h2", "http/1.1"), ("http/1.1",)])
@pytest.mark.parametrize(
    ("asked_for", "named"),
    [
        pytest.param("localhost", "localhost", id="by name"),
        pytest.param("127.0.0.1", "localhost", id="by the name in the hello"),
        pytest.param("127.0.0.1", "eu.models.example", id="by a pattern"),
    ],
)
def test_a_providers_host_has_a_certificate_of_our_authority(
    scene: Scene, asked_for: str, named: str, offered: tuple[str, ...]
) -> None:
    trust = scene.proxy.trust()
    trust.set_alpn_protocols(offered)

    with (
        tunnel(scene.proxy, asked_for, scene.secured.port) as line,
        trust.wrap_socket(line, server_hostname=named) as session,
    ):
        presented = session.getpeercert(binary_form=True)
        assert session.selected_alpn_protocol() == offered[0]

    assert presented
    issuer = x509.load_der_x509_certificate(presented).issuer.rfc4514_string()
    assert "LiteLLM Memory Proxy CA" in issuer


@pytest.mark.parametrize("asked_for", ["localhost", "127.0.0.1"])
def test_a_provider_named_in_the_hello_is_called_where_the_tunnel_leads(
    scene: Scene, asked_for: str
) -> None:
    with (
        tunnel(scene.proxy, asked_for, scene.secured.port) as line,
        scene.proxy.trust().wrap_socket(line, server_hostname="localhost") as session,
    ):
        session.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = everything_from(session)

    assert answer.startswith(b"HTTP/1.1 200")
    assert [(seen.path, seen.sni) for seen in scene.secured.requests] == [("/health", "localhost")]


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_a_client_that_trusts_only_the_stranger_can_talk_to_it(scene: Scene, http2: bool) -> None:
    url = f"https://127.0.0.1:{scene.secured.port}/health"
    trust = scene.authority.client_context()

    with httpx.Client(proxy=scene.proxy.url, verify=trust, http2=http2, trust_env=False) as client:
        answer = client.get(url, headers={"x-sm-user-id": "nobody's business"})

    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert scene.secured.requests[-1].header("x-sm-user-id") == "nobody's business"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(NOISE, id="noise"),
        pytest.param(b"?", id="a single byte"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="ssh"),
        pytest.param(b"GET /v1/models HTTP/1.1\r\nhost:  x\r\n\r\n" + NOISE, id="http"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NOISE, id="http/2 in clear"),
    ],
)
def test_what_is_not_tls_passes_a_tunnel_both_ways(scene: Scene, sent: bytes) -> None:
    with origin(echo) as port, tunnel(scene.proxy, "127.0.0.1", port) as line:
        sender = threading.Thread(target=line.sendall, args=(sent,))
        sender.start()
        received = exactly(len(sent), line)
        sender.join()

    assert received == sent


def test_a_plain_request_for_a_stranger_passes_unchanged(
    direct: Mitmdump, provider: Provider
) -> None:
    provider.script(
        Step(body=NOISE[:5000], compress="gzip", headers=(("X-Odd", "a"), ("x-odd", "b")))
    )
    url = f"http://127.0.0.1:{provider.port}/v1/chat/completions?a=%2F&b"
    headers = [("X-API-Key", "k"), ("Cookie", "a=1; b=2"), ("x-Two", "1"), ("X-two", "2")]

    with (
        httpx.Client(proxy=direct.url, trust_env=False) as client,
        client.stream("POST", url, content=NOISE[:3000], headers=headers) as passed,
    ):
        raw = b"".join(passed.iter_raw())
    seen = provider.requests[-1]
    provider.reset()
    provider.script(
        Step(body=NOISE[:5000], compress="gzip", headers=(("X-Odd", "a"), ("x-odd", "b")))
    )
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("POST", url, content=NOISE[:3000], headers=headers) as plain,
    ):
        assert raw == b"".join(plain.iter_raw())

    assert passed.headers.raw == plain.headers.raw
    assert seen.body == NOISE[:3000]
    assert (seen.path, seen.headers) == (provider.requests[-1].path, provider.requests[-1].headers)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.anthropic.com", "/api/event_logging/v2/batch"),
        ("api.openai.com", "/v1/files"),
        ("chatgpt.com", "/backend-api/codex/analytics-events/events"),
    ],
)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with a length"])
def test_telemetry_on_a_providers_host_is_not_held(
    scene: Scene, host: str, path: str, chunked: bool
) -> None:
    first, last = NOISE[:500], Uploads.END
    size = len(first) + len(last)
    length = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % size

    def piece(data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if chunked else data

    with (
        tunnel(scene.proxy, host, 443) as line,
        scene.proxy.trust().wrap_socket(line, server_hostname=host) as session,
    ):
        session.sendall(b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path.encode(), host.encode()))
        session.sendall(length + b"\r\n\r\n" + piece(first))
        came_before_the_last_was_sent = scene.uploads.has(first)
        session.sendall(piece(last) + (b"0\r\n\r\n" if chunked else b""))
        answer = session.recv(65536)

    assert came_before_the_last_was_sent
    assert answer.startswith(b"HTTP/1.1 204")
    assert scene.uploads.arrived.startswith(b"POST %b HTTP/1.1\r\n" % path.encode())


def test_the_authority_is_its_owners_alone(direct: Mitmdump) -> None:
    directory = direct.home / "ca"

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "mitmproxy-ca.pem").stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_beyond_this_machine(direct: Mitmdump) -> None:
    found = listening_addresses(direct.process.pid)

    assert {address for address, _ in found} == {"127.0.0.1"}
    assert {port for _, port in found} >= {direct.port, direct.shared_port}


@contextlib.contextmanager
def origin(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that treats each connection so; its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(SECONDS)
            with contextlib.suppress(OSError):
                talk(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()


def echo(line: socket.socket) -> None:
    while data := line.recv(65536):
        line.sendall(data)


def exactly(size: int, line: socket.socket) -> bytes:
    received = b""
    while len(received) < size and (data := line.recv(65536)):
        received += data
    return received
