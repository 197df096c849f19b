"""`swipr train`: the open hand-off, the environment for training, the notebook run in it, and what came of it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from local import notebooks
from local.training_home import TrainingHome, drafts
from swipr.errors import InputError
from training import data, progress
from training.data import Open

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-train" / "bin" / "python"
READY = ROOT / ".venv-train" / "ready"
NOTEBOOK = ROOT / "training" / "train.ipynb"
DONE, FAILED, WRONG, NOTHING = 0, 1, 2, 3


class TrainError(Exception):
    """It cannot be done; the message says why and what to do."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Chosen:
    data: Path
    handoff: str | None
    listing: bool
    yes: bool
    as_json: bool
    backbone: str | None = None
    weights: Path | None = None
    epochs: int | None = None
    size_px: int | None = None
    seed: int | None = None
    head_alone: bool = False


def run(chosen: Chosen, *, ask: Callable[[str], bool]) -> int:
    """Exit status: 0 done, 1 it failed, 2 an option is wrong, 3 nothing to train on."""
    screen = Console(highlight=False, soft_wrap=True, stderr=chosen.as_json)
    try:
        said = _listed(chosen, screen) if chosen.listing else _trained(chosen, screen, ask)
    except (TrainError, InputError) as error:
        if chosen.as_json:
            print(json.dumps({"error": str(error)}))
        else:
            screen.print(f"swipr: {error}", style="red", markup=False)
        return error.status if isinstance(error, TrainError) else WRONG
    if chosen.as_json:
        print(json.dumps(said))
    return DONE


def _listed(chosen: Chosen, screen: Console) -> dict[str, Any]:
    opens = data.open_handoffs(TrainingHome(chosen.data), datetime.now(UTC))
    if not chosen.as_json:
        screen.print("\n".join(map(_line, opens)) or _NONE_OPEN, markup=False)
    return {"open": [_facts(each) for each in opens]}


def _trained(chosen: Chosen, screen: Console, ask: Callable[[str], bool]) -> dict[str, Any]:
    home = TrainingHome(chosen.data)
    picked = _pick(home, chosen.handoff)
    screen.print(f"Hand-off   {_line(picked)}", markup=False)
    _make_environment(chosen, screen, ask)
    began = time.monotonic()
    work = drafts(chosen.data) / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    work.mkdir(mode=0o700)
    notebooks.note(work, chosen.data, picked.handoff.dataset)
    line = _run_notebook(chosen, picked, work, screen)
    seconds = time.monotonic() - began
    _tell(line, work, seconds, screen)
    return {"handoff": picked.handoff.handoff_id, "notebook": str(work / NOTEBOOK.name), "run": line}


def _pick(home: TrainingHome, name: str | None) -> Open:
    opens = data.open_handoffs(home, datetime.now(UTC))
    if name is None:
        if not opens:
            raise TrainError(_NONE_OPEN, NOTHING)
        return opens[0]
    handoff = data.handoff_of(home, name)
    return next((each for each in opens if each.handoff == handoff), Open(handoff, False, ""))


# --- the environment ---------------------------------------------------------------------------------------


def _make_environment(chosen: Chosen, screen: Console, ask: Callable[[str], bool]) -> None:
    """PyTorch and what it needs, apart from everything else."""
    if READY.is_file():
        return
    if shutil.which("make") is None or not (ROOT / "Makefile").is_file():
        raise TrainError(f"the environment for training is made by `make training` in {ROOT}; make is not there")
    if not (chosen.yes or ask("Training needs PyTorch and a notebook in an environment of its own. Install it now?")):
        raise TrainError("nothing installed; `make training` does it, or --yes here")
    with _bar(screen) as bar:
        bar.add_task("Installing PyTorch and what it needs (minutes)", total=None)
        made = subprocess.run(["make", "training"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if made.returncode or not READY.is_file():
        raise TrainError(f"`make training` failed: {_last_line(made.stderr)}")


# --- the notebook ------------------------------------------------------------------------------------------


def _run_notebook(chosen: Chosen, picked: Open, work: Path, screen: Console) -> dict[str, Any]:
    """The run's line in the log. The executed notebook shows photos, so it lies in the data folder."""
    told = work / "progress.jsonl"
    asked = [str(PYTHON), "-m", "papermill", str(NOTEBOOK), str(work / NOTEBOOK.name), "--no-progress-bar"]
    with (work / "log.txt").open("wb") as log, _bar(screen) as bar:
        task = bar.add_task("Starting", total=1.0)
        running = subprocess.Popen(  # noqa: S603
            [*asked, *_parameters(chosen, picked)],
            cwd=ROOT, env=_environment(told), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while running.poll() is None:
                _follow(bar, task, told)
                time.sleep(0.5)
        finally:
            if running.poll() is None:
                running.terminate()
                running.wait(timeout=30)
    lines = progress.read(told)
    if running.returncode or not lines or "result" not in lines[-1]:
        raise _why(work)
    result: dict[str, Any] = lines[-1]["result"]
    return result


def _parameters(chosen: Chosen, picked: Open) -> list[str]:
    given = {
        "folder": str(chosen.data.resolve()),
        "handoff": picked.handoff.handoff_id,
        "backbone": chosen.backbone,
        "weights": str(chosen.weights.resolve()) if chosen.weights else None,
        "epochs": chosen.epochs,
        "size_px": chosen.size_px,
        "seed": chosen.seed,
        "head_alone": chosen.head_alone or None,
    }
    # JSON is YAML, and what papermill's -y takes: text stays text even if it looks like a number.
    return ["-y", json.dumps({name: value for name, value in given.items() if value is not None})]


def _environment(told: Path) -> dict[str, str]:
    calm = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1", "MPLBACKEND": "agg"}
    return calm | dict(os.environ) | {progress.PROGRESS: str(told)}


def _follow(bar: Progress, task: Any, told: Path) -> None:
    lines = progress.read(told)
    if lines:
        bar.update(task, completed=lines[-1]["share"], description=lines[-1]["what"].capitalize())


def _why(work: Path) -> TrainError:
    """The last thing the notebook said, without the way it came there."""
    text = (work / "log.txt").read_text("utf-8", "replace")
    said = [line for line in text.splitlines() if "Error: " in line]
    words = _last_line("\n".join(said) or text)
    status = NOTHING if "NothingToTrainOnError: " in words else FAILED
    return TrainError(f"{words.partition('Error: ')[2] or words} (all of it: {work / 'log.txt'})", status)


# --- words -------------------------------------------------------------------------------------------------

_NONE_OPEN = (
    "no open hand-off: the next one comes when enough has been labelled anew (handoff_min_labels and "
    "handoff_min_hours in the settings)"
)


def _line(each: Open) -> str:
    handoff = each.handoff
    late = "; past its deadline" if each.late else ""
    lacking = f"\n           {each.lacking}" if each.lacking else ""
    return (
        f"{handoff.handoff_id[:8]}: {handoff.labels} labels of {handoff.user_id} ({handoff.likes} likes), "
        f"{handoff.photos} with photos, {handoff.created_at:%Y-%m-%d}{late}{lacking}"
    )


def _facts(each: Open) -> dict[str, Any]:
    return each.handoff.model_dump(mode="json") | {"late": each.late, "lacking": each.lacking}


def _tell(line: dict[str, Any], work: Path, seconds: float, screen: Console) -> None:
    figures = line["metrics"]
    tuned = f"tuned {figures['tuned_auc']:.3f}, together " if "tuned_auc" in figures else ""
    screen.print(f"AUC        frozen {figures['frozen_auc']:.3f}, {tuned}{figures['auc']:.3f} (out of fold)")
    screen.print(f"Candidate  {line['artefacts'][0]} ({seconds:.0f} s)", markup=False)
    screen.print(f"Notebook   {work / NOTEBOOK.name}, with your photos in it", markup=False)
    screen.print(
        "Next       a running `swipr up` checks it and lets it answer beside the model in charge; it takes over once "
        "it has proved better on labels that come after, 60 at least"
    )


def _bar(screen: Console) -> Progress:
    columns = (
        TextColumn("{task.description:32}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def asked_on(stream: Any = sys.stdin) -> bool:
    """Whether anybody is there to be asked."""
    return bool(stream.isatty())
