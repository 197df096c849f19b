"""`kill -9` under write load: what was acknowledged is there, and the next start goes on by itself."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.blobs import FileBlobs
from local.data_folder import open_folder
from local.database import Database
from local.queue import SqliteQueue
from local.store import SqliteStore
from tests.contract.values import NOW, a_label, a_session, later

ROOT = Path(__file__).parents[2]
KILLS = 10
SEED = 20260301


def write_until_killed(folder, turn, after_s):
    """Kill the writer so long after its first word; (kind, name) of all it acknowledged, in order."""
    paths = [str(ROOT), str(ROOT / "layers" / "common")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "tests.integration.writer_to_kill", str(folder), str(turn)]
    # Unbuffered: `communicate` does not see what a buffer has read ahead.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) as writer:
        first = writer.stdout.readline()
        time.sleep(after_s)
        writer.kill()
        rest, errors = writer.communicate()
    assert errors == b""
    assert first, "the writer did not start"
    return [tuple(line.decode().split()) for line in (first + rest).splitlines(keepends=True) if line.endswith(b"\n")]


def names(acknowledged, kind):
    return [name for each, name in acknowledged if each == kind]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The folder after the kills, and everything acknowledged."""
    folder = tmp_path_factory.mktemp("kill") / "data"
    dice = random.Random(SEED)
    acknowledged = []
    for turn in range(KILLS):
        acknowledged += write_until_killed(folder, turn, dice.uniform(0.0, 0.4))
    return folder, acknowledged


@pytest.fixture
def database(story):
    with open_folder(story[0]) as folder:
        database = Database(folder.database)
        yield database
        database.close()


def test_the_load_was_real(story):
    for kind in ("label", "sent", "blob", "message"):
        assert len(names(story[1], kind)) > KILLS


def test_every_acknowledged_label_is_there(story, database):
    store = SqliteStore(database)

    stored = {label.card_id for label in store.labels("ann")}

    assert set(names(story[1], "label")) <= stored
    assert all(store.label("ann", card_id) == a_label(card_id) for card_id in stored)


def test_every_acknowledged_action_is_there_and_settled_once(story, database):
    store = SqliteStore(database)
    settled = {name: kind for kind, name in story[1] if kind in ("sent", "unknown")}
    begun = names(story[1], "pending")

    acted = store.acted("ann", [f"key of {card_id}" for card_id in [*begun, *settled]])

    assert len(begun) == len(set(begun))
    for card_id in begun:
        state = store.decision("ann", card_id, at=NOW).state
        assert state == acted[f"key of {card_id}"]
        assert state == settled.get(card_id, state)


def test_likes_counted_are_likes_begun(story, database):
    store = SqliteStore(database)
    user = store.user("ann")

    decisions = store.decisions("ann", at=NOW, limit=1_000_000)

    begun_that_day = [each for each in decisions if each.decided_at.date() == user.budget_day]
    pending = [each.card_id for each in decisions if each.state == "pending"]
    assert user.likes_today == len(begun_that_day)
    assert pending == ([user.in_flight.card_id] if user.in_flight else [])
    assert {each.state for each in decisions} <= {"sent", "unknown", "pending"}


def test_every_acknowledged_blob_is_there_and_whole(story, database):
    blobs = FileBlobs(story[0] / "blobs", sign_key=b"k", base_url=str, now=lambda: NOW)

    stored = blobs.keys("")

    assert set(names(story[1], "blob")) <= set(stored)
    assert all(blobs.get(key) == key.encode() * 5_000 for key in stored)


def test_every_acknowledged_message_is_there_once(story, database):
    queue = SqliteQueue(database, now=lambda: NOW)

    bodies = [message.body for message in queue.peek("sent", limit=1_000_000)]

    assert set(names(story[1], "message")) <= set(bodies)
    assert len(bodies) == len(set(bodies))


def test_the_next_start_goes_on(story, database):
    store = SqliteStore(database)
    store.release_all_leases()

    lease = store.take_lease(a_session(due_at=later(KILLS * 10_000)), owner="next", at=NOW, until=later(60))

    assert lease.fence > max(int(fence) for fence in names(story[1], "fence"))
