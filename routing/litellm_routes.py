"""LiteLLM's own routes for the calls that we send there."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from dialects import Call
from routing.headers import quoted, without_credentials

_PATHS: Mapping[tuple[str, str], str] = {
    ("openai-chat", "generate"): "/v1/chat/completions",
    ("openai-chat", "embeddings"): "/v1/embeddings",
    ("openai-responses", "generate"): "/v1/responses",
    ("anthropic", "generate"): "/v1/messages",
    ("anthropic", "count_tokens"): "/v1/messages/count_tokens",
}


def litellm_path(call: Call, path: str, models: Mapping[str, str], keep_keys: bool) -> str | None:
    """Where LiteLLM takes this call, or None if it has no such route. The query is kept."""
    bare, mark, query = (path if keep_keys else without_credentials(path)).partition("?")
    if call.operation == "models":
        named = f"/{quoted(mapped(call.model, models))}" if call.model else ""
        target: str | None = f"/v1/models{named}"
    elif call.dialect == "gemini":
        target = _gemini(call, bare, models)
    else:
        target = _PATHS.get((call.dialect, call.operation))
        if target and call.model:  # Azure, where the path and not the body names it
            kind = target.removeprefix("/v1")
            target = f"/openai/deployments/{quoted(mapped(call.model, models))}{kind}"
    return target and target + mark + query


def mapped(model: str, models: Mapping[str, str]) -> str:
    """LiteLLM's name for a client's model: an exact entry first, then the first pattern."""
    if model in models:
        return models[model]
    return next((to for pattern, to in models.items() if fnmatchcase(model, pattern)), model)


def _gemini(call: Call, path: str, models: Mapping[str, str]) -> str | None:
    verb = path.rpartition(":")[2]
    if call.model is None or call.operation == "embeddings":
        return None
    return f"/v1beta/models/{quoted(mapped(call.model, models))}:{verb}"
