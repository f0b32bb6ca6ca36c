import json
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from routing.errors import NoPortLeft, RegistryError, RegistryTooNew, RegistryUnwritable
from routing.port_registry import PortRegistry
from routing.ports import is_free

ROOT = Path(__file__).parents[2]

ALLOCATE = """
import sys
from pathlib import Path
from routing.port_registry import PortRegistry

registry = PortRegistry(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for project in sys.argv[2:]:
    print(registry.get_or_allocate_port(project), flush=True)
"""

ALLOCATE_FOREVER = """
import itertools, sys
from pathlib import Path
from routing.port_registry import PortRegistry

registry = PortRegistry(Path(sys.argv[1]), last=60000)
for number in itertools.count():
    print(registry.get_or_allocate_port(f"/projects/{number}"), flush=True)
"""

DIE_WITH_THE_LOCK = """
import os, signal, sys, filelock
filelock.FileLock(sys.argv[1]).acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""

ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from routing.errors import RegistryUnwritable
from routing.port_registry import PortRegistry

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    PortRegistry(Path(sys.argv[1])).get_or_allocate_port("/projects/new")
except RegistryUnwritable as error:
    print(error)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def registry(home: Path) -> PortRegistry:
    return PortRegistry(home / "ports.json")


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def reopened(registry: PortRegistry) -> PortRegistry:
    return PortRegistry(registry.path, first=registry.first, last=registry.last)


def test_a_project_has_one_port_and_keeps_it_across_restarts(registry: PortRegistry) -> None:
    one = registry.get_or_allocate_port("/projects/one")
    two = registry.get_or_allocate_port("/projects/two")

    assert one != two
    assert registry.get_or_allocate_port("/projects/one") == one
    assert reopened(registry).get_or_allocate_port("/projects/two") == two


def test_projects_are_found_by_port_by_path_and_in_the_list(registry: PortRegistry) -> None:
    port = registry.get_or_allocate_port("/projects/one")

    (project,) = registry.projects()
    assert (project.path, project.port) == ("/projects/one", port)
    assert registry.project_for_port(port) == project
    assert registry.project_for_path("/projects/one/") == project
    assert registry.project_for_port(port + 1) is None
    assert registry.project_for_path("/projects/one/below") is None


def test_an_unused_registry_writes_nothing(registry: PortRegistry, home: Path) -> None:
    assert registry.projects() == []
    assert registry.project_containing("/anywhere") is None
    assert registry.stamp() is None
    assert registry.problems == []
    assert not home.exists()


def test_every_spelling_of_a_directory_is_the_same_project(
    registry: PortRegistry, tmp_path: Path
) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)

    ports = {
        registry.get_or_allocate_port(spelling)
        for spelling in (real, link, f"{real}/", f"{link}//", f"{tmp_path}/other/../real")
    }
    from_home = os.path.relpath(real, Path.home())
    ports.add(registry.get_or_allocate_port(f"~/{from_home}"))
    ports.add(registry.get_or_allocate_port(os.path.relpath(real)))

    assert len(ports) == 1
    assert [project.path for project in registry.projects()] == [os.path.realpath(real)]


@pytest.mark.parametrize(
    ("directory", "project"),
    [
        ("/a/b", "/a/b"),
        ("/a/b/src", "/a/b"),
        ("/a/b/c", "/a/b/c"),
        ("/a/b/c/d/../e", "/a/b/c"),
        ("/a/bc", None),
        ("/a", None),
        ("/a/b/../x", None),
        ("b", None),
        ("", None),
        ("C:\\a\\b", None),
        ("/a/b/\0", None),
        ("/" + "x/" * 5000, None),
    ],
)
def test_a_directory_belongs_to_the_innermost_project_around_it(
    registry: PortRegistry, directory: str, project: str | None
) -> None:
    registry.get_or_allocate_port("/a/b")
    registry.get_or_allocate_port("/a/b/c")

    found = registry.project_containing(directory)

    assert (found.path if found else None) == project


def test_a_released_project_is_forgotten_and_its_port_is_the_last_to_be_used_again(
    home: Path,
) -> None:
    registry = PortRegistry(home / "ports.json")
    old = registry.get_or_allocate_port("/projects/old")

    released = registry.release("/projects/old/")

    assert released is not None
    assert released.port == old
    assert registry.project_for_port(old) is None
    assert registry.release("/projects/old") is None
    assert reopened(registry).get_or_allocate_port("/projects/new") != old


def test_only_projects_whose_directories_are_gone_are_pruned(
    registry: PortRegistry, tmp_path: Path
) -> None:
    kept, gone, a_file = (tmp_path / name for name in ("kept", "gone", "file"))
    kept.mkdir()
    a_file.touch()
    for path in (kept, gone, a_file):
        registry.get_or_allocate_port(path)

    pruned = registry.prune()

    assert [project.path for project in pruned] == [str(gone), str(a_file)]
    assert [project.path for project in registry.projects()] == [str(kept)]


def test_the_stamp_changes_with_every_change_and_with_nothing_else(registry: PortRegistry) -> None:
    stamps = []
    for number in range(5):
        registry.get_or_allocate_port(f"/projects/{number}")
        stamps.append(registry.stamp())
        registry.get_or_allocate_port(f"/projects/{number}")
        registry.projects()
        registry.release("/projects/unknown")
        assert registry.stamp() == stamps[-1]

    assert len(set(stamps)) == len(stamps)


def test_only_the_owner_can_read_the_files_and_each_version_is_kept_twice(
    registry: PortRegistry, home: Path
) -> None:
    registry.get_or_allocate_port("/projects/one")
    registry.get_or_allocate_port("/projects/two")

    assert mode_of(home) == 0o700
    assert {path.name: mode_of(path) for path in home.iterdir()} == {
        "ports.json": 0o600,
        "ports.json.bak": 0o600,
        "ports.json.lock": 0o600,
    }
    assert (home / "ports.json.bak").read_bytes() == registry.path.read_bytes()


@pytest.fixture
def stranger(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a listener that is not ours, on the address of the test's choice."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((request.param, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("stranger", ["127.0.0.1", "0.0.0.0", "::"], indirect=True)
def test_a_port_that_a_stranger_listens_on_is_skipped(home: Path, stranger: int) -> None:
    registry = PortRegistry(home / "ports.json", first=stranger, last=stranger)

    with pytest.raises(NoPortLeft):
        registry.get_or_allocate_port("/projects/one")


@pytest.mark.parametrize("stranger", ["127.0.0.1"], indirect=True)
def test_a_project_keeps_its_port_while_its_own_listener_is_on_it(
    home: Path, stranger: int
) -> None:
    entry = {"path": "/projects/one", "port": stranger, "since": "2026-01-01T00:00:00+00:00"}
    home.mkdir()
    (home / "ports.json").write_text(json.dumps({"version": 1, "projects": [entry]}))

    assert PortRegistry(home / "ports.json").get_or_allocate_port("/projects/one") == stranger


def test_a_port_in_time_wait_is_free() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server, _ = listener.accept()
        # Whoever closes first is left in TIME_WAIT.
        server.close()
        assert client.recv(1) == b""
        client.close()

    assert is_free(port)


def test_a_reserved_port_is_never_given_away(home: Path) -> None:
    registry = PortRegistry(
        home / "ports.json", first=18801, last=18810, reserved=frozenset(range(18801, 18810))
    )

    assert registry.get_or_allocate_port("/projects/one") == 18810
    with pytest.raises(NoPortLeft, match=r"memproxy projects --prune.*widen"):
        registry.get_or_allocate_port("/projects/two")


GOOD = {"path": "/projects/one", "port": 18801, "since": "2026-01-01T00:00:00+00:00"}


def registry_of(*projects: object, **more: object) -> bytes:
    return json.dumps({"version": 1, "projects": projects, **more}).encode()


DAMAGE = {
    "empty": b"",
    "blank": b"\n \n",
    "not JSON": b"ports: 1",
    "truncated": registry_of(GOOD)[:-20],
    "not UTF-8": b'{"version": 1, "projects": ["\xff"]}',
    "nested too deep": b"[" * 100_000,
    "a number too long": b"9" * 10_000,
    "a list": b"[]",
    "no version": b'{"projects": []}',
    "version 0": registry_of(version=0),
    "version true": registry_of(version=True),
    "no projects": b'{"version": 1}',
    "projects as an object": b'{"version": 1, "projects": {}}',
    "a string for a project": registry_of("/projects/one"),
    "a relative path": registry_of({**GOOD, "path": "one"}),
    "a port as text": registry_of({**GOOD, "port": "18801"}),
    "a port that is true": registry_of({**GOOD, "port": True}),
    "port 0": registry_of({**GOOD, "port": 0}),
    "port 65536": registry_of({**GOOD, "port": 65536}),
    "no time": registry_of({**GOOD, "since": "yesterday"}),
    "a port twice": registry_of(GOOD, {**GOOD, "path": "/projects/two"}),
    "a project twice": registry_of(GOOD, {**GOOD, "port": 18802}),
    "last_port as text": registry_of(GOOD, last_port="1"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_set_aside_and_the_backup_restored(
    registry: PortRegistry, home: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    one = registry.get_or_allocate_port("/projects/one")
    registry.get_or_allocate_port("/projects/two")
    registry.path.write_bytes(damage)

    with caplog.at_level(logging.WARNING, "memory_proxy"):
        registry.get_or_allocate_port("/projects/three")

    (copy,) = home.glob("ports.json.damaged-*")
    assert copy.read_bytes() == damage
    named = [project.path for project in registry.projects()]
    assert named == ["/projects/one", "/projects/two", "/projects/three"]
    assert registry.get_or_allocate_port("/projects/one") == one
    (problem,) = registry.problems
    assert str(copy) in problem
    assert "2 projects of its backup" in problem
    assert problem in caplog.text
    assert str(copy) in reopened(registry).problems[0]


def test_without_a_good_backup_a_damaged_registry_starts_empty_and_says_so(
    registry: PortRegistry, home: Path
) -> None:
    home.mkdir()
    registry.path.write_bytes(b"broken")
    (home / "ports.json.bak").write_bytes(b"broken too")

    registry.repair()

    assert registry.projects() == []
    assert "no project is known" in registry.problems[0]
    kept = sorted(path.read_bytes() for path in home.glob("*.damaged-*"))
    assert kept == [b"broken", b"broken too"]


def test_a_directory_in_the_place_of_the_file_is_set_aside(
    registry: PortRegistry, home: Path
) -> None:
    registry.path.mkdir(parents=True)
    (registry.path / "something").touch()

    port = registry.get_or_allocate_port("/projects/one")

    assert reopened(registry).get_or_allocate_port("/projects/one") == port
    (copy,) = home.glob("ports.json.damaged-*")
    assert (copy / "something").exists()


def test_a_registry_that_vanished_is_restored_from_its_backup(registry: PortRegistry) -> None:
    one = registry.get_or_allocate_port("/projects/one")
    registry.get_or_allocate_port("/projects/two")
    registry.path.unlink()

    assert registry.get_or_allocate_port("/projects/one") == one
    assert "is missing" in registry.problems[0]


def test_reading_a_damaged_registry_uses_the_backup_warns_once_and_changes_nothing(
    registry: PortRegistry, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = registry.get_or_allocate_port("/projects/one")
    registry.get_or_allocate_port("/projects/two")
    registry.path.write_bytes(b"broken")
    before = {path.name: path.read_bytes() for path in home.iterdir()}

    for _ in range(3):
        project = registry.project_for_port(one)
        assert project is not None
        assert project.path == "/projects/one"

    assert {path.name: path.read_bytes() for path in home.iterdir()} == before
    assert len(caplog.records) == 1
    assert "damaged (not JSON)" in registry.problems[0]


def test_a_file_of_a_later_version_is_refused_and_left_alone(
    registry: PortRegistry, home: Path
) -> None:
    home.mkdir()
    later = registry_of(GOOD, version=2)
    registry.path.write_bytes(later)

    with pytest.raises(RegistryTooNew, match=r"ports\.json .*update"):
        registry.projects()
    with pytest.raises(RegistryTooNew):
        registry.get_or_allocate_port("/projects/two")

    assert registry.path.read_bytes() == later
    assert list(home.glob("*.damaged-*")) == []


@pytest.mark.e2e
def test_a_full_disk_is_named_and_loses_nothing(registry: PortRegistry, home: Path) -> None:
    registry.get_or_allocate_port("/projects/one")
    before = registry.path.read_bytes()

    said, _ = python(ON_A_FULL_DISK, registry.path).communicate()

    assert str(registry.path) in said
    assert "nothing was changed" in said
    assert registry.path.read_bytes() == before
    assert not list(home.glob("*.tmp"))


def test_a_read_only_directory_still_serves_the_projects_that_are_registered(
    registry: PortRegistry, home: Path
) -> None:
    one = registry.get_or_allocate_port("/projects/one")
    home.chmod(0o500)
    registry.path.with_name("ports.json.lock").chmod(0o400)
    if os.access(home, os.W_OK):
        pytest.skip("root writes everywhere")

    assert registry.get_or_allocate_port("/projects/one") == one
    with pytest.raises(RegistryUnwritable, match=r"ports\.json"):
        registry.get_or_allocate_port("/projects/two")


def test_a_registry_below_a_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RegistryError, match=r"file/ports\.json"):
        PortRegistry(tmp_path / "file" / "ports.json").get_or_allocate_port("/projects/one")


@pytest.mark.e2e
def test_many_processes_at_once_give_no_port_and_no_project_twice(registry: PortRegistry) -> None:
    # Each process asks for five projects, each project is asked for by several processes.
    wanted = [[f"/projects/{(first * 3 + n) % 30}" for n in range(5)] for first in range(24)]
    processes = [python(ALLOCATE, registry.path, *projects) for projects in wanted]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    answers: dict[str, set[str]] = {}
    for process, projects in zip(processes, wanted, strict=True):
        said, _ = process.communicate()
        assert process.returncode == 0
        for project, port in zip(projects, said.split(), strict=True):
            answers.setdefault(project, set()).add(port)

    assert all(len(ports) == 1 for ports in answers.values())
    assert {path: {str(port)} for path, port in ports_by_path(registry).items()} == answers
    assert len(set(ports_by_path(registry).values())) == 30
    assert registry.problems == []


def ports_by_path(registry: PortRegistry) -> dict[str, int]:
    return {project.path: project.port for project in registry.projects()}


@pytest.mark.e2e
def test_a_process_killed_at_work_leaves_a_good_registry(registry: PortRegistry) -> None:
    with python(ALLOCATE_FOREVER, registry.path) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(25)]
        process.kill()

    assert set(told) <= set(ports_by_path(registry).values())
    assert registry.problems == []
    assert registry.get_or_allocate_port("/projects/new") not in told


@pytest.mark.e2e
def test_a_process_killed_with_the_lock_stops_nobody(registry: PortRegistry) -> None:
    registry.get_or_allocate_port("/projects/one")

    with python(DIE_WITH_THE_LOCK, registry.path.with_name("ports.json.lock")) as process:
        assert process.wait() != 0

    assert registry.get_or_allocate_port("/projects/two") > 0
