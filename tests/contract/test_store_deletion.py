"""What every Store means: who there is, and a user who leaves with everything that is kept for them."""

import pytest

from swipr.errors import NotFoundError
from swipr.ports import Begun, LeaseRefusal
from tests.contract.acting import act, begin
from tests.contract.values import (
    NOW,
    a_decision,
    a_label,
    a_match,
    a_model,
    a_session,
    a_status,
    a_user,
    action,
    later,
    lease_of,
)

LATER = later(3600)


def fill(store, user_id):
    """One of everything, nine records in all beside the user's own."""
    store.create_user(a_user(user_id))
    lease_of(store, user_id)
    decision = a_decision(user_id=user_id)
    assert store.begin_action(**action(decision=decision)) is Begun.YES
    store.finish_action(
        user_id,
        "tinder:1",
        acted_key="key of tinder:1",
        fence=1,
        state="sent",
        detail="",
        match_id=None,
        at=NOW,
    )
    store.record_decision(a_decision("tinder:2", user_id=user_id), fence=1)
    for number in range(2):
        store.put_label(a_label(f"tinder:{number}", user_id=user_id))
        store.put_model(a_model(number + 1, user_id=user_id))
    store.put_match(a_match(user_id=user_id))
    ask(store, user_id)
    return 9


def ask(store, user_id, key="k", at=NOW):
    return store.begin_request(user_id, key, digest="d", at=at, stale_before=later(-60), expires_at=later(86_400))


def kept(store, user_id):
    """All that can be read of the user's records."""
    return (
        store.decisions(user_id, at=NOW, limit=100),
        store.acted(user_id, ["key of tinder:1"]),
        store.labels(user_id),
        store.label_features(user_id, ["tinder:0", "tinder:1"]),
        store.models(user_id),
        store.matches(user_id, at=NOW),
    )


# who there is


def test_user_ids_ascend(store):
    assert store.user_ids() == []

    for user_id in ("bob", "ann", "Zoe", "ann-2", "0", "ann.1"):
        store.create_user(a_user(user_id))

    assert store.user_ids() == sorted(("bob", "ann", "Zoe", "ann-2", "0", "ann.1"))


def test_many_users_are_all_told(store):
    expected = [f"user-{number:03}" for number in range(150)]
    for user_id in reversed(expected):
        store.create_user(a_user(user_id))

    assert store.user_ids() == expected


# the user's own record


def test_a_user_who_is_off_and_idle_is_deleted(store):
    store.create_user(a_user(enabled=False, next_due_at=None))
    store.create_user(a_user("bob"))

    assert store.delete_user("ann", at=NOW) is True
    assert store.user("ann") is None
    assert store.user_ids() == ["bob"]
    assert [due.user_id for due in store.due_users(LATER, limit=9)] == ["bob"]
    assert store.delete_user("ann", at=NOW) is True


def test_a_user_who_is_on_is_not_deleted(store):
    store.create_user(a_user())

    assert store.delete_user("ann", at=NOW) is False
    assert store.user("ann") == a_user()


def test_a_user_whose_session_holds_its_lease_is_not_deleted(store):
    store.create_user(a_user(enabled=False, next_due_at=None))
    lease_of(store, until=later(60))

    assert store.delete_user("ann", at=later(59.999999)) is False
    assert store.delete_user("ann", at=later(60)) is True


def test_a_user_with_an_action_in_flight_is_not_deleted(store):
    store.create_user(a_user())
    lease_of(store)
    begin(store)
    store.switch("ann", enabled=False, at=NOW, status=a_status("off"))

    assert store.delete_user("ann", at=LATER) is False
    assert store.user("ann").in_flight is not None


def test_nothing_is_stored_for_a_deleted_user(store):
    store.create_user(a_user(enabled=False, next_due_at=None))
    store.delete_user("ann", at=NOW)

    for put in (
        lambda: store.put_label(a_label()),
        lambda: store.put_model(a_model()),
        lambda: store.put_match(a_match()),
        lambda: store.restore_decision(a_decision(state="sent"), acted_key="k"),
    ):
        with pytest.raises(NotFoundError):
            put()
    assert store.take_lease(a_session(), owner="me", at=NOW, until=LATER) is LeaseRefusal.UNKNOWN_USER
    assert store.record_decision(a_decision(), fence=0) is False
    assert begin(store) is Begun.OFF
    assert store.delete_records("ann") == 0


def test_an_id_that_was_deleted_begins_anew(store):
    store.create_user(a_user(enabled=False, next_due_at=None, fence=7))
    store.delete_user("ann", at=NOW)

    assert store.create_user(a_user()) is True
    assert store.user("ann") == a_user()


# everything beside it


def test_all_records_are_deleted_and_counted_and_others_stay(store):
    records = fill(store, "ann")
    fill(store, "bob")
    before = kept(store, "bob")

    assert store.delete_records("ann") == records

    assert kept(store, "ann") == ([], {}, [], {}, [], [])
    assert ask(store, "ann") is None
    assert kept(store, "bob") == before
    assert ask(store, "bob") is not None


def test_records_are_deleted_once(store):
    fill(store, "ann")
    store.delete_records("ann")

    assert store.delete_records("ann") == 0
    assert store.delete_records("nobody") == 0


def test_hundreds_of_records_are_deleted(store):
    store.create_user(a_user())
    for number in range(130):
        store.put_label(a_label(f"tinder:{number}"))

    assert store.delete_records("ann") == 130
    assert store.labels("ann") == []


def test_the_user_s_own_record_stays_when_the_others_go(store):
    fill(store, "ann")
    user = store.user("ann")

    store.delete_records("ann")

    assert store.user("ann") == user


def test_a_session_goes_on_after_its_records_were_deleted(store):
    store.create_user(a_user())
    lease_of(store)
    act(store, "tinder:1")
    store.delete_records("ann")

    assert begin(store, "tinder:2") is Begun.YES
