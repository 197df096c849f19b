"""One user's label features in one object, so that a refit never reads thousands of items for one correction.

Layout, little-endian: magic `SWFEAT1\\0`, u32 rows, u32 bytes a row; per row u16 length of the card id, the id in
UTF-8, i64 microseconds since 1970 when it was labelled, the row; then sha256 of all before it.
"""

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from swipr.errors import LabelError

MAGIC = b"SWFEAT1\0"
_HEADER = struct.Struct("<8sII")
_ID = struct.Struct("<H")
_TIME = struct.Struct("<q")
_SUM_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PackedRow = bytes | memoryview
"""Float16 little-endian; of a pack, a view of it."""


class Key(NamedTuple):
    """A label as it was; the same card labelled again is another."""

    card_id: str
    labelled_at: datetime


def pack(rows: Mapping[Key, PackedRow]) -> bytes:
    """Raises LabelError for rows of different lengths."""
    lengths = {len(row) for row in rows.values()}
    if len(lengths) > 1:
        raise LabelError("feature rows of different lengths in one pack")
    parts: list[PackedRow] = [_HEADER.pack(MAGIC, len(rows), max(lengths, default=0))]
    for key in sorted(rows):
        name = key.card_id.encode()
        parts += [_ID.pack(len(name)), name, _TIME.pack(_microseconds(key.labelled_at)), rows[key]]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> dict[Key, PackedRow]:
    """Rows as views of the pack, nothing copied. Raises LabelError unless the bytes are a whole, unaltered pack."""
    view = memoryview(data)
    body, checksum = view[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if data[:8] != MAGIC or hashlib.sha256(body).digest() != checksum:
        raise LabelError("not a feature pack, or a damaged one")
    _, count, length = _HEADER.unpack_from(body)
    at = _HEADER.size
    rows: dict[Key, PackedRow] = {}
    for _ in range(count):
        (size,) = _ID.unpack_from(body, at)
        name = str(body[at + _ID.size : at + _ID.size + size], "utf-8")
        at += _ID.size + size
        (microseconds,) = _TIME.unpack_from(body, at)
        at += _TIME.size + length
        rows[Key(name, _EPOCH + timedelta(microseconds=microseconds))] = body[at - length : at]
    return rows


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
