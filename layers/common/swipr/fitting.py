"""Labels to a calibrated head: kernel logistic regression with approximate leave-one-out, in numpy alone.

The penalty is the one of least log loss over approximate leave-one-out scores (Rad and Maleki, "A scalable estimate
of the out-of-sample prediction error via approximate leave-one-out", JRSS B 2020). On those same scores stand the
calibration (Platt) and the threshold. Both are choices that flatter the labels they were made on, so what is said of
the head (metrics, unsure band) makes them anew for each fold from the other folds.

Run with OPENBLAS_NUM_THREADS=1: a second BLAS thread beside other work has cost a hundredfold.
"""

from typing import Literal, NamedTuple, Protocol

import numpy as np

from swipr import heads, metrics, primal
from swipr.errors import LabelError
from swipr.primal import sigmoid

PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""From strong to weak: each fit starts from the one before."""
FEWEST_OF_A_KIND = 2
SURE_ENOUGH = 30  # labels; below, the threshold is drawn to where honest probabilities put it
FOLDS = 5
RIGHT_ENOUGH = 0.8  # accuracy that verdicts outside the unsure band must reach
MAX_UNSURE_SHARE = 1 / 3  # holding more would stop the deck instead of helping
_MAX_STEPS = 50
_TOLERANCE = 1e-3  # of a logit, in the last step taken: Newton's next would move by about its square
_LEAST_WEIGHT = 1e-10  # of a label in Newton's step: keeps a certain one from dividing by zero

Wish = Literal["balanced", "precision"]


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
) -> Fitted:
    """Learn from float32 (n, dimensions) and bool (n,); deterministic. About 5 n^3 operations a penalty
    up to `primal.MOST_DUAL` labels, linear in n above.

    `penalty` skips the grid. Raises LabelError below two labels of a kind or for features that are not finite.
    """
    _refuse_too_few(liked)
    rows = features.astype(np.float32)
    if not np.isfinite(rows).all():
        raise LabelError("a label's features are not finite")
    target = liked.astype(np.float64)
    scale = float(np.square(rows).sum(axis=1).mean()) or 1.0
    penalties = PENALTIES if penalty is None else (penalty,)
    if len(rows) > primal.MOST_DUAL:
        along = primal.best(rows, target, scale, penalties)
        weights, bias, chosen, loo_logits = along.weights, along.bias, along.penalty, along.loo_logits
    else:
        kernel = (rows @ rows.T).astype(np.float64) / scale + 1.0  # the one is the bias, penalised like a weight
        solution = _best(kernel, target, penalties)
        weights, bias = solution.dual @ rows.astype(np.float64) / scale, float(solution.dual.sum())
        chosen, loo_logits = solution.penalty, solution.loo_logits
    slope, intercept = platt(loo_logits, target)
    scores = sigmoid(slope * loo_logits + intercept)
    threshold = _threshold(scores, liked, wish, precision_at_least)
    honest, said = _out_of_fold(loo_logits, liked, wish, precision_at_least)
    low, high = _unsure_band(scores, said == liked, threshold)
    return Fitted(
        weights=weights.astype(np.float32),
        bias=bias,
        slope=slope,
        intercept=intercept,
        threshold=threshold,
        unsure_low=low,
        unsure_high=high,
        penalty=chosen,
        loo_scores=scores,
        metrics=metrics.measure(honest, liked, said, ranking=loo_logits),
    )


def to_head(fitted: Fitted, backbone: HasIdentity | str) -> heads.Head:
    """The head as the judge takes it; `backbone` is one that is loaded, or its sha256."""
    return heads.Head(
        backbone=backbone if isinstance(backbone, str) else backbone.sha256,
        bias=fitted.bias,
        slope=fitted.slope,
        intercept=fitted.intercept,
        threshold=fitted.threshold,
        unsure_low=fitted.unsure_low,
        unsure_high=fitted.unsure_high,
        weights=fitted.weights.astype("<f4").tobytes(),
    )


def platt(logits: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """(slope > 0, intercept) of least log loss against Platt's softened targets, by Newton."""
    likes = target.sum()
    soft = np.where(target > 0.5, (likes + 1) / (likes + 2), 1 / (len(target) - likes + 2))
    spread = float(logits.std()) + 1e-9
    columns = np.stack([logits / spread, np.ones_like(logits)])
    ridge = np.array([2e-3, 1e-6])  # a slope needs an end where the labels part cleanly
    parameters = _newton_on_two(columns, soft, np.array([1.0, 0.0]), ridge, np.array([1.0, 1.0]))
    if parameters[0] < 1e-3:  # leave-one-out scores of a taste that is not there run backwards
        start = np.array([1e-3, 0.0])
        parameters = _newton_on_two(columns, soft, start, ridge, np.array([0.0, 1.0]))
    return float(parameters[0] / spread), float(parameters[1])


class _Solution(NamedTuple):
    penalty: float
    dual: np.ndarray
    loo_logits: np.ndarray
    loo_loss: float


def _refuse_too_few(liked: np.ndarray) -> None:
    likes = int(liked.sum())
    for count, kind in ((likes, "likes"), (len(liked) - likes, "passes")):
        if count < FEWEST_OF_A_KIND:
            raise LabelError(f"not enough yet: {count} {kind}, at least {FEWEST_OF_A_KIND} are needed")


def _best(kernel: np.ndarray, target: np.ndarray, penalties: tuple[float, ...]) -> _Solution:
    best: _Solution | None = None
    dual = np.zeros(len(target))
    for penalty in penalties:
        dual = _newton(kernel, target, penalty, dual)
        solution = _left_out(kernel, target, penalty, dual)
        if best is None or solution.loo_loss < best.loo_loss:
            best = solution
        elif solution.loo_loss > 1.3 * best.loo_loss:  # it only gets worse from here
            break
    assert best is not None  # noqa: S101
    return best


def _newton(kernel: np.ndarray, target: np.ndarray, penalty: float, dual: np.ndarray) -> np.ndarray:
    """The dual (n,) whose logits `kernel @ dual` minimise log loss + penalty / 2 * |w|^2, from another one."""
    logits = kernel @ dual
    objective = _objective(logits, dual, target, penalty)
    for _ in range(_MAX_STEPS):
        weight, root, system = _system(kernel, logits, penalty)
        working = weight * logits + target - sigmoid(logits)
        step = (working - root * np.linalg.solve(system, root * (kernel @ working) / penalty)) / penalty - dual
        change = kernel @ step
        for _ in range(20):  # half the step until it descends
            after = _objective(logits + change, dual + step, target, penalty)
            if after <= objective + 1e-12 * abs(objective):
                break
            step, change = step / 2, change / 2
        logits, dual, objective = logits + change, dual + step, after
        if np.abs(change).max() < _TOLERANCE:
            break
    return dual


def _system(kernel: np.ndarray, logits: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's weights, their roots, and I + W^1/2 K W^1/2 / penalty, which is never ill-conditioned."""
    score = sigmoid(logits)
    weight = np.maximum(score * (1 - score), _LEAST_WEIGHT)
    root = np.sqrt(weight)
    system = np.eye(len(logits)) + root[:, None] * kernel * root / penalty
    return weight, root, system


def _objective(logits: np.ndarray, dual: np.ndarray, target: np.ndarray, penalty: float) -> float:
    loss = (np.logaddexp(0, logits) - target * logits).sum()
    return float(loss + penalty / 2 * (dual @ logits))


def _left_out(kernel: np.ndarray, target: np.ndarray, penalty: float, dual: np.ndarray) -> _Solution:
    logits = kernel @ dual
    weight, _, system = _system(kernel, logits, penalty)
    kept = np.maximum(np.diag(np.linalg.inv(system)), 1e-6)  # 1 - leverage
    residual = sigmoid(logits) - target
    loo = logits + (1 - kept) / (weight * kept) * residual
    loss = float((np.logaddexp(0, loo) - target * loo).mean())
    return _Solution(penalty, dual, loo, loss)


def _newton_on_two(
    columns: np.ndarray, soft: np.ndarray, start: np.ndarray, ridge: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Logistic regression on two columns (2, n); a parameter whose `free` is 0 stays."""

    def loss(parameters: np.ndarray) -> float:
        logits = parameters @ columns
        return float((np.logaddexp(0, logits) - soft * logits).sum() + ridge @ np.square(parameters) / 2)

    parameters, now = start, loss(start)
    for _ in range(_MAX_STEPS):
        score = sigmoid(parameters @ columns)
        gradient = free * (columns @ (score - soft) + ridge * parameters)
        curvature = (columns * (score * (1 - score) + 1e-9)) @ columns.T + np.diag(ridge + 1e-9)
        step = -free * np.linalg.solve(curvature, gradient) if free.all() else -gradient / np.diag(curvature)
        while (after := loss(parameters + step)) > now and np.abs(step).max() > 1e-9:
            step = step / 2
        if np.abs(step).max() <= 1e-9:
            break
        parameters, now = parameters + step, after
    return parameters


def _threshold(scores: np.ndarray, liked: np.ndarray, wish: Wish, precision_at_least: float) -> float:
    """Where the wish is met best on left-out scores, drawn towards the textbook's line while labels are few."""
    lines, precision, recall = metrics.curve(scores, liked)
    if wish == "precision":
        anchor = precision_at_least
        met = precision >= precision_at_least
        chosen = lines[np.argmax(np.where(met, recall, -1.0))] if met.any() else lines[np.argmax(precision)]
    else:
        anchor = 0.5
        chosen = lines[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12))]
    trust = min(1.0, len(scores) / SURE_ENOUGH)
    return float(np.clip(anchor + trust * (chosen - anchor), 0.01, 0.99))


def _out_of_fold(
    loo_logits: np.ndarray, liked: np.ndarray, wish: Wish, precision_at_least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and verdicts (n,; true: like), each calibrated and drawn without its own fold of the labels."""
    scores, said = np.zeros(len(liked)), np.zeros(len(liked), bool)
    count = min(FOLDS, int(min(liked.sum(), (~liked).sum())))
    fold = np.where(liked, np.cumsum(liked), np.cumsum(~liked)) % count  # both kinds in every fold
    for number in range(count):
        own, others = fold == number, fold != number
        slope, intercept = platt(loo_logits[others], liked[others].astype(np.float64))
        others_scores = sigmoid(slope * loo_logits[others] + intercept)
        scores[own] = sigmoid(slope * loo_logits[own] + intercept)
        said[own] = scores[own] >= _threshold(others_scores, liked[others], wish, precision_at_least)
    return scores, said


def _unsure_band(scores: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """The narrowest band around the threshold outside which verdicts are right often enough; empty if all are."""
    centre = np.log(threshold / (1 - threshold))
    clipped = np.clip(scores, 1e-9, 1 - 1e-9)
    distance = np.abs(np.log(clipped / (1 - clipped)) - centre)
    nearest = np.argsort(distance, kind="stable")
    right = right[nearest]
    outside = right[::-1].cumsum()[::-1] / np.arange(len(right), 0, -1)  # accuracy without the k nearest
    most = int(MAX_UNSURE_SHARE * len(right))
    enough = np.flatnonzero(outside[: most + 1] >= RIGHT_ENOUGH)
    held = int(enough[0]) if len(enough) else most
    if held == 0:
        return threshold, threshold
    reach = distance[nearest[held - 1]]
    low, high = sigmoid(np.array([centre - reach, centre + reach]))
    return float(low), float(high)
