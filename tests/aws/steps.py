"""Steps of the journey: each prepares by itself, has one function act, and raises unless the effect is there."""

import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from tests.aws.grants import Grant
from tests.aws.quiet_home import QuietHome

Run = Callable[[QuietHome], None]


class Step(NamedTuple):
    """`needs`: patterns of `action place`; which of those rights it does need is found out by taking each away."""

    function: str
    run: Run
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.run.__name__


STEPS: list[Step] = []


def step(function: str, *needs: str) -> Callable[[Run], Run]:
    """Say that the function acts in this step, and by which rights."""

    def kept(run: Run) -> Run:
        STEPS.append(Step(function, run, needs))
        return run

    return kept


class Steps:
    """Those of one function, over one home."""

    def __init__(self, function: str, home: QuietHome) -> None:
        self._steps = [each for each in STEPS if each.function == function]
        self._home = home
        self._took_s: dict[str, float] = {}

    def run_all(self) -> dict[str, str]:
        """What is wrong, by the step's name."""
        return {each.name: why for each in self._steps if (why := self.wrong_with(each))}

    def wrong_with(self, step: Step) -> str:
        """Run it: what went wrong, empty if nothing did."""
        began_at = time.monotonic()
        try:
            step.run(self._home)
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:500]}"
        self._took_s[step.name] = time.monotonic() - began_at
        return ""

    def stopped_by_lack_of(self, grant: Grant) -> Step | None:
        """The first step that fails while the grant is out, quick ones first; None if all that name it go on."""
        quick_first = sorted(self._naming(grant), key=lambda each: self._took_s.get(each.name, 0.0))
        return next((each for each in quick_first if self.wrong_with(each)), None)

    def _naming(self, grant: Grant) -> list[Step]:
        return [each for each in self._steps if any(fnmatchcase(str(grant), pattern) for pattern in each.needs)]
