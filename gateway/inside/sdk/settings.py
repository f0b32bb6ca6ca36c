"""A litellm.yaml, brought to LiteLLM's SDK as LiteLLM's own proxy would bring it there."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import litellm
from litellm.integrations.dotprompt import set_global_prompt_directory
from litellm.litellm_core_utils.core_helpers import drop_params_flag
from litellm.proxy.types_utils.utils import get_instance_fn
from litellm.types.router import ModelGroupSettings, RouterGeneralSettings
from litellm.types.utils import CredentialItem, PriorityReservationSettings

from gateway.inside.left_out import left_out, tell
from gateway.inside.values import plain, resolved
from gateway.litellm_yaml import (
    FROM_ENVIRONMENT,
    NOTE,
    LiteLLMYaml,
    read_litellm_yaml,
    secrets_of,
)
from routing.errors import ConfigError
from routing.hide_secrets import hide_secrets
from routing.yaml_source import Place

logger = logging.getLogger("memory_proxy")

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
NUMBERS: Final = frozenset(
    {
        *("num_retries", "max_fallbacks", "timeout", "stream_timeout", "cooldown_time"),
        *("allowed_fails", "retry_after"),
    }
)
# They look at prompts before a model does, so a start without them would pass what they stop.
GUARDS: Final = ("guardrails", "policies", "policy_attachments")
# What LiteLLM's proxy gives its router by itself.
MANAGED: Final = frozenset(
    {
        *("model_list", "assistants_config", "search_tools", "guardrail_list", "cache_responses"),
        *("router_general_settings", "ignore_invalid_deployments", "set_verbose", "debug_level"),
        *("fallback_access_check", "fallback_budget_check", "auto_router_capability_limit"),
    }
)


class BadSettings(Exception):
    """The user acts: names the file, the place in it, and what is wrong there."""


class _Unusable(Exception):
    """Says what is wrong and what to do; whoever catches it adds the place."""


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
    try:
        file = read_litellm_yaml(path, os.environ)
    except ConfigError as bad:
        raise BadSettings(str(bad)) from None
    with _blame(file, ()):
        raw = plain(file)
        tree = resolved(raw)
    _refuse_router(file, tree)
    with _blame(file, ("environment_variables",)):
        blocked = _set_variables(tree.get("environment_variables") or {})
    _refuse_guards(file, tree)
    with _blame(file, ("litellm_settings",)):
        if tree.get("callback_settings"):
            litellm.callback_settings = tree["callback_settings"]
        _set_attributes(file, tree.get("litellm_settings") or {})
    with _blame(file, ("credential_list",)):
        litellm.credential_list = _credentials(tree.get("credential_list") or [])
    router = _router(file, tree, key)
    # Only now: LiteLLM itself says much while it makes a router, and our parent keeps the end.
    for note in (*blocked, *_unset(raw, tree), *_ignored(tree), *_unknown(tree)):
        logger.warning("%s%s: %s", NOTE, file.at(note.place), note.words)
    _tell_unserved(file, tree, router)
    return Settings(router, key, tuple({*file.secrets, key, *secrets_of(tree, os.environ)} - {""}))


@dataclass(frozen=True, slots=True)
class _Note:
    """What does not count, and where it stands."""

    place: Place
    words: str


def _set_variables(variables: Mapping[str, Any]) -> list[_Note]:
    """Which of them were passed over."""
    passed_over = []
    for name, value in variables.items():
        if name in BLOCKED_VARIABLES:
            place = ("environment_variables", name)
            passed_over.append(_Note(place, "alters how programs run, and is passed over"))
        elif value is not None:
            os.environ[str(name)] = str(value)
    return passed_over


def _set_attributes(file: LiteLLMYaml, settings: dict[str, Any]) -> None:
    """litellm_settings, each as LiteLLM's proxy understands it."""
    for name, value in settings.items():
        if name in NOT_FOR_THE_SDK or name == "cache_params":
            continue
        with _blame(file, ("litellm_settings", name)):
            _set_attribute(file.path, name, value, settings)


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
        raise _Unusable("must be the name of a callback; correct or remove it")
    if "." not in value:
        if value in litellm._known_custom_logger_compatible_callbacks or value in _LOGGERS:
            return value
        raise _Unusable(
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


def _refuse_guards(file: LiteLLMYaml, tree: Mapping[str, Any]) -> None:
    inner = tree.get("litellm_settings") or {}
    places: tuple[tuple[Mapping[str, Any], tuple[str, ...]], ...] = (
        (tree, ()),
        (inner, ("litellm_settings",)),
    )
    for name in GUARDS:
        for where, place in places:
            if where.get(name):
                raise BadSettings(
                    f"{file.at((*place, name))}: this is a part of LiteLLM's proxy only;"
                    " write `backend: litellm` to use it, or remove it"
                )


def _refuse_router(file: LiteLLMYaml, tree: Mapping[str, Any]) -> None:
    """What LiteLLM would stumble over later, and at each call."""
    settings = tree.get("router_settings") or {}
    if not isinstance(settings, Mapping):
        at = file.at(("router_settings",))
        raise BadSettings(f"{at}: must be a mapping of keys to values; correct or remove it")
    for name, value in settings.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in NUMBERS and value is not None and not is_number:
            at = file.at(("router_settings", name))
            raise BadSettings(f"{at}: must be a number without quotes; correct or remove it")


def _tell_unserved(file: LiteLLMYaml, tree: Mapping[str, Any], router: Any) -> None:
    """LiteLLM's router leaves out what it does not know, and says nothing of it."""
    missing = list(left_out(file, tree, router))
    if not router.model_list and tree.get("model_list"):
        at = file.at(("model_list",))
        raise BadSettings(missing[0] if missing else f"{at}: LiteLLM serves none of these models")
    tell(file, missing)


def _unset(raw: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[_Note]:
    """As LiteLLM's proxy, we go on without them; a call may need none of them."""
    for number, model in enumerate(raw.get("model_list") or []):
        for name, value in model["litellm_params"].items():
            if not (isinstance(value, str) and value.startswith(FROM_ENVIRONMENT)):
                continue
            if tree["model_list"][number]["litellm_params"][name] is None:
                yield _Note(
                    ("model_list", number, "litellm_params", name),
                    f"the variable {value.removeprefix(FROM_ENVIRONMENT)} is not set; the model"
                    f" {model['model_name']} goes without it",
                )


def _ignored(tree: Mapping[str, Any]) -> Iterator[_Note]:
    """What is for LiteLLM's proxy alone."""
    words = "is for LiteLLM's proxy and does not count here"
    for name in tree:
        if name not in TOP_LEVEL:
            yield _Note((name,), words)
    for name in tree.get("general_settings") or {}:
        if name != "master_key":
            yield _Note(("general_settings", name), words)
    for name in tree.get("litellm_settings") or {}:
        if name in NOT_FOR_THE_SDK:
            yield _Note(("litellm_settings", name), words)


def _unknown(tree: Mapping[str, Any]) -> Iterator[_Note]:
    """LiteLLM's proxy goes on without them as well."""
    for name in tree.get("router_settings") or {}:
        if name not in _router_settings():
            yield _Note(("router_settings", name), "LiteLLM knows no such setting")


def _credentials(items: list[Any]) -> list[Any]:
    return [
        CredentialItem.model_validate({**item, "display_name": None, "source": "config"})
        for item in items
    ]


def _router_settings() -> set[str]:
    return {name for name in litellm.Router.get_valid_args() if name not in MANAGED}


def _router(file: LiteLLMYaml, tree: Mapping[str, Any], key: str) -> Any:
    settings = tree.get("router_settings") or {}
    for name in ("health_check_interval", "health_check_concurrency"):
        if name in settings:
            at = file.at(("router_settings", name))
            raise BadSettings(f"{at}: belongs to general_settings; move it there")
    if "plugins" in settings:
        at = file.at(("router_settings", "plugins"))
        raise BadSettings(f"{at}: is for LiteLLM's proxy only; write `backend: litellm` to use it")
    models = tree.get("model_list") or []
    known = {name: settings[name] for name in settings if name in _router_settings()}
    try:
        return _made(models, known)
    except Exception:
        # Which of them it is, the error seldom says.
        for name, value in known.items():
            with _blame(file, ("router_settings", name), key):
                _made([], {name: value})
        for number, model in enumerate(models):
            with _blame(file, ("model_list", number), key):
                _made([model], {})
        with _blame(file, ("router_settings",), key):
            raise


def _made(models: list[Any], settings: Mapping[str, Any]) -> Any:
    return litellm.Router(
        model_list=models,
        cache_responses=litellm.cache is not None,
        router_general_settings=RouterGeneralSettings(async_only_mode=True),
        # A model that cannot be called leaves the others alone.
        ignore_invalid_deployments=True,
        **settings,
    )


@contextmanager
def _blame(file: LiteLLMYaml, place: Place, *secrets: str) -> Iterator[None]:
    """Whatever goes wrong in here is a mistake at this place of the file."""
    try:
        yield
    except BadSettings:
        raise
    except _Unusable as told:
        raise BadSettings(f"{file.at(place)}: {told}") from None
    except Exception as wrong:
        # Validators write many lines, of which people are shown the last ones only.
        words = " ".join(str(wrong).split())
        said = hide_secrets(words, *file.secrets, *secrets)[:200] or type(wrong).__name__
        raise BadSettings(
            f"{file.at(place)}: LiteLLM cannot use it: {said}; correct or remove it"
        ) from wrong
