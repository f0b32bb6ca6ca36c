"""Take keys out of text that another program wrote, before a person or a log sees it."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Final

HIDDEN = "[hidden]"
SHORTEST_SECRET: Final = 8
"""Characters; what is shorter may be a word of any sentence."""
LONGEST_MESSAGE: Final = 2000
"""Characters of an error's message that a client is told."""

secrets_given: Final[set[str]] = set()
"""Those of each litellm.yaml that a LiteLLM was started with. They stay: a call may be under way
with one that its file holds no longer."""

_LONGEST_READ: Final = 4 * LONGEST_MESSAGE
_LONGEST_WORD: Final = 24
"""Characters without a digit; what is longer is no word that stands in a message."""

# Quotes may be escaped: errors quote JSON that quotes JSON.
_IS: Final = r"""[\\"']*\s*[:=]\s*[\\"']*"""
_LOOKS_LIKE_A_KEY = re.compile(
    rf"""
      \b(?P<prefixed>(?:(?:sk|pk|rk|gsk|xai|ghp|gho|ghu|ghs|github_pat|glpat|hf|nvapi|pplx|r8|tgp_v1)[-_]
        |xox[a-z]-|AIza|AQ\.|AKIA|ASIA|ya29\.)[-.\w*]{{8,}})
    | \beyJ[-_A-Za-z0-9]{{8,}}(?:\.[-_A-Za-z0-9]+)*                 # a JSON web token
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                               # user and password in a URL
    | (?i:\bauthorization\b){_IS}(?i:(?:bearer|basic|token|key)[ ])?(?P<login>[^\s"'\\,}}]{{4,}})
    | (?i:(?<=bearer\ ))(?P<bearer>[^\s"'\\,}}]+)
    | (?i:[?&](?:key|sig|code)=)(?P<query>[^\s"'\\&]{{4,}})
    | (?i:\b[-\w]{{0,40}}(?:api[-_]?key|secret|password|passwd|token|[a-z]_key)\b{_IS})
      (?P<value>[^\s"'\\,}}]{{4,}})
    | (?i:\bapi[ ]key(?:[ ](?:provided|is|was))?{_IS})(?P<quoted>[^\s"'\\,}}]{{4,}})
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMES_A_SECRET: Final = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$", re.IGNORECASE)

_TRACEBACK: Final = "Traceback (most recent call last)"
_FRAME: Final = re.compile(r"""\s{0,9}File [\\"']+[^"'\n]{1,500}["'], line \d+(?:, in [\w.<>]+)?""")
_END_OF_PATH: Final = r"""\s"'<>|:,;()\[\]{}\\"""
# Routes of an API look like paths too; a path is what begins as files of a machine do.
_PATH: Final = re.compile(
    rf"""
      (?:file://|(?<![\w:/.~-])~)/[^{_END_OF_PATH}]*
    | (?<![\w:/.~-])/(?:home|Users|root|usr|opt|var|tmp|etc|private|srv|mnt|media|run|proc|nix
        |snap|Library|Applications|Volumes|workspace|app/litellm)/[^{_END_OF_PATH}]*
    | (?<![\w:/.~-])/[^{_END_OF_PATH}]{{0,500}}?(?:/site-packages/[^{_END_OF_PATH}]*|\.pyc?\b)
    | (?<!\w)[A-Za-z]:\\[^\s"'<>|:,;()\[\]{{}}]+
    """,
    re.VERBOSE,
)
# What LiteLLM says of itself, and nobody who called a model can make use of.
_ASIDES: Final = re.compile(
    r"""
      \s{0,4}\bReceived\ Model\ Group=[^\n]*
    | \s{0,4}\bAvailable\ Model\ Group\ Fallbacks=[^\n]*
    | \s{0,4}\bLiteLLM:\ model\ group\ [^\n]{1,300}\ failed\ with\ the\ error\ above\.
      (?:\ No\ fallback\ was\ attempted\.)?
    | \s{0,4}\bLiteLLM\ Retried:[^\n]*
    | \s{0,4}\bDeployment\ Info:\ request_timeout:[^\n]*(?:\ntimeout:[^\n]*)?
    | \s{0,4}\bThis\ looks\ like\ a\ bug\ in\ LiteLLM\ rather\ than\ in\ your\ request\..*
    """,
    re.VERBOSE | re.DOTALL,
)
_PAGE: Final = re.compile(
    r"<(?:!doctype|html|head|title|body|h[1-6]|p|div|center|script|style)\b", re.IGNORECASE
)
_UNSEEN: Final = re.compile(
    r"<(script|style)\b[^>]{0,500}>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_EXCEPTION: Final = re.compile(r"<(\w*(?:Error|Exception)\b[^<>]{0,500})>")
"""As Python shows one; in angle brackets it looks like a page's."""
_TAG: Final = re.compile(
    r"</?[A-Za-z][^<>]{0,2000}>|<!(?:--.{0,2000}?--|[^<>]{0,2000})>", re.DOTALL
)


def hide_secrets(text: str, *known: str | None) -> str:
    """The text without the secrets we know, and without anything that looks like one."""
    return _LOOKS_LIKE_A_KEY.sub(_hide, _without(known, text))


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of an environment that are secrets by their names."""
    return tuple(
        value
        for name, value in environment.items()
        if _NAMES_A_SECRET.search(name) and len(value) >= SHORTEST_SECRET
    )


def clean_message(text: str, *known: str | None) -> str:
    """What another program says went wrong, for a client: short, and without keys and paths."""
    text = text[:_LONGEST_READ].partition(_TRACEBACK)[0]
    if _PAGE.search(text):
        text = " ".join(html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text))).split())
    text = _ASIDES.sub("", _FRAME.sub("", text))
    text = _LOOKS_LIKE_A_KEY.sub(_hide_unless_a_word, _without(known, text))
    text = _PATH.sub(HIDDEN, text).strip()
    text = _EXCEPTION.sub(r"\1", text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _without(known: Iterable[str | None], text: str) -> str:
    # A secret may begin as another does.
    for secret in sorted(filter(None, known), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _hide_unless_a_word(found: re.Match[str]) -> str:
    """`api_key: Field required` is an error that its reader needs."""
    named = found.lastgroup
    value = found[named] if named else ""
    may_be_name = named == "prefixed" and not re.search(r"[\d*]", value)
    is_word = len(value) < _LONGEST_WORD and (may_be_name or value.isalpha())
    return found[0] if is_word else _hide(found)


def _hide(found: re.Match[str]) -> str:
    named = found.lastgroup
    return found[0].replace(found[named], HIDDEN) if named else HIDDEN
