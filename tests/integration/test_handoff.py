"""Training is asked for when enough has been learned anew: once per dataset version, whatever crashes or races."""

import base64
import json
import struct
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from swipr import dataset, kept_photos
from swipr.dataset import Line
from swipr.handoff import ANSWER_WITHIN, delete_handoffs, hand_over
from swipr.learning.refitting import labels_hash
from swipr.models import Handoff, Label, ModelVersion, UserSettings
from tests.doubles import BACKBONE, JPEG, START, Crash, Crashes, model
from tests.install import USER, Install

Make = Callable[..., Install]


class Taught:
    """An install whose newest model has learned from so many labels."""

    def __init__(self, home: Install) -> None:
        self.home = home
        self.labels = 0

    def learn(self, labels: int) -> ModelVersion:
        """So many cards are labelled, a third of them likes, and a model learns from that."""
        for number in range(self.labels, labels):
            self.label(number)
        self.labels = labels
        version = self.home.store.models(USER)[0].version + 1
        learned = model(USER, version).model_copy(
            update={"labels": labels, "likes": labels // 3, "labels_hash": labels_hash(self.home.store.labels(USER))}
        )
        self.home.store.put_model(learned)
        return learned

    def label(self, number: int) -> None:
        self.home.store.put_label(
            Label(
                user_id=USER,
                card_id=f"fake:{number}",
                choice="like" if number % 3 == 2 else "pass",
                source="asked",
                chosen_by="random",
                labelled_at=START + timedelta(seconds=number),
                backbone=BACKBONE,
                features=struct.pack("<e", number),
            )
        )

    def hand(self, crashes: Crashes | None = None) -> Handoff | None:
        watch = (crashes or Crashes()).wrap
        home = self.home
        return hand_over(USER, watch(home.store), watch(home.blobs), now=home.clock.now(), code="abc")

    def objects(self) -> list[dict[str, Any]]:
        keys = self.home.blobs.keys("handoffs/")
        return [json.loads(self.home.blobs.get(key)) for key in keys if key.endswith(".json")]

    def lines(self) -> list[Line]:
        """Of the one dataset there is."""
        (key,) = (key for key in self.home.blobs.keys("handoffs/") if key.endswith(".jsonl"))
        return dataset.read(self.home.blobs.get(key))

    def wait(self, hours: float) -> None:
        self.home.clock.sleep(3600 * hours)


@pytest.fixture
def taught(install: Make) -> Taught:
    return Taught(install(1))


def test_too_few_labels_are_not_handed_over(taught: Taught) -> None:
    taught.learn(199)

    assert taught.hand() is None
    assert taught.objects() == []


def test_enough_labels_are_handed_over_once(taught: Taught) -> None:
    learned = taught.learn(200)

    handed = taught.hand()
    taught.wait(48)
    again = taught.hand()

    assert handed is not None
    assert again is None
    (written,) = taught.objects()
    assert written["schema_version"] == 2
    assert (written["user_id"], written["labels_hash"]) == (USER, learned.labels_hash)
    assert (written["labels"], written["likes"], written["passes"]) == (200, 66, 134)
    assert (written["base_backbone"], written["code"]) == (learned.backbone, "abc")
    assert written["wanted"] == ["model.onnx", "head.bin", "card.json", "metrics.json", "left_out.json", "sums.json"]
    assert written["dataset"] == f"handoffs/{written['handoff_id']}/labels.jsonl"
    assert 0 <= written["split_seed"] < 2**32
    assert handed.deadline_at - handed.created_at == ANSWER_WITHIN


@pytest.mark.parametrize(
    ("labels", "hours", "due"), [(399, 25, False), (400, 23, False), (400, 25, True), (900, 25, True)]
)
def test_the_next_needs_twice_the_labels_and_a_day(taught: Taught, labels: int, hours: float, due: bool) -> None:
    taught.learn(200)
    taught.hand()
    taught.wait(hours)
    taught.learn(labels)

    assert (taught.hand() is not None) is due
    assert len(taught.objects()) == 1 + due


def test_the_user_chooses_how_many_and_how_often(taught: Taught) -> None:
    chosen = UserSettings(handoff_min_labels=10, handoff_min_hours=0)
    taught.home.store.save_settings(USER, chosen, revision=0)

    for labels in (10, 19, 20, 39, 40):
        taught.learn(labels)
        taught.hand()

    assert sorted(one["labels"] for one in taught.objects()) == [10, 20, 40]


def test_the_same_labels_name_the_same_handoff(install: Make) -> None:
    first, second = Taught(install(1)), Taught(install(1))
    for each in (first, second):
        each.learn(200)
        each.hand()

    assert first.objects()[0]["handoff_id"] == second.objects()[0]["handoff_id"]
    assert first.objects()[0]["split_seed"] == second.objects()[0]["split_seed"]
    key = first.objects()[0]["dataset"]
    assert first.home.blobs.get(key) == second.home.blobs.get(key)


def test_two_at_once_make_one(taught: Taught) -> None:
    taught.home.set(handoff_min_labels=2)
    for _ in range(8):
        taught.home.blobs.delete(taught.home.blobs.keys("handoffs/"))
        user = taught.home.store.user(USER)
        assert user is not None
        newest = taught.learn(2 if user.handoff is None else 2 * user.handoff.labels)
        taught.wait(25)
        ready = threading.Barrier(4)
        made: list[Handoff | None] = []

        def run(barrier: threading.Barrier = ready, found: list[Handoff | None] = made) -> None:
            barrier.wait()
            found.append(taught.hand())

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len([one for one in made if one]) == 1
        written = [one for one in taught.objects() if one["labels_hash"] == newest.labels_hash]
        assert len(written) == 1


def test_a_crash_anywhere_leaves_one_object_after_the_next_try(install: Make) -> None:
    calm = Crashes()
    whole = Taught(install(1))
    whole.home.set(handoff_min_labels=20)
    whole.learn(20)
    whole.hand(calm)

    for at in range(1, len(calm.calls) + 1):
        for after in (False, True):
            taught = Taught(install(1))
            taught.home.set(handoff_min_labels=20)
            taught.learn(20)
            with pytest.raises(Crash):
                taught.hand(Crashes(at, after=after))
            user = taught.home.store.user(USER)
            promised = user.handoff if user else None
            taught.learn(21)  # a label came meanwhile
            taught.hand()
            taught.hand()

            (written,) = taught.objects()
            if promised is not None:
                assert Handoff.model_validate(written) == promised
            lines = dataset.read(taught.home.blobs.get(written["dataset"]))
            assert len(lines) == written["labels"]
    assert len(calm.calls) >= 9


def test_an_object_that_is_there_is_not_written_again(taught: Taught) -> None:
    taught.learn(200)
    handed = taught.hand()
    assert handed is not None
    key = f"handoffs/{handed.handoff_id}.json"
    taught.home.blobs.put(key, b"taken up")

    taught.hand()

    assert taught.home.blobs.get(key) == b"taken up"


def test_somebody_unknown_or_untaught_hands_nothing_over(taught: Taught) -> None:
    home = taught.home

    assert hand_over("nobody", home.store, home.blobs, now=home.clock.now(), code="x") is None


# --- the labels that go with it ------------------------------------------------------------------------------


def test_the_labels_go_with_the_handoff(taught: Taught) -> None:
    kept_photos.keep(taught.home.blobs, USER, "fake:2", [JPEG + b"one", JPEG + b"two"])
    taught.learn(200)

    handed = taught.hand()

    lines = {line.card_id: line for line in taught.lines()}
    assert len(lines) == 200
    one = lines["fake:2"]
    assert (one.choice, one.source, one.chosen_by) == ("like", "asked", "random")
    assert one.labelled_at == START + timedelta(seconds=2)
    assert base64.b64decode(one.features) == struct.pack("<e", 2)
    assert [taught.home.blobs.get(key) for key in one.photos] == [JPEG + b"one", JPEG + b"two"]
    assert lines["fake:3"].photos == ()
    assert handed is not None
    assert (handed.photos, handed.labels) == (1, 200)


def test_labels_that_came_after_the_model_wait_for_the_next(taught: Taught) -> None:
    taught.learn(200)
    taught.label(200)

    assert taught.hand() is None
    assert taught.home.blobs.keys("handoffs/") == []


def test_a_label_of_another_backbone_is_not_part_of_it(taught: Taught) -> None:
    other = Label(user_id=USER, card_id="fake:x", choice="like", labelled_at=START, backbone="0" * 64, features=b"1111")
    taught.learn(200)
    taught.home.store.put_label(other)

    taught.hand()

    assert "fake:x" not in {line.card_id for line in taught.lines()}


def test_a_forgotten_card_leaves_the_labels_handed_over(taught: Taught) -> None:
    taught.learn(200)
    handed = taught.hand()
    assert handed is not None

    first = dataset.forget_card("fake:7", {handed.handoff_id, "f" * 32}, taught.home.blobs)
    again = dataset.forget_card("fake:7", {handed.handoff_id}, taught.home.blobs)

    assert (first, again) == (1, 0)
    assert len(taught.lines()) == 199
    assert b'fake:7"' not in taught.home.blobs.get(handed.dataset)


def test_who_is_forgotten_while_it_is_written_is_not_in_it(taught: Taught) -> None:
    taught.learn(200)
    calls = Crashes()
    calls.on_call = lambda name: forget(name, taught)

    def forget(name: str, taught: Taught) -> None:
        if name == "FileBlobs.put":
            taught.home.store.delete_label(USER, "fake:7")

    taught.hand(calls)

    assert len(taught.lines()) == 199
    assert "fake:7" not in {line.card_id for line in taught.lines()}


@pytest.mark.parametrize("moment", ["FileBlobs.put", "SqliteStore.set_handoff"])
def test_whoever_is_deleted_while_it_is_written_leaves_nothing(taught: Taught, moment: str) -> None:
    taught.learn(200)
    taught.home.switch(False)
    calls = Crashes()

    def delete(name: str) -> None:
        if name == moment and taught.home.store.user(USER) is not None:
            assert taught.home.store.delete_user(USER, at=taught.home.clock.now())

    calls.on_call = delete

    assert taught.hand(calls) is None
    assert taught.home.blobs.keys("") == []


def test_answers_go_with_the_request_whatever_run_they_are_of(taught: Taught) -> None:
    taught.learn(200)
    handed = taught.hand()
    assert handed is not None
    for folder in (f"{handed.handoff_id}-1", f"{handed.handoff_id}-again", f"{'0' * 32}-1"):
        taught.home.blobs.put(f"inbox/{folder}/card.json", b"{}")

    gone = delete_handoffs({handed.handoff_id}, taught.home.blobs)

    assert gone == 4
    assert taught.home.blobs.keys("handoffs/") == []
    assert taught.home.blobs.keys("inbox/") == [f"inbox/{'0' * 32}-1/card.json"]


@pytest.mark.parametrize(
    ("photos", "words"),
    [
        (0, "none of the 200 labels has kept photos: only a head can be trained"),
        (50, "50 of the 200 labels"),
        (200, ""),
    ],
)
def test_what_is_lacking_is_said_with_the_next_step(taught: Taught, photos: int, words: str) -> None:
    taught.learn(200)
    handed = taught.hand()
    assert handed is not None

    said = dataset.lacking(handed.model_copy(update={"photos": photos}))

    assert said.startswith(words)
    assert ("keep_photos" in said) is bool(words)
