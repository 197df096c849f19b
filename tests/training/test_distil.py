"""The built-in backbone as it ships, and its training on a few drawn pictures. What learns needs PyTorch: slow."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from local import backbone_folder
from local.backbones import BUILT_IN, SHIPPED
from swipr import backbone
from training.distil import augment, drawn, pictures, pool, score

FOLDER = SHIPPED / BUILT_IN
SETS = {"potato", "wardrobe", "trash", "avatars"}


@pytest.fixture(scope="module")
def learned():
    """The modules that need PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here; training needs it, Swipr does not")
    from training.distil import export, learn

    torch.set_num_threads(1)
    return learn, export


def teacher(pixels):
    """Stands for the network that is imitated: a fixed map of the picture, made 8 x 8."""
    small = pixels.reshape(len(pixels), 8, 28, 8, 28, 3).mean(axis=(2, 4)).reshape(len(pixels), -1) / 255
    return small @ np.random.default_rng(0).normal(size=(192, 400)) / 20


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two sources: 40 pictures, and 8."""
    folder = tmp_path_factory.mktemp("photos")
    for source, numbers in (("many", range(40)), ("few", range(40, 48))):
        (folder / source).mkdir()
        for number in numbers:
            Image.fromarray(drawn.draw(number, 96)).save(folder / source / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    plan = pool.Plan(pictures.sources([photos], licence="CC0 1.0"), samples=250, seed=1)
    pool.make(folder, plan, teacher)
    return folder, plan


# --- what ships


def test_the_shipped_backbone_is_sound_and_at_most_2_megabytes():
    card = backbone_folder.check(FOLDER)

    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 2_000_000
    assert card["outputs"] == [
        {"name": "embedding", "dimensions": 320, "weight": 1.0},
        {"name": "colour", "dimensions": 340, "weight": 0.35},
    ]


def test_the_card_names_every_source_with_its_licence_and_hash():
    sources = backbone_folder.read_card(FOLDER)["sources"]

    assert {"caltech101", "flowers", *SETS} <= set(sources)
    for source in sources.values():
        assert source["licence"]
        assert source["origin"]
        assert source["photos"] > 0
        assert len(bytes.fromhex(source["sha256"])) == 32


def test_the_card_states_figures_of_sets_that_took_no_part_and_that_it_is_weaker():
    card = backbone_folder.read_card(FOLDER)

    left_out = card["measured"]["auc_at_100_labels_left_out"]
    assert set(left_out) == SETS | {"mean"}
    assert left_out["mean"] == pytest.approx(np.mean([left_out[name] for name in SETS]), abs=0.002)
    assert "weaker" in card["note"].lower()


def test_known_sources_state_licence_and_origin():
    known = json.loads(pictures.KNOWN.read_text("utf-8"))

    assert all(set(entry) == {"licence", "origin"} and all(entry.values()) for entry in known.values())


# --- pictures


def test_drawings_and_views_are_the_same_for_the_same_seed():
    picture = Image.fromarray(drawn.draw(3, 96))
    one, again, other = (augment.one(np.random.default_rng(seed), picture) for seed in (1, 1, 2))

    assert np.array_equal(drawn.draw(3, 96), picture)
    assert one.size == (augment.SIZE_PX, augment.SIZE_PX)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("number", range(len(drawn.KINDS)))
def test_every_kind_of_drawing_has_something_in_it(number):
    assert drawn.draw(number, 64).std() > 1


def test_a_source_of_unknown_licence_is_refused(photos):
    with pytest.raises(ValueError, match="under which licence"):
        pictures.sources([photos], licence=None)


def test_of_a_labelled_set_only_the_train_photos_are_taken(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "set" / split / "like").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / split / "like" / f"{split}.png")

    (source,) = pictures.sources([tmp_path / "set"], licence="CC0 1.0")

    assert (source.name, [file.name for file in source.files]) == ("set", ["train.png"])


def test_about_three_photos_in_a_hundred_are_kept_aside_by_name():
    source = pictures.Source("any", "CC0 1.0", "", ())
    aside = [pictures.kept_aside(source, Path(f"{number}.jpg")) for number in range(5000)]

    assert 0.02 < np.mean(aside) < 0.04


# --- the pool


def test_the_pool_says_what_touched_each_sample(made):
    opened = pool.open_pool(made[0])

    everything, without_few = opened.without(set()), opened.without({"few"})
    assert opened.card["names"] == ["few", "many", "drawn"]
    assert set(opened.card["sources"]) == {"few", "many"}
    assert not set(everything) & set(np.flatnonzero(opened.aside))
    assert 0 < len(without_few) < len(everything)
    assert not (opened.touched[without_few] & np.uint64(1)).any()


def test_a_pool_broken_off_is_made_whole_the_same(made, tmp_path):
    first, plan = pool.open_pool(made[0]), made[1]
    pool.make(tmp_path, plan, teacher)
    targets = np.load(tmp_path / "targets.npy", mmap_mode="r+")
    targets[:] = 0
    np.save(tmp_path / "done.npy", np.zeros(1, np.uint8))

    pool.make(tmp_path, plan, teacher)

    again = pool.open_pool(tmp_path)
    assert np.array_equal(again.targets, first.targets)
    assert np.array_equal(again.pictures, first.pictures)


# --- figures


def test_figures_rank_what_the_features_tell_and_do_not_rank_noise():
    random = np.random.default_rng(5)
    liked = random.random(300) < 0.4
    telling = np.stack([np.where(liked, 1.0, -1.0), random.normal(size=300)], axis=1).astype(np.float32)
    noise = random.normal(size=(300, 2)).astype(np.float32)

    told = score.figures(score.Rows(telling, liked), None, draws=2)
    guessed = score.figures(score.Rows(noise, liked), None, draws=2)

    assert told.shape == (2, len(score.LABELS))
    assert (told[0] > 0.99).all()
    assert (np.abs(guessed[0] - 0.5) < 0.15).all()


# --- learning


@pytest.fixture(scope="module")
def pupil(learned, made, tmp_path_factory):
    learn, _ = learned
    pools = [pool.open_pool(made[0])]
    return pools, learn.learn(pools, learn.Course(samples=40 * 96, seed=2), tmp_path_factory.mktemp("run") / "a.pt")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_pupil_comes_nearer_to_the_teacher(learned, pupil):
    learn, export = learned
    from training.distil.lessons import lessons_of

    pools, checkpoint = pupil
    state = learn.load(checkpoint)
    lessons = lessons_of(pools, frozenset(), state["projection"], state["offset"])

    model, _ = export.opened(checkpoint)

    assert learn.explained(model, lessons) > 0.1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_broken_off_ends_as_one_that_was_not(learned, made, tmp_path):
    learn, _ = learned
    pools, course = [pool.open_pool(made[0])], learn.Course(samples=4 * 96, seed=3)
    whole = learn.load(learn.learn(pools, course, tmp_path / "whole.pt"))

    learn.learn(pools, course, tmp_path / "parts.pt", stop_at=2)
    parts = learn.load(learn.learn(pools, course, tmp_path / "parts.pt"))

    assert parts["step"] == whole["step"] == 4
    for name, values in whole["average"].items():
        np.testing.assert_allclose(parts["average"][name], values, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_exported_is_a_backbone_that_agrees_with_the_float_network(learned, pupil, tmp_path):
    _, export = learned
    pools, checkpoint = pupil

    card = export.export(checkpoint, pools, tmp_path)

    assert backbone_folder.check(tmp_path)["sha256"] == card["sha256"]
    assert card["sources"]["few"]["licence"] == "CC0 1.0"
    assert (tmp_path / "backbone.onnx").stat().st_size <= 2_000_000
    pixels = np.asarray(pools[0].pictures[:64])
    ours, floats = backbone.load(tmp_path).features(pixels), export.Checkpoint(checkpoint).features(pixels)
    reference = np.fromfile(tmp_path / "reference.f32", "<f4")
    learned_part, colours = ours[:, :320] + reference[:320], ours[:, 320:]
    assert (learned_part * floats).sum(axis=1).min() > export.CLOSE
    assert colours.std(axis=0).max() > 0.01, "pictures of other colours differ in the second part"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_strays_from_the_float_network_is_not_exported(learned, pupil, tmp_path, monkeypatch):
    _, export = learned
    pools, checkpoint = pupil
    monkeypatch.setattr(export, "CLOSE", 1.1)

    with pytest.raises(ValueError, match="stray"):
        export.export(checkpoint, pools, tmp_path)

    assert not (tmp_path / "backbone.json").exists()
