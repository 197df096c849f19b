"""How good Swipr is on real photos, beside what a user would take instead: each set, label count, system and draw.

    make quality ARGS="[--sets potato,...] [--labels 20,...,all] [--systems ours,...] [--draws 5] [--write]"

Reads the labelled photo sets below $SWIPR_SHARED/data (or ../shared/data) and the weights beside them. What has been
measured, of this very code, photos and backbone, is not measured again: see bench/README.md. Prints Markdown; writes
bench/quality.json; `--write` puts the table into README.md between its markers. What could not be measured is said.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# One thread: a second one for these small matrices only waits. Read when numpy is imported.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

from bench import quality_photos, quality_runs, quality_table  # noqa: E402
from bench.quality_photos import PhotoSet, Seen  # noqa: E402
from bench.quality_runs import Known, Run  # noqa: E402
from bench.quality_systems import SYSTEMS, Lesson  # noqa: E402
from local import backbone_choice, backbones  # noqa: E402
from local.backbone_choice import Sources  # noqa: E402
from swipr import backbone  # noqa: E402
from swipr.backbone import Backbone  # noqa: E402
from swipr.errors import ModelError  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BUILT_IN = ROOT / "backbones" / "builtin"


def main() -> int:
    asked = _arguments()
    sets = [found for name in quality_photos.SETS if (found := _photo_set(name)) is not None]
    networks = _backbones()
    identities = {name: network.sha256[:12] for name, network in networks.items()} | {"photos": ""}
    everything = list(quality_runs.planned(sets, quality_runs.LABELS, SYSTEMS, identities, asked.draws))
    wanted = [run for run in everything if _is_asked(run, asked)]
    known = Known()
    failed = 0 if asked.known else _measure(wanted, known, networks, asked.again)
    rows = quality_table.rows(everything, known)
    if not rows:
        _say("Nothing was measured.")
        return 1
    quality_table.write_json(rows, quality_table.JSON)
    print(quality_table.markdown([row for row in rows if _is_shown(row, asked)]))
    if asked.write:
        quality_table.write_readme(README, quality_table.short_markdown(rows))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    names = [system.name for system in SYSTEMS]
    add("--sets", type=_one_of(quality_photos.SETS), default=quality_photos.SETS, help="comma-separated")
    add("--labels", type=_labels, default=quality_runs.LABELS, help="20, 50, 100, 200, all; comma-separated")
    add("--systems", type=_one_of(names), default=names, help=", ".join(names))
    add("--draws", type=int, help="of labels, for each system; by default 5; `all` is one")
    add("--write", action="store_true", help=f"put the table into {README.name} between its markers")
    add("--known", action="store_true", help="measure nothing; show what has been")
    add("--again", action="store_true", help="measure slow systems too whose figures are of earlier code")
    return parser.parse_args()


def _one_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        asked = tuple(text.split(","))
        for name in asked:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of: {', '.join(known)}")
        return asked

    return parse


def _labels(text: str) -> tuple[int | str, ...]:
    parse = _one_of(tuple(map(str, quality_runs.LABELS)))
    return tuple(name if name == "all" else int(name) for name in parse(text))


def _is_asked(run: Run, asked: argparse.Namespace) -> bool:
    return run.photo_set.name in asked.sets and run.labels in asked.labels and run.system.name in asked.systems


def _is_shown(row: Mapping[str, object], asked: argparse.Namespace) -> bool:
    return row["set"] in asked.sets and row["labels"] in asked.labels and row["system"] in asked.systems


def _photo_set(name: str) -> PhotoSet | None:
    data = quality_photos.shared() / "data"
    found = quality_photos.read(data, name)
    if found is None:
        _say(f"Missing: the photo set {name} is not in {data}; SWIPR_SHARED names the folder above data/.")
    return found


def _backbones() -> dict[str, Backbone]:
    """Those that are to be had: `recommended`, made from its weights, and `builtin`."""
    found = {}
    weights = Path(os.environ.get("SWIPR_WEIGHTS", quality_photos.shared() / "weights"))
    try:
        home = quality_photos.scratch() / "backbones"
        found["recommended"] = backbone.load(backbone_choice.install(home, Sources(weights=weights))[0])
    except (ModelError, backbones.BackboneError) as error:
        _say(f"Missing: the recommended backbone ({error}); SWIPR_WEIGHTS names the folder of its weights.")
    try:
        found["builtin"] = backbone.load(BUILT_IN)
    except ModelError as error:
        _say(f"Missing: the built-in backbone ({error}).")
    return found


def _measure(wanted: list[Run], known: Known, networks: Mapping[str, Backbone], again: bool) -> int:
    """Measure what is not known yet; how many runs failed."""
    waiting = [run for run in wanted if known.find(run) is None or (again and not known.is_current(run))]
    failed = 0
    shown: tuple[tuple[str, str], dict[str, Seen]] | None = None
    for number, run in enumerate(waiting, 1):
        place = (run.photo_set.name, run.system.shown)
        if shown is None or shown[0] != place:
            shown = None  # one set's pixels are hundreds of megabytes
            shown = place, _shown(run, networks)
        try:
            figures, seconds = quality_runs.measure(run, _lesson(run, shown[1]))
        except Exception as error:  # of any library; the other runs are made all the same
            failed += 1
            _say(f"{number}/{len(waiting)}  {run}: FAILED: {type(error).__name__}: {error}")
            traceback.print_exc(limit=-3)
            continue
        known.add(run, figures, seconds)
        said = f"AUC {figures['auc']:.3f}, log loss {figures['log_loss']:.3f}, {seconds:.1f} s"
        _say(f"{number}/{len(waiting)}  {run}: {said}")
    return failed


def _shown(run: Run, networks: Mapping[str, Backbone]) -> dict[str, Seen]:
    """What the system is shown of the set, by kind."""
    made = {}
    for kind in run.system.shown.split("+"):
        if kind == "photos":
            made["photos"] = quality_photos.pixels(run.photo_set, run.system.size_px())
        else:
            made["features"] = quality_photos.features(run.photo_set, networks[kind])
    return made


def _lesson(run: Run, shown: Mapping[str, Seen]) -> Lesson:
    chosen = quality_photos.draw(run.photo_set.train_liked, run.labels, run.draw)
    main, *others = [shown[kind] for kind in ("photos", "features") if kind in shown]
    features = (others[0].train[chosen], others[0].test) if others else None
    rows: np.ndarray = main.train[chosen]
    return Lesson(rows, run.photo_set.train_liked[chosen], main.test, run.draw, features)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
