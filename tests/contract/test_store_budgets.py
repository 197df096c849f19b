"""What every Store means: the day's and the session's budgets, and which reason is told first."""

from datetime import date, timedelta

import pytest

from swipr.models import UserSettings
from swipr.ports import Begun
from tests.contract.acting import act, begin, finish, refused
from tests.contract.values import NOW, TODAY, a_decision, a_session, a_status, a_user, action, later, lease_of, outcome

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def ready(store):
    """A store whose user ann acts under a lease with fence 1."""
    store.create_user(a_user())
    lease_of(store)
    return store


def with_limits(store, **limits):
    store.create_user(a_user(settings=UserSettings(**limits)))
    lease_of(store)
    return store


def counts(store):
    user = store.user("ann")
    return user.likes_today, user.superlikes_today, user.swipes_today


def test_reasons_are_checked_in_their_order(store):
    """At first all is wrong at once; as each thing is put right, the next one is the reason."""
    reasons = []
    for wrongs in range(9, 0, -1):
        user_id = f"user-{wrongs}"
        spoil(store, user_id, wrongs)
        decision = a_decision("tinder:1", user_id=user_id)
        reasons.append(store.begin_action(**action(decision=decision, action="superlike")))

    assert reasons == [each for each in Begun if each is not Begun.YES]


def spoil(store, user_id, wrongs):
    """A user for whom so many of the last reasons hold: 1 is ACTED, 9 is all of them."""
    limits = {"likes_per_day": 5, "superlikes_per_day": 4, "swipes_per_day": 3, "swipes_per_session": 2}
    settings = UserSettings(**{name: 1 if wrongs >= holds else 2 for name, holds in limits.items()})
    store.create_user(a_user(user_id, settings=UserSettings(superlikes_per_day=9)))
    lease_of(store, user_id)
    store.begin_action(**action(decision=a_decision("tinder:1", user_id=user_id), action="superlike"))
    store.finish_action(**outcome("tinder:1", user_id=user_id))
    if wrongs >= 6:
        store.begin_action(**action("tinder:2", decision=a_decision("tinder:2", user_id=user_id)))
    store.save_settings(user_id, settings, revision=0)
    if wrongs >= 7:
        store.take_lease(a_session(user_id), owner="other", at=later(60), until=later(120))
    if wrongs >= 8:
        store.set_acting(user_id, acting_on=None)
    if wrongs >= 9:
        store.switch(user_id, enabled=False, at=NOW, status=a_status())


def test_a_later_day_starts_the_count_anew_in_its_zone(ready):
    for number in range(3):
        act(ready, f"tinder:{number}")

    assert begin(ready, "tinder:9", day=TOMORROW, zone="Europe/Berlin") is Begun.YES

    user = ready.user("ann")
    assert (user.likes_today, user.budget_day, user.budget_zone) == (1, TOMORROW, "Europe/Berlin")


def test_an_earlier_day_does_not_start_the_count_anew(ready):
    for number in range(3):
        act(ready, f"tinder:{number}")

    assert refused(ready, "tinder:9", day=date(2026, 2, 28), zone="Pacific/Apia") is Begun.BUDGET_SPENT


def test_an_earlier_day_counts_on_the_stored_one(ready):
    act(ready, "tinder:1")

    begin(ready, "tinder:2", day=date(2026, 2, 28), zone="Pacific/Apia")

    user = ready.user("ann")
    assert (user.likes_today, user.budget_day, user.budget_zone) == (2, TODAY, "UTC")


def test_a_later_day_does_not_free_the_session(ready):
    for number in range(5):
        act(ready, f"tinder:{number}", action="pass")

    assert refused(ready, "tinder:9", day=TOMORROW) is Begun.SESSION_FULL


# super likes, and swipes a day


def test_a_super_like_counts_as_like_super_like_and_swipe(ready):
    act(ready, "tinder:1", action="superlike")

    assert counts(ready) == (1, 1, 1)
    assert ready.decision("ann", "tinder:1", at=NOW).action == "superlike"


def test_no_super_like_begins_beyond_its_own_budget_but_likes_do(ready):
    act(ready, "tinder:1", action="superlike")

    assert refused(ready, "tinder:2", action="superlike") is Begun.SUPERLIKES_SPENT
    assert begin(ready, "tinder:2") is Begun.YES


def test_no_super_like_begins_when_the_likes_are_spent(store):
    with_limits(store, likes_per_day=1, superlikes_per_day=9)
    act(store, "tinder:1")

    assert refused(store, "tinder:2", action="superlike") is Begun.BUDGET_SPENT


def test_likes_and_passes_together_fill_the_day(store):
    with_limits(store, swipes_per_day=3)
    act(store, "tinder:1")
    act(store, "tinder:2", action="pass")
    act(store, "tinder:3", action="superlike")

    assert [refused(store, "tinder:4", action=kind) for kind in ("pass", "like")] == [Begun.DAY_FULL] * 2
    assert begin(store, "tinder:4", action="pass", day=TOMORROW) is Begun.YES


def test_a_later_day_starts_all_counts_anew(ready):
    act(ready, "tinder:1", action="superlike")
    act(ready, "tinder:2", action="pass")

    act(ready, "tinder:3", action="superlike", day=TOMORROW)

    assert counts(ready) == (1, 1, 1)


@pytest.mark.parametrize(("kind", "spent"), [("superlike", (1, 1, 1)), ("like", (1, 0, 1)), ("pass", (0, 0, 1))])
@pytest.mark.parametrize("state", ["sent", "unknown", "failed"])
def test_what_failed_gives_all_its_budgets_back(ready, kind, spent, state):
    begin(ready, action=kind)
    finish(ready, state=state)

    assert counts(ready) == ((0, 0, 0) if state == "failed" else spent)
    assert ready.user("ann").session_swipes == 1
