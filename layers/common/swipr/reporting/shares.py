"""Figures worth saying: a share or a mean with its number and interval, or that there is not enough yet."""

from swipr.intervals import wilson
from swipr.models import Value

#: A figure of fewer than these says nothing.
ENOUGH = 20
NOT_ENOUGH = "not enough data yet"


class Share(Value):
    """`hits` of `n`, with a Wilson 95 % interval; below `ENOUGH` no share, and `text` says so."""

    n: int
    hits: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    text: str


def share(hits: int, n: int, what: str) -> Share:
    """A share worth saying, or that it is not yet one."""
    if n < ENOUGH:
        return Share(n=n, hits=hits, text=not_enough(f"{hits} of {n}", what))
    low, high = wilson(hits, n)
    text = f"{hits} of {n} {what}: {100 * hits / n:.0f} % (95 % between {100 * low:.0f} and {100 * high:.0f} %)"
    return Share(n=n, hits=hits, share=round(hits / n, 4), low=round(low, 4), high=round(high, 4), text=text)


def not_enough(n: int | str, what: str) -> str:
    return f"{NOT_ENOUGH}: {n} {what}, {ENOUGH} are needed"
