"""Secrets that are told by the name they are given to, as in `password: …`."""

import re
from collections import Counter
from typing import Final

from recall.secrets.steps import INSIDE_MARKER, MARKER, any_word_of, marker
from recall.secrets.values import SYMBOL, Given, is_chosen, is_password, is_secret

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
    rf"[ _.-]?(?:ia[ _-])?(?:{any_word_of(owner[::-1] for owner in _KEY_OWNERS.split())})"
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
_BARE: Final = re.compile(rf"(?:{MARKER}|[^\s\"'`<>]){{0,64}}+")
_REST: Final = re.compile(r"[^\s\"'`<>\\;&]*+")
_ANY_MARKER: Final = re.compile(MARKER)
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
_TAG_LEAD: Final = re.compile(r"<[\w:.-]*\Z")
_LOWER: Final = re.compile(r"[a-z]")


def redact_given(text: str, found: Counter[str]) -> str:
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
        pieces += (text[done:start], marker(kind))
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
        or ((given["call"] or "").startswith(",") and not SYMBOL.search(value))
        or (given["flag"] and not _FLAG_LEAD.search(before))
        or (given["tag"] and not _is_tag(text, given.end() + len(value), before))
        or _ANY_MARKER.search(value)
        or INSIDE_MARKER.search(before)
    ):
        return False
    is_tight = given["sign"] == "=" and not given["space"] and text[given.end("sign")] not in " \t"
    return (is_secret if _NEEDS_LOOK.match(name.group()) else is_password)(
        Given(
            value,
            is_quoted=bool(given["quote"]),
            is_loud=_LOWER.search(text, start - lead, name.end()) is None,
            is_tight=is_tight or bool(given["flag"]),
            is_spoken=bool(given["says"] or given["cell"] or given["below"]),
            is_setting=is_chosen(value)
            and _is_setting(text, name, given, given.end() + len(value)),
            in_call=before[: len(before) - lead].rstrip()[-1:] in {"(", ","},
        )
    )
