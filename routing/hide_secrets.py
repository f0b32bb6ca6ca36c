"""Take keys out of text that another program wrote, before a person or a log sees it."""

import re

HIDDEN = "[hidden]"

_LOOKS_LIKE_A_KEY = re.compile(
    r"""
      \b(?:(?:sk|pk|rk|gsk|xai|ghp|gho|ghu|github_pat|hf)[-_]|AIza|AKIA|ya29\.)[-.\w]{8,}
    | \beyJ[-_A-Za-z0-9]{8,}(?:\.[-_A-Za-z0-9]+)*                   # a JSON web token
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                               # user and password in a URL
    | (?i:(?<=bearer\ ))[^\s"',}]+
    | (?i:\b[-\w]*(?:api[-_]?key|secret|password|token|master_key)\b["']?\s*[:=]\s*["']?)
      (?P<value>[^\s"',}]{4,})
    """,
    re.VERBOSE,
)


def hide_secrets(text: str, *known: str | None) -> str:
    """The text without the secrets we know, and without anything that looks like one."""
    for secret in known:
        if secret:
            text = text.replace(secret, HIDDEN)
    return _LOOKS_LIKE_A_KEY.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    value = found["value"]
    return found[0].replace(value, HIDDEN) if value else HIDDEN
