"""What there is to learn from: a user's labels with their features, read without reading thousands of items."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from swipr.errors import LabelError, NotFoundError
from swipr.learning import feature_pack
from swipr.learning.feature_pack import Key, PackedRow
from swipr.models import Label
from swipr.ports import Blobs, Store

#: More than so many rows beside the pack are packed anew with it: a correction writes one row, not all of them.
MOST_BESIDE = 256
_AT_ONCE = 256  # rows, so that what is turned into numbers is still in the cache


class Lesson(NamedTuple):
    """`features` float32 (n, dimensions) and `liked` bool (n,), in the order of `labels`."""

    backbone: str
    hash: str
    labels: Sequence[Label]
    features: np.ndarray
    liked: np.ndarray
    left_out: int
    """Labels of another backbone, or without usable features."""


def read_lesson(
    user_id: str, store: Store, blobs: Blobs, backbone: str | None, *, labels: Sequence[Label] | None = None
) -> Lesson:
    """The labels of this backbone, by default that of the most; what is packed of their features is brought up to
    date, and what was forgotten leaves it. `labels`: all of the user's, where they have just been read."""
    labels = store.labels(user_id) if labels is None else labels
    backbone = backbone or _commonest_backbone(labels)
    fitting = {Key(label.card_id, label.labelled_at): label for label in labels if label.backbone == backbone}
    rows = _rows(user_id, backbone, list(fitting), store, blobs)
    usable = [fitting[key] for key in rows]
    return Lesson(
        backbone=backbone,
        hash=labels_hash(list(fitting.values())),
        labels=usable,
        features=_matrix(list(rows.values())),
        liked=np.array([label.choice == "like" for label in usable], bool),
        left_out=len(labels) - len(usable),
    )


def labels_hash(labels: Sequence[Label]) -> str:
    """sha256 that names a set of labels, whatever their order."""
    lines = sorted(f"{label.card_id}\t{label.choice}\t{label.labelled_at.timestamp():.6f}\n" for label in labels)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _commonest_backbone(labels: Sequence[Label]) -> str:
    """Of equally many, the one of the newest label; empty without labels."""
    counts = Counter(label.backbone for label in labels)
    newest_first = sorted(labels, key=lambda label: label.labelled_at, reverse=True)
    return max((label.backbone for label in newest_first), key=lambda sha: counts[sha], default="")


def _matrix(rows: Sequence[PackedRow]) -> np.ndarray:
    """float32 (n, dimensions) of float16 rows of one length."""
    matrix = np.empty((len(rows), len(rows[0]) // 2 if rows else 0), np.float32)
    for first in range(0, len(rows), _AT_ONCE):
        part = np.frombuffer(b"".join(rows[first : first + _AT_ONCE]), "<f2")
        matrix[first : first + _AT_ONCE] = part.reshape(-1, matrix.shape[1])
    return matrix


def _rows(user_id: str, backbone: str, keys: Sequence[Key], store: Store, blobs: Blobs) -> dict[Key, PackedRow]:
    """Usable feature rows, in the order of the keys."""
    if not keys:
        blobs.delete(blobs.keys(f"features/{user_id}/"))
        return {}
    name, beside_name = f"features/{user_id}/{backbone[:12]}.bin", f"features/{user_id}/{backbone[:12]}.new.bin"
    packed, beside = _packed(blobs, name), _packed(blobs, beside_name)
    known = packed | beside
    missing = [key for key in keys if key not in known]
    read = store.label_features(user_id, [key.card_id for key in missing]) if missing else {}
    known |= _sound({key: read[key.card_id] for key in missing if key.card_id in read})
    rows = _of_one_length({key: known[key] for key in keys if key in known})
    new = {key: row for key, row in rows.items() if key not in packed}
    if not packed or len(new) > MOST_BESIDE or _holds_others(packed, rows):
        blobs.put(name, feature_pack.pack(rows))
        blobs.delete([beside_name])
    elif new.keys() != beside.keys():
        blobs.put(beside_name, feature_pack.pack(new))
    return rows


def _holds_others(packed: Mapping[Key, PackedRow], rows: Mapping[Key, PackedRow]) -> bool:
    """Whether a card in the pack is no longer labelled."""
    gone = packed.keys() - rows.keys()
    return bool(gone) and not {key.card_id for key in gone} <= {key.card_id for key in rows}


def _packed(blobs: Blobs, name: str) -> dict[Key, PackedRow]:
    try:
        return feature_pack.unpack(blobs.get(name))
    except (NotFoundError, LabelError):  # made again from the labels themselves
        return {}


def _sound(rows: Mapping[Key, bytes]) -> dict[Key, PackedRow]:
    """Without rows that are not finite float16."""
    return {key: row for key, row in rows.items() if row and len(row) % 2 == 0 and _finite(row)}


def _of_one_length(rows: dict[Key, PackedRow]) -> dict[Key, PackedRow]:
    """Without rows that are not as long as most."""
    lengths = Counter(map(len, rows.values()))
    usual = max(lengths, key=lambda length: lengths[length], default=0)
    return rows if len(lengths) < 2 else {key: row for key, row in rows.items() if len(row) == usual}


def _finite(row: bytes) -> bool:
    return bool(np.isfinite(np.frombuffer(row, "<f2")).all())
