import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.gemini_answers import Array, models_body

# What one event says, and what may stand around it.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
answers = st.builds(lambda value: {"candidates": value}, json_values)
other_lines = st.sampled_from([b": a comment", b"event: message", b"id: 7", b":", b"retry: 10"])


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, Any]:
    """One event as it is sent, and what its data says."""
    said = draw(answers)
    indent, ascii_only = draw(st.sampled_from([None, 1])), draw(st.booleans())
    written = json.dumps(said, indent=indent, ensure_ascii=ascii_only)
    space = draw(st.sampled_from([b"", b" "]))
    data = [b"data:" + space + line.encode() for line in written.split("\n")]
    before, after = draw(st.lists(other_lines, max_size=2)), draw(st.lists(other_lines, max_size=2))
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    lines = [*before, *data, *after, b""]
    return b"".join(line + line_end for line in lines), said


streams = st.lists(events(), max_size=4)
endings = st.sampled_from([b"", b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n", b": bye\n\n", b"\n"])


def told(chunks: list[bytes]) -> bytes:
    array = Array(str.upper)
    return b"".join(array(chunk) for chunk in [*chunks, b""])


def cut(whole: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % len(whole) for place in at} | {0, len(whole)}) if whole else []
    return [whole[a:b] for a, b in pairwise(places)]


pieces = (
    st.sampled_from([b"data: ", b"\n", b"\r\n", b"\r", b": x", b"[DONE]", b'{"a": 1}'])
    | st.sampled_from([b'{"error": {"code": 429, "message": "slow"}}', b'{"error":'])
    | st.binary(max_size=4)
)


@given(st.lists(pieces, max_size=20).map(b"".join), st.lists(st.integers(0), max_size=9))
def test_however_a_stream_is_cut_it_is_told_alike(whole: bytes, at: list[int]) -> None:
    chunks = cut(whole, at)

    assert b"".join(chunks) == whole
    assert told(chunks) == told([whole] if whole else [])


@given(streams, endings, st.lists(st.integers(0), max_size=9))
def test_an_array_holds_what_the_events_say(
    sent: list[tuple[bytes, Any]], ending: bytes, at: list[int]
) -> None:
    whole = b"".join(event for event, _ in sent) + ending

    assert json.loads(told(cut(whole, at))) == [said for _, said in sent]


@given(events())
def test_an_array_holds_a_last_event_that_nothing_ended(event: tuple[bytes, Any]) -> None:
    sent, said = event

    assert json.loads(told([sent.rstrip()])) == [said]


def test_a_stream_without_events_is_an_empty_array() -> None:
    assert told([]) == b"[]"


def error(code: object) -> bytes:
    return json.dumps({"error": {"message": "slow down", "type": "x", "code": code}}).encode()


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b""], ids=["LF", "CRLF", "cut off"])
@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        pytest.param(error("429"), 429, "RESOURCE_EXHAUSTED", id="a code as text"),
        pytest.param(error(400), 400, "INVALID_ARGUMENT", id="a code as number"),
        pytest.param(error("rate_limit"), 500, "INTERNAL", id="a code in words"),
        pytest.param(error(7).replace(b"7", b"1e999"), 500, "INTERNAL", id="an endless code"),
        pytest.param(error(None), 500, "INTERNAL", id="no code"),
        pytest.param(b'{"error": "slow down"}', 500, "INTERNAL", id="only words"),
    ],
)
def test_an_error_in_an_array_is_geminis(said: bytes, code: int, status: str, end: bytes) -> None:
    wanted = {"error": {"code": code, "message": "SLOW DOWN", "status": status}}
    whole = b'data: {"candidates": []}\n\ndata: ' + said + end

    assert json.loads(told([whole])) == [{"candidates": []}, wanted]


def geminis(name: str) -> dict[str, Any]:
    methods = ["generateContent", "countTokens"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


@pytest.mark.parametrize(
    ("openais", "wanted"),
    [
        pytest.param(
            {"object": "list", "data": [{"id": "a"}, {"id": "b/c", "owned_by": "x"}]},
            {"models": [geminis("a"), geminis("b/c")]},
            id="a list",
        ),
        pytest.param({"data": []}, {"models": []}, id="an empty list"),
        pytest.param(
            {"data": [{"id": "a"}, {"id": 7}, {}, "b", None]},
            {"models": [geminis("a")]},
            id="a list with oddities",
        ),
        pytest.param({"id": "a", "object": "model"}, geminis("a"), id="a single model"),
    ],
)
def test_models_are_listed_as_gemini_lists_its_own(openais: object, wanted: object) -> None:
    body = models_body(json.dumps(openais).encode())

    assert body is not None
    assert json.loads(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"{}",
        b'{"id": 7}',
        b'{"data": {}}',
        b"\xff",
        b"[" * 99999,
    ],
    ids=lambda body: body[:12],
)
def test_what_is_no_list_of_models_is_left_alone(body: bytes) -> None:
    assert models_body(body) is None
