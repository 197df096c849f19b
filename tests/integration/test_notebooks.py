"""An executed notebook shows photos: it goes with those who are forgotten."""

from pathlib import Path

import pytest

from local.inbox import objects_folder
from local.notebooks import note, sweep

DATASET = "handoffs/a/labels.jsonl"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    labels = objects_folder(tmp_path) / DATASET
    labels.parent.mkdir(parents=True)
    labels.write_text("ann\nbob\n")
    work = tmp_path / "training" / "run"
    work.mkdir(parents=True)
    note(work, tmp_path, DATASET)
    (work / "train.ipynb").write_text("photos")
    (work / "log.txt").write_text("no photos")
    return work


def test_it_stays_while_its_labels_are_whole(tmp_path: Path, work: Path) -> None:
    assert sweep(tmp_path) == 0
    assert (work / "train.ipynb").exists()


def test_it_goes_when_somebody_is_forgotten_even_if_it_is_written_again(tmp_path: Path, work: Path) -> None:
    (objects_folder(tmp_path) / DATASET).write_text("bob\n")

    for _ in range(2):
        assert sweep(tmp_path) == 1
        assert [each.name for each in sorted(work.iterdir())] == ["log.txt", "made-of.json"]
        (work / "train.ipynb").write_text("photos")


def test_all_of_it_goes_with_its_user(tmp_path: Path, work: Path) -> None:
    (objects_folder(tmp_path) / DATASET).unlink()

    assert sweep(tmp_path) == 1
    assert not work.exists()
    assert sweep(tmp_path) == 0


def test_what_lies_beside_is_left_alone(tmp_path: Path, work: Path) -> None:
    beside = work.parent / "runs.jsonl"
    beside.write_text("{}")
    (work / "made-of.json").write_text("{")

    assert sweep(tmp_path) == 0
    assert beside.exists()
