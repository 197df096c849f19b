"""What training learns from: a user's labels with their features and where their kept photos lie, as one object.

`handoffs/<id>/labels.jsonl`, a line per label, by card id. The same labels give the same bytes.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from itertools import groupby, islice
from typing import NamedTuple

from pydantic import AwareDatetime, Field, ValidationError

from swipr import kept_photos
from swipr.errors import LabelError, NotFoundError
from swipr.models import Choice, Handoff, Label, ModelVersion, Value
from swipr.ports import Blobs, Store

_AT_ONCE = 500  # labels whose features are held unpacked


class Line(Value):
    """One label."""

    card_id: str
    choice: Choice
    labelled_at: AwareDatetime
    source: str
    chosen_by: str
    features: str = Field(repr=False)
    """base64 of float16 little-endian (dimensions,), by the frozen backbone."""
    photos: tuple[str, ...] = ()
    """Keys of the card's kept photos, in order."""


class Written(NamedTuple):
    key: str
    photos: int
    """Labels with kept photos."""


def key_of(handoff_id: str) -> str:
    return f"handoffs/{handoff_id}/labels.jsonl"


def write(handoff_id: str, model: ModelVersion, store: Store, blobs: Blobs) -> Written | None:
    """Write what the model learned from; None, and nothing written, if the labels are others by now."""
    from swipr.learning.refitting import labels_hash  # needs numpy, which whoever only forgets has not

    labels = [label for label in store.labels(model.user_id) if label.backbone == model.backbone]
    if labels_hash(labels) != model.labels_hash:
        return None
    kept = _kept(model.user_id, blobs)
    lines = list(_lines(model.user_id, labels, kept, store))
    key = key_of(handoff_id)
    blobs.put(key, _bytes(lines), content_type="application/jsonl")
    # Whoever was forgotten before the object was there is found missing now; who is forgotten later, finds it.
    there = {label.card_id for label in store.labels(model.user_id)}
    for line in lines:
        if line.card_id not in there:
            forget_card(line.card_id, {handoff_id}, blobs)
    return Written(key, sum(bool(line.photos) for line in lines))


def read(body: bytes) -> list[Line]:
    """Raises LabelError naming the line that is none."""
    lines = []
    for number, text in enumerate(body.splitlines(), start=1):
        try:
            lines.append(Line.model_validate_json(text))
        except ValidationError:
            raise LabelError(f"labels.jsonl: line {number} is not a label as a hand-off has it") from None
    return lines


def forget_card(card_id: str, handoff_ids: Set[str], blobs: Blobs) -> int:
    """Take the card's line out of these datasets; how many had one. Safe to do twice."""
    return sum(_forget_line(card_id, key_of(handoff_id), blobs) for handoff_id in sorted(handoff_ids))


def lacking(handoff: Handoff) -> str:
    """In plain words what cannot be trained for lack of kept photos; empty where nothing is lacking."""
    if handoff.photos >= handoff.labels:
        return ""
    switch_on = "switch on keep_photos in the settings, so that the photos of labels to come are kept"
    if not handoff.photos:
        return f"none of the {handoff.labels} labels has kept photos: only a head can be trained; {switch_on}"
    return (
        f"{handoff.photos} of the {handoff.labels} labels have kept photos: the network learns from these; {switch_on}"
    )


def _forget_line(card_id: str, key: str, blobs: Blobs) -> bool:
    with suppress(NotFoundError):
        lines = read(blobs.get(key))
        left = [line for line in lines if line.card_id != card_id]
        if len(left) < len(lines):
            blobs.put(key, _bytes(left), content_type="application/jsonl")
            return True
    return False


def _kept(user_id: str, blobs: Blobs) -> dict[str, tuple[str, ...]]:
    """Keys of kept photos by their card's folder, listed at once."""
    keys = kept_photos.all_keys(blobs, user_id)
    return {folder: tuple(own) for folder, own in groupby(keys, key=lambda key: key.rpartition("/")[0] + "/")}


def _lines(user_id: str, labels: Iterable[Label], kept: dict[str, tuple[str, ...]], store: Store) -> Iterator[Line]:
    """By card id; a label without features is left out, as a refit leaves it out."""
    left = iter(sorted(labels, key=lambda label: label.card_id))
    while batch := list(islice(left, _AT_ONCE)):
        features = store.label_features(user_id, [label.card_id for label in batch])
        for label in batch:
            if row := features.get(label.card_id):
                yield _line(label, row, kept.get(kept_photos.card_folder(user_id, label.card_id), ()))


def _line(label: Label, features: bytes, photos: tuple[str, ...]) -> Line:
    return Line(
        card_id=label.card_id,
        choice=label.choice,
        labelled_at=label.labelled_at,
        source=label.source,
        chosen_by=label.chosen_by,
        features=base64.b64encode(features).decode(),
        photos=photos,
    )


def _bytes(lines: Sequence[Line]) -> bytes:
    return "".join(f"{line.model_dump_json()}\n" for line in lines).encode()
