"""When a session does not ask the deck at all, or stops: quiet time, the day's swipes, the deck's word, late slots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from swipr.models import Answer, SwipeSession
from tests.doubles import Crash, card
from tests.install import USER, Install
from tests.looks import Make, look, sent, settings, swipes_of, user_of

NOON_TO_ONE = {"start": "12:00", "end": "13:00"}


def test_in_quiet_time_nothing_is_asked_of_the_deck(install: Make) -> None:
    world = sent(install, "like")
    settings(world, quiet_hours=NOON_TO_ONE)

    report = look(world)

    user = user_of(world)
    assert (report.outcome, world.deck.calls) == ("quiet", [])
    assert user.next_due_at == datetime(2026, 3, 1, 13, tzinfo=UTC)
    assert user.status is not None
    assert user.status.text == "Quiet time, as you chose; it goes on at 13:00 on Sunday, 2026-03-01 (UTC)."


def test_after_quiet_time_it_goes_on_by_itself(install: Make) -> None:
    world = sent(install, "like")
    settings(world, quiet_hours=NOON_TO_ONE)
    look(world)

    assert look(world, after_s=3600).liked == 1


def test_a_day_that_is_not_the_users_is_quiet(install: Make) -> None:
    world = sent(install, "like")
    settings(world, days=("mon", "wed"))

    assert look(world).outcome == "quiet"
    assert user_of(world).next_due_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_quiet_time_that_begins_during_a_session_stops_it_before_the_next_action(install: Make) -> None:
    world = sent(install, "like", "like", "like")
    settings(world, quiet_hours={"start": "12:11", "end": "13:00"}, pacing_s=30.0)

    report = look(world)  # at 12:10 and a second

    assert (report.outcome, swipes_of(world)) == ("quiet", ["like fake:0", "like fake:1"])


def test_quiet_time_chosen_during_a_session_stops_it_before_the_next_action(install: Make) -> None:
    world = sent(install, "like", "like", "like")
    world.on_sleep = lambda: settings(world, quiet_hours=NOON_TO_ONE)

    assert look(world).outcome == "quiet"
    assert swipes_of(world) == ["like fake:0"]
    assert user_of(world).next_due_at == datetime(2026, 3, 1, 13, tzinfo=UTC)


def test_a_deck_without_likes_that_names_no_time_is_asked_at_the_next_look(install: Make) -> None:
    world = sent(install, "like", "pass")
    world.deck.answers = lambda choice, card: Answer(state="failed", spent="likes", detail="out of likes")

    assert (look(world).outcome, swipes_of(world)) == ("deck_waits", ["like fake:0"])
    user = user_of(world)
    assert user.status is not None
    assert user.status.text == "The deck allows no more likes now, it is asked at the next look: out of likes"
    assert user.deck_wait_until is None


def test_the_days_swipes_end_it_until_tomorrow(install: Make) -> None:
    world = sent(install, "like", "pass", "pass", "like")
    settings(world, swipes_per_day=3, swipes_per_session=12)

    report = look(world)

    user = user_of(world)
    assert (report.outcome, swipes_of(world)) == ("budget_spent", ["like fake:0", "pass fake:1", "pass fake:2"])
    assert user.next_due_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert user.status is not None
    assert user.status.text == "Today's 3 swipes are used. It goes on tomorrow."
    world.deck.calls.clear()
    world.switch(True)
    assert (look(world).outcome, world.deck.calls) == ("budget_spent", [])
    assert look(world, after_s=12 * 3600).liked == 1


def test_a_swipe_that_the_deck_had_no_more_of_gives_the_days_swipe_back(install: Make) -> None:
    world = sent(install, "like", "like")
    settings(world, swipes_per_day=1)
    world.deck.answers = lambda choice, card: Answer(state="failed", spent="likes", detail="out of likes")
    look(world)
    world.deck.answers = lambda choice, card: Answer(state="sent")

    assert look(world).outcome == "budget_spent"
    assert world.deck.swipes() == 1


def test_a_swipe_that_the_deck_would_not_take_is_one_of_the_days_swipes(install: Make) -> None:
    world = sent(install, "pass", "pass")
    settings(world, swipes_per_day=1)
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="answered 404")

    assert look(world).outcome == "budget_spent"
    assert swipes_of(world) == ["pass fake:0"]


def test_a_slot_queued_before_the_deck_said_wait_asks_nothing(install: Make) -> None:
    world = sent(install, "like", "like")
    until = world.clock.now() + timedelta(hours=12)
    world.tick()
    first = world.queued.pop()
    woken = SwipeSession(user_id=USER, due_at=world.clock.now() + timedelta(seconds=1))
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="too fast", wait_until=until)
    world.run(first)
    world.deck.calls.clear()

    report = world.run(woken)

    assert report is not None
    assert (report.outcome, world.deck.calls) == ("deck_waits", [])
    assert user_of(world).next_due_at == until


# --- slots that come up while a slow session runs ----------------------------------------------------------


def slow(world: Install, takes_s: float) -> None:
    """Each session takes so long at the deck; ticks go on meanwhile."""
    offer, asked = world.deck.cards, []

    def cards() -> object:
        for _ in range(round(takes_s / 60)):
            world.clock.sleep(60)
            world.tick()
        asked.append(world.clock.now())
        return offer()

    world.deck.cards = cards  # type: ignore[method-assign, assignment]


def test_sessions_slower_than_their_interval_do_not_follow_at_once(install: Make) -> None:
    world = sent(install, *["pass"] * 9)
    slow(world, 1500)
    world.tick()
    begun = []
    for _ in range(200):  # one message after the other, as one worker takes them
        if world.queued:
            at = world.clock.now()
            if world.deliver(world.queued.pop(0)) and world.clock.now() - at > timedelta(seconds=60):
                begun.append(at)
        else:
            world.clock.sleep(30)
            world.tick()

    assert len(begun) > 3
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) >= timedelta(seconds=1500 + 60), "something lies between the end of one and the next"
    assert max(gaps) <= timedelta(seconds=1500 + 2 * 600), "and the next slot is not left out"


def test_slots_that_waited_in_the_queue_together_are_one_session(install: Make) -> None:
    world = sent(install, *["pass"] * 9)
    for _ in range(4):
        world.tick()
        world.clock.sleep(601)
    waited = list(world.queued)

    reports = [world.run(session) for session in waited]

    assert [report is not None for report in reports] == [True, False, False, False]
    assert look(world).passed == 4, "nothing but the time was lost"


def test_a_tick_rarer_than_the_interval_starves_nobody(install: Make) -> None:
    world = sent(install, *["pass"] * 12)
    settings(world, session_every_s=5)

    assert [look(world, after_s=60).passed for _ in range(3)] == [4, 4, 4]


def test_a_user_woken_during_a_session_is_looked_at_after_it(install: Make) -> None:
    world = sent(install, "pass", "pass", "pass", "pass", "pass")
    world.tick()
    first = world.queued.pop()

    def wake_and_tick() -> None:
        world.deck.on_swipe = lambda: None
        world.store.wake(USER, at=world.clock.now())
        world.tick()

    world.deck.on_swipe = wake_and_tick
    world.run(first)

    assert [world.run(session) is not None for session in world.queued] == [True]
    assert world.deck.swipes() == 5


def test_a_late_slot_of_somebody_switched_off_still_settles_what_was_in_flight(install: Make) -> None:
    world = sent(install, "like")

    def die() -> None:
        raise Crash

    world.deck.on_swipe = die
    world.tick()
    assert not world.deliver(world.queued.pop())
    world.clock.sleep(601)
    world.tick()
    world.clock.sleep(3600)
    world.switch(False)

    report = world.run(world.queued.pop())

    assert report is not None
    assert (report.outcome, report.unknown, user_of(world).in_flight) == ("off", 1, None)


@pytest.mark.parametrize("late_s", [0, 599, 7200])
def test_the_first_session_runs_however_late_it_comes(install: Make, late_s: float) -> None:
    world = sent(install, "like")
    world.tick()
    world.clock.sleep(late_s)

    assert world.run(world.queued.pop()) is not None
    assert world.deck.likes == {"fake:0": 1}


def test_a_session_that_died_goes_on_when_it_comes_again_late(install: Make) -> None:
    world = sent(install, *["like"] * 3)
    look(world)
    world.deck.left = [card(number, "like") for number in range(10, 13)]
    world.clock.sleep(601)
    world.tick()
    session = world.queued.pop()
    until = world.clock.now() + timedelta(seconds=240)
    world.store.take_lease(session, owner="died", at=world.clock.now(), until=until)
    world.clock.sleep(1800)

    assert world.run(session) is not None
    assert world.deck.swipes() == 6
