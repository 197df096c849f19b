"""Corrected labels uploaded as a file: each good row becomes a label, each other one a line in the report."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from swipr.errors import LabelError, NotFoundError
from swipr.models import CardId, Choice, Label, UserId, Value
from swipr.ports import Blobs, Store

MAX_ROWS = 5_000
MAX_BYTES = 5_000_000


class Row(Value):
    """`card_id` of a card that was decided, and what it should have been."""

    card_id: CardId
    choice: Choice


@dataclass(frozen=True)
class Uploads:
    """Files at `labels/<user>/<name>.json` (a list of rows) or `.csv` (with a header line)."""

    store: Store
    blobs: Blobs
    now: Callable[[], datetime]

    def take(self, key: str, *, size: int, uploaded_at: datetime) -> str | None:
        """Store the file's labels and its report, returning whose labels changed; safe to do twice.

        A label given later than the upload is kept. A key outside `labels/<user>/` is ignored. Raises NotFoundError
        while the object is not there yet.
        """
        user_id = _owner(key)
        if user_id is None or self.store.user(user_id) is None:
            return None
        report_key = f"reports/{key.removeprefix('labels/')}.json"
        try:
            rows = _rows(key, self._read(key, size))
        except LabelError as error:
            self._report(report_key, [], [{"row": None, "why": str(error)}])
            return None
        taken, refused = [], []
        for number, row in enumerate(rows, start=1):
            try:
                self.store.put_label(self._label(user_id, row, uploaded_at))
                taken.append({"row": number, "card_id": row["card_id"], "choice": row["choice"]})
            except LabelError as error:
                refused.append({"row": number, "why": str(error)})
        self._report(report_key, taken, refused)
        return user_id if taken else None

    def _read(self, key: str, size: int) -> str:
        if size > MAX_BYTES:
            raise LabelError(f"the file is larger than {MAX_BYTES // 1_000_000} MB; split it")
        try:
            return self.blobs.get(key).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise LabelError("the file is not UTF-8 text") from None

    def _label(self, user_id: str, raw: object, uploaded_at: datetime) -> Label:
        try:
            row = Row.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise LabelError(f"{'.'.join(map(str, first['loc'])) or 'row'}: {first['msg']}") from None
        decision = self.store.decision(user_id, row.card_id, at=self.now())
        if decision is None or decision.features is None or decision.backbone is None:
            raise LabelError(f"card_id: {row.card_id} has not been judged, or too long ago")
        try:
            features = self.blobs.get_range(decision.features)
        except NotFoundError:
            raise LabelError(f"card_id: what was seen of {row.card_id} has expired") from None
        return Label(
            user_id=user_id,
            card_id=row.card_id,
            choice=row.choice,
            source="upload",
            labelled_at=uploaded_at,
            backbone=decision.backbone,
            features=features,
        )

    def _report(self, key: str, taken: list[dict[str, Any]], refused: list[dict[str, Any]]) -> None:
        report = {"taken": len(taken), "refused": len(refused), "rows": taken + refused, "at": self.now().isoformat()}
        self.blobs.put(key, json.dumps(report).encode(), content_type="application/json")


def _owner(key: str) -> str | None:
    parts = key.split("/")
    if len(parts) != 3 or parts[0] != "labels" or not parts[2]:
        return None
    try:
        return TypeAdapter(UserId).validate_python(parts[1])
    except ValidationError:
        return None


def _rows(key: str, text: str) -> list[Any]:
    if key.endswith(".csv"):
        rows: object = list(csv.DictReader(io.StringIO(text)))
    elif key.endswith(".json"):
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError):
            raise LabelError("the file is not JSON") from None
    else:
        raise LabelError("name the file .json or .csv")
    if not isinstance(rows, list) or not rows:
        raise LabelError('the file holds no rows; write [{"card_id": …, "choice": "like" or "pass"}, …]')
    if len(rows) > MAX_ROWS:
        raise LabelError(f"the file holds {len(rows)} rows, more than {MAX_ROWS}; split it")
    return rows
