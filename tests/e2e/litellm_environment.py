"""LiteLLM's environment for tests: made once, kept between runs, shared by all of them."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.environment import ensure_environment

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "requirements" / "litellm.txt"


def place() -> Path:
    if named := os.environ.get("MEMPROXY_TEST_LITELLM_ENV"):
        return Path(named)
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    return cache / "litellm-env"


@pytest.fixture(scope="session")
def litellm_environment() -> Path:
    """The directory that a proxy's home links to as `litellm`."""
    directory = place()
    asyncio.run(ensure_environment(directory, REQUIREMENTS, lambda _: None))
    return directory
