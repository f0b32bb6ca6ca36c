"""Where this program keeps its files, and how it writes what only their owner may read."""

import contextlib
import glob
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "litellm-memory-proxy"

type Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Places:
    """Every file and directory of one user's proxy; naming them creates nothing."""

    config_file: Path
    registry_file: Path
    ca_dir: Path
    state_dir: Path
    lock_file: Path
    info_file: Path
    cookies_file: Path
    log_file: Path
    litellm_dir: Path
    memory_dir: Path


def places(environ: Mapping[str, str]) -> Places:
    """All below MEMPROXY_HOME where it is set, else in the platform's directories of this user."""
    if home := environ.get("MEMPROXY_HOME"):
        config = data = state = expanded(home).absolute()
    else:
        config = platformdirs.user_config_path(APP, appauthor=False)
        data = platformdirs.user_data_path(APP, appauthor=False)
        state = platformdirs.user_state_path(APP, appauthor=False)
    return Places(
        config_file=config / "config.yaml",
        registry_file=data / "ports.json",
        ca_dir=data / "ca",
        state_dir=state,
        lock_file=state / "proxy.lock",
        info_file=state / "proxy.json",
        cookies_file=state / "cookies.json",
        log_file=state / "proxy.log",
        litellm_dir=data / "litellm",
        memory_dir=data / "memory",
    )


def expanded(path: str | os.PathLike[str]) -> Path:
    """With the home directory for `~`; what names nobody's home stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib raises for an unknown ~name


def stamp_of(path: Path) -> Stamp | None:
    """Differs after every change of the file; cheap enough to ask for many times a second."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def private_directory(path: Path) -> None:
    """Make the directory and its missing parents, each for its owner alone.

    One that exists keeps its mode: MEMPROXY_HOME may name a directory that serves others too.
    """
    missing = [path, *path.parents]
    while missing and missing[-1].is_dir():
        missing.pop()
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)


def keep_private(directory: Path) -> None:
    """Shut others out of a directory of ours alone that they can enter, such as after a copy.

    Where that is refused, or none is there, nothing happens.
    """
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & 0o077:
            directory.chmod(mode & ~0o077)


def write_private(path: Path, data: bytes) -> None:
    """Replace the file as a whole: readers see the old bytes or the new ones, in mode 0600."""
    # mkstemp opens with 0600, so there is no moment at which others could read.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _settle(path.parent)


def unfinished(path: Path) -> list[Path]:
    """What is left of writes of this file that were cut short, such as by a kill."""
    return [*path.parent.glob(f".{glob.escape(path.name)}.*.tmp")]


def _settle(directory: Path) -> None:
    """Make a rename survive a power cut, where the platform can."""
    # Windows opens no directories, and some network file systems refuse to sync them.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
