"""The switch is turned off at every step of a session: nothing begins after it."""

from functools import partial

from swipr.models import SwipeSession
from tests.doubles import Crashes
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.races import ACTIONS
from tests.faults.witness import tell
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER

#: Seeds at full size and in the tests.
SEEDS = {"local": (20, 10), "aws": (1, 0)}


def switch_everywhere(world: str, seed: int) -> Outcome:
    outcome, whole = Outcome(), Crashes()
    with installs(world) as install:
        home, session = _ready(install(seed))
        home.run(session, whole)
        for step in range(1, len(whole.calls) + 1):
            where = f"seed {seed}, step {step}, {whole.calls[step - 1]}"
            _switch_at(outcome, *_ready(install(seed)), step, where)
            outcome.size += 1
            outcome.injected += 1
    return outcome


def _ready(home: FaultInstall) -> tuple[FaultInstall, SwipeSession]:
    """With a session to run."""
    home.superlike_too()
    home.tick()
    return home, home.queued.pop()


def _switch_at(outcome: Outcome, home: FaultInstall, session: SwipeSession, step: int, where: str) -> None:
    """Off just before the session's call of this number; counted are the deck's calls that follow."""
    crashes, in_flight, begun = Crashes(), [False], [0]

    def flip(name: str) -> None:
        if len(crashes.calls) == step:
            home.switch(False)
            user = home.store.user(USER)
            # Its own call to the deck may be the very one of this step: then no other follows.
            in_flight[0] = user is not None and user.in_flight is not None and name not in ACTIONS
        elif len(crashes.calls) > step and name in ACTIONS:
            begun[0] += 1

    crashes.on_call = flip
    home.deliver(session, crashes)
    outcome.require(len(crashes.calls) >= step, f"{where}: it never came")
    # What is in flight when the switch is turned is what it says `stopping` for.
    allowed = 1 if in_flight[0] else 0
    outcome.require(begun[0] <= allowed, f"{where}: {begun[0]} swipes after off, {allowed} in flight")
    home.clock.sleep(601)
    home.tick()
    outcome.require(home.queued == [], f"{where}: a session was queued while off")
    tell(outcome, where, home.check_promises)
    home.world.close()


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    count = SEEDS[world][0 if full else 1]
    return [partial(switch_everywhere, world, seed + number) for number in range(count)]


CASES = [Case("switch", world, "steps", partial(_pieces, world)) for world in SEEDS]
