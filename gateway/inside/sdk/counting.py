"""How many tokens a request has: its provider knows, and LiteLLM can guess."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

import httpx
import litellm
from litellm.google_genai.adapters.transformation import GoogleGenAIAdapter
from litellm.litellm_core_utils.get_llm_provider_logic import get_llm_provider
from litellm.litellm_core_utils.json_validation_rule import normalize_json_schema_types
from litellm.litellm_core_utils.token_counter import offload_token_count
from litellm.types.utils import LlmProviders, TokenCountResponse
from litellm.utils import ProviderConfigManager, load_credentials_from_list

from gateway.inside.sdk.errors import Refusal

NO_PARAMETERS: Final = {"type": "object", "properties": {}}


async def count_for_anthropic(body: Mapping[str, Any], router: Any) -> dict[str, Any]:
    """The answer to Anthropic's count_tokens."""
    for needed in ("model", "messages"):
        if not body.get(needed):
            words = f"{needed} parameter is required"
            raise Refusal(400, "invalid_request_error", words, needed)
    config = body.get("output_config")
    output_format = body.get("output_format")
    if not isinstance(output_format, dict) and isinstance(config, dict):
        output_format = config.get("format")
    counted = await _count(
        router,
        str(body["model"]),
        messages=body["messages"],
        contents=None,
        tools=body.get("tools"),
        system=body.get("system"),
        messages_format="anthropic",
        output_format=output_format,
    )
    return {"input_tokens": counted.total_tokens, **_source(counted)}


async def count_for_gemini(body: Mapping[str, Any], router: Any) -> dict[str, Any]:
    """The answer to Gemini's countTokens."""
    contents, system, tools = _of_gemini(body)
    model = str(body["model"])
    messages = (
        GoogleGenAIAdapter()
        .translate_generate_content_to_completion(model, contents)
        .get("messages", [])
    )
    counted = await _count(
        router,
        model,
        messages=messages,
        contents=contents,
        tools=tools,
        system=system,
        messages_format="openai",
        output_format=None,
    )
    said = counted.original_response or {}
    return {
        "totalTokens": said.get("totalTokens") or counted.total_tokens or 0,
        "promptTokensDetails": said.get("promptTokensDetails", []),
        **_source(counted),
    }


async def _count(router: Any, model: str, **asked: Any) -> TokenCountResponse:
    deployment = await _deployment(router, model)
    parameters = deployment.get("litellm_params", {}) if deployment else {}
    name = str(parameters.get("model") or model)
    bare = name.partition("/")[2] or name
    if deployment and (answer := await _ask_provider(deployment, model, bare, asked)):
        return answer
    if litellm.disable_token_counter is True:
        raise Refusal(503, "token_counting_disabled", "Nobody here may count tokens.", "model")
    system = asked["system"]
    first = [{"role": "system", "content": system}] if isinstance(system, str | list) else []
    total = await offload_token_count(litellm.token_counter)(
        model=bare,
        messages=[*(first if system else []), *asked["messages"]],
        tools=asked["tools"],
        custom_tokenizer=(deployment or {}).get("model_info", {}).get("custom_tokenizer"),
    )
    return TokenCountResponse(
        total_tokens=total,
        request_model=model,
        model_used=bare,
        tokenizer_type="",
        count_source="local_estimate",
    )


async def _deployment(router: Any, model: str) -> dict[str, Any] | None:
    """Who would be asked; nobody, where the model is unknown or may not be called now."""
    try:
        found = await router.async_get_available_deployment(model=model, request_kwargs={})
    except Exception:
        return None
    deployment = {**found, "litellm_params": dict(found.get("litellm_params") or {})}
    load_credentials_from_list(deployment["litellm_params"])
    return deployment


async def _ask_provider(
    deployment: dict[str, Any], model: str, bare: str, asked: Mapping[str, Any]
) -> TokenCountResponse | None:
    """What the provider counts; None where it has no such route, or does not say."""
    parameters = deployment["litellm_params"]
    try:
        known_as, provider, _, _ = get_llm_provider(
            model=parameters.get("model", ""),
            custom_llm_provider=parameters.get("custom_llm_provider"),
            api_base=parameters.get("api_base"),
            api_key=parameters.get("api_key"),
        )
        info = ProviderConfigManager.get_provider_model_info(
            model=parameters.get("model", ""), provider=LlmProviders(provider)
        )
    except Exception:
        return None
    counter = info.get_token_counter() if info else None
    if counter is None or not counter.should_use_token_counting_api(custom_llm_provider=provider):
        return None
    try:
        counted = await counter.count_tokens(
            model_to_use=known_as or bare, deployment=deployment, request_model=model, **asked
        )
    except httpx.HTTPError:
        return None
    except AttributeError as wrong:
        words = "The provider's answer is no count of tokens."
        raise Refusal(500, "internal_server_error", words) from wrong
    if not isinstance(counted, TokenCountResponse) or counted.error:
        return None
    return counted.model_copy(update={"count_source": "provider"})


def _of_gemini(
    body: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None, list[dict[str, Any]] | None]:
    try:
        contents = [dict(content) for content in body.get("contents") or ()]
        told = body.get("systemInstruction") or body.get("system_instruction")
        parts = told["parts"] if told else ()
        texts = [part["text"] for part in ([parts] if isinstance(parts, dict) else parts)]
        declared = chain.from_iterable(
            tool.get("functionDeclarations") or tool.get("function_declarations") or ()
            for tool in body.get("tools") or ()
        )
        tools = [_tool(declaration) for declaration in declared]
    except (TypeError, KeyError, AttributeError, ValueError) as wrong:
        words = "Invalid Google countTokens request body"
        raise Refusal(400, "invalid_request_error", words) from wrong
    system = [{"type": "text", "text": text} for text in texts]
    return contents, system or None, tools or None


def _tool(declaration: Mapping[str, Any]) -> dict[str, Any]:
    schema = declaration.get("parametersJsonSchema") or declaration.get("parameters_json_schema")
    if schema is None and (parameters := declaration.get("parameters")) is not None:
        schema = normalize_json_schema_types(parameters)
    said = {"description": declaration["description"]} if "description" in declaration else {}
    return {"name": declaration["name"], **said, "input_schema": schema or NO_PARAMETERS}


def _source(counted: TokenCountResponse) -> dict[str, str]:
    return {"litellm_count_source": counted.count_source} if counted.count_source else {}
