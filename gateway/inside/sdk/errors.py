"""Any exception, as the error that a client is told: a status, and words without secrets."""

import math
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from routing.hide_secrets import HIDDEN, clean_message

DEEPEST: Final = 16

_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
# Those of a provider's own codes by which clients decide what to do; for others the status stands.
_CODES: Final = ("context_length_exceeded", "content_policy_violation")
# What LiteLLM's proxy reads out of the words of its router's errors.
_SAID_STATUS: Final = (
    ("No healthy deployment available", 429),
    ("No deployments available", 429),
    ("Not allowed to access model due to tags configuration", 401),
)
_PLACES: Final = tuple(
    sorted(
        {
            str(place)
            for place in (
                *(Path.home(), Path.cwd(), Path(sys.prefix), Path(sys.base_prefix)),
                *(Path(tempfile.gettempdir()), Path(__file__).resolve().parents[3]),
            )
            if len(place.parts) > 1
        },
        key=len,
        reverse=True,
    )
)
_OWN_PLACE: Final = re.compile(
    "(?:" + "|".join(map(re.escape, _PLACES)) + r")(?:/[^\s\"'<>|:,;()\[\]{}]*)?(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class Told:
    """An error as clients of LiteLLM know it."""

    status: int
    type: str
    message: str
    param: str | None = None
    retry_after: str | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    """What the provider said itself: message, code and type, as far as they are known."""

    @property
    def code(self) -> str:
        """The provider's, where clients know it, else the status once more, as text."""
        said = self.said.get("code")
        return said if said in _CODES else str(self.status)

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        """What says when to come back."""
        return {"retry-after": self.retry_after} if self.retry_after else {}


class Refusal(Exception):
    """A request that we answer ourselves."""

    def __init__(self, status: int, type: str, message: str, param: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.status_code = status
        self.type = type
        self.message = message
        self.param = param


def told(error: BaseException, secrets: tuple[str, ...] = ()) -> Told:
    """The error behind any exception, also one that nobody expected."""
    raw = _words(error)
    status = _status(error, raw)
    is_unexpected = status == 500 and not isinstance(error, Refusal)
    kinds = {type(e) for e in (error, *_chain(error))} if is_unexpected else set()
    own_type = _attribute(error, "type")
    if any(issubclass(kind, AttributeError) for kind in kinds):
        # It looked for a part of the request, or of the answer, in something of another shape.
        # LiteLLM's proxy says this of both; whoever tells the client sees which it was.
        status, raw, own_type = 400, f"Invalid request format: {raw}", None
    kind = own_type if isinstance(own_type, str) and own_type not in ("", "None") else _type(status)
    param = _attribute(error, "param")
    return Told(
        status=status,
        type=clean(kind, secrets),
        # Of a traceback the last line is what was raised.
        message=clean(raw, secrets)
        or clean(raw.strip().rpartition("\n")[2], secrets)
        or type(error).__name__,
        param=clean(param, secrets) if isinstance(param, str) and param != "None" else None,
        retry_after=_retry_after(error, status),
        said=_said(error, secrets),
    )


def clean(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without keys, tracebacks and places of this machine, and not too long."""
    return clean_message(_OWN_PLACE.sub(HIDDEN, text), *secrets)


def _words(error: BaseException) -> str:
    detail = _attribute(error, "detail")
    for words in (_attribute(error, "message"), _in(detail), _attribute(error, "args")):
        if isinstance(words, str) and words.strip():
            return words
        if isinstance(words, tuple) and words:
            break
    try:
        return str(error).strip() or type(error).__name__
    except Exception:
        return type(error).__name__


def _said(error: BaseException, secrets: tuple[str, ...]) -> dict[str, str]:
    body = _attribute(error, "body")
    if not isinstance(body, Mapping):
        return {}
    told = {name: body.get(name) for name in ("message", "code", "type")}
    return {name: clean(value, secrets) for name, value in told.items() if isinstance(value, str)}


def _in(detail: object) -> object:
    """The words in what a web framework's exception holds."""
    for _ in range(3):
        if not isinstance(detail, Mapping):
            break
        detail = detail.get("message") or detail.get("error")
    return detail


def _status(error: BaseException, words: str) -> int:
    for phrase, status in _SAID_STATUS:
        if phrase in words:
            return status
    own = _carried_status(error) or 500
    # LiteLLM knows no 529, which tells a client that everybody waits, not only it.
    is_overload = own == 500 and 529 in map(_carried_status, _chain(error))
    return 529 if is_overload else own


def _carried_status(error: object) -> int | None:
    response = _attribute(error, "response")
    statuses = (_attribute(error, "status_code"), _attribute(response, "status_code"))
    # An exception of the SDK may have another status than the answer that it was made of.
    if statuses[0] == 500 and statuses[1] == 529:
        return 529
    for status in (*statuses, _attribute(error, "code")):
        number = int(status) if isinstance(status, str) and status.isdecimal() else status
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number <= 599:
            return number
    return None


def _type(status: int) -> str:
    fallback = "invalid_request_error" if status < 500 else "internal_server_error"
    return _TYPES.get(status, fallback)


def _retry_after(error: BaseException, status: int) -> str | None:
    cooldown = _attribute(error, "cooldown_time")
    if isinstance(cooldown, int | float) and math.isfinite(cooldown) and cooldown > 0:
        return str(math.ceil(cooldown))
    # What other attempts were told does not count for this answer.
    behind = (inner for inner in _chain(error) if _carried_status(inner) == status)
    for source in (error, *behind):
        for headers in _headers_of(source):
            for name in ("retry-after", "llm_provider-retry-after"):
                value = headers.get(name)
                if isinstance(value, str) and re.fullmatch(r"[\w ,:.+-]{1,40}", value):
                    return value
    return None


def _headers_of(error: object) -> Iterator[Mapping[str, Any]]:
    response = _attribute(error, "response")
    for headers in (
        _attribute(error, "headers"),
        _attribute(response, "headers"),
        _attribute(error, "litellm_response_headers"),
    ):
        if isinstance(headers, Mapping):
            yield {str(name).lower(): value for name, value in headers.items()}


def _chain(error: BaseException) -> list[BaseException]:
    """The exceptions behind it, nearest first."""
    found: list[BaseException] = []
    ahead = [error]
    while ahead and len(found) < DEEPEST:
        current = ahead.pop(0)
        for name in ("original_exception", "__cause__", "__context__"):
            inner = _attribute(current, name)
            if isinstance(inner, BaseException) and inner is not error and inner not in found:
                found.append(inner)
                ahead.append(inner)
    return found


def _attribute(value: object, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:
        return None
