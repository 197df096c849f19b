"""How good a model from fewer of the labels would be: measured on the labels it was not given."""

from collections.abc import Iterator

import numpy as np

from swipr import metrics, newton
from swipr.calibration import FEWEST_OF_A_KIND, line, sigmoid
from swipr.dual import Kernel
from swipr.learning.evidence import CurvePoint

SIZES = (10, 20, 50, 100, 200, 500)
DRAWS = 5
_AROUND = (3.0, 1.0, 0.3)  # fewer labels want a stronger penalty; searching all would cost more than the fit itself
_FAR = 3  # times fewer labels
_FEWEST_LEFT = 10  # labels to measure on


def learning_curve(problem: newton.Problem, liked: np.ndarray, penalty: float) -> tuple[CurvePoint, ...]:
    """A point for each size below the number of labels, mean of seeded draws of labels (each is a whole card).

    `problem` and `penalty` are of the fit to all of them, `liked` bool (n,). A draw without two of each kind is left
    out, and a size without any draw.
    """
    points = (_point(problem, liked, penalty, size) for size in SIZES if size + _FEWEST_LEFT <= len(liked))
    return tuple(point for point in points if point is not None)


def _point(problem: newton.Problem, liked: np.ndarray, penalty: float, size: int) -> CurvePoint | None:
    figures = np.array([_figures(problem, liked, penalty, chosen) for chosen in _draws(liked, size)])
    if not len(figures):
        return None
    area, accuracy, loss = figures.mean(axis=0)
    return CurvePoint(
        labels=size,
        draws=len(figures),
        auc=round(float(area), 4),
        auc_low=round(float(figures[:, 0].min()), 4),
        auc_high=round(float(figures[:, 0].max()), 4),
        accuracy=round(float(accuracy), 4),
        log_loss=round(float(loss), 4),
    )


def _draws(liked: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for draw in range(DRAWS):
        chosen = np.random.default_rng([draw, size]).permutation(len(liked))[:size]
        if FEWEST_OF_A_KIND <= liked[chosen].sum() <= size - FEWEST_OF_A_KIND:
            yield chosen


def _figures(
    problem: newton.Problem, liked: np.ndarray, penalty: float, chosen: np.ndarray
) -> tuple[float, float, float]:
    """AUC, accuracy and log loss on the labels that were not chosen."""
    rest = np.setdiff1d(np.arange(len(liked)), chosen)
    kernel = Kernel.of(problem.between(chosen, chosen))
    around = _AROUND if _FAR * len(chosen) <= len(liked) else (1.0,)
    penalties = tuple(factor * penalty for factor in around)
    solution = newton.best(kernel, liked[chosen].astype(np.float64), penalties)
    slope, intercept, threshold = line(solution.loo_logits, liked[chosen])
    logits = problem.between(rest, chosen) @ solution.parameters
    scores = sigmoid(slope * logits + intercept)
    right = ((scores >= threshold) == liked[rest]).mean()
    return metrics.auc(logits, liked[rest]), float(right), metrics.log_loss(scores, liked[rest])
