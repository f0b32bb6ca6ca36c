import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.splice import NotAnObject, members, replace_model
from tests.bodies import EVERY, captured

# JSON as text, written as odd as it may be.

spaces = st.text(" \t\r\n", max_size=3)


def escaped(text: str) -> str:
    """Every character as an escape, the way that nobody writes it."""
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


strings = st.one_of(
    st.text().map(json.dumps),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(max_size=5).map(escaped),
    st.sampled_from(
        ['"\\/"', '"\\ud800"', '"}"', '"\\"model\\":\\"x\\""', '"\U0001f600"', '"\x7f"']
    ),
)
numbers = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["-0", "1E400", "9" * 4000, "0.10", "1e-400"]),
)
scalars = st.one_of(strings, numbers, st.sampled_from(["true", "false", "null"]))


def spread(parts: list[str], pads: list[str], opening: str, closing: str) -> str:
    pad = iter(pads)
    inner = ",".join(f"{next(pad, '')}{part}{next(pad, ' ')}" for part in parts)
    return f"{opening}{inner}{next(pad, '')}{closing}"


def lists_of(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda parts, pads: spread(parts, pads, "[", "]"),
        st.lists(values, max_size=4),
        st.lists(spaces, max_size=8),
    )


def objects_of(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = st.sampled_from(['"model"', '"Model"', '"messages"']) | strings
    member = st.builds("{}{}:{}{}".format, keys, spaces, spaces, values)
    return st.builds(
        lambda parts, pads: spread(parts, pads, "{", "}"),
        st.lists(member, max_size=4),
        st.lists(spaces, max_size=8),
    )


values = st.recursive(scalars, lambda inner: lists_of(inner) | objects_of(inner), max_leaves=8)
model_keys = st.sampled_from(['"model"', '"mod\\u0065l"', '"\\u006dodel"'])
other_keys = strings.filter(lambda key: json.loads(key) != "model")
new_names = st.text(max_size=20) | st.sampled_from(['a"b', "a\\b", "\\1", "gpt-4o", "\n"])


@st.composite
def bodies(draw: st.DrawFn) -> list[tuple[str, bool]]:
    """A body in pieces, each with whether it is a model's name."""
    pieces: list[tuple[str, bool]] = [(draw(spaces) + "{" + draw(spaces), False)]
    for number in range(draw(st.integers(0, 5))):
        comma = "," + draw(spaces) if number else ""
        is_model = draw(st.booleans())
        key = draw(model_keys if is_model else other_keys)
        pieces.append((f"{comma}{key}{draw(spaces)}:{draw(spaces)}", False))
        value = draw(values)
        pieces.append((value, is_model and value.startswith('"')))
        pieces.append((draw(spaces), False))
    pieces.append(("}" + draw(spaces), False))
    return pieces


def joined(pieces: list[tuple[str, bool]], model: str | None = None) -> bytes:
    parts = (json.dumps(model) if model is not None and named else text for text, named in pieces)
    return "".join(parts).encode("utf-8", "surrogatepass")


@given(pieces=bodies(), model=new_names)
def test_another_model_changes_its_name_and_no_other_byte(
    pieces: list[tuple[str, bool]], model: str
) -> None:
    assert replace_model(joined(pieces), model) == joined(pieces, model)


@given(pieces=bodies(), model=new_names)
def test_a_body_with_another_model_reads_as_it_did_but_for_the_model(
    pieces: list[tuple[str, bool]], model: str
) -> None:
    before = json.loads(joined(pieces), object_pairs_hook=list)
    after = json.loads(replace_model(joined(pieces), model), object_pairs_hook=list)

    assert after == [
        (key, model if key == "model" and isinstance(value, str) else value)
        for key, value in before
    ]


@given(pieces=bodies(), first=new_names, second=new_names)
def test_naming_a_model_twice_is_like_naming_the_second(
    pieces: list[tuple[str, bool]], first: str, second: str
) -> None:
    body = joined(pieces)

    assert replace_model(replace_model(body, first), second) == replace_model(body, second)


WITH_BODY = [name for name in EVERY if isinstance(captured(name).body, dict)]


@pytest.mark.parametrize("name", WITH_BODY)
def test_of_a_real_body_only_the_model_changes(name: str) -> None:
    body = captured(name).body
    old: Any = body.get("model")
    changed = replace_model(captured(name).raw, "another/model")

    if isinstance(old, str):
        body["model"] = "another/model"
    assert changed == json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        pytest.param('{"model":"a"}', '{"model":"NEW"}', id="nothing else"),
        pytest.param(' {\n"model" :\t"a" } ', ' {\n"model" :\t"NEW" } ', id="white space"),
        pytest.param('{"model":"a","model":"b"}', '{"model":"NEW","model":"NEW"}', id="twice"),
        pytest.param('{"mod\\u0065l":"a"}', '{"mod\\u0065l":"NEW"}', id="an escaped key"),
        pytest.param('{"x":{"model":"a"}}', '{"x":{"model":"a"}}', id="deeper down"),
        pytest.param('{"x":"\\"model\\":\\"a\\""}', '{"x":"\\"model\\":\\"a\\""}', id="in a text"),
        pytest.param('{"model":null}', '{"model":null}', id="null"),
        pytest.param('{"model":0}', '{"model":0}', id="a number for a name"),
        pytest.param('{"model":{"a":1}}', '{"model":{"a":1}}', id="an object"),
        pytest.param('{"Model":"a"}', '{"Model":"a"}', id="another case"),
        pytest.param("{}", "{}", id="no model"),
        pytest.param('{"n":1.10e+2,"model":"é"}', '{"n":1.10e+2,"model":"NEW"}', id="a number"),
        pytest.param(
            '{"n":' + "9" * 5000 + ',"model":"a"}',
            '{"n":' + "9" * 5000 + ',"model":"NEW"}',
            id="a very long number",
        ),
    ],
)
def test_a_model_is_replaced_where_the_body_names_it(body: str, changed: str) -> None:
    assert replace_model(body.encode(), "NEW") == changed.encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"   ", id="white space"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"model"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{", id="an opened object"),
        pytest.param(b'{"model"', id="a key alone"),
        pytest.param(b'{"model" "a"}', id="no colon"),
        pytest.param(b'{"model":}', id="no value"),
        pytest.param(b'{"model":"a"', id="not closed"),
        pytest.param(b'{"model":"a",}', id="a comma before the end"),
        pytest.param(b'{,"model":"a"}', id="a comma at the start"),
        pytest.param(b'{"model":"a" "x":1}', id="no comma"),
        pytest.param(b'{"model":"a"}}', id="closed twice"),
        pytest.param(b'{"model":"a"}{}', id="two objects"),
        pytest.param(b'{"model":"a"} x', id="words behind it"),
        pytest.param(b'{model:"a"}', id="a bare key"),
        pytest.param(b"{'model':'a'}", id="single quotes"),
        pytest.param(b'{1:"a"}', id="a number as key"),
        pytest.param(b'{"model":"a","x":01}', id="a number with a zero in front"),
        pytest.param(b'{"model":"a","x":"\n"}', id="a line break in a string"),
        pytest.param(b'{"model":"a","x":"\\q"}', id="an unknown escape"),
        pytest.param(b'{"model":"a","x":"\\u12"}', id="a short escape"),
        pytest.param(b'{"model":"a","x":"\xff"}', id="not UTF-8"),
        pytest.param('{"model":"a"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"model":"a","x":' + b"[" * 200_000 + b"}", id="very deep"),
        pytest.param(b"\x28\xb5\x2f\xfd", id="compressed"),
    ],
)
def test_what_is_no_object_cannot_be_spliced(body: bytes) -> None:
    with pytest.raises(NotAnObject):
        replace_model(body, "NEW")


@given(pieces=bodies(), data=st.data())
def test_a_body_that_was_cut_off_cannot_be_spliced(
    pieces: list[tuple[str, bool]], data: st.DataObject
) -> None:
    whole = joined(pieces).rstrip()
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(NotAnObject):
        replace_model(whole[:cut], "NEW")


@given(st.binary(max_size=200) | st.text('{}[]":,\\model 019.e-\n').map(str.encode))
def test_any_bytes_are_spliced_as_json_or_refused(body: bytes) -> None:
    try:
        changed = replace_model(body, "NEW")
    except NotAnObject:
        return
    assert isinstance(json.loads(changed), dict)


@given(pieces=bodies())
def test_each_member_is_told_with_where_its_value_stands(pieces: list[tuple[str, bool]]) -> None:
    text = joined(pieces).decode()

    found = [
        (key, json.loads(text[start:end], object_pairs_hook=tuple))
        for key, _, start, end in members(text)
    ]

    assert found == list(json.loads(text, object_pairs_hook=tuple))
