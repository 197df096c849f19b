"""What a body says of its own success: every known spelling of a stop signal, and no innocent field for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swipr.decks.bounded_http import Reply
from swipr.decks.tinder_calls import meant_status
from swipr.decks.tinder_claims import UNKNOWN_ERROR, declared_status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": 401}, 401), ({"status": "401"}, 401), ({"status": " 401 "}, 401), ({"status": 401.0}, 401),
        ({"meta": {"status": "401"}}, 401), ({"meta": {"code": 401}}, 401),
        ({"code": 401, "error": "Access Denied"}, 401), ({"code": "40101"}, 401),
        ({"error": "Access Denied"}, 401), ({"error": {"message": "SESSION_INVALID"}}, 401),
        ({"error": {"code": 40101}}, 401), ({"error": {"code": 85401}}, 401), ({"error": {"status": 401}}, 401),
        ({"error": "banned"}, 403), ({"error": "Banned."}, 403), ({"error": {"code": "40303"}}, 403),
        ({"error": {"message": "BLACKLISTED", "code": None}}, 403), ({"error": 403}, 403),
        ({"error": {"code": 42901}}, 429), ({"error": {"message": "RATE_LIMITED"}}, 429), ({"error": 42901}, 429),
        ({"status": 200, "meta": {"status": 401}}, 401), ({"status": 401, "meta": {"status": 200}}, 401),
        ({"status": 500, "error": {"code": 42901}}, 429), ({"status": 200, "error": {"code": 40303}}, 403),
        ({"status": 401, "error": "banned"}, 403),
    ],
)  # fmt: skip
def test_a_stop_signal_is_heard_in_every_spelling(body, status):
    assert declared_status(body) == status
    assert meant_status(Reply(200, {}, b""), body) == status


@pytest.mark.parametrize(
    "error",
    ["on fire", "Not today", 7, True, {"code": 41002}, {"code": 1}, {"message": "no"}, {"a": {"b": 1}}, ["x"], -1],
)
def test_an_error_without_a_known_meaning_is_one_all_the_same(error):
    for body in ({"error": error}, {"error": error, "status": 200}, {"error": error, "meta": {"status": 200}}):
        assert declared_status(body) == UNKNOWN_ERROR


def test_a_known_status_says_more_than_an_unknown_error():
    assert declared_status({"status": 400, "error": "malformed request"}) == 400
    assert declared_status({"meta": {"status": 400}, "error": {"message": "BAD", "code": 41002}}) == 400
    assert meant_status(Reply(404, {}, b""), {"error": "gone"}) == 404


@pytest.mark.parametrize(
    "innocent",
    [
        {"error": None}, {"error": ""}, {"error": " "}, {"error": False}, {"error": 0}, {"error": {}}, {"error": []},
        {"error": {"code": 0, "message": ""}}, {"error": {"code": None}}, {"error": {"message": "OK"}},
        {"error": "false"}, {"error": "None"}, {"code": 0}, {"code": 7}, {"code": "x"}, {"code": 10_000},
        {"code": None}, {"error": None, "code": 0, "errors": []}, {"error": {"code": 0, "message": "Success"}},
        {"message": "banned"}, {"data": {"status": 401, "error": "banned"}},
        {"user": {"code": 401}}, {"status": "ok"}, {"status": True}, {"meta": {"code": 0}}, {"status": [401]},
        {"status": ""}, {"status": "4O1"}, {"status": 10**400}, {"status": float("nan")}, {"meta": "401"},
    ],
)  # fmt: skip
def test_an_innocent_field_is_no_error(innocent):
    assert declared_status(innocent) is None
    assert declared_status(innocent | {"meta": {"status": 200}}) == 200
    assert meant_status(Reply(200, {}, b""), innocent) == 200


@pytest.mark.parametrize(
    ("http", "claimed", "meant"),
    [(200, 401, 401), (500, 429, 429), (404, 401, 401), (401, 200, 401), (500, 200, 500), (503, 400, 503),
     (302, 200, 302)],
)  # fmt: skip
def test_the_worse_of_http_and_body_counts(http, claimed, meant):
    assert meant_status(Reply(http, {}, b""), {"status": claimed}) == meant


PLACES = st.sampled_from(["status", "code", "meta", "error", "message"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(PLACES, part, max_size=4))


@settings(deadline=None)
@given(st.dictionaries(PLACES, ANYTHING, max_size=5))
def test_no_body_breaks_the_reading(body):
    claimed = declared_status(body)

    assert claimed is None or 100 <= claimed <= UNKNOWN_ERROR
