"""Made-up vectors: the same text always gets the same one."""

import base64
import hashlib
import struct
from typing import Any

from tests.fakes.answer import tokens_in
from tests.fakes.content import Json

DEFAULT_DIMENSIONS = 8


def openai(body: Json) -> Json:
    given = body.get("input", "")
    # One text, one text as tokens, or a list of either.
    texts = given if isinstance(given, list) and not _is_tokens(given) else [given]
    vectors = [vector(text, body.get("dimensions")) for text in texts]
    as_base64 = body.get("encoding_format") == "base64"
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(values) if as_base64 else values,
            }
            for index, values in enumerate(vectors)
        ],
        "model": body.get("model"),
        "usage": {"prompt_tokens": tokens_in(given), "total_tokens": tokens_in(given)},
    }


def gemini(body: Json) -> Json:
    requests = body.get("requests") or []
    return {
        "embeddings": [
            {"values": vector(request.get("content"), request.get("outputDimensionality"))}
            for request in requests
        ]
    }


def vector(text: Any, dimensions: int | None) -> list[float]:
    size = dimensions or DEFAULT_DIMENSIONS
    noise = hashlib.shake_128(repr(text).encode()).digest(size)
    return [byte / 256 for byte in noise]


def _is_tokens(given: list[Any]) -> bool:
    return all(isinstance(token, int) for token in given)


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
