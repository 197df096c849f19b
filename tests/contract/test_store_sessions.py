"""What every Store means: one session per user, from its lease to its end."""

import pytest

from swipr.models import Lease, SessionReport, SwitchEvent
from swipr.ports import LeaseRefusal
from tests.contract.races import race
from tests.contract.values import (
    NOW,
    a_decision,
    a_report,
    a_session,
    a_status,
    a_user,
    action,
    later,
    lease_of,
)


def take(store, session=None, at=NOW, until=None, owner="me"):
    return store.take_lease(session or a_session(), owner=owner, at=at, until=until or later(60))


def end(store, fence=1, **more):
    known = {"fence": fence, "report": a_report(), "status": a_status("done")}
    return store.end_session("ann", **(known | more))


# leases


def test_a_first_lease_raises_the_fence(store):
    store.create_user(a_user())

    lease = take(store)

    assert lease == Lease(owner="me", until=later(60), fence=1)
    begun = {"session_id": a_session().session_id, "session_ended": False}
    assert store.user("ann") == a_user(lease=lease, fence=1, **begun)


def test_a_disabled_user_gets_a_lease_too(store):
    store.create_user(a_user(enabled=False, next_due_at=None))

    assert isinstance(take(store), Lease)


def test_an_unknown_user_gets_none(store):
    assert take(store, a_session("nobody")) is LeaseRefusal.UNKNOWN_USER


@pytest.mark.parametrize("at", [later(60), later(61)])
def test_a_lease_that_ended_is_taken_over(store, at):
    store.create_user(a_user())
    take(store, owner="first")

    lease = take(store, at=at, until=later(120), owner="second")

    assert lease == Lease(owner="second", until=later(120), fence=2)


def test_the_same_session_goes_on_counting_and_a_new_one_starts_at_zero(store):
    store.create_user(a_user())
    lease_of(store)
    store.begin_action(**action())

    take(store, at=later(60), until=later(90))
    assert store.user("ann").session_swipes == 1

    take(store, a_session(due_at=later(100)), at=later(100), until=later(190))
    assert store.user("ann").session_swipes == 0


def refused(store, session, at):
    before = store.user("ann")
    answer = take(store, session, at=at, until=later(900))
    assert store.user("ann") == before
    return answer


def test_the_session_that_runs_is_refused_to_others(store):
    store.create_user(a_user())
    take(store)

    assert refused(store, a_session(), later(59.999999)) is LeaseRefusal.SAME_SESSION_RUNS


def test_another_session_is_refused_while_one_runs(store):
    store.create_user(a_user())
    take(store)

    assert refused(store, a_session(due_at=later(1)), later(59)) is LeaseRefusal.OTHER_SESSION_RUNS


def test_a_session_that_has_ended_is_refused(store):
    store.create_user(a_user())
    take(store)
    end(store)

    assert refused(store, a_session(), later(1)) is LeaseRefusal.ENDED
    assert refused(store, a_session(), later(600)) is LeaseRefusal.ENDED


def test_an_earlier_session_is_refused_as_stale_whatever_runs(store):
    store.create_user(a_user())
    take(store, a_session(due_at=later(1)))

    assert refused(store, a_session(), later(2)) is LeaseRefusal.STALE
    assert refused(store, a_session(), later(600)) is LeaseRefusal.STALE
    end(store)
    assert refused(store, a_session(), later(600)) is LeaseRefusal.STALE


def test_slots_a_microsecond_apart_are_in_order(store):
    store.create_user(a_user())
    take(store, a_session(due_at=later(0.000001)))

    assert refused(store, a_session(), later(600)) is LeaseRefusal.STALE


def test_one_of_many_gets_the_lease(store, rounds):
    store.create_user(a_user())

    for slot in range(rounds(200)):
        session = a_session(due_at=later(slot))
        answers = race(lambda: take(store, session, at=later(slot), until=later(slot + 1)), threads=3)  # noqa: B023
        assert [isinstance(answer, Lease) for answer in answers].count(True) == 1
        assert answers.count(LeaseRefusal.SAME_SESSION_RUNS) == 2
    assert store.user("ann").fence == rounds(200)


# the end


def test_an_ended_session_releases_its_lease_and_says_so(store):
    store.create_user(a_user())
    take(store)
    before = store.user("ann")

    assert end(store) is True

    changes = {"lease": None, "session_ended": True, "status": a_status("done")}
    assert store.user("ann") == before.model_copy(update=changes | {"recent_sessions": (a_report(),)})


@pytest.mark.parametrize("fence", [0, 2])
def test_a_fenced_out_owner_ends_nothing(store, fence):
    store.create_user(a_user())
    take(store)
    before = store.user("ann")

    assert end(store, fence=fence, switch_off=True, keep_due=False) is False
    assert store.user("ann") == before


def test_an_unknown_user_has_no_session_to_end(store):
    assert store.end_session("nobody", fence=0, report=a_report(), status=a_status()) is False


def test_ending_twice_is_ending_once(store):
    store.create_user(a_user())
    take(store)
    end(store)
    after = store.user("ann")

    assert end(store, switch_off=True, status=a_status("other")) is True
    assert store.user("ann") == after


def test_reports_come_newest_first_and_eight_are_kept(store):
    store.create_user(a_user())

    for slot in range(10):
        take(store, a_session(due_at=later(slot)), at=later(slot))
        assert end(store, fence=slot + 1, report=a_report(f"s{slot}"))

    assert [r.session_id for r in store.user("ann").recent_sessions] == [f"s{n}" for n in range(9, 1, -1)]


def test_a_report_is_read_as_it_was(store):
    counts = {"cards": 3, "filtered": 1, "liked": 1, "passed": 1, "judge_ms": 1.25, "cost_microusd": 0.1}
    report = SessionReport(**(a_report().model_dump() | counts))
    store.create_user(a_user())
    take(store)

    end(store, report=report)

    assert store.user("ann").recent_sessions == (report,)


@pytest.mark.parametrize(
    ("told", "due_at"),
    [
        ({}, NOW),
        ({"next_due_at": later(5)}, NOW),
        ({"keep_due": False}, None),
        ({"keep_due": False, "next_due_at": later(5)}, later(5)),
        ({"deck_wait_until": later(9)}, later(9)),
        ({"deck_wait_until": later(-9)}, NOW),
        ({"deck_wait_until": later(9), "keep_due": False, "next_due_at": later(5)}, later(9)),
        ({"deck_wait_until": later(9), "keep_due": False, "next_due_at": later(20)}, later(20)),
        ({"deck_wait_until": later(9), "keep_due": False}, None),
        ({"switch_off": True}, None),
        ({"switch_off": True, "keep_due": False, "next_due_at": later(5)}, None),
    ],
)
def test_when_the_user_is_due_after_the_session(store, told, due_at):
    store.create_user(a_user())
    take(store)

    end(store, **told)

    user = store.user("ann")
    assert user.next_due_at == due_at
    assert user.deck_wait_until == told.get("deck_wait_until")
    assert user.enabled is not told.get("switch_off", False)
    assert [d.due_at for d in store.due_users(later(3600), limit=5)] == ([due_at] if due_at else [])


def test_a_switch_off_by_swipr_is_remembered_as_its_own(store):
    store.create_user(a_user())
    take(store)

    end(store, switch_off=True, status=a_status("the deck refuses"), report=a_report(ended_at=later(9)))

    event = SwitchEvent(at=later(9), enabled=False, by="swipr", reason="the deck refuses")
    assert store.user("ann").switch_history == (event,)


def test_swipr_turns_no_switch_that_is_off_already(store):
    store.create_user(a_user(enabled=False, next_due_at=None))
    take(store)

    end(store, switch_off=True)

    assert store.user("ann").switch_history == ()


@pytest.mark.parametrize(("due_seen", "due_at"), [(NOW, later(5)), (later(-1), NOW)])
def test_whoever_moved_the_due_time_meanwhile_wins(store, due_seen, due_at):
    store.create_user(a_user())
    take(store)

    end(store, keep_due=False, next_due_at=later(5), due_seen=due_seen)

    assert store.user("ann").next_due_at == due_at


def test_a_session_that_ends_after_the_switch_went_off_makes_nobody_due(store):
    store.create_user(a_user())
    take(store)
    store.switch("ann", enabled=False, at=NOW, status=a_status())

    end(store, keep_due=False, next_due_at=later(5))

    assert store.user("ann").next_due_at is None
    assert store.due_users(later(3600), limit=5) == []


def test_a_wait_known_before_stays_known(store):
    store.create_user(a_user(deck_wait_until=later(9)))
    take(store)

    end(store)

    assert store.user("ann").deck_wait_until == later(9)


def test_a_session_may_end_though_its_lease_ran_out_but_nobody_took_it(store):
    store.create_user(a_user())
    take(store, until=later(1))

    assert end(store, report=a_report(ended_at=later(600))) is True


def test_what_is_in_flight_when_a_session_ends_stays_in_flight(store):
    store.create_user(a_user())
    take(store)
    store.begin_action(**action())

    end(store)

    assert store.user("ann").in_flight.card_id == "tinder:1"


def test_a_fenced_out_owner_records_nothing(store):
    store.create_user(a_user())
    take(store)
    take(store, at=later(60), until=later(120))

    assert store.record_decision(a_decision(), fence=1) is False
    assert store.record_decision(a_decision(), fence=2) is True
