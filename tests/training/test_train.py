"""From a hand-off to its candidate, by module and by notebook: checked, logged, repeatable, and clear about errors."""

import tests.training.pytorch  # noqa: F401

# isort: split

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from swipr import heads, networks, parity
from swipr.candidates import candidate
from swipr.candidates.candidate import CandidateCard, LeftOut
from tests.handed import BACKBONE, DIMENSIONS, files_of, hand_over
from tests.training.conftest import folded
from training import runs, train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
QUICK = ("--size-px=48", "--epochs=2", "--batch=8", "--held-steps=0")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "handoffs").mkdir()
    np.savez(tmp_path / "small.npz", **folded())
    return tmp_path


def answer(home: Path, name: str, *more: str) -> int:
    return train.main([f"--folder={home}", f"--handoff={name}", f"--backbone={home / 'small.npz'}", *QUICK, *more])


def test_a_handoff_becomes_a_candidate_as_the_registrar_wants_it(home: Path) -> None:
    handoff = hand_over(home, 80, photos_of=2)

    assert answer(home, handoff.handoff_id[:8]) == 0

    (folder,) = (home / "inbox").iterdir()
    files = files_of(home, f"inbox/{folder.name}")
    card = CandidateCard.model_validate_json(files[candidate.CARD])
    assert set(files) == set(candidate.WANTED)
    assert (card.candidate, card.handoff_id, card.labels_hash) == (folder.name, handoff.handoff_id, "e" * 64)
    assert candidate.handoff_of(folder.name) == handoff.handoff_id
    assert (card.backbone, card.labels, card.seed) == (BACKBONE, 80, handoff.split_seed)
    judged = networks.loaded(files[candidate.NETWORK], 48).logits(parity.pictures(48))
    assert np.abs(judged - np.array(card.parity)).max() < candidate.PARITY_WITHIN
    assert len(heads.unpack(files[candidate.HEAD]).weights) == 4 * DIMENSIONS
    assert len(LeftOut.model_validate_json(files[candidate.LEFT_OUT]).logits) == 80
    assert {"auc", "frozen_auc", "tuned_auc", "average_auc", "log_loss", "network_bytes"} <= set(
        json.loads(files[candidate.METRICS])
    )


def test_the_run_is_logged_and_its_repetition_gives_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handoff = hand_over(home, 60)
    answer(home, handoff.handoff_id)
    log = home / "training" / "runs.jsonl"
    (first,) = runs.read(log)

    assert runs.main(["repeat", first["run"], "--log", str(log)]) == 0

    first, again = runs.read(log)
    assert {key: first[key] for key in ("data", "seed", "settings", "code", "handoff")} == {
        key: again[key] for key in ("data", "seed", "settings", "code", "handoff")
    }
    same = {name for name in first["metrics"] if name != "network_ms"}
    assert {name: first["metrics"][name] for name in same} == {name: again["metrics"][name] for name in same}
    one, other = (files_of(home, run["artefacts"][0]) for run in (first, again))
    assert one[candidate.NETWORK] == other[candidate.NETWORK]
    assert one[candidate.LEFT_OUT] == other[candidate.LEFT_OUT]


def test_labels_without_photos_get_a_head_alone_where_that_is_asked_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handoff = hand_over(home, 60, with_photos=0)

    assert answer(home, handoff.handoff_id) == 3
    assert "switch on keep_photos" in capsys.readouterr().err
    assert not (home / "inbox").exists()

    assert answer(home, handoff.handoff_id, "--head-alone") == 0
    (folder,) = (home / "inbox").iterdir()
    files = files_of(home, f"inbox/{folder.name}")
    assert candidate.NETWORK not in files
    assert CandidateCard.model_validate_json(files[candidate.CARD]).network_sha256 is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--handoff=ffff"], "hand-offs begin with"),
        (["--bucket=x"], "one of the two"),
    ],
)
def test_what_is_wrong_is_said(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_over(home, 60)

    assert train.main([f"--folder={home}", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_weights_that_are_not_there_are_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handoff = hand_over(home, 60)

    status = train.main(
        [f"--folder={home}", f"--handoff={handoff.handoff_id}", f"--backbone={home / 'none.npz'}", *QUICK]
    )

    assert status == 1
    assert "no such file of weights" in capsys.readouterr().err


def test_without_a_name_the_open_ones_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handoff = hand_over(home, 60, with_photos=20)

    assert train.main([f"--folder={home}"]) == 0
    said = capsys.readouterr().out
    assert handoff.handoff_id[:8] in said
    assert "20 of the 60 labels have kept photos" in said


def test_the_notebook_answers_a_handoff(home: Path) -> None:
    pytest.importorskip("papermill")
    handoff = hand_over(home, 60)
    given = {"folder": str(home), "backbone": str(home / "small.npz"), "size_px": 48, "epochs": 2}
    asked = [sys.executable, "-m", "papermill", "train.ipynb", str(home / "out.ipynb"), "--no-progress-bar"]

    done = subprocess.run(
        [*asked, "-y", json.dumps(given)], cwd=ROOT / "training", capture_output=True, text=True, timeout=500
    )

    assert done.returncode == 0, done.stderr[-2000:]
    (folder,) = (home / "inbox").iterdir()
    assert folder.name.startswith(handoff.handoff_id)
    assert set(files_of(home, f"inbox/{folder.name}")) == set(candidate.WANTED)
    outputs = [out for cell in json.loads((home / "out.ipynb").read_text())["cells"] for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 8
    assert [run["handoff"] for run in runs.read(home / "training" / "runs.jsonl")] == [handoff.handoff_id]
