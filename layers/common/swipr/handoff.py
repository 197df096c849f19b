"""When enough has been learned anew, a request to train a backbone: one per dataset version."""

import hashlib
from collections.abc import Iterable, Set
from contextlib import suppress
from datetime import datetime, timedelta

from swipr import dataset
from swipr.candidates import candidate
from swipr.dataset import Written
from swipr.errors import NotFoundError
from swipr.models import Handoff, ModelVersion, User
from swipr.ports import Blobs, Store
from swipr.takeout.archive import ArchivedHandoff

#: A candidate that comes later is not waited for.
ANSWER_WITHIN = timedelta(days=14)


def hand_over(user_id: str, store: Store, blobs: Blobs, *, now: datetime, code: str) -> Handoff | None:
    """Write `handoffs/<id>.json` if the newest model has learned from enough new labels; the hand-off if one is due.

    First the labels themselves, while they are the ones the model learned from. Then the user's record says what was
    handed over last, and only one of two that try at once gets to change it. The request follows from that record
    alone: whoever finds it missing, after a crash, writes the very same.
    """
    user = store.user(user_id)
    model = next(iter(store.models(user_id, limit=1)), None)
    if user is None or model is None:
        return None
    if user.handoff is not None and user.handoff.dataset:  # one of another install has its labels there
        _write_once(user.handoff, blobs)
    if not _is_due(model, user, now):
        return None
    written = dataset.write(_names(user_id, model.labels_hash)[0], model, store, blobs)
    if written is None:  # labelled meanwhile: the refit that this asked for comes here again
        return None
    handoff = _handoff(model, written, now, code)
    if store.set_handoff(user_id, handoff, expected=user.handoff):
        _write_once(handoff, blobs)
    elif store.user(user_id) is not None:
        return None
    if store.user(user_id) is None:  # deleted meanwhile, perhaps before there was anything to delete
        delete_handoffs({handoff.handoff_id}, blobs)
        return None
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


def _handoff(model: ModelVersion, written: Written, now: datetime, code: str) -> Handoff:
    handoff_id, split_seed = _names(model.user_id, model.labels_hash)
    return Handoff(
        handoff_id=handoff_id,
        user_id=model.user_id,
        labels_hash=model.labels_hash,
        labels=model.labels,
        likes=model.likes,
        passes=model.labels - model.likes,
        model_version=model.version,
        split_seed=split_seed,
        base_backbone=model.backbone,
        code=code,
        dataset=written.key,
        photos=written.photos,
        wanted=candidate.WANTED,
        created_at=now,
        deadline_at=now + ANSWER_WITHIN,
    )


def handed_again(archived: ArchivedHandoff, user_id: str) -> Handoff:
    """A hand-off of another install, as this user's: what was handed over there is not here."""
    handoff_id, split_seed = _names(user_id, archived.labels_hash)
    own = {"user_id": user_id, "handoff_id": handoff_id, "split_seed": split_seed, "wanted": candidate.WANTED}
    return Handoff.model_validate(archived.model_dump() | own)


def handoff_ids(user_id: str, user: User | None, models: Iterable[ModelVersion]) -> set[str]:
    """All that were ever handed over for this user: each is of the labels some model learned from."""
    hashes = {model.labels_hash for model in models}
    last = {user.handoff.handoff_id} if user and user.handoff else set()
    return last | {_names(user_id, labels_hash)[0] for labels_hash in hashes}


def delete_handoffs(handoff_ids: Set[str], blobs: Blobs) -> int:
    """Delete the requests with their labels, and before them what came in answer; how many objects there were."""
    answers = [key for key in blobs.keys("inbox/") if candidate.handoff_of(key.split("/")[1]) in handoff_ids]
    asked = [key for key in blobs.keys("handoffs/") if _id_in(key) in handoff_ids]
    for keys in filter(None, (answers, asked)):
        blobs.delete(keys)
    return len(answers) + len(asked)


def handoff_ids_of_nobody(user_id: str, blobs: Blobs) -> set[str]:
    """Of a user whose records are gone already: by what the requests themselves say."""
    found = set()
    for key in blobs.keys("handoffs/"):
        if not key.endswith(".json"):
            continue
        with suppress(NotFoundError):  # another one who forgets
            if Handoff.model_validate_json(blobs.get(key)).user_id == user_id:
                found.add(_id_in(key))
    return found


def _id_in(key: str) -> str:
    return key.split("/")[1].removesuffix(".json")


def _names(user_id: str, labels_hash: str) -> tuple[str, int]:
    """Id and seed of the split, which follow from whose labels they are."""
    digest = hashlib.sha256(f"{user_id}\n{labels_hash}".encode()).hexdigest()
    return digest[:32], int(digest[32:40], 16)


def _write_once(handoff: Handoff, blobs: Blobs) -> None:
    try:
        blobs.get(handoff_key(handoff))
    except NotFoundError:
        body = handoff.model_dump_json(indent=2).encode()
        blobs.put(handoff_key(handoff), body, content_type="application/json")
