"""The shared port is nobody's, and whoever has no project uses it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mitmdump import BIN, Mitmdump


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitmdump]:
    with Mitmdump(tmp_path_factory.mktemp("shared")) as started:
        yield started


def memproxy(proxy: Mitmdump, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "memproxy"), *arguments],
        cwd=home,
        env={**proxy.environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_tool_in_the_home_directory_uses_the_shared_port(proxy: Mitmdump, tmp_path: Path) -> None:
    ran = memproxy(proxy, tmp_path, "run", "--", "sh", "-c", "echo $HTTPS_PROXY")

    assert ran.stdout.strip() == f"http://127.0.0.1:{proxy.shared_port}"
    assert "no project" in ran.stderr
    assert str(tmp_path) not in memproxy(proxy, tmp_path, "projects").stdout


def test_the_home_directory_cannot_be_registered(proxy: Mitmdump, tmp_path: Path) -> None:
    added = memproxy(proxy, tmp_path, "add")

    assert added.returncode == 1
    assert "register what is in it" in added.stderr


def test_a_project_whose_port_becomes_the_shared_one_is_served_there_no_more(
    tmp_path: Path,
) -> None:
    proxy = Mitmdump(tmp_path)
    with proxy:
        port = proxy.port

    proxy.command += ["-p", str(port)]
    proxy.shared_port = port
    with proxy:
        told = proxy.ask("/memory-routing/info", port)
        problems = proxy.ask("/health", port)["problems"]

    assert told["project"] is None
    assert any(str(proxy.project.resolve()) in problem for problem in problems)
