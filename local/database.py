"""The SQLite file that the store and the queue share: durable transactions, and its schema's version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

BUSY_S = 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: One tuple of statements per version, only ever appended to. Times are integer microseconds since 1970, UTC.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE users (user_id TEXT PRIMARY KEY, due_at INTEGER, deck_token BLOB, record TEXT NOT NULL)
           WITHOUT ROWID""",
        "CREATE INDEX due_users ON users (due_at, user_id) WHERE due_at IS NOT NULL",
        """CREATE TABLE decisions (user_id TEXT, card_id TEXT, decided_at INTEGER NOT NULL,
           expires_at INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (user_id, card_id)) WITHOUT ROWID""",
        "CREATE INDEX decisions_by_time ON decisions (user_id, decided_at, card_id)",
        "CREATE INDEX decisions_by_expiry ON decisions (expires_at)",
        """CREATE TABLE acted (user_id TEXT, acted_key TEXT, state TEXT NOT NULL,
           PRIMARY KEY (user_id, acted_key)) WITHOUT ROWID""",
        """CREATE TABLE labels (user_id TEXT, card_id TEXT, record TEXT NOT NULL, features BLOB NOT NULL,
           PRIMARY KEY (user_id, card_id)) WITHOUT ROWID""",
        """CREATE TABLE models (user_id TEXT, version INTEGER, record TEXT NOT NULL, head BLOB NOT NULL,
           PRIMARY KEY (user_id, version)) WITHOUT ROWID""",
        """CREATE TABLE messages (number INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE,
           queue TEXT NOT NULL, source TEXT, body TEXT NOT NULL, sent_at INTEGER NOT NULL,
           visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0, first_received_at INTEGER,
           receipt TEXT UNIQUE)""",
        "CREATE INDEX messages_by_time ON messages (queue, visible_at, number)",
    ),
    (
        """CREATE TABLE matches (user_id TEXT, match_id TEXT, matched_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
           record TEXT NOT NULL, PRIMARY KEY (user_id, match_id)) WITHOUT ROWID""",
        "CREATE INDEX matches_by_expiry ON matches (expires_at)",
        """CREATE TABLE requests (user_id TEXT, request_key TEXT, expires_at INTEGER NOT NULL, record TEXT NOT NULL,
           PRIMARY KEY (user_id, request_key)) WITHOUT ROWID""",
        "CREATE INDEX requests_by_expiry ON requests (expires_at)",
    ),
    (
        """UPDATE users SET record = json_set(record, '$.labels',
           (SELECT count(*) FROM labels WHERE labels.user_id = users.user_id))""",
    ),
)


class DatabaseError(OSError):
    """The database file cannot be read or written; the operation may or may not have happened."""


class Database:
    """Connections to one file, lent to one thread at a time; what a transaction did is durable when it is left."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises DatabaseError, also when a newer Swipr has written it."""
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._pool = Lock()
        self._writing = Lock()
        with self.transaction() as connection:
            self._migrate(connection)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that alone may write; leaving by an exception changes nothing."""
        # SQLite's own queue of writers is polled and unfair; the lock makes threads of this process wait in line.
        with self._writing, self._lend() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one statement that reads."""
        with self._lend() as connection:
            yield connection

    def scrub(self) -> None:
        """Overwrite what was deleted, in the write-ahead log too; what somebody reads right now stays until they end.

        The file itself needs no more: deleted rows are written over with zeros.
        """
        with self._writing, self._lend() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; every later use raises DatabaseError."""
        with self._pool:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._borrow()
            try:
                yield connection
            except BaseException:
                connection.close()  # rolls back what was open
                raise
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.path}: {error}") from error
        self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._pool:
            if self._closed:
                raise DatabaseError(f"{self.path} is closed")
            if self._idle:
                return self._idle.pop()
        return _connect(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise DatabaseError(
                f"{self.path} has schema {version}, this Swipr knows up to {len(MIGRATIONS)}: use a newer Swipr"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def micros(at: datetime) -> int:
    """Microseconds since 1970; raises TypeError for a time without a zone."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The aware UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)
