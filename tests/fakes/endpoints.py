"""Which endpoint a request is for, whatever stands before it in the path."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.fakes.ledger import Seen

type Dialect = Literal["openai-chat", "openai-responses", "anthropic", "gemini"]
type Operation = Literal[
    "generate", "websocket", "count_tokens", "embeddings", "models", "health", "unknown"
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    dialect: Dialect
    operation: Operation


ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", r"/chat/completions$", Endpoint("openai-chat", "generate")),
    ("POST", r"/responses$", Endpoint("openai-responses", "generate")),
    ("UPGRADE", r"/responses$", Endpoint("openai-responses", "websocket")),
    ("POST", r"/embeddings$", Endpoint("openai-chat", "embeddings")),
    ("POST", r"/messages$", Endpoint("anthropic", "generate")),
    ("POST", r"/messages/count_tokens$", Endpoint("anthropic", "count_tokens")),
    ("POST", r":(g|streamG)enerateContent$", Endpoint("gemini", "generate")),
    ("POST", r":countTokens$", Endpoint("gemini", "count_tokens")),
    ("POST", r":batchEmbedContents$", Endpoint("gemini", "embeddings")),
    ("GET", r"/health$", Endpoint("openai-chat", "health")),
    ("GET", r"/v1beta/models$", Endpoint("gemini", "models")),
)
UNKNOWN = Endpoint("openai-chat", "unknown")


def endpoint_of(seen: Seen) -> Endpoint:
    path = urlsplit(seen.path).path.rstrip("/")
    method = "UPGRADE" if seen.is_upgrade else seen.method.replace("HEAD", "GET")
    for expected, pattern, endpoint in ENDPOINTS:
        if method == expected and re.search(pattern, path):
            return endpoint
    if method == "GET" and path.endswith("/models"):
        return Endpoint(_dialect_of_headers(seen), "models")
    return UNKNOWN


def query_of(seen: Seen) -> dict[str, str]:
    """The query, with the last value of each name."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(seen.path).query).items()}


def _dialect_of_headers(seen: Seen) -> Dialect:
    if seen.header("anthropic-version") is not None:
        return "anthropic"
    if seen.header("x-goog-api-key") is not None:
        return "gemini"
    return "openai-chat"
