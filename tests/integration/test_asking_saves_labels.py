"""What is asked teaches at least as fast as random cards: whole runs of `bench/asking.py` on a taste in clusters."""

import argparse

import numpy as np
import pytest

from bench.asking import Photos, _curve, _reached

RUNS = 6


def drawn(seed: int, dimensions: int = 48) -> Photos:
    """Unit rows of twelve unlike groups of unlike sizes; a large, a middling and a small one are liked."""
    source = np.random.default_rng(seed)
    middles = source.normal(0, 1, (12, dimensions))
    sizes = np.array([9, 8, 7, 7, 6, 6, 5, 5, 4, 3, 2, 2], float)

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        groups = source.choice(12, n, p=sizes / sizes.sum())
        rows = middles[groups] + source.normal(0, 0.9, (n, dimensions))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float16), np.isin(groups, (1, 6, 10))

    return Photos(*split(260), *split(400))


@pytest.fixture(scope="module")
def needed() -> dict[str, float]:
    """Labels to the mark, mean over runs."""
    asked = argparse.Namespace(pool=260, most=90, batch=5, decide_every=20)
    counts: dict[str, list[int]] = {"random": [], "asked": []}
    for seed in range(RUNS):
        photos = drawn(seed)
        for system, found in counts.items():
            found.append(_reached(list(_curve(photos, system, asked, seed)), 0.95) or asked.most)
    return {system: float(np.mean(found)) for system, found in counts.items()}


def test_asking_needs_no_more_labels_than_random_cards_would(needed: dict[str, float]) -> None:
    assert needed["asked"] < needed["random"], needed
