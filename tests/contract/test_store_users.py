"""What every Store means: users, settings, schedule."""

from functools import partial

import pytest

from swipr.errors import ConflictError, NotFoundError
from swipr.models import DueUser, Status, SwitchEvent, UserSettings
from tests.contract.races import race, race_each
from tests.contract.values import NOT_TEXT, NOW, a_handoff, a_report, a_status, a_user, later, lease_of

CHANGES = {
    "switch": lambda store, user_id: store.switch(user_id, enabled=True, at=NOW, status=a_status()),
    "set_acting": lambda store, user_id: store.set_acting(user_id, acting_on="tinder"),
    "save_settings": lambda store, user_id: store.save_settings(user_id, UserSettings(), revision=0),
    "connect_deck": lambda store, user_id: store.connect_deck(user_id, deck="tinder", sealed_token=b"t", at=NOW),
    "forget_deck": lambda store, user_id: store.forget_deck(user_id),
}


def due(store, at=NOW, limit=10):
    return [(each.user_id, each.due_at) for each in store.due_users(at, limit=limit)]


# users


def test_a_created_user_is_read_as_it_was(store):
    user = a_user(
        deck_token=NOT_TEXT,
        status=a_status("ünï"),
        held=("tinder:1", "tinder:2"),
        recent_sessions=(a_report(),),
        budget_day=NOW.date(),
    )

    assert store.create_user(user) is True
    assert store.user("ann") == user


def test_a_taken_id_is_refused_and_nothing_changes(store):
    store.create_user(a_user())

    assert store.create_user(a_user(enabled=False, deck="folder")) is False
    assert store.user("ann") == a_user()


def test_an_unknown_user_is_none(store):
    assert store.user("nobody") is None


def test_ids_are_case_sensitive(store):
    store.create_user(a_user("ann"))

    assert store.user("Ann") is None
    assert store.create_user(a_user("Ann")) is True


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_an_unknown_user_is_not_found(store, change):
    with pytest.raises(NotFoundError):
        CHANGES[change](store, "nobody")

    assert store.user("nobody") is None


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_leaves_other_users_alone_and_returns_what_it_stored(store, change):
    store.create_user(a_user("ann"))
    store.create_user(a_user("bob"))

    changed = CHANGES[change](store, "ann")

    assert store.user("ann") == changed
    assert store.user("bob") == a_user("bob")


# the switch


def test_switched_on_is_due_at_once(store):
    store.create_user(a_user(enabled=False, next_due_at=None))

    user = store.switch("ann", enabled=True, at=NOW, status=a_status("on"))

    changes = {"enabled": True, "switched_at": NOW, "next_due_at": NOW, "status": a_status("on")}
    assert user == a_user(**changes, switch_history=(by_you(enabled=True),))
    assert due(store) == [("ann", NOW)]


def test_switched_on_is_not_due_before_the_deck_allows(store):
    store.create_user(a_user(enabled=False, next_due_at=None, deck_wait_until=later(600)))

    user = store.switch("ann", enabled=True, at=NOW, status=a_status())

    assert user.next_due_at == later(600)
    assert due(store, later(599)) == []
    assert due(store, later(600)) == [("ann", later(600))]


def test_switched_on_after_the_deck_s_wait_is_due_at_once(store):
    store.create_user(a_user(enabled=False, next_due_at=None, deck_wait_until=later(-1)))

    assert store.switch("ann", enabled=True, at=NOW, status=a_status()).next_due_at == NOW


def test_switched_off_is_not_due(store):
    store.create_user(a_user())

    user = store.switch("ann", enabled=False, at=NOW, status=a_status("off"))

    off = {"enabled": False, "switched_at": NOW, "next_due_at": None, "status": a_status("off")}
    assert user == a_user(**off, switch_history=(by_you(enabled=False),))
    assert due(store, later(86_400)) == []


def test_a_turn_of_the_switch_is_remembered_with_its_reason_newest_first(store):
    store.create_user(a_user(enabled=False, next_due_at=None))

    store.switch("ann", enabled=True, at=NOW, status=a_status(), reason="holidays are over")
    store.switch("ann", enabled=False, at=later(60), status=a_status(), reason="")

    expected = (by_you(enabled=False, at=later(60)), by_you(enabled=True, reason="holidays are over"))
    assert store.user("ann").switch_history == expected


@pytest.mark.parametrize("enabled", [True, False])
def test_a_switch_that_stands_so_already_is_no_turn(store, enabled):
    store.create_user(a_user(enabled=enabled))

    assert store.switch("ann", enabled=enabled, at=NOW, status=a_status()).switch_history == ()


def test_twenty_turns_of_the_switch_are_kept(store):
    store.create_user(a_user(enabled=False, next_due_at=None))

    for turn in range(23):
        store.switch("ann", enabled=turn % 2 == 0, at=later(turn), status=a_status())

    history = store.user("ann").switch_history
    assert [event.at for event in history] == [later(turn) for turn in range(22, 2, -1)]


def by_you(*, enabled, at=NOW, reason=""):
    return SwitchEvent(at=at, enabled=enabled, by="you", reason=reason)


def test_switching_leaves_lease_and_action_alone(store):
    store.create_user(a_user())
    lease = lease_of(store)

    user = store.switch("ann", enabled=False, at=NOW, status=a_status())

    assert (user.lease, user.fence, user.session_ended) == (lease, 1, False)


# acting, settings, deck


@pytest.mark.parametrize(("acting_on", "acting"), [("tinder", True), ("folder", False), (None, False)])
def test_acting_is_allowed_on_the_named_deck_only(store, acting_on, acting):
    store.create_user(a_user(acting_on=None))

    user = store.set_acting("ann", acting_on=acting_on)

    assert user == a_user(acting_on=acting_on)
    assert user.acting is acting


def test_settings_saved_raise_the_revision(store):
    store.create_user(a_user())
    wished = UserSettings(likes_per_day=7, time_zone="Europe/Berlin")

    user = store.save_settings("ann", wished, revision=0)

    assert user == a_user(settings=wished, settings_revision=1)


@pytest.mark.parametrize("revision", [0, 2])
def test_settings_of_another_revision_conflict_and_nothing_changes(store, revision):
    store.create_user(a_user(settings_revision=1))

    with pytest.raises(ConflictError):
        store.save_settings("ann", UserSettings(), revision=revision)

    assert store.user("ann") == a_user(settings_revision=1)


def test_the_same_deck_again_goes_on_acting(store):
    store.create_user(a_user())

    user = store.connect_deck("ann", deck="tinder", sealed_token=NOT_TEXT, at=NOW)

    assert user == a_user(deck_token=NOT_TEXT, deck_connected_at=NOW)
    assert user.acting


def test_another_deck_ends_acting(store):
    store.create_user(a_user(deck_token=b"old"))

    user = store.connect_deck("ann", deck="folder", sealed_token=None, at=NOW)

    assert user == a_user(deck="folder", acting_on=None, deck_token=None, deck_connected_at=NOW)


def test_another_deck_that_was_named_before_is_not_acted_on_either(store):
    store.create_user(a_user(acting_on="folder"))

    assert store.connect_deck("ann", deck="folder", sealed_token=None, at=NOW).acting is False


def test_another_deck_forgets_how_long_the_one_before_wished_to_wait(store):
    store.create_user(a_user(deck_wait_until=later(600)))

    assert store.connect_deck("ann", deck="tinder", sealed_token=b"t", at=NOW).deck_wait_until == later(600)
    assert store.connect_deck("ann", deck="folder", sealed_token=None, at=NOW).deck_wait_until is None


OF_TINDER = {"deck": "tinder", "connected_at": NOW}


def heard(store, user, **said):
    store.create_user(user)
    return store.hear_deck("ann", **(OF_TINDER | {"at": later(1)} | said))


def test_what_a_deck_said_of_waiting_holds_for_sessions(store):
    user = a_user(deck_connected_at=NOW)

    assert heard(store, user, wait_until=later(60)) is True
    assert store.user("ann") == user.model_copy(update={"deck_wait_until": later(60), "next_due_at": later(60)})


def test_a_longer_wait_that_is_known_stays(store):
    user = a_user(deck_connected_at=NOW, deck_wait_until=later(90), next_due_at=later(90))

    assert heard(store, user, wait_until=later(60)) is True
    assert store.user("ann") == user


def test_who_is_off_waits_too_and_stays_off(store):
    user = a_user(deck_connected_at=NOW, enabled=False, next_due_at=None)

    heard(store, user, wait_until=later(60), refused="go away")

    assert store.user("ann") == user.model_copy(update={"deck_wait_until": later(60)})


def test_a_refusal_switches_off_and_says_why(store):
    heard(store, a_user(deck_connected_at=NOW), refused="go away")

    user = store.user("ann")
    assert (user.enabled, user.next_due_at, user.switched_at) == (False, None, later(1))
    assert user.status == Status(code="refused", text="go away", at=later(1))
    assert user.switch_history == (SwitchEvent(at=later(1), enabled=False, by="swipr", reason="go away"),)


@pytest.mark.parametrize("changes", [{"deck": "folder"}, {"deck_connected_at": later(-1)}, {"deck_connected_at": None}])
def test_what_another_deck_or_token_was_told_changes_nothing(store, changes):
    user = a_user(**({"deck_connected_at": NOW} | changes))

    assert heard(store, user, wait_until=later(60), refused="go away") is False
    assert store.user("ann") == user


def test_nobody_hears_for_an_unknown_user(store):
    assert store.hear_deck("nobody", **OF_TINDER, at=NOW, wait_until=later(60)) is False


def test_a_forgotten_deck_has_no_token_and_is_not_acted_on(store):
    store.create_user(a_user(deck_token=NOT_TEXT, deck_connected_at=NOW))

    user = store.forget_deck("ann")

    assert user == a_user(acting_on=None)
    assert store.user("ann") == user


# when matches were read


def test_it_is_remembered_when_matches_were_last_read(store):
    store.create_user(a_user())

    store.set_matches_read("ann", at=later(5))
    store.set_matches_read("nobody", at=later(5))

    assert store.user("ann") == a_user(matches_read_at=later(5))
    assert store.user("nobody") is None


# the champion


def test_the_old_champion_becomes_previous(store):
    store.create_user(a_user())

    assert store.set_champion("ann", 1, expected=None) is True
    assert store.set_champion("ann", 2, expected=1) is True
    assert store.user("ann") == a_user(champion=2, previous=1, highest_champion=2)


def test_the_highest_champion_stays_the_highest_when_an_older_one_returns(store):
    store.create_user(a_user(champion=5, highest_champion=5))

    store.set_champion("ann", 3, expected=5)

    assert store.user("ann") == a_user(champion=3, previous=5, highest_champion=5)


@pytest.mark.parametrize("expected", [None, 2])
def test_a_champion_not_expected_stays(store, expected):
    store.create_user(a_user(champion=1))

    assert store.set_champion("ann", 3, expected=expected) is False
    assert store.user("ann") == a_user(champion=1)


def test_an_unknown_user_has_no_champion(store):
    assert store.set_champion("nobody", 1, expected=None) is False


# the shadow


def test_a_version_waits_behind_the_gate_until_another_does_or_none(store):
    store.create_user(a_user(champion=1))

    assert store.set_shadow("ann", 2, expected=None) is True
    assert store.user("ann") == a_user(champion=1, shadow=2)
    assert store.set_shadow("ann", 3, expected=2) is True
    assert store.user("ann") == a_user(champion=1, shadow=3)
    assert store.set_shadow("ann", None, expected=3) is True
    assert store.user("ann") == a_user(champion=1)


@pytest.mark.parametrize("expected", [None, 1, 3])
def test_a_shadow_not_expected_stays(store, expected):
    store.create_user(a_user(champion=1, shadow=2))

    assert store.set_shadow("ann", 4, expected=expected) is False
    assert store.user("ann") == a_user(champion=1, shadow=2)


def test_one_of_many_becomes_shadow(store):
    store.create_user(a_user())

    won = race_each([lambda version=version: store.set_shadow("ann", version, expected=None) for version in (2, 3, 4)])

    assert sorted(won) == [False, False, True]
    assert store.user("ann").shadow in (2, 3, 4)


def test_the_shadow_that_becomes_champion_is_shadow_no_more(store):
    store.create_user(a_user(champion=1, shadow=2))

    assert store.set_champion("ann", 2, expected=1) is True
    assert store.user("ann") == a_user(champion=2, previous=1, highest_champion=2)


def test_the_shadow_waits_on_while_another_becomes_champion(store):
    store.create_user(a_user(champion=1, shadow=2))

    store.set_champion("ann", 3, expected=1)

    assert store.user("ann").shadow == 2


def test_an_unknown_user_has_no_shadow(store):
    assert store.set_shadow("nobody", 1, expected=None) is False
    assert store.user("nobody") is None


# the last hand-off


def test_a_handoff_is_remembered_only_in_place_of_the_expected_one(store):
    store.create_user(a_user())
    first, second = a_handoff("1"), a_handoff("2")

    assert store.set_handoff("ann", first, expected=None) is True
    assert store.set_handoff("ann", second, expected=None) is False
    assert store.user("ann") == a_user(handoff=first)
    assert store.set_handoff("ann", second, expected=first) is True
    assert store.user("ann") == a_user(handoff=second)
    assert store.set_handoff("nobody", first, expected=None) is False


def test_cards_released_are_held_no_longer_and_the_others_are(store):
    store.create_user(a_user(held=("tinder:1", "tinder:2", "tinder:3")))

    store.release_held("ann", ["tinder:1", "tinder:3", "tinder:9"])
    store.release_held("nobody", ["tinder:1"])

    assert store.user("ann") == a_user(held=("tinder:2",))


def test_of_two_handoffs_at_once_one_is_remembered(store):
    store.create_user(a_user())
    tries = [a_handoff(str(number)) for number in range(8)]

    won = race_each([partial(store.set_handoff, "ann", one, expected=None) for one in tries])

    assert sorted(won) == [False] * 7 + [True]
    assert store.user("ann").handoff in tries


# the schedule


@pytest.mark.parametrize(
    ("wait_until", "due_at"), [(None, NOW), (later(-1), NOW), (later(60), later(60))], ids=["no wait", "over", "waits"]
)
def test_a_sleeping_user_who_is_woken_is_due_when_the_deck_allows(store, wait_until, due_at):
    sleeping = a_user(next_due_at=None, deck_wait_until=wait_until)
    store.create_user(sleeping)

    assert store.wake("ann", at=NOW) is True
    assert store.wake("ann", at=later(5)) is False

    assert store.user("ann") == sleeping.model_copy(update={"next_due_at": due_at})
    assert due(store, due_at) == [("ann", due_at)]


@pytest.mark.parametrize(
    "user", [a_user(next_due_at=later(-5)), a_user(enabled=False, next_due_at=None)], ids=["due already", "off"]
)
def test_a_user_who_is_due_no_sooner_than_asked_is_not_woken(store, user):
    store.create_user(user)

    assert store.wake("ann", at=NOW) is False
    assert store.user("ann") == user


def test_a_user_who_is_due_later_is_woken(store):
    store.create_user(a_user(next_due_at=later(600)))

    assert store.wake("ann", at=NOW) is True
    assert due(store) == [("ann", NOW)]


def test_an_unknown_user_is_not_woken(store):
    assert store.wake("nobody", at=NOW) is False


def test_due_users_are_enabled_and_due_and_come_earliest_first(store):
    store.create_user(a_user("late", next_due_at=NOW))
    store.create_user(a_user("early", next_due_at=later(-5)))
    store.create_user(a_user("tomorrow", next_due_at=later(0.000001)))
    store.create_user(a_user("off", enabled=False))
    store.create_user(a_user("never", next_due_at=None))

    assert due(store) == [("early", later(-5)), ("late", NOW)]
    assert due(store, limit=1) == [("early", later(-5))]


def test_no_users_no_due_users(store):
    assert due(store) == []


def test_a_claimed_slot_moves_on(store):
    store.create_user(a_user())

    assert store.claim_slot(DueUser(user_id="ann", due_at=NOW), next_due_at=later(60)) is True

    assert store.user("ann") == a_user(next_due_at=later(60))
    assert due(store) == []
    assert due(store, later(60)) == [("ann", later(60))]


@pytest.mark.parametrize(
    ("user", "due_at"),
    [
        (a_user(next_due_at=later(60)), NOW),
        (a_user(next_due_at=later(-60)), NOW),
        (a_user(next_due_at=None), NOW),
        (a_user(enabled=False), NOW),
    ],
    ids=["claimed before", "another slot", "not due", "off"],
)
def test_a_slot_that_is_not_the_user_s_is_not_claimed(store, user, due_at):
    store.create_user(user)

    assert store.claim_slot(DueUser(user_id="ann", due_at=due_at), next_due_at=later(90)) is False
    assert store.user("ann") == user


def test_an_unknown_user_s_slot_is_not_claimed(store):
    assert store.claim_slot(DueUser(user_id="nobody", due_at=NOW), next_due_at=later(90)) is False


def test_one_of_many_ticks_claims_a_slot(store):
    store.create_user(a_user())

    for slot in range(50):
        due_user, after = DueUser(user_id="ann", due_at=later(slot)), later(slot + 1)
        claimed = race(partial(store.claim_slot, due_user, next_due_at=after))
        assert sorted(claimed) == [False, True]
