"""`swipr simulate`: the whole product against a labelled photo folder, measured by what the deck received."""

import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.client import Client, ClientError
from cli.simulate_backbone import find
from cli.simulate_course import LIKES_PER_DAY, USER, Course, CourseError
from cli.simulate_figures import FORMULA, Played, figures
from cli.simulate_lesson import NotEnoughError, quotas
from cli.simulator import Simulator, SimulatorError
from cli.up import ROOT
from local import backbone_folder
from local.intrinsics import TemplateError
from local.runner import Runtime
from simulator.photo_folder import PhotoFolder, PhotoFolderError
from swipr.errors import SwiprError

#: Users who are due are looked for so often; nobody is paid for looking here.
TICK_S = 0.1
#: Cards a look offers, as many as a service of this kind says it can: fewer looks, fewer waits.
CARDS_PER_LOOK = 40

#: Exit statuses, as `swipr simulate --help` explains them; 2 is a wrong option.
MEASURED, FAILED, PROMISE_BROKEN = 0, 1, 3
#: What is shown as a share of 100.
_SHARES = ("accuracy", "precision", "recall", "majority_baseline")
Json = dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The options of `swipr simulate`. Backbones are looked for in the data folder `data`, or made from `weights`."""

    photos: Path
    labels: int
    seed: int
    backbone: str | None
    photos_per_card: int
    as_json: bool
    keep: bool
    data: Path
    weights: Path | None = None


class _StoppedError(Exception):
    """Ctrl-C or SIGTERM came."""


def run(chosen: Chosen) -> int:
    """Play, print what was measured and return the exit status."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(asctime)s %(message)s")
    screen = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with _stoppable(), ExitStack() as stack:
            measured = _play(chosen, screen, stack)
    except _StoppedError:
        return _failed(chosen, "stopped before the deck was empty")
    except (SwiprError, ClientError, CourseError, NotEnoughError, PhotoFolderError, SimulatorError) as error:
        return _failed(chosen, str(error))
    except (TemplateError, OSError) as error:
        return _failed(chosen, str(error))
    if chosen.as_json:
        print(json.dumps(measured))
        print(FORMULA, file=sys.stderr)
    else:
        _show(measured)
    return PROMISE_BROKEN if measured["double_likes"] or measured["over_budget_likes"] else MEASURED


def _failed(chosen: Chosen, why: str) -> int:
    if chosen.as_json:
        print(json.dumps({"error": why}))
    print(f"swipr: {why}", file=sys.stderr)
    return FAILED


def _play(chosen: Chosen, screen: Console, stack: ExitStack) -> Json:
    began = time.monotonic()
    _check(chosen)
    folder = stack.enter_context(_folder(chosen.keep))
    backbone = find(chosen.backbone, data=chosen.data, weights=chosen.weights, scratch=folder / "made")
    simulator = stack.enter_context(
        Simulator(
            folder / "simulator.db",
            photos=chosen.photos,
            photos_per_card=chosen.photos_per_card,
            seed=chosen.seed,
            cards_per_look=CARDS_PER_LOOK,
        )
    )
    runtime = stack.enter_context(_runtime(folder / "data", backbone, simulator))
    client = Client(runtime.address, lambda: runtime.one_use_token(USER))
    stack.callback(client.close)
    course = Course(client, simulator)
    course.connect()
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=screen, transient=True) as progress:
        _teach(course, chosen, progress, screen)
        switched_on = time.monotonic()
        sessions = _swipe(course, progress)
        swiping_s = time.monotonic() - switched_on
    deck = course.deck()
    played = Played(
        truth=deck.truth,
        likes=deck.likes,
        passes=deck.passes,
        scores=course.scores(),
        sessions=sessions,
        matches=deck.matches,
        likes_per_day=LIKES_PER_DAY,
        backbone=str(backbone_folder.read_card(backbone)["name"]),
        swiping_s=swiping_s,
        seconds=time.monotonic() - began,
    )
    asked = {"labels": chosen.labels, "seed": chosen.seed, "photos_per_card": chosen.photos_per_card}
    return figures(played) | asked


def _check(chosen: Chosen) -> None:
    """Say what is wrong with the folder before anything is started for it."""
    if not chosen.photos.is_dir():
        raise PhotoFolderError(f"there is no folder {chosen.photos}")
    folder = PhotoFolder(chosen.photos, chosen.seed, chosen.photos_per_card)
    quotas(folder.train("like"), folder.train("pass"), chosen.labels)


def _teach(course: Course, chosen: Chosen, progress: Progress, screen: Console) -> None:
    task = progress.add_task("Teaching", total=chosen.labels)
    lesson = course.lesson(chosen.labels, chosen.seed)
    if lesson.unreadable:
        screen.print(f"{lesson.unreadable} cards of train cannot be read and were left out.")
    for given in course.teach(lesson):
        progress.update(task, completed=given)
    progress.remove_task(task)


def _swipe(course: Course, progress: Progress) -> list[Json]:
    task = progress.add_task("Swiping", total=None)
    sessions = []
    for report in course.swipe():
        sessions.append(report)
        progress.update(task, advance=report["liked"] + report["passed"] + report["filtered"])
    return sessions


def _runtime(folder: Path, backbone: Path, simulator: Simulator) -> Runtime:
    environment = {
        "BACKBONE_DIR": str(backbone),
        "CONSOLE_DIR": str(ROOT / "console"),
        "SIMULATOR_API": simulator.address,
        "LOG_LEVEL": "CRITICAL",  # the handlers log to standard output, which is for the figures
    }
    return Runtime(ROOT / "template.yaml", folder, environment=environment, schedule_every_s=TICK_S)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="swipr-simulate-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"Kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run in order, so that nothing is left lying about; a second one ends it at once."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signal's signature)
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        raise _StoppedError

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(measured: Json) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in measured.items():
        table.add_row(name.replace("_", " "), _said(name, value))
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(table)
    screen.print(FORMULA, style="dim")


def _said(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{100 * float(str(value)):.1f} %"
    return f"{value:.4f}" if isinstance(value, float) and name not in ("seconds", "photos_per_second") else str(value)
