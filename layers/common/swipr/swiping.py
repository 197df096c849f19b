"""Decks, days and ticks: where cards come from, what a budget's day is, and who is due."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from swipr.models import Answer, Card, DeckHealth, DueUser, MatchList, Offer, Photo, SwipeSession, User
from swipr.ports import Queue, Store

#: As many messages as a queue takes in one call.
CLAIMED_AT_ONCE = 10
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

    def superlike(self, card: Card) -> Answer: ...

    def pass_(self, card: Card) -> Answer: ...

    def matches(self) -> MatchList: ...

    def check(self) -> DeckHealth:
        """Whether the deck works for this user now: one read, never raises for what the deck or the network did."""


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


def swipes_left(user: User, at: datetime) -> int:
    """Swipes the day's budget still allows at `at`, whatever they are."""
    day, _ = budget_day(user, at)
    spent = user.swipes_today if user.budget_day == day else 0
    return max(0, user.settings.swipes_per_day - spent)


def is_overtaken(message: SwipeSession, user: User, at: datetime) -> bool:
    """Whether the slot came up while a session ran that took longer than its interval, and another slot is to come.

    To run it now would be one session right after the other. Nothing is lost without it: what it would have settled,
    the session after it settles. A user woken meanwhile is due before the interval is over, and is not kept waiting.
    """
    last = next(iter(user.recent_sessions), None)
    if last is None or user.next_due_at is None or last.session_id == message.session_id:
        return False
    regular = SwipeSession.slot_of(last.session_id) + timedelta(seconds=user.settings.session_every_s)
    return regular <= message.due_at <= last.ended_at <= at and message.due_at < user.next_due_at


def _slot(user: User, due_at: datetime, at: datetime) -> datetime:
    """The slot's time, but after the last one's, also when the clock was set back: a session's id only grows.

    A slot that is claimed after a session has ended is after that session, whenever the user became due.
    """
    times = [due_at]
    if user.session_id is not None:
        times.append(SwipeSession.slot_of(user.session_id) + timedelta(microseconds=1))
    if user.recent_sessions and user.recent_sessions[0].ended_at <= at:
        times.append(user.recent_sessions[0].ended_at + timedelta(microseconds=1))
    return max(times)


def _date_in(zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def tick(store: Store, queue: Queue, *, at: datetime, limit: int = 1000) -> int:
    """Queue one session for each due user, returning how many; doing so twice queues nothing twice.

    Slots are claimed before their messages are sent: a crash between the two costs as many slots as are sent at
    once, and never doubles one.
    """
    due = iter(store.due_users(at, limit=limit))
    queued = 0
    while some := list(islice(due, CLAIMED_AT_ONCE)):
        slots = [slot for one in some if (slot := _claimed(store, one, at)) is not None]
        not_sent = queue.send_sessions(slots) if slots else ()
        for slot in not_sent:
            store.wake(slot.user_id, at=at)  # the next tick tries again
        queued += len(slots) - len(not_sent)
    return queued


def _claimed(store: Store, due: DueUser, at: datetime) -> SwipeSession | None:
    user = store.user(due.user_id)
    if user is None:
        return None
    next_due_at = at + timedelta(seconds=user.settings.session_every_s)
    if not store.claim_slot(due, next_due_at=next_due_at):
        return None
    return SwipeSession(user_id=due.user_id, due_at=_slot(user, due.due_at, at))
