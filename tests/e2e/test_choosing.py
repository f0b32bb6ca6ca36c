"""Rules in the config send each call to its backend: by project, by provider and by model."""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.litellm_environment import ROOT
from tests.e2e.memory_scene import Project, prepared
from tests.e2e.mitmdump import BIN, Mitmdump
from tests.fakes import Provider, Seen, Step

SECONDS = 20.0
ALIVE = Step(match="/health/liveliness", body=b'"I\'m alive!"')
PATHS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "groq": "/groq/chat/completions",
}
KEY = {"authorization": "Bearer sk-mine"}
LOGIN = {"authorization": "Bearer sk-ant-oat01-hers"}


@dataclass
class Scene:
    """A proxy, the providers that its calls are meant for, and a scripted one as its LiteLLM."""

    proxy: Mitmdump
    servers: dict[str, Provider]
    shop: Project
    desk: Project
    numbers: Iterator[int] = field(default_factory=count)

    def settings(self, rules: tuple[str, ...], backend: str, label: str) -> str:
        listed = "".join(f"  - {{{rule}}}\n" for rule in rules)
        upstreams = "".join(
            f"  {name}: {{upstream: '{self.servers[name].url}'}}\n" for name in PATHS
        )
        return (
            f"backend: {backend}\nbackends:\n{listed}providers:\n{upstreams}"
            f"litellm: {{url: '{self.servers['litellm'].url}', key: sk-its}}\n"
            f"users: {{default: {label}}}\n"
            "memory: {enabled: false, longest_body: 1}\n"
        )

    def use(self, *rules: str, backend: str = "direct") -> None:
        """Change the settings of the running proxy, and wait until they count."""
        label = f"since-change-{next(self.numbers)}"
        self.proxy.configure(self.settings(rules, backend, label))
        self.proxy.wait_until(lambda: self.info(self.shop)["user_id"] == label, SECONDS)
        self.proxy.wait_until(lambda: self.proxy.ask("/health")["status"] == "ok", SECONDS)

    def info(self, project: Project, **headers: str) -> dict[str, str]:
        told: dict[str, str] = self.proxy.ask("/memory-routing/info", project.port, **headers)
        return told

    def call(
        self, project: Project, provider: str, model: str, headers: dict[str, str] = KEY
    ) -> Seen:
        """Make a call; how it was seen by whoever got it."""
        return self.post(project, PATHS[provider], {"model": model, **CHAT}, headers)

    def post(
        self, project: Project, path: str, body: object, headers: dict[str, str] = KEY
    ) -> Seen:
        self.forget()
        answer = httpx.post(
            project.url + path, json=body, headers=headers, trust_env=False, timeout=SECONDS
        )
        assert answer.status_code == 200, answer.text
        [seen] = [seen for _, seen in self.seen()]
        return seen

    def receiver(
        self, project: Project, provider: str, model: str, headers: dict[str, str] = KEY
    ) -> str:
        """Whose server gets such a call."""
        self.call(project, provider, model, headers)
        [(name, _)] = self.seen()
        return name

    def seen(self) -> list[tuple[str, Seen]]:
        """What reached anybody, besides the question whether LiteLLM is up."""
        return [
            (name, seen)
            for name, server in self.servers.items()
            for seen in server.requests
            if "/health" not in seen.path
        ]

    def forget(self) -> None:
        for server in self.servers.values():
            server.reset()
        self.servers["litellm"].always(ALIVE)


CHAT = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(Provider()) for name in (*PATHS, "litellm")}
        servers["litellm"].always(ALIVE)
        proxy = Mitmdump(tmp_path_factory.mktemp("choosing"))
        [shop, desk] = prepared(proxy, 2)
        made = Scene(proxy, servers, shop, desk)
        stack.enter_context(proxy)
        yield made


@pytest.fixture(scope="module")
def ruled(scene: Scene) -> Scene:
    """The rules that most tests here are about; those that change them come later."""
    scene.use(
        f"project: '{scene.shop.path}', provider: groq, backend: direct",
        f"project: '{scene.shop.path}', backend: litellm",
        "provider: groq, model: 'llama-*', backend: litellm",
        "provider: anthropic, model: 'claude-opus-*', backend: litellm, subscriptions: true",
        "model: 'gpt-*', backend: litellm",
        "model: 'text-embedding-*', backend: litellm",
    )
    return scene


@pytest.mark.parametrize(
    ("place", "call", "headers", "receiver"),
    [
        pytest.param("shop", ("openai", "o9"), KEY, "litellm", id="a rule for the project"),
        pytest.param("shop", ("groq", "llama-4"), KEY, "groq", id="an earlier rule for less of it"),
        pytest.param("shop", ("anthropic", "claude-opus-4"), KEY, "litellm", id="a project's key"),
        pytest.param("shop", ("anthropic", "claude-haiku-4"), LOGIN, "anthropic", id="its login"),
        pytest.param("desk", ("openai", "o9"), KEY, "openai", id="another project"),
        pytest.param("desk", ("groq", "llama-4"), KEY, "litellm", id="a provider's model"),
        pytest.param("desk", ("groq", "qwen-3"), KEY, "groq", id="another model of the provider's"),
        pytest.param("desk", ("openai", "llama-4"), KEY, "openai", id="the model at another's"),
        pytest.param("desk", ("openai", "gpt-5"), KEY, "litellm", id="a rule for a model"),
        pytest.param("desk", ("openai", "GPT-5"), KEY, "openai", id="the model in capitals"),
        pytest.param("desk", ("anthropic", "claude-opus-4"), KEY, "litellm", id="a key"),
        pytest.param("desk", ("anthropic", "claude-opus-4"), LOGIN, "litellm", id="a login meant"),
        pytest.param(
            "shop", ("anthropic", "claude-opus-4"), LOGIN, "litellm", id="also in the shop"
        ),
        pytest.param("desk", ("anthropic", "gpt-5"), LOGIN, "anthropic", id="a login not meant"),
    ],
)
def test_the_first_rule_that_fits_decides_who_gets_a_call(
    place: str, call: tuple[str, str], headers: dict[str, str], receiver: str, ruled: Scene
) -> None:
    project: Project = getattr(ruled, place)

    assert ruled.receiver(project, *call, headers) == receiver


def test_a_login_reaches_its_provider_as_it_was_and_litellm_gets_its_own_key(ruled: Scene) -> None:
    direct = ruled.call(ruled.shop, "anthropic", "claude-haiku-4", LOGIN)
    meant = ruled.call(ruled.shop, "anthropic", "claude-opus-4", LOGIN)

    assert direct.header("authorization") == LOGIN["authorization"]
    assert meant.header("authorization") == "Bearer sk-its"
    assert "sk-ant-oat01" not in str(meant.headers)


def test_the_model_of_an_embedding_decides_too(ruled: Scene) -> None:
    for model, receiver in {"text-embedding-3": "litellm", "other-3": "openai"}.items():
        ruled.post(ruled.desk, "/v1/embeddings", {"model": model, "input": "a"})

        assert [name for name, _ in ruled.seen()] == [receiver]


def test_a_call_too_long_to_be_read_is_none_of_a_models_rules(ruled: Scene) -> None:
    long = {"role": "user", "content": "a" * 2**20}

    ruled.post(ruled.desk, PATHS["openai"], {"model": "gpt-5", "messages": [long]})

    assert [name for name, _ in ruled.seen()] == ["openai"]


@pytest.mark.parametrize(
    ("headers", "receivers"),
    [
        pytest.param(KEY, [], id="a key's calls are made over HTTP, where their model is told"),
        pytest.param(
            {"chatgpt-account-id": "a"}, ["openai"], id="a login's go where its provider is"
        ),
    ],
)
def test_a_websocket_is_refused_where_its_calls_may_be_litellms(
    headers: dict[str, str], receivers: list[str], ruled: Scene
) -> None:
    ruled.forget()
    url = f"ws://127.0.0.1:{ruled.desk.port}/v1/responses"
    refused = contextlib.nullcontext() if receivers else pytest.raises(InvalidStatus, match="426")

    with refused, connect(url, proxy=None, additional_headers=headers, open_timeout=SECONDS):
        pass

    assert [name for name, seen in ruled.seen() if seen.is_upgrade] == receivers


def test_the_info_page_tells_the_backend_as_far_as_the_project_decides_it(ruled: Scene) -> None:
    shop, desk = ruled.info(ruled.shop), ruled.info(ruled.desk)

    assert shop["backend"] == "litellm"
    assert f"backend: litellm, rule 2 (project {ruled.shop.path}), unless rule 1" in shop["why"]
    assert desk["backend"] == "direct"
    assert desk["why"].endswith("configured, unless rule 3, 4, 5 or 6 fits")


def test_health_and_status_tell_of_each_backend(ruled: Scene) -> None:
    health = ruled.proxy.ask("/health")
    status = subprocess.run(
        [BIN / "memproxy", "status"],
        env=ruled.proxy.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert health["backend"] == health["backends"][0]
    assert [one["name"] for one in health["backends"]] == ["direct", "litellm"]
    assert health["backends"][1]["url"] == ruled.servers["litellm"].url
    for one in health["backends"]:
        assert one["state"] == "up"
        assert health["since"] <= one["since"] <= time.time()
    assert health["backends"][0]["version"] == health["version"]
    lines = [line for line in status.stdout.splitlines() if line.startswith("backend ")]
    assert lines[0].startswith(f"backend  direct, up, version {health['version']}, for ")
    assert lines[1].startswith("backend  litellm, up, for ")
    assert len(lines) == 2


def test_the_page_on_operations_tells_of_each_field_of_health(ruled: Scene) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("| field | what |")[2].partition("\n\n")[0]
    named = "".join(row.partition(" |")[0] for row in table.splitlines())

    assert set(ruled.proxy.ask("/health")) <= set(re.findall(r"`(\w+)`", named))


def test_changed_rules_count_from_the_next_call_on(scene: Scene) -> None:
    receivers = []
    for rules, backend in [
        (["provider: openai, backend: litellm"], "direct"),
        (["provider: openai, backend: direct"], "litellm"),
        (["provider: groq, backend: direct", "model: gpt-5, backend: litellm"], "direct"),
        (["model: 'gpt-?', provider: groq, backend: litellm"], "direct"),
        ([], "litellm"),
        ([], "direct"),
    ]:
        scene.use(*rules, backend=backend)
        receivers.append([scene.receiver(scene.desk, one, "gpt-5") for one in ("openai", "groq")])

    assert receivers == [
        ["litellm", "groq"],
        ["openai", "litellm"],
        ["litellm", "groq"],
        ["openai", "litellm"],
        ["litellm", "litellm"],
        ["openai", "groq"],
    ]


def test_a_stream_goes_on_after_the_rule_that_it_followed_is_gone(scene: Scene) -> None:
    scene.use("provider: openai, backend: litellm")
    scene.forget()
    text = "one two three four five six seven eight"
    scene.servers["litellm"].script(Step(match="/chat", text=text, chunks=8, chunk_delay=0.4))
    body = {"model": "gpt-5", "stream": True, **CHAT}
    url = scene.desk.url + PATHS["openai"]

    with httpx.stream("POST", url, json=body, trust_env=False, timeout=SECONDS) as answer:
        lines = answer.iter_lines()
        heard = [next(lines)]
        scene.use("provider: openai, backend: direct")
        heard += lines

    told = [json.loads(line[6:]) for line in heard if line.startswith("data: {")]
    said = [choice["delta"].get("content") or "" for one in told for choice in one["choices"]]
    assert "".join(said) == text
    assert heard[-2:] == ["data: [DONE]", ""]
    assert scene.receiver(scene.desk, "openai", "gpt-5") == "openai"
