"""How good features are: AUC and log loss of heads learned from few labels, and milliseconds a photo.

    python -m bench.features [BACKBONE_FOLDER] [--split train] [--draws 5] [--sets potato,wardrobe]

Reads the labelled photo sets below $SWIPR_SHARED/data (or ../shared/data). `--split train` learns from a draw of the
train split and measures on the rest of it: for design. `--split test` measures on the test split: for reporting.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from swipr import backbone
from training.distil import score


def main() -> None:
    arguments = _arguments()
    shared = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    network = backbone.load(arguments.backbone)
    print(f"{network.name} {network.sha256[:12]}: {network.dimensions} dimensions, {network.size_px} px")
    names = arguments.sets.split(",")
    on_test = arguments.split == "test"
    for name, table in score.sets(network, shared / "data", names, on_test=on_test, draws=arguments.draws):
        score.say(name, table)
    print(f"{_ms_a_photo(network):.2f} ms a photo, one thread, batch 8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("backbone", nargs="?", default=Path(__file__).resolve().parents[1] / "backbones" / "builtin")
    parser.add_argument("--split", choices=("train", "test"), default="test", help="where to measure")
    parser.add_argument("--draws", type=int, default=score.DRAWS, help="random label draws a figure is the mean of")
    parser.add_argument("--sets", default=",".join(score.SETS), help="folders of the data, comma-separated")
    return parser.parse_args()


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
