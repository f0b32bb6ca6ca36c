"""A proxy with LiteLLM as its backend, what stands behind it, and who watches LiteLLM."""

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.litellm_environment import ROOT
from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.fakes import Provider

PAGE = ROOT / "docs" / "backends.md"
WITNESS = Path(__file__).with_name("litellm_witness.py")
SECONDS_TO_BE_UP = 120.0

MASTER_KEY = "sk-master-key-of-litellm"
UPSTREAM_KEYS = {
    "OPENAI_API_KEY": "sk-openai-key-of-litellm",
    "ANTHROPIC_API_KEY": "sk-anthropic-key-of-litellm",
    "GEMINI_API_KEY": "gemini-key-of-litellm",
    "GROQ_API_KEY": "gsk-groq-key-of-litellm",
}
"""What LiteLLM pays with; the clients do not know them."""
UNASKED = {"disable_model_info_refresh": True}
"""Else LiteLLM's proxy asks OpenAI's models for their limits, at its start and every few minutes:
one more request at the provider, in whichever test it is that runs then."""


def block(name: str) -> str:
    """A file that the page on backends shows, by the name in its first line."""
    blocks = re.findall(r"^```yaml\n(# .*?)^```$", PAGE.read_text(), re.M | re.S)
    [found] = [text for text in blocks if text.startswith(f"# {name}\n")]
    return str(found)


def at(provider: Provider, litellm_yaml: str) -> dict[str, Any]:
    """The same models, with the scripted provider in place of the real ones."""
    settings: dict[str, Any] = yaml.safe_load(litellm_yaml)
    for model in settings["model_list"]:
        parameters = model["litellm_params"]
        family = parameters["model"].partition("/")[0]
        parameters["api_base"] = provider.url + API[family]
    return settings


API = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta", "groq": "/openai/v1"}


def litellm_proxy(
    directory: Path,
    environment: Path,
    config: dict[str, Any],
    litellm_yaml: dict[str, Any] | str | None = None,
) -> Mitmdump:
    """Not started yet. `config` may name `litellm.yaml`, which is written beside it."""
    proxy = Mitmdump(directory, yaml.safe_dump(config), environment=UPSTREAM_KEYS)
    (proxy.home / "litellm").symlink_to(environment.resolve(), target_is_directory=True)
    if litellm_yaml is not None:
        told = litellm_yaml if isinstance(litellm_yaml, str) else yaml.safe_dump(litellm_yaml)
        (proxy.home / "litellm.yaml").write_text(told)
    return proxy


def straight_to(provider: Provider) -> dict[str, Any]:
    """Settings under which calls that go direct go there."""
    names = ("anthropic", "openai", "gemini", "groq", "copilot")
    settings: dict[str, Any] = yaml.safe_load(upstreams(provider.url, *names))
    return settings


def backend(proxy: Mitmdump) -> dict[str, Any]:
    found: dict[str, Any] = proxy.ask("/health", proxy.shared_port)["backend"]
    return found


def wait_until_up(proxy: Mitmdump) -> dict[str, Any]:
    proxy.wait_until(lambda: backend(proxy)["state"] == "up", SECONDS_TO_BE_UP)
    return backend(proxy)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as LiteLLM got it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def text(self) -> str:
        return "\n".join([self.path, *(f"{name}: {value}" for name, value in self.headers)])


class Witness:
    """Reads what `litellm_witness.py` wrote since the last reset."""

    def __init__(self, directory: Path) -> None:
        shutil.copy(WITNESS, directory / "witness.py")
        self.file = directory / "noted.jsonl"
        self.file.touch()
        self.start = 0

    def reset(self) -> None:
        # A line that is being written may be seen in part.
        self.start = self.file.read_bytes().rfind(b"\n") + 1

    def notes(self, kind: str) -> list[dict[str, Any]]:
        with self.file.open("rb") as file:
            file.seek(self.start)
            lines = [json.loads(line) for line in file.read().split(b"\n")[:-1]]
        return [line for line in lines if line["kind"] == kind]

    @property
    def requests(self) -> list[Arrived]:
        return [
            Arrived(said["method"], said["path"], tuple(map(tuple, said["headers"])))
            for said in self.notes("request")
        ]

    @property
    def end_users(self) -> list[str | None]:
        """To whom calls were booked; LiteLLM does so a moment after its answer."""
        return [said["end_user"] for said in self.notes("call")]


def wait_for[T](found: Callable[[], T], seconds: float = 20.0) -> T:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return value


@dataclass(frozen=True, slots=True)
class Scene:
    """A proxy that has started LiteLLM, and everybody around them."""

    backend: str
    """`litellm`, or `sdk`."""
    proxy: Mitmdump
    upstream: Provider
    """Stands behind LiteLLM."""
    origin: Provider
    """Stands for the providers where calls go direct."""
    witness: Witness

    def reset(self) -> None:
        self.upstream.reset()
        self.origin.reset()
        self.witness.reset()
