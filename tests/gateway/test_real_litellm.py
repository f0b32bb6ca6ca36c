"""The real LiteLLM, in the environment that we make for it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.child_environment import child_environment
from gateway.environment import installed_version
from gateway.litellm_proxy import LiteLLMProxy, Local, Pace, Remote
from routing.ports import free_port
from tests.e2e.litellm_environment import REQUIREMENTS, ROOT
from tests.fakes import Provider, Step

pytestmark = pytest.mark.e2e

READY = 90
PROMPT = "the secret recipe of the blue pancake"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "litellm.yaml"


@asynccontextmanager
async def serving(
    config: Path, environment: Path, provider: Provider, log: Path | None = None
) -> AsyncIterator[LiteLLMProxy]:
    _write(config, provider)
    proxy = LiteLLMProxy(Local(config, environment, REQUIREMENTS, log=log))
    await proxy.start()
    try:
        await proxy.wait_while_starting(300)
        assert proxy.status.state == "up", proxy.status
        yield proxy
    finally:
        await proxy.stop()


def _write(config: Path, provider: Provider) -> None:
    parameters = {"model": "openai/m", "api_base": f"{provider.url}/v1", "api_key": "sk-upstream"}
    models = [{"model_name": "m", "litellm_params": parameters}]
    # As loud as a user can make it: prompts must stay out of the log all the same.
    loud = {"set_verbose": True}
    config.write_text(yaml.safe_dump({"model_list": models, "litellm_settings": loud}))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(READY):
        # What is waited for happens in another process, which sets no event here.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def ask(proxy: LiteLLMProxy, **more: object) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(
            f"{proxy.status.url}/v1/chat/completions",
            headers={"authorization": f"Bearer {proxy.key}", "x-litellm-num-retries": "0"},
            json={"model": "m", "messages": [{"role": "user", "content": PROMPT}], **more},
        )


async def test_it_serves_survives_a_kill_and_is_gone_after_stop(
    config: Path, litellm_environment: Path, tmp_path: Path
) -> None:
    log = tmp_path / "litellm.log"
    with Provider() as provider:
        async with serving(config, litellm_environment, provider, log) as proxy:
            first = proxy.status
            assert first.version is not None
            assert (await ask(proxy)).status_code == 200
            assert provider.requests[-1].path == "/v1/chat/completions"

            provider.script(Step(status=429), Step(status=500))
            assert (await ask(proxy)).status_code == 429
            assert (await ask(proxy)).status_code == 500
            # At its start it asks for the list of models.
            assert [seen.method for seen in provider.requests].count("POST") == 3

            os.kill(first.pid or 0, signal.SIGKILL)
            proxy.report_failure()
            await until(lambda: proxy.status.pid not in (first.pid, None))
            await until(lambda: proxy.status.state == "up")
            assert (proxy.status.restarts, proxy.status.url) == (1, first.url)
            assert (await ask(proxy)).status_code == 200

            last = proxy.status.pid
            async with httpx.AsyncClient(trust_env=False) as client:
                documentation = await client.get(f"{proxy.status.url}/docs")
            assert documentation.status_code == 404
            key = proxy.key or ""
        with pytest.raises(ProcessLookupError):
            os.kill(last or 0, 0)
    said = _text(log)
    assert "RateLimitError" in said
    assert PROMPT not in said
    assert key not in said
    assert "sk-upstream" not in said


async def test_stop_does_not_wait_for_a_stream_that_never_ends(
    config: Path, litellm_environment: Path
) -> None:
    with Provider() as provider:
        async with serving(config, litellm_environment, provider) as proxy:
            provider.always(Step(stall=True))
            asking = asyncio.create_task(ask(proxy, stream=True))
            await asyncio.to_thread(
                provider.wait_for, lambda: any(seen.method == "POST" for seen in provider.requests)
            )
            began = time.monotonic()
        assert time.monotonic() - began < 20  # before the client gives up
        with pytest.raises(httpx.HTTPError):
            await asking


async def test_a_litellm_yaml_that_only_litellm_refuses_is_told(
    config: Path, litellm_environment: Path
) -> None:
    with Provider() as provider:
        _write(config, provider)
        _append(config, "general_settings:\n  custom_auth: nowhere.at_all\n")
        local = Local(config, litellm_environment, REQUIREMENTS)
        proxy = LiteLLMProxy(local, pace=Pace(start=READY))
        await proxy.start()
        try:
            await until(lambda: proxy.status.state == "down")
            assert "before it was up" in proxy.status.detail
            assert "nowhere" in proxy.status.detail
        finally:
            await proxy.stop()


async def test_it_ends_when_its_standard_input_does(
    config: Path, litellm_environment: Path
) -> None:
    python = litellm_environment / "bin" / "python"
    assert installed_version(python)
    with Provider() as provider:
        _write(config, provider)
        process = await asyncio.create_subprocess_exec(
            *(python, ROOT / "gateway" / "inside" / "serve.py"),
            *("--as", "proxy", "--config", config, "--port", str(port := free_port())),
            stdin=asyncio.subprocess.PIPE,
            env=child_environment(os.environ, "sk-master"),
        )
        async with running_at(port):
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), READY)


@asynccontextmanager
async def running_at(port: int) -> AsyncIterator[None]:
    elsewhere = LiteLLMProxy(Remote(f"http://127.0.0.1:{port}"), pace=Pace(probe=0.2))
    await elsewhere.start()
    try:
        await until(lambda: elsewhere.status.state == "up")
        yield
        await until(lambda: elsewhere.status.state == "down")
    finally:
        await elsewhere.stop()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
