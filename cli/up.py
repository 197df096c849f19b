"""`swipr up`: the runtime, beside it the simulator and its demo user, and what happens, line by line."""

import errno
import logging
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

import local
from cli.backbone_work import sources_of
from cli.client import Client, ClientError
from cli.demo import DECK, DEMO_FILE, USER, Demo, DemoSettings, Totals
from cli.folder import DECK as FOLDER
from cli.folder import MARK as FOLDER_MARK
from cli.folder import FolderError, job_of
from cli.folder_course import Course, model_line
from cli.simulator import Simulator, SimulatorError
from local.backbone_choice import Choice, choose
from local.backbones import BackboneError
from local.data_folder import DataFolderError, open_folder
from local.intrinsics import TemplateError
from local.runner import Runtime

ROOT = Path(local.__file__).resolve().parent.parent
#: Due users are looked for this often here; the template's rate is for AWS, where each look costs.
DEMO_TICK_S = 2.0
#: A folder's next session follows at once on the last.
FOLDER_TICK_S = 0.2
LOOK_S = 0.5
#: Photos of one's own are swiped to their end quickly, and unsure ones are acted on, so that all are compared.
PHOTO_DEMO = DemoSettings(
    likes_per_day=1000, swipes_per_session=25, session_every_s=5, pacing_s=0.0, unsure="act", keep_photos=False
)
Json = dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The options of `swipr up`."""

    data: Path
    port: int
    empty: bool
    photos: Path | None
    photos_per_card: int
    labels: int
    likes_per_day: int | None
    swipes_per_session: int | None
    every_s: int | None
    pacing_s: float | None
    until_empty: bool
    seed: int
    chaos: int | None
    backbone: str | None
    weights: Path | None
    mirror: str | None
    deck: str = DECK
    labels_from: Path | None = None
    out: Path | None = None
    moves: bool = False

    def data_folder(self) -> Path:
        """One taste a folder: a person's own and each demo's are kept apart."""
        is_demo = (self.data / DEMO_FILE).exists()
        if self.deck == FOLDER:
            return self.data.with_name(f"{self.data.name}-folder") if is_demo else self.data
        if self.photos is None:
            is_own = not self.empty and not is_demo and (self.data / FOLDER_MARK).exists()
            return self.data.with_name(f"{self.data.name}-demo") if is_own else self.data
        name = sha256(str(self.photos.resolve()).encode()).hexdigest()[:8]
        return self.data.with_name(f"{self.data.name}-{self.photos.resolve().name}-{name}")

    def demo_settings(self) -> DemoSettings:
        basis = PHOTO_DEMO if self.photos else DemoSettings()
        given = {
            "likes_per_day": self.likes_per_day,
            "swipes_per_session": self.swipes_per_session,
            "session_every_s": self.every_s,
            "pacing_s": self.pacing_s,
        }
        known = {name: value for name, value in given.items() if value is not None}
        return replace(basis, labels=self.labels, **known)  # type: ignore[arg-type]  # each is of its field's type


def run(chosen: Chosen) -> int:
    """Run until Ctrl-C, SIGTERM or the deck's end if so chosen; 0 when it stopped cleanly."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    screen = Console(highlight=False, soft_wrap=True)
    stopping = threading.Event()
    try:
        with ExitStack() as stack:
            _run(chosen, screen, stopping, stack)
    except KeyboardInterrupt:  # while it fetched the backbone
        screen.print("Stopped before anything had begun.")
        return 1
    except (BackboneError, ClientError, DataFolderError, FolderError, SimulatorError, TemplateError, OSError) as error:
        screen.print(f"swipr: {error}", style="red", markup=False)
        return 1
    screen.print("Stopped. Everything acknowledged is kept.")
    return 0


def _run(chosen: Chosen, screen: Console, stopping: threading.Event, stack: ExitStack) -> None:
    folder = chosen.data_folder()
    environment = {"CONSOLE_DIR": str(ROOT / "console"), "LOG_LEVEL": "ERROR"}
    simulator, job = None, None
    if chosen.deck == FOLDER:
        job = job_of(chosen.photos, chosen.labels_from, chosen.out, moves=chosen.moves, data=folder)
        environment |= job.environment()
    backbone = _backbone(chosen, folder, screen)
    environment["BACKBONE_DIR"] = str(backbone.folder.resolve())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if job is None and not chosen.empty:
        simulator = stack.enter_context(
            Simulator(
                folder / "simulator.db",
                photos=chosen.photos,
                photos_per_card=chosen.photos_per_card,
                seed=chosen.seed,
            )
        )
        environment["SIMULATOR_API"] = simulator.address
    runtime = _start(chosen, folder, environment, stack)
    screen.print(f"Swipr runs on this machine; everything it keeps is in {folder}/", markup=False)
    screen.print(f"Page      {runtime.address}/#token={runtime.one_use_token(USER)}", markup=False)
    for place, line in enumerate(backbone.says):
        screen.print(f"{'' if place else 'Backbone':<9} {line}", markup=False)
    if simulator is None and job is None:
        screen.print("Ctrl-C stops it.")
        stopping.wait()
        return
    client = Client(runtime.address, lambda: runtime.one_use_token(USER))
    stack.callback(client.close)
    if job is not None:
        Course(client, job, folder, screen, stopping).run(until_empty=chosen.until_empty)
        return
    assert simulator is not None  # noqa: S101 - either is there
    demo = Demo(client, simulator, folder, chosen.demo_settings())
    if _set_up(demo, chosen, screen, stopping):
        _follow(demo, chosen, screen, stopping)


def _backbone(chosen: Chosen, folder: Path, screen: Console) -> Choice:
    """What the data folder works with; a folder in use is refused here, before anything is started for it."""
    sources = sources_of(chosen.weights, chosen.mirror, screen)
    with open_folder(folder) as data:
        return choose(data.path, chosen.backbone, sources, lambda: datetime.now(UTC))


def _start(chosen: Chosen, folder: Path, environment: Mapping[str, str], stack: ExitStack) -> Runtime:
    def runtime(port: int) -> Runtime:
        return Runtime(
            ROOT / "template.yaml",
            folder,
            port=port,
            environment=environment,
            schedule_every_s=FOLDER_TICK_S if chosen.deck == FOLDER else None if chosen.empty else DEMO_TICK_S,
            chaos_seed=chosen.chaos,
        )

    try:
        return stack.enter_context(runtime(chosen.port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return stack.enter_context(runtime(0))


# --- the demo on the screen ------------------------------------------------------------------------------


def _set_up(demo: Demo, chosen: Chosen, screen: Console, stopping: threading.Event) -> bool:
    """False when it was stopped meanwhile."""
    demo.connect()
    source = f"your photos in {chosen.photos}" if chosen.photos else "drawn portraits of nobody real"
    screen.print(f"Deck      a simulator at {demo.simulator.address}: {source}", markup=False)
    with Progress(console=screen, transient=True) as progress:
        task = progress.add_task("Teaching  labels of a hidden taste", total=demo.chosen.labels)
        for given in demo.teach():
            progress.update(task, completed=given)
            if stopping.is_set():
                return False
    model = demo.wait_for_model()["model"]
    screen.print(f"Taught    {model_line(model)}", markup=False)
    settings = demo.chosen
    screen.print(
        f"Demo      acts on the {DECK} only: at most {settings.likes_per_day} likes a day, "
        f"{settings.swipes_per_session} swipes a session, a session every {settings.session_every_s} s, "
        f"{settings.pacing_s:g} s between swipes, unsure: {settings.unsure}",
        markup=False,
    )
    if chosen.chaos is not None:
        screen.print(f"Chaos     deliveries are doubled, late and out of order by seed {chosen.chaos}")
    demo.switch_on_once()
    screen.print("Ctrl-C stops it.\n")
    screen.print(COLUMNS, style="bold")
    return True


COLUMNS = "ended     cards filtered liked passed unsure matches  agree  ms/photo  micro-$  outcome"


def _follow(demo: Demo, chosen: Chosen, screen: Console, stopping: threading.Event) -> None:
    """Print what happens until told to stop; a look that fails is tried again."""
    troubled = False
    while not stopping.wait(LOOK_S):
        try:
            if _look(demo, chosen, screen):
                return
            troubled = False
        except ClientError as error:
            if not troubled:
                screen.print(f"          {error}; trying again", style="dim", markup=False)
            troubled = True


def _look(demo: Demo, chosen: Chosen, screen: Console) -> bool:
    """Print what is new; true when the deck's end ends the run."""
    for report in demo.new_sessions():
        screen.print(_session_line(report), markup=False)
        if chosen.photos is None and (answered := demo.answer_held()):
            screen.print(f"          the demo's owner answered {answered} unsure cards", style="dim")
    ended = demo.counters()["cards_left"] == 0
    if ended and demo.at_the_end():
        _announce_end(demo, screen)
    if ended and chosen.until_empty:
        return True
    if ended and chosen.photos is None:
        demo.deal_new_cards()
        screen.print("New cards arrive.\n\n" + COLUMNS, style="bold")
    return False


def _session_line(report: Json) -> str:
    ended = datetime.fromisoformat(report["ended_at"]).astimezone()
    per_photo = f"{report['judge_ms'] / report['photos']:.1f}" if report["photos"] else "-"
    agreed = f"{report['agreed']}/{report['judged']}" if report["judged"] else "-"
    return (
        f"{ended:%H:%M:%S}  {report['cards']:5} {report['filtered']:8} {report['liked']:5} {report['passed']:6} "
        f"{report['unsure']:6} {report['matches']:7}  {agreed:>5}  {per_photo:>8}  {report['cost_microusd']:7.0f}  "
        f"{report['outcome'].replace('_', ' ')}"
    )


def _announce_end(demo: Demo, screen: Console) -> None:
    totals, counters = demo.totals, demo.counters()
    auc = totals.auc()
    screen.print("\nThe deck is at its end.", style="bold")
    screen.print(
        f"Judged {len(totals.scores)} cards, {totals.filtered} filtered; the deck got {counters['likes']} likes and "
        f"{counters['passes']} passes in all; {totals.matches} matches\n"
        f"Agreement with the hidden taste: {_share(totals)}; AUC {'-' if auc is None else f'{auc:.3f}'}\n"
        f"Double likes {counters['double_likes']}; unknown answers {totals.unknown}\n"
        f"{totals.judge_ms / max(1, totals.photos):.1f} ms a photo in the judge; "
        f"{totals.cost_microusd:.0f} micro-dollars by AWS's list prices (not billed)",
        markup=False,
    )


def _share(totals: Totals) -> str:
    return f"{totals.agreed} of {totals.judged}" + (
        f" ({100 * totals.agreed / totals.judged:.1f} %)" if totals.judged else ""
    )
