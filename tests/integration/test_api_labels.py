"""Labels: given one or many, listed, taken back."""

import base64

import pytest

from tests.api_home import Caller, swipe
from tests.doubles import JPEG
from tests.install import USER


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


def test_a_label_given_by_photos_can_be_changed_by_its_card_alone(call: Caller) -> None:
    first = call("POST", "/v1/labels", {"choice": "like", "photos": [photo("like")]}).body["stored"][0]

    changed = call("POST", "/v1/labels", {"card_id": first["card_id"], "choice": "pass"})

    assert (changed.status, changed.body["stored"][0]["choice"]) == (202, "pass")
    kept = call.install.store.label(USER, first["card_id"])
    assert kept is not None
    assert [earlier.choice for earlier in kept.earlier] == ["like"]
    assert call.install.store.label_features(USER, [kept.card_id])[kept.card_id]


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
