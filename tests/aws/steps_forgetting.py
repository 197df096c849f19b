"""What the API forgets, as steps; see `steps`."""

import json

from swipr import bootstrap
from swipr.models import SwipeSession, User
from tests.aws.living import (
    IN_FLIGHT,
    everything_left,
    fill_everywhere,
    hand_over,
    lived,
    with_kept_photo,
)
from tests.aws.quiet_home import QuietHome, fine
from tests.aws.steps import step

# --- all that is a user's goes


@step("Api", "*Query *", "*BatchWriteItem*", "s3:DeleteObject *", "s3:ListBucket *", "*DeleteItem Users", "*Refits")
def account_is_deleted(home: QuietHome) -> None:
    user_id = fill_everywhere(home, "leaver")
    home.messages("Refits")

    fine(home.ask(user_id, "DELETE", "/v1/account", query={"confirm": user_id}))

    assert everything_left(home, user_id) == []
    assert [json.loads(body)["user_id"] for body in home.messages("Refits")] == [user_id]


@step("Api", "s3:GetObject Bucket/handoffs/*")
def what_is_left_of_nobody_is_deleted(home: QuietHome) -> None:
    user_id = fill_everywhere(home, "half-gone")
    assert home.store.delete_user(user_id, at=bootstrap.now())

    fine(home.ask(user_id, "DELETE", "/v1/account", query={"confirm": user_id}))

    assert everything_left(home, user_id) == []


@step("Api", "sqs:SendMessage SwipeSessions")
def left_over_action_is_settled_before_an_account_goes(home: QuietHome) -> None:
    user_id = home.somebody("in-flight")
    home.store.create_user(User(user_id=user_id, in_flight=IN_FLIGHT))
    home.messages("SwipeSessions")

    fine(home.ask(user_id, "DELETE", "/v1/account", query={"confirm": user_id}), 409)

    (body,) = home.messages("SwipeSessions")
    assert SwipeSession.model_validate_json(body).user_id == user_id


# --- one card is forgotten


@step(
    "Api",
    "dynamodb:* Acted",
    "dynamodb:DeleteItem *",
    "dynamodb:ConditionCheckItem *",
    "s3:PutObject Bucket/sessions/*",
    "s3:PutObject Bucket/handoffs/*",
    "s3:PutObject Bucket/exports/*",
    "s3:PutObject Bucket/reports/*",
    "s3:GetObject Bucket/*",
)
def decided_card_is_forgotten(home: QuietHome) -> None:
    user_id, ids = lived(home, "forgetful")
    card_id = ids["card_id"]
    with_kept_photo(home, user_id, card_id)
    seen = home.store.decision(user_id, card_id, at=bootstrap.now())
    assert seen is not None
    handed = hand_over(home, user_id, [card_id])
    report_a_row_of(home, user_id, ids["upload_id"], card_id)

    receipt = fine(home.ask(user_id, "DELETE", f"/v1/cards/{card_id}")).body

    counts = receipt["removed"]
    assert {name: counts[name] for name in ("decisions", "labels", "matches", "kept_photos", "training_lines")} == {
        "decisions": 1, "labels": 1, "matches": 1, "kept_photos": 1, "training_lines": 1,
    }, counts  # fmt: skip
    assert home.store.decision(user_id, card_id, at=bootstrap.now()) is None
    assert not any(home.blobs.get_range(seen.photos[0]))
    assert card_id.encode() not in home.blobs.get(handed)
    assert card_id.encode() not in home.blobs.get(f"reports/{user_id}/{ids['upload_id']}.json")
    assert json.loads(home.blobs.get(f"exports/{user_id}/{ids['export_id']}.json"))["state"] == "withdrawn"
    again = fine(home.ask(user_id, "DELETE", f"/v1/cards/{card_id}")).body
    assert again["removed"]["decisions"] == 0


def report_a_row_of(home: QuietHome, user_id: str, upload_id: str, card_id: str) -> None:
    key = f"reports/{user_id}/{upload_id}.json"
    report = json.loads(home.blobs.get(key))
    report["rows"] = [{"row": 1, "taken": True, "card_id": card_id, "choice": "like"}]
    home.blobs.put(key, json.dumps(report).encode())


@step("Api", "dynamodb:ConditionCheckItem Decisions", "dynamodb:ConditionCheckItem Users", "dynamodb:PutItem Acted")
def card_that_was_only_seen_is_forgotten(home: QuietHome) -> None:
    user_id = home.somebody("seen")
    home.store.create_user(User(user_id=user_id))

    for _ in range(2):
        fine(home.ask(user_id, "DELETE", "/v1/cards/simulator:never-decided"))
