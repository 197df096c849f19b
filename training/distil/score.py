"""How good features are where labels are few: heads on labelled sets, learned from draws of the train photos."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from swipr import fitting, metrics, photos

LABELS = (20, 50, 100, 200)
SETS = ("potato", "wardrobe", "trash", "avatars")
DRAWS = 5


class Network(Protocol):
    """What makes features: a backbone, or a network that is still learning."""

    size_px: int

    def features(self, pixels: np.ndarray) -> np.ndarray: ...


class Rows(NamedTuple):
    """float32 (n, dimensions) and bool (n,)."""

    features: np.ndarray
    liked: np.ndarray


def sets(
    network: Network, data: Path, names: Iterable[str], *, on_test: bool = True, draws: int = DRAWS
) -> Iterator[tuple[str, np.ndarray]]:
    """The figures of each set, then their mean. `on_test` False measures on the train photos left over: for design."""
    tables = []
    for name in names:
        train = rows(network, data / name / "train")
        tables.append(figures(train, rows(network, data / name / "test") if on_test else None, draws))
        yield name, tables[-1]
    yield "mean", np.array(tables).mean(axis=0)


def say(name: str, table: np.ndarray) -> None:
    for word, line in zip(("AUC     ", "log loss"), table, strict=True):
        cells = "  ".join(f"{count}: {value:.3f}" for count, value in zip(LABELS, line, strict=True))
        print(f"{name:10} {word} {cells}", flush=True)


def rows(network: Network, folder: Path) -> Rows:
    """Features of the photos in folder/like and folder/pass, rounded as they are stored."""
    files = [(path, kind == "like") for kind in ("like", "pass") for path in sorted((folder / kind).iterdir())]
    pixels = np.stack([photos.to_input(path.read_bytes(), network.size_px) for path, _ in files])
    features = network.features(pixels).astype(np.float16).astype(np.float32)
    return Rows(features, np.array([liked for _, liked in files]))


def figures(train: Rows, test: Rows | None, draws: int = DRAWS) -> np.ndarray:
    """float64 (2, label counts): AUC and log loss, means over the draws, on `test` or else on the train photos that
    were not drawn; NaN where there are too few labels.
    """
    table = np.full((2, len(LABELS)), np.nan)
    for column, count in enumerate(LABELS):
        if count < len(train.liked):
            each = [_one(train, test, chosen) for chosen in _draws(train.liked, count, draws)]
            table[:, column] = np.mean(each, axis=0)
    return table


def _draws(liked: np.ndarray, count: int, draws: int) -> Iterator[np.ndarray]:
    for draw in range(draws):
        generator = np.random.default_rng([draw, count])
        chosen = generator.permutation(len(liked))[:count]
        while not 2 <= liked[chosen].sum() <= count - 2:  # a person goes on until there are two of each
            chosen = generator.permutation(len(liked))[:count]
        yield chosen


def _one(train: Rows, test: Rows | None, chosen: np.ndarray) -> tuple[float, float]:
    fitted = fitting.fit(train.features[chosen], train.liked[chosen])
    rest = np.setdiff1d(np.arange(len(train.liked)), chosen)
    seen, answer = test or (train.features[rest], train.liked[rest])
    logits = seen @ fitted.weights + fitted.bias
    scores = fitting.sigmoid(fitted.slope * logits + fitted.intercept)
    return metrics.auc(scores, answer), metrics.log_loss(scores, answer)
