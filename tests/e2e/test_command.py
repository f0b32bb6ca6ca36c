"""The `memproxy` command, as a person uses it in a shell."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest

from scripts import command
from tests.e2e.mitmdump import BIN, Mitmdump, upstreams
from tests.fakes import Provider

SECONDS = 60
SUBCOMMANDS = ("up", "down", "projects", "add", "remove", "status", "env", "run", "memory")
PROXY_VARIABLES = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "NODE_USE_ENV_PROXY"}
CA_VARIABLES = {
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CODEX_CA_CERTIFICATE",
}
ASK_WITH_AN_SDK = """
import openai
client = openai.OpenAI(api_key="sk-mine", max_retries=0)
messages = [{"role": "user", "content": "hi"}]
print(client.chat.completions.create(model="m", messages=messages).choices[0].message.content)
"""
_numbers = count(1)

type Done = subprocess.CompletedProcess[str]


class Memproxy:
    """A user who has nothing but a home and the command."""

    def __init__(self, directory: Path, settings: str = "") -> None:
        self.directory = directory
        kept = Mitmdump(directory, settings)  # for its ports; it is never started
        self.home = kept.home
        self.shared_port = kept.shared_port
        path = f"{BIN}{os.pathsep}{kept.environment['PATH']}"
        dropped = CA_VARIABLES | {"OPENAI_BASE_URL", "OPENAI_API_KEY"}
        self.environment = {
            name: value for name, value in kept.environment.items() if name not in dropped
        } | {"PATH": path}

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, said: str = "") -> Done:
        return self.shell([str(BIN / "memproxy"), *map(str, arguments)], cwd, said)

    def shell(self, line: list[str], cwd: Path | None = None, said: str = "") -> Done:
        return subprocess.run(
            line,
            check=False,
            cwd=cwd or self.directory,
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def new_project(self) -> Path:
        directory = self.directory / f"it's project {next(_numbers)}"
        directory.mkdir()
        return directory.resolve()

    def port_of(self, project: Path) -> int:
        listed: list[dict[str, Any]] = json.loads(self("projects", "--json").stdout)
        return next((one["port"] for one in listed if one["path"] == str(project)), 0)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Memproxy]:
    """Whose proxy is not up, and is not left up."""
    memproxy = Memproxy(tmp_path)
    yield memproxy
    if (memproxy.home / "proxy.json").exists():
        memproxy("down")


@pytest.fixture(scope="module")
def module_up(
    session_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Memproxy]:
    memproxy = Memproxy(tmp_path_factory.mktemp("command"), upstreams(session_provider.url))
    memproxy("add", memproxy.new_project())
    started = memproxy("up")
    assert started.returncode == 0, started.stderr
    yield memproxy
    ended = memproxy("down")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def up(module_up: Memproxy, provider: Provider) -> Memproxy:
    """Whose proxy is up, in front of the scripted provider."""
    return module_up


@pytest.fixture(scope="module")
def project(module_up: Memproxy) -> Path:
    """One that is registered, for tests that do not mind who else is in it."""
    project = module_up.new_project()
    module_up("add", project)
    return project


def test_every_subcommand_is_known_and_says_what_it_does(idle: Memproxy) -> None:
    assert set(command.main.commands) == set(SUBCOMMANDS)
    every = idle("--help")

    with ThreadPoolExecutor(4) as pool:
        helps = [*pool.map(lambda name: idle(name, "--help"), SUBCOMMANDS)]

    assert every.returncode == 0
    for name, told in zip(SUBCOMMANDS, helps, strict=True):
        summary = command.main.commands[name].get_short_help_str(200)
        assert told.returncode == 0
        assert summary
        assert f"  {name} " in every.stdout
        assert summary.split(maxsplit=1)[0] in told.stdout
    assert isinstance(command.main, click.Group)


def test_the_proxy_goes_up_and_down(idle: Memproxy) -> None:
    assert idle("status").returncode == 1
    assert json.loads(idle("status", "--json").stdout) == {"status": "down"}

    first = idle("up")
    second = idle("up")
    health = json.loads(idle("status", "--json").stdout)
    down = [idle("down"), idle("down")]
    third, last = idle("up"), idle("down")

    assert [first.returncode, second.returncode] == [0, 0]
    assert f"http://127.0.0.1:{idle.shared_port}" in first.stdout
    assert "already up" in second.stdout
    assert str(health["pid"]) in first.stdout
    assert str(health["pid"]) in second.stdout
    assert [done.returncode for done in down] == [0, 0]
    assert ["has ended" in down[0].stdout, "is not up" in down[1].stdout] == [True, True]
    assert [third.returncode, last.returncode] == [0, 0]
    assert f"(process {health['pid']})" not in third.stdout
    assert idle("status").returncode == 1


def test_a_proxy_that_is_told_to_go_up_three_times_at_once_is_up(idle: Memproxy) -> None:
    idle("add", idle.new_project())

    with ThreadPoolExecutor(3) as pool:
        done = [*pool.map(lambda _: idle("up"), range(3))]

    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    assert idle("status").returncode == 0


def test_a_proxy_that_cannot_go_up_says_why(idle: Memproxy) -> None:
    config = idle.home / "config.yaml"
    config.write_text(config.read_text() + "backendd: direct\n")

    told = [idle(*line) for line in (["up"], ["run", "--", "true"], ["projects"])]

    assert [one.returncode for one in told] == [1, 1, 1]
    assert ["did you mean `backend`" in one.stderr for one in told] == [True, True, True]
    assert not any("Traceback" in one.stderr for one in told)


def test_status_tells_people_and_programs_the_same(up: Memproxy) -> None:
    text, machine = up("status"), up("status", "--json")

    health = json.loads(machine.stdout)
    assert [text.returncode, machine.returncode] == [0, 0]
    assert health["status"] == "ok"
    for told in (
        str(health["pid"]),
        "shared port",
        str(up.shared_port),
        "direct",
        health["config"],
    ):
        assert told in text.stdout


def test_projects_are_added_listed_and_removed(idle: Memproxy) -> None:
    one, other = idle.new_project(), idle.new_project()
    (other / "inner").mkdir()

    assert "memproxy add" in idle("projects").stdout
    added = [idle("add", cwd=one), idle("add", other), idle("add", f"{other}/inner/../")]

    ports = [line.stdout.split(maxsplit=1) for line in added]
    assert [path.strip() for _, path in ports] == [str(one), str(other), str(other)]
    assert ports[1] == ports[2]
    assert (idle.port_of(one), idle.port_of(other)) == (int(ports[0][0]), int(ports[1][0]))
    listed = idle("projects").stdout
    assert f"{ports[0][0]}  {one}" in listed
    assert f"{ports[1][0]}  {other}" in listed

    assert idle("remove", one).returncode == 0
    again = idle("remove", one)
    assert (again.returncode, idle.port_of(one)) == (1, 0)
    assert "not a registered project" in again.stderr


def test_what_is_no_directory_is_no_project(idle: Memproxy) -> None:
    file = idle.directory / "a file"
    file.touch()

    for wrong in (file, idle.directory / "nowhere"):
        told = idle("add", wrong)
        assert told.returncode != 0
        assert str(wrong) in told.stderr
        assert "Traceback" not in told.stderr
    assert json.loads(idle("projects", "--json").stdout) == []


def test_projects_that_are_gone_are_shown_and_pruned(idle: Memproxy) -> None:
    gone, kept = idle.new_project(), idle.new_project()
    for project in (gone, kept):
        idle("add", project)
    gone.rmdir()

    assert f"{gone}  (the directory is gone)" in idle("projects").stdout
    pruned = idle("projects", "--prune", "--json")

    assert str(gone) in pruned.stderr
    assert [one["path"] for one in json.loads(pruned.stdout)] == [str(kept)]


def test_exports_work_in_a_shell(up: Memproxy, project: Path, provider: Provider) -> None:
    line = 'set -eu; eval "$(memproxy env)"; curl -sS https://api.openai.com/v1/models'

    asked = up.shell(["sh", "-c", line], project)

    assert json.loads(asked.stdout)["object"] == "list", asked.stderr
    assert provider.requests[-1].path == "/v1/models"


def test_exports_make_an_sdk_use_the_proxy(up: Memproxy, project: Path, provider: Provider) -> None:
    script = project / "ask.py"
    script.write_text(ASK_WITH_AN_SDK)

    line = 'eval "$(memproxy env --shell sh .)"; exec "$0" ask.py'
    asked = up.shell(["sh", "-c", line, sys.executable], project)

    assert asked.returncode == 0, asked.stderr
    assert provider.requests[-1].header("authorization") == "Bearer sk-mine"


@pytest.mark.parametrize(
    ("shell", "form"),
    [
        ("sh", "export HTTPS_PROXY=http://127.0.0.1:{port}"),
        ("fish", "set -gx HTTPS_PROXY http://127.0.0.1:{port};"),
        ("powershell", "$env:HTTPS_PROXY = 'http://127.0.0.1:{port}'"),
    ],
)
def test_each_shell_has_its_own_exports(up: Memproxy, project: Path, shell: str, form: str) -> None:
    lines = up("env", "--shell", shell, project).stdout.splitlines()

    assert form.format(port=up.port_of(project)) in lines
    assert len(lines) == len(PROXY_VARIABLES | CA_VARIABLES)


def test_exports_for_programs_name_files_that_exist(up: Memproxy, project: Path) -> None:
    own = json.loads(up("env", "--json", project).stdout)
    shared = json.loads(up("env", "--json", "--shared").stdout)

    assert set(own) == PROXY_VARIABLES | CA_VARIABLES
    assert own["HTTPS_PROXY"] == f"http://127.0.0.1:{up.port_of(project)}"
    assert shared["HTTPS_PROXY"] == f"http://127.0.0.1:{up.shared_port}"
    assert all(Path(own[name]).is_file() for name in CA_VARIABLES)


def test_there_are_no_exports_for_a_directory_that_is_no_project(up: Memproxy) -> None:
    told = up("env", up.new_project())

    assert (told.returncode, told.stdout) == (1, "")
    assert "memproxy add" in told.stderr


def test_run_registers_starts_and_sets_the_environment(idle: Memproxy) -> None:
    project = idle.new_project()
    tell = "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))"

    ran = idle("run", "--", sys.executable, "-c", tell, cwd=project)

    assert ran.returncode == 0, ran.stderr
    environment, cwd = json.loads(ran.stdout)
    assert cwd == str(project)
    assert environment["HTTPS_PROXY"] == f"http://127.0.0.1:{idle.port_of(project)}"
    assert {name for name in CA_VARIABLES if Path(environment[name]).is_file()} == CA_VARIABLES
    assert idle("status").returncode == 0
    assert str(project) in ran.stderr


def test_run_in_a_projects_folder_uses_its_port(up: Memproxy) -> None:
    project = up.new_project()
    up("add", project)
    inner = project / "src"
    inner.mkdir()

    ran = up("run", "--", "sh", "-c", "echo $HTTPS_PROXY", cwd=inner)

    assert ran.stdout.strip() == f"http://127.0.0.1:{up.port_of(project)}"
    assert ran.stderr == ""
    assert up.port_of(inner) == 0


def test_a_tool_started_by_run_calls_through_the_proxy(up: Memproxy, provider: Provider) -> None:
    ran = up("run", sys.executable, "-c", ASK_WITH_AN_SDK, cwd=up.new_project())

    assert ran.returncode == 0, ran.stderr
    assert [seen.path for seen in provider.requests] == ["/v1/chat/completions"]


def test_run_passes_input_output_arguments_and_exit_status(up: Memproxy, project: Path) -> None:
    line = 'cat; echo "$1|$2" >&2; exit 42'

    ran = up("run", "--", "sh", "-c", line, "-", "--help", "a  b", cwd=project, said="in\nput")

    assert (ran.returncode, ran.stdout, ran.stderr) == (42, "in\nput", "--help|a  b\n")


def test_run_needs_no_dashes_before_the_command(up: Memproxy) -> None:
    ran = up("run", "echo", "--version", "-n", "--", "x", cwd=up.new_project())

    assert ran.stdout == "--version -n -- x\n"


@pytest.mark.parametrize(("name", "status"), [("no-such-command", 127), ("./no-program", 126)])
def test_run_says_what_cannot_be_started(
    up: Memproxy, project: Path, name: str, status: int
) -> None:
    (project / "no-program").write_text("not executable")

    ran = up("run", "--", name, cwd=project)

    assert ran.returncode == status
    assert name in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that nobody ignores: tests that run in the background inherit a deaf SIGINT."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_reaches_the_tool_itself(
    up: Memproxy, project: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [BIN / "memproxy", "run", "--", "sh", "-c", "echo ready; exec sleep 60"],
        cwd=project,
        env=up.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)

        assert running.wait(SECONDS) == -number
    assert up("status").returncode == 0


def test_a_tool_that_ends_leaves_the_proxy_up(up: Memproxy) -> None:
    before = json.loads(up("status", "--json").stdout)["pid"]

    up("run", "--", "true", cwd=up.new_project())

    assert json.loads(up("status", "--json").stdout)["pid"] == before


def test_runs_at_once_share_one_proxy(idle: Memproxy) -> None:
    projects = [idle.new_project() for _ in range(3)]

    def run(project: Path) -> Done:
        return idle("run", "--", "sh", "-c", "echo $HTTPS_PROXY", cwd=project)

    with ThreadPoolExecutor(3) as pool:
        ran = [*pool.map(run, projects)]

    assert [one.returncode for one in ran] == [0, 0, 0], [one.stderr for one in ran]
    ports = [idle.port_of(project) for project in projects]
    assert len(set(ports)) == 3
    assert [one.stdout.strip() for one in ran] == [f"http://127.0.0.1:{port}" for port in ports]
    assert idle("status").returncode == 0


def test_a_proxy_that_was_killed_is_started_again(idle: Memproxy) -> None:
    project = idle.new_project()
    idle("run", "--", "true", cwd=project)
    pid = json.loads(idle("status", "--json").stdout)["pid"]
    os.kill(pid, signal.SIGKILL)

    assert idle("status").returncode == 1
    ran = idle("run", "--", "true", cwd=project)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(idle("status", "--json").stdout)["pid"] != pid


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
def test_exports_work_in_fish(up: Memproxy, project: Path, provider: Provider) -> None:
    line = "memproxy env --shell fish | source; curl -sS https://api.openai.com/v1/models"

    assert json.loads(up.shell(["fish", "-c", line], project).stdout)["object"] == "list"
