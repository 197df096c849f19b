"""Tinder's profiles and matches as Swipr's. Nothing here trusts a field to be there or to be of its type."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from swipr.decks.tinder_fields import (
    is_number,
    is_whole,
    listed,
    mapping,
    number,
    person_id,
    short_text,
    text,
    time_of,
)
from swipr.models import Card, Match, Photo

KM_PER_MILE: Final = 1.609344
#: The smallest rendition that is enough for a 224-pixel network.
ENOUGH_PX: Final = (320, 400)
#: A profile shows nine photos, and one school or job; what is cut off bounds a session's memory.
MOST_PHOTOS: Final = 9
MOST_PLACES: Final = 9

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LIMIT_CARD = "tinder_rate_limited_id_"


def offered(answer: Mapping[str, Any]) -> Sequence[Any]:
    """The elements of a recommendations answer: under `data` (v2) or at the top (v1)."""
    return listed(mapping(answer.get("data")).get("results")) or listed(answer.get("results"))


def is_limit_card(element: Any) -> bool:
    """Tinder's way to say "slower" in v1: a made-up profile."""
    person = mapping(mapping(element).get("user"))
    return text(person.get("_id")).lower().startswith(_LIMIT_CARD)


def cards(elements: Iterable[Any], *, deck: str, now: datetime) -> Iterator[Card]:
    """Each profile once, in order; adverts, limit cards and what cannot be named are left out."""
    seen = set()
    for element in elements:
        card = None if is_limit_card(element) else _card(mapping(element), deck, now)
        if card is not None and card.card_id not in seen:
            seen.add(card.card_id)
            yield card


def _card(rec: Mapping[str, Any], deck: str, now: datetime) -> Card | None:
    person = mapping(rec.get("user"))
    user_id = person_id(person.get("_id"))
    if rec.get("type", "user") != "user" or not _ID.fullmatch(user_id):
        return None
    photos = _photos(person.get("photos"))
    return Card(
        card_id=f"{deck}:{user_id}",
        name=short_text(person.get("name")),
        age=full_years(time_of(person.get("birth_date")), now),
        bio=text(person.get("bio")),
        distance_km=_km(rec.get("distance_mi")),
        verified=any(mapping(badge).get("type") == "selfie_verified" for badge in listed(person.get("badges"))),
        schools=_named(listed(person.get("schools"))),
        jobs=_named(part for job in _entries(person.get("jobs")) for part in (job.get("title"), job.get("company"))),
        photos=photos,
        echo=_echo(rec, photos),
    )


def _named(things: Iterable[Any]) -> tuple[str, ...]:
    """The names of those that have one, each once."""
    names = (short_text(mapping(thing).get("name")).strip() for thing in things)
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_PLACES]


def _entries(value: Any) -> Iterable[Mapping[str, Any]]:
    return map(mapping, listed(value))


def _echo(rec: Mapping[str, Any], photos: tuple[Photo, ...]) -> dict[str, str]:
    """As text: an `s_number` lies beyond what a float holds."""
    serial = rec.get("s_number")
    echo = {
        "s_number": str(serial) if is_whole(serial) else "",
        "content_hash": text(rec.get("content_hash")),
        "photo_id": photos[0].photo_id if photos else "",
    }
    return {key: value for key, value in echo.items() if value}


def _photos(entries: Any) -> tuple[Photo, ...]:
    found: dict[str, Photo] = {}
    for entry in _entries(entries):
        photo = _photo(entry)
        if photo is not None:
            found.setdefault(photo.photo_id, photo)
    return tuple(found.values())[:MOST_PHOTOS]


def _photo(entry: Mapping[str, Any]) -> Photo | None:
    kind = text(entry.get("type")) or text(entry.get("media_type")) or "image"
    photo_id, url = text(entry.get("id")), _smallest_enough(entry) or text(entry.get("url"))
    return Photo(photo_id=photo_id, url=url) if kind == "image" and photo_id and url else None


def _smallest_enough(entry: Mapping[str, Any]) -> str:
    enough = [
        (number(file.get("width")) * number(file.get("height")), text(file.get("url")))
        for file in _entries(entry.get("processedFiles"))
        if number(file.get("width")) >= ENOUGH_PX[0] and number(file.get("height")) >= ENOUGH_PX[1]
    ]
    return min(((area, url) for area, url in enough if url), default=(0, ""))[1]


def full_years(born: datetime | None, now: datetime) -> int | None:
    """Age on the day of `now`; Tinder blurs the time of day, so only dates are compared."""
    if born is None:
        return None
    age = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return age if 0 <= age <= 150 else None


def _km(miles: Any) -> float | None:
    return round(miles * KM_PER_MILE, 1) if is_number(miles) and 0 <= miles < 1e5 else None


# --- matches ----------------------------------------------------------------------------------------


def match_id(answer: Mapping[str, Any], user_id: str) -> str | None:
    """The match a like made: an object names it, `true` does not (then the person's id stands for it).

    Nothing else is a match: a like that did not count must not pass for one that did.
    """
    match = answer.get("match")
    is_said = match is True or text(match).strip().casefold() == "true"
    if not is_said and not mapping(match):
        return None
    named = mapping(match)
    return short_text(named.get("_id")) or short_text(named.get("id")) or user_id


class Listed(NamedTuple):
    """One entry of a page of matches: its own id, "" if it has none, and the match, if it says whom it is with."""

    match_id: str
    match: Match | None


def is_page(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is a page of matches, and not something of another form."""
    return isinstance(mapping(answer.get("data")).get("matches"), list)


def matches(answer: Mapping[str, Any], *, deck: str) -> Iterator[Listed]:
    """The entries of one page."""
    for entry in _entries(mapping(answer.get("data")).get("matches")):
        person = mapping(entry.get("person"))
        user_id = person_id(person.get("_id"))
        named = short_text(entry.get("_id")) or short_text(entry.get("id"))
        if not named or not _ID.fullmatch(user_id):
            yield Listed(named, None)
            continue
        yield Listed(
            named,
            Match(
                match_id=named,
                card_id=f"{deck}:{user_id}",
                name=short_text(person.get("name")),
                matched_at=time_of(entry.get("created_date")),
            ),
        )


def next_page(answer: Mapping[str, Any]) -> str | None:
    """The token of the next page of matches, "" for none, None for what cannot be one."""
    token = mapping(answer.get("data")).get("next_page_token")
    if token is None:
        return ""
    return str(token) if is_whole(token) else text(token) or None
