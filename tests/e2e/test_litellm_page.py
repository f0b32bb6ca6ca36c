"""docs/backends.md: its files work, and what it says of LiteLLM is so."""

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.litellm_yaml import read_litellm_yaml
from routing import config as settings
from tests.e2e.litellm_calls import CLAUDE, GPT, body
from tests.e2e.litellm_scene import Scene, block
from tests.e2e.sdks import raw_client
from tests.fakes import Step

SECONDS_OF_THOUGHT = 4.0


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("config.yaml", "litellm"),
        ("config.yaml, for a LiteLLM that runs already", "litellm"),
        ("config.yaml, for the SDK", "sdk"),
    ],
)
def test_the_settings_on_the_page_are_valid(name: str, backend: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(block(name))

    assert settings.load(file, {}).backend == backend


def test_litellms_file_on_the_page_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "litellm.yaml"
    file.write_text(block("litellm.yaml"))

    assert read_litellm_yaml(file, {}).master_key is None


def test_the_files_on_the_page_are_those_that_the_tests_run_with(session_scene: Scene) -> None:
    home = session_scene.proxy.home
    page, used = (
        yaml.safe_load(text)
        for text in (block("litellm.yaml"), (home / "litellm.yaml").read_text())
    )
    for shown, real in zip(page["model_list"], used["model_list"], strict=False):
        del real["litellm_params"]["api_base"]
        assert real == shown
    assert used["router_settings"] == page["router_settings"]
    config = yaml.safe_load((home / "config.yaml").read_text())
    shown = yaml.safe_load(block("config.yaml"))
    assert shown["litellm"].pop("models").items() <= config["litellm"]["models"].items()
    assert shown["litellm"].items() <= config["litellm"].items()


def post(scene: Scene, path: str, model: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with raw_client("by base URL", scene.proxy) as client:
        return client.post(path, json=body(model), headers=named)


def test_a_provider_sees_none_of_the_clients_headers_but_for_betas(scene: Scene) -> None:
    sent = {"user_agent": "my-tool/1", "cookie": "a=b", "x_custom": "mine"}
    for path, model in {"/v1/chat/completions": GPT, "/v1/messages?beta=true": CLAUDE}.items():
        post(scene, path, model, **sent, anthropic_beta="context-1m-2025-08-07")

    for seen in scene.upstream.requests:
        assert "my-tool" not in (seen.header("user-agent") or "")
        assert seen.header("cookie") is None
        assert seen.header("x-custom") is None
        assert "?" not in seen.path
    chat, messages = scene.upstream.requests
    assert chat.header("anthropic-beta") is None
    assert messages.header("anthropic-beta") == "context-1m-2025-08-07"


def test_the_time_to_come_back_is_told_on_every_route(scene: Scene) -> None:
    scene.upstream.always(Step(status=429, headers=(("retry-after", "7"), ("x-more", "1"))))

    chat = post(scene, "/v1/chat/completions", GPT)
    messages = post(scene, "/v1/messages", CLAUDE)

    assert chat.headers["retry-after"] == "7"
    assert chat.headers["llm_provider-x-more"] == "1"
    assert messages.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", [CLAUDE, "nobodys-model"])
def test_tokens_are_estimated_where_no_provider_counts_them(model: str, scene: Scene) -> None:
    path = "/v1/messages/count_tokens"
    assert post(scene, path, CLAUDE).json()["litellm_count_source"] == "provider"
    scene.upstream.always(Step(status=500))

    answer = post(scene, path, model)

    assert answer.status_code == 200
    assert answer.json()["litellm_count_source"] == "local_estimate"


def test_an_answer_names_the_model_as_litellm_does(scene: Scene) -> None:
    assert post(scene, "/v1/chat/completions", GPT).json()["model"] == "gpt"
    assert post(scene, "/v1/messages", CLAUDE).json()["model"] == "claude"


def test_a_provider_that_hangs_up_is_a_500_of_litellms(scene: Scene) -> None:
    scene.upstream.always(Step(break_after=0))

    for path, model in {"/v1/chat/completions": GPT, "/v1/messages": CLAUDE}.items():
        assert post(scene, path, model).status_code == 500


def test_a_client_that_gives_up_before_the_first_byte_stops_the_provider_only_behind_the_sdk(
    scene: Scene,
) -> None:
    scene.upstream.always(Step(delay=SECONDS_OF_THOUGHT))
    with closing(HTTPConnection("127.0.0.1", scene.proxy.port, timeout=20)) as client:
        client.request("POST", "/v1/chat/completions", json.dumps(body(GPT)))
        scene.upstream.wait_for(lambda: scene.upstream.requests, timeout=20)

    if scene.backend == "sdk":
        assert scene.upstream.wait_for(lambda: scene.upstream.hangups, SECONDS_OF_THOUGHT)
        return
    # Were the connection closed, this would be a hang-up.
    with pytest.raises(TimeoutError):
        scene.upstream.wait_for(lambda: scene.upstream.hangups, SECONDS_OF_THOUGHT + 1)
