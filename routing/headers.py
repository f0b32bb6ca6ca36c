"""Which headers are whose: ours stay with us, a client's credential stays with its provider."""

import re
from typing import Final
from urllib.parse import quote, unquote_plus

USER: Final = "x-sm-user-id"
PROJECT: Final = "x-memory-project"
CALL: Final = "x-memory-call"
"""By which a call to LiteLLM and the calls that LiteLLM makes for it are known as one."""
LABEL: Final = re.compile(r"[\x21-\x7e]{1,128}")
"""What may stand for a user: it goes into headers, logs and LiteLLM's books."""
_OUR_PREFIX: Final = "x-memory-"

# What proves who the client is, to its provider and to nobody else.
CREDENTIALS: Final = frozenset(
    {
        "api-key",
        "authorization",
        "chatgpt-account-id",
        "cookie",
        "ocp-apim-subscription-key",
        "openai-organization",
        "openai-project",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-goog-user-project",
    }
)
CREDENTIAL_QUERY: Final = frozenset(
    {"access_token", "api-key", "key", "oauth_token", "subscription-key"}
)


def is_ours(name: str) -> bool:
    lowered = name.lower()
    return lowered == USER or lowered.startswith(_OUR_PREFIX)


def is_credential(name: str) -> bool:
    return name.lower() in CREDENTIALS


def without_credentials(path: str) -> str:
    """The path with its query, less the parameters that are keys; the rest byte for byte."""
    bare, _, query = path.partition("?")
    parts = query.split("&")
    kept = [p for p in parts if unquote_plus(p.partition("=")[0]).lower() not in CREDENTIAL_QUERY]
    if len(kept) == len(parts):
        return path
    return f"{bare}?{'&'.join(kept)}" if kept else bare


def quoted(text: str) -> str:
    """Fit for a path or a header, also where it is no UTF-8, as file names may be."""
    return quote(text, errors="surrogateescape")
