"""One user's head as bytes: what the judge multiplies features with, and what turns its logit into a score.

Layout, little-endian: magic `SWHEAD1\\0`, u32 dimensions, 32 bytes backbone sha256, f64 bias, f64 slope, f64
intercept, f64 threshold, f64 unsure_low, f64 unsure_high, float32 weights, then sha256 of all before it. 2,704
dimensions make 10,940 bytes. numpy is needed for the weights only.
"""

import hashlib
import math
import struct
from typing import TYPE_CHECKING, NamedTuple

from swipr.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"SWHEAD1\0"
MAX_BYTES = 11_264
_FIXED = struct.Struct("<8sI32s6d")
_SUM_BYTES = 32


class Head(NamedTuple):
    """`logit = features @ weights + bias`; `score = sigmoid(slope * logit + intercept)`.

    A score from `unsure_low` to `unsure_high` is unsure; otherwise at or above `threshold` is a like.
    """

    backbone: str
    bias: float
    slope: float
    intercept: float
    threshold: float
    unsure_low: float
    unsure_high: float
    weights: bytes
    """float32 little-endian."""

    def score(self, logit: float) -> float:
        """The calibrated probability of a like, 0 to 1."""
        x = max(-40.0, min(40.0, self.slope * logit + self.intercept))
        return 1.0 / (1.0 + math.exp(-x))


def pack(head: Head) -> bytes:
    """Raises ModelError for a number that is not finite or a head too large."""
    numbers = (head.bias, head.slope, head.intercept, head.threshold, head.unsure_low, head.unsure_high)
    if not all(map(math.isfinite, numbers)):
        raise ModelError("the head holds a number that is not finite")
    fixed = _FIXED.pack(MAGIC, len(head.weights) // 4, bytes.fromhex(head.backbone), *numbers)
    body = fixed + head.weights
    if len(body) + _SUM_BYTES > MAX_BYTES:
        raise ModelError(f"the head takes {len(body) + _SUM_BYTES} bytes, more than {MAX_BYTES}")
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> Head:
    """Raises ModelError unless the bytes are a whole, unaltered head."""
    if not _FIXED.size + _SUM_BYTES < len(data) <= MAX_BYTES or data[:8] != MAGIC:
        raise ModelError("not a head")
    body, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if hashlib.sha256(body).digest() != checksum:
        raise ModelError("the head's checksum does not match its bytes")
    _, dimensions, backbone, bias, slope, intercept, threshold, low, high = _FIXED.unpack_from(body)
    numbers = (bias, slope, intercept, threshold, low, high)
    weights = body[_FIXED.size :]
    if len(weights) != 4 * dimensions or not all(map(math.isfinite, numbers)):
        raise ModelError("the head's parts do not fit together")
    return Head(backbone.hex(), bias, slope, intercept, threshold, low, high, weights)


def weight_vector(head: Head) -> "np.ndarray":
    """float32 (dimensions,). Raises ModelError if one is not finite."""
    import numpy as np

    weights = np.frombuffer(head.weights, "<f4")
    if not np.isfinite(weights).all():
        raise ModelError("the head holds a weight that is not finite")
    return weights
