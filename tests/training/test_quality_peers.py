"""The peers of `make quality` learn what can be learned: a peer that fails by its making would flatter us."""

import tests.training.pytorch  # noqa: F401

# isort: split

import numpy as np
import pytest

from bench import peers, peers_cnn
from swipr import metrics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, half of it reddish: uint8 (n, 300, 300, 3), and which half."""
    random = np.random.default_rng(seed)
    pixels = random.integers(60, 130, (count, peers_cnn.SIZE_PX, peers_cnn.SIZE_PX, 3), np.uint8)
    liked = np.arange(count) % 2 == 0
    pixels[liked, :, :, 0] += 60
    return pixels, liked


def rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    liked = np.arange(count) % 3 == 0
    return random.normal(size=(count, 6)) + 1.5 * liked[:, None], liked


def test_the_network_from_scratch_finds_a_colour(monkeypatch):
    monkeypatch.setattr(peers_cnn, "EPOCHS", 6)
    pixels, liked = pictures(24, 1)
    unseen, answer = pictures(10, 2)
    scores = peers_cnn.scores(pixels, liked, unseen, 0)
    assert metrics.auc(scores, answer) > 0.9
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_the_network_from_scratch_keeps_both_kinds_aside_and_learns_from_neither():
    liked = np.arange(40) < 5
    own, aside = peers_cnn._split(liked, np.random.default_rng(0))
    assert sorted([*own, *aside]) == list(range(40))
    assert 0 < liked[aside].sum() < len(aside)


@pytest.mark.parametrize("peer", [peers.neighbours, peers.logistic_regression])
def test_scikit_learns_peers_rank_and_are_sure_within_reason(peer):
    (given, liked), (unseen, answer) = rows(60, 3), rows(90, 4)
    scores = peer(given, liked, unseen)
    assert metrics.auc(scores, answer) > 0.9
    assert metrics.log_loss(scores, answer) < 0.5


@pytest.mark.parametrize("peer", [peers.neighbours, peers.logistic_regression])
def test_two_of_a_kind_are_enough_for_scikit_learns_peers(peer):
    given, _ = rows(20, 5)
    scores = peer(given, np.arange(20) < 2, given)
    assert np.isfinite(np.log(scores)).all()
