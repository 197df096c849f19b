"""The drawn person's clothes: a cut, and a pattern that stays inside it."""

from collections.abc import Callable, Iterator
from typing import Final

from PIL import Image

from simulator.palettes import INK, Colour, darker, lighter, mixed
from simulator.pen import Pen, Point, smooth
from simulator.people import Look, Scene

_TORSO: Final[list[Point]] = [
    (238, 556), (170, 584), (104, 624), (66, 700), (48, 800), (44, 1000), (596, 1000), (592, 800), (574, 700),
    (536, 624), (470, 584), (402, 556), (370, 582), (320, 596), (270, 582),
]  # fmt: skip


def draw_clothes(pen: Pen, look: Look, scene: Scene) -> None:
    """Everything below the neck; the neck itself must be drawn before."""
    _fill(pen, scene)
    for side in (-1, 1):  # sleeves are told apart by a seam
        seam = [(320 + side * 196, 690), (320 + side * 190, 740), (320 + side * 200, 900)]
        pen.line(seam, 5, darker(scene.clothes, 0.22))
    CUTS[scene.cut](pen, look, scene)


def _fill(pen: Pen, scene: Scene) -> None:
    outline = smooth(_TORSO, closed=True)
    pen.polygon(outline, scene.clothes)
    pattern = PATTERNS.get(scene.pattern)
    if pattern is None:
        return
    mask = Image.new("L", pen.image.size, 0)
    cloth = Image.new("RGB", pen.image.size, scene.clothes)
    on_mask, on_cloth = pen.onto(mask), pen.onto(cloth)
    on_mask.polygon(outline, 255)
    for shape, colour in pattern(scene.clothes, scene.second):
        on_cloth.polygon(shape, colour)
    pen.image.paste(cloth, (0, 0), mask)


Shapes = Iterator[tuple[list[Point], Colour]]


def _bar(x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _stripes(_: Colour, second: Colour) -> Shapes:
    for y in range(540, 1000, 52):
        yield _bar(0, y, 640, y + 25), second


def _pinstripes(_: Colour, second: Colour) -> Shapes:
    for x in range(0, 640, 34):
        yield _bar(x, 520, x + 9, 1000), second


def _slanted(_: Colour, second: Colour) -> Shapes:
    for x in range(-500, 700, 64):
        yield [(x, 520), (x + 30, 520), (x + 430, 1000), (x + 400, 1000)], second


def _checks(first: Colour, second: Colour) -> Shapes:
    half = mixed(first, second, 0.55)
    for y in range(540, 1000, 56):
        yield _bar(0, y, 640, y + 28), half
    for x in range(0, 640, 56):
        yield _bar(x, 520, x + 28, 1000), half
    for y in range(540, 1000, 56):
        for x in range(0, 640, 56):
            yield _bar(x, y, x + 28, y + 28), second


def _dots(_: Colour, second: Colour) -> Shapes:
    for row, y in enumerate(range(540, 1000, 40)):
        for x in range(0, 660, 46):
            cx = x + row % 2 * 23
            yield [(cx + dx * 11, y + dy * 11) for dx, dy in _DISC], second


def _zigzag(_: Colour, second: Colour) -> Shapes:
    for y in range(540, 1000, 62):
        crest = [(x, y + (26 if i % 2 else 0)) for i, x in enumerate(range(0, 680, 32))]
        yield [*crest, *((x, cy + 20) for x, cy in reversed(crest))], second


_DISC: Final = ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7))

PATTERNS: Final[dict[str, Callable[[Colour, Colour], Shapes]]] = {
    "stripes": _stripes, "pinstripes": _pinstripes, "diagonal": _slanted, "checks": _checks, "dots": _dots,
    "zigzag": _zigzag,
}  # fmt: skip


def _crew(pen: Pen, look: Look, scene: Scene) -> None:
    pen.blob([(262, 566), (320, 548), (378, 566), (366, 590), (320, 604), (274, 590)], look.skin)
    pen.line([(258, 562), (276, 592), (320, 608), (364, 592), (382, 562)], 13, darker(scene.clothes, 0.16))


def _vneck(pen: Pen, look: Look, scene: Scene) -> None:
    pen.polygon([(256, 562), (320, 540), (384, 562), (320, 668)], look.skin)
    for side in (-1, 1):
        pen.line([(320 + side * 66, 560), (320, 672)], 13, darker(scene.clothes, 0.16))


def _shirt(pen: Pen, look: Look, scene: Scene) -> None:
    pen.polygon([(268, 560), (320, 545), (372, 560), (320, 634)], look.skin)
    for side in (-1, 1):
        flap = [(320 + side * 68, 544), (320 + side * 4, 630), (320 + side * 58, 668), (320 + side * 100, 584)]
        pen.polygon(flap, lighter(scene.clothes, 0.22))
        pen.line([flap[1], flap[2], flap[3]], 4, darker(scene.clothes, 0.2))
    pen.line([(320, 634), (320, 1000)], 4, darker(scene.clothes, 0.25))
    for y in (680, 745, 810):
        pen.oval(320, y, 7, 7, lighter(scene.clothes, 0.5))


def _turtleneck(pen: Pen, _: Look, scene: Scene) -> None:
    pen.blob([(254, 516), (320, 530), (386, 516), (396, 580), (320, 606), (244, 580)], darker(scene.clothes, 0.06))
    for x in range(266, 386, 18):
        pen.line([(x, 528), (x - 2, 584)], 3, darker(scene.clothes, 0.2))
    pen.line([(252, 520), (320, 536), (388, 520)], 5, darker(scene.clothes, 0.24))


def _hoodie(pen: Pen, look: Look, scene: Scene) -> None:
    pen.blob([(222, 560), (256, 522), (276, 566), (320, 640), (364, 566), (384, 522), (418, 560), (396, 640),
              (320, 690), (244, 640)], darker(scene.clothes, 0.14))  # fmt: skip
    pen.polygon([(272, 560), (320, 545), (368, 560), (320, 634)], look.skin)
    for side in (-1, 1):
        pen.line(
            [(320 + side * 34, 664), (320 + side * 38, 720), (320 + side * 34, 768)], 6, lighter(scene.clothes, 0.6)
        )


def _jacket(pen: Pen, look: Look, scene: Scene) -> None:
    inner = scene.second if scene.clothes_family != "light" else lighter(scene.clothes, 0.1)
    pen.polygon([(262, 560), (378, 560), (356, 1000), (284, 1000)], inner)
    pen.blob([(272, 562), (320, 548), (368, 562), (320, 612)], look.skin)
    for side in (-1, 1):
        lapel = [(320 + side * 74, 548), (320 + side * 40, 640), (320 + side * 36, 820), (320 + side * 94, 690),
                 (320 + side * 132, 660), (320 + side * 108, 640), (320 + side * 122, 588)]  # fmt: skip
        pen.polygon(lapel, darker(scene.clothes, 0.2))


def _dungarees(pen: Pen, look: Look, scene: Scene) -> None:
    _crew(pen, look, scene)
    bib = scene.second if scene.clothes_family in ("light", "dark") else darker(scene.clothes, 0.5)
    pen.polygon([(232, 690), (408, 690), (430, 1000), (210, 1000)], bib)
    for side in (-1, 1):
        pen.polygon([(320 + side * x, y) for x, y in ((118, 575), (144, 590), (88, 712), (60, 706))], bib)
        pen.oval(320 + side * 72, 712, 11, 11, mixed(bib, (233, 196, 106), 0.8))
    pen.line([(262, 750), (378, 750)], 4, lighter(bib, 0.2))


CUTS: Final[dict[str, Callable[[Pen, Look, Scene], None]]] = {
    "crew": _crew, "vneck": _vneck, "shirt": _shirt, "turtleneck": _turtleneck, "hoodie": _hoodie, "jacket": _jacket,
    "dungarees": _dungarees,
}  # fmt: skip


def draw_extra(pen: Pen, look: Look, scene: Scene) -> None:
    """Scarf, necklace or headphones' band at the neck, over the clothes."""
    if look.extra == "necklace" and scene.cut in ("crew", "vneck", "shirt", "jacket"):
        pen.line([(268, 540), (286, 588), (320, 606), (354, 588), (372, 540)], 5, look.trinket)
        pen.oval(320, 612, 10, 12, look.trinket)
    if look.extra == "scarf":
        pen.blob([(232, 548), (320, 520), (408, 548), (414, 600), (320, 630), (226, 600)], look.trinket)
        pen.polygon([(350, 590), (404, 584), (424, 760), (366, 764)], darker(look.trinket, 0.1))
        pen.line([(240, 566), (320, 590), (402, 566)], 5, darker(look.trinket, 0.25))
    if look.extra == "headphones":
        pen.line([(232, 520), (250, 590), (320, 618), (390, 590), (408, 520)], 17, INK)
        for side in (-1, 1):
            pen.oval(320 + side * 88, 540, 24, 34, darker(look.trinket, 0.1))
