"""Everything here starts real processes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.e2e import memory_scene, parity_scene
from tests.e2e.litellm_environment import litellm_environment
from tests.e2e.litellm_scene import (
    MASTER_KEY,
    UNASKED,
    Scene,
    Witness,
    at,
    block,
    litellm_proxy,
    straight_to,
    wait_until_up,
)
from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.e2e.sdks import OF_THE_USER
from tests.fakes import Provider

__all__ = ["litellm_environment"]

MORE_MODELS = """
model_list:
  - model_name: llama
    litellm_params: {model: groq/llama-4-scout, api_key: os.environ/GROQ_API_KEY}
  - model_name: llama-3
    litellm_params:
      model: groq/llama-3.3-70b
      api_key: os.environ/GROQ_API_KEY
      keepalive_seconds: 1
  - model_name: text-embedding-3-small
    litellm_params: {model: openai/text-embedding-3-small, api_key: os.environ/OPENAI_API_KEY}
litellm_settings: {callbacks: [witness.note_calls]}
"""
MORE_NAMES = {"llama-3": "llama-3", "llama-*": "llama", "gpt-exactly-this": "claude"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def session_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def session_proxy(
    session_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    directory = tmp_path_factory.mktemp("direct")
    with Mitmdump(directory, upstreams(session_provider.url)) as proxy:
        yield proxy


@pytest.fixture
def provider(session_provider: Provider) -> Provider:
    """The scripted provider behind `direct`, with nothing seen and nothing planned."""
    session_provider.reset()
    return session_provider


@pytest.fixture
def direct(session_proxy: Mitmdump, provider: Provider) -> Mitmdump:
    """A proxy with the default backend, in front of the scripted provider."""
    return session_proxy


@pytest.fixture
def nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would send an SDK elsewhere, or lend it a key, is not there."""
    for name in OF_THE_USER:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def module_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[memory_scene.Scene]:
    """A proxy with memory, and room for many projects, each with one of its own."""
    directory = tmp_path_factory.mktemp("memory")
    with Provider() as provider, memory_scene.memory_scene(directory, provider, projects=18) as it:
        yield it


@pytest.fixture(scope="session")
def session_backends(
    litellm_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, parity_scene.Backend]]:
    """A proxy for each backend, all of them in front of the same script."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                parity_scene.backend_named(name, tmp_path_factory.mktemp(name), litellm_environment)
            )
            for name in parity_scene.BACKENDS
        }


@pytest.fixture
def backends(session_backends: dict[str, parity_scene.Backend]) -> dict[str, parity_scene.Backend]:
    """With nothing seen and nothing planned."""
    for backend in session_backends.values():
        backend.provider.reset()
    return session_backends


@pytest.fixture(scope="session", params=parity_scene.VIA_LITELLM)
def session_scene(
    request: pytest.FixtureRequest,
    litellm_environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """The two files of docs/backends.md, and a little more, in front of scripted providers."""
    with Provider() as upstream, Provider() as origin:
        models, more = at(upstream, block("litellm.yaml")), at(upstream, MORE_MODELS)
        models["model_list"] += more["model_list"]
        models["litellm_settings"] = more["litellm_settings"]
        models["general_settings"] = UNASKED
        config = yaml.safe_load(block("config.yaml")) | straight_to(origin)
        config["backend"] = request.param
        config["litellm"] |= {"key": MASTER_KEY, "wait": 100}
        config["litellm"]["models"] |= {
            "llama-3": "llama-3",
            "llama-*": "llama",
            "gpt-exactly-this": "claude",
        }
        directory = tmp_path_factory.mktemp(request.param)
        proxy = litellm_proxy(directory, litellm_environment, config, models)
        witness = Witness(proxy.home)
        with proxy:
            wait_until_up(proxy)
            yield Scene(request.param, proxy, upstream, origin, witness)


@pytest.fixture
def scene(session_scene: Scene) -> Scene:
    """A proxy with LiteLLM as its backend, with nothing seen and nothing planned."""
    session_scene.reset()
    return session_scene
