"""What kind of version follows from which labels, and what is known of it."""

import numpy as np
import pytest

from swipr import heads
from swipr.calibration import calibrate
from swipr.dual import Kernel
from swipr.learning import evidence
from swipr.learning.fit_evidence import evidence_of
from swipr.learning.learning_curve import learning_curve
from swipr.models import ModelVersion, Network
from tests.doubles import BACKBONE
from tests.taught import FakeBlobs, FakeStore, refit, taste


@pytest.fixture
def store():
    made = FakeStore()
    made.teach(60)
    return made


# --- not enough yet --------------------------------------------------------------------------------------


def labelled(store, choices):
    """Labels of these choices on rows of the taste."""
    store.kept.clear()
    store.teach(len(choices))
    for number, choice in enumerate(choices):
        store.kept[f"fake:{number}"] = store.kept[f"fake:{number}"].model_copy(update={"choice": choice})


def test_below_two_of_a_kind_a_likeness_ranks_and_is_never_in_charge():
    store, blobs = FakeStore(), FakeBlobs()
    labelled(store, ["like", "like", "like", "pass"])

    model = refit(store, blobs)

    head = heads.unpack(model.head)
    assert (model.kind, model.labels, model.likes, store.user("ann").champion) == ("likeness", 4, 3, None)
    assert (head.unsure_low, head.unsure_high) == (0.0, 1.0)
    assert evidence.read("ann", blobs) is None
    assert refit(store, blobs) is None, "the same labels teach once"
    assert store.user("ann").champion is None


def test_a_likeness_ranks_by_likeness_to_the_likes():
    store = FakeStore()
    labelled(store, ["like", "pass"])
    liked, passed = (np.frombuffer(store.kept[f"fake:{number}"].features, "<f2").astype(float) for number in (0, 1))

    head = heads.unpack(refit(store).head)

    weights = heads.weight_vector(head)
    by_way = [
        head.score(float((passed + part * (liked - passed)) @ weights + head.bias)) for part in (-1, 0, 0.5, 1, 2)
    ]
    assert by_way == sorted(by_way)
    assert by_way[1:4] == pytest.approx([0.12, 0.5, 0.88], abs=0.01)


def test_likes_alone_are_ranked_from_the_mean_of_all_photos():
    store = FakeStore()
    labelled(store, ["like"])

    head = heads.unpack(refit(store).head)

    assert head.score(head.bias) == pytest.approx(0.12, abs=0.01)


def test_passes_alone_say_nothing():
    store = FakeStore()
    labelled(store, ["pass"] * 5)

    assert refit(store) is None
    assert not store.versions


def test_the_first_real_model_follows_the_likeness_into_charge():
    store, blobs = FakeStore(), FakeBlobs()
    labelled(store, ["like", "pass"])
    refit(store, blobs)
    labelled(store, ["like", "pass", "like", "pass"])

    model = refit(store, blobs)

    assert (model.version, model.kind, store.user("ann").champion) == (2, "head", 2)


def test_a_head_that_serves_is_not_followed_by_a_likeness_and_its_evidence_goes_with_the_labels():
    store, blobs = FakeStore(), FakeBlobs()
    store.teach(20)
    refit(store, blobs)
    labelled(store, ["like", "pass"])

    assert refit(store, blobs) is None
    assert store.user("ann").champion == 1
    assert evidence.read("ann", blobs) is None


# --- evidence --------------------------------------------------------------------------------------------


def test_evidence_is_of_the_published_version_and_by_models_that_had_not_seen_the_labels(store):
    blobs = FakeBlobs()

    model = refit(store, blobs)

    known = evidence.read("ann", blobs)
    assert (known.version, known.labels_hash, known.backbone) == (1, model.labels_hash, BACKBONE)
    assert len(known.scores) == len(known.left_out) == len(known.liked) == len(known.said) == 60
    right = np.mean(np.array(known.said) == np.array(known.liked))
    assert model.metrics["accuracy"] == pytest.approx(right)
    assert sum(known.liked) == model.likes


def test_evidence_keeps_the_scores_as_they_were_before_calibration(store):
    blobs = FakeBlobs()

    head = heads.unpack(refit(store, blobs).head)

    known = evidence.read("ann", blobs)
    before, after = (np.log(np.array(p) / (1 - np.array(p))) for p in (known.uncalibrated, known.left_out))
    assert head.slope * before + head.intercept == pytest.approx(after, abs=0.01)
    assert abs(head.intercept) > 0.02, "else its sign would not matter here"


def test_a_calibration_that_says_the_same_of_all_cannot_be_undone(store):
    blobs = FakeBlobs()
    model = refit(store, blobs)
    labels = store.labels("ann")
    liked = np.array([label.choice == "like" for label in labels])
    flat = calibrate(np.linspace(-1, 1, len(labels)), liked)._replace(slope=0.0)

    assert evidence_of(model, labels, flat, None, ()).uncalibrated == ()


def test_evidence_is_there_before_the_version_is_in_charge(store):
    blobs, seen = FakeBlobs(), []
    promote = store.set_champion

    def watched(user_id, version, *, expected):
        seen.append(evidence.read(user_id, blobs).version)
        return promote(user_id, version, expected=expected)

    store.set_champion = watched

    refit(store, blobs)

    assert seen == [1]


def test_evidence_that_a_crash_left_out_is_made_by_the_redelivery(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    store.teach(1, start=60)
    refit(store, blobs)
    whole = evidence.read("ann", blobs)
    blobs.delete([evidence.evidence_key("ann")])

    assert refit(store, blobs) is None

    again = evidence.read("ann", blobs)
    assert (again.version, again.labels_hash) == (2, whole.labels_hash)
    assert again.left_out == pytest.approx(whole.left_out, abs=1e-3)


def test_wrong_labels_are_found_among_the_doubtful_and_stay_labels():
    found, listed = 0, 0
    for seed in range(5):
        store, blobs = FakeStore(), FakeBlobs()
        rows, liked = taste(400, seed=30 + seed, noise=0.25)
        wrong = set(np.random.default_rng(seed).permutation(400)[:40].tolist())
        store.teach(400)
        for number in range(400):
            choice = "like" if liked[number] != (number in wrong) else "pass"
            new = {"choice": choice, "features": rows[number].astype("<f2").tobytes()}
            store.kept[f"fake:{number}"] = store.kept[f"fake:{number}"].model_copy(update=new)

        model = refit(store, blobs)

        doubtful = evidence.read("ann", blobs).doubtful
        losses = [doubt.loss for doubt in doubtful]
        assert losses == sorted(losses, reverse=True)
        assert model.labels == 400, "nothing is dropped"
        found += len(wrong & {int(doubt.card_id.removeprefix("fake:")) for doubt in doubtful})
        listed += len(doubtful)

    assert listed == 5 * 60
    assert found / 200 > 0.66
    assert found / listed > 0.44


def test_a_curve_is_drawn_when_the_penalty_is_searched_and_carried_on_by_warm_refits():
    store, blobs = FakeStore(), FakeBlobs()
    store.teach(220)
    refit(store, blobs)
    drawn = evidence.read("ann", blobs).curve
    store.teach(1, start=220)

    refit(store, blobs)

    assert [point.labels for point in drawn] == [10, 20, 50, 100, 200]
    assert all(point.draws <= 5 and point.auc_low <= point.auc <= point.auc_high for point in drawn)
    assert drawn[0].auc < drawn[-1].auc
    assert drawn[-1].log_loss < drawn[0].log_loss
    assert evidence.read("ann", blobs).curve == drawn


def test_a_curve_that_went_with_a_forgotten_card_is_drawn_again(store):
    blobs = FakeBlobs()
    refit(store, blobs)
    del store.kept["fake:5"]
    blobs.delete(blobs.keys("features/ann/"))

    model = refit(store, blobs)

    assert model.metrics["grid_labels"] == 60
    assert [point.labels for point in evidence.read("ann", blobs).curve] == [10, 20]


def test_a_curve_is_measured_on_labels_its_draws_were_not_given_and_leaves_out_draws_of_one_kind():
    rows, _ = taste(120, seed=20)
    nothing_to_learn = np.random.default_rng(21).random(120) < 0.5
    rare = np.arange(120) < 3

    guess = learning_curve(Kernel(rows, 24.0), nothing_to_learn, 0.1)
    few = learning_curve(Kernel(rows, 24.0), rare, 0.1)

    assert all(0.3 < point.auc < 0.7 for point in guess)
    assert all(point.draws <= 5 for point in few)
    assert 10 not in [point.labels for point in few if point.draws == 5]
    assert guess == learning_curve(Kernel(rows, 24.0), nothing_to_learn, 0.1)


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("inf")])
def test_a_penalty_that_cannot_be_is_searched_anew(store, penalty):
    blobs = FakeBlobs()
    first = refit(store, blobs)
    store.versions[1] = first.model_copy(update={"penalty": penalty})
    store.teach(1, start=60)

    model = refit(store, blobs)

    assert model.penalty == first.penalty
    assert model.metrics["grid_labels"] == 61


def test_an_earlier_head_that_is_damaged_costs_time_only(store):
    blobs = FakeBlobs()
    first = refit(store, blobs)
    store.versions[1] = first.model_copy(update={"head": first.head[:-1]})
    store.teach(1, start=60)

    model = refit(store, blobs)

    assert model.penalty == first.penalty
    assert heads.unpack(model.head).bias == pytest.approx(heads.unpack(first.head).bias, abs=0.2)


def test_a_taste_that_runs_away_from_the_labels_is_told():
    store, blobs = FakeStore(), FakeBlobs()
    store.teach(60)
    told = [refit(store, blobs).metrics.get("worsened")]
    for number in range(60, 66):
        store.teach(1, start=number, flip=True)
        told.append(refit(store, blobs).metrics.get("worsened"))

    assert told[:3] == [None] * 3
    assert 1.0 in told[3:]


def test_labels_that_fit_worsen_nothing(store):
    blobs = FakeBlobs()
    told = []
    for number in range(60, 72):
        store.teach(1, start=number)
        told.append(refit(store, blobs).metrics.get("worsened"))

    assert told == [None] * 12


# --- tuned versions --------------------------------------------------------------------------------------


NETWORK = Network(key="models/ann/a.onnx", sha256="cd" * 32, size_bytes=9, size_px=160, share=0.5)


def tuned_champion(store, blobs, *, heard=40):
    """A candidate in charge, whose network has judged `heard` of the labels unseen, and knows the taste."""
    refit(store, blobs)
    first = store.versions[1]
    come_in = {"version": 2, "kind": "tuned", "network": NETWORK, "candidate": "a", "parent": 1, "labels_hash": "other"}
    store.put_model(ModelVersion.model_validate(first.model_dump() | come_in))
    store.set_champion("ann", 2, expected=1)
    for number in range(heard):
        label = store.kept[f"fake:{number}"]
        logit = 4.0 if label.choice == "like" else -4.0
        store.kept[label.card_id] = label.model_copy(update={"network_logits": {NETWORK.short: logit}})


def test_a_correction_of_a_tuned_model_makes_a_tuned_one_of_the_same_network(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs)
    store.teach(1, start=60)

    model = refit(store, blobs)

    known = evidence.read("ann", blobs)
    assert (model.version, model.kind, model.network, model.parent, model.candidate) == (3, "tuned", NETWORK, 2, None)
    assert (model.labels, model.metrics["blended_labels"], store.user("ann").champion) == (61, 40, 3)
    assert len(known.scores) == len(known.liked) == 40
    assert len(known.doubtful) == 50, "doubt may fall on labels the network has not judged"
    assert model.penalty == store.versions[1].penalty, "the head goes on from the one fitted here"


def test_a_blend_is_better_than_its_head_where_the_network_knows_more(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs)
    store.teach(1, start=60)

    model = refit(store, blobs)

    assert model.metrics["log_loss"] < store.versions[1].metrics["log_loss"]
    assert heads.unpack(model.head).slope != heads.unpack(store.versions[1].head).slope


def test_the_next_correction_goes_on_from_the_tuned_one(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs)
    for number in (60, 61):
        store.teach(1, start=number)
        model = refit(store, blobs)

    assert (model.version, model.kind, model.parent) == (4, "tuned", 3)
    assert model.metrics["grid_labels"] == 60


def test_too_few_labels_that_the_network_judged_make_a_plain_head(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs, heard=29)
    store.teach(1, start=60)

    model = refit(store, blobs)

    assert (model.kind, model.network, store.user("ann").champion) == ("head", None, 3)


def test_a_tuned_model_that_was_rolled_back_is_not_gone_on_with(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs)
    store.set_champion("ann", 1, expected=2)
    store.teach(1, start=60)

    assert refit(store, blobs).kind == "head"


def test_a_candidate_that_came_in_meanwhile_does_not_count_as_what_was_learned_here(store):
    blobs = FakeBlobs()
    tuned_champion(store, blobs)

    assert refit(store, blobs) is None, "version 1 learned from these labels"
    assert store.user("ann").champion == 2


class GatePasses(FakeStore):
    """A gate that puts a tuned version in charge just as the next head has been fitted without its network."""

    passes = False

    def put_model(self, model):
        put = super().put_model(model)
        if self.passes and put:
            self.passes = False
            assert model.kind == "head"
            self.set_champion("ann", 2, expected=1)
        return put


def waiting_tuned(store, blobs):
    tuned_champion(store, blobs)
    store.users["ann"] = store.users["ann"].model_copy(update={"champion": 1, "previous": None, "highest_champion": 1})


def test_a_head_fitted_while_the_gate_promoted_is_taught_anew_with_the_network():
    store, blobs = GatePasses(), FakeBlobs()
    store.teach(60)
    waiting_tuned(store, blobs)
    store.teach(1, start=60)
    store.passes = True

    model = refit(store, blobs)

    assert (store.versions[3].kind, store.versions[3].parent) == ("head", 1)
    assert (model.version, model.kind, model.parent, store.user("ann").champion) == (4, "tuned", 2, 4)


def test_a_crash_after_that_leaves_the_tuned_one_in_charge_until_the_next_delivery(store):
    blobs = FakeBlobs()
    waiting_tuned(store, blobs)
    store.teach(1, start=60)
    refit(store, blobs)  # version 3, a head, is there, but was not put in charge
    overtaken = {"champion": 2, "previous": 1, "highest_champion": 2}
    store.users["ann"] = store.users["ann"].model_copy(update=overtaken)

    model = refit(store, blobs)

    assert (model.version, model.kind, store.user("ann").champion) == (4, "tuned", 4)
    assert refit(store, blobs) is None
