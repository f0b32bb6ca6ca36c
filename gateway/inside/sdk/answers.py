"""What LiteLLM answers, as its proxy would put it on the wire."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from litellm.anthropic_interface.exceptions import anthropic_error_sse_frame
from litellm.constants import UNSAFE_PROXY_RESPONSE_HEADERS
from litellm.proxy.anthropic_endpoints.streaming_model_restamp import AnthropicStreamModelRestamper
from litellm.proxy.common_request_processing import (
    ProxyBaseLLMRequestProcessing,
    _extract_error_from_sse_chunk,
    _override_openai_response_model,
    _parse_event_data_for_error,
)
from litellm.proxy.common_utils.responses_stream_errors import (
    ResponsesStreamErrorState,
    _original_failure,
)
from litellm.proxy.common_utils.sse_keepalive import SSE_STREAM_START_TAIL, seal_open_sse_frame
from litellm.proxy.utils import model_dump_with_preserved_fields
from litellm.router_utils.add_retry_fallback_headers import get_hidden_params_dict
from litellm.types.utils import ModelResponseStream
from pydantic import BaseModel

from gateway.inside.sdk.calls import ANYBODY, Call
from gateway.inside.sdk.errors import Refusal, Told

DONE: Final = b"data: [DONE]\n\n"
LONGEST_EVENT: Final = 8 * 1024 * 1024
_SIMPLE_FIELDS: Final = {"id", "object", "created", "model", "service_tier", "choices"}
# With one of these a chunk is sent whole.
_OF_CHUNK: Final = ("provider_specific_fields", "system_fingerprint", "usage")
_OF_CHOICE: Final = ("logprobs", "enhancements")
_OF_DELTA: Final = (
    *("function_call", "tool_calls", "audio", "images", "annotations", "reasoning_content"),
    *("thinking_blocks", "provider_specific_fields", "refusal"),
)

type Events = AsyncGenerator[bytes]
"""Whole events of a stream, each ready to be sent."""


class Failed(Exception):
    """What Responses' events of failure are made of."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.message)
        self.message = told.message
        self.status_code = told.status
        self.body = told.said


def plain(call: Call, answer: Any) -> bytes:
    """A whole answer, under the name that the client gave the model."""
    _override_openai_response_model(
        response_obj=answer, requested_model=call.asked_for, log_context=""
    )
    if isinstance(answer, dict):
        answer.pop("_hidden_params", None)
    if call.function == "acompletion" and isinstance(answer, BaseModel):
        answer = model_dump_with_preserved_fields(answer, exclude_unset=True)
    return dumped(answer)


def dumped(value: Any) -> bytes:
    """JSON as Starlette writes it."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    ).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return str(value)


def headers_of(call: Call, answer: Any, version: str) -> dict[str, str]:
    """What LiteLLM says of an answer: which model it came from, and what its provider said."""
    hidden = get_hidden_params_dict(answer) or {}
    made: dict[str, Any] = ProxyBaseLLMRequestProcessing.get_custom_headers(
        user_api_key_dict=ANYBODY,
        call_id=call.data.get("litellm_call_id"),
        model_id=_model_id(call, hidden),
        cache_key=hidden.get("cache_key") or "",
        api_base=hidden.get("api_base") or "",
        version=version,
        response_cost=hidden.get("response_cost") or "",
        request_data=call.data,
        hidden_params=hidden,
        **(hidden.get("additional_headers") or {}),
    )
    return sendable(made)


def sendable(headers: Mapping[str, Any]) -> dict[str, str]:
    """Those headers that can and may be sent."""
    return {
        str(name): text
        for name, value in headers.items()
        if str(name).lower() not in UNSAFE_PROXY_RESPONSE_HEADERS
        # Cookies of a provider are nothing for those who are behind us.
        and "set-cookie" not in str(name).lower()
        and (text := str(value)).isprintable()
        and text.isascii()
    }


def events_of(call: Call, stream: Any, tell: Callable[[BaseException], Told]) -> Events:
    """The stream's events, to the end that its dialect knows, also where it breaks."""
    match call.function:
        case "anthropic_messages":
            return _messages(call, stream, tell)
        case "agenerate_content_stream" | "agenerate_content":
            return _gemini(stream, tell)
        case "aresponses":
            return _responses(call, stream, tell)
        case _:
            return _chat(call, stream, tell)


async def raise_refusal_in(event: bytes) -> None:
    """For the first event of a stream, which may be an error that tells its status."""
    text = event.decode("utf-8", "replace")
    status = await _parse_event_data_for_error(text)
    if status is not None and status >= 400:
        told = _extract_error_from_sse_chunk(text)
        raise Refusal(status, str(told.get("type") or ""), str(told.get("message") or ""))


def is_stream(answer: Any) -> bool:
    """Whether the answer comes piece by piece."""
    return hasattr(answer, "__anext__") or (
        hasattr(answer, "__aiter__") and not isinstance(answer, BaseModel)
    )


async def closed(stream: Any) -> None:
    """Let go of the provider's connection."""
    if close := getattr(stream, "aclose", None):
        await close()


async def _chat(call: Call, stream: Any, tell: Callable[[BaseException], Told]) -> Events:
    fallback = _fallback(stream)
    try:
        async for chunk in stream:
            fallback = fallback or _fallback(chunk)
            named = _named(chunk, fallback or call.asked_for)
            if not (call.strips_usage and _holds_only_usage(named)):
                yield _event(named)
    except Exception as error:
        yield b"data: " + dumped(tell(error).body) + b"\n\n"
        return
    yield DONE


async def _responses(call: Call, stream: Any, tell: Callable[[BaseException], Told]) -> Events:
    state = ResponsesStreamErrorState()
    fallback = _fallback(stream)
    try:
        async for chunk in stream:
            fallback = fallback or _fallback(chunk)
            named = _named(chunk, fallback or call.asked_for)
            state.observe_chunk(named)
            yield state.mark_emitted(_event(named))
    except Exception as error:
        if frame := state.format_failure(Failed(tell(_original_failure(error)))):
            yield frame.encode()
    yield DONE


async def _messages(call: Call, stream: Any, tell: Callable[[BaseException], Told]) -> Events:
    restamp = AnthropicStreamModelRestamper(call.asked_for)
    tail = SSE_STREAM_START_TAIL
    try:
        async for chunk in stream:
            if data := _raw(restamp.process(chunk)):
                tail = (tail + data)[-64:]
                yield data
        if held := restamp.flush():
            yield held
    except Exception as error:
        told = tell(error)
        # An event that the provider left open would swallow the error.
        seal = "" if tail == SSE_STREAM_START_TAIL else seal_open_sse_frame(tail)
        frame = anthropic_error_sse_frame(status_code=told.status, raw_message=told.message)
        yield (seal + frame).encode()


async def _gemini(stream: Any, tell: Callable[[BaseException], Told]) -> Events:
    held = b""
    try:
        async for chunk in stream:
            held += _raw(chunk) if isinstance(chunk, bytes | str) else _event(chunk)
            while end := _end_of_event(held):
                yield held[:end]
                held = held[end:]
            if len(held) > LONGEST_EVENT:
                raise ValueError("an event of the provider's stream is too long")
        if held:
            yield held + b"\n\n"
    except Exception as error:
        yield b"data: " + dumped(tell(error).body) + b"\n\n"


def _end_of_event(held: bytes) -> int:
    ends = [at + len(end) for end in (b"\r\n\r\n", b"\n\n", b"\r\r") if (at := held.find(end)) >= 0]
    return min(ends, default=0)


def _raw(chunk: Any) -> bytes:
    if isinstance(chunk, bytes | bytearray):
        return bytes(chunk)
    if isinstance(chunk, str):
        return chunk.encode("utf-8", "replace")
    return b"data: " + dumped(chunk) + b"\n\n"


def _event(chunk: Any) -> bytes:
    if isinstance(chunk, BaseModel):
        shown = _SIMPLE_FIELDS if _is_simple(chunk) else None
        data = chunk.model_dump_json(include=shown, exclude_none=True, exclude_unset=True)
        return b"data: " + data.encode() + b"\n\n"
    raw = _raw(chunk)
    is_event = raw.startswith((b"data:", b"event:", b":"))
    return raw.rstrip(b"\n") + b"\n\n" if is_event else b"data: " + raw + b"\n\n"


def _named(chunk: Any, name: str) -> Any:
    """A copy under this name; LiteLLM prices by the chunks that it keeps."""
    if isinstance(chunk, dict):
        return {**chunk, "model": name} if "model" in chunk else chunk
    if isinstance(chunk, BaseModel) and getattr(chunk, "model", None) != name:
        return chunk.model_copy(update={"model": name})
    return chunk


def _is_simple(chunk: BaseModel) -> bool:
    """Whether it holds text only, and LiteLLM's proxy leaves out what it knows beside it."""
    if not isinstance(chunk, ModelResponseStream) or len(chunk.choices or ()) != 1:
        return False
    [choice] = chunk.choices
    parts = ((chunk, _OF_CHUNK), (choice, _OF_CHOICE), (choice.delta, _OF_DELTA))
    return not any(getattr(part, name, None) is not None for part, names in parts for name in names)


def _fallback(answer: Any) -> str | None:
    """The model group that took over, if one did."""
    headers = (get_hidden_params_dict(answer) or {}).get("additional_headers")
    if not isinstance(headers, Mapping):
        return None
    try:
        if int(headers.get("x-litellm-attempted-fallbacks") or 0) <= 0:
            return None
    except (TypeError, ValueError):
        return None
    group = headers.get("x-litellm-model-group")
    return group if isinstance(group, str) and group else None


def _holds_only_usage(chunk: Any) -> bool:
    if not isinstance(chunk, ModelResponseStream) or chunk.provider_specific_fields is not None:
        return False
    return all(_is_empty(choice) for choice in chunk.choices or [])


def _is_empty(choice: Any) -> bool:
    if choice.finish_reason is not None or getattr(choice, "logprobs", None) is not None:
        return False
    delta = getattr(choice, "delta", None)
    return delta is None or all(value is None for value in delta.model_dump().values())


def _model_id(call: Call, hidden: Mapping[str, Any]) -> str:
    told = call.data.get("litellm_metadata")
    info = told.get("model_info") if isinstance(told, Mapping) else None
    found = hidden.get("model_id") or (info.get("id") if isinstance(info, Mapping) else None)
    return str(found or "")
