"""The models of a litellm.yaml that LiteLLM's router leaves out: it says nothing of them."""

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import litellm
from litellm.types.router import LiteLLM_Params
from pydantic import ValidationError

from gateway.inside.values import plain, resolved
from gateway.litellm_yaml import PROBLEM, LiteLLMYaml, read_litellm_yaml
from routing.hide_secrets import hide_secrets
from routing.yaml_source import Place

logger = logging.getLogger("memory_proxy")


def tell_once_started(app: Any, config: Path, router: Callable[[], Any]) -> None:
    """Have LiteLLM's proxy tell of them as soon as it has made its router."""
    starts = app.router.lifespan_context

    @asynccontextmanager
    async def starts_and_tells(app: Any) -> AsyncIterator[Any]:
        async with starts(app) as state:
            _tell_of(config, router())
            yield state

    app.router.lifespan_context = starts_and_tells


def _tell_of(config: Path, router: Any) -> None:
    # LiteLLM may have given the root logger another form, which our parent would not know.
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.propagate = False
    try:
        if router:
            file = read_litellm_yaml(config, os.environ)
            tell(file, left_out(file, resolved(plain(file)), router))
    except Exception as error:  # whatever it is, the models that are there are served
        logger.warning("models were not looked through: %s", type(error).__name__)


def tell(file: LiteLLMYaml, problems: Iterable[str]) -> None:
    """To our parent, which has read the same file and knows of what it has seen itself."""
    for line in problems:
        if not any(line.startswith(told.partition(" must ")[0]) for told in file.warnings):
            logger.warning("%s%s", PROBLEM, line)


def left_out(file: LiteLLMYaml, tree: Mapping[str, Any], router: Any) -> Iterator[str]:
    """Each with its place in the file, the reason, and what to do."""
    names = set(router.get_model_names())
    ids = {str(one["model_info"]["id"]) for one in router.model_list}
    for number, model in enumerate(tree.get("model_list") or []):
        name, parameters = model["model_name"], model["litellm_params"]
        own = (model.get("model_info") or {}).get("id")
        made = litellm.Router.generate_model_id(name, parameters) if own is None else str(own)
        if made in ids:
            continue
        why = _why_left_out(parameters)
        if why is None and name in names:
            continue
        key, problem = why or (None, "LiteLLM cannot use it; correct or remove it")
        place: Place = ("model_list", number, "litellm_params")
        at = file.at((*place, key) if key else place)
        yield f"{at}: {hide_secrets(problem, *file.secrets)}, or the model {name} cannot be used"


def _why_left_out(parameters: Mapping[str, Any]) -> tuple[str | None, str] | None:
    """The parameter at which LiteLLM takes offence, and what to do; None if it is at none."""
    try:
        known = LiteLLM_Params.model_validate(dict(parameters))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        key = str(first["loc"][0]) if first["loc"] else None
        return key, f"LiteLLM cannot use it ({first['msg']}); correct or remove it"
    try:
        litellm.get_llm_provider(
            model=known.model,
            custom_llm_provider=known.custom_llm_provider,
            api_base=known.api_base,
        )
    except Exception:
        return "model", (
            "LiteLLM knows no such provider; write one in front that it knows, such as"
            " `openai/gpt-5.1`"
        )
    return None
