"""Left-out logits to what is said of a card: a calibrated score, the user's line, and where to say "unsure".

All of it flatters the labels it was chosen on, so what is said of a head (metrics, unsure band) makes the same choices
anew for each fold from the other folds.
"""

from typing import Literal, NamedTuple

import numpy as np

from swipr import metrics
from swipr.errors import LabelError

FEWEST_OF_A_KIND = 2
SURE_ENOUGH = 30  # labels; below, the threshold is drawn to where honest probabilities put it
FOLDS = 5
RIGHT_ENOUGH = 0.8  # accuracy that verdicts outside the unsure band must reach
MAX_UNSURE_SHARE = 1 / 3  # holding more would stop the deck instead of helping
_MAX_STEPS = 50

Wish = Literal["balanced", "precision"]


class Calibration(NamedTuple):
    """`score = sigmoid(slope * logit + intercept)`; a like at or above `threshold`, unsure within the band.

    Arrays are in the order of the labels (n,).
    """

    slope: float
    intercept: float
    threshold: float
    unsure_low: float
    unsure_high: float
    scores: np.ndarray
    """float64: each calibrated without its own fold of the labels."""
    left_out: np.ndarray
    """float64: each by this very slope and intercept."""
    said: np.ndarray
    """bool, true: like; by calibration and line without the own fold."""
    metrics: dict[str, float]
    """Of `scores` and `said`; see `metrics.measure`."""


def calibrate(
    logits: np.ndarray, liked: np.ndarray, *, wish: Wish = "balanced", precision_at_least: float = 0.8
) -> Calibration:
    """From float64 (n,) logits by models that had not seen the label, and bool (n,).

    Platt's scaling ("Probabilistic outputs for support vector machines", 1999), then the line that meets the wish.
    Raises LabelError below two labels of a kind.
    """
    refuse_too_few(liked)
    slope, intercept, threshold = line(logits, liked, wish=wish, precision_at_least=precision_at_least)
    left_out = sigmoid(slope * logits + intercept)
    scores, said = _out_of_fold(logits, liked, wish, precision_at_least)
    low, high = unsure_band(left_out, said == liked, threshold)
    measured = metrics.measure(scores, liked, said, ranking=logits)
    return Calibration(slope, intercept, threshold, low, high, scores, left_out, said, measured)


def line(
    logits: np.ndarray, liked: np.ndarray, *, wish: Wish = "balanced", precision_at_least: float = 0.8
) -> tuple[float, float, float]:
    """Slope, intercept and threshold alone, of labels of both kinds."""
    slope, intercept = platt(logits, liked.astype(np.float64))
    return slope, intercept, threshold_of(sigmoid(slope * logits + intercept), liked, wish, precision_at_least)


def refuse_too_few(liked: np.ndarray) -> None:
    """Raises LabelError below two labels of a kind."""
    likes = int(liked.sum())
    for count, kind in ((likes, "likes"), (len(liked) - likes, "passes")):
        if count < FEWEST_OF_A_KIND:
            raise LabelError(f"not enough yet: {count} {kind}, at least {FEWEST_OF_A_KIND} are needed")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    scores: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(logits, -40.0, 40.0)))
    return scores


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


def threshold_of(scores: np.ndarray, liked: np.ndarray, wish: Wish, precision_at_least: float) -> float:
    """Where the wish is met best on left-out scores, drawn towards the textbook's line while labels are few.

    A precision is met where both the scores above a line and the labels there promise it, the labels with one more
    false like than there was: of all lines the lowest that meets the wish is one that luck favoured (Barber and Candès,
    "Controlling the false discovery rate via knockoffs", 2015, add one for this, too). Without such a line it is the
    one that promises most of those that the labels alone meet, or else the one of the highest precision.
    """
    lines, precision, recall = metrics.curve(scores, liked)
    if wish == "precision":
        anchor = precision_at_least
        said = len(scores) - np.searchsorted(np.sort(scores), lines)
        expected = np.sort(scores)[::-1].cumsum()[said - 1] / said
        promised = np.minimum(expected, precision * said / (said + 1))
        met, nearly = promised >= precision_at_least, precision >= precision_at_least
        best = np.where(met, recall, -1.0) if met.any() else np.where(nearly, promised, -1.0)
        chosen = lines[np.argmax(best if nearly.any() else precision)]
    else:
        anchor = 0.5
        chosen = lines[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12))]
    trust = min(1.0, len(scores) / SURE_ENOUGH)
    return float(np.clip(anchor + trust * (chosen - anchor), 0.01, 0.99))


def _out_of_fold(
    logits: np.ndarray, liked: np.ndarray, wish: Wish, precision_at_least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and verdicts (n,; true: like), each calibrated and drawn without its own fold of the labels."""
    scores, said = np.zeros(len(liked)), np.zeros(len(liked), bool)
    count = min(FOLDS, int(min(liked.sum(), (~liked).sum())))
    fold = np.where(liked, np.cumsum(liked), np.cumsum(~liked)) % count  # both kinds in every fold
    for number in range(count):
        own, others = fold == number, fold != number
        slope, intercept, threshold = line(
            logits[others], liked[others], wish=wish, precision_at_least=precision_at_least
        )
        scores[own] = sigmoid(slope * logits[own] + intercept)
        said[own] = scores[own] >= threshold
    return scores, said


def unsure_band(scores: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """The narrowest band around the threshold outside which verdicts are right often enough; empty if all are.

    By what was right, and by what the scores expect to be: the first alone ends the band where luck was best.
    """
    centre = np.log(threshold / (1 - threshold))
    clipped = np.clip(scores, 1e-9, 1 - 1e-9)
    distance = np.abs(np.log(clipped / (1 - clipped)) - centre)
    nearest = np.argsort(distance, kind="stable")
    expected = np.where(scores >= threshold, scores, 1 - scores)
    # accuracy without the k nearest
    outside = np.minimum(_without_nearest(right[nearest]), _without_nearest(expected[nearest]))
    most = int(MAX_UNSURE_SHARE * len(right))
    enough = np.flatnonzero(outside[: most + 1] >= RIGHT_ENOUGH)
    held = int(enough[0]) if len(enough) else most
    if held == 0:
        return threshold, threshold
    reach = distance[nearest[held - 1]]
    low, high = sigmoid(np.array([centre - reach, centre + reach]))
    return float(low), float(high)


def _without_nearest(values: np.ndarray) -> np.ndarray:
    """Mean without the first k, for each k (n,)."""
    means: np.ndarray = values[::-1].cumsum()[::-1] / np.arange(len(values), 0, -1)
    return means
