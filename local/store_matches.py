"""Matches, and requests that carry an Idempotency-Key, in SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from local import records
from local.database import Database, micros
from swipr import transitions
from swipr.errors import NotFoundError
from swipr.models import EarlierRequest, MatchRecord, StoredAnswer


class Matches:
    """The part of `ports.Store` about matches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_match(self, match: MatchRecord) -> None:
        with self._database.transaction() as db:
            records.known_user(db, match.user_id)
            stored = _read(db, match.user_id, match.match_id)
            _write(db, transitions.with_kept_outcome(match, stored))

    def match(self, user_id: str, match_id: str, *, at: datetime) -> MatchRecord | None:
        with self._database.reading() as db:
            stored = _read(db, user_id, match_id)
        return stored if stored and stored.expires_at > at else None

    def matches(self, user_id: str, *, at: datetime) -> Sequence[MatchRecord]:
        statement = """SELECT record FROM matches WHERE user_id = ? AND expires_at > ?
                       ORDER BY matched_at DESC, match_id DESC"""
        with self._database.reading() as db:
            rows = db.execute(statement, (user_id, micros(at))).fetchall()
        return [MatchRecord.model_validate_json(record) for (record,) in rows]

    def note_outcome(self, user_id: str, match_id: str, outcome: str | None, *, at: datetime) -> MatchRecord:
        with self._database.transaction() as db:
            stored = _read(db, user_id, match_id)
            if stored is None or stored.expires_at <= at:
                raise NotFoundError("no such match")
            noted = MatchRecord.model_validate(stored.model_dump() | {"outcome": outcome, "outcome_at": at})
            _write(db, noted)
            return noted

    def delete_match(self, user_id: str, match_id: str) -> bool:
        with self._database.transaction() as db:
            statement = "DELETE FROM matches WHERE user_id = ? AND match_id = ?"
            return db.execute(statement, (user_id, match_id)).rowcount == 1


class Requests:
    """The part of `ports.Store` about requests that may come twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_request(
        self, user_id: str, key: str, *, digest: str, at: datetime, stale_before: datetime, expires_at: datetime
    ) -> EarlierRequest | None:
        statement = "SELECT record FROM requests WHERE user_id = ? AND request_key = ? AND expires_at > ?"
        with self._database.transaction() as db:
            row = db.execute(statement, (user_id, key, micros(at))).fetchone()
            earlier = EarlierRequest.model_validate_json(row[0]) if row else None
            if earlier and (earlier.answer or earlier.begun_at > stale_before):
                return earlier
            begun = EarlierRequest(digest=digest, begun_at=at)
            values = (user_id, key, micros(expires_at), begun.model_dump_json())
            db.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", values)
            return None

    def finish_request(self, user_id: str, key: str, *, digest: str, answer: StoredAnswer | None) -> None:
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT record FROM requests WHERE user_id = ? AND request_key = ?", (user_id, key)
            ).fetchone()
            begun = EarlierRequest.model_validate_json(row[0]) if row else None
            if begun is None or begun.digest != digest:
                return
            if answer is None:
                db.execute("DELETE FROM requests WHERE user_id = ? AND request_key = ?", (user_id, key))
                return
            record = begun.model_copy(update={"answer": answer}).model_dump_json()
            db.execute("UPDATE requests SET record = ? WHERE user_id = ? AND request_key = ?", (record, user_id, key))


def _read(db: sqlite3.Connection, user_id: str, match_id: str) -> MatchRecord | None:
    statement = "SELECT record FROM matches WHERE user_id = ? AND match_id = ?"
    row = db.execute(statement, (user_id, match_id)).fetchone()
    return MatchRecord.model_validate_json(row[0]) if row else None


def _write(db: sqlite3.Connection, match: MatchRecord) -> None:
    times = micros(match.matched_at), micros(match.expires_at)
    row = (match.user_id, match.match_id, *times, match.model_dump_json())
    db.execute("INSERT OR REPLACE INTO matches VALUES (?, ?, ?, ?, ?)", row)
