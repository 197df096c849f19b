"""Tinder's answers, read defensively: whatever a field holds, the rest is still read."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swipr.decks import tinder_limits as limits
from swipr.decks import tinder_shapes as shapes
from swipr.decks.tinder_claims import declared_status
from swipr.decks.tinder_fields import parse_object
from swipr.decks.tinder_health import health
from swipr.models import SessionReport

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def card_of(user=None, **rec):
    element = {"type": "user", "user": {"_id": "a1", **(user or {})}, **rec}
    return next(shapes.cards([element], deck="tinder", now=NOW), None)


@pytest.mark.parametrize(
    ("birth_date", "age"),
    [
        ("2000-03-01T23:59:59.999Z", 26), ("2000-03-02T00:00:00Z", 25), ("2008-03-01", 18), ("2008-03-02", 17),
        ("2004-02-29T00:00:00.000Z", 22), (None, None), ("soon", None), (19990101, None), ("2030-01-01", None),
        ("0001-01-01", None), ("0001-01-01T00:00:00+14:00", None),
    ],
)  # fmt: skip
def test_ages_are_full_years(birth_date, age):
    assert card_of({"birth_date": birth_date}).age == age


def test_the_smallest_rendition_that_is_enough_is_taken():
    sizes = [(1080, 1350), (640, 800), (320, 400), (172, 216), (84, 106)]
    files = [{"width": w, "height": h, "url": f"https://x/{w}"} for w, h in sizes]
    square = [{"width": w, "height": w, "url": f"https://x/{w}"} for w in (640, 320, 172)]
    photos = [
        {"id": "a", "url": "https://x/all", "processedFiles": files},
        {"id": "b", "url": "https://x/all", "processedFiles": square},
        {"id": "c", "url": "https://x/all", "processedFiles": files[3:]},
        {"id": "d", "url": "https://x/all", "processedFiles": None},
        {"id": "a", "url": "https://x/again"},
        {"id": "e", "url": "https://x/film", "type": "video"},
        {"url": "https://x/nameless"},
        {"id": "f"},
        7,
    ]

    found = card_of({"photos": photos}).photos

    assert [(p.photo_id, p.url) for p in found] == [
        ("a", "https://x/320"), ("b", "https://x/640"), ("c", "https://x/all"), ("d", "https://x/all")
    ]  # fmt: skip


def test_numbers_beyond_floats_are_echoed_exactly():
    body = b'{"data": {"results": [{"type": "user", "user": {"_id": "a"}, "s_number": 98765432101234567}]}}'

    (card,) = shapes.cards(shapes.offered(parse_object(body)), deck="tinder", now=NOW)

    assert card.echo == {"s_number": "98765432101234567"}


def test_miles_become_kilometres():
    assert card_of(distance_mi=10).distance_km == 16.1
    assert card_of(distance_mi="near").distance_km is None
    assert card_of().distance_km is None


@pytest.mark.parametrize("user_id", ["", "a b", "../meta", "a/b", "x" * 300, None, 5])
def test_a_profile_that_cannot_be_named_is_left_out(user_id):
    assert card_of({"_id": user_id}) is None


def test_text_that_cannot_be_stored_is_mended():
    (card,) = shapes.cards(
        [json.loads('{"user": {"_id": "a", "name": "Z\\ud800", "bio": 3}}')], deck="tinder", now=NOW
    )  # fmt: skip

    assert (card.name, card.bio) == ("Z?", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000, b"\xff\xfe", b"1", b"1" * 5000])
def test_what_is_no_object_is_none(body):
    assert parse_object(body) is None


@pytest.mark.parametrize(
    ("header", "wait"),
    [("60", 60), ("0", 1), (" 5 ", 5), (None, 900), ("", 900), ("-3", 900), ("1e9", 900), ("99999999999", 900),
     ("Sun, 01 Mar 2026 13:00:00 GMT", 3600), ("Sun, 01 Mar 2026 11:00:00 GMT", 900)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header, wait):
    assert limits.retry_after(header, NOW) == NOW + timedelta(seconds=wait)


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e30, float("inf"), float("nan"), True, "7"])
def test_numbers_that_no_date_can_hold_harm_nothing(number):
    rec = {"user": {"_id": "a" * 24}, "distance_mi": number, "s_number": number}

    assert [card.distance_km for card in shapes.cards([rec], deck="d", now=NOW)] == [None]
    assert limits.out_of_likes({"likes_remaining": number}, NOW) is False
    assert limits.out_of_likes({"rate_limited_until": number}, NOW) is False
    assert limits.likes_again_at({"rate_limited_until": number}, NOW) == NOW + timedelta(hours=12)
    assert declared_status({"status": number}) is None
    assert limits.wait_in_recs({"data": {"timeout": number}}, NOW) == NOW + timedelta(minutes=30)


@pytest.mark.parametrize("header", ["Fri, 31 Dec 9999 23:59:59 -2300", "Fri, 31 Dec 9999 23:59:59 GMT", "999999999"])
def test_no_wait_is_longer_than_two_days(header):
    assert NOW < limits.retry_after(header, NOW) <= NOW + limits.LONGEST_WAIT
    assert limits.likes_again_at({"rate_limited_until": 253402300799000}, NOW) == NOW + limits.LONGEST_WAIT


@pytest.mark.parametrize(
    ("waits_before", "minutes"), [(0, 15), (1, 30), (2, 60), (3, 120), (8, 2880), (99, 2880), (-1, 15)]
)
def test_waits_without_the_decks_word_double_up_to_two_days(waits_before, minutes):
    assert limits.retry_after(None, NOW, waits_before=waits_before) == NOW + timedelta(minutes=minutes)


def report(outcome, **counts):
    return SessionReport(
        session_id="s", started_at=NOW, ended_at=NOW, outcome=outcome, deck="tinder", acting=True, **counts
    )


def test_sessions_that_only_waited_are_counted_up_to_the_last_other_one():
    waited, swiped, done = report("deck_waits"), report("deck_waits", passed=1), report("done")

    assert limits.waits_in_a_row([]) == 0
    assert limits.waits_in_a_row([waited, waited, swiped, waited]) == 2
    assert limits.waits_in_a_row([done, waited]) == 0


@pytest.mark.parametrize(("stated", "left"), [(100, 100), (0, 0), (-3, 0), (None, None), ("7", 7), ("x", None), (True, None), (1.5, None), (10**400, None)])  # fmt: skip  # noqa: E501
def test_likes_left_is_the_decks_own_number(stated, left):
    assert limits.likes_left({"likes_remaining": stated}) == left


def test_verified_schools_and_jobs_are_read():
    jobs = [{"title": {"name": " Cook "}, "company": {"name": "Inn"}}, {"company": {"name": "Cook"}}, {"title": 3}]

    card = card_of({"badges": [{"type": "selfie_verified"}], "schools": [{"name": "S"}, {"id": "x"}], "jobs": jobs})

    assert (card.verified, card.schools, card.jobs) == (True, ("S",), ("Cook", "Inn"))
    assert card_of({"schools": [{"name": "x" * 999}] * 99}).schools == ("x" * 200,)


@pytest.mark.parametrize(
    ("token", "read"), [("p2", "p2"), (7, "7"), (None, ""), ("", None), (True, None), ([], None), (["x"], None)]
)
def test_the_token_of_the_next_page_may_be_a_number(token, read):
    assert shapes.next_page({"data": {"next_page_token": token}}) == read


def test_a_wait_of_centuries_is_two_days():
    assert limits.wait_in_recs({"data": {"timeout": 9e17}}, NOW) == NOW + limits.LONGEST_WAIT
    assert limits.likes_again_at({"rate_limited_until": 9e17}, NOW) == NOW + limits.LONGEST_WAIT


def test_waits_beyond_the_calendar_fall_back():
    assert limits.likes_again_at({"rate_limited_until": 1e30}, NOW) == NOW + timedelta(hours=12)
    assert limits.wait_in_recs({"data": {"timeout": 1e30}}, NOW) == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("remaining", "out"),
    [(0, True), ("0", True), (" 0 ", True), (-1, True), (0.0, True), (100, False), ("100", False), (None, False),
     ("", False), ("x", False), (False, False), ([], False)],
)  # fmt: skip
def test_only_a_stated_zero_is_out_of_likes(remaining, out):
    assert limits.out_of_likes({"likes_remaining": remaining}, NOW) is out


HOUR_MS = int((NOW + timedelta(hours=1)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("answer", "out"),
    [({"rate_limited_until": HOUR_MS}, True), ({"rate_limited_until": str(HOUR_MS)}, True),
     ({"rate_limited_until": HOUR_MS, "likes_remaining": None}, True),
     ({"rate_limited_until": HOUR_MS, "likes_remaining": 7}, False),
     ({"rate_limited_until": HOUR_MS - 7_200_000}, False), ({"rate_limited_until": None}, False)],
)  # fmt: skip
def test_a_time_until_when_there_are_no_likes_means_that_there_are_none(answer, out):
    assert limits.out_of_likes(answer, NOW) is out


def test_a_time_written_as_text_is_waited_for():
    assert limits.likes_again_at({"rate_limited_until": str(HOUR_MS)}, NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("exceeded", "out"),
    [(True, True), (1, True), ("True", True), ("TRUE ", True), ("False", False), ("no", False), (0, False)],
)  # fmt: skip
def test_super_likes_are_spent_when_the_limit_is_said_to_be_exceeded(exceeded, out):
    assert limits.out_of_superlikes({"limit_exceeded": exceeded}) is out


@pytest.mark.parametrize(
    ("match", "named"),
    [(False, None), (None, None), ({}, None), (True, "u"), ({"_id": "m"}, "m"), ({"id": "m"}, "m"), ({"x": 1}, "u"),
     ("true", "u"), ("false", None), ("null", None), ("none", None), ("m", None), ([], None), ([[]], None), (0, None),
     (1, None), (7, None)],
)  # fmt: skip
def test_a_match_is_an_object_or_said_to_be_true(match, named):
    assert shapes.match_id({"match": match}, "u") == named


@pytest.mark.parametrize(
    ("stated", "kept"),
    [("5C" * 12, "5c" * 12), ("5c" * 12, "5c" * 12), ("5C" * 11, "5C" * 11), ("Ab-1", "Ab-1"), ("G" * 24, "G" * 24)],
)
def test_one_person_is_one_card_whatever_the_spelling_of_a_hexadecimal_id(stated, kept):
    listed = {"data": {"matches": [{"_id": "m", "person": {"_id": stated}}]}}
    ((_, match),) = shapes.matches(listed, deck="d")

    assert card_of({"_id": stated}).card_id == f"tinder:{kept}"
    assert match is not None
    assert match.card_id == f"d:{kept}"
    assert shapes.is_limit_card({"user": {"_id": "TINDER_RATE_LIMITED_ID_7"}})


def test_a_match_that_names_no_person_is_told_by_its_id():
    person = {"_id": "p", "name": "Zoe"}
    listed = [{"_id": "m1"}, {"_id": "m2", "person": person, "created_date": "2026-01-02T03:04:05.678Z"}, None, 5]

    nameless, (_, match), *others = shapes.matches({"data": {"matches": listed}}, deck="tinder")

    assert nameless == ("m1", None)
    assert others == [("", None)] * 2
    assert (match.match_id, match.card_id, match.name) == ("m2", "tinder:p", "Zoe")
    assert match.matched_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


FIELDS = st.sampled_from(
    ["data", "results", "user", "_id", "photos", "processedFiles", "width", "height", "url", "id", "type", "s_number",
     "birth_date", "timeout", "matches", "person", "created_date", "match", "status", "meta", "likes_remaining",
     "rate_limited_until", "distance_mi", "message", "next_page_token", "badges", "jobs",
     "schools", "title", "company", "name", "super_likes", "resets_at", "limit_exceeded", "likes"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("user")
ANYTHING = st.recursive(LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(FIELDS, part, max_size=6))


@settings(deadline=None)
@given(st.dictionaries(FIELDS, ANYTHING, max_size=6))
def test_no_answer_breaks_the_reading(answer):
    for element in (answer, {"data": {"results": [answer, {"user": answer}]}}):
        list(shapes.cards(shapes.offered(element), deck="tinder", now=NOW))
        list(shapes.matches(element, deck="tinder"))
        limits.wait_in_recs(element, NOW)
        limits.likes_again_at(element, NOW)
        shapes.match_id(element, "u")
        declared_status(element)
        limits.out_of_likes(element, NOW)
        shapes.next_page(element)
        limits.likes_left(element)
        limits.superlikes_again_at(element)
        limits.out_of_superlikes(element)
        health(element, deck="tinder", now=NOW)
