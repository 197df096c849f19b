"""What each operation of the store makes of a record; pure, so that a store only has to make it atomic and durable.

Both worlds' stores read, ask here, and write on the condition that nothing changed in between.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from swipr.errors import ConflictError
from swipr.models import (
    REOPENABLE,
    Action,
    Decision,
    DueUser,
    Earlier,
    InFlight,
    Label,
    Lease,
    MatchRecord,
    SessionReport,
    State,
    Status,
    SwipeSession,
    SwitchEvent,
    User,
    UserSettings,
    stand_in,
)
from swipr.ports import Begun, LeaseRefusal

SESSIONS_KEPT = 8
SWITCHES_KEPT = 20
EARLIER_KEPT = 5
#: After so many tries that the deck did not take, a card is left alone.
TRIES_MOST = 3

# --- the user's own wishes -----------------------------------------------------------------------------


def switched(user: User, *, enabled: bool, at: datetime, status: Status, reason: str) -> User:
    due = max(at, user.deck_wait_until or at) if enabled else None
    history = user.switch_history
    if enabled != user.enabled:
        history = _with_event(user, SwitchEvent(at=at, enabled=enabled, by="you", reason=reason))
    changes = {"enabled": enabled, "switched_at": at, "status": status, "next_due_at": due, "switch_history": history}
    return user.model_copy(update=changes)


def with_settings(user: User, settings: UserSettings, *, revision: int) -> User:
    """Raises ConflictError unless `revision` is the stored one."""
    if user.settings_revision != revision:
        raise ConflictError(f"the settings are at revision {user.settings_revision}, not {revision}")
    return user.model_copy(update={"settings": settings, "settings_revision": revision + 1})


def connected(user: User, *, deck: str, sealed_token: bytes | None, at: datetime) -> User:
    changes: dict[str, Any] = {"deck": deck, "deck_token": sealed_token, "deck_connected_at": at}
    if deck != user.deck:
        changes |= {"acting_on": None, "deck_wait_until": None}
    return user.model_copy(update=changes)


def heard_of_deck(
    user: User,
    *,
    deck: str,
    connected_at: datetime | None,
    at: datetime,
    wait_until: datetime | None,
    refused: str | None,
) -> User | None:
    """None if it was heard of another deck or token than the user has now."""
    if (user.deck, user.deck_connected_at) != (deck, connected_at):
        return None
    heard = stopped(user, deck_wait_until=wait_until, refused=refused, at=at)
    return _due(heard, heard.next_due_at, wait_until)


def without_deck_token(user: User) -> User:
    return user.model_copy(update={"deck_token": None, "deck_connected_at": None, "acting_on": None})


def with_champion(user: User, version: int) -> User:
    roles = {
        "champion": version,
        "previous": user.champion,
        "highest_champion": max(user.highest_champion, version),
        "shadow": None if user.shadow == version else user.shadow,
    }
    return user.model_copy(update=roles)


# --- the schedule ---------------------------------------------------------------------------------------


def woken(user: User, *, at: datetime) -> User | None:
    """None if off, or due by then anyway."""
    due = max(at, user.deck_wait_until or at)
    if not user.enabled or (user.next_due_at is not None and user.next_due_at <= due):
        return None
    return user.model_copy(update={"next_due_at": due})


def claimed(user: User, due: DueUser, *, next_due_at: datetime) -> User | None:
    """None if off, or if the slot is not the user's any more."""
    if not user.enabled or user.next_due_at != due.due_at:
        return None
    return user.model_copy(update={"next_due_at": next_due_at})


# --- one session per user -------------------------------------------------------------------------------


def lease_refusal(user: User | None, session_id: str, at: datetime) -> LeaseRefusal | None:
    if user is None:
        return LeaseRefusal.UNKNOWN_USER
    if user.session_id is not None and session_id < user.session_id:
        return LeaseRefusal.STALE
    same = session_id == user.session_id
    if same and user.session_ended:
        return LeaseRefusal.ENDED
    if user.lease is None or user.lease.until <= at:
        return None
    return LeaseRefusal.SAME_SESSION_RUNS if same else LeaseRefusal.OTHER_SESSION_RUNS


def leased(user: User, session: SwipeSession, *, owner: str, until: datetime) -> User:
    session_id = session.session_id
    swipes = user.session_swipes if session_id == user.session_id else 0
    lease = Lease(owner=owner, until=until, fence=user.fence + 1)
    changes = {"session_id": session_id, "session_swipes": swipes, "session_ended": False}
    return user.model_copy(update=changes | {"lease": lease, "fence": lease.fence})


def ended(
    user: User,
    *,
    report: SessionReport,
    status: Status,
    deck_wait_until: datetime | None,
    next_due_at: datetime | None,
    keep_due: bool,
    due_seen: datetime | None,
    switch_off: bool,
) -> User:
    recent = (report, *user.recent_sessions)[:SESSIONS_KEPT]
    wait = deck_wait_until or user.deck_wait_until
    changes = {"session_ended": True, "lease": None, "status": status, "recent_sessions": recent}
    over = user.model_copy(update=changes | {"deck_wait_until": wait})
    if switch_off:
        return _switched_off(over, report.ended_at, status)
    moved = due_seen is not None and user.next_due_at != due_seen
    return _due(over, user.next_due_at if keep_due or moved else next_due_at, deck_wait_until)


def _switched_off(user: User, at: datetime, status: Status) -> User:
    history = user.switch_history
    if user.enabled:
        event = SwitchEvent(at=at, enabled=False, by="swipr", reason=status.text)
        history = _with_event(user, event)
    changes = {"enabled": False, "next_due_at": None, "switched_at": at, "switch_history": history}
    return user.model_copy(update=changes)


def _due(user: User, due: datetime | None, wait_until: datetime | None) -> User:
    """Due then, not before the deck allows, and not at all when off."""
    if not user.enabled:
        due = None
    elif due and wait_until:
        due = max(due, wait_until)
    return user.model_copy(update={"next_due_at": due})


def may_be_deleted(user: User, *, at: datetime) -> bool:
    """Nothing of the user's runs, and nothing can begin."""
    leased_now = user.lease is not None and user.lease.until > at
    return not user.enabled and user.in_flight is None and not leased_now


# --- acting ---------------------------------------------------------------------------------------------


def refusal(
    user: User | None,
    *,
    action: Action,
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
    spent = _spent(user, action, day)
    if spent is not Begun.YES:
        return spent
    if user.session_swipes >= user.settings.swipes_per_session:
        return Begun.SESSION_FULL
    return Begun.YES if all(state is None or state in REOPENABLE for state in stored) else Begun.ACTED


def _leased(user: User, *, fence: int, session_id: str, at: datetime) -> bool:
    ours = user.fence == fence and user.session_id == session_id
    return ours and user.lease is not None and user.lease.until > at


def _spent(user: User, action: Action, day: date) -> Begun:
    """Which of the day's budgets forbids the action; a clock that went back starts no new day."""
    likes, superlikes, swipes = _counts_on(user, day)
    if action != "pass" and likes >= user.settings.likes_per_day:
        return Begun.BUDGET_SPENT
    if action == "superlike" and superlikes >= user.settings.superlikes_per_day:
        return Begun.SUPERLIKES_SPENT
    return Begun.DAY_FULL if swipes >= user.settings.swipes_per_day else Begun.YES


def _counts_on(user: User, day: date) -> tuple[int, int, int]:
    return (0, 0, 0) if _is_new_day(user, day) else (user.likes_today, user.superlikes_today, user.swipes_today)


def _is_new_day(user: User, day: date) -> bool:
    return user.budget_day is None or day > user.budget_day


def with_action(
    user: User,
    decision: Decision,
    *,
    action: Action,
    fence: int,
    day: date,
    zone: str,
    at: datetime,
    lease_until: datetime,
) -> User:
    """The user with the action counted and in flight."""
    assert user.lease is not None  # noqa: S101 - `refusal` has seen it
    new_day = {"budget_day": day, "budget_zone": zone} if _is_new_day(user, day) else {}
    likes, superlikes, swipes = _counts_on(user, day)
    changes = {
        "likes_today": likes + (action != "pass"),
        "superlikes_today": superlikes + (action == "superlike"),
        "swipes_today": swipes + 1,
        "session_swipes": user.session_swipes + 1,
        "in_flight": InFlight(card_id=decision.card_id, action=action, fence=fence, begun_at=at),
        "lease": user.lease.model_copy(update={"until": max(user.lease.until, lease_until)}),
        "held": without_card(user, decision.card_id),
    }
    return user.model_copy(update=changes | new_day)


def begun(decision: Decision, action: Action, before: Decision | None = None) -> Decision:
    """`before`: what is stored of the card; what it failed before is remembered."""
    tries = before.tries if before else 0
    return decision.model_copy(update={"state": "pending", "action": action, "tries": tries})


def is_pending(user: User | None, card_id: str, fence: int) -> bool:
    in_flight = user.in_flight if user else None
    return in_flight is not None and (in_flight.card_id, in_flight.fence) == (card_id, fence)


def settled(user: User, *, give_back: bool, not_taken: bool = False) -> User:
    """The user with nothing in flight; nothing else began meanwhile, so what is given back is of the same day.

    `not_taken`: the deck was asked all the same, so the swipe is not given back.
    """
    assert user.in_flight is not None  # noqa: S101 - the caller has seen it
    action = user.in_flight.action
    back = {"likes_today": action != "pass", "superlikes_today": action == "superlike", "swipes_today": not not_taken}
    counts = {name: max(0, getattr(user, name) - int(give_back and mine)) for name, mine in back.items()}
    return user.model_copy(update=counts | {"in_flight": None})


def stopped(user: User, *, deck_wait_until: datetime | None, refused: str | None, at: datetime) -> User:
    """The user after what the answer to an action said about the deck: a wait, or a refusal that switches off."""
    wait = max(filter(None, (user.deck_wait_until, deck_wait_until)), default=None)
    heard = user.model_copy(update={"deck_wait_until": wait})
    if refused is None or not user.enabled:
        return heard
    status = Status(code="refused", text=refused, at=at)
    return _switched_off(heard.model_copy(update={"status": status}), at, status)


def with_outcome(
    decision: Decision, *, state: State, detail: str, match_id: str | None, at: datetime, not_taken: bool = False
) -> Decision:
    # What failed was not sent, whatever had begun.
    action = None if state == "failed" else decision.action
    tries = decision.tries + not_taken
    if not_taken and tries >= TRIES_MOST:
        detail = f"{detail}; the deck would not take it three times, it is left alone".removeprefix("; ")
    outcome = {"state": state, "detail": detail, "match_id": match_id, "acted_at": at, "action": action}
    return decision.model_copy(update=outcome | {"tries": tries})


def proven(decision: Decision, match_id: str) -> Decision:
    return decision.model_copy(update={"state": "sent", "match_id": match_id})


def attributed(decision: Decision | None, match_id: str) -> Decision | None:
    """None unless it was sent and led to no match so far, or to one of which only the stand-in is known."""
    if decision is None or decision.state != "sent" or decision.match_id not in (None, stand_in(decision.card_id)):
        return None
    if decision.match_id == match_id:
        return None
    return decision.model_copy(update={"match_id": match_id})


# --- cards that wait for their user -----------------------------------------------------------------------


def may_be_recorded(user: User | None, stored: Decision | None, *, fence: int) -> bool:
    return user is not None and user.fence == fence and (stored is None or stored.state in REOPENABLE)


def holding(user: User, decision: Decision) -> User:
    """An unsure card is held, once; one that is not unsure any more is not."""
    if decision.state != "unsure":
        held = without_card(user, decision.card_id)
    else:
        held = user.held if decision.card_id in user.held else (*user.held, decision.card_id)
    return user.model_copy(update={"held": held})


def not_holding(user: User, card_id: str) -> User:
    return user.model_copy(update={"held": without_card(user, card_id)})


def released(user: User, card_ids: Collection[str]) -> User | None:
    """None if none of them is held."""
    held = tuple(card_id for card_id in user.held if card_id not in card_ids)
    return user.model_copy(update={"held": held}) if held != user.held else None


def without_card(user: User, card_id: str) -> tuple[str, ...]:
    return tuple(held for held in user.held if held != card_id)


# --- labels ----------------------------------------------------------------------------------------------


def labelled(user: User, card_id: str, *, anew: bool) -> User:
    """`anew`: the card had no label."""
    return not_holding(user, card_id).model_copy(update={"labels": user.labels + int(anew)})


def without_label(user: User) -> User:
    return user.model_copy(update={"labels": max(0, user.labels - 1)})


def succeeding(label: Label, stored: Label | None) -> Label:
    """The label with what its user said of the card before; the same one, delivered again, is no second word."""
    if stored is None:
        return label
    if (stored.labelled_at, stored.choice) == (label.labelled_at, label.choice):
        noted = stored.network_logits | label.network_logits
        return label.model_copy(update={"earlier": stored.earlier, "network_logits": noted})
    before = Earlier(choice=stored.choice, chosen_by=stored.chosen_by, labelled_at=stored.labelled_at)
    return label.model_copy(update={"earlier": (before, *stored.earlier)[:EARLIER_KEPT]})


def with_logits(label: Label | None, logits: Mapping[str, float], *, labelled_at: datetime) -> Label | None:
    """None unless it is the label of that time."""
    if label is None or label.labelled_at != labelled_at:
        return None
    return label.model_copy(update={"network_logits": label.network_logits | dict(logits)})


# --- matches ---------------------------------------------------------------------------------------------


def with_kept_outcome(match: MatchRecord, stored: MatchRecord | None) -> MatchRecord:
    """A match as read again, with what its user noted of it."""
    kept: Mapping[str, Any] = {
        "outcome": stored.outcome if stored else None,
        "outcome_at": stored.outcome_at if stored else None,
    }
    return match.model_copy(update=kept)


def _with_event(user: User, event: SwitchEvent) -> tuple[SwitchEvent, ...]:
    return (event, *user.switch_history)[:SWITCHES_KEPT]
