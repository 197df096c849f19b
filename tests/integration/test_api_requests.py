"""Requests as they should not be, and requests that come twice."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from functions.api.app import sent_bytes
from swipr import bootstrap
from swipr.errors import InputError
from swipr.models import RefitRequest
from swipr.telemetry import logger
from tests.api_home import Caller, swipe
from tests.install import USER

KEY = {"idempotency-key": "a-key_of.mine:1"}
JSON = {"content-type": "application/json"}


# --- bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"\x00", "body"),
        (b"\xff\xfe", "body"),
        ('{"enabled": true}'.encode("utf-16"), "body"),
        (b"[" * 100_000, "body"),
        (b'{"enabled":' * 50_000, "body"),
        (b'{"enabled": true, "enabled": false}', "enabled"),
        (b'{"enabled": NaN}', "body"),
        (b'{"enabled": 1e400}', "enabled"),
        (b'{"enabled": ' + b"9" * 5000 + b"}", "body"),
        (b'{"enabled": true, "reason": "\\ud800"}', "body"),
        (b'{"enabled": true, "reason": "a\\u0000b"}', None),
        (b'{"enabled": true, "\\ud800": 1}', "body"),
        (b'{"enabled": 1}', "enabled"),
        (b'{"enabled": "true"}', "enabled"),
        (json.dumps({f"n{number}": 1 for number in range(5000)}).encode(), "body"),
        (b'{"enabled": true, "reason": "' + b"x" * 300_000 + b'"}', "body"),
        (json.dumps({"enabled": True, "x" * 5000: 1}).encode(), "x" * 100),
    ],
)
def test_a_body_is_read_or_refused_and_never_breaks_anything(call: Caller, sent: bytes, field: str | None) -> None:
    answer = call("PUT", "/v1/switch", raw=sent, headers=JSON)

    assert (answer.status, answer.body.get("field")) == (200 if field is None else 400, field)


@pytest.mark.parametrize(("name", "number"), [("likes_per_day", "1e400"), ("pacing_s", "1e400"), ("pacing_s", "-0.1")])
def test_a_number_beyond_all_bounds_is_refused(call: Caller, name: str, number: str) -> None:
    settings = json.dumps(call("GET", "/v1/settings").body)
    sent = settings[:-1].replace(f'"{name}"', '"was"') + f', "{name}": {number}}}'

    assert call("PUT", "/v1/settings", raw=sent.encode(), headers=JSON).status == 400


def test_half_a_body_is_refused() -> None:
    with pytest.raises(InputError, match="body"):
        sent_bytes("%%%", is_base64=True)


@pytest.mark.parametrize("card_id", ["tinder:1\x00", "tinder:\ud800", "tinder:" + "x" * 300, "..", "fake:%2e%2e", "x"])
def test_an_odd_id_is_nobodys(call: Caller, card_id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/photos/0"), ("DELETE", "/label")):
        assert call(method, f"/v1/decisions/{card_id}{path}").status == 404


def test_an_id_may_hold_any_sign_but_a_slash(call: Caller) -> None:
    card_id = 'mine:"#?é🎉'
    call("POST", "/v1/labels", {"card_id": card_id, "choice": "like", "photos": ["/9j/bGlrZQ=="]})

    assert call("GET", f"/v1/labels/{card_id}").body["card_id"] == card_id


# --- the same request twice -----------------------------------------------------------------------------


def test_a_request_under_its_key_is_done_once_and_answered_alike(call: Caller) -> None:
    swipe(call.install)
    body = {"labels": [{"card_id": "fake:0", "choice": "pass"}]}

    first = call("POST", "/v1/labels", body, headers=KEY)
    again = call("POST", "/v1/labels", body, headers=KEY)

    assert (first.status, again.status) == (202, 202)
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert call.queue.refits == [RefitRequest(user_id=USER)]


def test_a_refusal_is_remembered_like_an_answer(call: Caller) -> None:
    first = call("POST", "/v1/labels", {"card_id": "fake:77", "choice": "like"}, headers=KEY)
    again = call("POST", "/v1/labels", {"card_id": "fake:77", "choice": "like"}, headers=KEY)

    assert (first.status, again.status, again.type) == (404, 404, "application/problem+json")
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/switch", {"enabled": False}),
        ("PUT", "/v1/acting", {"enabled": True}),
        ("POST", "/v1/models/1/promote", None),
    ],
)
def test_a_key_that_comes_with_another_request_is_refused(call: Caller, method: str, path: str, body: object) -> None:
    call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)

    refused = call(method, path, body, headers=KEY)

    assert (refused.status, refused.body["field"]) == (422, "Idempotency-Key")


def test_a_query_or_a_guard_makes_another_request(call: Caller) -> None:
    settings = call("GET", "/v1/settings")
    call("PUT", "/v1/settings", settings.body, headers=KEY)

    assert call("PUT", "/v1/settings", settings.body, headers=KEY | {"if-match": '"1"'}).status == 422
    assert call("PUT", "/v1/settings", settings.body, headers=KEY, query={"a": "b"}).status == 422


def test_a_request_that_is_being_worked_on_is_asked_for_again_soon(call: Caller) -> None:
    answers = []

    class Interrupted:
        """While the first is at work, the same comes again."""

        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def switch(self, *args: object, **options: object) -> object:
            answers.append(call("PUT", "/v1/switch", {"enabled": True}, headers=KEY))
            return inner.switch(*args, **options)

    inner = call.install.store
    call.use(store=Interrupted())

    first = call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)

    assert first.status == 200
    assert (answers[0].status, answers[0].headers["Retry-After"]) == (409, "2")


def test_our_own_failure_is_forgotten_so_that_it_can_be_tried_again(call: Caller) -> None:
    inner, broken = call.install.store, [True]

    class Breaking:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def switch(self, *args: object, **options: object) -> object:
            if broken.pop() if broken else False:
                raise OSError("the disk is gone")
            return inner.switch(*args, **options)

    call.use(store=Breaking())

    first = call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)
    again = call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)

    assert (first.status, again.status, again.body["switch"]) == (500, 200, "on")
    assert "Idempotency-Replayed" not in again.headers


def test_one_that_died_at_work_is_done_anew_after_a_minute(call: Caller) -> None:
    at, day = bootstrap.now() - timedelta(seconds=70), timedelta(days=1)
    body = {"enabled": True}
    live = call("PUT", "/v1/switch", body, headers={"idempotency-key": "live"})
    with call.install.database.reading() as db:
        record = json.loads(db.execute("SELECT record FROM requests").fetchone()[0])
    for key, begun_at in (("old", at), ("new", bootstrap.now())):
        call.install.store.begin_request(
            USER, key, digest=record["digest"], at=begun_at, stale_before=begun_at, expires_at=begun_at + day
        )

    assert live.status == 200
    assert call("PUT", "/v1/switch", body, headers={"idempotency-key": "old"}).status == 200
    assert call("PUT", "/v1/switch", body, headers={"idempotency-key": "new"}).status == 409


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, "a\x00"])
def test_what_is_no_key_is_refused(call: Caller, key: str) -> None:
    refused = call("PUT", "/v1/switch", {"enabled": True}, headers={"idempotency-key": key})

    assert (refused.status, refused.body["field"]) == (400, "Idempotency-Key")


def test_reading_needs_no_key_and_heeds_none(call: Caller) -> None:
    call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)

    assert call("GET", "/v1/status", headers=KEY).status == 200


# --- nothing of this is told to anybody -----------------------------------------------------------------------

PLANTED = ("tok-7f3a-planted", "planted@example.org", "https://images.example/planted.jpg", "a planted bio")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What goes to the log, as it is written there."""
    written = io.StringIO()
    handler = logger().registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before, handler.stream = handler.stream, written
    yield written
    handler.stream = before


def test_planted_secrets_come_out_nowhere(call: Caller, logged: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    token, mail, link, bio = PLANTED
    call("PUT", "/v1/deck", {"deck": "tinder", "token": token, "accept_terms": True})
    seen = [
        call("GET", "/v1/deck"),
        call("GET", "/v1/deck/check"),
        call("GET", "/v1/status"),
        call("GET", "/v1/report"),
        call("PUT", "/v1/deck", {"deck": token, "token": mail}),
        call("PUT", "/v1/deck", {"deck": "tinder", "token": [token], "accept_terms": True}),
        call("POST", "/v1/predict", {"url": link}),
        call("POST", "/v1/predict", {"url": f"http://127.0.0.1/{mail}"}),
        call("POST", "/v1/labels", {"card_id": bio, "choice": mail}),
        call("PUT", "/v1/matches/m1/outcome", {"outcome": bio}),
        call("PUT", "/v1/settings", {"time_zone": 5, "wish": mail}),
        call("POST", "/v1/uploads", {"name": mail, "size": 1}),
        call("GET", "/v1/decisions", query={"cursor": token, "verdict": bio}),
        call("DELETE", "/v1/account", query={"confirm": mail}),
        call("GET", f"/v1/exports/{token}"),
    ]
    inner = call.install.store

    class Leaking:
        def __getattr__(self, name: str) -> object:
            raise OSError(f"{PLANTED}")

    call.use(store=Leaking())
    seen += [call("GET", "/v1/status"), call("PUT", "/v1/switch", {"enabled": True}, headers=KEY)]
    call.use(store=inner)

    out, err = capfd.readouterr()
    answered = json.dumps([[answer.body, answer.headers] for answer in seen])
    said = answered + logged.getvalue() + out + err
    assert [planted for planted in PLANTED if planted in said] == []
    assert "unforeseen" in logged.getvalue()
