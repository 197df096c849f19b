"""How sure a share or an AUC is."""

import math
from collections.abc import Callable

Z_95 = 1.96  # standard deviations of a two-sided 95 % interval
_HALVINGS = 30


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of `hits` of `n`, both from 0 to 1; all there is without any."""
    if n <= 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def auc_interval(area: float, likes: int, passes: int) -> tuple[float, float]:
    """95 % interval of the AUC of so many likes and passes; all there is without one kind.

    Those areas from which `area` is 1.96 standard errors away at most, the error (Hanley and McNeil, Radiology 1982)
    taken at the area that may be true, as Wilson's interval does for a share (Newcombe, Statistics in Medicine 2006):
    with the error at `area` itself, a perfect score of ten labels would be certain.
    """
    if not likes or not passes:
        return 0.0, 1.0

    def is_possible(true: float) -> bool:
        return abs(area - true) <= Z_95 * _auc_error(true, likes, passes)

    return _bound(is_possible, area, 0.0), _bound(is_possible, area, 1.0)


def _bound(is_possible: Callable[[float], bool], inside: float, outside: float) -> float:
    if is_possible(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_possible(middle) else (inside, middle)
    return inside


def _auc_error(area: float, likes: int, passes: int) -> float:
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (likes - 1) * (one - area**2) + (passes - 1) * (two - area**2)
    return math.sqrt(max(0.0, variance) / (likes * passes))
