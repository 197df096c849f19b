"""The goals that were set for the product, and whether what was measured reaches them, to three digits."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from bench.quality_systems import FLOOR, OURS, TUNED

SERVED = "served"  # the tuned version where there is one, else the frozen
MOST_CALIBRATION_ERROR = 0.04
FEWEST_CALIBRATED = 200
CALIBRATED_AT = (FEWEST_CALIBRATED, "all")
Row = Mapping[str, Any]


class Goal(NamedTuple):
    photo_set: str
    labels: int | str
    figure: str
    value: float
    system: str = SERVED


class MeanGoal(NamedTuple):
    """On the mean over the sets that have as many labels; at most."""

    labels: int | str
    figure: str
    value: float


class Judged(NamedTuple):
    words: str
    wanted: str
    measured: str
    reached: str


GOALS = (
    Goal("potato", "all", "precision", 0.97),
    Goal("potato", "all", "recall", 0.95),
    Goal("potato", 20, "auc", 0.93),
    Goal("potato", 100, "auc", 0.988),
    Goal("potato", "all", "auc", 0.998),
    Goal("wardrobe", 50, "auc", 0.970),
    Goal("wardrobe", 200, "auc", 0.985),
    Goal("wardrobe", "all", "auc", 0.997),
    Goal("wardrobe", "all", "accuracy", 0.975),
    Goal("trash", 50, "auc", 0.978),
    Goal("trash", "all", "auc", 0.996),
    Goal("trash", "all", "accuracy", 0.975),
    Goal("avatars", 200, "auc", 0.78),
    Goal("avatars", "all", "auc", 0.85, OURS),
    Goal("avatars", "all", "auc", 0.93, TUNED),
    Goal("avatars", "all", "accuracy", 0.85),
    Goal("ferrari", 20, "auc", 0.98),
    Goal("ferrari", 50, "auc", 1.0),
)
MEAN_GOALS = (MeanGoal(100, "log_loss", 0.28), MeanGoal(200, "log_loss", 0.24))
ELSEWHERE = (
    ("labels to reach AUC .95 against random asking", "50 % or less", "see `bench/asking.py`"),
    ("correction to new score", "10 ms up to 200 labels, 50 ms up to 1,000", "not measured here"),
    ("embedding, with decoding a 640 px photo", "5 ms", "not measured here"),
    ("materially worse model promoted", "at most 1 %", "not measured here"),
)
_WORDS = {"auc": "AUC", "log_loss": "log loss", "calibration_error": "calibration error"}


def judged(rows: Sequence[Row]) -> list[Judged]:
    """Every goal, in order, against the rows; one that was not measured says so."""
    found = [_single(goal, _row_of(goal, rows)) for goal in GOALS]
    found += [_mean(goal, rows) for goal in MEAN_GOALS]
    found += [_calibrated(row) for row in _served(rows) if row["labels"] in CALIBRATED_AT and _enough(row)]
    return found + [Judged(words, wanted, measured, "") for words, wanted, measured in ELSEWHERE]


def beside(row: Row) -> str:
    """The goals set for this row's system, reached or not; empty if there is none."""
    parts = [
        f"{_name(goal.figure)} {goal.value:g} {_verdict(row[goal.figure], goal.value)}"
        for goal in GOALS
        if (goal.photo_set, goal.labels) == (row["set"], row["labels"]) and row["system"] in _systems(goal)
    ]
    if row["system"] in (OURS, TUNED) and row["labels"] in CALIBRATED_AT and _enough(row):
        reached = _verdict(-row["calibration_error"], -MOST_CALIBRATION_ERROR)
        parts.append(f"calibration error ≤ {MOST_CALIBRATION_ERROR:g} {reached}")
    return ", ".join(parts)


def _single(goal: Goal, row: Row | None) -> Judged:
    words = f"{goal.photo_set}, {goal.labels} labels: {_name(goal.figure)}"
    if goal.system != SERVED:
        words += f", {goal.system}"
    if row is None:
        return Judged(words, f"{goal.value:g}", "not measured", "")
    value = row[goal.figure]
    return Judged(words, f"{goal.value:g}", f"{value:.3f} ({row['system']})", _verdict(value, goal.value))


def _mean(goal: MeanGoal, rows: Sequence[Row]) -> Judged:
    those = [row for row in _served(rows) if row["labels"] == goal.labels]
    words = f"{goal.labels} labels: mean {_name(goal.figure)} of {', '.join(row['set'] for row in those) or 'the sets'}"
    if not those:
        return Judged(words, f"at most {goal.value:g}", "not measured", "")
    value = fmean(row[goal.figure] for row in those)
    return Judged(words, f"at most {goal.value:g}", f"{value:.3f}", _verdict(-value, -goal.value))


def _calibrated(row: Row) -> Judged:
    value = row["calibration_error"]
    words = f"{row['set']}, {row['labels']} labels: calibration error"
    reached = _verdict(-value, -MOST_CALIBRATION_ERROR)
    chance = f", chance {row[FLOOR]:.3f}" if FLOOR in row else ""
    return Judged(words, f"at most {MOST_CALIBRATION_ERROR:g}", f"{value:.3f} ({row['system']}{chance})", reached)


def _row_of(goal: Goal, rows: Sequence[Row]) -> Row | None:
    those = [row for row in rows if (row["set"], row["labels"]) == (goal.photo_set, goal.labels)]
    by_name = {row["system"]: row for row in those}
    return next((by_name[name] for name in _systems(goal) if name in by_name), None)


def _systems(goal: Goal) -> tuple[str, ...]:
    return (TUNED, OURS) if goal.system == SERVED else (goal.system,)


def _served(rows: Sequence[Row]) -> list[Row]:
    """One row for each set and label count."""
    found: dict[tuple[str, int | str], Row] = {}
    for name in (OURS, TUNED):
        found |= {(row["set"], row["labels"]): row for row in rows if row["system"] == name}
    return list(found.values())


def _enough(row: Row) -> bool:
    """The goal is for 200 labels on; a set may have fewer in all."""
    return bool(row["count"] >= FEWEST_CALIBRATED)


def _verdict(value: float, wanted: float) -> str:
    return "reached" if round(value, 3) >= round(wanted, 3) else "not reached"


def _name(figure: str) -> str:
    return _WORDS.get(figure, figure)
