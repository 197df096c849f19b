"""What every Store means: an action begins once, within its limits, and is settled once."""

from datetime import timedelta

import pytest

from swipr.models import REOPENABLE, InFlight, Status, SwitchEvent, UserSettings
from swipr.ports import Begun
from tests.contract.acting import act, begin, everything, finish, refused
from tests.contract.values import (
    NOW,
    TODAY,
    a_decision,
    a_report,
    a_session,
    a_status,
    a_user,
    action,
    later,
    lease_of,
)

KEY = "key of tinder:1"
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def ready(store):
    """A store whose user ann acts under a lease with fence 1."""
    store.create_user(a_user())
    lease_of(store)
    return store


# begin


def test_an_action_that_begins_is_counted_in_flight_and_pending(ready):
    before = ready.user("ann")

    assert begin(ready, lease_until=later(90)) is Begun.YES

    user, [decision], acted = everything(ready)
    counted = {"likes_today": 1, "swipes_today": 1, "session_swipes": 1, "budget_day": TODAY, "budget_zone": "UTC"}
    in_flight = InFlight(card_id="tinder:1", action="like", fence=1, begun_at=NOW)
    lease = before.lease.model_copy(update={"until": later(90)})
    assert user == before.model_copy(update=counted | {"in_flight": in_flight, "lease": lease})
    assert decision == a_decision(state="pending", action="like")
    assert acted == {KEY: "pending"}


def test_a_lease_is_never_shortened(ready):
    begin(ready, lease_until=later(5))

    assert ready.user("ann").lease.until == later(60)


def test_a_pass_counts_as_swipe_and_not_as_like(ready):
    begin(ready, action="pass")

    user = ready.user("ann")
    assert (user.likes_today, user.session_swipes, user.in_flight.action) == (0, 1, "pass")


def test_a_held_card_that_is_acted_on_is_held_no_more(ready):
    for card_id in ("tinder:1", "tinder:2", "tinder:3"):
        ready.record_decision(a_decision(card_id, state="unsure", verdict="unsure"), fence=1)

    begin(ready, "tinder:2")

    assert ready.user("ann").held == ("tinder:1", "tinder:3")


@pytest.mark.parametrize("state", ["dry_run", "unsure"])
def test_a_recorded_decision_that_is_reopenable_may_begin(ready, state):
    ready.record_decision(a_decision(state=state, reason="old"), fence=1)

    assert begin(ready) is Begun.YES
    assert ready.decision("ann", "tinder:1", at=NOW) == a_decision(state="pending", action="like")


def test_a_failed_action_may_begin_again(ready):
    act(ready, "tinder:1", state="failed")

    assert begin(ready) is Begun.YES
    assert everything(ready)[1:] == ([a_decision(state="pending", action="like")], {KEY: "pending"})


# each refusal changes nothing


def test_nothing_begins_when_off(ready):
    ready.switch("ann", enabled=False, at=NOW, status=a_status())

    assert refused(ready) is Begun.OFF


def test_nothing_begins_for_an_unknown_user(store):
    assert begin(store) is Begun.OFF
    assert everything(store) == (None, [None], {})


@pytest.mark.parametrize("acting_on", [None, "folder"])
def test_nothing_begins_in_a_dry_run(ready, acting_on):
    ready.set_acting("ann", acting_on=acting_on)

    assert refused(ready) is Begun.NOT_ACTING


def test_nothing_begins_on_another_deck_than_allowed(ready):
    assert refused(ready, deck="folder") is Begun.NOT_ACTING


def test_nothing_begins_on_a_deck_that_was_replaced(ready):
    ready.connect_deck("ann", deck="folder", sealed_token=None, at=NOW)
    ready.set_acting("ann", acting_on="tinder")

    assert refused(ready) is Begun.NOT_ACTING
    assert refused(ready, deck="folder") is Begun.NOT_ACTING


@pytest.mark.parametrize("change", [{"fence": 0}, {"fence": 2}, {"session_id": "other"}])
def test_nothing_begins_under_another_lease(ready, change):
    assert refused(ready, **change) is Begun.LEASE_LOST


@pytest.mark.parametrize("at", [later(60), later(61)])
def test_nothing_begins_after_the_lease(ready, at):
    assert refused(ready, at=at, lease_until=later(600)) is Begun.LEASE_LOST


def test_the_last_moment_of_a_lease_is_in_time(ready):
    assert begin(ready, at=later(59.999999)) is Begun.YES


def test_nothing_begins_after_the_session_ended(ready):
    ready.end_session("ann", fence=1, report=a_report(), status=a_status())

    assert refused(ready) is Begun.LEASE_LOST


def test_nothing_begins_under_a_lease_that_was_taken_over(ready):
    ready.take_lease(a_session(), owner="other", at=later(60), until=later(120))

    assert refused(ready, at=later(61)) is Begun.LEASE_LOST
    assert begin(ready, fence=2, at=later(61)) is Begun.YES


def test_nothing_begins_while_another_action_is_in_flight(ready):
    begin(ready)

    assert refused(ready, "tinder:2") is Begun.IN_FLIGHT
    assert refused(ready, "tinder:1") is Begun.IN_FLIGHT


def test_an_action_in_flight_outlives_its_lease(ready):
    begin(ready)
    ready.take_lease(a_session(), owner="other", at=later(60), until=later(120))

    assert refused(ready, "tinder:2", fence=2, at=later(61)) is Begun.IN_FLIGHT


def test_no_like_begins_beyond_the_day_s_budget(ready):
    for number in range(3):
        act(ready, f"tinder:{number}")

    assert refused(ready, "tinder:9") is Begun.BUDGET_SPENT
    assert begin(ready, "tinder:9", action="pass") is Begun.YES


def test_a_budget_of_none_lets_no_like_begin(store):
    store.create_user(a_user(settings=UserSettings(likes_per_day=0)))
    lease_of(store)

    assert refused(store) is Begun.BUDGET_SPENT


def test_no_swipe_begins_beyond_the_session_s_limit(ready):
    for number in range(5):
        act(ready, f"tinder:{number}", action="pass")

    assert refused(ready, "tinder:9", action="pass") is Begun.SESSION_FULL
    assert refused(ready, "tinder:9") is Begun.SESSION_FULL


@pytest.mark.parametrize("state", ["sent", "unknown"])
def test_a_card_acted_on_is_never_acted_on_again(ready, state):
    act(ready, "tinder:1", state=state)

    assert refused(ready) is Begun.ACTED
    assert refused(ready, action="pass") is Begun.ACTED


def test_a_card_acted_on_is_remembered_after_its_decision_expired(ready, expire):
    act(ready, "tinder:1")
    expire(later(86_402))
    assert ready.decision("ann", "tinder:1", at=NOW) is None

    assert refused(ready) is Begun.ACTED


def test_either_memory_of_a_card_is_enough(ready):
    act(ready, "tinder:1")

    assert refused(ready, acted_key="another key") is Begun.ACTED
    assert refused(ready, "tinder:2", acted_key=KEY) is Begun.ACTED


def test_users_act_on_the_same_card_each_for_themselves(ready):
    ready.create_user(a_user("bob"))
    lease_of(ready, "bob")
    act(ready, "tinder:1")

    decision = a_decision("tinder:1", user_id="bob")

    assert ready.begin_action(**action("tinder:1", decision=decision)) is Begun.YES
    assert ready.user("ann").in_flight is None
    assert ready.user("bob").likes_today == 1


# settle


@pytest.mark.parametrize(("state", "likes"), [("sent", 1), ("unknown", 1), ("failed", 0)])
def test_a_settled_like_frees_the_user_and_failed_ones_give_back(ready, state, likes):
    begin(ready)
    before = ready.user("ann")

    assert finish(ready, state=state, detail="503", match_id="m") is True

    user, [decision], acted = everything(ready)
    assert user == before.model_copy(update={"in_flight": None, "likes_today": likes, "swipes_today": likes})
    sent = "like" if likes else None  # what failed was not sent
    assert decision == a_decision(state=state, action=sent, detail="503", match_id="m", acted_at=later(1))
    assert acted == {KEY: state}


def test_a_failed_pass_gives_no_like_back(ready):
    act(ready, "tinder:1")
    act(ready, "tinder:2", state="failed", action="pass")

    user = ready.user("ann")
    assert (user.likes_today, user.session_swipes) == (1, 2)


def test_what_the_deck_would_not_take_costs_the_days_swipe_and_is_counted(ready):
    for tries in (1, 2, 3):
        begin(ready)
        assert finish(ready, state="failed", detail="404", not_taken=True) is True
        assert (ready.user("ann").likes_today, ready.user("ann").swipes_today) == (0, tries)
        assert ready.decision("ann", "tinder:1", at=NOW).tries == tries

    detail = ready.decision("ann", "tinder:1", at=NOW).detail
    assert detail == "404; the deck would not take it three times, it is left alone"


def test_the_decks_wait_is_stored_with_the_answer_and_never_shortened(ready):
    begin(ready)
    finish(ready, deck_wait_until=later(600))
    begin(ready, "tinder:2")
    finish(ready, "tinder:2", deck_wait_until=later(300))

    assert ready.user("ann").deck_wait_until == later(600)


def test_the_decks_refusal_is_stored_with_the_answer_and_switches_off_once(ready):
    begin(ready)
    finish(ready, state="failed", refused="banned")

    user = ready.user("ann")
    assert (user.enabled, user.next_due_at, user.switched_at) == (False, None, later(1))
    assert user.status == Status(code="refused", text="banned", at=later(1))
    event = SwitchEvent(at=later(1), enabled=False, by="swipr", reason="banned")
    assert user.switch_history == (event,)
    ready.end_session("ann", fence=1, report=a_report(), status=user.status, switch_off=True)
    assert ready.user("ann").switch_history == (event,)


def test_a_refusal_of_somebody_switched_off_is_no_turn_of_the_switch(ready):
    begin(ready)
    ready.switch("ann", enabled=False, at=NOW, status=a_status())
    before = ready.user("ann")

    finish(ready, state="failed", refused="banned")

    assert ready.user("ann").switch_history == before.switch_history
    assert ready.user("ann").status == before.status


def test_a_failed_like_makes_room_for_another_one(ready):
    act(ready, "tinder:1")
    act(ready, "tinder:2")
    act(ready, "tinder:3", state="failed")

    act(ready, "tinder:4")

    assert refused(ready, "tinder:5") is Begun.BUDGET_SPENT


@pytest.mark.parametrize("again", ["sent", "failed", "unknown"])
@pytest.mark.parametrize("state", ["sent", "failed", "unknown"])
def test_settled_twice_is_settled_once(ready, state, again):
    act(ready, "tinder:1", state=state)
    after = everything(ready)

    assert finish(ready, state=again) is False
    assert everything(ready) == after


@pytest.mark.parametrize(
    "wrong", [{"fence": 2}, {"card_id": "tinder:2"}, {"acted_key": "another key"}, {"user_id": "nobody"}]
)
def test_another_action_is_not_settled(ready, wrong):
    begin(ready)
    before = everything(ready)

    assert finish(ready, **wrong) is False
    assert everything(ready) == before


def test_what_never_began_is_not_settled(ready):
    ready.record_decision(a_decision(), fence=1)
    before = everything(ready)

    assert finish(ready) is False
    assert everything(ready) == before


def test_an_action_is_settled_by_the_fence_it_began_under(ready):
    begin(ready)
    ready.take_lease(a_session(), owner="other", at=later(60), until=later(120))

    assert finish(ready, fence=2, state="unknown") is False
    assert finish(ready, fence=1, state="unknown") is True


def test_an_action_is_settled_after_the_switch_went_off(ready):
    begin(ready)
    ready.switch("ann", enabled=False, at=NOW, status=a_status())

    assert finish(ready) is True
    assert ready.user("ann").in_flight is None


def test_an_action_is_settled_though_its_decision_has_expired(ready, expire):
    begin(ready)
    expire(later(86_402))

    assert finish(ready) is True
    assert everything(ready)[1:] == ([None], {KEY: "sent"})


def test_a_late_answer_does_not_settle_a_second_attempt(ready):
    act(ready, "tinder:1", state="failed")
    ready.take_lease(a_session(), owner="other", at=later(60), until=later(120))
    begin(ready, fence=2, at=later(61))

    assert finish(ready, fence=1) is False
    assert ready.user("ann").in_flight.fence == 2


# raise


def test_a_match_raises_an_unknown_like_to_sent(ready):
    act(ready, "tinder:1", state="unknown")
    user, [decision], _ = everything(ready)

    assert ready.raise_unknown("ann", "tinder:1", acted_key=KEY, match_id="m") is True

    proven = decision.model_copy(update={"state": "sent", "match_id": "m"})
    assert everything(ready) == (user, [proven], {KEY: "sent"})


def test_a_match_raises_a_like_whose_decision_is_gone(ready, expire):
    act(ready, "tinder:1", state="unknown")
    expire(later(86_402))

    assert ready.raise_unknown("ann", "tinder:1", acted_key=KEY, match_id="m") is True
    assert everything(ready)[1:] == ([None], {KEY: "sent"})


@pytest.mark.parametrize("state", ["sent", "failed", "pending", None])
def test_a_match_raises_nothing_else(ready, state):
    if state == "pending":
        begin(ready)
    elif state:
        act(ready, "tinder:1", state=state)
    before = everything(ready)

    assert ready.raise_unknown("ann", "tinder:1", acted_key=KEY, match_id="m") is False
    assert everything(ready) == before


def test_a_match_raises_once(ready):
    act(ready, "tinder:1", state="unknown")
    ready.raise_unknown("ann", "tinder:1", acted_key=KEY, match_id="m")

    assert ready.raise_unknown("ann", "tinder:1", acted_key=KEY, match_id="other") is False
    assert ready.decision("ann", "tinder:1", at=NOW).match_id == "m"


def test_reopenable_states_are_those_the_design_names():
    assert {"dry_run", "unsure", "failed"} == REOPENABLE
