"""One line per call, and nothing in it that is anybody's secret."""

import asyncio
import io
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

from mitmproxy import ctx, http

from addons.facts import (
    in_numbers,
    is_second_leg,
    recorded,
    recorded_memory,
    recorded_usage,
)
from dialects.answers import Usage
from recall.remind import Reminded
from routing.facts import shown

logger = logging.getLogger("memory_proxy")

# They tell whole URLs, and with them keys; or every look at whether LiteLLM is up.
_CHATTY = ("httpx", "httpx2", "httpcore", "filelock", "asyncio")
_STREAMS = ("Streaming request to", "Streaming response from")
_BYTES = re.compile(r"""\bb(['"]).*""", re.DOTALL)


class LogCalls:
    """In place of mitmproxy's own lines, whose URLs hold the keys of those who send them there."""

    def load(self, _: object) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Into a file or a pipe, Python would write only once there are 8 KB of lines.
            sys.stdout.reconfigure(line_buffering=True)
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("mitmproxy.proxy.server").addFilter(hide_bytes)

    def running(self) -> None:
        if "flow_detail" in ctx.options:  # mitmdump's; mitmweb prints no flows
            ctx.options.update(flow_detail=0)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.websocket is None:
            outcome = str(flow.response.status_code)
            # When the client has its answer: a line takes a tenth of the time that we take. Not
            # `call_soon`, which would still come before mitmproxy sends it.
            asyncio.get_running_loop().call_later(0, self._log, flow, outcome)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Only now, because its frames may have told the project."""
        if flow.websocket:
            self._log(flow, f"101, closed with {flow.websocket.close_code}")

    def error(self, flow: http.HTTPFlow) -> None:
        self._log(flow, f"failed ({without_bytes(flow.error.msg)})" if flow.error else "failed")

    def _log(self, flow: http.HTTPFlow, outcome: str) -> None:
        note = recorded(flow)
        request = flow.request
        last = flow.websocket or flow.response
        started, ended = request.timestamp_start, last and last.timestamp_end
        took = f" in {ended - started:.2f} s" if ended else ""
        if is_second_leg(flow):
            # Not its path: LiteLLM also tells services whose paths are secrets, such as Slack's.
            logger.info(
                "egress %s %s -> %s%s call=%s project=%s",
                *(request.method, shown(note["host"]), outcome, took, note["call"]),
                shown(str(note["project"])),
            )
        if not note.get("provider"):
            return  # a page of ours, or a request that passed by
        logger.info(
            "call %s %s %s -> %s%s user=%s project=%s backend=%s%s%s",
            request.method,
            note["provider"],
            shown(request.path.partition("?")[0]),
            outcome,
            took,
            note["user_id"],
            shown(str(note["project"])),
            note["backend"],
            f" call={note['call']}" if note.get("call") else "",
            "" if flow.websocket else told_of_memory(recorded_memory(flow), recorded_usage(flow)),
        )


def log_answer(flow: http.HTTPFlow, outcome: str, reminded: Reminded, usage: Usage) -> None:
    """One line for each answer that comes over a WebSocket."""
    note = recorded(flow)
    logger.info(
        "answer %s -> %s user=%s project=%s%s",
        note["provider"],
        outcome,
        note["user_id"],
        shown(str(note["project"])),
        told_of_memory(in_numbers(reminded), usage.told()),
    )


def told_of_memory(told: Mapping[str, Any], usage: Mapping[str, int]) -> str:
    """What went in and what the provider had cached, in numbers."""
    counts = {
        "memories": len(told["memories"]) if told else None,
        "memory_tokens": told.get("tokens"),
        "memory_ms": told.get("milliseconds"),
        "input": usage.get("input"),
        "cache_read": usage.get("cache_read"),
        "cache_written": usage.get("cache_written"),
        "output": usage.get("output"),
    }
    return "".join(f" {name}={count}" for name, count in counts.items() if count is not None)


def without_bytes(message: str) -> str:
    """The message up to where it quotes what somebody sent, such as a header with a key."""
    return _BYTES.sub("…", message)


def hide_bytes(line: logging.LogRecord) -> bool:
    """A filter that shortens lines, and leaves out those that only say that a call streams."""
    message = line.getMessage()
    if message.startswith(_STREAMS):
        return False
    line.msg, line.args = without_bytes(message), ()
    return True
