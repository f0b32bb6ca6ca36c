"""Keys that tell their kind by how they begin."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from recall.secrets.looks import is_random, is_real
from recall.secrets.steps import any_word_of, marker

Check = Callable[[str], bool]

_ALNUM: Final = r"[A-Za-z0-9]{20,}+"
_SHORT: Final = r"[A-Za-z0-9]{10,}+"
_WORDS: Final = r"[\w-]{16,}+"
_BASE64: Final = r"[\w+/=-]{20,}+"
_HEX: Final = r"[0-9a-fA-F]{32,}+"
_DOTTED: Final = r"[\w-]++(?:\.[\w-]+)*+"


def _is_jwt(value: str) -> bool:
    parts = value.split(".")
    return len(parts) >= 2 and len(parts[0]) >= 10 and len(parts[1]) >= 10


def _is_two_part(value: str) -> bool:
    parts = value.split(".")
    return len(parts) >= 2 and min(len(parts[0]), len(parts[1])) >= 16 and is_real(value)


def _is_long(value: str) -> bool:
    return len(value) >= 20 and is_real(value)


class Prefixed(NamedTuple):
    kind: str
    prefixes: str
    body: str
    check: Check = is_real


# The longest prefix wins, so the order of the rows does not matter.
_PREFIXED: Final = (
    # model providers
    Prefixed("anthropic key", "sk-ant-", _WORDS),
    Prefixed("openai key", "sk-proj- sk-svcacct- sk-admin- sk-None-", _WORDS),
    Prefixed("openrouter key", "sk-or-", _WORDS),
    # Older OpenAI keys, DeepSeek, Moonshot, DashScope, LiteLLM: no way to tell them apart.
    Prefixed("api key", "sk-", _WORDS, is_random),
    Prefixed("google key", "AIza", r"[\w-]{30,}+"),
    Prefixed("google key", "AQ.Ab", r"[\w-]{30,}+"),
    Prefixed("google token", "ya29. 1//0", r"[\w.-]{20,}+"),
    Prefixed("google secret", "GOCSPX-", _WORDS),
    Prefixed("groq key", "gsk_", _ALNUM),
    Prefixed("xai key", "xai-", _WORDS, is_random),
    Prefixed("huggingface token", "hf_ api_org_", _ALNUM),
    Prefixed("perplexity key", "pplx-", _ALNUM),
    Prefixed("replicate token", "r8_", _ALNUM),
    Prefixed("nvidia key", "nvapi-", _WORDS),
    Prefixed("cerebras key", "csk-", _ALNUM),
    Prefixed("fireworks key", "fw_", _ALNUM, is_random),
    Prefixed("together key", "tgp_v1_", _WORDS),
    Prefixed("voyage key", "pa-", r"[\w-]{40,}+", is_random),
    Prefixed("anyscale key", "esecret_", _ALNUM),
    Prefixed("tavily key", "tvly-", _WORDS, is_random),
    Prefixed("jina key", "jina_", _WORDS, is_random),
    Prefixed("firecrawl key", "fc-", _HEX),
    Prefixed("elevenlabs key", "sk_", _HEX),
    Prefixed("langsmith key", "lsv2_pt_ lsv2_sk_", _WORDS),
    Prefixed("langfuse key", "sk-lf-", _WORDS),
    Prefixed("pinecone key", "pcsk_", _WORDS),
    # clouds
    Prefixed("aws key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Prefixed("aws bedrock key", "ABSK bedrock-api-key-", r"[\w+/=-]{40,}+"),
    Prefixed("alibaba key", "LTAI", r"[A-Za-z0-9]{12,30}+(?![A-Za-z0-9])", is_random),
    Prefixed("tencent key", "AKID", r"[A-Za-z0-9]{24,40}+(?![A-Za-z0-9])", is_random),
    Prefixed("digitalocean token", "dop_v1_ doo_v1_ dor_v1_", _HEX),
    Prefixed("cloudflare token", "cfut_ cfat_ cfk_", r"[A-Za-z0-9_-]{30,}+"),
    Prefixed("cloudflare key", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{100,}+"),
    Prefixed("databricks token", "dapi dkea dosea", r"[0-9a-f]{32}(?:-\d+)?(?![0-9A-Za-z])"),
    Prefixed("vault token", "hvs. hvb. hvr.", r"[\w-]{20,}+"),
    Prefixed("doppler token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", _DOTTED, _is_long),
    Prefixed("supabase key", "sbp_ sb_secret_", _WORDS),
    Prefixed("planetscale token", "pscale_tkn_ pscale_pw_ pscale_oauth_", _WORDS),
    Prefixed("fly token", "fm1r_ fm1a_ fm2_ fo1_", _BASE64),
    Prefixed("heroku key", "HRKU-", _WORDS),
    Prefixed("yandex key", "AQVN", r"[\w-]{35,36}(?![\w-])"),
    Prefixed("netlify token", "nfp_", _ALNUM),
    Prefixed("tailscale key", "tskey-", _WORDS, is_random),
    Prefixed("pulumi token", "pul-", _HEX),
    # code and packages
    Prefixed("github token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9_]{20,}+"),
    Prefixed("github token", "github_pat_", r"[A-Za-z0-9_]{20,}+"),
    Prefixed(
        "gitlab token",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas- glffct- GR1348941",
        r"[\w-]{16,}+(?:\.[\w-]+)*+",
    ),
    Prefixed("atlassian token", "ATATT3 ATCTT3 ATBB", _BASE64),
    Prefixed("npm token", "npm_", _ALNUM),
    Prefixed("pypi token", "pypi-", r"[\w-]{50,}+"),
    Prefixed("rubygems key", "rubygems_", _HEX),
    Prefixed("cargo token", "cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", is_random),
    Prefixed("nuget key", "oy2", r"[a-z0-9]{43}(?![A-Za-z0-9])", is_random),
    Prefixed("docker token", "dckr_pat_ dckr_oat_", _WORDS),
    Prefixed("artifactory key", "AKCp", r"[A-Za-z0-9]{60,}+"),
    Prefixed("postman key", "PMAK-", _WORDS),
    Prefixed("sonar token", "sqp_ squ_ sqa_", _HEX),
    Prefixed("circleci token", "CCIPAT_", _WORDS),
    Prefixed("buildkite token", "bkua_", _HEX),
    # services
    Prefixed("slack token", "xoxb- xoxp- xoxa- xoxo- xoxs- xoxr- xoxe- xoxc- xoxd- xoxe. xapp-",
             r"[\w%+/=.-]{10,}+"),
    Prefixed("slack webhook", "hooks.slack.com/services/ hooks.slack.com/workflows/"
             " hooks.slack.com/triggers/", r"[\w/]{20,}+"),
    Prefixed("discord webhook", "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
             r"\d{5,24}/[\w-]{20,}+"),
    Prefixed("teams webhook", "webhook.office.com/webhookb2/", r"[\w@/-]{40,}+"),
    Prefixed("stripe key", "sk_live_ rk_live_ sk_test_ rk_test_ sk_org_live_ sk_org_test_",
             _SHORT),
    Prefixed("stripe webhook secret", "whsec_", _BASE64),
    Prefixed("twilio key", "SK AC", r"[0-9a-f]{32}(?![0-9A-Za-z])"),
    Prefixed("sendgrid key", "SG.", _DOTTED, _is_two_part),
    Prefixed("mailgun key", "key-", r"[0-9a-f]{32}(?![0-9A-Za-z])"),
    Prefixed("brevo key", "xkeysib- xsmtpsib-", _WORDS),
    Prefixed("resend key", "re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}+"),
    Prefixed("razorpay key", "rzp_live_ rzp_test_", _SHORT),
    Prefixed("flutterwave key", "FLWSECK- FLWSECK_TEST-", _WORDS),
    Prefixed("plaid token", "access-sandbox- access-development- access-production-",
             r"[0-9a-f]{8}-[0-9a-f-]{27}"),
    Prefixed("launchdarkly key", "sdk- mob-", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Prefixed("prefect key", "pnu_ pnb_", _ALNUM),
    Prefixed("adafruit key", "aio_", r"[A-Za-z0-9]{28}(?![A-Za-z0-9])"),
    Prefixed("contentful token", "CFPAT-", _WORDS),
    Prefixed("dropbox token", "sl.", r"[\w.-]{100,}+", is_random),
    Prefixed("linear key", "lin_api_ lin_oauth_", _ALNUM),
    Prefixed("notion token", "ntn_", _ALNUM),
    Prefixed("notion token", "secret_", r"[A-Za-z0-9]{30,}+", is_random),
    Prefixed("airtable token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Prefixed("figma token", "figd_ figu_", _WORDS),
    Prefixed("shopify token", "shpat_ shpca_ shppa_ shpss_", _HEX),
    Prefixed("square token", "sq0csp- sq0atp- sq0idp-", _WORDS),
    Prefixed("grafana token", "glc_ glsa_", _BASE64),
    Prefixed("new relic key", "NRAK- NRJS- NRII-", _WORDS),
    Prefixed("sentry token", "sntrys_ sntryu_", _BASE64),
    Prefixed("posthog key", "phx_", _ALNUM),
    Prefixed("1password token", "ops_eyJ", _BASE64),
    Prefixed("age key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{40,}+"),
    Prefixed("jwt", "eyJ", _DOTTED, _is_jwt),
)  # fmt: skip

_OPENINGS: Final = {
    prefix: (row, re.compile(row.body, re.ASCII))
    for row in _PREFIXED
    for prefix in row.prefixes.split()
}


_OPENING: Final = re.compile(any_word_of(_OPENINGS))
# Letters and digits in front mean the middle of something else ("task-" holds "sk-"), unless they
# end an escape, as in JSON inside JSON, an encoded URL or a coloured terminal.
_ESCAPE: Final = re.compile(r"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\d[mK])\Z")


def _starts_here(text: str, start: int) -> bool:
    before = text[start - 1] if start else ""
    if not (before.isascii() and before.isalnum()):
        return True
    return bool(_ESCAPE.search(text[max(0, start - 6) : start]))


def redact_prefixed(text: str, found: Counter[str]) -> str:
    pieces: list[str] = []
    done = at = 0
    # No such key is shorter than 20 characters and none holds a space, so that most of a text is
    # passed over at the speed of `split`.
    for word in [word for word in text.split() if len(word) >= 20]:
        at = text.index(word, at)
        for start, end, kind in _prefixed(text, at, at + len(word)):
            if start >= done:
                found[kind] += 1
                pieces += (text[done:start], marker(kind))
                done = end
        at = max(at + len(word), done)
    return "".join((*pieces, text[done:])) if pieces else text


def _prefixed(text: str, at: int, end: int) -> Iterator[tuple[int, int, str]]:
    while opening := _OPENING.search(text, at, end):
        start, at = opening.span()
        if not _starts_here(text, start):
            continue
        row, body = _OPENINGS[opening.group()]
        if match := body.match(text, at):
            at = match.end()
            if row.check(match.group()):
                yield start, at, row.kind
