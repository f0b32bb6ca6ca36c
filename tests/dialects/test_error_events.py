import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dialects.error_events import LONGEST_ERROR, ErrorEvents
from tests.dialects import (
    anthropic_streams,
    gemini_streams,
    openai_chat_streams,
    openai_responses_streams,
)
from tests.dialects.streams import (
    ANTHROPIC,
    CHAT,
    DIALECTS,
    DONE,
    GEMINI,
    RESPONSES,
    cut,
    places,
    streamed,
)

MOST_HELD_BACK = 32
"""Bytes: those of `data: {"type": "response.failed"`, and a little."""

every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def clean(text: str) -> str:
    return text.replace("sk-secret", "[hidden]")


def told(dialect: str, chunks: list[bytes]) -> bytes:
    events = ErrorEvents(dialect, clean)
    return b"".join(events(chunk) for chunk in [*filter(None, chunks), b""])


def is_ordinary(event: Any) -> bool:
    if event == DONE:
        return True
    if not isinstance(event, dict) or next(iter(event), None) == "error":
        return False
    return event.get("type") not in ("error", "response.failed")


# Streams that hold no error.

RECORDED = {
    f"{dialect}, {name}": (dialect, streamed(*filter(is_ordinary, events)))
    for dialect, streams in (
        (ANTHROPIC, anthropic_streams.STREAMS),
        (CHAT, openai_chat_streams.STREAMS),
        (RESPONSES, openai_responses_streams.STREAMS),
        (GEMINI, gemini_streams.STREAMS),
    )
    for name, (events, _) in streams.items()
}

tricky = st.sampled_from(
    ['{"error": 1}', "data: ", 'data: {"error"', "\n\n", "event: error", "[DONE]", "<html>", "\r"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | tricky,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["error", "type"]), inner)
    ),
    max_leaves=5,
)
names = st.sampled_from(["type", "error", "choices", "id", "typ", "errors", "e"]) | st.text()
objects = st.dictionaries(names, values, max_size=4).filter(is_ordinary) | st.just({"error": None})
other_lines = st.sampled_from(
    [b": a comment", b"event: message", b"event: errors", b"event", b"id: 7", b":", b"error"]
) | st.sampled_from(
    [b"retry: 10", b'x: {"error": 1}', b"data", b"event: response.failed_not", b"x<html>"]
)


@st.composite
def ordinary_events(draw: st.DrawFn) -> bytes:
    indent, ascii_only = draw(st.sampled_from([None, 1])), draw(st.booleans())
    # A lone half of a character cannot be sent.
    said = json.dumps(draw(objects), indent=indent, ensure_ascii=ascii_only)
    written = said.encode("utf-8", "replace").splitlines()
    space = draw(st.sampled_from([b"", b" "]))
    before, after = draw(st.lists(other_lines, max_size=2)), draw(st.lists(other_lines, max_size=2))
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    data = [b"data:" + space + line for line in written]
    return b"".join(line + end for line in [*before, *data, *after, b""])


ordinary_streams = st.builds(
    lambda events, ending: b"".join(events) + ending,
    st.lists(ordinary_events(), max_size=4),
    st.sampled_from([b"", b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n", b": bye\n\n", b"\n"]),
)


@pytest.mark.parametrize(("dialect", "whole"), RECORDED.values(), ids=RECORDED)
def test_a_stream_without_errors_passes_byte_for_byte(dialect: str, whole: bytes) -> None:
    assert told(dialect, [whole]) == whole
    assert told(dialect, [bytes([byte]) for byte in whole]) == whole


# Whole streams of any text take a while to make, on a machine that is busy.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(DIALECTS), ordinary_streams, places)
def test_any_stream_without_errors_passes_byte_for_byte(
    dialect: str, whole: bytes, at: list[int]
) -> None:
    assert told(dialect, cut(whole, at)) == whole


@pytest.mark.parametrize(("dialect", "whole"), RECORDED.values(), ids=RECORDED)
def test_only_a_few_bytes_are_held_back(dialect: str, whole: bytes) -> None:
    events, passed = ErrorEvents(dialect, clean), 0
    for number, byte in enumerate(whole, start=1):
        passed += len(events.feed(bytes([byte])))
        assert number - passed <= MOST_HELD_BACK
    assert passed == len(whole)


@pytest.mark.parametrize("event", [*range(2)])
def test_an_event_that_has_come_in_full_is_passed_on_at_once(event: int) -> None:
    events = ErrorEvents(CHAT, clean)
    sent = b'data: {"id": "c", "choices": [], "error": null}\n\n'

    assert [events.feed(sent) for _ in range(event + 1)] == [sent] * (event + 1)


# Errors.

SLOW = {"error": {"message": "slow, sk-secret", "type": "throttling_error", "code": "429"}}
NO_TYPE = {"error": {"message": "slow, sk-secret", "type": None, "param": None, "code": "500"}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "sk-secret!"}}
BROKEN = {"type": "error", "sequence_number": 8, "code": "server_error", "message": "sk-secret!"}
GOOGLES = {"error": {"code": 429, "message": "sk-secret!", "status": "RESOURCE_EXHAUSTED"}}
FAILED = {
    "type": "response.failed",
    "response": {
        "id": "resp_1",
        "status": "failed",
        "error": {"code": "server_error", "message": "with sk-secret"},
        "output": [{"text": "the model said sk-secret"}],
    },
    "sequence_number": 5,
}

BEFORE = {
    CHAT: b'data: {"id":"c","choices":[{"delta":{"content":"{\\"error\\": 1}"}}]}\n\n',
    RESPONSES: b'data: {"type":"response.output_text.delta","delta":"error"}\n\n',
    ANTHROPIC: b'event: ping\ndata: {"type":"ping"}\n\n',
    GEMINI: b'data: {"candidates": []}\n\n',
}


def shape(dialect: str, kind: str, message: str, code: object, status: str) -> tuple[str, Any]:
    """The name and the data of an error that comes after one event."""
    match dialect:
        case "anthropic":
            return "error", {"type": "error", "error": {"type": kind, "message": message}}
        case "gemini":
            return "", {"error": {"code": code, "message": message, "status": status}}
    error = {"message": message, "type": kind, "param": None, "code": str(code)}
    if dialect == CHAT:
        return "", {"error": error}
    fields = {"code": str(code), "message": message, "param": None, "sequence_number": 1}
    return "error", {"type": "error", **fields, "error": error}


CASES: dict[str, tuple[str, Any, tuple[str, Any]]] = {
    "LiteLLM's, in chat": (
        CHAT,
        NO_TYPE,
        shape(CHAT, "server_error", "slow, [hidden]", 500, ""),
    ),
    "Anthropic's, in chat": (
        CHAT,
        OVERLOADED,
        shape(CHAT, "server_error", "[hidden]!", "overloaded_error", ""),
    ),
    "words, in chat": (
        CHAT,
        {"error": "sk-secret"},
        shape(CHAT, "server_error", "[hidden]", "500", ""),
    ),
    "LiteLLM's, in messages": (
        ANTHROPIC,
        SLOW,
        shape(ANTHROPIC, "rate_limit_error", "slow, [hidden]", 0, ""),
    ),
    "Anthropic's own": (
        ANTHROPIC,
        OVERLOADED,
        shape(ANTHROPIC, "overloaded_error", "[hidden]!", 0, ""),
    ),
    "LiteLLM's, in responses": (
        RESPONSES,
        NO_TYPE,
        shape(RESPONSES, "server_error", "slow, [hidden]", 500, ""),
    ),
    "LiteLLM's, in Gemini's stream": (
        GEMINI,
        SLOW,
        shape(GEMINI, "", "slow, [hidden]", 429, "RESOURCE_EXHAUSTED"),
    ),
    "Google's own": (GEMINI, GOOGLES, shape(GEMINI, "", "[hidden]!", 429, "RESOURCE_EXHAUSTED")),
}


def parse(event: bytes) -> tuple[str, Any]:
    """The name and the data of the one event that this is."""
    lines = event.decode().splitlines()
    named = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    [data] = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert len(lines) == len(named) + 2, "a name, data and an empty line are all"
    return (named[-1] if named else ""), json.loads(data)


@pytest.mark.parametrize("is_named", [True, False], ids=["named", "data alone"])
@pytest.mark.parametrize(
    ("end", "ends"),
    [
        pytest.param(b"\n", 2, id="LF"),
        pytest.param(b"\r\n", 2, id="CRLF"),
        pytest.param(b"\r", 2, id="CR"),
        pytest.param(b"\n", 1, id="LF, cut off"),
        pytest.param(b"\r\n", 1, id="CRLF, cut off"),
    ],
)
@pytest.mark.parametrize(("dialect", "said", "wanted"), CASES.values(), ids=CASES)
def test_an_error_in_a_stream_is_told_as_its_dialect_tells_it(
    dialect: str,
    said: Any,
    wanted: tuple[str, Any],
    *,
    end: bytes,
    ends: int,
    is_named: bool,
) -> None:
    name = b"event: error" + end if is_named else b""
    error = name + b"data: " + json.dumps(said).encode() + end * ends

    whole = told(dialect, [BEFORE[dialect] + error])

    assert whole.startswith(BEFORE[dialect])
    event = whole.removeprefix(BEFORE[dialect])
    assert event.endswith(end + end)
    assert parse(event) == wanted


def test_openais_own_error_keeps_its_number_and_is_what_its_sdk_raises() -> None:
    name, data = parse(told(RESPONSES, [streamed(BROKEN)]))

    assert name == data["type"] == "error"
    assert (data["sequence_number"], data["code"], data["message"]) == (
        8,
        "server_error",
        "[hidden]!",
    )
    assert data["error"] == {
        "type": "server_error",
        "code": "server_error",
        "message": "[hidden]!",
        "param": None,
    }


def test_a_response_that_failed_keeps_all_but_its_words() -> None:
    name, data = parse(told(RESPONSES, [streamed(FAILED)]))

    assert name == "response.failed"
    assert data["response"]["error"] == {"code": "server_error", "message": "with [hidden]"}
    data["response"]["error"] = FAILED["response"]["error"]  # type: ignore[index]
    assert data == FAILED, "and what the model said is the client's"


@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        pytest.param(b"data: \x00\xff{not json\n\n", False, id="bytes"),
        pytest.param(b"data: Internal Server Error\n\n", False, id="words"),
        pytest.param(b"<html><h1>502</h1>\n<p>sk-secret</p></html>\n\n", False, id="a page"),
        pytest.param(b'{"detail":\n "no"}\n\n', True, id="JSON that is no event and no error"),
        pytest.param(b"event: error\ndata: {}\n\n", False, id="a name alone"),
        pytest.param(b"event: error\n\n", False, id="no data"),
        pytest.param(b'data: {"error": {"message": "sk-sec\n\n', False, id="half an error"),
        pytest.param(b'data: {"error": {}, "id": 1}\n\n', True, id="an error of nothing"),
        pytest.param(b'data: {"error": false}\n\n', True, id="no error"),
        pytest.param(b'data: {"error" : null, "a": 1}\n\n', True, id="null for an error"),
        pytest.param(b"data:\n\n", True, id="no words"),
        pytest.param(b"data: [DONE]\n\n", True, id="the end"),
        pytest.param(b"data: [DONE\n\n", False, id="half an end"),
        pytest.param(b'data: {"type": "errors"}\n\n', True, id="a type of another name"),
        pytest.param(b"event: errors\ndata: {}\n\n", True, id="another name"),
        pytest.param(b'data: {"id": 1}\ndata: {"error": "x"}\n\n', True, id="a second line"),
    ],
)
@every_dialect
def test_what_is_no_part_of_a_stream_becomes_an_error(
    dialect: str, sent: bytes, passes: bool
) -> None:
    whole = told(dialect, [BEFORE[dialect], sent, BEFORE[dialect]])

    event = whole.removeprefix(BEFORE[dialect]).removesuffix(BEFORE[dialect])
    if passes:
        assert event == sent
    else:
        _, data = parse(event)
        assert data["error"]["message"].startswith("The backend broke off")


def test_an_error_that_comes_without_an_event_around_it_is_told_with_its_reason() -> None:
    pretty = json.dumps(SLOW, indent=1).encode()

    assert parse(told(ANTHROPIC, [pretty])) == CASES["LiteLLM's, in messages"][2]


def test_a_name_that_was_passed_on_already_is_followed_by_the_right_one() -> None:
    whole = told(ANTHROPIC, [b"event: ping\nid: 1\n", *[streamed(SLOW)]])

    assert (
        parse(whole.removeprefix(b"event: ping\nid: 1\n")) == (CASES["LiteLLM's, in messages"][2])
    )


@every_dialect
def test_an_error_of_unreasonable_size_is_told_in_short(dialect: str) -> None:
    events = ErrorEvents(dialect, clean)
    sent = b'data: {"error": {"message": "' + b"x" * 2 * LONGEST_ERROR + b'"}}\n\n'

    passed = [events.feed(sent[at : at + 9999]) for at in range(0, len(sent), 9999)]

    assert len(b"".join(passed)) < 1000
    assert events.feed(BEFORE[dialect]) == BEFORE[dialect]


NO_ERROR_BUT_LONG = {
    "says that there is none": b'data: {"error": false, "text": "%b"}\n\n',
    "an answer that has failed": b'data: {"type": "response.failed", "response": "%b"}\n\n',
    "the same by its name": b'event: response.failed\ndata: {"response": "%b"}\n\n',
}


@pytest.mark.parametrize("form", NO_ERROR_BUT_LONG.values(), ids=NO_ERROR_BUT_LONG)
def test_a_long_event_that_is_more_than_an_error_passes_as_it_is(form: bytes) -> None:
    sent = form % (b"x" * 2 * LONGEST_ERROR) + BEFORE[RESPONSES]
    events = ErrorEvents(RESPONSES, clean)

    passed = [events.feed(sent[at : at + 9999]) for at in range(0, len(sent), 9999)]

    assert b"".join(passed) + events.end() == sent


parts = st.sampled_from(
    [b"data: ", b"data:", b"event: error", b"event: response.failed", b"\n", b"\r\n", b"\r"]
    + [b'{"error"', b'{"type"', b": ", b'"error"', b'{"a": 1}', b"null", b"[DONE]", b"<p>", b" "]
    + [json.dumps(error).encode() for error in (SLOW, OVERLOADED, BROKEN, GOOGLES, FAILED)]
) | st.binary(max_size=4)


@settings(max_examples=300)
@given(st.sampled_from(DIALECTS), st.lists(parts, max_size=20).map(b"".join), places)
@example(ANTHROPIC, b"data: <p>\r\n\r\n\r\ndata: {}\r\n", [*range(24)])
def test_however_a_stream_is_cut_it_is_told_alike(
    dialect: str, whole: bytes, at: list[int]
) -> None:
    assert told(dialect, cut(whole, at)) == told(dialect, [whole])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([*CASES.values()]),
    ordinary_streams.filter(lambda whole: whole.endswith(b"\n\n")),
    ordinary_streams,
    places,
)
def test_an_error_changes_nothing_of_what_stands_around_it(
    case: tuple[str, Any, Any], before: bytes, after: bytes, at: list[int]
) -> None:
    dialect, said, (_, wanted) = case
    whole = told(dialect, cut(before + streamed(said) + after, at))

    assert whole.startswith(before)
    assert whole.endswith(after)
    _, data = parse(whole[len(before) : len(whole) - len(after)])
    assert data["error"] == wanted["error"]
