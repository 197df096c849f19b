"""Feature rows as bytes, float16 little-endian, for code that has no numpy."""

import math
import struct
from collections.abc import Callable, Sequence
from operator import mul

from swipr.errors import ModelError

Row = tuple[float, ...]


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


def numbers(row: bytes) -> Row:
    """The row's numbers. Raises ModelError for no row, or one that holds a number that is not finite."""
    if not row or len(row) % 2:
        raise ModelError("no feature row")
    found = struct.unpack(f"<{len(row) // 2}e", row)
    if not all(map(math.isfinite, found)):
        raise ModelError("a feature is not finite")
    return found


def _products(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(mul, one, other), 0.0)


#: The sum of products of two equally long rows. From Python 3.12 on four times as fast as in plain Python.
dot: Callable[[Sequence[float], Sequence[float]], float] = getattr(math, "sumprod", _products)
