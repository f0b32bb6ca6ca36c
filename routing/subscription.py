"""Logins that only their own provider understands."""

import re
from base64 import urlsafe_b64decode
from typing import Final
from urllib.parse import unquote_plus

from routing.facts import RequestFacts
from routing.headers import CREDENTIAL_QUERY, CREDENTIALS
from routing.providers import Provider

# Claude's tokens, Google's, Copilot's, and those of GitHub, for which Copilot gives its own.
_LOGIN_TOKENS: Final = ("sk-ant-oat", "ya29.", "tid=", "gho_", "ghu_")
# No API key is given in these.
_LOGIN_HEADER: Final = "chatgpt-account-id"
_LOGIN_QUERY: Final = frozenset({"access_token", "oauth_token"})
# Cookies have names that look like tokens, and a proxy's password is no provider's.
_TOKEN_HEADERS: Final = CREDENTIALS - {"cookie", "proxy-authorization"}
_CHATGPT: Final = re.compile(rb'"iss"\s*:\s*"https://auth0?\.openai\.com')


def is_subscription(facts: RequestFacts, provider: Provider, host: str) -> bool:
    """Whether a login pays for a request to this host, not an API key: it goes direct by itself."""
    return provider.is_subscription_host(host) or carries_login(facts)


def carries_login(facts: RequestFacts) -> bool:
    """Whether a login stands in any place where a credential may stand."""
    for name, value in facts.headers:
        lowered = name.lower()
        if lowered == _LOGIN_HEADER and value:
            return True
        if lowered in _TOKEN_HEADERS and any(map(_is_login, value.split())):
            return True
    _, asks, query = facts.path.partition("?")
    return bool(asks) and any(map(_names_login, query.split("&")))


def _names_login(parameter: str) -> bool:
    name, _, value = (unquote_plus(part) for part in parameter.partition("="))
    lowered = name.lower()
    if lowered in _LOGIN_QUERY:
        return value != ""
    return lowered in CREDENTIAL_QUERY and _is_login(value)


def _is_login(token: str) -> bool:
    return token.startswith(_LOGIN_TOKENS) or (token.startswith("eyJ") and _is_chatgpts(token))


def _is_chatgpts(token: str) -> bool:
    """Whether a JSON Web Token is ChatGPT's; gateways and Azure have others, which are keys."""
    claims = token.split(".")[1:2]
    try:
        return any(_CHATGPT.search(urlsafe_b64decode(f"{text}===")) for text in claims)
    except ValueError:
        return False
