"""At-least-once messages in the database file: sent means stored, received means hidden for a while."""

import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from local.database import Database, micros, moment
from swipr.models import ExportRequest, RefitRequest, SwipeSession


class Message(NamedTuple):
    """One delivery. `receipt` is empty unless it was received; `receive_count` counts this delivery."""

    message_id: str
    receipt: str
    body: str
    receive_count: int
    first_received_at: datetime | None
    sent_at: datetime


class DeadLetters(NamedTuple):
    """Where a message goes that was received `max_receive_count` times and not deleted."""

    queue: str
    max_receive_count: int


class Counts(NamedTuple):
    visible: int
    in_flight: int
    delayed: int


_COLUMNS = "message_id, receipt, body, receive_count, first_received_at, sent_at"


class SqliteQueue:
    """`ports.Queue`, and the delivery side that the pump plays SQS with; queues exist by being named."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        sessions: str = "SwipeSessions",
        refits: str = "Refits",
        redrive: Mapping[str, DeadLetters] | None = None,
    ) -> None:
        self._database, self._now = database, now
        self._sessions, self._refits = sessions, refits
        self._redrive = dict(redrive or {})

    # the port

    def send_session(self, session: SwipeSession) -> None:
        self.send(self._sessions, session.model_dump_json())

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        for session in sessions:
            self.send_session(session)
        return ()

    def ask_refit(self, request: RefitRequest) -> None:
        self.send(self._refits, request.model_dump_json())

    def ask_export(self, request: ExportRequest) -> None:
        self.send(self._refits, request.model_dump_json())

    # delivery

    def send(self, queue_name: str, body: str, *, delay_s: float = 0) -> str:
        """Store the message, to be received `delay_s` from now on; returns its id."""
        message_id, sent = str(uuid.uuid4()), micros(self._now())
        row = (message_id, queue_name, body, sent, sent + _micros(delay_s))
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO messages (message_id, queue, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)", row
            )
        return message_id

    def receive(self, queue_name: str, *, at: datetime, visibility_s: float, limit: int = 1) -> Sequence[Message]:
        """Up to `limit` messages visible by `at`, longest visible first, hidden for `visibility_s`.

        One that was received too often is moved to its dead letters instead.
        """
        if not self._has_visible(queue_name, at):  # polling waits for no writer
            return []
        with self._database.transaction() as db:
            self._bury(db, queue_name, at)
            numbers = db.execute(
                "SELECT number FROM messages WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, number LIMIT ?",
                (queue_name, micros(at), limit),
            ).fetchall()
            return [_hide(db, number, at, visibility_s) for (number,) in numbers]

    def delete(self, receipt: str) -> bool:
        """Done with it. False if the message is gone or has been received again since."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM messages WHERE receipt = ?", (receipt,)).rowcount == 1

    def change_visibility(self, receipt: str, *, at: datetime, visibility_s: float) -> bool:
        """Hide the message until `visibility_s` after `at` (0: visible at once). False as for `delete`."""
        until = micros(at) + _micros(visibility_s)
        with self._database.transaction() as db:
            return db.execute("UPDATE messages SET visible_at = ? WHERE receipt = ?", (until, receipt)).rowcount == 1

    def release_all(self) -> int:
        """Make every received message visible, returning how many.

        Only at start: the folder's lock proves that whoever had received one is dead. What was sent with a delay
        and never received keeps its delay; receive counts stay, so a message that kills still ends as a dead letter.
        """
        with self._database.transaction() as db:
            return db.execute(
                "UPDATE messages SET visible_at = ?, receipt = NULL WHERE receipt IS NOT NULL",
                (micros(self._now()),),
            ).rowcount

    # looking after

    def counts(self, queue_name: str) -> Counts:
        statement = """SELECT visible_at <= :now, receipt IS NOT NULL, count(*) FROM messages
                       WHERE queue = :queue GROUP BY 1, 2"""
        with self._database.reading() as db:
            rows = db.execute(statement, {"now": micros(self._now()), "queue": queue_name}).fetchall()
        return Counts(
            visible=sum(n for visible, _, n in rows if visible),
            in_flight=sum(n for visible, received, n in rows if received and not visible),
            delayed=sum(n for visible, received, n in rows if not received and not visible),
        )

    def peek(self, queue_name: str, *, limit: int = 100) -> Sequence[Message]:
        """Messages as they lie, oldest first, received or not; nothing changes. Lists dead letters."""
        statement = f"SELECT {_COLUMNS} FROM messages WHERE queue = ? ORDER BY number LIMIT ?"  # noqa: S608
        with self._database.reading() as db:
            return [_message(row) for row in db.execute(statement, (queue_name, limit)).fetchall()]

    def redrive(self, dead_queue: str) -> int:
        """Send dead letters back to the queues they came from, counted anew; returns how many."""
        with self._database.transaction() as db:
            return db.execute(
                """UPDATE messages SET queue = source, source = NULL, receive_count = 0, first_received_at = NULL,
                   receipt = NULL, visible_at = ? WHERE queue = ? AND source IS NOT NULL""",
                (micros(self._now()), dead_queue),
            ).rowcount

    def drop_sent_before(self, queue_name: str, at: datetime) -> int:
        """Delete messages past the queue's retention; returns how many."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM messages WHERE queue = ? AND sent_at < ?", (queue_name, micros(at))).rowcount

    def drop_of_user(self, user_id: str) -> int:
        """Delete every message about the user or an object of theirs, dead letters too; returns how many."""
        places = f"/{user_id}/"
        statement = """DELETE FROM messages WHERE json_valid(body)
                       AND (json_extract(body, '$.user_id') = ? OR instr(body, ?) > 0)"""
        with self._database.transaction() as db:
            gone = db.execute(statement, (user_id, places)).rowcount
        self._database.scrub()
        return gone

    def _has_visible(self, queue_name: str, at: datetime) -> bool:
        statement = "SELECT 1 FROM messages WHERE queue = ? AND visible_at <= ? LIMIT 1"
        with self._database.reading() as db:
            return db.execute(statement, (queue_name, micros(at))).fetchone() is not None

    def _bury(self, db: sqlite3.Connection, queue_name: str, at: datetime) -> None:
        dead = self._redrive.get(queue_name)
        if dead:
            db.execute(
                """UPDATE messages SET queue = ?, source = queue, receipt = NULL
                   WHERE queue = ? AND visible_at <= ? AND receive_count >= ?""",
                (dead.queue, queue_name, micros(at), dead.max_receive_count),
            )


def _hide(db: sqlite3.Connection, number: int, at: datetime, visibility_s: float) -> Message:
    received, until = micros(at), micros(at) + _micros(visibility_s)
    db.execute(
        """UPDATE messages SET receipt = ?, visible_at = ?, receive_count = receive_count + 1,
           first_received_at = coalesce(first_received_at, ?) WHERE number = ?""",
        (uuid.uuid4().hex, until, received, number),
    )
    return _message(db.execute(f"SELECT {_COLUMNS} FROM messages WHERE number = ?", (number,)).fetchone())  # noqa: S608


def _message(row: tuple[str, str | None, str, int, int | None, int]) -> Message:
    message_id, receipt, body, count, first, sent = row
    return Message(message_id, receipt or "", body, count, None if first is None else moment(first), moment(sent))


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
