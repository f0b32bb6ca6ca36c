"""The registered projects, as they were when last looked at."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from routing.paths import expanded
from routing.port_registry import Project, project_around


@dataclass(frozen=True, slots=True)
class Projects:
    """A snapshot to decide by."""

    all: tuple[Project, ...] = ()

    def at_port(self, port: int) -> Project | None:
        return next((project for project in self.all if project.port == port), None)

    def named(self, name: str) -> list[Project]:
        """The projects whose directory has this name."""
        return [project for project in self.all if PurePath(project.path).name == name]

    def containing(self, directory: str) -> Project | None:
        """The innermost project that a directory lies in."""
        return project_around(directory, self.all)


def is_nobodys(directory: Path) -> bool:
    """Whether a directory is too wide to be a project: all that lies below it would be in it."""
    home = expanded("~")
    return directory in (Path(directory.anchor), home, *home.parents)
