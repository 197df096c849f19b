"""Figures in plain Python: the same as with arrays, with intervals that hold what they promise."""

import random

import numpy as np
import pytest

from swipr import metrics
from swipr.reporting import scorecard


def drawn(seed, n, share=0.4, noise=1.5):
    """Scores that are true probabilities, with what came of them."""
    source = random.Random(seed)
    scores = [1 / (1 + np.exp(-source.gauss(np.log(share / (1 - share)), noise))) for _ in range(n)]
    return [float(score) for score in scores], [source.random() < score for score in scores]


@pytest.mark.parametrize("n", [20, 47, 300])
def test_the_figures_are_those_that_arrays_give(n):
    scores, liked = drawn(1, n)
    arrays = np.array(scores), np.array(liked)

    assert scorecard.auc(scores, liked).value == pytest.approx(metrics.auc(*arrays))
    assert scorecard.log_loss(scores, liked).value == pytest.approx(metrics.log_loss(*arrays))
    assert scorecard.calibration_error(scores, liked).value == pytest.approx(metrics.calibration_error(*arrays))


def test_the_auc_has_the_interval_that_a_version_states():
    scores, liked = drawn(2, 60)
    arrays = np.array(scores), np.array(liked)
    stated = metrics.measure(*arrays, arrays[0] > 0.5, ranking=arrays[0])

    assert scorecard.auc(scores, liked)[1:] == pytest.approx((stated["auc_low"], stated["auc_high"]))


@pytest.mark.parametrize("liked", [[True] * 20, [False] * 20])
def test_of_one_kind_alone_nothing_can_be_ranked(liked):
    assert scorecard.auc([0.5] * 20, liked) is None


def test_ties_count_half():
    assert scorecard.auc([0.5] * 4, [True, False] * 2).value == 0.5


def test_intervals_of_log_loss_hold_the_truth_nineteen_times_of_twenty():
    scores, liked = drawn(3, 100_000)
    truth = scorecard.log_loss(scores, liked).value
    found = [scorecard.log_loss(*drawn(seed, 150)) for seed in range(200)]

    assert 0.9 <= sum(each.low <= truth <= each.high for each in found) / len(found) <= 0.99


def test_the_calibration_error_comes_with_the_same_interval_each_time():
    scores, liked = drawn(4, 200)
    once, again = (scorecard.calibration_error(scores, liked) for _ in range(2))

    assert once == again
    assert 0 <= once.low < once.value < once.high < 0.2


def test_scores_that_are_all_wrong_have_a_large_calibration_error():
    measured = scorecard.calibration_error([0.9] * 50, [False] * 50)

    assert measured == pytest.approx((0.9, 0.9, 0.9))


def test_the_more_labels_the_fewer_resamples_are_drawn():
    assert [scorecard.resamples(n) for n in (20, 500, 2000, 100_000)] == [400, 400, 100, 60]


def test_a_few_labels_ranked_without_a_fault_are_no_certainty():
    few = scorecard.auc([0.9] * 10 + [0.1] * 10, [True] * 10 + [False] * 10)
    many = scorecard.auc([0.9] * 100 + [0.1] * 100, [True] * 100 + [False] * 100)

    assert (few.value, few.high) == (many.value, many.high) == (1.0, 1.0)
    assert few.low < 0.9 < many.low < 1.0


@pytest.mark.parametrize("noise", [1.5, 6.0])
def test_intervals_of_the_auc_hold_the_truth_nineteen_times_of_twenty(noise):
    truth = scorecard.auc(*drawn(3, 100_000, noise=noise)).value
    found = [scorecard.auc(*drawn(seed, 40, noise=noise)) for seed in range(300)]

    assert 0.9 <= sum(each.low <= truth <= each.high for each in found) / len(found) <= 0.99
