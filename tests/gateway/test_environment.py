import asyncio
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from gateway.environment import (
    EnvironmentFailed,
    MaliciousRelease,
    ensure_environment,
    installed_version,
)

pytestmark = pytest.mark.e2e

STARTS_WITH = "#!/bin/sh\n"


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """One hash-checked package that is installed from a file, so without any index."""
    wheel = tmp_path / "litellm-1.2.3-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        about = "litellm-1.2.3.dist-info"
        archive.writestr("litellm/__init__.py", "")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: litellm\nVersion: 1.2.3\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = tmp_path / "litellm.txt"
    path.write_text(f"litellm @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return path


@pytest.fixture
def without_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def said() -> list[str]:
    return []


async def test_an_environment_is_made_once_and_then_reused(
    tmp_path: Path, requirements: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "litellm"
    python = await ensure_environment(home, requirements, said.append)
    assert python == home / "bin" / "python"
    assert installed_version(python) == "1.2.3"
    assert said[0].startswith("installing LiteLLM")
    assert said[-1] == "installed LiteLLM 1.2.3"

    said.clear()
    started = tmp_path / "started"
    python.unlink()
    for program in (python, tmp_path / "bin" / "uv"):
        _program(program, f"touch '{started}'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert await ensure_environment(home, requirements, said.append) == python
    assert said == []
    assert not started.exists()  # nothing has to be run to know that it is there


@pytest.mark.usefixtures("without_uv")
async def test_pip_does_where_uv_is_missing(
    tmp_path: Path, requirements: Path, said: list[str]
) -> None:
    python = await ensure_environment(tmp_path / "litellm", requirements, said.append)
    assert installed_version(python) == "1.2.3"


async def test_a_uv_that_does_not_run_counts_as_missing(
    tmp_path: Path, requirements: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "bin" / "uv", "echo 'shim: version not installed' >&2; exit 127")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    python = await ensure_environment(tmp_path / "litellm", requirements, said.append)
    assert installed_version(python) == "1.2.3"


async def test_changed_requirements_and_half_finished_installs_are_made_anew(
    tmp_path: Path, requirements: Path, said: list[str]
) -> None:
    home = tmp_path / "litellm"
    abandoned = tmp_path / "litellm.new-1234"
    for half_finished in (home, abandoned):
        (half_finished / "bin").mkdir(parents=True)
    python = await ensure_environment(home, requirements, said.append)
    assert not abandoned.exists()

    mark = home / "mark"
    mark.touch()
    _edit(requirements, "litellm @", "# another pin\nlitellm @")
    assert await ensure_environment(home, requirements, said.append) == python
    assert not mark.exists()

    python.unlink()
    assert await ensure_environment(home, requirements, said.append) == python
    assert os.access(python, os.X_OK)


async def test_a_package_that_differs_from_its_hash_is_refused_and_leaves_nothing(
    tmp_path: Path, requirements: Path, said: list[str]
) -> None:
    _edit(requirements, "sha256:", "sha256:0000", drop=4)
    with pytest.raises(EnvironmentFailed, match="differs from the one that was pinned"):
        await ensure_environment(tmp_path / "litellm", requirements, said.append)
    assert not _directories(tmp_path)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("error: Failed to fetch: `https://index.test/simple/litellm/`", "cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("something new and strange", "something new and strange"),
    ],
)
async def test_a_failure_is_one_line_with_a_remedy(
    tmp_path: Path,
    requirements: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    says: str,
    reason: str,
) -> None:
    _program(
        tmp_path / "bin" / "uv",
        f'test "$1" = pip || exit 0\necho "Downloading"\necho "{says}" >&2\nexit 2',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(EnvironmentFailed) as failed:
        await ensure_environment(tmp_path / "litellm", requirements, said.append)
    assert reason in failed.value.reason
    assert failed.value.remedy
    assert "\n" not in str(failed.value)


async def test_missing_requirements_are_named(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(EnvironmentFailed, match=r"nowhere\.txt"):
        await ensure_environment(tmp_path / "litellm", tmp_path / "nowhere.txt", said.append)


async def test_two_processes_install_once(
    tmp_path: Path, requirements: Path, said: list[str]
) -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER, tmp_path / "litellm", requirements,
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    ours, (theirs, _) = await asyncio.gather(
        ensure_environment(tmp_path / "litellm", requirements, said.append), other.communicate()
    )
    assert installed_version(ours) == "1.2.3"
    everyone = [*said, *theirs.decode().splitlines()]
    assert len([line for line in everyone if line.startswith("installing")]) == 1


OTHER = """
import asyncio, sys
from pathlib import Path
from gateway.environment import ensure_environment
asyncio.run(ensure_environment(Path(sys.argv[1]), Path(sys.argv[2]), print))
"""


async def test_an_interrupted_install_ends_its_installer(
    tmp_path: Path, requirements: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    _program(
        tmp_path / "bin" / "uv",
        f'test "$1" = pip || exit 0\necho $$ > {pid_file}\nexec sleep 60',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    making = asyncio.create_task(
        ensure_environment(tmp_path / "litellm", requirements, said.append)
    )
    pid = await asyncio.to_thread(_wait_for_number, pid_file)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_a_malicious_litellm_is_never_imported(tmp_path: Path, version: str) -> None:
    about = tmp_path / f"litellm-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: litellm\nVersion: {version}\n")
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "__init__.py").write_text("print('imported')")
    refused = subprocess.run(
        (
            sys.executable,
            "gateway/inside/serve.py",
            "--as",
            "proxy",
            "--config",
            "unused",
            "--port",
            "1",
        ),
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert f"litellm {version} is a malicious release" in refused.stderr


@pytest.mark.parametrize(
    "brings",
    ["litellm-1.82.7.dist-info/METADATA", "litellm-1.82.8.dist-info/x", "litellm_init.pth"],
)
@pytest.mark.parametrize("is_current", [True, False], ids=["of these pins", "of other pins"])
async def test_an_environment_that_holds_a_malicious_litellm_is_refused_and_stays(
    tmp_path: Path, requirements: Path, said: list[str], *, brings: str, is_current: bool
) -> None:
    home, link, started = tmp_path / "litellm", tmp_path / "link", tmp_path / "started"
    link.symlink_to(home)
    python = await ensure_environment(home, requirements, said.append)
    [packages] = home.glob("lib/python*/site-packages")
    (packages / brings).parent.mkdir(exist_ok=True)
    (packages / brings).write_text("import os")
    python.unlink()
    _program(python, f"touch '{started}'")
    if not is_current:
        _edit(requirements, "litellm @", "# another pin\nlitellm @")

    said.clear()
    for way in (home, link):
        with pytest.raises(MaliciousRelease, match="malicious release") as refused:
            await ensure_environment(way, requirements, said.append)
        assert f"{home} holds litellm" in str(refused.value)
        assert "delete that directory, change every key" in str(refused.value)
    assert (packages / brings).exists()
    assert not started.exists()
    assert said == []


@pytest.mark.parametrize(
    ("pin", "is_refused"),
    [
        ("litellm==1.82.7", True),
        ("litellm[proxy]==1.82.8 ; python_version > '3.1' \\", True),
        ("LiteLLM == 1.82.8", True),
        ("litellm @ file:///wheels/litellm-1.82.8-py3-none-any.whl", True),
        ("litellm==1.82.6", False),
        ("litellm==1.82.70", False),
        ("litellm-proxy-extras==0.4.56  # for litellm 1.82.7", False),
    ],
)
async def test_pins_that_ask_for_a_malicious_litellm_are_refused_before_anything_is_installed(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, *, pin: str, is_refused: bool
) -> None:
    installer = tmp_path / "installer ran"
    _program(tmp_path / "bin" / "uv", f"touch '{installer}'; exit 2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    requirements = tmp_path / "pins.txt"
    requirements.write_text(f"aiohttp==3.14.5\n{pin}\n")
    with pytest.raises(MaliciousRelease if is_refused else EnvironmentFailed):
        await ensure_environment(tmp_path / "litellm", requirements, said.append)
    assert installer.exists() != is_refused
    assert not _directories(tmp_path)


def _wait_for_number(path: Path) -> int:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def _edit(path: Path, old: str, new: str, *, drop: int = 0) -> None:
    text = path.read_text().strip().replace(old, new)
    path.write_text(text[: len(text) - drop] + "\n")


def _directories(path: Path) -> list[Path]:
    return list(path.glob("litellm*/"))


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(STARTS_WITH + script + "\n")
    path.chmod(0o755)
