"""A user's data in one world or another: made, taken out as an archive, taken in, looked for."""

import hashlib
import io
import itertools
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from local.blobs import FileBlobs
from local.database import Database
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr import heads, kept_photos
from swipr.candidates import candidate_report
from swipr.candidates.candidate_report import CandidateReport
from swipr.handoff import hand_over
from swipr.heads import Head
from swipr.learning.refitting import labels_hash
from swipr.models import (
    BlobRange,
    Decision,
    ExportRequest,
    Label,
    MatchRecord,
    ModelVersion,
    RefitRequest,
    SwipeSession,
    User,
    UserSettings,
)
from swipr.ports import Blobs, Secrets, Store
from swipr.sessions.photos import join_rows, zip_photos
from swipr.sessions.planning import acted_key, forgotten_key
from swipr.takeout.exports import ExportDesk, archive_key
from swipr.takeout.writer import ExportWriter
from swipr.uploads.report import Uploaded, UploadReport, read_report
from swipr.uploads.uploads import Uploads
from tests.doubles import Clock

LONG_S = 300.0
Json = dict[str, Any]


class Asked:
    """A queue that only remembers."""

    def __init__(self) -> None:
        self.refits: list[str] = []
        self.exports: list[ExportRequest] = []

    def send_session(self, session: SwipeSession) -> None:
        raise AssertionError("nothing here starts a session")

    def ask_refit(self, request: RefitRequest) -> None:
        self.refits.append(request.user_id)

    def ask_export(self, request: ExportRequest) -> None:
        self.exports.append(request)


class Home:
    """One install."""

    def __init__(self, store: Store, blobs: Blobs, secrets: Secrets, clock: Clock) -> None:
        self.store, self.blobs, self.secrets, self.clock = store, blobs, secrets, clock
        self.queue = Asked()
        self._numbers = itertools.count(1)

    def token(self, size: int) -> str:
        return f"{next(self._numbers):0{2 * size}x}"

    def acted_key(self, user_id: str, card_id: str) -> str:
        return acted_key(self.secrets, user_id, card_id)

    def forgotten_key(self, user_id: str, card_id: str) -> str:
        return forgotten_key(self.secrets, user_id, card_id)

    # --- taking out

    def desk(self) -> ExportDesk:
        return ExportDesk(self.store, self.blobs, self.queue, self.clock.now, self.token)

    def write(self, request: ExportRequest, **options: Any) -> Any:
        writer = ExportWriter(self.store, self.blobs, self.clock.now, **options)
        return writer.write(request, time_left_s=lambda: LONG_S)

    def exported(self, user_id: str = "ann") -> bytes:
        state = self.desk().ask(user_id)
        self.write(ExportRequest(user_id=user_id, export_id=state.export_id))
        self.clock.sleep(1)
        return self.blobs.get(archive_key(user_id, state.export_id))

    # --- taking in

    def uploads(self) -> Uploads:
        return Uploads(
            self.store, self.blobs, self.queue, sees_nothing, self.acted_key, self.clock.now, self.token
        )  # fmt: skip

    def put(self, body: bytes, user_id: str = "ann") -> Uploaded:
        key = f"labels/{user_id}/export-{next(self._numbers)}.zip"
        self.blobs.put(key, body)
        return Uploaded(key=key, size=len(body), uploaded_at=self.clock.now(), version=self.token(4))

    def take(
        self, uploaded: Uploaded, uploads: Uploads | None = None, time_left_s: Callable[[], float] = lambda: LONG_S
    ) -> UploadReport | None:
        return (uploads or self.uploads()).take(uploaded, time_left_s=time_left_s)

    def imported(self, body: bytes, user_id: str = "ann") -> UploadReport:
        if self.store.user(user_id) is None:
            self.store.create_user(User(user_id=user_id))
        uploaded = self.put(body, user_id)
        self.take(uploaded)
        report = read_report(self.blobs, user_id, uploaded.upload_id)
        assert report is not None
        return report


def sees_nothing(request: Any) -> Any:
    """A judge to whom nothing is a photo: archives bring their features along."""
    photos = [{"id": source["id"], "error": "not a photo"} for source in request["photos"]]
    return {"backbone": BACKBONE, "dimensions": 4, "photos": photos, "ms": 1.0}


@contextmanager
def local_home(folder: Path, clock: Clock, *, key: bytes = b"k" * 32) -> Iterator[Home]:
    folder.mkdir(parents=True)
    database = Database(folder / "swipr.db")
    blobs = FileBlobs(folder / "blobs", sign_key=key, base_url=lambda: "http://127.0.0.1:1", now=clock.now)
    try:
        yield Home(SqliteStore(database), blobs, AesSecrets(key), clock)
    finally:
        database.close()


# --- what an archive holds -------------------------------------------------------------------------------


def data_of(body: bytes) -> Json:
    """`data.json`, without what two exports of the same differ in."""
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        data: Json = json.loads(file.read("data.json"))
    del data["exported_at"], data["user_id"]
    return data


def photos_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        return {name: file.read(name) for name in file.namelist() if name.startswith("photos/")}


def with_data(body: bytes, data: Json | bytes) -> bytes:
    """The archive with another `data.json`."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, text if name == "data.json" else old.read(name))
    return changed.getvalue()


# --- a user with everything ------------------------------------------------------------------------------

BACKBONE = hashlib.sha256(b"a backbone").hexdigest()
JPEG = b"\xff\xd8\xff"


def a_head(bias: float) -> bytes:
    return heads.pack(Head(BACKBONE, bias, 1.0, 0.0, 0.5, 0.4, 0.6, struct.pack("<4f", 1, 2, 3, 4)))


def a_model(user_id: str, version: int, at: datetime, learned: str | None = None) -> ModelVersion:
    head = a_head(version / 8)
    return ModelVersion(
        user_id=user_id,
        version=version,
        head=head,
        sha256=hashlib.sha256(head).hexdigest(),
        backbone=BACKBONE,
        labels=10 + version,
        likes=5,
        labels_hash=learned or hashlib.sha256(f"labels {version}".encode()).hexdigest(),
        penalty=0.25,
        metrics={"auc": 0.8125, "auc_low": 0.7, "auc_high": 0.9, "accuracy": 0.75, "majority": 0.5,
                 "precision": 0.8, "recall": 0.8, "log_loss": 0.5, "calibration_error": 0.1},
        code="tests",
        created_at=at,
    )  # fmt: skip


def settle(home: Home, user_id: str = "ann", *, cards: int = 6) -> None:
    """A user who has used Swipr for a while, and of whom every kind of thing is kept."""
    at = home.clock.now()
    home.store.create_user(User(user_id=user_id, deck="simulator", settings_revision=3))
    home.store.connect_deck(user_id, deck="simulator", sealed_token=b"a sealed token", at=at)
    swipe(home, user_id, cards)
    learned = labels_hash(home.store.labels(user_id))
    for version in (1, 2, 3):
        home.store.put_model(a_model(user_id, version, at, learned if version == 3 else None))
        home.store.set_champion(user_id, version, expected=version - 1 or None)
    home.store.set_champion(user_id, 2, expected=3)  # rolled back
    hand_over_once(home, user_id)
    home.blobs.put(f"features/{user_id}/{BACKBONE[:12]}.bin", b"the pack of features")
    home.blobs.put(f"labels/{user_id}/old.json", b"[]")


def hand_over_once(home: Home, user_id: str) -> None:
    wanted = UserSettings(keep_photos=True, likes_per_day=7, time_zone="Europe/Berlin", handoff_min_labels=1)
    user = home.store.user(user_id)
    assert user is not None
    home.store.save_settings(user_id, wanted, revision=user.settings_revision)
    handoff = hand_over(user_id, home.store, home.blobs, now=home.clock.now(), code="tests")
    assert handoff is not None
    home.blobs.put(f"inbox/{handoff.handoff_id}-1/card.json", user_id.encode())
    home.blobs.put(f"models/{user_id}/{'0' * 12}/model.onnx", b"a tuned network")
    refused = {"candidate": f"{handoff.handoff_id}-1", "handoff_id": handoff.handoff_id, "reason": "head.bin: x"}
    report = CandidateReport.model_validate(refused | {"state": "refused", "at": home.clock.now()})
    candidate_report.write(user_id, report, home.blobs)


def swipe(home: Home, user_id: str, cards: int) -> None:
    at = home.clock.now()
    session = SwipeSession(user_id=user_id, due_at=at).session_id
    key = f"sessions/{user_id}/{session}-1.zip"
    photos = [photo_of(user_id, n) for n in range(cards)]
    body, parts = zip_photos(key, photos)
    home.blobs.put(key, body)
    rows = {f"simulator:{n}": struct.pack("<4e", n, 1, 2, 3) for n in range(cards)}
    joined, places = join_rows(f"sessions/{user_id}/{session}-1.f16", rows)
    home.blobs.put(f"sessions/{user_id}/{session}-1.f16", joined)
    states = ("sent", "sent", "unknown", "dry_run", "unsure", "failed")
    for n in range(cards):
        card_id, state = f"simulator:{n}", states[n % len(states)]
        decision = Decision(
            user_id=user_id,
            card_id=card_id,
            session_id=session,
            name=f"Card {n} of {user_id}",
            verdict="unsure" if state == "unsure" else "like" if n % 2 == 0 else "pass",
            reason="score 0.90 is on or above your line 0.50",
            state=state,
            score=0.9,
            photo_scores=(0.9, None),
            threshold=0.5,
            model_version=2,
            backbone=BACKBONE,
            photos=(BlobRange(key=parts[n].key, first=parts[n].first, last=parts[n].last),),
            features=places[card_id],
            photos_expire_at=at + timedelta(days=7),
            action="like" if state in ("sent", "unknown") else None,
            match_id=f"match-{n}" if n == 0 else None,
            decided_at=at + timedelta(seconds=n),
            expires_at=at + timedelta(days=30),
        )
        home.store.restore_decision(decision, acted_key=home.acted_key(user_id, card_id))
        label = Label(
            user_id=user_id,
            card_id=card_id,
            choice="like" if n % 2 else "pass",
            source="correction",
            labelled_at=at + timedelta(minutes=1, seconds=n),
            backbone=BACKBONE,
            features=rows[card_id],
        )
        home.store.put_label(label)
        kept_photos.keep(home.blobs, user_id, card_id, [photos[n]])
    match = MatchRecord(
        user_id=user_id,
        match_id="match-0",
        card_id="simulator:0",
        name=f"Card 0 of {user_id}",
        matched_at=at,
        decided_at=at,
        action="like",
        score=0.9,
        threshold=0.5,
        model_version=2,
        expires_at=at + timedelta(days=30),
    )
    home.store.put_match(match)
    home.store.note_outcome(user_id, "match-0", "talked", at=at + timedelta(minutes=2))
    home.clock.sleep(300)


def photo_of(user_id: str, number: int) -> bytes:
    return JPEG + f"the photo of card {number} that {user_id} was shown".encode()
