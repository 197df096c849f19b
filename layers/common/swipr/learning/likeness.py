"""Before there are two labels of a kind: a head that ranks by likeness to the likes, and never decides."""

import numpy as np

from swipr import heads

_STEEPNESS = 4.0  # between what was passed (score .12) and what was liked (.88)


def likeness_head(features: np.ndarray, liked: np.ndarray, backbone: str) -> heads.Head | None:
    """From float32 (n, dimensions) and bool (n,); None without a single like.

    The score rises from the passes' mean, or the mean of all photos (features are centred on it) where there is none,
    to the likes' mean. All of it is unsure.
    """
    if not liked.any():
        return None
    likes = features[liked].mean(axis=0, dtype=np.float64)
    passes = features[~liked].mean(axis=0, dtype=np.float64) if not liked.all() else np.zeros_like(likes)
    way = likes - passes
    weights = way / (float(way @ way) or 1.0)
    return heads.Head(
        backbone=backbone,
        bias=-float(passes @ weights),
        slope=_STEEPNESS,
        intercept=-_STEEPNESS / 2,
        threshold=0.5,
        unsure_low=0.0,
        unsure_high=1.0,
        weights=weights.astype("<f4").tobytes(),
    )
