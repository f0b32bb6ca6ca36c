"""Another backend while calls are under way, and a LiteLLM that must not be used at all."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
import yaml

from routing.ports import free_port
from scripts.background import is_alive
from tests.e2e.litellm_calls import CLAUDE, GPT, body
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.litellm_scene import (
    SECONDS_TO_BE_UP,
    backend,
    litellm_proxy,
    straight_to,
    wait_for,
    wait_until_up,
)
from tests.e2e.mitmdump import BIN, Mitmdump
from tests.e2e.sdks import KEY, raw_client
from tests.e2e.test_litellm_life import SECONDS_TO_END, switch
from tests.fakes import Provider

BEGINNING, END = "once upon a time", "they lived happily"
SECONDS_TO_COUNT = 20.0


class Storyteller(ThreadingHTTPServer):
    """A provider whose streams begin, and end when they may."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Story)
        self.may_end = Event()
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def end(self) -> None:
        self.may_end.set()
        self.shutdown()
        self.server_close()


class Story(BaseHTTPRequestHandler):
    server: Storyteller
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not asked.get("stream"):
            self._answer_at_once()
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            self._say(BEGINNING, None)
            self.server.may_end.wait()
            self._say(END, "stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            """Nobody listens any more."""

    def _say(self, text: str, reason: str | None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        chunk["choices"] = [choice | {"finish_reason": reason}]
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _answer_at_once(self) -> None:
        message = {"role": "assistant", "content": END}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        whole["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer = json.dumps(whole).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def storyteller() -> Iterator[Storyteller]:
    server = Storyteller()
    yield server
    server.end()


@pytest.fixture
def origin() -> Iterator[Provider]:
    """Stands for the providers where calls go direct."""
    with Provider() as provider:
        yield provider


def with_litellm(origin: Provider, **litellm: Any) -> dict[str, Any]:
    usual = {"config": "litellm.yaml", "wait": 100, "models": {GPT: "gpt"}}
    return {"backend": "litellm", "litellm": usual | litellm} | straight_to(origin)


def directly(origin: Provider) -> dict[str, Any]:
    return {"backend": "direct"} | straight_to(origin)


def served_by(storyteller: Storyteller) -> dict[str, Any]:
    at = {"model": "openai/m", "api_base": f"{storyteller.url}/v1", "api_key": "sk-upstream"}
    return {"model_list": [{"model_name": "gpt", "litellm_params": at}]}


def ask(proxy: Mitmdump, dialect: str = "openai-chat", model: str | None = None) -> httpx.Response:
    path, usual = ENDPOINTS[dialect]
    with raw_client("by base URL", proxy) as client:
        headers = {"authorization": f"Bearer {KEY}"}
        return client.post(path, json=body(model or usual), headers=headers, timeout=110)


@contextmanager
def stream(proxy: Mitmdump) -> Iterator[Iterator[str]]:
    """The lines of an answer, of which the first has been read."""
    with (
        raw_client("by base URL", proxy) as client,
        client.stream("POST", "/v1/chat/completions", json=body(GPT, stream=True)) as answer,
    ):
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert BEGINNING in next(lines)
        yield lines


def ending(proxy: Mitmdump) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = proxy.ask("/health", proxy.shared_port)["ending"]
    return found


def status(proxy: Mitmdump) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "memproxy", "status"],
        env=proxy.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_open_streams_go_on_when_the_backend_is_switched_and_litellm_ends_after_the_last(
    storyteller: Storyteller, origin: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    config = with_litellm(origin)
    with litellm_proxy(tmp_path, litellm_environment, config, served_by(storyteller)) as proxy:
        assert END in ask(proxy).text
        pid, url = (backend(proxy)[name] for name in ("pid", "url"))
        assert ending(proxy) == []
        with stream(proxy) as lines:
            with stream(proxy):
                switch(proxy, directly(origin))

                assert ask(proxy).status_code == 200
                assert [seen.method for seen in origin.requests] == ["POST"]
                finishing = {"name": "litellm", "pid": pid, "url": url}
                assert ending(proxy) == [finishing | {"calls": 2}]
                told_status = status(proxy)
                assert (told_status.returncode, told_status.stderr) == (0, "")
                assert f"ending   litellm, process {pid}, 2 calls\n" in told_status.stdout

            # The one that the client has hung up on counts no more, and ends nothing.
            wait_for(lambda: ending(proxy) == [finishing | {"calls": 1}], SECONDS_TO_COUNT)
            assert is_alive(pid)
            storyteller.may_end.set()
            rest = "\n".join(lines)
        assert END in rest
        assert rest.rstrip().endswith("data: [DONE]")
        wait_for(lambda: not is_alive(pid), SECONDS_TO_END)
        wait_for(lambda: ending(proxy) == [], SECONDS_TO_COUNT)
        assert "Traceback" not in proxy.log


def test_a_new_litellm_takes_the_port_of_one_that_still_streams(
    storyteller: Storyteller, origin: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    port = free_port()
    config = with_litellm(origin, port=port, key="sk-of-before")
    with litellm_proxy(tmp_path, litellm_environment, config, served_by(storyteller)) as proxy:
        before = wait_until_up(proxy)
        with stream(proxy) as lines:
            switch(proxy, directly(origin))
            switch(proxy, with_litellm(origin, port=port, key="sk-of-now"))
            assert END in ask(proxy).text

            now = backend(proxy)
            assert now["pid"] != before["pid"]
            assert now["url"] == before["url"]
            assert [one["pid"] for one in ending(proxy)] == [before["pid"]]
            storyteller.may_end.set()
            rest = "\n".join(lines)
        assert END in rest
        wait_for(lambda: not is_alive(before["pid"]), SECONDS_TO_END)
        assert (is_alive(now["pid"]), now["restarts"]) == (True, 0)
        assert origin.requests == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_every_litellm_that_still_streams_ends_with_its_proxy(
    how: signal.Signals,
    storyteller: Storyteller,
    origin: Provider,
    litellm_environment: Path,
    tmp_path: Path,
) -> None:
    port = free_port()
    config = with_litellm(origin, port=port, key="sk-first")
    with litellm_proxy(tmp_path, litellm_environment, config, served_by(storyteller)) as proxy:
        first = wait_until_up(proxy)["pid"]
        with stream(proxy):
            switch(proxy, directly(origin))
            switch(proxy, with_litellm(origin, port=port, key="sk-second"))
            second = wait_until_up(proxy)["pid"]
            with stream(proxy):
                switch(proxy, directly(origin))
                assert [one["pid"] for one in ending(proxy)] == [first, second]
                assert is_alive(first)
                assert is_alive(second)

                proxy.stop(how)
                wait_for(lambda: not is_alive(first), SECONDS_TO_END)
                wait_for(lambda: not is_alive(second), SECONDS_TO_END)


def write(proxy: Mitmdump, litellm_yaml: str) -> None:
    """The file, replaced at one stroke as an editor does."""
    new = proxy.home / "litellm.yaml.new"
    new.write_text(litellm_yaml)
    new.replace(proxy.home / "litellm.yaml")


def renamed(storyteller: Storyteller, name: str) -> str:
    settings = served_by(storyteller)
    settings["model_list"][0]["model_name"] = name
    return yaml.safe_dump(settings)


def test_a_changed_litellm_yaml_counts_once_its_litellm_is_up_and_no_call_is_lost(
    storyteller: Storyteller, origin: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    # Nobody waits: a call that came while no LiteLLM is up would fail.
    config = with_litellm(origin, wait=0, models={GPT: "gpt", "claude-*": "new"})
    with litellm_proxy(tmp_path, litellm_environment, config, served_by(storyteller)) as proxy:
        before = wait_until_up(proxy)
        with stream(proxy) as lines:
            both = served_by(storyteller)["model_list"]
            both += yaml.safe_load(renamed(storyteller, "new"))["model_list"]
            write(proxy, yaml.safe_dump({"model_list": both}))
            asked = 0
            while backend(proxy)["pid"] == before["pid"]:
                assert ask(proxy).status_code == 200
                asked += 1
            assert asked > 1
            assert ask(proxy).status_code == 200
            assert ask(proxy, model=CLAUDE).status_code == 200

            now = backend(proxy)
            assert (now["state"], now["restarts"]) == ("up", 0)
            assert [(one["pid"], one["calls"]) for one in ending(proxy)] == [(before["pid"], 1)]
            storyteller.may_end.set()
            assert END in "\n".join(lines)
        wait_for(lambda: not is_alive(before["pid"]), SECONDS_TO_END)
        assert proxy.ask("/health")["status"] == "ok"

        proxy.stop(signal.SIGTERM)
        wait_for(lambda: not is_alive(now["pid"]), SECONDS_TO_END)


def test_a_litellm_yaml_that_cannot_be_used_changes_nothing_and_is_told(
    storyteller: Storyteller, origin: Provider, litellm_environment: Path, tmp_path: Path
) -> None:
    config = with_litellm(origin, wait=0)
    with litellm_proxy(tmp_path, litellm_environment, config, served_by(storyteller)) as proxy:
        before = wait_until_up(proxy)
        usual = (proxy.home / "litellm.yaml").read_text()

        def problem() -> str:
            return "; ".join(proxy.ask("/health", proxy.shared_port)["problems"])

        for text, says in (
            ("model_list: [\n", "litellm.yaml:2: is not valid YAML"),
            (usual + "general_settings: {custom_auth: nowhere.at_all}\n", "nowhere"),
            (usual + "general_settings: {master_key: os.environ/UNSET_X}\n", "UNSET_X is not set"),
        ):
            write(proxy, text)
            proxy.wait_until(lambda says=says: says in problem(), SECONDS_TO_BE_UP)
            assert ask(proxy).status_code == 200
            assert backend(proxy)["pid"] == before["pid"]
            assert "problem  litellm.yaml is not taken over: " in status(proxy).stdout
            assert "litellm.yaml is not taken over" in proxy.log

        write(proxy, usual)
        proxy.wait_until(lambda: problem() == "", SECONDS_TO_BE_UP)
        proxy.wait_until(lambda: backend(proxy)["pid"] != before["pid"], SECONDS_TO_BE_UP)
        assert ask(proxy).status_code == 200


class Malicious(ThreadingHTTPServer):
    """Somebody else's LiteLLM of a release that nobody should use."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Reveal)
        self.asked: list[str] = []
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Reveal(BaseHTTPRequestHandler):
    server: Malicious

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        known = {"status": "healthy", "litellm_version": "1.82.8"}
        answer = json.dumps(known if self.path == "/health/readiness" else "I'm alive!").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(500)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def malicious() -> Iterator[Malicious]:
    server = Malicious()
    yield server
    server.end()


def test_a_malicious_litellm_at_a_url_is_refused_in_every_dialect_and_gets_no_call(
    malicious: Malicious, origin: Provider, tmp_path: Path
) -> None:
    config = with_litellm(origin, url=f"http://127.0.0.1:{malicious.server_port}")
    del config["litellm"]["config"]
    with litellm_proxy(tmp_path, tmp_path, config) as proxy:
        for dialect in ENDPOINTS:
            answer = ask(proxy, dialect)
            assert answer.status_code == 503
            assert "malicious" in told(dialect, answer)
        found = backend(proxy)
        assert (found["state"], found["version"]) == ("refused", "1.82.8")
        assert "change every key" in found["detail"]
        assert proxy.ask("/health")["status"] == "degraded"
        told_status = status(proxy)
        assert told_status.returncode == 1
        assert "litellm, refused, LiteLLM 1.82.8" in told_status.stdout
        assert set(malicious.asked) == {"/health/liveliness", "/health/readiness"}

        config["litellm"]["when_down"] = "direct"
        proxy.configure(yaml.safe_dump(config))
        proxy.wait_until(lambda: ask(proxy).status_code == 200)
        assert len(origin.requests) == 1
        assert set(malicious.asked) == {"/health/liveliness", "/health/readiness"}


@pytest.mark.parametrize("brings", ["litellm-1.82.7.dist-info/METADATA", "litellm_init.pth"])
def test_an_environment_with_a_malicious_litellm_is_refused_and_not_started(
    brings: str, storyteller: Storyteller, origin: Provider, tmp_path: Path
) -> None:
    environment, started = tmp_path / "of the user", tmp_path / "started"
    bad = environment / "lib" / "python3.13" / "site-packages" / brings
    bad.parent.mkdir(parents=True)
    bad.write_text("import something_evil\n")
    python = environment / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\ntouch '{started}'\n")
    python.chmod(0o755)

    served = served_by(storyteller)
    with litellm_proxy(tmp_path, environment, with_litellm(origin), served) as proxy:
        proxy.wait_until(lambda: backend(proxy)["state"] == "refused")
        found = backend(proxy)
        assert str(environment.resolve()) in found["detail"]
        assert "delete that directory, change every key" in found["detail"]
        assert found["pid"] is None
        answer = ask(proxy, "anthropic")
        assert answer.status_code == 503
        assert "malicious" in told("anthropic", answer)
    assert bad.exists()
    assert not started.exists()
