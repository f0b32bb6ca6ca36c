import logging

import pytest

from addons.log_calls import hide_bytes, without_bytes

CASES = {
    "nothing quoted": ("server closed connection", "server closed connection"),
    "a header": ("Invalid header: b'x-api-key: sk-1'", "Invalid header: …"),
    "double quotes": ("""Invalid: b"it's sk-1" here""", "Invalid: …"),
    "two of them": ("b'sk-1' and b'sk-2'", "…"),
    "a line's end": ("Malformed: b'sk-1\nsk-2' end", "Malformed: …"),
    "a quote that never ends": ("Malformed: b'sk-1", "Malformed: …"),
    "words that end in b": ("the web's 'page' and grab'it", "the web's 'page' and grab'it"),
}


@pytest.mark.parametrize(("message", "shown"), CASES.values(), ids=CASES)
def test_a_message_is_told_up_to_the_first_bytes_in_it(message: str, shown: str) -> None:
    assert without_bytes(message) == shown


def test_a_line_of_mitmproxys_passes_without_the_bytes_in_its_arguments() -> None:
    line = logging.LogRecord("x", logging.INFO, "", 1, "refused %r: %s", (b"sk-1", "?"), None)

    assert hide_bytes(line)
    assert line.getMessage() == "refused …"
