"""A store's SQLite file: opened privately, upgraded after a backup, set aside when damaged."""

import contextlib
import functools
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import filelock

from recall import migrations
from recall.errors import MemoryUnavailable, StoreDamaged, StoreTooNew
from routing.paths import private_directory

logger = logging.getLogger("memory_proxy")

APPLICATION: Final = 0x4C4D504D  # "LMPM", in the header of every file of ours
SECONDS_FOR_A_LOCK: Final = 5.0
# Reading all of a file costs some 2 ms a megabyte. What is damaged in a larger one is found when
# its index is read, which is done right after the opening and reads nearly as much.
CHECKED_WHOLE: Final = 16 * 2**20
NEARLY_NO_ROOM: Final = 64 * 2**10  # bytes: some more than what SQLite needs for opening a file
_COMPANIONS: Final = ("-wal", "-shm")


def connect(path: Path, *, strict: bool = False) -> sqlite3.Connection:
    """A connection with what every one of ours needs; transactions are begun and ended by hand.

    A text with a bad byte in it is read as far as it goes; where all texts are read, checking each
    by a function of ours would take too long, and a strict one raises instead.
    """
    # The file exists already, mode 0600; SQLite gives its companions the same mode.
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=SECONDS_FOR_A_LOCK,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    if not strict:
        db.text_factory = _readable
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
        db.execute("PRAGMA secure_delete = ON")  # what was deleted is overwritten
        db.execute("PRAGMA temp_store = MEMORY")  # nothing of it in other directories
        db.execute("PRAGMA cache_size = -2048")
    except BaseException:
        db.close()
        raise
    return db


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "replace")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Tell SQLite's errors and the system's as ours."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise StoreDamaged(f"{path} is damaged: {error}.") from error
        reason = f"the disk is full ({error})" if _is_for_lack_of_room(error, path) else str(error)
        raise MemoryUnavailable(f"{path} cannot be used now: {reason}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MemoryUnavailable(f"{path} cannot be used now: {reason}") from error


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Where definitions are read: SQLite quotes them in errors, and Python reads the quotation."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise StoreDamaged(f"{path} is damaged: bad bytes where its tables are named.") from error


def is_damage(error: sqlite3.Error) -> bool:
    """The file itself is bad; waiting, or freeing the disk, would not help."""
    return _code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_for_lack_of_room(error: sqlite3.Error, path: Path) -> bool:
    """Whether the disk is full; who only wants to read is told of an I/O error then."""
    if _code_of(error) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return False
    try:
        return shutil.disk_usage(path.parent).free < NEARLY_NO_ROOM
    except OSError:
        return False


def _code_of(error: sqlite3.Error) -> int | None:
    """SQLite's own code, without the details; an error of the module has none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, for the one who writes; others wait."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Everything read inside is of one moment."""
    db.execute("BEGIN")
    try:
        yield db
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def prepare(path: Path, scope: str | None = None) -> Path | None:
    """Make sure that a usable file of the present version lies there, labelled with its scope.

    A damaged one is set aside; the answer is then where it went.
    """
    with translated(path):
        private_directory(path.parent)
        with _alone(path):
            return _prepare(path, scope)


def _prepare(path: Path, scope: str | None) -> Path | None:
    aside = None
    try:
        with readable(path), translated(path):
            _open_and_upgrade(path, scope)
    except StoreDamaged as damage:
        aside = set_aside(path)
        logger.warning("memory set aside: %s Kept as %s; a new one begins.", damage, aside)
        _open_and_upgrade(path, scope)
    return aside


def _open_and_upgrade(path: Path, scope: str | None) -> None:
    with contextlib.suppress(FileExistsError):
        # Never one that is there: closing it would drop the locks that this process has on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    path.chmod(0o600)  # of one that was copied here
    with contextlib.closing(connect(path)) as db:
        version = _version(path, db)
        if version > migrations.VERSION:
            raise StoreTooNew(
                f"{path} was written by a later version of this program (format {version}; this one"
                f" knows {migrations.VERSION}). Update the program; the file was left as it is."
            )
        if path.stat().st_size <= CHECKED_WHOLE:
            [verdict] = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StoreDamaged(f"{path} is damaged: {verdict}.")
        if version < migrations.VERSION:
            upgrade(path, db)
        # A bad byte in a definition is no bad page, and would fail whoever uses the table.
        if _expected() - set(db.execute(_DEFINITIONS)):
            raise StoreDamaged(f"{path} is damaged: its tables are not as they were made.")
        # Looked at each time: whoever made the file may have been killed before it got here.
        if not db.execute("SELECT 1 FROM meta WHERE name = 'scope'").fetchone():
            label = scope.encode("utf-8", "surrogatepass") if scope is not None else None
            db.execute("INSERT OR IGNORE INTO meta VALUES ('scope', ?)", (label,))


_DEFINITIONS: Final = "SELECT type, name, sql FROM sqlite_master"


@functools.cache
def _expected() -> frozenset[tuple[str, str, str | None]]:
    """What the steps make in an empty file."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in migrations.STEPS:
            step(db)
        return frozenset(db.execute(_DEFINITIONS))


def _version(path: Path, db: sqlite3.Connection) -> int:
    """The format of the file; 0 for one that was just made."""
    [application] = db.execute("PRAGMA application_id").fetchone()
    [version] = db.execute("PRAGMA user_version").fetchone()
    [tables] = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == APPLICATION or (application == version == tables == 0):
        return int(version)
    raise StoreDamaged(f"{path} is no memory of ours.")


def upgrade(path: Path, db: sqlite3.Connection) -> None:
    """Apply the steps that the file lacks, each in a transaction; a backup is made first."""
    db.execute("PRAGMA journal_mode = WAL")
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version:
        backup = path.with_name(f"{path.name}.format-{version}.backup")
        os.close(os.open(backup, os.O_RDWR | os.O_CREAT, 0o600))
        with contextlib.closing(sqlite3.connect(backup)) as copy:
            db.backup(copy)
        logger.info("memory upgraded: from format %s, backup in %s", version, backup)
    for number, step in enumerate(migrations.STEPS, start=1):
        with transaction(db):
            [version] = db.execute("PRAGMA user_version").fetchone()
            if version >= number:
                continue
            step(db)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {number}")


def backups(path: Path) -> list[Path]:
    """The copies that upgrades left."""
    return sorted(path.parent.glob(f"{path.name}.format-*.backup"))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time makes, upgrades or sets aside the file."""
    try:
        with filelock.FileLock(f"{path}.lock", timeout=SECONDS_FOR_A_LOCK, mode=0o600):
            yield
    except filelock.Timeout:
        raise MemoryUnavailable(f"{path} is being opened by another process.") from None


def discard(path: Path, damage: StoreDamaged, identity: tuple[int, int] | None) -> Path | None:
    """Set the file aside that was found damaged, unless another one lies there by now."""
    with translated(path), _alone(path):
        if identity is None or identity_of(path) != identity:
            return None
        aside = set_aside(path)
    logger.warning("memory set aside: %s Kept as %s; a new one begins.", damage, aside)
    return aside


def identity_of(path: Path) -> tuple[int, int] | None:
    """Another file lies here, or none, as soon as this differs."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path) -> Path:
    """Move a damaged file away, with what belongs to it; nothing is deleted."""
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 0
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
    return aside
