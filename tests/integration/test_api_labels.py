"""Labels: given one or many, listed, taken back, and what is asked next."""

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.api import labels as api_labels
from swipr.api.decisions import SCAN_PAGES, SCAN_SIZE
from swipr.api.labels import RANDOM_EVERY, NextQuery
from swipr.models import BlobRange
from tests.api_home import Asked, Caller, swipe
from tests.api_parts import api_of
from tests.contract.values import a_decision
from tests.doubles import JPEG
from tests.install import USER, Install

Make = Callable[..., Install]


def photo(taste: str) -> str:
    return base64.b64encode(JPEG + taste.encode()).decode()


def test_one_label_needs_no_list(call: Caller) -> None:
    swipe(call.install)

    stored = call("POST", "/v1/labels", {"card_id": "fake:1", "choice": "like"})

    assert (stored.status, [each["card_id"] for each in stored.body["stored"]]) == (202, ["fake:1"])
    assert call("GET", "/v1/labels/fake:1").body == stored.body["stored"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"card_id": "fake:1", "choice": "love"}, "choice"),
        ({"card_id": "fake:1"}, "choice"),
        ({"labels": []}, "labels"),
        ({"labels": [{"choice": "like"}] * 101}, "labels"),
        ({"labels": [{"choice": "like"}], "more": 1}, "more"),
        ({"labels": [{}]}, "labels[0].choice"),
        ({"labels": [{"choice": "like"}]}, "labels[0].card_id"),
        ({"choice": "like"}, "card_id"),
        ({"choice": "like", "photos": ["/9j/bGlrZQ==", "%"]}, "photos[1]"),
    ],
)
def test_a_wrong_label_names_its_field_as_it_was_sent(call: Caller, body: dict[str, object], field: str) -> None:
    refused = call("POST", "/v1/labels", body)

    assert (refused.status, refused.body["field"]) == (400, field)


def test_a_card_that_nobody_decided_is_the_same_404_wherever_it_is_named(call: Caller) -> None:
    answers = [
        call("POST", "/v1/labels", {"card_id": "fake:77", "choice": "like"}),
        call("POST", "/v1/decisions/fake:77/label", {"choice": "like"}),
        call("DELETE", "/v1/decisions/fake:77/label"),
        call("DELETE", "/v1/labels/fake:77"),
        call("GET", "/v1/labels/fake:77"),
        call("GET", "/v1/decisions/fake:77"),
        call("GET", "/v1/decisions/no id"),
    ]

    assert {(answer.status, answer.body["detail"]) for answer in answers} == {
        (404, "no such card, or what was known of it has expired")
    }


def test_a_label_of_no_card_names_the_field_it_was_sent_in(call: Caller) -> None:
    assert call("POST", "/v1/labels", {"card_id": "fake:77", "choice": "like"}).body["field"] == "card_id"


def test_what_cannot_be_learned_from_any_more_says_so(call: Caller) -> None:
    swipe(call.install)
    call.install.blobs.delete([key for key in call.install.blobs.keys("sessions/") if key.endswith(".features")])

    refused = call("POST", "/v1/decisions/fake:0/label", {"choice": "pass"})

    assert (refused.status, refused.body["field"]) == (400, "card_id")
    assert "expired" in refused.body["detail"]


def test_of_many_labels_the_unknown_one_is_named_and_none_is_stored(call: Caller) -> None:
    many = {"labels": [{"choice": "like", "photos": [photo("like")]}, {"choice": "like", "card_id": "fake:77"}]}

    refused = call("POST", "/v1/labels", many)

    assert (refused.status, refused.body["field"]) == (404, "labels[1].card_id")
    assert call.install.store.labels(USER) == []
    assert call.queue.refits == []


def test_a_decision_is_corrected_and_the_correction_undone(call: Caller) -> None:
    swipe(call.install)

    corrected = call("POST", "/v1/decisions/fake:0/label", {"choice": "pass"})
    assert (corrected.status, corrected.body["choice"], corrected.body["source"]) == (202, "pass", "correction")
    assert call("GET", "/v1/decisions/fake:0").body["label"]["choice"] == "pass"

    undone = call("DELETE", "/v1/decisions/fake:0/label")
    assert (undone.status, undone.body["removed"]["card_id"]) == (200, "fake:0")
    assert call("GET", "/v1/decisions/fake:0").body["label"] is None
    assert call("DELETE", "/v1/decisions/fake:0/label").status == 404


def test_labels_are_listed_newest_first_in_pages(call: Caller) -> None:
    for number in range(5):
        body = {"card_id": f"mine:{number}", "choice": "like" if number % 2 else "pass", "photos": [photo("like")]}
        assert call("POST", "/v1/labels", body).status == 202

    found, cursor = [], None
    while True:
        page = call("GET", "/v1/labels", query={"limit": "2"} | ({"cursor": cursor} if cursor else {})).body
        found += [label["card_id"] for label in page["labels"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert found == [f"mine:{number}" for number in (4, 3, 2, 1, 0)]
    likes = call("GET", "/v1/labels", query={"choice": "like"}).body["labels"]
    assert [label["card_id"] for label in likes] == ["mine:3", "mine:1"]


# --- what to ask next ---------------------------------------------------------------------------------------

SEEN = BlobRange(key="sessions/x", first=0, last=1)


def decide(home: Install, number: int, score: float | None, **changes: object) -> None:
    user = home.store.user(USER)
    assert user is not None
    at = home.clock.at - timedelta(seconds=number)
    known = {
        "user_id": USER,
        "score": score,
        "threshold": 0.5,
        "photos": (SEEN,),
        "features": SEEN,
        "backbone": "b",
        "decided_at": at,
        "expires_at": at + timedelta(days=30),
    }
    assert home.store.record_decision(a_decision(f"fake:{number}", **(known | changes)), fence=user.fence)


def test_held_cards_are_asked_first_then_those_near_the_line_and_each_fifth_at_random(install: Make) -> None:
    home = install(1, cards=[])
    for number in range(12):
        decide(home, number, 0.5 + number / 100)
    decide(home, 90, 0.9, state="unsure", verdict="unsure")
    decide(home, 91, 0.9, state="unsure", verdict="unsure")
    drawn: list[int] = []

    def last(count: int) -> int:
        drawn.append(count)
        return count - 1

    asked = api_labels.to_ask(api_of(home, Asked(), pick=last), USER, NextQuery(limit=10)).cards

    assert [(card.card_id, card.held, card.chosen_by) for card in asked] == [
        ("fake:90", True, "uncertain"),
        ("fake:91", True, "uncertain"),
        ("fake:0", False, "uncertain"),
        ("fake:1", False, "uncertain"),
        ("fake:11", False, "random"),
        ("fake:2", False, "uncertain"),
        ("fake:3", False, "uncertain"),
        ("fake:4", False, "uncertain"),
        ("fake:5", False, "uncertain"),
        ("fake:10", False, "random"),
    ]
    assert drawn == [10, 5]
    assert all(card.why for card in asked)
    assert RANDOM_EVERY == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"photos": ()},
        {"features": None},
        {"photos_expire_at": "past"},
    ],
)
def test_what_nobody_could_answer_is_not_asked(install: Make, changes: dict[str, object]) -> None:
    home = install(1, cards=[])
    if "photos_expire_at" in changes:
        changes = {"photos_expire_at": home.clock.at - timedelta(seconds=1)}
    decide(home, 1, 0.5, **changes)

    assert api_labels.to_ask(api_of(home, Asked()), USER, NextQuery()).cards == ()


def test_a_newcomer_is_asked_nothing(call: Caller) -> None:
    assert call("GET", "/v1/labels/next", user="newcomer").body == {"cards": []}


def test_a_labelled_card_is_not_asked_again(call: Caller) -> None:
    swipe(call.install)
    first = [card["card_id"] for card in call("GET", "/v1/labels/next").body["cards"]]
    assert first[0] == "fake:2", "the unsure one is held"

    for card_id in first:
        call("POST", f"/v1/decisions/{card_id}/label", {"choice": "like"})

    assert call("GET", "/v1/labels/next").body["cards"] == []


def test_a_card_far_back_is_found_when_nothing_newer_can_be_asked(install: Make) -> None:
    home = install(1, cards=[])
    beyond = SCAN_PAGES * SCAN_SIZE + 10
    for number in range(beyond):
        decide(home, number, None, photos=())
    decide(home, beyond, None)

    asked = api_labels.to_ask(api_of(home, Asked()), USER, NextQuery()).cards

    assert [card.card_id for card in asked] == [f"fake:{beyond}"]


def test_no_more_than_a_thousand_are_looked_at_once_there_is_one_to_ask(install: Make) -> None:
    home = install(1, cards=[])
    beyond = SCAN_PAGES * SCAN_SIZE + 10
    for number in range(beyond):
        decide(home, number, 0.5, **({"photos": ()} if 0 < number < beyond - 1 else {}))

    asked = api_labels.to_ask(api_of(home, Asked()), USER, NextQuery()).cards

    assert [card.card_id for card in asked] == ["fake:0"]


@pytest.mark.parametrize("limit", ["0", "51", "x"])
def test_a_wrong_number_of_cards_to_ask_is_refused(call: Caller, limit: str) -> None:
    assert call("GET", "/v1/labels/next", query={"limit": limit}).body["field"] == "limit"
