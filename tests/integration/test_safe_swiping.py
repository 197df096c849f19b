"""A session that dies or loses its lease acts no more; tests/faults has every crash point, race and switch."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.models import Answer, Label, SwipeSession
from swipr.sessions.session import LEASE_S
from tests.doubles import BACKBONE, Crashes
from tests.install import USER, Install


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
