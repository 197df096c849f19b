"""The process dies before and after every call of a tick, a delivery and a session; then all of it comes again."""

from dataclasses import replace
from functools import partial

from swipr.errors import SessionBusyError
from swipr.models import Label, SwipeSession
from swipr.sessions.planning import Parts
from swipr.sessions.session import run_session
from swipr.swiping import tick
from tests.doubles import BACKBONE, Crash, Crashes
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.witness import Witness, tell
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER

#: (seeds, pieces of a seed) at full size and in the tests.
SIZES = {"local": ((20, 1), (10, 1)), "aws": ((2, 4), (1, 4))}
#: Looks at the queue after a crash: the message comes again, may find the lease held, and is deleted.
LOOKS = 3
#: Kinds of calls that the enumeration must have met, or it is not of a whole session.
MET = {
    *("due_users", "claim_slot", "send_sessions", "receive", "delete"),
    *("take_lease", "begin_action", "finish_action", "put_match", "set_matches_read", "end_session"),
    *("put", "presign_get", "keyed_hash", "cards", "matches", "photo", "FakeJudge"),
}


class Flow:
    """A tick, the deliveries of its messages, and the sessions they start."""

    def __init__(self, home: FaultInstall) -> None:
        home.superlike_too()
        self.home = home
        self.witness = Witness(home.store)
        home.deck.on_swipe = self.correct

    def correct(self) -> None:
        """While a card is being swiped its user says something of another one."""
        number = len(self.witness.kept_labels)
        self.witness.put_label(
            Label(
                user_id=USER,
                card_id=f"fake:label-{number}",
                choice="like",
                labelled_at=self.home.clock.now(),
                backbone=BACKBONE,
                features=b"\0\0",
            )
        )

    def go(self, crashes: Crashes, *, tick_first: bool = True) -> bool:
        """Whether it came to its end."""
        try:
            queue, store = crashes.wrap(self.home.world.deliveries), crashes.wrap(self.witness)
            if tick_first:
                tick(store, queue, at=self.home.clock.now())
            for message in queue.receive():
                self.run(SwipeSession.model_validate_json(message.body), crashes)
                queue.delete(message.receipt)
        except (Crash, SessionBusyError):
            return False
        return True

    def run(self, session: SwipeSession, crashes: Crashes) -> None:
        run_session(session, self.parts(crashes), owner="test", time_left_s=lambda: 300.0)

    def parts(self, crashes: Crashes) -> Parts:
        parts = self.home.parts(crashes)
        return replace(parts, store=crashes.wrap(self.witness), secrets=crashes.wrap(self.home.secrets))

    def come_to_rest(self) -> bool:
        """Deliver what is left, then run one more slot; whether no message is left behind."""
        for look in range(2 * LOOKS):
            self.home.world.deliveries.wait()
            self.go(Crashes(), tick_first=look == LOOKS)
        return self.home.world.deliveries.waiting() == 0


def crash_everywhere(world: str, seed: int, part: int = 0, parts: int = 1) -> Outcome:
    """Every call of one seed's session, before and after it; or those of one part of it."""
    outcome = Outcome()
    with installs(world) as install:
        whole = Crashes()
        Flow(install(seed)).go(whole)
        missed = MET - {name.rpartition(".")[2] for name in whole.calls}
        outcome.require(not missed, f"seed {seed}: no {sorted(missed)} in it")
        for at in range(1 + part, len(whole.calls) + 1, parts):
            for after in (False, True):
                where = f"seed {seed}, {'after' if after else 'before'} call {at}, {whole.calls[at - 1]}"
                _crash_once(outcome, install(seed), Crashes(at, after=after), where)
    return outcome


def _crash_once(outcome: Outcome, home: FaultInstall, crashes: Crashes, where: str) -> None:
    flow = Flow(home)
    outcome.size += 1
    outcome.injected += 1
    outcome.require(not flow.go(crashes), f"{where}: it never came")
    tell(outcome, where, lambda: home.check_promises(at_rest=False))
    outcome.require(flow.come_to_rest(), f"{where}: messages are left")
    outcome.require(home.world.deliveries.dead() == [], f"{where}: a dead letter")
    tell(outcome, where, home.check_promises)
    tell(outcome, where, home.check_matches)
    flow.witness.check(outcome, home.store, home.clock.now(), where)
    home.world.close()


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    seeds, parts = SIZES[world][0 if full else 1]
    places = [(seed + number, part) for number in range(seeds) for part in range(parts)]
    return [partial(crash_everywhere, world, each, part, parts) for each, part in places]


CASES = [Case("crash", world, "crash points", partial(_pieces, world)) for world in SIZES]
