"""The file in which kept cookies outlive the process, for whoever asks for it."""

import contextlib
import logging
import stat
from pathlib import Path

from routing.cookie_format import MOST_BYTES, Unusable, decode, encode
from routing.cookies import Contents
from routing.paths import private_directory, unfinished, write_private

logger = logging.getLogger("memory_proxy")


class CookieFile:
    """One process has it, under the lock that the serving proxy holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.aside = path.with_name(f"{path.name}.unusable")

    def read(self, now: float) -> Contents | None:
        """What was kept; a file that cannot be used is set aside, and tells nothing."""
        with contextlib.suppress(OSError):
            for path in unfinished(self.path):
                path.unlink()
        try:
            found = decode(self._bytes(), now)
        except FileNotFoundError:
            return None
        except OSError as error:
            found = Unusable(f"it cannot be read: {error.strerror or error}")
        if isinstance(found, Contents):
            return found
        try:
            self.path.replace(self.aside)
            kept_as = str(self.aside)
        except OSError as error:
            kept_as = f"(it stays: {error.strerror or error})"
        logger.warning("cookies.not_read file=%s reason=%r now=%s", self.path, found.why, kept_as)
        return None

    def write(self, contents: Contents, now: float) -> None:
        """Replace the file; raises OSError where that cannot be done."""
        private_directory(self.path.parent)
        write_private(self.path, encode(contents, now))

    def remove(self) -> bool:
        """Leave nothing of it on disk; whether there was anything."""
        wanted = [self.path, *unfinished(self.path), self.aside]
        found = [path for path in wanted if path.is_symlink() or path.exists()]
        for path in found:
            path.unlink(missing_ok=True)
        return bool(found)

    def _bytes(self) -> bytes:
        if not stat.S_ISREG(self.path.stat().st_mode):
            raise OSError("it is no file")  # opening a pipe would wait for whoever writes to it
        with self.path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
