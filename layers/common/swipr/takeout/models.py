"""Model versions of an export, and which of them was in charge."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from swipr import heads
from swipr.errors import LabelError, ModelError
from swipr.handoff import handed_again
from swipr.models import ModelVersion, User
from swipr.ports import Store
from swipr.takeout.archive import Data, handoff_of, model_of
from swipr.takeout.leaving import goes_along
from swipr.takeout.writer import MODELS

#: A tuned version without its network would judge by half of itself.
TUNED = "it needs a tuned network, and no export of ours holds one; train again to have one"
OWN_STAY = "you have models of your own here; they stay, and the next one learns from all labels"
_MOST_VERSION = 1_000_000
_MOST_METRICS = 60


def restore_models(data: Data, user_id: str, store: Store, *, at: datetime) -> list[str | None]:
    """Store the heads, oldest first, and point at the champion; per model why not, or None. Safe to do twice."""
    found = [_checked(item, user_id, at) for item in data.models]
    models = {model.version: model for model in found if isinstance(model, ModelVersion)}
    if not _is_ours_alone(models, store.models(user_id, limit=MODELS)):
        return [OWN_STAY] * len(found)
    for version in sorted(models):
        store.put_model(models[version])
    _restore_pointers(data, user_id, store, frozenset(models))
    return [model if isinstance(model, str) else None for model in found]


def newest_taken(data: Data, user_id: str, store: Store, *, at: datetime) -> int:
    """The highest version of the archive that is here or will be: what higher ones said names others here. 0: none."""
    models = {
        m.version: m for m in (_checked(item, user_id, at) for item in data.models) if isinstance(m, ModelVersion)
    }
    ours = _is_ours_alone(models, store.models(user_id, limit=MODELS))
    return max(models, default=0) if ours else 0


def restore_handoff(data: Data, user_id: str, store: Store, *, at: datetime) -> None:
    """Remember what was handed over last, where nothing was handed over here; one that makes no sense is left out."""
    user = store.user(user_id)
    if data.handoff is None or user is None or user.handoff is not None:
        return
    try:
        archived = handoff_of(data.handoff)
    except LabelError:
        return
    if archived.created_at <= at:
        store.set_handoff(user_id, handed_again(archived, user_id), expected=None)


def _checked(item: object, user_id: str, at: datetime) -> ModelVersion | str:
    """The model, or why it cannot be used."""
    try:
        model = model_of(item, user_id)
        head = heads.unpack(model.head)
        heads.weight_vector(head)
    except (LabelError, ModelError) as error:
        return str(error)
    if not goes_along(model):
        return TUNED
    if hashlib.sha256(model.head).hexdigest() != model.sha256 or head.backbone != model.backbone:
        return "the head is not the one that the entry describes"
    if model.version > _MOST_VERSION or len(model.metrics) > _MOST_METRICS or model.created_at > at:
        return "no export of ours holds such a version"
    return model


def _is_ours_alone(models: dict[int, ModelVersion], here: Sequence[ModelVersion]) -> bool:
    """Whether what is here already is nothing but part of the archive."""
    return all(own.version in models and models[own.version].sha256 == own.sha256 for own in here)


def _restore_pointers(data: Data, user_id: str, store: Store, versions: frozenset[int]) -> None:
    """Champion and previous follow from the order in which they are set; going on where an earlier run stopped."""
    order = list(_order(data, versions))
    user = store.user(user_id)
    if user is None or not order:
        return
    states: list[tuple[int | None, int | None]] = [(None, None), *zip(order, [None, *order], strict=False)]
    if (user.champion, user.previous) not in states:
        return
    for version in order[states.index((user.champion, user.previous)) :]:
        now: User | None = store.user(user_id)
        if now is None or not store.set_champion(user_id, version, expected=now.champion):
            return


def _order(data: Data, versions: frozenset[int]) -> Iterator[int]:
    """The highest there ever was, where it is neither of the others, then the previous, then the champion."""
    last = [version for version in (data.previous, data.champion) if version in versions]
    if data.highest_champion in versions and data.highest_champion not in last:
        yield data.highest_champion
    yield from (version for version in last if version is not None)
