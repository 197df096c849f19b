"""What was measured, as rows: written as JSON, and as Markdown with the goals beside the figures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from bench import quality_goals
from bench.quality_photos import SETS
from bench.quality_runs import LABELS, Known, Run
from bench.quality_systems import FIGURES, FLOOR, OURS, SYSTEMS, TUNED

JSON = Path(__file__).with_name("quality.json")
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
_TITLES = ("AUC", "accuracy", "precision", "recall", "log loss", "calibration error")
Row = dict[str, Any]


def rows(runs: Iterable[Run], known: Known) -> list[Row]:
    """A row for each set, labels and system that was measured: figures are means over its draws.

    `labels` is the number, or `all`; `count` how many that are. `auc_sd` is None of a single draw. `earlier`: some
    of it was measured with earlier code.
    """
    groups: dict[tuple[str, int | str, str], list[Row]] = {}
    for run in runs:
        found = known.find(run)
        if found is not None:
            groups.setdefault((run.photo_set.name, run.labels, run.system.name), []).append(found)
    return [_row(*place, found) for place, found in groups.items()]


def _row(photo_set: str, labels: int | str, system: str, found: Sequence[Row]) -> Row:
    areas = [one["result"]["auc"] for one in found]
    row: Row = {"set": photo_set, "labels": labels, "system": system}
    row |= {name: round(fmean(one["result"][name] for one in found), 4) for name in FIGURES}
    if all(FLOOR in one["result"] for one in found):
        row[FLOOR] = round(fmean(one["result"][FLOOR] for one in found), 4)
    row["auc_sd"] = round(stdev(areas), 4) if len(areas) > 1 else None
    row |= {"draws": len(found), "count": found[0]["count"], "backbone": found[0]["key"]["backbone"]}
    row |= {"cpu_s": round(fmean(one["cpu_s"] for one in found), 2), "earlier": any("earlier" in one for one in found)}
    return row | {"at": max(one["at"] for one in found)[:10]}


def write_json(found: Sequence[Row], path: Path) -> None:
    lines = ",\n".join(json.dumps(row) for row in found)
    path.write_text(f"[\n{lines}\n]\n", "utf-8")


def markdown(found: Sequence[Row]) -> str:
    """Every row with every figure, the goals that are set for it, and then all goals."""
    return f"{_every(found)}\n\n{_goals(found)}\n\n{_note(found)}"


def short_markdown(found: Sequence[Row]) -> str:
    """For a README: the AUC of all systems side by side, the goals, and the rest folded."""
    folded = f"<details>\n<summary>All figures</summary>\n\n{_every(found)}\n\n</details>"
    return f"{_areas(found)}\n\n{_goals(found)}\n\n{_note(found)}\n\n{folded}"


def write_readme(path: Path, table: str) -> None:
    """Between the markers. Raises SystemExit naming them if they are not there."""
    text = path.read_text("utf-8") if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path} has no place for the table: write {BEGIN} and {END} into it, on lines of their own")
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def _every(found: Sequence[Row]) -> str:
    lines = [_cells(["set", "labels", "system", *_TITLES, "draws", "goal"])]
    lines.append(_cells(["---", "--:", "---", *["--:"] * len(_TITLES), "--:", "---"]))
    for row in _sorted(found):
        figures = [f"{row[name]:.{2 if name in ('precision', 'recall') else 3}f}" for name in FIGURES]
        figures[0] = _area(row)
        draws = f"{row['draws']}{' *' if row['earlier'] else ''}"
        lines.append(_cells([row["set"], _labels(row), row["system"], *figures, draws, quality_goals.beside(row)]))
    return "\n".join(lines)


def _areas(found: Sequence[Row]) -> str:
    """AUC: a line for each set and label count, a column for each system."""
    names = [system.name for system in SYSTEMS if any(row["system"] == system.name for row in found)]
    lines = [_cells(["AUC (sd)", "labels", *names]), _cells(["---", "--:", *["--:"] * len(names)])]
    places: dict[tuple[str, int | str], dict[str, Row]] = {}
    for row in _sorted(found):
        places.setdefault((row["set"], row["labels"]), {})[row["system"]] = row
    for (photo_set, _), by_name in places.items():
        shown = [_area(by_name[name]) if name in by_name else "–" for name in names]
        lines.append(_cells([photo_set, _labels(next(iter(by_name.values()))), *shown]))
    return "\n".join(lines)


def _goals(found: Sequence[Row]) -> str:
    lines = [_cells(["goal", "asked for", "measured", ""]), _cells(["---", "--:", "--:", "---"])]
    lines += [_cells([one.words, one.wanted, one.measured, one.reached]) for one in quality_goals.judged(found)]
    return "\n".join(lines)


def _note(found: Sequence[Row]) -> str:
    dates = sorted(row["at"] for row in found)
    parts = [
        "Means over draws of labels from the train split, measured on the test split; sd over the draws; `all` is one "
        f"fit. {OURS!r} answers by its own threshold, the peers at one half. {TUNED!r} is the average of frozen head "
        "and tuned network, calibrated on out-of-fold scores; the product tunes from 200 labels on, so there is no row "
        "below. A goal is held against the tuned version where there is one, else the frozen. "
        "Chance: the calibration error that exactly right scores of that spread would show on so few test photos. "
        f"Measured {dates[0]} to {dates[-1]}."
    ]
    if any(row["earlier"] for row in found):
        parts.append("\\* measured with an earlier version of the code it depends on.")
    return " ".join(parts)


def _sorted(found: Sequence[Row]) -> list[Row]:
    systems = [system.name for system in SYSTEMS]
    return sorted(
        found, key=lambda row: (_at(SETS, row["set"]), _at(LABELS, row["labels"]), systems.index(row["system"]))
    )


def _at(known: Sequence[Any], one: Any) -> int:
    return list(known).index(one)


def _labels(row: Mapping[str, Any]) -> str:
    return f"all ({row['count']})" if row["labels"] == "all" else str(row["labels"])


def _area(row: Mapping[str, Any]) -> str:
    spread = "" if row["auc_sd"] is None else f" ({row['auc_sd']:.3f})"
    return f"{row['auc']:.3f}{spread}"


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
