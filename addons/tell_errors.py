"""Tell every error that is ours, or LiteLLM's, in the dialect that the client speaks."""

import json

from mitmproxy import http

from addons import own_pages, plain_errors
from addons.facts import recorded
from addons.pass_streams import is_to_be_retold
from addons.run_backend import RunBackend
from dialects import Problem, reshape_error, shape_error
from routing.decide import BACKEND_DOWN

KEY_REFUSED = Problem(
    403,
    "backend_key_refused",
    "LiteLLM refused the memory proxy's key: check `litellm.key` in its config.",
)
_REFUSALS = frozenset({"no_db_connection", "auth_error", "token_not_found_in_db"})
"""What LiteLLM calls it when the key that we sent is not one of its own."""


class TellErrors:
    """Errors of a provider that we called directly are the provider's, and pass unchanged."""

    def __init__(self, backend: RunBackend) -> None:
        self.backend = backend
        plain_errors.install(self._answer)

    def response(self, flow: http.HTTPFlow) -> None:
        """LiteLLM answers in OpenAI's shape, or as a web framework does, whoever asked."""
        if flow.response is None or not is_to_be_retold(flow):
            return
        response, body = flow.response, flow.response.get_content(strict=False) or b""
        dialect = recorded(flow)["errors_in"]
        if is_key_refused(body):
            # Said as it is, the client would take its own key for the culprit.
            response.status_code = KEY_REFUSED.status
            told: bytes | None = shape_error(dialect, KEY_REFUSED)
        else:
            told = reshape_error(dialect, response.status_code, body)
        if told is not None:
            response.headers.pop("content-encoding", None)
            response.headers["content-type"] = "application/json"
            response.content = told
        wait = response.headers.get("llm_provider-retry-after")
        if wait and "retry-after" not in response.headers:
            response.headers["retry-after"] = wait  # LiteLLM renames what the provider said

    def error(self, flow: http.HTTPFlow) -> None:
        if recorded(flow).get("backend") == "litellm" and not flow.response:
            self.backend.report_failure()

    def _answer(self, flow: http.HTTPFlow, status: int, message: str) -> http.Response | None:
        """In place of mitmproxy's error page; flows that we did not decide keep it."""
        note = recorded(flow)
        if "errors_in" not in note:
            return None
        return own_pages.tell(note["errors_in"], problem_of(flow, status, message))


def problem_of(flow: http.HTTPFlow, status: int, message: str) -> Problem:
    if status < 500:
        return Problem(status, "bad_request", f"The memory proxy cannot read this: {message}")
    to_litellm = recorded(flow).get("backend") == "litellm"
    if to_litellm and flow.server_conn.timestamp_tcp_setup is None:
        return Problem(503, BACKEND_DOWN, f"LiteLLM cannot be reached: {message}", retry_after=5)
    whom = "LiteLLM" if to_litellm else flow.request.pretty_host
    hint = ""
    if "ertificate" in message:
        hint = " If that is a gateway of your own, name its CA in the config as `upstream_ca`."
    return Problem(status, "upstream_failed", f"No answer from {whom}: {message}{hint}")


def is_key_refused(body: bytes) -> bool:
    try:
        error = json.loads(body)["error"]
        return error.get("type") in _REFUSALS
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
