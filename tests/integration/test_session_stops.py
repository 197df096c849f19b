"""What the deck says of itself, or the user says meanwhile, holds: also when the store fails or the process dies."""

from datetime import timedelta

import pytest

from swipr.models import Answer
from swipr.sessions.acting import ACTION_S
from swipr.sessions.session import END_TRIES, LEASE_S, run_session
from tests.doubles import Crashes
from tests.install import USER, Install
from tests.looks import Make, answer, decision_of, look, sent, settings, state_of, swipes_of, user_of

SUPERLIKED = ({"when": "score_above", "score": 0.5},)


def failing(world: Install, operation: str, times: int) -> None:
    """The store's operation fails so often before it works again."""
    works, left = getattr(world.store, operation), [times]

    def fail(*args: object, **kwargs: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OSError("the disk is full")
        return works(*args, **kwargs)

    setattr(world.store, operation, fail)


def stopping(world: Install, kind: str) -> None:
    until = world.clock.now() + timedelta(hours=12)
    stop = {"refused": "banned"} if kind == "refused" else {"wait_until": until}
    if kind == "likes":
        stop["spent"] = "likes"
    world.deck.answers = lambda choice, card: Answer.model_validate({"state": "failed", "detail": "no"} | stop)


def is_stopped(world: Install, kind: str) -> bool:
    user = user_of(world)
    if kind == "refused":
        (event, *_) = user.switch_history
        return not user.enabled and (event.by, event.reason) == ("swipr", "banned")
    return user.deck_wait_until is not None and user.deck_wait_until > world.clock.now()


# --- the store fails, the process dies -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["refused", "wait", "likes"])
@pytest.mark.parametrize("times", range(1, END_TRIES))
def test_a_stop_outlives_a_store_that_fails_for_a_moment(install: Make, kind: str, times: int) -> None:
    world = sent(install, "like", "like")
    stopping(world, kind)
    failing(world, "end_session", times)

    report = look(world)

    assert report.outcome == ("refused" if kind == "refused" else "deck_waits")
    assert is_stopped(world, kind)
    assert len(swipes_of(world)) == 1


def test_an_end_that_cannot_be_stored_is_an_error_and_no_other_end(install: Make) -> None:
    world = sent(install, "like")
    stopping(world, "refused")
    failing(world, "end_session", END_TRIES)

    with pytest.raises(OSError, match="disk is full"):
        look(world)

    assert user_of(world).recent_sessions == ()


@pytest.mark.parametrize("kind", ["refused", "wait", "likes"])
def test_a_stop_whose_action_could_not_be_settled_is_not_forgotten(install: Make, kind: str) -> None:
    world = sent(install, "like", "like")
    stopping(world, kind)
    failing(world, "finish_action", 1)

    with pytest.raises(OSError, match="disk is full"):
        look(world)

    assert is_stopped(world, kind)


@pytest.mark.parametrize("kind", ["refused", "wait", "likes"])
def test_a_process_that_dies_after_the_decks_stop_has_told_it(install: Make, kind: str) -> None:
    world = sent(install, "like", "like")
    stopping(world, kind)
    world.tick()
    session = world.queued.pop()
    dies = Crashes()
    dies.on_call = lambda name: setattr(dies, "at", len(dies.calls) + 1) if name.endswith("finish_action") else None

    assert not world.deliver(session, dies)

    assert is_stopped(world, kind)
    world.clock.sleep(LEASE_S + 1)
    world.deck.calls.clear()
    assert world.deliver(session)
    assert world.deck.calls == []
    assert is_stopped(world, kind)


# --- the user says something meanwhile --------------------------------------------------------------------------


def test_an_answer_given_during_a_session_wins(install: Make) -> None:
    world = sent(install, "like", "like", "pass", "unsure")

    def say() -> None:
        for card_id, choice in (("fake:1", "pass"), ("fake:2", "like"), ("fake:3", "like")):
            answer(world, card_id, choice)

    world.deck.on_swipe = say

    look(world)

    assert swipes_of(world) == ["like fake:0", "pass fake:1", "like fake:2", "like fake:3"]
    assert decision_of(world, "fake:1").reason == "your own answer"
    assert user_of(world).held == ()


def test_filters_chosen_during_a_session_hold_for_the_next_card(install: Make) -> None:
    world = sent(install, "like", "like")
    world.on_sleep = lambda: settings(world, filters={"bio_required": True})

    look(world)

    assert swipes_of(world) == ["like fake:0", "pass fake:1"]
    assert decision_of(world, "fake:1").reason == "filtered: there is no bio"


def test_filters_given_up_during_a_session_pass_nobody(install: Make) -> None:
    world = sent(install, "like", "like")
    settings(world, filters={"bio_required": True})
    world.on_sleep = lambda: settings(world, filters={})

    look(world)

    assert swipes_of(world) == ["pass fake:0"]
    look(world)
    assert swipes_of(world)[1:] == ["like fake:1"]


def test_super_likes_given_up_during_a_session_are_sent_no_more(install: Make) -> None:
    world = sent(install, "like", "like")
    settings(world, superlikes=SUPERLIKED, superlikes_per_day=9)
    world.on_sleep = lambda: settings(world, superlikes=())

    look(world)

    assert swipes_of(world) == ["superlike fake:0", "like fake:1"]


# --- cards that the deck does not take ----------------------------------------------------------------------------


def test_a_card_that_the_deck_would_not_take_three_times_is_left_alone(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="answered 404")

    outcomes = [look(world).outcome for _ in range(5)]

    assert outcomes == ["done", "done", "done", "nothing_new", "nothing_new"]
    assert swipes_of(world) == ["like fake:0"] * 3
    user, decision = user_of(world), decision_of(world, "fake:0")
    assert (user.likes_today, user.swipes_today, decision.tries) == (0, 3, 3)
    assert decision.detail == "answered 404; the deck would not take it three times, it is left alone"


def test_what_the_deck_has_no_more_of_is_no_try_of_the_card(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="out of likes", spent="likes")
    for _ in range(4):
        look(world)
    assert (user_of(world).swipes_today, decision_of(world, "fake:0").tries) == (0, 0)
    world.deck.answers = lambda choice, card: Answer(state="sent")

    look(world)

    assert state_of(world, "fake:0") == "sent"


# --- the function's time --------------------------------------------------------------------------------------------


def test_a_pause_longer_than_the_time_left_is_not_begun(install: Make) -> None:
    world = sent(install, "like", "like")
    settings(world, pacing_s=30.0)
    world.tick()
    slept: list[int] = []
    world.on_sleep = lambda: slept.append(1)

    report = run_session(world.queued.pop(), world.parts(), owner="test", time_left_s=lambda: ACTION_S + 29)

    assert report is not None
    assert (report.outcome, swipes_of(world), slept) == ("done", ["like fake:0"], [])
    assert world.store.user(USER).lease is None  # type: ignore[union-attr]
