"""LiteLLM's life under a proxy: killed, late, broken, switched off, and ended."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from routing.ports import free_port, is_free
from scripts.background import is_alive
from tests.e2e.litellm_calls import GPT, body
from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.litellm_scene import (
    MASTER_KEY,
    UPSTREAM_KEYS,
    at,
    backend,
    block,
    litellm_proxy,
    straight_to,
    wait_for,
    wait_until_up,
)
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.parity_scene import VIA_LITELLM
from tests.e2e.sdks import KEY, QUESTION, raw_client
from tests.fakes import Provider, Step

SECONDS_TO_END = 30.0
SECONDS_TO_NOTICE = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where proxies are started: LiteLLM's environment, and who stands behind them."""

    backend: str
    environment: Path
    upstream: Provider
    origin: Provider

    def proxy(self, directory: Path, **litellm: Any) -> Mitmdump:
        """With the files of docs/backends.md, the settings given, and providers that are here."""
        directory.mkdir(exist_ok=True)
        return litellm_proxy(
            directory,
            self.environment,
            self.config(**litellm),
            at(self.upstream, block("litellm.yaml")),
        )

    def config(self, **litellm: Any) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(block("config.yaml")) | {"backend": self.backend}
        if "url" in litellm:
            del config["litellm"]["config"]
        config["litellm"] |= {"key": MASTER_KEY, **litellm}
        return config | straight_to(self.origin)


@pytest.fixture(params=VIA_LITELLM)
def stage(request: pytest.FixtureRequest, litellm_environment: Path) -> Iterator[Stage]:
    with Provider() as upstream, Provider() as origin:
        yield Stage(request.param, litellm_environment, upstream, origin)


def ask(
    proxy: Mitmdump, dialect: str = "openai-chat", model: str | None = None, seconds: float = 20
) -> httpx.Response:
    path, usual = ENDPOINTS[dialect]
    headers = {"authorization": f"Bearer {KEY}"}
    with raw_client("by base URL", proxy) as client:
        return client.post(path, json=body(model or usual), headers=headers, timeout=seconds)


def posts(provider: Provider) -> int:
    """At its start LiteLLM asks for lists of models, too."""
    return [seen.method for seen in provider.requests].count("POST")


def kill(litellm: dict[str, Any]) -> None:
    os.kill(litellm["pid"], signal.SIGKILL)
    wait_until_closed(litellm)


def wait_until_closed(litellm: dict[str, Any]) -> None:
    """While its threads die one by one, it still takes connections, which then come to nothing."""
    wait_for(lambda: is_free(int(litellm["url"].rpartition(":")[2])))


def break_a_stream_by_killing(litellm: dict[str, Any], proxy: Mitmdump, upstream: Provider) -> None:
    upstream.script(Step(match="chat", text="word " * 400, chunk_delay=0.05))
    with (
        raw_client("by base URL", proxy) as client,
        client.stream("POST", "/v1/chat/completions", json=body(GPT, stream=True)) as answer,
    ):
        chunks = answer.iter_raw()
        assert next(chunks)
        os.kill(litellm["pid"], signal.SIGKILL)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    wait_until_closed(litellm)


def test_a_killed_litellm_is_told_in_the_dialect_until_it_is_back(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.proxy(tmp_path, wait=100, log="litellm.log") as proxy:
        held = ask(proxy, seconds=100)
        assert held.status_code == 200, held.text
        before = backend(proxy)
        assert before["state"] == "up"

        # What does not concern LiteLLM itself is taken over without ending it.
        models = {"our-*": "gpt", **stage.config()["litellm"]["models"]}
        proxy.configure(yaml.safe_dump(stage.config(wait=0, log="litellm.log", models=models)))
        proxy.wait_until(lambda: ask(proxy, model="our-own").status_code == 200, SECONDS_TO_NOTICE)
        assert backend(proxy)["pid"] == before["pid"]

        break_a_stream_by_killing(before, proxy, stage.upstream)
        for dialect in ENDPOINTS:
            answer = ask(proxy, dialect)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert "LiteLLM" in told(dialect, answer)
        proxy.wait_until(lambda: proxy.ask("/health")["status"] == "degraded")
        assert posts(stage.origin) == 0

        after = wait_until_up(proxy)
        assert (after["restarts"], after["url"]) == (1, before["url"])
        assert "ended with code -9 while it was up" in proxy.log
        stage.upstream.script(*(Step(match="/chat", status=status) for status in (401, 429, 500)))
        assert [ask(proxy).status_code for _ in range(4)] == [401, 429, 500, 200]

        proxy.stop(signal.SIGTERM)
        wait_for(lambda: not is_alive(after["pid"]), SECONDS_TO_END)
        assert "Traceback" not in proxy.log
        logs = proxy.log + (proxy.home / "litellm.log").read_text()
        assert "RateLimitError" in logs
        for secret in (MASTER_KEY, KEY, QUESTION, *UPSTREAM_KEYS.values()):
            assert secret not in logs


def test_whoever_asks_while_a_killed_litellm_comes_back_is_held_and_served(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.proxy(tmp_path, wait=100) as proxy, ThreadPoolExecutor() as clients:
        before = wait_until_up(proxy)

        break_a_stream_by_killing(before, proxy, stage.upstream)
        # Before its end is noticed, in the pause after that, and while it starts.
        held = []
        for dialect in ENDPOINTS:
            held.append(clients.submit(ask, proxy, dialect, seconds=100))
            time.sleep(0.3)

        assert [one.result().status_code for one in held] == [200] * len(ENDPOINTS)
        assert backend(proxy)["restarts"] == 1
        assert posts(stage.origin) == 0


# The watch is the same for both, and waits for half a minute.
@pytest.mark.parametrize("stage", ["sdk"], indirect=True)
def test_a_litellm_that_hangs_is_replaced_and_its_calls_are_told(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.proxy(tmp_path, wait=100) as proxy:
        before = wait_until_up(proxy)
        os.kill(before["pid"], signal.SIGSTOP)

        answer = ask(proxy, "anthropic", seconds=90)
        assert answer.status_code == 503
        assert "LiteLLM" in told("anthropic", answer)

        assert wait_until_up(proxy)["restarts"] == 1
        assert ask(proxy, "anthropic").status_code == 200
        assert not is_alive(before["pid"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_litellm_that_is_still_starting_ends_with_its_proxy(
    how: signal.Signals, stage: Stage, tmp_path: Path
) -> None:
    with stage.proxy(tmp_path) as proxy:
        pid: int = wait_for(lambda: backend(proxy)["pid"])
        assert is_alive(pid)
        proxy.stop(how)

    wait_for(lambda: not is_alive(pid), SECONDS_TO_END)


def test_a_litellm_that_is_still_starting_ends_when_the_backend_is_switched(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.proxy(tmp_path) as proxy:
        pid: int = wait_for(lambda: backend(proxy)["pid"])
        switch(proxy, {"backend": "direct"} | straight_to(stage.origin))

        wait_for(lambda: not is_alive(pid), SECONDS_TO_END)
        assert ask(proxy).status_code == 200
        assert posts(stage.origin) == 1
        assert proxy.ask("/health")["status"] == "ok"


@pytest.mark.parametrize("stage", ["litellm"], indirect=True)
def test_a_litellm_of_another_proxy_is_used_when_it_is_up_and_passed_by_when_it_is_not(
    stage: Stage, tmp_path: Path
) -> None:
    port = free_port()
    with stage.proxy(tmp_path / "guest", url=f"http://127.0.0.1:{port}") as guest:
        # Before it has looked, whoever asks waits for as long as `wait` says.
        guest.wait_until(lambda: "cannot be reached" in backend(guest)["detail"], SECONDS_TO_NOTICE)
        assert ask(guest).status_code == 503

        with stage.proxy(tmp_path / "host", port=port, when_down="direct") as host:
            assert ask(host).status_code == 200
            assert (posts(stage.upstream), posts(stage.origin)) == (0, 1)
            before = wait_until_up(host)
            guest.wait_until(lambda: backend(guest)["state"] == "up", SECONDS_TO_NOTICE)
            assert [ask(host).status_code, ask(guest).status_code] == [200, 200]
            assert (posts(stage.upstream), posts(stage.origin)) == (2, 1)
            assert guest.port not in host.listening()
            assert host.port not in guest.listening()

            switch(guest, {"backend": "direct"} | straight_to(stage.origin))
            assert ask(guest).status_code == 200
            assert (posts(stage.upstream), posts(stage.origin)) == (2, 2)
            switch(guest, stage.config(url=f"http://127.0.0.1:{port}"))
            assert ask(guest).status_code == 200
            assert (posts(stage.upstream), posts(stage.origin)) == (3, 2)

            kill(before)
            for number, dialect in enumerate(ENDPOINTS, start=3):
                answer = ask(host, dialect)
                assert answer.status_code == 200, answer.text
                assert posts(stage.origin) == number
            last = stage.origin.requests[-1]
            assert last.header("authorization") == f"Bearer {KEY}"
            assert not [name for name, _ in last.headers if name.startswith(("x-sm-", "x-litell"))]
            assert ask(guest).status_code == 503

            after = wait_until_up(host)
            guest.wait_until(lambda: backend(guest)["state"] == "up", SECONDS_TO_NOTICE)
            assert [ask(host).status_code, ask(guest).status_code] == [200, 200]
            assert posts(stage.upstream) == 5

            host.stop(signal.SIGKILL)
            wait_for(lambda: not is_alive(after["pid"]), SECONDS_TO_END)
            assert ask(guest).status_code == 503


def switch(proxy: Mitmdump, config: dict[str, Any]) -> None:
    proxy.configure(yaml.safe_dump(config))
    proxy.wait_until(
        lambda: proxy.ask("/memory-routing/info")["backend"] == config["backend"],
        SECONDS_TO_NOTICE,
    )
