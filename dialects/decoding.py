"""Undo an answer's content encoding while it arrives: for reading along, never for sending on."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # ships no type hints
import zstandard

LONGEST: Final = 64 * 1024 * 1024
"""Bytes that are decoded of one answer, so that a bomb of zeros stops early."""

_PIECE: Final = 64 * 1024
# Four bytes of zstd may stand for 128 KB, and its decoder knows no limit; so many for 16 MB.
_ZSTD_BITE: Final = 512
_ZSTD_WINDOW: Final = 8 * 1024 * 1024  # RFC 9659: no more is used in HTTP
_MOST_CODINGS: Final = 3
_MOST_MEMBERS: Final = 100_000  # a member of twenty bytes may hold nothing


class Undecodable(ValueError):
    """The bytes are not encoded as the headers say, or decode to too many."""


class Coding(Protocol):
    """One content coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes add to the decoded ones, in pieces of bounded size."""

    @property
    def is_over(self) -> bool:
        """Whether what was fed may be all; of zstd and of no coding nobody can tell."""


class Decoding:
    """All content codings of an answer, the last one applied undone first."""

    def __init__(self, content_encoding: str = "", longest: int = LONGEST) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        codings = [name for name in reversed(names) if name not in ("", "identity", "none")]
        if len(codings) > _MOST_CODINGS or not all(name in _CODINGS for name in codings):
            raise Undecodable("a content encoding that nobody here knows")
        self._codings: list[Coding] = [_CODINGS[name]() for name in codings] or [_Identity()]
        self._left = [longest] * len(self._codings)
        self._is_plain = not codings

    @property
    def is_over(self) -> bool:
        """Whether nothing is missing, as far as the codings tell."""
        return all(coding.is_over for coding in self._codings)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes, piece by piece, as far as they are good."""
        if self._is_plain and data and len(data) <= self._left[0]:
            self._left[0] -= len(data)
            return iter((data,))
        return self._undo(0, data)

    def _undo(self, number: int, data: bytes) -> Iterator[bytes]:
        is_last = number + 1 == len(self._codings)
        for piece in self._decoded(number, data):
            within = piece[: self._left[number]]
            self._left[number] -= len(within)
            if is_last:
                yield within
            else:
                yield from self._undo(number + 1, within)
            if len(within) < len(piece):
                raise Undecodable("longer than anybody follows")

    def _decoded(self, number: int, data: bytes) -> Iterator[bytes]:
        """In small pieces also going in: each decoder copies what it has not come to yet."""
        try:
            for at in range(0, len(data), _PIECE):
                yield from self._codings[number].feed(data[at : at + _PIECE])
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise Undecodable("not encoded as the headers say") from None


class _Identity:
    is_over = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Gzip:
    """Of any number of members."""

    def __init__(self) -> None:
        self._members = 1
        self._member = _Inflate(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.is_over:
                self._begin()
            yield from self._member.feed(data)
            data = self._member.behind

    @property
    def is_over(self) -> bool:
        return self._member.is_over

    def _begin(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise Undecodable("in more parts than anybody follows")
        self._member = _Inflate(zlib.MAX_WBITS | 16)


class _Deflate:
    """With zlib's header, as the standard says, or without it, as some servers do."""

    def __init__(self) -> None:
        self._head = b""
        self._inflate: _Inflate | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            data = self._head = self._head + data
            if len(data) < 2:
                return
            has_header = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._inflate = _Inflate(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        yield from self._inflate.feed(data)

    @property
    def is_over(self) -> bool:
        return self._inflate is not None and self._inflate.is_over


class _Inflate:
    """One deflated stream; what follows it is kept as what is behind."""

    def __init__(self, wbits: int) -> None:
        self._inflater = zlib.decompressobj(wbits)
        self.behind = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        inflater, is_done = self._inflater, self.is_over
        while not is_done:
            piece = inflater.decompress(data, _PIECE)
            data = inflater.unconsumed_tail
            if piece:
                yield piece
            is_done = self.is_over or (not data and len(piece) < _PIECE)
        self.behind = inflater.unused_data

    @property
    def is_over(self) -> bool:
        return self._inflater.eof


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        piece = self._decompressor.process(data, output_buffer_limit=_PIECE)
        while piece or not self._decompressor.can_accept_more_data():
            yield piece
            piece = self._decompressor.process(b"", output_buffer_limit=_PIECE)

    @property
    def is_over(self) -> bool:
        return bool(self._decompressor.is_finished())


class _Zstd:
    """Of any number of frames."""

    is_over = True

    def __init__(self) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._decompressor = decompressor.decompressobj(_PIECE, read_across_frames=True)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_BITE):
            if piece := self._decompressor.decompress(data[at : at + _ZSTD_BITE]):
                yield piece


_CODINGS: Final[Mapping[str, Callable[[], Coding]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
