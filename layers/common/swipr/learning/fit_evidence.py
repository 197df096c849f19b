"""What a fit knows of its own labels by models that had not seen them, as it is kept: see `evidence`."""

from collections.abc import Sequence

import numpy as np

from swipr.calibration import Calibration
from swipr.learning.evidence import CurvePoint, Doubt, Evidence
from swipr.models import Label, ModelVersion

#: Doubtful are the more of so many labels and such a share: of 10 % wrong labels, the worst 15 of 100 hold about two
#: thirds, and half of that list is right. Nothing is ever dropped or weighed down for it.
AT_LEAST = 50
SHARE = 0.15
_DECIMALS = 6
#: Where a double has no room left beside 0 and 1, and where a score is 0 or 1 to all its decimals.
_EXTREME, _MOST_LOGIT = 1e-15, 40.0


def evidence_of(
    model: ModelVersion,
    labels: Sequence[Label],
    own: Calibration,
    blend: tuple[np.ndarray, Calibration] | None,
    curve: tuple[CurvePoint, ...],
) -> Evidence:
    """`own`: of the head, on all labels. `blend`: of a tuned version, the places of labels that its network has judged
    unseen, and its calibration on those; doubt may fall on all labels."""
    places, said = blend or (np.arange(len(labels)), own)
    scores, verdicts = own.left_out.copy(), own.said.copy()
    scores[places], verdicts[places] = said.left_out, said.said
    return Evidence(
        version=model.version,
        backbone=model.backbone,
        labels_hash=model.labels_hash,
        made_at=model.created_at,
        scores=tuple(said.scores.round(_DECIMALS).tolist()),
        left_out=tuple(said.left_out.round(_DECIMALS).tolist()),
        liked=tuple(labels[int(place)].choice == "like" for place in places),
        said=tuple(said.said.tolist()),
        threshold=said.threshold,
        uncalibrated=_uncalibrated(said),
        doubtful=contradicted(labels, scores, verdicts),
        curve=curve,
    )


def _uncalibrated(said: Calibration) -> tuple[float, ...]:
    """The left-out logits as scores of their own, by turning slope and intercept back."""
    if said.slope <= 0:
        return ()
    kept = np.clip(said.left_out, _EXTREME, 1 - _EXTREME)
    logits = (np.log(kept / (1 - kept)) - said.intercept) / said.slope
    alone = 1 / (1 + np.exp(-np.clip(logits, -_MOST_LOGIT, _MOST_LOGIT)))
    return tuple(alone.round(_DECIMALS).tolist())


def contradicted(labels: Sequence[Label], scores: np.ndarray, said: np.ndarray) -> tuple[Doubt, ...]:
    """By leave-one-out loss, worst first; left-out scores float64 (n,) and verdicts bool (n,; true: like)."""
    liked = np.array([label.choice == "like" for label in labels], bool)
    losses = -np.log(np.maximum(np.where(liked, scores, 1 - scores), 1e-12))
    worst = np.argsort(-losses, kind="stable")[: max(AT_LEAST, round(SHARE * len(labels)))]
    return tuple(
        Doubt(
            card_id=labels[int(place)].card_id,
            choice=labels[int(place)].choice,
            score=round(float(scores[place]), _DECIMALS),
            loss=round(float(losses[place]), _DECIMALS),
            said=bool(said[place]),
        )
        for place in worst
    )
