"""Any endpoint that speaks as OpenAI's does can make the vectors, and may do it badly."""

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from recall.embedding import EmbeddingFailed
from recall.remote_embedding import CHARACTERS_AT_ONCE, LONGEST_TEXT, TEXTS_AT_ONCE, Remote

KEY = "sk-made-up-for-the-test"
TEXT = "something private"

type Answer = Callable[["Handler", dict[str, Any]], None]


def vector_of(text: str) -> list[float]:
    return [3.0, 4.0, float(len(text))]


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    return [
        {"object": "embedding", "index": index, "embedding": vector_of(text)}
        for index, text in enumerate(texts)
    ]


def well(handler: "Handler", asked: dict[str, Any]) -> None:
    handler.send({"object": "list", "data": rows_of(asked["input"]), "model": asked["model"]})


@dataclass
class Endpoint:
    """A server on the loopback interface that answers as it is told to."""

    url: str = ""
    answer: Answer = well
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    endpoint: Endpoint

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.endpoint.asked.append(asked)
        self.endpoint.headers.append({k.lower(): v for k, v in self.headers.items()})
        self.endpoint.paths.append(self.path)
        self.endpoint.answer(self, asked)

    def send(self, body: Any, status: int = 200) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    handler = type("ThisHandler", (Handler,), {"endpoint": endpoint})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield endpoint
        endpoint.is_over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(endpoint: Endpoint) -> Iterator[Remote]:
    remote = Remote(endpoint.url, "a-model", KEY, seconds=20)
    yield remote
    remote.close()


def test_vectors_come_back_with_length_one_in_the_order_of_the_texts(
    endpoint: Endpoint, remote: Remote
) -> None:
    vectors = remote.embed(["", "a", "abc"])

    expected = np.array([vector_of(" "), vector_of("a"), vector_of("abc")])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected)
    assert endpoint.asked == [
        {"model": "a-model", "input": [" ", "a", "abc"], "encoding_format": "float"}
    ]


def test_the_dimension_is_learnt_from_the_first_answer(remote: Remote) -> None:
    assert (remote.name, remote.dimension) == ("a-model", 0)
    assert remote.embed_question("where?").shape == (3,)
    assert remote.dimension == 3


def test_the_key_goes_into_its_header_and_no_key_into_none(
    endpoint: Endpoint, remote: Remote
) -> None:
    remote.embed([TEXT])
    keyless = Remote(endpoint.url, "a-model")
    keyless.embed([TEXT])
    keyless.close()

    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in endpoint.headers[1]


@pytest.mark.parametrize("end", ["", "/", "/embeddings", "/embeddings/"])
def test_the_url_may_name_the_endpoint_or_what_it_is_below(endpoint: Endpoint, end: str) -> None:
    remote = Remote(endpoint.url + end, "a-model")
    remote.embed([TEXT])
    remote.close()

    assert endpoint.paths == ["/v1/embeddings"]


def test_dimensions_are_asked_for_and_checked(endpoint: Endpoint) -> None:
    remote = Remote(endpoint.url, "a-model", dimensions=2)

    with pytest.raises(EmbeddingFailed, match="3 numbers instead of 2"):
        remote.embed([TEXT])

    assert endpoint.asked[0]["dimensions"] == 2
    remote.close()


def test_many_texts_are_sent_in_parts(endpoint: Endpoint, remote: Remote) -> None:
    texts = ["x" * n for n in range(1, 2 * TEXTS_AT_ONCE + 2)]

    vectors = remote.embed(texts)

    assert [len(asked["input"]) for asked in endpoint.asked] == [TEXTS_AT_ONCE, TEXTS_AT_ONCE, 1]
    lengths = vectors[:, 2] / vectors[:, 0] * 3
    assert np.allclose(lengths, range(1, len(texts) + 1), rtol=1e-4)


def test_long_texts_are_cut_and_sent_in_smaller_parts(endpoint: Endpoint, remote: Remote) -> None:
    remote.embed(["x" * 3 * LONGEST_TEXT] * 20)

    sizes = [sum(map(len, asked["input"])) for asked in endpoint.asked]
    assert sum(sizes) == 20 * LONGEST_TEXT
    assert max(sizes) <= CHARACTERS_AT_ONCE


def test_a_long_question_keeps_its_beginning_and_its_end(
    endpoint: Endpoint, remote: Remote
) -> None:
    remote.embed_question("Why is this slow? " + "noise " * 10_000 + "Which index is missing?\n")

    (sent,) = endpoint.asked[0]["input"]
    assert sent.startswith("Why is this slow?")
    assert sent.endswith("Which index is missing?")
    assert len(sent) <= 2001


def test_no_texts_are_not_sent(endpoint: Endpoint, remote: Remote) -> None:
    assert len(remote.embed([])) == 0
    assert endpoint.asked == []


def test_half_a_surrogate_pair_can_be_sent(endpoint: Endpoint, remote: Remote) -> None:
    remote.embed(["mem\ud800ory", "a\x00b"])

    assert endpoint.asked[0]["input"] == ["mem?ory", "a\x00b"]


def test_rows_are_sorted_by_their_index(endpoint: Endpoint, remote: Remote) -> None:
    def backwards(handler: Handler, asked: dict[str, Any]) -> None:
        handler.send({"data": rows_of(asked["input"])[::-1]})

    in_order = remote.embed(["a", "bb", "ccc"])
    endpoint.answer = backwards

    assert np.array_equal(remote.embed(["a", "bb", "ccc"]), in_order)


def test_base64_and_rows_without_an_index_are_read_too(endpoint: Endpoint, remote: Remote) -> None:
    def in_base64(handler: Handler, asked: dict[str, Any]) -> None:
        rows = [np.array(vector_of(text), "<f4").tobytes() for text in asked["input"]]
        handler.send({"data": [{"embedding": base64.b64encode(row).decode()} for row in rows]})

    in_floats = remote.embed(["a", "bb"])
    endpoint.answer = in_base64

    assert np.array_equal(remote.embed(["a", "bb"]), in_floats)


def sends(body: Any, status: int = 200) -> Answer:
    return lambda handler, _asked: handler.send(body, status)


def row(embedding: Any, index: int = 0) -> Answer:
    return sends({"data": [{"index": index, "embedding": embedding}]})


def hangs_up(handler: Handler, _asked: dict[str, Any]) -> None:
    handler.close_connection = True


def hangs_up_within(handler: Handler, _asked: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


BAD = [
    ("an error", sends({"error": {"message": f"{TEXT} {KEY}"}}, 500), "answered 500"),
    ("a wrong key", sends({"error": f"no such key: {KEY}"}, 401), "answered 401"),
    ("a redirect", sends(b"", 307), "answered 307"),
    ("garbage", sends(b"\xff\xfe<html>" + TEXT.encode()), "Error"),
    ("nothing", sends(b""), "JSONDecodeError"),
    ("a list", sends([TEXT]), "TypeError"),
    ("no data", sends({"error": TEXT}), "KeyError"),
    ("no rows", sends({"data": []}), "0 vectors for 1"),
    ("a row too many", sends({"data": rows_of([TEXT, TEXT])}), "2 vectors for 1"),
    ("another index", row([1.0], index=7), "KeyError"),
    ("words", row([TEXT]), "ValueError"),
    ("a matrix", row([[1.0, 2.0]]), "something else"),
    ("a number", row(1.0), "something else"),
    ("not a number", row([1.0, float("nan")]), "not numbers"),
    ("infinity", row([1.0, float("inf")]), "not numbers"),
    ("more than fits", row([1e300]), "not numbers"),
    ("more than fits anything", row([10**400]), "Error"),
    ("zeros", row([0.0, 0.0]), "zero"),
    ("no numbers", row([]), "zero"),
    ("null", row([None, 1.0]), "not numbers"),
    ("broken base64", row("%%%"), "Error"),
    ("half a number in base64", row("AAA="), "ValueError"),
    ("a closed connection", hangs_up, "Error"),
    ("half an answer", hangs_up_within, "Error"),
]


@pytest.mark.parametrize(("answer", "reason"), [r[1:] for r in BAD], ids=[r[0] for r in BAD])
def test_a_bad_answer_is_a_failure_that_tells_neither_key_nor_text(
    endpoint: Endpoint,
    remote: Remote,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    reason: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.answer = answer

    with pytest.raises(EmbeddingFailed, match=reason) as caught:
        remote.embed([TEXT])

    assert len(endpoint.asked) == 1  # nothing is tried again
    told = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert KEY not in told
    assert TEXT not in told
    endpoint.answer = well
    assert remote.embed([TEXT]).shape == (1, 3)


def test_vectors_of_several_lengths_are_a_failure(endpoint: Endpoint, remote: Remote) -> None:
    endpoint.answer = sends({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]})

    with pytest.raises(EmbeddingFailed, match="ValueError"):
        remote.embed([TEXT, TEXT])


def test_a_model_that_changes_its_dimension_is_a_failure(
    endpoint: Endpoint, remote: Remote
) -> None:
    remote.embed([TEXT])
    endpoint.answer = row([1.0, 2.0])

    with pytest.raises(EmbeddingFailed, match="2 numbers instead of 3"):
        remote.embed([TEXT])


def test_a_silent_endpoint_is_given_up(endpoint: Endpoint) -> None:
    def silent(_handler: Handler, _asked: dict[str, Any]) -> None:
        endpoint.is_over.wait(20)

    endpoint.answer = silent
    remote = Remote(endpoint.url, "a-model", seconds=0.2)

    with pytest.raises(EmbeddingFailed, match="too long"):
        remote.embed([TEXT])
    remote.close()


def test_an_endpoint_that_trickles_is_given_up(endpoint: Endpoint) -> None:
    def trickles(handler: Handler, _asked: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        try:
            while not endpoint.is_over.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:  # the other side has gone, as it should
            handler.close_connection = True

    endpoint.answer = trickles
    remote = Remote(endpoint.url, "a-model", seconds=0.3)

    with pytest.raises(EmbeddingFailed, match="too long"):
        remote.embed([TEXT])
    remote.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "no url", "ftp://127.0.0.1/", "http://[", ""]
)
def test_a_url_that_leads_nowhere_is_a_failure(url: str) -> None:
    remote = Remote(url, "a-model", KEY)

    with pytest.raises(EmbeddingFailed, match="cannot be used"):
        remote.embed_question(TEXT)
    remote.close()


@pytest.mark.parametrize("key", ["sk-line\nbreak", "sk-sm\u00f8rrebr\u00f8d", "sk-\ud800"])
def test_a_key_that_fits_in_no_header_is_not_told(endpoint: Endpoint, key: str) -> None:
    remote = Remote(endpoint.url, "a-model", key)

    with pytest.raises(EmbeddingFailed, match="cannot be used") as caught:
        remote.embed_question(TEXT)

    assert key not in str(caught.value)
    assert caught.value.__cause__ is None
    assert endpoint.asked == []
    remote.close()
