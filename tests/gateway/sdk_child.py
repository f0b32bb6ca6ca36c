"""The SDK app in LiteLLM's own environment, for as long as tests want it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.child_environment import child_environment
from routing.ports import free_port
from tests.e2e.litellm_environment import ROOT
from tests.fakes import Provider

KEY = "sk-master-of-the-sdk-app"
SERVE = ROOT / "gateway" / "inside" / "serve.py"
WITNESS = Path(__file__).with_name("sdk_witness.py")
SECONDS_TO_START = 60.0

UPSTREAM_KEYS = {"openai": "sk-openai-0001", "anthropic": "sk-ant-0001", "groq": "gsk_groq_0001"}
PATHS = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta", "groq": "/openai/v1"}


@dataclass(frozen=True, slots=True)
class App:
    """One that runs."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {KEY}", **headers},
            trust_env=False,
            timeout=30,
        )

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        with self.client(**headers) as client:
            return client.post(path, json=body)

    @property
    def said(self) -> str:
        return (self.directory / "stderr").read_text()

    def noted(self) -> list[dict[str, Any]]:
        """What LiteLLM told the callback; it does so a moment after its answer."""
        notes = self.directory / "noted.jsonl"
        # What stands behind the last line's end is still being written.
        lines = notes.read_text().split("\n")[:-1] if notes.exists() else []
        return [json.loads(line) for line in lines]


def model(name: str, at: Provider, of: str, **more: Any) -> dict[str, Any]:
    """An entry of model_list: a provider's model behind a name."""
    family = of.partition("/")[0]
    key = UPSTREAM_KEYS.get(family, "a-key-of-gemini-0001")
    parameters = {"model": of, "api_base": at.url + PATHS[family], "api_key": key, **more}
    return {"model_name": name, "litellm_params": parameters}


@contextmanager
def running(
    directory: Path,
    environment: Path,
    settings: dict[str, Any],
    variables: Mapping[str, str] | None = None,
) -> Iterator[App]:
    """Start it, and end it in good order."""
    process, port = start(directory, environment, settings, variables)
    app = App(f"http://127.0.0.1:{port}", directory, process)
    try:
        wait_until_up(app)
        yield app
    finally:
        process.terminate()
        process.wait(20)
        if process.stdin:
            process.stdin.close()


def start(
    directory: Path,
    environment: Path,
    settings: dict[str, Any],
    variables: Mapping[str, str] | None = None,
) -> tuple[subprocess.Popen[bytes], int]:
    directory.mkdir(exist_ok=True)
    shutil.copy(WITNESS, directory / "witness.py")
    config = directory / "litellm.yaml"
    config.write_text(yaml.safe_dump(settings))
    port = free_port()
    with (directory / "stderr").open("wb") as said:
        process = subprocess.Popen(
            [
                *(environment / "bin" / "python", SERVE, "--as", "sdk"),
                *("--config", config, "--port", str(port)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=directory,
            env={**child_environment(os.environ, KEY), **(variables or {})},
        )
    return process, port


def wait_until_up(app: App) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        assert app.process.poll() is None, app.said
        assert time.monotonic() < deadline, app.said
        try:
            if httpx.get(f"{app.url}/health/liveliness", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
