"""The rows of the fact sheet about swipes: likes by both methods, passes, super likes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from swipr.decks.tinder_stops import likes_spent, superlikes_spent
from swipr.models import Answer, Card, Photo
from tests.scripted_deck import Reply
from tests.tinder_rows import EVERYTHING, NOW, S_NUMBER, WITHOUT_LIKES, WITHOUT_SUPERLIKES, Row, later

ECHO = {"s_number": str(S_NUMBER), "content_hash": "h", "photo_id": "p"}
CARD = Card(card_id="tinder:u1", photos=(Photo(photo_id="p", url="https://x/p"),), echo=ECHO)
BARE_CARD = Card(card_id="tinder:u1")

LIKE_POST, PASS_POST = "POST /like/u1?locale=en", "POST /pass/u1?locale=en"
LIKE_GET = f"GET /like/u1?locale=en&photoId=p&content_hash=h&s_number={S_NUMBER}"
PASS_GET = f"GET /pass/u1?locale=en&s_number={S_NUMBER}"
SUPER = "POST /like/u1/super?locale=en"
LIKE_BODY = {"s_number": S_NUMBER, "content_hash": "h", "liked_content_id": "p", "liked_content_type": "photo"}

BY_GET: Mapping[str, Any] = {"like_method": "GET", "pass_method": "GET"}
BY_POST: Mapping[str, Any] = {"like_method": "POST", "pass_method": "POST"}
NO_BODY = {"content-type": None, "content-length": None}
JSON_BODY = {"content-type": "application/json"}
SENT = Answer(state="sent")
OK = Reply(body={"status": 200, "match": False, "likes_remaining": 100, "X-Padding": "xxxx"})


def epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# --- §5 like: what is sent ------------------------------------------------------------------------------

REQUESTS = [
    Row("5-like-by-post", "like", (OK,), SENT, (LIKE_POST,), options=BY_POST, headers=JSON_BODY, body=LIKE_BODY),
    Row("5-like-by-get", "like", (OK,), SENT, (LIKE_GET,), options=BY_GET, headers=NO_BODY),
    Row("5-like-is-by-post-by-default", "like", (OK,), SENT, (LIKE_POST,)),
    Row("5-like-with-nothing-to-echo", "bare like", (OK,), SENT, (LIKE_POST,), body={}),
    Row("5-like-by-get-with-nothing-to-echo", "bare like", (OK,), SENT, ("GET /like/u1?locale=en",), options=BY_GET),
    Row("6-pass-by-get", "pass", (OK,), SENT, (PASS_GET,), options=BY_GET, headers=NO_BODY),
    Row("6-pass-by-post", "pass", (OK,), SENT, (PASS_POST,), options=BY_POST, headers=JSON_BODY,
        body={"s_number": S_NUMBER}),
    Row("6-pass-is-by-get-by-default", "pass", (OK,), SENT, (PASS_GET,)),
    Row("6-pass-with-nothing-to-echo", "bare pass", (OK,), SENT, ("GET /pass/u1?locale=en",)),
    Row("7-superlike-by-post", "superlike", (OK,), SENT, (SUPER,), headers=JSON_BODY, body=LIKE_BODY),
    Row("7-superlike-is-never-by-get", "superlike", (OK,), SENT, (SUPER,), options=BY_GET),
    Row("7-superlike-with-nothing-to-echo", "bare superlike", (OK,), SENT, (SUPER,), body={}),
]  # fmt: skip


# --- §5 like: what is answered, by either method -----------------------------------------------------------


def spent(until: datetime) -> Answer:
    return likes_spent("tinder", until).answer()


def liked(body: object) -> Reply:
    return Reply(body=body)


OUT = {"status": 200, "match": False, "likes_remaining": 0}
TWELVE_HOURS = later(hours=12)
LIKES: list[tuple[str, Reply, Answer, frozenset[str]]] = [
    ("match-false", OK, SENT, EVERYTHING),
    ("match-missing", liked({"status": 200, "likes_remaining": 100}), SENT, EVERYTHING),
    ("match-null", liked({"match": None}), SENT, EVERYTHING),
    ("match-true", liked({"match": True}), Answer(state="sent", match_id="u1"), EVERYTHING),
    ("match-object", liked({"match": {"_id": "m1", "person": {}}}), Answer(state="sent", match_id="m1"), EVERYTHING),
    ("match-object-with-id", liked({"match": {"id": "m1"}}), Answer(state="sent", match_id="m1"), EVERYTHING),
    ("match-object-without-id", liked({"match": {"a": 1}}), Answer(state="sent", match_id="u1"), EVERYTHING),
    ("everything-missing", liked({}), SENT, EVERYTHING),
    ("likes-remaining-missing-is-unknown", liked({"status": 200, "match": False}), SENT, EVERYTHING),
    ("likes-remaining-null", liked({"status": 200, "likes_remaining": None}), SENT, EVERYTHING),
    ("rate-limited-until-with-likes-left",
     liked({"likes_remaining": 7, "rate_limited_until": epoch_ms(later(hours=1))}), SENT, EVERYTHING),
    ("padding", liked({"status": 200, "X-Padding": "x" * 999}), SENT, EVERYTHING),
    ("no-content", Reply(204), SENT, EVERYTHING),
    ("out-of-likes", liked({**OUT, "rate_limited_until": epoch_ms(later(hours=3))}), spent(later(hours=3)),
     WITHOUT_LIKES),
    ("out-of-likes-until-missing", liked(OUT), spent(TWELVE_HOURS), WITHOUT_LIKES),
    ("out-of-likes-until-past", liked({**OUT, "rate_limited_until": 1_550_000_000_000}), spent(TWELVE_HOURS),
     WITHOUT_LIKES),
    ("out-of-likes-until-unreadable", liked({**OUT, "rate_limited_until": "x"}), spent(TWELVE_HOURS), WITHOUT_LIKES),
    ("out-of-likes-in-seconds-is-past", liked({**OUT, "rate_limited_until": int(later(hours=3).timestamp())}),
     spent(TWELVE_HOURS), WITHOUT_LIKES),
    ("out-of-likes-as-text", liked({"likes_remaining": "0", "rate_limited_until": str(epoch_ms(later(hours=1)))}),
     spent(later(hours=1)), WITHOUT_LIKES),
    ("out-of-likes-by-its-time-alone", liked({"match": False, "rate_limited_until": epoch_ms(later(hours=1))}),
     spent(later(hours=1)), WITHOUT_LIKES),
    ("time-gone-by-alone", liked({"match": False, "rate_limited_until": 1_550_000_000_000}), SENT, EVERYTHING),
    ("match-as-text-that-is-none", liked({"match": "false"}), SENT, EVERYTHING),
    ("match-as-empty-list", liked({"match": [[]]}), SENT, EVERYTHING),
    ("match-as-text-true", liked({"match": "true"}), Answer(state="sent", match_id="u1"), EVERYTHING),
    ("out-of-likes-with-a-text-for-a-match", liked({**OUT, "match": "false"}), spent(TWELVE_HOURS), WITHOUT_LIKES),
    ("out-of-likes-with-null-as-text", liked({**OUT, "match": "null"}), spent(TWELVE_HOURS), WITHOUT_LIKES),
    ("last-like-matched", liked({**OUT, "match": {"_id": "m1"}}),
     Answer(state="sent", match_id="m1", wait_until=TWELVE_HOURS, spent="likes"), WITHOUT_LIKES),
    ("not-json", Reply(body=b"<html>"), Answer(state="unknown", detail="did not answer in JSON"), EVERYTHING),
    ("empty", Reply(), Answer(state="unknown", detail="did not answer in JSON"), EVERYTHING),
]  # fmt: skip

LIKE_ROWS = [
    Row(f"5-like-{name}-by-{method}", "like", (reply,), wanted, (line,), still, options)
    for name, reply, wanted, still in LIKES
    for method, line, options in (("post", LIKE_POST, BY_POST), ("get", LIKE_GET, BY_GET))
]


# --- §6 pass, §7 super like ------------------------------------------------------------------------------------

PASSES = [
    ("200", Reply(body={"status": 200, "X-Padding": "xx"}), SENT),
    ("200-without-body", Reply(), SENT),
    ("204", Reply(204), SENT),
    ("not-json", Reply(body=b"<html>"), Answer(state="unknown", detail="did not answer in JSON")),
    ("what-looks-like-spent-likes", Reply(body=OUT), SENT),
]
PASS_ROWS = [
    Row(f"6-pass-{name}-by-{method}", "pass", (reply,), wanted, (line,), EVERYTHING, options)
    for name, reply, wanted in PASSES
    for method, line, options in (("post", PASS_POST, BY_POST), ("get", PASS_GET, BY_GET))
]


def super_row(name: str, reply: Reply, wanted: Answer, still: frozenset[str] = EVERYTHING) -> Row:
    return Row(f"7-superlike-{name}", "superlike", (reply,), wanted, (SUPER,), still)


EXCEEDED = {"status": 200, "match": False, "limit_exceeded": True}
RESETS = {"super_likes": {"remaining": 0, "allotment": 1, "resets_at": "2026-03-02T08:00:00.000Z"}}
NONE_KNOWN = superlikes_spent("tinder", None).answer()
UNTIL_KNOWN = superlikes_spent("tinder", NOW.replace(day=2, hour=8)).answer()
SUPER_ROWS = [
    super_row("success", Reply(body={"status": 200, "match": False, **RESETS}), SENT),
    super_row("match", Reply(body={"match": {"_id": "m1"}}), Answer(state="sent", match_id="m1")),
    super_row("match-true", Reply(body={"match": True}), Answer(state="sent", match_id="u1")),
    super_row("no-content", Reply(204), SENT),
    super_row("limit-exceeded", Reply(body=EXCEEDED), NONE_KNOWN, WITHOUT_SUPERLIKES),
    super_row("limit-exceeded-until", Reply(body=EXCEEDED | RESETS), UNTIL_KNOWN, WITHOUT_SUPERLIKES),
    super_row("limit-exceeded-as-text", Reply(body={"limit_exceeded": "True"}), NONE_KNOWN, WITHOUT_SUPERLIKES),
    super_row("limit-exceeded-with-a-text-for-a-match", Reply(body=EXCEEDED | {"match": "false"}), NONE_KNOWN,
              WITHOUT_SUPERLIKES),
    super_row("limit-not-exceeded", Reply(body={**EXCEEDED, "limit_exceeded": False}), SENT),
    super_row("out-of-likes-does-not-concern-it", Reply(body={**OUT, "limit_exceeded": False}), SENT),
    super_row("not-json", Reply(body=b"<html>"), Answer(state="unknown", detail="did not answer in JSON")),
    super_row("empty", Reply(), Answer(state="unknown", detail="did not answer in JSON")),
]  # fmt: skip

SWIPE_ROWS = [*REQUESTS, *LIKE_ROWS, *PASS_ROWS, *SUPER_ROWS]
