"""How good left-out scores are, each figure with a 95 % interval: in plain Python, as the API has no numpy."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from swipr.intervals import Z_95, auc_interval

#: Resamples of the calibration error; fewer where labels are so many that they would take seconds.
RESAMPLES, MOST_DRAWS = 400, 200_000
FEWEST_RESAMPLES = 60
SEED = 5


class Measured(NamedTuple):
    value: float
    low: float
    high: float


def auc(scores: Sequence[float], liked: Sequence[bool]) -> Measured | None:
    """How often a like scores above a pass, ties half; interval as `auc_interval` has it.

    None if one kind is missing.
    """
    passes = sorted(score for score, like in zip(scores, liked, strict=True) if not like)
    likes = [score for score, like in zip(scores, liked, strict=True) if like]
    if not likes or not passes:
        return None
    below = sum(bisect_left(passes, score) + bisect_right(passes, score) for score in likes)
    area = below / (2 * len(likes) * len(passes))
    return Measured(area, *auc_interval(area, len(likes), len(passes)))


def log_loss(scores: Sequence[float], liked: Sequence[bool]) -> Measured:
    """Mean log loss, nats, of at least two labels; interval by its standard error."""
    losses = [-math.log(max(s if like else 1 - s, 1e-12)) for s, like in zip(scores, liked, strict=True)]
    mean = math.fsum(losses) / len(losses)
    variance = math.fsum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1)
    margin = Z_95 * math.sqrt(variance / len(losses))
    return Measured(mean, max(0.0, mean - margin), mean + margin)


def calibration_error(scores: Sequence[float], liked: Sequence[bool]) -> Measured:
    """Mean distance of score and share of likes over equally filled bins, as `metrics` has it, of at least two labels.

    Interval by the bootstrap over labels (percentiles of resamples drawn by a fixed seed). The error of few labels is
    high by chance alone, and so is that of resamples: the interval is moved to where its middle is the value.
    """
    pairs = sorted(zip(scores, liked, strict=True))
    value = _gap(pairs)
    source = random.Random(SEED)  # noqa: S311 - the same labels give the same interval
    count = resamples(len(pairs))
    places = range(len(pairs))  # drawn and sorted in place of the pairs: numbers are quicker
    samples = (sorted(source.choices(places, k=len(pairs))) for _ in range(count))
    drawn = sorted(_gap([pairs[place] for place in sample]) for sample in samples)
    middle = drawn[count // 2]
    low, high = drawn[int(0.025 * count)], drawn[min(count - 1, math.ceil(0.975 * count))]
    return Measured(value, max(0.0, value + low - middle), min(1.0, value + high - middle))


def resamples(n: int) -> int:
    """Of so many labels."""
    return max(FEWEST_RESAMPLES, min(RESAMPLES, MOST_DRAWS // n))


def _gap(pairs: Sequence[tuple[float, bool]]) -> float:
    """Of pairs in order of their scores."""
    n = len(pairs)
    bins = min(10, max(2, n // 10))
    larger, size = n % bins, n // bins
    total, at = 0.0, 0
    for number in range(bins):
        part = pairs[at : at + size + (number < larger)]
        at += len(part)
        total += abs(math.fsum(score for score, _ in part) - sum(like for _, like in part))
    return total / n
