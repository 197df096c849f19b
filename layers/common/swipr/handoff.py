"""When enough has been learned anew, a request to train a backbone: one per dataset version."""

import hashlib
from datetime import datetime, timedelta

from swipr.errors import NotFoundError
from swipr.models import Handoff, ModelVersion, User
from swipr.ports import Blobs, Store

#: A candidate that comes later is not waited for.
ANSWER_WITHIN = timedelta(days=14)
WANTED = ("backbone.onnx", "backbone.json", "card.json")


def hand_over(user_id: str, store: Store, blobs: Blobs, *, now: datetime, code: str) -> Handoff | None:
    """Write `handoffs/<id>.json` if the newest model has learned from enough new labels; the hand-off if one is due.

    The user's record says what was handed over last, and only one of two that try at once gets to change it. The
    object follows from that record alone: whoever finds it missing, after a crash, writes the very same.
    """
    user = store.user(user_id)
    model = next(iter(store.models(user_id, limit=1)), None)
    if user is None or model is None:
        return None
    if user.handoff is not None:
        _write_once(user.handoff, blobs)
    if not _is_due(model, user, now):
        return None
    handoff = _handoff(model, now, code)
    if not store.set_handoff(user_id, handoff, expected=user.handoff):
        return None
    _write_once(handoff, blobs)
    return handoff


def handoff_key(handoff: Handoff) -> str:
    return f"handoffs/{handoff.handoff_id}.json"


def _is_due(model: ModelVersion, user: User, now: datetime) -> bool:
    """At first `handoff_min_labels`, then twice as many labels as at the last hand-off, and not too soon after it."""
    chosen, last = user.settings, user.handoff
    if last is None:
        return model.labels >= chosen.handoff_min_labels
    new = model.labels - last.labels
    rested = now - last.created_at >= timedelta(hours=chosen.handoff_min_hours)
    return rested and new >= max(last.labels, chosen.handoff_min_labels) and model.labels_hash != last.labels_hash


def _handoff(model: ModelVersion, now: datetime, code: str) -> Handoff:
    digest = hashlib.sha256(f"{model.user_id}\n{model.labels_hash}".encode()).hexdigest()
    handoff_id = digest[:32]
    return Handoff(
        handoff_id=handoff_id,
        user_id=model.user_id,
        labels_hash=model.labels_hash,
        labels=model.labels,
        likes=model.likes,
        passes=model.labels - model.likes,
        model_version=model.version,
        split_seed=int(digest[32:40], 16),
        base_backbone=model.backbone,
        code=code,
        wanted=tuple(f"inbox/{handoff_id}/{name}" for name in WANTED),
        created_at=now,
        deadline_at=now + ANSWER_WITHIN,
    )


def _write_once(handoff: Handoff, blobs: Blobs) -> None:
    try:
        blobs.get(handoff_key(handoff))
    except NotFoundError:
        body = handoff.model_dump_json(indent=2).encode()
        blobs.put(handoff_key(handoff), body, content_type="application/json")
