"""What every Store means: decisions, what was acted on, and what expires."""

from threading import Thread

import pytest

from swipr.errors import NotFoundError
from swipr.models import BlobRange
from swipr.ports import Begun
from tests.contract.values import (
    NOW,
    a_decision,
    a_label,
    a_model,
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


def test_only_decisions_expire(ready, expire):
    ready.put_label(a_label())
    ready.put_model(a_model())
    ready.begin_action(**action())
    ready.finish_action(**outcome())

    expire(later(10_000 * DAY_S))

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


# which match a like led to


def test_a_sent_like_is_attributed_its_match_once(ready):
    ready.begin_action(**action())
    ready.finish_action(**outcome())
    before = ready.user("ann"), ready.decision("ann", "tinder:1", at=NOW)

    assert ready.attribute_match("ann", "tinder:1", match_id="m1") is True
    assert ready.attribute_match("ann", "tinder:1", match_id="m2") is False

    attributed = before[1].model_copy(update={"match_id": "m1"})
    assert (ready.user("ann"), ready.decision("ann", "tinder:1", at=NOW)) == (before[0], attributed)


@pytest.mark.parametrize("state", ["pending", "failed", "unknown", None])
def test_nothing_but_a_sent_like_is_attributed_a_match(ready, state):
    if state:
        ready.begin_action(**action())
    if state in ("failed", "unknown"):
        ready.finish_action(**outcome(state=state))
    before = ready.decision("ann", "tinder:1", at=NOW)

    assert ready.attribute_match("ann", "tinder:1", match_id="m1") is False
    assert ready.decision("ann", "tinder:1", at=NOW) == before


# a forgotten card


def test_a_forgotten_card_s_decision_is_returned_and_gone_and_held_no_more(ready):
    for card_id in ("tinder:1", "tinder:2"):
        ready.record_decision(unsure(card_id), fence=1)

    assert ready.forget_card("ann", "tinder:1") == unsure("tinder:1")
    assert ready.forget_card("ann", "tinder:1") is None

    assert ready.decision("ann", "tinder:1", at=NOW) is None
    assert page(ready) == ["tinder:2"]
    assert ready.user("ann").held == ("tinder:2",)


def test_a_forgotten_card_stays_acted_on(ready):
    ready.begin_action(**action())
    ready.finish_action(**outcome())

    ready.forget_card("ann", "tinder:1")

    assert ready.acted("ann", ["key of tinder:1"]) == {"key of tinder:1": "sent"}
    assert ready.begin_action(**action()) is Begun.ACTED


def test_a_card_forgotten_in_flight_is_settled_without_a_decision(ready):
    ready.begin_action(**action())
    ready.forget_card("ann", "tinder:1")

    assert ready.finish_action(**outcome()) is True
    assert ready.user("ann").in_flight is None
    assert ready.decision("ann", "tinder:1", at=NOW) is None


def test_a_card_of_an_unknown_user_is_forgotten_without_a_word(store):
    assert store.forget_card("nobody", "tinder:1", forgotten_key="k") is None
    assert store.acted("nobody", ["k"]) == {}
    assert store.user("nobody") is None


def test_that_a_card_was_forgotten_is_remembered_by_its_key(ready):
    ready.forget_card("ann", "tinder:1", forgotten_key="k")
    ready.forget_card("ann", "tinder:1", forgotten_key="k")

    assert set(ready.acted("ann", ["k", "key of tinder:1"])) == {"k"}


# decisions of another install


@pytest.mark.parametrize("state", ["sent", "unknown"])
def test_a_restored_final_decision_is_read_as_it_was_and_never_acted_on_again(ready, state):
    decision = a_decision(state=state, action="like", acted_at=NOW, match_id="m", session_id="of another install")

    assert ready.restore_decision(decision, acted_key="key of tinder:1") is True

    assert ready.decision("ann", "tinder:1", at=NOW) == decision
    assert ready.acted("ann", ["key of tinder:1"]) == {"key of tinder:1": state}
    assert ready.begin_action(**action()) is Begun.ACTED


@pytest.mark.parametrize("state", ["dry_run", "unsure", "failed"])
def test_a_restored_decision_that_was_not_final_may_be_acted_on(ready, state):
    ready.restore_decision(a_decision(state=state), acted_key="key of tinder:1")

    assert ready.acted("ann", ["key of tinder:1"]) == {}
    assert ready.begin_action(**action()) is Begun.YES


def test_a_card_decided_here_is_not_restored(ready):
    ready.record_decision(a_decision(), fence=1)

    assert ready.restore_decision(a_decision(state="sent"), acted_key="key of tinder:1") is False
    assert ready.decision("ann", "tinder:1", at=NOW) == a_decision()
    assert ready.acted("ann", ["key of tinder:1"]) == {}


def test_a_card_acted_on_here_is_not_restored(ready):
    ready.begin_action(**action())
    ready.finish_action(**outcome())
    ready.forget_card("ann", "tinder:1")

    assert ready.restore_decision(a_decision(state="unknown"), acted_key="key of tinder:1") is False
    assert ready.decision("ann", "tinder:1", at=NOW) is None
    assert ready.acted("ann", ["key of tinder:1"]) == {"key of tinder:1": "sent"}


def test_a_decision_is_restored_for_a_known_user_only(store):
    with pytest.raises(NotFoundError):
        store.restore_decision(a_decision(state="sent"), acted_key="key of tinder:1")

    assert store.decision("ann", "tinder:1", at=NOW) is None
    assert store.acted("ann", ["key of tinder:1"]) == {}


# acted


def test_acted_tells_of_the_keys_that_exist(ready):
    ready.begin_action(**action("tinder:1"))
    ready.finish_action(**outcome("tinder:1", state="failed"))
    ready.begin_action(**action("tinder:2"))

    keys = [f"key of tinder:{number}" for number in range(500)]

    assert ready.acted("ann", iter(keys)) == {keys[1]: "failed", keys[2]: "pending"}
    assert ready.acted("ann", []) == {}
    assert ready.acted("bob", keys) == {}
