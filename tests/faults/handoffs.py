"""Refits doubled and at once: training is asked for once per version of the labels."""

import random
import struct
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial

from swipr.handoff import hand_over
from swipr.learning.refitting import labels_hash
from swipr.models import Handoff, Label
from tests.doubles import BACKBONE, START, Crash, Crashes, model
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER

#: (pieces, installs of a piece) at full size and in the tests.
SIZES = {"local": ((4, 10), (1, 4)), "aws": ((1, 3), (1, 1))}
#: Labels of each version; a next one is due at twice as many.
LABELS = (2, 4, 8, 16, 32)
MEET_S = 0.2


def hand_over_again(world: str, seed: int, count: int) -> Outcome:
    outcome = Outcome()
    with installs(world) as install:
        for number in range(count):
            home = install(seed * 100 + number)
            _one_user(outcome, home, random.Random(seed * 100 + number), f"seed {seed}, install {number}")
            home.world.close()
    return outcome


def _one_user(outcome: Outcome, home: FaultInstall, rng: random.Random, where: str) -> None:
    home.set(handoff_min_labels=2)
    for place, labels in enumerate(LABELS):
        home.clock.sleep(86_401)
        _learn(home, labels)
        handed: list[Handoff] = []
        times = rng.randint(1, 5)
        meet = threading.Barrier(times, timeout=MEET_S)
        # Some of them die on the way, at any of their first calls.
        told = [(home, rng.randrange(1, 30), handed, meet) for _ in range(times)]
        threads = [threading.Thread(target=_hand, args=each) for each in told]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _hand(home, None, handed)  # what died comes again
        outcome.size += times + 1
        outcome.injected += times
        written = [key for key in home.blobs.keys("handoffs/") if key.endswith(".json")]
        outcome.require(len(written) == place + 1, f"{where}: {len(written)} hand-offs of {place + 1} versions")
        outcome.require(len(handed) <= 1, f"{where}: {labels} labels were handed over {len(handed)} times")


def _learn(home: FaultInstall, labels: int) -> None:
    for number in range(labels // 2 if labels > LABELS[0] else 0, labels):
        at = START + timedelta(seconds=number)
        row, choice = struct.pack("<e", number), ("like", "pass")[number % 2]
        known = {"user_id": USER, "card_id": f"fake:{number}", "choice": choice, "labelled_at": at}
        home.store.put_label(Label(**known, source="asked", chosen_by="random", backbone=BACKBONE, features=row))
    learned = {"labels": labels, "likes": labels // 2, "labels_hash": labels_hash(home.store.labels(USER))}
    home.store.put_model(model(USER, home.store.models(USER)[0].version + 1).model_copy(update=learned))


def _hand(
    home: FaultInstall, dies_at: int | None, handed: list[Handoff], meet: threading.Barrier | None = None
) -> None:
    """Those that run at once meet before they write, so that each has read what no other has changed yet."""
    crashes = Crashes(dies_at)
    if meet is not None:
        crashes.on_call = lambda name: _meet(meet) if name.endswith(".set_handoff") else None
    try:
        store, blobs = crashes.wrap(home.store), crashes.wrap(home.blobs)
        made = hand_over(USER, store, blobs, now=home.clock.now(), code="tests")
    except Crash:
        return
    if made is not None:
        handed.append(made)


def _meet(meet: threading.Barrier) -> None:
    with suppress(threading.BrokenBarrierError):  # of those who died the others do not wait for long
        meet.wait()


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    count, installed = SIZES[world][0 if full else 1]
    return [partial(hand_over_again, world, seed + number, installed) for number in range(count)]


CASES = [Case("hand-offs", world, "refits", partial(_pieces, world)) for world in SIZES]
