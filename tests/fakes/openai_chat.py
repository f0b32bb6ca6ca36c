"""OpenAI Chat Completions, which Groq and many others speak too."""

import json

from tests.fakes.answer import Answer
from tests.fakes.content import Content, Json, data_event, event_stream, json_content


def content(body: Json, answer: Answer) -> Content:
    if not body.get("stream"):
        return json_content(completion(answer))
    chunks = [data_event(chunk) for chunk in stream_chunks(body, answer)]
    return event_stream([*chunks, b"data: [DONE]\n\n"])


def completion(answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if call := _tool_call(answer):
        message["tool_calls"] = [call]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish_reason(answer),
    }
    return _envelope(answer, "chat.completion") | {"choices": [choice], "usage": _usage(answer)}


def stream_chunks(body: Json, answer: Answer) -> list[Json]:
    deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": part} for part in answer.deltas]
    if call := _tool_call(answer):
        arguments = call["function"].pop("arguments")
        opening = call | {"index": 0, "function": call["function"] | {"arguments": ""}}
        deltas.append({"tool_calls": [opening]})
        deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})

    chunks = [_chunk(answer, delta, None) for delta in deltas]
    chunks.append(_chunk(answer, {}, _finish_reason(answer)))
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks = [chunk | {"usage": None} for chunk in chunks]
        ending = _envelope(answer, "chat.completion.chunk")
        chunks.append(ending | {"choices": [], "usage": _usage(answer)})
    return chunks


def _chunk(answer: Answer, delta: Json, finish_reason: str | None) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _envelope(answer, "chat.completion.chunk") | {"choices": [choice]}


def _envelope(answer: Answer, kind: str) -> Json:
    return {
        "id": answer.id("chatcmpl-"),
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def _tool_call(answer: Answer) -> Json | None:
    if (call := answer.tool_call) is None:
        return None
    function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"id": answer.id("call_"), "type": "function", "function": function}


def _finish_reason(answer: Answer) -> str:
    return "tool_calls" if answer.tool_call else "stop"


def _usage(answer: Answer) -> Json:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
