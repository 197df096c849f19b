"""Quiet is what the user's own clock and calendar say, through the night and through changes of the clock."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from swipr.models import WEEKDAYS, UserSettings
from swipr.sessions.quiet import quiet_until

BERLIN = "Europe/Berlin"
NIGHT = {"start": "22:00", "end": "07:00"}


def until(at: str, zone: str = "UTC", **chosen: Any) -> str | None:
    """Both times by the zone's clock; `at` may name its offset, where the clock shows it twice."""
    settings = UserSettings.model_validate({"time_zone": zone, **chosen})
    moment = datetime.fromisoformat(at)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    end = quiet_until(settings, moment.astimezone(UTC))
    return None if end is None else end.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def test_without_a_wish_it_is_never_quiet() -> None:
    assert until("2026-03-01T03:00") is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T21:59:59", None),
        ("2026-03-02T22:00:00", "2026-03-03T07:00+00:00"),
        ("2026-03-02T23:59:59", "2026-03-03T07:00+00:00"),
        ("2026-03-03T00:00:00", "2026-03-03T07:00+00:00"),
        ("2026-03-03T06:59:59", "2026-03-03T07:00+00:00"),
        ("2026-03-03T07:00:00", None),
    ],
)
def test_a_night_that_began_yesterday_still_counts(at: str, expected: str | None) -> None:
    assert until(at, quiet_hours=NIGHT) == expected


def test_hours_within_a_day_end_on_that_day() -> None:
    office = {"start": "09:00", "end": "17:00"}

    assert until("2026-03-02T12:00", quiet_hours=office) == "2026-03-02T17:00+00:00"
    assert until("2026-03-02T08:59", quiet_hours=office) is None
    assert until("2026-03-02T17:00", quiet_hours=office) is None


def test_the_users_clock_counts_and_not_the_machines() -> None:
    settings = UserSettings.model_validate({"time_zone": "Asia/Kolkata", "quiet_hours": NIGHT})

    assert quiet_until(settings, datetime(2026, 3, 2, 16, 29, tzinfo=UTC)) is None  # 21:59 there
    assert quiet_until(settings, datetime(2026, 3, 2, 16, 30, tzinfo=UTC)) == datetime(2026, 3, 3, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-06T12:00", None),  # a Friday
        ("2026-03-07T00:00", "2026-03-09T00:00+00:00"),
        ("2026-03-08T23:59", "2026-03-09T00:00+00:00"),
        ("2026-03-09T00:00", None),
    ],
)
def test_days_that_are_not_the_users_are_quiet(at: str, expected: str | None) -> None:
    assert until(at, days=("mon", "tue", "wed", "thu", "fri")) == expected


def test_a_quiet_day_and_a_quiet_night_are_one_stretch() -> None:
    chosen = {"days": ("mon", "tue", "wed", "thu", "fri"), "quiet_hours": NIGHT}

    assert until("2026-03-06T23:00", **chosen) == "2026-03-09T07:00+00:00"
    assert until("2026-03-07T15:00", **chosen) == "2026-03-09T07:00+00:00"


def test_one_minute_a_week_is_found() -> None:
    chosen = {"days": ("mon",), "quiet_hours": {"start": "00:00", "end": "23:59"}}

    assert until("2026-03-03T00:00", **chosen) == "2026-03-09T23:59+00:00"


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [  # on 2026-03-29 the clock goes from 02:00 to 03:00
        (NIGHT, "2026-03-29T01:59", "2026-03-29T07:00+02:00"),
        ({"start": "22:00", "end": "02:30"}, "2026-03-29T01:59", "2026-03-29T03:00+02:00"),
        ({"start": "02:30", "end": "07:00"}, "2026-03-29T01:59", None),
        ({"start": "02:30", "end": "07:00"}, "2026-03-29T03:00", "2026-03-29T07:00+02:00"),
        ({"start": "02:10", "end": "02:50"}, "2026-03-29T03:00", None),
    ],
)
def test_an_hour_that_the_clock_skips(hours: dict[str, str], at: str, expected: str | None) -> None:
    assert until(at, BERLIN, quiet_hours=hours) == expected


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [  # on 2026-10-25 the clock goes from 03:00 back to 02:00
        (NIGHT, "2026-10-25T02:30+02:00", "2026-10-25T07:00+01:00"),
        (NIGHT, "2026-10-25T02:30+01:00", "2026-10-25T07:00+01:00"),
        ({"start": "22:00", "end": "02:30"}, "2026-10-25T02:15+02:00", "2026-10-25T02:30+02:00"),
        ({"start": "22:00", "end": "02:30"}, "2026-10-25T02:45+02:00", None),
        ({"start": "22:00", "end": "02:30"}, "2026-10-25T02:15+01:00", "2026-10-25T02:30+01:00"),
        ({"start": "02:30", "end": "07:00"}, "2026-10-25T02:45+02:00", "2026-10-25T02:00+01:00"),
        ({"start": "02:30", "end": "07:00"}, "2026-10-25T02:45+01:00", "2026-10-25T07:00+01:00"),
    ],
)
def test_an_hour_that_the_clock_shows_twice_is_quiet_twice(
    hours: dict[str, str], at: str, expected: str | None
) -> None:
    assert until(at, BERLIN, quiet_hours=hours) == expected


def test_the_only_free_hour_skipped_by_the_clock_is_a_week_later() -> None:
    chosen = {"days": ("sun",), "quiet_hours": {"start": "03:00", "end": "02:00"}}

    assert until("2026-03-28T12:00", BERLIN, **chosen) == "2026-04-05T02:00+02:00"


def test_its_end_is_the_first_moment_that_is_not_quiet() -> None:
    dice = random.Random(7)
    zones = ["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
    met = 0
    for _ in range(300):
        start, end = dice.sample(range(0, 1440, 5), 2)
        chosen = {
            "time_zone": dice.choice(zones),
            "quiet_hours": {"start": clock(start), "end": clock(end)},
            "days": tuple(dice.sample(WEEKDAYS, dice.randint(3, 7))),
        }
        settings = UserSettings.model_validate(chosen)
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(525_600), seconds=dice.randrange(60))
        ends = quiet_until(settings, at)
        assert (ends is None) == (not shows_quiet(chosen, at)), (chosen, at)
        if ends is None:
            continue
        met += 1
        assert not shows_quiet(chosen, ends)
        before = math.ceil((ends - at) / timedelta(minutes=1))
        assert all(shows_quiet(chosen, at + timedelta(minutes=passed)) for passed in range(before)), (chosen, at)
    assert met > 100


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def shows_quiet(chosen: dict[str, Any], at: datetime) -> bool:
    """By what a person reads off a clock on the wall."""
    local = at.astimezone(ZoneInfo(chosen["time_zone"]))
    shown, start, end = f"{local:%H:%M}", chosen["quiet_hours"]["start"], chosen["quiet_hours"]["end"]
    within = start <= shown < end if start < end else not end <= shown < start
    return within or f"{local:%a}".lower() not in chosen["days"]
