"""How often the gate lets a version through that is as good, better, or materially worse, by simulated pairs.

    python -m bench.gate [--runs 2000]

A card's true logit is drawn, both versions see it through noise of their own (half of it shared, as they learned from
the same labels) and say its calibrated probability. Every run is a whole life behind the gate: up to five looks, up to
240 labels. "Materially worse": by more than .01 nats of log loss (learning.md §3.11).
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from swipr.candidates.gate import LOOKS, judged, share_above_zero

TASTE = 2.0  # spread of true logits: about .5 nats of log loss, as at 100 labels
NOISE = 1.5
SHARED = 0.5  # of the noise's variance
MATERIAL = 0.01  # nats per card
MOST = max(LOOKS)
_TRUTH = 100_000


class Row(NamedTuple):
    what: str
    gain: float
    """Of log loss, nats per card, over very many cards."""
    promoted: float
    promoted_worse: float
    """Of all runs: let through though materially worse."""
    labels: float
    """Until it was let through, mean."""


def simulate(what: str, noise: float, spread: float, runs: int, seed: int) -> Row:
    """`noise` of the waiting one; `spread`: how much both differ from run to run, as they do by the labels drawn."""
    rng = np.random.default_rng(seed)
    gains, passed = np.zeros(runs), np.zeros(runs, int)
    for run in range(runs):
        own = np.abs(rng.normal([NOISE, noise], spread))
        gains[run] = _gains(*_answers(rng, own, _TRUTH // 10)).mean()
        passed[run] = _life(rng, own)
    let = passed > 0
    worse = float((let & (gains < -MATERIAL)).mean())
    labels = float(passed[let].mean()) if let.any() else float("nan")
    return Row(what, float(gains.mean()), float(let.mean()), worse, labels)


def _life(rng: np.random.Generator, noises: np.ndarray) -> int:
    """After how many labels it came through; 0: never."""
    liked, before, waiting = _answers(rng, noises, MOST)
    gains = _gains(liked, before, waiting)
    right = ((waiting >= 0.5) == liked).astype(int) - ((before >= 0.5) == liked)
    for pairs, sure in LOOKS.items():
        p_better = share_above_zero(gains[:pairs].tolist(), seed=pairs, resamples=1000)
        outcome = judged(p_better, float(right[:pairs].sum()), sure=sure, last=pairs == MOST)
        if outcome != "wait":
            return pairs if outcome == "promote" else 0
    return 0


def _answers(rng: np.random.Generator, noises: np.ndarray, cards: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bool (cards,) likes and the two versions' scores (cards,), each calibrated."""
    truth = rng.normal(0, TASTE, cards)
    liked = rng.random(cards) < _sigmoid(truth)
    shared = rng.normal(size=cards)
    before, waiting = (
        _score(truth + noise * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * rng.normal(size=cards)), noise)
        for noise in noises
    )
    return liked, before, waiting


def _score(seen: np.ndarray, noise: float) -> np.ndarray:
    """The probability of a like given what was seen: the logistic of a normal, by MacKay's approximation (1992)."""
    trust = TASTE**2 / (TASTE**2 + noise**2)
    return _sigmoid(trust * seen / np.sqrt(1 + np.pi / 8 * TASTE**2 * (1 - trust)))


def _gains(liked: np.ndarray, before: np.ndarray, waiting: np.ndarray) -> np.ndarray:
    gained: np.ndarray = np.log(np.where(liked, waiting, 1 - waiting)) - np.log(np.where(liked, before, 1 - before))
    return gained


def _sigmoid(x: np.ndarray) -> np.ndarray:
    score: np.ndarray = 1 / (1 + np.exp(-x))
    return score


def rows(runs: int, seed: int = 0) -> Iterator[Row]:
    yield simulate("equal on average, by luck better or worse", NOISE, 0.15, runs, seed)
    yield simulate("exactly equal", NOISE, 0.0, runs, seed)
    yield simulate("worse by .01", 1.65, 0.0, runs, seed)
    yield simulate("worse by .02", 1.8, 0.0, runs, seed)
    yield simulate("worse by .04", 2.2, 0.0, runs, seed)
    yield simulate("better by .02", 1.2, 0.0, runs, seed)
    yield simulate("better by .05", 0.9, 0.0, runs, seed)
    yield simulate("better by .07", 0.6, 0.0, runs, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="simulated lives per row")
    for row in rows(parser.parse_args().runs):
        print(
            f"{row.what:44} gain {row.gain:+.4f}  promoted {100 * row.promoted:5.1f} %  "
            f"materially worse and promoted {100 * row.promoted_worse:4.1f} %  after {row.labels:.0f} labels",
            flush=True,
        )


if __name__ == "__main__":
    main()
