"""Labels become a calibrated head; what is said of it holds on cards it has not seen."""

import numpy as np
import pytest

from swipr import calibration, dual, fitting, heads, metrics, newton, primal
from swipr.errors import LabelError
from swipr.learning import directions
from swipr.triangular import inverse_factor
from tests.doubles import BACKBONE
from tests.taught import DIMENSIONS, taste


def scores_of(fitted, rows):
    return fitting.sigmoid(fitted.slope * (rows @ fitted.weights + fitted.bias) + fitted.intercept)


# --- fitting -----------------------------------------------------------------------------------------


def kernel_of(rows, scale=DIMENSIONS):
    return dual.Kernel(rows, scale)


def exact_loo(rows, target, penalty):
    """What approximate leave-one-out approximates: n fits, each without one label."""
    logits = np.empty(len(target))
    for out in range(len(target)):
        rest = np.arange(len(target)) != out
        solution = newton.best(kernel_of(rows[rest]), target[rest], (penalty,))
        logits[out] = (rows[out] @ rows[rest].T / DIMENSIONS + 1) @ solution.parameters
    return logits


@pytest.mark.parametrize("penalty", [0.03, 0.3, 3.0])
def test_approximate_leave_one_out_is_close_to_the_exact_one(penalty):
    rows, liked = taste(60)
    target = liked.astype(float)

    approximate = newton.best(kernel_of(rows), target, (penalty,)).loo_logits

    exact = exact_loo(rows, target, penalty)
    assert np.corrcoef(approximate, exact)[0, 1] > 0.99
    assert np.abs(fitting.sigmoid(approximate) - fitting.sigmoid(exact)).mean() < 0.02


@pytest.mark.parametrize("count", [50, 600], ids=["double precision", "single precision"])
def test_the_fit_is_where_the_gradient_ends(count):
    rows, liked = taste(count)

    solution = newton.best(kernel_of(rows), liked.astype(float), (0.1,))

    np.testing.assert_allclose(solution.logits, kernel_of(rows).times(solution.parameters), atol=1e-4)
    np.testing.assert_allclose(0.1 * solution.parameters, liked - fitting.sigmoid(solution.logits), atol=2e-4)


def reference_loo(rows, liked, penalty):
    """Newton to the very end in double precision, one inverse for leave-one-out: the textbook's way."""
    kernel, target = rows.astype(float) @ rows.T / np.square(rows.astype(float)).sum(axis=1).mean() + 1, liked * 1.0
    inner = np.zeros(len(target))
    for _ in range(60):
        score = fitting.sigmoid(kernel @ inner)
        system = np.diag(score * (1 - score)) @ kernel + penalty * np.eye(len(target))
        inner = inner + np.linalg.solve(system, target - score - penalty * inner)
    logits = kernel @ inner
    score = fitting.sigmoid(logits)
    weight = score * (1 - score)
    root = np.sqrt(weight)
    kept = np.diag(np.linalg.inv(np.eye(len(target)) + root[:, None] * kernel * root / penalty))
    return logits + (1 - kept) / (weight * kept) * (score - target)


@pytest.mark.parametrize("count", [40, 700])
@pytest.mark.parametrize("penalty", [1.0, 0.03])
def test_the_fast_fit_is_the_textbooks(count, penalty):
    rows, liked = taste(count, seed=12, noise=0.6)

    fitted = fitting.fit(rows, liked, penalty=penalty)

    np.testing.assert_allclose(fitted.loo_logits, reference_loo(rows, liked, penalty), atol=0.02)


@pytest.mark.parametrize("count", [30, 200, 900])
def test_a_warm_refit_is_the_cold_one(count):
    rows, liked = taste(count, seed=13, noise=0.8)
    before = fitting.fit(rows[:-1], liked[:-1], penalty=0.1)

    cold = fitting.fit(rows, liked, penalty=0.1)
    warm = fitting.fit(rows, liked, penalty=0.1, start=fitting.Start(before.weights, before.bias))

    assert np.abs(rows @ (warm.weights - cold.weights) + warm.bias - cold.bias).max() < 1e-3
    assert np.abs(warm.loo_scores - cold.loo_scores).max() < 0.005


def test_a_start_that_misleads_ends_at_the_same_head():
    rows, liked = taste(120, seed=14)
    cold = fitting.fit(rows, liked, penalty=0.03)
    far = fitting.Start(-100 * cold.weights, 50.0)

    misled = fitting.fit(rows, liked, penalty=0.03, start=far)

    assert np.abs(rows @ (misled.weights - cold.weights) + misled.bias - cold.bias).max() < 1e-3


@pytest.mark.parametrize("count", [1, 47, 48, 49, 131])
def test_the_inverse_factor_is_of_the_very_matrix(count):
    random = np.random.default_rng(count).normal(size=(count, count + 3))
    system = random @ random.T + np.eye(count)

    inverse = inverse_factor(system)

    np.testing.assert_allclose(inverse @ system @ inverse.T, np.eye(count), atol=1e-9)
    assert not np.triu(inverse, 1).any()


def test_a_taste_is_learned_and_more_labels_learn_it_better():
    rows, liked = taste(2000, seed=1, noise=0.2)
    areas = []
    for count in (20, 60, 200):
        fitted = fitting.fit(rows[:count], liked[:count])
        areas.append(metrics.auc(scores_of(fitted, rows[500:]), liked[500:]))

    assert areas[0] < areas[1] < areas[2]
    assert areas[2] > 0.95


def test_scores_are_calibrated_on_photos_never_seen():
    rows, liked = taste(3000, seed=2, noise=0.8, share=0.3)

    fitted = fitting.fit(rows[:300], liked[:300])
    scores = scores_of(fitted, rows[300:])

    assert metrics.calibration_error(scores, liked[300:]) < 0.06
    assert fitted.metrics["log_loss"] == pytest.approx(metrics.log_loss(scores, liked[300:]), abs=0.06)
    assert fitted.metrics["auc_low"] < metrics.auc(scores, liked[300:]) < fitted.metrics["auc_high"]


def test_a_taste_that_is_not_there_claims_nothing():
    rows, _ = taste(100, seed=3)
    liked = np.random.default_rng(4).random(100) < 0.5

    fitted = fitting.fit(rows, liked)

    assert fitted.slope > 0
    assert fitted.metrics["auc"] < 0.7
    assert np.ptp(scores_of(fitted, rows[:50])) < 0.8


def test_cleanly_parted_labels_stay_finite():
    rows = np.concatenate([np.full((5, 3), 1.0), np.full((5, 3), -1.0)]).astype(np.float32)

    fitted = fitting.fit(rows, np.arange(10) < 5)

    assert (
        heads.unpack(heads.pack(fitting.to_head(fitted, BACKBONE))).score(float(rows[0] @ fitted.weights + fitted.bias))
        > 0.7
    )


@pytest.mark.parametrize("liked", [[], [True], [True] * 9, [False] * 9, [True] + [False] * 9])
def test_below_two_of_a_kind_is_not_enough_yet(liked):
    with pytest.raises(LabelError, match="not enough yet"):
        fitting.fit(np.zeros((len(liked), 3), np.float32), np.array(liked, bool))


def test_features_that_are_not_finite_are_refused():
    rows, liked = taste(10)
    rows[3, 3] = np.nan

    with pytest.raises(LabelError, match="finite"):
        fitting.fit(rows, liked)


def test_equal_features_teach_nothing_but_do_not_fail():
    fitted = fitting.fit(np.zeros((8, 3), np.float32), np.arange(8) < 3)

    assert np.all(fitted.weights == 0)


def test_the_fit_is_deterministic_and_keeps_a_given_penalty():
    rows, liked = taste(40)

    assert fitting.fit(rows, liked).weights.tobytes() == fitting.fit(rows, liked).weights.tobytes()
    assert fitting.fit(rows, liked, penalty=0.07).penalty == 0.07


def test_thousands_of_labels_are_fitted_in_the_primal_to_the_same_head(monkeypatch):
    rows, liked = taste(400, seed=9, noise=1.0)
    by_kernel = fitting.fit(rows, liked)
    monkeypatch.setattr(primal, "MOST_DUAL", 100)

    along = fitting.fit(rows, liked)

    assert along.penalty == by_kernel.penalty
    assert np.abs(along.loo_scores - by_kernel.loo_scores).max() < 0.02
    assert np.corrcoef(along.weights, by_kernel.weights)[0, 1] > 0.999
    assert fitting.fit(rows, liked).weights.tobytes() == along.weights.tobytes()


def test_2500_labels_of_many_dimensions_get_nearly_the_kernels_scores(monkeypatch):
    random = np.random.default_rng(15)
    mixing = random.normal(size=(900, 900)) * np.arange(1, 901)[:, None] ** -0.7  # variance falls as photos' does
    rows = (random.normal(size=(2500, 900)) @ mixing).astype(np.float32)
    liking = rows @ (np.linalg.pinv(mixing)[:, :40] @ random.normal(size=40)) + random.normal(size=2500) * 3
    liked = liking > 0
    along = fitting.fit(rows, liked, penalty=0.1)
    monkeypatch.setattr(primal, "MOST_DUAL", 10_000)

    by_kernel = fitting.fit(rows, liked, penalty=0.1)

    assert along.metrics["auc"] == pytest.approx(by_kernel.metrics["auc"], abs=0.01)
    assert along.metrics["log_loss"] == pytest.approx(by_kernel.metrics["log_loss"], abs=0.02)
    assert np.corrcoef(along.loo_scores, by_kernel.loo_scores)[0, 1] > 0.98


def test_kept_directions_give_the_same_head_and_those_that_do_not_fit_are_found_anew(monkeypatch):
    monkeypatch.setattr(primal, "MOST_DUAL", 100)
    rows, liked = taste(300, seed=16)
    found = fitting.fit(rows, liked, penalty=0.1)
    kept = directions.unpack(directions.pack(found.directions))

    again = fitting.fit(rows, liked, penalty=0.1, directions=kept)
    unfit = fitting.fit(rows, liked, penalty=0.1, directions=kept[:-1])

    assert again.directions is kept
    assert again.weights.tobytes() == unfit.weights.tobytes() == found.weights.tobytes()


def test_damaged_directions_are_refused():
    packed = directions.pack(np.eye(5, 2))

    for place in range(len(packed)):
        with pytest.raises(LabelError):
            directions.unpack(packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :])
        with pytest.raises(LabelError):
            directions.unpack(packed[:place])


def test_5000_labels_are_fitted_in_the_primal():
    rows, liked = taste(5000, seed=10, noise=1.0)

    fitted = fitting.fit(rows, liked)

    assert fitted.metrics["auc"] > 0.7
    assert fitted.directions.shape == (DIMENSIONS, DIMENSIONS)


# --- threshold and band --------------------------------------------------------------------------------


def test_the_precision_wish_is_met_on_left_out_scores_at_the_cost_of_recall():
    rows, liked = taste(400, seed=5, noise=1.0, share=0.3)

    balanced = fitting.fit(rows, liked)
    careful = fitting.fit(rows, liked, wish="precision", precision_at_least=0.85)

    assert liked[careful.loo_scores >= careful.threshold].mean() >= 0.85
    assert careful.metrics["precision"] > balanced.metrics["precision"]
    assert careful.metrics["recall"] < balanced.metrics["recall"]


@pytest.mark.parametrize("wanted", [0.8, 0.9])
def test_the_precision_wish_is_met_on_cards_it_has_not_seen(wanted):
    reached = []
    for seed in range(40):
        rows, liked = taste(600, seed=seed, noise=0.5)
        fitted = fitting.fit(rows[:100], liked[:100], wish="precision", precision_at_least=wanted)
        logits = rows[200:] @ fitted.weights + fitted.bias
        said = fitting.sigmoid(fitted.slope * logits + fitted.intercept) >= fitted.threshold
        reached.append(liked[200:][said].mean())

    assert np.mean(reached) >= wanted
    assert np.mean(np.array(reached) < wanted - 0.05) <= 0.3


def test_the_unsure_band_trusts_neither_luck_nor_the_scores_alone():
    lucky = np.linspace(0.55, 0.75, 40), np.ones(40, bool)
    bold = np.linspace(0.7, 0.99, 40), np.arange(40) >= 10

    assert calibration.unsure_band(*lucky, threshold=0.5) != (0.5, 0.5)
    assert calibration.unsure_band(*bold, threshold=0.5)[1] > 0.5


def test_what_is_said_of_a_head_holds_on_cards_it_has_not_seen():
    said, seen = [], []
    for seed in range(30):
        rows, liked = taste(360, seed=seed, noise=1.5)
        fitted = fitting.fit(rows[:60], liked[:60])
        logits = rows[60:] @ fitted.weights + fitted.bias
        scores = fitting.sigmoid(fitted.slope * logits + fitted.intercept)
        said.append(fitted.metrics["accuracy"])
        seen.append(((scores >= fitted.threshold) == liked[60:]).mean())

    assert np.mean(said) == pytest.approx(np.mean(seen), abs=0.025)


def test_rare_likes_move_the_threshold_and_not_the_probabilities():
    rows, liked = taste(400, seed=6, noise=0.8, share=0.1)

    fitted = fitting.fit(rows, liked)

    assert fitted.threshold < 0.5
    assert abs(fitted.loo_scores.mean() - 0.1) < 0.03


def test_few_labels_keep_the_threshold_near_the_middle():
    rows, liked = taste(8, seed=7)

    assert abs(fitting.fit(rows, liked).threshold - 0.5) <= 0.49 * 8 / fitting.SURE_ENOUGH


def test_outside_the_band_verdicts_are_right_often_enough():
    rows, liked = taste(400, seed=8, noise=0.6)

    fitted = fitting.fit(rows, liked)
    outside = (fitted.loo_scores < fitted.unsure_low) | (fitted.loo_scores > fitted.unsure_high)
    right = (fitted.loo_scores >= fitted.threshold) == liked

    assert fitted.unsure_low < fitted.threshold < fitted.unsure_high
    assert right[outside].mean() >= fitting.RIGHT_ENOUGH > right.mean()


def test_a_clear_taste_has_no_band_and_a_hopeless_one_no_endless_band():
    clear = fitting.fit(*taste(300, noise=0.0))
    rows, _ = taste(100)
    hopeless = fitting.fit(rows, np.random.default_rng(1).random(100) < 0.5)
    held = (hopeless.loo_scores >= hopeless.unsure_low) & (hopeless.loo_scores <= hopeless.unsure_high)

    assert clear.unsure_low == clear.unsure_high
    assert held.mean() <= fitting.MAX_UNSURE_SHARE + 0.02


def test_a_blend_is_calibrated_as_a_head_is():
    rows, liked = taste(200, seed=17, noise=1.0)
    fitted = fitting.fit(rows, liked)

    alone = fitting.calibrate(fitted.loo_logits, liked)
    doubled = fitting.calibrate(2 * fitted.loo_logits, liked)

    assert (alone.slope, alone.threshold, alone.metrics) == (fitted.slope, fitted.threshold, fitted.metrics)
    assert doubled.slope == pytest.approx(alone.slope / 2, rel=1e-3)
    np.testing.assert_allclose(doubled.left_out, alone.left_out, atol=1e-3)


def test_one_label_in_ten_a_like_is_ranked_and_honestly_scored():
    rows, liked = taste(2200, seed=18, noise=0.4, share=0.1)

    fitted = fitting.fit(rows[:200], liked[:200])
    scores = scores_of(fitted, rows[200:])

    assert metrics.auc(scores, liked[200:]) > 0.9
    assert scores.mean() == pytest.approx(0.1, abs=0.03)
    assert fitted.metrics["accuracy"] > fitted.metrics["majority"]
    assert ((scores >= fitted.threshold) & liked[200:]).sum() > 0.4 * liked[200:].sum()


# --- metrics -------------------------------------------------------------------------------------------


def test_auc_counts_pairs_and_halves_ties():
    assert metrics.auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])) == 0.875
    assert metrics.auc(np.array([0.1, 0.9]), np.array([True, True])) == 0.5


def test_perfect_and_constant_scores_measure_as_such():
    liked = np.array([True, False, False, False])

    good, flat = np.array([0.9, 0.1, 0.1, 0.1]), np.full(4, 0.25)
    perfect = metrics.measure(good, liked, good >= 0.5, ranking=good)
    constant = metrics.measure(flat, liked, flat >= 0.5, ranking=flat)

    assert (perfect["auc"], perfect["accuracy"], perfect["precision"], perfect["recall"]) == (1, 1, 1, 1)
    assert (constant["auc"], constant["precision"], constant["recall"]) == (0.5, 0, 0)
    assert constant["majority"] == constant["accuracy"] == 0.75
    assert constant["calibration_error"] == pytest.approx(0.25)  # two bins, their likes 1/2 and 0


def test_who_wishes_for_more_precision_is_given_no_laxer_line():
    scores = np.concatenate([np.linspace(0.01, 0.3, 90), np.linspace(0.32, 0.9, 10)])
    liked = np.arange(100) >= 90

    lines = [calibration.threshold_of(scores, liked, "precision", wanted) for wanted in (0.8, 0.85, 0.9, 0.95, 0.99)]

    assert lines == sorted(lines)
