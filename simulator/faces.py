"""The drawn head: hair behind, face, beard, features, hair in front, glasses and headwear."""

import math
from typing import Final

from simulator.palettes import INK, WHITE, Colour, darker, lighter, mixed
from simulator.pen import Pen, Point, oval_points
from simulator.people import Look

CX: Final = 320.0
CY: Final = 366.0
#: Half width, half height, how much the jaw narrows, how boxy.
_SHAPES: Final = {
    "oval": (112, 150, 0.20, 2.1), "round": (124, 140, 0.08, 2.0), "square": (116, 146, 0.08, 2.5),
    "heart": (118, 150, 0.34, 2.1),
}  # fmt: skip


def face_outline(face: str) -> list[Point]:
    rx, ry, jaw, boxy = _SHAPES[face]
    outline = oval_points(CX, CY, rx, ry, boxy, 48)
    return [(CX + (x - CX) * (1 - jaw * max(0.0, (y - CY) / ry) ** 1.6), y) for x, y in outline]


def draw_neck(pen: Pen, look: Look) -> None:
    pen.polygon([(272, 440), (368, 440), (374, 570), (320, 620), (266, 570)], look.skin)
    pen.blob([(272, 478), (320, 520), (368, 478), (372, 530), (320, 560), (268, 530)], darker(look.skin, 0.17))


def draw_face(pen: Pen, look: Look) -> None:
    rx = _SHAPES[look.face][0]
    for side in (-1, 1):
        pen.oval(CX + side * (rx - 1), 380, 23, 33, look.skin)
        pen.oval(CX + side * (rx + 2), 380, 11, 19, darker(look.skin, 0.14))
    pen.polygon(face_outline(look.face), look.skin)
    for side in (-1, 1):
        pen.oval(CX + side * 68, 428, 25, 17, mixed(look.skin, (233, 96, 96), 0.2))
    if look.freckles:
        for x, y in ((-58, 408), (-44, 416), (-70, 418), (58, 408), (44, 416), (70, 418), (-12, 402), (12, 402)):
            pen.oval(CX + x, y, 3.2, 3.2, darker(look.skin, 0.3))
    _beard(pen, look)
    _eyes(pen, look)
    _nose(pen, look)
    _mouth(pen, look)


def _eyes(pen: Pen, look: Look) -> None:
    brow = darker(look.hair, 0.25) if look.hair_family != "vivid" else INK
    for side in (-1, 1):
        x, y = CX + side * 48, 362
        pen.line(
            [(x - side * -28, y - 36), (x, y - 46 - 3 * look.brow), (x - side * 24, y - 36 + 5 * look.brow)], 9, brow
        )
        _EYES[look.eyes](pen, x, y, side, look)


def _round_eye(pen: Pen, x: float, y: float, side: int, look: Look) -> None:
    pen.oval(x, y, 21, 17, WHITE)
    pen.oval(x, y, 12, 12.5, look.iris)
    pen.oval(x, y, 6.5, 7, INK)
    pen.oval(x + 4, y - 5, 3.4, 3.4, WHITE)
    pen.line([(x - 23, y - 4), (x, y - 19), (x + 23, y - 4)], 6, INK)


def _dot_eye(pen: Pen, x: float, y: float, side: int, look: Look) -> None:
    pen.oval(x, y, 10, 12, INK)
    pen.oval(x + 3, y - 4, 3.4, 3.4, WHITE)


def _almond_eye(pen: Pen, x: float, y: float, side: int, look: Look) -> None:
    pen.blob([(x - 24, y + 2), (x, y - 13), (x + 24, y - 2 - side), (x, y + 11)], WHITE)
    pen.oval(x, y - 1, 11, 11, look.iris)
    pen.oval(x, y - 1, 5.5, 6, INK)
    pen.oval(x + 4, y - 5, 3, 3, WHITE)
    pen.line([(x - 25, y + 2), (x, y - 15), (x + 25, y - 2)], 6, INK)
    pen.line([(x + side * 24, y - 2), (x + side * 32, y - 10)], 5, INK)


def _smiling_eye(pen: Pen, x: float, y: float, side: int, look: Look) -> None:
    pen.line([(x - 21, y + 6), (x, y - 10), (x + 21, y + 6)], 7, INK)


_EYES: Final = {"round": _round_eye, "dots": _dot_eye, "almond": _almond_eye, "smiling": _smiling_eye}


def _nose(pen: Pen, look: Look) -> None:
    shade = darker(look.skin, 0.24)
    pen.line([(CX + 4, 378), (CX + 14, 414), (CX - 2, 422), (CX - 12, 417)], 6, shade)


def _mouth(pen: Pen, look: Look) -> None:
    lip = mixed(darker(look.skin, 0.25), (190, 60, 70), 0.5)
    if look.mouth == "grin":
        pen.blob([(272, 450), (320, 458), (368, 450), (350, 486), (320, 497), (290, 486)], darker(lip, 0.35))
        pen.blob([(280, 454), (320, 461), (360, 454), (350, 468), (320, 474), (290, 468)], WHITE)
        pen.oval(320, 488, 18, 7, mixed(lip, (230, 90, 100), 0.6))
    elif look.mouth == "smile":
        pen.line([(278, 454), (298, 472), (320, 477), (342, 472), (362, 454)], 8, lip)
    elif look.mouth == "smirk":
        pen.line([(288, 468), (318, 472), (352, 454)], 8, lip)
    else:
        pen.blob([(288, 464), (306, 457), (320, 461), (334, 457), (352, 464), (320, 478)], lip)
        pen.line([(290, 464), (320, 467), (350, 464)], 3, darker(lip, 0.3))


def _beard(pen: Pen, look: Look) -> None:
    if look.beard == "none":
        return
    rx, ry, _, _ = _SHAPES[look.face]
    hair = darker(look.hair, 0.1) if look.hair_family != "vivid" else INK
    if look.beard in ("full", "stubble"):
        colour = hair if look.beard == "full" else mixed(look.skin, hair, 0.28)
        drop = 22 if look.beard == "full" else 0
        outer = [(x, y + (drop * max(0.0, (y - CY) / ry) ** 2)) for x, y in face_outline(look.face) if y > 372]
        inner = [(CX - rx + 20, 384), (CX - rx * 0.62, 446), (CX - 40, 440), (CX, 434), (CX + 40, 440),
                 (CX + rx * 0.62, 446), (CX + rx - 20, 384)]  # fmt: skip
        right = sorted(outer, key=lambda point: math.atan2(point[1] - 300, point[0] - CX))
        pen.polygon([*right, *inner], colour)
        pen.oval(CX, 470, 46, 20, look.skin if look.beard == "stubble" else mixed(look.skin, hair, 0.12))
    if look.beard in ("full", "moustache", "goatee"):
        pen.blob([(CX - 58, 456), (CX - 30, 434), (CX, 440), (CX + 30, 434), (CX + 58, 456), (CX + 22, 454), (CX, 449),
                  (CX - 22, 454)], hair)  # fmt: skip
    if look.beard == "goatee":
        pen.blob([(CX - 32, 492), (CX, 484), (CX + 32, 492), (CX + 22, 528), (CX, 538), (CX - 22, 528)], hair)


# --- hair ---------------------------------------------------------------------------------------------


def draw_hair_behind(pen: Pen, look: Look) -> None:
    back = darker(look.hair, 0.18)
    style = look.hair_style
    if style == "afro":
        for x, y, r in _cloud(CX, 310, 158, 150, 13):
            pen.oval(x, y, r, r, look.hair)
        pen.oval(CX, 310, 170, 160, look.hair)
    elif style == "curly":
        for x, y, r in _cloud(CX, 320, 122, 118, 12):
            pen.oval(x, y, r * 0.8, r * 0.8, back)
    elif style == "bob":
        pen.blob([(320, 196), (206, 240), (172, 370), (176, 500), (240, 530), (320, 500), (400, 530), (464, 500),
                  (468, 370), (434, 240)], back)  # fmt: skip
    elif style in ("long", "fringe"):
        pen.blob([(320, 194), (204, 240), (176, 370), (168, 540), (150, 690), (230, 720), (320, 640), (410, 720),
                  (490, 690), (472, 540), (464, 370), (436, 240)], back)  # fmt: skip
    elif style == "wavy":
        left = [(206, 236), (166, 320), (186, 400), (146, 480), (172, 560), (136, 640), (196, 700)]
        pen.blob([(320, 192), *left, (320, 650), *((640 - x, y) for x, y in reversed(left))], back)
    elif style == "bun":
        pen.oval(CX, 178, 66, 60, look.hair)
        pen.line([(CX - 44, 196), (CX, 212), (CX + 44, 196)], 6, back)
    elif style == "ponytail":
        pen.blob([(400, 230), (470, 236), (520, 330), (514, 450), (470, 560), (452, 470), (440, 350)], back)
        pen.oval(424, 240, 24, 24, look.trinket)
    elif style == "braids":
        for side in (-1, 1):
            for i in range(7):
                pen.oval(CX + side * (142 - 3 * (i % 2)), 440 + 40 * i, 27 - i, 26, back if i % 2 else look.hair)
            pen.oval(CX + side * 142, 716, 15, 12, look.trinket)


def _cloud(cx: float, cy: float, rx: float, ry: float, count: int) -> list[tuple[float, float, float]]:
    turn = [math.pi * (0.92 + 1.16 * i / (count - 1)) for i in range(count)]
    return [(cx + rx * math.cos(t), cy + ry * math.sin(t), 46 + 6 * math.sin(7 * t)) for t in turn]


#: The hairline from the left temple to the right, in units from the face's centre line.
_LINES: Final[dict[str, list[Point]]] = {
    "short": [(-106, 352), (-98, 304), (-66, 272), (0, 262), (66, 272), (98, 304), (106, 352)],
    "side_part": [(-108, 362), (-100, 312), (-72, 262), (-50, 256), (20, 292), (84, 300), (108, 362)],
    "quiff": [(-106, 346), (-96, 290), (-50, 262), (0, 268), (60, 254), (96, 290), (106, 346)],
    "fringe": [(-112, 404), (-104, 338), (-84, 322), (0, 326), (84, 322), (104, 338), (112, 404)],
    "long": [(-114, 432), (-104, 330), (-62, 278), (-6, 236), (44, 280), (102, 334), (114, 432)],
    "bob": [(-116, 444), (-104, 330), (-70, 296), (-20, 280), (70, 304), (102, 334), (116, 444)],
}
_LINE_OF: Final = {
    "wavy": "long", "bun": "short", "ponytail": "side_part", "braids": "long", "curly": "short", "afro": "short",
    "buzz": "short",
}  # fmt: skip


def draw_hair_in_front(pen: Pen, look: Look) -> None:
    style = look.hair_style
    if style == "bald":
        pen.blob([(276, 246), (300, 236), (318, 240), (296, 254)], lighter(look.skin, 0.3))
        return
    colour: Colour = mixed(look.skin, look.hair, 0.72) if style == "buzz" else look.hair
    _cap(pen, look, _LINE_OF.get(style, style), colour, lift=8 if style == "buzz" else 26)
    if style in ("curly", "afro"):
        for i in range(7):
            pen.oval(CX - 96 + 32 * i, 262 - 18 * math.sin(math.pi * i / 6), 29, 28, look.hair)
    if style == "curly":
        for x, y, r in _cloud(CX, 318, 112, 104, 11):
            pen.oval(x, y, r * 0.66, r * 0.66, look.hair)
            pen.line([(x - 10, y + 4), (x, y - 8), (x + 11, y)], 4, lighter(look.hair, 0.16))
    if style == "quiff":
        pen.blob(
            [(212, 300), (222, 220), (290, 168), (380, 152), (446, 188), (440, 250), (380, 262), (300, 270)], look.hair
        )
    if style not in ("buzz", "curly", "afro"):
        shine = lighter(look.hair, 0.2)
        pen.line([(246, 254), (276, 224), (316, 212)], 8, shine)
        pen.line([(262, 266), (288, 242), (318, 234)], 5, shine)


def _cap(pen: Pen, look: Look, line: str, colour: Colour, *, lift: float) -> None:
    rx, ry, _, _ = _SHAPES[look.face]
    turn = [math.pi * (1.0 + i / 14) for i in range(15)]
    dome = [(CX + (rx + 10) * math.cos(t), CY - 14 + (ry + lift - 14) * math.sin(t)) for t in turn]
    hairline = [(CX + x * rx / 112, y) for x, y in reversed(_LINES[line])]
    start = hairline[-1][1]
    pen.polygon([(CX - rx - 9, start), *dome, (CX + rx + 9, start), *pen.smoothed(hairline)], colour)


# --- on top -----------------------------------------------------------------------------------------------


def draw_glasses(pen: Pen, look: Look) -> None:
    if look.glasses == "none":
        return
    squared = 2.0 if look.glasses == "round" else 3.6
    rx, ry = (37, 37) if look.glasses == "round" else (41, 31)
    for side in (-1, 1):
        x = CX + side * 50
        if look.glasses == "sunglasses":
            pen.polygon(oval_points(x, 366, rx + 2, ry + 2, squared), darker(look.frame, 0.55))
            pen.line([(x - 20, 372), (x + 8, 350)], 6, lighter(look.frame, 0.3))
        pen.ring(x, 366, rx, ry, 8, look.frame, squared)
        pen.line([(CX + side * 88, 358), (CX + side * 116, 350)], 8, look.frame)
    pen.line([(CX - 14, 360), (CX, 354), (CX + 14, 360)], 8, look.frame)


def draw_headwear(pen: Pen, look: Look) -> None:
    colour = look.trinket
    if look.headwear == "beanie":
        pen.blob(
            [(196, 290), (206, 204), (264, 146), (320, 134), (376, 146), (434, 204), (444, 290), (320, 268)], colour
        )
        pen.blob([(190, 262), (320, 236), (450, 262), (450, 306), (320, 284), (190, 306)], darker(colour, 0.2))
        pen.oval(320, 132, 28, 28, lighter(colour, 0.4))
    elif look.headwear == "cap":
        pen.blob(
            [(200, 284), (212, 206), (270, 158), (330, 152), (396, 176), (436, 240), (440, 284), (320, 262)], colour
        )
        pen.blob([(330, 256), (440, 262), (536, 296), (520, 316), (430, 296), (322, 282)], darker(colour, 0.28))
        pen.oval(326, 154, 11, 9, darker(colour, 0.25))
    elif look.headwear == "headband":
        pen.line([(208, 296), (250, 262), (320, 250), (390, 262), (432, 296)], 26, colour)
    elif look.headwear == "flower":
        for i in range(6):
            turn = i * math.pi / 3
            pen.oval(224 + 24 * math.cos(turn), 262 + 24 * math.sin(turn), 19, 19, lighter(colour, 0.25))
        pen.oval(224, 262, 14, 14, (233, 180, 76))


def draw_earrings(pen: Pen, look: Look) -> None:
    if look.extra == "earrings":
        rx = _SHAPES[look.face][0]
        for side in (-1, 1):
            pen.ring(CX + side * (rx + 8), 430, 13, 15, 6, look.trinket)
