import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from addons.pass_streams import COPY_AT_MOST, Copy, mark_the_end


def test_a_copy_hands_on_what_it_keeps() -> None:
    copy = Copy()

    assert [copy(chunk) for chunk in (b"one ", b"two", b"")] == [b"one ", b"two", b""]
    assert copy.content == b"one two"


def test_a_copy_keeps_what_the_client_got() -> None:
    copy = Copy(change=bytes.upper)

    assert copy(b"one") == b"ONE"
    assert copy.content == b"ONE"


def test_a_change_that_fails_leaves_the_rest_of_the_stream_as_it_is() -> None:
    copy = Copy(change=lambda chunk: chunk if chunk != b"odd" else {}[chunk])

    assert [copy(chunk) for chunk in (b"one", b"odd", b"two", b"odd")] == [
        b"one",
        b"odd",
        b"two",
        b"odd",
    ]


def test_a_long_answer_passes_whole_and_leaves_no_copy() -> None:
    copy, chunk = Copy(), b"x" * (COPY_AT_MOST // 4)

    for _ in range(4):
        assert copy(chunk) is chunk
    assert len(copy.content or b"") == COPY_AT_MOST
    assert copy(b"y") == b"y"
    assert copy(b"z") == b"z"

    assert copy.content is None
    assert copy.chunks == []


@pytest.mark.parametrize(
    ("version", "method", "status", "headers", "is_marked"),
    [
        pytest.param("HTTP/1.1", "POST", 200, {}, True, id="no length"),
        pytest.param("HTTP/1.1", "POST", 500, {}, True, id="an error without a length"),
        pytest.param("HTTP/1.1", "POST", 200, {"content-length": "7"}, False, id="a length"),
        pytest.param("HTTP/1.1", "POST", 200, {"transfer-encoding": "x"}, False, id="chunks"),
        pytest.param("HTTP/1.1", "HEAD", 200, {}, False, id="no body by its method"),
        pytest.param("HTTP/1.1", "POST", 204, {}, False, id="no content"),
        pytest.param("HTTP/1.1", "GET", 304, {}, False, id="not modified"),
        pytest.param("HTTP/1.0", "POST", 200, {}, False, id="a client that knows no chunks"),
        pytest.param("HTTP/2.0", "POST", 200, {}, False, id="a client with frames"),
    ],
)
def test_only_an_answer_without_an_end_is_chunked(
    version: str, method: str, status: int, headers: dict[str, str], is_marked: bool
) -> None:
    request = tutils.treq(http_version=version.encode(), method=method.encode())
    response = tutils.tresp(status_code=status, headers=http.Headers())
    for name, value in headers.items():
        response.headers[name] = value

    mark_the_end(request, response)

    expected = {**headers, "transfer-encoding": "chunked"} if is_marked else headers
    assert dict(response.headers) == expected
