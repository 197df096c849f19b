"""What the simulator remembers, in SQLite: users, their swipes and counts. What was answered is on the disk."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (
    token TEXT PRIMARY KEY, options TEXT NOT NULL, cards INTEGER NOT NULL,
    likes_used INTEGER NOT NULL DEFAULT 0, limited_until REAL NOT NULL DEFAULT 0, stopped_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS swipes (
    token TEXT NOT NULL, card_id TEXT NOT NULL, likes INTEGER NOT NULL DEFAULT 0, passes INTEGER NOT NULL DEFAULT 0,
    matched_at REAL, PRIMARY KEY (token, card_id)
);
CREATE TABLE IF NOT EXISTS superlikes (token TEXT NOT NULL, card_id TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS superlikes_of ON superlikes (token, at);
CREATE TABLE IF NOT EXISTS counts (
    token TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (token, name)
);
"""


class StateError(Exception):
    """The state file belongs to another simulator; the message names the next step."""


@dataclass(frozen=True)
class UserRow:
    """Times are seconds since 1970; `cards` is how long the deck is so far."""

    token: str
    options: Mapping[str, Any]
    cards: int
    likes_used: int
    limited_until: float
    stopped_until: float


@dataclass(frozen=True)
class Swipe:
    likes: int = 0
    passes: int = 0
    matched_at: float | None = None


class Records:
    """All calls are made inside `change()`, which is one transaction and lets one thread in at a time."""

    def __init__(self, file: str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def fact(self, name: str, otherwise: str) -> str:
        """The value kept under that name; the first one asked with stays."""
        self._db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, otherwise))
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def user(self, token: str) -> UserRow | None:
        row = self._db.execute("SELECT * FROM users WHERE token = ?", (token,)).fetchone()
        return UserRow(row[0], json.loads(row[1]), *row[2:]) if row else None

    def known_user(self, token: str) -> UserRow:
        """Raises LookupError."""
        user = self.user(token)
        if user is None:
            raise LookupError("no user has this token")
        return user

    def users(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM users").fetchone()[0])

    def put_user(self, user: UserRow) -> None:
        row = (
            user.token,
            json.dumps(user.options),
            user.cards,
            user.likes_used,
            user.limited_until,
            user.stopped_until,
        )
        self._db.execute("INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?)", row)

    def swipes(self, token: str) -> dict[str, Swipe]:
        rows = self._db.execute("SELECT card_id, likes, passes, matched_at FROM swipes WHERE token = ?", (token,))
        return {card_id: Swipe(*rest) for card_id, *rest in rows}

    def swipe(self, token: str, card_id: str) -> Swipe:
        """What the user did about this one card so far."""
        statement = "SELECT likes, passes, matched_at FROM swipes WHERE token = ? AND card_id = ?"
        row = self._db.execute(statement, (token, card_id)).fetchone()
        return Swipe(*row) if row else Swipe()

    def put_swipe(self, token: str, card_id: str, swipe: Swipe) -> None:
        row = (token, card_id, swipe.likes, swipe.passes, swipe.matched_at)
        self._db.execute("INSERT OR REPLACE INTO swipes VALUES (?, ?, ?, ?, ?)", row)

    def superlikes(self, token: str) -> list[tuple[str, float]]:
        """Card and time of each, oldest first."""
        return self._db.execute("SELECT card_id, at FROM superlikes WHERE token = ? ORDER BY at", (token,)).fetchall()

    def put_superlike(self, token: str, card_id: str, at: float) -> None:
        self._db.execute("INSERT INTO superlikes VALUES (?, ?, ?)", (token, card_id, at))

    def count(self, token: str, name: str) -> None:
        self._db.execute(
            "INSERT INTO counts VALUES (?, ?, 1) ON CONFLICT (token, name) DO UPDATE SET n = n + 1", (token, name)
        )

    def counts(self, token: str) -> dict[str, int]:
        return dict(self._db.execute("SELECT name, n FROM counts WHERE token = ?", (token,)).fetchall())
