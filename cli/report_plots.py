"""Plots of the report page as SVG in the page itself: no script, colours by the page's classes."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from swipr.reporting.curves import Band, Bin

WIDTH, HEIGHT = 340, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 40
Point = tuple[float, float]


class Axes(NamedTuple):
    """Where values lie in the picture; `x_title` and `y_title` are said below and beside."""

    x: Callable[[float], float]
    y: Callable[[float], float]


def axes(x_from: float = 0.0, x_to: float = 1.0, y_from: float = 0.0, y_to: float = 1.0) -> Axes:
    """Linear both ways."""
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return Axes(
        lambda value: LEFT + across * (value - x_from) / ((x_to - x_from) or 1),
        lambda value: TOP + down * (1 - (value - y_from) / ((y_to - y_from) or 1)),
    )


def picture(title: str, parts: Sequence[str]) -> str:
    """One plot; `title` is read out to who cannot see it."""
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{inner}</svg>'


def frame(on: Axes, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], x: str, y: str) -> str:
    """Ticks with their words, and what the axes are."""
    base, parts = HEIGHT - BOTTOM, []
    for value, word in y_ticks:
        parts.append(_line("rule", (LEFT, on.y(value)), (WIDTH - RIGHT, on.y(value))))
        parts.append(_text(LEFT - 6, on.y(value) + 4, word, "end"))
    parts += [_text(on.x(value), base + 15, word, "middle") for value, word in x_ticks]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x, "middle"))
    turned = f'transform="rotate(-90 11 {(TOP + base) / 2:.0f})"'
    parts.append(_text(11, (TOP + base) / 2, y, "middle", turned))
    return "".join(parts)


QUARTERS = tuple((value / 4, f"{value / 4:.2f}".rstrip("0").rstrip(".")) for value in range(5))


def share_curve(title: str, band: Band, x: str, y: str, *, diagonal: bool = False, level: float | None = None) -> str:
    """A curve over shares with its band; the diagonal, or a level, is what chance would get."""
    on = axes()
    parts = [frame(on, QUARTERS, QUARTERS, x, y)]
    if diagonal:
        parts.append(_line("chance", (on.x(0), on.y(0)), (on.x(1), on.y(1))))
    if level is not None:
        parts.append(_line("chance", (on.x(0), on.y(level)), (on.x(1), on.y(level))))
    edge = [*zip(band.x, band.high, strict=True), *reversed([*zip(band.x, band.low, strict=True)])]
    parts += [_area(on, edge), _path(on, [*zip(band.x, band.y, strict=True)])]
    return picture(title, parts)


def reliability_plot(title: str, before: Sequence[Bin], after: Sequence[Bin]) -> str:
    """Score against the share of likes: on the diagonal a score means what it says. Hollow squares: before."""
    on = axes()
    parts = [
        frame(on, QUARTERS, QUARTERS, "score", "share of likes"),
        _line("chance", (on.x(0), on.y(0)), (on.x(1), on.y(1))),
    ]
    for bin_ in before:
        x, y = on.x(bin_.score), on.y(bin_.share)
        parts.append(f'<rect class="before" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>')
    for bin_ in after:
        x = on.x(bin_.score)
        parts.append(_line("whisker", (x, on.y(bin_.low)), (x, on.y(bin_.high))))
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{on.y(bin_.share):.1f}" r="4"/>')
    return picture(title, parts)


def histogram_plot(title: str, counts: Sequence[tuple[int, int]], threshold: float) -> str:
    """Likes up, passes down, over the score; the line is where a like begins."""
    most = max(1, *(max(pair) for pair in counts))
    on = axes(y_from=-most, y_to=most)
    y_ticks = [(most, str(most)), (0, "0"), (-most, str(most))]
    parts = [frame(on, QUARTERS, y_ticks, "score", "passes | likes")]
    width = (on.x(1) - on.x(0)) / len(counts)
    for place, (likes, passes) in enumerate(counts):
        left = on.x(place / len(counts)) + 1
        parts.append(_bar("like", left, on.y(likes), width - 2, on.y(0) - on.y(likes)))
        parts.append(_bar("pass", left, on.y(0), width - 2, on.y(-passes) - on.y(0)))
    parts.append(_line("mark", (on.x(threshold), TOP), (on.x(threshold), HEIGHT - BOTTOM)))
    return picture(title, parts)


def learning_plot(title: str, points: Sequence[tuple[int, float, float, float]]) -> str:
    """AUC by number of labels, on a scale where doubling is one step: value, lowest and highest of the draws."""
    from math import log2

    on = axes(log2(points[0][0]), log2(points[-1][0]), 0.5, 1.0)
    x_ticks = [(log2(labels), str(labels)) for labels, *_ in points][:: max(1, len(points) // 5)]
    y_ticks = [(value / 10, f"{value / 10:.1f}") for value in range(5, 11)]
    parts = [frame(on, x_ticks, y_ticks, "labels", "AUC")]
    line = [(log2(labels), max(0.5, auc)) for labels, auc, _, _ in points]
    high, low = ([(log2(each[0]), max(0.5, each[at])) for each in points] for at in (3, 2))
    parts += [_area(on, [*high, *reversed(low)]), _path(on, line)]
    parts += [f'<circle class="dot" cx="{on.x(x):.1f}" cy="{on.y(y):.1f}" r="3"/>' for x, y in line]
    return picture(title, parts)


def range_bar(title: str, share: float, low: float, high: float) -> str:
    """A share with its interval on a ruler from 0 to 1."""
    x = [8 + 184 * value for value in (low, share, high)]
    parts = f"{_line('rule', (8, 10), (192, 10))}{_line('whisker', (x[0], 10), (x[2], 10))}"
    dot = f'<circle class="dot" cx="{x[1]:.1f}" cy="10" r="5"/>'
    return f'<svg class="range" viewBox="0 0 200 20" role="img" aria-label="{escape(title)}">{parts}{dot}</svg>'


# --- shapes -----------------------------------------------------------------------------------------------------


def _line(kind: str, start: Point, end: Point) -> str:
    (a, b), (c, d) = start, end
    return f'<line class="{kind}" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def _bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(0.0, height):.1f}"/>'


def _path(on: Axes, points: Sequence[Point]) -> str:
    return f'<polyline class="line" points="{_places(on, points)}"/>'


def _area(on: Axes, points: Sequence[Point]) -> str:
    return f'<polygon class="band" points="{_places(on, points)}"/>'


def _places(on: Axes, points: Sequence[Point]) -> str:
    return " ".join(f"{on.x(x):.1f},{on.y(y):.1f}" for x, y in points)
