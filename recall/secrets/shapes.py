"""Secrets that tell their kind by their shape."""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from recall.secrets.looks import is_random, is_real
from recall.secrets.steps import Step, marker


class Shape(NamedTuple):
    kind: str
    hint: str  # the pattern is tried only where this occurs; empty: always
    pattern: str  # the group `secret` is replaced, or else the whole match
    check: Callable[[re.Match[str]], bool] = lambda match: is_real(_secret(match))


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
    return is_random(_secret(match))


_NO_WORD: Final = re.compile(r"[0-9]|[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]")


def _is_credential(match: re.Match[str]) -> bool:
    value = _secret(match)
    return bool(_NO_WORD.search(value[:200])) and is_real(value)


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
    return any(is_random(run, 5) for run in _KEY_MATERIAL.findall(_secret(match)))


def _ends_a_key(match: re.Match[str]) -> bool:
    return match["end"] is not None


_HARMLESS_COOKIE: Final = re.compile(
    r"\s*(?:path|domain|expires|max-age|samesite|secure|httponly|version)\b", re.IGNORECASE
)


def _is_session(match: re.Match[str]) -> bool:
    pairs = f"first={_secret(match)}".split(";")
    return any(
        not _HARMLESS_COOKIE.match(pair) and is_random(pair.partition("=")[2])
        for pair in pairs[:50]
    )


_WELL_KNOWN: Final = re.compile(
    r"(?:password|passwd|pass|pwd|pw|secret|passphrase|token|key|hidden|removed|credentials"
    r"|[xX*.•]+|[$%{].*|.*\[redacted.*)\Z",
    re.IGNORECASE,
)


def _is_url_password(match: re.Match[str]) -> bool:
    value = _secret(match)
    return not _WELL_KNOWN.match(value) and (len(value) < 4 or is_real(value))


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


def _step(shapes: Iterable[Shape]) -> Step:
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
        return marker(shape.kind)
    text, start, end = match.string, match.start("secret"), match.end("secret")
    return text[match.start() : start] + marker(shape.kind) + text[end : match.end()]


redact_private_keys: Final = _step(_KEY_BLOCKS)
redact_shapes: Final = _step(_SHAPES)
