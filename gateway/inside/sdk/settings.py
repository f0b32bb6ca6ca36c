"""A litellm.yaml, brought to LiteLLM's SDK as LiteLLM's own proxy would bring it there."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import litellm
import yaml
from litellm.integrations.dotprompt import set_global_prompt_directory
from litellm.litellm_core_utils.core_helpers import drop_params_flag
from litellm.proxy.common_utils.config_includes import resolve_include_file_path, resolve_includes
from litellm.proxy.types_utils.utils import get_instance_fn
from litellm.types.router import (
    ModelGroupSettings,
    RouterGeneralSettings,
    holds_secret_pointer,
)
from litellm.types.utils import CredentialItem, PriorityReservationSettings

from routing.hide_secrets import hide_secrets
from routing.yaml_source import broken

logger = logging.getLogger("memory_proxy")

FROM_ENVIRONMENT: Final = "os.environ/"
DEEPEST: Final = 32

# What alters how programs run; LiteLLM's proxy keeps a file from setting these, and so do we.
BLOCKED_VARIABLES: Final = frozenset(
    {
        *("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"),
        *("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "HOME", "USER", "SHELL", "LOGNAME"),
        *("NO_PROXY", "no_proxy"),
    }
)
# Of litellm_settings: what only the proxy reads, or what would turn the log up.
NOT_FOR_THE_SDK: Final = frozenset(
    {
        *("audit_log_callbacks", "budget_reset_time", "default_internal_user_params"),
        *("default_max_internal_user_budget", "default_team_settings", "json_logs"),
        *("key_alias_pattern", "max_internal_user_budget", "max_ui_session_budget", "responses"),
        *("set_verbose", "upperbound_key_generate_params"),
    }
)
TOP_LEVEL: Final = frozenset(
    {
        *("model_list", "router_settings", "litellm_settings", "general_settings", "include"),
        *("environment_variables", "credential_list", "callback_settings"),
    }
)
# They look at prompts before a model does, so a start without them would pass what they stop.
SECTIONS: Final = (
    *("router_settings", "litellm_settings", "general_settings", "environment_variables"),
)
NUMBERS: Final = frozenset(
    {
        *("num_retries", "max_fallbacks", "timeout", "stream_timeout", "cooldown_time"),
        *("allowed_fails", "retry_after"),
    }
)
GUARDS: Final = ("guardrails", "policies", "policy_attachments")
# What LiteLLM's proxy gives its router by itself.
MANAGED: Final = frozenset(
    {
        *("model_list", "assistants_config", "search_tools", "guardrail_list", "cache_responses"),
        *("router_general_settings", "ignore_invalid_deployments", "set_verbose", "debug_level"),
        *("fallback_access_check", "fallback_budget_check", "auto_router_capability_limit"),
    }
)
_SECRET_NAME: Final = re.compile(r"key|token|secret|password|credential|auth", re.I)


class BadSettings(Exception):
    """The user acts: names the file, the place in it, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a litellm.yaml makes of LiteLLM's SDK."""

    router: Any
    key: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """What no message may show."""


async def load(path: Path, key: str) -> Settings:
    """Read the file, set LiteLLM up, and build its router; a running loop has to be there.

    The key is the one that our parent shows; it has looked for one in the file itself.
    """
    with _blame(path, "the file"):
        raw = await _read(path)
    secrets = tuple(_secrets(raw))
    with _blame(path, "os.environ/", secrets):
        tree = resolved(raw)
    _refuse_shapes(path, tree)
    _tell_unset(path, raw, tree)
    with _blame(path, "environment_variables", secrets):
        _set_variables(tree.get("environment_variables") or {})
    _refuse_guards(path, tree)
    with _blame(path, "litellm_settings", secrets):
        if tree.get("callback_settings"):
            litellm.callback_settings = tree["callback_settings"]
        _set_attributes(path, tree.get("litellm_settings") or {})
    _tell_ignored(path, tree)
    with _blame(path, "credential_list", secrets):
        litellm.credential_list = _credentials(tree.get("credential_list") or [])
    with _blame(path, "router_settings or model_list", (*secrets, key)):
        router = _router(path, tree)
    _tell_unserved(path, tree, router)
    return Settings(router, key, tuple({*secrets, key, *_secrets(tree)} - {""}))


def resolved(tree: Any, name: str = "", depth: int = 0) -> Any:
    """The tree with the values of the variables that it names; None where one is not set."""
    if isinstance(tree, dict) and depth <= DEEPEST:
        return {key: resolved(value, str(key), depth + 1) for key, value in tree.items()}
    if isinstance(tree, list):
        # As LiteLLM does: in a list it looks into mappings only.
        return [resolved(x, name, depth) if isinstance(x, dict) else x for x in tree]
    if isinstance(tree, str) and tree.startswith(FROM_ENVIRONMENT):
        return tree if holds_secret_pointer(name) else litellm.get_secret(tree)
    return tree


async def _read(path: Path) -> dict[str, Any]:
    """The file, with those that it includes."""

    async def read(place: str) -> Mapping[str, object]:
        return _mapping(Path(place))

    def resolve(included: str, declared_in: str) -> str:
        return str(resolve_include_file_path(included, declared_in, str(path)))

    merged = await resolve_includes(
        config=_mapping(path), location=str(path), resolve=resolve, read=read
    )
    # LiteLLM changes what it is given; aliases in the file would change with it.
    return dict(json.loads(json.dumps(merged, default=str)))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, RecursionError) as error:
        # Their own words quote the line, with whatever secret stands there.
        raise BadSettings(broken(str(path), error)) from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path.name} is not a mapping of keys to values")
    return tree


def _set_variables(variables: Mapping[str, Any]) -> None:
    for name, value in variables.items():
        if name in BLOCKED_VARIABLES:
            logger.warning("sdk.variable_ignored name=%s", name)
        elif value is not None:
            os.environ[str(name)] = str(value)


def _set_attributes(path: Path, settings: dict[str, Any]) -> None:
    """litellm_settings, each as LiteLLM's proxy understands it."""
    for name, value in settings.items():
        if name in NOT_FOR_THE_SDK or name == "cache_params":
            continue
        with _blame(path, f"litellm_settings.{name}"):
            _set_attribute(path, name, value, settings)


def _set_attribute(path: Path, name: str, value: Any, settings: Mapping[str, Any]) -> None:
    if name == "cache":
        if value is True:
            _set_cache(dict(settings.get("cache_params") or {}))
    elif name in _CALLBACKS:
        _CALLBACKS[name](_callbacks(path, value), isinstance(value, list))
    elif name == "post_call_rules":
        litellm.post_call_rules = [_instance(path, value)]
    elif name == "custom_provider_map":
        litellm.custom_provider_map = [
            {**item, "custom_handler": _instance(path, item["custom_handler"])} for item in value
        ]
        litellm.utils.custom_llm_setup()
    elif name == "global_prompt_directory":
        set_global_prompt_directory(value)
    else:
        setattr(litellm, name, _READERS[name](value) if name in _READERS else value)
        if name == "request_timeout":
            litellm.request_timeout_explicitly_set = True


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "max_budget": float,
    "drop_params": lambda said: drop_params_flag(said, "litellm_settings.drop_params", logger),
    "model_group_settings": lambda said: ModelGroupSettings(**said),
    "priority_reservation_settings": lambda said: PriorityReservationSettings(**said),
}


def _set_callbacks(found: list[Any], are_more: bool) -> None:
    # Where one is named, and no list, LiteLLM's proxy replaces those that are there.
    litellm.callbacks = [*(litellm.callbacks if are_more else ()), *found]


def _set_success_callbacks(found: list[Any], _: bool) -> None:
    litellm.success_callback = []
    for callback in found:
        litellm.logging_callback_manager.add_litellm_success_callback(callback)


def _set_failure_callbacks(found: list[Any], _: bool) -> None:
    litellm.failure_callback = []
    for callback in found:
        litellm.logging_callback_manager.add_litellm_failure_callback(callback)


_CALLBACKS: Final = {
    "callbacks": _set_callbacks,
    "success_callback": _set_success_callbacks,
    "failure_callback": _set_failure_callbacks,
}


def _set_cache(parameters: dict[str, Any]) -> None:
    if not parameters:
        parameters = {
            name: value
            for name, variable in (
                *(("host", "REDIS_HOST"), ("port", "REDIS_PORT")),
                ("password", "REDIS_PASSWORD"),
            )
            if (value := os.environ.get(variable)) is not None
        }
    for name in ("default_in_memory_ttl", "default_redis_ttl"):
        if name in parameters:
            setattr(litellm, name, parameters[name])
    litellm.cache = litellm.Cache(**{"type": "redis", **parameters})


def _callbacks(path: Path, value: Any) -> list[Any]:
    return [_callback(path, item) for item in (value if isinstance(value, list) else [value])]


def _callback(path: Path, value: Any) -> Any:
    """One of LiteLLM's integrations by its name, or what a module beside the file holds."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not the name of a callback")
    if "." not in value:
        if value in litellm._known_custom_logger_compatible_callbacks or value in _LOGGERS:
            return value
        raise ValueError(
            f"{value!r} is a callback of LiteLLM's proxy only, or of nobody;"
            " write `backend: litellm` to use it"
        )
    return _instance(path, value)


# Integrations that LiteLLM knows by name only where it calls them.
_LOGGERS: Final = frozenset(
    {
        *("langfuse", "sentry", "wandb", "helicone", "lunary", "athina", "promptlayer", "slack"),
        *("supabase", "traceloop", "weights_biases", "dynamodb", "s3", "greenscale", "logfire"),
        *("posthog", "clickhouse", "generic", "custom_callback_api", "cache", "lago", "openmeter"),
    }
)


def _instance(path: Path, name: Any) -> Any:
    return get_instance_fn(value=name, config_file_path=str(path))


def _refuse_guards(path: Path, tree: Mapping[str, Any]) -> None:
    inner = tree.get("litellm_settings") or {}
    for name in GUARDS:
        for place, where in ((name, tree), (f"litellm_settings.{name}", inner)):
            if where.get(name):
                raise BadSettings(
                    f"{told_at(path, place)}: this is a part of LiteLLM's proxy only;"
                    " write `backend: litellm` to use it, or remove it"
                )


def _refuse_shapes(path: Path, tree: Mapping[str, Any]) -> None:
    """What LiteLLM would stumble over later, and at each call."""
    for name in SECTIONS:
        if not isinstance(tree.get(name) or {}, Mapping):
            raise BadSettings(f"{told_at(path, name)}: has to be a mapping of keys to values")
    if not isinstance(tree.get("model_list") or [], list):
        raise BadSettings(f"{told_at(path, 'model_list')}: has to be a list of models")
    for name, value in (tree.get("router_settings") or {}).items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in NUMBERS and value is not None and not is_number:
            place = f"router_settings.{name}"
            raise BadSettings(f"{told_at(path, place)}: has to be a number")


def _tell_unserved(path: Path, tree: Mapping[str, Any], router: Any) -> None:
    """LiteLLM's router leaves out what it does not know, and says nothing of it."""
    served = set(router.get_model_names())
    for model in tree.get("model_list") or []:
        name = model.get("model_name") if isinstance(model, Mapping) else None
        if name not in served:
            logger.warning(
                "%s: model %s is not served: LiteLLM does not know the provider, or what it needs",
                *(path, name),
            )


def _tell_unset(path: Path, raw: Mapping[str, Any], tree: Mapping[str, Any]) -> None:
    """As LiteLLM's proxy, we go on without them; a call may need none of them."""
    for number, model in enumerate(raw.get("model_list") or []):
        parameters = model.get("litellm_params") if isinstance(model, dict) else None
        for name, value in (parameters if isinstance(parameters, dict) else {}).items():
            if not (isinstance(value, str) and value.startswith(FROM_ENVIRONMENT)):
                continue
            if tree["model_list"][number]["litellm_params"][name] is None:
                logger.warning(
                    "%s: model %s: %s: the variable %s is not set",
                    *(path, model.get("model_name"), name, value.removeprefix(FROM_ENVIRONMENT)),
                )


def _tell_ignored(path: Path, tree: Mapping[str, Any]) -> None:
    """What is for LiteLLM's proxy alone."""
    ignored = [str(name) for name in tree if name not in TOP_LEVEL]
    for section, known in (("general_settings", {"master_key"}), ("litellm_settings", None)):
        settings = tree.get(section)
        for name in settings if isinstance(settings, Mapping) else ():
            if name in NOT_FOR_THE_SDK if known is None else name not in known:
                ignored.append(f"{section}.{name}")
    if ignored:
        logger.warning(
            "%s: these are for LiteLLM's proxy and do not count here: %s",
            *(path, ", ".join(sorted(ignored))),
        )


def _credentials(items: list[Any]) -> list[Any]:
    return [
        CredentialItem.model_validate({**item, "display_name": None, "source": "config"})
        for item in items
    ]


def _router(path: Path, tree: Mapping[str, Any]) -> Any:
    settings = tree.get("router_settings") or {}
    known = [name for name in litellm.Router.get_valid_args() if name not in MANAGED]
    if unknown := sorted(str(name) for name in settings if name not in known):
        for name in ("health_check_interval", "health_check_concurrency"):
            if name in unknown:
                raise ValueError(f"{name} belongs to general_settings")
        # LiteLLM's proxy goes on without them as well.
        logger.warning("%s: router_settings that do not exist: %s", path, ", ".join(unknown))
    if "plugins" in settings:
        raise ValueError("plugins are loaded by LiteLLM's proxy only; write `backend: litellm`")
    return litellm.Router(
        model_list=tree.get("model_list") or [],
        cache_responses=litellm.cache is not None,
        router_general_settings=RouterGeneralSettings(async_only_mode=True),
        # A model that cannot be called leaves the others alone.
        ignore_invalid_deployments=True,
        **{str(name): value for name, value in settings.items() if name in known},
    )


def _secrets(tree: Any, name: str = "") -> Iterator[str]:
    """The values under names that say that they are credentials, of variables too."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _secrets(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from _secrets(value, name)
    elif isinstance(tree, str) and _SECRET_NAME.search(name):
        if tree.startswith(FROM_ENVIRONMENT):
            tree = os.environ.get(tree.removeprefix(FROM_ENVIRONMENT), "")
        # What is shorter is a word of many messages.
        if len(tree) >= 6:
            yield tree


@contextmanager
def _blame(path: Path, place: str, secrets: tuple[str, ...] = ()) -> Iterator[None]:
    """Whatever goes wrong in here is a mistake at this place of the file."""
    try:
        yield
    except BadSettings:
        raise
    except Exception as wrong:
        # Validators write many lines, of which people are shown the last ones only.
        words = " ".join(str(wrong).split()) or type(wrong).__name__
        said = hide_secrets(words, *secrets)[:400]
        raise BadSettings(f"{told_at(path, place)}: {type(wrong).__name__}: {said}") from wrong


def told_at(path: Path, place: str) -> str:
    """File, line and key; without a line where the place is none of the file's own."""
    for one in place.split(" or "):
        with suppress(Exception):
            node: Any = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
            for name in one.split("."):
                key, node = next((key, value) for key, value in node.value if key.value == name)
            return f"{path}:{key.start_mark.line + 1}: {place}"
    return f"{path}: {place}"
