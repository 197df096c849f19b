"""What can be said of the version in charge: out of fold alone, each label judged by a model that had not seen it."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AwareDatetime

from swipr.candidates import gate
from swipr.learning.evidence import Evidence
from swipr.models import Label, ModelVersion, User, Value
from swipr.ports import Store
from swipr.reporting import scorecard
from swipr.reporting.scorecard import Measured
from swipr.reporting.shares import ENOUGH, Share, not_enough, share

#: Versions before the one in charge that its lineage names.
ANCESTORS = 5
WORSENED = (
    "the last refits each judged worse than the one before: look at the labels that may be wrong "
    "(GET /v1/labels/doubtful), or go on if your taste has changed; nothing is dropped by itself"
)
Kind = Literal["head", "tuned", "likeness"]


class ModelFigures(Value):
    """Of the champion, out of fold. `n` labels were judged; below enough of them no figure, and `text` says so.

    Each `_low` and `_high` is a 95 % interval; None where only the figure itself was kept. `lineage`: the versions it
    goes on from, newest first. `warning`: what to look at.
    """

    version: int
    kind: Kind
    n: int
    likes: int
    created_at: AwareDatetime
    backbone: str
    labels_hash: str
    candidate: str | None = None
    lineage: tuple[int, ...] = ()
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    accuracy: Share
    precision: Share
    recall: Share
    majority: float | None = None
    """What always giving the commoner answer would get right."""
    log_loss: float | None = None
    log_loss_low: float | None = None
    log_loss_high: float | None = None
    calibration_error: float | None = None
    calibration_error_low: float | None = None
    calibration_error_high: float | None = None
    warning: str | None = None
    text: str


class Answers(Value):
    """Left-out answers of the version in charge, one for each label, all arrays in one order: what plots are made of.

    `scores` are calibrated without their own fold; `ranked` all alike, for curves of ranking; `uncalibrated` as the
    model alone would have had them, empty where unknown. `said`, true: like.
    """

    version: int
    threshold: float
    scores: tuple[float, ...]
    ranked: tuple[float, ...]
    uncalibrated: tuple[float, ...]
    liked: tuple[bool, ...]
    said: tuple[bool, ...]


class ShadowFigures(Value):
    """Of the version that waits: on labels given after both versions had said what they think."""

    version: int
    kind: Kind
    candidate: str | None
    since: AwareDatetime
    pairs: int
    needed: int
    right: Share
    right_in_charge: Share
    text: str


def model_figures(model: ModelVersion, evidence: Evidence | None, store: Store) -> ModelFigures:
    own = evidence if evidence is not None and evidence.version == model.version and evidence.scores else None
    figures = _from_evidence(own) if own else _from_metrics(model)
    n = figures["n"]
    text = f"version {model.version}, learned from {model.labels} labels; each judged by a model that had not seen it"
    if n < ENOUGH:
        text += f"; {not_enough(n, 'labels')}"
    if figures["majority"] is not None:
        text += f"; always saying the same would be right {100 * figures['majority']:.0f} of 100 times"
    return ModelFigures(
        version=model.version,
        kind=model.kind,
        created_at=model.created_at,
        backbone=model.backbone,
        labels_hash=model.labels_hash,
        candidate=model.candidate,
        lineage=_lineage(model, store),
        warning=WORSENED if model.metrics.get("worsened") else None,
        text=text,
        **figures,
    )


def answers(model: ModelVersion, evidence: Evidence | None) -> Answers | None:
    """None below enough labels, and of an older version, of which only the figures were kept."""
    if evidence is None or evidence.version != model.version or len(evidence.liked) < ENOUGH:
        return None
    return Answers(
        version=model.version,
        threshold=round(evidence.threshold, 4),
        scores=_rounded(evidence.scores),
        ranked=_rounded(evidence.left_out),
        uncalibrated=_rounded(evidence.uncalibrated),
        liked=evidence.liked,
        said=evidence.said,
    )


def shadow_figures(user: User, labels: Sequence[Label], store: Store) -> ShadowFigures | None:
    """None while no version waits."""
    shadow = store.model(user.user_id, user.shadow) if user.shadow is not None else None
    if shadow is None:
        return None
    pairs, standing = gate.pairs(labels, shadow), gate.standing(labels, shadow)
    right = sum(pair.waiting.verdict == pair.choice for pair in pairs)
    before = sum(pair.before.verdict == pair.choice for pair in pairs)
    return ShadowFigures(
        version=shadow.version,
        kind=shadow.kind,
        candidate=shadow.candidate,
        since=shadow.created_at,
        pairs=standing.pairs,
        needed=standing.needed,
        right=share(right, len(pairs), "cards it judged before you did, as you did"),
        right_in_charge=share(before, len(pairs), "of the same cards judged as you did by the version in charge"),
        text=f"version {shadow.version} waits: {standing.pairs} of {standing.needed} cards asked of both beforehand",
    )


# --- where the figures come from ------------------------------------------------------------------------------


def _from_evidence(own: Evidence) -> dict[str, Any]:
    n, likes, said = len(own.liked), sum(own.liked), sum(own.said)
    hits = sum(a and b for a, b in zip(own.said, own.liked, strict=True))
    right = sum(a == b for a, b in zip(own.said, own.liked, strict=True))
    figures: dict[str, Any] = {"n": n, "likes": likes, **_shares(right, n, hits, said, likes)}
    figures["majority"] = round(max(likes, n - likes) / n, 4)
    if n >= ENOUGH:
        figures |= _named("auc", scorecard.auc(own.left_out, own.liked))
        figures |= _named("log_loss", scorecard.log_loss(own.scores, own.liked))
        figures |= _named("calibration_error", scorecard.calibration_error(own.scores, own.liked))
    return figures


def _from_metrics(model: ModelVersion) -> dict[str, Any]:
    """Of an older version, of which only the figures themselves were kept."""
    said, n, likes = model.metrics, model.labels, model.likes
    hits = round(said.get("recall", 0) * likes)
    said_like = round(hits / said["precision"]) if said.get("precision") else 0
    right = round(said.get("accuracy", 0) * n)
    names = ("auc", "auc_low", "auc_high", "log_loss", "calibration_error") if n >= ENOUGH else ()
    kept = {name: round(said[name], 4) if name in said else None for name in ("majority", *names)}
    return {"n": n, "likes": likes, **_shares(right, n, hits, said_like, likes), **kept}


def _shares(right: int, n: int, hits: int, said_like: int, likes: int) -> dict[str, Share]:
    return {
        "accuracy": share(right, n, "labels judged right"),
        "precision": share(hits, said_like, "cards it called likes were likes"),
        "recall": share(hits, likes, "likes it called likes"),
    }


def _rounded(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(score, 4) for score in scores)


def _named(name: str, found: Measured | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {name: round(found.value, 4), f"{name}_low": round(found.low, 4), f"{name}_high": round(found.high, 4)}


def _lineage(model: ModelVersion, store: Store) -> tuple[int, ...]:
    found: list[int] = []
    before = model
    while before.parent is not None and len(found) < ANCESTORS and before.parent < before.version:
        found.append(before.parent)
        parent = store.model(model.user_id, before.parent)
        if parent is None:
            break
        before = parent
    return tuple(found)
