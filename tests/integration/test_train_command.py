"""`swipr train` beside a running Swipr: what it lists, asks for and says. The training itself is proved elsewhere."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli import train
from cli.train import Chosen
from tests.handed import hand_over

CHOSEN = Chosen(data=Path(), handoff=None, listing=False, yes=False, as_json=True)


@pytest.fixture
def chosen(tmp_path: Path) -> Chosen:
    (tmp_path / "blobs" / "objects").mkdir(parents=True)
    return replace(CHOSEN, data=tmp_path)


def objects(chosen: Chosen) -> Path:
    return chosen.data / "blobs" / "objects"


def ran(chosen: Chosen, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    status = train.run(chosen, ask=lambda _: False)
    return status, json.loads(capsys.readouterr().out)


def test_open_handoffs_are_listed(chosen: Chosen, capsys: pytest.CaptureFixture[str]) -> None:
    handoff = hand_over(objects(chosen), 60, with_photos=20)

    status, said = ran(replace(chosen, listing=True), capsys)

    (only,) = said["open"]  # type: ignore[misc]
    assert status == 0
    assert (only["handoff_id"], only["photos"]) == (handoff.handoff_id, 20)  # type: ignore[index]
    assert "keep_photos" in only["lacking"]  # type: ignore[index]


def test_nothing_to_train_on_is_its_own_exit_status(chosen: Chosen, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = ran(chosen, capsys)

    assert status == train.NOTHING
    assert "handoff_min_labels" in str(said["error"])


def test_a_handoff_that_is_not_there_is_a_wrong_option(chosen: Chosen, capsys: pytest.CaptureFixture[str]) -> None:
    hand_over(objects(chosen))

    assert ran(replace(chosen, handoff="ffff"), capsys)[0] == train.WRONG


def test_a_folder_of_something_else_is_a_wrong_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(replace(CHOSEN, data=tmp_path), capsys)[0] == train.WRONG


def test_nothing_is_installed_without_a_yes(
    chosen: Chosen, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hand_over(objects(chosen))
    monkeypatch.setattr(train, "READY", tmp_path / "not-ready")

    status, said = ran(chosen, capsys)

    assert status == train.FAILED
    assert "--yes" in str(said["error"])


def test_the_notebook_gets_its_parameters_as_they_are(chosen: Chosen) -> None:
    hand_over(objects(chosen))
    picked = train._pick(train.TrainingHome(chosen.data), None)

    _, given = train._parameters(replace(chosen, epochs=3, head_alone=True), picked)

    assert json.loads(given) == {
        "folder": str(chosen.data), "handoff": picked.handoff.handoff_id, "epochs": 3, "head_alone": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("log", "status", "words"),
    [
        ("...\nswipr.errors.ModelError: no weights\n", train.FAILED, "no weights"),
        ("training.train.NothingToTrainOnError: 0 likes\n", train.NOTHING, "0 likes"),
        ("", train.FAILED, "it said nothing"),
    ],
)
def test_why_it_failed_is_the_last_thing_that_it_said(tmp_path: Path, log: str, status: int, words: str) -> None:
    (tmp_path / "log.txt").write_text(log)

    error = train._why(tmp_path)

    assert words in str(error)
    assert "log.txt" in str(error)
    assert error.status == status
