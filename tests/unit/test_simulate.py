"""What `swipr simulate` teaches and how it counts, by cases small enough to work out by hand."""

import base64
import io
import math

import numpy as np
import pytest
from PIL import Image

from cli.simulate_figures import Played, figures
from cli.simulate_lesson import CALL_CHARACTERS, PHOTO_BYTES, Lesson, NotEnoughError, draw, quotas, sendable
from swipr import metrics


def jpeg(size=(8, 8)):
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=95)
    return stream.getvalue()


PHOTO = jpeg()


def examples(likes, passes):
    kinds = ["like"] * likes + ["pass"] * passes
    return [{"id": f"{n:03}", "label": kind, "photos": [f"at {n:03}"]} for n, kind in enumerate(kinds)]


def drawn(likes, passes, count, seed, fetch=lambda address: PHOTO):
    return draw(examples(likes, passes), count, seed=seed, deck="deck", fetch=fetch)


def ids(lesson):
    return [label["card_id"] for label in lesson.labels]


# --- the lesson ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likes", "passes", "count", "wanted"),
    [
        (85, 430, 20, (3, 17)),  # 3.3 likes
        (600, 600, 50, (25, 25)),
        (1000, 10, 50, (48, 2)),  # 0.5 passes: two at least
        (3, 100, 4, (2, 2)),
        (19, 32, 51, (19, 32)),
        (2, 100, 102, (2, 100)),
    ],
)
def test_labels_come_in_the_folders_own_ratio(likes, passes, count, wanted):
    assert quotas(likes, passes, count) == dict(zip(("like", "pass"), wanted, strict=True))


@pytest.mark.parametrize(
    ("likes", "passes", "count", "said"),
    [(85, 430, 3, "not enough yet"), (1, 430, 20, "not enough yet: .* 1 likes"), (5, 6, 12, "at most 11")],
)
def test_too_few_labels_are_said_to_be_too_few(likes, passes, count, said):
    with pytest.raises(NotEnoughError, match=said):
        quotas(likes, passes, count)


def test_the_seed_draws_the_labels():
    first, again, other = (drawn(40, 80, 30, seed) for seed in (1, 1, 2))

    assert ids(first) == ids(again)
    assert set(ids(first)) != set(ids(other))
    assert len(set(ids(first))) == 30
    assert sum(label["choice"] == "like" for label in first.labels) == 10


def test_the_order_of_the_list_draws_nothing():
    backwards = draw(examples(40, 80)[::-1], 30, seed=1, deck="deck", fetch=lambda address: PHOTO)

    assert ids(backwards) == ids(drawn(40, 80, 30, 1))


def test_two_of_each_kind_come_first():
    lesson = drawn(4, 400, 100, 1)

    assert sorted(label["choice"] for label in lesson.labels[:4]) == ["like", "like", "pass", "pass"]


def test_an_unreadable_card_is_replaced_by_the_next_of_its_kind():
    broken = ids(drawn(10, 10, 8, 1))[0].removeprefix("deck:")

    lesson = drawn(10, 10, 8, 1, lambda address: b"no photo" if address == f"at {broken}" else PHOTO)

    assert lesson.unreadable == 1
    assert f"deck:{broken}" not in ids(lesson)
    assert [label["choice"] for label in lesson.labels].count("like") == 4


def test_a_kind_of_which_nothing_can_be_read_is_named():
    with pytest.raises(NotEnoughError, match="only 0 of train/like can be read"):
        drawn(5, 5, 4, 1, lambda address: b"" if address < "at 005" else PHOTO)


def test_labels_go_in_calls_that_fit():
    label = {"card_id": "a:b", "choice": "like", "photos": ["x" * (CALL_CHARACTERS // 2)]}

    assert [len(call) for call in Lesson([label] * 5, 0).calls()] == [2, 2, 1]
    assert [len(call) for call in Lesson([label | {"photos": ["x"]}] * 205, 0).calls()] == [100, 100, 5]


def test_only_a_large_photo_is_made_smaller():
    large = jpeg((1500, 1200))
    assert len(large) > PHOTO_BYTES

    smaller = sendable(large)

    assert sendable(PHOTO) == PHOTO
    assert len(smaller) <= PHOTO_BYTES
    assert Image.open(io.BytesIO(smaller)).size == (512, 640)
    assert sendable(PHOTO[:40]) is None


def test_a_label_carries_its_photos():
    label = drawn(2, 2, 4, 1).labels[0]

    assert [base64.b64decode(photo) for photo in label["photos"]] == [PHOTO]


# --- the figures ------------------------------------------------------------------------------------------------


def played(**changes):
    values = {
        "truth": {"a": "like", "b": "like", "c": "pass", "d": "pass", "e": "pass"},
        "likes": {"a": 1, "c": 2},
        "passes": {"b": 1, "d": 1, "e": 1},
        "scores": {"a": 0.9, "b": 0.4, "c": 0.6, "d": 0.4},
        "sessions": [{"photos": 4, "cost_microusd": 30.0}, {"photos": 0, "cost_microusd": 10.0}],
        "matches": 1,
        "likes_per_day": 10,
        "backbone": "small",
        "swiping_s": 2.0,
        "seconds": 5.0,
    }
    return Played(**values | changes)


def test_figures_are_as_worked_out_by_hand():
    found = figures(played())

    assert (found["cards"], found["likes_sent"], found["double_likes"], found["matches"]) == (5, 3, 1, 1)
    assert found["accuracy"] == pytest.approx(3 / 5)  # a, d, e
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert found["majority_baseline"] == pytest.approx(3 / 5)
    assert found["auc"] == pytest.approx(2.5 / 4)  # a beats both, b beats none and ties with d
    loss = -(math.log(0.9) + math.log(0.4) + math.log(0.4) + math.log(0.6)) / 4
    assert found["log_loss"] == pytest.approx(loss, abs=1e-6)
    assert found["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.4) / 4)  # a bin each
    assert found["photos_per_second"] == 2.0
    assert found["usd_per_1000_photos"] == pytest.approx(40e-6 / 4 * 1000)
    assert (found["backbone"], found["seconds"]) == ("small", 5.0)


def test_likes_beyond_the_budget_are_counted():
    assert figures(played(likes_per_day=2))["over_budget_likes"] == 1
    assert figures(played(likes_per_day=3))["over_budget_likes"] == 0


def test_without_likes_sent_there_is_no_precision():
    found = figures(played(likes={}, passes=dict.fromkeys("abcde", 1)))

    assert (found["precision"], found["recall"], found["accuracy"]) == (None, 0.0, 0.6)


def test_without_scores_there_is_nothing_to_measure_of_them():
    found = figures(played(scores={}))

    assert (found["auc"], found["log_loss"], found["calibration_error"]) == (None, None, None)


def test_a_recorded_zero_is_not_taken_for_impossible():
    assert figures(played(scores={"a": 0.0, "c": 0.0}))["log_loss"] < 7


def test_ten_bins_of_equal_count_are_ten():
    scores = np.repeat(np.linspace(0.05, 0.95, 10), 2)
    liked = np.array([False, True] * 10)

    assert metrics.calibration_error(scores, liked, bins=10) == pytest.approx(np.mean(abs(scores - 0.5)))
    assert metrics.calibration_error(scores, liked, bins=1) == pytest.approx(0)
    assert metrics.calibration_error(scores, liked) == pytest.approx(0.25)  # two bins below 30 scores
