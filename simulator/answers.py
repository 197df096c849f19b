"""The service's JSON: cards, matches, errors. Fields are missing now and then, the same ones for the same card."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from simulator.catalogue import Card

Json = dict[str, Any]
#: Makes the address of a photo: card id, photo number, size, or None for the largest.
Address = Callable[[str, int, tuple[int, int] | None], str]

S_NUMBER_FROM: Final = 98_765_432_101_234_567  # beyond 2**53: a client that reads it as a float echoes another


TITLES: Final = ("Baker", "Carpenter", "Cook", "Gardener", "Librarian", "Nurse", "Pilot", "Teacher", "Welder")
COMPANIES: Final = ("Corner Bakery", "City Library", "Night Train", "Harbour Clinic", "The Tram Depot")
SCHOOLS: Final = ("Hill School", "Harbour College", "Evening Academy")


def s_number(card: Card) -> int:
    return S_NUMBER_FROM + 2 * card.index


def content_hash(card: Card) -> str:
    return hashlib.sha256(f"content/{card.card_id}".encode()).hexdigest()[:40]


def photo_id(card_id: str, number: int) -> str:
    """In the form of a UUID; the card and the number can be read back from it."""
    digits = f"{card_id}{number:08x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def photo_number(text: str) -> tuple[str, int] | None:
    """Card id and number of a photo id, or None."""
    digits = text.replace("-", "")
    try:
        return (digits[:24], int(digits[24:], 16)) if len(digits) == 32 else None
    except ValueError:
        return None


def rec(card: Card, address: Address, now: datetime) -> Json:
    """One element of the recommendations."""
    person: Json = {
        "_id": card.card_id,
        "name": card.name,
        "gender": -1,
        "badges": [{"type": "selfie_verified"}] if _now_and_then(card, "verified", 2) else [],
        "jobs": _jobs(card),
        "schools": [{"name": _picked(card, "school", SCHOOLS)}] if _now_and_then(card, "schooled", 3) else [],
        "photos": _photos(card, address),
        "hide_age": False,
        "is_traveling": False,
    }
    if card.bio or _now_and_then(card, "empty bio", 2):
        person["bio"] = card.bio
    if not _now_and_then(card, "no age", 30):
        person["birth_date"] = _millis(_years_before(now, card.age))
    if not _now_and_then(card, "no activity", 4):
        person["recently_active"] = card.index % 3 == 0
    element: Json = {
        "type": "user",
        "user": person,
        "s_number": s_number(card),
        "facebook": {"common_connections": [], "connection_count": 0, "common_interests": []},
        "spotify": {"spotify_connected": False},
        "teaser": {"string": ""},
        "experiment_info": {},
        "something_new": {"of": [1, None]},
    }
    if not _now_and_then(card, "no distance", 9):
        element["distance_mi"] = card.distance_mi
    if not _now_and_then(card, "no hash", 20):
        element["content_hash"] = content_hash(card)
    return element


def _jobs(card: Card) -> list[Json]:
    """Title and company, either of them, or none."""
    job: Json = {}
    if _now_and_then(card, "titled", 2):
        job["title"] = {"name": _picked(card, "title", TITLES)}
    if _now_and_then(card, "employed", 3):
        job["company"] = {"name": _picked(card, "company", COMPANIES)}
    return [job] if job else []


def _photos(card: Card, address: Address) -> list[Json]:
    if _now_and_then(card, "no photos", 50):
        return []
    return [_photo(card, number, address) for number in range(card.photos)]


def _photo(card: Card, number: int, address: Address) -> Json:
    url = address(card.card_id, number, None)
    extension = url.partition("?")[0].rpartition(".")[2]
    photo: Json = {
        "id": photo_id(card.card_id, number),
        "url": url,
        "fileName": f"{photo_id(card.card_id, number)}.{extension}",
        "extension": "jpg,webp" if extension == "webp" else "jpg",
        "type": "image",
    }
    if card.sizes and not _now_and_then(card, "no renditions", 25):
        photo["processedFiles"] = [
            {"url": address(card.card_id, number, (width, height)), "width": width, "height": height}
            for width, height in card.sizes
        ]
    return photo


def limit_card() -> Json:
    """What the old service offered to somebody too fast."""
    return {"type": "user", "user": {"_id": "tinder_rate_limited_id_1", "name": "Tinder Team", "photos": []}}


def match(
    card: Card, user_id: str, matched_at: datetime, address: Address, *, messages: int, by_superlike: bool = False
) -> Json:
    joined = "".join(sorted((user_id, card.card_id)))
    return {
        "_id": joined,
        "id": joined,
        "closed": False,
        "dead": False,
        "pending": False,
        "created_date": _millis(matched_at),
        "last_activity_date": _millis(matched_at),
        "message_count": messages,
        "messages": [],
        "participants": [user_id, card.card_id],
        "is_super_like": by_superlike,
        "is_boost_match": False,
        "following": True,
        "person": {
            "_id": card.card_id,
            "name": card.name,
            "gender": -1,
            "badges": [],
            "photos": _photos(card, address),
        },
    }


def superlikes(remaining: int, allotment: int, resets_at: datetime) -> Json:
    return {
        "remaining": remaining,
        "allotment": allotment,
        "alc_remaining": 0,
        "new_alc_remaining": 0,
        "resets_at": _millis(resets_at),
        "superlike_refresh_amount": allotment,
        "superlike_refresh_interval": 1,
        "superlike_refresh_interval_unit": "day",
    }


def recommendations(elements: Sequence[Json], *, old: bool = False) -> Json:
    if old:
        return {"status": 200, "results": list(elements)}
    return {"meta": {"status": 200}, "data": {"results": list(elements)}}


#: Every way in which the service says that nothing is left, by name; None is an empty body.
def nothing_left(form: str, wait_ms: int) -> Json | None:
    """Raises KeyError for a form the service does not use."""
    ok = {"status": 200}
    forms: dict[str, Json | None] = {
        "timeout": {"meta": ok, "data": {"timeout": wait_ms}},
        "empty": {"meta": ok, "data": {"results": []}},
        "null": {"meta": ok, "data": {"results": None}},
        "missing": {"meta": ok, "data": {}},
        "empty_body": None,
        "recs timeout": {"message": "recs timeout"},
        "recs exhausted": {"message": "recs exhausted"},
        "recs limited": {"message": "recs limited"},
    }
    return forms[form]


NOTHING_LEFT: Final = (
    "timeout", "empty", "null", "missing", "empty_body", "recs timeout", "recs exhausted", "recs limited",
)  # fmt: skip

_ERRORS: Final = {
    400: ("MALFORMED", 41002),
    401: ("SESSION_INVALID", 40101),
    403: ("BLACKLISTED", 40303),
    404: ("NOT_FOUND", 40401),
    429: ("RATE_LIMITED", 42901),
}
_OLD_ERRORS: Final = {400: "malformed request", 401: "", 403: "banned", 404: "Not Found"}


def error(status: int, *, old: bool) -> Json:
    """The body of an error, `old` for paths without /v2."""
    if old:
        return {"status": status, "error": _OLD_ERRORS.get(status, "error")}
    message, code = _ERRORS.get(status, ("ERROR", status * 100))
    return {"meta": {"status": status}, "error": {"message": message, "code": code}}


def _now_and_then(card: Card, what: str, every: int) -> bool:
    """True for one card in `every`, always the same ones."""
    if card.whole:
        return False
    return int(hashlib.sha256(f"{what}/{card.card_id}".encode()).hexdigest()[:8], 16) % every == 0


def _picked(card: Card, what: str, among: Sequence[str]) -> str:
    return among[int(hashlib.sha256(f"{what}/{card.card_id}".encode()).hexdigest()[:8], 16) % len(among)]


def _years_before(now: datetime, years: int) -> datetime:
    return now - timedelta(days=years * 365.25 + 40)


def _millis(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
