"""Logistic regression for thousands of labels: in the primal, along the features' main directions.

Kernel solutions cost n^3; along r fixed directions a step costs n r^2. The directions are found by a randomised range
finder (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 2011) and hold the features' main
variance, so distances, which the penalty acts on, are nearly kept.
"""

from typing import NamedTuple

import numpy as np

#: More labels than this are fitted here: the kernel's solution takes seconds and a gigabyte soon after.
MOST_DUAL = 1500
DIRECTIONS = 512
_POWER_STEPS = 2  # each sharpens the split between main and minor directions
_SEED = 0  # the directions are part of the method: the same labels give the same head
_MAX_STEPS = 50
_TOLERANCE = 1e-3  # of a logit, as in the kernel's solution
_LEAST_WEIGHT = 1e-10


class Solution(NamedTuple):
    """Weights float64 (dimensions,), bias, and approximate leave-one-out logits float64 (n,)."""

    penalty: float
    weights: np.ndarray
    bias: float
    loo_logits: np.ndarray
    loo_loss: float


def best(rows: np.ndarray, target: np.ndarray, scale: float, penalties: tuple[float, ...]) -> Solution:
    """The penalty of least leave-one-out log loss; rows float32 (n, dimensions), target float64 (n,) of 0 and 1.

    The problem is the kernel's: weights of `rows / sqrt(scale)` and a bias, penalised alike.
    """
    directions = _main_directions(rows)
    along = (rows @ directions).astype(np.float64) / np.sqrt(scale)
    columns = np.hstack([along, np.ones((len(rows), 1))])
    found: Solution | None = None
    parameters = np.zeros(columns.shape[1])
    for penalty in penalties:
        parameters = _newton(columns, target, penalty, parameters)
        loo = _left_out(columns, target, penalty, parameters)
        loss = float((np.logaddexp(0, loo) - target * loo).mean())
        if found is None or loss < found.loo_loss:
            weights = directions @ parameters[:-1] / np.sqrt(scale)
            found = Solution(penalty, weights, float(parameters[-1]), loo, loss)
        elif loss > 1.3 * found.loo_loss:  # it only gets worse from here
            break
    assert found is not None  # noqa: S101
    return found


def _main_directions(rows: np.ndarray) -> np.ndarray:
    """Orthonormal float32 (dimensions, r) with r = min(DIRECTIONS, dimensions)."""
    count = min(DIRECTIONS, rows.shape[1])
    probe = np.random.default_rng(_SEED).standard_normal((rows.shape[1], count), np.float32)
    basis: np.ndarray = np.linalg.qr(rows.T @ (rows @ probe))[0]
    for _ in range(_POWER_STEPS - 1):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    return basis


def _newton(columns: np.ndarray, target: np.ndarray, penalty: float, parameters: np.ndarray) -> np.ndarray:
    """The parameters that minimise log loss + penalty / 2 * |parameters|^2, from others."""
    logits = columns @ parameters
    now = _objective(logits, parameters, target, penalty)
    for _ in range(_MAX_STEPS):
        gradient = columns.T @ (sigmoid(logits) - target) + penalty * parameters
        step = -np.linalg.solve(_curvature(columns, logits, penalty), gradient)
        change = columns @ step
        for _ in range(20):  # half the step until it descends
            after = _objective(logits + change, parameters + step, target, penalty)
            if after <= now + 1e-12 * abs(now):
                break
            step, change = step / 2, change / 2
        logits, parameters, now = logits + change, parameters + step, after
        if np.abs(change).max() < _TOLERANCE:
            break
    return parameters


def _left_out(columns: np.ndarray, target: np.ndarray, penalty: float, parameters: np.ndarray) -> np.ndarray:
    """Each label's logit by a head that has not seen it, approximately: one Newton step away."""
    logits = columns @ parameters
    inverse = np.linalg.inv(_curvature(columns, logits, penalty))
    leverage = np.einsum("ij,ij->i", columns @ inverse, columns)
    kept = np.maximum(1 - _weight(logits) * leverage, 1e-6)
    loo: np.ndarray = logits + leverage / kept * (sigmoid(logits) - target)
    return loo


def _curvature(columns: np.ndarray, logits: np.ndarray, penalty: float) -> np.ndarray:
    curvature: np.ndarray = (columns.T * _weight(logits)) @ columns + penalty * np.eye(columns.shape[1])
    return curvature


def _weight(logits: np.ndarray) -> np.ndarray:
    score = sigmoid(logits)
    weight: np.ndarray = np.maximum(score * (1 - score), _LEAST_WEIGHT)
    return weight


def _objective(logits: np.ndarray, parameters: np.ndarray, target: np.ndarray, penalty: float) -> float:
    return float((np.logaddexp(0, logits) - target * logits).sum() + penalty / 2 * (parameters @ parameters))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    scores: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(logits, -40.0, 40.0)))
    return scores
