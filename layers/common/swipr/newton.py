"""Penalised logistic regression by Newton's method with one factorisation for several steps.

Factoring costs n^3 and a step n^2, so a factor is kept while its steps still shrink fast. A refit that starts near its
end needs one. The last factor gives approximate leave-one-out, too (Rad and Maleki, "A scalable estimate of the
out-of-sample prediction error via approximate leave-one-out", JRSS B 2020).
"""

from typing import NamedTuple, Protocol

import numpy as np

from swipr.calibration import sigmoid

TOLERANCE = 1e-4  # of a logit, in the last step taken
_MOST_FACTORS = 15
_MOST_STEPS = 20  # with one factor
_SLOW = 0.35  # a step that is longer than this part of the one before wants a new factor
_DRIFT = 0.01  # mean relative change of weights since factoring that leave-one-out may bear
#: Of a label in the curvature: keeps a certain one from dividing by zero, in single precision too.
LEAST_WEIGHT = 1e-4


class Factored(Protocol):
    """The curvature H of one penalty at some logits, factored."""

    def solve(self, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters float64 that `H^-1 X^T residual` makes, and their logits (n,)."""

    def descent(self, residual: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The step of the parameters against the gradient, and the change of logits (n,) it makes."""

    def leverage(self) -> np.ndarray:
        """float64 (n,): `x_i^T H^-1 x_i`."""


class Problem(Protocol):
    """Labels as rows x of a design X, however they are stored; parameters are what their logits come from."""

    def factored(self, weight: np.ndarray, penalty: float) -> Factored:
        """`X^T diag(weight) X + penalty`."""

    def squared_norm(self, parameters: np.ndarray, logits: np.ndarray) -> float:
        """Of the weights, as the penalty counts it."""

    def zero(self) -> np.ndarray:
        """Parameters that say nothing."""

    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Products `x_i . x_j` of labels by their places, bias included."""


class Solution(NamedTuple):
    """`loo_logits` float64 (n,): each label's logit by a model that has not seen it; `loo_loss` their mean log loss."""

    penalty: float
    parameters: np.ndarray
    logits: np.ndarray
    loo_logits: np.ndarray
    loo_loss: float


def best(
    problem: Problem, target: np.ndarray, penalties: tuple[float, ...], *, start: np.ndarray | None = None
) -> Solution:
    """The penalty of least leave-one-out log loss, from strong to weak; target float64 (n,) of 0 and 1.

    `start`: logits (n,) of a model that may be near, for instance of all labels but one.
    """
    found: Solution | None = None
    parameters, logits = problem.zero(), np.zeros(len(target))
    for penalty in penalties:
        solution = _solved(problem, target, penalty, parameters, logits, start if found is None else None)
        parameters, logits = solution.parameters, solution.logits
        if found is None or solution.loo_loss < found.loo_loss:
            found = solution
        elif solution.loo_loss > 1.3 * found.loo_loss:  # it only gets worse from here
            break
    assert found is not None  # noqa: S101
    return found


def _solved(
    problem: Problem,
    target: np.ndarray,
    penalty: float,
    parameters: np.ndarray,
    logits: np.ndarray,
    start: np.ndarray | None,
) -> Solution:
    for number in range(_MOST_FACTORS):
        weight = _weight(logits if start is None or number else start)
        factored = problem.factored(weight, penalty)
        if start is not None and not number:
            parameters, logits = _near(factored, problem, target, penalty, start, weight)
        parameters, logits, settled = _descended(factored, problem, target, penalty, parameters, logits)
        drift = _weight(logits) - weight
        if settled and (np.abs(drift) / weight).mean() < _DRIFT:
            break
    loo = _left_out(factored.leverage(), drift, logits, target)
    return Solution(penalty, parameters, logits, loo, float((np.logaddexp(0, loo) - target * loo).mean()))


def _near(
    factored: Factored, problem: Problem, target: np.ndarray, penalty: float, start: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's whole step from these logits, or nothing at all where that is the better beginning."""
    parameters, logits = factored.solve(weight * start + target - sigmoid(start))
    nothing = problem.zero(), np.zeros(len(target))
    reached = _objective(problem, target, penalty, parameters, logits)
    return (parameters, logits) if reached < _objective(problem, target, penalty, *nothing) else nothing


def _descended(
    factored: Factored,
    problem: Problem,
    target: np.ndarray,
    penalty: float,
    parameters: np.ndarray,
    logits: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Steps with one factor while they shrink fast; whether they have ended."""
    now, before = _objective(problem, target, penalty, parameters, logits), np.inf
    for _ in range(_MOST_STEPS):
        step, change = factored.descent(target - sigmoid(logits), parameters)
        length = float(np.abs(change).max())
        for _ in range(20):  # half the step until it descends; rounding may hide a short one's descent
            after = _objective(problem, target, penalty, parameters + step, logits + change)
            if after <= now + 1e-9 * abs(now):
                break
            step, change = step / 2, change / 2
        parameters, logits, now = parameters + step, logits + change, after
        if length < TOLERANCE:
            return parameters, logits, True
        if length > _SLOW * before:
            break
        before = length
    return parameters, logits, False


def _left_out(leverage: np.ndarray, drift: np.ndarray, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One Newton step away from each label; its own change of weight since factoring is put right exactly."""
    leverage = leverage / np.maximum(1 + drift * leverage, 1e-6)
    kept = np.maximum(1 - _weight(logits) * leverage, 1e-6)
    loo: np.ndarray = logits + leverage / kept * (sigmoid(logits) - target)
    return loo


def _weight(logits: np.ndarray) -> np.ndarray:
    score = sigmoid(logits)
    weight: np.ndarray = np.maximum(score * (1 - score), LEAST_WEIGHT)
    return weight


def _objective(
    problem: Problem, target: np.ndarray, penalty: float, parameters: np.ndarray, logits: np.ndarray
) -> float:
    loss = float((np.logaddexp(0, logits) - target * logits).sum())
    return loss + penalty / 2 * problem.squared_norm(parameters, logits)
