"""A litellm.yaml means to the SDK app what it means to LiteLLM's proxy, or the app says why not."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.child_environment import child_environment
from gateway.litellm_yaml import NOTE, PROBLEM
from tests.e2e.litellm_environment import ROOT
from tests.gateway.sdk_child import KEY

pytestmark = pytest.mark.e2e

LOADER = """
import asyncio, json, logging, os, sys
from pathlib import Path
sys.path.append(sys.argv[1])
import litellm
from gateway.inside.sdk.settings import BadSettings, load

class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger("memory_proxy").addHandler(Lines())
found = []
for directory in map(Path, sys.argv[2:]):
    lines = []
    try:
        settings = asyncio.run(load(directory / "litellm.yaml", os.environ["LITELLM_MASTER_KEY"]))
    except BadSettings as bad:
        found.append({"bad": str(bad)})
        continue
    router = settings.router
    found.append({
        "lines": lines,
        "key": settings.key,
        "secrets": sorted(settings.secrets),
        "models": [
            [m["model_name"], m["litellm_params"].get("api_key")] for m in router.model_list
        ],
        "router": {
            name: getattr(router, name, None)
            for name in ("num_retries", "allowed_fails", "cooldown_time", "timeout", "fallbacks",
                         "disable_cooldowns", "retry_after", "model_group_alias")
        },
        "strategy": str(router.routing_strategy),
        "litellm": {
            name: getattr(litellm, name, None)
            for name in ("drop_params", "modify_params", "request_timeout", "set_verbose",
                         "max_budget", "ssl_verify", "num_retries", "something_new")
        },
        "callbacks": [str(getattr(c, "name", c)) for c in litellm.callbacks],
        "success": [str(getattr(c, "name", c)) for c in litellm.success_callback],
        "cache": type(litellm.cache.cache).__name__ if litellm.cache else None,
        "variable": os.environ.get("OF_THE_FILE"),
        "path": os.environ["PATH"] == os.environ["PATH_BEFORE"],
    })
    litellm.callbacks, litellm.success_callback, litellm.cache = [], [], None
print(json.dumps(found, default=str))
"""

MODULE = """
from litellm.integrations.custom_logger import CustomLogger

class Named(CustomLogger):
    name = "the one beside the file"

it = Named()
"""
GPT = """
  - model_name: gpt
    litellm_params: {model: openai/gpt-5.1, api_key: os.environ/A_KEY}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A litellm.yaml, and what lies beside it."""

    yaml: str
    beside: dict[str, str] = field(default_factory=dict)


USABLE = {
    "plain": Case(f"model_list: {GPT}"),
    "an included file": Case(
        f"include: [more.yaml]\nmodel_list: {GPT}",
        {"more.yaml": "model_list:\n  - {model_name: b, litellm_params: {model: groq/llama}}\n"},
    ),
    "an unset variable": Case(f"model_list: {GPT.replace('A_KEY', 'NEVER_SET')}"),
    "a router": Case(
        f"""model_list: {GPT}
router_settings:
  num_retries: 4
  allowed_fails: 2
  cooldown_time: 9
  timeout: 33
  retry_after: 3
  routing_strategy: least-busy
  fallbacks: [{{gpt: [gpt]}}]
  model_group_alias: {{other: gpt}}
  no_such_setting: 1
"""
    ),
    "settings of LiteLLM": Case(
        f"""model_list: {GPT}
litellm_settings:
  drop_params: true
  modify_params: true
  request_timeout: 44
  num_retries: 5
  max_budget: "7.5"
  something_new: [1]
  set_verbose: true
  cache: true
  cache_params: {{type: local}}
  callbacks: [beside.it]
  success_callback: [langfuse, beside.it]
  key_alias_pattern: x
environment_variables: {{OF_THE_FILE: os.environ/A_KEY, PATH: /nowhere}}
""",
        {"beside.py": MODULE},
    ),
    "models that are not served": Case(
        f"model_list: {GPT}"
        """
  - {model_name: gpt, litellm_params: {model: opnai/gpt-5.1}}
  - {model_name: b, litellm_params: {model: openai/b, use_in_pass_through: often}}
  - {model_name: c, litellm_params: {model: openai/c, rpm: lots}}
  - {model_name: d, litellm_params: {model: openai/d}, model_info: {id: d-1}}
"""
    ),
    "a key of its own": Case(
        f"model_list: {GPT}\ngeneral_settings: {{master_key: os.environ/B_KEY, alerting: [slack]}}"
    ),
}
UNKNOWN = "model_list:\n\n\n  - model_name: b\n    litellm_params: {model: opnai/gpt-5.1}\n"
UNUSABLE = {
    "a callback that is not there": Case(
        f"model_list: {GPT}\nlitellm_settings: {{callbacks: [nowhere.at_all]}}"
    ),
    "a callback of the proxy": Case(
        f"model_list: {GPT}\nlitellm_settings: {{callbacks: [presidio]}}"
    ),
    "guardrails": Case(f"model_list: {GPT}\nguardrails: [{{guardrail_name: pii}}]"),
    "guardrails of settings": Case(
        f"model_list: {GPT}\nlitellm_settings: {{guardrails: [{{pii: {{}}}}]}}"
    ),
    "a setting of another place": Case(
        f"model_list: {GPT}\nrouter_settings: {{health_check_interval: 3}}"
    ),
    "a strategy that is none": Case(
        f"model_list: {GPT}\nrouter_settings: {{routing_strategy: by-magic}}"
    ),
    "fallbacks of another shape": Case(f"model_list: {GPT}\nrouter_settings: {{fallbacks: [gpt]}}"),
    "a router that is a list": Case(f"model_list: {GPT}\nrouter_settings: [1]"),
    "a budget that is no number": Case(
        f"model_list: {GPT}\nlitellm_settings: {{max_budget: a lot}}"
    ),
    "a number in words": Case(f"model_list: {GPT}\nrouter_settings: {{num_retries: many}}"),
    "settings that are a text": Case(f"model_list: {GPT}\nlitellm_settings: loud"),
    "variables that are a list": Case(f"model_list: {GPT}\nenvironment_variables: [A=b]"),
    "an include that is no YAML": Case(
        f"include: [more.yaml]\nmodel_list: {GPT}", {"more.yaml": "\nhook: Zx81opaquekey99: x"}
    ),
    "a tag that nobody knows": Case(f"model_list: {GPT}\ntoken: !vault Zx81opaquekey99"),
    "an include that is not there": Case(f"include: [nowhere.yaml]\nmodel_list: {GPT}"),
    "an include of another shape": Case(
        f"include: [more.yaml]\nmodel_list: {GPT}", {"more.yaml": "[1]"}
    ),
    "plugins": Case(f"model_list: {GPT}\nrouter_settings: {{plugins: [a.b]}}"),
    "settings of which one is wrong": Case(
        f"model_list: {GPT}\nrouter_settings:\n  num_retries: 0\n  routing_strategy: by-magic"
    ),
    "no model that is served": Case(UNKNOWN),
}
PLACES = {
    "a callback that is not there": ("litellm_settings.callbacks", "nowhere"),
    "a callback of the proxy": ("litellm_settings.callbacks", "backend: litellm"),
    "guardrails": ("guardrails", "backend: litellm"),
    "guardrails of settings": ("litellm_settings.guardrails", "backend: litellm"),
    "a setting of another place": ("router_settings.health_check_interval", "general_settings"),
    "a strategy that is none": ("router_settings.routing_strategy", "by-magic"),
    "fallbacks of another shape": ("router_settings.fallbacks", "a list of mappings"),
    "a router that is a list": ("router_settings", "mapping"),
    "a budget that is no number": ("litellm_settings.max_budget", "a lot"),
    "a number in words": ("router_settings.num_retries", "a number"),
    "settings that are a text": ("litellm_settings", "a mapping"),
    "variables that are a list": ("environment_variables", "a mapping"),
    "an include that is no YAML": ("more.yaml:2", "is not valid YAML"),
    "a tag that nobody knows": ("litellm.yaml:5", "is not valid YAML"),
    "an include that is not there": ("nowhere.yaml: cannot be read", "litellm.yaml:1"),
    "an include of another shape": ("more.yaml:1: the file", "a mapping"),
    "plugins": ("router_settings.plugins", "backend: litellm"),
    "settings of which one is wrong": (
        "litellm.yaml:7: router_settings.routing_strategy",
        "correct or remove it",
    ),
    "no model that is served": (
        "litellm.yaml:5: model_list.0.litellm_params.model",
        "write one in front that it knows",
    ),
}
CASES = USABLE | UNUSABLE


@pytest.fixture(scope="module")
def loaded(
    litellm_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What becomes of each file; one after the other in one process, to start it once only."""
    directories = []
    for case in CASES.values():
        directory = tmp_path_factory.mktemp("settings")
        (directory / "litellm.yaml").write_text(case.yaml)
        for name, content in case.beside.items():
            (directory / name).write_text(content)
        directories.append(str(directory))
    variables = {"A_KEY": "a-key-of-somebody", "B_KEY": "sk-b-key", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [litellm_environment / "bin" / "python", "-c", LOADER, str(ROOT), *directories],
        env={
            **child_environment(os.environ, KEY),
            **variables,
            "PATH_BEFORE": os.environ["PATH"],
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(zip(CASES, json.loads(done.stdout.splitlines()[-1]), strict=True))


def test_models_get_the_keys_of_the_variables_that_they_name(
    loaded: dict[str, dict[str, Any]],
) -> None:
    assert loaded["plain"]["models"] == [["gpt", "a-key-of-somebody"]]
    assert loaded["plain"]["key"] == KEY
    assert set(loaded["plain"]["secrets"]) == {KEY, "a-key-of-somebody"}
    assert loaded["plain"]["lines"] == []


def test_a_variable_that_is_not_set_is_told_and_the_model_stays(
    loaded: dict[str, dict[str, Any]],
) -> None:
    said = loaded["an unset variable"]
    assert said["models"] == [["gpt", None]]
    [line] = said["lines"]
    assert line.startswith(NOTE)
    assert line.endswith(
        "litellm.yaml:3: model_list.0.litellm_params.api_key: the variable NEVER_SET is not set;"
        " the model gpt goes without it"
    )


def test_an_included_file_adds_its_models(loaded: dict[str, dict[str, Any]]) -> None:
    assert [name for name, _ in loaded["an included file"]["models"]] == ["gpt", "b"]


def test_the_router_is_as_the_file_says(loaded: dict[str, dict[str, Any]]) -> None:
    said = loaded["a router"]
    assert said["router"] == {
        "num_retries": 4,
        "allowed_fails": 2,
        "cooldown_time": 9,
        "timeout": 33,
        "fallbacks": [{"gpt": ["gpt"]}],
        "disable_cooldowns": None,
        "retry_after": 3,
        "model_group_alias": {"other": "gpt"},
    }
    assert said["strategy"] == "least-busy"
    [line] = said["lines"]
    assert line.endswith(
        "litellm.yaml:14: router_settings.no_such_setting: LiteLLM knows no such setting"
    )


def test_litellm_is_set_up_as_the_file_says_but_stays_quiet(
    loaded: dict[str, dict[str, Any]],
) -> None:
    said = loaded["settings of LiteLLM"]
    assert said["litellm"]["drop_params"] is True
    assert said["litellm"]["modify_params"] is True
    assert (said["litellm"]["request_timeout"], said["litellm"]["num_retries"]) == (44, 5)
    assert said["litellm"]["max_budget"] == 7.5
    assert said["litellm"]["something_new"] == [1]
    assert said["litellm"]["set_verbose"] is False
    assert said["callbacks"] == ["the one beside the file"]
    # Behind them is the router's own.
    assert said["success"][:2] == ["langfuse", "the one beside the file"]
    assert said["cache"] == "InMemoryCache"
    assert said["variable"] == "a-key-of-somebody"
    assert said["path"] is True
    variable, *ignored = said["lines"]
    assert "litellm.yaml:18: environment_variables.PATH: alters how programs run" in variable
    assert [line.partition(": litellm_settings.")[2] for line in ignored] == [
        "set_verbose: is for LiteLLM's proxy and does not count here",
        "key_alias_pattern: is for LiteLLM's proxy and does not count here",
    ]


def test_a_model_that_is_not_served_is_told_with_its_line_and_leaves_the_others_alone(
    loaded: dict[str, dict[str, Any]],
) -> None:
    said = loaded["models that are not served"]
    assert [name for name, _ in said["models"]] == ["gpt", "d"]
    # What is wrong with `rpm`, our parent finds for itself.
    unknown, odd = (line.removeprefix(PROBLEM) for line in said["lines"])
    assert unknown.endswith(
        "litellm.yaml:5: model_list.1.litellm_params.model: LiteLLM knows no such provider; write"
        " one in front that it knows, such as `openai/gpt-5.1`, or the model gpt cannot be used"
    )
    assert "litellm.yaml:6: model_list.2.litellm_params.use_in_pass_through: LiteLLM cannot" in odd
    assert odd.endswith("; correct or remove it, or the model b cannot be used")


def test_the_key_is_our_parents_and_what_is_for_the_proxy_is_told(
    loaded: dict[str, dict[str, Any]],
) -> None:
    said = loaded["a key of its own"]
    assert said["key"] == KEY  # which our parent has agreed upon with the file
    assert "sk-b-key" in said["secrets"]
    [line] = said["lines"]
    assert ":5: general_settings.alerting: is for LiteLLM's proxy and does not count here" in line


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_file_that_cannot_be_used_is_told_by_its_place_in_one_line(
    case: str, loaded: dict[str, dict[str, Any]]
) -> None:
    said = loaded[case]["bad"]
    place, words = PLACES[case]

    assert "\n" not in said
    if "yaml" not in place:
        assert f"litellm.yaml:5: {place}" in said
    assert "Zx81opaquekey99" not in said
    assert place in said
    assert words in said
