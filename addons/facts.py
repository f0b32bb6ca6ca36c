"""A flow's facts, and a flow's own record of what was decided."""

from typing import Any

from mitmproxy import http

from dialects import Conversation
from dialects.answers import Usage
from dialects.workspace import CODEX_METADATA, declared_in_metadata
from recall.remind import Reminded
from routing.decide import Route
from routing.egress import Expected
from routing.facts import RequestFacts
from routing.identity import Membership

_CODEX_METADATA = CODEX_METADATA.encode()
RECORD = "memory_proxy"
MEMORY = "memory_proxy_memory"
USAGE = "memory_proxy_usage"
CALLS = "memory_proxy_calls"
CALLS_KEPT = 50
EGRESS = "egress"
"""The second leg of a call: what LiteLLM sends for it, as it leaves through us."""


def facts_of(flow: http.HTTPFlow, conversation: Conversation | None = None) -> RequestFacts:
    request = flow.request
    declared = declared_in_metadata(header_of(request, _CODEX_METADATA) or "").directories
    in_body = conversation.workspace.directories if conversation else ()
    return RequestFacts(
        listener=listener_of(flow),
        method=request.method,
        # Under TLS the name that the client asked a certificate for; the address may be bare.
        host=flow.client_conn.sni or request.host,
        port=request.port,
        path=request.path,
        headers=pairs_of(request.headers),
        directories=declared or in_body,
        model=conversation.model if conversation else None,
    )


def listener_of(flow: http.HTTPFlow) -> int:
    port: int = flow.client_conn.sockname[1]
    return port


def pairs_of(headers: http.Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        [
            (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in headers.fields
        ]
    )


def headers_from(pairs: tuple[tuple[str, str], ...]) -> http.Headers:
    headers = http.Headers()
    headers.fields = tuple(
        [
            (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
            for name, value in pairs
        ]
    )
    return headers


def header_of(message: http.Message, name: bytes) -> str | None:
    """What `message.headers.get` gives; that lower-cases all of them, and LiteLLM sends thirty."""
    size = len(name)
    found = [
        value for key, value in message.headers.fields if len(key) == size and key.lower() == name
    ]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else None


def record(flow: http.HTTPFlow, facts: RequestFacts, route: Route) -> None:
    """Note on the flow what was decided; the comment is what mitmweb shows of it.

    Plain values and clean text only: anything else makes saving the flow fail.
    """
    host = route.target.host if route.target else facts.host
    goes_to_litellm = route.backend != "direct" and route.target
    _note(
        flow,
        {
            **route.summary,
            "errors_in": route.dialect,
            "host": host,
            "call": flow.id if goes_to_litellm else None,
        },
    )


def record_leg(flow: http.HTTPFlow, call: Expected | None, host: str | None = None) -> None:
    """Note on a flow of LiteLLM's own for which call it is, if that is known, and where it goes."""
    _note(
        flow,
        {
            # Nobody reads what was decided of it: nothing was.
            **dict.fromkeys(("provider", "dialect", "operation", "backend")),
            "leg": EGRESS,
            "call": call.id if call else None,
            "project": call.project if call else None,
            "user_id": call.user if call else None,
            "host": host or flow.client_conn.sni or flow.request.host,
            # Whichever provider was asked, LiteLLM reads this one.
            "errors_in": "openai-chat",
        },
    )


def is_second_leg(flow: http.HTTPFlow) -> bool:
    """Whether it is LiteLLM's own, and has passed us before as the call of a tool."""
    return recorded(flow).get("leg") == EGRESS


def record_project(flow: http.HTTPFlow, membership: Membership) -> None:
    """Note a project that became known only later."""
    if membership.project:
        note = recorded(flow)
        why = f"{note['why']}; in a frame: {membership.why}"
        _note(flow, {**note, "project": membership.project.path, "why": why})


def record_memory(flow: http.HTTPFlow, reminded: Reminded) -> None:
    """Note what was put in, or why nothing was; of a WebSocket, with its latest calls."""
    told = flow.metadata[MEMORY] = in_numbers(reminded)
    if flow.websocket:
        calls = [*flow.metadata.get(CALLS, []), told]
        flow.metadata[CALLS] = calls[-CALLS_KEPT:]
    flow.comment = comment(flow)


def in_numbers(reminded: Reminded) -> dict[str, Any]:
    """What may be told of it: nothing that anybody said."""
    return {
        "memories": list(reminded.memories),
        "tokens": reminded.tokens,
        "turns": len(reminded.blocks),
        "milliseconds": round(reminded.seconds * 1000, 1),
        "why": reminded.why,
    }


def record_usage(flow: http.HTTPFlow, usage: Usage) -> None:
    """Note what the provider counted, so that what memory costs can be seen."""
    if told := usage.told():
        flow.metadata[USAGE] = told
        flow.comment = comment(flow)


def recorded_memory(flow: http.HTTPFlow) -> dict[str, Any]:
    found: dict[str, Any] = flow.metadata.get(MEMORY, {})
    return found


def recorded_usage(flow: http.HTTPFlow) -> dict[str, int]:
    found: dict[str, int] = flow.metadata.get(USAGE, {})
    return found


def recorded(flow: http.HTTPFlow) -> dict[str, Any]:
    found: dict[str, Any] = flow.metadata.get(RECORD, {})
    return found


def _note(flow: http.HTTPFlow, values: dict[str, str | None]) -> None:
    note = {
        key: value
        if value is None or value.isascii()
        else value.encode("utf-8", "backslashreplace").decode()
        for key, value in values.items()
    }
    flow.metadata[RECORD] = note
    flow.comment = comment(flow)


def comment(flow: http.HTTPFlow) -> str:
    """What was decided, what went in and what it cost, for whoever looks at the flow."""
    note, memory, usage = recorded(flow), recorded_memory(flow), recorded_usage(flow)
    user, project = note.get("user_id"), note.get("project") or "no project"
    whose = f"{user} in {project}" if user else project
    if note.get("leg"):
        call = note["call"]
        return f"LiteLLM for call {call}: {whose}" if call else "LiteLLM, for no call that is known"
    told = f"{whose} ({note.get('why')})"
    if note.get("call"):
        told += f"; call {note['call']}"
    if memory:
        told += f"; memory: {memory['why']}"
    if memory and memory["tokens"]:
        told += f", about {memory['tokens']} tokens, {memory['milliseconds']} ms"
    if usage:
        counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in usage.items())
        told += f"; tokens: {counts}"
    return told
