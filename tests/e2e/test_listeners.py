"""One listener per project, opened and closed while everything else goes on."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from routing.port_registry import PortRegistry
from tests.e2e.listening import is_closed, listening_addresses
from tests.e2e.mitmdump import BIN, ROOT, Mitmdump, free_block, upstreams
from tests.fakes import Provider, Step

SECONDS_FOR_A_LISTENER = 20.0
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
_numbers = count(1)


@pytest.fixture(scope="module")
def module_proxy(
    session_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    with Mitmdump(tmp_path_factory.mktemp("listeners"), upstreams(session_provider.url)) as proxy:
        yield proxy


@pytest.fixture
def proxy(module_proxy: Mitmdump, provider: Provider) -> Mitmdump:
    return module_proxy


def test_a_project_added_while_running_is_served(proxy: Mitmdump, provider: Provider) -> None:
    directory = new_directory(proxy)

    port = registry_of(proxy).get_or_allocate_port(directory)
    proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)

    assert proxy.ask("/memory-routing/info", port)["project"] == str(directory)
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT, trust_env=False)
    assert answer.status_code == 200


def test_the_command_adds_and_removes_while_running(proxy: Mitmdump) -> None:
    directory = new_directory(proxy)
    command = [BIN / "memproxy"]

    subprocess.run([*command, "add", directory], env=proxy.environment, check=True)
    port = proxy.port_of(directory)
    proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)
    subprocess.run([*command, "remove", directory], env=proxy.environment, check=True)
    proxy.wait_until(lambda: is_closed(port), SECONDS_FOR_A_LISTENER)

    assert port not in {one["port"] for one in proxy.ask("/health")["listeners"]}


def test_no_open_stream_drops_when_projects_come_and_go(
    proxy: Mitmdump, provider: Provider
) -> None:
    text = "a stream that goes on " * 3
    provider.script(Step(text=text, chunks=30, chunk_delay=0.05))
    registry, directory = registry_of(proxy), new_directory(proxy)
    url = f"{proxy.url}/v1/chat/completions"

    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", url, json=CHAT | {"stream": True}) as answer,
    ):
        lines = answer.iter_lines()
        heard = [next(lines)]
        port = registry.get_or_allocate_port(directory)
        proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)
        registry.release(directory)
        proxy.wait_until(lambda: is_closed(port), SECONDS_FOR_A_LISTENER)
        heard += lines

    assert "data: [DONE]" in heard
    assert provider.hangups == []


def test_a_removed_project_keeps_the_stream_that_is_open(
    proxy: Mitmdump, provider: Provider
) -> None:
    provider.script(Step(text="one two three", chunks=20, chunk_delay=0.05))
    registry, directory = registry_of(proxy), new_directory(proxy)
    port = registry.get_or_allocate_port(directory)
    proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)
    url = f"http://127.0.0.1:{port}/v1/chat/completions"

    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", url, json=CHAT | {"stream": True}) as answer,
    ):
        lines = answer.iter_lines()
        heard = [next(lines)]
        registry.release(directory)
        proxy.wait_until(lambda: is_closed(port), SECONDS_FOR_A_LISTENER)
        heard += lines

    assert "data: [DONE]" in heard


def test_a_strangers_port_is_told_and_taken_over_when_it_is_free(
    session_provider: Provider, tmp_path: Path
) -> None:
    proxy = Mitmdump(tmp_path, upstreams(session_provider.url))
    other = new_directory(proxy)
    port = registry_of(proxy).get_or_allocate_port(other)

    with socket.create_server(("127.0.0.1", port)) as stranger, proxy:
        health = proxy.ask("/health")
        assert health["status"] == "degraded"
        assert problems(proxy, str(port))
        assert proxy.listening() == {proxy.shared_port, proxy.port}

        stranger.close()
        proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)
        assert proxy.ask("/health", port)["problems"] == []


@pytest.mark.parametrize("projects", [1, 3])
def test_a_damaged_registry_is_set_aside_and_every_listener_stays(
    tmp_path: Path, projects: int
) -> None:
    proxy = Mitmdump(tmp_path)
    for _ in range(projects - 1):
        registry_of(proxy).get_or_allocate_port(new_directory(proxy))
    file = proxy.home / "ports.json"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b'{"version": 1, "projects": [')

    with proxy:
        before = proxy.ask("/health")["listeners"]
        damaged.replace(file)  # at one stroke: the proxy may look at any time
        proxy.wait_until(lambda: problems(proxy, "repaired"), SECONDS_FOR_A_LISTENER)
        time.sleep(1)  # longer than the proxy needs to look again

        assert proxy.ask("/health", proxy.shared_port)["listeners"] == before
        assert not [one for one in before if is_closed(one["port"])]

        late = registry_of(proxy).get_or_allocate_port(new_directory(proxy))
        proxy.wait_until(lambda: late in proxy.listening(), SECONDS_FOR_A_LISTENER)

        after = proxy.ask("/health", proxy.shared_port)
        assert [one for one in after["listeners"] if one["port"] != late] == before
        (copy,) = proxy.home.glob("ports.json.damaged-*")
        assert copy.read_bytes() == b'{"version": 1, "projects": ['
        assert [problem for problem in after["problems"] if str(copy) in problem]


def test_a_second_proxy_on_the_same_home_ends_and_says_why(proxy: Mitmdump) -> None:
    second = proxy.end_at_once()

    assert second.returncode == 1
    said = second.stdout + second.stderr
    assert "already running" in said
    assert str(proxy.process.pid) in said
    assert str(proxy.shared_port) in said
    assert "Traceback" not in said
    assert proxy.ask("/health")["pid"] == proxy.process.pid


def test_after_a_kill_the_next_start_has_the_same_ports(
    session_provider: Provider, tmp_path: Path
) -> None:
    proxy = Mitmdump(tmp_path, upstreams(session_provider.url))
    other = new_directory(proxy)

    with proxy:
        port = registry_of(proxy).get_or_allocate_port(other)
        proxy.wait_until(lambda: port in proxy.listening(), SECONDS_FOR_A_LISTENER)
        ports, killed = proxy.listening(), proxy.process.pid
        proxy.stop(signal.SIGKILL)
        proxy.start()
        proxy.wait_until(lambda: proxy.listening() == ports, SECONDS_FOR_A_LISTENER)

        assert proxy.ask("/health")["pid"] != killed
        assert proxy.ask("/health")["problems"] == []
        answer = httpx.post(f"{proxy.url}/v1/chat/completions", json=CHAT, trust_env=False)
        assert answer.status_code == 200


def test_a_bare_mitmdump_elsewhere_serves_this_machine_alone(
    session_provider: Provider, tmp_path: Path
) -> None:
    """It opens its default port on every address before it loads a script, for a moment."""
    proxy = Mitmdump(tmp_path, upstreams(session_provider.url), arguments=())
    proxy.command += ["-p", str(proxy.shared_port)]
    assert not ROOT.is_relative_to(proxy.project)
    told: set[bytes] = set()
    over = threading.Event()

    def ask_from_outside() -> None:
        while not over.wait(0.001):
            told.add(told_from_outside(proxy.shared_port))

    asking = threading.Thread(target=ask_from_outside)
    asking.start()
    try:
        with proxy:
            health = proxy.ask("/health", proxy.shared_port)
            answer = httpx.post(f"{proxy.url}/v1/chat/completions", json=CHAT, trust_env=False)
            if sys.platform == "linux":
                found = listening_addresses(proxy.process.pid)
                assert {address for address, _ in found} == {"127.0.0.1"}
    finally:
        over.set()
        asking.join()

    assert (health["status"], answer.status_code) == ("ok", 200)
    assert told == {b""}


def test_mitmweb_does_the_same_job(session_provider: Provider, tmp_path: Path) -> None:
    web_port = free_block()
    arguments = ("--no-web-open-browser", "--set", f"web_port={web_port}", "-n")
    settings = upstreams(session_provider.url)

    with Mitmdump(tmp_path, settings, program="mitmweb", arguments=arguments) as proxy:
        assert proxy.ask("/health")["status"] == "ok"
        with proxy.client() as client:
            answer = client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
        assert answer.status_code == 200
        assert not is_closed(web_port)


def registry_of(proxy: Mitmdump) -> PortRegistry:
    """As another process sees it."""
    return PortRegistry(
        proxy.home / "ports.json",
        first=proxy.shared_port + 1,
        last=proxy.shared_port + 19,
        reserved=frozenset({proxy.shared_port}),
    )


def new_directory(proxy: Mitmdump) -> Path:
    directory = proxy.project.parent / f"other-{next(_numbers)}"
    directory.mkdir()
    return directory.resolve()


def problems(proxy: Mitmdump, word: str) -> list[str]:
    told = proxy.ask("/health", proxy.shared_port)["problems"]
    return [problem for problem in told if word in problem]


def told_from_outside(port: int) -> bytes:
    """What the proxy tells a client that comes by this machine's address on the network."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route,
            socket.socket() as line,
        ):
            route.connect(("192.0.2.1", 9))  # sends nothing; it only chooses the way
            line.settimeout(2)
            line.connect((route.getsockname()[0], port))
            line.sendall(b"GET /health HTTP/1.1\r\nhost: localhost:%d\r\n\r\n" % port)
            return line.recv(4096)
    except OSError:
        return b""  # no network, or nobody listens there
