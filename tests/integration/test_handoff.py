"""Training is asked for when enough has been learned anew: once per dataset version, whatever crashes or races."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from swipr.handoff import ANSWER_WITHIN, hand_over
from swipr.models import Handoff, ModelVersion, UserSettings
from tests.doubles import Crash, Crashes, model
from tests.install import USER, Install

Make = Callable[..., Install]


class Taught:
    """An install whose newest model has learned from so many labels."""

    def __init__(self, home: Install) -> None:
        self.home = home

    def learn(self, labels: int, *, hash_of: str | None = None) -> ModelVersion:
        version = self.home.store.models(USER)[0].version + 1
        learned = model(USER, version).model_copy(
            update={"labels": labels, "likes": labels // 3, "labels_hash": hash_of or f"{labels:064x}"}
        )
        self.home.store.put_model(learned)
        return learned

    def hand(self, crashes: Crashes | None = None) -> Handoff | None:
        watch = (crashes or Crashes()).wrap
        home = self.home
        return hand_over(USER, watch(home.store), watch(home.blobs), now=home.clock.now(), code="abc")

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(self.home.blobs.get(key)) for key in self.home.blobs.keys("handoffs/")]

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
    assert written["schema_version"] == 1
    assert (written["user_id"], written["labels_hash"]) == (USER, learned.labels_hash)
    assert (written["labels"], written["likes"], written["passes"]) == (200, 66, 134)
    assert (written["base_backbone"], written["code"]) == (learned.backbone, "abc")
    assert written["wanted"][0] == f"inbox/{written['handoff_id']}/backbone.onnx"
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
        each.learn(200, hash_of="e" * 64)
        each.hand()

    assert first.objects()[0]["handoff_id"] == second.objects()[0]["handoff_id"]
    assert first.objects()[0]["split_seed"] == second.objects()[0]["split_seed"]


def test_two_at_once_with_other_labels_make_one(taught: Taught) -> None:
    for _ in range(10):
        taught.home.blobs.delete(taught.home.blobs.keys("handoffs/"))
        user = taught.home.store.user(USER)
        assert user is not None
        newest = taught.learn(200 if user.handoff is None else 2 * user.handoff.labels)
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
    whole.learn(200)
    whole.hand(calm)

    for at in range(1, len(calm.calls) + 1):
        for after in (False, True):
            taught = Taught(install(1))
            taught.learn(200)
            with pytest.raises(Crash):
                taught.hand(Crashes(at, after=after))
            user = taught.home.store.user(USER)
            promised = user.handoff if user else None
            taught.learn(201)  # a label came meanwhile
            taught.hand()
            taught.hand()

            (written,) = taught.objects()
            if promised is not None:
                assert Handoff.model_validate(written) == promised
    assert len(calm.calls) >= 5


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
