"""What was forgotten must not come back: the marks that forgotten sentences leave.

A mark is a keyed hash of a sentence, so that the file tells nobody what was forgotten. The key
lies in the same file: a project's memory is one file, and can be moved as one.
"""

import secrets
import sqlite3
from typing import Final

from recall.sentences import keyed, plain, spans

# "Yes." and "OK, thanks." say nothing that one could want forgotten, and would be cut everywhere.
SHORTEST: Final = 12


class Graves:
    """The tombstones of one store, read and written within a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._keys: list[bytes] = [
            key for [key] in db.execute("SELECT key FROM tombstone_keys ORDER BY key")
        ]

    def without_forgotten(self, text: str) -> tuple[str, bool]:
        """The text without the sentences that were forgotten, and whether any were."""
        if not self._keys:
            return text, False
        if self._is_forgotten(text):
            return "", True
        kept, was_cut = [], False
        for start, end in spans(text):
            if self._is_forgotten(text[start:end]):
                was_cut = True
            else:
                kept.append(text[start:end])
        return ("".join(kept), True) if was_cut else (text, False)

    def bury(self, text: str) -> None:
        """Mark a text and each of its sentences as forgotten."""
        parts = [text[start:end] for start, end in spans(text)]
        marked = {text, *(part for part in parts if len(plain(part)) >= SHORTEST)}
        key = self._key()
        self._db.executemany(
            "INSERT OR IGNORE INTO tombstones VALUES (?)",
            [(keyed(key, part),) for part in marked if plain(part)],
        )

    def _is_forgotten(self, text: str) -> bool:
        return bool(plain(text)) and any(
            self._db.execute(
                "SELECT 1 FROM tombstones WHERE mark = ?", (keyed(key, text),)
            ).fetchone()
            for key in self._keys
        )

    def _key(self) -> bytes:
        if not self._keys:
            self._keys = [secrets.token_bytes(32)]
            self._db.execute("INSERT INTO tombstone_keys VALUES (?)", (self._keys[0],))
        return self._keys[0]
