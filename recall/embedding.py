"""Turn texts into vectors that lie close where the meanings do: the shipped model, or a remote one.

The shipped model is all-MiniLM-L6-v2, see recall/model/README.md. It needs onnxruntime and no
network; where it cannot run, the engine finds memories by their words only.
"""

import hashlib
import importlib.util
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from recall.errors import MemoryUnavailable
from recall.wordpiece import WordPiece
from routing.errors import ConfigError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]

logger = logging.getLogger("memory_proxy")

type Vector = NDArray[np.float32]

MODEL: Final = Path(__file__).parent / "model"
GRAPH: Final = "all-minilm-l6-v2-int8.onnx"
WEIGHTS: Final = "all-minilm-l6-v2-int8.weights"
VOCABULARY: Final = "vocab.txt"

# Word pieces. A window of 200 takes 11 ms and 7 MB while it runs; one of 256 takes 11 MB.
WINDOW: Final = 200
WINDOWS: Final = 8
# 32 and the two around them take 2 ms; 46 find no more. Few questions are longer, pastes aside.
QUESTION: Final = 32
# Where the end of a long question is looked for, in characters.
END_OF_QUESTION: Final = 1024


class EmbeddingFailed(MemoryUnavailable):
    """No vectors now: search by words, and ask again later."""


class Embedder(Protocol):
    """Turns texts into vectors of length one; raises EmbeddingFailed where it cannot."""

    @property
    def name(self) -> str:
        """The model and its version; vectors compare only if they carry the same name."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has; 0 as long as a remote model has not told."""

    def embed(self, texts: Sequence[str]) -> Vector:
        """One row for each text."""

    def embed_question(self, text: str) -> Vector:
        """One vector, quickly: only the beginning and the end of a long text count."""


@runtime_checkable
class Closes(Protocol):
    """An embedder that holds connections."""

    def close(self) -> None:
        """Let go of them."""


class MiniLM:
    """The shipped model, loaded when it is first used, run on the calling thread."""

    name = "all-MiniLM-L6-v2-int8/1"
    dimension = 384

    def __init__(self, folder: Path = MODEL) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._loaded: tuple[InferenceSession, WordPiece] | None = None

    @staticmethod
    def available(folder: Path = MODEL) -> bool:
        """Whether everything is installed that it takes to run."""
        return importlib.util.find_spec("onnxruntime") is not None and all(
            (folder / file).is_file() for file in (GRAPH, WEIGHTS, VOCABULARY)
        )

    def embed(self, texts: Sequence[str]) -> Vector:
        """One row for each text.

        A text of more than 200 word pieces is cut into windows of equal length, of which the mean
        is taken; what lies behind eight windows is left out.
        """
        _session, pieces = self._load()
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            numbers = pieces.encode(text, WINDOWS * WINDOW)
            windows = max(1, -(-len(numbers) // WINDOW))
            length = max(1, -(-len(numbers) // windows))
            vectors[row] = sum(
                self._run(numbers[i * length : (i + 1) * length]) for i in range(windows)
            )
        return normalised(vectors)

    def embed_question(self, text: str) -> Vector:
        """One vector; of a text of more than 32 word pieces, the first and the last 16 count.

        What a person asks stands before or behind what was pasted.
        """
        _session, pieces = self._load()
        numbers = pieces.encode(text, QUESTION + 1)
        if len(numbers) > QUESTION:
            end = pieces.encode_end(text.rstrip()[-END_OF_QUESTION:], QUESTION // 2)
            numbers = numbers[: QUESTION // 2] + end
        vector: Vector = normalised(self._run(numbers)[None])[0]
        return vector

    def _run(self, numbers: Sequence[int]) -> Vector:
        session, pieces = self._load()
        row = [pieces.number("[CLS]"), *numbers, pieces.number("[SEP]")]
        try:
            # One text at a time. On one thread a batch is no quicker, it takes memory for its
            # padding, and it makes the vector of a text depend on its neighbours, because a tensor
            # is quantised as a whole.
            (vectors,) = session.run(["emb"], {"input_ids": np.array([row], np.int64)})
        except Exception as error:
            raise EmbeddingFailed(f"the embedding model failed: {type(error).__name__}") from error
        vector: Vector = vectors[0]
        return vector

    def _load(self) -> tuple["InferenceSession", WordPiece]:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    try:
                        self._loaded = (
                            session_of(self._folder),
                            vocabulary(self._folder),
                        )
                    except Exception as error:
                        raise EmbeddingFailed(
                            f"the embedding model cannot be loaded: {type(error).__name__}"
                        ) from error
        return self._loaded


@lru_cache(maxsize=4)
def vocabulary(folder: Path) -> WordPiece:
    """The shipped model's word pieces, which also tell how common a word is."""
    return WordPiece(folder / VOCABULARY)


def how_common(word: str) -> int | None:
    """A word's number in the shipped vocabulary, the lower the commoner; None if it has none."""
    try:
        return vocabulary(MODEL).find(word)
    except OSError:
        return None  # without the model's files, words have to do


def session_of(folder: Path) -> "InferenceSession":
    """Load the shipped graph, with the settings that cost the least memory and time.

    Beyond numpy, the model takes 45 MB after the first question and 70 after many long texts: 19
    for onnxruntime, 11 for the matrices, 12 for the embeddings of the words, which are mapped from
    the file and counted as far as they were read, 4 for the vocabulary, 10 for the longest text.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns on stderr about devices that it does not find
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A spinning worker takes the core that the search needs: 24 ms instead of 8 at the 99th
    # percentile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Both keep the memory of the longest text so far, 5 MB each, and make nothing quicker.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(folder / GRAPH, options, providers=["CPUExecutionProvider"])


def normalised(vectors: Vector) -> Vector:
    """Rows of length one; raises EmbeddingFailed for those that have no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise EmbeddingFailed("the embedding model gave vectors that are not numbers, or zero")
    rows: Vector = vectors / lengths
    return rows


class Questions:
    """The vectors of questions, made on a thread of their own and kept for when they come again."""

    SIZE = 512
    WAITING = 64
    # Seconds of rest after a failure, doubled with each that follows.
    SHORTEST_REST = 1.0
    LONGEST_REST = 60.0

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._lock = threading.Lock()
        # By hash: what was asked shall not lie about in memory.
        self._known: OrderedDict[bytes, Vector] = OrderedDict()
        self._waiting: dict[bytes, Future[Vector]] = {}
        self._tasks: SimpleQueue[tuple[bytes, str] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failures = 0
        self._rests_until = 0.0

    def ask(self, text: str) -> Future[Vector]:
        """The vector of a question, in the future; it cannot be cancelled, others may wait too."""
        key = _key(text)
        with self._lock:
            if waiting := self._waiting.get(key):
                return waiting
            future: Future[Vector] = Future()
            future.set_running_or_notify_cancel()
            if (vector := self._recent(key)) is not None:
                future.set_result(vector)
            elif reason := self._refusal():
                future.set_exception(EmbeddingFailed(reason))
            elif not self._has_thread():
                future.set_exception(EmbeddingFailed("no thread can be started"))
            else:
                self._waiting[key] = future
                self._tasks.put((key, text))
            return future

    def cached(self, text: str) -> Vector | None:
        """The vector of a question that was asked before, if it is still known."""
        key = _key(text)
        with self._lock:
            return self._recent(key)

    def close(self) -> None:
        """End the thread, fail what is still waiting, and let the embedder go."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            self._tasks.put(None)
        if thread:
            # A remote model may take its time, and nobody needs its answer any more.
            thread.join(timeout=1.0)
        with self._lock:
            futures = list(self._waiting.values())
            self._waiting.clear()
        for future in futures:
            future.set_exception(EmbeddingFailed("the memory is closed"))
        if isinstance(self.embedder, Closes):
            self.embedder.close()

    def _recent(self, key: bytes) -> Vector | None:
        vector = self._known.get(key)
        if vector is not None:
            self._known.move_to_end(key)
        return vector

    def _refusal(self) -> str:
        if self._closed:
            return "the memory is closed"
        if time.monotonic() < self._rests_until:
            return "the embedding model rests after a failure"
        if len(self._waiting) >= self.WAITING:
            return "too many questions wait for the embedding model"
        return ""

    def _has_thread(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="memory questions", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has none left, or the program is ending
                return False
            self._thread = thread
        return True

    def _work(self) -> None:
        while (task := self._tasks.get()) and not self._closed:
            key, text = task
            try:
                vector = self.embedder.embed_question(text)
            except Exception as error:
                self._failed(error)
            else:
                self._succeeded(key, vector)
            del task, text  # or the thread would hold them until the next question

    def _succeeded(self, key: bytes, vector: Vector) -> None:
        vector.setflags(write=False)
        with self._lock:
            self._failures = 0
            self._known[key] = vector
            if len(self._known) > self.SIZE:
                self._known.popitem(last=False)
            future = self._waiting.pop(key, None)
        if future:
            future.set_result(vector)

    def _failed(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, EmbeddingFailed) else type(error).__name__
        with self._lock:
            rest = min(self.SHORTEST_REST * 2**self._failures, self.LONGEST_REST)
            self._failures = min(self._failures + 1, 10)
            self._rests_until = time.monotonic() + rest
            # Those behind would only wait for the same failure.
            futures = list(self._waiting.values())
            self._waiting.clear()
            while not self._closed and not self._tasks.empty():
                self._tasks.get()
        if not self._closed:
            logger.warning("embedding.failed rest=%.0f reason=%r", rest, reason)
        for future in futures:
            future.set_exception(EmbeddingFailed(reason))


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Which model makes the vectors; nothing set means the shipped one."""

    url: str | None = None  # of an endpoint that speaks as OpenAI's does
    model: str | None = None  # "none": no vectors at all
    key: str | None = field(default=None, repr=False)
    dimensions: int | None = None  # what to ask of a model that can make vectors of several sizes


def embedder_of(settings: EmbeddingSettings) -> Embedder | None:
    """The embedder that the settings ask for; None where memories are found by words only."""
    if settings.model == "none":
        return None
    if settings.url is not None:
        if not settings.model:
            raise ConfigError("an embedding url needs the name of the model to ask there")
        from recall.remote_embedding import Remote

        return Remote(settings.url, settings.model, settings.key, settings.dimensions)
    if settings.model:
        raise ConfigError(
            f"embedding model {settings.model!r} needs the url where it is served; "
            "leave the model out for the shipped one"
        )
    if MiniLM.available():
        return MiniLM()
    logger.warning("embedding.none reason='onnxruntime or the model is missing'")
    return None
