"""What is to be done about a card, and the record it becomes."""

from dataclasses import dataclass
from datetime import datetime

from swipr.models import Card, Decision, State, Verdict
from swipr.sessions.judged_cards import JudgedCard, JudgedCards

#: The reason of a card that its user labelled: the label is what is done.
OWN_ANSWER = "your own answer"
#: The reason of a card that was kept before there was any model; the first model judges it anew.
NOT_TAUGHT = "not taught yet: say like or pass"
NOT_READABLE = "none of its photos can be read"


@dataclass(frozen=True)
class Plan:
    """What is to be done about one card, and why."""

    card: Card
    verdict: Verdict
    reason: str
    judged: JudgedCard | None = None
    filtered: bool = False
    earlier: Decision | None = None
    """What was seen when the card was judged before, for a card that is not judged again."""

    @property
    def score(self) -> float | None:
        """By the model, now or when the card was judged before."""
        if self.judged is not None and self.judged.ruling is not None:
            return self.judged.ruling.score
        return self.earlier.score if self.earlier is not None else None


@dataclass
class Plans:
    """Plans in the deck's order, how many offered cards wait for the user's answer, and what judging took."""

    plans: list[Plan]
    new: int = 0
    held: int = 0
    photos: int = 0
    photo_errors: int = 0
    judge_ms: float = 0.0
    judge_calls: int = 0
    networks: int = 0
    shadows: int = 0
    """Versions that were read and asked beside the one in charge."""

    def count(self, judged: JudgedCards, *, shadows: int = 0) -> None:
        """Take over what judging took."""
        self.photos, self.photo_errors = judged.photos, judged.photo_errors
        self.judge_ms, self.judge_calls = judged.judge_ms, judged.judge_calls
        self.networks, self.shadows = judged.networks, shadows


def filtered(card: Card, rule: str) -> Plan:
    """Passed by a rule, before any photo was fetched."""
    return Plan(card, "pass", f"filtered: {rule}", filtered=True)


def decision_of(
    plan: Plan,
    *,
    user_id: str,
    session_id: str,
    state: State,
    at: datetime,
    expires_at: datetime,
    photos_expire_at: datetime,
) -> Decision:
    """The record of the plan, with what was seen of the card."""
    fresh = Decision.model_validate(
        {
            "user_id": user_id,
            "card_id": plan.card.card_id,
            "session_id": session_id,
            "name": plan.card.name,
            "verdict": plan.verdict,
            "reason": plan.reason,
            "state": state,
            "filtered": plan.filtered,
            "decided_at": at,
            "expires_at": expires_at,
            "photos_expire_at": photos_expire_at,
        }
    )
    return fresh.model_copy(update=_seen(plan))


def _seen(plan: Plan) -> dict[str, object]:
    if plan.earlier is not None:
        kept = (
            "score", "photo_scores", "threshold", "model_version", "backbone", "shadow", "network_logits", "photos",
            "features", "photos_expire_at",
        )  # fmt: skip
        return {name: getattr(plan.earlier, name) for name in kept}
    judged = plan.judged
    if judged is None:
        return {}
    seen: dict[str, object] = {
        "photos": judged.photos,
        "features": judged.features,
        "threshold": judged.threshold,
        "model_version": judged.model.version if judged.model else None,
        "backbone": judged.backbone,
        "shadow": judged.shadow,
        "network_logits": judged.network_logits,
    }
    if judged.ruling is not None:
        seen |= {"score": round(judged.ruling.score, 6), "photo_scores": judged.ruling.photo_scores}
    return seen
