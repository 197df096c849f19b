"""Before there is a model: cards of the deck are kept for their user to label, and nothing is sent."""

from collections.abc import Sequence
from datetime import datetime

from swipr.models import Card, Label, User
from swipr.roles import Roles
from swipr.sessions.endings import Ending, cards_wait
from swipr.sessions.judged_cards import JudgedCard, judge_cards
from swipr.sessions.photos import session_prefix
from swipr.sessions.planning import Parts, not_acted_on
from swipr.sessions.plans import NOT_READABLE, NOT_TAUGHT, Plan, Plans, filtered
from swipr.sessions.selection import dropped_by
from swipr.sessions.turn import Turn
from swipr.swiping import Deck

#: Unlabelled cards kept at once: three times what makes a model useful, since likes may be rare among them.
ENOUGH = 60
#: Of each kind, below which nothing can be learned.
LEAST_LABELS = 2
#: How many of the newest decisions are looked through for cards that wait.
_RECENT = 200


def gather(turn: Turn, user: User) -> Ending:
    """Keep what a service offers until enough cards wait to be labelled; another deck's photos are labelled elsewhere.

    Raises DeckUnavailableError, DeckRefusedError or ModelError.
    """
    parts, labels = turn.parts, turn.parts.store.labels(user.user_id)
    waiting = _waiting(user, labels, parts, at=parts.now())
    if waiting >= ENOUGH:
        return _untaught(waiting, labels)
    deck = parts.deck_of(user)
    if not deck.is_service:
        return _untaught(0, labels)
    offer = deck.cards()
    planned = _plan(offer.cards, user, deck, turn, room=ENOUGH - waiting)
    turn.tally.planned(planned)
    for plan in planned.plans:
        turn.record(plan, "dry_run")
    waiting += sum(plan.reason == NOT_TAUGHT for plan in planned.plans)
    ending = _untaught(waiting, labels, has_new=planned.new > 0)
    return ending if offer.cards else ending.not_before(offer.wait_until)


def _waiting(user: User, labels: Sequence[Label], parts: Parts, *, at: datetime) -> int:
    """Cards that can still be labelled by what was seen of them."""
    labelled = {label.card_id for label in labels}
    recent = parts.store.decisions(user.user_id, at=at, limit=_RECENT)
    return sum(each.reason == NOT_TAUGHT and each.card_id not in labelled and each.shows_photos(at) for each in recent)


def _plan(offered: Sequence[Card], user: User, deck: Deck, turn: Turn, *, room: int) -> Plans:
    """Plans for the cards not kept yet: those a rule drops, and as many others as there is room for."""
    parts, plans, seen = turn.parts, list[Plan](), list[Card]()
    cards = list({card.card_id: card for card in offered}.values())
    for card in not_acted_on(cards, user, parts):
        rule = dropped_by(card, user.settings.filters, states_ages=deck.states_ages)
        earlier = parts.store.decision(user.user_id, card.card_id, at=parts.now())
        if earlier is not None and earlier.filtered == (rule is not None):
            continue
        if rule is not None:
            plans.append(filtered(card, rule))
        elif len(seen) < room and parts.store.label(user.user_id, card.card_id) is None:
            seen.append(card)
    result = Plans(plans, new=len(plans) + len(seen))
    result.plans += _see(seen, user, deck, turn, result)
    return result


def _see(cards: Sequence[Card], user: User, deck: Deck, turn: Turn, result: Plans) -> list[Plan]:
    """Keep photos and features; there is nothing to judge by."""
    if not cards:
        return []
    judged = judge_cards(
        cards,
        deck.photo,
        judge=turn.parts.judge,
        blobs=turn.parts.blobs,
        roles=Roles(),
        rule=user.settings.card_rule,
        key=f"{session_prefix(user.user_id)}{turn.name}",
    )
    result.count(judged)
    return [_plan_of(card) for card in judged.cards]


def _plan_of(seen: JudgedCard) -> Plan:
    return Plan(seen.card, "unsure", NOT_TAUGHT if seen.features is not None else NOT_READABLE, seen)


def _untaught(waiting: int, labels: Sequence[Label], *, has_new: bool = True) -> Ending:
    likes = sum(label.choice == "like" for label in labels)
    passes = len(labels) - likes
    words = ["No model of your taste yet."]
    if waiting:
        words.append(f"{cards_wait(waiting)} for you to say like or pass; nothing is sent before that.")
    if not has_new:
        words.append("The deck offers no new ones for now.")
    if min(likes, passes) >= LEAST_LABELS:
        words.append(f"It learns from your {likes} likes and {passes} passes now and begins at the next look.")
    else:
        words.append(
            f"Give at least {LEAST_LABELS} likes and {LEAST_LABELS} passes (so far {likes} and {passes}); "
            "20 of both together make it useful."
        )
    return Ending("untaught", " ".join(words))
