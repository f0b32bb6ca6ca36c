"""From a request and a step to the reply: what to send, decided before anything is sent."""

import zlib
from dataclasses import dataclass
from typing import Any

import zstandard

from tests.fakes import (
    anthropic_messages,
    embeddings,
    gemini,
    model_lists,
    openai_chat,
    openai_responses,
)
from tests.fakes.answer import answer_to, tokens_in
from tests.fakes.codings import encode
from tests.fakes.content import Content, Json, json_content
from tests.fakes.endpoints import Dialect, Endpoint, endpoint_of, query_of
from tests.fakes.ledger import Seen
from tests.fakes.refusals import refusal
from tests.fakes.step import Header, Step

BODILESS = (204, 304)
REQUEST_ID_HEADER: dict[Dialect, str] = {
    "openai-chat": "x-request-id",
    "openai-responses": "x-request-id",
    "anthropic": "request-id",
}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[Header, ...]
    chunks: tuple[bytes, ...]
    length: int | None
    """None where the length is not known beforehand, or there is no body."""
    step: Step
    """For the pace at which it is sent."""


def reply_to(seen: Seen, step: Step) -> Reply:
    """The reply to a request, as the step wants it; 101 opens a WebSocket."""
    return _scripted(seen, step) or _ordinary(seen, step)


def _scripted(seen: Seen, step: Step) -> Reply | None:
    """What the step says in place of the endpoint, if it does."""
    status = step.websocket if isinstance(step.websocket, int) else step.status
    if step.garbage is not None or step.stall:
        return Reply(200, (), (), None, step)  # of which nothing will be sent
    if step.demand_cookie and not _carries(seen, step.demand_cookie):
        return _challenge(seen, step, step.demand_cookie)
    if step.html is not None:
        page = Content("text/html; charset=UTF-8", (step.html.encode(),))
        return _compose(seen, step, status or 503, page)
    if step.body is not None:
        return _compose(seen, step, status or 200, Content("application/json", (step.body,)))
    if status is None or status < 300:
        return None
    if status < 400:
        return _compose(seen, step, status, Content("text/plain"))
    return refuse(seen, status, step)


def _ordinary(seen: Seen, step: Step) -> Reply:
    """What the endpoint says, in the words of the step."""
    endpoint = endpoint_of(seen)
    status = step.status or 200
    match endpoint.operation:
        case "unknown":
            return refuse(seen, 404, step, f"Invalid URL ({seen.method} {seen.path})")
        case "websocket":
            return Reply(101, (*step.headers, *_set_cookies(step)), (), None, step)
        case "health":
            return _compose(seen, step, status, json_content({"status": "ok"}))
        case "models":
            return _compose(seen, step, status, json_content(_models(endpoint.dialect)))
    if (body := _json_object(seen)) is None:
        return refuse(seen, 400, step, "We could not parse the JSON body of your request.")
    return _compose(seen, step, status, _content(endpoint, seen, body, step))


def refuse(seen: Seen, status: int, step: Step, message: str | None = None) -> Reply:
    """An error in the dialect of the endpoint."""
    error = refusal(endpoint_of(seen).dialect, status, _request_id(seen), message)
    return _compose(seen, step, status, json_content(error))


def _content(endpoint: Endpoint, seen: Seen, body: Json, step: Step) -> Content:
    match endpoint.operation, endpoint.dialect:
        case "generate", "openai-chat":
            return openai_chat.content(body, answer_to(body, step, seen.number))
        case "generate", "openai-responses":
            return openai_responses.content(body, answer_to(body, step, seen.number))
        case "generate", "anthropic":
            return anthropic_messages.content(body, answer_to(body, step, seen.number))
        case "generate", "gemini":
            answer = answer_to(body, step, seen.number, gemini.model_in(seen.path))
            return gemini.content(seen.path, query_of(seen).get("alt") == "sse", answer)
        case "count_tokens", "gemini":
            return json_content(gemini.token_count(tokens_in(body)))
        case "count_tokens", _:
            return json_content({"input_tokens": tokens_in(body)})
        case "embeddings", "gemini":
            return json_content(embeddings.gemini(body))
        case "embeddings", _:
            return json_content(embeddings.openai(body))
        case _:
            raise NotImplementedError(endpoint)


def _models(dialect: Dialect) -> Json:
    match dialect:
        case "anthropic":
            return model_lists.anthropic()
        case "gemini":
            return model_lists.gemini()
        case _:
            return model_lists.openai()


def _challenge(seen: Seen, step: Step, cookie: tuple[str, str]) -> Reply:
    page = Content("text/html; charset=UTF-8", (b"<title>Just a moment...</title>",))
    marks = (
        ("server", "cloudflare"),
        ("cf-mitigated", "challenge"),
        ("cf-ray", f"{seen.number:016x}-FRA"),
        ("set-cookie", "=".join(cookie) + "; path=/; HttpOnly; Secure; SameSite=None"),
    )
    return _compose(seen, step, 403, page, marks)


def _compose(
    seen: Seen, step: Step, status: int, content: Content, extra: tuple[Header, ...] = ()
) -> Reply:
    chunks = content.chunks if content.is_stream else _pieces(content.chunks, step)
    headers = [("content-type", content.type), *extra]
    if name := REQUEST_ID_HEADER.get(endpoint_of(seen).dialect):
        headers.append((name, _request_id(seen)))
    if step.compress:
        chunks = tuple(encode(chunks, step.compress))
        headers.append(("content-encoding", step.compress))

    replaced = {name.lower() for name, _ in step.headers}
    headers = [header for header in headers if header[0] not in replaced]
    headers += step.headers
    headers += _set_cookies(step)

    has_length = not (content.is_stream or step.no_length or status in BODILESS)
    return Reply(
        status=status,
        headers=tuple(headers),
        chunks=() if seen.method == "HEAD" or status in BODILESS else chunks,
        length=sum(map(len, chunks)) if has_length else None,
        step=step,
    )


def _set_cookies(step: Step) -> list[Header]:
    return [("set-cookie", cookie) for cookie in step.set_cookies]


def _pieces(chunks: tuple[bytes, ...], step: Step) -> tuple[bytes, ...]:
    """A plain body in as many pieces as the step asks for, or needs to break off."""
    whole = b"".join(chunks)
    wanted = step.chunks or (step.break_after or 0) + 1
    size = max(1, -(-len(whole) // wanted))
    return tuple(whole[at : at + size] for at in range(0, len(whole), size))


def _json_object(seen: Seen) -> Json | None:
    try:
        body: Any = seen.json()
    except (ValueError, OSError, EOFError, zlib.error, zstandard.ZstdError):
        return None
    return body if isinstance(body, dict) else None


def _carries(seen: Seen, cookie: tuple[str, str]) -> bool:
    sent = ";".join(seen.header_values("cookie")).split(";")
    return "=".join(cookie) in (pair.strip() for pair in sent)


def _request_id(seen: Seen) -> str:
    return f"req_{seen.number:024d}"
