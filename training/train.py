"""Answer one hand-off: tune, judge out of fold, export, write the candidate. The one entry of all three ways.

    python -m training.train --folder .swipr                    list what is open in a data folder
    python -m training.train --folder .swipr --handoff ID       answer it (an id's beginning is enough)
    python -m training.train --bucket NAME --handoff ID         the same from and to a bucket

For other code:

    from training.train import Recipe, body_of, fine_tune, out_of_fold

    body = body_of("mobilenetv2", Path("../shared/weights"))        # or a file .npz/.tflite, or a name of timm's
    network = fine_tune(photos, liked, body=body, recipe=Recipe(size_px=160))
    network.logits(others)                                          # float64 (n,)

    fine_tune(photos, liked, *, body, card_of=None, recipe=None, epochs=None, features=None, told=...) -> Network
      photos   uint8 (n, px, px, 3) RGB, by swipr.photos.to_input(bytes, px); liked bool (n,)
      card_of  int (n,), each photo's card, where cards have several
    out_of_fold(photos, liked, *, body, fold_of, card_of=None, recipe=None, told=...) -> OutOfFold with .logits (n,)

One thread is fastest beside other work: OMP_NUM_THREADS=1. Exit status: 0 done; 1 it failed; 2 an option is wrong;
3 there is nothing to train on, and the message says what is missing.
"""

import argparse
import dataclasses
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from local.training_home import drafts
from swipr import fitting, heads
from swipr.candidates.candidate import CandidateCard
from swipr.errors import InputError, SwiprError
from swipr.models import Handoff
from training import data, evaluate, runs
from training.data import Lesson, Open, Pictures, Place
from training.evaluate import Report
from training.export import OPSET, Candidate, Exported, export, put
from training.model import ASK_FOR, body_of, by_card
from training.progress import Tell, result, teller
from training.tuning import Network, OutOfFold, Recipe, epochs_of, fine_tune, folds, out_of_fold

__all__ = ["Network", "OutOfFold", "Recipe", "Trained", "body_of", "fine_tune", "folds", "main", "out_of_fold"]

GPU_SIZE_PX = 224  # finds more than a processor's 160, at twice the work
COMPARED = 200  # photos that PyTorch and the exported file are compared on


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What to train with: see `--help`."""

    backbone: str = "mobilenetv2"
    weights: Path | None = None
    data: Path | None = None
    """The data folder, for the installed backbone and the log of runs."""
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    head_alone: bool = False


class Trained(NamedTuple):
    """All that one run made. `network`, `folds` and `exported` are None for a head alone."""

    lesson: Lesson
    pictures: Pictures
    report: Report
    folds: OutOfFold | None
    network: Network | None
    exported: Exported | None


class NothingToTrainOnError(SwiprError):
    """The hand-off lacks what a network learns from; the message says what, and the next step."""


def answer(place: Place, handoff: Handoff, chosen: Chosen, tell: Tell) -> dict[str, Any]:
    """The whole way from a hand-off to its candidate; what is told in the log of runs."""
    began = time.time(), time.process_time()
    lesson, pictures = learn(place, handoff, chosen, tell)
    trained = train(lesson, pictures, chosen, tell)
    return deliver(place, trained, chosen, began, tell)


def learn(place: Place, handoff: Handoff, chosen: Chosen, tell: Tell) -> tuple[Lesson, Pictures]:
    """The hand-off's labels and photos. Raises NothingToTrainOnError."""
    lesson = data.read_lesson(place, handoff)
    pictures = data.read_photos(place, lesson, chosen.recipe.size_px, lambda done: tell("reading photos", 0.05 * done))
    if (lacking := data.too_little(lesson, pictures)) and not chosen.head_alone:
        raise NothingToTrainOnError(f"{lacking} To have one written all the same: --head-alone.")
    return lesson, pictures


def train(lesson: Lesson, pictures: Pictures, chosen: Chosen, tell: Tell) -> Trained:
    """Tune by folds, compare, tune once more on all labels, export."""
    frozen = evaluate.frozen_logits(lesson.features, lesson.liked, lesson.fold)
    if chosen.head_alone:
        return Trained(lesson, pictures, evaluate.compare(frozen, lesson.liked), None, None, None)
    body = body_of(chosen.backbone, chosen.weights, chosen.data)
    recipe = dataclasses.replace(chosen.recipe, seed=chosen.recipe.seed or lesson.handoff.split_seed)
    liked, cards = lesson.liked[pictures.card_of], pictures.card_of
    judged = out_of_fold(
        pictures.pixels, liked, body=body, card_of=cards, fold_of=lesson.fold[cards], recipe=recipe,
        told=lambda what, done: tell(what, 0.05 + 0.75 * done),
    )  # fmt: skip
    tuned, _ = by_card(judged.logits, liked, cards)
    report = evaluate.compare(frozen, lesson.liked, tuned.astype(np.float64), np.unique(cards))
    network = fine_tune(
        pictures.pixels, liked, body=body, card_of=cards, recipe=recipe, epochs=epochs_of(judged.networks),
        told=lambda what, done: tell(f"all labels: {what}", 0.8 + 0.15 * done),
    )  # fmt: skip
    tell("exporting", 0.95)
    some = np.random.default_rng(recipe.seed).permutation(len(liked))[:COMPARED]
    exported = export(network.net, pictures.pixels[np.sort(some)], slope=report.slope, intercept=report.intercept)
    return Trained(lesson, pictures, report, judged, network, exported)


def deliver(place: Place, trained: Trained, chosen: Chosen, began: tuple[float, float], tell: Tell) -> dict[str, Any]:
    """Write the candidate's folder and the line in the log of runs; that line."""
    lesson, report, exported = trained.lesson, trained.report, trained.exported
    now = datetime.now(UTC)
    run = f"{now:%Y%m%dT%H%M%SZ}.{os.urandom(2).hex()}"
    settings: dict[str, Any] = dataclasses.asdict(chosen.recipe) | {"backbone": chosen.backbone}
    seed = settings.pop("seed") or lesson.handoff.split_seed
    fitted = fitting.fit(lesson.features, lesson.liked)
    head = fitting.to_head(fitted, lesson.handoff.base_backbone, report.used.said)
    card = CandidateCard(
        candidate=f"{lesson.handoff.handoff_id}-{run}",
        handoff_id=lesson.handoff.handoff_id,
        user_id=lesson.handoff.user_id,
        labels_hash=lesson.handoff.labels_hash,
        dataset_sha256=lesson.sha256,
        labels=len(lesson.lines),
        backbone=lesson.handoff.base_backbone,
        network_sha256=_sha256(exported),
        size_px=exported.size_px if exported else None,
        share=report.share,
        opset=OPSET if exported else None,
        parity=exported.parity if exported else (),
        code=code_version(),
        seed=seed,
        settings=settings,
        made_at=now,
        note=exported.words if exported else "a head alone: there were too few kept photos",
    )
    metrics = evaluate.metrics_of(report) | _sizes(exported)
    candidate = Candidate(card, heads.pack(head), metrics, _left_out(trained), exported.body if exported else None)
    folder = put(candidate, place)
    line = {
        "run": run, "at": now.isoformat(), "handoff": lesson.handoff.handoff_id, "data": lesson.sha256,
        "code": card.code, "seed": seed, "settings": settings, "metrics": metrics, "artefacts": [folder],
        "seconds": round(time.time() - began[0], 1), "cpu_seconds": round(time.process_time() - began[1], 1),
    }  # fmt: skip
    tell("done", 1.0)
    return line


def log_of(folder: Path | None) -> Path:
    """The log of runs: in the data folder, else where one is."""
    return drafts(folder) / runs.LOG.name if folder is not None else Path(runs.LOG.name)


def code_version() -> str:
    """The commit of the code, or `unknown` where there is no git."""
    asked = ["git", "-C", str(Path(__file__).parents[1]), "rev-parse", "--short", "HEAD"]
    try:
        answered = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("CODE_VERSION", "unknown")
    return answered.stdout.strip()


def listed(opens: list[Open]) -> str:
    """In text, a line for each open hand-off."""
    rows = [
        f"{each.handoff.handoff_id[:8]}  {each.handoff.created_at:%Y-%m-%d %H:%M}  {each.handoff.user_id:16} "
        f"{each.handoff.labels} labels ({each.handoff.likes} likes), {each.handoff.photos} with photos"
        + (", past its deadline" if each.late else "")
        + (f"\n          {each.lacking}" if each.lacking else "")
        for each in opens
    ]
    return "\n".join(rows) or "no open hand-offs: the next comes when enough has been labelled anew"


def main(arguments: list[str] | None = None) -> int:
    asked = _arguments(arguments)
    tell = teller(os.environ)
    log = asked.log or log_of(asked.folder)
    where = [f"--folder={asked.folder}" if asked.folder else f"--bucket={asked.bucket}"]
    try:
        place = data.place_of(asked.folder, asked.bucket)
        if asked.handoff is None:
            print(listed(data.open_handoffs(place, datetime.now(UTC))))
            return 0
        line = answer(place, data.handoff_of(place, asked.handoff), chosen_of(vars(asked)), tell)
    except NothingToTrainOnError as error:
        print(error, file=sys.stderr)
        return 3
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except SwiprError as error:
        print(error, file=sys.stderr)
        return 1
    runs.append(log, line | {"place": where})
    result(os.environ, line)
    print(runs.track(line) or f"the run stands in {log}")
    print(f"candidate {line['artefacts'][0]}: AUC {line['metrics']['frozen_auc']:.3f} frozen, "
          f"{line['metrics']['auc']:.3f} as it would be used; {line['seconds']:.0f} s")  # fmt: skip
    return 0


def chosen_of(asked: Mapping[str, Any]) -> Chosen:
    """From named values, those of `Recipe` among them; others are left out."""
    known = {field.name: field.type for field in dataclasses.fields(Recipe)}
    usual = {"size_px": GPU_SIZE_PX} if torch.cuda.is_available() else {}
    recipe = Recipe(**(usual | {name: asked[name] for name in known if asked.get(name) is not None}))
    weights = asked.get("weights") or os.environ.get("SWIPR_WEIGHTS")
    return Chosen(
        backbone=asked.get("backbone") or Chosen.backbone,
        weights=Path(weights) if weights else None,
        data=asked.get("folder"),
        recipe=recipe,
        head_alone=bool(asked.get("head_alone")),
    )


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a data folder, or a copy of a bucket's objects")
    parser.add_argument("--bucket", help="the stack's bucket")
    parser.add_argument("--handoff", help="its id or the beginning of it; left out, the open ones are listed")
    parser.add_argument("--backbone", help=f"{ASK_FOR}; default mobilenetv2")
    parser.add_argument("--weights", type=Path, help="folder or file of the backbone's weights; default SWIPR_WEIGHTS")
    parser.add_argument("--head-alone", action="store_true", help="no network: only the head, from the features")
    parser.add_argument("--log", type=Path, help="of runs; default <folder>/training/runs.jsonl")
    for field in dataclasses.fields(Recipe):
        name = field.name.replace("_", "-")
        parser.add_argument(f"--{name}", type=type(field.default), help=f"of the recipe; default {field.default}")
    return parser.parse_args(arguments)


def _left_out(trained: Trained) -> dict[str, float]:
    if trained.folds is None:
        return {}
    tuned = next(way for way in trained.report.ways if way.name == "tuned")
    cards = trained.lesson.cards
    return {cards[at]: round(float(z), 5) for at, z in zip(trained.report.places, tuned.logits, strict=True)}


def _sizes(exported: Exported | None) -> dict[str, float]:
    if exported is None:
        return {}
    return {
        "network_bytes": float(len(exported.body)),
        "network_ms": exported.ms,
        "parity_mean": exported.mean,
        "parity_largest": exported.largest,
    }


def _sha256(exported: Exported | None) -> str | None:
    return None if exported is None else hashlib.sha256(exported.body).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
