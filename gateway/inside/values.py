"""What a litellm.yaml says, as LiteLLM's proxy would take it."""

import json
from typing import Any, Final

import litellm
from litellm.types.router import holds_secret_pointer

from gateway.litellm_yaml import FROM_ENVIRONMENT, LiteLLMYaml, merged

DEEPEST: Final = 32


def plain(file: LiteLLMYaml) -> dict[str, Any]:
    """All that the file and those that it includes say, as it stands there."""
    values = {name: value for name, value in merged(file.files).items() if name != "include"}
    # LiteLLM changes what it is given; aliases in the file would change with it.
    return dict(json.loads(json.dumps(values, default=str)))


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
