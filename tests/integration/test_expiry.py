"""What outlives its purpose cannot be read any more, is deleted, and nothing else is."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from local.application import Application, Bucket, QueueSpec
from local.blobs import FileBlobs
from local.expiry import expire
from local.orphans import AT_LEAST_OLD
from local.queue import SqliteQueue
from swipr import kept_photos
from swipr.api import decisions as api_decisions
from swipr.api import labels as api_labels
from swipr.api.decisions import DecisionQuery
from swipr.api.labels import NewChoice
from swipr.errors import InputError, NotFoundError
from swipr.models import Answer, Label
from tests.api_parts import api_of
from tests.doubles import BACKBONE, START, Crash, Crashes, card
from tests.install import USER, Install

PHOTO_DAYS, DECISION_DAYS = timedelta(days=7), timedelta(days=30)
QUEUE_AGE = timedelta(days=14)
APPLICATION = Application(
    functions={},
    routes=(),
    queues={"RefitsDead": QueueSpec("RefitsDead", 0, int(QUEUE_AGE.total_seconds()))},
    queue_triggers=(),
    schedules=(),
    blob_triggers=(),
    tables=(),
    bucket=Bucket("photos", (("sessions/", PHOTO_DAYS.days),)),
)


class Refits:
    def __init__(self):
        self.asked = 0

    def ask_refit(self, request):
        self.asked += 1


class Place:
    """An install whose files carry the clock's time, with its API and its sweeper."""

    def __init__(self, folder):
        self.install = Install(folder, seed=1, cards=[card(1, "like"), card(2, "pass")], budget=50)
        self.install.deck.answers = lambda choice, card: Answer(state="sent")
        self.clock, self.store, self.blobs = self.install.clock, self.install.store, self.install.blobs
        self.queue = SqliteQueue(self.install.database, now=self.clock.now)
        self.api = api_of(self.install, Refits())

    def swipe(self, crashes=None):
        self.install.tick()
        for session in self.install.queued:
            self.install.deliver(session, crashes)
        self.install.queued.clear()
        self.date_files()

    def put(self, key):
        self.blobs.put(key, b"x")
        self.date_files()

    def date_files(self):
        """Files just written were written at the clock's time."""
        for key in self.blobs.keys(""):
            if self.blobs.modified_at(key) > datetime.now(UTC) - timedelta(minutes=10):
                self.date(key, self.clock.now())

    def date(self, key, at):
        os.utime(self.blobs._path(key), (at.timestamp(), at.timestamp()))

    def sweep(self):
        return expire(APPLICATION, self.blobs, self.store, self.queue, self.clock.now())

    def decided(self):
        """An id of a card with a photo."""
        return next(decision.card_id for decision in self.decisions() if decision.photos)

    def decisions(self):
        return api_decisions.page(self.api, USER, DecisionQuery(limit=50)).decisions

    def photo(self, card_id):
        return api_decisions.photo(self.api, USER, card_id, 0)[0]

    def correct(self, card_id):
        return api_labels.correct(self.api, USER, card_id, NewChoice(choice="like"))


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "install")
    yield place
    place.install.database.close()


@pytest.fixture
def swiped(place):
    place.swipe()
    return place


# --- not readable, though still there --------------------------------------------------------------


def test_photos_are_readable_until_their_days_are_over(swiped):
    decided = swiped.decided()
    assert swiped.photo(decided)

    swiped.clock.sleep((PHOTO_DAYS - timedelta(minutes=1)).total_seconds())
    assert swiped.photo(decided)

    swiped.clock.sleep(120)
    with pytest.raises(NotFoundError, match="expired"):
        swiped.photo(decided)
    assert swiped.blobs.keys("sessions/"), "nobody has swept yet"
    shown = {d.card_id: d.photos for d in swiped.decisions()}
    assert shown[decided] == 0, "the decision stays, and says that its photos are gone"


def test_features_teach_nothing_once_expired(swiped):
    decided = swiped.decided()

    swiped.clock.sleep((PHOTO_DAYS + timedelta(minutes=1)).total_seconds())

    with pytest.raises(InputError, match="has expired; send its photos"):
        swiped.correct(decided)


def test_decisions_are_readable_until_their_days_are_over(swiped):
    decided = swiped.decided()

    swiped.clock.sleep((DECISION_DAYS + timedelta(minutes=1)).total_seconds())

    assert swiped.decisions() == ()
    with pytest.raises(NotFoundError):
        swiped.photo(decided)
    with pytest.raises(NotFoundError, match="no such card"):
        swiped.correct(decided)


def test_a_card_decided_again_by_its_label_keeps_the_old_photos_day(place):
    place.store.set_acting(USER, acting_on=None)
    place.swipe()
    decided = place.decided()
    place.clock.sleep(timedelta(days=5).total_seconds())
    place.correct(decided)
    place.swipe()

    decision = place.store.decision(USER, decided, at=place.clock.now())
    assert decision.decided_at > START + timedelta(days=5)
    assert decision.photos_expire_at < START + timedelta(days=7, hours=1)


# --- deleted ---------------------------------------------------------------------------------------


def test_everything_expired_is_swept_and_what_must_stay_stays(swiped):
    decided = swiped.decided()
    swiped.correct(decided)
    acted = swiped.install.parts().acted_key(USER, decided)
    swiped.queue.send("RefitsDead", "{}")

    swiped.clock.sleep((PHOTO_DAYS + timedelta(minutes=1)).total_seconds())
    swiped.sweep()
    assert swiped.blobs.keys("sessions/") == []
    assert swiped.decisions()

    swiped.clock.sleep(DECISION_DAYS.total_seconds())
    swiped.sweep()
    with swiped.install.database.reading() as db:
        assert db.execute("SELECT count(*) FROM decisions").fetchone() == (0,)
    assert swiped.queue.peek("RefitsDead") == []
    assert swiped.store.label_features(USER, [decided])[decided], "a label keeps its own features"
    assert swiped.store.acted(USER, [acted]), "so that the card is not liked again"
    assert swiped.sweep() == 0


def test_objects_past_their_days_go(place):
    for key, age in (("sessions/ann/old.zip", PHOTO_DAYS), ("labels/ann/old.csv", timedelta(days=70))):
        place.put(key)
        place.date(key, START - age)

    assert place.sweep() == 1
    assert place.blobs.keys("") == ["labels/ann/old.csv"]


# --- orphans ---------------------------------------------------------------------------------------


def test_a_file_of_a_name_that_no_object_has_goes_too(place):
    stray = place.install.blobs._objects / "sessions" / "model (1).onnx"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"x")
    old = (place.clock.now() - PHOTO_DAYS - timedelta(days=1)).timestamp()
    os.utime(stray, (old, old))

    expire(APPLICATION, place.blobs, place.store, place.queue, place.clock.now())

    assert not stray.exists()


def test_a_session_that_was_never_recorded_leaves_nothing(place):
    place.swipe(dies_before("SqliteStore.begin_action"))
    lone = place.blobs.keys("sessions/")
    assert lone
    assert place.decisions() == ()

    assert place.sweep() == 0, "it may still be under way"
    place.clock.sleep(AT_LEAST_OLD.total_seconds())

    assert place.sweep() == len(lone)
    assert place.blobs.keys("") == []


def dies_before(call):
    def die(name):
        if name == call:
            raise Crash(name)

    crashes = Crashes()
    crashes.on_call = die
    return crashes


def test_what_a_decision_leads_to_is_no_orphan(swiped):
    kept = swiped.blobs.keys("sessions/")

    swiped.clock.sleep(timedelta(days=2).total_seconds())

    assert swiped.sweep() == 0
    assert swiped.blobs.keys("sessions/") == kept
    assert swiped.photo(swiped.decided())


def test_photos_go_with_the_last_decision_that_shows_them(swiped):
    with swiped.install.database.transaction() as db:
        db.execute("DELETE FROM decisions")
    swiped.clock.sleep(timedelta(days=1).total_seconds())

    assert swiped.sweep() == 2  # photos and features
    assert swiped.blobs.keys("sessions/") == []


@pytest.mark.parametrize("key", ["features/bob/abc.bin", "labels/bob/up.zip", "labels/lost.csv", "reports/bob/r.json"])
def test_what_belongs_to_nobody_goes(place, key):
    place.put(key)
    assert place.sweep() == 0, "its user may be about to be stored"

    place.clock.sleep(AT_LEAST_OLD.total_seconds())

    assert place.sweep() == 1
    assert place.blobs.keys("") == []


def test_what_labels_lead_to_stays_and_what_they_led_to_goes(place):
    label = Label(user_id=USER, card_id="fake:1", choice="like", labelled_at=START, backbone=BACKBONE, features=b"\0\0")
    place.store.put_label(label)
    packs = [
        f"features/{USER}/{name}" for name in (f"{BACKBONE[:12]}.bin", f"{BACKBONE[:12]}.new.bin", "evidence.json")
    ]
    kept = sorted([*packs, f"{kept_photos.card_folder(USER, 'fake:1')}00.jpg"])
    gone = [f"features/{USER}/{'f' * 12}.bin", f"{kept_photos.card_folder(USER, 'fake:2')}00.jpg"]
    for key in kept + gone:
        place.put(key)
    place.clock.sleep(AT_LEAST_OLD.total_seconds())

    assert place.sweep() == 2
    assert place.blobs.keys("") == kept


def test_what_an_upload_cut_short_left_goes(place):
    place.put(f"uploads/{USER}/up/run/0.zip")
    assert place.sweep() == 0, "it may still be under way"

    place.clock.sleep(AT_LEAST_OLD.total_seconds())

    assert place.sweep() == 1


def test_nothing_else_of_a_user_who_is_there_is_an_orphan(place):
    keys = [f"{top}/{USER}/x.json" for top in ("labels", "reports")] + ["handoffs/1.json", "inbox/a/m.onnx"]
    for key in keys:
        place.put(key)
    place.clock.sleep(timedelta(days=3).total_seconds())

    assert place.sweep() == 0
    assert place.blobs.keys("") == sorted(keys)


def test_drafts_and_types_of_a_killed_process_are_gone_at_the_next_start(tmp_path):
    def blobs():
        return FileBlobs(tmp_path, sign_key=b"k" * 32, base_url=lambda: "http://x", now=lambda: START)

    before = blobs()
    before.put("sessions/ann/1.zip", b"x", content_type="application/zip")
    (tmp_path / "temp" / "draft").write_bytes(b"half")
    lone = tmp_path / "types" / "labels" / "bob"
    lone.mkdir(parents=True)
    (lone / "2.zip").write_text("application/zip")

    after = blobs()

    assert list((tmp_path / "temp").iterdir()) == []
    assert not lone.parent.exists()
    assert after.content_type("sessions/ann/1.zip") == "application/zip"
