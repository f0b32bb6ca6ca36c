"""The working directory that a client declares: in its own header, or its own environment block.

Only there. What a person types, a tool prints or a file says may hold any path and decides
nothing: it would let a text choose whose memory is opened.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

CODEX_METADATA: Final = "x-codex-turn-metadata"

_BLOCKS: Final = (
    re.compile(r"^ - Primary working directory: (?P<path>.+)$", re.M),  # Claude Code
    re.compile(r"^<env>\n[ \t]*Working directory: (?P<path>.+)$", re.M),  # OpenCode
    re.compile(r"^\* Current working directory: (?P<path>.+)$", re.M),  # Copilot CLI
    re.compile(r"^[ \t]*<cwd>(?P<path>[^<\n]+)</cwd>", re.M),  # Codex
    re.compile(r"^- \*\*Workspace Directories:\*\*\n(?P<paths>(?: +- .+\n?)+)", re.M),  # Gemini CLI
)


def declared_in_metadata(metadata: str) -> tuple[str, ...]:
    """What Codex's turn metadata declares, whether it came in a header or in a frame."""
    if not metadata:
        return ()
    try:
        parsed = json.loads(metadata)
    except (ValueError, RecursionError):
        return ()
    workspaces = parsed.get("workspaces") if isinstance(parsed, dict) else None
    return tuple(workspaces) if isinstance(workspaces, dict) else ()


def declared_in_body(body: Mapping[str, Any], environment: Iterable[str]) -> tuple[str, ...]:
    """What Codex's metadata in the body declares, else the first environment block there is."""
    client = body.get("client_metadata")
    metadata = client.get(CODEX_METADATA) if isinstance(client, dict) else None
    if declared := declared_in_metadata(metadata if isinstance(metadata, str) else ""):
        return declared
    for text in environment:
        found = [match for block in _BLOCKS if (match := block.search(text))]
        if found:
            # Behind its own block a client quotes files, which may hold anything.
            return _paths(min(found, key=lambda match: match.start()))
    return ()


def _paths(match: re.Match[str]) -> tuple[str, ...]:
    found = match.groupdict()
    lines = (found.get("paths") or found.get("path") or "").split("\n")
    return tuple(path for line in lines if (path := line.strip().removeprefix("- ")))
