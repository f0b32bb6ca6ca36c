"""Error bodies, in the shape of each dialect."""

from dataclasses import dataclass

from tests.fakes.content import Json
from tests.fakes.endpoints import Dialect


@dataclass(frozen=True, slots=True)
class Kind:
    """What each provider calls one kind of error."""

    openai_type: str
    openai_code: str | None
    anthropic_type: str
    gemini_status: str
    message: str


INVALID = Kind(
    "invalid_request_error",
    None,
    "invalid_request_error",
    "INVALID_ARGUMENT",
    "The request is not valid.",
)
BROKEN = Kind("server_error", None, "api_error", "INTERNAL", "The server had an error.")
KINDS = {
    401: Kind(
        "invalid_request_error",
        "invalid_api_key",
        "authentication_error",
        "UNAUTHENTICATED",
        "Incorrect API key provided.",
    ),
    403: Kind(
        "invalid_request_error",
        "permission_denied",
        "permission_error",
        "PERMISSION_DENIED",
        "You may not do this.",
    ),
    404: Kind(
        "invalid_request_error",
        "not_found",
        "not_found_error",
        "NOT_FOUND",
        "There is nothing here.",
    ),
    413: Kind(
        "invalid_request_error",
        "request_too_large",
        "request_too_large",
        "INVALID_ARGUMENT",
        "The request is too large.",
    ),
    429: Kind(
        "requests",
        "rate_limit_exceeded",
        "rate_limit_error",
        "RESOURCE_EXHAUSTED",
        "Rate limit reached.",
    ),
    503: Kind(
        "server_error",
        "unavailable",
        "api_error",
        "UNAVAILABLE",
        "The service is unavailable.",
    ),
    504: Kind(
        "server_error",
        "timeout",
        "api_error",
        "DEADLINE_EXCEEDED",
        "The service took too long.",
    ),
    529: Kind(
        "server_error",
        "overloaded",
        "overloaded_error",
        "UNAVAILABLE",
        "Overloaded",
    ),
}


def refusal(dialect: Dialect, status: int, request_id: str, message: str | None = None) -> Json:
    kind = KINDS.get(status) or (BROKEN if status >= 500 else INVALID)
    message = message or kind.message
    match dialect:
        case "anthropic":
            error = {"type": kind.anthropic_type, "message": message}
            return {"type": "error", "error": error, "request_id": request_id}
        case "gemini":
            return {"error": {"code": status, "message": message, "status": kind.gemini_status}}
        case _:
            error = {"message": message, "type": kind.openai_type}
            return {"error": error | {"param": None, "code": kind.openai_code}}
