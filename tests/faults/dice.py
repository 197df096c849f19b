"""The seeded injector: which call goes wrong, and how."""

import random
from collections.abc import Sequence
from threading import Lock

#: After a fault, how likely the next call fails too: outages come in a row, and outlast what an adapter tries again.
IN_A_ROW = 0.5


class Dice:
    """Says of each call which fault it meets; the same for the same seed and order of calls.

    `share`: of all calls that go wrong, 0 to 1. Where threads call, their order is theirs, so a replay may differ.
    """

    def __init__(self, seed: object, share: float) -> None:
        self._random = random.Random(f"faults {seed}")
        self._share = share
        self._drawing = Lock()
        self._in_a_row = False
        self.on = True
        self.thrown = 0

    def draw(self, kinds: Sequence[str]) -> str | None:
        """One of the kinds, or None when the call is to go well."""
        with self._drawing:
            # so that `share` of all calls fail, whether alone or in a row
            first = self._share * (1 - IN_A_ROW) / (1 - self._share)
            chance = IN_A_ROW if self._in_a_row else first
            self._in_a_row = self.on and bool(kinds) and self._random.random() < chance
            if not self._in_a_row:
                return None
            self.thrown += 1
            return self._random.choice(kinds)
