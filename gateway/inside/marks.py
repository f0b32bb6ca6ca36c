"""The id of a call, carried from the request that came in to the requests made for it."""

from typing import Any


def carry(app: Any) -> None:
    """Let whatever the app sends for a request carry the id that came with it."""
