"""Labels to a calibrated head: logistic regression with approximate leave-one-out, in numpy alone.

The penalty is the one of least log loss over approximate leave-one-out scores; on those same scores stand calibration
and threshold (see `calibration`). Up to `primal.MOST_DUAL` labels by their kernel, above along main directions.

Run with OPENBLAS_NUM_THREADS=1: a second BLAS thread beside other work has cost a hundredfold.
"""

from typing import NamedTuple, Protocol

import numpy as np

from swipr import heads, newton, primal
from swipr.calibration import (
    FEWEST_OF_A_KIND,
    FOLDS,
    MAX_UNSURE_SHARE,
    RIGHT_ENOUGH,
    SURE_ENOUGH,
    Calibration,
    Wish,
    calibrate,
    platt,
    refuse_too_few,
    sigmoid,
)
from swipr.dual import Kernel
from swipr.errors import LabelError

__all__ = [
    "FEWEST_OF_A_KIND", "FOLDS", "MAX_UNSURE_SHARE", "PENALTIES", "RIGHT_ENOUGH", "SURE_ENOUGH", "Calibration",
    "Fitted", "Start", "Wish", "calibrate", "fit", "platt", "sigmoid", "to_head",
]  # fmt: skip

PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""From strong to weak: each fit starts from the one before."""


class Start(NamedTuple):
    """Where a warm refit begins: an earlier head, float32 (dimensions,) and its bias."""

    weights: np.ndarray
    bias: float


class Fitted(NamedTuple):
    """A learned head. `score = sigmoid(slope * (features @ weights + bias) + intercept)`."""

    weights: np.ndarray
    """float32 (dimensions,)."""
    bias: float
    slope: float
    intercept: float
    threshold: float
    unsure_low: float
    unsure_high: float
    penalty: float
    loo_scores: np.ndarray
    """float64 (n,): each label's score by a head that has not seen it."""
    metrics: dict[str, float]
    loo_logits: np.ndarray
    """float64 (n,): what `loo_scores` are calibrated from."""
    calibration: Calibration
    problem: newton.Problem
    """What was solved; for the learning curve."""
    directions: np.ndarray | None
    """float32 (dimensions, r) that the head lies in, when there were too many labels for their kernel."""


class HasIdentity(Protocol):
    @property
    def sha256(self) -> str: ...


def fit(
    features: np.ndarray,
    liked: np.ndarray,
    *,
    wish: Wish = "balanced",
    precision_at_least: float = 0.8,
    penalty: float | None = None,
    start: Start | None = None,
    directions: np.ndarray | None = None,
) -> Fitted:
    """Learn from float32 (n, dimensions) and bool (n,); deterministic. About n^3 operations a penalty
    up to `primal.MOST_DUAL` labels, linear in n above.

    `penalty` skips the grid; `start` and `directions`, of an earlier fit, only save time: what is fitted is the same
    within tolerance, and directions that do not fit are found anew. Raises LabelError below two labels of a kind or
    for features that are not finite.
    """
    refuse_too_few(liked)
    rows = np.asarray(features, np.float32)
    scale = _scale(rows)
    target = liked.astype(np.float64)
    problem, directions = _problem(rows, scale, directions)
    near = None if start is None else (rows @ start.weights).astype(np.float64) + start.bias
    penalties = PENALTIES if penalty is None else (penalty,)
    solution = newton.best(problem, target, penalties, start=near)
    weights, bias = _head(solution.parameters, rows, scale, directions)
    calibrated = calibrate(solution.loo_logits, liked, wish=wish, precision_at_least=precision_at_least)
    return Fitted(
        weights=weights.astype(np.float32),
        bias=bias,
        slope=calibrated.slope,
        intercept=calibrated.intercept,
        threshold=calibrated.threshold,
        unsure_low=calibrated.unsure_low,
        unsure_high=calibrated.unsure_high,
        penalty=solution.penalty,
        loo_scores=calibrated.left_out,
        metrics=calibrated.metrics,
        loo_logits=solution.loo_logits,
        calibration=calibrated,
        problem=problem,
        directions=directions,
    )


def to_head(fitted: Fitted, backbone: HasIdentity | str, calibration: Calibration | None = None) -> heads.Head:
    """The head as the judge takes it; `backbone` is one that is loaded, or its sha256.

    `calibration`: of what the head's logits become a part of; by default of its own.
    """
    said = calibration or fitted.calibration
    return heads.Head(
        backbone=backbone if isinstance(backbone, str) else backbone.sha256,
        bias=fitted.bias,
        slope=said.slope,
        intercept=said.intercept,
        threshold=said.threshold,
        unsure_low=said.unsure_low,
        unsure_high=said.unsure_high,
        weights=fitted.weights.astype("<f4").tobytes(),
    )


def _scale(rows: np.ndarray) -> float:
    """Mean squared length of the rows. Raises LabelError if a number is not finite."""
    squares = np.einsum("ij,ij->i", rows, rows)
    if not np.isfinite(squares).all():
        raise LabelError("a label's features are not finite")
    return float(squares.mean(dtype=np.float64)) or 1.0


def _problem(rows: np.ndarray, scale: float, directions: np.ndarray | None) -> tuple[newton.Problem, np.ndarray | None]:
    if len(rows) <= primal.MOST_DUAL:
        return Kernel(rows, scale), None
    if directions is None or len(directions) != rows.shape[1]:
        directions = primal.main_directions(rows)
    return primal.Columns(rows, directions, scale), directions


def _head(
    parameters: np.ndarray, rows: np.ndarray, scale: float, directions: np.ndarray | None
) -> tuple[np.ndarray, float]:
    if directions is None:
        return parameters.astype(np.float32) @ rows / scale, float(parameters.sum())
    return directions @ parameters[:-1].astype(np.float32) / np.sqrt(scale), float(parameters[-1])
