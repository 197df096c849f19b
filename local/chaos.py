"""Deliveries gone wrong on purpose, the same way for the same seed: doubled, late, out of order, skipped."""

import random
from collections import Counter
from threading import Lock

#: Shares of all deliveries; a late one is overtaken by whatever comes up to so many seconds after it.
DOUBLED, LATE, SKIPPED = 0.3, 0.3, 0.2
LATEST_S = 3.0


class Calm:
    """Every message once, at once; every tick on its second."""

    def deliveries(self, name: str) -> tuple[float, ...]:  # noqa: ARG002 (the same for all)
        """Seconds to wait before each delivery of the next message of this queue; equal ones run together."""
        return (0.0,)

    def ticks(self, name: str) -> int:  # noqa: ARG002 (the same for all)
        """How often the next tick of this schedule fires."""
        return 1


class Chaos(Calm):
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: Counter[str] = Counter()
        self._counting = Lock()

    def deliveries(self, name: str) -> tuple[float, ...]:
        dice = self._dice(f"delivery {name}")
        first = dice.uniform(0, LATEST_S) if dice.random() < LATE else 0.0
        if dice.random() >= DOUBLED:
            return (first,)
        second = first if dice.random() < 0.5 else first + dice.uniform(0, LATEST_S)
        return (first, second)

    def ticks(self, name: str) -> int:
        dice = self._dice(f"tick {name}").random()
        return 0 if dice < SKIPPED else 2 if dice < SKIPPED + DOUBLED else 1

    def _dice(self, name: str) -> random.Random:
        with self._counting:
            self._counts[name] += 1
            number = self._counts[name]
        return random.Random(f"{self._seed} {name} {number}")  # noqa: S311 - must be the same again
