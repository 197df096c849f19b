"""§12 of the fact sheet, what a fake server should offer, row by row: the simulator asked over plain HTTP."""

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import requests
from PIL import Image

from tests.deck_server import DeckServer

RECS, LIKE, PASS, SUPER = "GET /v2/recs/core", "POST /like/{card}", "GET /pass/{card}", "POST /like/{card}/super"
MATCHES, PROFILE = "GET /v2/matches?count=60&message=0", "GET /v2/profile?include=account,user,likes,super_likes"


class Offered(NamedTuple):
    """A row: with these options and this fault, the last of the requests is answered so that `holds`."""

    name: str
    holds: Callable[[requests.Response], bool]
    asked: tuple[str, ...] = (RECS,)
    options: Mapping[str, Any] = {}
    fault: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {"platform": "web"}
    token: str | None = None


def status(wanted: int, body: object = ...) -> Callable[[requests.Response], bool]:
    return lambda answer: answer.status_code == wanted and (body is ... or answer.json() == body)


def body(holds: Callable[[Any], Any]) -> Callable[[requests.Response], bool]:
    return lambda answer: answer.status_code == 200 and bool(holds(answer.json()))


def results(holds: Callable[[list[Any]], Any]) -> Callable[[requests.Response], bool]:
    return body(lambda said: holds(said["data"]["results"]))


def some(holds: Callable[[Any], Any]) -> Callable[[requests.Response], bool]:
    """True of some of the records, but not of all."""
    return results(lambda recs: 0 < sum(bool(holds(rec)) for rec in recs) < len(recs))


def v2(code: int, message: str, number: int) -> dict[str, Any]:
    return {"meta": {"status": code}, "error": {"message": message, "code": number}}


def photo_of(rec: Any) -> Any:
    return rec["user"]["photos"][0] if rec["user"]["photos"] else {"processedFiles": []}


OK = {"meta": {"status": 200}}
TOKENS = [
    Offered("1-wrong-token-v2", status(401, v2(401, "SESSION_INVALID", 40101)), token="wrong"),
    Offered("1-no-token-v2", status(401, v2(401, "SESSION_INVALID", 40101)), token=""),
    Offered("1-wrong-token-v1", status(401, {"status": 401, "error": ""}), (LIKE,), token="wrong"),
    Offered("1-no-token-v1", status(401, {"status": 401, "error": ""}), (PASS,), token=""),
]
RECOMMENDATIONS = [
    Offered("2-batch", results(lambda recs: len(recs) == 200)),
    Offered("2-null", status(200, OK | {"data": {"results": None}}), options={"cards": 0, "nothing_left": "null"}),
    Offered("2-missing", status(200, OK | {"data": {}}), options={"cards": 0, "nothing_left": "missing"}),
    Offered("2-timeout", status(200, OK | {"data": {"timeout": 20_000}}), options={"cards": 0}),
    Offered("2-empty-body", lambda answer: answer.content == b"", options={"cards": 0, "nothing_left": "empty_body"}),
    Offered("2-duplicates", results(lambda recs: len(recs) == 20), options={"cards": 10, "recs": ["doubled"]}),
    Offered("2-another-type", some(lambda rec: rec["type"] == "ad"), options={"recs": ["advert"]}),
    Offered("2-rate-limit-card", results(lambda recs: recs[0]["user"]["name"] == "Tinder Team"),
            options={"recs": ["limit_card"]}),
    Offered("2-500-without-platform", status(500), options={"need_platform": True}, headers={}),
]  # fmt: skip
RECORDS = [
    Offered("3-no-bio", some(lambda rec: "bio" not in rec["user"])),
    Offered("3-no-birth-date", some(lambda rec: "birth_date" not in rec["user"])),
    Offered("3-no-distance", some(lambda rec: "distance_mi" not in rec)),
    Offered("3-no-recently-active", some(lambda rec: "recently_active" not in rec["user"])),
    Offered("3-no-processed-files", some(lambda rec: "processedFiles" not in photo_of(rec))),
    Offered("3-empty-photos", some(lambda rec: rec["user"]["photos"] == [])),
    Offered("3-s-number", results(lambda recs: recs[0]["s_number"] == 98_765_432_101_234_567)),
    Offered("3-unknown-fields", results(lambda recs: "something_new" in recs[0])),
    Offered("3-verified", some(lambda rec: {"type": "selfie_verified"} in rec["user"].get("badges", []))),
]


def is_form(form: str) -> Callable[[requests.Response], bool]:
    return lambda answer: Image.open(io.BytesIO(answer.content)).format == form


def photo(name: str, holds: Callable[[requests.Response], bool], **fault: Any) -> Offered:
    wanted = "GET {webp}" if "webp" in name else "GET {jpeg}"
    return Offered(f"4-photo-{name}", holds, (wanted,), fault={"kind": "photo", **fault} if fault else {})


PHOTOS = [
    photo("jpeg", is_form("JPEG")),
    photo("webp", is_form("WEBP")),
    photo("truncated", lambda answer: answer.content[:2] == b"\xff\xd8" != answer.content[-2:], body="truncated"),
    photo("expired", status(403), status=403),
    photo("gone", status(404), status=404),
    photo("slow", lambda answer: answer.elapsed.total_seconds() > 0.3, delay_s=0.3),
    photo("too-large", lambda answer: len(answer.content) > 10_000_000, body="large"),
    photo("redirect", lambda answer: "192.0.2.1" in answer.headers["Location"], body="redirect"),
]
SWIPES = [
    Offered("5-like-by-get", body(lambda said: said["likes_remaining"] == 100), ("GET /like/{card}",)),
    Offered("5-like-by-post", body(lambda said: said["likes_remaining"] == 100), (LIKE,)),
    Offered("5-match-false", body(lambda said: said["match"] is False), (LIKE,),
            fault={"kind": "like", "match": False}),
    Offered("5-match-true", body(lambda said: said["match"] is True), (LIKE,),
            fault={"kind": "like", "match": "true"}),
    Offered("5-match-object", body(lambda said: said["match"]["_id"]), (LIKE,),
            fault={"kind": "like", "match": "object"}),
    Offered("5-out-of-likes", body(lambda said: said["likes_remaining"] == 0 and said["rate_limited_until"] > 1.5e12),
            (LIKE, LIKE), {"likes_limit": 1}),
    Offered("5-missing-fields", body(lambda said: not said), (LIKE,),
            fault={"kind": "like", "drop": ["status", "match", "likes_remaining", "X-Padding"]}),
    Offered("5-padding", body(lambda said: set(said["X-Padding"]) <= {"x"}), (LIKE,)),
    Offered("6-pass-200", body(lambda said: said["status"] == 200), (PASS,)),
    Offered("6-pass-204", lambda answer: (answer.status_code, answer.content) == (204, b""), (PASS,),
            {"pass_status": 204}),
    Offered("7-superlike", body(lambda said: "limit_exceeded" not in said), (SUPER,), {"superlikes": 1}),
    Offered("7-superlike-exceeded", body(lambda said: said["limit_exceeded"] and said["super_likes"]["resets_at"]),
            (SUPER, SUPER), {"superlikes": 1}),
    Offered("8-matches-without-count", status(400), ("GET /v2/matches?message=0",)),
]  # fmt: skip


def error(kind: str, request: str, code: int, said: object, **fault: Any) -> Offered:
    name = "-".join([f"9-{code}-on-{kind}", *(f"with-{key.replace('_', '-')}" for key in fault)])
    return Offered(name, status(code, said), (request,), fault={"kind": kind, "status": code, **fault})


ERRORS = [
    *[error(kind, request, code, said)
      for kind, request in [("recs", RECS), ("matches", MATCHES), ("profile", PROFILE)]
      for code, said in [(400, v2(400, "MALFORMED", 41002)), (401, v2(401, "SESSION_INVALID", 40101)),
                         (403, v2(403, "BLACKLISTED", 40303)), (404, v2(404, "NOT_FOUND", 40401)),
                         (429, v2(429, "RATE_LIMITED", 42901))]],
    *[error(kind, request, code, {"status": code, "error": said})
      for kind, request in [("like", LIKE), ("pass", PASS), ("super", SUPER)]
      for code, said in [(400, "malformed request"), (401, ""), (403, "banned"), (404, "Not Found"), (429, "error")]],
    Offered("9-401-mid-tick", status(401), (LIKE, LIKE), fault={"kind": "like", "status": 401, "skip": 1}),
    Offered("9-429-with-retry-after", lambda answer: answer.headers["Retry-After"] == "60", (LIKE,),
            fault={"kind": "like", "status": 429, "retry_after": "60"}),
    Offered("9-429-without-retry-after", lambda answer: "Retry-After" not in answer.headers, (LIKE,),
            fault={"kind": "like", "status": 429}),
    Offered("9-500-once", status(500), fault={"kind": "recs", "status": 500}),
    Offered("9-500-once-then-200", status(200), (RECS, RECS), fault={"kind": "recs", "status": 500}),
    Offered("9-not-json", lambda answer: answer.status_code == 200 and answer.text.startswith("<html>"),
            fault={"kind": "recs", "body": "html"}),
    Offered("9-silence", lambda answer: answer.elapsed.total_seconds() > 0.3, fault={"kind": "recs", "delay_s": 0.3}),
]  # fmt: skip
ROWS = [*TOKENS, *RECOMMENDATIONS, *RECORDS, *PHOTOS, *SWIPES, *ERRORS]


@pytest.fixture(scope="module")
def server():
    with DeckServer("--cards-per-look", "200", "--cards", "200") as running:
        yield running


@pytest.fixture(scope="module")
def names(server):
    """A card, and the address of a photo in each form."""
    headers = {"X-Auth-Token": server.user(), "x-supported-image-formats": "webp,jpeg"}
    recs = requests.get(f"{server.address}/v2/recs/core", headers=headers, timeout=10).json()["data"]["results"]
    urls = [photo["url"].removeprefix(server.address) for rec in recs for photo in rec["user"]["photos"]]
    forms = {
        form: next(url for url in urls if f".{ending}?" in url) for form, ending in (("webp", "webp"), ("jpeg", "jpg"))
    }
    return {"card": recs[0]["user"]["_id"], **forms}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"12-{row.name}")
def test_row(server, names, row):
    token = server.user(**row.options)
    server.fault(clear=True, **row.fault)
    headers = {"X-Auth-Token": token if row.token is None else row.token, **row.headers}

    for asked in row.asked:
        method, path = asked.format(**names).split(" ")
        answer = requests.request(method, server.address + path, headers=headers, timeout=10, allow_redirects=False)

    assert row.holds(answer), answer.text[:300]


def test_12_8_matches_come_in_two_pages_apart_by_messages(server):
    token = server.user(cards=60, matches_per_page=4)
    headers = {"X-Auth-Token": token}
    for card_id in server.control("GET", "truth", params={"token": token})["cards"]:
        requests.post(f"{server.address}/like/{card_id}", headers=headers, timeout=10)

    ids: dict[str, list[str]] = {"0": [], "1": []}
    for message, found in ids.items():
        page: dict[str, Any] = {"next_page_token": None}
        while "next_page_token" in page:
            query = {"count": 60, "message": message, "page_token": page["next_page_token"]}
            page = requests.get(f"{server.address}/v2/matches", headers=headers, params=query, timeout=10).json()[
                "data"
            ]
            assert len(page["matches"]) <= 4
            found += [match["_id"] for match in page["matches"]]

    assert len(ids["0"]) > 4
    assert len({*ids["0"], *ids["1"]}) == len(ids["0"]) + len(ids["1"]) == server.counters(token)["matches"]


@pytest.mark.parametrize("kind", ["like", "pass", "super", "recs", "matches", "profile"])
def test_12_10_calls_are_counted_by_kind_and_after_a_stop_signal(server, names, kind):
    token = server.user()
    asked = {"like": LIKE, "pass": PASS, "super": SUPER, "recs": RECS, "matches": MATCHES, "profile": PROFILE}[kind]
    method, path = asked.format(**names).split(" ")
    server.fault(clear=True, kind=kind, status=403, skip=1)

    for _ in range(4):
        requests.request(method, server.address + path, headers={"X-Auth-Token": token}, timeout=10)

    counters = server.counters(token)
    assert counters["calls"] == {kind: 4}
    assert counters["calls_after_stop_by_kind"] == {kind: 2}
