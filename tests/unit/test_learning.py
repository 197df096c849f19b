"""A user's labels become the next version, once."""

import threading
from datetime import timedelta

import numpy as np
import pytest

from swipr import heads, primal
from swipr.errors import ConflictError
from swipr.learning import evidence, feature_pack, lessons, teaching
from swipr.learning import refitting as learning
from swipr.models import UserSettings
from tests.doubles import BACKBONE, START
from tests.taught import DIMENSIONS, FakeBlobs, FakeStore, refit


@pytest.fixture
def store():
    made = FakeStore()
    made.teach(60)
    return made


def test_a_refit_publishes_a_head_that_serves_and_makes_it_champion(store):
    model = refit(store)

    head = heads.unpack(model.head)
    assert (model.version, model.labels, store.user("ann").champion) == (1, 60, 1)
    assert head.backbone == model.backbone == BACKBONE
    assert model.metrics["auc"] > 0.8
    assert heads.weight_vector(head).shape == (DIMENSIONS,)


def test_the_same_labels_teach_once_however_often_they_are_delivered(store):
    blobs = FakeBlobs()

    assert refit(store, blobs) is not None
    assert [refit(store, blobs) for _ in range(4)] == [None] * 4
    assert list(store.versions) == [1]


def test_a_redelivery_after_a_crash_before_the_pointer_moves_it(store):
    refit(store)
    store.users["ann"] = store.users["ann"].model_copy(update={"champion": None, "highest_champion": 0})

    assert refit(store) is None
    assert store.user("ann").champion == 1


def test_a_redelivery_does_not_undo_a_roll_back(store):
    refit(store)
    store.teach(5, start=60)
    refit(store)
    store.set_champion("ann", 1, expected=2)

    assert refit(store) is None
    assert store.user("ann").champion == 1


def test_what_its_user_put_in_charge_stays_until_there_is_a_version_that_never_was(store):
    for number in range(3):
        store.teach(5, start=60 + 5 * number)
        refit(store)
    store.set_champion("ann", 1, expected=3)
    store.set_champion("ann", 2, expected=1)  # version 3 is neither champion nor previous now

    assert refit(store) is None
    assert store.user("ann").champion == 2

    store.teach(5, start=90)
    assert refit(store).version == store.user("ann").champion == 4


def test_a_correction_makes_the_next_version_with_the_kept_penalty(store):
    first = refit(store)
    store.teach(1, start=60)

    second = refit(store)

    assert (second.version, second.labels) == (2, 61)
    assert second.penalty == first.penalty
    assert second.metrics["grid_labels"] == 60


def test_the_penalty_is_searched_anew_once_labels_have_grown_by_a_fifth(store):
    refit(store)
    store.teach(12, start=60)

    assert refit(store).metrics["grid_labels"] == 72


def test_of_many_labels_a_correction_counts_first_and_the_next_refit_searches(store, monkeypatch):
    monkeypatch.setattr(teaching, "AT_ONCE", 50)
    first = refit(store)
    store.teach(12, start=60)

    at_once, searched = refit(store), refit(store)

    assert (at_once.penalty, at_once.labels) == (first.penalty, 72)
    assert (at_once.metrics["grid_labels"], at_once.metrics["search_due"]) == (60, 1)
    assert (searched.labels, searched.metrics["grid_labels"]) == (72, 72)
    assert "search_due" not in searched.metrics
    assert store.user("ann").champion == searched.version == 3
    assert refit(store) is None


def test_a_search_that_was_put_off_comes_with_the_next_correction_at_the_latest(store, monkeypatch):
    monkeypatch.setattr(teaching, "AT_ONCE", 50)
    refit(store)
    store.teach(12, start=60)
    refit(store)
    store.teach(1, start=72)

    assert refit(store).metrics["grid_labels"] == 73


def test_a_search_is_not_put_off_after_very_many_new_labels(store, monkeypatch):
    monkeypatch.setattr(teaching, "AT_ONCE", 50)
    refit(store)
    store.teach(30, start=60)

    assert refit(store).metrics["grid_labels"] == 90


def test_another_wish_is_another_version(store):
    refit(store)
    careful = UserSettings(wish="precision", precision_at_least=0.9)
    store.users["ann"] = store.users["ann"].model_copy(update={"settings": careful})

    model = refit(store)

    assert model.version == 2
    assert model.metrics["precision_at_least"] == 0.9
    assert refit(store) is None


def test_features_are_read_once_and_again_when_a_label_changes(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    later = store.kept["fake:3"].model_copy(update={"labelled_at": START + timedelta(days=1)})
    store.kept["fake:3"] = later

    refit(store, blobs)

    assert store.read == [60, 1]


PACK, BESIDE = (f"features/ann/{BACKBONE[:12]}{end}" for end in (".bin", ".new.bin"))


def packed(blobs, name=PACK):
    return {key.card_id for key in feature_pack.unpack(blobs[name])} if name in blobs else set()


def small_packs(monkeypatch, most_beside=0):
    monkeypatch.setattr(lessons, "MOST_BESIDE", most_beside)


def test_a_correction_writes_its_own_row_and_not_all_of_them(store, monkeypatch):
    small_packs(monkeypatch, most_beside=2)
    blobs = FakeBlobs()
    refit(store, blobs)
    whole = blobs[PACK]
    store.teach(2, start=60)
    refit(store, blobs)

    assert blobs[PACK] is whole
    assert packed(blobs, BESIDE) == {"fake:60", "fake:61"}

    store.teach(1, start=62)
    refit(store, blobs)

    assert packed(blobs) == set(store.kept)
    assert BESIDE not in blobs
    assert store.read == [60, 2, 1]


@pytest.mark.parametrize("name", [PACK, BESIDE])
def test_a_damaged_pack_is_made_again(store, monkeypatch, name):
    small_packs(monkeypatch, most_beside=5)
    blobs = FakeBlobs()
    refit(store, blobs)
    store.teach(1, start=60)
    refit(store, blobs)
    blobs[name] = blobs[name][:-1]
    store.teach(1, start=61)

    model = refit(store, blobs)

    assert model.labels == 62
    assert packed(blobs) | packed(blobs, BESIDE) == set(store.kept)


def test_a_label_given_anew_replaces_its_row(store, monkeypatch):
    small_packs(monkeypatch, most_beside=5)
    blobs = FakeBlobs()
    refit(store, blobs)
    changed = np.ones(DIMENSIONS, "<f2").tobytes()
    later = {"labelled_at": START + timedelta(days=1), "features": changed}
    store.kept["fake:3"] = store.kept["fake:3"].model_copy(update=later)

    refit(store, blobs)

    lesson = lessons.read_lesson("ann", store, blobs, None)
    place = [label.card_id for label in lesson.labels].index("fake:3")
    assert (lesson.features[place] == 1).all()


def test_a_deleted_label_leaves_the_packs_and_the_last_one_takes_all_along(store, monkeypatch):
    small_packs(monkeypatch, most_beside=5)
    blobs = FakeBlobs()
    refit(store, blobs)
    store.teach(2, start=60)
    refit(store, blobs)
    del store.kept["fake:7"], store.kept["fake:61"]

    refit(store, blobs)

    assert packed(blobs) | packed(blobs, BESIDE) == set(store.kept)
    assert not {"fake:7", "fake:61"} & {doubt.card_id for doubt in evidence.read("ann", blobs).doubtful}
    store.kept.clear()
    assert refit(store, blobs) is None
    assert not blobs.keys("features/")


def test_labels_of_another_backbone_are_left_out_and_counted(store):
    store.teach(20, start=100, backbone="00" * 32)

    model = refit(store)

    assert (model.backbone, model.labels, model.metrics["left_out"]) == (BACKBONE, 60, 20)
    assert refit(store, backbone="00" * 32).labels == 20


def test_rows_that_are_damaged_are_left_out_and_counted(store):
    nan = np.full(DIMENSIONS, np.nan, "<f2").tobytes()
    for card_id, features in (("fake:1", b""), ("fake:2", b"\0\0"), ("fake:3", nan)):
        store.kept[card_id] = store.kept[card_id].model_copy(update={"features": features})

    model = refit(store)

    assert (model.labels, model.metrics["left_out"]) == (57, 3)


def test_nobody_and_nothing_to_learn_from_is_no_error():
    store = FakeStore()

    assert refit(store) is None
    assert learning.refit("bob", store, FakeBlobs(), now=START, code="test") is None


# --- thousands of labels -----------------------------------------------------------------------------------


def test_directions_are_kept_for_warm_refits_and_found_anew_when_missing(store, monkeypatch):
    monkeypatch.setattr(primal, "MOST_DUAL", 50)
    finder, calls = primal.main_directions, []
    monkeypatch.setattr(primal, "main_directions", lambda rows: calls.append(len(rows)) or finder(rows))
    blobs = FakeBlobs()
    name = f"features/ann/{BACKBONE[:12]}.directions"
    refit(store, blobs)
    store.teach(1, start=60)
    warm = refit(store, blobs)
    assert calls == [60]

    blobs[name] = blobs[name][:-1]
    store.teach(1, start=61)
    refit(store, blobs)

    assert calls == [60, 62]
    assert warm.metrics["auc"] > 0.8
    del blobs[name]
    store.teach(1, start=62)
    assert refit(store, blobs).labels == 63
    assert name in blobs


# --- races -----------------------------------------------------------------------------------------------


def test_the_loser_of_a_race_learns_again_from_what_is_there_then(store):
    class Raced(FakeStore):
        losses = 2

        def put_model(self, model):
            if self.losses:
                self.losses -= 1
                self.teach(1, start=200 + self.losses)
                super().put_model(model.model_copy(update={"labels_hash": "of others"}))
                return False
            return super().put_model(model)

    raced = Raced()
    raced.kept = dict(store.kept)

    model = refit(raced)

    assert (model.version, model.labels, raced.user("ann").champion) == (3, 62, 3)


def test_refits_at_once_leave_no_gap_and_the_newest_as_champion(store):
    workers = [threading.Thread(target=refit, args=(store, FakeBlobs())) for _ in range(6)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(store.versions) == list(range(1, len(store.versions) + 1))
    assert store.user("ann").champion == max(store.versions)


def test_one_who_always_loses_says_so(store):
    store.put_model = lambda model: False

    with pytest.raises(ConflictError):
        refit(store)


def test_a_pointer_that_never_holds_says_so(store):
    store.set_champion = lambda *_, **__: False

    with pytest.raises(ConflictError):
        refit(store)


def test_the_hash_names_the_labels_whatever_their_order(store):
    labels = store.labels("ann")

    assert learning.labels_hash(labels) == learning.labels_hash(labels[::-1])
    assert learning.labels_hash(labels) != learning.labels_hash(labels[1:])
    store.teach(60, flip=True)
    assert learning.labels_hash(labels) != learning.labels_hash(store.labels("ann"))


def test_a_refit_that_others_overtake_while_it_reads_learns_from_what_they_left(store):
    blobs, labels = FakeBlobs(), store.labels

    def labels_while_another_refits(user_id):
        found = labels(user_id)
        store.labels = labels
        store.teach(1, start=60)
        refit(store, blobs)
        return found

    store.labels = labels_while_another_refits
    refit(store, blobs)

    assert store.versions[max(store.versions)].labels == 61
    assert store.user("ann").champion == max(store.versions)


def test_labels_are_read_once_unless_they_were_brought_up_to_date(store):
    blobs, labels, times = FakeBlobs(), store.labels, []
    store.labels = lambda user_id: (times.append(user_id), labels(user_id))[1]

    def read(follow):
        times.clear()
        store.teach(1, start=60 + len(store.versions))
        learning.refit("ann", store, blobs, now=START, code="tests", follow=follow)
        return len(times)

    assert (read(lambda _: False), read(lambda _: True)) == (1, 2)
