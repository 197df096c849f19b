"""Labels become an honest head, once."""

import threading
import time
from datetime import timedelta

import numpy as np
import pytest

from swipr import feature_pack, fitting, heads, learning, metrics, primal
from swipr.errors import ConflictError, LabelError, NotFoundError
from swipr.models import Label, User, UserSettings
from swipr.transitions import with_champion
from tests.doubles import BACKBONE, START

DIMENSIONS = 24


def taste(count, seed=0, noise=0.5, share=0.5):
    """Features and the answers of somebody whose taste is a direction, heard through noise."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, DIMENSIONS)).astype(np.float32)
    liking = rows @ np.random.default_rng(99).normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
    liking += random.normal(size=count) * noise
    return rows, liking > np.quantile(liking, 1 - share)


def scores_of(fitted, rows):
    return fitting.sigmoid(fitted.slope * (rows @ fitted.weights + fitted.bias) + fitted.intercept)


# --- fitting -----------------------------------------------------------------------------------------


def exact_loo(kernel, target, penalty):
    """What approximate leave-one-out approximates: n fits, each without one label."""
    logits = np.empty(len(target))
    for out in range(len(target)):
        rest = np.arange(len(target)) != out
        dual = fitting._newton(kernel[np.ix_(rest, rest)], target[rest], penalty, np.zeros(rest.sum()))
        logits[out] = kernel[out, rest] @ dual
    return logits


@pytest.mark.parametrize("penalty", [0.03, 0.3, 3.0])
def test_approximate_leave_one_out_is_close_to_the_exact_one(penalty):
    rows, liked = taste(60)
    target = liked.astype(float)
    kernel = rows.astype(float) @ rows.T / DIMENSIONS + 1

    dual = fitting._newton(kernel, target, penalty, np.zeros(60))
    approximate = fitting._left_out(kernel, target, penalty, dual).loo_logits

    exact = exact_loo(kernel, target, penalty)
    assert np.corrcoef(approximate, exact)[0, 1] > 0.99
    assert np.abs(fitting.sigmoid(approximate) - fitting.sigmoid(exact)).mean() < 0.02


def test_the_fit_is_where_the_gradient_ends():
    rows, liked = taste(50)
    kernel = rows.astype(float) @ rows.T / DIMENSIONS + 1

    dual = fitting._newton(kernel, liked.astype(float), 0.1, np.zeros(50))

    np.testing.assert_allclose(0.1 * dual, liked - fitting.sigmoid(kernel @ dual), atol=1e-6)


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
    dual = fitting.fit(rows, liked)
    monkeypatch.setattr(primal, "MOST_DUAL", 100)

    along = fitting.fit(rows, liked)

    assert along.penalty == dual.penalty
    assert np.abs(along.loo_scores - dual.loo_scores).max() < 0.02
    assert np.corrcoef(along.weights, dual.weights)[0, 1] > 0.999
    assert fitting.fit(rows, liked).weights.tobytes() == along.weights.tobytes()


def test_5000_labels_are_fitted_within_the_functions_time():
    rows, liked = taste(5000, seed=10, noise=1.0)
    began = time.process_time()

    fitted = fitting.fit(rows, liked)

    assert fitted.metrics["auc"] > 0.7
    assert time.process_time() - began < 60, "the kernel's way takes minutes"


# --- threshold and band --------------------------------------------------------------------------------


def test_the_precision_wish_is_met_on_left_out_scores_at_the_cost_of_recall():
    rows, liked = taste(400, seed=5, noise=1.0, share=0.3)

    balanced = fitting.fit(rows, liked)
    careful = fitting.fit(rows, liked, wish="precision", precision_at_least=0.85)

    assert liked[careful.loo_scores >= careful.threshold].mean() >= 0.85
    assert careful.metrics["precision"] > balanced.metrics["precision"]
    assert careful.metrics["recall"] < balanced.metrics["recall"]


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


# --- refit ---------------------------------------------------------------------------------------------


class FakeStore:
    """Users, labels and models in memory, with the conditions of the real ones."""

    def __init__(self, settings=None):
        self.users = {"ann": User(user_id="ann", settings=settings or UserSettings())}
        self.kept = {}
        self.versions = {}
        self.read = []
        self.lock = threading.Lock()

    def user(self, user_id):
        return self.users.get(user_id)

    def labels(self, user_id):
        return [label.model_copy(update={"features": b""}) for _, label in sorted(self.kept.items())]

    def label_features(self, user_id, card_ids):
        self.read.append(len(card_ids))
        return {card_id: self.kept[card_id].features for card_id in card_ids if card_id in self.kept}

    def put_model(self, model):
        with self.lock:
            return self.versions.setdefault(model.version, model) is model

    def models(self, user_id, *, limit=50):
        return [self.versions[version] for version in sorted(self.versions, reverse=True)][:limit]

    def set_champion(self, user_id, version, *, expected):
        with self.lock:
            user = self.users[user_id]
            if user.champion != expected:
                return False
            self.users[user_id] = with_champion(user, version)
            return True

    def teach(self, count, *, start=0, backbone=BACKBONE, flip=False):
        rows, liked = taste(400, seed=11, noise=0.1)
        for number in range(start, start + count):
            self.kept[f"fake:{number}"] = Label(
                user_id="ann",
                card_id=f"fake:{number}",
                choice="like" if liked[number] != flip else "pass",
                labelled_at=START + timedelta(seconds=number),
                backbone=backbone,
                features=rows[number].astype("<f2").tobytes(),
            )


class FakeBlobs(dict):
    def put(self, key, body, *, content_type="application/octet-stream"):
        self[key] = body

    def get(self, key):
        if key not in self:
            raise NotFoundError(key)
        return self[key]

    def keys(self, prefix):
        return sorted(key for key in iter(self) if key.startswith(prefix))

    def delete(self, keys):
        for key in list(keys):
            self.pop(key, None)


def refit(store, blobs=None, **options):
    return learning.refit("ann", store, FakeBlobs() if blobs is None else blobs, now=START, code="test", **options)


@pytest.fixture
def store():
    made = FakeStore()
    made.teach(60)
    return made


def test_a_refit_publishes_a_head_that_serves_and_makes_it_champion(store):
    model = refit(store)

    head = heads.unpack(model.head)
    assert (model.version, model.labels, store.user("ann").champion) == (1, 60, 1)
    assert head.backbone == model.backbone == BACKBONE
    assert model.metrics["auc"] > 0.8
    assert heads.weight_vector(head).shape == (DIMENSIONS,)


def test_the_same_labels_teach_once_however_often_they_are_delivered(store):
    blobs = FakeBlobs()

    assert refit(store, blobs) is not None
    assert [refit(store, blobs) for _ in range(4)] == [None] * 4
    assert list(store.versions) == [1]


def test_a_redelivery_after_a_crash_before_the_pointer_moves_it(store):
    refit(store)
    store.users["ann"] = store.users["ann"].model_copy(update={"champion": None, "highest_champion": 0})

    assert refit(store) is None
    assert store.user("ann").champion == 1


def test_a_redelivery_does_not_undo_a_roll_back(store):
    refit(store)
    store.teach(5, start=60)
    refit(store)
    store.set_champion("ann", 1, expected=2)

    assert refit(store) is None
    assert store.user("ann").champion == 1


def test_what_its_user_put_in_charge_stays_until_there_is_a_version_that_never_was(store):
    for number in range(3):
        store.teach(5, start=60 + 5 * number)
        refit(store)
    store.set_champion("ann", 1, expected=3)
    store.set_champion("ann", 2, expected=1)  # version 3 is neither champion nor previous now

    assert refit(store) is None
    assert store.user("ann").champion == 2

    store.teach(5, start=90)
    assert refit(store).version == store.user("ann").champion == 4


def test_a_correction_makes_the_next_version_with_the_kept_penalty(store):
    first = refit(store)
    store.teach(1, start=60)

    second = refit(store)

    assert (second.version, second.labels) == (2, 61)
    assert second.penalty == first.penalty
    assert second.metrics["grid_labels"] == 60


def test_the_penalty_is_searched_anew_once_labels_have_grown_by_a_fifth(store):
    refit(store)
    store.teach(12, start=60)

    assert refit(store).metrics["grid_labels"] == 72


def test_another_wish_is_another_version(store):
    refit(store)
    careful = UserSettings(wish="precision", precision_at_least=0.9)
    store.users["ann"] = store.users["ann"].model_copy(update={"settings": careful})

    model = refit(store)

    assert model.version == 2
    assert model.metrics["precision_at_least"] == 0.9
    assert refit(store) is None


def test_features_are_read_once_and_again_when_a_label_changes(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    later = store.kept["fake:3"].model_copy(update={"labelled_at": START + timedelta(days=1)})
    store.kept["fake:3"] = later

    refit(store, blobs)

    assert store.read == [60, 1]


def test_a_damaged_pack_is_made_again(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    (name,) = blobs.keys("features/ann/")
    whole, blobs[name] = blobs[name], blobs[name][:-1]
    store.teach(1, start=60)

    refit(store, blobs)

    assert store.read == [60, 61]
    assert len(blobs[name]) > len(whole)


def test_a_deleted_label_leaves_the_pack_and_the_last_one_takes_the_pack_along(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    del store.kept["fake:7"]

    refit(store, blobs)

    (name,) = blobs.keys("features/ann/")
    assert {key.card_id for key in feature_pack.unpack(blobs[name])} == set(store.kept)
    store.kept.clear()
    assert refit(store, blobs) is None
    assert not blobs.keys("features/")


def test_labels_of_another_backbone_are_left_out_and_counted(store):
    store.teach(20, start=100, backbone="00" * 32)

    model = refit(store)

    assert (model.backbone, model.labels, model.metrics["left_out"]) == (BACKBONE, 60, 20)
    assert refit(store, backbone="00" * 32).labels == 20


def test_rows_that_are_damaged_are_left_out_and_counted(store):
    nan = np.full(DIMENSIONS, np.nan, "<f2").tobytes()
    for card_id, features in (("fake:1", b""), ("fake:2", b"\0\0"), ("fake:3", nan)):
        store.kept[card_id] = store.kept[card_id].model_copy(update={"features": features})

    model = refit(store)

    assert (model.labels, model.metrics["left_out"]) == (57, 3)


def test_nobody_and_nothing_to_learn_from_is_no_error():
    store = FakeStore()

    assert refit(store) is None
    store.teach(2)
    assert refit(store) is None
    assert learning.refit("bob", store, FakeBlobs(), now=START, code="test") is None


def test_the_loser_of_a_race_learns_again_from_what_is_there_then(store):
    class Raced(FakeStore):
        losses = 2

        def put_model(self, model):
            if self.losses:
                self.losses -= 1
                self.teach(1, start=200 + self.losses)
                super().put_model(model.model_copy(update={"labels_hash": "of others"}))
                return False
            return super().put_model(model)

    raced = Raced()
    raced.kept = dict(store.kept)

    model = refit(raced)

    assert (model.version, model.labels, raced.user("ann").champion) == (3, 62, 3)


def test_refits_at_once_leave_no_gap_and_the_newest_as_champion(store):
    workers = [threading.Thread(target=refit, args=(store, FakeBlobs())) for _ in range(6)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(store.versions) == list(range(1, len(store.versions) + 1))
    assert store.user("ann").champion == max(store.versions)


def test_one_who_always_loses_says_so(store):
    store.put_model = lambda model: False

    with pytest.raises(ConflictError):
        refit(store)


def test_a_pointer_that_never_holds_says_so(store):
    store.set_champion = lambda *_, **__: False

    with pytest.raises(ConflictError):
        refit(store)


def test_the_hash_names_the_labels_whatever_their_order(store):
    labels = store.labels("ann")

    assert learning.labels_hash(labels) == learning.labels_hash(labels[::-1])
    assert learning.labels_hash(labels) != learning.labels_hash(labels[1:])
    store.teach(60, flip=True)
    assert learning.labels_hash(labels) != learning.labels_hash(store.labels("ann"))
