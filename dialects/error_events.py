"""Errors in the middle of a stream, told in the client's dialect; every other byte passes."""

import re
from typing import Final

from dialects.errors import FAILED, Clean, reshape_event

LONGEST_ERROR: Final = 1024 * 1024
"""Bytes of an error event that are read; of a longer one only is told that it was one."""

# As many bytes of a line as have to tell whether it begins an error.
_LONGEST_BEGINNING: Final = 256
_LINE_END: Final = re.compile(rb"[\r\n]")
_WHOLE_LINE_END: Final = re.compile(rb"\r\n?|\n")
_FIELDS: Final = (b"event:", b"data:", b"id:", b"retry:", b":")

_WHOLE_EVENTS: Final = re.compile(rb"(?:(?:event: [\w.]+\n)?data: (?:\{[^\r\n]*+|\[DONE\])\n\n)++")
_NAMES: Final = (b"error", FAILED.encode())
_DONE: Final = b"[DONE]"
# A space stands for any blanks, or none.
_KEY: Final = b'{ "error" :'
_NULL: Final = _KEY + b" n"
_MORE_THAN_AN_ERROR: Final = re.compile(
    rb"""event:[ ]?response\.failed
       | data:\s*\{\s*"(?:type"\s*:\s*"response\.failed"|error"\s*:\s*[^\s{"\[])""",
    re.VERBOSE,
)
"""A whole answer that has failed, or one that merely says that there was no error."""
_TYPES: Final = (b'{ "type" : "error"', b'{ "type" : "%b"' % FAILED.encode())


class ErrorEvents:
    """Hands a stream on as it comes, and tells errors anew once they are complete.

    What may still be the beginning of an error is held back: some bytes of a line. So an error is
    seen where an event is named one, or where its data begin with it. Feed it chunks; an empty one
    ends the stream.
    """

    def __init__(self, dialect: str, clean: Clean) -> None:
        self._dialect = dialect
        self._clean = clean
        self._number = 0
        """Events so far."""
        self._has_data = False  # this event, so that it is none of an error
        self._line = b""  # the beginning of one of which nothing can be said yet
        self._passes = False  # the rest of this line
        self._error: bytearray | None = None
        self._is_too_long = False
        self._line_is_empty = True  # of an error
        self._ended_with_cr = False

    def __call__(self, chunk: bytes) -> bytes:
        return self.feed(chunk) if chunk else self.end()

    def feed(self, chunk: bytes) -> bytes:
        """What of the stream may be passed on now."""
        if self._is_between_events() and _has_no_error(chunk):
            self._number += chunk.count(b"\n\n")
            return chunk
        told: list[bytes] = []
        at = 0
        if self._ended_with_cr and chunk.startswith(b"\n"):
            self._keep(b"\n", told)
            at = 1
        if chunk:
            self._ended_with_cr = False
        while at < len(chunk):
            found = _LINE_END.search(chunk, at)
            end = found.start() if found else len(chunk)
            if end > at:
                self._take(chunk[at:end], told)
            at = end
            if found:
                at += 2 if chunk[end : end + 2] == b"\r\n" else 1
                self._end_line(chunk[end:at], told)
                self._ended_with_cr = at == len(chunk) and chunk[end:at] == b"\r"
        return b"".join(told)

    def _is_between_events(self) -> bool:
        begun = self._line or self._passes or self._has_data or self._ended_with_cr
        return not begun and self._error is None

    def end(self) -> bytes:
        """What was held back, once nothing more comes."""
        told: list[bytes] = []
        if self._line:
            self._decide(told, is_whole=True)
        if self._error is not None:
            told.append(self._retold(is_cut_off=True))
        return b"".join(told)

    def _take(self, part: bytes, told: list[bytes]) -> None:
        """A part of a line."""
        if self._error is not None or self._passes:
            self._line_is_empty = False
            self._keep(part, told)
        else:
            self._line += part
            self._decide(told)

    def _end_line(self, end: bytes, told: list[bytes]) -> None:
        if self._line:
            self._decide(told, is_whole=True)
        if self._error is not None and self._line_is_empty:
            told += (self._retold(), end)
            self._number += 1
            self._error, self._has_data, self._is_too_long = None, False, False
        else:
            if not self._passes and self._error is None:
                self._number += self._has_data
                self._has_data = False
            self._keep(end, told)
        self._passes, self._line_is_empty = False, True

    def _decide(self, told: list[bytes], *, is_whole: bool = False) -> None:
        """Let the line go, or begin an error with it, as soon as that can be said."""
        is_short = len(self._line) < _LONGEST_BEGINNING
        beginning = self._line[:_LONGEST_BEGINNING]
        begins_error = not self._has_data and _begins_error(beginning, is_whole and is_short)
        if begins_error is None and is_short:
            return
        line, self._line = self._line, b""
        if begins_error:
            self._error, self._line_is_empty = bytearray(), False
        else:
            self._passes = True
            self._has_data = self._has_data or line.startswith(b"data:")
        self._keep(line, told)

    def _keep(self, part: bytes, told: list[bytes]) -> None:
        if self._error is None:
            told.append(part)
            return
        is_too_long = len(self._error) + len(part) > LONGEST_ERROR
        if is_too_long and _MORE_THAN_AN_ERROR.match(self._error):
            told += (bytes(self._error), part)
            self._error, self._passes, self._has_data = None, True, True
        else:
            self._error += part[: LONGEST_ERROR - len(self._error)]
            self._is_too_long = self._is_too_long or is_too_long

    def _retold(self, *, is_cut_off: bool = False) -> bytes:
        assert self._error is not None
        raw = bytes(self._error)
        lines = raw.splitlines()
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        # A page or an error may come as it is, without being made an event.
        data = data or [line for line in lines if not line.startswith(_FIELDS)]
        said = b"" if self._is_too_long else b"\n".join(data)
        is_named = any(_name(line) == _NAMES[0] for line in lines)
        event = reshape_event(
            self._dialect, said, self._clean, number=self._number, is_named=is_named
        )
        if event is None:
            return raw
        name, told = event
        named = [b"event: " + name.encode()] if name else []
        # Nobody reads an event that no empty line ends.
        ended = [*named, b"data: " + told, *([b""] if is_cut_off else [])]
        return b"".join(line + _line_end(raw) for line in ended)


def _has_no_error(chunk: bytes) -> bool:
    """Whether these are whole events of the usual form, and in none of them the word of an error.

    Nearly every chunk; what goes line by line gives the same, in ten times the time.
    """
    return (
        b"error" not in chunk
        and b"failed" not in chunk
        and _WHOLE_EVENTS.fullmatch(chunk) is not None
    )


def _line_end(event: bytes) -> bytes:
    found = _WHOLE_LINE_END.search(event)
    return found[0] if found else b"\n"


def _name(line: bytes) -> bytes | None:
    return line[6:].strip(b" ") if line.startswith(b"event:") else None


def _begins_error(line: bytes, is_whole: bool) -> bool | None:
    """Whether a line with this beginning begins an error; None if its rest has to tell."""
    if line.startswith((b"<", b"{", b"[")):
        return True  # a page or an error of its own, where an event should be
    if line.startswith(b"data:"):
        data = line[5:].lstrip(b" \t")
        answer = _data_begins_error(data)
        if answer is None and is_whole:
            # What the error is may stand in the next line.
            return data.startswith(b"[") or _begins(data, _KEY) is True
        return answer
    if (name := _name(line)) is not None:
        if is_whole:
            return name in _NAMES
        return None if any(known.startswith(name) for known in _NAMES) else False
    may_be_field = b"data:".startswith(line) or b"event:".startswith(line)
    return None if may_be_field and not is_whole else False


def _data_begins_error(data: bytes) -> bool | None:
    if data[:1] == b"{":
        is_null = _begins(data, _NULL)
        if is_null is not False:
            return False if is_null else None
        answers = [_begins(data, template) for template in (_KEY, *_TYPES)]
        return True if True in answers else (None if None in answers else False)
    if data.startswith(_DONE):
        return False
    return None if _DONE.startswith(data) else True


def _begins(data: bytes, template: bytes) -> bool | None:
    """Whether the data begins like the template; None if it ends before that."""
    at = 0
    for byte in template:
        if byte == ord(" "):
            at += len(data) - at - len(data[at:].lstrip(b" \t"))
        elif at == len(data):
            return None
        elif data[at] != byte:
            return False
        else:
            at += 1
    return True
