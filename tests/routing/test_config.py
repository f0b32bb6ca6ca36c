from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.config import DEFAULTS, Config, load, understand
from routing.errors import ConfigError
from routing.providers import Address
from routing.yaml_source import Source, parse, read

NAME = "/etc/memory-proxy/config.yaml"
SECRET = "sk-secret"
SHIPPED: Source = read(DEFAULTS, {})
SHIPPED_NAMES = [
    *("anthropic", "openai", "gemini", "groq", "openrouter", "mistral", "deepseek", "xai"),
    *("azure", "copilot"),
]


def understood(text: str, **environ: str) -> Config:
    return understand(parse(text, NAME, environ), SHIPPED)


def complaint(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        understood(text, **environ)
    assert SECRET not in str(caught.value)
    return str(caught.value)


# Mistakes. The value that is wrong is a secret wherever that is possible.


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        pytest.param(
            f"\nbakend: {SECRET}", 2, "bakend", "did you mean `backend`?", id="a slip of the pen"
        ),
        pytest.param(
            f"zzz: {SECRET}",
            1,
            "zzz",
            "known are backend, backends, cookies, idle_timeout, litellm",
            id="no setting",
        ),
        pytest.param(
            f"litellm:\n  url: http://h\n  kee: {SECRET}",
            3,
            "litellm.kee",
            "did you mean `key`?",
            id="a slip further in",
        ),
        pytest.param(
            f"providers:\n  acme:\n    htost: [{SECRET}]",
            3,
            "providers.acme.htost",
            "did you mean `hosts`?",
            id="a slip in a provider",
        ),
        pytest.param(
            f"users:\n  rules:\n    - pattern: a\n      user: b\n      patern: {SECRET}",
            5,
            "users.rules.0.patern",
            "did you mean `pattern`?",
            id="a slip in a rule",
        ),
        pytest.param(
            f"1: {SECRET}", 1, "1", "is not a setting; known are", id="a number for a setting"
        ),
        pytest.param(
            f"backend: {SECRET}", 1, "backend", "'direct', 'litellm' or 'sdk'", id="a choice"
        ),
        pytest.param(
            f"litellm:\n  when_down: {SECRET}", 2, "litellm.when_down", "'error' or", id="another"
        ),
        pytest.param(
            f"providers:\n  a:\n    family: {SECRET}",
            3,
            "providers.a.family",
            "'openai-chat', 'anthropic' or 'gemini'",
            id="a family",
        ),
        pytest.param(
            f"idle_timeout: {SECRET}", 1, "idle_timeout", "integer", id="words for a number"
        ),
        pytest.param("idle_timeout: 3", 1, "idle_timeout", "or equal to 30", id="too small"),
        pytest.param("ports:\n  shared: 65536", 2, "ports.shared", "equal to 65535", id="no port"),
        pytest.param(
            f"litellm:\n  wait: {SECRET}", 2, "litellm.wait", "number", id="words for seconds"
        ),
        pytest.param("litellm:\n  wait: .nan", 2, "litellm.wait", "equal to 120", id="no seconds"),
        pytest.param(
            f"litellm:\n  forward_credentials: {SECRET}",
            2,
            "litellm.forward_credentials",
            "boolean",
            id="words for yes or no",
        ),
        pytest.param("litellm:\n  key: 5", 2, "litellm.key", "string", id="a number for a key"),
        pytest.param(f"litellm:\n  key: [{SECRET}]", 2, "litellm.key", "string", id="a list"),
        pytest.param(
            f"litellm:\n  models:\n    a: [{SECRET}]", 3, "litellm.models.a", "string", id="a model"
        ),
        pytest.param(
            f"litellm:\n  models: [{SECRET}]", 2, "litellm.models", "`name: value`", id="no mapping"
        ),
        pytest.param(f"users: [{SECRET}]", 1, "users", "`name: value`", id="a list of users"),
        pytest.param(
            f"users:\n  rules: {SECRET}", 2, "users.rules", "expected a list", id="one rule"
        ),
        pytest.param(
            f"users:\n  rules: [{SECRET}]", 2, "users.rules.0", "`name: value`", id="a bare rule"
        ),
        pytest.param(
            f"providers: {SECRET}", 1, "providers", "`name: value`", id="a name for providers"
        ),
        pytest.param(
            f"providers:\n  a: {SECRET}", 2, "providers.a", "`name: value`", id="a bare provider"
        ),
        pytest.param(
            f"providers:\n  a:\n    hosts: {SECRET}",
            3,
            "providers.a.hosts",
            "expected a list",
            id="one host",
        ),
        pytest.param(
            f"users:\n  rules:\n    - pattern: {SECRET}",
            3,
            "users.rules.0.user",
            "is missing. Add it.",
            id="a rule without a user",
        ),
        pytest.param(
            f"users:\n  rules:\n    - user: a\n      pattern: '(?P<{SECRET}>'",
            4,
            "users.rules.0.pattern",
            "is not a regular expression",
            id="a broken pattern",
        ),
        pytest.param(
            f"users:\n  default: {SECRET} too", 2, "users.default", "visible ASCII", id="a space"
        ),
        pytest.param(
            "providers:\n  a:\n    mount: v1", 3, "providers.a.mount", "/openai/v1", id="a mount"
        ),
        pytest.param(
            "ports:\n  first: 20000\n  last: 10000",
            2,
            "ports.first",
            "must not be greater than `last`",
            id="ports the wrong way round",
        ),
        pytest.param(
            "\nports:\n  last: 10000",
            2,
            "ports.first",
            "must not be greater than `last`",
            id="a last port before the shipped first",
        ),
        pytest.param(
            "litellm:\n  config: a.yaml\n  url: http://h",
            3,
            "litellm.url",
            "keep one of them",
            id="two ways to LiteLLM",
        ),
        pytest.param(
            "\nbackend: litellm", 2, "backend", "`litellm.url` (it runs already)", id="no way to it"
        ),
        pytest.param(
            "backends:\n  - model: m\n    backend: sdk\nlitellm: {url: 'http://h'}",
            3,
            "backends.0.backend",
            "needs `litellm.config`",
            id="nothing that the SDK could serve",
        ),
        pytest.param(
            f"backends:\n  - backend: direct\n    modle: {SECRET}",
            3,
            "backends.0.modle",
            "did you mean `model`?",
            id="a slip in a rule on backends",
        ),
        pytest.param(
            "backends:\n  - provider: groq\n\n  - model: m\n    backend: litellm",
            2,
            "backends.0.backend",
            "is missing. Add it.",
            id="a rule without a backend",
        ),
        pytest.param(
            f"backends:\n  - {{model: m, backend: {SECRET}}}",
            2,
            "backends.0.backend",
            "'direct', 'litellm' or 'sdk'",
            id="a rule with a backend that is none",
        ),
        pytest.param(
            "backends:\n  - {model: m, backend: direct}\n  - {model: m,\n    backend: litellm}",
            4,
            "backends.1.backend",
            "`litellm.url` (it runs already)",
            id="a rule that has no way to it",
        ),
        pytest.param(
            "backends:\n  - {model: m, backend: direct}\n  - {model: , backend: direct}",
            3,
            "backends.1",
            "Add `project`, `provider` or `model`; for all other calls there is `backend`",
            id="a rule without a condition",
        ),
        pytest.param(
            "backends:\n  - {model: '', backend: direct}",
            2,
            "backends.0.model",
            "1",
            id="no letter",
        ),
        pytest.param(
            "backends:\n  - provider: grok\n    backend: direct",
            2,
            "backends.0.provider",
            "is not a provider; did you mean `groq`?",
            id="a slip in a rule's provider",
        ),
        pytest.param(
            "providers: {acme: {}}\nbackends:\n  - {provider: zzz, backend: direct}",
            3,
            "backends.0.provider",
            "known are anthropic, openai, gemini",
            id="a rule's provider that is none",
        ),
        pytest.param(
            "backends:\n  - provider: groq\n    backend: direct\n    subscriptions: true",
            4,
            "backends.0.subscriptions",
            "go direct anyway. Leave it out.",
            id="a login that goes direct twice over",
        ),
        pytest.param(
            f"backends:\n  - {{project: ~{SECRET}/a, backend: direct}}",
            2,
            "backends.0.project",
            "home directory",
            id="a project of nobody's",
        ),
        pytest.param(
            'backends:\n  - {project: "a\\0b", backend: direct}',
            2,
            "backends.0.project",
            "expected a directory",
            id="a project that no directory can be",
        ),
        pytest.param(
            f"backends: {SECRET}", 1, "backends", "expected a list", id="a word for rules"
        ),
        pytest.param(
            f"litellm:\n  log: ~{SECRET}/log", 2, "litellm.log", "home directory", id="no such home"
        ),
        pytest.param(
            "litellm:\n  url: http://h\n  key: ${NOT_THERE}",
            3,
            "litellm.key",
            "the environment variable NOT_THERE is not set. Set it, or give a default:"
            " ${NOT_THERE:-…}.",
            id="a missing variable",
        ),
        pytest.param(
            f"litellm:\n  key: {SECRET}\n  wait: 1\n  key: {SECRET}",
            4,
            "litellm.key",
            "stands here a second time (first on line 2). Keep one of them.",
            id="a key twice",
        ),
        pytest.param(
            f"providers:\n  a: {{hosts: []}}\n  a: {{hosts: [{SECRET}]}}",
            3,
            "providers.a",
            "a second time (first on line 2)",
            id="a provider twice",
        ),
        pytest.param(
            "idle_timeout: 2024-99-99", 1, "idle_timeout", "Put it in quotes.", id="no such day"
        ),
        pytest.param(
            f"litellm:\n  wait: !!int {SECRET}",
            2,
            "litellm.wait",
            "is written as int but is none. Put it in quotes.",
            id="a tag that lies",
        ),
        pytest.param(f"idle_timeout: !!bool {SECRET}", 1, "idle_timeout", "quotes", id="no bool"),
        pytest.param(
            "providers:\n  a:\n    hosts: ['https://llm.test/']",
            3,
            "providers.a.hosts.0",
            "a host's name such as",
            id="a URL for a host",
        ),
        pytest.param(
            "providers:\n  a: {hosts: ['*']}", 2, "providers.a.hosts.0", "name", id="every host"
        ),
        pytest.param(
            "providers:\n  v1: {hosts: [a.test]}",
            2,
            "providers.v1",
            "unlike an",
            id="an API's path",
        ),
        pytest.param(
            "users:\n  rules:\n    - {header: 'User Agent:', pattern: a, user: b}",
            3,
            "users.rules.0.header",
            "a header's name",
            id="no header",
        ),
        pytest.param(
            "ports:\n  shared: 18900",
            2,
            "ports.shared",
            "outside",
            id="a shared port among projects'",
        ),
        pytest.param(
            f"memory:\n  embedding:\n    key: {SECRET}\n    url: http://h/v1",
            4,
            "memory.embedding.url",
            "`url` needs `model` next to it",
            id="no model to ask for",
        ),
        pytest.param(
            "memory:\n  embedding:\n    key: a\n    model: nomic",
            4,
            "memory.embedding.model",
            "`model` needs `url` next to it",
            id="a model that is served nowhere",
        ),
        pytest.param(
            "memory: {embedding: {model: ''}}", 1, "memory.embedding.model", "1", id="no name"
        ),
        pytest.param(
            f"memory:\n  embedding:\n    dimensions: {SECRET}",
            3,
            "memory.embedding.dimensions",
            "integer",
            id="words for dimensions",
        ),
        pytest.param(
            "memory: {embedding: {dimensions: 0}}", 1, "memory.embedding.dimensions", "1", id="none"
        ),
        pytest.param(
            f"memory:\n  embedding:\n    key: [{SECRET}]",
            3,
            "memory.embedding.key",
            "string",
            id="keys",
        ),
        pytest.param(
            f"memory:\n  embeding:\n    key: {SECRET}",
            2,
            "memory.embeding",
            "did you mean `embedding`?",
            id="a slip in the memory's",
        ),
        pytest.param(
            f"memory:\n  embedding:\n    modell: {SECRET}",
            3,
            "memory.embedding.modell",
            "did you mean `model`?",
            id="a slip in the embedding's",
        ),
    ],
)
def test_a_mistake_is_told_by_file_line_key_and_remedy(
    text: str, line: int, key: str, remedy: str
) -> None:
    first = complaint(text).splitlines()[0]

    assert first.startswith(f"{NAME}:{line}: {key}: ")
    assert remedy in first


@pytest.mark.parametrize("key", ["litellm.url", "providers.a.api", "providers.a.upstream"])
@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"http://h:{SECRET}",
        f"http://admin:{SECRET}@h:4000",
        f"http://admin:{SECRET}/x@h:4000",
        f"http://h/v1?key={SECRET}",
        f"http://[{SECRET}",
        "ftp://h",
        "http://h/v1",
        "http://h:0",
        "",
    ],
)
def test_an_address_that_is_none_is_told_without_it(key: str, url: str) -> None:
    text = "\n".join(f"{'  ' * depth}{part}:" for depth, part in enumerate(key.split(".")))

    assert complaint(f"{text} '{url}'") == (
        f"{NAME}:{key.count('.') + 1}: {key}:"
        " expected http://HOST[:PORT] or https://HOST[:PORT], and no more."
    )


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"http://h:{SECRET}/v1",
        f"http://admin:{SECRET}@h:4000/v1",
        f"http://h/v1?key={SECRET}",
        f"http://h/v1#{SECRET}",
        f"http://h/v1 {SECRET}",
        f"http://h/@{SECRET}",
        "ftp://h/v1",
        "http://h:0/v1",
        "http:///v1",
        "http://h/v1\n",
        "",
    ],
)
def test_an_endpoint_that_is_none_is_told_without_it(url: str) -> None:
    values = {"memory": {"embedding": {"url": url, "model": "m"}}}

    with pytest.raises(ConfigError) as caught:
        understand(Source(NAME, values, {("memory", "embedding", "url"): 7}), SHIPPED)

    assert str(caught.value) == (
        f"{NAME}:7: memory.embedding.url:"
        " expected http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], and no more."
    )


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:11434/v1", "https://api.acme.test", "http://[::1]:8/v1/", "HTTPS://h/a/b-c"],
)
def test_an_endpoint_has_a_path_of_its_own(url: str) -> None:
    embedding = understood(f"memory: {{embedding: {{url: '{url}', model: m}}}}").memory.embedding

    assert (embedding.url, embedding.model) == (url, "m")


@pytest.mark.parametrize(
    "text", ["", "memory:", "memory: {embedding: }", "memory: {embedding: {model: }}"]
)
def test_nothing_said_about_the_embedding_leaves_it_to_the_shipped_model(text: str) -> None:
    assert understood(text).memory == load(None).memory
    assert understood(text).memory.embedding.model is None


def test_memories_may_be_found_by_words_only() -> None:
    assert understood("memory: {embedding: {model: none}}").memory.embedding.model == "none"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        pytest.param(f"a: b\n- {SECRET}", 2, "is not valid YAML: ", id="a list after a mapping"),
        pytest.param(f"key: '{SECRET}", 1, "is not valid YAML: ", id="an open quote"),
        pytest.param(
            f"\nlitellm: {{key: {SECRET}",
            2,
            "expected ',' or '}', but got '<stream end>'",
            id="an open brace",
        ),
        pytest.param(f"\tbackend: {SECRET}", 1, "'\\t'", id="a tab"),
        pytest.param(f"litellm:\n  key: *{SECRET}", 2, "undefined alias", id="an unquoted star"),
        pytest.param(f"litellm:\n  key: !{SECRET} x", 2, "the tag", id="an unquoted mark"),
        pytest.param(f"litellm:\n  key: @{SECRET}", 2, "cannot start any token", id="an at sign"),
        pytest.param("a: b\n---\nc: d", 2, "another document", id="two documents"),
        pytest.param(f"a: {SECRET}\x07", 1, "special characters", id="a control character"),
        pytest.param("idle_timeout: &a [*a]", 1, "nested too deeply", id="a list within itself"),
        pytest.param("a: " + "[" * 10_000, 1, "nested too deeply", id="very deep"),
        pytest.param("<<: 5", 1, "merging", id="a merge of a number"),
        pytest.param(f"- {SECRET}", 1, "must hold settings such as", id="a list"),
        pytest.param(SECRET, 1, "must hold settings such as", id="a word"),
        pytest.param("5", 1, "must hold settings such as", id="a number"),
    ],
)
def test_what_is_no_yaml_mapping_is_told_by_file_and_line(text: str, line: int, told: str) -> None:
    message = complaint(text)

    assert message.startswith(f"{NAME}:{line}: ")
    assert told in message


@pytest.mark.parametrize("way", ["url: 'http://h'", "config: litellm.yaml"])
def test_litellm_is_reached_by_its_address_or_started_from_its_file(way: str) -> None:
    assert understood(f"backend: litellm\nlitellm: {{{way}}}").backend == "litellm"


@pytest.mark.parametrize(
    ("text", "used"),
    [
        pytest.param("", ("direct",), id="nothing"),
        pytest.param("backend: litellm", ("litellm",), id="one for all"),
        pytest.param("backend: sdk", ("sdk",), id="the SDK for all"),
        pytest.param("backends: []", ("direct",), id="no rules"),
        pytest.param(
            "backends: [{model: m, backend: litellm}]", ("direct", "litellm"), id="by a rule"
        ),
        pytest.param(
            "backend: litellm\nbackends: [{model: m, backend: direct}]",
            ("litellm", "direct"),
            id="both ways",
        ),
    ],
)
def test_a_backend_is_used_if_anything_asks_for_it(text: str, used: tuple[str, ...]) -> None:
    assert understood(f"{text}\nlitellm: {{config: litellm.yaml}}").used_backends == used


def test_a_rules_project_is_its_real_directory(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "code")
    file = tmp_path / "config.yaml"
    file.write_text(
        "backends:\n"
        f"  - {{project: {tmp_path}/link/shop, backend: direct}}\n"
        "  - {project: link/../code/, backend: direct}\n"
        "  - {project: ~/shop, backend: direct}\n"
    )

    assert [rule.project for rule in load(file, {}).backends] == [
        tmp_path.resolve() / "code" / "shop",
        tmp_path.resolve() / "code",
        (Path.home() / "shop").resolve(),
    ]


def test_all_mistakes_are_told_at_once() -> None:
    told = complaint(f"backend: {SECRET}\nidle_timeout: 1\nports: {{shared: 0}}").splitlines()

    assert [line.split(": ")[1] for line in told] == ["backend", "ports.shared", "idle_timeout"]


def test_a_secret_shows_in_no_form_of_the_settings() -> None:
    config = understood(
        f"litellm: {{url: 'http://h', key: {SECRET}}}\n"
        f"memory: {{embedding: {{url: 'http://h', model: m, key: {SECRET}}}}}"
    )

    for part in (config, config.litellm, config.memory, config.memory.embedding):
        assert SECRET not in repr(part) + str(part)
    for key in (config.litellm.key, config.memory.embedding.key):
        assert key is not None
        assert key.get_secret_value() == SECRET


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("hosts", "family", "api", "mount", "url", "key", "wait", "models", "rules"),
                    *("user", "embedding", "model", "dimensions"),
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(Config.model_fields)), values, min_size=1, max_size=3)
)
def test_settings_of_any_form_are_taken_or_told_without_their_values(values: Any) -> None:
    lines = {(key,): number + 1 for number, key in enumerate(values)}
    try:
        config = understand(Source(NAME, values, lines), SHIPPED)
    except ConfigError as error:
        told = str(error)
        assert SECRET not in told
        assert all(line.startswith(f"{NAME}:") for line in told.splitlines())
    else:
        assert set(SHIPPED_NAMES) <= set(config.providers)


# Variables of the environment.


@pytest.mark.parametrize(
    ("written", "environ", "read_as"),
    [
        pytest.param("${KEY}", {"KEY": "v"}, "v", id="set"),
        pytest.param("a${KEY}b${KEY}", {"KEY": "v"}, "avbv", id="within a text, twice"),
        pytest.param("${KEY:-d}", {"KEY": "v"}, "v", id="set, with a default"),
        pytest.param("${KEY:-d}", {}, "d", id="not set, with a default"),
        pytest.param("${KEY:-d}", {"KEY": ""}, "d", id="empty, with a default"),
        pytest.param("x${KEY:-}", {}, "x", id="an empty default"),
        pytest.param("${KEY:-a:-b c}", {}, "a:-b c", id="a default with signs"),
        pytest.param("$${KEY}", {"KEY": "v"}, "${KEY}", id="a doubled dollar"),
        pytest.param("$$$${KEY}", {"KEY": "v"}, "$${KEY}", id="twice doubled"),
        pytest.param("$$${KEY}", {"KEY": "v"}, "$v", id="a dollar before a variable"),
        pytest.param("$KEY", {"KEY": "v"}, "$KEY", id="no braces"),
        pytest.param("a$", {}, "a$", id="a dollar at the end"),
        pytest.param("${KEY}", {"KEY": "${OTHER}"}, "${OTHER}", id="expanded once only"),
        pytest.param("${KEY}", {"KEY": "a: [b"}, "a: [b", id="no YAML in a value"),
    ],
)
def test_a_variable_is_expanded(written: str, environ: dict[str, str], read_as: str) -> None:
    config = understood(f"litellm: {{models: {{m: '{written}'}}}}", **environ)

    assert config.litellm.models == {"m": read_as}


def test_a_variable_may_hold_a_number() -> None:
    assert understood("ports: {shared: '${PORT}'}", PORT="28000").ports.shared == 28000


def test_a_variable_with_a_bad_value_is_told_without_it() -> None:
    message = complaint("\nlitellm:\n  url: ${URL}", URL=f"http://{SECRET}/x")

    assert message.startswith(f"{NAME}:3: litellm.url: expected http://HOST")


def test_names_of_settings_are_not_expanded() -> None:
    assert "${KEY}" in complaint("'${KEY}': 1", KEY="backend")


@given(st.text("$ab{}:-", max_size=12).filter(lambda text: "${" not in text))
def test_a_text_without_variables_keeps_everything_but_doubled_dollars(text: str) -> None:
    source = parse(f"a: '{text}'", NAME, {})

    assert source.values["a"] == text.replace("$$", "$")


# What a file adds to what is shipped.


def test_without_a_file_all_is_as_shipped(tmp_path: Path) -> None:
    config = load(tmp_path / "none.yaml", {})

    assert config == load(None, {})
    assert config.backend == "direct"
    assert list(config.providers) == SHIPPED_NAMES
    assert config.users.default == "default-dev"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("# a comment\n", id="a comment"),
        pytest.param("---\n", id="a mark"),
        pytest.param("null", id="null"),
        pytest.param("{}", id="braces"),
        pytest.param("\ufeff", id="a byte order mark"),
        pytest.param("users:\nproviders:\n", id="empty sections"),
        pytest.param("litellm:\nports:\n", id="more empty sections"),
        pytest.param("users: {rules: }\nproviders: {groq: }\n", id="empty parts"),
    ],
)
def test_an_empty_file_leaves_all_as_shipped(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")

    assert load(file, {}) == load(None, {})


def test_the_users_rules_come_before_the_shipped_ones() -> None:
    rules = understood("users: {rules: [{pattern: '^claude-cli/', user: me}]}").users.rules

    assert rules[0].user == "me"
    assert rules[0].header == "User-Agent"
    assert rules[1:] == load(None).users.rules


def test_another_default_user_leaves_the_rules_as_shipped() -> None:
    users = understood("users: {default: team}").users

    assert users.default == "team"
    assert users.rules == load(None).users.rules


def test_a_provider_of_the_users_own_comes_after_the_shipped_ones() -> None:
    config = understood("providers: {acme: {hosts: [AI.Acme.test], api: 'http://h:1'}}")

    assert [provider.name for provider in config.provider_list] == [*SHIPPED_NAMES, "acme"]
    acme = config.provider_list[-1]
    assert acme.hosts == ("ai.acme.test",)
    assert acme.api == Address("http", "h", 1)
    assert (acme.family, acme.mount, acme.upstream) == ("openai-chat", "", None)


def test_a_shipped_provider_keeps_what_the_user_leaves_out() -> None:
    config = understood("providers: {groq: {upstream: 'https://gw.test'}}")
    shipped = {provider.name: provider for provider in load(None).provider_list}
    groq = next(provider for provider in config.provider_list if provider.name == "groq")

    assert groq.upstream == Address("https", "gw.test", 443)
    assert groq.hosts == shipped["groq"].hosts
    assert groq.mount == shipped["groq"].mount
    others = [provider for provider in config.provider_list if provider.name != "groq"]
    assert others == [shipped[name] for name in SHIPPED_NAMES if name != "groq"]


def test_a_list_of_hosts_replaces_the_shipped_one() -> None:
    config = understood("providers: {mistral: {hosts: [mistral.acme.test]}}")
    mistral = next(provider for provider in config.provider_list if provider.name == "mistral")

    assert mistral.hosts == ("mistral.acme.test",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("litellm.yaml", "/etc/memory-proxy/litellm.yaml", id="beside the file"),
        pytest.param("sub/litellm.yaml", "/etc/memory-proxy/sub/litellm.yaml", id="below it"),
        pytest.param("/srv/litellm.yaml", "/srv/litellm.yaml", id="absolute"),
        pytest.param("~/litellm.yaml", str(Path("~/litellm.yaml").expanduser()), id="at home"),
    ],
)
def test_a_path_is_meant_from_where_the_file_lies(written: str, meant: str) -> None:
    config = understood(f"upstream_ca: {written}\nlitellm: {{config: {written}, log: {written}}}")

    assert config.upstream_ca == Path(meant)
    assert config.litellm.config == Path(meant)
    assert config.litellm.log == Path(meant)


def test_a_path_that_is_not_given_stays_so() -> None:
    config = understood("litellm: {url: 'http://h'}")

    assert (config.upstream_ca, config.litellm.config, config.litellm.log) == (None, None, None)


# YAML's own ways to repeat oneself.

MERGED = """
providers:
  one: &one {hosts: [one.test], family: anthropic, mount: /v1}
  two: &two
    <<: *one
    hosts: [two.test]
  three:
    <<: [*two, *one]
    mount: /v3
  four: *two
"""


def test_a_mapping_may_merge_another_and_override_it() -> None:
    config = understood(MERGED.replace("  four: *two\n", ""))
    one, two, three = config.provider_list[-3:]

    assert (one.hosts, one.family, one.mount) == (("one.test",), "anthropic", "/v1")
    assert (two.hosts, two.family, two.mount) == (("two.test",), "anthropic", "/v1")
    assert (three.hosts, three.family, three.mount) == (("two.test",), "anthropic", "/v3")


def test_an_alias_stands_for_a_mapping_that_overrides_another() -> None:
    two, _, four = understood(MERGED).provider_list[-3:]

    assert (four.hosts, four.family, four.mount) == (two.hosts, two.family, two.mount)


def test_a_mistake_in_what_is_merged_is_told_where_it_is_used() -> None:
    message = complaint("providers:\n  a: &a {hosts: [x]}\n  b:\n    <<: *a\n    mount: [v]\n")

    assert message.startswith(f"{NAME}:5: providers.b.mount: ")


def test_an_alias_stands_for_a_value() -> None:
    config = understood("litellm: {models: {a: &m fast, b: *m}}")

    assert config.litellm.models == {"a": "fast", "b": "fast"}


# Files.


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes("users: {default: José}".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"is not UTF-8 text\. Save it as UTF-8\.") as caught:
        load(file, {})
    assert str(caught.value).startswith(f"{file}: ")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load(tmp_path, {})
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_a_file_in_windows_form_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbfusers:\r\n  default: me\r\n")

    assert load(file, {}).users.default == "me"


def test_a_file_names_itself_in_what_it_complains_of(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("\n\nbackend: x\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert str(caught.value).startswith(f"{file}:3: backend: ")


def test_settings_cannot_be_changed_behind_the_files_back() -> None:
    config = load(None, {})

    with pytest.raises(ValueError, match="frozen"):
        config.backend = "litellm"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("setting", "is_the_same"),
    [
        ("key: other", False),
        ("port: 4001", False),
        ("log: litellm.log", False),
        ("egress: false", False),
        ("when_down: direct", True),
        ("wait: 1", True),
        ("models: {a: b}", True),
        ("forward_credentials: true", True),
    ],
)
def test_which_litellm_it_is_differs_from_how_it_is_used(setting: str, is_the_same: bool) -> None:
    before = understood("litellm: {config: litellm.yaml}").litellm
    after = understood(f"litellm: {{config: litellm.yaml, {setting}}}").litellm

    assert (after.place("litellm") == before.place("litellm")) is is_the_same
    # The SDK is always served on a port of our choice.
    assert (after.place("sdk") == before.place("sdk")) is (is_the_same or "port" in setting)


def test_a_litellm_that_runs_already_may_stand_beside_what_the_sdk_serves() -> None:
    text = "backend: {}\nlitellm: {{url: 'http://h', config: litellm.yaml, key: k}}\n"
    rule = "backends: [{model: m, backend: litellm}]"
    litellm = understood(text.format("sdk") + rule).litellm

    assert litellm.place("litellm") == (litellm.url, litellm.key)
    assert litellm.place("sdk")[0] == litellm.config
    # The key is that of the one that runs already.
    assert litellm.key_for("sdk") is None
    assert "keep one of them" in complaint(text.format("litellm"))
