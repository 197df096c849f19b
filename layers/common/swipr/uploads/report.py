"""What becomes of an upload: one object under `reports/<user>/`, rewritten as it goes on."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from swipr.errors import NotFoundError
from swipr.models import Choice, UserId, Value
from swipr.ports import Blobs

UPLOADED = "labels/"
#: A report on its way is rewritten after so many rows, or so much time.
EVERY_ROWS = 300
EVERY_S = 2.0
#: Refused items of an archive that are listed one by one.
LISTED_REFUSALS = 200
#: One on its way is looked after at least this often; it is tried three times within an hour at most. One that has not
#: been heard of for longer will not be finished.
DEAD_AFTER = timedelta(minutes=75)
GIVEN_UP = (
    "it could not be read to its end; what is counted is stored. Upload it again, in smaller parts if it is large"
)

_GIVEN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{16}")
_OTHER_CHARACTERS = re.compile(r"[^A-Za-z0-9._=-]")
_ID_CHARACTERS = 120

UploadId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._=-]{1,128}$")]


class ReportRow(Value):
    """`row` counts from 1; `name` is the file's name in a zip, as its owner gave it. `why` it was not taken."""

    row: int
    taken: bool
    name: str | None = None
    card_id: str | None = None
    choice: Choice | None = None
    why: str | None = None
    same_as: int | None = None
    """The row that says the same, which stands for both."""


class UploadReport(Value):
    """`why` the whole could not be used. `uploaded_at` and `version` tell one upload to a key from the next."""

    upload_id: UploadId
    key: str
    name: str
    state: Literal["waiting", "reading", "done", "failed"]
    why: str | None = None
    taken: int = 0
    refused: int = 0
    seen: int = 0
    total: int | None = None
    rows: tuple[ReportRow, ...] = ()
    """Of an export's archive only those that were refused, and not all of very many."""
    restored: dict[str, int] | None = None
    """Of an export's archive: how many of each kind."""
    tries: int = 0
    """How often it was begun."""
    uploaded_at: AwareDatetime | None = None
    version: str | None = None
    expires_at: AwareDatetime | None = None
    at: AwareDatetime


class Uploaded(Value):
    """An object that came under `labels/`: what the event about it says. `version` orders nothing, it only differs."""

    key: str
    size: int
    uploaded_at: AwareDatetime
    version: str = ""

    @property
    def user_id(self) -> str | None:
        """Whose it is; None for a key that is not `labels/<user>/<name>`."""
        parts = self.key.split("/")
        if len(parts) != 3 or f"{parts[0]}/" != UPLOADED or not parts[2]:
            return None
        try:
            return TypeAdapter(UserId).validate_python(parts[1])
        except ValidationError:
            return None

    @property
    def file_name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def upload_id(self) -> str:
        """The id that the API gave, or else one made of the file's name."""
        stem = self.file_name.rpartition(".")[0]
        if _GIVEN_ID.fullmatch(stem):
            return stem
        return _OTHER_CHARACTERS.sub("_", self.file_name)[:_ID_CHARACTERS]


def new_upload_id(at: datetime, token: str) -> str:
    """Ids sort by time; `token` is 16 hex digits nobody can guess."""
    return f"{at:%Y%m%dT%H%M%S}-{token}"


def report_key(user_id: str, upload_id: str) -> str:
    return f"{report_prefix(user_id)}{upload_id}.json"


def report_prefix(user_id: str) -> str:
    return f"reports/{user_id}/"


def read_report(blobs: Blobs, user_id: str, upload_id: str) -> UploadReport | None:
    """None where there is none."""
    try:
        return UploadReport.model_validate_json(blobs.get(report_key(user_id, upload_id)))
    except NotFoundError:
        return None


def as_known(report: UploadReport, at: datetime) -> UploadReport:
    """The report, or that it failed where nobody works on it any more."""
    if report.state == "reading" and at - report.at > DEAD_AFTER:
        return report.model_copy(update={"state": "failed", "why": GIVEN_UP})
    return report


def write_report(blobs: Blobs, user_id: str, report: UploadReport) -> None:
    body = report.model_dump_json(exclude_none=True).encode()
    blobs.put(report_key(user_id, report.upload_id), body, content_type="application/json")


class Progress:
    """Gathers rows, and writes the report now and then and at the end."""

    def __init__(self, report: UploadReport, save: Callable[[UploadReport], None], now: Callable[[], datetime]) -> None:
        self._report, self._save, self._now = report, save, now
        self._rows: list[ReportRow] = []
        self._counted: dict[str, tuple[int, int]] = {}
        self._saved_rows = 0

    @property
    def tries(self) -> int:
        return self._report.tries

    def begin(self, total: int) -> None:
        self._report = self._report.model_copy(update={"total": total})
        self._write("reading")

    @property
    def taken(self) -> int:
        return sum(row.taken for row in self._rows) + sum(taken for taken, _ in self._counted.values())

    @property
    def refused(self) -> int:
        return sum(not row.taken for row in self._rows) + sum(refused for _, refused in self._counted.values())

    @property
    def seen(self) -> int:
        return self.taken + self.refused

    def add(self, rows: Iterable[ReportRow]) -> None:
        self._rows += rows
        late = self._now() - self._report.at >= timedelta(seconds=EVERY_S)
        if late or len(self._rows) - self._saved_rows >= EVERY_ROWS:
            self._write("reading")

    def count(self, kind: str, start: int, whys: Sequence[str | None]) -> None:
        """Items of an archive, from number `start` of their kind: why each was not taken, or None.

        What is refused is listed as a row, as long as there are few.
        """
        refused = [(number, why) for number, why in enumerate(whys, start=start) if why is not None]
        listed = refused[: max(0, LISTED_REFUSALS - len(self._rows))]
        rows = [ReportRow(row=number + 1, taken=False, name=f"{kind}[{number}]", why=why) for number, why in listed]
        taken, unlisted = self._counted.get(kind, (0, 0))
        counted = taken + len(whys) - len(refused), unlisted + len(refused) - len(listed)
        self._counted[kind] = counted
        self.add(rows)

    def finish(self, why: str | None) -> UploadReport:
        """`failed` and why, or `done`."""
        self._write("done" if why is None else "failed", why)
        return self._report

    def _write(self, state: Literal["reading", "done", "failed"], why: str | None = None) -> None:
        changes = {
            "state": state,
            "why": why,
            "rows": tuple(sorted(self._rows, key=lambda row: row.row)),
            "taken": self.taken,
            "refused": self.refused,
            "seen": self.seen,
            "restored": {kind: taken for kind, (taken, _) in self._counted.items()} or None,
            "at": self._now(),
        }
        self._report = self._report.model_copy(update=changes)
        self._saved_rows = len(self._rows)
        self._save(self._report)
