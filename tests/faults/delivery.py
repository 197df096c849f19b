"""At least once: every session's message comes one to five times, shuffled, up to three at the same time."""

import random
import threading
from functools import partial

from swipr.models import SwipeSession
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.races import begun_twice
from tests.faults.witness import Witness, tell
from tests.faults.worlds import FaultInstall, installs
from tests.install import SWIPES, USER

#: (installs, deliveries of each) at full size and in the tests.
SIZES = {"local": ((100, 50), (6, 50)), "aws": ((4, 25), (1, 10))}
SLOTS = 10


def deliver_again(world: str, seed: int, deliveries: int) -> Outcome:
    outcome, rng, where = Outcome(), random.Random(seed), f"seed {seed}"
    with installs(world) as install:
        home: FaultInstall = install(seed, cards=20, budget=5)
        home.superlike_too()
        home.set(swipes_per_day=15)
        witness = Witness(home.store)
        home.store = witness
        for at_once in _shuffled(_sent(home, deliveries), rng, deliveries):
            threads = [threading.Thread(target=home.deliver, args=(session,)) for session in at_once]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            outcome.size += len(at_once)
            rng.shuffle(home.deck.left)  # what was swiped is offered again
        outcome.injected = outcome.size - len(home.queued)
        home.queued.clear()
        home.run_to_rest()
        tell(outcome, where, home.check_promises)
        tell(outcome, where, home.check_matches)
        begun_twice(outcome, home, where)
        _check_sessions(outcome, home, where)
        witness.check(outcome, home.world.store, home.clock.now(), where)
    return outcome


def _sent(home: FaultInstall, deliveries: int) -> list[SwipeSession]:
    for _ in range(min(SLOTS, deliveries // 2)):
        home.store.wake(USER, at=home.clock.now())
        home.tick()
        home.clock.sleep(50)
    return home.queued


def _shuffled(sent: list[SwipeSession], rng: random.Random, deliveries: int) -> list[list[SwipeSession]]:
    """Each one to five times, or more to make up the number; one to three at once."""
    copies = [each for each in sent for _ in range(rng.randint(1, 5))]
    copies = copies[:deliveries] + rng.choices(sent, k=max(0, deliveries - len(copies)))
    rng.shuffle(copies)
    groups = []
    while copies:
        groups.append([copies.pop() for _ in range(min(len(copies), rng.randint(1, 3)))])
    return groups


def _check_sessions(outcome: Outcome, home: FaultInstall, where: str) -> None:
    user = home.store.user(USER)
    for report in user.recent_sessions if user else ():
        swiped = report.liked + report.passed + report.filtered
        outcome.require(swiped <= SWIPES, f"{where}: session {report.session_id} swiped {swiped} times")


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    count, deliveries = SIZES[world][0 if full else 1]
    return [partial(deliver_again, world, seed + number, deliveries) for number in range(count)]


CASES = [Case("at-least-once", world, "deliveries", partial(_pieces, world)) for world in SIZES]
