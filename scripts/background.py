"""The running proxy, seen from outside: ask it, start it, end it."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing.errors import ProxyError
from routing.paths import Places, expanded, private_directory

ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 30.0
SECONDS_FOR_ANOTHER = 3.0
SECONDS_TO_STOP = 30.0
SECONDS_TO_ANSWER = 10.0
SECONDS_BETWEEN_LOOKS = 0.05
LINES_SHOWN = 20
LONGEST_LOG = 5_000_000

# Never through a proxy, which may well be the one that we ask for.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class NotStarted(ProxyError):
    """The user reads why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that is serving, and what it says of itself."""

    pid: int
    port: int
    """The shared one, which a stranger may hold all the same."""
    health: dict[str, Any]


def running(places: Places) -> Running | None:
    """The proxy that serves this user, if one does."""
    try:
        info = json.loads(places.info_file.read_text())
        pid, shared, ports = int(info["pid"]), int(info["port"]), list(info["ports"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    answers = (health_at(port) for port in ports)
    health = next((said for said in answers if said and said.get("pid") == pid), None)
    return Running(pid, shared, health) if health else None


def health_at(port: int) -> dict[str, Any] | None:
    """What the proxy says of itself on this port; None where nothing of ours answers."""
    try:
        with _open(f"http://127.0.0.1:{port}/health", timeout=SECONDS_TO_ANSWER) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return None
    return health if isinstance(health, dict) and "listeners" in health else None


def start(places: Places, port: int, arguments: list[str]) -> Running:
    """Start the proxy in the background and wait until it can be used."""
    log, before = _open_log(places.log_file)
    try:
        process = subprocess.Popen(
            [str(ROOT / "scripts" / "run"), "--set", "memory_project=", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,  # not the caller's, which may be deleted while we serve
            env={**os.environ, **_absolute(os.environ)},
            start_new_session=True,
        )
    finally:
        os.close(log)
    _wait(lambda: running(places) or process.poll() is not None, SECONDS_TO_START)
    # Somebody else may have started one in the same moment: then ours ends, and theirs serves.
    _wait(lambda: running(places), SECONDS_FOR_ANOTHER)
    if found := running(places):
        return found
    what = "ended at once"
    if process.poll() is None:
        what = f"was not ready after {SECONDS_TO_START:.0f} s"
        process.terminate()
    said = places.log_file.read_bytes()[before:].decode(errors="replace").splitlines()
    shown = "\n".join(said[-LINES_SHOWN:])
    raise NotStarted(f"The proxy {what} (port {port}). It said:\n{shown}")


def stop(proxy: Running) -> bool:
    """End the proxy; whether it is gone, with its ports and what it had open."""
    try:
        os.kill(proxy.pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    return _wait(lambda: not is_alive(proxy.pid), SECONDS_TO_STOP)


def wait_for_listener(port: int, project: str | None, seconds: float) -> bool:
    """Wait until the running proxy has taken a project up; None is the shared port's."""
    return _wait(lambda: (health_at(port) or {"project": ""})["project"] == project, seconds)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended counts as gone before anybody collects it."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _absolute(environ: Mapping[str, str]) -> dict[str, str]:
    """Paths in the environment, meant from where the caller stands."""
    named = ((name, environ.get(name)) for name in ("MEMPROXY_HOME", "MEMPROXY_CONFIG"))
    return {name: str(expanded(path).absolute()) for name, path in named if path}


def _open_log(path: Path) -> tuple[int, int]:
    """The log to append to, and how long it was; a long one is put aside first."""
    private_directory(path.parent)
    if path.exists() and path.stat().st_size > LONGEST_LOG:
        path.replace(path.with_name(f"{path.name}.old"))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return log, os.fstat(log).st_size


def _wait(until: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True
