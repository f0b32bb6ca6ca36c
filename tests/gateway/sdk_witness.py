"""Runs inside LiteLLM, where a litellm.yaml names it: notes each call that it is told of."""

import json
import sys
from pathlib import Path
from typing import Any

# This file is copied beside a litellm.yaml and imported by LiteLLM, in LiteLLM's own environment.
from litellm.integrations.custom_logger import CustomLogger  # noqa: TID251, TID253

NOTES = Path(__file__).with_name("noted.jsonl")


class Note(CustomLogger):
    """To whom LiteLLM books a call, and what it knows of the request behind it."""

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.note(kwargs, "success")

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.note(kwargs, "failure")

    def note(self, kwargs: Any, how: str) -> None:
        logged = kwargs["standard_logging_object"]
        request = kwargs["litellm_params"]["proxy_server_request"]
        said = {
            "how": how,
            "call": kwargs["call_type"],
            "end_user": logged["end_user"],
            "group": logged["model_group"],
            "request": request,
            # It is LiteLLM's proxy, which takes seconds and would load a .env file.
            "holds_the_proxy": bool(sys.modules.get("litellm.proxy.proxy_server")),
        }
        with NOTES.open("a") as file:
            file.write(json.dumps(said, default=str) + "\n")


note = Note()
