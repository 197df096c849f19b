"""Writes to a data folder from four threads, saying on stdout what is stored, until it is killed.

Run by `test_kill`: python -m tests.integration.writer_to_kill FOLDER ROUND
"""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from threading import Lock, Thread

from local.blobs import FileBlobs
from local.data_folder import open_folder
from local.database import Database
from local.queue import SqliteQueue
from local.store import SqliteStore
from swipr.models import Lease, UserSettings
from swipr.ports import Begun
from tests.contract.values import (
    NOW,
    TODAY,
    a_decision,
    a_label,
    a_report,
    a_session,
    a_status,
    a_user,
    action,
    later,
    outcome,
)

_saying = Lock()


def say(kind: str, name: str) -> None:
    with _saying:
        sys.stdout.write(f"{kind} {name}\n")
        sys.stdout.flush()


def write_labels(store: SqliteStore, turn: str) -> None:
    for number in count():
        assert store.put_label(a_label(f"a:{turn}-{number}"))
        say("label", f"a:{turn}-{number}")


def act(store: SqliteStore, turn: str) -> None:
    for slot in count(int(turn) * 10_000):
        session = a_session(due_at=later(slot))
        lease = store.take_lease(session, owner=turn, at=NOW, until=later(60))
        assert isinstance(lease, Lease), lease
        say("fence", str(lease.fence))
        # ten sessions a day, a hundred likes a session: within the budget of a thousand
        run_session(store, session.session_id, lease.fence, TODAY + timedelta(days=slot // 10))
        store.end_session("ann", fence=lease.fence, report=a_report(session.session_id), status=a_status())


def run_session(store: SqliteStore, session_id: str, fence: int, day: date) -> None:
    told = {"fence": fence, "session_id": session_id, "day": day}
    for number in range(100):
        card_id = f"b:{session_id}-{number}"
        decision = a_decision(card_id, decided_at=datetime.combine(day, time(), UTC))
        begun = store.begin_action(**action(decision=decision, **told))
        if begun is Begun.IN_FLIGHT:
            settle_what_was_left(store)
            continue
        assert begun is Begun.YES, begun
        say("pending", card_id)
        assert store.finish_action(**outcome(card_id, fence=fence))
        say("sent", card_id)


def settle_what_was_left(store: SqliteStore) -> None:
    user = store.user("ann")
    assert user
    assert user.in_flight
    left = user.in_flight
    assert store.finish_action(**outcome(left.card_id, fence=left.fence, state="unknown"))
    say("unknown", left.card_id)


def write_blobs(blobs: FileBlobs, turn: str) -> None:
    for number in count():
        key = f"c/{turn}/{number}"
        blobs.put(key, key.encode() * 5_000)
        say("blob", key)


def send_messages(queue: SqliteQueue, turn: str) -> None:
    for number in count():
        queue.send("sent", f"{turn}-{number}")
        say("message", f"{turn}-{number}")


def main(path: str, turn: str) -> None:
    folder = open_folder(Path(path))
    database = Database(folder.database)
    store, queue = SqliteStore(database), SqliteQueue(database, now=lambda: datetime.now(UTC))
    store.create_user(a_user(settings=UserSettings(likes_per_day=1000, swipes_per_session=100)))
    store.release_all_leases()
    blobs = FileBlobs(folder.blobs, sign_key=folder.key, base_url=str, now=lambda: NOW)
    jobs: list[Callable[[], None]] = [
        lambda: write_labels(store, turn),
        lambda: act(store, turn),
        lambda: write_blobs(blobs, turn),
        lambda: send_messages(queue, turn),
    ]
    for job in jobs:
        Thread(target=job).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
