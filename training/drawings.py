"""Pictures out of nothing: overlapping shapes over noise, with the statistics of photographs but nothing in them.

Dead leaves (Lee, Mumford and Huang, "Occlusion models for natural images", 2001): shapes of every size that cover one
another have the edges, the scales and the 1/f spectrum of natural scenes.
"""

import numpy as np


def draw(count: int, size_px: int, seed: int = 0) -> np.ndarray:
    """uint8 (count, size_px, size_px, 3), RGB; the same for the same arguments."""
    pictures = [_picture(np.random.default_rng([seed, number]), size_px) for number in range(count)]
    return np.stack(pictures)


def _picture(random: np.random.Generator, size_px: int) -> np.ndarray:
    y, x = np.mgrid[:size_px, :size_px] / size_px
    canvas = _ground(random, x, y)
    for _ in range(int(random.integers(4, 60))):
        inside = _shape(random, x, y)
        paint = _colour(random) + random.normal(0, 0.12) * (x - 0.5)[..., None] + _grain(random, size_px)
        canvas = np.where(inside[..., None], paint, canvas)
    canvas = _shaded(random, x, y, canvas)
    return np.asarray((np.clip(canvas, 0, 1) * 255).round(), np.uint8)


def _colour(random: np.random.Generator) -> np.ndarray:
    """Mostly muted, as in photographs; the channels share most of their brightness."""
    brightness = random.beta(1.6, 1.6)
    return np.asarray(brightness + random.normal(0, 0.16, 3) * random.choice([0.3, 1.0, 1.8]))


def _ground(random: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    blend = np.clip(x * random.normal(0, 1) + y * random.normal(0, 1) + 0.5, 0, 1)[..., None]
    return np.asarray(_colour(random) * blend + _colour(random) * (1 - blend) + _grain(random, len(x)))


def _grain(random: np.random.Generator, size_px: int) -> np.ndarray:
    """Texture of one scale and strength, often none."""
    strength = random.choice([0.0, 0.0, 0.02, 0.06, 0.12])
    cells = int(2 ** random.integers(3, 8))
    rough = random.normal(0, strength, (min(cells, size_px), min(cells, size_px)))
    repeat = -(-size_px // len(rough))
    return np.asarray(np.kron(rough, np.ones((repeat, repeat)))[:size_px, :size_px, None])


def _shape(random: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """bool (size, size): a turned ellipse, box or bar; sizes follow a power law, as objects in the world do."""
    radius = 0.03 / (random.random() + 0.04)
    angle, stretch = random.random() * np.pi, np.exp(random.normal(0, 0.5))
    right, down = x - random.random(), y - random.random()
    along = (right * np.cos(angle) + down * np.sin(angle)) / (radius * stretch)
    across = (down * np.cos(angle) - right * np.sin(angle)) / (radius / stretch)
    power = random.choice([2.0, 2.0, 8.0])
    return np.asarray(np.abs(along) ** power + np.abs(across) ** power < 1)


def _shaded(random: np.random.Generator, x: np.ndarray, y: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    light = 1 + random.normal(0, 0.3) * (x - 0.5) + random.normal(0, 0.3) * (y - 0.5)
    return np.asarray(canvas * light[..., None] + random.normal(0, random.choice([0.003, 0.02]), canvas.shape))
