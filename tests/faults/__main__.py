"""Run the cases and print what they found: `python -m tests.faults --seed 7 --cases storm`.

Ends with 1 if anything was violated. A row's seconds are those of its own work, wherever it ran.
"""

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor

from tests.faults.catalogue import CASES
from tests.faults.outcome import Case, Outcome, timed

HEAD = ("case", "adapters", "size", "injected", "violations", "seconds", "seed")
LINE = "{:<16} {:<9} {:<20} {:>9} {:>11} {:>8} {:>6}"
#: Of each row, in words; the rest is counted.
SHOWN = 5


def main() -> int:
    chosen = _arguments()
    cases = [case for case in CASES if not chosen.cases or case.name in chosen.cases.split(",")]
    if not cases:
        names = ", ".join(dict.fromkeys(case.name for case in CASES))
        sys.exit(f"--cases {chosen.cases}: no such case; choose of {names}")
    begun, broken = time.monotonic(), 0
    print(LINE.format(*HEAD), flush=True)
    with ProcessPoolExecutor(chosen.workers, multiprocessing.get_context("spawn")) as pool:
        started = [(case, _start(pool, case, chosen)) for case in cases]
        for case, running in started:
            broken += _report(case, running, chosen.seed)
    print(f"{broken} violations in {time.monotonic() - begun:.0f} s", flush=True)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Faults and delivery, at full size.")
    parser.add_argument("--seed", type=int, default=1, help="the first seed of every case (default 1)")
    parser.add_argument("--cases", default="", help="names of cases, joined by commas (default all)")
    parser.add_argument("--small", action="store_true", help="at the size that `make test` runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at a time")
    return parser.parse_args()


def _start(pool: ProcessPoolExecutor, case: Case, chosen: argparse.Namespace) -> "list[Future[tuple[Outcome, float]]]":
    return [pool.submit(timed, piece) for piece in case.pieces(chosen.seed, not chosen.small)]


def _report(case: Case, running: "list[Future[tuple[Outcome, float]]]", seed: int) -> int:
    if not running:
        return 0
    whole, seconds = Outcome(), 0.0
    for each in running:
        outcome, took = each.result()
        whole.add(outcome)
        seconds += took
    size, broken = f"{whole.size} {case.unit}", len(whole.violations)
    print(LINE.format(case.name, case.world, size, whole.injected, broken, f"{seconds:.0f}", seed), flush=True)
    for words in whole.violations[:SHOWN]:
        print(f"  {words}", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(main())
