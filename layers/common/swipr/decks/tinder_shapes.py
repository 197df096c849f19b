"""Tinder's answers as Swipr's values. Nothing here trusts a field to be there or to be of its type."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeGuard

from swipr.models import Card, Match, Photo

KM_PER_MILE: Final = 1.609344
#: The smallest rendition that is enough for a 224-pixel network.
ENOUGH_PX: Final = (320, 400)
OUT_OF_LIKES: Final = timedelta(hours=12)
TOO_FAST: Final = timedelta(minutes=15)
NOTHING_LEFT: Final = timedelta(minutes=30)
#: The deck's word is law, but not a word that would stop its user for years.
LONGEST_WAIT: Final = timedelta(hours=48)
#: A profile shows nine; what is cut off bounds a session's memory.
MOST_PHOTOS: Final = 9
MOST_CHARACTERS: Final = 200

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LIMIT_CARD = "tinder_rate_limited_id_"


def parse_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, or None if it holds anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def offered(answer: Mapping[str, Any]) -> list[Any]:
    """The elements of a recommendations answer: under `data` (v2) or at the top (v1)."""
    data = _mapping(answer.get("data"))
    for results in (data.get("results"), answer.get("results")):
        if isinstance(results, list):
            return results
    return []


def is_limit_card(element: Any) -> bool:
    """Tinder's way to say "slower" in v1: a made-up profile."""
    person = _mapping(_mapping(element).get("user"))
    return _text(person.get("_id")).startswith(_LIMIT_CARD)


def cards(elements: Iterable[Any], *, deck: str, now: datetime) -> Iterator[Card]:
    """Each profile once, in order; adverts, limit cards and what cannot be named are left out."""
    seen = set()
    for element in elements:
        card = None if is_limit_card(element) else _card(_mapping(element), deck, now)
        if card is not None and card.card_id not in seen:
            seen.add(card.card_id)
            yield card


def _card(rec: Mapping[str, Any], deck: str, now: datetime) -> Card | None:
    person = _mapping(rec.get("user"))
    user_id = _text(person.get("_id"))
    if rec.get("type", "user") != "user" or not _ID.fullmatch(user_id):
        return None
    photos = _photos(person.get("photos"))
    return Card(
        card_id=f"{deck}:{user_id}",
        name=_text(person.get("name"))[:MOST_CHARACTERS],
        age=full_years(_time(person.get("birth_date")), now),
        bio=_text(person.get("bio")),
        distance_km=_km(rec.get("distance_mi")),
        photos=photos,
        echo=_echo(rec, photos),
    )


def _echo(rec: Mapping[str, Any], photos: tuple[Photo, ...]) -> dict[str, str]:
    number = rec.get("s_number")
    echo = {
        "s_number": str(number) if isinstance(number, int) and not isinstance(number, bool) else "",
        "content_hash": _text(rec.get("content_hash")),
        "photo_id": photos[0].photo_id if photos else "",
    }
    return {key: value for key, value in echo.items() if value}


def _photos(listed: Any) -> tuple[Photo, ...]:
    found: dict[str, Photo] = {}
    for entry in listed if isinstance(listed, list) else ():
        photo = _photo(_mapping(entry))
        if photo is not None:
            found.setdefault(photo.photo_id, photo)
    return tuple(found.values())[:MOST_PHOTOS]


def _photo(entry: Mapping[str, Any]) -> Photo | None:
    kind = _text(entry.get("type")) or _text(entry.get("media_type")) or "image"
    photo_id, url = _text(entry.get("id")), _smallest_enough(entry) or _text(entry.get("url"))
    return Photo(photo_id=photo_id, url=url) if kind == "image" and photo_id and url else None


def _smallest_enough(entry: Mapping[str, Any]) -> str:
    files = entry.get("processedFiles")
    renditions = [_mapping(file) for file in files] if isinstance(files, list) else []
    enough = [
        (_number(file.get("width")) * _number(file.get("height")), _text(file.get("url")))
        for file in renditions
        if _number(file.get("width")) >= ENOUGH_PX[0] and _number(file.get("height")) >= ENOUGH_PX[1]
    ]
    return min(((area, url) for area, url in enough if url), default=(0, ""))[1]


def full_years(born: datetime | None, now: datetime) -> int | None:
    """Age on the day of `now`; Tinder blurs the time of day, so only dates are compared."""
    if born is None:
        return None
    age = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return age if 0 <= age <= 150 else None


def wait_in_recs(answer: Mapping[str, Any], now: datetime) -> datetime | None:
    """When to ask again, if a recommendations answer says so."""
    timeout_ms = _mapping(answer.get("data")).get("timeout")
    if timeout_ms is not None and not _is_number(timeout_ms):
        return now + NOTHING_LEFT
    if timeout_ms is not None and timeout_ms > 0:
        return _later(now, timeout_ms / 1000, NOTHING_LEFT)
    limited = answer.get("message") == "recs limited" or any(map(is_limit_card, offered(answer)))
    return now + OUT_OF_LIKES if limited else None


def out_of_likes(answer: Mapping[str, Any]) -> bool:
    """Missing means unknown, not out."""
    remaining = answer.get("likes_remaining")
    return _is_number(remaining) and remaining <= 0


def likes_again_at(answer: Mapping[str, Any], now: datetime) -> datetime:
    """`rate_limited_until` (epoch milliseconds) if it lies ahead, else 12 hours from now."""
    until_ms = answer.get("rate_limited_until")
    if not _is_number(until_ms) or until_ms / 1000 <= now.timestamp():
        return now + OUT_OF_LIKES
    return _later(now, until_ms / 1000 - now.timestamp(), OUT_OF_LIKES)


def retry_after(header: str | None, now: datetime) -> datetime:
    """`Retry-After` in seconds or as a date; 15 minutes if absent, unreadable or past."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return _later(now, max(int(text), 1), TOO_FAST)
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return now + TOO_FAST
    return min(at, now + LONGEST_WAIT) if at > now else now + TOO_FAST


def match_id(answer: Mapping[str, Any], user_id: str) -> str | None:
    """The match a like made: an object names it, `true` does not (then the person's id stands for it)."""
    match = answer.get("match")
    if not match:
        return None
    named = _mapping(match)
    return (_text(named.get("_id")) or _text(named.get("id")) or user_id)[:MOST_CHARACTERS]


def declared_status(answer: Mapping[str, Any]) -> int | None:
    """The status an answer's body claims, in either of Tinder's two places."""
    for claimed in (answer.get("status"), _mapping(answer.get("meta")).get("status")):
        if isinstance(claimed, int) and not isinstance(claimed, bool) and 100 <= claimed < 1000:
            return claimed
    return None


def matches(answer: Mapping[str, Any], *, deck: str) -> Iterator[Match]:
    """Those matches that say whom they are with."""
    listed = _mapping(answer.get("data")).get("matches")
    for entry in map(_mapping, listed if isinstance(listed, list) else ()):
        user_id = _text(_mapping(entry.get("person")).get("_id"))
        named = _text(entry.get("_id")) or _text(entry.get("id"))
        if named and _ID.fullmatch(user_id):
            yield Match(match_id=named, card_id=f"{deck}:{user_id}", matched_at=_time(entry.get("created_date")))


def next_page(answer: Mapping[str, Any]) -> str:
    """The token of the next page of matches, or "" for none."""
    return _text(_mapping(answer.get("data")).get("next_page_token"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Text that can be stored: lone surrogates, which JSON allows, are replaced."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _is_number(value: Any) -> TypeGuard[float]:
    """Bounded too: JSON allows integers that no float or date can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -1e18 < value < 1e18


def _number(value: Any) -> float:
    return value if _is_number(value) else 0


def _km(miles: Any) -> float | None:
    return round(miles * KM_PER_MILE, 1) if _is_number(miles) and 0 <= miles < 1e5 else None


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _later(now: datetime, seconds: float, otherwise: timedelta) -> datetime:
    """So many seconds from now, `LONGEST_WAIT` at the most; `otherwise` for what is no duration at all."""
    try:
        return now + min(timedelta(seconds=seconds), LONGEST_WAIT)
    except OverflowError:
        return now + (LONGEST_WAIT if seconds > 0 else otherwise)
