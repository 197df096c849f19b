"""What the frozen head would gain from more looks at a photo, or another weight of the stage statistics; and the cost.

    python -m bench.ideas [--sets potato,...] [--draws 5] [--ideas "as it is,flip"]

Draws, splits and figures are those of `bench.quality`. Nothing of it is in the product: it says what would be worth it.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402

from bench import quality_code, quality_photos, quality_runs, quality_systems  # noqa: E402
from bench.quality_photos import PhotoSet, Seen  # noqa: E402
from bench.quality_systems import Lesson  # noqa: E402
from local import backbone_choice  # noqa: E402
from local.backbone_choice import Sources  # noqa: E402
from local.recommended import TAPS_WEIGHT  # noqa: E402
from swipr import backbone, fitting  # noqa: E402
from swipr.backbone import Backbone  # noqa: E402

BUILT_IN = Path(__file__).resolve().parents[1] / "backbones" / "builtin"
SECOND = "mnv1-075-192.int8.onnx"
EMBEDDING = 1280  # numbers of the last layer; the stage statistics follow
WEIGHTS = (0.0, 0.5, 1.0, 2.0)
Looks = Mapping[str, Seen]


class Idea(NamedTuple):
    """`features` of what was looked at; `runs`: of the network, a photo. `chosen`: the weight is, by leave-one-out."""

    name: str
    runs: str
    features: Callable[[Looks], Seen]
    chosen: bool = False
    needs: str = "whole"


def main() -> None:
    asked = _arguments()
    ideas = [idea for idea in IDEAS if asked.ideas is None or idea.name in asked.ideas.split(",")]
    home = quality_photos.scratch() / "backbones"
    weights = Path(os.environ.get("SWIPR_WEIGHTS", quality_photos.shared() / "weights"))
    network = backbone.load(backbone_choice.install(home, Sources(weights=weights))[0])
    table: dict[tuple[str, str, int | str], dict[str, float]] = {}
    for name in asked.sets.split(","):
        photo_set = quality_photos.read(quality_photos.shared() / "data", name)
        if photo_set is None:
            print(f"Missing: the photo set {name}")
            continue
        looks = _looks(photo_set, network)
        for idea in ideas:
            if idea.needs not in looks:
                print(f"Missing: {SECOND}, for {idea.name!r}")
                continue
            for labels in quality_runs.LABELS:
                figures = _figures(photo_set, idea.features(looks), labels, asked.draws, idea.chosen)
                if figures:
                    table[idea.name, name, labels] = figures
        _print(ideas, table, [name])
    _print(ideas, table, asked.sets.split(","))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", default=",".join(quality_photos.SETS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--ideas", help="names, comma-separated; all by default")
    return parser.parse_args()


def _looks(photo_set: PhotoSet, network: Backbone) -> Looks:
    """Features float32 (n, dimensions) of each way to look at the photos; kept in the scratch folder."""
    code = quality_code.of("swipr.photos", "swipr.backbone")
    kept = quality_photos.scratch() / "ideas" / f"{photo_set.digest}-{network.sha256[:12]}-{code}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made: dict[str, np.ndarray] = {}
        for split, files in (("train", photo_set.train), ("test", photo_set.test)):
            parts = [_looked(files[at : at + 64], network) for at in range(0, len(files), 64)]
            made |= {f"{split}-{look}": np.concatenate([part[look] for part in parts]) for look in parts[0]}
        np.savez(kept, **{name: rows.astype(np.float16) for name, rows in made.items()})
    with np.load(kept) as found:
        names = {name.split("-")[1] for name in found.files}
        looks = {
            look: Seen(found[f"train-{look}"].astype(np.float32), found[f"test-{look}"].astype(np.float32))
            for look in names
        }
    looks["built-in"] = quality_photos.features(photo_set, backbone.load(BUILT_IN))
    second = quality_photos.shared() / "weights" / SECOND
    return looks | {"second": _second(photo_set, second)} if second.exists() else looks


def _second(photo_set: PhotoSet, network: Path) -> Seen:
    """Unit outputs of another network, centred on the train photos' mean (a product would take a fixed one)."""
    kept = quality_photos.scratch() / "ideas" / f"{photo_set.digest}-{network.name}.npz"
    if not kept.exists():
        session = ort.InferenceSession(network.read_bytes(), _one_thread(), providers=["CPUExecutionProvider"])
        size_px = session.get_inputs()[0].shape[1]
        made = []
        for files in (photo_set.train, photo_set.test):
            parts = (quality_photos.as_pixels(files[at : at + 64], size_px) for at in range(0, len(files), 64))
            made.append(np.concatenate([session.run(None, {"image": part})[0] for part in parts]))
        np.savez(kept, train=made[0], test=made[1])
    with np.load(kept) as found:
        train, test = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found["train"], found["test"]))
    return Seen(train - train.mean(axis=0), test - train.mean(axis=0))


def _one_thread() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def _looked(files: tuple[Path, ...], network: Backbone) -> dict[str, np.ndarray]:
    side = network.size_px
    small, large = (quality_photos.as_pixels(files, size) for size in (side, 2 * side))
    tiles = [large[:, top : top + side, left : left + side] for top in (0, side) for left in (0, side)]
    centre = large[:, side // 4 : side // 4 + 3 * side // 2, side // 4 : side // 4 + 3 * side // 2]
    step = np.arange(side) * 3 // 2
    return {
        "whole": network.features(small),
        "flip": network.features(np.ascontiguousarray(small[:, :, ::-1])),
        "tiles": np.mean([network.features(np.ascontiguousarray(tile)) for tile in tiles], axis=0),
        "centre": network.features(np.ascontiguousarray(centre[:, step][:, :, step])),
    }


def _mean(*names: str) -> Callable[[Looks], Seen]:
    return lambda looks: Seen(*(np.mean([looks[name][split] for name in names], axis=0) for split in (0, 1)))


def _weighed(weight: float) -> Callable[[Looks], Seen]:
    return lambda looks: Seen(*(_reweighed(rows, weight) for rows in looks["whole"]))


def _beside(*names: str) -> Callable[[Looks], Seen]:
    return lambda looks: Seen(*(np.concatenate([looks[name][split] for name in names], axis=1) for split in (0, 1)))


def _both(looks: Looks) -> Seen:
    twice = _mean("whole", "centre")(looks)
    return Seen(*(np.concatenate([one, other], axis=1) for one, other in zip(twice, looks["second"], strict=True)))


def _reweighed(rows: np.ndarray, weight: float) -> np.ndarray:
    made = rows.copy()
    made[:, EMBEDDING:] *= weight / TAPS_WEIGHT
    return made


IDEAS = (
    Idea("as it is", "1", _mean("whole")),
    Idea("flip", "2", _mean("whole", "flip")),
    Idea("tiles", "5", _mean("whole", "tiles")),
    Idea("centre", "2", _mean("whole", "centre")),
    Idea("flip and centre", "3", _mean("whole", "flip", "centre")),
    Idea("flip, tiles and centre", "7", _mean("whole", "flip", "tiles", "centre")),
    Idea("built-in network beside", "1 + built-in", _beside("whole", "built-in")),
    Idea("MobileNetV1 beside", "1 + 1", _beside("whole", "second"), needs="second"),
    Idea("centre and MobileNetV1 beside", "2 + 1", _both, needs="second"),
    Idea("stage weight 0", "1", _weighed(0.0)),
    Idea("stage weight 1", "1", _weighed(1.0)),
    Idea("stage weight 2", "1", _weighed(2.0)),
    Idea("stage weight chosen", "1", _mean("whole"), chosen=True),
    Idea("centre, stage weight chosen", "2", _mean("whole", "centre"), chosen=True),
    Idea("flip and centre, stage weight chosen", "3", _mean("whole", "flip", "centre"), chosen=True),
    Idea("all looks, stage weight chosen", "7", _mean("whole", "flip", "tiles", "centre"), chosen=True),
)


def _figures(photo_set: PhotoSet, seen: Seen, labels: int | str, draws: int, chosen: bool) -> dict[str, float]:
    """Means over draws; empty if the set has too few labels."""
    liked = photo_set.train_liked
    if labels != "all" and int(labels) >= len(liked):
        return {}
    found = []
    for number in range(1 if labels == "all" else draws):
        places = quality_photos.draw(liked, labels, number)
        lesson = Lesson(seen.train[places], liked[places], seen.test, number)
        answer = quality_systems.ours(_chosen(lesson) if chosen else lesson)
        found.append(quality_systems.measured(answer, photo_set.test_liked))
    return {figure: float(np.mean([one[figure] for one in found])) for figure in found[0]}


def _chosen(lesson: Lesson) -> Lesson:
    """The weight of the stage statistics whose left-out scores lose least."""
    losses = []
    for weight in WEIGHTS:
        fitted = fitting.fit(_reweighed(lesson.rows, weight), lesson.liked)
        losses.append(np.logaddexp(0, np.where(lesson.liked, -1, 1) * _logit(fitted.loo_scores)).mean())
    best = WEIGHTS[int(np.argmin(losses))]
    return lesson._replace(rows=_reweighed(lesson.rows, best), unseen=_reweighed(lesson.unseen, best))


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))


def _print(ideas: list[Idea], table: Mapping[tuple[str, str, int | str], Mapping[str, float]], sets: list[str]) -> None:
    """Means over those of the sets that have so many labels."""
    print(f"\n{', '.join(sets)}: AUC / log loss / calibration error")
    head = ["idea", "runs a photo", *map(str, quality_runs.LABELS)]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for idea in ideas:
        cells = []
        for labels in quality_runs.LABELS:
            those = [table[key] for one in sets if (key := (idea.name, one, labels)) in table]
            names = ("auc", "log_loss", "calibration_error")
            cells.append(" / ".join(f"{np.mean([row[name] for row in those]):.3f}" for name in names) if those else "–")
        print(f"| {' | '.join([idea.name, idea.runs, *cells])} |", flush=True)


if __name__ == "__main__":
    main()
