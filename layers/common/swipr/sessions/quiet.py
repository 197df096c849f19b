"""Quiet hours and days: when no session runs, by the user's own clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from swipr.models import WEEKDAYS, QuietHours, UserSettings

_MINUTE = timedelta(minutes=1)
#: One day a week with one minute that is not quiet, which the clock may skip when it goes forward.
_LONGEST = timedelta(days=15)


def quiet_until(settings: UserSettings, at: datetime) -> datetime | None:
    """When the quiet time that `at` lies in ends, aware UTC; None if it lies in none.

    It is quiet whenever the user's clock shows a quiet time or a day that is not one of theirs: so a stretch over
    midnight still counts in the morning, and an hour that the clock shows twice is quiet twice.
    """
    zone = ZoneInfo(settings.time_zone)
    if not _is_quiet(settings, at.astimezone(zone)):
        return None
    # Minute by minute: clocks jump by whole minutes, and every jump is met without a rule of its own.
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    following = (minute + step * _MINUTE for step in range(1, _LONGEST // _MINUTE))
    return next((end for end in following if not _is_quiet(settings, end.astimezone(zone))), minute + _LONGEST)


def _is_quiet(settings: UserSettings, local: datetime) -> bool:
    if WEEKDAYS[local.weekday()] not in settings.days:
        return True
    return settings.quiet_hours is not None and _holds(settings.quiet_hours, local.time())


def _holds(hours: QuietHours, clock: time) -> bool:
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end
