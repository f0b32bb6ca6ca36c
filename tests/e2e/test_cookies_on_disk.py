"""Kept cookies outlive the proxy where the settings ask for it, and are on no disk otherwise."""

import contextlib
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from routing.paths import places
from tests.e2e.mitmdump import Mitmdump
from tests.fakes import Authority, Provider, Step

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
KEY, OTHER_KEY = "sk-the-first-account", "sk-another-account"
VALUE = "a-value-that-nobody-may-read"
CHALLENGE = Step(demand_cookie=("cf_clearance", VALUE))
KEEP = "cookies: {keep: true}\n"


@dataclass(frozen=True, slots=True)
class Scene:
    proxy: Mitmdump
    provider: Provider
    authority: Path

    def configure(self, settings: str = "") -> None:
        """Two names of this machine stand for two hosts."""
        port = self.provider.port
        self.proxy.configure(
            f"upstream_ca: {self.authority}\n"
            "providers:\n"
            f"  openai: {{upstream: 'https://127.0.0.1:{port}'}}\n"
            f"  groq: {{upstream: 'https://localhost:{port}'}}\n"
            f"{settings}"
        )

    @property
    def file(self) -> Path:
        return places(self.proxy.environment).cookies_file

    def on_disk(self) -> list[str]:
        """Every file of the proxy's that holds the cookie.

        The proxy is at work meanwhile: a file that it is about to rename may be gone when read.
        """
        found = []
        for path in self.proxy.home.rglob("*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                if VALUE.encode() in path.read_bytes():
                    found.append(path.name)
        return found

    def ask(self, key: str = KEY, *, port: int = 0, path: str = "/v1/chat/completions") -> int:
        """The status of a call by a client that keeps no cookies."""
        url = f"http://127.0.0.1:{port or self.proxy.port}{path}"
        headers = {"authorization": f"Bearer {key}"}
        return httpx.post(url, json=CHAT, headers=headers, trust_env=False, timeout=20).status_code

    def pass_challenge(self) -> None:
        assert [self.ask(), self.ask()] == [403, 200]


@pytest.fixture(scope="module")
def module_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, Path]]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Provider(tls=authority.server_context()) as provider:
        yield provider, authority.pem_path


@pytest.fixture
def scene(module_provider: tuple[Provider, Path], tmp_path: Path) -> Scene:
    """A proxy that does not run yet, before a provider that challenges whoever comes."""
    provider, authority = module_provider
    provider.reset()
    provider.always(CHALLENGE)
    scene = Scene(Mitmdump(tmp_path), provider, authority)
    scene.configure()
    return scene


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_challenge_stays_passed_over_a_restart(scene: Scene, how: signal.Signals) -> None:
    scene.configure(KEEP)
    with scene.proxy as proxy:
        scene.pass_challenge()
        if how == signal.SIGKILL:
            proxy.wait_until(lambda: scene.on_disk() == [scene.file.name])
        proxy.stop(how)
        assert scene.on_disk() == [scene.file.name]
        assert stat.S_IMODE(scene.file.stat().st_mode) == 0o600
        assert KEY.encode() not in scene.file.read_bytes()

        proxy.start()
        others = [
            scene.ask(OTHER_KEY),
            scene.ask(port=proxy.shared_port),
            scene.ask(path="/groq/v1/chat/completions"),
        ]
        assert [scene.ask(), *others] == [200, 403, 403, 403]
    assert VALUE not in proxy.log
    assert KEY not in proxy.log


def test_what_came_last_before_the_end_is_kept_too(scene: Scene) -> None:
    scene.configure(KEEP)
    with scene.proxy as proxy:
        scene.pass_challenge()
        proxy.wait_until(lambda: scene.on_disk() == [scene.file.name])
        scene.ask(OTHER_KEY)
        proxy.stop()

        proxy.start()
        assert [scene.ask(OTHER_KEY), scene.ask()] == [200, 200]


def test_unasked_nothing_is_on_disk(scene: Scene) -> None:
    with scene.proxy as proxy:
        scene.pass_challenge()
        proxy.stop()
        assert scene.on_disk() == []
        assert not scene.file.exists()

        proxy.start()
        assert scene.ask() == 403


def test_the_setting_counts_while_running(scene: Scene) -> None:
    with scene.proxy as proxy:
        scene.pass_challenge()
        for _ in range(2):
            scene.configure(KEEP)
            proxy.wait_until(lambda: scene.on_disk() == [scene.file.name])
            scene.configure()
            proxy.wait_until(lambda: not scene.file.exists())
        assert scene.ask() == 200
        proxy.stop()

        assert scene.on_disk() == []
        assert proxy.log.count(f"cookies.removed file={scene.file}") == 2


def test_what_was_kept_before_the_setting_was_taken_back_is_removed(scene: Scene) -> None:
    scene.configure(KEEP)
    with scene.proxy as proxy:
        scene.pass_challenge()
        proxy.stop()
        assert scene.on_disk() == [scene.file.name]
        scene.configure()

        proxy.start()
        proxy.wait_until(lambda: not scene.file.exists())
        assert scene.ask() == 403


def test_a_file_that_cannot_be_used_is_set_aside_and_the_proxy_serves(scene: Scene) -> None:
    scene.configure(KEEP)
    scene.file.write_bytes(b'{"version": 2}')
    with scene.proxy as proxy:
        scene.pass_challenge()
        proxy.stop()

    assert scene.file.with_name("cookies.json.unusable").read_bytes() == b'{"version": 2}'
    assert scene.on_disk() == [scene.file.name]
    assert proxy.log.count("cookies.not_read") == 1


@pytest.mark.parametrize("is_put_right", [False, True])
def test_a_file_that_cannot_be_written_is_told_of_once_and_tried_again(
    scene: Scene, is_put_right: bool
) -> None:
    scene.configure(KEEP)
    with scene.proxy as proxy:
        proxy.wait_until(scene.file.exists)
        scene.file.unlink()
        scene.file.mkdir()
        scene.pass_challenge()
        proxy.wait_until(lambda: "cookies.not_written" in proxy.log)
        assert [scene.ask(OTHER_KEY), scene.ask()] == [403, 200]

        if is_put_right:
            scene.file.rmdir()
        proxy.stop()

    assert scene.on_disk() == [scene.file.name] * is_put_right
    assert proxy.log.count("cookies.not_written") == 1
    assert VALUE not in proxy.log


def test_a_proxy_that_may_not_serve_leaves_the_file_alone(scene: Scene, tmp_path: Path) -> None:
    other_settings = tmp_path / "other.yaml"
    other_settings.write_text("cookies: {keep: false}\nmemory: {enabled: false}\n")
    scene.configure(KEEP)
    with scene.proxy as proxy:
        scene.pass_challenge()
        proxy.wait_until(lambda: scene.on_disk() == [scene.file.name])
        written = scene.file.read_bytes()

        second = subprocess.run(
            proxy.command,
            check=False,
            env=proxy.environment | {"MEMPROXY_CONFIG": str(other_settings)},
            cwd=proxy.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert "already running" in second.stdout + second.stderr
        assert scene.file.read_bytes() == written
