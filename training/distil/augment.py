"""A picture made another: crop, colour, blur, turn; and two or four made one. The teacher sees the result as it is."""

import numpy as np
from PIL import Image, ImageFilter

SIZE_PX = 160  # what is drawn on; the teacher sees it enlarged, the pupil made smaller
_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def one(random: np.random.Generator, picture: Image.Image) -> Image.Image:
    """RGB of SIZE_PX a side: a view of the picture in other colours."""
    view = _view(random, picture)
    if random.random() < 0.08:
        view = view.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2.5)))
    return _recoloured(random, view)


def together(random: np.random.Generator, views: list[Image.Image]) -> Image.Image:
    """Two views blended or one set into the other, or four side by side; SIZE_PX a side."""
    if len(views) == 4:
        return _four(views)
    first, second = views
    if random.random() < 0.625:
        return Image.blend(first, second, random.uniform(0.2, 0.5))
    width, height = (int(SIZE_PX * random.uniform(0.25, 0.6)) for _ in range(2))
    corner = int(random.integers(0, SIZE_PX - width)), int(random.integers(0, SIZE_PX - height))
    whole = first.copy()
    whole.paste(second.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0), corner)
    return whole


def count(random: np.random.Generator) -> int:
    """How many pictures go into a sample: 81 % one, 16 % two, 3 % four."""
    return int(random.choice([1, 2, 4], p=[0.81, 0.16, 0.03]))


def _view(random: np.random.Generator, picture: Image.Image) -> Image.Image:
    if random.random() < 0.08:
        picture = picture.rotate(random.uniform(-30, 30), Image.Resampling.BILINEAR, fillcolor=(127, 127, 127))
    box = (0.0, 0.0, float(picture.width), float(picture.height))
    if random.random() > 0.35:
        box = _crop(random, picture.width, picture.height)
    view = picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else view


def _crop(random: np.random.Generator, width: int, height: int) -> tuple[float, float, float, float]:
    """8 to 100 % of the area, sides 0.6 to 1.65 of one another."""
    area = random.uniform(0.08, 1.0) * width * height
    aspect = np.exp(random.uniform(np.log(0.6), np.log(1.65)))
    wide, high = min(width, float(np.sqrt(area * aspect))), min(height, float(np.sqrt(area / aspect)))
    left, top = random.uniform(0, width - wide), random.uniform(0, height - high)
    return left, top, min(width, left + wide), min(height, top + high)


def _recoloured(random: np.random.Generator, view: Image.Image) -> Image.Image:
    """Brightness, contrast, saturation; seldom tint, hue, grey: one affine map of the colours."""
    contrast, brightness = np.exp(random.uniform(-0.35, 0.35)), random.uniform(-0.2, 0.2)
    saturation = 0.0 if random.random() < 0.03 else 1 + random.uniform(-0.6, 0.6)
    matrix = saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) * _LUMA
    if random.random() < 0.06:
        matrix = _hue(random.uniform(-np.pi, np.pi)) @ matrix
    if random.random() < 0.15:
        matrix = random.uniform(0.7, 1.3, (3, 1)) * matrix
    mixed = contrast * matrix
    offset = 255 * (0.5 - 0.5 * contrast + brightness * random.choice([0, 1]))
    pixels = np.asarray(view, np.float32) @ mixed.T.astype(np.float32) + np.float32(offset)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _hue(angle: float) -> np.ndarray:
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return np.asarray(np.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ)


def _four(views: list[Image.Image]) -> Image.Image:
    half = SIZE_PX // 2
    whole = Image.new("RGB", (SIZE_PX, SIZE_PX))
    for number, view in enumerate(views):
        small = view.resize((half, half), Image.Resampling.BILINEAR, reducing_gap=2.0)
        whole.paste(small, (number % 2 * half, number // 2 * half))
    return whole
