"""How good features are: AUC and log loss of heads learned from few labels, and milliseconds a photo.

    python bench/features.py [BACKBONE_FOLDER] [--split train] [--draws 5] [--sets potato,wardrobe]

Reads the labelled photo sets below $SWIPR_SHARED/data (or ../shared/data). `--split train` learns from a draw of the
train split and measures on the rest of it: for design. `--split test` measures on the test split: for reporting.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from swipr import backbone, fitting, metrics, photos

LABELS = (20, 50, 100, 200)
SETS = ("potato", "wardrobe", "trash", "avatars", "ferrari")
Rows = tuple[np.ndarray, np.ndarray]  # float32 (n, dimensions), bool (n,)


def main() -> None:
    arguments = _arguments()
    shared = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    network = backbone.load(arguments.backbone)
    print(f"{network.name} {network.sha256[:12]}: {network.dimensions} dimensions, {network.size_px} px")
    figures = []
    for name in arguments.sets.split(","):
        train, test = (_rows(network, shared / "data" / name / split) for split in ("train", "test"))
        figures.append(_figures(train, None if arguments.split == "train" else test, arguments.draws))
        _say(name, figures[-1])
    _say("mean", np.nanmean(figures, axis=0) if figures else np.zeros((2, len(LABELS))))
    print(f"{_ms_a_photo(network):.2f} ms a photo, one thread, batch 8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("backbone", nargs="?", default=Path(__file__).resolve().parents[1] / "backbones" / "builtin")
    parser.add_argument("--split", choices=("train", "test"), default="test", help="where to measure")
    parser.add_argument("--draws", type=int, default=5, help="random label draws a figure is the mean of")
    parser.add_argument("--sets", default=",".join(SETS[:4]), help="folders of the data, comma-separated")
    return parser.parse_args()


def _rows(network: backbone.Backbone, folder: Path) -> Rows:
    files = [(path, kind == "like") for kind in ("like", "pass") for path in sorted((folder / kind).iterdir())]
    pixels = np.stack([photos.to_input(path.read_bytes(), network.size_px) for path, _ in files])
    rows = network.features(pixels).astype(np.float16).astype(np.float32)
    return rows, np.array([liked for _, liked in files])


def _figures(train: Rows, test: Rows | None, draws: int) -> np.ndarray:
    """float64 (2, label counts): AUC and log loss, means over the draws; NaN where there are too few labels."""
    rows, liked = train
    table = np.full((2, len(LABELS)), np.nan)
    for column, count in enumerate(LABELS):
        if count < len(liked):
            each = [_one(rows, liked, test, chosen) for chosen in _draws(liked, count, draws)]
            table[:, column] = np.mean(each, axis=0)
    return table


def _draws(liked: np.ndarray, count: int, draws: int) -> Iterator[np.ndarray]:
    for draw in range(draws):
        generator = np.random.default_rng([draw, count])
        chosen = generator.permutation(len(liked))[:count]
        while not 2 <= liked[chosen].sum() <= count - 2:  # a person goes on until there are two of each
            chosen = generator.permutation(len(liked))[:count]
        yield chosen


def _one(rows: np.ndarray, liked: np.ndarray, test: Rows | None, chosen: np.ndarray) -> tuple[float, float]:
    fitted = fitting.fit(rows[chosen], liked[chosen])
    rest = np.setdiff1d(np.arange(len(liked)), chosen)
    seen, answer = test if test is not None else (rows[rest], liked[rest])
    logits = seen @ fitted.weights + fitted.bias
    scores = fitting.sigmoid(fitted.slope * logits + fitted.intercept)
    return metrics.auc(scores, answer), metrics.log_loss(scores, answer)


def _say(name: str, table: np.ndarray) -> None:
    for word, line in zip(("AUC     ", "log loss"), table, strict=True):
        cells = "  ".join(f"{count}: {value:.3f}" for count, value in zip(LABELS, line, strict=True))
        print(f"{name:10} {word} {cells}")


def _ms_a_photo(network: backbone.Backbone) -> float:
    pixels = np.random.default_rng(0).integers(0, 256, (8, network.size_px, network.size_px, 3), np.uint8)
    network.features(pixels)
    times = []
    for _ in range(20):
        began = time.process_time()
        network.features(pixels)
        times.append(1000 * (time.process_time() - began) / len(pixels))
    return float(np.median(times))


if __name__ == "__main__":
    main()
