"""Tell errors of our own in the dialect that the client speaks.

Errors of a provider that we called directly are the provider's, and pass unchanged.
"""

from mitmproxy import http

from addons import own_pages, plain_errors
from addons.facts import recorded
from addons.retell import is_from_litellm
from addons.run_backend import RunBackend
from dialects import Problem
from routing.decide import BACKEND_DOWN


class TellErrors:
    def __init__(self, backend: RunBackend) -> None:
        self.backend = backend
        plain_errors.install(answer)

    def error(self, flow: http.HTTPFlow) -> None:
        self.backend.report_failure(flow)


def answer(flow: http.HTTPFlow, status: int, message: str) -> http.Response | None:
    """In place of mitmproxy's error page; flows that we did not decide keep it."""
    note = recorded(flow)
    if "errors_in" not in note:
        return None
    return own_pages.tell(note["errors_in"], problem_of(flow, status, message))


def problem_of(flow: http.HTTPFlow, status: int, message: str) -> Problem:
    if status < 500:
        return Problem(status, "bad_request", f"The memory proxy cannot read this: {message}")
    hint = ""
    if "ertificate" in message:
        hint = " If that is a gateway of your own, name its CA in the config as `upstream_ca`."
    if is_from_litellm(flow):
        # Also where it took the request and died: a port may accept a moment longer.
        return Problem(503, BACKEND_DOWN, f"No answer from LiteLLM: {message}{hint}", retry_after=5)
    host = flow.request.pretty_host
    return Problem(status, "upstream_failed", f"No answer from {host}: {message}{hint}")
