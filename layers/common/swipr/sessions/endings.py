"""How a session ends: the status code, what the user reads, and when it goes on."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from swipr.models import Answer, User
from swipr.swiping import next_day_starts


@dataclass(frozen=True)
class Ending:
    code: Literal[
        "done", "dry_run_unchanged", "deck_empty", "deck_waits", "deck_unavailable", "judge_failed", "refused",
        "held_cards", "budget_spent", "untaught", "nothing_new", "quiet", "off", "failed",
    ]  # fmt: skip
    text: str
    deck_wait_until: datetime | None = None
    next_due_at: datetime | None = None
    keep_due: bool = True
    switch_off: bool = False

    def not_before(self, wait_until: datetime | None) -> "Ending":
        """The same ending where the deck has also said when it may be asked again."""
        known = [until for until in (self.deck_wait_until, wait_until) if until is not None]
        return replace(self, deck_wait_until=max(known, default=None))


OFF = Ending("off", "Off: nothing was done.")
SWITCHED_OFF = Ending("off", "Switched off: it stopped at once.")
NOT_ACTING = Ending("done", "Acting was turned off: it stopped at once.")
SESSION_FULL = Ending("done", "This look's swipes are used; it goes on at the next one.")
NO_TIME_LEFT = Ending("done", "Stopped in time; it goes on at the next look.")
#: Overtaken (then this ending changes nothing), or so slow that the lease ran out.
TOO_SLOW = Ending("deck_unavailable", "The deck was too slow for this look; it tries again at the next one.")
UNKNOWN = Ending("deck_unavailable", "The deck's answer is unknown. Not repeated, so nobody is liked twice.")
FAILED = Ending("failed", "Something went wrong and was written down; it tries again at the next look.")


def likes_spent(user: User, at: datetime) -> Ending:
    return _tomorrow(f"Today's {user.settings.likes_per_day} likes are used. It goes on tomorrow.", user, at)


def swipes_spent(user: User, at: datetime) -> Ending:
    return _tomorrow(f"Today's {user.settings.swipes_per_day} swipes are used. It goes on tomorrow.", user, at)


def _tomorrow(text: str, user: User, at: datetime) -> Ending:
    return Ending("budget_spent", text, next_due_at=next_day_starts(user, at), keep_due=False)


def quiet(user: User, until: datetime) -> Ending:
    zone = user.settings.time_zone
    text = f"Quiet time, as you chose; it goes on at {until.astimezone(ZoneInfo(zone)):%H:%M on %A, %Y-%m-%d} ({zone})."
    return Ending("quiet", text, next_due_at=until, keep_due=False)


def waits_for_answers(held: int, at: datetime) -> Ending:
    text = f"{cards_wait(held)} for your answer; it goes on as soon as you gave one."
    # Whatever ends the reason without a word to the schedule (an expired card) is noticed within a day.
    return Ending("held_cards", text, next_due_at=at + timedelta(days=1), keep_due=False)


def deck_waits(answer: Answer) -> Ending:
    """After an answer that ends the session: by when the deck allows more, or that it allows no more likes now."""
    if answer.wait_until is None:
        return Ending("deck_waits", f"The deck allows no more likes now, it is asked at the next look: {answer.detail}")
    text = f"The deck allows no more before {in_utc(answer.wait_until)}: {answer.detail}"
    return Ending("deck_waits", text, deck_wait_until=answer.wait_until)


def still_waits(until: datetime) -> Ending:
    return Ending("deck_waits", f"The deck allows no more before {in_utc(until)}.", deck_wait_until=until)


def cards_wait(count: int) -> str:
    return "1 card waits" if count == 1 else f"{count} cards wait"


def in_utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
