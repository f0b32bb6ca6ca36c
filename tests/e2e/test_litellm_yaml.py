"""What stands in a litellm.yaml: its mistakes are told, and its keys are not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.litellm_scene import at, backend, block, litellm_proxy, wait_until_up
from tests.e2e.mitmdump import BIN, Mitmdump
from tests.e2e.test_litellm_life import SECONDS_TO_NOTICE, Stage, ask, posts, stage
from tests.fakes import Step

__all__ = ["stage"]

SECONDS_TO_TAKE_OVER = 120.0
GPT = "model_list:\n  - model_name: gpt\n    litellm_params: {model: openai/gpt-5.1}\n"
BROKEN_FILES = {
    "no YAML": (
        "model_list:\n  - model_name: gpt\n    litellm_params: {model: [\n",
        ":4: is not valid YAML: ",
    ),
    "an entry without parameters": (
        "model_list:\n\n  - model_name: gpt\n",
        ":3: model_list.0: this model has no litellm_params; add them",
    ),
    "a model that is null": (
        "model_list:\n  - model_name: gpt\n    litellm_params: {model: }\n",
        ":3: model_list.0.litellm_params.model: must be text that is not empty, such as",
    ),
    "a date that is none": (
        f"{GPT}x: 2020-99-99\n",
        ":4: x: is written as timestamp but is none; put it in quotes",
    ),
}


def status(proxy: Mitmdump) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "memproxy", "status"],
        env=proxy.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rewrite(proxy: Mitmdump, settings: dict[str, Any]) -> None:
    """At one stroke, as an editor does."""
    new = proxy.home / "litellm.yaml.new"
    new.write_text(yaml.safe_dump(settings))
    new.replace(proxy.home / "litellm.yaml")


@pytest.mark.parametrize(("litellm_yaml", "told"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_is_told_with_line_key_and_remedy_and_stops_no_direct_call(
    litellm_yaml: str, told: str, stage: Stage, tmp_path: Path
) -> None:
    config = stage.config(when_down="direct")
    with litellm_proxy(tmp_path, stage.environment, config, litellm_yaml) as proxy:
        proxy.wait_until(lambda: backend(proxy)["state"] == "down", SECONDS_TO_NOTICE)
        mistake = f"{proxy.home / 'litellm.yaml'}{told}"

        assert mistake in backend(proxy)["detail"]
        shown = status(proxy)
        assert (shown.returncode, shown.stderr) == (1, "")
        assert mistake in shown.stdout
        assert ask(proxy).status_code == 200
        assert posts(stage.origin) == 1


def test_models_that_cannot_be_served_are_told_while_the_others_are_served(
    stage: Stage, tmp_path: Path
) -> None:
    settings = at(stage.upstream, block("litellm.yaml"))
    settings["model_list"][1]["litellm_params"]["timeout"] = "soon"
    settings["model_list"].append(
        {"model_name": "new", "litellm_params": {"model": "opnai/gpt-5.1", "rpm": 9}}
    )
    with litellm_proxy(tmp_path, stage.environment, stage.config(), settings) as proxy:
        wait_until_up(proxy)

        problems = proxy.ask("/health")["problems"]

        soon = "model_list.1.litellm_params.timeout: must be a number; correct or remove it"
        unknown = "model_list.3.litellm_params.model: LiteLLM knows no such provider; write one in"
        assert len(problems) == 2
        for problem, words in zip(problems, (soon, unknown), strict=True):
            assert problem.startswith(f"{proxy.home / 'litellm.yaml'}:")
            assert words in problem
            assert f"problem  {problem}" in status(proxy).stdout
            assert problem in proxy.log
        assert proxy.ask("/health")["status"] == "degraded"
        assert ask(proxy).status_code == 200


@pytest.mark.parametrize("stage", ["litellm"], indirect=True)
def test_a_file_without_a_model_that_can_be_served_is_told(stage: Stage, tmp_path: Path) -> None:
    served = GPT.replace("openai", "opnai")
    with litellm_proxy(tmp_path, stage.environment, stage.config(), served) as proxy:
        wait_until_up(proxy)

        [problem] = proxy.ask("/health")["problems"]
        assert "litellm.yaml:3: model_list.0.litellm_params.model: LiteLLM knows no such" in problem
        assert ask(proxy).status_code == 400


@pytest.mark.parametrize("stage", ["sdk"], indirect=True)
def test_a_file_without_a_model_that_can_be_served_does_not_start(
    stage: Stage, tmp_path: Path
) -> None:
    served = GPT.replace("openai", "opnai")
    with litellm_proxy(tmp_path, stage.environment, stage.config(), served) as proxy:
        place = f"{proxy.home / 'litellm.yaml'}:3: model_list.0.litellm_params.model: "
        mistake = f"before it was up: {place}LiteLLM knows no such"

        # It is started again and again: a moment later it may be `starting`.
        def is_told() -> bool:
            found = backend(proxy)
            return found["state"] == "down" and mistake in found["detail"]

        proxy.wait_until(is_told, SECONDS_TO_NOTICE)


def test_a_key_that_stands_in_the_file_does_not_come_back_also_when_the_file_has_another(
    stage: Stage, tmp_path: Path
) -> None:
    keys = ("Zx81opaquekey99", "Qy72opaquekey88")
    words = " and ".join(f"The key {key} has no access" for key in keys)
    said = json.dumps({"error": {"message": words, "type": "denied"}}).encode()
    stage.upstream.always(Step(status=401, body=said))
    settings = at(stage.upstream, block("litellm.yaml"))
    gpt = settings["model_list"][0]["litellm_params"]
    gpt["api_key"] = keys[0]
    with litellm_proxy(tmp_path, stage.environment, stage.config(), settings) as proxy:
        before = wait_until_up(proxy)
        refused = ask(proxy)
        assert refused.status_code == 401
        assert "The key [hidden] has no access" in refused.text
        assert keys[0] not in refused.text

        gpt["api_key"] = keys[1]
        rewrite(proxy, settings)
        proxy.wait_until(lambda: backend(proxy)["pid"] != before["pid"], SECONDS_TO_TAKE_OVER)
        refused = ask(proxy)
        assert refused.status_code == 401
        assert "The key [hidden] has no access" in refused.text
        # The first may be in use by calls that began before.
        assert not any(key in refused.text for key in keys)
        assert not any(key in proxy.log for key in keys)
        assert not any(key in json.dumps(proxy.ask("/health")) for key in keys)
