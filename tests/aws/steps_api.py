"""What the API shows, takes down and has judged, as steps; see `steps`."""

import json
from functools import cache

import requests

from swipr import kept_photos
from swipr.api.console_files import FOLDER, LIST, key_of
from swipr.models import User, UserSettings
from tests.aws.living import (
    lived,
    taught,
    version,
    with_kept_photo,
    with_network,
)
from tests.aws.quiet_home import QuietHome, fine
from tests.aws.steps import step
from tests.doubles import JPEG

# --- what is there is shown


@cache
def _shown(home: QuietHome) -> tuple[str, dict[str, str]]:
    """Somebody of whom things are only read."""
    user_id, ids = lived(home, "shown")
    return user_id, ids


@step("Api", "dynamodb:Query Decisions/index/ByTime", "dynamodb:Query Labels", "dynamodb:Query M*")
def lists_are_shown(home: QuietHome) -> None:
    user_id, _ = _shown(home)
    for what, count in (("decisions", 3), ("labels", 1), ("matches", 1), ("models", 3)):
        assert len(fine(home.ask(user_id, "GET", f"/v1/{what}")).body[what]) == count, what


@step("Api", "dynamodb:GetItem *")
def single_things_are_shown(home: QuietHome) -> None:
    user_id, ids = _shown(home)
    for path in (f"decisions/{ids['card_id']}", f"labels/{ids['card_id']}", "models/1"):
        fine(home.ask(user_id, "GET", f"/v1/{path}"))


@step("Api", "s3:GetObject Bucket/reports/*", "s3:GetObject Bucket/exports/*", "s3:GetObject Bucket/sessions/*")
def objects_are_shown(home: QuietHome) -> None:
    user_id, ids = _shown(home)
    fine(home.ask(user_id, "GET", f"/v1/uploads/{ids['upload_id']}"))
    ready = fine(home.ask(user_id, "GET", f"/v1/exports/{ids['export_id']}")).body
    assert requests.get(ready["url"], timeout=20).content == b"zip"
    fine(home.ask(user_id, "GET", f"/v1/decisions/{ids['card_id']}/photos/0"))


@step("Api", "s3:GetObject Bucket/labelled/*", "s3:ListBucket Bucket/labelled/*")
def kept_photo_is_shown(home: QuietHome) -> None:
    user_id = home.somebody("keeper")
    home.store.create_user(User(user_id=user_id))
    with_kept_photo(home, user_id, "simulator:kept")

    assert fine(home.ask(user_id, "GET", "/v1/decisions/simulator:kept/photos/0")).body == JPEG + b"kept"


@step("Api", "s3:GetObject Bucket/features/*")
def left_out_answers_are_reported(home: QuietHome) -> None:
    user_id = taught(home, "reported")

    assert fine(home.ask(user_id, "GET", "/v1/labels/doubtful")).body["version"] == 1


@step("Api", "s3:GetObject Bucket/console/*")
def big_file_is_given_out(home: QuietHome) -> None:
    sha256 = "ab" * 32
    home.blobs.put(key_of("big.wasm", sha256), b"big")
    home.blobs.put(f"{FOLDER}/{LIST}", json.dumps({"big.wasm": {"sha256": sha256, "bytes": 3}}).encode())
    user_id = home.somebody("reader")
    home.store.create_user(User(user_id=user_id))

    answer = home.ask(user_id, "GET", "/console/big/big.wasm")

    assert requests.get(fine(answer, 302).headers["Location"], timeout=20).content == b"big"


# --- what the user says is kept


@step(
    "Api",
    "dynamodb:PutItem Labels",
    "dynamodb:ConditionCheckItem Users",
    "dynamodb:DeleteItem Labels",
    "s3:PutObject Bucket/labelled/*",
    "s3:DeleteObject Bucket/labelled/*",
    "sqs:SendMessage Refits",
)
def label_is_kept_and_taken_back(home: QuietHome) -> None:
    user_id, ids = lived(home, "labeller")
    keeps_photos(home, user_id)
    card_id = ids["card_id"]
    for choice in ("pass", "like"):
        home.messages("Refits")
        fine(home.ask(user_id, "POST", "/v1/labels", {"card_id": card_id, "choice": choice}), 202)
        assert len(home.messages("Refits")) == 1
    assert len(kept_photos.keys(home.blobs, user_id, card_id)) == 1

    fine(home.ask(user_id, "DELETE", f"/v1/labels/{card_id}"))

    assert home.store.label(user_id, card_id) is None
    assert kept_photos.keys(home.blobs, user_id, card_id) == []


def keeps_photos(home: QuietHome, user_id: str) -> None:
    user = home.store.user(user_id)
    assert user is not None
    home.store.save_settings(user_id, UserSettings(keep_photos=True), revision=user.settings_revision)


@step("Api", "dynamodb:*Item Matches")
def outcome_is_noted(home: QuietHome) -> None:
    user_id, ids = _shown(home)

    fine(home.ask(user_id, "PUT", f"/v1/matches/{ids['match_id']}/outcome", {"outcome": "met"}))


@step("Api", "dynamodb:*Item Requests")
def request_with_a_key_is_done_once(home: QuietHome) -> None:
    user_id = home.somebody("twice")
    home.store.create_user(User(user_id=user_id))
    body, headers = {"enabled": False, "reason": home.somebody("why")}, {"idempotency-key": "k-1"}

    first = fine(home.ask(user_id, "PUT", "/v1/switch", body, headers=headers))
    again = fine(home.ask(user_id, "PUT", "/v1/switch", body, headers=headers))

    assert (first.body, "Idempotency-Replayed" in first.headers) == (again.body, False)
    assert again.headers["Idempotency-Replayed"] == "true"


@step("Api", "dynamodb:DeleteItem Requests")
def key_of_a_failure_is_free_again(home: QuietHome) -> None:
    """A model whose head is no head is our own failure: 5xx."""
    user_id = home.somebody("failing")
    home.store.create_user(User(user_id=user_id))
    assert home.store.put_model(version(home, user_id, 1, head=b"no head"))
    assert home.store.set_champion(user_id, 1, expected=None)
    headers = {"idempotency-key": "k-2"}

    answers = [home.ask(user_id, "POST", "/v1/predict", photo=home.photo, headers=headers) for _ in range(2)]

    assert [answer.status for answer in answers] == [answers[0].status] * 2
    assert answers[0].status >= 500, answers[0].body
    assert "Idempotency-Replayed" not in answers[1].headers


@step("Api", "kms:*")
def token_is_sealed_and_opened(home: QuietHome) -> None:
    user_id = home.somebody("connected")
    home.store.create_user(User(user_id=user_id))
    fine(home.ask(user_id, "PUT", "/v1/deck", {"deck": "simulator", "token": home.somebody("token")}))

    fine(home.ask(user_id, "GET", "/v1/deck/check"))


@step("Api", "s3:PutObject Bucket/reports/*", "s3:PutObject Bucket/labels/*")
def file_is_uploaded_by_the_form(home: QuietHome) -> None:
    user_id = home.somebody("uploader")
    home.store.create_user(User(user_id=user_id))

    form = fine(home.ask(user_id, "POST", "/v1/uploads", {"name": "a.csv", "size": 5}), 201).body

    send(form, b"a,b,c")
    assert home.blobs.get(form["key"]) == b"a,b,c"


def send(form: dict[str, object], body: bytes) -> None:
    sent = requests.post(str(form["url"]), data=form["fields"], files={"file": body}, timeout=20)
    assert sent.ok, sent.text


@step("Api", "s3:PutObject Bucket/exports/*", "sqs:SendMessage Refits", "s3:GetObject Bucket/exports/*")
def export_is_asked_for_once(home: QuietHome) -> None:
    user_id = home.somebody("exporter")
    home.store.create_user(User(user_id=user_id))
    home.messages("Refits")

    first, again = (fine(home.ask(user_id, "POST", "/v1/exports"), 202).body for _ in range(2))

    assert first["export_id"] == again["export_id"]
    assert [json.loads(body)["kind"] for body in home.messages("Refits")] == ["export"]


# --- the judge


@step("Api", "s3:* Bucket/predict/*", "lambda:InvokeFunction *")
def uploaded_photo_is_predicted(home: QuietHome) -> None:
    user_id = taught(home, "predicted")
    form = fine(home.ask(user_id, "POST", "/v1/predict/uploads"), 201).body
    send(form, home.photo)

    said = fine(home.ask(user_id, "POST", "/v1/predict", {"upload_id": form["upload_id"]})).body

    assert said["model_version"] == 1
    assert home.blobs.keys(f"predict/{user_id}/") == []


@step("Api", "s3:GetObject Bucket/models/*")
def tuned_network_is_asked(home: QuietHome) -> None:
    user_id = taught(home, "tuned")
    with_network(home, user_id)

    assert fine(home.ask(user_id, "POST", "/v1/predict", photo=home.photo)).body["model_version"] == 2


@step("Api", "s3:ListBucket Bucket/models/*")
def version_is_promoted_while_its_network_is_there(home: QuietHome) -> None:
    user_id = taught(home, "promoter")
    with_network(home, user_id)
    assert home.store.set_champion(user_id, 1, expected=2)

    fine(home.ask(user_id, "POST", "/v1/models/2/promote"))


@step("Api", "dynamodb:PutItem Users")
def first_request_makes_the_account(home: QuietHome) -> None:
    user_id = home.somebody("new")

    fine(home.ask(user_id, "GET", "/v1/status"))

    assert home.store.user(user_id) is not None
