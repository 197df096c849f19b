"""Runs: which there are, what each one's figures depend on, and the file of those that were made.

A run is one system learning from one draw of labels of one set. Each is a line of `bench/quality.jsonl`, appended as
soon as it is measured, so that what was interrupted goes on where it was and nothing is measured twice.
"""

import json
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench import quality_systems
from bench.quality_photos import PhotoSet
from bench.quality_systems import System

RESULTS = Path(__file__).with_name("quality.jsonl")
LABELS: tuple[int | str, ...] = (20, 50, 100, 200, "all")
Row = dict[str, Any]


class Run(NamedTuple):
    photo_set: PhotoSet
    labels: int | str
    system: System
    draw: int
    backbone: str
    """First 12 of its sha256; empty for a system without one."""

    def key(self) -> Row:
        """What its figures depend on."""
        return {
            "set": self.photo_set.name,
            "photos": self.photo_set.digest,
            "labels": self.labels,
            "draw": self.draw,
            "system": self.system.name,
            "backbone": self.backbone,
            "code": self.system.code(),
        }

    @property
    def given(self) -> int:
        return len(self.photo_set.train_liked) if self.labels == "all" else int(self.labels)

    def __str__(self) -> str:
        return f"{self.photo_set.name}, {self.labels} labels, draw {self.draw}, {self.system.name}"


def planned(
    sets: Iterable[PhotoSet],
    labels: Sequence[int | str],
    systems: Iterable[System],
    backbones: Mapping[str, str],
    draws: int | None,
) -> Iterator[Run]:
    """Every run there is; of a set with fewer labels than asked, or a system for more labels, none."""
    for photo_set in sets:
        everything = len(photo_set.train_liked)
        for count in labels:
            for system in systems:
                given = everything if count == "all" else int(count)
                needed = system.shown.split("+")[0]
                if given < system.fewest or (count != "all" and given >= everything) or needed not in backbones:
                    continue
                for draw in range(1 if count == "all" else draws or system.draws):
                    yield Run(photo_set, count, system, draw, backbones[needed])


class Known:
    """The runs that were made."""

    def __init__(self, path: Path = RESULTS) -> None:
        self._path = path
        self._rows: dict[str, Row] = {}
        self._any_code: dict[str, Row] = {}
        for row in _lines(path):
            self._take(row)

    def find(self, run: Run) -> Row | None:
        """The run's line; for a slow system the newest of earlier code, marked `earlier`, if there is no better."""
        key = run.key()
        row = self._rows.get(_text(key))
        if row is None and run.system.slow:
            row = self._any_code.get(_text(_without_code(key)))
            row = row and {**row, "earlier": True}
        return row

    def is_current(self, run: Run) -> bool:
        return _text(run.key()) in self._rows

    def add(self, run: Run, figures: Mapping[str, float], seconds: float) -> Row:
        row = {
            "key": run.key(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "cpu_s": round(seconds, 2),
            "count": run.given,
            "result": dict(figures),
        }
        # on a line of its own also behind one that was cut off
        torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as results:
            results.write("\n" * torn + json.dumps(row) + "\n")
        self._take(row)
        return row

    def _take(self, row: Row) -> None:
        self._rows[_text(row["key"])] = row
        self._any_code[_text(_without_code(row["key"]))] = row


def measure(run: Run, lesson: quality_systems.Lesson) -> tuple[dict[str, float], float]:
    """The run's figures, and the seconds of processor it took."""
    began = time.process_time()
    answer = run.system.answer(lesson)
    return quality_systems.measured(answer, run.photo_set.test_liked), time.process_time() - began


def _lines(path: Path) -> Iterator[Row]:
    """Whole lines; one that an interruption cut off is left out."""
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _without_code(key: Row) -> Row:
    return {name: value for name, value in key.items() if name != "code"}


def _text(key: Row) -> str:
    return json.dumps(key, sort_keys=True)
