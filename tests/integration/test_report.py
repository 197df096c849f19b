"""Honest figures: each with its number, an interval where it is a share, and none where there is not enough."""

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from swipr.errors import NotFoundError
from swipr.intervals import wilson
from swipr.learning import evidence
from swipr.learning.evidence import CurvePoint, Doubt, Evidence
from swipr.models import Decision, Label, Prediction, SessionReport, Status, SwipeSession, User
from swipr.reporting import report
from swipr.reporting.report import DAYS, report_of, share
from swipr.reporting.shares import ENOUGH, NOT_ENOUGH
from tests.doubles import Clock
from tests.moving import BACKBONE, Home, a_model, local_home, settle


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "home", Clock()) as home:
        yield home


def said(home: Home, user_id: str = "ann") -> report.Report:
    return report_of(user_id, store=home.store, blobs=home.blobs, at=home.clock.now())


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
    assert few.text == f"{NOT_ENOUGH}: {few.hits} of {ENOUGH - 1} cards, {ENOUGH} are needed"
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


def champion(home: Home, version: int, **changes: object) -> None:
    user = home.store.user("ann")
    assert user is not None
    home.store.put_model(a_model("ann", version, home.clock.now()).model_copy(update=changes))
    assert home.store.set_champion("ann", version, expected=user.champion)


def test_the_champion_is_measured_out_of_fold_against_always_saying_the_same(home: Home) -> None:
    settle(home)
    champion(home, 4, labels=40, likes=20, parent=2, kind="tuned", candidate="c-1")

    model = said(home).model

    assert model is not None
    assert (model.version, model.n, model.auc, model.auc_low, model.auc_high) == (4, 40, 0.8125, 0.7, 0.9)
    assert (model.kind, model.candidate, model.lineage) == ("tuned", "c-1", (2,))
    assert (model.accuracy.share, model.log_loss, model.log_loss_low) == (0.75, 0.5, None)
    assert "always saying the same would be right 50 of 100 times" in model.text


def test_of_few_labels_no_figure_is_given(home: Home) -> None:
    settle(home)

    model = said(home).model

    assert model is not None
    assert (model.version, model.n) == (2, 12)
    assert (model.auc, model.log_loss, model.calibration_error) == (None, None, None)
    assert model.accuracy.share is None
    assert f"{NOT_ENOUGH}: 12 labels, {ENOUGH} are needed" in model.text


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

    decisions = report_of("ann", store=home.store, blobs=home.blobs, at=home.clock.now(), most_decisions=5).decisions

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


# --- what is known of the newest version, and what was said beforehand ---------------------------------------------


def learned(
    home: Home, version: int, *, doubts: tuple[Doubt, ...] = (), curve: tuple[CurvePoint, ...] = ()
) -> Evidence:
    """Left-out answers of 40 labels, 36 of them right."""
    liked = tuple(n % 2 == 0 for n in range(40))
    scores = tuple((0.8 + n / 1000) if like else (0.2 + n / 1000) for n, like in enumerate(liked))
    wrong = {0, 1, 2, 4}
    scores = tuple(1 - score if n in wrong else score for n, score in enumerate(scores))
    known = Evidence(
        version=version, backbone=BACKBONE, labels_hash="h", made_at=home.clock.now(), scores=scores, left_out=scores,
        liked=liked, said=tuple(score > 0.5 for score in scores), threshold=0.5, doubtful=doubts, curve=curve,
    )  # fmt: skip
    evidence.write("ann", known, home.blobs)
    return known


def test_figures_come_with_intervals_from_the_left_out_answers_of_this_very_version(home: Home) -> None:
    settle(home)
    champion(home, 4, labels=40, likes=20)
    learned(home, 4)

    model = said(home).model

    assert model is not None
    assert (model.n, model.likes, model.accuracy.hits, model.majority) == (40, 20, 36, 0.5)
    assert (model.precision.hits, model.precision.n, model.recall.hits, model.recall.n) == (17, 18, 17, 20)
    for low, value, high in (
        (model.auc_low, model.auc, model.auc_high),
        (model.log_loss_low, model.log_loss, model.log_loss_high),
        (model.calibration_error_low, model.calibration_error, model.calibration_error_high),
    ):
        assert low is not None
        assert value is not None
        assert high is not None
        assert low < value < high


def test_the_answers_that_plots_are_made_of_are_those_of_the_version_in_charge(home: Home) -> None:
    settle(home)
    champion(home, 4, labels=40, likes=20)
    known = learned(home, 4)

    answers = said(home).answers

    assert answers is not None
    assert (answers.version, answers.threshold, answers.liked, answers.said) == (4, 0.5, known.liked, known.said)
    assert answers.scores == tuple(round(score, 4) for score in known.scores)
    assert answers.uncalibrated == (), "evidence kept by an earlier version has none"
    few = {name: getattr(known, name)[:19] for name in ("liked", "said", "scores", "left_out")}
    evidence.write("ann", known.model_copy(update=few), home.blobs)
    assert said(home).answers is None, "too few to draw"
    learned(home, 3)
    assert said(home).answers is None


def test_left_out_answers_of_another_version_are_not_the_champions(home: Home) -> None:
    settle(home)
    champion(home, 4, labels=40, likes=20)
    learned(home, 3)

    model = said(home).model

    assert model is not None
    assert (model.auc, model.log_loss_low) == (0.8125, None)


def test_refits_that_got_worse_ask_for_a_look_at_the_labels(home: Home) -> None:
    settle(home)
    assert said(home).model.warning is None  # type: ignore[union-attr]

    champion(home, 4, metrics={"worsened": 1.0})

    assert "look at the labels that may be wrong" in str(said(home).model.warning)  # type: ignore[union-attr]


def doubt(number: int, choice: str, score: float) -> Doubt:
    loss = -math.log(score if choice == "like" else 1 - score)
    return Doubt(card_id=f"simulator:{number}", choice=choice, score=score, loss=loss, said=score > 0.5)  # type: ignore[arg-type]


def label(home: Home, number: int, choice: str, **changes: object) -> None:
    known = {
        "user_id": "ann", "card_id": f"simulator:{number}", "choice": choice, "backbone": BACKBONE,
        "labelled_at": home.clock.now(), "features": b"\0\0",
    }  # fmt: skip
    home.store.put_label(Label.model_validate(known | changes))


def test_worst_mistakes_stay_listed_once_confirmed_but_are_likely_wrong_labels_no_more(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for number in (1, 2):
        label(home, number, "like")
    label(home, 1, "like", chosen_by="recheck")
    learned(home, 1, doubts=(doubt(1, "like", 0.02), doubt(2, "like", 0.1), doubt(3, "like", 0.2)))

    found = said(home).contradictions

    assert [(each.card_id, each.confirmed) for each in found.mistakes] == [
        ("simulator:1", True), ("simulator:2", False),
    ]  # fmt: skip
    assert ([each.card_id for each in found.likely_wrong], found.n) == (["simulator:2"], 1)


def test_the_users_own_repeated_labels_say_how_sure_they_are_themselves(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for number in range(ENOUGH):
        label(home, number, "like")
        label(home, number, "pass" if number < 5 else "like", chosen_by="recheck")
    label(home, 99, "like")
    label(home, 99, "pass")  # changed of their own accord: nobody asked

    repeated = said(home).repeated

    assert (repeated.n, repeated.hits, repeated.share) == (ENOUGH, ENOUGH - 5, 0.75)
    assert "doubtful ones" in repeated.text
    assert said(home).labels.by_chosen_by == {"person": 1, "recheck": ENOUGH}


def test_what_was_said_before_a_label_was_known_is_compared_with_it(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    for number in range(30):
        verdict = "unsure" if number < 5 else "like" if number < 25 else "pass"
        before = (Prediction(version=1 + number % 3, score=0.6, verdict=verdict),)  # type: ignore[arg-type]
        label(home, number, "like", predicted=before, chosen_by="random" if number % 2 else "uncertain")
    label(home, 99, "pass")

    foretold = said(home).foretold

    assert (foretold.all_cards.n, foretold.all_cards.hits, foretold.all_cards.share) == (25, 20, 0.8)
    assert (foretold.any_card.n, foretold.any_card.share) == (13, None)
    assert NOT_ENOUGH in foretold.any_card.text


def test_the_version_that_waits_is_compared_on_cards_asked_of_both(home: Home) -> None:
    settle(home)
    assert said(home).shadow is None
    champion(home, 4)
    waiting = a_model("ann", 5, home.clock.now()).model_copy(update={"candidate": "c-5"})
    home.store.put_model(waiting)
    home.store.set_shadow("ann", 5, expected=None)
    for number in range(100, 100 + ENOUGH):
        both = tuple(
            Prediction(version=version, score=0.6, verdict="like" if version == 5 or number % 2 else "pass")
            for version in (4, 5)
        )
        label(home, number, "like", predicted=both)

    shadow = said(home).shadow

    assert shadow is not None
    assert (shadow.version, shadow.candidate, shadow.pairs, shadow.needed) == (5, "c-5", ENOUGH, 60)
    assert (shadow.right.share, shadow.right_in_charge.share) == (1.0, 0.5)


def test_the_learning_curve_is_the_last_one_made(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))
    assert said(home).curve.points == ()
    assert NOT_ENOUGH in said(home).curve.text

    point = CurvePoint(labels=20, draws=5, auc=0.8, auc_low=0.7, auc_high=0.9, accuracy=0.75, log_loss=0.5)
    learned(home, 1, curve=(point,))

    assert said(home).curve.points == (point,)
