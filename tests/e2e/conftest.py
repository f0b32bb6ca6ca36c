"""Everything here starts real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.fakes import Provider


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
