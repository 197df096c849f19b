"""The points of the report's plots, against answers worked out by hand, and the page they stand in."""

import random

import pytest

from swipr.intervals import wilson
from swipr.reporting import curves


def answers(count: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    source = random.Random(seed)
    liked = [source.random() < 0.4 for _ in range(count)]
    return [min(1.0, max(0.0, source.gauss(0.6 if like else 0.4, 0.2))) for like in liked], liked


def test_a_perfect_ranking_finds_every_like_first() -> None:
    scores, liked = [0.9, 0.8, 0.3, 0.2], [True, True, False, False]

    assert set(curves.roc(scores, liked).y) == {1.0}
    assert set(curves.precision_recall(scores, liked).y) == {1.0}


def test_a_roc_curve_worked_out_by_hand() -> None:
    """In order: like, pass, like, pass. Half of the likes cost no pass, all of them one of the two."""
    band = curves.roc([0.9, 0.8, 0.7, 0.1], [True, False, True, False])

    values = dict(zip(band.x, band.y, strict=True))
    assert (values[0.0], values[0.25], values[0.5], values[0.75], values[1.0]) == (0.5, 0.5, 1.0, 1.0, 1.0)


def test_a_precision_curve_worked_out_by_hand() -> None:
    band = curves.precision_recall([0.9, 0.8, 0.7, 0.1], [True, False, True, False])

    values = dict(zip(band.x, band.y, strict=True))
    assert (values[0.25], values[0.5], values[0.75], values[1.0]) == (1.0, 1.0, 2 / 3, 2 / 3)


def test_equal_scores_are_one_step() -> None:
    assert curves.roc([0.5] * 4, [True, False, True, False]).y == pytest.approx(
        curves.roc([0.5] * 4, [True] * 2 + [False] * 2).y
    )
    assert curves.roc([0.5] * 4, [True, False, True, False]).y[20] == pytest.approx(0.5)


@pytest.mark.parametrize("curve", [curves.roc, curves.precision_recall])
@pytest.mark.parametrize("count", [20, 200])
def test_a_band_holds_its_curve_and_is_the_same_again(curve, count: int) -> None:
    scores, liked = answers(count)

    band = curve(scores, liked)

    assert all(0 <= low <= y <= high <= 1 for y, low, high in zip(band.y, band.low, band.high, strict=True))
    assert any(low < high for low, high in zip(band.low, band.high, strict=True))
    assert curve(scores, liked) == band


def test_more_labels_narrow_the_band() -> None:
    def width(count: int) -> float:
        band = curves.roc(*answers(count))
        return sum(band.high) - sum(band.low)

    assert width(800) < width(50) / 2


@pytest.mark.parametrize("liked", [[True] * 30, [False] * 30, []])
def test_one_kind_alone_has_no_curve(liked: list[bool]) -> None:
    assert curves.roc([0.5] * len(liked), liked) is None
    assert curves.precision_recall([0.5] * len(liked), liked) is None


def test_reliability_has_every_label_once_with_its_interval() -> None:
    scores, liked = answers(137)

    bins = curves.reliability(scores, liked)

    assert (len(bins), sum(each.n for each in bins)) == (10, 137)
    assert [each.score for each in bins] == sorted(each.score for each in bins)
    assert sum(round(each.share * each.n) for each in bins) == sum(liked)
    for each in bins:
        assert (each.low, each.high) == wilson(round(each.share * each.n), each.n)
    assert [each.n for each in curves.reliability(*answers(25))] == [12, 13]


def test_the_histogram_counts_the_ends_too() -> None:
    counts = curves.histogram([0.0, 1.0, 1.0, 0.999], [False, True, False, True])

    assert (len(counts), counts[0], counts[-1]) == (20, (0, 1), (2, 1))


def test_the_confusion_is_named_by_what_was_said_first() -> None:
    found = curves.confusion([True, True, False, False, False], [True, False, True, False, False])

    assert (found.like_like, found.like_pass, found.pass_like, found.pass_pass) == (1, 1, 1, 2)
