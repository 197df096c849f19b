"""The main directions of a user's features as one object, so that a warm refit only projects on them.

Layout, little-endian: magic `SWDIRS1\\0`, u32 dimensions, u32 directions, float16 row by row, then sha256 of all before
it. Mixtures of more than a thousand labels each; made again when they are missing.
"""

import hashlib
import struct

import numpy as np

from swipr.errors import LabelError

MAGIC = b"SWDIRS1\0"
_HEADER = struct.Struct("<8sII")
_SUM_BYTES = 32


def pack(directions: np.ndarray) -> bytes:
    """Of (dimensions, r) numbers that float16 holds."""
    body = _HEADER.pack(MAGIC, *directions.shape) + directions.astype("<f2").tobytes()
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> np.ndarray:
    """float32 (dimensions, r). Raises LabelError unless the bytes are whole and unaltered."""
    body, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if data[:8] != MAGIC or hashlib.sha256(body).digest() != checksum:
        raise LabelError("no directions, or damaged ones")
    _, dimensions, count = _HEADER.unpack_from(body)
    numbers = np.frombuffer(body, "<f2", offset=_HEADER.size)
    return numbers.astype(np.float32).reshape(dimensions, count)
