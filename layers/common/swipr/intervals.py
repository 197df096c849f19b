"""How sure a share is."""

import math

Z_95 = 1.96  # standard deviations of a two-sided 95 % interval


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of `hits` of `n`, both from 0 to 1; all there is without any."""
    if n <= 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
