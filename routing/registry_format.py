"""The port registry as JSON: what a good file looks like, and why another is not one."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from routing.errors import RegistryTooNew

VERSION = 1


class Damaged(ValueError):
    """These bytes are no registry; the message says why."""


@dataclass(frozen=True, slots=True)
class Project:
    """A directory that has a port of its own."""

    path: str
    port: int
    since: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a registry file says."""

    projects: tuple[Project, ...] = ()
    last_port: int = 0


def encode(contents: Contents) -> bytes:
    """The file's bytes, for people to read as well."""
    document = {
        "version": VERSION,
        "last_port": contents.last_port,
        "projects": [asdict(project) for project in contents.projects],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode(data: bytes) -> Contents:
    """What the bytes say; raises Damaged, or RegistryTooNew for a later version's file."""
    try:
        document = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Damaged("not UTF-8") from None
    except (ValueError, RecursionError):
        raise Damaged("not JSON" if data.strip() else "empty") from None
    if not isinstance(document, dict) or not _is_whole(document.get("version")):
        raise Damaged("not a registry: it has no version")
    if document["version"] > VERSION:
        raise RegistryTooNew(f"is of version {document['version']}; we know {VERSION}")
    if document["version"] < 1:
        raise Damaged(f"of version {document['version']}, which never was")
    projects = _projects(document.get("projects"))
    last_port = document.get("last_port", 0)
    if not _is_whole(last_port):
        raise Damaged("last_port is no number")
    return Contents(projects, last_port)


def _projects(entries: Any) -> tuple[Project, ...]:
    if not isinstance(entries, list):
        raise Damaged("it has no list of projects")
    projects = tuple(_project(entry) for entry in entries)
    if len({project.port for project in projects}) < len(projects):
        raise Damaged("two projects share a port")
    if len({project.path for project in projects}) < len(projects):
        raise Damaged("a project has two ports")
    return projects


def _project(entry: Any) -> Project:
    match entry:
        case {"path": str(path), "port": int(port), "since": str(since)} if (
            Path(path).is_absolute() and _is_whole(port) and 0 < port < 65536 and _is_time(since)
        ):
            return Project(path, port, since)
    raise Damaged("an entry is no project with path, port and since")


def _is_whole(value: Any) -> bool:
    # In Python, True is an int.
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
