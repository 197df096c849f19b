"""How many labels asking saves: what is asked by `swipr.asking` against random cards, until the AUC reaches a mark.

    python bench/asking.py [BACKBONE_FOLDER] [--runs 10] [--sets potato,wardrobe,trash] [--mark 0.95] [--most 120]

Reads the labelled photo sets below $SWIPR_SHARED/data (or ../shared/data). Each run draws what there is to ask about
from the train split (`--pool` cards), answers what is asked in batches by its folder, fits the head anew after each
batch and measures the AUC on the test split. A mark is reached at the first of two batches in a row at or above it.
`--cache FOLDER` keeps the embedded photos there.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swipr import asking, backbone, fitting, metrics, photos
from swipr.asking import Candidate, Question, Ways

SETS = ("potato", "wardrobe", "trash")
SHOWN = (15, 20, 30, 50, 80)


class Photos(NamedTuple):
    """float16 (n, dimensions) and bool (n,) of both splits."""

    train: np.ndarray
    train_liked: np.ndarray
    test: np.ndarray
    test_liked: np.ndarray


class Run:
    """One person who answers what is asked."""

    def __init__(self, photos: Photos, pool: int, seed: int) -> None:
        self._photos, self._random = photos, random.Random(seed)
        everything = list(range(len(photos.train)))
        self._random.shuffle(everything)
        self._pool = everything[:pool]
        self._rows = {str(number): tuple(map(float, photos.train[number])) for number in self._pool}
        self._labelled: list[str] = []
        self._head: fitting.Fitted | None = None
        self._said: dict[str, float] = {}

    def answer(self, system: str, batch: int) -> tuple[int, float]:
        """Ask a batch, learn from it: how many labels there are then, and the AUC on the test split."""
        left = [str(number) for number in self._pool if str(number) not in self._labelled]
        if system == "random":
            self._labelled += self._random.sample(left, min(batch, len(left)))
        else:
            self._labelled += [question.card_id for question in self._asked(left, batch)]
        return len(self._labelled), self._learn()

    def _asked(self, left: Sequence[str], batch: int) -> list[Question]:
        cards = [Candidate(card_id, self._said.get(card_id)) for card_id in left]
        ways = Ways(
            rows=lambda wanted: {card_id: self._rows[card_id] for card_id in wanted},
            distance=None if self._head is None else self._distance,
            rechecks=iter(()),
            pick=self._random.randrange,
        )
        seen = [self._rows[card_id] for card_id in reversed(self._labelled)]
        place = len(self._labelled)
        return asking.ask(cards, seen, ways, labels=place, place=place, wanted=batch)

    def _distance(self, _: str, row: Sequence[float]) -> float:
        assert self._head is not None
        logit = np.dot(np.asarray(row, np.float32), self._head.weights) + self._head.bias
        return abs(float(fitting.sigmoid(self._head.slope * logit + self._head.intercept)) - self._head.threshold)

    def _learn(self) -> float:
        chosen = [int(card_id) for card_id in self._labelled]
        liked = self._photos.train_liked[chosen]
        if not fitting.FEWEST_OF_A_KIND <= liked.sum() <= len(liked) - fitting.FEWEST_OF_A_KIND:
            return 0.5
        self._head = fitting.fit(self._photos.train[chosen].astype(np.float32), liked)
        logits = self._photos.test.astype(np.float32) @ self._head.weights
        return metrics.auc(logits, self._photos.test_liked)

    def decide(self) -> None:
        """Record scores of all cards, as a session would with the model of this moment."""
        if self._head is not None:
            self._said = {card_id: self._distance(card_id, row) for card_id, row in self._rows.items()}


def main() -> int:
    asked = _arguments()
    print(
        f"labels to AUC {asked.mark:g} on the test split, {asked.runs} runs, batches of {asked.batch}; in brackets runs"
    )
    print(f"that did not reach it within {asked.most} labels. Then the mean AUC at so many labels.\n")
    counts = " | ".join(f"at {count}" for count in SHOWN)
    print(f"| set | asking | median labels (mean) | {counts} |\n|---|---|---|{'---|' * len(SHOWN)}")
    ratios = [_compare(name, asked) for name in asked.sets]
    print(f"\nlabels needed, of random asking's: {', '.join(f'{ratio:.0%}' for ratio in ratios)}")
    return 0


def _compare(name: str, asked: argparse.Namespace) -> float:
    photos = _embedded(name, asked)
    means = {}
    for system in ("random", "asked"):
        curves = [list(_curve(photos, system, asked, seed)) for seed in range(asked.runs)]
        means[system] = _say(name, system, curves, asked)
    return means["asked"] / means["random"]


def _curve(photos: Photos, system: str, asked: argparse.Namespace, seed: int) -> Iterator[tuple[int, float]]:
    run, labels = Run(photos, asked.pool, seed), 0
    while labels < asked.most:
        before = labels
        labels, auc = run.answer(system, asked.batch)
        yield labels, auc
        if labels // asked.decide_every > before // asked.decide_every:
            run.decide()


def _say(name: str, system: str, curves: Sequence[Sequence[tuple[int, float]]], asked: argparse.Namespace) -> float:
    reached = [_reached(curve, asked.mark) for curve in curves]
    needed = [float(asked.most if labels is None else labels) for labels in reached]
    missed = sum(labels is None for labels in reached)
    aucs = [np.mean([dict(curve).get(count, np.nan) for curve in curves]) for count in SHOWN]
    cells = " | ".join(f"{auc:.3f}" for auc in aucs)
    print(f"| {name} | {system} | {np.median(needed):.0f} ({np.mean(needed):.0f}) [{missed}] | {cells} |", flush=True)
    return float(np.mean(needed))


def _reached(curve: Sequence[tuple[int, float]], mark: float) -> int | None:
    return next((labels for (labels, auc), (_, after) in pairwise(curve) if min(auc, after) >= mark), None)


def _embedded(name: str, asked: argparse.Namespace) -> Photos:
    kept = asked.cache / f"{name}.npz" if asked.cache else None
    if kept is not None and kept.is_file():
        with np.load(kept) as found:
            return Photos(found["train"], found["train_liked"], found["test"], found["test_liked"])
    network = backbone.load(asked.backbone)
    shared = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    embedded = Photos(*(each for split in ("train", "test") for each in _rows(network, shared / "data" / name / split)))
    if kept is not None:
        np.savez(kept, **embedded._asdict())
    return embedded


def _rows(network: backbone.Backbone, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    files = [(path, kind == "like") for kind in ("like", "pass") for path in sorted((folder / kind).iterdir())]
    parts = [
        network.features(
            np.stack([photos.to_input(path.read_bytes(), network.size_px) for path, _ in files[at : at + 32]])
        )
        for at in range(0, len(files), 32)
    ]
    return np.concatenate(parts).astype(np.float16), np.array([liked for _, liked in files])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("backbone", nargs="?", type=Path, default=Path(__file__).resolve().parents[1] / "backbones" / "builtin")
    add("--runs", type=int, default=10, help="draws of what there is to ask about")
    add("--sets", type=lambda text: text.split(","), default=SETS, help="folders of the data, comma-separated")
    add("--mark", type=float, default=0.95, help="AUC to reach")
    add("--most", type=int, default=120, help="labels at which a run ends")
    add("--pool", type=int, default=400, help="cards there are to ask about")
    add("--batch", type=int, default=5, help="questions asked at a time")
    add("--decide-every", type=int, default=20, help="labels after which a session scores the cards anew")
    add("--cache", type=Path, help="where embedded photos are kept between runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
