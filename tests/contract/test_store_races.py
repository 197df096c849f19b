"""What every Store means when several do the same at the same moment."""

import pytest

from swipr.models import UserSettings
from swipr.ports import Begun
from tests.contract.acting import begin, finish
from tests.contract.races import race, race_each
from tests.contract.values import NOW, a_decision, a_status, a_user, action, lease_of


@pytest.fixture
def ready(store):
    """A store whose user ann acts under a lease with fence 1."""
    store.create_user(a_user())
    lease_of(store)
    return store


def test_one_of_two_likes_begins_at_the_edge_of_the_budget(store, rounds):
    settings = UserSettings(likes_per_day=1, swipes_per_session=100)

    for number in range(rounds(150)):
        user_id = f"user-{number}"
        store.create_user(a_user(user_id, settings=settings))
        lease_of(store, user_id)
        cards = [a_decision(f"tinder:{card}", user_id=user_id) for card in range(2)]
        begun = race_each([lambda card=card: store.begin_action(**action(decision=card)) for card in cards])
        assert sorted(begun) == sorted([Begun.YES, Begun.IN_FLIGHT])
        assert store.user(user_id).likes_today == 1


def test_likes_racing_with_their_settling_stay_within_the_budget(store):
    settings = UserSettings(likes_per_day=7, swipes_per_session=100)
    store.create_user(a_user(settings=settings))
    lease_of(store)

    def swipe(name):
        begun = 0
        for number in range(40):
            if begin(store, f"tinder:{name}{number}") is Begun.YES:
                begun += 1
                assert finish(store, f"tinder:{name}{number}")
        return begun

    begun = race_each([lambda name=name: swipe(name) for name in "abc"])

    assert sum(begun) == 7
    assert store.user("ann").likes_today == 7


def test_one_card_begins_once_however_many_try(ready):
    begun = race(lambda: begin(ready), threads=8)

    assert begun.count(Begun.YES) == 1
    assert set(begun) == {Begun.YES, Begun.IN_FLIGHT}


def test_a_switch_off_that_returned_lets_nothing_begin(store, rounds):
    settings = UserSettings(likes_per_day=1000, swipes_per_session=100)

    for number in range(rounds(100)):
        user_id = f"user-{number}"
        store.create_user(a_user(user_id, settings=settings))
        lease_of(store, user_id)
        off = []

        def switch_off(user_id=user_id, off=off):
            store.switch(user_id, enabled=False, at=NOW, status=a_status())
            off.append(True)

        def like(user_id=user_id, off=off):
            known_off = bool(off)
            return known_off, store.begin_action(**action(decision=a_decision(user_id=user_id)))

        answers = race_each([switch_off, like])
        known_off, begun = next(answer for answer in answers if answer)
        assert begun in ((Begun.OFF,) if known_off else (Begun.OFF, Begun.YES))
        assert (store.user(user_id).in_flight is not None) == (begun is Begun.YES)


def test_one_of_many_settles_an_action(ready):
    begin(ready)

    settled = race(lambda: finish(ready, state="failed"), threads=4)

    assert settled.count(True) == 1
    assert ready.user("ann").likes_today == 0
