"""Flat shapes on an image, in units of a 640 x 800 sheet, through one turn, zoom and shift."""

import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from simulator.palettes import Colour

Point = tuple[float, float]
CENTRE: Point = (320.0, 430.0)


class Pen:
    """Draws into `image`; `scale` is its pixels per unit."""

    def __init__(
        self,
        image: Image.Image,
        scale: float,
        *,
        lean: float = 0.0,
        zoom: float = 1.0,
        shift: Point = (0.0, 0.0),
        mirrored: bool = False,
    ) -> None:
        self.image, self.scale = image, scale
        self._pose = (lean, zoom, shift, mirrored)
        self._draw = ImageDraw.Draw(image)
        self._a, self._b = zoom * math.cos(lean), zoom * math.sin(lean)
        self._flip = -1.0 if mirrored else 1.0
        self._shift, self._zoom = shift, zoom

    def onto(self, image: Image.Image) -> "Pen":
        """The same pose on another image of the same size."""
        lean, zoom, shift, mirrored = self._pose
        return Pen(image, self.scale, lean=lean, zoom=zoom, shift=shift, mirrored=mirrored)

    def place(self, points: Iterable[Point]) -> list[Point]:
        """Sheet units to pixels of the image."""
        cx, cy = CENTRE
        dx, dy = self._shift
        placed = []
        for px, py in points:
            x, y = (px - cx) * self._flip, py - cy
            placed.append(
                ((self._a * x - self._b * y + cx + dx) * self.scale, (self._b * x + self._a * y + cy + dy) * self.scale)
            )
        return placed

    def polygon(self, points: Iterable[Point], colour: Colour | int) -> None:
        self._draw.polygon(self.place(points), fill=colour)

    @staticmethod
    def smoothed(points: Sequence[Point]) -> list[Point]:
        return smooth(points, closed=False)

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        """A closed smooth curve through the points, filled."""
        self.polygon(smooth(points, closed=True), colour)

    def oval(self, cx: float, cy: float, rx: float, ry: float, colour: Colour) -> None:
        self.polygon(oval_points(cx, cy, rx, ry), colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """An open smooth curve with round ends."""
        curve = self.place(smooth(points, closed=False))
        pixels = max(1, round(width * self.scale * self._zoom))
        self._draw.line(curve, fill=colour, width=pixels, joint="curve")
        r = pixels / 2
        for x, y in (curve[0], curve[-1]):
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def ring(
        self, cx: float, cy: float, rx: float, ry: float, width: float, colour: Colour, squared: float = 2
    ) -> None:
        """An outline; `squared` 2 is an oval, larger is boxier."""
        points = oval_points(cx, cy, rx, ry, squared)
        self.line([*points, points[0], points[1]], width, colour)


def oval_points(cx: float, cy: float, rx: float, ry: float, squared: float = 2, count: int = 40) -> list[Point]:
    power = 2 / squared
    turn = [2 * math.pi * i / count for i in range(count)]
    return [(cx + rx * _signed_power(math.cos(t), power), cy + ry * _signed_power(math.sin(t), power)) for t in turn]


def _signed_power(x: float, power: float) -> float:
    return math.copysign(abs(x) ** power, x)


def smooth(points: Sequence[Point], *, closed: bool, steps: int = 6) -> list[Point]:
    """A Catmull-Rom curve through the points, `steps` per piece."""
    if len(points) < 3:
        return list(points)
    n = len(points)
    pieces = n if closed else n - 1
    curve: list[Point] = []
    for i in range(pieces):
        p0, p1, p2, p3 = (_at(points, i + k, closed) for k in (-1, 0, 1, 2))
        curve += [_between(p0, p1, p2, p3, step / steps) for step in range(steps)]
    return curve if closed else [*curve, points[-1]]


def _at(points: Sequence[Point], i: int, closed: bool) -> Point:
    return points[i % len(points)] if closed else points[min(max(i, 0), len(points) - 1)]


def _between(p0: Point, p1: Point, p2: Point, p3: Point, t: float) -> Point:
    def along(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)

    return along(p0[0], p1[0], p2[0], p3[0]), along(p0[1], p1[1], p2[1], p3[1])
