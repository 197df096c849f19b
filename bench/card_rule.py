"""Which rule makes a card's score of its photos': mean, any or best_weighted, by leave-one-out on cards.

    python bench/card_rule.py [--sets potato,wardrobe] [--cards 150] [--draws 3] [--backbone mobilenetv2]

Cards of one to six photos are drawn without replacement from the train split of the photo sets below
$SWIPR_SHARED/data (or ../shared/data). Three kinds of cards:

    alike       every photo is of the card's class
    one good    a liked card has one photo of the liked class among others, a passed one has none
    one bad     of three photos or more, one is of the other class

As in Swipr a card is learned from by the mean of its photos' features, so calibration and line are those of means,
whatever the rule. Each card's photos are scored by a head that was fitted without that card, exactly.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cli.simulate_backbone import find
from swipr import backbone, fitting, metrics, newton, photos
from swipr.dual import Kernel
from swipr.judging import CardRule, card_logit

ROOT = Path(__file__).resolve().parents[1]
RULES: tuple[CardRule, ...] = ("mean", "any", "best_weighted")
KINDS = ("alike", "one good", "one bad")
MOST_PHOTOS = 6
MOST_OF_A_SET = 1000  # photos that are embedded


class Card(NamedTuple):
    """`rows` float32 (photos, dimensions)."""

    rows: np.ndarray
    liked: bool


def main() -> None:
    asked = _arguments()
    shared = Path(os.environ.get("SWIPR_SHARED", ROOT.parent / "shared"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = find(asked.backbone, data=ROOT / ".swipr", weights=shared / "weights", scratch=Path(scratch))
        network = backbone.load(folder)
    print("| cards | set | n | " + " | ".join(f"{rule}: AUC / log loss / accuracy" for rule in RULES) + " |")
    print("|---|---|--:|" + "---|" * len(RULES))
    everything: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for name in asked.sets.split(","):
        likes, passes = _photos(network, shared / "data" / name / "train")
        for kind in KINDS:
            draws = [list(_cards(kind, likes, passes, asked.cards, seed)) for seed in range(asked.draws)]
            figures = np.mean([_figures(cards) for cards in draws], axis=0)
            everything[kind].append(figures)
            _say(kind, name, str(round(np.mean([len(cards) for cards in draws]))), figures)
    for kind in KINDS:
        _say(kind, "**mean**", "", np.mean(everything[kind], axis=0))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", default="potato,wardrobe,trash,avatars", help="folders of the data, comma-separated")
    parser.add_argument("--cards", type=int, default=150, help="at most so many, fewer where photos run out")
    parser.add_argument("--draws", type=int, default=3, help="draws of cards a figure is the mean of")
    parser.add_argument("--backbone", default="mobilenetv2", help="name or folder")
    return parser.parse_args()


def _photos(network: backbone.Backbone, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features of likes and passes, in a fixed random order."""
    rows = []
    for kind in ("like", "pass"):
        files = sorted((folder / kind).iterdir())
        order = np.random.default_rng(0).permutation(len(files))[: MOST_OF_A_SET // 2]
        pixels = np.stack([photos.to_input(files[place].read_bytes(), network.size_px) for place in order])
        rows.append(network.features(pixels).astype(np.float16).astype(np.float32))
    return rows[0], rows[1]


def _cards(kind: str, likes: np.ndarray, passes: np.ndarray, count: int, seed: int) -> Iterator[Card]:
    """Likes and passes in turn, until photos of a class run out."""
    random = np.random.default_rng(seed)
    left = {True: list(random.permutation(len(likes))), False: list(random.permutation(len(passes)))}
    for number in range(count):
        liked = number % 2 == 0
        classes = _classes(kind, liked, int(random.integers(1, MOST_PHOTOS + 1)))
        if any(classes.count(one) > len(left[one]) for one in (True, False)):
            return
        rows = [(likes if one else passes)[left[one].pop()] for one in classes]
        yield Card(np.array(rows), liked)


def _classes(kind: str, liked: bool, size: int) -> list[bool]:
    """Of each photo of a card."""
    if kind == "one good":
        return [liked] + [False] * (size - 1)
    if kind == "one bad" and size >= 3:
        return [not liked] + [liked] * (size - 1)
    return [liked] * size


def _figures(cards: list[Card]) -> np.ndarray:
    """float64 (rules, 3): AUC, log loss, accuracy; calibration and line are those of the means, as in Swipr."""
    liked = np.array([card.liked for card in cards])
    photo_logits = [each.tolist() for each in _left_out(cards, liked)]
    pooled = {rule: np.array([card_logit(each, rule) for each in photo_logits]) for rule in RULES}
    said = fitting.calibrate(pooled["mean"], liked)
    table = []
    for rule in RULES:
        scores = fitting.sigmoid(said.slope * pooled[rule] + said.intercept)
        right = ((scores >= said.threshold) == liked).mean()
        table.append([metrics.auc(pooled[rule], liked), metrics.log_loss(scores, liked), right])
    return np.array(table)


def _left_out(cards: list[Card], liked: np.ndarray) -> Iterator[np.ndarray]:
    """Each card's photo logits by a head that was fitted to all other cards."""
    rows = np.array([card.rows.mean(axis=0) for card in cards], np.float32)
    target = liked.astype(np.float64)
    whole = fitting.fit(rows, liked)
    scale = float(np.square(rows).sum(axis=1).mean())
    near = rows @ whole.weights + whole.bias
    for place, card in enumerate(cards):
        rest = np.arange(len(cards)) != place
        solved = newton.best(Kernel(rows[rest], scale), target[rest], (whole.penalty,), start=near[rest])
        yield card.rows @ (solved.parameters @ rows[rest] / scale) + solved.parameters.sum()


def _say(kind: str, name: str, count: str, figures: np.ndarray) -> None:
    cells = " | ".join(f"{area:.3f} / {loss:.3f} / {accuracy:.3f}" for area, loss, accuracy in figures)
    print(f"| {kind} | {name} | {count} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
