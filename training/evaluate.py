"""How good frozen, tuned and their average are: by answers of models that had not seen the card, never in-sample."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from swipr import fitting, metrics
from swipr.calibration import Calibration, calibrate
from swipr.judging import blended

#: Of the network in the blend, of these the one of least log loss; half and half unless another is clearly better.
SHARES = (0.5, 0.35, 0.65, 0.8)
CLEARLY = 0.004  # nats
CURVE = (20, 50, 100, 200, 400, 800, 1600)
DRAWS = 5


class Judged(NamedTuple):
    """Out-of-fold logits float64 (n,) of one way to judge, and what calibration makes of them."""

    name: str
    logits: np.ndarray
    said: Calibration


class Report(NamedTuple):
    """Frozen first; then, where a network was tuned, tuned and average. `places` int (n,): which labels were judged.

    `share` is the network's in the average. `slope` and `intercept` are to be put into the network's last layer, so
    that its logits are as sure as they may be.
    """

    ways: tuple[Judged, ...]
    liked: np.ndarray
    places: np.ndarray
    share: float
    slope: float
    intercept: float

    @property
    def used(self) -> Judged:
        return self.ways[-1]


def frozen_logits(features: np.ndarray, liked: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """float64 (n,): each by a closed-form head that was fitted without its fold."""
    logits = np.zeros(len(liked))
    for number in np.unique(fold):
        own = fold == number
        fitted = fitting.fit(features[~own], liked[~own])
        logits[own] = features[own] @ fitted.weights + fitted.bias
    return logits


def compare(
    frozen: np.ndarray,
    liked: np.ndarray,
    tuned: np.ndarray | None = None,
    places: np.ndarray | None = None,
) -> Report:
    """Frozen (n,) and tuned (m,) logits, the latter of the labels at `places`, against bool (n,).

    With a network, all is measured on the labels that it judged.
    """
    where = np.arange(len(liked)) if places is None else places
    heard, target = frozen[where], liked[where]
    ways = [Judged("frozen", heard, calibrate(heard, target))]
    if tuned is None:
        return Report(tuple(ways), target, where, 0.5, 1.0, 0.0)
    slope, intercept = fitting.platt(tuned, target.astype(np.float64))
    sure = slope * tuned + intercept
    share = _share(heard, sure, target)
    both = _blended(heard, sure, share)
    ways += [Judged("tuned", sure, calibrate(sure, target)), Judged("average", both, calibrate(both, target))]
    return Report(tuple(ways), target, where, share, slope, intercept)


def learning_curve(features: np.ndarray, liked: np.ndarray, seed: int) -> list[dict[str, float]]:
    """AUC on the labels left over, of frozen heads from ever more labels: mean, lowest and highest of some draws."""
    random = np.random.default_rng(seed)
    points = []
    for count in (count for count in CURVE if count <= 0.8 * len(liked)):
        areas = [area for _ in range(DRAWS) if (area := _drawn(features, liked, count, random)) is not None]
        if areas:
            points.append(
                {"labels": count, "auc": float(np.mean(areas)), "auc_low": min(areas), "auc_high": max(areas)}
            )
    return points


def reliability(scores: np.ndarray, liked: np.ndarray, bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean score, share of likes, count) of equally filled bins, by score."""
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, max(2, len(scores) // 10)))
    return [(float(scores[part].mean()), float(liked[part].mean()), len(part)) for part in parts if len(part)]


def roc(logits: np.ndarray, liked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of passes and share of likes above each line, from none to all."""
    order = np.argsort(-logits, kind="stable")
    likes = np.concatenate([[0], np.cumsum(liked[order])]) / max(1, liked.sum())
    passes = np.concatenate([[0], np.cumsum(~liked[order])]) / max(1, (~liked).sum())
    return passes, likes


def precision_recall(scores: np.ndarray, liked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at each line, from strict to lax."""
    _, precision, recall = metrics.curve(scores, liked)
    return recall[::-1], precision[::-1]


def confusion(said: np.ndarray, liked: np.ndarray) -> np.ndarray:
    """int (2, 2): rows pass and like as labelled, columns as said."""
    return np.array([[int(((said == column) & (liked == row)).sum()) for column in (0, 1)] for row in (0, 1)])


def worst(report: Report, count: int = 8) -> list[int]:
    """Places of the labels that are contradicted most surely, worst first."""
    scores = report.used.said.scores
    surprise = np.where(report.liked, 1 - scores, scores)
    return [int(report.places[place]) for place in np.argsort(-surprise, kind="stable")[:count]]


def metrics_of(report: Report) -> dict[str, float]:
    """For metrics.json: of what is used, plain; of each way with its name before."""
    return dict(report.used.said.metrics) | {
        f"{way.name}_{name}": value for way in report.ways for name, value in way.said.metrics.items()
    }


def table(report: Report) -> str:
    """In text, a row for each way."""
    names: Sequence[str] = ("auc", "accuracy", "precision", "recall", "log_loss", "calibration_error")
    rows = [f"{'':9}" + "".join(f"{name.replace('_', ' '):>19}" for name in names)]
    for way in report.ways:
        rows.append(f"{way.name:9}" + "".join(f"{way.said.metrics[name]:19.3f}" for name in names))
    return "\n".join(rows)


def _share(frozen: np.ndarray, tuned: np.ndarray, liked: np.ndarray) -> float:
    losses = {share: calibrate(_blended(frozen, tuned, share), liked).metrics["log_loss"] for share in SHARES}
    best = min(losses, key=lambda share: losses[share])
    return best if losses[best] < losses[SHARES[0]] - CLEARLY else SHARES[0]


def _blended(frozen: np.ndarray, tuned: np.ndarray, share: float) -> np.ndarray:
    return np.array([blended(head, network, share) for head, network in zip(frozen, tuned, strict=True)])


def _drawn(features: np.ndarray, liked: np.ndarray, count: int, random: np.random.Generator) -> float | None:
    """None where a draw holds too few of a kind."""
    order = random.permutation(len(liked))
    own, others = order[:count], order[count:]
    if min(liked[own].sum(), (~liked[own]).sum()) < fitting.FEWEST_OF_A_KIND or len(set(liked[others])) < 2:
        return None
    fitted = fitting.fit(features[own], liked[own])
    return metrics.auc(features[others] @ fitted.weights + fitted.bias, liked[others])
