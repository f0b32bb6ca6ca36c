"""What `memproxy memory export` writes and `import` reads."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from routing.errors import ProxyError
from scripts.memory_output import printable

if TYPE_CHECKING:
    from recall.lines import Line


@contextlib.contextmanager
def whole(file: str) -> Iterator[IO[bytes]]:
    """A file to read without waiting: a pipe is emptied before anybody else has to wait for it."""
    if file != "-":
        with Path(file).open("rb") as source:
            yield source
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.seek(0)
        yield kept


class Lines:
    """The lines of an export, read one at a time; knows where it is."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self.source = source
        self.name = name
        self.number = 0
        self.memories = 0

    def __iter__(self) -> Iterator["Line"]:
        for raw in self.source:
            self.number += 1
            if not raw.strip():
                continue
            try:
                line = json.loads(raw, parse_constant=_no_json)
            except UnicodeDecodeError:
                raise self.mistake("it is not UTF-8") from None
            except (ValueError, RecursionError):
                raise self.mistake("it is not JSON") from None
            if not isinstance(line, dict):
                raise self.mistake("it is not a JSON object")
            self.memories += line.get("type") == "memory"
            yield line

    def mistake(self, what: str) -> ProxyError:
        return ProxyError(
            f"{self.name}, line {self.number}: {printable(what)}. Nothing was imported."
        )


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's own")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A private file that takes the path's place once it is complete."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProxyError(f"{printable(str(path))} cannot be written: {reason}.") from error
