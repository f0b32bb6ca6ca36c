"""Read a litellm.yaml: what it is to start with, what is wrong in which line, what is secret.

LiteLLM's own environment reads it with this as well, so that both say the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from routing.errors import ConfigError
from routing.hide_secrets import SHORTEST_SECRET
from routing.yaml_source import Place, broken

FROM_ENVIRONMENT: Final = "os.environ/"

PROBLEM: Final = "litellm.yaml problem: "
"""So begins what LiteLLM's process says of a mistake that keeps a model from being served."""
NOTE: Final = "litellm.yaml note: "
"""And what it says of whatever else does not count."""

# `max_tokens` is a number that providers' errors name.
_NAMES_A_SECRET: Final = re.compile(
    r"(?:key|token(?!s)|secret|password|credential|auth)(?!.*_(?:name|type)$)", re.IGNORECASE
)
_LOGIN: Final = re.compile(r"(?:bearer|basic|token|key) +(\S+)", re.IGNORECASE)
_SHORTEST_WITH_A_DIGIT: Final = 6
_SUCH_AS: Final = "such as `model: openai/gpt-5.1`"

# Of a model's parameters: without a number in these, LiteLLM leaves the model out, or fails later.
_NUMBERS: Final = frozenset(
    {
        *("rpm", "tpm", "itpm", "otpm", "timeout", "stream_timeout", "max_retries", "num_retries"),
        *("weight", "order", "max_parallel_requests", "cooldown_time", "max_budget"),
        *("input_cost_per_token", "output_cost_per_token", "keepalive_seconds"),
    }
)
# Likewise, without text in these.
_TEXTS: Final = frozenset(
    {
        *("api_key", "api_base", "base_url", "api_version", "custom_llm_provider", "region_name"),
        *("azure_ad_token", "tenant_id", "client_id", "client_secret"),
        *("vertex_project", "vertex_location", "litellm_credential_name"),
        *("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_region_name"),
    }
)
_NUMBERS_OF_SECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "router_settings": frozenset(
        {
            *("num_retries", "max_fallbacks", "timeout", "stream_timeout", "cooldown_time"),
            *("allowed_fails", "retry_after"),
        }
    ),
    "litellm_settings": frozenset({"num_retries", "request_timeout", "max_budget"}),
}


@dataclass(frozen=True, slots=True)
class File:
    """One file, and where in it everything stands."""

    path: Path
    values: dict[str, Any] = field(repr=False)
    node: yaml.MappingNode = field(repr=False)

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it that is in the file."""
        node: yaml.Node = self.node
        line = 1
        for name in place:
            found: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(name):  # of two that are alike the last one counts
                        line, found = _line(key), value
            elif isinstance(node, yaml.SequenceNode) and isinstance(name, int):
                with suppress(IndexError):
                    found = node.value[name]
                    line = _line(found)
            if found is None:
                break
            node = found
        return line


@dataclass(frozen=True, slots=True)
class LiteLLMYaml:
    """What we need to know of a usable litellm.yaml."""

    path: Path
    files: tuple[File, ...] = field(repr=False)
    """Itself, and those that it includes, in LiteLLM's order."""
    master_key: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What nobody who calls a model may see."""
    warnings: tuple[str, ...] = ()
    """What is wrong with it, and keeps no LiteLLM from starting."""

    def at(self, place: Place) -> str:
        """File, line and key."""
        file, place_there = self._owner(place)
        key = ".".join(map(str, place_there))
        return f"{file.path}:{file.line_of(place_there)}{f': {key}' if key else ''}"

    def _owner(self, place: Place) -> tuple[File, Place]:
        """Lists of an included file come behind those that are there; all else takes its place."""
        holding = [file for file in self.files if place and place[0] in file.values]
        if not holding:
            return self.files[0], place
        if len(place) > 1 and isinstance(number := place[1], int):
            for file in holding:
                items = file.values[str(place[0])]
                there = len(items) if isinstance(items, list) else 0
                if number < there:
                    return file, (place[0], number, *place[2:])
                number -= there
        return holding[-1], place


def read_litellm_yaml(path: Path, environment: Mapping[str, str]) -> LiteLLMYaml:
    """Check the file as far as a start depends on it; a ConfigError names file, line and key."""
    files = tuple(_files(path))
    read = LiteLLMYaml(path, files)
    values = merged(files)
    _Check(read).all_of(values)
    variables = _variables(values, environment)
    return LiteLLMYaml(
        path,
        files,
        _master_key(read, values, environment),
        tuple({*secrets_of(values, environment), *secrets_of(values, variables)}),
        tuple(_warnings(read, values, {**environment, **variables})),
    )


def _variables(values: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Those that the file sets, which may be taken from others."""
    own: Mapping[str, Any] = values.get("environment_variables") or {}
    return {
        name: environment.get(value.removeprefix(FROM_ENVIRONMENT), "")
        if isinstance(value, str) and value.startswith(FROM_ENVIRONMENT)
        else value
        for name, value in own.items()
    }


def merged(files: Sequence[File]) -> dict[str, Any]:
    """Their values, put together as LiteLLM does."""
    values: dict[str, Any] = {}
    for file in files:
        for name, value in file.values.items():
            before = values.get(name)
            both = isinstance(before, list) and isinstance(value, list)
            values[name] = [*before, *value] if both else value  # type: ignore[misc] # it is a list
    return values


def secrets_of(values: Any, variables: Mapping[str, Any]) -> Iterator[str]:
    """Whatever stands under names that say that it is a credential, in variables too."""
    seen: set[tuple[int, str]] = set()

    def found_in(value: Any, name: str) -> Iterator[str]:
        if isinstance(value, dict | list):
            # An alias may lead back to where we are.
            if (mark := (id(value), name)) in seen:
                return
            seen.add(mark)
            inner = value.items() if isinstance(value, dict) else ((name, x) for x in value)
            for key, item in inner:
                yield from found_in(item, str(key))
        elif _NAMES_A_SECRET.search(name) and isinstance(value, str | int):
            text = str(value)
            if text.startswith(FROM_ENVIRONMENT):
                text = str(variables.get(text.removeprefix(FROM_ENVIRONMENT), ""))
            login = _LOGIN.fullmatch(text)
            text = login[1] if login else text
            if _may_be_a_secret(text):
                yield text

    yield from found_in(values, "")


def _may_be_a_secret(text: str) -> bool:
    """What is shorter is a word of many messages."""
    has_digit = any(character.isdigit() for character in text)
    return len(text) >= (_SHORTEST_WITH_A_DIGIT if has_digit else SHORTEST_SECRET)


def _files(path: Path) -> Iterator[File]:
    """The file, and what it and they include, each once."""
    first = _read(path, "put it there, or name another as `litellm.config`")
    yield first
    waiting, seen = [first], {path.absolute()}
    while waiting:
        file = waiting.pop(0)
        for number, name in enumerate(_included(file)):
            # One that names a file beside the first is understood as well.
            beside = (file.path.parent / name, path.parent / name)
            place = next((one for one in beside if one.exists()), beside[0])
            if place.absolute() in seen:
                continue
            seen.add(place.absolute())
            line = file.line_of(("include", number))
            yield (
                included := _read(
                    place, f"put it there, or correct `include` in {file.path}:{line}"
                )
            )
            waiting.append(included)


def _included(file: File) -> list[str]:
    names = file.values.get("include", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{file.path}:{file.line_of(('include',))}: include: must be a list of files,"
            " such as `include: [more.yaml]`"
        )
    return names


def _read(path: Path, remedy: str) -> File:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise ConfigError(f"{path}: cannot be read: {unreadable.strerror}; {remedy}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node else None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}:{line}: is not valid YAML: {error.reason}; remove them"
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(broken(str(path), error)) from None
    except Exception as error:
        # A scalar that looks like a date and is none; which one it is, YAML does not say.
        raise ConfigError(_misread(path, text) or f"{path}: {type(error).__name__}") from None
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        raise ConfigError(
            f"{path}:{_line(node)}: the file must be a mapping of keys to values; begin it with"
            " `model_list:`"
        )
    return File(path, values, node)


def _misread(path: Path, text: str) -> str | None:
    loader = yaml.SafeLoader(text)
    seen: set[yaml.Node] = set()

    def look(node: yaml.Node, place: Place) -> str | None:
        if node in seen:
            return None
        seen.add(node)
        inner: list[tuple[Place, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner += [(place, key), ((*place, str(key.value)), value)]
        elif isinstance(node, yaml.SequenceNode):
            inner = [((*place, number), item) for number, item in enumerate(node.value)]
        else:
            try:
                loader.construct_object(node)
            except Exception:
                kind = node.tag.rpartition(":")[2]
                return (
                    f"{path}:{_line(node)}: {'.'.join(map(str, place))}: is written as {kind} but"
                    " is none; put it in quotes"
                )
        return next((told for at, one in inner if (told := look(one, at))), None)

    root = loader.get_single_node()
    return look(root, ()) if root else None


@dataclass(frozen=True, slots=True)
class _Check:
    """Refuses what LiteLLM would not start with, in words that help."""

    file: LiteLLMYaml

    def all_of(self, values: Mapping[str, Any]) -> None:
        self.models(values)
        for name in ("general_settings", "litellm_settings", "environment_variables"):
            section = values.get(name)
            # LiteLLM takes what is empty for nothing there, but for the first.
            if section is not None and (section or name == "general_settings"):
                self.mapping((name,), section)
        for name in map(str, values.get("environment_variables") or {}):
            if not name or "=" in name or "\0" in name:
                # What stands behind the sign may be secret.
                place = ("environment_variables", name)
                at = self.file.at(place).removesuffix(name) + name.partition("=")[0]
                raise ConfigError(f"{at}: is no name of a variable; write `NAME: value`")
        self.credentials(values.get("credential_list") or [])
        for section in ("router_settings", "litellm_settings"):
            settings = values.get(section)
            for name in ("fallbacks", "content_policy_fallbacks"):
                if isinstance(settings, dict) and (told := settings.get(name)):
                    self.fallbacks((section, name), told)
        router = values.get("router_settings")
        if isinstance(router, dict) and (aliases := router.get("model_group_alias")):
            self.mapping(("router_settings", "model_group_alias"), aliases)

    def models(self, values: Mapping[str, Any]) -> None:
        models = values.get("model_list")
        # `include` brings models from other files, and a database holds them elsewhere altogether.
        is_whole = all("include" not in file.values for file in self.file.files)
        if is_whole and "model_list" not in values:
            raise ConfigError(f"{self.file.path}:1: has no model_list; add the models to serve")
        if not isinstance(models, list | None) or (is_whole and not models):
            self.refuse(("model_list",), "must be a list with a model in it; add the first")
        for number, model in enumerate(models or []):
            self.model(("model_list", number), model)

    def model(self, place: Place, model: Any) -> None:
        self.mapping(place, model)
        if "model_name" not in model:
            self.refuse(place, "this model has no model_name; add it, such as `model_name: gpt`")
        self.text((*place, "model_name"), model["model_name"], "such as `model_name: gpt`")
        if "litellm_params" not in model:
            self.refuse(
                place,
                f"this model has no litellm_params; add them, with a model in them, {_SUCH_AS}",
            )
        there = (*place, "litellm_params")
        self.mapping(there, model["litellm_params"])
        if "model" not in model["litellm_params"]:
            self.refuse(there, f"litellm_params has no model; add it, {_SUCH_AS}")
        self.text((*there, "model"), model["litellm_params"]["model"], _SUCH_AS)
        if "model_info" in model:
            self.mapping((*place, "model_info"), model["model_info"])

    def credentials(self, items: Any) -> None:
        if not isinstance(items, list):
            self.refuse(("credential_list",), "must be a list; begin each credential with `-`")
        for number, item in enumerate(items):
            place = ("credential_list", number)
            self.mapping(place, item)
            for name in ("credential_name", "credential_values", "credential_info"):
                if name not in item:
                    self.refuse(place, f"this credential has no {name}; add it")
            self.text(
                (*place, "credential_name"),
                item["credential_name"],
                "such as `credential_name: azure`",
            )
            for name in ("credential_values", "credential_info"):
                self.mapping((*place, name), item[name])

    def fallbacks(self, place: Place, items: Any) -> None:
        is_list = isinstance(items, list)
        if not is_list or not all(isinstance(item, dict) and len(item) == 1 for item in items):
            self.refuse(
                place, "must be a list of mappings with one model each; write `[{gpt: [claude]}]`"
            )

    def mapping(self, place: Place, value: Any) -> None:
        if not isinstance(value, dict):
            self.refuse(place, "must be a mapping of keys to values; correct or remove it")

    def text(self, place: Place, value: Any, example: str) -> None:
        if not isinstance(value, str) or not value:
            self.refuse(place, f"must be text that is not empty, {example}")

    def refuse(self, place: Place, problem: str) -> None:
        raise ConfigError(f"{self.file.at(place)}: {problem}")


def _master_key(
    file: LiteLLMYaml, values: Mapping[str, Any], environment: Mapping[str, str]
) -> str | None:
    value = (values.get("general_settings") or {}).get("master_key")
    if value is None:
        return None
    place = file.at(("general_settings", "master_key"))
    if not isinstance(value, str):
        raise ConfigError(f"{place}: must be text; put it in quotes")
    if not value.startswith(FROM_ENVIRONMENT):
        return value
    name = value.removeprefix(FROM_ENVIRONMENT)
    if name == "LITELLM_MASTER_KEY":
        return environment.get(name)
    if not (key := environment.get(name)):
        raise ConfigError(
            f"{place}: the variable {name} is not set; set it before the proxy is started, or"
            " remove master_key"
        )
    return key


def _warnings(
    file: LiteLLMYaml, values: Mapping[str, Any], variables: Mapping[str, Any]
) -> Iterator[str]:
    """What LiteLLM starts with, and what then does not work."""

    def unlike(
        place: Place, found: Mapping[str, Any], names: frozenset[str], fits: Callable[[Any], bool]
    ) -> Iterator[str]:
        for name in (one for one in found if one in names):
            value = found[name]
            if isinstance(value, str) and value.startswith(FROM_ENVIRONMENT):
                value = variables.get(value.removeprefix(FROM_ENVIRONMENT))
            if value is not None and not fits(value):
                yield file.at((*place, name))

    for number, model in enumerate(values.get("model_list") or []):
        place, parameters = ("model_list", number, "litellm_params"), model["litellm_params"]
        unusable = f"or the model {model['model_name']} cannot be used"
        for at in unlike(place, parameters, _NUMBERS, is_number):
            yield f"{at}: must be a number; correct or remove it, {unusable}"
        for at in unlike(place, parameters, _TEXTS, lambda value: isinstance(value, str)):
            yield f"{at}: must be text; put it in quotes, {unusable}"
    for section, names in _NUMBERS_OF_SECTIONS.items():
        settings = values.get(section) or {}
        if not isinstance(settings, dict):
            yield f"{file.at((section,))}: must be a mapping of keys to values; it does not count"
            continue
        for at in unlike((section,), settings, names, is_number):
            yield f"{at}: must be a number; correct or remove it"


def is_number(value: Any) -> bool:
    """Whether LiteLLM can reckon with it; text that is written as a number may be one."""
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1
