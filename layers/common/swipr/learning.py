"""A user's labels become the next version of their head."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from swipr import feature_pack, heads
from swipr.errors import ConflictError, LabelError, NotFoundError
from swipr.feature_pack import Key
from swipr.fitting import Fitted, fit, to_head
from swipr.models import Label, ModelVersion, UserSettings
from swipr.ports import Blobs, Store

__all__ = ["Fitted", "fit", "labels_hash", "refit", "to_head"]

GRID_EVERY = 1.2  # the penalty is searched anew once labels have grown or shrunk by this factor
FEW = 12  # labels; below, a grid costs nothing
_ATTEMPTS = 8  # a loser refits on what the winner left


def refit(
    user_id: str, store: Store, blobs: Blobs, *, now: datetime, code: str, backbone: str | None = None
) -> ModelVersion | None:
    """Learn from the user's labels and publish version n + 1 as their champion.

    Idempotent: None if the newest version already learned from exactly these labels and settings, or if there is
    not enough to learn from yet. `backbone` is the sha256 in use; left out, it is the one of the most labels.
    Raises ConflictError if others keep publishing meanwhile: deliver again.
    """
    for _ in range(_ATTEMPTS):
        user = store.user(user_id)
        if user is None:
            return None
        newest = next(iter(store.models(user_id, limit=1)), None)
        lesson = _lesson(user_id, store.labels(user_id), store, blobs, backbone)
        if newest is not None and _learned(newest, lesson, user.settings):
            _promote(store, newest)
            return None
        try:
            model = _next_version(user_id, lesson, user.settings, newest, now, code)
        except LabelError:  # below two of a kind: an older head, if any, stays
            return None
        if store.put_model(model):
            _promote(store, model)
            return model
    raise ConflictError("another refit of this user keeps winning")


def labels_hash(labels: Sequence[Label]) -> str:
    """sha256 that names a set of labels, whatever their order."""
    lines = sorted(f"{label.card_id}\t{label.choice}\t{label.labelled_at.timestamp():.6f}\n" for label in labels)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class _Lesson(NamedTuple):
    """What there is to learn from: `features` float32 (n, dimensions), `liked` bool (n,)."""

    backbone: str
    hash: str
    features: np.ndarray
    liked: np.ndarray
    left_out: int
    """Labels of another backbone, or without usable features."""


def _lesson(user_id: str, labels: Sequence[Label], store: Store, blobs: Blobs, backbone: str | None) -> _Lesson:
    backbone = backbone or _commonest_backbone(labels)
    fitting = [label for label in labels if label.backbone == backbone]
    rows = _rows(user_id, backbone, fitting, store, blobs)
    usable = [label for label in fitting if _key(label) in rows]
    matrix = np.array([np.frombuffer(rows[_key(label)], "<f2") for label in usable], np.float32)
    return _Lesson(
        backbone=backbone,
        hash=labels_hash(fitting),
        features=matrix.reshape(len(usable), -1 if usable else 0),
        liked=np.array([label.choice == "like" for label in usable], bool),
        left_out=len(labels) - len(usable),
    )


def _commonest_backbone(labels: Sequence[Label]) -> str:
    """Of equally many, the one of the newest label; empty without labels."""
    counts = Counter(label.backbone for label in labels)
    newest_first = sorted(labels, key=lambda label: label.labelled_at, reverse=True)
    return max((label.backbone for label in newest_first), key=lambda sha: counts[sha], default="")


def _key(label: Label) -> Key:
    return Key(label.card_id, label.labelled_at)


def _rows(user_id: str, backbone: str, labels: Sequence[Label], store: Store, blobs: Blobs) -> dict[Key, bytes]:
    """Usable feature rows of the labels; the user's pack is brought up to date, forgotten labels leave it."""
    if not labels:
        blobs.delete(blobs.keys(f"features/{user_id}/"))
        return {}
    name = f"features/{user_id}/{backbone[:12]}.bin"
    packed = _packed(blobs, name)
    missing = [label for label in labels if _key(label) not in packed]
    read = store.label_features(user_id, [label.card_id for label in missing]) if missing else {}
    found = packed | {_key(label): read[label.card_id] for label in missing if label.card_id in read}
    rows = _of_one_length({_key(label): found[_key(label)] for label in labels if _key(label) in found})
    if rows != packed:
        blobs.put(name, feature_pack.pack(rows))
    return rows


def _packed(blobs: Blobs, name: str) -> dict[Key, bytes]:
    try:
        return feature_pack.unpack(blobs.get(name))
    except (NotFoundError, LabelError):  # made again from the labels themselves
        return {}


def _of_one_length(rows: dict[Key, bytes]) -> dict[Key, bytes]:
    """Without rows that are not finite or not as long as most."""
    sound = {key: row for key, row in rows.items() if row and len(row) % 2 == 0 and _finite(row)}
    lengths = Counter(map(len, sound.values()))
    usual = max(lengths, key=lambda length: lengths[length], default=0)
    return {key: row for key, row in sound.items() if len(row) == usual}


def _finite(row: bytes) -> bool:
    return bool(np.isfinite(np.frombuffer(row, "<f2")).all())


def _learned(newest: ModelVersion, lesson: _Lesson, settings: UserSettings) -> bool:
    return (newest.labels_hash, newest.backbone) == (lesson.hash, lesson.backbone) and (
        newest.metrics.get("precision_at_least") == _stated_precision(settings)
    )


def _stated_precision(settings: UserSettings) -> float | None:
    return settings.precision_at_least if settings.wish == "precision" else None


def _next_version(
    user_id: str,
    lesson: _Lesson,
    settings: UserSettings,
    newest: ModelVersion | None,
    now: datetime,
    code: str,
) -> ModelVersion:
    """Raises LabelError when there is not enough to learn from."""
    penalty = _kept_penalty(newest, lesson)
    fitted = fit(
        lesson.features,
        lesson.liked,
        wish=settings.wish,
        precision_at_least=settings.precision_at_least,
        penalty=penalty,
    )
    head = heads.pack(to_head(fitted, lesson.backbone))
    metrics = fitted.metrics | {"left_out": float(lesson.left_out)}
    metrics["grid_labels"] = float(len(lesson.liked)) if penalty is None else _grid_labels(newest)
    stated = _stated_precision(settings)
    return ModelVersion(
        user_id=user_id,
        version=1 if newest is None else newest.version + 1,
        head=head,
        sha256=hashlib.sha256(head).hexdigest(),
        backbone=lesson.backbone,
        labels=len(lesson.liked),
        likes=int(lesson.liked.sum()),
        labels_hash=lesson.hash,
        penalty=fitted.penalty,
        metrics=metrics if stated is None else metrics | {"precision_at_least": stated},
        code=code,
        created_at=now,
    )


def _kept_penalty(newest: ModelVersion | None, lesson: _Lesson) -> float | None:
    """The newest version's penalty while its grid is still about right, else None."""
    if newest is None or newest.backbone != lesson.backbone or len(lesson.liked) < FEW:
        return None
    growth = len(lesson.liked) / max(1.0, _grid_labels(newest))
    return newest.penalty if 1 / GRID_EVERY < growth < GRID_EVERY else None


def _grid_labels(newest: ModelVersion | None) -> float:
    """How many labels the penalty of this version was searched on."""
    return 0.0 if newest is None else newest.metrics.get("grid_labels", 0.0)


def _promote(store: Store, model: ModelVersion) -> None:
    """Make the version champion, unless it or a newer one has been: what was taken back returns by its user only."""
    for _ in range(_ATTEMPTS):
        user = store.user(model.user_id)
        if user is None or model.version <= max(user.highest_champion, user.champion or 0, user.previous or 0):
            return
        if store.set_champion(model.user_id, model.version, expected=user.champion):
            return
    raise ConflictError("the champion keeps changing")
