"""What Swipr can honestly say of how it does for one user: each figure with its number, none without enough of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from swipr.errors import NotFoundError
from swipr.learning import evidence
from swipr.learning.evidence import CurvePoint
from swipr.models import Decision, Label, MatchRecord, SessionReport, User, Value
from swipr.ports import Blobs, Store
from swipr.reporting.label_figures import (
    Contradictions,
    Foretold,
    LabelFigures,
    contradictions,
    counts,
    foretold,
    label_figures,
    repeated,
)
from swipr.reporting.model_figures import (
    Answers,
    ModelFigures,
    ShadowFigures,
    answers,
    model_figures,
    shadow_figures,
)
from swipr.reporting.shares import Share, share

DAYS = 30
#: At most so many of the newest decisions are read; the report says when there are more.
MOST_DECISIONS = 5_000
_PAGE = 500
NO_CURVE = "not enough data yet: there is none before the first full fit"
CURVE = "each point: models from so many of your labels, measured on your other labels"


class DecisionFigures(Value):
    """`bounded`: there were more than could be read; the figures are of the newest `n`."""

    days: int
    n: int
    bounded: bool
    filtered: int
    by_verdict: dict[str, int]
    by_state: dict[str, int]
    text: str


class MatchFigures(Value):
    n: int
    gone: int
    """No longer listed by the deck."""
    by_outcome: dict[str, int]
    """`none_noted` where the user noted none."""


class CostFigures(Value):
    """Of the sessions remembered, by list prices; nothing was billed for what ran on one's own machine."""

    n: int
    photos: int
    microusd: float
    microusd_per_photo: float | None = None
    text: str


class LearningCurve(Value):
    points: tuple[CurvePoint, ...]
    text: str


class Report(Value):
    user_id: str
    at: AwareDatetime
    labels: LabelFigures
    model: ModelFigures | None
    """Of the version in charge."""
    answers: Answers | None
    """Of the version in charge; none without enough of them."""
    shadow: ShadowFigures | None
    """Of the version that waits behind the gate."""
    foretold: Foretold
    repeated: Share
    """Of labels the user was asked about again: how often they said the same."""
    curve: LearningCurve
    contradictions: Contradictions
    decisions: DecisionFigures
    agreement: Share
    """Of cards judged like or pass that the user labelled afterwards: how often both said the same."""
    like_rate: Share
    """Of what was sent: likes."""
    match_rate: Share
    """Of likes sent: matches."""
    matches: MatchFigures
    costs: CostFigures


NONE_YET = LearningCurve(points=(), text=NO_CURVE)


def report_of(
    user_id: str, *, store: Store, blobs: Blobs, at: datetime, most_decisions: int = MOST_DECISIONS
) -> Report:
    """Raises NotFoundError for an unknown user."""
    user = store.user(user_id)
    if user is None:
        raise NotFoundError("no such user")
    labels, known = store.labels(user_id), evidence.read(user_id, blobs)
    by_card = {label.card_id: label for label in labels}
    decisions, bounded = _recent(user_id, store, at, most_decisions)
    model = store.model(user_id, user.champion) if user.champion is not None else None
    return Report(
        user_id=user_id,
        at=at,
        labels=label_figures(labels),
        model=model_figures(model, known, store) if model else None,
        answers=answers(model, known) if model else None,
        shadow=shadow_figures(user, labels, store),
        foretold=foretold(labels),
        repeated=repeated(labels),
        curve=LearningCurve(points=known.curve, text=CURVE) if known and known.curve else NONE_YET,
        contradictions=contradictions(known, by_card),
        decisions=_decision_figures(decisions, bounded=bounded),
        agreement=_agreement(decisions, by_card),
        like_rate=_like_rate(decisions),
        match_rate=_match_rate(decisions),
        matches=_match_figures(store.matches(user_id, at=at)),
        costs=_cost_figures(user),
    )


# --- one figure each -----------------------------------------------------------------------------------


def _recent(user_id: str, store: Store, at: datetime, most: int) -> tuple[list[Decision], bool]:
    """Decisions of the last days, newest first, and whether there are more than were read."""
    found: list[Decision] = []
    for decision in _newest_first(user_id, store, at):
        if decision.decided_at < at - timedelta(days=DAYS):
            break
        if len(found) == most:
            return found, True
        found.append(decision)
    return found, False


def _newest_first(user_id: str, store: Store, at: datetime) -> Iterator[Decision]:
    before = None
    while page := store.decisions(user_id, at=at, limit=_PAGE, before=before):
        yield from page
        before = page[-1].decided_at, page[-1].card_id
        if len(page) < _PAGE:
            return


def _decision_figures(decisions: Sequence[Decision], *, bounded: bool) -> DecisionFigures:
    text = (
        f"the newest {len(decisions)} of the last {DAYS} days; there are more"
        if bounded
        else (f"all of the last {DAYS} days")
    )
    return DecisionFigures(
        days=DAYS,
        n=len(decisions),
        bounded=bounded,
        filtered=sum(decision.filtered for decision in decisions),
        by_verdict=counts(decision.verdict for decision in decisions),
        by_state=counts(decision.state for decision in decisions),
        text=text,
    )


def _agreement(decisions: Sequence[Decision], labels: Mapping[str, Label]) -> Share:
    """Cards passed by a filter were never judged, and unsure is no verdict to agree with."""
    judged = [d for d in decisions if d.verdict in ("like", "pass") and not d.filtered and d.card_id in labels]
    later = [d for d in judged if labels[d.card_id].labelled_at > d.decided_at]
    same = sum(d.verdict == labels[d.card_id].choice for d in later)
    return share(same, len(later), "verdicts you judged afterwards (people look at what seems wrong)")


def _like_rate(decisions: Sequence[Decision]) -> Share:
    sent = [decision for decision in decisions if decision.state == "sent"]
    return share(sum(_is_like(decision) for decision in sent), len(sent), "swipes sent were likes")


def _match_rate(decisions: Sequence[Decision]) -> Share:
    likes = [decision for decision in decisions if decision.state == "sent" and _is_like(decision)]
    return share(sum(decision.match_id is not None for decision in likes), len(likes), "likes sent became matches")


def _is_like(decision: Decision) -> bool:
    return decision.action in ("like", "superlike") or (decision.action is None and decision.verdict == "like")


def _match_figures(matches: Sequence[MatchRecord]) -> MatchFigures:
    return MatchFigures(
        n=len(matches),
        gone=sum(match.gone_at is not None for match in matches),
        by_outcome=counts(match.outcome or "none_noted" for match in matches),
    )


def _cost_figures(user: User) -> CostFigures:
    sessions: tuple[SessionReport, ...] = user.recent_sessions
    photos, cost = sum(each.photos for each in sessions), sum(each.cost_microusd for each in sessions)
    return CostFigures(
        n=len(sessions),
        photos=photos,
        microusd=round(cost, 1),
        microusd_per_photo=round(cost / photos, 2) if photos else None,
        text=f"the last {len(sessions)} sessions, by AWS's list prices at the speed they ran; not what was billed",
    )
