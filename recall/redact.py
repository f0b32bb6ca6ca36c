"""Takes keys, passwords and private passages out of a text before it is stored or shown again.

Everything here is linear in the text, because a passage may be a ten-megabyte log: a pattern
either fails after a bounded number of characters or consumes what it has read, and a check on
the consumed text decides. Counted repeats are therefore possessive or have an upper bound.

The table is our own because detect-secrets, the library for this, is made for one line of a file
at a time: two of its patterns are quadratic, it knows few of the keys that people give to AI tools,
and of a private key it finds the first line only.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

VERSION: Final = 2

# One round can uncover another, as when a private span parted the two halves of a key. Three are
# plenty for honest text; the limit keeps a crafted one from making every round uncover the next.
_ROUNDS: Final = 8
# A secret that begins or ends so far from a cut is not judged by what is behind the cut.
_CONTEXT: Final = 4_096
_CUT: Final = "\n\n[…]\n\n"


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many of each kind were taken out."""

    text: str = field(repr=False)
    found: Mapping[str, int]


def redact(text: str, longest: int | None = None) -> Redacted:
    """Replace every secret by a marker that names its kind; private passages vanish whole.

    Of a text of more characters than `longest`, the beginning and the end are kept. It is cut here
    because a secret that was cut in two is no longer recognised.
    """
    found: Counter[str] = Counter()
    if longest is not None and len(text) > longest:
        text = _without(_BOUNDLESS, text, found)
        if len(text) > longest:
            kept = longest // 2 + _CONTEXT
            beginning = _without(_STEPS, text[:kept], found)
            end = _without(_STEPS, text[-kept:], found)
            text = f"{_beginning(beginning)}{_CUT}{_end(end)}"
            return Redacted(text, MappingProxyType(dict(found)))
    text = _without(_STEPS, text, found)
    return Redacted(text, MappingProxyType(dict(found)))


def _without(steps: Iterable["Step"], text: str, found: Counter[str]) -> str:
    for _ in range(_ROUNDS):
        before = found.total()
        for step in steps:
            text = step(text, found)
        if found.total() == before:
            break
    return text


# No secret goes on behind one of these.
_BETWEEN: Final = re.compile(r"[^!-~]")
_REST_OF_MARKER: Final = re.compile(r"[a-z0-9: ]{0,40}\]")


def _beginning(text: str) -> str:
    text = text[: max(0, len(text) - _CONTEXT)]
    places = [place.start() for place in _BETWEEN.finditer(text, max(0, len(text) - _CONTEXT))]
    return _INSIDE_MARKER.sub("", text[: places[-1]] if places else text)


def _end(text: str) -> str:
    place = _BETWEEN.search(text, _CONTEXT)
    text = text[place.start() :] if place else ""
    return _REST_OF_MARKER.sub("", text, 1) if _REST_OF_MARKER.match(text) else text


def _marker(kind: str) -> str:
    return f"[redacted: {kind}]"


_MARKER: Final = r"\[redacted: [a-z0-9 ]{1,40}\]"


Step = Callable[[str, Counter[str]], str]


# What random looks like ------------------------------------------------------------------------

_CHUNK: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# Every branch begins with a plain character, so that the search skips what cannot begin one.
_STAND_IN: Final = re.compile(
    r"""\.\.\.|…|\*\*\*|••|xxxx|<[^>]*>|\{\{|\{[\w.]*\}|\$\{|%\(|%[sdv]\Z|0{12}"""
    r"|(?P<word>your(?:[_-]?(?:own|api|secret|access|auth|token|key|pass|pwd|client|project|new))?"
    r"|my[_-](?:api|secret|token|key|password)|examples?|placeholder|dummy|fake|change[_-]?(?:me"
    r"|this|it)|insert|replace[_-]?(?:me|this|with)|redacted|todo|goes[_-]here)"
)
_VARIABLE: Final = re.compile(r"\$\(?\w+\)?\Z|%\w+%\Z|[xX*.#_0-]+\Z")


def _is_real(value: str) -> bool:
    """Not one of the stand-ins that documentation and templates are full of."""
    head = value[:200].lower()
    if len(set(head)) < min(6, len(head) // 2) or _VARIABLE.match(value):
        return False
    for match in _STAND_IN.finditer(head):
        start, end = match.span()
        if not match["word"] or head[end - 7 :] == "example":
            return False
        if not head[start - 1 : start].isalpha() and not head[end : end + 1].isalpha():
            return False
    return True


_LOWER: Final = re.compile(r"[a-z]")
_DIGIT: Final = re.compile(r"[0-9]")
_SPACE: Final = re.compile(r"\s")
_HEXADECIMAL: Final = re.compile(
    r"(?:(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{24,}"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\Z"
)


def _is_random(value: str, words_up_to: float = 3.2) -> bool:
    """Case and digits change too often for words: `skFadingCircle2` is a name, `aB3xK9q` is not."""
    head = value[:80]
    if _HEXADECIMAL.match(head):
        return len(set(head)) > 5 and _is_real(head)
    chunks = _CHUNK.findall(head)
    letters = sum(map(len, chunks))
    if letters < 8 or letters > words_up_to * len(chunks):
        return False
    if not _DIGIT.search(head) and (letters > 2.9 * len(chunks) or head.lower() == head):
        return False
    return _is_real(value)


# Keys that tell their kind by how they begin ---------------------------------------------------

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
    return len(parts) >= 2 and min(len(parts[0]), len(parts[1])) >= 16 and _is_real(value)


def _is_long(value: str) -> bool:
    return len(value) >= 20 and _is_real(value)


class Prefixed(NamedTuple):
    kind: str
    prefixes: str
    body: str
    check: Check = _is_real


# The longest prefix wins, so the order of the rows does not matter.
_PREFIXED: Final = (
    # model providers
    Prefixed("anthropic key", "sk-ant-", _WORDS),
    Prefixed("openai key", "sk-proj- sk-svcacct- sk-admin- sk-None-", _WORDS),
    Prefixed("openrouter key", "sk-or-", _WORDS),
    # Older OpenAI keys, DeepSeek, Moonshot, DashScope, LiteLLM: no way to tell them apart.
    Prefixed("api key", "sk-", _WORDS, _is_random),
    Prefixed("google key", "AIza", r"[\w-]{30,}+"),
    Prefixed("google key", "AQ.Ab", r"[\w-]{30,}+"),
    Prefixed("google token", "ya29. 1//0", r"[\w.-]{20,}+"),
    Prefixed("google secret", "GOCSPX-", _WORDS),
    Prefixed("groq key", "gsk_", _ALNUM),
    Prefixed("xai key", "xai-", _WORDS, _is_random),
    Prefixed("huggingface token", "hf_ api_org_", _ALNUM),
    Prefixed("perplexity key", "pplx-", _ALNUM),
    Prefixed("replicate token", "r8_", _ALNUM),
    Prefixed("nvidia key", "nvapi-", _WORDS),
    Prefixed("cerebras key", "csk-", _ALNUM),
    Prefixed("fireworks key", "fw_", _ALNUM, _is_random),
    Prefixed("together key", "tgp_v1_", _WORDS),
    Prefixed("voyage key", "pa-", r"[\w-]{40,}+", _is_random),
    Prefixed("anyscale key", "esecret_", _ALNUM),
    Prefixed("tavily key", "tvly-", _WORDS, _is_random),
    Prefixed("jina key", "jina_", _WORDS, _is_random),
    Prefixed("firecrawl key", "fc-", _HEX),
    Prefixed("elevenlabs key", "sk_", _HEX),
    Prefixed("langsmith key", "lsv2_pt_ lsv2_sk_", _WORDS),
    Prefixed("langfuse key", "sk-lf-", _WORDS),
    Prefixed("pinecone key", "pcsk_", _WORDS),
    # clouds
    Prefixed("aws key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Prefixed("aws bedrock key", "ABSK bedrock-api-key-", r"[\w+/=-]{40,}+"),
    Prefixed("alibaba key", "LTAI", r"[A-Za-z0-9]{12,30}+(?![A-Za-z0-9])", _is_random),
    Prefixed("tencent key", "AKID", r"[A-Za-z0-9]{24,40}+(?![A-Za-z0-9])", _is_random),
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
    Prefixed("tailscale key", "tskey-", _WORDS, _is_random),
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
    Prefixed("cargo token", "cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _is_random),
    Prefixed("nuget key", "oy2", r"[a-z0-9]{43}(?![A-Za-z0-9])", _is_random),
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
    Prefixed("dropbox token", "sl.", r"[\w.-]{100,}+", _is_random),
    Prefixed("linear key", "lin_api_ lin_oauth_", _ALNUM),
    Prefixed("notion token", "ntn_", _ALNUM),
    Prefixed("notion token", "secret_", r"[A-Za-z0-9]{30,}+", _is_random),
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


def _any_of(words: Iterable[str]) -> str:
    """The longest first, and grouped by their first letter, which is several times quicker."""
    groups: dict[str, list[str]] = {}
    for word in sorted(words, key=len, reverse=True):
        groups.setdefault(word[0], []).append(re.escape(word[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())


_OPENING: Final = re.compile(_any_of(_OPENINGS))
# Letters and digits in front mean the middle of something else ("task-" holds "sk-"), unless they
# end an escape, as in JSON inside JSON, an encoded URL or a coloured terminal.
_ESCAPE: Final = re.compile(r"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\d[mK])\Z")


def _starts_here(text: str, start: int) -> bool:
    before = text[start - 1] if start else ""
    if not (before.isascii() and before.isalnum()):
        return True
    return bool(_ESCAPE.search(text[max(0, start - 6) : start]))


def _redact_prefixed(text: str, found: Counter[str]) -> str:
    pieces: list[str] = []
    done = at = 0
    # No such key is shorter than 20 characters and none holds a space, so that most of a text is
    # passed over at the speed of `split`.
    for word in [word for word in text.split() if len(word) >= 20]:
        at = text.index(word, at)
        for start, end, kind in _prefixed(text, at, at + len(word)):
            if start >= done:
                found[kind] += 1
                pieces += (text[done:start], _marker(kind))
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


# Secrets that tell their kind by their shape ---------------------------------------------------


class Shape(NamedTuple):
    kind: str
    hint: str  # the pattern is tried only where this occurs; empty: always
    pattern: str  # the group `secret` is replaced, or else the whole match
    check: Callable[[re.Match[str]], bool] = lambda match: _is_real(_secret(match))


def _secret(match: re.Match[str]) -> str:
    return match["secret" if "secret" in match.re.groupindex else 0]


# By issuer: how the number begins, and how many digits it may have.
_ISSUERS: Final = (
    ("4", (16, 19)),  # Visa
    ("5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|3095|3[689]", (14,)),  # Diners Club
    ("6011|64[4-9]|65", (16, 19)),  # Discover
    ("352[89]|35[3-8]", (16, 19)),  # JCB
    ("62", (16, 17, 18, 19)),  # UnionPay
    ("5018|5020|5038|5893|6304|6759|676[1-3]", (16, 18, 19)),  # Maestro
    ("220[0-4]", (16,)),  # Mir
)
_ISSUED: Final = {
    length: re.compile("|".join(begins for begins, lengths in _ISSUERS if length in lengths))
    for length in {length for _, lengths in _ISSUERS for length in lengths}
}
_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# What a machine numbers, it numbers without gaps.
_NUMBERED: Final = re.compile(
    r"""(?:\#|(?:(?<![a-z])(?i:id|order|run|job|build|task|ticket|issue|invoice|shipment|tracking
        |parcel|tweet|message|request|response|trace|span|event|session|transaction|timestamp|time
        |nonce|seed|offset|sequence|serial|snowflake|process|thread|batch|row|block|version)s?
        |[a-z]I[dD])
        (?:[ _-]?(?i:id|no\.?|nr\.?|number|is|was)|I[dD]|N(?:o|umber))*
        ["'`]?[ ]?[:=]?[ ]?["'`\#]?)\Z""",
    re.VERBOSE,
)


def _is_card(match: re.Match[str]) -> bool:
    """A number of a known issuer whose check digit is right, as it is in one id in forty."""
    said = match.group()
    number = "".join(filter(str.isdigit, said))
    if not (issued := _ISSUED.get(len(number))) or not issued.match(number):
        return False
    digits = [int(digit) for digit in number]
    total = sum(digits[-1::-2]) + sum(_LUHN_DOUBLED[digit] for digit in digits[-2::-2])
    if total % 10 or len(set(digits)) == 1:
        return False
    before = match.string[max(0, match.start() - 40) : match.start()]
    return said != number or "card" in before.lower() or not _NUMBERED.search(before)


def _has_random(match: re.Match[str]) -> bool:
    return _is_random(_secret(match))


_NO_WORD: Final = re.compile(r"[0-9]|[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]")


def _is_credential(match: re.Match[str]) -> bool:
    value = _secret(match)
    return bool(_NO_WORD.search(value[:200])) and _is_real(value)


def _is_user_and_password(match: re.Match[str]) -> bool:
    """In base64, with a colon between them."""
    value = _secret(match)[:400]
    try:
        plain = base64.b64decode(value[: len(value) // 4 * 4]).decode()
    except ValueError:
        return False
    return plain.isprintable() and ":" in plain[1:]


_KEY_MATERIAL: Final = re.compile(r"[A-Za-z0-9+/=]{16,}+")


def _has_key_material(match: re.Match[str]) -> bool:
    """Real lines between the dashes, where documentation has dots."""
    return any(_is_random(run, 5) for run in _KEY_MATERIAL.findall(_secret(match)))


def _ends_a_key(match: re.Match[str]) -> bool:
    return match["end"] is not None


_HARMLESS_COOKIE: Final = re.compile(
    r"\s*(?:path|domain|expires|max-age|samesite|secure|httponly|version)\b", re.IGNORECASE
)


def _is_session(match: re.Match[str]) -> bool:
    pairs = f"first={_secret(match)}".split(";")
    return any(
        not _HARMLESS_COOKIE.match(pair) and _is_random(pair.partition("=")[2])
        for pair in pairs[:50]
    )


_WELL_KNOWN: Final = re.compile(
    r"(?:password|passwd|pass|pwd|pw|secret|passphrase|token|key|hidden|removed|credentials"
    r"|[xX*.•]+|[$%{].*|.*\[redacted.*)\Z",
    re.IGNORECASE,
)


def _is_url_password(match: re.Match[str]) -> bool:
    value = _secret(match)
    return not _WELL_KNOWN.match(value) and (len(value) < 4 or _is_real(value))


def _is_for_curl(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 400) : match.start()]
    return bool(re.search(r"\b(?:curl|wget|https?)\b", before)) and _is_url_password(match)


# Quotes, gutters and line numbers may stand between the lines of a key, as in code, in a diff and
# in what a coding tool shows of a file; the newline may be written out, as in JSON.
_KEY_GAP: Final = r"(?:\s|\\+[nrt]|[\"'`,>|\\→]|\d{1,6}[→|:])"
_KEY_HEADER: Final = r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\n\\]{0,200}+)"
_KEY_LABEL: Final = r"(?:[A-Z0-9]{1,12}[ ]){0,4}PRIVATE[ ]KEY(?:[ ]BLOCK)?"
_BEGIN: Final = rf"-----?[ ]?BEGIN[ ]{_KEY_LABEL}[ ]?-----?"
_END: Final = rf"-----?[ ]?END[ ]{_KEY_LABEL}[ ]?-----?"

_KEY_BLOCKS: Final = (
    # Whole: up to the END line, whatever is in between.
    Shape(
        "private key",
        "PRIVATE KEY",
        rf"{_BEGIN}[^-]*+(?:-(?!---)[^-]*+)*+-?{_END}",
        _has_key_material,
    ),
    # Without its end: as long as there are lines of base64.
    Shape(
        "private key",
        "PRIVATE KEY",
        rf"{_BEGIN}(?:{_KEY_GAP}|{_KEY_HEADER}|[A-Za-z0-9+/=]{{16,}}+)*+"
        r"(?:[A-Za-z0-9+/=]{1,15}+(?=\Z|\.\.\.|…|[\"'`\\=]|\s*\Z))?",
        _has_key_material,
    ),
    # Without its beginning.
    Shape(
        "private key",
        "PRIVATE KEY",
        rf"[A-Za-z0-9+/]{{16,}}+={{0,2}}(?:{_KEY_GAP}++[A-Za-z0-9+/]{{16,}}+={{0,2}})*+"
        rf"(?P<end>{_KEY_GAP}*+(?:[A-Za-z0-9+/]{{1,15}}+={{0,2}})?{_KEY_GAP}*+"
        rf"(?:=\w{{4}})?{_KEY_GAP}*+{_END})?",
        _ends_a_key,
    ),
    # The same base64 opens every OpenSSH key, with or without the line before it.
    Shape(
        "private key",
        "b3BlbnNzaC1rZXktdjE",
        r"b3BlbnNzaC1rZXktdjE[\w+/=]{20,}+(?:(?:\\+[nr]|\s)++[\w+/]{60,}+=*+)*+",
    ),
    Shape(
        "private key",
        "Private-Lines:",
        r"Private-Lines: \d+(?P<secret>(?:\s|\\+[nr])+(?:[A-Za-z0-9+/=]{16,}+(?:\s|\\+[nr])*+)++)",
        _has_key_material,
    ),
)

# A blank, two of them, a hyphen or a dot; also such as do not break a line.
_CARD_GAP: Final = r"[ ]{1,2}|[.\-\u00a0\u2007\u2009\u202f\u2010-\u2013]|"

_SHAPES: Final = (
    # Of Azure AI, Cognitive Services and Search: they all hold the same six letters.
    Shape(
        "azure key",
        "JQQJ9",
        r"(?<![A-Za-z0-9])(?:(?<=\\)[nrt])?"
        r"(?P<secret>[A-Za-z0-9]{52}JQQJ9[9DH][A-Za-z0-9]{26}(?:[A-Za-z0-9]{2}==)?)(?![A-Za-z0-9])",
    ),
    # What precedes the dot is the key's id.
    Shape(
        "zhipu key",
        ".",
        r"\.(?<=[0-9a-f]{32}\.)(?P<secret>[A-Za-z0-9]{16})(?![\w.-])",
        _has_random,
    ),
    # As in the address of a map.
    Shape("secret", "key=", r"[?&]key=(?P<secret>[\w-]{24,}+)", _has_random),
    Shape(
        "azure key",
        "Key=",
        r"(?:AccountKey|SharedAccessKey|EndpointKey)=(?P<secret>[A-Za-z0-9+/=%]{20,}+)",
    ),
    Shape("azure sas", "sig=", r"[?&;\"'\s]sig=(?P<secret>[A-Za-z0-9+/=%_-]{20,}+)"),
    Shape(
        "azure secret",
        "Q~",
        r"(?<![\w~.-])[\w~.-]{3}[78]Q~(?P<secret>[\w~.-]{31,34})(?![\w~-])",
    ),
    Shape(
        "aws signature", "X-Amz-", r"X-Amz-(?:Signature|Security-Token)=(?P<secret>[\w%+/=-]{20,}+)"
    ),
    # What precedes the dot and the colon is a user's id.
    Shape(
        "discord token",
        ".",
        r"\.(?<=[\w-]{23}\.)(?P<secret>[\w-]{6}\.[\w-]{27,45}+)(?![\w-])",
        _has_random,
    ),
    Shape(
        "telegram token",
        ":",
        r":(?<=\d{8}:)(?P<secret>[\w-]{35})(?![\w-])",
        _has_random,
    ),
    Shape("terraform token", ".atlasv1.", r"(?<![\w.])\w{14}\.atlasv1\.[\w=-]{40,}+"),
    Shape("mailchimp key", "-us", r"(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    Shape(
        "password",
        "://",
        # The last @ before the path counts: people forget to encode one inside a password.
        r"://[^\s/?\#:@\"'<>`\[\]\\]{0,128}+:(?P<secret>[^\s/\"'<>`\\]{1,256})@(?=[\w\[$%{.-])",
        _is_url_password,
    ),
    Shape(
        "authorization",
        "uthorization",
        r"(?i:authorization)\\?[\"'`\])]{0,2}\s{0,3}[:=,]\s{0,3}\\?[\"'`]?"
        r"(?i:bearer|basic|token|apikey|api-key|digest|bot)\s{1,3}"
        r"(?P<secret>[A-Za-z0-9+/=_.~:%-]{6,}+)(?![({\[])",
        _is_credential,
    ),
    Shape(
        "authorization",
        "earer ",
        r"(?<![A-Za-z0-9])[Bb]earer[ ]{1,3}(?P<secret>[A-Za-z0-9+/=_.~-]{16,}+)",
        _has_random,
    ),
    # As Docker and npm keep it.
    Shape(
        "authorization",
        "auth",
        r"auth\\*[\"']?[ ]{0,2}[:=][ ]{0,2}\\*[\"']?"
        r"(?P<secret>[A-Za-z0-9+/]{8,}+={0,2})(?![\w+/=-])",
        _is_user_and_password,
    ),
    Shape(
        "aws signature",
        "AWS4-HMAC",
        r"AWS4-HMAC-SHA256[^\n]{0,400}?Signature=(?P<secret>[0-9a-f]{32,}+)",
    ),
    Shape(
        "cookie",
        "ookie",
        r"(?i:\b(?:set-)?cookie2?)\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"'`]?[\w.%-]{1,64}="
        r"(?P<secret>[^\r\n\"'`\\]{8,}+)",
        _is_session,
    ),
    Shape(
        "password",
        "-u",
        r"(?<=\s)(?:-u|--user|--proxy-user)[ =]\\?[\"']?[\w.@+-]{1,64}:"
        r"(?P<secret>[^\s\"'`\\]{1,256}+)",
        _is_for_curl,
    ),
    Shape("password", "sshpass", r"sshpass[ ]+-p[ ]?[\"']?(?!\$)(?P<secret>[^\s\"'`]{1,256}+)"),
    Shape(
        "password",
        "mysql",
        r"mysql\w{0,8}[ ][^\n]{0,60}?(?<=[ ])-p(?!\$)(?P<secret>[^\s\"'`]{3,128}+)",
    ),
    Shape(
        "card number",
        "",
        r"[2-6](?<![\w.-].)\d{3}(?:(GAP)\d{4}\1\d{4}\1\d{2,4}(?:\1\d{3})?|(GAP)\d{6}\2\d{4,5})"
        r"(?![\w-]|\.\d)".replace("GAP", _CARD_GAP),
        _is_card,
    ),
)


def _redact_shapes(shapes: Iterable[Shape]) -> Step:
    compiled = [(shape, re.compile(shape.pattern, re.ASCII)) for shape in shapes]

    def step(text: str, found: Counter[str]) -> str:
        for shape, pattern in compiled:
            if shape.hint in text:
                text = pattern.sub(partial(_replacement, shape, found), text)
        return text

    return step


def _replacement(shape: Shape, found: Counter[str], match: re.Match[str]) -> str:
    if not shape.check(match):
        return match.group()
    found[shape.kind] += 1
    if "secret" not in match.re.groupindex:
        return _marker(shape.kind)
    text, start, end = match.string, match.start("secret"), match.end("secret")
    return text[match.start() : start] + _marker(shape.kind) + text[end : match.end()]


# Secrets that are told by the name they are given to -------------------------------------------

# Whatever is given to a password is one, unless it is plainly code or a stand-in; what is given to
# the others has to look random as well, because `token` means many things.
_NAMES: Final = (
    "p(?:ass(?:word|wd|wort|phrase|code|e|)|wd?)|k(?:ey|ennwort)|token"
    r"|s(?:ecret|enha|essid|essionid(?<=jsessionid))"
    r"|c(?:redentials?|ontrasena|onnect(?:\.sid|ion[_-]?string))"
)
_NAME: Final = re.compile(_NAMES)
_NAME_ANYWHERE: Final = re.compile(f"{_NAMES}|пароль|密码|密碼|パスワード|비밀번호|contraseña")
_NEEDS_LOOK: Final = re.compile("key|secret|sess|token|cred|conn")
# A key of a map or of a keyboard is none; these are, and SOME_KEY.
_KEY_OWNERS: Final = (
    "api access auth private account signing encryption master service subscription shared license"
    " functions secret admin client server webhook recovery activation"
    # model providers
    " openai anthropic claude mistral azure gemini google vertex bedrock cohere deepgram speech"
    " deepl elevenlabs together perplexity replicate huggingface groq grok xai deepseek moonshot"
    " kimi dashscope qwen zhipu minimax fireworks cerebras sambanova openrouter voyage jina nvidia"
    " stability assemblyai runpod litellm langsmith langfuse wandb pinecone weaviate qdrant tavily"
    " serper firecrawl cognitive"
    # others
    " aws cloudflare vercel supabase stripe sendgrid mailgun twilio datadog algolia sentry github"
    " gitlab notion airtable hetzner digitalocean"
)
_KEY_LEAD: Final = re.compile(  # read backwards; also `mistral ai key`
    rf"[ _.-]?(?:ia[ _-])?(?:{_any_of(owner[::-1] for owner in _KEY_OWNERS.split())})"
)
_LONGEST_KEY_LEAD: Final = max(map(len, _KEY_OWNERS.split())) + len(" ai ")
_GIVEN: Final = re.compile(
    r"""(?:[_-]?(?i:access|key|token|secret|value|base64|base|b64|string|plain|text|hash|live
          |production|prod|staging|dev|test|id(?<=[Tt][_-]id)|\d{1,2})){0,4}+
    (?:[ ]\d(?=[ ]?[:=]))? (?=\W|[是为為は은는]|\Z)
    \\*["'`]?\]?(?:\*\*|__)?
    (?:[ ]\([^()\n]{1,30}\))?
    (?:[ ](?:for|of|on|in|to|für|pour|para)(?:[ ][\w@.'/-]{1,40}){1,4}?(?=[ ]?[:=]|[ ]is:?[ ]))?
    (?: [ ]?:[ ]?(?:&(?:'static[ ])?)?(?i:str|string|bytes|secretstr|optional\[\w+\]|any)
            (?:[ ]?\|[ ]?\w{1,12})?[ ]?(?P<typed>=)(?![=>])[ ]?
      | (?P<below>[ ]?:(?:\*\*|__)?\n{1,2}(?:```\w*\n)?)(?=\S)
      | (?P<space>[ \t]{0,8})(?P<sign>:=|=>|={1,3}|!={1,2}|->|[:\uff1a])(?:\*\*|__)?[ \t]{0,8}
      | (?P<says>(?:[ ](?:is|was|to|ist|lautet|es|est):?|'s)[ ](?:now[ ]|set[ ]to[ ])?
            |[ ]?[是为為は은는][ ]?[:\uff1a「『“]?)
      | [ ]?(?P<cell>\|)[ ]?
      | (?P<call>[ ]|\(|,[ ]?)(?=\\*["'`])
      | (?P<tag>>)
      | [ \t,]{0,8}\n?[ \t]{0,40}["']?(?P<field>value)["']?[ ]?[:=][ ]?
      | (?P<flag>[ ]{1,3}) )
    (?P<quote>\\*["'`])?""",
    re.VERBOSE,
)
_QUOTED: Final = {
    quote: re.compile(rf"(?:[^{quote}\\\n]|\\.)*+", re.DOTALL) for quote in ("'", '"', "`")
}
# The beginning of a long value is enough to judge it by.
_BARE: Final = re.compile(rf"(?:{_MARKER}|[^\s\"'`<>]){{0,64}}+")
_REST: Final = re.compile(r"[^\s\"'`<>\\;&]*+")
_ANY_MARKER: Final = re.compile(_MARKER)
_NEXT_PAIR: Final = re.compile(r"[;&,](?:(?<=;)|(?=\s?[\w.% -]{1,40}=))")

# Chinese, Japanese and Korean leave no blank behind a value.
_FOREIGN: Final = re.compile(
    r"(?<=[!-~])[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]|[、。，！？；：」』”]"
)

_ESCAPED_END: Final = re.compile(r"\\\\*(?:[nrt]|\Z)")  # a newline or quote inside JSON

_LEAD: Final = re.compile(r"[\w$.-]*")  # read backwards, which is quicker than a search
_FLAG_LEAD: Final = re.compile(
    r"(?:(?<![\w-])--?[\w-]*|\b(?:ENV|ARG)[ ]\w*|\blogin[ ]\S{1,40}\s{1,4})\Z"
)
_INSIDE_MARKER: Final = re.compile(r"\[redacted: [a-z0-9 ]*\Z")
_TAG_LEAD: Final = re.compile(r"<[\w:.-]*\Z")

# Words that stand where a password could: types, rules, labels, other names for the same thing.
_ORDINARY: Final = re.compile(
    r"""(?:str | string | text | bytes | char | varchar | number | integer | int | float | bool |
        boolean | object | any | unknown | none | null | nil | undefined | true | false | empty |
        blank | required | optional | nullable | missing | invalid | incorrect | wrong | valid |
        hidden | visible | confirmed | hash | hashed | encrypted | plain | plaintext | changed |
        updated | reset | forgot | forgotten | expired | enabled | disabled | default | password |
        passwd | pass | pwd | passphrase | secret | token | key | value | username | user | email
        | name | login | input | field | label | self | auto | prompt | bearer | basic | json |
        yaml | path | file | this | that | here | there | same | http | https | config | settings
        | return | await | async | function | const | let | var | import | from | base64 | utf8 |
        utf-8 | sha1 | sha256 | sha512 | md5 | argon2 | argon2id | argon2i | pbkdf2[\w:.-]* |
        bcrypt | scrypt | oauth | oauth2 | jwt | uuid | hmac-sha256 | sha-256 | readonly | masked
        | raw | unset | current-password | new-password)\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"""[&*!@]?[A-Za-z_$][\w$]*(?:(?:\.|->|::|[?!]\.)\#?[A-Za-z_$][\w$]*)+(?:[(\[{;,)]|\Z)  # a.b
      | [&*!@]?[A-Za-z_$][\w$.:]*[(\[{]               # f(…), a[…]
      | [(\[{<|\\=]                                   # the beginning of something
      | \$[({A-Za-z_]\w*[)}]*\Z | [@:%&*][A-Za-z_]\w*[%]?\Z | !(?i:vault|secret|env|ref)\Z
      | (?:~|\.{0,2})/[\w.@+-]*(?:/|\Z) | [A-Za-z]:\\ | \w+://  # a path, an address
      | [a-z][a-z0-9]*(?:_[a-z0-9]+)+\Z | [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z
      | (?:[A-Za-z]{1,3}|arg|param|value|var|test|user|passwords?|passwd|pass|secret|token|key|str
        |string|varchar|item|node|line|text|char|uint|int|sha|utf|name|data)_?\d{1,3}\Z""",
    re.VERBOSE,
)
_SAME_WORD: Final = re.compile(r"[\w.#:/ -]*(?:passw|secret|token|pwd|key)[\w.#:/ -]*\Z", re.I)
_ADDRESS: Final = re.compile(r"\w+://|(?:~|\.{0,2})/\w")
_NUMBER: Final = re.compile(r"[\d.,:/%_+eExX-]+\Z")
_QUANTITY: Final = re.compile(r"\d+(?:[mµun]?s|min|[hxk]|[kKMG]B|%)\Z")
_SYMBOL: Final = re.compile(r"[0-9!@#$%^&*+=~]")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*\Z")


# What a line says about a password that it does not tell.
_STATED: Final = re.compile(
    r"""(?:type | types | read | write | only | once | never | always | must | should | mandatory |
        needed | necessary | provided | given | supplied | stored | saved | shown | found |
        being | unchanged | unused | absent | present | available | works | working | broken |
        failed | fails | failure | success | successful | accepted | rejected | denied | refused
        | allowed | forbidden | mismatch | match | matches | matched | correct | fixed | strong
        | medium | simple | secure | insecure | unsafe | short | sensitive | private | public |
        protected | internal | external | locked | unlocked | notes | example | sample | random
        | generated | generate | getpass | please | click | below | above | again | later |
        today | automatic | manual | interactive | stdin | keyring | keychain | vault | url |
        environment | variable | variables | argument | arguments | option | options | param |
        parameter | parameters | property | attribute | column | header | payload | data |
        result | response | request | answer | content | contents | words | buffer | chars |
        entry | element | items | event | state | props | model | schema | record | current |
        previous | original | first | other | another | custom | special | common | regular |
        literal | constant | final | static | class | struct | interface | generic |
        authentication | authorization | validation | verification | encryption | encoded |
        hashing | security | policy | rules | manager | careful | which | where | without |
        after | before | erforderlich | pflicht | pflichtfeld | falsch | richtig | vergessen |
        geändert | unbekannt | obligatoire | requis | incorrecte | oublié | requerido |
        requerida | obligatorio | obligatoria | incorrecta | olvidada | obrigatório |
        obrigatória)\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_LETTERS_ONLY: Final = re.compile(r"[^\W\d_]{5,}(?:-[^\W\d_]+)*\Z")
_HUMP: Final = re.compile(r"[a-z][A-Z]")
_TRANSLATED: Final = re.compile(
    "passw|secret|token|credential|kennwort|contrase|senha|wachtwoord|parol|has[lł]o|heslo|lösenord"
    "|salasana|пароль|密码|密碼|パスワード|비밀번호"
)


def _is_chosen(word: str) -> bool:
    """What somebody may have chosen for a password, and does not say something about one."""
    return (
        _LETTERS_ONLY.match(word) is not None
        and not _HUMP.search(word)
        and not _TRANSLATED.search(word.lower())
        and (
            word.count("-") > 1
            or not any(_STATED.match(part) or _ORDINARY.match(part) for part in word.split("-"))
        )
    )


class Given(NamedTuple):
    """A value together with how it was given."""

    value: str
    is_quoted: bool
    is_loud: bool  # the name is in capitals, as in a file of settings
    is_tight: bool  # name=value, which in code only keyword arguments are
    is_spoken: bool  # the password is …
    is_setting: bool  # a word that says nothing about a password, alone on the line of its name
    in_call: bool


def _is_password(given: Given) -> bool:
    value = given.value
    if len(value) < 4 or _ORDINARY.match(value) or not _is_real(value):
        return False
    if given.is_quoted:
        return not (
            value.endswith(":")  # the label of a prompt
            or _SPACE.search(value)
            or (_CODE.match(value) and not _is_random(value, 2.6))
            or (value.islower() and not _SYMBOL.search(value) and _SAME_WORD.match(value))
            or (_NUMBER.match(value) and len(value) < 6)
        )
    if _CODE.match(value) and not (value[0].isalnum() and _is_random(value, 2.4)):
        return False
    if given.is_tight and given.is_loud:
        return True
    if _NUMBER.match(value) or _QUANTITY.match(value):
        return value.isdigit() and len(value) >= 6
    if _SYMBOL.search(value[:-1]) or value[-1].isdigit():
        return any(map(str.isalnum, value)) and not (given.is_spoken and value[0] in "*_(")
    return (
        (given.is_tight and not given.in_call)
        or (given.is_loud and value.isalpha() and not given.is_spoken)
        or given.is_setting
    )


def _is_secret(given: Given) -> bool:
    value = given.value
    if len(value) < 8 or (given.is_quoted and _SPACE.search(value)):
        return False
    if "." in value and _NUMBER.match(value):  # a version, an address, an object identifier
        return False
    if given.is_loud and given.is_tight and not _CODE.match(value) and not _NUMBER.match(value):
        return _is_real(value) and not _ORDINARY.match(value)
    if not given.is_quoted and (_IDENTIFIER.match(value) or _CODE.match(value)):
        return len(value) >= 16 and value[0] not in "$([{<" and _is_random(value, 2.7)
    if _ADDRESS.match(value) and not _is_random(value, 2.4):
        return False
    return _is_random(value) or (len(value) >= 32 and value.isalnum() and _is_random(value, 4))


def _redact_given(text: str, found: Counter[str]) -> str:
    # Lowered once, because a search that ignores case cannot skip ahead; only İ would shift it.
    is_plain = text.isascii()
    lowered = (text if is_plain else text.replace("İ", "I")).lower()
    names = _NAME if is_plain else _NAME_ANYWHERE
    pieces: list[str] = []
    done = at = 0
    while name := names.search(lowered, at):
        start, at = name.span()
        if name.group() == "key" and not _opens_something(text, lowered, start):
            continue
        if not (given := _GIVEN.match(text, at)):
            continue
        start, end = _extent(text, given)
        if end == start or not _is_given_secret(text, name, given, text[start:end]):
            continue
        if given["quote"] not in _QUOTED and end - start >= 60:
            rest = _REST.match(text, end)
            assert rest is not None
            end = rest.end()
        kind = "secret" if _NEEDS_LOOK.match(name.group()) else "password"
        found[kind] += 1
        pieces += (text[done:start], _marker(kind))
        done = at = end
    return "".join((*pieces, text[done:])) if pieces else text


def _opens_something(text: str, lowered: str, start: int) -> bool:
    return text.startswith("_KEY", start - 1) or bool(
        _KEY_LEAD.match(lowered[max(0, start - _LONGEST_KEY_LEAD) : start][::-1])
    )


def _extent(text: str, given: re.Match[str]) -> tuple[int, int]:
    start = given.end()
    quote = given["quote"]
    if quote and len(quote) == 1:
        match = _QUOTED[quote].match(text, start)
        assert match is not None
        return start, match.end()
    match = _BARE.match(text, start)
    assert match is not None
    value = match.group()
    if quote:  # an escaped one, as in JSON inside JSON; the backslash belongs to the closing one
        return start, start + len(value.rstrip("\\"))
    if escape := _ESCAPED_END.search(value):
        value = value[: escape.start()]
    if pair := _NEXT_PAIR.search(value):
        value = value[: pair.start()]
    if not value.isascii() and (foreign := _FOREIGN.search(value)):
        value = value[: foreign.start()]
    return start, start + len(value.rstrip(".,;:)]}"))


_AFTER_WORD: Final = re.compile(r"\w |[^\W\d_]\Z")
_OWNS_A_PASS: Final = re.compile(
    r"(?<!\w)(?:my|our|your|the|user|admin|root|db|database|sudo|wi-?fi|wlan|e?-?mail|login|ssh"
    r"|s?ftp|smtp|imap|vpn|server|router|mysql|postgres|redis|app|guest|account)[ ]\Z",
    re.IGNORECASE,
)


def _is_verb(given: re.Match[str], before: str) -> bool:
    """As in `you can pass "x"` and `hall pass: granted`; French says `mot de passe`."""
    if before.endswith("ot de "):
        return False
    if given["flag"]:
        return before[-1:].isalpha()
    if not (given["sign"] or given["typed"] or given["says"]):
        return True
    return _AFTER_WORD.search(before[-2:]) is not None and not _OWNS_A_PASS.search(before[-12:])


_SETTING_LEAD: Final = re.compile(
    r"[\s>*+|-]*(?:(?!(?:let|var|val|const|pub|public|private|protected|readonly|static|final|case"
    r"|mut|if|elif|else|while|for|with|return|and|or|not)\b)[\w./@-]+[ ]){0,2}[\w.-]*\Z",
    re.IGNORECASE,
)
_PLAIN_LEAD: Final = re.compile(r"[\w.-]*\Z")
_SETTING_END: Final = re.compile(
    r"\.?[ \t]{0,40}(?:\Z|\\+[nr]|(?<=[ \t])\#|\r?\n(?!\s{0,40}[})\]]))"
)
_PAIR_END: Final = re.compile(r"[.,]?(?:\s|\Z)")
_USER: Final = re.compile(
    r"(?<![a-z])(?:user(?:name)?|usr|login|e-?mail|account|benutzer(?:name)?|utilisateur|usuario"
    r"|логин|用户名?|ユーザー名?)\\*[\"'`]?[ ]?[:=\uff1a][ ]?[^\s(){}\[\];=]{1,40}[\s,;|/]{1,20}"
    r"(?:(?:and|und|et|y)[ ])?[\w.-]*\Z",
    re.IGNORECASE,
)
_LINE_END: Final = re.compile(r"\r?\n|\\+[nr]")


def _is_setting(text: str, name: re.Match[str], given: re.Match[str], end: int) -> bool:
    """As in a file of settings, or beside a user's name; lines of code go on behind a comma."""
    if given["sign"] not in {":", "=", "\uff1a"} or given["quote"]:
        return False
    start = name.start()
    before = text[max(0, start - 60) : start]
    *above, line = _LINE_END.split(before)
    if "(" in line or "{" in line:
        return False
    if _USER.search(line):
        return _PAIR_END.match(text, end) is not None
    if not _SETTING_END.match(text, end):
        return False
    if name.group() in {"pass", "passe"} and not _USER.search(before):
        return False
    if not above and start > len(before):  # the line is longer than that
        return False
    if above and above[-1].rstrip()[-1:] in {"{", "(", "[", ",", ";"}:
        return False
    return bool((_PLAIN_LEAD if given["sign"] == "=" else _SETTING_LEAD).match(line))


def _is_alone(text: str, end: int) -> bool:
    return end >= len(text) or text[end] in "\r\n`"


def _is_tag(text: str, end: int, before: str) -> bool:
    rest = _REST.match(text, end)
    assert rest is not None
    return text.startswith("</", rest.end()) and bool(_TAG_LEAD.search(before))


def _is_given_secret(text: str, name: re.Match[str], given: re.Match[str], value: str) -> bool:
    start = name.start()
    backwards = text[max(0, start - 60) : start][::-1]
    identifier = _LEAD.match(backwards)
    assert identifier is not None
    lead = identifier.end()
    before = backwards[::-1]
    if (
        (name.group() in {"pass", "passe"} and _is_verb(given, before))
        or (name.group() == "pw" and before[-1:].isalpha())
        or (given["below"] and not _is_alone(text, given.end() + len(value)))
        # The next of several names, as in ("password", "email").
        or ((given["call"] or "").startswith(",") and not _SYMBOL.search(value))
        or (given["flag"] and not _FLAG_LEAD.search(before))
        or (given["tag"] and not _is_tag(text, given.end() + len(value), before))
        or _ANY_MARKER.search(value)
        or _INSIDE_MARKER.search(before)
    ):
        return False
    is_tight = given["sign"] == "=" and not given["space"] and text[given.end("sign")] not in " \t"
    return (_is_secret if _NEEDS_LOOK.match(name.group()) else _is_password)(
        Given(
            value,
            is_quoted=bool(given["quote"]),
            is_loud=_LOWER.search(text, start - lead, name.end()) is None,
            is_tight=is_tight or bool(given["flag"]),
            is_spoken=bool(given["says"] or given["cell"] or given["below"]),
            is_setting=_is_chosen(value)
            and _is_setting(text, name, given, given.end() + len(value)),
            in_call=before[: len(before) - lead].rstrip()[-1:] in {"(", ","},
        )
    )


# Passages the user keeps to himself ------------------------------------------------------------

# Escaped as well: an editor that escapes what was typed does not change what was meant by it.
_PRIVATE_TAG: Final = re.compile(
    r"(?:<|&(?:amp;){0,2}(?:lt|\#60|\#x3c);|\\(?:u003c|x3c)|%3c)"
    r"(?P<close>\\{0,9}/|&\#47;|%2f)?private(?P<rest>\s[^<>]{0,500}?)?\s{0,9}"
    r"(?:>|&(?:amp;){0,2}(?:gt|\#62|\#x3e);|\\{1,9}(?:u003e|x3e)|%3e)",
    re.IGNORECASE,
)


def _remove_private(text: str, found: Counter[str]) -> str:
    """Without its private passages; one that is never closed reaches to the end."""
    pieces: list[str] = []
    depth = done = 0
    for tag in _PRIVATE_TAG.finditer(text):
        if tag["close"]:
            depth = max(0, depth - 1)
            if depth == 0 and done < 0:
                done = tag.end()
        elif not (tag["rest"] or "").rstrip().endswith("/"):
            if depth == 0:
                pieces.append(text[done : tag.start()])
                found["private"] += 1
                done = -1
            depth += 1
    if not pieces:
        return text
    if depth == 0:
        pieces.append(text[done:])
    return _joined(pieces)


def _joined(pieces: list[str]) -> str:
    """Put together so that words on both sides of a removed passage do not fuse."""
    apart: list[str] = []
    last = ""
    for piece in filter(None, pieces):
        if apart and not last.isspace() and not piece[0].isspace():
            apart.append(" ")
        apart.append(piece)
        last = piece[-1]
    return "".join(apart)


# What may be of any length.
_BOUNDLESS: Final[tuple[Step, ...]] = (_remove_private, _redact_shapes(_KEY_BLOCKS))
# Private passages go first, so that nothing in them is even counted; keys before the names they
# are given to, because they know better what they are.
_STEPS: Final[tuple[Step, ...]] = (
    _remove_private,
    _redact_shapes(_KEY_BLOCKS),
    _redact_prefixed,
    _redact_shapes(_SHAPES),
    _redact_given,
)
