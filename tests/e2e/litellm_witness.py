"""Runs inside LiteLLM, where a litellm.yaml names it: notes what arrives, a JSON line each."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

# This file is copied beside a litellm.yaml and imported by LiteLLM, in LiteLLM's own environment.
from litellm.integrations.custom_logger import CustomLogger  # noqa: TID253
from starlette.applications import Starlette

NOTES = Path(__file__).with_name("noted.jsonl")
_lock = threading.Lock()


def note(**said: Any) -> None:
    with _lock, NOTES.open("a") as file:
        file.write(json.dumps(said, default=str) + "\n")


class NoteCalls(CustomLogger):
    """To whom LiteLLM books a call that succeeded, and whether its proxy asked before."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any
    ) -> None:
        note(kind="hook", call_type=call_type)

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        logged = kwargs["standard_logging_object"]
        request = kwargs["litellm_params"]["proxy_server_request"]
        note(kind="call", end_user=logged["end_user"], headers=request["headers"])


class NoteRequests:
    """Every request as it is on the wire, before LiteLLM takes keys out of it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/health"):
            query = scope["query_string"].decode()
            note(
                kind="request",
                method=scope["method"],
                path=scope["path"] + (f"?{query}" if query else ""),
                headers=[[name.decode(), value.decode()] for name, value in scope["headers"]],
            )
        await self.inner(scope, receive, send)


if proxy := sys.modules.get("litellm.proxy.proxy_server"):
    proxy.app.middleware_stack = NoteRequests(proxy.app.middleware_stack)
else:  # the app over the SDK, which is not built yet
    build = Starlette.build_middleware_stack
    Starlette.build_middleware_stack = lambda app: NoteRequests(build(app))
note_calls = NoteCalls()
