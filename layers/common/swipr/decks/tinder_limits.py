"""When Tinder wants to be asked again: empty decks, spent likes, and calls that came too fast."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import Any, Final

from swipr.decks.tinder_fields import is_number, is_true, mapping, stated_number, text, time_of
from swipr.decks.tinder_shapes import is_limit_card, offered
from swipr.models import SessionReport

OUT_OF_LIKES: Final = timedelta(hours=12)
TOO_FAST: Final = timedelta(minutes=15)
NOTHING_LEFT: Final = timedelta(minutes=30)
#: The deck's word is law, but not a word that would stop its user for years.
LONGEST_WAIT: Final = timedelta(hours=48)
#: 15 minutes doubled this often are beyond the longest wait.
_MOST_DOUBLINGS: Final = 8


def wait_in_recs(answer: Mapping[str, Any], now: datetime) -> datetime | None:
    """When to ask again, if a recommendations answer says so."""
    spent = _spent_in_recs(answer, now)
    if spent is not None:
        return likes_again_at(spent, now)
    timeout_ms = mapping(answer.get("data")).get("timeout")
    if timeout_ms is not None and not is_number(timeout_ms):
        return now + NOTHING_LEFT
    if timeout_ms is not None and timeout_ms > 0:
        return _later(now, timeout_ms / 1000)
    return now + OUT_OF_LIKES if is_limited(answer, now) else None


def is_limited(answer: Mapping[str, Any], now: datetime) -> bool:
    """Whether a recommendations answer says, in an old way or a new one, that it was enough for now."""
    if answer.get("message") == "recs limited" or any(map(is_limit_card, offered(answer))):
        return True
    return _spent_in_recs(answer, now) is not None


def _spent_in_recs(answer: Mapping[str, Any], now: datetime) -> Mapping[str, Any] | None:
    """The part of a recommendations answer that says that likes are spent."""
    return next((part for part in (answer, mapping(answer.get("data"))) if out_of_likes(part, now)), None)


def out_of_likes(answer: Mapping[str, Any], now: datetime) -> bool:
    """A missing number means unknown, not out, unless the answer says until when there are none."""
    remaining = stated_number(answer.get("likes_remaining"))
    if remaining is not None:
        return remaining <= 0
    until_ms = stated_number(answer.get("rate_limited_until"))
    return until_ms is not None and until_ms / 1000 > now.timestamp()


def likes_left(answer: Mapping[str, Any]) -> int | None:
    """`likes_remaining` as stated; the service says 100 until it says 0."""
    remaining = stated_number(answer.get("likes_remaining"))
    return max(remaining, 0) if isinstance(remaining, int) and remaining < 10**6 else None


def likes_again_at(answer: Mapping[str, Any], now: datetime) -> datetime:
    """`rate_limited_until` (epoch milliseconds) if it lies ahead, else 12 hours from now."""
    until_ms = stated_number(answer.get("rate_limited_until"))
    if until_ms is None or until_ms / 1000 <= now.timestamp():
        return now + OUT_OF_LIKES
    return _later(now, until_ms / 1000 - now.timestamp())


def out_of_superlikes(answer: Mapping[str, Any]) -> bool:
    """A super like is refused under HTTP 200."""
    return is_true(answer.get("limit_exceeded"))


def superlikes_again_at(answer: Mapping[str, Any]) -> datetime | None:
    """`resets_at`, if stated."""
    return time_of(mapping(answer.get("super_likes")).get("resets_at"))


def retry_after(header: str | None, now: datetime, *, waits_before: int = 0) -> datetime:
    """`Retry-After` in seconds or as a date.

    If it is absent, unreadable or past: 15 minutes, doubled for each of the waits before that changed nothing.
    """
    own = min(TOO_FAST * (1 << min(max(waits_before, 0), _MOST_DOUBLINGS)), LONGEST_WAIT)
    said = text(header).strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return _later(now, max(int(said), 1))
    try:
        at = parsedate_to_datetime(said)
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return now + own
    return min(at, now + LONGEST_WAIT) if at > now else now + own


def waits_in_a_row(reports: Sequence[SessionReport]) -> int:
    """How many of the newest sessions (given newest first) ended in a wait before anything was swiped."""
    return sum(1 for _ in takewhile(_only_waited, reports))


def _only_waited(report: SessionReport) -> bool:
    return report.outcome == "deck_waits" and report.liked + report.passed == 0


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))
