"""YAML that knows its lines and its environment variables."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from routing.errors import ConfigError

Place = tuple[str | int, ...]

_MERGE: Final = "tag:yaml.org,2002:merge"
_VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Source:
    """A file's values, and the line that each of them stands on."""

    name: str
    values: dict[str, Any]
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it that is in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def complain(self, place: Place, problem: str) -> str:
        key = ".".join(map(str, place))
        return f"{self.name}:{self.line_of(place)}: {f'{key}: ' if key else ''}{problem}"


def read(path: Path, environ: Mapping[str, str] = os.environ) -> Source:
    """The file's settings; an empty file holds none. Raises ConfigError for everything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text. Save it as UTF-8.") from error
    return parse(text, str(path), environ)


def parse(text: str, name: str, environ: Mapping[str, str] = os.environ) -> Source:
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        reader = _Reader(name, loader, environ)
        values = reader.value(root, ()) if root is not None else {}
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(broken(name, error)) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{name}:1: must hold settings such as `backend: direct`.")
    return Source(name, values, reader.lines)


def broken(name: str, error: Exception) -> str:
    """Why a file of this name is no YAML, and in which line; nothing of what stands there."""
    if not isinstance(error, yaml.MarkedYAMLError):
        reason = getattr(error, "reason", "it is nested too deeply")
        return f"{name}:1: is not valid YAML: {reason}."
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    # A secret that starts with `*`, `&` or `!` is quoted as the name of one of these.
    problem = re.sub(
        r"(alias|anchor|tag|handle) '[^']*'", r"\1", error.problem or "it cannot be read"
    )
    return f"{name}:{line}: is not valid YAML: {problem}."


class _Reader:
    """Turns YAML's nodes into values, noting the line of each."""

    def __init__(self, name: str, loader: yaml.SafeLoader, environ: Mapping[str, str]) -> None:
        self.name = name
        self.loader = loader
        self.environ = environ
        self.lines: dict[Place, int] = {}
        self.merged: dict[yaml.MappingNode, int] = {}

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        try:
            value = self.loader.construct_object(node)
        except (ValueError, KeyError, AttributeError, TypeError):
            key, kind = ".".join(map(str, place)), node.tag.rpartition(":")[2]
            raise ConfigError(
                f"{self.name}:{self.lines[place]}: {key}: is written as {kind} but is none."
                " Put it in quotes."
            ) from None
        return self.expanded(value, place) if isinstance(value, str) else value

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        merged = self.merged_into(node)
        values: dict[str, Any] = {}
        for key_node, value_node in node.value[:merged]:
            values[str(key_node.value)] = self.value(value_node, (*place, str(key_node.value)))
        seen: set[str] = set()
        for key_node, value_node in node.value[merged:]:
            if not isinstance(key_node, yaml.ScalarNode):
                line = key_node.start_mark.line + 1
                raise ConfigError(f"{self.name}:{line}: a setting's name must be a plain word.")
            key = key_node.value
            here = (*place, key)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise ConfigError(
                    f"{self.name}:{line}: {'.'.join(map(str, here))}: stands here a second time"
                    f" (first on line {self.lines[here]}). Keep one of them."
                )
            seen.add(key)
            values[key] = self.value(value_node, here)
            self.lines[here] = line
        return values

    def merged_into(self, node: yaml.MappingNode) -> int:
        """Put what `<<` names in front of the mapping's own members; how many that are."""
        if node not in self.merged:  # an alias leads here again
            own = sum(key.tag != _MERGE for key, _ in node.value)
            self.loader.flatten_mapping(node)
            self.merged[node] = len(node.value) - own
        return self.merged[node]

    def expanded(self, text: str, place: Place) -> str:
        def variable(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if name is None:
                return "$"
            value = self.environ.get(name) or default
            if value is None:
                key = ".".join(map(str, place))
                raise ConfigError(
                    f"{self.name}:{self.lines[place]}: {key}: the environment variable {name} is"
                    f" not set. Set it, or give a default: ${{{name}:-…}}."
                )
            return value

        return _VARIABLE.sub(variable, text)
