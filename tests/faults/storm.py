"""A storm: one call in ten goes wrong, at the deck, the judge and the adapters; then it is calm, and counted."""

import random
from collections.abc import Callable, Sequence
from functools import partial

from swipr.errors import ModelError
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.models import Label, Status, SwipeSession, User, UserSettings
from swipr.sessions.planning import Parts
from swipr.sessions.session import run_session
from swipr.swiping import tick
from tests.doubles import BACKBONE, Clock, FakeJudge, model
from tests.faults.decks import LoggedDeck, check_log
from tests.faults.dice import Dice
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.witness import Witness
from tests.faults.worlds import TRIES, World, worlds

SHARE = 0.1
EVERY_S = 3600
CARDS = 120
#: (users, sessions) at full size and in the tests.
SIZES = {"local": ((50, 2000), (10, 150)), "aws": ((10, 200), (4, 16))}


class Outbox:
    """Stands before the queue and notes the sessions that it took."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.taken: list[str] = []

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        left = self._world.deliveries.send_sessions(sessions)
        self.taken += [each.model_dump_json() for each in sessions if each not in left]
        return left


class Storm:
    def __init__(self, world: World, clock: Clock, dice: Dice, seed: int, users: int) -> None:
        self.world, self.clock, self.dice = world, clock, dice
        self.random = random.Random(f"storm {seed}")
        self.witness, self.outbox = Witness(world.store), Outbox(world)
        self.judge = FakeJudge(lambda url, first, last: world.blobs.get_range(world.range_of(url, first, last)))
        self.decks: dict[str, LoggedDeck] = {}
        self.settings: dict[str, UserSettings] = {}
        self.off: set[str] = set()
        self.done: list[str] = []
        self.outcome = Outcome()
        for number in range(users):
            self.add(f"user{number:02}", (3, 12, 60)[number % 3])
        dice.on = True

    def add(self, user_id: str, likes: int) -> None:
        chosen = UserSettings(likes_per_day=likes, swipes_per_session=4, pacing_s=0.5, session_every_s=EVERY_S)
        self.settings[user_id] = chosen
        self.decks[user_id] = LoggedDeck(user_id, CARDS, self.clock, self.dice)
        store = self.world.store
        store.create_user(User(user_id=user_id, deck="fake", settings=chosen))
        store.put_model(model(user_id))
        store.set_champion(user_id, 1, expected=None)
        store.set_acting(user_id, acting_on="fake")
        self.switch(user_id, True)

    def switch(self, user_id: str, enabled: bool) -> None:
        """`off` are those who were told that they are: what was not heard of may have happened."""
        status = Status(code="ready", text="-", at=self.clock.now())
        self.off.discard(user_id)
        self.world.store.switch(user_id, enabled=enabled, at=self.clock.now(), status=status)
        if not enabled:
            self.off.add(user_id)

    # --- one slot

    def slot(self) -> None:
        self.clock.sleep(self.random.uniform(0.3, 1.1) * EVERY_S)
        self.attempt(lambda: tick(self.witness, self.outbox, at=self.clock.now()))
        self.attempt(self.live)
        self.deliver_all()
        self.attempt(self.world.deliveries.wait)

    def attempt(self, call: Callable[[], object]) -> bool:
        """Whether it went well; what fails is what AWS or the machine would log."""
        try:
            call()
        except (OSError, ModelError):
            return False
        return True

    def live(self) -> None:
        """Users label, and turn the switch."""
        for user_id in self.decks:
            self.attempt(partial(self.witness.put_label, self.label(user_id)))
            if self.random.random() < 0.5:
                self.attempt(partial(self.switch, user_id, self.random.random() < 0.85))

    def label(self, user_id: str) -> Label:
        number = self.random.randrange(2 * CARDS)
        return Label(
            user_id=user_id,
            card_id=f"fake:{user_id}:{number}",
            choice="like" if number % 2 else "pass",
            labelled_at=self.clock.now(),
            backbone=BACKBONE,
            features=b"\0\0",
        )

    def deliver_all(self) -> None:
        try:
            while messages := self.world.deliveries.receive():
                for message in messages:
                    if self.attempt(partial(self.run, message.body)):
                        self.done.append(message.body)
                        self.attempt(partial(self.world.deliveries.delete, message.receipt))
        except OSError:
            return

    def run(self, body: str) -> None:
        session = SwipeSession.model_validate_json(body)
        deck = self.decks[session.user_id]
        deck.session, before = session.session_id, len(deck.log)
        try:
            run_session(session, self.parts(deck), owner="storm", time_left_s=lambda: 300.0)
        finally:
            acted = session.user_id not in self.off or len(deck.log) == before
            self.outcome.require(acted, f"{session.user_id} was off, and its deck was swiped")

    def parts(self, deck: LoggedDeck) -> Parts:
        world = self.world
        return Parts(
            store=self.witness,
            blobs=world.blobs,
            secrets=world.secrets,
            judge=self.judged,
            deck_of=lambda user: deck,
            now=self.clock.now,
            sleep=self.clock.sleep,
            decision_days=365,  # a decision that has expired is not one that was lost
        )

    def judged(self, request: JudgeRequest) -> JudgeAnswer:
        if self.dice.draw(("out of memory", "throttled")):
            raise ModelError("the judge failed")
        return self.judge(request)

    # --- after it

    def calm_down(self) -> None:
        """Everything works again, everybody is on."""
        self.dice.on = False
        for user_id in self.decks:
            self.switch(user_id, True)
        for _ in range(TRIES + 2):
            self.slot()
            for user_id in self.off.copy():
                self.switch(user_id, True)
        while self.world.deliveries.waiting():
            self.world.deliveries.wait()
            self.deliver_all()

    def check(self, where: str) -> None:
        outcome, world = self.outcome, self.world
        settled = {*self.done, *world.deliveries.dead()}
        for body in self.outbox.taken:
            outcome.require(body in settled, f"{where}: neither done nor a dead letter: {body}")
        for user_id, deck in self.decks.items():
            check_log(deck, self.settings[user_id], outcome, where)
            user = world.store.user(user_id)
            at_rest = user is not None and user.in_flight is None and user.lease is None
            outcome.require(at_rest, f"{where}: {user_id} is not at rest")
        self.witness.check(outcome, world.store, self.clock.now(), where)
        outcome.size, outcome.injected = len(self.outbox.taken), self.dice.thrown


def storm(world: str, seed: int, users: int, sessions: int) -> Outcome:
    dice, clock = Dice(f"storm {world} {seed}", SHARE), Clock()
    dice.on = False  # until the storm begins
    with worlds(world, dice) as make:
        run = Storm(make(clock), clock, dice, seed, users)
        while len(run.outbox.taken) < sessions:
            run.slot()
        run.calm_down()
        run.check(f"seed {seed}")
    swiped = sum(len(deck.log) for deck in run.decks.values())
    run.outcome.require(swiped > users, f"seed {seed}: only {swiped} swipes were made")
    return run.outcome


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    users, sessions = SIZES[world][0 if full else 1]
    return [partial(storm, world, seed, users, sessions)]


CASES = [Case("storm", world, "sessions", partial(_pieces, world)) for world in SIZES]
