"""Requests of real tools, as captured; README.md tells where they come from."""

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).parent

EVERY: Final = tuple(sorted(path.stem for path in _HERE.glob("*.json")))


@dataclass(frozen=True, slots=True)
class Captured:
    method: str
    """`WS` for a WebSocket frame."""
    host: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: Any
    """A copy of one's own, free to be changed."""

    @property
    def raw(self) -> bytes:
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def captured(name: str) -> Captured:
    told = copy.deepcopy(_read(name))
    headers = tuple((key, value) for key, value in told["headers"])
    return Captured(told["method"], told["host"], told["path"], headers, told["body"])


@cache
def _read(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))
    return told
