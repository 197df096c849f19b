"""Honest figures: each with its number, an interval where it is a share, and none where there is not enough."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from swipr import report
from swipr.errors import NotFoundError
from swipr.intervals import wilson
from swipr.models import Decision, Label, SessionReport, Status, SwipeSession, User
from swipr.report import DAYS, ENOUGH, NOT_ENOUGH, report_of, share
from tests.doubles import Clock
from tests.moving import BACKBONE, Home, local_home, settle


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "home", Clock()) as home:
        yield home


def said(home: Home, user_id: str = "ann") -> report.Report:
    return report_of(user_id, store=home.store, at=home.clock.now())


def decide(home: Home, number: int, **changes: object) -> Decision:
    at = home.clock.now() - timedelta(hours=2)
    known = {
        "user_id": "ann",
        "card_id": f"simulator:{number}",
        "session_id": "s",
        "verdict": "like",
        "reason": "-",
        "state": "sent",
        "action": "like",
        "score": 0.9,
        "decided_at": at,
        "expires_at": at + timedelta(days=60),
    }
    decision = Decision.model_validate(known | changes)
    assert home.store.restore_decision(decision, acted_key=f"key {number}")
    return decision


def correct(home: Home, number: int, choice: str, hours: float) -> None:
    at = home.clock.now() + timedelta(hours=hours)
    label = {"card_id": f"simulator:{number}", "choice": choice, "labelled_at": at, "source": "correction"}
    home.store.put_label(Label.model_validate(label | {"user_id": "ann", "backbone": BACKBONE, "features": b"\0\0"}))


# --- intervals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 20, 0.0089, 0.2361), (0, 0, 0, 1)],
)
def test_wilsons_interval_is_as_published(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-4)


def test_a_share_of_too_few_is_none() -> None:
    few, enough = share(3, ENOUGH - 1, "cards"), share(3, ENOUGH, "cards")

    assert (few.share, few.low, few.high) == (None, None, None)
    assert few.text == f"{NOT_ENOUGH}: {ENOUGH - 1} cards, {ENOUGH} are needed"
    assert (enough.share, enough.n, enough.hits) == (0.15, 20, 3)
    assert 0 < float(enough.low or 0) < 0.15 < float(enough.high or 0)


# --- figures -----------------------------------------------------------------------------------------------------


def test_nobody_has_no_report(home: Home) -> None:
    with pytest.raises(NotFoundError):
        said(home)


def test_a_new_user_has_no_shares_and_no_model(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))

    figures = said(home)

    assert (figures.labels.n, figures.model, figures.decisions.n, figures.matches.n, figures.costs.n) == (
        0, None, 0, 0, 0,
    )  # fmt: skip
    for each in (figures.agreement, figures.like_rate, figures.match_rate):
        assert (each.share, each.n) == (None, 0)
        assert NOT_ENOUGH in each.text


def test_labels_decisions_and_matches_are_counted_by_kind(home: Home) -> None:
    settle(home)

    figures = said(home)

    assert (figures.labels.n, figures.labels.by_choice, figures.labels.by_source) == (
        6, {"like": 3, "pass": 3}, {"correction": 6},
    )  # fmt: skip
    assert figures.decisions.by_state == {"dry_run": 1, "failed": 1, "sent": 2, "unknown": 1, "unsure": 1}
    assert figures.decisions.bounded is False
    assert figures.matches.by_outcome == {"talked": 1}


def test_the_champion_is_measured_out_of_fold_against_always_saying_the_same(home: Home) -> None:
    settle(home)

    model = said(home).model

    assert model is not None
    assert (model.version, model.n, model.auc, model.auc_low, model.auc_high) == (2, 12, 0.8125, 0.7, 0.9)
    assert model.accuracy.share is None  # 12 labels are not enough for a share
    assert "always saying the same would be right 50 of 100 times" in model.text


def test_the_likes_and_matches_of_what_was_sent_are_shares_with_intervals(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for n in range(40):
        decide(home, n, **({} if n < 30 else {"verdict": "pass", "action": "pass"}), match_id="m" if n < 6 else None)
    decide(home, 98, state="unknown")
    decide(home, 99, state="dry_run", action=None)

    figures = said(home)

    assert (figures.like_rate.hits, figures.like_rate.n, figures.like_rate.share) == (30, 40, 0.75)
    assert (figures.match_rate.hits, figures.match_rate.n, figures.match_rate.share) == (6, 30, 0.2)
    assert "95 % between" in figures.match_rate.text


def test_agreement_counts_only_what_was_judged_before_it_was_labelled(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for n in range(60):
        decide(home, n, verdict="unsure" if n >= 50 else "like", filtered=n in (48, 49))
        correct(home, n, "like" if n < 15 else "pass", hours=-1 if n < 30 else -3)

    agreement = said(home).agreement

    assert (agreement.n, agreement.hits, agreement.share) == (30, 15, 0.5)


def test_what_is_older_than_the_days_is_not_in_the_report(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    decide(home, 1)
    decide(home, 2, decided_at=home.clock.now() - timedelta(days=DAYS, hours=1))

    assert said(home).decisions.n == 1


def test_a_bounded_reading_says_so(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for n in range(7):
        decide(home, n, decided_at=home.clock.now() - timedelta(hours=n + 2))

    decisions = report_of("ann", store=home.store, at=home.clock.now(), most_decisions=5).decisions

    assert (decisions.n, decisions.bounded) == (5, True)
    assert "there are more" in decisions.text


def test_costs_are_those_of_the_sessions_remembered(home: Home) -> None:
    home.store.create_user(User(user_id="ann", enabled=True))
    at = home.clock.now()
    lease = home.store.take_lease(
        SwipeSession(user_id="ann", due_at=at), owner="x", at=at, until=at + timedelta(seconds=9)
    )
    ended = SessionReport(
        session_id="s", started_at=at, ended_at=at, outcome="done", deck="simulator", acting=True, photos=10,
        cost_microusd=25.0,
    )  # fmt: skip
    home.store.end_session("ann", fence=lease.fence, report=ended, status=Status(code="done", text="-", at=at))  # type: ignore[union-attr]

    costs = said(home).costs

    assert (costs.n, costs.photos, costs.microusd, costs.microusd_per_photo) == (1, 10, 25.0, 2.5)
    assert "not what was billed" in costs.text
