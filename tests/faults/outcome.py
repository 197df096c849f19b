"""What a case found: how much was tried, how much went wrong on purpose, and what was broken by it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass
class Outcome:
    """`size` in the case's own unit; `injected`: faults; `violations`: each in words that a replay can look for."""

    size: int = 0
    injected: int = 0
    violations: list[str] = field(default_factory=list)

    def require(self, holds: bool, words: str) -> None:
        if not holds:
            self.violations.append(words)

    def add(self, other: "Outcome") -> None:
        self.size += other.size
        self.injected += other.injected
        self.violations += other.violations


#: A part of a case that a process of its own can run.
Piece = Callable[[], Outcome]


def timed(piece: Piece) -> tuple[Outcome, float]:
    """What it found, and its seconds. An error that nobody foresaw is a violation, too."""
    begun = time.monotonic()
    try:
        outcome = piece()
    except Exception as error:
        outcome = Outcome(violations=[f"{piece}: {type(error).__name__}: {error}"])
    return outcome, time.monotonic() - begun


class Case(NamedTuple):
    """`pieces(seed, full)`: full size, or one that the tests have time for. `unit`: what its size counts."""

    name: str
    world: str
    unit: str
    pieces: Callable[[int, bool], list[Piece]]
