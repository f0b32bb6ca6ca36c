"""Read the few things in a litellm.yaml that decide whether, and with which key, it can start."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from routing.errors import ConfigError
from routing.yaml_source import broken

FROM_ENVIRONMENT = "os.environ/"
# What it names may have all that is needed.
MERGED = "<<"


@dataclass(frozen=True, slots=True)
class LiteLLMYaml:
    """What we need to know of a usable litellm.yaml."""

    path: Path
    master_key: str | None = field(repr=False)


def read_litellm_yaml(path: Path, environment: Mapping[str, str]) -> LiteLLMYaml:
    """Check the file as far as a start depends on it; a ConfigError names file and line."""
    top = _read(path)
    # `include` brings models from other files, and a database holds them elsewhere altogether.
    if "include" not in top:
        _check_models(path, top)
    key = _master_key(path, top, environment)
    for included in _included(path, top) if key is None else ():
        with suppress(ConfigError):
            key = key or _master_key(included, _read(included), environment)
    return LiteLLMYaml(path, key)


def _read(path: Path) -> dict[str, yaml.Node]:
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as unreadable:
        raise ConfigError(f"{path}: cannot be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError as undecodable:
        raise ConfigError(f"{path}: is not UTF-8 text") from undecodable
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(broken(str(path), error)) from None
    return _mapping(path, tree, "the file")


def _included(path: Path, top: dict[str, yaml.Node]) -> Iterator[Path]:
    """The files that it includes; LiteLLM complains of what cannot be one."""
    node = top.get("include")
    for name in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(name, yaml.ScalarNode):
            yield path.parent / str(name.value)


def _check_models(path: Path, top: dict[str, yaml.Node]) -> None:
    models = top.get("model_list")
    if models is None:
        raise ConfigError(f"{path}:1: has no model_list; add the models to serve")
    if not isinstance(models, yaml.SequenceNode) or not models.value:
        raise ConfigError(f"{path}:{_line(models)}: model_list must be a list with a model in it")
    for model in models.value:
        entry = _mapping(path, model, "an entry of model_list")
        for needed in ("model_name", "litellm_params"):
            if not entry.keys() & {needed, MERGED}:
                raise ConfigError(f"{path}:{_line(model)}: this model has no {needed}")
        if (parameters := entry.get("litellm_params")) is None:
            continue
        if not _mapping(path, parameters, "litellm_params").keys() & {"model", MERGED}:
            raise ConfigError(
                f"{path}:{_line(parameters)}: litellm_params has no model; add it, such as"
                " `model: openai/gpt-5.1`"
            )


def _master_key(
    path: Path, top: dict[str, yaml.Node], environment: Mapping[str, str]
) -> str | None:
    settings = top.get("general_settings")
    if settings is None or _is_null(settings):
        return None
    node = _mapping(path, settings, "general_settings").get("master_key")
    if node is None or _is_null(node):
        return None
    value = str(node.value)
    if not value.startswith(FROM_ENVIRONMENT):
        return value
    name = value.removeprefix(FROM_ENVIRONMENT)
    if name == "LITELLM_MASTER_KEY":
        return environment.get(name)
    if not (key := environment.get(name)):
        raise ConfigError(f"{path}:{_line(node)}: master_key: the variable {name} is not set")
    return key


def _mapping(path: Path, node: Any, what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:{_line(node)}: {what} must be a mapping of keys to values")
    return {str(key.value): value for key, value in node.value}


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1
