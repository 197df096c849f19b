"""What a row of the fact sheet is, and the rows about reads: headers, recommendations, photos, matches, profile."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from swipr.decks.tinder_stops import likes_spent
from swipr.errors import DeckUnavailableError, PhotoError, PhotoGoneError
from swipr.models import Card, DeckHealth, Match, MatchList, Offer, Photo
from tests.scripted_deck import Reply

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
S_NUMBER = 98_765_432_101_234_567
EVERYTHING = frozenset({"cards", "like", "pass", "superlike", "matches", "check"})
NOTHING = frozenset[str]()
WITHOUT_LIKES = frozenset({"superlike", "matches", "check"})
WITHOUT_SUPERLIKES = EVERYTHING - {"superlike"}
#: Nothing is there to be had for a while; nobody is forbidden to swipe.
WITHOUT_CARDS = EVERYTHING - {"cards"}

RECS = "GET /v2/recs/core?locale=en"
PROFILE = "GET /v2/profile?include=account%2Cuser%2Clikes%2Csuper_likes"


class Raised(NamedTuple):
    """An error whose words contain `words`, and the wait it names."""

    error: type[Exception]
    words: str
    wait_until: datetime | None = None


class Ill(NamedTuple):
    """A DeckHealth that does not work, with such words."""

    words: str
    wait_until: datetime | None = None


class Row(NamedTuple):
    """One line of the fact sheet: what is asked of the deck, what the service answers, and what comes of it.

    `calls`: every request line received. `still`: the calls that the deck makes afterwards, when asked for each.
    `headers` and `body` of the first call; a header of None is absent.
    """

    name: str
    ask: str
    replies: tuple[Reply, ...]
    wanted: object
    calls: tuple[str, ...]
    still: frozenset[str] = EVERYTHING
    options: Mapping[str, Any] = {}
    headers: Mapping[str, str | None] = {}
    body: object = None


def later(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


def ok(data: object, **more: object) -> Reply:
    return Reply(body={"meta": {"status": 200}, "data": data, **more})


def rec(user_id: str = "u1", user: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "user", "user": {"_id": user_id, **(user or {})}, **fields}


def offer(*cards: Card, wait_until: datetime | None = None) -> Offer:
    return Offer(cards=cards, wait_until=wait_until)


def card(user_id: str = "u1", **fields: Any) -> Card:
    return Card(card_id=f"tinder:{user_id}", **fields)


# --- §3 request headers -----------------------------------------------------------------------------

NONE_LEFT = (ok({"results": []}),)


def header_row(name: str, headers: Mapping[str, str | None], **options: Any) -> Row:
    return Row(f"3-{name}", "cards", NONE_LEFT, offer(), (RECS,), options=options, headers=headers)


HEADERS = [
    header_row("token", {"x-auth-token": "t"}),
    header_row("platform-web-by-default", {"platform": "web"}),
    header_row("platform-of-the-setting", {"platform": "android"}, platform="android"),
    header_row("platform-empty-is-not-sent", {"platform": None}, platform=""),
    header_row("ordinary-agent", {"user-agent": "Swipr"}),
    header_row("accept-json", {"accept": "application/json"}),
    header_row("no-content-type-without-body", {"content-type": None, "content-length": None}),
    header_row("image-formats", {"x-supported-image-formats": "webp,jpeg"}),
    header_row(
        "no-made-up-device",
        {"app-version": None, "tinder-version": None, "persistent-device-id": None, "app-session-id": None},
    ),
    header_row("gzip", {"accept-encoding": "gzip, deflate"}),
]


# --- §4 recommendations -----------------------------------------------------------------------------


def recs_row(name: str, reply: Reply, wanted: object, still: frozenset[str] = EVERYTHING) -> Row:
    return Row(f"4-{name}", "cards", (reply,), wanted, (RECS,), still)


LIMIT_CARD = {"type": "user", "user": {"_id": "tinder_rate_limited_id_7", "name": "Tinder Team"}}
LIMITED = later(hours=12)
BIG = json.dumps({"data": {"results": [rec(s_number=S_NUMBER)]}}).encode()

RECOMMENDATIONS = [
    recs_row("batch", ok({"results": [rec("u1"), rec("u2")]}), offer(card("u1"), card("u2"))),
    recs_row("v1-batch", Reply(body={"status": 200, "results": [rec()]}), offer(card())),
    recs_row("results-absent", ok({}), offer()),
    recs_row("results-null", ok({"results": None}), offer()),
    recs_row("results-empty", ok({"results": []}), offer()),
    recs_row("results-of-another-type", ok({"results": {"0": rec()}}), offer()),
    recs_row("data-null", ok(None), offer()),
    recs_row("timeout-in-ms", ok({"timeout": 1_800_000}), offer(wait_until=later(minutes=30)), WITHOUT_CARDS),
    recs_row("timeout-unreadable", ok({"timeout": "soon"}), offer(wait_until=later(minutes=30)), WITHOUT_CARDS),
    recs_row("timeout-over", ok({"timeout": 0}), offer()),
    recs_row("v1-recs-timeout", Reply(body={"message": "recs timeout"}), offer()),
    recs_row("v1-recs-exhausted", Reply(body={"message": "recs exhausted"}), offer()),
    recs_row("v1-recs-limited", Reply(body={"message": "recs limited"}), offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("empty-body", Reply(), offer()),
    recs_row("no-content", Reply(204), offer()),
    recs_row("rate-limit-card", ok({"results": [LIMIT_CARD]}), offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("rate-limit-card-first", ok({"results": [LIMIT_CARD, rec()]}), offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("rate-limit-card-in-capitals", ok({"results": [{"user": {"_id": "TINDER_RATE_LIMITED_ID_7"}}]}),
             offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("likes-spent", ok({"results": [rec()]}, likes_remaining="0"), offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("likes-spent-until", ok({"results": [rec()], "rate_limited_until": int(LIMITED.timestamp() * 1000)}),
             offer(wait_until=LIMITED), WITHOUT_LIKES),
    recs_row("likes-left", ok({"results": [rec()], "likes_remaining": 7}), offer(card())),
    recs_row("ids-in-capitals", ok({"results": [rec("5C" * 12), rec("5c" * 12), rec("U1")]}),
             offer(card("5c" * 12), card("U1"))),
    recs_row("repeated-profile", ok({"results": [rec("u1"), rec("u2"), rec("u1")]}), offer(card("u1"), card("u2"))),
    recs_row("another-type", ok({"results": [{"type": "ad"}, rec()]}), offer(card())),
    recs_row("no-type", ok({"results": [{"user": {"_id": "u1"}}]}), offer(card())),
    recs_row("elements-that-are-none", ok({"results": [None, 7, [], "x", {}, rec()]}), offer(card())),
    recs_row("no-id", ok({"results": [{"type": "user", "user": {"name": "Zoe"}}, rec()]}), offer(card())),
    recs_row("s-number-beyond-2-53", Reply(body=BIG), offer(card(echo={"s_number": str(S_NUMBER)}))),
    recs_row("content-hash", ok({"results": [rec(content_hash="h")]}), offer(card(echo={"content_hash": "h"}))),
    recs_row("distance-in-miles", ok({"results": [rec(distance_mi=10)]}), offer(card(distance_km=16.1))),
    recs_row("distance-hidden", ok({"results": [rec(user={"hide_distance": True})]}), offer(card())),
    recs_row(
        "unknown-fields",
        ok({"results": [rec(user={"new": {"a": [1]}}, teasers=[{"string": "x"}], snap={}, facebook={})]}, later=1),
        offer(card()),
    ),
]  # fmt: skip


def person_row(row: str, user: Mapping[str, Any], **fields: Any) -> Row:
    return recs_row(f"person-{row}", ok({"results": [rec(user=user)]}), offer(card(**fields)))


PEOPLE = [
    person_row("name", {"name": "Zoe"}, name="Zoe"),
    person_row("bio", {"bio": "Potatoes"}, bio="Potatoes"),
    person_row("bio-empty", {"bio": ""}),
    person_row("birth-date", {"birth_date": "2000-03-01T23:59:59.999Z"}, age=26),
    person_row("birth-date-hidden", {"hide_age": True}),
    person_row("selfie-verified", {"badges": [{"type": "new"}, {"type": "selfie_verified"}]}, verified=True),
    person_row("other-badges", {"badges": [{"type": "other"}, None, "selfie_verified"]}),
    person_row("school", {"schools": [{"name": "Field School", "id": "s"}]}, schools=("Field School",)),
    person_row("schools-empty", {"schools": [], "jobs": []}),
    person_row("schools-null", {"schools": None, "jobs": None, "badges": None, "photos": None}),
    person_row("job", {"jobs": [{"title": {"name": "Cook"}, "company": {"name": "Inn"}}]}, jobs=("Cook", "Inn")),
    person_row("job-title-only", {"jobs": [{"title": {"name": "Cook"}}]}, jobs=("Cook",)),
    person_row("job-company-only", {"jobs": [{"company": {"name": "Inn"}, "title": None}]}, jobs=("Inn",)),
    person_row("job-of-another-type", {"jobs": ["Cook", {"title": "Cook"}]}),
    person_row("recently-active-missing", {"online_now": True}),
    person_row("sensitive-fields", {"sexual_orientations": [{"id": "x"}], "relationship_intent": {"a": 1}}),
]

FILES = [{"url": "https://x/640", "width": 640, "height": 800}, {"url": "https://x/320", "width": 320, "height": 400}]


def photos_row(name: str, photos: list[Any], *found: tuple[str, str]) -> Row:
    kept = tuple(Photo(photo_id=photo_id, url=url) for photo_id, url in found)
    echo = {"photo_id": found[0][0]} if found else {}
    return person_row(f"photos-{name}", {"photos": photos}, photos=kept, echo=echo)


WHOLE = {"id": "a", "url": "https://x/all", "type": "image"}
PHOTOS = [
    photos_row("empty", []),
    photos_row("smallest-enough", [{**WHOLE, "processedFiles": FILES}], ("a", "https://x/320")),
    photos_row("no-processed-files", [WHOLE], ("a", "https://x/all")),
    photos_row("processed-files-too-small", [{**WHOLE, "processedFiles": [{"url": "https://x/84"}]}],
               ("a", "https://x/all")),
    photos_row("video", [{**WHOLE, "id": "v", "type": "video"}, {**WHOLE, "media_type": "image"}],
               ("a", "https://x/all")),
    photos_row("no-crop-info", [{**WHOLE, "crop_info": {}}], ("a", "https://x/all")),
    photos_row("repeated", [WHOLE, WHOLE], ("a", "https://x/all")),
]  # fmt: skip


# --- §4 photo addresses --------------------------------------------------------------------------------

PHOTO = "GET /u/p.jpg?Policy=a&Signature=b"
JPEG = b"\xff\xd8\xff\xe0 a photo"
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 a photo"


def photo_row(name: str, reply: Reply, wanted: object, **options: Any) -> Row:
    secret = {"x-auth-token": None, "platform": None, "cookie": None}
    return Row(f"4-photo-{name}", "photo", (reply,), wanted, (PHOTO,), EVERYTHING, options, secret)


EXPIRED, REMOVED = "address has expired", "was removed"
FETCHES = [
    photo_row("jpeg", Reply(body=JPEG), JPEG),
    photo_row("webp", Reply(body=WEBP), WEBP),
    photo_row("expired", Reply(403), Raised(PhotoError, EXPIRED)),
    photo_row("gone-404", Reply(404), Raised(PhotoGoneError, REMOVED)),
    photo_row("gone-410", Reply(410), Raised(PhotoGoneError, REMOVED)),
    photo_row("host-too-busy", Reply(429), Raised(PhotoError, "answered 429")),
    photo_row("host-broken", Reply(500), Raised(PhotoError, "answered 500")),
    photo_row("host-wants-a-token", Reply(401), Raised(PhotoError, "answered 401")),
    photo_row("redirecting", Reply(302, headers={"Location": "/u/other.jpg"}), Raised(PhotoError, "answered 302")),
    photo_row("redirecting-away", Reply(301, headers={"Location": "http://192.0.2.1/"}), Raised(PhotoError, "301")),
    photo_row("empty", Reply(), Raised(PhotoError, "answered 200")),
    photo_row("too-large", Reply(body=bytes(10_000_001)), Raised(PhotoError, "larger than 10000000 bytes")),
    photo_row("cut", Reply(body=JPEG, how="short"), Raised(PhotoError, "connection failed")),
    photo_row("line-cut", Reply(how="cut"), Raised(PhotoError, "connection failed")),
    photo_row("slow", Reply(how="silence"), Raised(PhotoError, "timed out"), timeout_s=0.3),
    Row("4-photo-elsewhere", "foreign photo", (), Raised(PhotoError, "does not use"), ()),
]


# --- §8 matches ------------------------------------------------------------------------------------------


def page_call(with_messages: int, token: str = "") -> str:
    query = f"count=60&message={with_messages}&is_tinder_u=false&locale=en"
    return f"GET /v2/matches?{query}" + (f"&page_token={token}" if token else "")


def page(*matches: object, token: str | None = None) -> Reply:
    return ok({"matches": list(matches), **({"next_page_token": token} if token else {})})


def entry(user_id: str) -> dict[str, Any]:
    person = {"_id": user_id, "name": "Zoe"}
    return {"_id": f"m-{user_id}", "person": person, "created_date": "2026-02-01T10:00:00.000Z", "messages": []}


def match_list(*user_ids: str, complete: bool = True, unnamed: tuple[str, ...] = ()) -> MatchList:
    at = datetime(2026, 2, 1, 10, tzinfo=UTC)
    found = [Match(match_id=f"m-{u}", card_id=f"tinder:{u}", name="Zoe", matched_at=at) for u in user_ids]
    return MatchList(matches=tuple(found), complete=complete, unnamed=unnamed)


def matches_row(name: str, replies: tuple[Reply, ...], wanted: object, *calls: str) -> Row:
    return Row(f"8-matches-{name}", "matches", replies, wanted, calls)


UNREADABLE = Raised(DeckUnavailableError, "a form that Swipr does not know")
BROKEN = (Reply(500), Reply(502), Reply(503))
MATCHES = [
    matches_row("none", (page(), page()), match_list(), page_call(0), page_call(1)),
    matches_row("both-message-values", (page(entry("a")), page(entry("b"))), match_list("a", "b"), page_call(0),
                page_call(1)),
    matches_row("two-pages", (page(entry("a"), token="p2"), page(entry("b")), page(entry("c"))),
                match_list("a", "b", "c"), page_call(0), page_call(0, "p2"), page_call(1)),
    matches_row("listed-twice", (page(entry("a")), page(entry("a"))), match_list("a"), page_call(0), page_call(1)),
    matches_row("token-repeated", (page(entry("a"), token="x"), page(entry("b"), token="x"), page()),
                match_list("a", "b", complete=False), page_call(0), page_call(0, "x"), page_call(1)),
    matches_row("without-person", (page({"_id": "m"}, entry("a")), page()), match_list("a", unnamed=("m",)),
                page_call(0), page_call(1)),
    matches_row("without-any-id", (page({"messages": []}, entry("a")), page()), match_list("a", complete=False),
                page_call(0), page_call(1)),
    matches_row("null", (ok({"matches": None}),), UNREADABLE, page_call(0)),
    matches_row("missing", (ok({}),), UNREADABLE, page_call(0)),
    matches_row("missing-in-the-second-kind", (page(entry("a")), ok({})), match_list("a", complete=False),
                page_call(0), page_call(1)),
    matches_row("token-of-another-type", (ok({"matches": [entry("a")], "next_page_token": ["x"]}), page()),
                match_list("a", complete=False), page_call(0), page_call(1)),
    matches_row("token-as-a-number", (ok({"matches": [entry("a")], "next_page_token": 2}), page(), page()),
                match_list("a"), page_call(0), page_call(0, "2"), page_call(1)),
    matches_row("ids-in-capitals", (page({**entry("a"), "person": {"_id": "5C" * 12, "name": "Zoe"}}), page()),
                MatchList(matches=(match_list("a").matches[0].model_copy(update={"card_id": f"tinder:{'5c' * 12}"}),)),
                page_call(0), page_call(1)),
    matches_row("500-once", (Reply(500), page(entry("a")), page()), match_list("a"), page_call(0), page_call(0),
                page_call(1)),
    matches_row("later-page-broken", (page(entry("a"), token="x"), *BROKEN), match_list("a", complete=False),
                page_call(0), *[page_call(0, "x")] * 3),
    matches_row("later-page-wrong", (page(entry("a"), token="x"), Reply(400)), match_list("a", complete=False),
                page_call(0), page_call(0, "x")),
]  # fmt: skip


# --- §9 profile ---------------------------------------------------------------------------------------------


def profile_row(name: str, reply: Reply, wanted: object, still: frozenset[str] = EVERYTHING) -> Row:
    return Row(f"9-profile-{name}", "check", (reply,), wanted, (PROFILE,), still)


ACCEPTED = "The deck 'tinder' answers and accepts your token."
NO_LIKES = likes_spent("tinder", later(hours=2)).text


def out(**likes: Any) -> Reply:
    return ok({"likes": {"likes_remaining": 0, **likes}})


PROFILES = [
    profile_row("works", ok({"user": {"_id": "me"}}), DeckHealth(works=True, text=ACCEPTED)),
    profile_row(
        "likes-left",
        ok({"likes": {"likes_remaining": 100}}),
        DeckHealth(works=True, text=ACCEPTED, likes_left=100),
    ),
    profile_row(
        "out-of-likes",
        out(rate_limited_until=int(later(hours=2).timestamp() * 1000)),
        DeckHealth(
            works=True, likes_left=0, wait_until=later(hours=2), text=f"{ACCEPTED} {NO_LIKES} Nothing to do but wait."
        ),
        WITHOUT_LIKES,
    ),
    profile_row("of-another-form", Reply(body={"user": {}}), Ill("form that Swipr does not know")),
]

READ_ROWS = [*HEADERS, *RECOMMENDATIONS, *PEOPLE, *PHOTOS, *FETCHES, *MATCHES, *PROFILES]
