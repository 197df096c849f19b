"""What Swipr can honestly say of how it does for one user: each figure with its number, none without enough of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from swipr.errors import NotFoundError
from swipr.intervals import wilson
from swipr.models import Decision, Label, MatchRecord, ModelVersion, SessionReport, User, Value
from swipr.ports import Store

DAYS = 30
#: At most so many of the newest decisions are read; the report says when there are more.
MOST_DECISIONS = 5_000
_PAGE = 500
#: A share of fewer than these says nothing.
ENOUGH = 20
NOT_ENOUGH = "not enough data yet"


class Share(Value):
    """`hits` of `n`, with a Wilson 95 % interval; below `ENOUGH` no share, and `text` says so."""

    n: int
    hits: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    text: str


class LabelFigures(Value):
    n: int
    by_choice: dict[str, int]
    by_source: dict[str, int]


class ModelFigures(Value):
    """Of the champion, out of fold: each label judged by a model that had not seen it. `n` labels."""

    version: int
    n: int
    likes: int
    created_at: AwareDatetime
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    accuracy: Share
    precision: Share
    recall: Share
    majority: float | None = None
    """What always giving the commoner answer would get right."""
    log_loss: float | None = None
    calibration_error: float | None = None
    text: str


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


class Report(Value):
    user_id: str
    at: AwareDatetime
    labels: LabelFigures
    model: ModelFigures | None
    decisions: DecisionFigures
    agreement: Share
    """Of cards judged like or pass that the user labelled afterwards: how often both said the same."""
    like_rate: Share
    """Of what was sent: likes."""
    match_rate: Share
    """Of likes sent: matches."""
    matches: MatchFigures
    costs: CostFigures


def report_of(user_id: str, *, store: Store, at: datetime, most_decisions: int = MOST_DECISIONS) -> Report:
    """Raises NotFoundError for an unknown user."""
    user = store.user(user_id)
    if user is None:
        raise NotFoundError("no such user")
    labels = store.labels(user_id)
    decisions, bounded = _recent(user_id, store, at, most_decisions)
    model = store.model(user_id, user.champion) if user.champion is not None else None
    return Report(
        user_id=user_id,
        at=at,
        labels=_label_figures(labels),
        model=_model_figures(model) if model else None,
        decisions=_decision_figures(decisions, bounded=bounded),
        agreement=_agreement(decisions, {label.card_id: label for label in labels}),
        like_rate=_like_rate(decisions),
        match_rate=_match_rate(decisions),
        matches=_match_figures(store.matches(user_id, at=at)),
        costs=_cost_figures(user),
    )


def share(hits: int, n: int, what: str) -> Share:
    """A share worth saying, or that it is not yet one."""
    if n < ENOUGH:
        return Share(n=n, hits=hits, text=f"{NOT_ENOUGH}: {n} {what}, {ENOUGH} are needed")
    low, high = wilson(hits, n)
    text = f"{hits} of {n} {what}: {100 * hits / n:.0f} % (95 % between {100 * low:.0f} and {100 * high:.0f} %)"
    return Share(n=n, hits=hits, share=round(hits / n, 4), low=round(low, 4), high=round(high, 4), text=text)


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


def _label_figures(labels: Sequence[Label]) -> LabelFigures:
    return LabelFigures(
        n=len(labels),
        by_choice=_counts(label.choice for label in labels),
        by_source=_counts(label.source for label in labels),
    )


def _model_figures(model: ModelVersion) -> ModelFigures:
    said, n = model.metrics, model.labels
    hits = round(said.get("recall", 0) * model.likes)
    said_like = round(hits / said["precision"]) if said.get("precision") else 0
    right = round(said.get("accuracy", 0) * n)
    majority = said.get("majority")
    text = f"version {model.version}, learned from {n} labels; each judged by a model that had not seen it"
    if majority is not None:
        text += f"; always saying the same would be right {100 * majority:.0f} of 100 times"
    return ModelFigures(
        version=model.version,
        n=n,
        likes=model.likes,
        created_at=model.created_at,
        **{name: said.get(name) for name in ("auc", "auc_low", "auc_high", "log_loss", "calibration_error")},
        accuracy=share(right, n, "labels judged right"),
        precision=share(hits, said_like, "cards it called likes were likes"),
        recall=share(hits, model.likes, "likes found"),
        majority=majority,
        text=text,
    )


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
        by_verdict=_counts(decision.verdict for decision in decisions),
        by_state=_counts(decision.state for decision in decisions),
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
        by_outcome=_counts(match.outcome or "none_noted" for match in matches),
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


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
