"""Labels follow a change of backbone: their photos, where there are any still, are embedded anew."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from swipr import kept_photos
from swipr.errors import ModelError
from swipr.judging import Judge, PhotoSource
from swipr.models import Label
from swipr.ports import Blobs, Store
from swipr.sessions.photos import mean_row

#: The judge reads the photos at once; an address need not live longer.
ADDRESS_EXPIRES_S = 300


@dataclass
class Followed:
    """`left` cannot follow: no photo of theirs is kept, or none could be read."""

    followed: list[Label] = field(default_factory=list)
    left: list[Label] = field(default_factory=list)


def reembed(
    labels: Sequence[Label],
    *,
    store: Store,
    blobs: Blobs,
    judge: Judge,
    backbone: str,
    at: datetime,
    told: Callable[[int], None] = lambda _: None,
) -> Followed:
    """Give each label the features of the judge's backbone; idempotent. `told` how many are done.

    Raises ModelError if the judge fails or runs another backbone than `backbone`; labels done before stay done.
    """
    result = Followed()
    for number, label in enumerate(labels, start=1):
        row = _row(_sources(label, store, blobs, at), judge, backbone)
        fresh = label.model_copy(update={"backbone": backbone, "features": row or b""})
        if row is None:
            result.left.append(label)
        elif store.refresh_label(fresh):
            result.followed.append(fresh)
        told(number)
    return result


def _sources(label: Label, store: Store, blobs: Blobs, at: datetime) -> list[PhotoSource]:
    """The photos kept with the label, else those of its decision while they last."""
    kept = kept_photos.keys(blobs, label.user_id, label.card_id)
    if kept:
        return [PhotoSource(id=key, url=blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)) for key in kept]
    decision = store.decision(label.user_id, label.card_id, at=at)
    if decision is None or not decision.shows_photos(at):
        return []
    return [
        PhotoSource(
            id=f"{part.key} {part.first}",
            url=blobs.presign_get(part.key, expires_s=ADDRESS_EXPIRES_S),
            first=part.first,
            last=part.last,
        )
        for part in decision.photos
        if part.key in blobs.keys(part.key)
    ]


def _row(sources: list[PhotoSource], judge: Judge, backbone: str) -> bytes | None:
    if not sources:
        return None
    answer = judge({"photos": sources, "heads": []})
    if answer["backbone"] != backbone:
        raise ModelError("the judge runs another backbone than the labels are to follow")
    rows = [base64.b64decode(photo["features"]) for photo in answer["photos"] if "features" in photo]
    return mean_row(rows) if rows else None
