import json

import pytest

from addons.retell import is_key_missed, is_key_refused


def error(kind: object) -> bytes:
    return json.dumps({"error": {"message": "m", "type": kind, "code": "401"}}).encode()


REFUSALS = {
    "without a database": (error("no_db_connection"), True),
    "an unknown key": (error("auth_error"), True),
    "a key that its database lacks": (error("token_not_found_in_db"), True),
    "a provider's refusal": (error("authentication_error"), False),
    "no kind": (error(None), False),
    "a kind of another form": (error({"a": 1}), False),
    "an error in words": (b'{"error": "auth_error"}', False),
    "no error": (b'{"detail": "auth_error"}', False),
    "a list": (b'["auth_error"]', False),
    "no JSON": (b"auth_error", False),
    "nothing": (b"", False),
    "very deep": (b"[" * 99999, False),
}


@pytest.mark.parametrize(("body", "is_refused"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_key_is_told_from_a_providers_refusal(body: bytes, is_refused: bool) -> None:
    assert is_key_refused(body) == is_refused


@pytest.mark.parametrize(
    ("status", "body", "is_missed"),
    [
        pytest.param(500, b"Internal Server Error", True, id="500 in plain text"),
        pytest.param(500, b"Internal Server Error\n", True, id="with a line's end"),
        pytest.param(500, b"<h1>Internal Server Error</h1>", False, id="500 of somebody else"),
        pytest.param(500, error("server_error"), False, id="500 in JSON"),
        pytest.param(503, b"Internal Server Error", False, id="503"),
        pytest.param(401, b"", False, id="401"),
    ],
)
def test_a_missing_key_is_told_from_other_errors(status: int, body: bytes, is_missed: bool) -> None:
    assert is_key_missed(status, body) == is_missed
