"""Runs are logged so that two can be compared and one repeated; figures are of answers that were left out."""

import json
from pathlib import Path

import numpy as np
import pytest

from swipr.errors import InputError
from training import evaluate, progress, runs


def a_run(name: str = "20261121T1", **changes: object) -> runs.Run:
    known: runs.Run = {
        "run": name, "at": "2026-11-21T10:00:00+00:00", "handoff": "ab" * 16, "data": "d" * 64, "code": "abc",
        "seed": 7, "settings": {"epochs": 6, "backbone": "mobilenetv2", "weights": None},
        "metrics": {"auc": 0.9, "log_loss": 0.3}, "artefacts": ["inbox/x/"], "seconds": 10.0, "place": ["--folder=x"],
    }  # fmt: skip
    return known | changes


def test_a_run_is_one_line_and_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "runs.jsonl"
    runs.append(log, a_run("one"))
    runs.append(log, a_run("two"))
    with log.open("a") as file:
        file.write('{"run": "cut sho')

    assert [run["run"] for run in runs.read(log)] == ["one", "two"]
    assert runs.find(log, "tw") == a_run("two")
    with pytest.raises(InputError, match="0 runs"):
        runs.find(log, "three")


def test_two_runs_are_compared_by_what_differs() -> None:
    other = a_run("20261121T2", seed=8, metrics={"auc": 0.92, "log_loss": 0.3}, settings={"epochs": 4})

    said = runs.compare(a_run(), other)

    assert "seed" in said
    assert "+0.0200" in said
    assert "epochs" in said
    assert "log_loss" not in said
    assert "nothing differs" in runs.compare(a_run(), a_run())


def test_a_run_names_the_command_that_repeats_it() -> None:
    assert runs.arguments_of(a_run()) == [
        "--folder=x", f"--handoff={'ab' * 16}", "--seed=7", "--backbone=mobilenetv2", "--epochs=6",
    ]  # fmt: skip


def test_a_wrong_name_or_number_of_runs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.main(["compare", "a", "b", "--log", str(tmp_path / "none")]) == 2
    assert "0 runs" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        runs.main(["compare", "a"])


def test_mlflow_is_asked_only_where_it_is_wanted_and_never_costs_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs.track(a_run()) == ""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
    assert "not installed" in runs.track(a_run())


def test_progress_is_told_to_whoever_looks(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    told = progress.teller({progress.PROGRESS: str(file)})

    told("reading", 0.1)
    told("reading", 0.11)  # too soon after
    told("done", 1.0)
    progress.result({progress.PROGRESS: str(file)}, {"run": "x"})
    with file.open("a") as half:
        half.write('{"what": "cu')

    lines = progress.read(file)
    assert [(line["what"], line["share"]) for line in lines] == [("reading", 0.1), ("done", 1.0), ("done", 1.0)]
    assert lines[-1]["result"] == {"run": "x"}
    assert progress.read(tmp_path / "none") == []


# --- figures -------------------------------------------------------------------------------------------------


def drawn(labels: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits that know something, logits that know more, and choices."""
    random = np.random.default_rng(3)
    liked = random.random(labels) < 0.4
    weak = np.where(liked, 0.7, -0.7) + random.normal(0, 1.5, labels)
    strong = np.where(liked, 6.0, -6.0) + random.normal(0, 5.0, labels)
    return weak, strong, liked


def test_the_three_ways_are_measured_on_the_same_labels() -> None:
    frozen, tuned, liked = drawn()
    places = np.arange(0, 200, 2)

    report = evaluate.compare(frozen, liked, tuned[places], places)

    assert [way.name for way in report.ways] == ["frozen", "tuned", "average"]
    assert all(len(way.logits) == 100 for way in report.ways)
    areas = [way.said.metrics["auc"] for way in report.ways]
    assert areas[0] < areas[1]
    assert evaluate.metrics_of(report)["frozen_auc"] == areas[0]
    assert evaluate.metrics_of(report)["auc"] == areas[2]
    assert all(name in evaluate.table(report) for name in ("frozen", "tuned", "average"))


def test_a_network_that_is_too_sure_is_made_as_sure_as_it_may_be() -> None:
    frozen, tuned, liked = drawn()

    report = evaluate.compare(frozen, liked, 10 * tuned, np.arange(200))

    assert 0 < report.slope < 0.1
    assert np.abs(report.ways[1].logits).max() < 10


def test_a_network_that_knows_nothing_more_gets_half_at_most() -> None:
    frozen, tuned, liked = drawn()
    noise = np.random.default_rng(1).normal(0, 1, 200)

    assert evaluate.compare(frozen, liked, noise, np.arange(200)).share <= 0.5
    assert evaluate.compare(noise, liked, tuned, np.arange(200)).share >= 0.5


def test_frozen_answers_are_by_heads_that_had_not_seen_the_fold() -> None:
    random = np.random.default_rng(0)
    features, liked = random.normal(0, 1, (60, 40)).astype(np.float32), random.random(60) < 0.5

    logits = evaluate.frozen_logits(features, liked, np.arange(60) % 5)

    # Of noise nothing can be known; in-sample it would seem known.
    assert abs(float(np.corrcoef(logits, liked)[0, 1])) < 0.35


def test_curves_begin_and_end_where_they_must() -> None:
    frozen, _, liked = drawn()
    passes, likes = evaluate.roc(frozen, liked)
    recall, precision = evaluate.precision_recall(frozen, liked)

    assert (passes[0], likes[0], passes[-1], likes[-1]) == (0, 0, 1, 1)
    assert (np.diff(recall) >= 0).all()
    assert precision[-1] == pytest.approx(liked.mean())
    assert sum(count for _, _, count in evaluate.reliability(frozen, liked)) == 200
    assert evaluate.confusion(frozen > 0, liked).sum() == 200


def test_the_worst_mistakes_come_first() -> None:
    frozen, tuned, liked = drawn()
    tuned[17] = -40.0 if liked[17] else 40.0

    report = evaluate.compare(frozen, liked, tuned, np.arange(200))

    assert evaluate.worst(report)[0] == 17


def test_the_learning_curve_has_a_band() -> None:
    random = np.random.default_rng(0)
    liked = random.random(120) < 0.5
    features = (random.normal(0, 1, (120, 8)) + np.where(liked, 0.5, -0.5)[:, None]).astype(np.float32)

    points = evaluate.learning_curve(features, liked, 1)

    assert [point["labels"] for point in points] == [20, 50]
    assert all(point["auc_low"] <= point["auc"] <= point["auc_high"] for point in points)
    assert points == evaluate.learning_curve(features, liked, 1)


def test_the_notebook_is_committed_without_outputs_and_in_short_cells() -> None:
    notebook = json.loads((Path(__file__).parents[2] / "training" / "train.ipynb").read_text("utf-8"))

    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert max(len(cell["source"]) for cell in code) <= 10
    before = [cell["cell_type"] for cell in notebook["cells"]]
    assert before.count("markdown") >= 12
    assert [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
