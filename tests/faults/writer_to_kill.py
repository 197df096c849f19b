"""A local runtime that is written to from five threads, which say on stdout what is stored, until it is killed.

Run by tests/faults/kill.py: python -m tests.faults.writer_to_kill FOLDER TURN
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from threading import Lock, Thread

from cli.client import running
from local.runner import Runtime
from swipr.models import Lease, User, UserSettings
from swipr.ports import Begun, Blobs, Store
from tests.aws_stack import TEMPLATE
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

#: What is written over HTTP is one number of this user's settings, which only grows.
OVER_HTTP = "bea"
_saying = Lock()


def say(kind: str, name: str) -> None:
    with _saying:
        sys.stdout.write(f"{kind} {name}\n")
        sys.stdout.flush()


def write_labels(store: Store, turn: str) -> None:
    for number in count():
        assert store.put_label(a_label(f"a:{turn}-{number}"))
        say("label", f"a:{turn}-{number}")


def act(store: Store, turn: str) -> None:
    for slot in count(int(turn) * 10_000):
        session = a_session(due_at=later(slot))
        lease = store.take_lease(session, owner=turn, at=NOW, until=later(60))
        assert isinstance(lease, Lease), lease
        say("fence", str(lease.fence))
        # ten sessions a day, a hundred likes a session: within the budget of a thousand
        run_session(store, session.session_id, lease.fence, TODAY + timedelta(days=slot // 10))
        store.end_session("ann", fence=lease.fence, report=a_report(session.session_id), status=a_status())


def run_session(store: Store, session_id: str, fence: int, day: date) -> None:
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


def settle_what_was_left(store: Store) -> None:
    user = store.user("ann")
    assert user
    assert user.in_flight
    left = user.in_flight
    assert store.finish_action(**outcome(left.card_id, fence=left.fence, state="unknown"))
    say("unknown", left.card_id)


def write_blobs(blobs: Blobs, turn: str) -> None:
    for number in count():
        key = f"c/{turn}/{number}"
        blobs.put(key, key.encode() * 5_000)
        say("blob", key)


def send_messages(send: Callable[[str, str], object], turn: str) -> None:
    for number in count():
        send("sent", f"{turn}-{number}")
        say("message", f"{turn}-{number}")


def save_settings(folder: Path) -> None:
    """Over HTTP, as the page does it."""
    client = running(folder, OVER_HTTP)
    saved = client.get("/v1/settings")
    for number in count(saved["likes_per_day"] + 1):
        client.put("/v1/settings", saved | {"likes_per_day": number})
        say("setting", str(number))


def main(path: str, turn: str) -> None:
    logging.disable()
    runtime = Runtime(TEMPLATE, Path(path), schedule_every_s=1e6)
    runtime.start()
    store = runtime.store
    # Not due: the runtime's own tick would start another session of theirs.
    limits = UserSettings(likes_per_day=1000, swipes_per_session=100)
    store.create_user(a_user(settings=limits, next_due_at=None))
    store.create_user(User(user_id=OVER_HTTP, settings=UserSettings(likes_per_day=0)))
    jobs: list[Callable[[], None]] = [
        lambda: write_labels(store, turn),
        lambda: act(store, turn),
        lambda: write_blobs(runtime.blobs, turn),
        lambda: send_messages(runtime.queue.send, turn),
        lambda: save_settings(Path(path)),
    ]
    for job in jobs:
        Thread(target=job).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
