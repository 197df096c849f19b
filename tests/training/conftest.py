"""Small networks and drawn photos for the proofs of training."""

from pathlib import Path

import numpy as np
import pytest

from tests.handed import picture


def folded(widths: tuple[int, ...] = (8, 12, 16), head: int = 24, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of a small MobileNetV2, by the names of its folded file."""
    random = np.random.default_rng(seed)

    def kernel(name: str, out: int, given: int, size: int) -> dict[str, np.ndarray]:
        spread = np.sqrt(2 / (given * size * size))
        return {
            f"{name}.weight": random.normal(0, spread, (out, given, size, size)).astype(np.float32),
            f"{name}.bias": random.normal(0, 0.05, out).astype(np.float32),
        }

    made = kernel("stem", widths[0], 3, 3)
    made |= kernel("b0.dw", widths[0], 1, 3) | kernel("b0.project", widths[0], widths[0], 1)
    before = widths[0]
    for number, width in enumerate(widths[1:], start=1):
        made |= kernel(f"b{number}.expand", 3 * before, before, 1)
        made |= kernel(f"b{number}.dw", 3 * before, 1, 3)
        made |= kernel(f"b{number}.project", width, 3 * before, 1)
        before = width
    return made | kernel("head", head, before, 1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of weights of a small network."""
    path = tmp_path / "small.npz"
    np.savez(path, **folded())
    return path


def drawn(count: int, size_px: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Photos uint8 (n, size_px, size_px, 3), and which are liked."""
    from swipr import photos

    liked = np.arange(count) % 2 == 0
    bodies = [picture(bool(like), 10_000 * seed + number) for number, like in enumerate(liked)]
    return np.stack([photos.to_input(body, size_px) for body in bodies]), liked
