"""What became of a folder's photos, as a CSV file: one row a photo, the newest last."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

FILE_NAME: Final = "results.csv"
Outcome = Literal["like", "pass", "unsure", "unreadable", "duplicate", "earlier"]
"""`earlier`: acted on before, and what was decided has expired since."""


@dataclass(frozen=True)
class Row:
    """`path` is below the photos' folder, `place` below the results'. `score`: probability of "like" or empty."""

    path: str
    card_id: str
    verdict: Outcome
    score: str
    reason: str
    time: str
    """ISO 8601 with offset."""
    place: str
    bytes: int
    modified_ns: int


COLUMNS: Final = tuple(field.name for field in fields(Row))


class Results:
    """The rows by path; a later row of a path, or of a card, replaces the earlier one. One process at a time."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        """Read what is there; a row torn by a crash is left out. `kept`: the file is put right, too. Raises OSError."""
        self._file = folder / FILE_NAME
        self.rows: dict[str, Row] = {}
        self.by_card: dict[str, Row] = {}
        """Without duplicates."""
        written = self._file.read_bytes() if self._file.exists() else b""
        for row in _rows(written):
            self._keep(row)
        if kept and written != _text(self.rows.values()).encode():
            self._rewrite()

    def last(self) -> Row | None:
        return next(reversed(self.rows.values()), None)

    def add(self, row: Row) -> None:
        """Append the row. Safe to do twice. Raises OSError."""
        self._keep(row)
        with open(self._file, "a", encoding="utf-8", newline="") as file:
            file.write(_lines([row]))

    def _keep(self, row: Row) -> None:
        replaced = self.rows.pop(row.path, None)
        if replaced is not None and self.by_card.get(replaced.card_id) is replaced:
            del self.by_card[replaced.card_id]
        if row.card_id and row.verdict != "duplicate":
            earlier = self.by_card.get(row.card_id)
            if earlier is not None:
                self.rows.pop(earlier.path, None)
            self.by_card[row.card_id] = row
        self.rows[row.path] = row

    def _rewrite(self) -> None:
        draft = self._file.with_suffix(".draft")
        with open(draft, "w", encoding="utf-8", newline="") as file:
            file.write(_text(self.rows.values()))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._file)


def _rows(written: bytes) -> Iterator[Row]:
    whole = written[: written.rfind(b"\n") + 1]  # what comes after was being written
    for line in whole.decode("utf-8", "replace").replace("\0", "").splitlines():
        for cells in csv.reader([line]):
            if (row := _row(cells)) is not None:
                yield row


def _row(cells: list[str]) -> Row | None:
    if len(cells) != len(COLUMNS):
        return None
    values = dict(zip(COLUMNS, cells, strict=True))
    try:
        datetime.fromisoformat(values["time"])
        size, modified_ns = int(values.pop("bytes")), int(values.pop("modified_ns"))
    except ValueError:
        return None
    if values["verdict"] not in get_args(Outcome):
        return None
    return Row(**values, bytes=size, modified_ns=modified_ns)  # type: ignore[arg-type]  # the verdict was looked at


def _text(rows: Iterable[Row]) -> str:
    return ",".join(COLUMNS) + "\r\n" + _lines(rows)


def _lines(rows: Iterable[Row]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(asdict(row).values() for row in rows)
    return buffer.getvalue()
