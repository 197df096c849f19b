"""A user with something of every kind, so that every id of the API has something behind it."""

import json
import struct
from datetime import datetime, timedelta
from typing import Any

from swipr.candidates import candidate_report
from swipr.candidates.candidate_report import CandidateReport
from swipr.models import Decision, Label, MatchRecord, Status, User, UserSettings
from swipr.sessions.photos import join_rows, session_prefix, zip_photos
from swipr.takeout.exports import ExportState, archive_key, write_state
from swipr.uploads.report import UploadReport, write_report
from tests.doubles import BACKBONE, JPEG, model
from tests.install import Install

DAY = timedelta(days=1)

#: A request that each operation grants to a user of `live`: its body, its query, or the bytes it sends.
GRANTED: dict[str, dict[str, Any]] = {
    "turnSwitch": {"body": {"enabled": True, "reason": "holidays"}},
    "allowActing": {"body": {"acting": True, "deck": "simulator"}},
    "saveSettings": {"body": UserSettings().model_dump(mode="json")},
    "connectDeck": {"body": {"deck": "simulator", "token": "abc"}},
    "correctDecision": {"body": {"choice": "pass"}},
    "addLabels": {"body": {"card_id": "{card_id}", "choice": "pass"}},
    "openUpload": {"body": {"name": "a.csv", "size": 3}},
    "predict": {"body": {"upload_id": "{upload_id}"}},
    "noteOutcome": {"body": {"outcome": "met"}},
    "deleteAccount": {"query": {"confirm": "{user_id}"}},
}


def granted(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """The request, with these ids where it carries some in its body or query."""
    text = json.dumps(GRANTED.get(name, {}))
    for each, value in ids.items():
        text = text.replace(f"{{{each}}}", value)
    filled: dict[str, Any] = json.loads(text)
    return filled


def given_id(mark: str) -> str:
    return f"20260301T120000-{mark.encode().hex():0>16}"


def live(home: Install, user_id: str, at: datetime, *, mark: str) -> dict[str, str]:
    """Store it; the user's ids by the names that addresses use. `mark` stands in all texts of other people's data."""
    if home.store.user(user_id) is None:
        home.store.create_user(User(user_id=user_id, deck="simulator"))
        home.store.put_model(model(user_id))
        home.store.set_champion(user_id, 1, expected=None)
    home.store.put_model(model(user_id, 2))
    _candidate(home, user_id, at, mark=mark)
    home.store.set_champion(user_id, 2, expected=1)
    sealed = home.secrets.seal(f"token-{mark}".encode(), context={"user": user_id, "deck": "simulator"})
    home.store.connect_deck(user_id, deck="simulator", sealed_token=sealed, at=at)
    off = Status(code="off", text="Off.", at=at)
    home.store.switch(user_id, enabled=False, at=at, status=off, reason=f"because {mark}")
    for number, taste in enumerate(("like", "pass", "unsure")):
        _decide(home, user_id, f"simulator:{mark}-{number}", taste, at - timedelta(seconds=number), mark)
    return {
        "user_id": user_id,
        "card_id": f"simulator:{mark}-0",
        "number": "0",
        "version": "1",
        "match_id": _match(home, user_id, mark, at),
        "upload_id": _upload(home, user_id, mark, at),
        "export_id": _export(home, user_id, mark, at),
    }


def _candidate(home: Install, user_id: str, at: datetime, *, mark: str) -> None:
    """One that was refused, and one that became version 3 and waits."""
    refused = CandidateReport(
        candidate=f"{'0' * 32}-{mark}", handoff_id="0" * 32, state="refused", reason=f"because {mark}", at=at
    )
    candidate_report.write(user_id, refused, home.blobs)
    home.store.put_model(model(user_id, 3).model_copy(update={"candidate": f"{'1' * 32}-{mark}"}))
    home.store.set_shadow(user_id, 3, expected=None)


def _decide(home: Install, user_id: str, card_id: str, taste: str, at: datetime, mark: str) -> None:
    key = f"{session_prefix(user_id)}{card_id.replace(':', '-')}"
    body, photos = zip_photos(f"{key}.zip", [JPEG + taste.encode() + b"/1"])
    rows, places = join_rows(f"{key}.features", {card_id: struct.pack("<e", 1.0)})
    home.blobs.put(f"{key}.zip", body)
    home.blobs.put(f"{key}.features", rows)
    user = home.store.user(user_id)
    decision = Decision(
        user_id=user_id,
        card_id=card_id,
        session_id="20260301T120000.000000",
        name=f"Name {mark}",
        verdict=taste,
        reason="because",
        state="unsure" if taste == "unsure" else "dry_run",
        score=0.6,
        photo_scores=(0.6,),
        threshold=0.5,
        model_version=1,
        backbone=BACKBONE,
        photos=tuple(photos),
        features=places[card_id],
        photos_expire_at=at + DAY,
        decided_at=at,
        expires_at=at + DAY,
    )
    assert user is not None
    assert home.store.record_decision(decision, fence=user.fence)
    if taste == "like":
        _label(home, user_id, card_id, at)


def _label(home: Install, user_id: str, card_id: str, at: datetime) -> None:
    label = Label(
        user_id=user_id,
        card_id=card_id,
        choice="like",
        labelled_at=at,
        backbone=BACKBONE,
        features=struct.pack("<e", 1.0),
    )
    assert home.store.put_label(label)


def _match(home: Install, user_id: str, mark: str, at: datetime) -> str:
    match = MatchRecord(
        user_id=user_id,
        match_id=f"match-{mark}",
        card_id=f"simulator:{mark}-0",
        name=f"Name {mark}",
        matched_at=at,
        expires_at=at + DAY,
    )
    home.store.put_match(match)
    return match.match_id


def _upload(home: Install, user_id: str, mark: str, at: datetime) -> str:
    upload_id = given_id(mark)
    key = f"labels/{user_id}/{upload_id}.csv"
    write_report(home.blobs, user_id, UploadReport(upload_id=upload_id, key=key, name="a.csv", state="done", at=at))
    home.blobs.put(f"predict/{user_id}/{upload_id}", JPEG + b"like")
    return upload_id


def _export(home: Install, user_id: str, mark: str, at: datetime) -> str:
    state = ExportState(export_id=given_id(mark), state="ready", asked_at=at, at=at, expires_at=at + DAY, size=3)
    write_state(home.blobs, user_id, state)
    home.blobs.put(archive_key(user_id, given_id(mark)), b"zip")
    return given_id(mark)
