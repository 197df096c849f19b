"""The tick: who is due is claimed and queued, and no slot is lost to a queue that refuses."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from local.database import Database
from local.store import SqliteStore
from swipr.models import SwipeSession, User
from swipr.swiping import tick
from tests.doubles import START


class Queue:
    """Takes everything but the sessions of `refused`."""

    def __init__(self, refused: set[str]) -> None:
        self.refused, self.calls = refused, []

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        self.calls.append([session.user_id for session in sessions])
        return [session for session in sessions if session.user_id in self.refused]


@pytest.fixture
def store(tmp_path: Path):
    database = Database(tmp_path / "swipr.db")
    yield SqliteStore(database)
    database.close()


def due_users(store: SqliteStore, count: int) -> list[str]:
    names = [f"user{number:02}" for number in range(count)]
    for name in names:
        store.create_user(User(user_id=name, enabled=True, next_due_at=START))
    return names


def test_due_users_are_queued_once_ten_at_a_time(store):
    names = due_users(store, 23)
    queue = Queue(set())

    assert tick(store, queue, at=START) == 23
    assert sorted(name for call in queue.calls for name in call) == names
    assert [len(call) for call in queue.calls] == [10, 10, 3]
    assert tick(store, queue, at=START + timedelta(minutes=1)) == 0


def test_a_slot_whose_message_was_refused_is_due_again_at_once(store):
    due_users(store, 3)

    assert tick(store, Queue({"user01"}), at=START) == 2

    queue = Queue(set())
    assert tick(store, queue, at=START + timedelta(seconds=1)) == 1
    assert queue.calls == [["user01"]]
