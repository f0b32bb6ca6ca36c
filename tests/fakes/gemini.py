"""Gemini, and the Code Assist service that wraps it."""

import re

from tests.fakes.answer import Answer
from tests.fakes.content import (
    Content,
    Json,
    data_event,
    event_stream,
    json_array_stream,
    json_content,
)

MODEL_IN_PATH = re.compile(r"/models/([^/:]+):")


def model_in(path: str) -> str | None:
    found = MODEL_IN_PATH.search(path)
    return found[1] if found else None


def content(path: str, is_sse: bool, answer: Answer) -> Content:
    if ":streamGenerateContent" not in path:
        return json_content(_wrapped(path, _response(answer, _parts(answer), "STOP")))
    responses = [_wrapped(path, response) for response in stream_responses(answer)]
    if is_sse:
        return event_stream(data_event(response, end=b"\r\n\r\n") for response in responses)
    return json_array_stream(responses)


def stream_responses(answer: Answer) -> list[Json]:
    parts = [*({"text": delta} for delta in answer.deltas), *_function_calls(answer)]
    return [
        *(_response(answer, [part], None) for part in parts[:-1]),
        _response(answer, parts[-1:], "STOP"),
    ]


def token_count(tokens: int) -> Json:
    return {
        "totalTokens": tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
    }


def _response(answer: Answer, parts: list[Json], finish_reason: str | None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish_reason:
        candidate["finishReason"] = finish_reason
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.input_tokens}],
        },
        "modelVersion": answer.model,
        "responseId": answer.id("scripted-"),
    }


def _parts(answer: Answer) -> list[Json]:
    spoken = [{"text": answer.text}] if answer.deltas else []
    return [*spoken, *_function_calls(answer)]


def _function_calls(answer: Answer) -> list[Json]:
    if (call := answer.tool_call) is None:
        return []
    return [{"functionCall": {"name": call.name, "args": dict(call.arguments)}}]


def _wrapped(path: str, response: Json) -> Json:
    if "/v1internal:" not in path:
        return response
    return {"response": response, "traceId": response["responseId"]}
