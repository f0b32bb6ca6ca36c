"""Content codings: whole bodies in, streams out."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import brotli  # type: ignore[import-untyped]  # ships no type hints
import zstandard

from tests.fakes.step import Coding


class Encoder(Protocol):
    def feed(self, chunk: bytes) -> bytes:
        """The chunk encoded, and flushed so that the client can read it now."""

    def end(self) -> bytes: ...


class Gzip:
    def __init__(self) -> None:
        self._encoder = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)

    def feed(self, chunk: bytes) -> bytes:
        return self._encoder.compress(chunk) + self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._encoder.flush()


class Brotli:
    def __init__(self) -> None:
        self._encoder = brotli.Compressor()

    def feed(self, chunk: bytes) -> bytes:
        return bytes(self._encoder.process(chunk) + self._encoder.flush())

    def end(self) -> bytes:
        return bytes(self._encoder.finish())


class Zstd:
    def __init__(self) -> None:
        self._encoder = zstandard.ZstdCompressor().compressobj()

    def feed(self, chunk: bytes) -> bytes:
        encoded = self._encoder.compress(chunk)
        return encoded + self._encoder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._encoder.flush()


ENCODERS: dict[Coding, type[Gzip] | type[Brotli] | type[Zstd]] = {
    "gzip": Gzip,
    "br": Brotli,
    "zstd": Zstd,
}


def encode(chunks: Iterable[bytes], coding: Coding) -> Iterator[bytes]:
    """One encoded piece for each chunk, and one that ends the stream."""
    encoder: Encoder = ENCODERS[coding]()
    for chunk in chunks:
        yield encoder.feed(chunk)
    yield encoder.end()


def decode(body: bytes, coding: str | None) -> bytes:
    match (coding or "identity").lower():
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case "br":
            return bytes(brotli.decompress(body))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        case _:
            return body
