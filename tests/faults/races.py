"""Two sessions of one user at once, and a lease that ends under its owner: one winner, and the loser acts no more."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from swipr.models import Answer, SwipeSession
from swipr.ports import LeaseRefusal
from swipr.sessions.session import LEASE_S
from tests.doubles import Crashes
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.witness import tell
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER

#: (pieces, races of a piece) at full size and in the tests.
SIZES = {"local": ((10, 100), (2, 40)), "aws": ((2, 25), (1, 4))}
#: A call of a session of some forty calls, after its lease was taken.
STEPS = (4, 50)
#: What a session asks last before it begins an action: half of the owners are overtaken right then.
LAST_LOOK = ".acted"
ACTIONS = ("FakeDeck.like", "FakeDeck.superlike", "FakeDeck.pass_")


def race(world: str, seed: int, races: int) -> Outcome:
    """In turns: sessions that start at once, and an owner whose lease ends at a step of its session."""
    outcome = Outcome()
    with installs(world) as install:
        for number in range(races):
            one = seed * 1000 + number
            run = (_start_at_once, _overtake)[number % 2]
            home = install(one, cards=8, budget=8)
            home.deck.answers = lambda choice, card: Answer(state="sent")
            run(outcome, home, random.Random(one), f"seed {seed}, race {number}")
            home.world.close()
            outcome.size += 1
            outcome.injected += 1
    return outcome


def begun_twice(outcome: Outcome, home: FaultInstall, where: str) -> None:
    """By the deck's own list of calls: a swipe that was sent or may have been is the card's last.

    Leaves out cards of which the deck said that it did not count: those may be tried again.
    """
    counted = home.deck.likes + home.deck.passes
    again = {card_id: count for card_id, count in counted.items() if count > 1}
    outcome.require(not again, f"{where}: swiped again: {again}")


def _start_at_once(outcome: Outcome, home: FaultInstall, rng: random.Random, where: str) -> None:
    """Two to four sessions, whose slots differ or not: one lease at a time."""
    at = home.clock.now()
    sessions = [
        SwipeSession(user_id=USER, due_at=at + timedelta(seconds=rng.randrange(2))) for _ in range(rng.randint(2, 4))
    ]
    won: list[int] = []

    def take(session: SwipeSession, owner: str) -> None:
        lease = home.store.take_lease(session, owner=owner, at=at, until=at + timedelta(seconds=LEASE_S))
        if not isinstance(lease, LeaseRefusal):
            won.append(lease.fence)

    _together([partial(take, session, str(place)) for place, session in enumerate(sessions)])
    outcome.require(len(won) == 1, f"{where}: {len(won)} of {len(sessions)} took the lease")
    home.clock.sleep(LEASE_S + 1)
    home.run_to_rest()
    tell(outcome, where, home.check_promises)
    begun_twice(outcome, home, where)


def _overtake(outcome: Outcome, home: FaultInstall, rng: random.Random, where: str) -> None:
    """The lease ends before any one call of the session; another takes it, and may run to its end or not."""
    home.tick()
    slow, crashes = home.queued.pop(), Crashes()
    step, runs_on, anywhere = rng.randint(*STEPS), rng.random() < 0.5, rng.random() < 0.5
    acted: list[str] = []
    taken_at: list[int] = []

    def on_call(name: str) -> None:
        here = len(crashes.calls)
        looks = sum(each.endswith(LAST_LOOK) for each in crashes.calls)
        if not taken_at and (here == step if anywhere else looks == 2 + step % 4):
            taken_at.append(here)
            _take_over(home, runs_on=runs_on)
        # What was being sent when the lease ended cannot be held back any more.
        elif taken_at and name in ACTIONS:
            acted.append(name)

    crashes.on_call = on_call
    home.deliver(slow, crashes)
    outcome.require(not acted, f"{where}: {acted} after the lease was lost before call {taken_at}")
    tell(outcome, where, lambda: home.check_promises(at_rest=False))
    begun_twice(outcome, home, where)


def _take_over(home: FaultInstall, *, runs_on: bool) -> None:
    home.clock.sleep(601)
    later = SwipeSession(user_id=USER, due_at=home.clock.now())
    if runs_on:
        home.deliver(later)
        return
    until = home.clock.now() + timedelta(seconds=LEASE_S)
    home.store.take_lease(later, owner="later", at=home.clock.now(), until=until)


def _together(calls: list[Callable[[], None]]) -> None:
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        ready.wait()
        call()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    count, races = SIZES[world][0 if full else 1]
    return [partial(race, world, seed + number, races) for number in range(count)]


CASES = [Case("races", world, "races", partial(_pieces, world)) for world in SIZES]
