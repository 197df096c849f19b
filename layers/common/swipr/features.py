"""Feature rows as bytes, float16 little-endian, for code that has no numpy."""

import math
import struct
from collections.abc import Sequence

from swipr.errors import ModelError


def mean_row(rows: Sequence[bytes]) -> bytes:
    """The mean of at least one equally long row: a card's features from those of its photos.

    Raises ModelError for no rows, rows of different lengths, or a number that is not finite.
    """
    if not rows or len(rows[0]) < 2 or len(rows[0]) % 2 or any(len(row) != len(rows[0]) for row in rows):
        raise ModelError("feature rows do not fit together")
    layout = struct.Struct(f"<{len(rows[0]) // 2}e")
    columns = zip(*map(layout.unpack, rows), strict=True)
    means = [math.fsum(column) / len(rows) for column in columns]
    if not all(map(math.isfinite, means)):
        raise ModelError("a feature is not finite")
    return layout.pack(*means)
