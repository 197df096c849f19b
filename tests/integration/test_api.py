"""The API's handler with real payload-2.0 events, over the local adapters."""

import base64
import json
from pathlib import Path

import pytest

from swipr.models import RefitRequest
from tests.api_home import Caller, swipe
from tests.doubles import JPEG, card
from tests.install import USER


def photo(taste: str) -> str:
    return base64.b64encode(JPEG + taste.encode()).decode()


def test_a_new_user_starts_with_everything_off(call: Caller) -> None:
    status = call("GET", "/v1/status", user="newcomer")

    assert status.status == 200
    assert (status.body["switch"], status.body["acting"], status.body["model"]) == ("off", False, None)


def test_the_switch_answers_what_it_is(call: Caller) -> None:
    assert call("PUT", "/v1/switch", {"enabled": False}).body["switch"] == "off"
    assert call("PUT", "/v1/switch", {"enabled": True}).body["switch"] == "on"


def test_off_is_stopping_while_an_action_is_under_way(call: Caller) -> None:
    answers: list[str] = []
    call.install.deck.on_swipe = lambda: answers.append(call("PUT", "/v1/switch", {"enabled": False}).body["switch"])

    swipe(call.install)

    assert answers == ["stopping"]
    assert call("GET", "/v1/status").body["switch"] == "off"
    assert call.install.deck.swipes() == 1


def test_acting_needs_the_connected_decks_name_and_token(call: Caller) -> None:
    wrong = call("PUT", "/v1/acting", {"acting": True, "deck": "tinder"}, user="b")
    assert (wrong.status, wrong.body["field"]) == (400, "deck")
    call("PUT", "/v1/deck", {"deck": "simulator", "token": ' "abc" '}, user="b")

    allowed = call("PUT", "/v1/acting", {"acting": True, "deck": "simulator", "likes_per_day": 3}, user="b")

    assert (allowed.body["acting"], allowed.body["budget"]["likes_per_day"]) == (True, 3)
    user = call.install.store.user("b")
    assert user is not None
    assert user.deck_token is not None
    assert b"abc" not in user.deck_token
    assert call.install.secrets.open(user.deck_token, context={"user": "b", "deck": "simulator"}) == b"abc"


def test_another_deck_ends_acting(call: Caller) -> None:
    call("PUT", "/v1/deck", {"deck": "simulator", "token": "abc"}, user="b")
    call("PUT", "/v1/acting", {"acting": True, "deck": "simulator"}, user="b")

    other = {"deck": "tinder", "token": "abc", "accept_terms": True}
    assert call("PUT", "/v1/deck", other, user="b").body["acting"] is False


def test_settings_carry_an_etag_that_guards_them(call: Caller) -> None:
    read = call("GET", "/v1/settings")
    etag = read.headers["ETag"]

    assert call("PUT", "/v1/settings", read.body | {"pacing_s": 3}, headers={"if-match": etag}).status == 200
    assert call("PUT", "/v1/settings", read.body, headers={"if-match": etag}).status == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"likes_per_day": -1}, "likes_per_day"),
        ({"likes_per_day": True}, "likes_per_day"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"colour": "red"}, "colour"),
        ([], "body"),
    ],
)
def test_wrong_settings_name_the_field(call: Caller, body: object, field: str) -> None:
    wrong = call("PUT", "/v1/settings", body)

    assert (wrong.status, wrong.type, wrong.body["field"]) == (400, "application/problem+json", field)


@pytest.mark.parametrize("sent", ["{", "", "\x00", "[" * 5000])
def test_a_body_that_is_no_json_is_a_problem(call: Caller, sent: str) -> None:
    assert call("PUT", "/v1/switch", raw=sent.encode()).body["field"] == "body"


def test_decisions_come_newest_first_in_pages(call: Caller) -> None:
    swipe(call.install)

    first = call("GET", "/v1/decisions", query={"limit": "2"}).body
    second = call("GET", "/v1/decisions", query={"limit": "2", "cursor": first["next"]}).body

    seen = [decision["card_id"] for decision in first["decisions"] + second["decisions"]]
    assert sorted(seen) == ["fake:0", "fake:1", "fake:2"]
    assert second["next"] is None
    by_card = {decision["card_id"]: decision for decision in first["decisions"] + second["decisions"]}
    assert by_card["fake:0"]["reason"].startswith("score 0.98")
    assert by_card["fake:2"]["state"] == "unsure"


@pytest.mark.parametrize("cursor", ["x", "e30=.abc", "."])
def test_a_made_up_cursor_is_refused(call: Caller, cursor: str) -> None:
    assert call("GET", "/v1/decisions", query={"cursor": cursor}).body["field"] == "cursor"


def test_a_cursor_of_somebody_else_is_refused(call: Caller) -> None:
    swipe(call.install)
    cursor = call("GET", "/v1/decisions", query={"limit": "1"}).body["next"]

    assert call("GET", "/v1/decisions", query={"cursor": cursor}, user="b").status == 400


@pytest.mark.parametrize("limit", ["0", "101", "ten", "-1", "1e3"])
def test_a_wrong_limit_is_refused(call: Caller, limit: str) -> None:
    assert call("GET", "/v1/decisions", query={"limit": limit}).body["field"] == "limit"


def test_a_decisions_photo_is_its_own_users_only(call: Caller) -> None:
    swipe(call.install)

    own = call("GET", "/v1/decisions/fake:0/photos/0")

    assert (own.status, own.type, own.body) == (200, "image/jpeg", JPEG + b"like/0/0")
    for path, user in [("fake:0/photos/1", USER), ("fake:0/photos/x", USER), ("fake:0/photos/0", "b")]:
        assert call("GET", f"/v1/decisions/{path}", user=user).status == 404


def test_a_correction_is_stored_before_it_is_acknowledged(call: Caller) -> None:
    swipe(call.install)

    stored = call("POST", "/v1/labels", {"labels": [{"card_id": "fake:0", "choice": "pass"}]})

    assert stored.status == 202
    label = call.install.store.label(USER, "fake:0")
    assert label is not None
    assert (label.choice, label.source, len(label.features)) == ("pass", "correction", 2)
    assert call.queue.refits == [RefitRequest(user_id=USER)]
    shown = call("GET", "/v1/decisions").body["decisions"]
    assert [decision["label"]["choice"] for decision in shown if decision["label"]] == ["pass"]


def test_an_answer_wakes_who_waited_for_it(call: Caller) -> None:
    swipe(call.install)
    call.install.clock.sleep(601)
    call.install.deck.left = [card(2, "unsure")]
    call.install.tick()
    call.install.run(call.install.queued.pop())
    before = call("GET", "/v1/status").body["next_due_at"]

    call("POST", "/v1/labels", {"labels": [{"card_id": "fake:2", "choice": "like"}]})

    assert call("GET", "/v1/status").body["next_due_at"] < before


def test_a_raised_budget_is_used_at_once(call: Caller) -> None:
    settings = call("GET", "/v1/settings").body
    call("PUT", "/v1/settings", settings | {"likes_per_day": 0})
    swipe(call.install)
    assert call("GET", "/v1/status").body["status"]["code"] == "budget_spent"
    before = call("GET", "/v1/status").body["next_due_at"]

    call("PUT", "/v1/settings", settings | {"likes_per_day": 5})

    assert call("GET", "/v1/status").body["next_due_at"] < before


def test_labels_bring_their_own_photos(call: Caller) -> None:
    new = {"labels": [{"choice": "like", "photos": [photo("like"), photo("pass")], "card_id": "mine:1"}]}

    assert call("POST", "/v1/labels", new).body["stored"][0]["card_id"] == "mine:1"
    assert call.install.store.label_features(USER, ["mine:1"]) == {"mine:1": b"\0\0"}


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ({"choice": "like", "photos": [base64.b64encode(b"nonsense").decode()]}, "labels[1].photos[0]"),
        ({"choice": "like", "photos": ["%%%"]}, "labels[1].photos[0]"),
        ({"choice": "like", "photos": ["é"]}, "labels[1].photos[0]"),
        ({"choice": "love", "photos": []}, "labels[1].choice"),
        ({"choice": "like"}, "labels[1].card_id"),
        ({"choice": "like", "card_id": "../../x"}, "labels[1].card_id"),
    ],
)
def test_one_wrong_label_stores_none(call: Caller, label: dict[str, object], field: str) -> None:
    wrong = call("POST", "/v1/labels", {"labels": [{"choice": "like", "photos": [photo("like")]}, label]})

    assert (wrong.status, wrong.body["field"]) == (400, field)
    assert call.install.store.labels(USER) == []
    assert call.queue.refits == []


def test_a_label_is_taken_back(call: Caller) -> None:
    call("POST", "/v1/labels", {"labels": [{"choice": "like", "photos": [photo("like")], "card_id": "mine:1"}]})

    assert call("DELETE", "/v1/labels/mine:1", user="b").status == 404
    assert call("DELETE", "/v1/labels/mine:1").body["removed"]["choice"] == "like"
    assert call("DELETE", "/v1/labels/mine:1").status == 404
    assert len(call.queue.refits) == 2


def test_a_photo_is_judged_by_ones_own_model(call: Caller) -> None:
    judged = call("POST", "/v1/predict", raw=JPEG + b"like")

    assert (judged.status, judged.body["verdict"]) == (200, "like")
    assert call("POST", "/v1/predict", raw=b"nonsense").body["field"] == "photo"
    assert call("POST", "/v1/predict", raw=b"").body["field"] == "photo"
    assert call("POST", "/v1/predict", raw=JPEG + b"like", user="b").status == 409


def test_models_name_their_roles_and_not_their_bytes(call: Caller) -> None:
    models = call("GET", "/v1/models").body["models"]

    assert [(model["version"], model["role"]) for model in models] == [(1, "champion")]
    assert "head" not in models[0]


def test_the_console_is_served_with_a_strict_policy(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>Swipr</p>")
    (tmp_path / "secret.txt").write_text("no")

    page = call("GET", "/")

    assert (page.body, page.type) == ("<p>Swipr</p>", "text/html; charset=utf-8")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for name in ("secret.txt", "..%2fsecret.txt", "missing.js"):
        assert call("GET", f"/console/{name}").status == 404


def test_an_address_that_does_not_exist_is_a_problem(call: Caller) -> None:
    missing = call("GET", "/v1/nothing")

    assert (missing.status, missing.type) == (404, "application/problem+json")


def test_what_nobody_foresaw_says_nothing_of_itself(
    call: Caller, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("a token in the text")

    monkeypatch.setattr(call.install.store, "user", broken)

    answer = call("GET", "/v1/status")

    assert (answer.status, answer.type) == (500, "application/problem+json")
    assert "token" not in json.dumps(answer.body)
