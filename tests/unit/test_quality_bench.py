"""`make quality`: which labels are drawn, what is measured again, and what the tables say of the goals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import (
    peers,
    quality,
    quality_code,
    quality_goals,
    quality_photos,
    quality_runs,
    quality_systems,
    quality_table,
)
from bench.quality_photos import PhotoSet, Seen
from bench.quality_runs import Known, Run
from bench.quality_systems import OURS, TUNED, Answer, Lesson, System

LIKED = np.arange(300) % 10 == 0
FIGURES = {
    "auc": 0.9, "accuracy": 0.8, "precision": 0.7, "recall": 0.6, "log_loss": 0.3, "calibration_error": 0.05,
}  # fmt: skip


def photo_set(name: str = "potato", labels: int = 300) -> PhotoSet:
    return PhotoSet(name, (), LIKED[:labels], (), LIKED[:40], f"photos of {name}")


def scored(lesson: Lesson) -> Answer:
    scores = lesson.unseen.mean(axis=1)
    return Answer(scores, scores > 0.5, scores)


def system(name: str = OURS, *, code: str = "code", slow: bool = False, **changes: Any) -> System:
    return System(name, "recommended", scored, lambda: code, slow=slow, **changes)


def run(labels: int | str = 20, draw: int = 0, of: System | None = None, backbone: str = "one") -> Run:
    return Run(photo_set(), labels, of or system(), draw, backbone)


def row(photos: str = "potato", labels: int | str = "all", name: str = OURS, **figures: float) -> dict[str, Any]:
    return {
        "set": photos, "labels": labels, "system": name, **FIGURES, "auc_sd": None, "draws": 1,
        "count": 515 if labels == "all" else labels, "earlier": False, "at": "2026-11-21", **figures,
    }  # fmt: skip


def judged(rows: list[dict[str, Any]], words: str) -> quality_goals.Judged:
    return next(one for one in quality_goals.judged(rows) if one.words.startswith(words))


# --- draws -------------------------------------------------------------------------------------------------------


def test_a_draw_is_the_same_each_time_and_another_draw_is_another():
    first, again, other = (quality_photos.draw(LIKED, 50, number) for number in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert sorted(first) != sorted(other)
    assert len(set(first)) == 50


@pytest.mark.parametrize("number", range(30))
def test_a_draw_holds_two_of_a_kind_however_rare_it_is(number):
    rare = np.arange(300) % 75 == 0
    assert 2 <= rare[quality_photos.draw(rare, 20, number)].sum() <= 18


def test_all_is_every_label_once():
    assert sorted(quality_photos.draw(LIKED, "all", 0)) == list(range(300))


@pytest.mark.parametrize(("liked", "count"), [(LIKED, 301), (LIKED, 3), (np.arange(300) == 0, 20)])
def test_labels_that_cannot_be_drawn_are_refused_instead_of_drawn_for_ever(liked, count):
    with pytest.raises(ValueError, match=f"{count} labels"):
        quality_photos.draw(liked, count, 0)


def test_a_set_that_is_not_there_or_lacks_a_part_is_none(tmp_path):
    (tmp_path / "half" / "train" / "like").mkdir(parents=True)
    (tmp_path / "half" / "train" / "like" / "a.jpg").write_bytes(b"photo")
    assert quality_photos.read(tmp_path, "absent") is None
    assert quality_photos.read(tmp_path, "half") is None


def test_photos_are_read_in_an_order_that_does_not_tell_the_answer(tmp_path):
    for split in ("train", "test"):
        for kind in ("like", "pass"):
            (tmp_path / "set" / split / kind).mkdir(parents=True)
            for number in range(20):
                (tmp_path / "set" / split / kind / f"{number}.jpg").write_bytes(b"photo")
    found = quality_photos.read(tmp_path, "set")
    assert found is not None
    assert [file.parent.name == "like" for file in found.test] == found.test_liked.tolist()
    assert 3 < found.test_liked[:20].sum() < 17


# --- what a figure depends on ------------------------------------------------------------------------------------


def test_words_about_code_do_not_change_its_name_but_the_code_does():
    plain = "def one():\n    return 1\n"
    said = quality_code.said('"""Module."""\n\n\ndef one():  # why\n    """Says one."""\n    return (1)\n')
    assert said == quality_code.said(plain)
    assert said != quality_code.said(plain.replace("1", "2"))


def test_a_name_covers_what_the_module_imports_of_ours_unless_it_is_asked_for_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(quality_code, "PLACES", (tmp_path,))
    (tmp_path / "outer.py").write_text("import numpy\nfrom inner import one\n")
    names = []
    for value in (1, 2):
        (tmp_path / "inner.py").write_text(f"one = {value}\n")
        quality_code.of.cache_clear()
        names.append((quality_code.of("outer"), quality_code.of(alone=("outer",))))
    quality_code.of.cache_clear()
    assert names[0][0] != names[1][0]
    assert names[0][1] == names[1][1]


def test_every_system_names_the_code_it_depends_on():
    for one in quality_systems.SYSTEMS:
        assert len(one.code()) == 16, one.name


# --- runs --------------------------------------------------------------------------------------------------------


def planned(labels: list[int | str], of: System, **changes: Any) -> list[Run]:
    sets = [photo_set(labels=changes.pop("given", 300))]
    return list(quality_runs.planned(sets, labels, [of], {"recommended": "one"}, changes.pop("draws", None)))


def test_each_label_count_has_its_draws_and_all_has_one_fit():
    runs = planned([20, "all"], system())
    assert [(one.labels, one.draw) for one in runs] == [(20, 0), (20, 1), (20, 2), (20, 3), (20, 4), ("all", 0)]
    assert len(planned([20], system(), draws=2)) == 2


def test_a_set_with_too_few_labels_has_no_run_but_for_all():
    assert [one.labels for one in planned([50, 100, "all"], system(draws=1), given=51)] == [50, "all"]


def test_nothing_is_tuned_below_the_labels_the_product_tunes_from():
    runs = planned([20, 100, 200, "all"], system(fewest=200, draws=1))
    assert [one.labels for one in runs] == [200, "all"]
    assert planned(["all"], system(fewest=200), given=51) == []


def test_a_system_whose_backbone_is_missing_is_left_out():
    assert not list(quality_runs.planned([photo_set()], [20], [system()], {"builtin": "one"}, None))


def test_a_run_that_was_made_is_known_to_the_next_start(tmp_path):
    Known(tmp_path / "runs.jsonl").add(run(), FIGURES, 1.5)
    found = Known(tmp_path / "runs.jsonl").find(run())
    assert found is not None
    assert found["result"] == FIGURES
    assert (found["count"], found["cpu_s"]) == (20, 1.5)


@pytest.mark.parametrize(
    "other",
    [run(50), run("all"), run(draw=1), run(backbone="two"), run(of=system("another")), run(of=system(code="later"))],
    ids=["labels", "all", "draw", "backbone", "system", "code"],
)
def test_a_run_that_differs_in_what_its_figure_depends_on_is_another(tmp_path, other):
    known = Known(tmp_path / "runs.jsonl")
    known.add(run(), FIGURES, 1.0)
    assert known.find(other) is None


def test_a_slow_systems_figure_of_earlier_code_is_shown_and_marked(tmp_path):
    known = Known(tmp_path / "runs.jsonl")
    known.add(run(of=system(slow=True, code="earlier")), FIGURES, 1.0)
    now = run(of=system(slow=True, code="now"))
    found = known.find(now)
    assert found is not None
    assert found["earlier"] is True
    assert not known.is_current(now)
    known.add(now, FIGURES | {"auc": 0.95}, 1.0)
    found = known.find(now)
    assert found is not None
    assert "earlier" not in found
    assert found["result"]["auc"] == 0.95


def test_a_line_that_was_cut_off_is_as_if_it_had_not_been_measured(tmp_path):
    path = tmp_path / "runs.jsonl"
    known = Known(path)
    known.add(run(draw=0), FIGURES, 1.0)
    known.add(run(draw=1), FIGURES, 1.0)
    path.write_text(path.read_text()[:-20])
    again = Known(path)
    assert again.find(run(draw=0)) is not None
    assert again.find(run(draw=1)) is None
    again.add(run(draw=1), FIGURES, 1.0)
    assert Known(path).find(run(draw=1)) is not None


def test_only_what_is_not_known_is_measured_and_one_that_fails_does_not_keep_the_others(tmp_path, monkeypatch, capsys):
    asked: list[int] = []

    def answer(lesson: Lesson) -> Answer:
        asked.append(lesson.number)
        if lesson.number == 1:
            raise RuntimeError("no memory")
        return scored(lesson)

    random = np.random.default_rng(0)
    seen = {"features": Seen(random.random((300, 4)), random.random((40, 4)))}
    monkeypatch.setattr(quality, "_shown", lambda run, networks: seen)
    runs = [run(draw=number, of=system()._replace(answer=answer)) for number in range(3)]
    path = tmp_path / "runs.jsonl"
    assert quality._measure(runs, Known(path), {}, again=False) == 1
    assert asked == [0, 1, 2]
    assert "FAILED: RuntimeError: no memory" in capsys.readouterr().err
    assert quality._measure(runs, Known(path), {}, again=False) == 1
    assert asked == [0, 1, 2, 1]


# --- systems -----------------------------------------------------------------------------------------------------


def test_ours_is_measured_by_its_own_threshold():
    random = np.random.default_rng(1)
    liked = np.arange(80) % 4 == 0
    rows = random.normal(size=(80, 5)) + liked[:, None] * 2.0
    answer = quality_systems.ours(Lesson(rows.astype(np.float32), liked, rows.astype(np.float32), 0))
    figures = quality_systems.measured(answer, liked)
    assert figures["auc"] > 0.95
    assert answer.scores[answer.said].min() > answer.scores[~answer.said].max()


def test_always_pass_never_likes_and_its_score_is_the_share_of_likes():
    answer = quality_systems.always_pass(Lesson(np.zeros((100, 2)), np.arange(100) < 9, np.zeros((40, 2)), 0))
    figures = quality_systems.measured(answer, LIKED[:40])
    assert (figures["auc"], figures["recall"], figures["accuracy"]) == (0.5, 0.0, 0.9)
    assert np.allclose(answer.scores, 10 / 102)


def test_exactly_right_scores_show_a_calibration_error_by_chance_that_many_photos_make_small():
    random = np.random.default_rng(2)
    few, many = (quality_systems.calibration_floor(random.uniform(0.3, 0.7, count)) for count in (100, 10_000))
    assert few > 0.05
    assert many < 0.02
    assert quality_systems.calibration_floor(np.ones(100)) == 0.0


def test_the_folds_of_a_peers_search_are_no_more_than_the_rarer_kind():
    assert peers._folds(np.array([True, True, *[False] * 18])) == 2
    assert peers._folds(LIKED) == 5


# --- tables ------------------------------------------------------------------------------------------------------


def test_a_row_is_the_mean_of_its_draws_with_their_spread(tmp_path):
    known = Known(tmp_path / "runs.jsonl")
    runs = [run(draw=number) for number in range(3)]
    for one, area in zip(runs, (0.8, 0.9, 1.0), strict=True):
        known.add(one, FIGURES | {"auc": area}, 1.0)
    (found,) = quality_table.rows(runs, known)
    assert (found["auc"], found["auc_sd"], found["draws"], found["count"]) == (0.9, 0.1, 3, 20)


def test_one_draw_has_no_spread(tmp_path):
    known = Known(tmp_path / "runs.jsonl")
    known.add(run("all"), FIGURES, 1.0)
    (found,) = quality_table.rows([run("all"), run(50)], known)
    assert (found["labels"], found["count"], found["auc_sd"]) == ("all", 300, None)


def test_the_json_is_a_list_with_the_fields_that_were_promised(tmp_path):
    quality_table.write_json([row(), row(labels=20)], tmp_path / "quality.json")
    found = json.loads((tmp_path / "quality.json").read_text())
    promised = {"set", "labels", "system", "auc", "auc_sd", "accuracy", "precision", "recall", "log_loss"}
    assert [one["labels"] for one in found] == ["all", 20]
    assert all(promised | {"calibration_error", "draws"} <= set(one) for one in found)


def test_the_markdown_shows_every_row_in_order_with_its_draws_and_goals():
    rows = [row("wardrobe", 50, auc=0.971, draws=5, auc_sd=0.012), row("potato", 20), row("potato", 20, "always pass")]
    lines = quality_table.markdown(rows).splitlines()
    assert lines[2].startswith("| potato | 20 | ours | 0.900 | 0.800 | 0.70 | 0.60 | 0.300 | 0.050 | 1 |")
    assert lines[2].endswith("| AUC 0.93 not reached |")
    assert lines[3].endswith("| 1 |  |")
    assert lines[4].startswith("| wardrobe | 50 | ours | 0.971 (0.012) |")
    assert lines[4].endswith("| AUC 0.97 reached |")


def test_figures_of_earlier_code_carry_a_mark_that_is_explained():
    assert "earlier version" not in quality_table.markdown([row()])
    marked = quality_table.markdown([row(earlier=True)])
    assert "| 1 * |" in marked
    assert "\\* measured with an earlier version of the code" in marked


def test_the_short_table_has_a_column_for_each_system_and_a_dash_where_nothing_was_measured():
    rows = [row(labels=20), row(), row(labels="all", name=TUNED, auc=0.95)]
    lines = quality_table.short_markdown(rows).splitlines()
    assert lines[0] == "| AUC (sd) | labels | ours | ours tuned |"
    assert lines[2] == "| potato | 20 | 0.900 | – |"
    assert lines[3] == "| potato | all (515) | 0.900 | 0.950 |"


def test_the_readme_changes_between_its_markers_only(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{quality_table.BEGIN}\nold\n{quality_table.END}\nafter\n")
    for _ in range(2):
        quality_table.write_readme(path, "new")
    assert path.read_text() == f"before\n{quality_table.BEGIN}\nnew\n{quality_table.END}\nafter\n"


def test_a_readme_without_markers_is_left_as_it_is(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n")
    with pytest.raises(SystemExit, match="quality: begin"):
        quality_table.write_readme(path, "new")
    assert path.read_text() == "before\n"


# --- goals -------------------------------------------------------------------------------------------------------


def test_a_goal_says_reached_not_reached_or_not_measured():
    rows = [row(precision=0.9696, recall=0.94)]
    assert judged(rows, "potato, all labels: precision").reached == "reached"
    assert judged(rows, "potato, all labels: recall").reached == "not reached"
    assert judged(rows, "trash, 50 labels: AUC") == ("trash, 50 labels: AUC", "0.978", "not measured", "")


def test_a_goal_is_held_against_the_tuned_version_where_there_is_one():
    rows = [row("wardrobe", auc=0.999), row("wardrobe", name=TUNED, auc=0.99)]
    assert judged(rows, "wardrobe, all labels: AUC")[2:] == ("0.990 (ours tuned)", "not reached")
    assert judged(rows[:1], "wardrobe, all labels: AUC")[2:] == ("0.999 (ours)", "reached")


def test_a_goal_for_the_frozen_or_the_tuned_version_is_held_against_that_alone():
    rows = [row("avatars", auc=0.75), row("avatars", name=TUNED, auc=0.94)]
    assert judged(rows, "avatars, all labels: AUC, ours tuned").reached == "reached"
    assert judged(rows, "avatars, all labels: AUC, ours")[2:] == ("0.750 (ours)", "not reached")
    assert judged(rows[:1], "avatars, all labels: AUC, ours tuned").measured == "not measured"


def test_peers_reach_no_goals():
    rows = [row(name="logistic regression", auc=1.0, precision=1.0)]
    assert judged(rows, "potato, all labels: precision").measured == "not measured"
    assert quality_goals.beside(rows[0]) == ""


def test_the_mean_log_loss_names_the_sets_it_is_of():
    rows = [row("potato", 100, log_loss=0.2), row("trash", 100, log_loss=0.35), row("trash", 50, log_loss=0.9)]
    found = judged(rows, "100 labels: mean log loss of potato, trash")
    assert (found.wanted, found.measured, found.reached) == ("at most 0.28", "0.275", "reached")


def test_calibration_is_judged_on_every_set_from_200_labels():
    rows = [row("trash", 200, calibration_error=0.04), row("trash", 100), row("ferrari", "all", count=51)]
    found = [one for one in quality_goals.judged(rows) if one.words.endswith("calibration error")]
    assert [(one.words, one.reached) for one in found] == [("trash, 200 labels: calibration error", "reached")]
    assert quality_goals.beside(row("trash", 200)) == "calibration error ≤ 0.04 not reached"


def test_the_calibration_error_of_chance_stands_beside_the_goal():
    found = judged(
        [row("trash", 200, calibration_error=0.05, calibration_floor=0.031)], "trash, 200 labels: calibration"
    )
    assert (found.measured, found.reached) == ("0.050 (ours, chance 0.031)", "not reached")


def test_every_goal_is_of_a_set_a_label_count_and_a_figure_that_are_measured():
    for goal in quality_goals.GOALS:
        assert goal.photo_set in quality_photos.SETS
        assert goal.labels in quality_runs.LABELS
        assert goal.figure in quality_systems.FIGURES


def test_what_is_asked_for_must_be_known(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quality", "--systems", "ours,nobody"])
    with pytest.raises(SystemExit):
        quality._arguments()
    assert "'nobody' is none of: ours, ours tuned" in capsys.readouterr().err


def test_the_results_lie_beside_the_bench():
    assert (quality_runs.RESULTS.name, quality_table.JSON.name) == ("quality.jsonl", "quality.json")
    assert quality_runs.RESULTS.parent == quality_table.JSON.parent == Path(quality.__file__).parent
