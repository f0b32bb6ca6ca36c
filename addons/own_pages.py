"""Answers of our own: what is up, who a caller is taken for, and what went wrong."""

import json
import os
from dataclasses import dataclass
from typing import Any

from mitmproxy import http

from addons.open_listeners import OpenListeners
from addons.open_memory import OpenMemory
from addons.read_settings import ReadSettings
from addons.run_backend import RunBackend
from addons.this_proxy import STARTED, version
from dialects import Problem, shape_error
from routing.decide import Route
from routing.facts import RequestFacts

MISTAKE = Problem(500, "proxy_failed", "The memory proxy made a mistake; its log has more.")


@dataclass(frozen=True, slots=True)
class OwnPages:
    """All that the pages tell of."""

    settings: ReadSettings
    listeners: OpenListeners
    backend: RunBackend
    memory: OpenMemory

    def answer(self, route: Route, facts: RequestFacts) -> http.Response:
        if facts.method not in ("GET", "HEAD"):
            problem = Problem(405, "wrong_method", f"Ask for {route.page} with GET.")
            return tell("openai-chat", problem)
        if route.page == "/health":
            return as_json(200, self.health(route))
        told = ("user_id", "matched_pattern", "project", "backend", "why")
        return as_json(200, {key: route.summary[key] for key in told})

    def health(self, route: Route) -> dict[str, Any]:
        told = [self.settings.problem, *self.backend.problems]
        problems = [*filter(None, told), *self.listeners.problems()]
        backends = self.backend.states()
        healthy = not problems and all(backend["state"] == "up" for backend in backends)
        file = self.settings.file()
        return {
            "status": "ok" if healthy else "degraded",
            "version": version(),
            "pid": os.getpid(),
            "since": STARTED,
            "project": route.project,
            "backend": backends[0],
            "backends": backends,
            "ending": self.backend.ending(),
            "egress": self.backend.let_out.state(),
            "memory": self.memory.state(),
            "listeners": self.listeners.state(),
            "config": str(file) if file.exists() else None,
            "problems": problems,
        }


def tell(dialect: str, problem: Problem) -> http.Response:
    """A problem of ours in the client's dialect."""
    headers = {"content-type": "application/json"}
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    if problem.status == 426:
        headers["upgrade"] = "HTTP/1.1"
    return http.Response.make(problem.status, shape_error(dialect, problem), headers)


def as_json(status: int, value: object) -> http.Response:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # A file's name need not be text; written as an escape it is JSON all the same.
    body = text.encode("utf-8", "backslashreplace") + b"\n"
    return http.Response.make(status, body, {"content-type": "application/json"})
