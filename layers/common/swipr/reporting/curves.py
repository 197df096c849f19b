"""Points of the plots that left-out answers are drawn as, each with a 95 % band where it has one: in plain Python."""

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from swipr.intervals import wilson

#: Bands are percentiles of so many resamples of the labels, at so many places of the lower axis.
RESAMPLES, MOST_DRAWS, FEWEST_RESAMPLES = 200, 200_000, 40
PLACES = 41
BINS = 10
SEED = 5
Pairs = Sequence[tuple[float, bool]]


class Band(NamedTuple):
    """A curve over 0 to 1, at equal steps: the value itself, and between which values it may well be."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Bin(NamedTuple):
    """Of labels with scores alike: their mean score, the share of likes with its interval, and how many they are."""

    score: float
    share: float
    low: float
    high: float
    n: int


class Confusion(NamedTuple):
    """What was said against what was meant."""

    like_like: int
    like_pass: int
    """Called a like, meant as a pass."""
    pass_like: int
    pass_pass: int


def roc(scores: Sequence[float], liked: Sequence[bool]) -> Band | None:
    """Likes found (up) by passes taken along (right); None if one kind is missing."""
    return _banded(scores, liked, _found)


def precision_recall(scores: Sequence[float], liked: Sequence[bool]) -> Band | None:
    """Right among those called likes (up) by likes found (right); None if one kind is missing."""
    return _banded(scores, liked, _right)


def reliability(scores: Sequence[float], liked: Sequence[bool]) -> tuple[Bin, ...]:
    """Bins of equally many labels in order of their scores; at most ten, each of ten labels or more."""
    pairs = sorted(zip(scores, liked, strict=True))
    n = len(pairs)
    count = max(1, min(BINS, n // BINS))
    parts = [pairs[n * number // count : n * (number + 1) // count] for number in range(count)]
    return tuple(_bin(part) for part in parts if part)


def histogram(scores: Sequence[float], liked: Sequence[bool]) -> tuple[tuple[int, int], ...]:
    """How many likes and passes score in each twentieth of 0 to 1."""
    counts = [[0, 0] for _ in range(2 * BINS)]
    for score, like in zip(scores, liked, strict=True):
        counts[min(2 * BINS - 1, int(2 * BINS * score))][0 if like else 1] += 1
    return tuple((likes, passes) for likes, passes in counts)


def confusion(said: Sequence[bool], liked: Sequence[bool]) -> Confusion:
    pairs = list(zip(said, liked, strict=True))
    return Confusion(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))


# --- bands ------------------------------------------------------------------------------------------------------


def _banded(scores: Sequence[float], liked: Sequence[bool], curve: Callable[[Pairs], list[float]]) -> Band | None:
    pairs = sorted(zip(scores, liked, strict=True), reverse=True)
    if not 0 < sum(liked) < len(pairs):
        return None
    source = random.Random(SEED)  # noqa: S311 - the same labels give the same band
    count = max(FEWEST_RESAMPLES, min(RESAMPLES, MOST_DRAWS // len(pairs)))
    samples = (sorted(source.choices(range(len(pairs)), k=len(pairs))) for _ in range(count))
    drawn = [[pairs[place] for place in sample] for sample in samples]
    values = curve(pairs)
    columns = [sorted(column) for column in zip(values, *map(curve, filter(_has_both, drawn)), strict=True)]
    low = tuple(min(value, column[int(0.025 * len(column))]) for value, column in zip(values, columns, strict=True))
    high = tuple(
        max(value, column[min(len(column) - 1, int(0.975 * len(column)))])
        for value, column in zip(values, columns, strict=True)
    )
    return Band(_places(), tuple(values), low, high)


def _has_both(pairs: Pairs) -> bool:
    return 0 < sum(like for _, like in pairs) < len(pairs)


def _places() -> tuple[float, ...]:
    return tuple(place / (PLACES - 1) for place in range(PLACES))


def _steps(pairs: Pairs) -> list[tuple[int, int]]:
    """Likes and passes at or above each line that can be drawn, from the highest score on; equal scores go together."""
    steps, likes, passes = [(0, 0)], 0, 0
    for place, (score, like) in enumerate(pairs):
        likes, passes = likes + like, passes + (not like)
        if place + 1 == len(pairs) or pairs[place + 1][0] != score:
            steps.append((likes, passes))
    return steps


def _found(pairs: Pairs) -> list[float]:
    """Share of likes found where so many of the passes are taken along; between two lines, along the straight one."""
    steps = _steps(pairs)
    likes, passes = steps[-1]
    right, up = [b / passes for _, b in steps], [a / likes for a, _ in steps]
    return [_along(place, right, up) for place in _places()]


def _along(place: float, right: Sequence[float], up: Sequence[float]) -> float:
    if place >= 1:
        return 1.0
    after = next(at for at, x in enumerate(right) if x > place)
    before = after - 1
    return up[before] + (up[after] - up[before]) * (place - right[before]) / (right[after] - right[before])


def _right(pairs: Pairs) -> list[float]:
    """Share of likes among those called so, at the highest line that finds so many of them."""
    steps = _steps(pairs)[1:]
    likes = [a for a, _ in steps]
    at = [bisect_left(likes, place * likes[-1] - 1e-9) for place in _places()]
    return [steps[step][0] / sum(steps[step]) for step in at]


def _bin(part: Pairs) -> Bin:
    hits, n = sum(like for _, like in part), len(part)
    low, high = wilson(hits, n)
    return Bin(sum(score for score, _ in part) / n, hits / n, low, high, n)
