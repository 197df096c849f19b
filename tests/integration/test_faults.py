"""Every case of faults and delivery, smaller than `make faults` runs it; and that a violation is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import catalogue
from tests.faults.outcome import Case, Outcome, Piece, timed

ROOT = Path(__file__).parents[2]
SEED = 20260301
SMALL: list[tuple[Case, Piece]] = [(case, piece) for case in catalogue.CASES for piece in case.pieces(SEED, False)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("case", "piece"), SMALL, ids=[f"{case.name} {case.world}" for case, _ in SMALL])
def test_the_promises_hold(case: Case, piece: Piece) -> None:
    outcome = piece()

    assert outcome.violations == []
    assert outcome.size > 0
    assert outcome.injected > 0


def test_every_row_of_the_promises_has_its_case_at_full_size() -> None:
    """Pieces of a case are of one size; what a row asks for is their sum, or more."""
    names = {case.name for case in catalogue.CASES}

    assert names == {
        "crash", "storm", "at-least-once", "objects", "hand-offs", "schedule", "poison", "races", "switch", "deck",
        "kill", "stateful",
    }  # fmt: skip
    assert all(case.pieces(1, True) for case in catalogue.CASES)


def test_an_error_nobody_foresaw_is_a_violation() -> None:
    def fail() -> Outcome:
        raise ZeroDivisionError("by nought")

    outcome, _ = timed(fail)

    assert "ZeroDivisionError: by nought" in outcome.violations[0]


def test_an_unknown_case_is_refused_with_those_there_are() -> None:
    asked = [sys.executable, "-m", "tests.faults", "--cases", "nonsense"]

    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert told.returncode == 1
    assert "choose of crash, storm" in told.stderr
