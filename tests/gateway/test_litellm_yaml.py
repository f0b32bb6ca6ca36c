"""What is wrong in a litellm.yaml is told with file, line, key and remedy, and never a secret."""

import os
from pathlib import Path

import pytest

from gateway.litellm_yaml import read_litellm_yaml, secrets_of
from routing.errors import ConfigError

GPT = "model_list:\n  - model_name: gpt\n    litellm_params: {model: openai/gpt-5.1}\n"
"""Three lines."""
MAPPING = "must be a mapping of keys to values; correct or remove it"
LIST = "must be a list with a model in it; add the first"
NAME = "must be text that is not empty, such as `model_name: gpt`"
MODEL = "must be text that is not empty, such as `model: openai/gpt-5.1`"
FALLBACKS = "must be a list of mappings with one model each; write `[{gpt: [claude]}]`"
FILES = "must be a list of files, such as `include: [more.yaml]`"


def with_model(said: str) -> str:
    return f"model_list:\n  - model_name: gpt\n    litellm_params: {{{said}}}\n"


REFUSED = {
    "nothing": (
        "",
        ":1: the file must be a mapping of keys to values; begin it with `model_list:`",
    ),
    "a list": (
        "- a",
        ":1: the file must be a mapping of keys to values; begin it with `model_list:`",
    ),
    "no text": (b"\xff\xfe", ": is not UTF-8 text; save it as UTF-8"),
    "no YAML": (
        "a:\n\t- b",
        ":2: is not valid YAML: found character '\\t' that cannot start any token.",
    ),
    "a character that no text has": (
        f"{GPT}x: \1",
        ":4: is not valid YAML: special characters are not allowed; remove them",
    ),
    "a tag of somebody's": (
        f"{GPT}x: !vault y",
        ":4: is not valid YAML: could not determine a constructor for the tag.",
    ),
    "a key that is a list": ("? [a]\n: b\n", ":1: is not valid YAML: found unhashable key."),
    "what looks like a date": (
        f"{GPT}x:\n  - y: 2020-99-99",
        ":5: x.0.y: is written as timestamp but is none; put it in quotes",
    ),
    "no models": ("router_settings: {}", ":1: has no model_list; add the models to serve"),
    "models that are null": ("\nmodel_list:", f":2: model_list: {LIST}"),
    "an empty list of models": ("\nmodel_list: []", f":2: model_list: {LIST}"),
    "models that are text": ("model_list: gpt", f":1: model_list: {LIST}"),
    "a model that is text": ("model_list:\n  - gpt", f":2: model_list.0: {MAPPING}"),
    "a model without a name": (
        "model_list:\n  - litellm_params: {model: openai/x}",
        ":2: model_list.0: this model has no model_name; add it, such as `model_name: gpt`",
    ),
    "a name that is null": (
        "model_list:\n  - litellm_params: {model: openai/x}\n    model_name:",
        f":3: model_list.0.model_name: {NAME}",
    ),
    "a name that is a number": (
        "model_list:\n  - litellm_params: {model: openai/x}\n    model_name: 4",
        f":3: model_list.0.model_name: {NAME}",
    ),
    "a model without parameters": (
        "model_list:\n  - model_name: gpt",
        ":2: model_list.0: this model has no litellm_params; add them, with a model in them, such"
        " as `model: openai/gpt-5.1`",
    ),
    "parameters that are null": (
        "model_list:\n  - model_name: gpt\n    litellm_params:",
        f":3: model_list.0.litellm_params: {MAPPING}",
    ),
    "parameters without a model": (
        with_model("api_key: x"),
        ":3: model_list.0.litellm_params: litellm_params has no model; add it, such as `model:"
        " openai/gpt-5.1`",
    ),
    "a model that is null": (
        with_model("model: "),
        f":3: model_list.0.litellm_params.model: {MODEL}",
    ),
    "a model that is a number": (
        with_model("\n  model: 3"),
        f":4: model_list.0.litellm_params.model: {MODEL}",
    ),
    "information that is text": (
        f"router_settings: {{num_retries: 0}}\n{GPT}    model_info: x",
        f":5: model_list.0.model_info: {MAPPING}",
    ),
    "information that is null": (
        f"{GPT}    model_info:",
        f":4: model_list.0.model_info: {MAPPING}",
    ),
    "settings that are text": (f"{GPT}litellm_settings: x", f":4: litellm_settings: {MAPPING}"),
    "general settings that are a list": (
        f"{GPT}general_settings: []",
        f":4: general_settings: {MAPPING}",
    ),
    "variables that are a list": (
        f"{GPT}environment_variables: [A=b]",
        f":4: environment_variables: {MAPPING}",
    ),
    "a variable with its value": (
        f"{GPT}environment_variables:\n  A_KEY=Zx81opaquekey99:",
        ":5: environment_variables.A_KEY: is no name of a variable; write `NAME: value`",
    ),
    "aliases that are a list": (
        f"{GPT}router_settings: {{model_group_alias: [a]}}",
        f":4: router_settings.model_group_alias: {MAPPING}",
    ),
    "fallbacks that are text": (
        f"{GPT}router_settings:\n  fallbacks: gpt",
        f":5: router_settings.fallbacks: {FALLBACKS}",
    ),
    "fallbacks that name a model only": (
        f"{GPT}litellm_settings: {{fallbacks: [gpt]}}",
        f":4: litellm_settings.fallbacks: {FALLBACKS}",
    ),
    "credentials that are a mapping": (
        f"{GPT}credential_list: {{a: b}}",
        ":4: credential_list: must be a list; begin each credential with `-`",
    ),
    "a credential without a name": (
        f"{GPT}credential_list:\n  - {{a: b}}",
        ":5: credential_list.0: this credential has no credential_name; add it",
    ),
    "credentials without values": (
        f"{GPT}credential_list:\n"
        "  - {credential_name: a, credential_values: x, credential_info: {}}",
        f":5: credential_list.0.credential_values: {MAPPING}",
    ),
    "a master key that is a list": (
        f"{GPT}general_settings: {{master_key: [Zx81opaquekey99]}}",
        ":4: general_settings.master_key: must be text; put it in quotes",
    ),
    "a master key of a variable that is not set": (
        f"{GPT}general_settings:\n  master_key: os.environ/UNSET_X",
        ":5: general_settings.master_key: the variable UNSET_X is not set; set it before the proxy"
        " is started, or remove master_key",
    ),
    "an include that is text": (f"{GPT}include: more.yaml", f":4: include: {FILES}"),
    "an include that is null": (f"{GPT}include:", f":4: include: {FILES}"),
}


def written(directory: Path, text: str | bytes) -> Path:
    file = directory / "litellm.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(("text", "told"), REFUSED.values(), ids=REFUSED)
def test_what_litellm_would_not_start_with_is_refused(
    text: str | bytes, told: str, tmp_path: Path
) -> None:
    file = written(tmp_path, text)

    with pytest.raises(ConfigError) as refused:
        read_litellm_yaml(file, {})

    assert str(refused.value) == f"{file}{told}"


def test_a_file_that_is_not_there_is_told_with_the_setting_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "litellm.yaml"

    with pytest.raises(ConfigError) as refused:
        read_litellm_yaml(file, {})

    assert str(refused.value) == (
        f"{file}: cannot be read: No such file or directory; put it there, or name another as"
        " `litellm.config`"
    )


NUMBER = "must be a number; correct or remove it"
UNUSABLE = "or the model gpt cannot be used"
WARNED = {
    "a number in words": (
        with_model("model: openai/x, rpm: lots"),
        f":3: model_list.0.litellm_params.rpm: {NUMBER}, {UNUSABLE}",
    ),
    "a timeout in words": (
        with_model("model: openai/x,\n    timeout: soon"),
        f":4: model_list.0.litellm_params.timeout: {NUMBER}, {UNUSABLE}",
    ),
    "a number in words in a variable": (
        with_model("model: openai/x, timeout: os.environ/SOON"),
        f":3: model_list.0.litellm_params.timeout: {NUMBER}, {UNUSABLE}",
    ),
    "an address that is a number": (
        with_model("model: openai/x, api_base: 3"),
        f":3: model_list.0.litellm_params.api_base: must be text; put it in quotes, {UNUSABLE}",
    ),
    "a router that is a list": (
        f"{GPT}router_settings: [a]",
        ":4: router_settings: must be a mapping of keys to values; it does not count",
    ),
    "retries in words": (
        f"{GPT}router_settings: {{num_retries: many}}",
        f":4: router_settings.num_retries: {NUMBER}",
    ),
    "retries in words elsewhere": (
        f"{GPT}litellm_settings: {{num_retries: many}}",
        f":4: litellm_settings.num_retries: {NUMBER}",
    ),
}


@pytest.mark.parametrize(("text", "told"), WARNED.values(), ids=WARNED)
def test_what_litellm_starts_with_but_cannot_use_is_told(
    text: str, told: str, tmp_path: Path
) -> None:
    file = written(tmp_path, text)

    assert read_litellm_yaml(file, {"SOON": "soon"}).warnings == (f"{file}{told}",)


USABLE = {
    "numbers that are text": with_model("model: openai/x, rpm: '60', timeout: '3.5', weight: 2"),
    "a variable that is not set": with_model("model: openai/x, timeout: os.environ/UNSET_X"),
    "parameters that are null": with_model("model: openai/x, timeout: , api_base: "),
    "one key twice": f"{GPT}router_settings: [a]\nrouter_settings: {{}}",
    "sections that are empty": f"{GPT}litellm_settings: []\nrouter_settings: ''\ngeneral_settings:",
    "an include of nothing": f"{GPT}include: []",
    "an alias that is more": f"{GPT}router_settings: {{model_group_alias: {{a: {{model: gpt}}}}}}",
    "a merge": "x: &x {model: openai/x}\nmodel_list: [{model_name: a, litellm_params: {<<: *x}}]",
    "itself in itself": f"{GPT}x: &x [*x]",
    "what nobody knows": f"{GPT}whatever: [1, 2020-01-01]",
}


@pytest.mark.parametrize("text", USABLE.values(), ids=USABLE)
def test_what_litellm_takes_is_taken(text: str, tmp_path: Path) -> None:
    assert read_litellm_yaml(written(tmp_path, text), {}).warnings == ()


def test_mistakes_in_included_files_are_told_where_they_are(tmp_path: Path) -> None:
    file = written(tmp_path, f"include: [sub/more.yaml]\n{GPT}")
    (tmp_path / "sub").mkdir()
    more, most = tmp_path / "sub" / "more.yaml", tmp_path / "sub" / "most.yaml"
    more.write_text(f"\ninclude: [most.yaml]\n{GPT}".replace("gpt", "b"))
    most.write_text("\n" + with_model("model: openai/x, rpm: lots"))

    read = read_litellm_yaml(file, {})

    assert read.at(("model_list", 1, "model_name")) == f"{more}:4: model_list.0.model_name"
    [warning] = read.warnings
    assert warning.startswith(f"{most}:4: model_list.0.litellm_params.rpm: ")

    most.unlink()
    with pytest.raises(ConfigError) as refused:
        read_litellm_yaml(file, {})
    assert str(refused.value) == (
        f"{most}: cannot be read: No such file or directory; put it there, or correct `include`"
        f" in {more}:2"
    )


def test_settings_of_an_included_file_take_the_place_of_those_before(tmp_path: Path) -> None:
    file = written(tmp_path, f"include: [more.yaml]\n{GPT}general_settings: {{master_key: sk-1}}")
    more = tmp_path / "more.yaml"
    more.write_text("\ngeneral_settings: {master_key: sk-2}\nrouter_settings: {timeout: soon}")

    read = read_litellm_yaml(file, {})

    assert read.master_key == "sk-2"
    assert read.warnings[0].startswith(f"{more}:3: router_settings.timeout: ")


SECRETS = """
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-5.1
      api_key: literal-key
      max_tokens: 128000
      litellm_credential_name: of-the-company
      extra_headers: {Authorization: Bearer opaque-login, x-team: shoppers}
  - {model_name: b, litellm_params: {model: openai/b, api_key: os.environ/OF_THE_ENVIRONMENT}}
  - {model_name: c, litellm_params: {model: openai/c, api_key: os.environ/OF_THE_FILE}}
  - {model_name: d, litellm_params: {model: openai/d, api_key: os.environ/NOT_SET}}
  - {model_name: e, litellm_params: {model: openai/e, api_key: ollama, aws_session_token: 1234567}}
include: [more.yaml]
environment_variables: {OF_THE_FILE: file-value, ANOTHER_KEY: variable-value}
credential_list:
  - {credential_name: one, credential_values: {client_secret: credential}, credential_info: {}}
router_settings: {redis_password: hunter2, timeout: 3}
general_settings: {master_key: sk-of-the-file}
"""


def test_secrets_are_what_stands_under_their_names_and_are_not_shown(tmp_path: Path) -> None:
    file = written(tmp_path, SECRETS)
    (tmp_path / "more.yaml").write_text(
        "model_list: [{model_name: z, litellm_params: {model: a/b, api_key: included-key}}]"
    )

    read = read_litellm_yaml(file, {"OF_THE_ENVIRONMENT": "environment-value"})

    assert set(read.secrets) == {
        *("literal-key", "opaque-login", "environment-value", "file-value", "variable-value"),
        *("credential", "hunter2", "sk-of-the-file", "included-key", "1234567"),
    }
    assert not any(secret in repr(read) for secret in read.secrets)


def test_secrets_are_found_in_what_leads_back_to_itself() -> None:
    tree: dict[str, object] = {"api_key": ["opaque-key", "another-key"]}
    tree["again"] = tree

    assert list(secrets_of(tree, os.environ)) == ["opaque-key", "another-key"]
