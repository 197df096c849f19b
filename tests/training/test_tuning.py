"""A network is bent to a taste: from the closed-form head on, out of fold without leaks, the same for the same seed."""

import tests.training.pytorch  # noqa: F401

# isort: split

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from swipr import fitting, metrics
from swipr.errors import LabelError
from tests.training.conftest import drawn
from training import tuning
from training.model import Tuned, body_of, by_card, dimensions_of
from training.tuning import Recipe, fine_tune, folds, out_of_fold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
QUICK = Recipe(size_px=48, epochs=10, batch=8, body_rate=4e-3, head_rate=5e-3, held_steps=0, jitter=0.1, seed=1)


def test_before_the_first_step_it_says_what_the_closed_form_head_says(weights: Path) -> None:
    photos, liked = drawn(60)
    body = body_of(str(weights))
    rows = tuning.features_of(body, photos)
    fitted = fitting.fit(rows - rows.mean(axis=0), liked)
    net = Tuned(body, rows.shape[1])

    net.begin(rows, liked)

    expected = (rows - rows.mean(axis=0)) @ fitted.weights + fitted.bias
    assert np.abs(tuning.logits_of(net, photos) - expected).max() < 1e-3


def test_tuning_finds_what_the_frozen_network_does_not_see(weights: Path) -> None:
    photos, liked = drawn(160)
    others, truth = drawn(120, seed=1)
    body = body_of(str(weights))
    start = Tuned(body, dimensions_of(body))
    start.begin(tuning.features_of(body, photos), liked)

    network = fine_tune(photos, liked, body=body, recipe=QUICK)

    before = metrics.auc(tuning.logits_of(start, others), truth)
    after = metrics.auc(network.logits(others), truth)
    assert before < 0.75
    assert after > 0.9
    assert network.losses[network.epoch] == min(network.losses) < network.losses[0]


def test_the_body_that_it_begins_from_stays_as_it_is(weights: Path) -> None:
    photos, liked = drawn(40)
    body = body_of(str(weights))
    before = {name: value.clone() for name, value in body.state_dict().items()}

    fine_tune(photos, liked, body=body, recipe=replace(QUICK, epochs=1))

    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())


def test_the_first_steps_are_held(weights: Path) -> None:
    photos, liked = drawn(40)
    body = body_of(str(weights))

    network = fine_tune(photos, liked, body=body, recipe=replace(QUICK, epochs=1, held_steps=3), epochs=1)

    now, then = network.net.body.weights_now(), body.weights_now()
    changed = {name.rpartition(".")[0] for name in now if not np.array_equal(now[name], then[name])}
    assert changed == {"b1.expand", "b1.dw", "b1.project", "b2.expand", "b2.dw", "b2.project", "head"}


def test_the_same_seed_gives_the_same_network(weights: Path) -> None:
    photos, liked = drawn(40)
    body = body_of(str(weights))
    short = replace(QUICK, epochs=2)

    first, again = (fine_tune(photos, liked, body=body, recipe=short).logits(photos) for _ in range(2))
    other = fine_tune(photos, liked, body=body, recipe=replace(short, seed=2)).logits(photos)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_card_is_judged_by_a_network_that_has_seen_it(weights: Path) -> None:
    """Cards of two like photos with choices drawn by lot: whoever had seen one would know the other."""
    photos, _ = drawn(40)
    random = np.random.default_rng(5)
    pairs = np.repeat(photos, 2, axis=0)
    card_of = np.repeat(np.arange(40), 2)
    liked = np.repeat(random.permutation(np.arange(40) % 2 == 0), 2)
    body = body_of(str(weights))
    short = replace(QUICK, epochs=4)

    honest = out_of_fold(pairs, liked, body=body, card_of=card_of, fold_of=folds(card_of, liked, 5, 1), recipe=short)
    judged, truth = by_card(honest.logits, liked, card_of)

    assert metrics.auc(judged, truth.astype(bool)) < 0.75
    with pytest.raises(LabelError, match="in two folds"):
        out_of_fold(pairs, liked, body=body, card_of=card_of, fold_of=np.arange(80) % 5, recipe=short)


def test_each_fold_is_told_and_has_its_own_network(weights: Path) -> None:
    photos, liked = drawn(40)
    told: list[tuple[str, float]] = []

    judged = out_of_fold(
        photos, liked, body=body_of(str(weights)), fold_of=np.arange(40) // 2 % 4, recipe=replace(QUICK, epochs=1),
        told=lambda what, done: told.append((what, done)),
    )  # fmt: skip

    assert len(judged.networks) == 4
    assert told[0][0] == "fold 1 of 4: epoch 1"
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert np.isfinite(judged.logits).all()


def test_below_two_of_a_kind_there_is_nothing_to_begin_from(weights: Path) -> None:
    photos, _ = drawn(6)

    with pytest.raises(LabelError, match="not enough yet"):
        fine_tune(photos, np.arange(6) == 0, body=body_of(str(weights)), recipe=QUICK)


def test_photos_are_varied_within_bounds_and_by_the_seed() -> None:
    pixels = torch.rand(4, 3, 32, 32) * 2 - 1

    first, again, other = (tuning.vary(pixels, Recipe(), np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert first.shape == pixels.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float(first.abs().max()) <= 1.0
