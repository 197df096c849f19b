"""Which backbone `swipr simulate` plays with."""

import os
import shutil
from pathlib import Path

import pytest

from cli.simulate_backbone import find
from local import backbone_folder, backbones
from local.backbones import BackboneError

BUILT_IN = backbones.SHIPPED / backbones.BUILT_IN
WEIGHTS = Path(os.environ.get("SWIPR_WEIGHTS", Path(__file__).resolve().parents[3] / "shared" / "weights"))


def found(tmp_path, named=None, weights=None):
    return find(named, data=tmp_path / "data", weights=weights, scratch=tmp_path / "made")


@pytest.fixture
def installed(tmp_path):
    """Stands for the recommended one: only its name is looked at."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "data" / "backbones" / "mobilenetv2"))


def test_with_nothing_installed_it_is_the_built_in_one(tmp_path):
    assert found(tmp_path) == found(tmp_path, "builtin") == BUILT_IN
    assert list(tmp_path.iterdir()) == []


def test_the_recommended_one_is_taken_where_it_is_installed(tmp_path, installed):
    assert found(tmp_path) == found(tmp_path, "mobilenetv2") == installed
    assert found(tmp_path, "builtin") == BUILT_IN


def test_a_folder_may_be_named(tmp_path, installed):
    assert found(tmp_path, str(installed)) == installed


def test_what_is_not_there_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(BackboneError, match="swipr backbone pull"):
        found(tmp_path, "mobilenetv2")
    with pytest.raises(BackboneError, match="no backbone 'resnet'; there are builtin"):
        found(tmp_path, "resnet")


def test_wrong_weights_are_an_error_and_no_reason_to_take_another(tmp_path):
    (tmp_path / "weights").mkdir()

    with pytest.raises(BackboneError, match=r"SWIPR_WEIGHTS: .* cannot be read"):
        found(tmp_path, weights=tmp_path / "weights")


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="SWIPR_WEIGHTS names no folder with weights")
def test_it_is_made_from_a_folder_of_weights(tmp_path):
    folder = found(tmp_path, weights=WEIGHTS)

    assert backbone_folder.read_card(folder)["name"] == "mobilenetv2"
    assert folder.is_relative_to(tmp_path / "made")
