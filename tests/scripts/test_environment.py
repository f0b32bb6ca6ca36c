"""The shell code that makes the environment, run for real in copies of the checkout."""

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
BROKEN_SHIM = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n"
# Answers -c as an interpreter does that is too old: with a failure and without a word.
TOO_OLD = "#!/bin/sh\nexit 1\n"
# Debian's python3 without python3-venv.
NO_ENSUREPIP = "#!/bin/sh\necho 'bare /usr/bin/python3.12'\n"
TOOLS = ("bash", "cat", "cksum", "dirname", "env", "grep", "mkdir", "mv", "readlink", "rm", "rmdir")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def link(path: Path, target: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


class Machine:
    """A checkout with a PATH, a home and a pyenv of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A space in the path, because some people have one.
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.pyenv = folder / "pyenv"
        self.env = {"PATH": str(self.bin), "HOME": str(folder), "PYENV_ROOT": str(self.pyenv)}
        for name in ("scripts", "requirements"):
            shutil.copytree(ROOT / name, self.root / name)
        shutil.copy(ROOT / "pyproject.toml", self.root)
        for name in (*TOOLS, "sort"):
            if found := shutil.which(name):
                link(self.bin / name, Path(found))

    def bash(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail; source scripts/environment.sh; {script}"],
            cwd=self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def find_python(self, **env: str) -> subprocess.CompletedProcess[str]:
        return self.bash("find_python", **env)

    def require(self, *, proxy: str = "", dev: str = "") -> None:
        """Ask for next to nothing, so that an installation takes no time and no network."""
        (self.root / "requirements" / "proxy.txt").write_text(proxy)
        (self.root / "requirements" / "dev.txt").write_text(dev)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def one_line(text: str) -> str:
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


# --- finding a Python: nothing is installed here -------------------------------------------------


def test_a_python_in_the_path_is_found(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)

    found = machine.find_python()

    assert (found.stdout, found.stderr) == (f"{PYTHON}\n", "")


def test_a_broken_shim_neither_speaks_nor_ends_the_search(machine: Machine) -> None:
    program(machine.bin / "python3.13", BROKEN_SHIM)
    program(machine.bin / "python3", TOO_OLD)
    link(machine.pyenv / "versions" / "3.12.1" / "bin" / "python", PYTHON)

    found = machine.find_python()

    assert (found.stdout, found.stderr, found.returncode) == (f"{PYTHON}\n", "", 0)


def test_a_working_python_behind_a_broken_shim_of_the_same_name_is_found(machine: Machine) -> None:
    shims = machine.folder / "shims"
    program(shims / "python3.13", BROKEN_SHIM)
    link(machine.bin / "python3.13", PYTHON)

    found = machine.find_python(PATH=f"{shims}:{machine.bin}")

    assert (found.stdout, found.stderr) == (f"{PYTHON}\n", "")


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        (["3.12.2", "3.12.10", "3.11.9"], "3.12.10"),
        (["3.14.1", "3.12.1"], "3.12.1"),
        (["3.12.9", "3.13.0", "miniconda3-latest"], "3.13.0"),
        (["3.11.9", "miniconda3-latest"], "miniconda3-latest"),
    ],
)
def test_of_several_pyenv_versions_the_newest_well_tried_one_wins(
    machine: Machine, versions: list[str], chosen: str
) -> None:
    for version in versions:
        answer = TOO_OLD if version.startswith("3.11") else f"#!/bin/sh\necho fits {version}\n"
        program(machine.pyenv / "versions" / version / "bin" / "python", answer)

    assert machine.find_python().stdout == f"{chosen}\n"


def test_a_well_tried_python_is_preferred_to_a_newer_one(machine: Machine) -> None:
    program(machine.bin / "python3", "#!/bin/sh\necho newer /usr/bin/python3.15\n")
    assert machine.find_python().stdout == "/usr/bin/python3.15\n"

    link(machine.pyenv / "versions" / "3.12.1" / "bin" / "python", PYTHON)
    assert machine.find_python().stdout == f"{PYTHON}\n"


@pytest.mark.parametrize("present", [None, TOO_OLD, BROKEN_SHIM])
def test_without_a_suitable_python_one_line_says_what_to_install(
    machine: Machine, present: str | None
) -> None:
    if present:
        program(machine.bin / "python3", present)

    found = machine.find_python()

    assert found.returncode == 1
    assert found.stdout == ""
    assert one_line(found.stderr).startswith("Python 3.12 or later is needed: install it")


def test_a_python_that_cannot_make_environments_names_the_missing_package(machine: Machine) -> None:
    program(machine.bin / "python3", NO_ENSUREPIP)

    found = machine.find_python()

    assert found.returncode == 1
    assert "apt install python3.12-venv" in one_line(found.stderr)


def test_uv_makes_up_for_a_python_without_pip(machine: Machine) -> None:
    program(machine.bin / "python3", NO_ENSUREPIP)
    program(machine.bin / "uv", "#!/bin/sh\necho uv 1.0\n")

    assert machine.find_python().stdout == "/usr/bin/python3.12\n"


def test_uv_is_asked_when_there_is_nothing_else(machine: Machine) -> None:
    program(
        machine.bin / "uv",
        f'#!/bin/sh\ncase "$1 $2" in\n"python install") : >"$HOME/fetched" ;;\n'
        f'"python find") [ -e "$HOME/fetched" ] && echo {PYTHON} ;;\nesac\n',
    )

    found = machine.find_python()

    assert found.stdout == f"{PYTHON}\n"
    assert "uv is fetching one" in one_line(found.stderr)


def test_the_python_that_the_user_names_wins(machine: Machine) -> None:
    program(machine.bin / "python3.13", "#!/bin/sh\necho fits /usr/bin/other\n")

    assert machine.find_python(MEMPROXY_PYTHON=str(PYTHON)).stdout == f"{PYTHON}\n"


def test_a_useless_python_that_the_user_names_is_not_replaced_silently(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)

    found = machine.find_python(MEMPROXY_PYTHON="/nowhere/python")

    assert found.returncode == 1
    assert "MEMPROXY_PYTHON=/nowhere/python" in one_line(found.stderr)


def test_help_needs_no_environment(machine: Machine) -> None:
    link(machine.folder / "elsewhere" / "proxy", machine.root / "scripts" / "run")

    shown = subprocess.run(
        [str(machine.folder / "elsewhere" / "proxy"), "--help"],
        env=machine.env,
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.startswith("Usage: scripts/run [--web]")


# --- making the environment: empty requirements, so without network ------------------------------


@pytest.fixture
def ready(machine: Machine) -> Machine:
    link(machine.bin / "python3", PYTHON)
    program(machine.bin / "uv", "#!/bin/sh\nexit 0\n")
    machine.require()
    made = machine.bash("ensure_environment proxy")
    assert made.returncode == 0, made.stderr
    assert made.stderr == (
        "Making the environment (first time, about a minute)…\nThe environment is ready.\n"
    )
    return machine


def test_the_second_start_does_nothing_and_starts_no_python(ready: Machine) -> None:
    (ready.bin / "python3").unlink()
    (ready.root / ".venv/bin/python").unlink()
    program(ready.root / ".venv/bin/python", "#!/bin/sh\necho started >&2\n")

    again = ready.bash("ensure_environment proxy")

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_the_project_and_its_command_are_installed(ready: Machine) -> None:
    program(
        ready.root / "scripts/command.py",
        "import sys\n"
        "from importlib.metadata import version\n"
        "def main() -> int:\n"
        "    print(__file__, version('litellm-memory-proxy'), *sys.argv[1:])\n"
        "    return 7\n",
    )
    program(ready.root / "scripts/__init__.py", "")
    link(ready.folder / "far" / "memproxy", ready.root / "scripts/memproxy")
    decoy = program(ready.folder / "decoy/scripts/__init__.py", "").parents[1]

    answer = subprocess.run(
        [str(ready.folder / "far" / "memproxy"), "one two"],
        cwd=ready.folder,
        env=ready.env | {"PYTHONPATH": str(decoy)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.stdout == f"{ready.root}/scripts/command.py {VERSION} one two\n"
    assert answer.returncode == 7


@pytest.mark.parametrize(("argument", "expected"), [("-q", "mitmdump"), ("--web", "mitmweb")])
def test_run_starts_mitmproxy_where_the_user_stands(
    ready: Machine, argument: str, expected: str
) -> None:
    for name in ("mitmdump", "mitmweb"):
        program(
            ready.root / ".venv/bin" / name,
            f'#!/bin/sh\necho {name} "$PWD" "$LITELLM_LOCAL_MODEL_COST_MAP" "$@"\n',
        )

    started = subprocess.run(
        [str(ready.root / "scripts/run"), "-w", "x.mitm", argument],
        cwd=ready.folder,
        env=ready.env,
        capture_output=True,
        text=True,
        check=True,
    )

    passed_on = "-w x.mitm" if argument == "--web" else f"-w x.mitm {argument}"
    assert started.stdout == (
        f"{expected} {ready.folder} True -n --set confdir={ready.root}/.venv/mitmproxy"
        f" -s {ready.root}/addons/memory.py {passed_on}\n"
    )


def test_changed_requirements_are_installed_in_place(ready: Machine) -> None:
    kept = program(ready.root / ".venv/kept", "")
    ready.require(proxy="# changed\n")

    assert ready.bash("ensure_environment proxy").stderr.startswith("Updating the environment…")
    assert kept.exists()
    assert ready.bash("ensure_environment proxy").stderr == ""


def test_run_after_test_keeps_what_the_tests_need(ready: Machine) -> None:
    program(ready.bin / "uv", '#!/bin/sh\necho "$@" >>"$HOME/uv.log"\n')

    ready.bash("ensure_environment dev")
    assert ready.bash("ensure_environment proxy").stderr == ""
    ready.require(proxy="# changed\n")
    ready.bash("ensure_environment proxy")

    installed = [
        line.split("--requirement ")[1]
        for line in (ready.folder / "uv.log").read_text().splitlines()
        if "--requirement" in line
    ]
    assert installed == ["requirements/dev.txt"] * 2


def forget_the_end(machine: Machine) -> None:
    (machine.root / ".venv/memproxy-unfinished").touch()


def move_the_checkout(machine: Machine) -> None:
    machine.root = machine.root.rename(machine.folder / "moved")


def lose_the_interpreter(machine: Machine) -> None:
    (machine.root / ".venv/bin/python").unlink()
    (machine.root / ".venv/bin/python").symlink_to("/nowhere/python3.12")


def name_another_python(machine: Machine) -> None:
    machine.env["MEMPROXY_PYTHON"] = str(link(machine.folder / "other/python3", PYTHON))


@pytest.mark.parametrize(
    "happens", [forget_the_end, move_the_checkout, lose_the_interpreter, name_another_python]
)
def test_an_environment_that_cannot_be_trusted_is_made_again(
    ready: Machine, happens: Callable[[Machine], None]
) -> None:
    happens(ready)
    leftover = program(ready.root / ".venv/leftover", "")

    made = ready.bash("ensure_environment proxy")

    assert made.returncode == 0
    assert made.stderr.startswith("Making the environment again")
    assert not leftover.exists()
    assert f'"{ready.root}/.venv/bin/python"' in (ready.root / ".venv/bin/memproxy").read_text()
    assert ready.bash("ensure_environment proxy").stderr == ""


def test_an_environment_that_somebody_else_made_is_kept_aside(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)
    program(machine.bin / "uv", "#!/bin/sh\n")
    machine.require()
    program(machine.root / ".venv/bin/precious", "")

    made = machine.bash("ensure_environment proxy")

    assert made.returncode == 0
    assert "it is kept as .venv.kept-" in made.stderr
    assert list(machine.root.glob(".venv.kept-*/bin/precious"))


def test_two_starts_at_once_install_once(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)
    link(machine.bin / "sleep", Path(shutil.which("sleep") or "/bin/sleep"))
    program(
        machine.bin / "uv",
        '#!/bin/sh\n[ "$1" = pip ] || exit 0\necho installed >>"$HOME/uv.log"\n'
        'until [ -e "$HOME/go-on" ]; do sleep 0.05; done\n',
    )
    machine.require()
    line = ["bash", "-c", "source scripts/environment.sh; ensure_environment proxy"]
    screens = [machine.folder / f"screen-{number}" for number in range(3)]

    def start(screen: Path) -> subprocess.Popen[bytes]:
        with screen.open("wb") as shown:
            return subprocess.Popen(line, cwd=machine.root, env=machine.env, stderr=shown)

    def waiting() -> int:
        return sum(b"Waiting for another start" in screen.read_bytes() for screen in screens)

    starts = [start(screen) for screen in screens]
    try:
        while waiting() < 2:
            assert [started.poll() for started in starts] == [None] * 3
            time.sleep(0.05)
    finally:
        (machine.folder / "go-on").touch()

    assert [started.wait(60) for started in starts] == [0, 0, 0]
    assert (machine.folder / "uv.log").read_text() == "installed\n"
    assert waiting() == 2


def test_an_installation_that_was_killed_is_done_again(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)
    link(machine.bin / "sleep", Path(shutil.which("sleep") or "/bin/sleep"))
    slow = '#!/bin/sh\n[ "$1" = pip ] && : >"$HOME/begun" && exec sleep 60\nexit 0\n'
    program(machine.bin / "uv", slow)
    machine.require()
    with subprocess.Popen(
        ["bash", "-c", "source scripts/environment.sh; ensure_environment proxy"],
        cwd=machine.root,
        env=machine.env,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as started:
        while not (machine.folder / "begun").exists():
            assert started.poll() is None
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGKILL)
    program(machine.bin / "uv", "#!/bin/sh\nexit 0\n")

    made = machine.bash("ensure_environment proxy")

    assert made.returncode == 0
    assert made.stderr.startswith("Making the environment")
    assert machine.bash("ensure_environment proxy").stderr == ""


def test_pip_installs_where_there_is_no_uv(machine: Machine) -> None:
    link(machine.bin / "python3", PYTHON)
    machine.require()

    made = machine.bash("ensure_environment proxy")

    assert made.returncode == 0, made.stderr
    assert (machine.root / ".venv/bin/memproxy").exists()


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("error: Failed to fetch: dns error", "check the connection to the package index"),
        ("error: Hash mismatch for `rich==1`", "do not go on before you know why"),
    ],
)
def test_a_failed_installation_says_what_to_do(
    machine: Machine, complaint: str, advice: str
) -> None:
    link(machine.bin / "python3", PYTHON)
    program(
        machine.bin / "uv", f'#!/bin/sh\n[ "$1" = pip ] || exit 0\necho "{complaint}"\nexit 2\n'
    )
    machine.require(proxy="nothing-of-this-name\n")  # without hashes, so pip refuses at once

    made = machine.bash("ensure_environment proxy")

    assert made.returncode == 1
    progress, problem = made.stderr.splitlines()
    assert progress.startswith("Making the environment")
    assert advice in problem
