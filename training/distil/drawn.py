"""Pictures drawn by code: shapes, noise, lines, stripes, text and cartoon faces, for kinds no photo shows."""

import colorsys
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&!?%.,:"


def draw(number: int, size_px: int, seed: int = 0) -> np.ndarray:
    """uint8 (size_px, size_px, 3), RGB; the same for the same arguments."""
    random = Random(f"{seed} {number}")
    kind = KINDS[number % len(KINDS)]
    picture = _ground(random, size_px)
    kind(random, picture)
    return np.asarray(picture)


def _ground(random: Random, size_px: int) -> Image.Image:
    """One colour, a slope between two, or noise of one scale, as often."""
    kind = random.randrange(3)
    if kind == 0:
        return Image.new("RGB", (size_px, size_px), _colour(random))
    if kind == 1:
        slope = Image.linear_gradient("L").rotate(random.choice((0, 90, 180, 270))).resize((size_px, size_px))
        one, other = (Image.new("RGB", (size_px, size_px), _colour(random)) for _ in range(2))
        return Image.composite(one, other, slope)
    picture = Image.new("RGB", (size_px, size_px), _colour(random))
    return Image.blend(picture, _cells(random, size_px), random.uniform(0.1, 0.6))


def _cells(random: Random, size_px: int) -> Image.Image:
    """Random cells, 2 to 64 a side, sharp or smooth, in colour or grey."""
    side = 2 ** random.randint(1, 6)
    channels = random.choice((1, 3))
    values = np.random.default_rng(random.getrandbits(32)).integers(0, 256, (side, side, channels), np.uint8)
    cells = Image.fromarray(np.repeat(values, 3 // channels, axis=2))
    return cells.resize((size_px, size_px), random.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC)))


def _shapes(random: Random, picture: Image.Image) -> None:
    """Dead leaves: shapes of every size that cover one another (Lee, Mumford and Huang, 2001)."""
    pen = ImageDraw.Draw(picture)
    for _ in range(random.randint(3, 50)):
        _shape(random, pen, picture.width, 0.03 / (random.random() + 0.04))


def _shape(random: Random, pen: ImageDraw.ImageDraw, side: int, radius: float) -> None:
    x, y, reach = random.random() * side, random.random() * side, max(2.0, radius * side)
    outline = _colour(random) if random.random() < 0.3 else None
    if random.random() < 0.4:
        wide = reach * random.uniform(0.4, 1)
        pen.ellipse((x - wide, y - reach, x + wide, y + reach), fill=_colour(random), outline=outline, width=2)
    else:
        corners = random.randint(3, 8)
        pen.regular_polygon((x, y, reach), corners, random.randrange(360), fill=_colour(random), outline=outline)


def _noise(random: Random, picture: Image.Image) -> None:
    for _ in range(random.randint(1, 4)):
        picture.paste(Image.blend(picture, _cells(random, picture.width), random.uniform(0.2, 0.7)))


def _lines(random: Random, picture: Image.Image) -> None:
    pen = ImageDraw.Draw(picture)
    ink = _colour(random)
    for _ in range(random.randint(2, 60)):
        points = [
            (random.random() * picture.width, random.random() * picture.width) for _ in range(random.randint(2, 5))
        ]
        pen.line(points, fill=ink if random.random() < 0.7 else _colour(random), width=random.choice((1, 1, 2, 3, 6)))


def _stripes(random: Random, picture: Image.Image) -> None:
    """A wave, a grid or dots of one pitch, turned by any angle."""
    side = picture.width
    y, x = np.mgrid[:side, :side]
    angle, pitch = random.random() * np.pi, random.uniform(4, 60)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    wave = np.sin(2 * np.pi * along / pitch)
    if random.random() < 0.5:
        wave = random.choice((np.minimum, np.maximum, np.multiply))(wave, np.sin(2 * np.pi * across / pitch))
    mask = Image.fromarray(((np.clip(wave * random.choice((1, 20)), -1, 1) + 1) * 127).astype(np.uint8))
    picture.paste(_ground(random, side), mask=mask)


def _text(random: Random, picture: Image.Image) -> None:
    pen = ImageDraw.Draw(picture)
    side, size = picture.width, random.choice((8, 10, 14, 20, 32, 56))
    ink, font = _colour(random), ImageFont.load_default(size)
    for line in range(random.randint(1, max(1, int(side / size / 1.4)))):
        words = "".join(random.choice(LETTERS + "     ") for _ in range(random.randint(3, 40)))
        pen.text((random.uniform(-5, side / 4), line * size * 1.4), words, fill=ink, font=font)


class _Portrait:
    """A pen that measures in heads: (0, 0) is the middle of the face, 1 its half width or height."""

    def __init__(self, random: Random, picture: Image.Image) -> None:
        side = picture.width
        self.pen = ImageDraw.Draw(picture)
        self.x, self.y = side * random.uniform(0.4, 0.6), side * random.uniform(0.35, 0.55)
        self.high = side * random.uniform(0.16, 0.36)
        self.skin, self.hair = _colour(random), _colour(random)
        self.ink = random.choice(((0, 0, 0), _colour(random)))
        self.wide = self.high * random.uniform(0.7, 1.05)
        self.width = random.choice((1, 2, 3, 4))

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        x, y, wide, high = self.x, self.y, self.wide, self.high
        return x + left * wide, y + top * high, x + right * wide, y + bottom * high

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: Colour | None, outline: Colour | None = None
    ) -> None:
        self.pen.ellipse(self.box(x - rx, y - ry, x + rx, y + ry), fill=fill, outline=outline, width=self.width)

    def line(self, left: float, right: float, y: float) -> None:
        self.pen.line(self.box(left, y, right, y), self.ink, self.width)


def _face(random: Random, picture: Image.Image) -> None:
    """A cartoon portrait: shoulders, hair, head, eyes, brows, nose, mouth; sometimes glasses, a hat, a beard."""
    head = _Portrait(random, picture)
    head.oval(0, 2.1, random.uniform(1.3, 2.2), 1.2, _colour(random), head.ink)  # shoulders
    if random.random() < 0.85:
        head.oval(0, random.uniform(-0.35, 0.3), random.uniform(1.1, 1.5), random.uniform(0.9, 1.5), head.hair)
    head.pen.rectangle(head.box(-1 / 3, 0, 1 / 3, 1.3), fill=head.skin)
    head.oval(0, 0, 1, 1, head.skin, head.ink if random.random() < 0.5 else None)
    if random.random() < 0.5:
        head.oval(0, -0.8, 0.95, 0.35, head.hair)  # fringe
    if random.random() < 0.3:
        head.oval(0, 0.75, random.uniform(0.5, 0.95), 0.5, head.hair)  # beard
    _eyes(random, head)
    head.oval(0, 0.15, 0.08, random.uniform(0.1, 0.2), None, head.ink)
    _mouth(random, head.pen, head.box(-0.4, 0.25, 0.4, 0.7), head.ink, head.width)
    if random.random() < 0.2:
        head.pen.rectangle(head.box(-1, -1.5, 1, -0.75), fill=_colour(random), outline=head.ink)  # hat


def _eyes(random: Random, head: _Portrait) -> None:
    """With brows; one portrait in three wears glasses."""
    apart, eye = random.uniform(0.3, 0.5), random.uniform(0.06, 0.2)
    for x in (-apart, apart):
        head.oval(x, -0.15, eye, eye, (255, 255, 255), head.ink)
        head.oval(x, -0.15, eye / 2, eye / 2, head.ink)
        head.line(x - 0.2, x + 0.2, -0.45)
    if random.random() < 0.35:
        for x in (-apart, apart):
            head.oval(x, -0.15, 0.3, 0.26, None, head.ink)
        head.line(-0.15, 0.15, -0.15)


def _mouth(random: Random, pen: ImageDraw.ImageDraw, box: tuple[float, ...], ink: Colour, width: int) -> None:
    kind = random.randrange(4)
    if kind == 0:
        pen.arc(box, 20, 160, ink, width)
    elif kind == 1:
        pen.arc(box, 200, 340, ink, width)
    elif kind == 2:
        pen.chord(box, 10, 170, fill=(255, 255, 255), outline=ink, width=width)
    else:
        pen.line((box[0], (box[1] + box[3]) / 2, box[2], (box[1] + box[3]) / 2), ink, width)


def _mixed(random: Random, picture: Image.Image) -> None:
    for kind in random.sample(KINDS[:-1], 2):
        kind(random, picture)


def _colour(random: Random) -> Colour:
    """Muted as often as strong."""
    red, green, blue = colorsys.hsv_to_rgb(
        random.random(), random.random() ** random.choice((0.5, 2)), random.random() ** 0.7
    )
    return int(red * 255), int(green * 255), int(blue * 255)


KINDS: tuple[Callable[[Random, Image.Image], None], ...] = (
    _face,
    _shapes,
    _noise,
    _lines,
    _stripes,
    _text,
    _shapes,
    _face,
    _mixed,
)
