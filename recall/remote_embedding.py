"""Vectors from any endpoint that speaks as OpenAI's /embeddings does: LiteLLM, Ollama, vLLM."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx
import numpy as np

from recall.embedding import EmbeddingFailed, Vector, normalised
from recall.redact import redact

# Characters. Most models read 8,192 tokens, and refuse more instead of leaving it out.
LONGEST_TEXT: Final = 8_000
# A question has to be quick; its point stands at the beginning or at the end.
LONGEST_QUESTION: Final = 2_000
TEXTS_AT_ONCE: Final = 32
CHARACTERS_AT_ONCE: Final = 64_000
LARGEST_ANSWER: Final = 64 * 1024 * 1024


class Remote:
    """A model behind an endpoint; what goes wrong there is told without the key and the texts."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        dimensions: int | None = None,
        *,
        seconds: float = 10.0,
    ) -> None:
        url = url.rstrip("/")
        self._url = url if url.endswith("/embeddings") else f"{url}/embeddings"
        self._model = model
        self._key = key
        self._dimensions = dimensions
        self._seconds = seconds
        self.name = f"{model}/{dimensions}" if dimensions else model
        self.dimension = dimensions or 0
        # trust_env: the proxy that the environment names may be this one. verify: without TLS, the
        # tenth of a second that it takes to load the authorities is for nothing.
        self._client = httpx.Client(
            trust_env=False,
            verify=not self._url.lower().startswith("http:"),
            timeout=httpx.Timeout(seconds, connect=min(seconds, 3.0)),
        )

    def embed(self, texts: Sequence[str]) -> Vector:
        """One row for each text; what lies behind 8,000 characters is left out."""
        batches = [self._ask(batch) for batch in _batches([_sendable(text) for text in texts])]
        if not batches:
            return np.empty((0, self.dimension), np.float32)
        return np.concatenate(batches)

    def embed_question(self, text: str) -> Vector:
        """One vector; of more than 2,000 characters, the first and the last 1,000 count."""
        # A memory has no secrets left; a question may, and goes to somebody else's machine here.
        text = redact(text, 4 * LONGEST_QUESTION).text
        if len(text) > LONGEST_QUESTION:
            half = LONGEST_QUESTION // 2
            text = f"{text[:half]}\n{text.rstrip()[-half:]}"
        row: Vector = self._ask([_sendable(text)])[0]
        return row

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, texts: list[str]) -> Vector:
        body: dict[str, Any] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        try:
            vectors = normalised(_vectors(json.loads(self._send(body)), len(texts)))
        except EmbeddingFailed:
            raise
        except httpx.TimeoutException:
            raise EmbeddingFailed("the embedding endpoint took too long") from None
        except Exception as error:
            # Not chained: h11, for one, quotes a header that it refuses, and that is the key.
            raise EmbeddingFailed(
                f"the embedding endpoint cannot be used: {type(error).__name__}"
            ) from None
        if self.dimension and vectors.shape[1] != self.dimension:
            raise EmbeddingFailed(
                f"the embedding endpoint gave vectors of {vectors.shape[1]} numbers "
                f"instead of {self.dimension}"
            )
        self.dimension = vectors.shape[1]
        return vectors

    def _send(self, body: dict[str, Any]) -> bytes:
        """The body of the answer; httpx watches over single reads, this over all of them."""
        until = time.monotonic() + self._seconds
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        answer = bytearray()
        with self._client.stream("POST", self._url, json=body, headers=headers) as response:
            if response.status_code != 200:
                raise EmbeddingFailed(f"the embedding endpoint answered {response.status_code}")
            for chunk in response.iter_bytes():
                answer += chunk
                if time.monotonic() > until:
                    raise EmbeddingFailed("the embedding endpoint took too long")
                if len(answer) > LARGEST_ANSWER:
                    raise EmbeddingFailed("the embedding endpoint does not stop answering")
        return bytes(answer)


def _sendable(text: str) -> str:
    # Half a surrogate pair is no JSON, and OpenAI refuses an empty text.
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode() or " "


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == TEXTS_AT_ONCE or characters + len(text) > CHARACTERS_AT_ONCE):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def _vectors(answer: Any, count: int) -> Vector:
    """The rows of an answer, in the order of the texts."""
    rows = answer["data"]
    if len(rows) != count:
        raise EmbeddingFailed(f"the embedding endpoint gave {len(rows)} vectors for {count} texts")
    by_index = {row.get("index", place): row["embedding"] for place, row in enumerate(rows)}
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        return np.stack([_row(by_index[index]) for index in range(count)])


def _row(embedding: Any) -> Vector:
    if isinstance(embedding, str):
        # Some endpoints send base64 whatever they are asked for.
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32)
    row: Vector = np.asarray(embedding, np.float32)
    if row.ndim != 1:
        raise EmbeddingFailed("the embedding endpoint gave something else than vectors")
    return row
