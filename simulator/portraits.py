"""Draws a person in a scene as a flat illustration: twice as large, then halved, so that edges are smooth."""

import io
from typing import Final, Literal

from PIL import Image

from simulator.clothing import draw_clothes, draw_extra
from simulator.faces import (
    draw_earrings,
    draw_face,
    draw_glasses,
    draw_hair_behind,
    draw_hair_in_front,
    draw_headwear,
    draw_neck,
)
from simulator.pen import Pen
from simulator.people import Look, Scene
from simulator.scenery import SHEET, backdrop

Format = Literal["jpeg", "webp"]
SIZES: Final = ((640, 800), (320, 400))


def draw(look: Look, scene: Scene, size: tuple[int, int]) -> Image.Image:
    """RGB image of `size` (width, height; 4 : 5)."""
    scale = 2 * size[0] / SHEET[0]
    image = backdrop(scene, scale)
    pen = Pen(image, scale, lean=scene.lean, zoom=scene.zoom, shift=scene.shift, mirrored=scene.mirrored)
    draw_hair_behind(pen, look)
    draw_neck(pen, look)
    draw_clothes(pen, look, scene)
    draw_extra(pen, look, scene)
    draw_face(pen, look)
    draw_hair_in_front(pen, look)
    draw_glasses(pen, look)
    draw_headwear(pen, look)
    draw_earrings(pen, look)
    return image.reduce(2)


def encode(image: Image.Image, form: Format) -> bytes:
    """JPEG or WebP bytes without metadata."""
    stream = io.BytesIO()
    if form == "webp":
        image.save(stream, "WEBP", quality=84, method=1)
    else:
        image.save(stream, "JPEG", quality=88)
    return stream.getvalue()
