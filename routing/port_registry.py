"""Which project has which port: one file, shared by every process of this user.

Readers take no lock, because the file is only ever replaced as a whole. Writers read it again
under the lock, write it twice, the second time as `.bak`, and set a damaged file aside.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import filelock

from routing.errors import NoPortLeft, RegistryError, RegistryTooNew, RegistryUnwritable
from routing.paths import Stamp, expanded, private_directory, stamp_of, write_private
from routing.ports import is_free
from routing.registry_format import Contents, Damaged, Project, decode, encode

__all__ = ["PortRegistry", "Project", "canonical", "project_around"]

logger = logging.getLogger("memory_proxy")

SECONDS_FOR_THE_LOCK = 10.0
# What systems allow. Resolving a longer one would only cost time, and a client may send it.
LONGEST_PATH = 4096


def canonical(path: str | os.PathLike[str]) -> str:
    """One name for a directory, however it was spelled; it need not exist."""
    return os.path.realpath(expanded(path))


def project_around(
    directory: str | os.PathLike[str], projects: Iterable[Project]
) -> Project | None:
    """The innermost project that is this directory or holds it; never a guess.

    A relative path is in no project: it would mean something else in every process.
    """
    try:
        if len(os.fspath(directory)) > LONGEST_PATH or not expanded(directory).is_absolute():
            return None
        inner = Path(canonical(directory))
    except (OSError, ValueError):
        # A client may declare anything, a NUL byte too.
        return None
    by_path = {project.path: project for project in projects}
    for ancestor in (inner, *inner.parents):
        if project := by_path.get(str(ancestor)):
            return project
    return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the files say, and what was wrong with them."""

    contents: Contents
    trouble: str = ""
    damaged: tuple[Path, ...] = ()


class PortRegistry:
    """Gives each project a port of its own, for good."""

    def __init__(
        self,
        path: Path,
        *,
        first: int = 18801,
        last: int = 19799,
        reserved: frozenset[int] = frozenset({18800}),
    ) -> None:
        self.path = path
        self.first = first
        self.last = last
        self.reserved = reserved
        self._backup = path.with_name(f"{path.name}.bak")
        self._lock = filelock.FileLock(
            path.with_name(f"{path.name}.lock"),
            timeout=SECONDS_FOR_THE_LOCK,
            mode=0o600,
            poll_interval=0.01,
        )
        self._repairs: list[str] = []
        self._told: set[str] = set()

    def projects(self) -> list[Project]:
        """All of them, by port."""
        return sorted(self._read().contents.projects, key=lambda project: project.port)

    def project_for_port(self, port: int) -> Project | None:
        """The project that has this port."""
        return self._first(lambda project: project.port == port)

    def project_for_path(self, project_path: str | os.PathLike[str]) -> Project | None:
        """The project that is exactly this directory, however its name is spelled."""
        path = canonical(project_path)
        return self._first(lambda project: project.path == path)

    def project_containing(self, directory: str | os.PathLike[str]) -> Project | None:
        """The innermost project around this directory, or the directory itself."""
        return project_around(directory, self._read().contents.projects)

    def get_or_allocate_port(self, project_path: str | os.PathLike[str]) -> int:
        """The project's port; a new project gets the next one that nobody uses."""
        path = canonical(project_path)
        reading = self._read()
        known = _port_of(path, reading.contents)
        if known is not None and not reading.trouble:
            return known
        with self._locked():
            contents = self._read_and_repair()
            known = _port_of(path, contents)
            if known is not None:
                return known
            port = self._next_free_port(contents)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            self._save(Contents((*contents.projects, Project(path, port, since)), port))
            return port

    def release(self, project_path: str | os.PathLike[str]) -> Project | None:
        """Forget the project; None where it was never registered."""
        path = canonical(project_path)
        released = self._forget(lambda project: project.path == path)
        return released[0] if released else None

    def prune(self) -> list[Project]:
        """Forget the projects whose directories are gone, and name them."""
        return self._forget(lambda project: _is_gone(project.path))

    def repair(self) -> None:
        """Set damaged files aside and restore the backup, as any change would do first."""
        if self._read().trouble:
            with self._locked():
                self._read_and_repair()

    def stamp(self) -> Stamp | None:
        """Differs after every change of the file; cheap enough to ask for many times a second."""
        return stamp_of(self.path)

    @property
    def problems(self) -> list[str]:
        """What the user should know: damage now, repairs made here, and copies set aside before."""
        try:
            now = self._read().trouble
        except RegistryError as error:
            now = str(error)
        copies = sorted(self.path.parent.glob(f"{self.path.name}*.damaged-*"))
        told = " ".join(self._repairs)
        earlier = [
            f"{copy} is a damaged registry set aside earlier; delete it when you have seen it"
            for copy in copies
            if str(copy) not in told
        ]
        return [*filter(None, [now]), *self._repairs, *earlier]

    def _first(self, wanted: Callable[[Project], bool]) -> Project | None:
        return next(filter(wanted, self._read().contents.projects), None)

    def _forget(self, unwanted: Callable[[Project], bool]) -> list[Project]:
        with self._locked():
            contents = self._read_and_repair()
            gone = [project for project in contents.projects if unwanted(project)]
            if gone:
                kept = tuple(project for project in contents.projects if project not in gone)
                self._save(replace(contents, projects=kept))
            return gone

    def _next_free_port(self, contents: Contents) -> int:
        taken = self.reserved | {project.port for project in contents.projects}
        # Go round instead of taking the lowest: a tool that still uses the port of a removed
        # project would otherwise speak in the name of the next one.
        start = max(self.first, contents.last_port + 1)
        for port in chain(range(start, self.last + 1), range(self.first, self.last + 1)):
            if port not in taken and is_free(port):
                return port
        raise NoPortLeft(
            f"every port from {self.first} to {self.last} is taken: forget projects that are gone"
            " with `memproxy projects --prune`, or widen the range of ports in the config"
        )

    def _read(self) -> _Reading:
        """What counts now: the file, else its backup. Writes nothing, and warns once."""
        reading = self._examine()
        if reading.trouble and reading.trouble not in self._told:
            self._told.add(reading.trouble)
            logger.warning(reading.trouble)
        return reading

    def _examine(self) -> _Reading:
        damaged: list[Path] = []
        faults: list[str] = []
        for path in (self.path, self._backup):
            try:
                contents = self._contents_of(path)
            except Damaged as error:
                damaged.append(path)
                faults.append(f"{path} is damaged ({error})")
                continue
            if contents is None:
                continue
            if path == self.path:
                return _Reading(contents)
            # A registry that vanished is restored too: it would take every port with it.
            fault = faults[0] if faults else f"{self.path} is missing"
            used = f"the {len(contents.projects)} projects of its backup count"
            return _Reading(contents, f"{fault}; {used}", tuple(damaged))
        trouble = "; ".join(faults) and f"{'; '.join(faults)}; no project is known"
        return _Reading(Contents(), trouble, tuple(damaged))

    def _contents_of(self, path: Path) -> Contents | None:
        try:
            return decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            raise Damaged("a directory in its place") from None
        except RegistryTooNew as error:
            raise RegistryTooNew(f"{path} {error}: update this program") from None
        except OSError as error:
            raise RegistryError(f"{path} cannot be read: {error.strerror}") from error

    def _read_and_repair(self) -> Contents:
        """Under the lock: the contents, from a file that is good or not there yet."""
        reading = self._examine()
        if reading.trouble:
            with self._writing():
                copies = [_set_aside(path) for path in reading.damaged]
                write_private(self.path, encode(reading.contents))
            kept = f"; kept for you as {' and '.join(map(str, copies))}" if copies else ""
            self._repairs.append(f"repaired: {reading.trouble}{kept}")
            logger.warning(self._repairs[-1])
        return reading.contents

    def _save(self, contents: Contents) -> None:
        with self._writing():
            data = encode(contents)
            write_private(self.path, data)
            write_private(self._backup, data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._writing():
            private_directory(self.path.parent)
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise RegistryError(
                    f"another process has held {self._lock.lock_file} for"
                    f" {SECONDS_FOR_THE_LOCK:.0f} s: end it, then try again"
                ) from None
        try:
            yield
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RegistryUnwritable(
                f"{self.path} cannot be written ({error.strerror or error}): nothing was changed;"
                " free the disk or its permissions, or set MEMPROXY_HOME"
            ) from error


def _port_of(path: str, contents: Contents) -> int | None:
    return next((project.port for project in contents.projects if project.path == path), None)


def _is_gone(path: str) -> bool:
    try:
        return not stat.S_ISDIR(Path(path).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        # Out of reach for now, such as a network disk, is not gone.
        return False


def _set_aside(path: Path) -> Path:
    """Keep what is at the path under a name of its own, so that nothing ever replaces it."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    copy = path.with_name(f"{path.name}.damaged-{now}")
    if path.is_dir():
        path.rename(copy)
    else:
        # A copy, not a rename: readers must not find the registry missing in between.
        write_private(copy, path.read_bytes())
    return copy
