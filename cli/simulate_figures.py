"""What `swipr simulate` measures, from what the deck received and what was recorded; pure arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swipr import metrics
from swipr.sessions import costs

BINS = 10
#: Scores are recorded with six digits: a recorded 0 or 1 is no more certain than this.
LEAST_SCORE = 1e-6
Json = dict[str, Any]

FORMULA = (
    "usd_per_1000_photos = 1000 / photos x the sum over all sessions of "
    f"[ {costs.LAMBDA_USD_PER_GB_S:g} x ({costs.SESSION_GB:g} GB x session s + {costs.JUDGE_GB:.4g} GB x judge s)"
    f" + {costs.LAMBDA_USD_PER_REQUEST:g} x (1 + judge calls)"
    f" + {costs.DYNAMO_USD_PER_WRITE:g} x ({costs.WRITES_PER_SESSION} + {costs.WRITES_PER_ACTION} x swipes)"
    f" + {costs.DYNAMO_USD_PER_READ:g} x {costs.READS_PER_CARD} x cards"
    f" + 2 x {costs.S3_USD_PER_PUT:g} + {costs.S3_USD_PER_GET:g} x photos"
    f" + 3 x {costs.SQS_USD_PER_REQUEST:g} ]: AWS's list prices at this machine's speed; nothing was billed"
)


@dataclass(frozen=True)
class Played:
    """One whole run. `truth`, `likes` and `passes` (how often the deck got each) are by the deck's own card ids.

    `scores` are the recorded ones; a card none of whose photos could be read has none. `swiping_s` is the time from
    switching on to the empty deck, `seconds` all of it, starting and teaching included.
    """

    truth: Mapping[str, str]
    likes: Mapping[str, int]
    passes: Mapping[str, int]
    scores: Mapping[str, float]
    sessions: Sequence[Json]
    matches: int
    likes_per_day: int
    backbone: str
    swiping_s: float
    seconds: float


def figures(played: Played) -> Json:
    """The measures by name; those of scores are None where there is none to measure."""
    ids = sorted(played.likes.keys() | played.passes.keys())
    liked = np.array([played.truth[card] == "like" for card in ids], bool)
    said = np.array([card in played.likes for card in ids], bool)
    hits = int((said & liked).sum())
    likes_sent = sum(played.likes.values())
    photos = sum(session["photos"] for session in played.sessions)
    cost_usd = sum(session["cost_microusd"] for session in played.sessions) / 1e6
    return {
        "cards": len(ids),
        "accuracy": _rounded(float((said == liked).mean())) if ids else None,
        "precision": _rounded(hits / int(said.sum())) if said.any() else None,
        "recall": _rounded(hits / int(liked.sum())) if liked.any() else None,
        **_of_scores(played),
        "majority_baseline": _rounded(float(max(liked.mean(), 1 - liked.mean()))) if ids else None,
        "likes_sent": likes_sent,
        "double_likes": sum(times - 1 for times in played.likes.values()),
        "over_budget_likes": max(0, likes_sent - played.likes_per_day),
        "matches": played.matches,
        "photos_per_second": round(photos / played.swiping_s, 2),
        "usd_per_1000_photos": _rounded(1000 * cost_usd / photos) if photos else None,
        "backbone": played.backbone,
        "seconds": round(played.seconds, 2),
    }


def _of_scores(played: Played) -> Json:
    ids = sorted(played.scores.keys() & played.truth.keys())
    liked = np.array([played.truth[card] == "like" for card in ids], bool)
    scores = np.clip([played.scores[card] for card in ids], LEAST_SCORE, 1 - LEAST_SCORE)
    return {
        "auc": _rounded(metrics.auc(scores, liked)) if liked.any() and not liked.all() else None,
        "log_loss": _rounded(metrics.log_loss(scores, liked)) if ids else None,
        "calibration_error": _rounded(metrics.calibration_error(scores, liked, bins=BINS)) if ids else None,
    }


def _rounded(value: float) -> float:
    return round(value, 6)
