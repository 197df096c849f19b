"""A user's labels become the next version of their head."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from swipr import primal
from swipr.errors import ConflictError, LabelError, NotFoundError
from swipr.fitting import Fitted, fit, to_head
from swipr.learning import directions, evidence
from swipr.learning.lessons import Lesson, labels_hash, read_lesson
from swipr.learning.teaching import SEARCH_DUE, Past, Taught, kept_penalty, stated_precision, teach
from swipr.models import Label, ModelVersion, User, UserSettings
from swipr.ports import Blobs, Store

__all__ = ["Fitted", "fit", "labels_hash", "refit", "to_head"]

_ATTEMPTS = 8  # a loser refits on what the winner left
_RECENT = 20  # versions; those that came in by training stand between the ones fitted here


def refit(
    user_id: str,
    store: Store,
    blobs: Blobs,
    *,
    now: datetime,
    code: str,
    backbone: str | None = None,
    follow: Callable[[Sequence[Label]], bool] = lambda _: False,
) -> ModelVersion | None:
    """Learn from the user's labels and publish version n + 1: as their champion, unless it is only a likeness.

    Evidence of it is written before it is in charge. Idempotent: None if the newest version already learned from
    exactly these labels and settings, or if there is nothing to learn from yet. `backbone` is the sha256 in use; left
    out, it is the one of the most labels. `follow` may bring labels up to date, and says whether it did.
    Raises ConflictError if others keep publishing meanwhile: deliver again.
    """
    for _ in range(_ATTEMPTS):
        user = store.user(user_id)
        if user is None:
            return None
        versions = store.models(user_id, limit=_RECENT)  # before the labels: whoever learned from later ones wins
        labels = store.labels(user_id)
        lesson = read_lesson(user_id, store, blobs, backbone, labels=None if follow(labels) else labels)
        past = _past(user, versions, lesson, store, blobs)
        newest = next(iter(past.own), None)
        if newest and _learned(newest, lesson, user.settings) and not _overtaken(newest, user, past.champion):
            _complete(newest, user, lesson, past, store, blobs)
            return None
        taught = teach(user, lesson, past, now=now, code=code)
        if taught is None:  # an older head, if any, stays; what it left out does not
            blobs.delete([evidence.evidence_key(user_id)])
            return None
        if store.put_model(taught.model):
            _keep(taught, past, blobs)
            if _promote(store, taught.model):
                return taught.model
    raise ConflictError("another refit of this user keeps winning")


def _past(user: User, versions: Sequence[ModelVersion], lesson: Lesson, store: Store, blobs: Blobs) -> Past:
    past = Past(
        newest=versions[0].version if versions else 0,
        own=[model for model in versions if model.candidate is None],
        champion=_champion(user, versions, store),
        evidence=evidence.read(user.user_id, blobs) if versions else None,
        directions=None,
    )
    if len(lesson.liked) > primal.MOST_DUAL and kept_penalty(past, lesson) is not None:
        return past._replace(directions=_directions(user.user_id, lesson.backbone, blobs))
    return past


def _champion(user: User, versions: Sequence[ModelVersion], store: Store) -> ModelVersion | None:
    if user.champion is None:
        return None
    near = next((model for model in versions if model.version == user.champion), None)
    return near or store.model(user.user_id, user.champion)


def _learned(newest: ModelVersion, lesson: Lesson, settings: UserSettings) -> bool:
    if SEARCH_DUE in newest.metrics:
        return False
    return (newest.labels_hash, newest.backbone) == (lesson.hash, lesson.backbone) and (
        newest.metrics.get("precision_at_least") == stated_precision(settings)
    )


def _complete(newest: ModelVersion, user: User, lesson: Lesson, past: Past, store: Store, blobs: Blobs) -> None:
    """What a crash, or another one who forgot a card, has left undone."""
    known = past.evidence is not None and past.evidence.labels_hash == newest.labels_hash
    if newest.kind != "likeness" and not known:
        again = teach(user, lesson, past, now=newest.created_at, code=newest.code)
        if again is not None and again.evidence is not None:
            witness = again.evidence.model_copy(update={"version": newest.version})
            evidence.write(user.user_id, witness, blobs)
    _promote(store, newest)


def _keep(taught: Taught, past: Past, blobs: Blobs) -> None:
    user_id = taught.model.user_id
    if taught.evidence is None:
        blobs.delete([evidence.evidence_key(user_id)])
    else:
        evidence.write(user_id, taught.evidence, blobs)
    if taught.directions is not None and taught.directions is not past.directions:
        blobs.put(_directions_key(user_id, taught.model.backbone), directions.pack(taught.directions))


def _directions(user_id: str, backbone: str, blobs: Blobs) -> np.ndarray | None:
    try:
        return directions.unpack(blobs.get(_directions_key(user_id, backbone)))
    except (NotFoundError, LabelError):  # found anew
        return None


def _directions_key(user_id: str, backbone: str) -> str:
    return f"features/{user_id}/{backbone[:12]}.directions"


def _overtaken(model: ModelVersion, user: User, champion: ModelVersion | None) -> bool:
    """Whether a tuned version took charge while this head was being fitted without its network."""
    if champion is None or champion.kind != "tuned" or model.kind != "head" or model.parent == champion.version:
        return False
    return model.version > user.highest_champion and model.backbone == champion.backbone


def _promote(store: Store, model: ModelVersion) -> bool:
    """Make the version champion, unless it or a newer one has been: what was taken back returns by its user only.

    A likeness never is: it ranks, and decides nothing. False if it was overtaken, and has to be taught anew.
    """
    if model.kind == "likeness":
        return True
    for _ in range(_ATTEMPTS):
        user = store.user(model.user_id)
        if user is None or model.version <= max(user.highest_champion, user.champion or 0, user.previous or 0):
            return True
        champion = None if user.champion is None else store.model(model.user_id, user.champion)
        if _overtaken(model, user, champion):
            return False
        if store.set_champion(model.user_id, model.version, expected=user.champion):
            return True
    raise ConflictError("the champion keeps changing")
