import asyncio
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gateway.litellm_proxy import LiteLLMProxy, Local, Pace, Remote
from routing.errors import ConfigError
from routing.hide_secrets import secrets_given
from routing.ports import free_port
from scripts.background import is_alive

ROOT = Path(__file__).parents[2]
STANDIN = ROOT / "tests" / "fakes" / "litellm_standin.py"
CONFIG = "model_list:\n  - model_name: m\n    litellm_params: {model: openai/m}\n"
LONG = 60.0  # seconds; only a test that fails waits so long
QUICK = Pace(
    probe=0.2,
    probe_while_starting=0.02,
    start=LONG,
    first_pause=0.05,
    longest_pause=0.2,
    stop=1,
)


@pytest.fixture
def local(tmp_path: Path) -> Callable[..., Local]:
    config = tmp_path / "litellm.yaml"
    config.write_text(CONFIG)

    def make(*flags: str, **values: Any) -> Local:
        return Local(
            **{
                "config": config,
                "environment": tmp_path / "unused",
                "requirements": tmp_path / "unused.txt",
                "command": (sys.executable, str(STANDIN), *flags),
                **values,
            }
        )

    return make


@asynccontextmanager
async def running(where: Local | Remote, pace: Pace = QUICK) -> AsyncIterator[LiteLLMProxy]:
    proxy = LiteLLMProxy(where, pace=pace)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def until(true: Callable[[], bool], seconds: float = LONG) -> None:
    async with asyncio.timeout(seconds):
        # What is waited for happens in another process, which sets no event here.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def comes_up(proxy: LiteLLMProxy, seconds: float = LONG) -> bool:
    with suppress(TimeoutError):
        await until(lambda: proxy.status.state == "up", seconds)
    return proxy.status.state == "up"


def lives(pid: int | None) -> bool:
    return pid is not None and is_alive(pid)


def command_line(pid: int | None) -> str:
    """What every user of the machine can read."""
    asked = ("ps", "-ww", "-o", "command=", "-p", str(pid))
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


@pytest.mark.e2e
async def test_a_child_is_started_answers_and_is_gone_after_stop(
    local: Callable[..., Local],
) -> None:
    async with running(local()) as proxy:
        assert proxy.status.state == "starting"
        assert await comes_up(proxy)
        status = proxy.status
        assert (status.state, status.restarts, status.version) == ("up", 0, None)
        assert lives(status.pid)
        assert proxy.address == ("http", "127.0.0.1", int(status.url.rpartition(":")[2]))
    assert not lives(status.pid)
    assert (proxy.status.state, proxy.status.pid) == ("down", None)


@pytest.mark.e2e
async def test_start_returns_at_once_and_a_slow_start_is_waited_for(
    local: Callable[..., Local],
) -> None:
    async with running(local("--slow", "0.5")) as proxy:
        assert not await comes_up(proxy, 0.1)
        assert proxy.status.state == "starting"
        assert await comes_up(proxy)


@pytest.mark.e2e
async def test_a_killed_child_comes_back_on_its_port_and_is_counted(
    local: Callable[..., Local],
) -> None:
    async with running(local()) as proxy:
        for count in (1, 2):
            assert await comes_up(proxy)
            before = proxy.status
            os.kill(before.pid or 0, signal.SIGKILL)
            await until(lambda before=before: proxy.status.pid not in (before.pid, None))
            assert await comes_up(proxy)
            assert proxy.status.restarts == count
            assert proxy.status.url == before.url


@pytest.mark.e2e
async def test_one_that_was_up_is_on_its_way_again_from_its_end_on(
    local: Callable[..., Local],
) -> None:
    async with running(local(), replace(QUICK, first_pause=0.5)) as proxy:
        assert await comes_up(proxy)
        os.kill(proxy.status.pid or 0, signal.SIGKILL)
        await until(lambda: proxy.status.pid is None)
        assert proxy.status.state == "starting"
        assert "ended with code -9 while it was up" in proxy.status.detail
        assert await comes_up(proxy)


@pytest.mark.e2e
async def test_one_that_was_up_for_long_is_started_again_at_once(
    local: Callable[..., Local],
) -> None:
    pace = replace(QUICK, first_pause=600, longest_pause=600, settled=0.1)
    async with running(local(), pace) as proxy:
        for count in (1, 2):
            assert await comes_up(proxy)
            await asyncio.sleep(0.1)
            os.kill(proxy.status.pid or 0, signal.SIGKILL)
            await until(lambda count=count: proxy.status.restarts == count)
        assert await comes_up(proxy)


@pytest.mark.e2e
async def test_the_pause_between_failed_starts_grows(
    local: Callable[..., Local], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "memory_proxy")
    pace = Pace(probe_while_starting=0.01, first_pause=0.1, longest_pause=0.4)
    async with running(local("--fail", "3"), pace) as proxy:
        await until(lambda: proxy.status.restarts >= 4)
    starts = [at.created for at in caplog.records if "litellm.starting" in at.message][1:]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[0] >= 0.1
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.4


@pytest.mark.e2e
async def test_last_words_of_a_failed_start_are_told_without_secrets(
    local: Callable[..., Local],
) -> None:
    said = "ValueError: cannot use api_key=sk-live-0123456789 or key-of-ours-1"
    where = local("--fail", "3", "--say", said, key="key-of-ours-1")
    async with running(where) as proxy:
        await until(lambda: proxy.status.state == "down")
        detail = proxy.status.detail
    assert "ended with code 3" in detail
    assert "ValueError" in detail
    assert "0123456789" not in detail
    assert "key-of-ours-1" not in detail


@pytest.mark.e2e
async def test_a_child_that_stops_answering_is_replaced(
    local: Callable[..., Local], tmp_path: Path
) -> None:
    mute = tmp_path / "mute"
    pace = replace(QUICK, probe_timeout=0.3, silence=0.8)
    async with running(local("--mute", str(mute)), pace) as proxy:
        assert await comes_up(proxy)
        hung = proxy.status.pid
        mute.touch()
        await until(lambda: proxy.status.state != "up")
        await until(lambda: not lives(hung))
        mute.unlink()
        assert await comes_up(proxy)
        assert proxy.status.pid != hung


@pytest.mark.e2e
async def test_a_stubborn_child_is_killed_after_the_grace(local: Callable[..., Local]) -> None:
    async with running(local("--stubborn")) as proxy:
        assert await comes_up(proxy)
        pid = proxy.status.pid
        began = time.monotonic()
    assert not lives(pid)
    assert time.monotonic() - began < Pace().stop


@pytest.mark.e2e
async def test_a_taken_port_is_named_and_used_once_it_is_free(
    local: Callable[..., Local],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        proxy = LiteLLMProxy(local(port=port), pace=QUICK)
        await proxy.start()
        await until(lambda: proxy.status.state == "down")
        assert f"port {port} is taken" in proxy.status.detail
    try:
        assert await comes_up(proxy)
        assert proxy.address[2] == port
    finally:
        await proxy.stop()


@pytest.mark.e2e
async def test_a_port_of_our_choice_that_was_taken_meanwhile_is_replaced(
    local: Callable[..., Local],
) -> None:
    proxy = LiteLLMProxy(local(), pace=QUICK)
    with socket.create_server(("127.0.0.1", proxy.address[2])) as stranger:
        await proxy.start()
        try:
            assert await comes_up(proxy)
            assert proxy.address[2] != stranger.getsockname()[1]
        finally:
            await proxy.stop()


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("model_list: [\n  - x", 2, "is not valid YAML"),
        ("", 1, "must be a mapping"),
        ("general_settings: {}", 1, "no model_list"),
        ("\nmodel_list: []", 2, "with a model in it"),
        ("model_list:\n  - model_name: m\n", 2, "no litellm_params"),
        (
            "model_list:\n  - model_name: m\n    litellm_params:\n      api_key: x\n",
            3,
            "litellm_params has no model",
        ),
        (
            "model_list: [{model_name: m, litellm_params: 7}]",
            1,
            "litellm_params: must be a mapping",
        ),
        (CONFIG + "general_settings:\n  master_key: os.environ/UNSET_X\n", 5, "UNSET_X is not set"),
    ],
)
async def test_a_broken_litellm_yaml_is_named_with_its_line_and_nothing_starts(
    local: Callable[..., Local], text: str, line: int, says: str
) -> None:
    where = local()
    where.config.write_text(text)
    async with running(where) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert f"{where.config}:{line}: " in proxy.status.detail
        assert says in proxy.status.detail
        assert proxy.status.pid is None
        where.config.write_text(CONFIG)
        assert await comes_up(proxy)


async def test_a_missing_litellm_yaml_is_named(local: Callable[..., Local], tmp_path: Path) -> None:
    async with running(local(config=tmp_path / "nowhere.yaml")) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert "nowhere.yaml: cannot be read" in proxy.status.detail


@pytest.mark.e2e
async def test_without_a_key_every_start_makes_one_that_only_the_child_gets(
    local: Callable[..., Local], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with running(local("--note", str(note))) as proxy:
        assert await comes_up(proxy)
        seen = json.loads(note.read_text())
        assert seen["environment"]["LITELLM_MASTER_KEY"] == proxy.key
        assert "LITELLM_MASTER_KEY" not in os.environ
        assert len(proxy.key or "") > 40
        assert (proxy.key or "") not in command_line(proxy.status.pid)
    assert LiteLLMProxy(local()).key != proxy.key


@pytest.mark.e2e
async def test_a_master_key_in_litellm_yaml_is_ours_unless_the_config_differs(
    local: Callable[..., Local],
) -> None:
    where = local()
    where.config.write_text(CONFIG + "general_settings: {master_key: sk-of-the-yaml}\n")
    async with running(where) as proxy:
        assert await comes_up(proxy)
        assert proxy.key == "sk-of-the-yaml"
    async with running(local(key="sk-another")) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert "differs from the key that our config holds" in proxy.status.detail
        assert "sk-another" not in proxy.status.detail


@pytest.mark.e2e
async def test_the_child_cannot_reach_us_through_a_proxy_nor_the_database_of_a_project(
    local: Callable[..., Local], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:8080")
    monkeypatch.setenv("http_proxy", "http://user:pass@localhost:8080")
    monkeypatch.setenv("ALL_PROXY", "[::1]:8080")
    monkeypatch.setenv("https_proxy", "http://proxy.company.example:3128")
    monkeypatch.setenv("DATABASE_URL", "postgres://app")
    monkeypatch.setenv("OPENAI_API_KEY", "needed")
    async with running(local("--note", str(note))) as proxy:
        assert await comes_up(proxy)
    seen = json.loads(note.read_text())
    environment = seen["environment"]
    assert not {"HTTPS_PROXY", "http_proxy", "ALL_PROXY", "DATABASE_URL"} & set(environment)
    assert environment["https_proxy"] == "http://proxy.company.example:3128"
    assert environment["OPENAI_API_KEY"] == "needed"
    assert environment["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert environment["LITELLM_TELEMETRY"] == "False"
    assert seen["directory"] == str(tmp_path)


@pytest.mark.e2e
async def test_output_is_drained_and_dropped_once_the_child_is_up(
    local: Callable[..., Local], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(local(), Pace(probe=0.005)) as proxy:
        assert await comes_up(proxy)
        await asyncio.sleep(0.5)
        assert proxy.status.state == "up"
    assert "nobody should keep" not in caplog.text


@pytest.mark.e2e
async def test_a_log_file_is_ours_alone_and_holds_no_key(
    local: Callable[..., Local], tmp_path: Path
) -> None:
    log = tmp_path / "litellm.log"
    async with running(local("--say", "with sk-secret-12345678", log=log)) as proxy:
        assert await comes_up(proxy)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "with [hidden]" in log.read_text()


@pytest.mark.e2e
async def test_secrets_of_litellm_yaml_are_neither_logged_nor_told(
    local: Callable[..., Local], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log = tmp_path / "litellm.log"
    where = local("--fail", "3", "--say", "no Zx81opaquekey99 here", log=log)
    where.config.write_text(CONFIG.replace("openai/m", "openai/m, api_key: Zx81opaquekey99"))

    async with running(where) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert "no [hidden] here" in proxy.status.detail

    assert "no [hidden] here" in log.read_text()
    assert "Zx81opaquekey99" not in caplog.text
    assert "Zx81opaquekey99" in secrets_given


@pytest.mark.e2e
async def test_models_that_cannot_be_served_are_problems_of_one_that_is_up(
    local: Callable[..., Local], caplog: pytest.LogCaptureFixture
) -> None:
    said = "litellm.yaml problem: /x/litellm.yaml:9: unknown\nlitellm.yaml note: /x:3: passed over"
    where = local("--say", said)
    where.config.write_text(CONFIG.replace("openai/m", "openai/m, timeout: soon"))

    async with running(where) as proxy:
        assert await comes_up(proxy)
        ours, litellms = proxy.problems

    assert ours.startswith(f"{where.config}:3: model_list.0.litellm_params.timeout: must be a num")
    assert litellms == "/x/litellm.yaml:9: unknown"
    for line in (ours, litellms, "/x:3: passed over"):
        assert f"litellm.settings {line}" in caplog.messages


@pytest.mark.e2e
async def test_last_words_about_a_line_of_the_file_stand_alone(local: Callable[..., Local]) -> None:
    where = local("--fail", "1")
    mistake = f"{where.config}:7: router_settings: cannot be used"
    said = (*where.command, "--say", f"Traceback\n{mistake}")

    async with running(replace(where, command=said)) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert proxy.status.detail == f"LiteLLM ended with code 1 before it was up: {mistake}"


@pytest.mark.e2e
async def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    config = tmp_path / "litellm.yaml"
    config.write_text(CONFIG)
    parent = subprocess.Popen(  # noqa: ASYNC220 - it has to be a parent of its own
        (sys.executable, "-c", PARENT, str(config), str(STANDIN)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert lives(pid)
    finally:
        parent.kill()
        parent.communicate()
    await until(lambda: not lives(pid))


PARENT = """
import asyncio, sys
from itertools import pairwise
from pathlib import Path
from gateway.litellm_proxy import LiteLLMProxy, Local

async def main():
    config, standin = sys.argv[1:]
    nowhere = Path("unused")
    proxy = LiteLLMProxy(Local(Path(config), nowhere, nowhere, command=(sys.executable, standin)))
    await proxy.start()
    await proxy.wait_while_starting(60)
    print(proxy.status.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


class Elsewhere(ThreadingHTTPServer):
    """Somebody else's LiteLLM, behind a gateway that may ask for a key."""

    daemon_threads = True
    allow_reuse_address = True
    key: str | None = None
    code = 200
    version = b""
    """What its page for that says."""
    version_code = 200

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        wanted = self.server.key
        welcome = wanted is None or self.headers["authorization"] == f"Bearer {wanted}"
        asks_version = self.path == "/health/readiness"
        code = self.server.version_code if asks_version else self.server.code
        self.send_response(code if welcome else 401)
        told = self.server.version if welcome and asks_version else b""
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


async def test_a_remote_proxy_is_watched_as_it_goes_and_comes_back() -> None:
    elsewhere = Elsewhere()
    port = elsewhere.server_port
    async with running(Remote(f"http://127.0.0.1:{port}/")) as proxy:
        assert await comes_up(proxy)
        assert proxy.address == ("http", "127.0.0.1", port)
        assert proxy.status.pid is None
        elsewhere.end()
        await until(lambda: proxy.status.state == "down")
        assert "cannot be reached" in proxy.status.detail
        elsewhere = Elsewhere(port)
        assert await comes_up(proxy)
    elsewhere.end()


async def test_a_reported_failure_is_looked_into_at_once() -> None:
    elsewhere = Elsewhere()
    where = Remote(f"http://127.0.0.1:{elsewhere.server_port}")
    async with running(where, Pace(probe=600)) as proxy:
        assert await comes_up(proxy)
        elsewhere.end()
        await asyncio.sleep(0.05)
        assert proxy.status.state == "up"
        proxy.report_failure()
        await until(lambda: proxy.status.state == "down")


@pytest.mark.parametrize(
    ("key", "code", "says"),
    [("sk-right", 200, "answers"), ("sk-wrong", 200, "refuses our key"), ("sk-right", 404, "404")],
)
async def test_a_remote_proxy_that_is_no_use_says_why(key: str, code: int, says: str) -> None:
    elsewhere = Elsewhere()
    elsewhere.key, elsewhere.code = "sk-right", code
    async with running(Remote(f"http://127.0.0.1:{elsewhere.server_port}", key)) as proxy:
        await until(lambda: proxy.status.state in ("up", "down"))
        assert says in proxy.status.detail
    elsewhere.end()


async def test_a_remote_proxy_is_refused_for_as_long_as_it_says_that_it_is_malicious() -> None:
    elsewhere = Elsewhere()
    elsewhere.version = b'{"status": "healthy", "litellm_version": "1.82.7"}'
    where = Remote(f"http://127.0.0.1:{elsewhere.server_port}")
    pace = Pace(probe=0.02, ask_version=0.05)
    async with running(where, pace) as proxy:
        await until(lambda: proxy.status.state == "refused")
        assert "litellm 1.82.7, a malicious release" in proxy.status.detail
        elsewhere.version_code, elsewhere.version = 503, b"<html>"
        assert not await comes_up(proxy, 0.2)
        elsewhere.version_code = 200
        elsewhere.version = b'{"status": "healthy", "litellm_version": "1.82.6"}'
        assert await comes_up(proxy)
        assert proxy.status.version == "1.82.6"
        elsewhere.version = b'{"status": "healthy", "litellm_version": "1.82.8"}'
        await until(lambda: proxy.status.state == "refused")
    elsewhere.end()


@pytest.mark.parametrize(
    "says", [b"", b"[]", b"<html>", b'{"status": "healthy"}', b'{"litellm_version": null}']
)
async def test_a_remote_proxy_that_keeps_its_version_to_itself_is_used(says: bytes) -> None:
    elsewhere = Elsewhere()
    elsewhere.version = says
    async with running(Remote(f"http://127.0.0.1:{elsewhere.server_port}")) as proxy:
        assert await comes_up(proxy)
        assert proxy.status.version is None
    elsewhere.end()


@pytest.mark.parametrize("url", ["127.0.0.1:4000", "http://u:p@host", "ftp://host", "http://:1"])
def test_a_url_that_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="http://host:port"):
        LiteLLMProxy(Remote(url))


def test_no_key_is_in_any_repr(local: Callable[..., Local]) -> None:
    assert "sk-hush" not in repr(Remote("http://h:1", "sk-hush"))
    assert "sk-hush" not in repr(local(key="sk-hush"))


@pytest.mark.e2e
async def test_stop_ends_a_start_that_is_still_going(local: Callable[..., Local]) -> None:
    proxy = LiteLLMProxy(local("--slow", "60"), pace=QUICK)
    await proxy.start()
    await until(lambda: proxy.status.pid is not None)
    pid = proxy.status.pid
    await proxy.stop()
    assert not lives(pid)


@pytest.mark.e2e
async def test_a_child_that_finishes_ends_with_its_last_call(local: Callable[..., Local]) -> None:
    proxy = LiteLLMProxy(local(), pace=QUICK)
    await proxy.start()
    assert await comes_up(proxy)
    pid = proxy.status.pid
    for call in ("one", "two"):
        proxy.begin(call)
    finishing = asyncio.create_task(proxy.finish())
    for _ in range(2):  # of the same call both an error and an answer may be told
        proxy.end("one")
    await asyncio.sleep(0.1)
    assert (lives(pid), proxy.calls, finishing.done()) == (True, 1, False)

    proxy.end("two")
    await finishing
    assert (lives(pid), proxy.calls, proxy.status.state) == (False, 0, "down")


@pytest.mark.e2e
async def test_a_child_without_calls_finishes_at_once_and_one_with_calls_not_for_ever(
    local: Callable[..., Local], caplog: pytest.LogCaptureFixture
) -> None:
    for calls in (0, 1):
        proxy = LiteLLMProxy(local(), pace=replace(QUICK, finish=0.2 if calls else 900))
        await proxy.start()
        assert await comes_up(proxy)
        pid = proxy.status.pid
        for number in range(calls):
            proxy.begin(str(number))
        await asyncio.wait_for(proxy.finish(), LONG)
        assert not lives(pid)
        assert ("litellm.ends_early" in caplog.text) == bool(calls)


@pytest.mark.e2e
@pytest.mark.parametrize("leaves_its_port", [False, True])
async def test_a_child_that_finishes_ends_when_whoever_waits_for_it_does(
    local: Callable[..., Local], *, leaves_its_port: bool
) -> None:
    proxy = LiteLLMProxy(local("--stubborn"), pace=QUICK)
    await proxy.start()
    assert await comes_up(proxy)
    pid = proxy.status.pid
    proxy.begin("a call")
    finishing = asyncio.create_task(proxy.finish())
    await asyncio.sleep(0.05)
    if leaves_its_port:
        proxy.leave_port()
        await asyncio.sleep(2 * QUICK.stop)
    assert lives(pid)
    finishing.cancel()
    await asyncio.wait([finishing])
    await until(lambda: not lives(pid))


@pytest.mark.e2e
async def test_one_that_is_no_longer_wanted_releases_whoever_waits_for_it_and_never_starts_again(
    local: Callable[..., Local],
) -> None:
    proxy = LiteLLMProxy(local("--slow", "60"), pace=QUICK)
    await proxy.start()
    waiting = asyncio.create_task(proxy.wait_while_starting(10 * LONG))
    await until(lambda: proxy.status.pid is not None)
    pid = proxy.status.pid
    await proxy.finish()
    await asyncio.wait_for(waiting, LONG)
    assert not lives(pid)

    await proxy.start()
    await asyncio.wait_for(proxy.wait_while_starting(10 * LONG), LONG)
    assert proxy.status.state == "down"


@pytest.mark.e2e
async def test_whoever_waits_is_told_as_soon_as_it_is_known_that_it_does_not_come(
    local: Callable[..., Local],
) -> None:
    fails = local("--fail", "1")
    for where in (Remote(f"http://127.0.0.1:{free_port()}"), fails):
        async with running(where, replace(QUICK, first_pause=10 * LONG)) as proxy:
            await asyncio.wait_for(proxy.wait_while_starting(10 * LONG), LONG)
            assert proxy.status.state == "down"


@pytest.mark.e2e
async def test_a_start_that_takes_too_long_is_given_up_and_tried_again(
    local: Callable[..., Local],
) -> None:
    pace = Pace(start=0.3, probe_while_starting=0.02, first_pause=0.05, stop=1)
    async with running(local("--slow", "60"), pace) as proxy:
        await until(lambda: proxy.status.state == "down")
        assert "did not answer within" in proxy.status.detail
        await until(lambda: proxy.status.restarts == 1)
