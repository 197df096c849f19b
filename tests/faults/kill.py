"""`kill -9` of the local runtime under write load: what was acknowledged is there, and it starts again by itself."""

import os
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from local.blobs import FileBlobs
from local.data_folder import open_folder
from local.database import Database
from local.queue import SqliteQueue
from local.store import SqliteStore
from swipr.models import Lease
from swipr.ports import Store
from tests.contract.values import NOW, a_label, a_session, later
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.writer_to_kill import OVER_HTTP

ROOT = Path(__file__).parents[2]
#: (pieces, kills of a piece) at full size and in the tests. Each piece is one data folder.
SIZES = ((5, 10), (1, 4))
#: Killed so long after its first word, seconds at most.
LATEST_S = 0.6
KINDS = ("label", "fence", "pending", "sent", "blob", "message", "setting")


def write_until_killed(folder: Path, turn: int, after_s: float) -> tuple[list[tuple[str, str]], str]:
    """(kind, name) of all that the runtime acknowledged, in order; and what it ended by, if not by being killed."""
    paths = [str(ROOT), str(ROOT / "layers" / "common")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "tests.faults.writer_to_kill", str(folder), str(turn)]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=errors) as writer:
            while writer.poll() is None and os.fstat(said.fileno()).st_size == 0:
                time.sleep(0.01)
            time.sleep(after_s)
            by_itself = writer.poll() is not None
            writer.kill()
        said.seek(0)
        errors.seek(0)
        whole = [line.decode() for line in said.read().splitlines(keepends=True) if line.endswith(b"\n")]
        lines = [line.split() for line in whole if not line.startswith("{")]  # what the handlers log is JSON
        wrong = errors.read().decode()
        # The judge's own process complains when it loses whom it answers.
        return [(kind, name) for kind, name in lines], wrong if by_itself or "Exception in thread" in wrong else ""


def kill_again_and_again(seed: int, kills: int) -> Outcome:
    outcome, rng = Outcome(size=kills, injected=kills), random.Random(f"kill {seed}")
    acknowledged: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as root:  # a real disk: the files are synced to it
        folder = Path(root, "data")
        for turn in range(kills):
            written, errors = write_until_killed(folder, turn, rng.uniform(0.0, LATEST_S))
            outcome.require(not errors, f"seed {seed}, start {turn}: {errors}")
            acknowledged += written
        with open_folder(folder) as opened:
            database = Database(opened.database)
            Told(acknowledged, f"seed {seed}").check(outcome, database, folder, kills)
            database.close()
    return outcome


class Told:
    """All that was acknowledged, compared with what is on the disk."""

    def __init__(self, acknowledged: list[tuple[str, str]], where: str) -> None:
        self._acknowledged, self._where = acknowledged, where

    def names(self, kind: str) -> list[str]:
        return [name for each, name in self._acknowledged if each == kind]

    def check(self, outcome: Outcome, database: Database, folder: Path, kills: int) -> None:
        store = SqliteStore(database)
        for kind in KINDS:
            enough = len(self.names(kind)) >= kills // 2
            outcome.require(enough, f"{self._where}: {len(self.names(kind))} of {kind}: no load")
        checks = [
            *self._labels(store),
            *self._actions(store),
            *self._blobs(folder),
            *self._messages(database),
            *self._settings(store),
            *self._next_start(store, kills),
        ]
        for holds, words in checks:
            outcome.require(holds, f"{self._where}: {words}")

    def _labels(self, store: Store) -> list[tuple[bool, str]]:
        stored = {label.card_id for label in store.labels("ann")}
        whole = all(store.label("ann", card_id) == a_label(card_id) for card_id in stored)
        lost = set(self.names("label")) - stored
        return [(not lost, f"labels lost: {sorted(lost)[:3]}"), (whole, "a label is not as it was written")]

    def _actions(self, store: Store) -> list[tuple[bool, str]]:
        settled = {name: kind for kind, name in self._acknowledged if kind in ("sent", "unknown")}
        begun, user = self.names("pending"), store.user("ann")
        acted = store.acted("ann", [f"key of {card_id}" for card_id in [*begun, *settled]])
        found = [(len(begun) == len(set(begun)), "an action began twice")]
        for card_id in begun:
            decision = store.decision("ann", card_id, at=NOW)
            state = decision.state if decision else None
            wanted = settled.get(card_id, state)
            same = state is not None and state == acted.get(f"key of {card_id}") == wanted
            found.append((same, f"{card_id} is {state}, Acted says {acted.get(f'key of {card_id}')}, told {wanted}"))
        decisions = store.decisions("ann", at=NOW, limit=1_000_000)
        counted = [each for each in decisions if user and each.decided_at.date() == user.budget_day]
        pending = [each.card_id for each in decisions if each.state == "pending"]
        in_flight = [user.in_flight.card_id] if user and user.in_flight else []
        found.append((user is not None and user.likes_today == len(counted), "likes counted are not the likes begun"))
        found.append((pending == in_flight, f"pending {pending}, in flight {in_flight}"))
        return found

    def _blobs(self, folder: Path) -> list[tuple[bool, str]]:
        blobs = FileBlobs(folder / "blobs", sign_key=b"k", base_url=str, now=lambda: NOW)
        stored = blobs.keys("c/")
        lost = set(self.names("blob")) - set(stored)
        whole = all(blobs.get(key) == key.encode() * 5_000 for key in stored)
        return [(not lost, f"objects lost: {sorted(lost)[:3]}"), (whole, "an object is not whole")]

    def _messages(self, database: Database) -> list[tuple[bool, str]]:
        bodies = [message.body for message in SqliteQueue(database, now=lambda: NOW).peek("sent", limit=1_000_000)]
        lost = set(self.names("message")) - set(bodies)
        return [(not lost, f"messages lost: {sorted(lost)[:3]}"), (len(bodies) == len(set(bodies)), "doubled messages")]

    def _settings(self, store: Store) -> list[tuple[bool, str]]:
        user, told = store.user(OVER_HTTP), [int(name) for name in self.names("setting")]
        stored = user.settings.likes_per_day if user else -1
        grown = told == sorted(set(told))
        return [(stored >= max(told, default=0), f"the settings said {stored}, told {max(told, default=0)}"),
                (grown, "settings went back between two starts")]  # fmt: skip

    def _next_start(self, store: SqliteStore, kills: int) -> list[tuple[bool, str]]:
        store.release_all_leases()
        session = a_session(due_at=later(kills * 10_000))
        lease = store.take_lease(session, owner="next", at=NOW, until=later(60))
        fences = [int(fence) for fence in self.names("fence")]
        rises = isinstance(lease, Lease) and lease.fence > max(fences, default=0)
        return [(rises, f"the next session cannot begin, or under an old fence: {lease}")]


def _pieces(seed: int, full: bool) -> list[Piece]:
    count, kills = SIZES[0 if full else 1]
    return [partial(kill_again_and_again, seed + number, kills) for number in range(count)]


CASES = [Case("kill", "local", "kills", _pieces)]
