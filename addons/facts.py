"""A flow's facts, and a flow's own record of what was decided."""

from typing import Any

from mitmproxy import http

from dialects import Seen
from dialects.workspace import CODEX_METADATA, declared_in_metadata
from routing.decide import Route
from routing.facts import RequestFacts
from routing.identity import Membership

RECORD = "memory_proxy"


def facts_of(flow: http.HTTPFlow, seen: Seen | None = None) -> RequestFacts:
    request = flow.request
    declared = declared_in_metadata(request.headers.get(CODEX_METADATA, ""))
    return RequestFacts(
        listener=listener_of(flow),
        method=request.method,
        # Under TLS the name that the client asked a certificate for; the address may be bare.
        host=flow.client_conn.sni or request.host,
        port=request.port,
        path=request.path,
        headers=pairs_of(request.headers),
        directories=declared or (seen.directories if seen else ()),
        model=seen.model if seen else None,
    )


def listener_of(flow: http.HTTPFlow) -> int:
    port: int = flow.client_conn.sockname[1]
    return port


def pairs_of(headers: http.Headers) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(value)) for name, value in headers.fields)


def headers_from(pairs: tuple[tuple[str, str], ...]) -> http.Headers:
    return http.Headers([(_raw(name), _raw(value)) for name, value in pairs])


def record(flow: http.HTTPFlow, facts: RequestFacts, route: Route) -> None:
    """Note on the flow what was decided; the comment is what mitmweb shows of it.

    Plain values and clean text only: anything else makes saving the flow fail.
    """
    host = route.target.host if route.target else facts.host
    _note(flow, {**route.summary, "errors_in": route.dialect, "host": host})


def record_project(flow: http.HTTPFlow, membership: Membership) -> None:
    """Note a project that became known only later."""
    if membership.project:
        note = recorded(flow)
        why = f"{note['why']}; in a frame: {membership.why}"
        _note(flow, {**note, "project": membership.project.path, "why": why})


def recorded(flow: http.HTTPFlow) -> dict[str, Any]:
    found: dict[str, Any] = flow.metadata.get(RECORD, {})
    return found


def _note(flow: http.HTTPFlow, values: dict[str, str | None]) -> None:
    note = {
        key: value and value.encode("utf-8", "backslashreplace").decode()
        for key, value in values.items()
    }
    flow.metadata[RECORD] = note
    flow.comment = f"{note['user_id']} in {note['project'] or 'no project'} ({note['why']})"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
