"""What a file of corrected labels says, row by row, before anything is believed of it."""

import base64
import binascii
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from swipr.errors import LabelError
from swipr.models import CardId, Choice, Value

MAX_ROWS = 5_000
#: JSON and CSV are read whole; photos in large numbers come as a zip.
MAX_TEXT_BYTES = 20_000_000
#: A value costs up to 70 bytes of memory, however short it is written. An honest row has two or three.
_MAX_VALUES = 10 * MAX_ROWS


@dataclass(frozen=True)
class Row:
    """One row: a decided card by its id, or a photo (with a `card_id` or without). `why`: it cannot be used.

    `photo` reads the bytes, and may raise LabelError saying why there are none.
    """

    number: int
    name: str | None = None
    choice: Choice | None = None
    card_id: str | None = None
    photo: Callable[[], bytes] | None = None
    why: str | None = None


class Rows(Protocol):
    """The rows of one file, each good or refused by itself."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Row]: ...


class _Written(Value):
    choice: Choice
    card_id: CardId | None = None
    photo: str | None = None


class ListedRows:
    """The rows of a JSON list or a CSV file."""

    def __init__(self, values: list[Any]) -> None:
        if not values:
            raise LabelError(_NO_ROWS)
        if len(values) > MAX_ROWS:
            raise LabelError(f"the file holds {len(values)} rows, more than {MAX_ROWS}; split it")
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Row]:
        for number, value in enumerate(self._values, start=1):
            yield _row(number, value)


COLUMNS = ("card_id", "choice")
_IN_WORDS = {
    ("row", "model_type"): 'row: is no object; write {"card_id": …, "choice": "like" or "pass"}',
    ("card_id", "string_pattern_mismatch"): (
        "card_id: has to be one that Swipr gave, such as tinder:5f3a…; with a photo, leave it out"
    ),
}
_NOT_TEXT = "the file is not UTF-8 text"
_NO_ROWS = 'the file holds no rows; write [{"card_id": …, "choice": "like" or "pass"}, …]'


def read_json(body: bytes) -> ListedRows:
    """Raises LabelError when the file as a whole cannot be used."""
    if body.count(b",") > _MAX_VALUES or body.count(b"[") + body.count(b"{") > _MAX_VALUES:
        raise LabelError(f"the file holds more than {MAX_ROWS} rows; split it")
    try:
        values = json.loads(_text(body))
    except (ValueError, RecursionError):
        raise LabelError("the file is not JSON") from None
    if not isinstance(values, list):
        raise LabelError(_NO_ROWS)
    return ListedRows(values)


def read_csv(body: bytes) -> ListedRows:
    """Raises LabelError when the file as a whole cannot be used. Columns other than the two are left alone."""
    values: list[Any] = []
    lines = csv.DictReader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline=""))
    try:
        if not set(COLUMNS) <= set(lines.fieldnames or ()):
            raise LabelError(f"the first line must name the columns: {','.join(COLUMNS)}")
        for line in lines:
            if len(values) == MAX_ROWS:
                raise LabelError(f"the file holds more than {MAX_ROWS} rows; split it")
            values.append({column: (line[column] or "").strip() for column in COLUMNS})
    except csv.Error as error:
        raise LabelError(f"what follows line {lines.line_num} is not CSV: {error}") from None
    except UnicodeDecodeError:
        raise LabelError(_NOT_TEXT) from None
    return ListedRows(values)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LabelError(_NOT_TEXT) from None


def _row(number: int, value: object) -> Row:
    try:
        written = _Written.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "row"
        why = _IN_WORDS.get((field, first["type"]), f"{field[:100]}: {first['msg']}")
        return Row(number, card_id=_known_card(value), why=_sayable(why))
    if written.photo is None and written.card_id is None:
        return Row(number, why="card_id: name a decided card, or send its photo")
    photo = None if written.photo is None else _from_base64(written.photo)
    return Row(number, choice=written.choice, card_id=written.card_id, photo=photo)


def _known_card(value: object) -> str | None:
    """What the row calls its card, so that the one who wrote it finds it again."""
    card_id = value.get("card_id") if isinstance(value, dict) else None
    return _sayable(card_id[:240]) if isinstance(card_id, str) else None


def _sayable(text: str) -> str:
    """JSON may hold halves of characters, which can be written nowhere."""
    return text.encode(errors="replace").decode()


def _from_base64(text: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise LabelError("photo: is not base64") from None

    return read
