"""Never twice, never over budget, never when off: a session that dies, comes twice, races and is switched off."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.models import Answer, Label, SwipeSession
from swipr.sessions.session import LEASE_S
from tests.doubles import BACKBONE, Crashes
from tests.install import SWIPES, USER, Install

SEEDS = range(20)
ACTIONS = ("FakeDeck.like", "FakeDeck.superlike", "FakeDeck.pass_")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_may_die_before_or_after_every_call(install: Callable[..., Install], seed: int) -> None:
    whole = Crashes()
    first = install(seed)
    first.superlike_too()
    first.tick()
    first.run(first.queued.pop(), whole)
    first.check_promises(at_rest=False)
    assert len(whole.calls) > 10
    assert {"SqliteStore.put_match", "SqliteStore.set_matches_read", "SqliteStore.begin_action"} <= set(whole.calls)

    for at in range(1, len(whole.calls) + 1):
        for after in (False, True):
            world = install(seed)
            world.superlike_too()
            world.tick()
            session = world.queued.pop()
            assert not world.deliver(session, Crashes(at, after=after)), f"call {at} never came"
            world.check_promises(at_rest=False)
            world.clock.sleep(LEASE_S + 1)
            assert world.deliver(session)
            assert world.deliver(session), "an ended session delivered again is done at once"
            world.clock.sleep(3601)
            world.tick()
            assert all(world.deliver(later) for later in world.queued)
            world.check_promises()
            world.check_matches()
            world.database.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_crashed_install_swipes_its_deck_to_rest(install: Callable[..., Install], seed: int) -> None:
    world = install(seed, cards=12, budget=4)
    world.superlike_too()
    world.set(swipes_per_day=9)
    rng = random.Random(seed)
    for _ in range(10):
        world.tick()
        while world.queued:
            session = world.queued.pop(0)
            if not world.deliver(session, Crashes(rng.randrange(1, 60), after=rng.random() < 0.5)):
                world.clock.sleep(LEASE_S + 1)
                world.deliver(session)
        world.clock.sleep(601)
    world.run_to_rest()

    world.check_promises()
    world.check_matches()


def test_500_deliveries_doubled_shuffled_and_at_once(install: Callable[..., Install]) -> None:
    delivered = 0
    for seed in range(10):
        world, rng = install(seed, cards=20, budget=5), random.Random(seed)
        sessions: list[SwipeSession] = []
        world.superlike_too()
        world.set(swipes_per_day=15)
        for _ in range(10):
            world.store.wake(USER, at=world.clock.now())
            world.tick()
            world.clock.sleep(50)
        sessions = [each for each in world.queued for _ in range(rng.randint(1, 5))]
        sessions += rng.choices(world.queued, k=max(0, 50 - len(sessions)))
        rng.shuffle(sessions)
        while sessions:
            at_once = [sessions.pop() for _ in range(min(len(sessions), rng.randint(1, 3)))]
            threads = [threading.Thread(target=world.deliver, args=(session,)) for session in at_once]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            delivered += len(at_once)
        world.queued.clear()
        world.run_to_rest()
        world.check_promises()
        user = world.store.user(USER)
        assert user is not None
        assert all(report.liked + report.passed + report.filtered <= SWIPES for report in user.recent_sessions)
        world.check_matches()
    assert delivered >= 500


def test_100_lease_races_have_one_winner(install: Callable[..., Install]) -> None:
    world = install(1, cards=0)
    for race in range(100):
        sessions = [SwipeSession(user_id=USER, due_at=world.clock.now() + timedelta(seconds=i % 2)) for i in range(4)]
        at, until = world.clock.now(), world.clock.now() + timedelta(seconds=LEASE_S)
        won = []

        def take(session: SwipeSession, at=at, until=until, won=won) -> None:
            lease = world.store.take_lease(session, owner=str(session), at=at, until=until)
            if not isinstance(lease, str):
                won.append(lease.fence)

        threads = [threading.Thread(target=take, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(won) == 1, f"race {race}"
        world.clock.sleep(LEASE_S + 1)


def test_an_owner_overtaken_while_the_deck_answers_acts_no_more(install: Callable[..., Install]) -> None:
    world = install(4, cards=12, budget=12)
    world.deck.answers = lambda choice, card: Answer(state="sent")
    world.tick()
    slow = world.queued.pop()
    swiped: list[int] = []

    def overtake() -> None:
        """The slow owner's lease ends, and the next session runs."""
        if not swiped:
            swiped.append(0)
            world.clock.sleep(601)
            world.tick()
            world.run(world.queued.pop())
            swiped.append(world.deck.swipes())

    world.deck.on_swipe = overtake
    world.run(slow)

    assert len(swiped) == 2
    assert world.deck.swipes() == swiped[1] + 1, "only the call that was under way arrives"
    world.check_promises()


def test_an_owner_overtaken_between_two_swipes_acts_no_more(install: Callable[..., Install]) -> None:
    world = install(4, cards=12, budget=12)
    world.deck.answers = lambda choice, card: Answer(state="sent")
    world.tick()
    slow = world.queued.pop()

    def overtake() -> None:
        """The slow owner's lease ends, and another takes it without acting yet."""
        world.clock.sleep(601)
        later = SwipeSession(user_id=USER, due_at=world.clock.now())
        until = world.clock.now() + timedelta(seconds=LEASE_S)
        world.store.take_lease(later, owner="later", at=world.clock.now(), until=until)

    world.on_sleep = overtake
    world.run(slow)

    assert world.deck.swipes() == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_begins_after_the_switch_was_thrown_at_any_step(install: Callable[..., Install], seed: int) -> None:
    whole = Crashes()
    first = install(seed)
    first.superlike_too()
    first.tick()
    first.run(first.queued.pop(), whole)

    for step in range(1, len(whole.calls) + 1):
        world, crashes, begun_after = install(seed), Crashes(), []

        def flip(name: str, world=world, crashes=crashes, begun_after=begun_after, step=step) -> None:
            if len(crashes.calls) == step:
                world.switch(False)
                flight = world.store.user(USER).in_flight
                begun_after.append(flight.card_id if flight else None)
            elif len(crashes.calls) > step and name in ACTIONS:
                begun_after.append(name)

        world.superlike_too()
        world.tick()
        session = world.queued.pop()
        crashes.on_call = flip
        world.deliver(session, crashes)

        in_flight, swipes = begun_after[0], begun_after[1:]
        assert len(swipes) <= (1 if in_flight else 0), f"seed {seed}, step {step}: {swipes}"
        world.clock.sleep(601)
        world.tick()
        assert world.queued == []
        world.check_promises()
        world.database.close()


def test_a_label_given_during_a_session_is_kept(install: Callable[..., Install]) -> None:
    world = install(2)
    label = Label(
        user_id=USER,
        card_id="fake:0",
        choice="pass",
        labelled_at=world.clock.now(),
        backbone=BACKBONE,
        features=b"\0\0",
    )
    world.deck.on_swipe = lambda: world.store.put_label(label)
    world.tick()
    world.run(world.queued.pop())

    assert world.store.label(USER, "fake:0") == label
