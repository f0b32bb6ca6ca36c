"""Errors of ours, and LiteLLM's, told in the dialect that the client speaks."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dialects import anthropic
from dialects.formats import FORMATS

type Clean = Callable[[str], str]
"""Takes out of a text what is not for clients."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request gets no answer from a provider, in words for the person who reads it."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Retold:
    """A backend's error as the client is told it."""

    status: int
    body: bytes
    retry_after: int | None = None
    """Seconds, where the error's own words name them."""


def shape_error(dialect: str, problem: Problem) -> bytes:
    shaped = FORMATS[dialect].shape_error(problem.status, problem.code, problem.message)
    return json.dumps(shaped).encode()


def reshape_error(dialect: str, status: int, body: bytes, clean: Clean) -> Retold:
    """A backend's error in the client's dialect; what already is in it keeps its other fields."""
    parsed = _parsed(body)
    said = _told(parsed, "").message
    providers = _providers_status(status, said)
    otherwise = f"The backend answered {providers} without saying why."
    told = _in_dialect(dialect, providers, parsed, clean, otherwise, given=status)
    return Retold(providers, json.dumps(told).encode(), _seconds_to_wait(providers, said))


def reshape_event(
    dialect: str, data: bytes, clean: Clean, *, number: int = 0, is_named: bool = False
) -> tuple[str, bytes] | None:
    """The name and the data of an error in a stream; None if it is no error.

    `is_named` says that the event is called an error, whatever is in it.
    """
    parsed = _parsed(data)
    if isinstance(parsed, dict):
        if parsed.get("type") == FAILED and isinstance(parsed.get("response"), dict):
            response = parsed["response"]
            told = {**response, "error": _cleaned(response.get("error"), clean)}
            return FAILED, _compact({**parsed, "response": told})
        if not (is_named or parsed.get("error") or parsed.get("type") == "error"):
            return None
        given = parsed.get("sequence_number")
        number = given if isinstance(given, int) else number
    status = _status_in(parsed)
    error = _in_dialect(dialect, status, parsed, clean, _NO_ANSWER, given=status)
    name, event = FORMATS[dialect].shape_error_event(error, number)
    return name, _compact(event)


def error_in_success(body: bytes) -> int | None:
    """The status that an answer should have had which calls itself a success and is an error."""
    parsed = _parsed(body)
    if not isinstance(parsed, dict) or not parsed.get("error"):
        return None
    return _status_in(parsed) if parsed.keys() <= _ONLY_AN_ERROR else None


FAILED: Final = "response.failed"
_NO_ANSWER: Final = "The backend broke off: it sent something that is no part of an answer."
_ONLY_AN_ERROR: Final = frozenset({"error", "type", "request_id", "litellm_call_id"})

_SAYS_NOTHING: Final = (None, "", "None", "api_error", "internal_server_error")
"""What LiteLLM writes for a type where it knows none."""

# LiteLLM tells the status in the place of the code. The code is in its exception's name, or, where
# it has not understood the provider, in the provider's answer, of which it quotes words or all.
_CODES: Final[Mapping[str, str]] = {
    "ContextWindowExceededError": "context_length_exceeded",
    "ContentPolicyViolationError": "content_policy_violation",
}
_EXCEPTION: Final = r"litellm\.BadRequestError: (?:\w+: )?\w+Exception - "
_QUOTE: Final = re.compile(_EXCEPTION + r"(?=\{)")
_TOO_LONG: Final = re.compile(_EXCEPTION + r"[^\"{\n]{0,80}exceeds the context window")
_QUOTED: Final = json.JSONDecoder()

# An AttributeError, whatever it lacked, LiteLLM blames on the request. These are about the answer.
_BLAMES_REQUEST: Final = "Invalid request format: "
_IS_OF_ANSWER: Final = re.compile(
    _BLAMES_REQUEST
    + r"litellm\.(?:InternalServerError: |\w+: [^'\n]{0,80}'\w*Response' object has no attribute )"
)

# LiteLLM's `/v1/messages` knows neither of them, but quotes what the provider said.
_QUOTED_TYPE: Final = re.compile(r'"type\\*": ?\\*"(overloaded_error|request_too_large)\\*"')
_PROVIDERS_STATUS: Final[Mapping[tuple[str, int], int]] = {
    ("overloaded_error", 500): 529,
    ("request_too_large", 400): 413,
}
_STATUSES: Final[Mapping[object, int]] = {
    kind: status for status, kind in anthropic.ERROR_TYPES.items() if status != 408
}

_WAIT: Final = re.compile(
    r"""
      (?i: \b(?:try\ again|retry)\ (?:in|after)\ (?:about\ )?
        | \bretry[-_]?(?:delay|after)[\\"']*[:=] )
      [\s\\"']{0,8}
      (?:(?P<h>\d{1,3})\ ?h(?:ours?)?\ ?)?
      (?:(?P<m>\d{1,4})\ ?m(?:in(?:ute)?s?)?\b\ ?|(?P<m2>\d{1,4})m(?=\d))?
      (?:(?P<s>\d{1,6}(?:\.\d{1,9})?)\ ?(?P<unit>ms|milliseconds)?)?
    """,
    re.VERBOSE,
)
_LONGEST_WAIT: Final = 24 * 60 * 60
_DEEPEST: Final = 8
_LONGEST_CLEANED: Final = 64 * 1024


def _in_dialect(
    dialect: str,
    status: int,
    parsed: object,
    clean: Clean,
    otherwise: str,
    *,
    given: int,
) -> dict[str, Any]:
    """`given` is the status that came with the error, of which `status` may be a correction."""
    told, clean = _told(parsed, ""), _bounded(clean)
    code = clean(_code(told, status, given)) or str(status)
    form = FORMATS[dialect]
    words = told.message if given == status else told.message.removeprefix(_BLAMES_REQUEST)
    shaped: dict[str, Any] = form.shape_error(status, code, clean(words) or otherwise)
    if not (isinstance(parsed, dict) and form.is_error(parsed)):
        return shaped
    ours, own = shaped["error"], _cleaned(parsed, clean)
    error = own["error"] | {"message": ours["message"]}
    for name in ours.keys() & {"type", "param"}:
        if error.get(name) in _SAYS_NOTHING or (name == "type" and given != status):
            error[name] = ours[name]
    is_number = isinstance(error.get("code"), int)
    is_better = code in (*_CODES.values(), str(status))
    if is_better or (isinstance(ours.get("code"), int) and not is_number):
        error |= {name: value for name, value in ours.items() if name == "code"}
    return {**own, "error": error}


def _bounded(clean: Clean) -> Clean:
    """The same for so much text and no more: it runs while everybody else waits."""
    left = _LONGEST_CLEANED

    def within(text: str) -> str:
        nonlocal left
        left -= len(text)
        return clean(text) if left >= 0 else ""

    return within


def _cleaned(value: Any, clean: Clean, depth: int = 0) -> Any:
    """The same value with every text in it clean."""
    if isinstance(value, str):
        return clean(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {name: _cleaned(item, clean, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, clean, depth + 1) for item in value]
    return value


def _code(told: "_Told", status: int, given: int) -> str:
    if told.code not in ("", "None", str(given)):
        return told.code
    for name, code in _CODES.items():
        if name in told.message:
            return code
    if _TOO_LONG.match(told.message):
        return "context_length_exceeded"
    return _quoted_code(told.message) or (told.code and str(status))


def _quoted_code(message: str) -> str | None:
    """What the provider itself calls its error, where clients know it."""
    if (quote := _QUOTE.match(message)) is None:
        return None
    try:
        answer, _ = _QUOTED.raw_decode(message, quote.end())
    except (ValueError, RecursionError):
        return None
    code = _told(answer, "").code
    return code if code in _CODES.values() else None


def _providers_status(status: int, message: str) -> int:
    """The status that the provider gave, where LiteLLM has made another of it."""
    if status == 400 and _IS_OF_ANSWER.match(message):
        return 500
    quoted = _QUOTED_TYPE.search(message)
    return _PROVIDERS_STATUS.get((quoted[1], status), status) if quoted else status


def _status_in(parsed: object) -> int:
    """The status that an error tells itself, which came without one."""
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]  # as Google tells errors
    inner = parsed.get("error") if isinstance(parsed, dict) else None
    error = inner if isinstance(inner, dict) else parsed
    if not isinstance(error, dict):
        return 500
    for name in ("status_code", "code", "status"):
        told = str(error.get(name))
        if len(told) == 3 and told.isascii() and told.isdigit() and "400" <= told <= "599":
            return int(told)
    kind = error.get("type")
    return _STATUSES.get(kind, 500) if isinstance(kind, str) else 500


def _seconds_to_wait(status: int, message: str) -> int | None:
    if status not in (408, 429) and status < 500:
        return None
    for found in _WAIT.finditer(message):
        minutes = int(found["h"] or 0) * 60 + int(found["m"] or found["m2"] or 0)
        seconds = float(found["s"] or 0) / (1000 if found["unit"] else 1)
        if 0 < (wait := math.ceil(minutes * 60 + seconds)) <= _LONGEST_WAIT:
            return wait
    return None


@dataclass(frozen=True, slots=True)
class _Told:
    message: str
    code: str


def _told(value: object, code: str, depth: int = 0) -> _Told:
    """Message and code out of any of the shapes that servers use, which nest at will."""
    if isinstance(value, str):
        return _Told(value, code)
    if isinstance(value, dict) and depth < _DEEPEST:
        code = str(value.get("code") or value.get("type") or code)
        place = value.get("loc")  # a web framework's complaint about a part of the request
        where = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
        for key in ("error", "detail", "message", "msg"):
            told = _told(value.get(key), code, depth + 1)
            if told.message:
                return _Told(where + told.message, told.code)
    if isinstance(value, list) and depth < _DEEPEST:
        parts = [told for item in value if (told := _told(item, code, depth + 1)).message]
        return _Told("; ".join(part.message for part in parts), parts[0].code if parts else code)
    return _Told("", code)


def _parsed(body: bytes) -> object:
    """What the bytes say as JSON; None for what is none."""
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(number: str) -> float | None:
    return value if math.isfinite(value := float(number)) else None


def _compact(value: object) -> bytes:
    # Google's SDK takes an event for an error by its first bytes, as they are written here.
    return json.dumps(value).encode()


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
