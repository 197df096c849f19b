"""How good the whole product is on real photos: `swipr simulate` over photo sets, label counts, seeds, backbones.

    python bench/quality_quick.py [--sets potato,...] [--labels 20,...] [--seeds 1,...] [--backbones NAME,...] [--write]

Reads the labelled photo sets below $SWIPR_SHARED/data (or ../shared/data). Each run is a line of
bench/quality_quick.jsonl; runs that are there already, of this very code and backbone, are not made again. Prints a
Markdown table of means, with the range over the seeds; `--write` puts it into bench/README.md between its markers. What
could not be measured is said, and an error in a run ends with status 1, but only after all others were made.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cli.simulate_backbone import find
from local import backbone_folder
from local.backbones import BackboneError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "quality_quick.jsonl"
README = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- quality-quick: begin -->", "<!-- quality-quick: end -->"
#: What the figures depend on, beside photos and backbone.
CODE = ("layers/common/swipr", "functions", "simulator")
RUN_S = 900
COLUMNS = (
    ("accuracy", "accuracy", 3),
    ("majority_baseline", "always the same", 3),
    ("auc", "AUC", 3),
    ("precision", "precision", 2),
    ("recall", "recall", 2),
    ("log_loss", "log loss", 3),
    ("calibration_error", "calibration error", 3),
    ("photos_per_second", "photos/s", 0),
)
Row = dict[str, Any]


class Run(NamedTuple):
    """One run of `swipr simulate`; `folder` is the backbone's."""

    photos: str
    labels: int
    seed: int
    backbone: str
    folder: Path

    def key(self, code: str) -> Row:
        """What its figures depend on."""
        identity = str(backbone_folder.read_card(self.folder)["sha256"])[:12]
        return {**self._asdict(), "folder": identity, "code": code}


def main() -> int:
    asked = _arguments()
    shared = Path(os.environ.get("SWIPR_SHARED", ROOT.parent / "shared"))
    with tempfile.TemporaryDirectory() as scratch:
        runs = list(_runs(asked, shared, Path(scratch)))
        rows = [row for number, run in enumerate(runs, 1) if (row := _row(run, asked, shared, f"{number}/{len(runs)}"))]
    if not rows:
        _say("Nothing was measured.")
        return 1
    table = _table(rows)
    print(table)
    if asked.write:
        _write(table)
    return 0 if len(rows) == len(runs) else 1


def _row(run: Run, asked: argparse.Namespace, shared: Path, place: str) -> Row | None:
    """The run's line, measured now if it has not been; None if it failed."""
    key = run.key(_code())
    for row in [] if asked.fresh else _known():
        if row["key"] == key:
            return row
    row = _measure(run, shared / "data", key)
    _say(f"{place}  {_line(run, row['result'])}")
    if "error" in row["result"]:
        return None
    with RESULTS.open("a") as results:
        results.write(json.dumps(row) + "\n")
    return row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--sets", type=_words, default=("potato", "wardrobe", "trash"), help="folders of the data, comma-separated")
    add("--labels", type=_numbers, default=(20, 50, 200), help="labels to teach, comma-separated")
    add("--seeds", type=_numbers, default=(1, 2, 3), help="comma-separated")
    add("--backbones", type=_words, default=("mobilenetv2", "builtin"), help="names or folders, comma-separated")
    add("--write", action="store_true", help=f"put the table into {README.name} between its markers")
    add("--fresh", action="store_true", help="measure again what has been measured")
    return parser.parse_args()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _runs(asked: argparse.Namespace, shared: Path, scratch: Path) -> Iterator[Run]:
    """What there is to run, after saying what of it is missing."""
    data = shared / "data"
    folders = {name: folder for name in asked.backbones if (folder := _folder(name, shared, scratch))}
    for photos in asked.sets:
        if not (data / photos / "test").is_dir():
            _say(f"Missing: the photo set {photos} is not in {data}; SWIPR_SHARED names the folder above data/.")
            continue
        for labels in asked.labels:
            for name, folder in folders.items():
                yield from (Run(photos, labels, seed, name, folder) for seed in asked.seeds)


def _folder(name: str, shared: Path, scratch: Path) -> Path | None:
    """The backbone's folder; the recommended one is made from the weights if it is not installed."""
    weights = Path(os.environ.get("SWIPR_WEIGHTS", shared / "weights"))
    try:
        return find(name, data=ROOT / ".swipr", weights=weights if weights.is_dir() else None, scratch=scratch)
    except BackboneError as error:
        _say(f"Missing: {error}. The table is without it.")
        return None


def _measure(run: Run, data: Path, key: Row) -> Row:
    command = [sys.executable, "-m", "cli", "simulate", "--json", "--photos", str(data / run.photos)]
    command += ["--labels", str(run.labels), "--seed", str(run.seed), "--backbone", str(run.folder)]
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S)
        result = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        result = {"error": f"no end within {RUN_S} s"}
    except ValueError:
        result = {"error": f"no JSON, status {ended.returncode}: {ended.stderr.strip()[-300:]}"}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"key": key, "at": at, "machine": _machine(), "result": result}


def _machine() -> str:
    return f"{os.cpu_count()} x {platform.machine()}, Python {platform.python_version()}"


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for file in sorted(file for folder in CODE for file in (ROOT / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _known() -> list[Row]:
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


# --- the table -----------------------------------------------------------------------------------------------


def _table(rows: Sequence[Row]) -> str:
    """Markdown: a line per set, labels and backbone, each figure the mean over the seeds and its range, if any."""
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        key = row["key"]
        groups.setdefault((key["photos"], key["labels"], key["backbone"]), []).append(row["result"])
    head = ["photos", "labels", "backbone", *(title for _, title, _ in COLUMNS), "double likes", "likes over budget"]
    lines = [_cells(head), _cells(["---", "--:", "---", *(["--:"] * (len(COLUMNS) + 2))])]
    for (photos, labels, backbone), results in groups.items():
        figures = [_figure([result[name] for result in results], digits) for name, _, digits in COLUMNS]
        broken = [str(sum(result[name] for result in results)) for name in ("double_likes", "over_budget_likes")]
        lines.append(_cells([photos, str(labels), backbone, *figures, *broken]))
    seeds = sorted({row["key"]["seed"] for row in rows})
    dates = sorted(row["at"][:10] for row in rows)
    code = rows[0]["key"]["code"]
    note = (
        f"Mean (lowest–highest) over seeds {', '.join(map(str, seeds))}; measured {dates[0]} to {dates[-1]} on "
        f"{', '.join(sorted({row['machine'] for row in rows}))}; code {code}. Accuracy, precision and recall are of "
        "what the deck received, with unsure cards acted on; the rest is of the recorded scores."
    )
    return "\n".join([*lines, "", note])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(values: Sequence[float | None], digits: int) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "-"
    mean, lowest, highest = (f"{value:.{digits}f}" for value in (sum(there) / len(there), min(there), max(there)))
    return mean if lowest == highest else f"{mean} ({lowest}–{highest})"


def _line(run: Run, result: Row) -> str:
    what = f"{run.photos}, {run.labels} labels, seed {run.seed}, {run.backbone}: "
    if "error" in result:
        return f"{what}FAILED: {result['error']}"
    return f"{what}accuracy {result['accuracy']:.3f}, AUC {result['auc']:.3f}, {result['seconds']:.0f} s"


def _write(table: str) -> None:
    text = README.read_text() if README.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{README} has no place for the table: write {BEGIN} and {END} into it, on lines of their own")
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
