"""What lies behind a drawn person: a gradient and, often, shapes of the same colours."""

import math
import random
from collections.abc import Callable
from functools import cache
from typing import Final

from PIL import Image

from simulator.palettes import Colour, darker, lighter, mixed
from simulator.pen import Pen, oval_points
from simulator.people import Scene

SHEET: Final = (640, 800)


def backdrop(scene: Scene, scale: float) -> Image.Image:
    """RGB image of the whole sheet, `scale` pixels per unit."""
    size = (round(SHEET[0] * scale), round(SHEET[1] * scale))
    top, bottom = scene.backdrop
    image = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), _ramp(size))
    shapes = SCENERIES.get(scene.scenery)
    if shapes is not None:
        shapes(Pen(image, scale), top, bottom, random.Random(scene.grain))
    return image


@cache
def _ramp(size: tuple[int, int]) -> Image.Image:
    return Image.linear_gradient("L").resize(size)


def _sun(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    x = rng.uniform(230, 410)
    pen.oval(x, 350, 290, 290, mixed(bottom, top, 0.25))
    pen.oval(x, 350, 225, 225, lighter(top, 0.35))


def _dots(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    step, radius = rng.choice((54, 68)), rng.uniform(11, 17)
    colour = lighter(top, 0.45)
    for row in range(-1, 800 // step + 2):
        for column in range(-1, 640 // step + 2):
            pen.oval((column + row % 2 / 2) * step, row * step * 0.87, radius, radius, colour)


def _diagonal(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    step, rise = rng.choice((70, 92)), rng.choice((-420, 420))
    for x in range(-600, 1300, step):
        pen.polygon([(x, 0), (x + step / 2, 0), (x + step / 2 + rise, 800), (x + rise, 800)], mixed(top, bottom, 0.62))


def _waves(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    phase = rng.uniform(0, 6)
    for i in range(7):
        y, colour = 90 + i * 115, mixed(lighter(top, 0.4), darker(bottom, 0.12), i / 6)
        crest = [(x, y + 26 * math.sin(x / 74 + phase + i)) for x in range(-20, 680, 20)]
        pen.polygon([*crest, (660, 810), (-20, 810)], colour)


def _hills(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    sun_x = rng.choice((110, 530))
    pen.oval(sun_x, 150, 62, 62, lighter(top, 0.6))
    for i, base in enumerate((430, 520, 620)):
        phase = rng.uniform(0, 6)
        ridge = [(x, base + 55 * math.sin(x / (120 - 18 * i) + phase)) for x in range(-20, 680, 20)]
        pen.polygon([*ridge, (660, 810), (-20, 810)], darker(mixed(top, bottom, 0.7), 0.08 + 0.13 * i))


def _leaves(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    for i in range(26):
        x, y, turn = rng.uniform(0, 640), rng.uniform(0, 800), rng.uniform(0, 2 * math.pi)
        length = rng.uniform(60, 105)
        colour = (darker(bottom, 0.12), mixed(top, bottom, 0.75), lighter(top, 0.3))[i % 3]
        tip = (x + length * math.cos(turn), y + length * math.sin(turn))
        side = (-math.sin(turn) * length * 0.27, math.cos(turn) * length * 0.27)
        middle = ((x + tip[0]) / 2, (y + tip[1]) / 2)
        pen.blob(
            [(x, y), (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])],
            colour,
        )
        pen.line([(x, y), tip], 3, lighter(colour, 0.18))


def _city(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    for layer, share in ((0, 0.35), (1, 0.7)):
        x, colour = -20.0, darker(mixed(top, bottom, share), 0.06 + 0.12 * layer)
        while x < 650:
            width, roof = rng.uniform(60, 110), rng.uniform(230, 420) + 130 * layer
            pen.polygon([(x, roof), (x + width, roof), (x + width, 800), (x, 800)], colour)
            for wx in range(int(x) + 14, int(x + width) - 18, 26):
                for wy in range(int(roof) + 18, 800, 40):
                    if rng.random() < 0.5:
                        pen.polygon([(wx, wy), (wx + 12, wy), (wx + 12, wy + 18), (wx, wy + 18)], lighter(colour, 0.28))
            x += width + rng.uniform(4, 16)


def _confetti(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    colours = (lighter(top, 0.5), darker(bottom, 0.15), mixed(top, bottom, 0.9), lighter(bottom, 0.5))
    for i in range(90):
        x, y, turn = rng.uniform(0, 640), rng.uniform(0, 800), rng.uniform(0, math.pi)
        dx, dy = 17 * math.cos(turn), 17 * math.sin(turn)
        pen.line([(x - dx, y - dy), (x + dx, y + dy)], 9, colours[i % 4])


def _tiles(pen: Pen, top: Colour, bottom: Colour, rng: random.Random) -> None:
    step = rng.choice((80, 107))
    for row, y in enumerate(range(0, 800, step)):
        for column, x in enumerate(range(0, 640, step)):
            if (row + column) % 2:
                pen.polygon([(x, y), (x + step, y), (x + step, y + step), (x, y + step)], mixed(top, bottom, 0.55))
            else:
                pen.polygon(oval_points(x + step / 2, y + step / 2, step * 0.3, step * 0.3), lighter(top, 0.3))


SCENERIES: Final[dict[str, Callable[[Pen, Colour, Colour, random.Random], None]]] = {
    "sun": _sun, "dots": _dots, "diagonal": _diagonal, "waves": _waves, "hills": _hills, "leaves": _leaves,
    "city": _city, "confetti": _confetti, "tiles": _tiles,
}  # fmt: skip
