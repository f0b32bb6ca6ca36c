"""Where the memory of each scope lies, and the stores that are open.

Every project has a file of its own, named after its directory and a hash of the whole path; one
more holds what belongs to the user. A scope is all that leads to a file: nothing here goes through
the files of others, except `known`, which names them for the one who asks.
"""

import contextlib
import hashlib
import logging
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from recall.embedding import Embedder, EmbeddingFailed, MiniLM, Questions
from recall.errors import MemoryUnavailable, told
from recall.process import be_background
from recall.records import USER, Scope
from recall.sqlite_file import connect, readable, translated
from recall.sqlite_store import SqliteStore
from routing.paths import keep_private

logger = logging.getLogger("memory_proxy")

USER_FILE: Final = "user.db"
PROJECTS: Final = "projects"
# Vectors are made a few at a time, so that a request never waits long for the processor.
EMBEDDED_IN_A_ROW: Final = 32
SECONDS_TO_END: Final = 5.0
SECONDS_AFTER_A_FAILURE: Final = 30.0


def _nobody_is_told(_error: MemoryUnavailable) -> None:
    """Who asks wants only what can be read."""


class Stores:
    """The stores of one user, each opened when it is first asked for, in a directory of their own.

    Where they are tended, a thread keeps the indexes tidy and makes the vectors that are missing.
    """

    def __init__(
        self, directory: Path, embedder: Embedder | None = None, *, tended: bool = False
    ) -> None:
        self.directory = directory
        self._questions = Questions(embedder) if embedder else None
        self._open: dict[Scope, SqliteStore] = {}
        self._opening: dict[Scope, Future[SqliteStore]] = {}
        self._is_closed = False
        self._paths: dict[Scope, Path] = {}
        self._lock = threading.Lock()
        self._tender = Tender() if tended else None
        if tended and self._questions and isinstance(embedder, MiniLM):
            self._questions.ask("")  # the model is there before the first question comes

    @contextlib.contextmanager
    def open(
        self, scope: Scope, *, create: bool = True, seconds: float | None = None
    ) -> Iterator[SqliteStore]:
        """The store of a scope; it stays open for the next one who asks.

        Raises MemoryUnavailable where it cannot be used, or not in so many seconds, or is not
        there and shall not be made.
        """
        yield self._opened(scope, create, seconds)

    def _opened(self, scope: Scope, create: bool, seconds: float | None) -> SqliteStore:
        with self._lock:
            if store := self._open.get(scope):
                return store
            if self._is_closed:
                raise MemoryUnavailable("The memory is closed.")
            if not create and not self.exists(scope):
                raise MemoryUnavailable(f"There is no memory of {scope} yet.")
            opening = self._opening.get(scope)
            if opening is None:
                # On a thread of its own: somebody else may hold the file for long, and who asks
                # here may have no time for that.
                opening = Future()
                threading.Thread(
                    target=self._make, args=(scope, opening), name="memory-opening", daemon=True
                ).start()
                self._opening[scope] = opening
        try:
            return opening.result(seconds)
        except TimeoutError:
            raise MemoryUnavailable(f"{self.path_of(scope)} cannot be opened now.") from None

    def _make(self, scope: Scope, opening: Future[SqliteStore]) -> None:
        try:
            self._keep_private()
            store = SqliteStore(self.path_of(scope), scope, self._questions)
        except BaseException as error:
            with self._lock:
                self._opening.pop(scope, None)
            opening.set_exception(error)
            return
        with self._lock:
            self._opening.pop(scope, None)
            if not self._is_closed:
                self._open[scope] = store
        opening.set_result(store)
        if self._is_closed:
            store.close()
            return
        if self._tender:
            with contextlib.suppress(MemoryUnavailable):
                store.read_soon()
            store.when_added = self._tender.wake
            self._tender.wake(store)
        with contextlib.suppress(MemoryUnavailable):
            store.tidy()

    def open_soon(self, scopes: Iterable[Scope], most: int) -> None:
        """Open those that were used last, so many, before somebody has to wait for that."""
        used: dict[Scope, float] = {}
        for scope in scopes:
            with contextlib.suppress(OSError):
                used[scope] = self.path_of(scope).stat().st_mtime
        for scope in sorted(used, key=lambda scope: -used[scope])[:most]:
            with contextlib.suppress(MemoryUnavailable):
                self._opened(scope, create=False, seconds=0.0)

    def exists(self, scope: Scope) -> bool:
        """Whether anything was ever stored for a scope."""
        return self.path_of(scope).exists()

    def path_of(self, scope: Scope) -> Path:
        """The file of a scope, whether or not it exists."""
        if known := self._paths.get(scope):
            return known
        self._paths[scope] = made = self._path_of(scope)
        return made

    def _path_of(self, scope: Scope) -> Path:
        if scope.project is None:
            return self.directory / USER_FILE
        path = scope.project.encode("utf-8", "surrogatepass")
        name = re.sub(r"[^\w.-]+", "-", Path(scope.project).name).strip("-.")[:40] or "project"
        return self.directory / PROJECTS / f"{name}-{hashlib.sha256(path).hexdigest()[:16]}.db"

    def _keep_private(self) -> None:
        """Both directories are for their owner alone, also those that were copied here."""
        for directory in (self.directory, self.directory / PROJECTS):
            keep_private(directory)

    def known(self, missed: Callable[[MemoryUnavailable], None] = _nobody_is_told) -> list[Scope]:
        """The scopes that have a file, the user's own first.

        Of a file that cannot be read nobody knows whose it is; `missed` is told, and others go on.
        """
        scopes = [USER] if self.exists(USER) else []
        for path in self._files(missed):
            try:
                label = _label_of(path)
            except MemoryUnavailable as error:
                missed(error)
                continue
            if label:
                scopes.append(Scope(label))
        return scopes

    def _files(self, missed: Callable[[MemoryUnavailable], None]) -> list[Path]:
        """Those of the projects."""
        directory = self.directory / PROJECTS
        try:
            with translated(directory), contextlib.suppress(FileNotFoundError):
                return sorted(path for path in directory.iterdir() if path.suffix == ".db")
        except MemoryUnavailable as error:
            missed(error)
        return []

    def close(self) -> None:
        """Let go of all files and threads."""
        with self._lock:
            self._is_closed = True
            stores, self._open = list(self._open.values()), {}
        if self._questions:
            self._questions.close()  # first: the tender may be waiting for a remote model
        if self._tender:
            self._tender.stop()
        for store in stores:
            with contextlib.suppress(sqlite3.Error):
                store.close()


def _label_of(path: Path) -> str | None:
    """The project whose memory a file is; none, as long as it is only just being made."""
    with readable(path), translated(path), contextlib.closing(connect(path)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            return None
        found = db.execute("SELECT value FROM meta WHERE name = 'scope'").fetchone()
        return found[0].decode("utf-8", "surrogatepass") if found and found[0] else None


class Tended(Protocol):
    """A store that can be put into better shape when nobody waits for it."""

    def tidy(self) -> None:
        """Do what has piled up."""

    def embed_pending(self, *, limit: int) -> int:
        """Make up to so many vectors that are missing; how many were made."""


class Tender(threading.Thread):
    """Tidies indexes in the background, and makes vectors for whatever was stored without one."""

    def __init__(self, rest: float = SECONDS_AFTER_A_FAILURE) -> None:
        super().__init__(name="memory-vectors", daemon=True)
        self._rest = rest
        self._waiting: dict[Tended, float] = {}  # from when on each may be served
        self._model_rests_until = 0.0
        self._something = threading.Condition()
        self._has_begun = self._ends = False

    def wake(self, store: Tended) -> None:
        """There may be something to do for this store."""
        with self._something:
            if self._ends:
                return
            if not self._has_begun:
                self._has_begun = True
                self.start()
            # Who has waited longest is next, also behind one that comes again and again.
            self._waiting.setdefault(store, max(time.monotonic(), self._model_rests_until))
            self._something.notify()

    def run(self) -> None:
        """Serve the stores in turn until told to end."""
        be_background()
        while (store := self._next()) is not None:
            try:
                store.tidy()
                if store.embed_pending(limit=EMBEDDED_IN_A_ROW) == EMBEDDED_IN_A_ROW:
                    self.wake(store)
            except Exception as error:  # whatever it is, other stores wait as well
                logger.warning("memory vectors wait: %s", told(error))
                self._let_rest(store, is_model=isinstance(error, EmbeddingFailed))

    def _next(self) -> Tended | None:
        """Who is to be served, as soon as there is one; None at the end."""
        with self._something:
            while not self._ends:
                store = min(self._waiting, key=self._waiting.__getitem__, default=None)
                left = None if store is None else self._waiting[store] - time.monotonic()
                if store is not None and left is not None and left <= 0:
                    del self._waiting[store]
                    return store
                self._something.wait(left)
        return None

    def _let_rest(self, store: Tended, *, is_model: bool) -> None:
        """Try again later: a model that fails does so for all, a file for itself alone."""
        with self._something:
            until = time.monotonic() + self._rest
            self._waiting[store] = until
            if is_model:
                self._waiting = dict.fromkeys(self._waiting, until)
                self._model_rests_until = until

    def stop(self) -> None:
        """End after what is being done now."""
        with self._something:
            self._ends = True
            self._something.notify()
        if self.is_alive():
            self.join(SECONDS_TO_END)
