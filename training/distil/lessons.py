"""What a run learns from: rows of pools, their targets along the directions that keep most of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.distil.pool import Pool

DIMENSIONS = 320
PROJECTION_SAMPLES = 20_000


class Lessons(NamedTuple):
    """Everything to learn from: rows of several pools, chosen ones only."""

    pictures: list[np.ndarray]
    places: np.ndarray
    """int64 (m, 2): pool, row."""
    targets: np.ndarray
    """float32 (m, DIMENSIONS), the mean taken away."""

    def batch(self, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels = np.stack([self.pictures[pool][row] for pool, row in self.places[chosen]])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(self.targets[chosen])


def lessons_of(pools: list[Pool], without: frozenset[str], projection: np.ndarray, offset: np.ndarray) -> Lessons:
    rows = [pool.without(set(without)) for pool in pools]
    places = np.concatenate([np.stack([np.full(len(r), i), r], axis=1) for i, r in enumerate(rows)])
    targets = np.concatenate([_projected(pool, r, projection) for pool, r in zip(pools, rows, strict=True)])
    return Lessons([pool.pictures for pool in pools], places, targets - offset)


def aside_of(pools: list[Pool], projection: np.ndarray, offset: np.ndarray) -> Lessons:
    """Samples of photos kept aside, of the first pool."""
    rows = np.flatnonzero(pools[0].aside)
    places = np.stack([np.zeros_like(rows), rows], axis=1)
    return Lessons([pools[0].pictures], places, _projected(pools[0], rows, projection) - offset)


def projection_of(pool: Pool, without: frozenset[str]) -> tuple[np.ndarray, np.ndarray]:
    """The principal directions float32 (2704, DIMENSIONS) of the targets, about zero so that their mean is among them,
    and the mean of the targets along them. They keep distances, which are what a head uses: no whitening.
    """
    rows = pool.without(set(without))[:PROJECTION_SAMPLES]
    targets = pool.targets[rows].astype(np.float32)
    _, vectors = np.linalg.eigh(targets.T @ targets)
    projection = np.ascontiguousarray(vectors[:, ::-1][:, :DIMENSIONS])
    return projection, (targets @ projection).mean(axis=0)


def _projected(pool: Pool, rows: np.ndarray, projection: np.ndarray) -> np.ndarray:
    parts = [pool.targets[part].astype(np.float32) @ projection for part in _parts(rows)]
    return np.concatenate(parts) if parts else np.zeros((0, DIMENSIONS), np.float32)


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[at : at + 2000] for at in range(0, len(rows), 2000))
