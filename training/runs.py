"""The log of runs: one JSON line each, so that two can be compared and one can be repeated.

    python -m training.runs list --log .swipr/training/runs.jsonl
    python -m training.runs compare RUN RUN --log ...
    python -m training.runs repeat RUN --log ...             the same hand-off, settings and seed once more

A line holds: run, at, handoff, data (sha256 of the dataset), code, seed, settings, metrics, artefacts, seconds. It
goes to MLflow too where MLFLOW_TRACKING_URI is set and mlflow is installed.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from swipr.errors import InputError

Run = dict[str, Any]
LOG = Path("training", "runs.jsonl")


def append(log: Path, run: Run) -> None:
    """One line, at once on the disk."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(log: Path) -> list[Run]:
    """Oldest first; a line that was cut short by a crash is left out."""
    if not log.is_file():
        return []
    runs = []
    for line in log.read_text("utf-8").splitlines():
        try:
            runs.append(json.loads(line))
        except ValueError:
            continue
    return runs


def find(log: Path, name: str) -> Run:
    """By the beginning of its name. Raises InputError for none or several."""
    found = [run for run in read(log) if run["run"].startswith(name)]
    if len(found) != 1:
        raise InputError("run", f"{len(found)} runs of {log} begin with {name!r}; `list` names them")
    return found[0]


def compare(one: Run, other: Run) -> str:
    """What differs, line by line, in data, code, settings and metrics."""
    rows = []
    for part in ("data", "code", "seed"):
        if one.get(part) != other.get(part):
            rows.append(f"{part:28} {_short(one.get(part)):>16} {_short(other.get(part)):>16}")
    for part in ("settings", "metrics"):
        mine, theirs = one.get(part, {}), other.get(part, {})
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                rows.append(
                    f"{name:28} {_short(mine.get(name)):>16} {_short(theirs.get(name)):>16}{_by(mine, theirs, name)}"
                )
    head = f"{'':28} {one['run'][-16:]:>16} {other['run'][-16:]:>16}"
    return "\n".join([head, *rows] if rows else [head, "nothing differs"])


def arguments_of(run: Run) -> list[str]:
    """The command line of `training.train` that does the run again."""
    chosen = [
        f"--{name.replace('_', '-')}={value}" for name, value in sorted(run["settings"].items()) if value is not None
    ]
    return [*run["place"], f"--handoff={run['handoff']}", f"--seed={run['seed']}", *chosen]


def track(run: Run) -> str:
    """Tell MLflow, where it is wanted; in words what became of it, empty where it is not wanted."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return ""
    try:
        mlflow: Any = __import__("mlflow")
    except ImportError:
        return "MLFLOW_TRACKING_URI is set, but mlflow is not installed in the training environment: pip install mlflow"
    try:
        mlflow.set_experiment("swipr")
        with mlflow.start_run(run_name=run["run"]):
            mlflow.log_params(run["settings"] | {part: run[part] for part in ("handoff", "data", "code", "seed")})
            mlflow.log_metrics({name: value for name, value in run["metrics"].items() if value is not None})
    except Exception as error:  # a log elsewhere must never cost a run
        return f"MLflow did not take the run ({type(error).__name__}); it is in the log here"
    return "MLflow has the run"


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)[:16]


def _by(one: Run, other: Run, name: str) -> str:
    pair = one.get(name), other.get(name)
    both = [float(value) for value in pair if isinstance(value, int | float)]
    return f"  {both[1] - both[0]:+.4f}" if len(both) == 2 else ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("list", "compare", "repeat"))
    parser.add_argument("runs", nargs="*", help="names of runs, or their beginnings")
    parser.add_argument("--log", type=Path, default=Path(".swipr") / LOG)
    asked = parser.parse_args(arguments)
    wanted = {"list": 0, "compare": 2, "repeat": 1}[asked.what]
    if len(asked.runs) != wanted:
        parser.error(f"{asked.what} takes {wanted} runs")
    try:
        found = [find(asked.log, name) for name in asked.runs]
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.what == "list":
        for run in read(asked.log):
            print(f"{run['run']}  {run['at'][:16]}  {run['handoff'][:8]}  AUC {_short(run['metrics'].get('auc'))}")
    elif asked.what == "compare":
        print(compare(*found))
    else:
        from training import train

        return train.main(arguments_of(found[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
