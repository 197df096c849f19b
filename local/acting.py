"""What a beginning, settled or ended action makes of a user; pure, so that the store only has to make it durable."""

from datetime import date, datetime

from swipr.models import REOPENABLE, Choice, Decision, InFlight, State, User
from swipr.ports import Begun


def refusal(
    user: User | None,
    *,
    action: Choice,
    fence: int,
    session_id: str,
    deck: str,
    day: date,
    at: datetime,
    stored: tuple[State | None, State | None],
) -> Begun:
    """The first thing that forbids the action, in the order of `Begun`; YES if nothing does.

    `stored`: the states of Acted and of the decision.
    """
    if user is None or not user.enabled:
        return Begun.OFF
    if not user.acting or user.deck != deck:
        return Begun.NOT_ACTING
    if not _leased(user, fence=fence, session_id=session_id, at=at):
        return Begun.LEASE_LOST
    if user.in_flight:
        return Begun.IN_FLIGHT
    if action == "like" and _likes_on(user, day) >= user.settings.likes_per_day:
        return Begun.BUDGET_SPENT
    if user.session_swipes >= user.settings.swipes_per_session:
        return Begun.SESSION_FULL
    return Begun.YES if all(state is None or state in REOPENABLE for state in stored) else Begun.ACTED


def _leased(user: User, *, fence: int, session_id: str, at: datetime) -> bool:
    ours = user.fence == fence and user.session_id == session_id
    return ours and user.lease is not None and user.lease.until > at


def _likes_on(user: User, day: date) -> int:
    """Likes counted on the day; a clock that went back starts no new day."""
    return 0 if _is_new_day(user, day) else user.likes_today


def _is_new_day(user: User, day: date) -> bool:
    return user.budget_day is None or day > user.budget_day


def with_action(
    user: User,
    decision: Decision,
    *,
    action: Choice,
    fence: int,
    day: date,
    zone: str,
    at: datetime,
    lease_until: datetime,
) -> User:
    """The user with the action counted and in flight."""
    assert user.lease is not None  # noqa: S101 - `refusal` has seen it
    new_day = {"budget_day": day, "budget_zone": zone} if _is_new_day(user, day) else {}
    lease = user.lease.model_copy(update={"until": max(user.lease.until, lease_until)})
    changes = {
        "likes_today": _likes_on(user, day) + (action == "like"),
        "session_swipes": user.session_swipes + 1,
        "in_flight": InFlight(card_id=decision.card_id, action=action, fence=fence, begun_at=at),
        "lease": lease,
        "held": without_card(user, decision.card_id),
    }
    return user.model_copy(update=changes | new_day)


def settled(user: User, *, give_back: bool) -> User:
    """The user with nothing in flight; nothing else began meanwhile, so the like given back is of the same day."""
    assert user.in_flight is not None  # noqa: S101 - the caller has seen it
    returned = int(give_back and user.in_flight.action == "like")
    return user.model_copy(update={"in_flight": None, "likes_today": max(0, user.likes_today - returned)})


def without_card(user: User, card_id: str) -> tuple[str, ...]:
    return tuple(held for held in user.held if held != card_id)
