"""Settings: checked at the start, taken over while running, and silent about secrets."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from routing.paths import places
from scripts.background import running
from tests.e2e.listening import is_closed, listening_addresses
from tests.e2e.mitmdump import BIN, Mitmdump, free_block, upstreams
from tests.fakes import Provider

SECONDS_TO_TAKE_OVER = 20.0
SECRET = "sk-nobody-may-read-this"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Settings that must not start, what is to be named, and what would put it right."""

    settings: str
    line: int
    key: str
    remedy: str


# The first line holds the ports.
WRONG = {
    "a nested key": Wrong(
        f"litellm:\n  url: http://127.0.0.1:9\n  key: {SECRET}\n  modells: {{}}\n",
        5,
        "litellm.modells",
        "did you mean `models`",
    ),
    "a value that is a secret": Wrong(
        f"litellm:\n  url: {SECRET}\n", 3, "litellm.url", "expected http://HOST"
    ),
    "a secret of the wrong kind": Wrong(
        f"litellm:\n  key: [{SECRET}]\n", 3, "litellm.key", "should be a valid string"
    ),
    "a setting that needs another": Wrong("backend: litellm\n", 2, "backend", "litellm.url"),
    "a variable that is not set": Wrong(
        "users:\n  default: ${NOBODY_SETS_IT}\n",
        3,
        "users.default",
        "NOBODY_SETS_IT is not set",
    ),
    "no YAML": Wrong(f"litellm:\n  key: '{SECRET}\n", 6, "", "is not valid YAML"),
}


@dataclass(slots=True)
class Attempt:
    proxy: Mitmdump
    code: int
    said: str
    listened: set[tuple[str, int]]


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Attempt]:
    """Every wrong start once, side by side because each takes a second."""
    found: dict[str, Attempt] = {}
    threads = [
        threading.Thread(target=attempt, args=(name, tmp_path_factory.mktemp("wrong"), found))
        for name in WRONG
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def attempt(name: str, directory: Path, found: dict[str, Attempt]) -> None:
    proxy = Mitmdump(directory, WRONG[name].settings)
    listened: set[tuple[str, int]] = set()
    with subprocess.Popen(
        proxy.command,
        env=proxy.environment,
        cwd=proxy.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            while process.poll() is None:
                if sys.platform == "linux":
                    listened |= listening_of(process.pid)
                time.sleep(0.005)
            said = process.stdout.read() if process.stdout else ""
        finally:
            process.kill()
    found[name] = Attempt(proxy, process.returncode, said, listened)


def listening_of(pid: int) -> set[tuple[str, int]]:
    try:
        return listening_addresses(pid)
    except OSError:
        return set()  # it has just ended


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_named_and_nothing_starts(
    attempts: dict[str, Attempt], name: str
) -> None:
    wrong, attempt = WRONG[name], attempts[name]

    assert attempt.code == 1
    assert f"{attempt.proxy.config_file}:{wrong.line}: {wrong.key}" in attempt.said
    assert wrong.remedy in attempt.said
    assert SECRET not in attempt.said
    assert "Traceback" not in attempt.said


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_open_no_port(attempts: dict[str, Attempt], name: str) -> None:
    assert attempts[name].listened == set()


def test_a_config_that_is_asked_for_and_missing_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.yaml"
    proxy = Mitmdump(tmp_path, environment={"MEMPROXY_CONFIG": str(missing)})

    ended = proxy.end_at_once()

    assert ended.returncode == 1
    assert f"{missing}: there is no such file" in ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def module_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitmdump]:
    directory = tmp_path_factory.mktemp("settings")
    with Mitmdump(directory, environment={"WHO": "somebody", "THE_KEY": SECRET}) as proxy:
        yield proxy


@pytest.fixture
def proxy(module_proxy: Mitmdump) -> Mitmdump:
    """With the default settings, and nothing to complain of."""
    module_proxy.configure("")
    module_proxy.wait_until(lambda: user_of(module_proxy) == "default-dev", SECONDS_TO_TAKE_OVER)
    module_proxy.wait_until(
        lambda: module_proxy.ask("/health")["problems"] == [], SECONDS_TO_TAKE_OVER
    )
    return module_proxy


def test_a_changed_user_is_taken_over(proxy: Mitmdump) -> None:
    proxy.configure("users: {default: someone-else}\n")

    proxy.wait_until(lambda: user_of(proxy) == "someone-else", SECONDS_TO_TAKE_OVER)


def test_environment_variables_are_expanded(proxy: Mitmdump) -> None:
    proxy.configure("users: {default: '${WHO}-at-${NOBODY_SETS_IT:-home}$$'}\n")

    proxy.wait_until(lambda: user_of(proxy) == "somebody-at-home$", SECONDS_TO_TAKE_OVER)


def test_a_changed_upstream_is_taken_over(proxy: Mitmdump, provider: Provider) -> None:
    with Provider() as other:
        url = f"{proxy.url}/v1/chat/completions"
        for user, one in {"first": provider, "second": other, "third": provider}.items():
            proxy.configure(f"{upstreams(one.url)}users: {{default: {user}}}\n")
            # Whoever asks before that asks the real one.
            proxy.wait_until(lambda user=user: user_of(proxy) == user, SECONDS_TO_TAKE_OVER)

            assert httpx.post(url, json=CHAT, trust_env=False).status_code == 200
            assert len(one.requests) == 1
            one.reset()


def test_a_new_provider_is_taken_over(proxy: Mitmdump, provider: Provider) -> None:
    proxy.configure(f"providers: {{mine: {{hosts: [api.mine.example], api: '{provider.url}'}}}}\n")

    url = f"{proxy.url}/mine/v1/models"
    proxy.wait_until(
        lambda: httpx.get(url, trust_env=False).status_code == 200, SECONDS_TO_TAKE_OVER
    )


def test_another_shared_port_is_taken_over(tmp_path: Path) -> None:
    with Mitmdump(tmp_path) as proxy:
        old, projects_own = proxy.shared_port, proxy.port
        proxy.shared_port = free_block()
        proxy.configure("")

        proxy.wait_until(lambda: proxy.shared_port in proxy.listening(), SECONDS_TO_TAKE_OVER)
        proxy.wait_until(lambda: is_closed(old), SECONDS_TO_TAKE_OVER)

        assert proxy.port == projects_own
        assert not is_closed(projects_own)
        found = running(places(proxy.environment))
        assert found
        assert (found.pid, found.port) == (proxy.process.pid, proxy.shared_port)
        status = subprocess.run(
            [BIN / "memproxy", "status"],
            check=False,
            env=proxy.environment,
            capture_output=True,
            text=True,
        )
        assert status.returncode == 0, status.stdout


@pytest.mark.parametrize("name", ["a nested key", "a variable that is not set", "no YAML"])
def test_broken_settings_keep_the_old_ones_and_are_told(proxy: Mitmdump, name: str) -> None:
    wrong = WRONG[name]
    proxy.configure("users: {default: before}\n")
    proxy.wait_until(lambda: user_of(proxy) == "before", SECONDS_TO_TAKE_OVER)

    proxy.configure(wrong.settings)
    proxy.wait_until(lambda: proxy.ask("/health")["problems"], SECONDS_TO_TAKE_OVER)

    health = proxy.ask("/health")
    assert health["status"] == "degraded"
    assert f"config.yaml:{wrong.line}: {wrong.key}" in health["problems"][0]
    assert wrong.remedy in health["problems"][0]
    assert user_of(proxy) == "before"
    assert SECRET not in str(health)
    assert SECRET not in proxy.log


def test_a_secret_is_told_nowhere(proxy: Mitmdump) -> None:
    proxy.configure(
        "backend: litellm\n"
        "users: {default: told}\n"
        f"litellm: {{url: 'http://127.0.0.1:{free_block()}', key: '${{THE_KEY}}', wait: 0}}\n"
    )
    proxy.wait_until(lambda: user_of(proxy) == "told", SECONDS_TO_TAKE_OVER)

    answers = [
        httpx.post(f"{proxy.url}{path}", json=CHAT, trust_env=False, timeout=30)
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses")
    ]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    told = [answer.text + str(answer.headers) for answer in answers]
    told += [str(proxy.ask("/health")), str(proxy.ask("/memory-routing/info")), proxy.log]
    status = [str(BIN / "memproxy"), "status", "--json"]
    told.append(
        subprocess.run(
            status, check=False, env=proxy.environment, capture_output=True, text=True
        ).stdout
    )
    assert re.search(r'"litellm"', told[-1])
    assert not [text for text in told if SECRET in text]


def user_of(proxy: Mitmdump) -> str:
    user: str = proxy.ask("/memory-routing/info")["user_id"]
    return user


def test_settings_whose_file_is_gone_stay(proxy: Mitmdump) -> None:
    proxy.configure("users: {default: still-here}")
    proxy.wait_until(lambda: user_of(proxy) == "still-here", SECONDS_TO_TAKE_OVER)

    proxy.config_file.unlink()
    proxy.wait_until(
        lambda: "is gone" in str(proxy.ask("/health")["problems"]), SECONDS_TO_TAKE_OVER
    )

    assert user_of(proxy) == "still-here"
    proxy.configure("")
