"""How good scores are: from left-out scores only, never from what was learned on."""

import numpy as np

from swipr.intervals import auc_interval


def measure(scores: np.ndarray, liked: np.ndarray, said: np.ndarray, *, ranking: np.ndarray) -> dict[str, float]:
    """Metrics of scores (n,) and verdicts `said` (n,; true: like) against bool (n,), the AUC by `ranking` (n,).

    `majority` is the accuracy of always giving the commoner answer.
    """
    hits = int((said & liked).sum())
    area = auc(ranking, liked)
    low, high = auc_interval(area, int(liked.sum()), int((~liked).sum()))
    return {
        "auc": area,
        "auc_low": low,
        "auc_high": high,
        "accuracy": float((said == liked).mean()),
        "precision": hits / max(1, int(said.sum())),
        "recall": hits / max(1, int(liked.sum())),
        "log_loss": log_loss(scores, liked),
        "calibration_error": calibration_error(scores, liked),
        "majority": float(max(liked.mean(), 1 - liked.mean())),
    }


def auc(scores: np.ndarray, liked: np.ndarray) -> float:
    """How often a like scores above a pass, ties half; 0.5 if one kind is missing."""
    likes, passes = scores[liked], np.sort(scores[~liked])
    if not len(likes) or not len(passes):
        return 0.5
    below = np.searchsorted(passes, likes, "left") + np.searchsorted(passes, likes, "right")
    return float(below.mean() / 2 / len(passes))


def log_loss(scores: np.ndarray, liked: np.ndarray) -> float:
    right = np.where(liked, scores, 1 - scores)
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def calibration_error(scores: np.ndarray, liked: np.ndarray, *, bins: int | None = None) -> float:
    """Mean distance between score and share of likes over equally filled bins; by default ten, fewer below 100."""
    count = bins or min(10, max(2, len(scores) // 10))
    parts = np.array_split(np.argsort(scores, kind="stable"), count)
    gaps = [len(part) * abs(float(scores[part].mean() - liked[part].mean())) for part in parts if len(part)]
    return sum(gaps) / len(scores)


def curve(scores: np.ndarray, liked: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds between neighbouring scores, from low to high, with precision and recall at each."""
    values = np.unique(scores)
    lines = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    said = len(scores) - np.searchsorted(np.sort(scores), lines)
    hits = int(liked.sum()) - np.searchsorted(np.sort(scores[liked]), lines)
    return lines, hits / np.maximum(said, 1), hits / max(1, int(liked.sum()))
