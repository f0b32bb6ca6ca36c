"""Where each dialect is asked behind LiteLLM, and what an error there has to look like."""

from typing import Any

import httpx

from tests.e2e.litellm_calls import CLAUDE, GEMINI, GPT
from tests.e2e.litellm_scene import MASTER_KEY
from tests.e2e.sdks import KEY

ENDPOINTS = {
    "openai-chat": ("/v1/chat/completions", GPT),
    "openai-responses": ("/v1/responses", GPT),
    "anthropic": ("/v1/messages", CLAUDE),
    "gemini": (f"/v1beta/models/{GEMINI}:generateContent", GEMINI),
}


def told(dialect: str, answer: httpx.Response) -> str:
    """The message, having seen that everything around it is as the dialect wants it."""
    assert answer.headers["content-type"].startswith("application/json"), answer.text
    whole: dict[str, Any] = answer.json()
    error = whole["error"]
    match dialect:
        case "anthropic":
            assert whole["type"] == "error"
            assert error["type"].endswith("_error") or error["type"] == "request_too_large"
        case "gemini":
            assert error["code"] == answer.status_code
            assert error["status"].isupper()
        case _:
            assert {"message", "type", "param", "code"} <= set(error)
    message = error["message"]
    assert isinstance(message, str)
    assert "<" not in message
    assert "traceback" not in message.lower()
    for secret in (KEY, MASTER_KEY):
        assert secret not in answer.text
    return message
