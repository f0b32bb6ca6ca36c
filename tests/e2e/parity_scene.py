"""The same calls through each backend, and what a client is told."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.litellm_calls import CLAUDE, EMBEDDING, GEMINI, GPT, LLAMA
from tests.e2e.litellm_scene import (
    API,
    UNASKED,
    UPSTREAM_KEYS,
    litellm_proxy,
    straight_to,
    wait_until_up,
)
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.sdks import QUESTION, SCHEMA, TOOL
from tests.fakes import Authority, Provider

type Json = Any

BACKENDS = ("direct", "litellm", "sdk")
VIA_LITELLM = ("litellm", "sdk")
# Called as their tools call them, so that every backend can say the same names.
FAMILIES = {
    GPT: "openai",
    CLAUDE: "anthropic",
    LLAMA: "groq",
    GEMINI: "gemini",
    EMBEDDING: "openai",
}
# Called so, a model is given up when its provider says nothing for a second.
IMPATIENT = {"impatient-gpt": GPT, "impatient-claude": CLAUDE, "impatient-gemini": GEMINI}
SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Backend:
    """A proxy with this backend, and the provider at the end of the way."""

    name: str
    proxy: Mitmdump
    provider: Provider

    def client(self, **headers: str) -> httpx.Client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Client(
            base_url=self.proxy.url, trust_env=False, timeout=SECONDS, headers=named
        )


def litellm_yaml(provider: Provider, **more: Json) -> dict[str, Json]:
    """Every model that the tests ask for, at the scripted provider, tried once."""
    models = [_model(provider, name, name) for name in FAMILIES]
    models += [_model(provider, name, real, timeout=1.0) for name, real in IMPATIENT.items()]
    routing = {"num_retries": 0, "disable_cooldowns": True}
    told = {"model_list": models, "router_settings": routing, "general_settings": UNASKED}
    return told | more


def _model(provider: Provider, name: str, real: str, **more: Json) -> Json:
    family = FAMILIES[real]
    parameters = {
        "model": f"{family}/{real}",
        "api_base": provider.url + API[family],
        "api_key": f"os.environ/{family.upper()}_API_KEY",
    }
    return {"model_name": name, "litellm_params": parameters | more}


def settings(name: str, provider: Provider) -> dict[str, Json]:
    told = straight_to(provider)
    if name != "direct":
        told |= {"backend": name, "litellm": {"config": "litellm.yaml", "wait": 100}}
    return told


@contextmanager
def backend_named(
    name: str, directory: Path, environment: Path, more: Mapping[str, Json] | None = None
) -> Iterator[Backend]:
    """A proxy with that backend, once it is up; `more` goes into config.yaml."""
    authority = Authority(directory)
    with Provider(tls=authority.server_context("127.0.0.1"), http2=False) as provider:
        told = settings(name, provider) | {"upstream_ca": str(authority.pem_path), **(more or {})}
        proxy = litellm_proxy(directory, environment, told, litellm_yaml(provider))
        with proxy:
            wait_until_up(proxy)
            yield Backend(name, proxy, provider)


@dataclass(frozen=True, slots=True)
class Request:
    """A call in one dialect, as its SDK would send it."""

    name: str
    path: str
    body: dict[str, Json]
    step: str = "text"
    """What the provider does: says a text, or calls a tool."""

    def __str__(self) -> str:
        return self.name


FUNCTION = {"name": TOOL[0], "parameters": SCHEMA}
CHAT = {"model": GPT, "messages": [{"role": "user", "content": QUESTION}]}
GROQ = CHAT | {"model": LLAMA}
MESSAGES = CHAT | {"model": CLAUDE, "max_tokens": 99}
RESPONSES = {"model": GPT, "input": QUESTION}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
CHAT_TOOLS = {"tools": [{"type": "function", "function": FUNCTION}]}
MESSAGES_TOOLS = {"tools": [{"name": TOOL[0], "input_schema": SCHEMA}]}
RESPONSES_TOOLS = {"tools": [{"type": "function", **FUNCTION, "strict": False}]}
CONTENTS_TOOLS = {
    "tools": [{"functionDeclarations": [{"name": TOOL[0], "parametersJsonSchema": SCHEMA}]}]
}
STREAM = {"stream": True}
USAGE = STREAM | {"stream_options": {"include_usage": True}}
GENERATE = f"/v1beta/models/{GEMINI}:generateContent"
STREAM_GENERATE = f"/v1beta/models/{GEMINI}:streamGenerateContent"

CALLS = (
    Request("chat", "/v1/chat/completions", CHAT),
    Request("chat, streamed", "/v1/chat/completions", CHAT | STREAM),
    Request("chat, streamed, usage", "/v1/chat/completions", CHAT | USAGE),
    Request("chat, tool", "/v1/chat/completions", CHAT | CHAT_TOOLS, "tool"),
    Request("chat, tool, streamed", "/v1/chat/completions", CHAT | CHAT_TOOLS | STREAM, "tool"),
    Request("groq", "/groq/openai/v1/chat/completions", GROQ),
    Request("groq, streamed", "/groq/openai/v1/chat/completions", GROQ | STREAM),
    Request("groq, tool", "/groq/openai/v1/chat/completions", GROQ | CHAT_TOOLS, "tool"),
    Request("messages", "/v1/messages", MESSAGES),
    Request("messages, streamed", "/v1/messages", MESSAGES | STREAM),
    Request("messages, tool", "/v1/messages", MESSAGES | MESSAGES_TOOLS, "tool"),
    Request("messages, tool, streamed", "/v1/messages", MESSAGES | MESSAGES_TOOLS | STREAM, "tool"),
    Request("responses", "/v1/responses", RESPONSES),
    Request("responses, streamed", "/v1/responses", RESPONSES | STREAM),
    Request("responses, tool", "/v1/responses", RESPONSES | RESPONSES_TOOLS, "tool"),
    Request(
        "responses, tool, streamed", "/v1/responses", RESPONSES | RESPONSES_TOOLS | STREAM, "tool"
    ),
    Request("gemini", GENERATE, CONTENTS),
    Request("gemini, streamed", f"{STREAM_GENERATE}?alt=sse", CONTENTS),
    Request("gemini, streamed as an array", STREAM_GENERATE, CONTENTS),
    Request("gemini, tool", GENERATE, CONTENTS | CONTENTS_TOOLS, "tool"),
    Request(
        "gemini, tool, streamed", f"{STREAM_GENERATE}?alt=sse", CONTENTS | CONTENTS_TOOLS, "tool"
    ),
    Request("embeddings", "/v1/embeddings", {"model": EMBEDDING, "input": ["one", "two"]}),
    Request("counting tokens", "/v1/messages/count_tokens", CHAT | {"model": CLAUDE}),
    Request("counting Gemini's tokens", f"/v1beta/models/{GEMINI}:countTokens", CONTENTS),
)

# Different at each call, or the server's clock; what LiteLLM adds for itself; and counts of the
# request, which the scripted provider makes from the bytes that it gets, and LiteLLM writes anew.
_NOT_COMPARED = frozenset(
    {
        *("id", "item_id", "response_id", "responseId", "created", "created_at", "completed_at"),
        "provider_specific_fields",
        *("prompt_tokens", "input_tokens", "total_tokens"),
        *("promptTokenCount", "totalTokenCount", "tokenCount"),
    }
)

type Event = tuple[str, Json]
"""Its name and its data; of an answer in one piece the whole, without a name."""


def events(answer: httpx.Response) -> list[Event]:
    """What a client is told, event by event."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        whole = answer.json()
        return [("", comparable(part)) for part in (whole if isinstance(whole, list) else [whole])]
    found = []
    for block in answer.text.replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(": ") for line in block.split("\n") if line]
        name = "".join(value for key, _, value in fields if key == "event")
        data = "".join(value for key, _, value in fields if key == "data")
        if data:
            found.append((name, data if data == "[DONE]" else comparable(json.loads(data))))
    return found


def comparable(value: Json) -> Json:
    """Null is what a client reads where a field is missing, too."""
    if isinstance(value, dict):
        left = {key: comparable(part) for key, part in value.items() if key not in _NOT_COMPARED}
        return {key: part for key, part in left.items() if part is not None}
    return [comparable(part) for part in value] if isinstance(value, list) else value


def as_litellm_tells(request: Request, told: list[Event]) -> list[Event]:
    """The provider's events with everything that LiteLLM is known to change in them.

    Each of these is in the table of docs/backends.md.
    """
    changed = [(name, json.loads(json.dumps(data))) for name, data in told]
    match request.path.rpartition("/")[2].partition("?")[0], bool(request.body.get("stream")):
        case "completions", True:
            for _, data in changed:
                if data != "[DONE]":
                    _as_a_chunk_of_litellm(request, data)
        case "responses", True:
            # Without names; the model in each event; and an end that chat streams have.
            changed = [("", data | {"model": request.body["model"]}) for _, data in changed]
            changed.append(("", "[DONE]"))
        case "embeddings", _:
            changed[0][1]["usage"]["completion_tokens"] = 0
        case "count_tokens", _:
            changed[0][1]["litellm_count_source"] = "provider"
        case verb, _ if verb.endswith(":countTokens"):
            changed[0][1]["litellm_count_source"] = "provider"
    return changed


def _as_a_chunk_of_litellm(request: Request, chunk: Json) -> None:
    if not chunk["choices"]:  # the last one, with the usage
        chunk["choices"] = [{"index": 0, "delta": {}}]
    for choice in chunk["choices"]:
        for call in choice["delta"].get("tool_calls", ()):
            call["type"] = "function"  # which a provider says once
    if request.name.startswith("groq"):
        chunk.pop("system_fingerprint", None)


KEYS_OF_LITELLM = tuple(UPSTREAM_KEYS.values())
