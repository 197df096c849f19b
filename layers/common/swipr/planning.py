"""What to do about the cards a deck offers: which are new, which a rule drops, what the model says of the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from swipr.errors import ModelError
from swipr.judged_cards import JudgedCard, judge_cards
from swipr.judging import Judge
from swipr.models import Card, Decision, User, Verdict, is_final
from swipr.ports import Blobs, Secrets, Store
from swipr.selection import dropped_by
from swipr.session_photos import session_prefix
from swipr.swiping import Deck

#: The reason of a card that its user labelled: the label is what is done.
OWN_ANSWER = "your own answer"


@dataclass(frozen=True)
class Parts:
    """What a session works with."""

    store: Store
    blobs: Blobs
    secrets: Secrets
    judge: Judge
    deck_of: Callable[[User], Deck]
    """Raises DeckRefusedError when the user's deck cannot be opened."""
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    decision_days: int = 30
    photo_days: int = 7

    def acted_key(self, user_id: str, card_id: str) -> str:
        return acted_key(self.secrets, user_id, card_id)


def acted_key(secrets: Secrets, user_id: str, card_id: str) -> str:
    """The name of a card in Acted: it outlives the card, so it must not be readable."""
    return secrets.keyed_hash(f"{user_id} {card_id}")


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


def plan_cards(offered: Sequence[Card], user: User, deck: Deck, parts: Parts, *, name: str) -> Plans:
    """Plan for the offered cards that are new, as many as the session may still swipe.

    `name` names the objects that keep what was judged. Raises ModelError when judging is impossible.
    """
    new, held = _new_cards(offered, user, parts)
    new = new[: max(0, user.settings.swipes_per_session - user.session_swipes)]
    plans = {card.card_id: plan for card in new if (plan := _without_judging(card, user, deck, parts))}
    result = Plans([], new=len(new), held=held)
    plans |= _judge([card for card in new if card.card_id not in plans], user, deck, parts, name, result)
    result.plans = [plans[card.card_id] for card in new if card.card_id in plans]
    return result


def _new_cards(offered: Sequence[Card], user: User, parts: Parts) -> tuple[list[Card], int]:
    """The offered cards that something can be done about, each once, and how many are held for an answer."""
    cards = list({card.card_id: card for card in offered}.values())
    acted = parts.store.acted(user.user_id, [parts.acted_key(user.user_id, card.card_id) for card in cards])
    new, held = [], 0
    for card in cards:
        state = acted.get(parts.acted_key(user.user_id, card.card_id))
        if state == "pending" or (state is not None and is_final(state)):
            continue
        decision = parts.store.decision(user.user_id, card.card_id, at=parts.now())
        answered = parts.store.label(user.user_id, card.card_id) is not None
        if decision is not None and decision.state == "unsure" and not answered and user.settings.unsure == "ask":
            held += 1
        elif decision is None or user.acting or answered != (decision.reason == OWN_ANSWER):
            new.append(card)
    return new, held


def _without_judging(card: Card, user: User, deck: Deck, parts: Parts) -> Plan | None:
    rule = dropped_by(card, states_ages=deck.states_ages)
    if rule is not None:
        return Plan(card, "pass", f"filtered: {rule}", filtered=True)
    label = parts.store.label(user.user_id, card.card_id)
    if label is None:
        return None
    earlier = parts.store.decision(user.user_id, card.card_id, at=parts.now())
    return Plan(card, label.choice, OWN_ANSWER, earlier=earlier)


def _judge(cards: Sequence[Card], user: User, deck: Deck, parts: Parts, name: str, result: Plans) -> dict[str, Plan]:
    if not cards:
        return {}
    model = parts.store.model(user.user_id, user.champion) if user.champion is not None else None
    if model is None:
        raise ModelError(f"model version {user.champion} is missing")
    judged = judge_cards(
        cards,
        deck.photo,
        judge=parts.judge,
        blobs=parts.blobs,
        model=model,
        rule=user.settings.card_rule,
        key=f"{session_prefix(user.user_id)}{name}",
    )
    result.photos, result.photo_errors = judged.photos, judged.photo_errors
    result.judge_ms, result.judge_calls = judged.judge_ms, judged.judge_calls
    return {card.card.card_id: _by_policy(card, user, deck) for card in judged.cards}


def _by_policy(judged: JudgedCard, user: User, deck: Deck) -> Plan:
    """What the model says of the card, and what the user wants done when it is unsure."""
    card, ruling = judged.card, judged.ruling
    if ruling is None and not deck.is_service:
        return Plan(card, "pass", "filtered: none of its photos can be read", judged, filtered=True)
    # At a service the fault may be its host's, and a pass cannot be taken back: unreadable is unsure.
    verdict, reason = (ruling.verdict, ruling.reason) if ruling else ("unsure", "none of its photos can be read")
    if verdict != "unsure" or user.settings.unsure == "ask":
        return Plan(card, verdict, reason, judged)
    if user.settings.unsure == "pass":
        return Plan(card, "pass", f"{reason}; unsure ones are passed, as you chose", judged)
    side: Verdict = "like" if judged.above_line else "pass"
    return Plan(card, side, f"{reason}; acted on all the same, as you chose", judged)


def decision_of(
    plan: Plan,
    *,
    user_id: str,
    session_id: str,
    state: str,
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
            "score", "photo_scores", "threshold", "model_version", "backbone", "photos", "features", "photos_expire_at",
        )  # fmt: skip
        return {name: getattr(plan.earlier, name) for name in kept}
    judged = plan.judged
    if judged is None:
        return {}
    seen: dict[str, object] = {
        "photos": judged.photos,
        "features": judged.features,
        "threshold": judged.threshold,
        "model_version": judged.model.version,
        "backbone": judged.model.backbone,
    }
    if judged.ruling is not None:
        seen |= {"score": round(judged.ruling.score, 6), "photo_scores": judged.ruling.photo_scores}
    return seen
