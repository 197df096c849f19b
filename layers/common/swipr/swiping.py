"""Decks, days and ticks: where cards come from, what a budget's day is, and who is due."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from swipr.models import Answer, Card, Match, Offer, Photo, SwipeSession, User
from swipr.ports import Queue, Store

#: One deck call, all of it, seconds.
DECK_TIMEOUT_S = 10.0


class Deck(Protocol):
    """Where one user's cards come from. Calls time out by themselves; reads are retried inside, swipes never.

    Reads raise DeckUnavailableError or DeckRefusedError; swipes never raise for what the deck or the network did:
    whatever happened is in the Answer.
    """

    name: str
    states_ages: bool
    """Cards of this deck say an age; one without is dropped."""
    is_service: bool
    """Somebody else's machine: it is asked only as often as the user chose, and it offers held cards again and again.
    What is not, goes on at once and has left its held cards out."""

    def cards(self) -> Offer: ...

    def photo(self, photo: Photo) -> bytes:
        """The photo's bytes, at most 10 MB. Raises PhotoError."""

    def like(self, card: Card) -> Answer: ...

    def pass_(self, card: Card) -> Answer: ...

    def matches(self) -> Sequence[Match]: ...


def budget_day(user: User, at: datetime) -> tuple[date, str]:
    """The date that likes begun at `at` count for, and the zone it is reckoned in.

    The zone is the user's, but a change of it counts from the next day only, and the date never goes back: moving
    the zone (or the clock) cannot open a second budget for a day.
    """
    wanted = user.settings.time_zone
    if user.budget_day is None:
        return _date_in(wanted, at), wanted
    if _date_in(user.budget_zone, at) <= user.budget_day:
        return user.budget_day, user.budget_zone
    return max(_date_in(wanted, at), user.budget_day), wanted


def next_day_starts(user: User, at: datetime) -> datetime:
    """When the budget's next day begins, aware UTC."""
    day, zone = budget_day(user, at)
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return midnight.astimezone(UTC)


def likes_left(user: User, at: datetime) -> int:
    """Likes the day's budget still allows at `at`."""
    day, _ = budget_day(user, at)
    spent = user.likes_today if user.budget_day == day else 0
    return max(0, user.settings.likes_per_day - spent)


def _slot(user: User, due_at: datetime) -> datetime:
    """The slot's time, but after the last one's, also when the clock was set back: a session's id only grows."""
    if user.session_id is None:
        return due_at
    return max(due_at, SwipeSession.slot_of(user.session_id) + timedelta(microseconds=1))


def _date_in(zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def tick(store: Store, queue: Queue, *, at: datetime, limit: int = 1000) -> int:
    """Queue one session for each due user, returning how many; doing so twice queues nothing twice.

    The slot is claimed before its message is sent: a crash between the two costs one slot, never doubles one.
    """
    queued = 0
    for due in store.due_users(at, limit=limit):
        user = store.user(due.user_id)
        if user is None:
            continue
        next_due_at = at + timedelta(seconds=user.settings.session_every_s)
        if store.claim_slot(due, next_due_at=next_due_at):
            queue.send_session(SwipeSession(user_id=due.user_id, due_at=_slot(user, due.due_at)))
            queued += 1
    return queued
