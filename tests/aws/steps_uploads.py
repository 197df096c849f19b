"""What is made of uploads, and of the archives that go out and come in, as steps; see `steps`."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta

from swipr import bootstrap, kept_photos
from swipr.models import ExportRequest, MatchRecord, User
from swipr.takeout.exports import ExportState, archive_key, read_state, write_state
from swipr.uploads.report import UploadReport, new_upload_id, read_report
from tests.aws.living import (
    a_label,
    decide,
    taught,
    with_kept_photo,
    with_network,
)
from tests.aws.quiet_home import QuietHome
from tests.aws.steps import step

_DAY = timedelta(days=1)


# --- uploads


def upload(home: QuietHome, user_id: str, kind: str, body: bytes, *, times: int = 1) -> UploadReport:
    """As the bucket tells of it, so many times; what became of it."""
    upload_id, at = new_upload_id(bootstrap.now(), hashlib.sha256(user_id.encode()).hexdigest()[:16]), bootstrap.now()
    key = f"labels/{user_id}/{upload_id}.{kind}"
    home.blobs.put(key, body)
    for _ in range(times):
        home.created(key, size=len(body), at=at)
    report = read_report(home.blobs, user_id, upload_id)
    assert report is not None
    assert report.state == "done", report
    return report


@step(
    "Feedback",
    "s3:GetObject Bucket/labels/*",
    "s3:*Object Bucket/reports/*",
    "s3:GetObject Bucket/sessions/*",
    "dynamodb:GetItem Decisions",
    "dynamodb:*Item Labels",
    "dynamodb:Query Labels",
    "sqs:SendMessage Refits",
)
def uploaded_rows_become_labels_once(home: QuietHome) -> None:
    user_id = home.somebody("row-by-row")
    home.store.create_user(User(user_id=user_id))
    decide(home, user_id, "simulator:0")
    home.messages("Refits")
    text = io.StringIO()
    csv.writer(text).writerows([["card_id", "choice"], ["simulator:0", "like"]])

    report = upload(home, user_id, "csv", text.getvalue().encode(), times=2)

    assert (report.taken, report.refused, report.tries) == (1, 0, 1), report
    assert home.store.label(user_id, "simulator:0") is not None
    assert len(home.messages("Refits")) == 1


@step(
    "Feedback",
    "s3:*Object Bucket/uploads/*",
    "lambda:*",
    "s3:PutObject Bucket/labelled/*",
    "s3:GetObject Bucket/models/*",
    "dynamodb:GetItem Models",
)
def uploaded_photo_becomes_a_label(home: QuietHome) -> None:
    user_id = taught(home, "photographer", keep_photos=True)
    with_network(home, user_id)

    report = upload(home, user_id, "zip", zipped({"like/a.jpg": home.photo}))

    assert (report.taken, report.refused) == (1, 0), report
    (label,) = home.store.labels(user_id)
    assert [said.version for said in label.predicted] == [2]
    assert len(kept_photos.keys(home.blobs, user_id, label.card_id)) == 1
    assert home.blobs.keys(f"uploads/{user_id}/") == []


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


@step("Feedback", "s3:DeleteObject Bucket/labels/*", "dynamodb:GetItem Users")
def file_of_nobody_is_deleted(home: QuietHome) -> None:
    key = f"labels/{home.somebody('stranger')}/a.csv"
    home.blobs.put(key, b"card_id,choice\n")

    home.created(key, size=15)

    assert home.blobs.keys(key) == []


# --- exports and imports


@step(
    "Feedback",
    "dynamodb:Query Decisions/index/ByTime",
    "dynamodb:Query Matches",
    "s3:*Object Bucket/exports/*",
    "s3:GetObject Bucket/labelled/*",
    "s3:ListBucket Bucket/exports/*",
    "s3:ListBucket Bucket/labelled/*",
)
def archive_is_written(home: QuietHome) -> None:
    user_id = exporter(home)

    with zipfile.ZipFile(io.BytesIO(exported(home, user_id))) as archive:
        data = json.loads(archive.read("data.json"))
        photos = [name for name in archive.namelist() if name.startswith("photos/")]

    counts = [len(data[kind]) for kind in ("labels", "decisions", "matches", "models")]
    assert (counts, len(photos)) == ([1, 1, 1, 1], 1)


def exporter(home: QuietHome) -> str:
    user_id, at = taught(home, "exporter", keep_photos=True), bootstrap.now()
    decide(home, user_id, "simulator:0")
    home.store.put_label(a_label(home, user_id, 0))
    with_kept_photo(home, user_id, "simulator:0", home.photo)
    home.store.put_match(
        MatchRecord(user_id=user_id, match_id="m", card_id="simulator:0", matched_at=at, expires_at=at + _DAY)
    )
    home.store.note_outcome(user_id, "m", "met", at=at)
    return user_id


def exported(home: QuietHome, user_id: str) -> bytes:
    at = bootstrap.now()
    asked = ExportState(
        export_id=new_upload_id(at, "0" * 16), state="waiting", asked_at=at, at=at, expires_at=at + _DAY
    )
    write_state(home.blobs, user_id, asked)
    message = ExportRequest(user_id=user_id, export_id=asked.export_id)
    home.message("Feedback", "Refits", message.model_dump_json())
    state = read_state(home.blobs, user_id, asked.export_id)
    assert state is not None
    assert state.state == "ready", state
    return home.blobs.get(archive_key(user_id, asked.export_id))


@step(
    "Feedback",
    "dynamodb:*Item Decisions",
    "dynamodb:*Item Matches",
    "dynamodb:*Item Acted",
    "dynamodb:*Item Labels",
    "s3:PutObject Bucket/labelled/*",
    "kms:Decrypt *",
)
def archive_is_taken_in(home: QuietHome) -> None:
    """With a decision that was sent, which is marked as acted on, and one that was not."""
    with zipfile.ZipFile(io.BytesIO(exported(home, exporter(home)))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(files["data.json"])
    (decision,) = data["decisions"]
    sent = {**decision, "card_id": "simulator:sent", "state": "sent", "action": "like"}
    data["decisions"].append(sent)
    user_id = home.somebody("importer")
    home.store.create_user(User(user_id=user_id, deck="simulator"))

    report = upload(home, user_id, "zip", zipped({**files, "data.json": json.dumps(data).encode()}))

    assert report.refused == 0, report
    restored = home.store.decisions(user_id, at=bootstrap.now(), limit=9)
    assert len(restored) == 2, (report, restored)
    match = home.store.match(user_id, "m", at=bootstrap.now())
    assert match is not None, report
    assert match.outcome == "met", match


# --- the first of an install


@step("Feedback", "kms:*")
def first_upload_of_an_install_makes_the_hash_key(home: QuietHome) -> None:
    home.forget_install()
    try:
        archive_is_taken_in(home)
    finally:
        home.forget_install()
