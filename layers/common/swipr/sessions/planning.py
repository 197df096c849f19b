"""What to do about the cards a deck offers: which are new, which a rule drops, what the model says of the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from swipr.judging import Judge
from swipr.models import Card, Decision, Label, User, Verdict, is_final
from swipr.ports import Blobs, Secrets, Store
from swipr.roles import roles_of
from swipr.sessions.forgotten import take_away
from swipr.sessions.judged_cards import JudgedCard, judge_cards
from swipr.sessions.photos import session_prefix
from swipr.sessions.plans import NOT_READABLE, NOT_TAUGHT, OWN_ANSWER, Plan, Plans, filtered
from swipr.sessions.selection import dropped_by
from swipr.swiping import Deck
from swipr.transitions import TRIES_MOST


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

    def forgotten_key(self, user_id: str, card_id: str) -> str:
        return forgotten_key(self.secrets, user_id, card_id)


def acted_key(secrets: Secrets, user_id: str, card_id: str) -> str:
    """The name of a card in Acted: it outlives the card, so it must not be readable."""
    return secrets.keyed_hash(f"{user_id} {card_id}")


def forgotten_key(secrets: Secrets, user_id: str, card_id: str) -> str:
    """The name in Acted of a card that its user had forgotten; no card has such an id."""
    return acted_key(secrets, user_id, f"forgotten {card_id}")


def plan_cards(offered: Sequence[Card], user: User, deck: Deck, parts: Parts, *, name: str) -> Plans:
    """Plan for the offered cards that are new, as many as the session may still swipe.

    `name` names the objects that keep what was judged. Raises ModelError when judging is impossible.
    """
    cards = list({card.card_id: card for card in offered}.values())
    rules = {card.card_id: dropped_by(card, user.settings.filters, states_ages=deck.states_ages) for card in cards}
    known = [_known(card, rules[card.card_id], user, parts) for card in not_acted_on(cards, user, parts)]
    new = [each for each in known if each.is_new][: max(0, user.settings.swipes_per_session - user.session_swipes)]
    plans = {each.card.card_id: plan for each in new if (plan := _without_judging(each))}
    result = Plans([], new=len(new), held=sum(each.is_held for each in known))
    unseen = [each.card for each in new if each.card.card_id not in plans]
    plans |= _judge(unseen, user, deck, parts, name, result)
    result.plans = [plans[each.card.card_id] for each in new if each.card.card_id in plans]
    return result


def not_acted_on(cards: Sequence[Card], user: User, parts: Parts) -> list[Card]:
    """The cards that no action has been begun or settled for, and that were not forgotten, in their order.

    What an interrupted session wrote of a forgotten one is taken away.
    """
    keys = {card.card_id: parts.acted_key(user.user_id, card.card_id) for card in cards}
    marks = {card.card_id: parts.forgotten_key(user.user_id, card.card_id) for card in cards}
    acted = parts.store.acted(user.user_id, [*keys.values(), *marks.values()])
    left = []
    for card in cards:
        state = acted.get(keys[card.card_id])
        if marks[card.card_id] in acted:
            take_away(card.card_id, user.user_id, parts)
        elif state != "pending" and (state is None or not is_final(state)):
            left.append(card)
    return left


@dataclass(frozen=True)
class _Known:
    """What is known of an offered card, and whether something can be done about it."""

    card: Card
    rule: str | None
    label: Label | None
    earlier: Decision | None
    is_held: bool
    is_new: bool


def _known(card: Card, rule: str | None, user: User, parts: Parts) -> _Known:
    earlier = parts.store.decision(user.user_id, card.card_id, at=parts.now())
    label = parts.store.label(user.user_id, card.card_id)
    waits = earlier is not None and earlier.state == "unsure" and label is None
    is_held = waits and user.settings.unsure == "ask"
    is_left_alone = is_held or (earlier is not None and earlier.state == "failed" and earlier.tries >= TRIES_MOST)
    may_change = earlier is None or user.acting or _is_outdated(earlier, rule, label is not None)
    return _Known(card, rule, label, earlier, is_held, not is_left_alone and may_change)


def _is_outdated(decision: Decision, rule: str | None, answered: bool) -> bool:
    """Whether a dry run would say something else now: after an answer, other filters, or the first model."""
    by_rule = decision.filtered and decision.model_version is None
    if by_rule or rule is not None:
        return by_rule != (rule is not None)
    return decision.reason == NOT_TAUGHT or answered != (decision.reason == OWN_ANSWER)


def _without_judging(known: _Known) -> Plan | None:
    if known.rule is not None:
        return filtered(known.card, known.rule)
    if known.label is None:
        return None
    return Plan(known.card, known.label.choice, OWN_ANSWER, earlier=known.earlier)


def planned_anew(plan: Plan, user: User, deck: Deck, store: Store) -> Plan | None:
    """The plan by what the user has said meanwhile, by filters or a label; None when it must be judged first."""
    rule = dropped_by(plan.card, user.settings.filters, states_ages=deck.states_ages)
    if rule is not None:
        return filtered(plan.card, rule)
    label = store.label(user.user_id, plan.card.card_id)
    if label is not None:
        return replace(plan, verdict=label.choice, reason=OWN_ANSWER, filtered=False)
    by_rule = plan.filtered and plan.judged is None
    return None if by_rule or plan.reason == OWN_ANSWER else plan


def _judge(cards: Sequence[Card], user: User, deck: Deck, parts: Parts, name: str, result: Plans) -> dict[str, Plan]:
    if not cards:
        return {}
    roles = roles_of(user, parts.store)
    judged = judge_cards(
        cards,
        deck.photo,
        judge=parts.judge,
        blobs=parts.blobs,
        roles=roles,
        rule=user.settings.card_rule,
        key=f"{session_prefix(user.user_id)}{name}",
    )
    result.count(judged, shadows=roles.shadow is not None)
    return {card.card.card_id: _by_policy(card, user, deck) for card in judged.cards}


def _by_policy(judged: JudgedCard, user: User, deck: Deck) -> Plan:
    """What the model says of the card, and what the user wants done when it is unsure."""
    card, ruling = judged.card, judged.ruling
    if ruling is None and not deck.is_service:
        return Plan(card, "pass", f"filtered: {NOT_READABLE}", judged, filtered=True)
    # At a service the fault may be its host's, and a pass cannot be taken back: unreadable is unsure.
    verdict, reason = (ruling.verdict, ruling.reason) if ruling else ("unsure", NOT_READABLE)
    if verdict != "unsure" or user.settings.unsure == "ask":
        return Plan(card, verdict, reason, judged)
    if user.settings.unsure == "pass":
        return Plan(card, "pass", f"{reason}; unsure ones are passed, as you chose", judged)
    side: Verdict = "like" if judged.above_line else "pass"
    return Plan(card, side, f"{reason}; acted on all the same, as you chose", judged)
