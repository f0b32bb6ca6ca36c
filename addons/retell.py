"""Tell the client in its own dialect what LiteLLM says in another."""

import json
import os
from collections.abc import Callable
from http.client import responses
from urllib.parse import parse_qs

from mitmproxy import http

from addons.facts import header_of, recorded
from addons.run_backend import RunBackend
from dialects import Problem, Retold, reshape_error, shape_error
from dialects.error_events import ErrorEvents
from dialects.errors import Clean, error_in_success
from dialects.gemini_answers import Array, models_body
from routing.headers import is_credential
from routing.hide_secrets import SHORTEST_SECRET, clean_message, secrets_given, secrets_in
from routing.outgoing import LITELLM_KEY

EVENTS = "text/event-stream"
LONGEST_ERROR = 64 * 1024
"""Bytes of an answer that calls itself a success, up to which it may be an error all the same."""

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
_OF_THE_ENVIRONMENT = secrets_in(os.environ)
"""With some of these LiteLLM pays."""
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
        is_plain = header_of(response, b"content-encoding") is None  # as LiteLLM's mostly are
        body = (response.raw_content if is_plain else response.get_content(strict=False)) or b""
        status = response.status_code
        if status < 400:
            if lists_models(flow):
                put(response, models_body(body))
                return
            if (told := error_in_success(body)) is None:
                return
            status = told
        note = recorded(flow)
        if problem := self._trouble_with_key(note["backend"], status, body):
            # Told as it is, the client would take its own key for the culprit.
            retold = Retold(problem.status, shape_error(note["errors_in"], problem))
        else:
            retold = reshape_error(note["errors_in"], status, body, cleaner_for(flow))
        response.status_code = retold.status
        response.reason = responses.get(retold.status, "")
        put(response, retold.body)
        tell_when_to_come_back(response.headers, retold.retry_after)
        if "retry-after" not in response.headers:
            wait = self.backend.let_out.wait_of(flow, retold.status)
            response.headers.update({"retry-after": wait} if wait else {})

    def _trouble_with_key(self, backend: str, status: int, body: bytes) -> Problem | None:
        """Whether LiteLLM wants a key that the user has to give us, and not the client's."""
        if self.backend.key_of(backend) is not None:
            return KEY_REFUSED if is_key_refused(body) else None
        if self.backend.settings.now.litellm.forward_credentials:
            return None
        return KEY_MISSING if is_key_refused(body) or is_key_missed(status, body) else None


def is_from_litellm(flow: http.HTTPFlow) -> bool:
    """Whether LiteLLM was asked, in whichever of its forms."""
    return recorded(flow).get("backend") not in (None, "direct")


def lists_models(flow: http.HTTPFlow) -> bool:
    note = recorded(flow)
    return (note["dialect"], note["operation"]) == ("gemini", "models")


def is_to_be_retold(flow: http.HTTPFlow) -> bool:
    """Whether the answer is a short one that has to be read before it is passed on."""
    if flow.response is None or not is_from_litellm(flow):
        return False
    return flow.response.status_code >= 400 or lists_models(flow) or is_short_json(flow.response)


def is_short_json(response: http.Response) -> bool:
    length = header_of(response, b"content-length") or ""
    return (
        (header_of(response, b"content-type") or "").startswith("application/json")
        and length.isascii()
        and length.isdigit()
        and len(length) < 10
        and int(length) <= LONGEST_ERROR
    )


def change_of_stream(flow: http.HTTPFlow) -> Callable[[bytes], bytes] | None:
    """LiteLLM's errors in a stream are told anew, and Gemini's clients may want an array."""
    response = flow.response
    if response is None or not is_from_litellm(flow):
        return None
    if not (header_of(response, b"content-type") or "").startswith(EVENTS):
        return None
    if (header_of(response, b"content-encoding") or "identity") != "identity":
        return None  # LiteLLM compresses no stream; what stands before it may
    response.headers.pop("content-length", None)
    dialect, clean = recorded(flow)["errors_in"], cleaner_for(flow)
    query = flow.request.path.partition("?")[2]
    if dialect != "gemini" or parse_qs(query).get("alt") == ["sse"]:
        return ErrorEvents(dialect, clean)
    response.headers["content-type"] = "application/json; charset=UTF-8"
    return Array(clean)


def cleaner_for(flow: http.HTTPFlow) -> Clean:
    """Takes out what LiteLLM's clients shall not see, above all the keys that it was given."""
    headers = flow.request.headers
    sent = [headers[name] for name in headers if is_credential(name) or name.lower() == LITELLM_KEY]
    # Less the word that names the scheme; what is as short as a word may be one.
    keys = [key for value in sent if len(key := value.rpartition(" ")[2]) >= SHORTEST_SECRET]
    return lambda text: clean_message(text, *keys, *secrets_given, *_OF_THE_ENVIRONMENT)


def tell_when_to_come_back(headers: http.Headers, seconds: int | None) -> None:
    """LiteLLM renames what the provider said, or leaves it to the words of the error."""
    for name in ("retry-after", "retry-after-ms"):
        wait = headers.get(f"llm_provider-{name}")
        if wait and name not in headers:
            headers[name] = wait
    if seconds is not None and "retry-after" not in headers:
        headers["retry-after"] = str(seconds)


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
