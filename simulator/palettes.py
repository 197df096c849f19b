"""Colours of the drawn portraits, by the families that a taste may speak of. Skin is no such family."""

from typing import Final

Colour = tuple[int, int, int]


def _colour(code: str) -> Colour:
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def _colours(codes: str) -> tuple[Colour, ...]:
    return tuple(map(_colour, codes.split()))


def _pairs(codes: str) -> tuple[tuple[Colour, Colour], ...]:
    flat = _colours(codes)
    return tuple(zip(flat[::2], flat[1::2], strict=True))


#: Top and bottom of a backdrop's gradient.
BACKDROPS: Final = {
    "warm": _pairs(
        "ffd6a5 f79d65 ffb4a2 e5737d ffe29a f4a261 f9c6a3 e76f51 ffd166 f78c6b f7b7a3 d1495b fbc4ab f08080 "
        "ffcf70 ef8354"
    ),
    "cool": _pairs(
        "caf0f8 48a9c5 b8e0d2 5fa08f a9d6e5 468faf c7ceea 7f8fd1 bde0fe 6096ba b7e4c7 52b788 d0d1ff 7678c4 "
        "9fd8cb 2d7d90"
    ),
    "neutral": _pairs("f5ebe0 d5bdaf edede9 c9c5bd e9ecef adb5bd f1ede4 bfb5a2 e3e3e8 a9aab5 f4f1ea cfc7b8"),
}

CLOTHES: Final = {
    "warm": _colours("d1495b e76f51 f4a261 edae49 c8553d e56b6f b5445a f28f3b"),
    "cool": _colours("2a6f97 3d8b8b 52796f 5e60ce 4895ef 2d6a4f 4361a8 7a6fb0"),
    "dark": _colours("2b2d42 343a40 3b3355 1f363d 402e32 30343f"),
    "light": _colours("f8f4ec f1faee e8eef2 fdf0d5 ece4db f3e9f2"),
}

HAIR: Final = {
    "black": _colours("1f1b1e 26232b 2b211f"),
    "brown": _colours("4a2f23 5c3a29 6f4a32 3c2a22"),
    "blond": _colours("d9b26f e3c587 c79a57 eed9a2"),
    "red": _colours("a63d26 b5502d 8f2f22 c4622f"),
    "grey": _colours("a5a3a6 c9c6c4 868389"),
    "vivid": _colours("3aa6a1 d4679a 7d5bbe 4b7bd6 e58ca8"),
}

SKIN: Final = _colours("ffe0cc f8d0b3 f0bf9a e3a87c cf8f63 b37348 8f5836 6e4128 523020")
IRIS: Final = _colours("4f3422 6b4a2b 3f6b4f 41698f 5c6670")
FRAMES: Final = _colours("26232b 7a3b2e b8863b 3d4f7c 8c8f96")
TRINKETS: Final = _colours("e9c46a dfe3e8 d1495b 3d8b8b")
INK: Final = _colour("2a2226")
WHITE: Final = _colour("fffdf8")


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a `share` (0 to 1) of `other` in it."""
    r, g, b = (round(a + (c - a) * share) for a, c in zip(one, other, strict=True))
    return r, g, b


def darker(colour: Colour, share: float = 0.2) -> Colour:
    return mixed(colour, (36, 20, 36), share)


def lighter(colour: Colour, share: float = 0.25) -> Colour:
    return mixed(colour, (255, 252, 244), share)
