"""Tell the client in its own dialect what LiteLLM says in another."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs

from mitmproxy import http

from addons.facts import recorded
from addons.run_backend import RunBackend
from dialects import Problem, reshape_error, shape_error
from dialects.gemini_answers import Stream, models_body

KEY_REFUSED = Problem(
    403,
    "backend_key_refused",
    "LiteLLM refused the memory proxy's key: check `litellm.key` in its config.",
)
KEY_MISSING = Problem(
    403,
    "backend_key_refused",
    "LiteLLM asks for a key: set `litellm.key` in the memory proxy's config.",
)
_REFUSALS = frozenset({"no_db_connection", "auth_error", "token_not_found_in_db"})
"""What LiteLLM calls it when the key that we sent is not one of its own."""


class Retell:
    """LiteLLM's errors are in OpenAI's shape or a web framework's; its models are OpenAI's."""

    def __init__(self, backend: RunBackend) -> None:
        self.backend = backend

    def response(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or not is_to_be_retold(flow):
            return
        body = response.get_content(strict=False) or b""
        if response.status_code < 400:
            put(response, models_body(body))
            return
        dialect = recorded(flow)["errors_in"]
        if problem := self._trouble_with_key(recorded(flow)["backend"], response.status_code, body):
            # Told as it is, the client would take its own key for the culprit.
            response.status_code = problem.status
            put(response, shape_error(dialect, problem))
        else:
            put(response, reshape_error(dialect, response.status_code, body))
        wait = response.headers.get("llm_provider-retry-after")
        if wait and "retry-after" not in response.headers:
            response.headers["retry-after"] = wait  # LiteLLM renames what the provider said

    def _trouble_with_key(self, backend: str, status: int, body: bytes) -> Problem | None:
        """Whether LiteLLM wants a key that the user has to give us, and not the client's."""
        if self.backend.key_of(backend) is not None:
            return KEY_REFUSED if is_key_refused(body) else None
        if self.backend.settings.now.litellm.forward_credentials:
            return None
        return KEY_MISSING if is_key_refused(body) or is_key_missed(status, body) else None


def is_to_be_retold(flow: http.HTTPFlow) -> bool:
    """Whether the answer is a short one that has to be read before it is passed on."""
    note = recorded(flow)
    if flow.response is None or note.get("backend") != "litellm":
        return False
    lists_models = (note["dialect"], note["operation"]) == ("gemini", "models")
    return flow.response.status_code >= 400 or lists_models


def change_of_stream(flow: http.HTTPFlow) -> Callable[[bytes], bytes] | None:
    """What LiteLLM streams to Gemini's clients has to be told anew; all else passes as it is."""
    note, response = recorded(flow), flow.response
    if response is None or note.get("backend") != "litellm" or note["dialect"] != "gemini":
        return None
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        return None
    response.headers.pop("content-length", None)
    query = flow.request.path.partition("?")[2]
    wants_events = parse_qs(query).get("alt") == ["sse"]
    if not wants_events:
        response.headers["content-type"] = "application/json; charset=UTF-8"
    return Stream(as_array=not wants_events)


def put(response: http.Response, body: bytes | None) -> None:
    """Another body; None keeps the one that is there."""
    if body is not None:
        response.headers.pop("content-encoding", None)
        response.headers["content-type"] = "application/json"
        response.content = body


def is_key_refused(body: bytes) -> bool:
    try:
        return json.loads(body)["error"]["type"] in _REFUSALS
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def is_key_missed(status: int, body: bytes) -> bool:
    """LiteLLM without a database breaks over a missing key, and says so in plain text."""
    return status == 500 and body.strip() == b"Internal Server Error"
