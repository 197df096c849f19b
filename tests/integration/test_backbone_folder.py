"""A backbone folder appears whole and sound, or not at all; a flipped byte is found."""

import base64
import json
import os
import shutil

import numpy as np
import pytest

from local import backbone_folder, backbones
from local.backbones import BackboneError
from swipr import backbone
from swipr.errors import ModelError
from tests.backbone_folders import BUILTIN_FOLDER, BUILTIN_SHA256, another, tree


@pytest.fixture
def installed(tmp_path):
    return backbones.keep(tmp_path / "data", another(tmp_path / "source"))


def test_shipped_backbone_is_sound():
    assert backbone_folder.check(BUILTIN_FOLDER)["sha256"] == BUILTIN_SHA256


def test_one_made_elsewhere_gets_what_a_check_needs(tmp_path, installed):
    card = backbone_folder.check(installed)

    assert installed == tmp_path / "data" / "backbones" / "another"
    assert set(card) > {"golden", "card_sha256"}
    assert backbone.load(installed).sha256 == card["sha256"] == backbone_folder.read_card(tmp_path / "source")["sha256"]


@pytest.mark.parametrize("file", ["backbone.onnx", "reference.f32", "backbone.json"])
@pytest.mark.parametrize("place", [0.0, 0.33, 0.5, 0.77, 0.999])
def test_a_flipped_bit_is_found(installed, file, place):
    body = bytearray((installed / file).read_bytes())
    body[int(place * len(body))] ^= 4
    (installed / file).write_bytes(body)

    with pytest.raises(ModelError, match=r"backbone\.|reference"):
        backbone_folder.check(installed)


def test_another_machines_wrong_arithmetic_is_found(installed):
    card = backbone_folder.read_card(installed)
    features = np.frombuffer(base64.b64decode(card["golden"]), "<f2").astype(np.float32)
    card["golden"] = backbone_folder.golden_of(features + np.random.default_rng(0).normal(0, 0.01, len(features)))
    backbone_folder.write_card(installed, card)

    with pytest.raises(ModelError, match="other features for the golden picture"):
        backbone_folder.check(installed)


def test_what_is_not_sound_leaves_nothing_behind(tmp_path):
    source = another(tmp_path / "source")
    (source / "backbone.onnx").write_bytes(b"no network")
    data = tmp_path / "data"
    data.mkdir()

    with pytest.raises(BackboneError, match="is not the file that"):
        backbones.keep(data, source)

    assert list(data.iterdir()) == []


def test_installing_again_changes_nothing_and_mends_what_is_damaged(tmp_path, installed):
    before = tree(installed)
    assert backbones.keep(tmp_path / "data", tmp_path / "source") == installed
    (installed / "reference.f32").write_bytes(b"")

    assert backbones.keep(tmp_path / "data", tmp_path / "source") == installed

    assert tree(installed) == before
    assert [path.name for path in installed.parent.iterdir()] == ["another"]


def test_another_backbone_of_the_same_name_gets_a_place_of_its_own(tmp_path, installed):
    other = backbones.keep(tmp_path / "data", another(tmp_path / "second", weight=0.5))

    sha256 = backbone_folder.read_card(other)["sha256"]
    assert other.name == f"another-{sha256[:8]}"
    assert backbone_folder.check(installed)["sha256"] != sha256


@pytest.mark.parametrize("name", ["../../x", "", "builtin", ".draft-1", "Ä b/c", "x" * 300])
def test_a_card_cannot_choose_a_place_outside(tmp_path, name):
    folder = backbones.keep(tmp_path / "data", another(tmp_path / "source", name=name))

    assert folder.parent == tmp_path / "data" / "backbones"
    assert folder in [known.folder for known in backbones.known(tmp_path / "data")]


def test_a_draft_of_a_killed_process_goes_with_the_next_install(tmp_path, installed):
    left = installed.parent / ".draft-dead"
    shutil.copytree(installed, left)
    os.utime(left, (0, 0))

    backbones.keep(tmp_path / "data", tmp_path / "source")

    assert not left.exists()


def test_a_record_that_is_damaged_says_how_to_mend_it(tmp_path):
    (tmp_path / "backbone.json").write_text(json.dumps({"name": "x"}))

    with pytest.raises(BackboneError, match="swipr backbone use NAME"):
        backbones.read_record(tmp_path)
