"""Train the built-in backbone: a pool of pictures with the teacher's features, a pupil that learns them, its folder.

    python -m training.distil pool POOL FOLDER... --weights WEIGHTS      pictures, augmented, with their targets
    python -m training.distil train CHECKPOINT POOL... --samples 340000  goes on where it was broken off
    python -m training.distil score CHECKPOINT --data DATA               heads on labelled sets, in float
    python -m training.distil export CHECKPOINT POOL... --to FOLDER      integers, checked, with its card

FOLDER holds a folder of photos for each source, or is one; of a labelled set (train, test) the train photos count.
Needs PyTorch, except `pool`. Set OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1; training takes one core.
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    asked = _arguments()
    asked.run(asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.distil", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="pool|train|score|export")
    _pool_arguments(commands.add_parser("pool"))
    _train_arguments(commands.add_parser("train"))
    score = commands.add_parser("score")
    score.add_argument("checkpoint", type=Path)
    score.add_argument("--data", type=Path, required=True, help="folder of labelled sets")
    score.add_argument("--split", choices=("train", "test"), default="test", help="train: for design")
    score.set_defaults(run=_score)
    export = commands.add_parser("export")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("pools", type=Path, nargs="+")
    export.add_argument("--to", type=Path, required=True)
    export.add_argument("--measured", type=Path, help="JSON of figures that the card shall state")
    export.set_defaults(run=_export)
    return parser.parse_args()


def _pool_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True, help="folder with the teacher's file")
    parser.add_argument("--count", type=int, default=64_000, help="samples; 77 kB each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rich", default="", help="sources drawn more often than their photos are many")
    parser.add_argument("--rich-share", type=float, default=0.0, help="share of the samples that begin with one")
    parser.add_argument("--licence", help="of sources that sources.json does not know")
    parser.add_argument("--processes", type=int, default=1)
    parser.set_defaults(run=_pool)


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--samples", type=int, required=True, help="seen in all; fewer than 300,000 tell little")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="learning rate at its height")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", default="", help="sources that may not have touched a sample")
    parser.add_argument("--start", type=Path, help="checkpoint whose network is trained on")
    parser.add_argument("--compile", action="store_true", help="1.7 times as fast after a minute; needs a C++ compiler")
    parser.set_defaults(run=_train)


def _pool(asked: argparse.Namespace) -> None:
    from training.distil import pictures, pool

    sources = pictures.sources(asked.folders, licence=asked.licence)
    plan = pool.Plan(sources, asked.count, asked.seed, _names(asked.rich), asked.rich_share)
    pool.make(asked.pool, plan, pool.recommended_teacher(asked.weights), asked.processes)


def _train(asked: argparse.Namespace) -> None:
    import torch

    from training.distil import learn, pool

    torch.set_num_threads(1)  # on busy cores a second one waits more than it works
    course = learn.Course(
        asked.samples, asked.rate, asked.seed, _names(asked.without), asked.start, compiled=asked.compile
    )
    learn.learn([pool.open_pool(folder) for folder in asked.pools], course, asked.checkpoint)


def _score(asked: argparse.Namespace) -> None:
    from training.distil import export, score

    network = export.Checkpoint(asked.checkpoint)
    for name, table in score.sets(network, asked.data, score.SETS, on_test=asked.split == "test"):
        score.say(name, table)


def _export(asked: argparse.Namespace) -> None:
    from training.distil import export, pool

    measured = json.loads(asked.measured.read_text("utf-8")) if asked.measured else {}
    card = export.export(asked.checkpoint, [pool.open_pool(folder) for folder in asked.pools], asked.to, measured)
    print(f"{card['name']} {card['sha256'][:12]}: cosine to float {card['cosine_int8_float']}, written to {asked.to}")


def _names(listed: str) -> frozenset[str]:
    return frozenset(filter(None, listed.split(",")))


if __name__ == "__main__":
    main()
