"""What every Store means: decisions, labels, models, and what expires."""

import math
from threading import Thread

import pytest

from swipr.models import BlobRange
from tests.contract.races import race, race_each
from tests.contract.values import (
    NOT_TEXT,
    NOW,
    a_decision,
    a_label,
    a_model,
    a_session,
    a_user,
    action,
    later,
    lease_of,
    outcome,
)

DAY_S = 86_400


@pytest.fixture
def ready(store):
    """A store whose user ann runs a session with fence 1."""
    store.create_user(a_user())
    lease_of(store)
    return store


def unsure(card_id="tinder:1", **changes):
    return a_decision(card_id, state="unsure", verdict="unsure", **changes)


def page(store, **changes):
    decisions = store.decisions("ann", **({"at": NOW, "limit": 100} | changes))
    return [decision.card_id for decision in decisions]


# decisions


@pytest.mark.parametrize("state", ["dry_run", "unsure"])
def test_a_recorded_decision_is_read_as_it_was(ready, state):
    decision = a_decision(
        "tinder:ünï-1",
        state=state,
        name="Zoë 🦊",
        photos=(BlobRange(key="a", first=0, last=9),),
        features=BlobRange(key="a", first=10, last=11),
        threshold=0.1 + 0.2,
        model_version=3,
        filtered=True,
    )

    assert ready.record_decision(decision, fence=1) is True
    assert ready.decision("ann", "tinder:ünï-1", at=NOW) == decision


def test_an_absent_decision_is_none(ready):
    assert ready.decision("ann", "tinder:1", at=NOW) is None


def test_decisions_of_others_are_not_read(ready):
    ready.record_decision(a_decision(), fence=1)

    assert ready.decision("bob", "tinder:1", at=NOW) is None
    assert ready.decisions("bob", at=NOW, limit=9) == []


@pytest.mark.parametrize("fence", [0, 2])
def test_a_decision_under_another_fence_is_not_recorded(ready, fence):
    before = ready.user("ann")

    assert ready.record_decision(unsure(), fence=fence) is False
    assert ready.decision("ann", "tinder:1", at=NOW) is None
    assert ready.user("ann") == before


def test_a_decision_of_an_unknown_user_is_not_recorded(store):
    assert store.record_decision(a_decision(), fence=0) is False
    assert store.decision("ann", "tinder:1", at=NOW) is None


def test_a_later_decision_replaces_a_reopenable_one(ready):
    ready.record_decision(unsure(), fence=1)

    assert ready.record_decision(a_decision(reason="new"), fence=1) is True
    assert ready.decision("ann", "tinder:1", at=NOW) == a_decision(reason="new")


@pytest.mark.parametrize(
    ("state", "replaced"), [("pending", False), ("sent", False), ("unknown", False), ("failed", True)]
)
def test_an_action_s_decision_is_replaced_only_if_it_failed(ready, state, replaced):
    ready.begin_action(**action())
    if state != "pending":
        ready.finish_action(**outcome(state=state))
    before = ready.user("ann"), ready.decision("ann", "tinder:1", at=NOW)

    assert ready.record_decision(unsure(), fence=1) is replaced

    if not replaced:
        assert (ready.user("ann"), ready.decision("ann", "tinder:1", at=NOW)) == before


@pytest.mark.parametrize("state", ["pending", "sent", "failed", "unknown"])
def test_an_action_cannot_be_recorded_past_begin_action(ready, state):
    with pytest.raises(ValueError, match="begin_action"):
        ready.record_decision(a_decision(state=state), fence=1)

    assert ready.decision("ann", "tinder:1", at=NOW) is None


def test_a_decision_is_readable_until_it_expires(ready):
    ready.record_decision(a_decision(), fence=1)

    assert ready.decision("ann", "tinder:1", at=later(DAY_S - 0.000001)) is not None
    assert ready.decision("ann", "tinder:1", at=later(DAY_S)) is None
    assert page(ready, at=later(DAY_S)) == []


def test_expired_decisions_are_deleted_and_counted(ready):
    for number in range(4):
        ready.record_decision(a_decision(f"tinder:{number}", expires_at=later(number)), fence=1)

    assert ready.delete_expired(later(2)) in (3, 0)  # 0 where the store expires by itself
    assert page(ready, at=later(2)) == ["tinder:3"]
    assert ready.delete_expired(later(2)) == 0


def test_only_decisions_expire(ready):
    ready.put_label(a_label())
    ready.put_model(a_model())
    ready.begin_action(**action())
    ready.finish_action(**outcome())

    ready.delete_expired(later(10_000 * DAY_S))

    assert ready.label("ann", "tinder:1") == a_label()
    assert ready.model("ann", 1) == a_model()
    assert ready.acted("ann", ["key of tinder:1"]) == {"key of tinder:1": "sent"}


# held cards


def test_unsure_cards_are_held_once_oldest_first(ready):
    for card_id in ("tinder:2", "tinder:1", "tinder:2"):
        ready.record_decision(unsure(card_id), fence=1)

    assert ready.user("ann").held == ("tinder:2", "tinder:1")


def test_a_dry_run_is_not_held(ready):
    ready.record_decision(a_decision(), fence=1)

    assert ready.user("ann").held == ()


def test_a_card_that_is_not_unsure_any_more_is_not_held_any_more(ready):
    ready.record_decision(unsure("tinder:1"), fence=1)
    ready.record_decision(unsure("tinder:2"), fence=1)

    ready.record_decision(a_decision("tinder:1"), fence=1)

    assert ready.user("ann").held == ("tinder:2",)


def test_a_labelled_card_is_held_no_more(ready):
    ready.record_decision(unsure("tinder:1"), fence=1)
    ready.record_decision(unsure("tinder:2"), fence=1)

    ready.put_label(a_label("tinder:1"))

    assert ready.user("ann").held == ("tinder:2",)


# paging


def test_decisions_come_newest_first_and_by_card_within_a_moment(ready):
    for card_id, seconds in [("a:1", 0), ("a:3", 1), ("a:2", 1), ("a:9", -1)]:
        ready.record_decision(a_decision(card_id, decided_at=later(seconds)), fence=1)

    assert page(ready) == ["a:3", "a:2", "a:1", "a:9"]
    assert page(ready, limit=2) == ["a:3", "a:2"]
    assert page(ready, limit=0) == []


def test_pages_have_no_gaps_and_no_doubles(ready):
    for number in range(37):
        ready.record_decision(a_decision(f"a:{number:02}", decided_at=later(number // 5)), fence=1)
    everything = page(ready)

    for limit in (1, 2, 3, 5, 36, 37):
        read, before = [], None
        while found := ready.decisions("ann", at=NOW, limit=limit, before=before):
            read += [decision.card_id for decision in found]
            before = found[-1].decided_at, found[-1].card_id
        assert read == everything


def test_pages_read_while_decisions_come_have_no_gaps_and_no_doubles(ready):
    old = [a_decision(f"a:{number:02}", decided_at=later(number)) for number in range(30)]
    for decision in old:
        ready.record_decision(decision, fence=1)

    def more():
        for number in range(60):
            ready.record_decision(a_decision(f"b:{number}", decided_at=later(100 + number)), fence=1)

    writer = Thread(target=more)
    writer.start()
    read, before = [], (later(50), "")
    while found := ready.decisions("ann", at=NOW, limit=4, before=before):
        read += found
        before = found[-1].decided_at, found[-1].card_id
    writer.join()

    assert read == old[::-1]


def test_a_page_may_start_anywhere(ready):
    for number in range(3):
        ready.record_decision(a_decision(f"a:{number}", decided_at=later(number)), fence=1)

    assert page(ready, before=(later(2), "a:2")) == ["a:1", "a:0"]
    assert page(ready, before=(later(1.5), "")) == ["a:1", "a:0"]
    assert page(ready, before=(later(-1), "z")) == []


def test_expired_decisions_leave_no_hole_in_a_page(ready):
    for number in range(6):
        expires = later(1 if number % 2 else DAY_S)
        ready.record_decision(a_decision(f"a:{number}", decided_at=later(number), expires_at=expires), fence=1)

    assert page(ready, at=later(1), limit=3) == ["a:4", "a:2", "a:0"]


# acted


def test_acted_tells_of_the_keys_that_exist(ready):
    ready.begin_action(**action("tinder:1"))
    ready.finish_action(**outcome("tinder:1", state="failed"))
    ready.begin_action(**action("tinder:2"))

    keys = [f"key of tinder:{number}" for number in range(500)]

    assert ready.acted("ann", iter(keys)) == {keys[1]: "failed", keys[2]: "pending"}
    assert ready.acted("ann", []) == {}
    assert ready.acted("bob", keys) == {}


# labels


@pytest.mark.parametrize("features", [b"", NOT_TEXT, bytes(2704 * 2)])
def test_a_label_is_read_as_it_was(store, features):
    label = a_label(features=features, source="correction", chosen_by="uncertain")

    assert store.put_label(label) is True
    assert store.label("ann", "tinder:1") == label


def test_an_absent_label_is_none(store):
    store.put_label(a_label())

    assert store.label("ann", "tinder:2") is None
    assert store.label("bob", "tinder:1") is None
    assert store.delete_label("ann", "tinder:2") is None


@pytest.mark.parametrize("seconds", [0, 0.000001, 60])
def test_a_label_as_new_or_newer_replaces(store, seconds):
    store.put_label(a_label())
    newer = a_label(choice="pass", labelled_at=later(seconds), features=b"xx")

    assert store.put_label(newer) is True
    assert store.label("ann", "tinder:1") == newer
    assert len(store.labels("ann")) == 1


def test_an_older_label_changes_nothing(ready):
    ready.put_label(a_label())
    ready.record_decision(unsure(), fence=1)

    assert ready.put_label(a_label(choice="pass", labelled_at=later(-0.000001))) is False
    assert ready.label("ann", "tinder:1") == a_label()
    assert ready.user("ann").held == ("tinder:1",)


def test_refreshing_replaces_what_was_seen_of_this_very_label(ready):
    ready.put_label(a_label())
    ready.record_decision(unsure(), fence=1)
    fresh = a_label(backbone="f" * 64, features=b"xxxx")

    assert ready.refresh_label(fresh) is True
    assert ready.refresh_label(fresh) is True
    assert ready.label("ann", "tinder:1") == fresh
    assert ready.user("ann").held == ("tinder:1",)


@pytest.mark.parametrize("changes", [{"labelled_at": later(1)}, {"labelled_at": later(-1)}, {"choice": "pass"}])
def test_refreshing_leaves_another_label_of_the_card_alone(store, changes):
    store.put_label(a_label(**changes))

    assert store.refresh_label(a_label(features=b"xxxx")) is False
    assert store.label("ann", "tinder:1") == a_label(**changes)


def test_refreshing_brings_no_deleted_label_back(store):
    store.put_label(a_label())
    store.delete_label("ann", "tinder:1")

    assert store.refresh_label(a_label()) is False
    assert store.labels("ann") == []


def test_a_label_put_twice_is_there_once(store):
    assert store.put_label(a_label()) is True
    assert store.put_label(a_label()) is True

    assert store.labels("ann") == [a_label(features=b"")]


def test_a_deleted_label_is_returned_whole_and_gone(store):
    store.put_label(a_label())

    assert store.delete_label("ann", "tinder:1") == a_label()
    assert store.delete_label("ann", "tinder:1") is None
    assert store.labels("ann") == []


def test_labels_come_by_card_without_features(store):
    for card_id in ("b:1", "a:2", "a:10", "a:Z", "a:é"):
        store.put_label(a_label(card_id))
    store.put_label(a_label("a:1", user_id="bob"))

    labels = store.labels("ann")

    assert [label.card_id for label in labels] == sorted(("b:1", "a:2", "a:10", "a:Z", "a:é"))
    assert {label.features for label in labels} == {b""}


def test_features_come_for_the_cards_asked(store):
    for number in range(3):
        store.put_label(a_label(f"a:{number}", features=bytes([number])))

    assert store.label_features("ann", ["a:2", "a:0", "a:7"]) == {"a:0": b"\0", "a:2": b"\2"}
    assert store.label_features("ann", []) == {}
    assert store.label_features("bob", ["a:0"]) == {}


def test_thousands_of_labels_are_read_at_once(store):
    for number in range(1500):
        store.put_label(a_label(f"a:{number}"))

    assert len(store.labels("ann")) == 1500
    assert len(store.label_features("ann", [f"a:{number}" for number in range(1500)])) == 1500


def test_labels_put_at_the_same_time_are_all_there_and_the_newest_wins(store):
    race_each(
        [
            lambda second=second: [store.put_label(a_label(f"a:{n}", labelled_at=later(second))) for n in range(20)]
            for second in range(4)
        ]
    )

    labels = store.labels("ann")
    assert len(labels) == 20
    assert {label.labelled_at for label in labels} == {later(3)}


# models


def test_a_model_is_read_as_it_was(store):
    assert store.put_model(a_model()) is True
    assert store.model("ann", 1) == a_model()


def test_an_existing_version_is_refused_and_nothing_changes(store):
    store.put_model(a_model())

    assert store.put_model(a_model(head=b"other")) is False
    assert store.model("ann", 1) == a_model()


def test_an_absent_model_is_none(store):
    store.put_model(a_model())

    assert store.model("ann", 2) is None
    assert store.model("bob", 1) is None


def test_models_come_newest_version_first(store):
    for version in (2, 10, 9, 1):
        store.put_model(a_model(version))
    store.put_model(a_model(11, user_id="bob"))

    assert [model.version for model in store.models("ann")] == [10, 9, 2, 1]
    assert store.models("ann", limit=2) == [a_model(10), a_model(9)]
    assert store.models("nobody") == []


def test_a_metric_that_is_no_number_is_refused_and_not_half_stored(store):
    with pytest.raises(ValueError, match="JSON"):
        store.put_model(a_model(metrics={"auc": math.nan}))

    assert store.models("ann") == []


def test_one_of_many_publishes_a_version(store):
    for version in range(1, 30):
        assert sorted(race(lambda: store.put_model(a_model(version)), threads=3)) == [False, False, True]  # noqa: B023


# a world that fails

OPERATIONS = {
    "create_user": lambda s: s.create_user(a_user()),
    "user": lambda s: s.user("ann"),
    "set_acting": lambda s: s.set_acting("ann", acting_on=None),
    "set_champion": lambda s: s.set_champion("ann", 1, expected=None),
    "due_users": lambda s: s.due_users(NOW, limit=1),
    "take_lease": lambda s: s.take_lease(a_session(), owner="me", at=NOW, until=later(1)),
    "begin_action": lambda s: s.begin_action(**action()),
    "finish_action": lambda s: s.finish_action(**outcome()),
    "raise_unknown": lambda s: s.raise_unknown("ann", "tinder:1", acted_key="k", match_id="m"),
    "record_decision": lambda s: s.record_decision(a_decision(), fence=1),
    "decision": lambda s: s.decision("ann", "tinder:1", at=NOW),
    "decisions": lambda s: s.decisions("ann", at=NOW, limit=1),
    "acted": lambda s: s.acted("ann", ["k"]),
    "put_label": lambda s: s.put_label(a_label()),
    "refresh_label": lambda s: s.refresh_label(a_label()),
    "delete_label": lambda s: s.delete_label("ann", "tinder:1"),
    "labels": lambda s: s.labels("ann"),
    "label_features": lambda s: s.label_features("ann", ["tinder:1"]),
    "put_model": lambda s: s.put_model(a_model()),
    "model": lambda s: s.model("ann", 1),
    "models": lambda s: s.models("ann"),
    "delete_expired": lambda s: s.delete_expired(NOW),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_broken_world_raises_instead_of_answering(broken_store, operation):
    with pytest.raises(OSError, match="closed"):
        OPERATIONS[operation](broken_store)
