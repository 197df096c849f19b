"""A lesson becomes the next version of the user's head, with the evidence of how good it is."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from swipr import heads
from swipr.calibration import FEWEST_OF_A_KIND, Calibration, calibrate
from swipr.errors import ModelError
from swipr.fitting import Fitted, Start, fit, to_head
from swipr.judging import blended
from swipr.learning.evidence import CurvePoint, Evidence
from swipr.learning.fit_evidence import evidence_of
from swipr.learning.learning_curve import learning_curve
from swipr.learning.lessons import Lesson
from swipr.learning.likeness import likeness_head
from swipr.models import ModelVersion, Network, User, UserSettings

GRID_EVERY = 1.2  # the penalty is searched anew once labels have grown or shrunk by this factor
FEW = 12  # labels; below, a grid costs nothing
AT_ONCE = 500  # labels; above, a search takes up to seconds: a correction counts first, and the next refit searches
LATEST = 1.5  # but not if labels have changed by this factor since the last search
SEARCH_DUE = "search_due"
"""Metric of a version whose penalty is still to be searched."""
FEWEST_BLENDED = 30  # labels with a tuned network's logit; below, its blend cannot be calibrated
WORSE = 0.02  # of log loss, over `WORSE_REFITS` refits that each made it worse
WORSE_REFITS = 3


class Past(NamedTuple):
    """What earlier refits left."""

    newest: int
    """The highest version number, 0 before the first."""
    own: Sequence[ModelVersion]
    """Those that were fitted here, newest first."""
    champion: ModelVersion | None
    evidence: Evidence | None
    directions: np.ndarray | None
    """float32 (dimensions, r); of the last search of the penalty above `primal.MOST_DUAL` labels."""


class Taught(NamedTuple):
    model: ModelVersion
    evidence: Evidence | None
    """None for a likeness, which has left nothing out."""
    directions: np.ndarray | None
    """To be kept for the next refit, if they are not `Past.directions`."""


def teach(user: User, lesson: Lesson, past: Past, *, now: datetime, code: str) -> Taught | None:
    """The next version: a head, one that is blended with the champion's own network, or, below two labels of a kind,
    a likeness. None if there is nothing to say: not one like, or an older head that goes on serving."""
    likes = int(lesson.liked.sum())
    if min(likes, len(lesson.liked) - likes) < FEWEST_OF_A_KIND:
        return _likeness(user, lesson, past, now, code)
    penalty = kept_penalty(past, lesson)
    fitted = _fitted(lesson, past, user.settings, penalty)
    blend = _blend(lesson, fitted, past.champion, user.settings)
    said = blend.calibration if blend else fitted.calibration
    head = heads.pack(to_head(fitted, lesson.backbone, said))
    kind: dict[str, object] = {"kind": "head", "penalty": fitted.penalty}
    if blend:
        kind |= {"kind": "tuned", "network": blend.network}
    metrics = _metrics(said, lesson, past, blend, searched=penalty is None)
    model = _version(user, lesson, past, now, code, head, metrics, kind)
    curve = _curve(past, lesson, fitted, searched=penalty is None)
    judged = (blend.places, blend.calibration) if blend else None
    return Taught(model, evidence_of(model, lesson.labels, fitted.calibration, judged, curve), fitted.directions)


def _fitted(lesson: Lesson, past: Past, settings: UserSettings, penalty: float | None) -> Fitted:
    """With a kept penalty, from where the newest version ended."""
    return fit(
        lesson.features,
        lesson.liked,
        wish=settings.wish,
        precision_at_least=settings.precision_at_least,
        penalty=penalty,
        start=_start(past, lesson) if penalty else None,
        directions=past.directions if penalty else None,
    )


def _metrics(
    said: Calibration, lesson: Lesson, past: Past, blend: "_Blend | None", *, searched: bool
) -> dict[str, float]:
    metrics = said.metrics | {"grid_labels": float(len(lesson.liked)) if searched else _grid_labels(past)}
    if not searched and _grown(past, lesson) >= GRID_EVERY:
        metrics[SEARCH_DUE] = 1.0
    if blend:
        metrics["blended_labels"] = float(len(blend.places))
    if _has_worsened(metrics["log_loss"], "tuned" if blend else "head", lesson.backbone, past.own):
        metrics["worsened"] = 1.0
    return metrics


def stated_precision(settings: UserSettings) -> float | None:
    return settings.precision_at_least if settings.wish == "precision" else None


def kept_penalty(past: Past, lesson: Lesson) -> float | None:
    """The newest version's penalty while its search is still about right, or can be put off; else None."""
    if not past.own or past.own[0].backbone != lesson.backbone or len(lesson.liked) < FEW:
        return None
    kept = past.own[0].penalty
    put_off = len(lesson.liked) > AT_ONCE and SEARCH_DUE not in past.own[0].metrics
    return kept if _grown(past, lesson) < (LATEST if put_off else GRID_EVERY) and 0 < kept < np.inf else None


def _grown(past: Past, lesson: Lesson) -> float:
    """By which factor labels have grown or shrunk since the last search."""
    grown = len(lesson.liked) / max(1.0, _grid_labels(past))
    return max(grown, 1 / max(grown, 1e-9))


def _grid_labels(past: Past) -> float:
    """How many labels the penalty of the newest version was searched on."""
    return past.own[0].metrics.get("grid_labels", 0.0) if past.own else 0.0


def _start(past: Past, lesson: Lesson) -> Start | None:
    try:
        head = heads.unpack(past.own[0].head)
        weights = heads.weight_vector(head)
    except ModelError:  # it only saves time
        return None
    return Start(weights, head.bias) if len(weights) == lesson.features.shape[1] else None


# --- kinds of versions -----------------------------------------------------------------------------------


class _Blend(NamedTuple):
    """A tuned version's calibration, on the labels at these `places`: those its network has judged unseen."""

    network: Network
    places: np.ndarray
    calibration: Calibration


def _blend(lesson: Lesson, fitted: Fitted, champion: ModelVersion | None, settings: UserSettings) -> _Blend | None:
    """None unless the champion is tuned, for this backbone, and enough labels of both kinds can be blended."""
    network = champion.network if champion and champion.kind == "tuned" else None
    if champion is None or network is None or champion.backbone != lesson.backbone:
        return None
    heard = np.array([label.network_logits.get(network.short, np.nan) for label in lesson.labels])
    places = np.flatnonzero(np.isfinite(heard))
    likes = int(lesson.liked[places].sum())
    if len(places) < FEWEST_BLENDED or min(likes, len(places) - likes) < FEWEST_OF_A_KIND:
        return None
    pairs = zip(fitted.loo_logits[places].tolist(), heard[places].tolist(), strict=True)
    logits = np.array([blended(head, tuned, network.share) for head, tuned in pairs])
    said = calibrate(logits, lesson.liked[places], wish=settings.wish, precision_at_least=settings.precision_at_least)
    return _Blend(network, places, said)


def _likeness(user: User, lesson: Lesson, past: Past, now: datetime, code: str) -> Taught | None:
    serves = past.champion is not None and past.champion.backbone == lesson.backbone
    head = None if serves else likeness_head(lesson.features, lesson.liked, lesson.backbone)
    if head is None:
        return None
    model = _version(user, lesson, past, now, code, heads.pack(head), {}, {"kind": "likeness", "penalty": 0.0})
    return Taught(model, None, None)


def _version(
    user: User,
    lesson: Lesson,
    past: Past,
    now: datetime,
    code: str,
    head: bytes,
    metrics: dict[str, float],
    more: dict[str, object],
) -> ModelVersion:
    stated = stated_precision(user.settings)
    metrics = metrics | {"left_out": float(lesson.left_out)}
    return ModelVersion.model_validate(
        {
            "user_id": user.user_id,
            "version": past.newest + 1,
            "head": head,
            "sha256": hashlib.sha256(head).hexdigest(),
            "backbone": lesson.backbone,
            "labels": len(lesson.liked),
            "likes": int(lesson.liked.sum()),
            "labels_hash": lesson.hash,
            "metrics": metrics if stated is None else metrics | {"precision_at_least": stated},
            "code": code,
            "parent": past.champion.version if past.champion else None,
            "created_at": now,
            **more,
        }
    )


def _has_worsened(log_loss: float, kind: str, backbone: str, own: Sequence[ModelVersion]) -> bool:
    """Whether this and the refits before it each made left-out log loss worse, by more than `WORSE` together.

    Left-out scores cannot tell a taste that has changed from labels that are wrong: both ask for a look at the labels.
    """
    alike = [model for model in own if (model.kind, model.backbone) == (kind, backbone)][:WORSE_REFITS]
    losses = [log_loss, *(model.metrics.get("log_loss", np.inf) for model in alike)]
    falling = all(newer > older for newer, older in pairwise(losses))
    return len(losses) > WORSE_REFITS and falling and losses[0] - losses[-1] > WORSE


def _curve(past: Past, lesson: Lesson, fitted: Fitted, *, searched: bool) -> tuple[CurvePoint, ...]:
    """Drawn when the penalty is searched, as it costs about as much, and where none is left; else carried on."""
    kept = past.evidence
    if kept is not None and kept.backbone == lesson.backbone and not searched:
        return kept.curve
    return learning_curve(fitted.problem, lesson.liked, fitted.penalty)
