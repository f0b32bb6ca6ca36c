"""What was forgotten must not come back: the marks that forgotten sentences leave.

A mark is a keyed hash of a sentence, so that the file tells nobody what was forgotten. The key
lies in the same file: a project's memory is one file, and can be moved as one.
"""

import secrets
import sqlite3
from typing import Final

from recall.sentences import candidates, keyed, plain

# "Yes." and "Thanks." say nothing that one could want forgotten, and would be cut everywhere.
# In bytes: four Chinese characters say as much as twelve letters.
SHORTEST: Final = 10


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
        if self.holds(text):
            return "", True
        kept, done = [], 0
        for start, end in candidates(text):
            if start >= done and self.holds(text[start:end]):
                kept.append(text[done:start])
                done = end
        return ("".join(kept) + text[done:], True) if done else (text, False)

    def bury(self, text: str) -> None:
        """Mark a text and each of its sentences as forgotten."""
        parts = [text[start:end] for start, end in candidates(text)]
        marked = {text, *(part for part in parts if len(plain(part).encode()) >= SHORTEST)}
        key = self._key()
        self._db.executemany(
            "INSERT OR IGNORE INTO tombstones VALUES (?)",
            [(keyed(key, part),) for part in marked if plain(part)],
        )

    def holds(self, text: str) -> bool:
        """Whether this was forgotten, as a whole."""
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
