"""Uploads as their owner sees them: a form to upload by, and what became of each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from swipr.errors import InputError, LabelError, NotFoundError
from swipr.models import Value
from swipr.ports import Blobs
from swipr.upload_report import (
    UPLOADED,
    UploadId,
    UploadReport,
    new_upload_id,
    read_report,
    report_prefix,
    write_report,
)
from swipr.uploads import KINDS, kind_of, refuse_size

Json = dict[str, Any]

#: Half a gigabyte over a slow line.
FORM_EXPIRES = timedelta(hours=1)
#: An upload that began in time may end later, and its event later still.
LATE = timedelta(minutes=30)
LISTED = 20


class NewUpload(Value):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: int = Field(ge=1)
    """Bytes."""


@dataclass(frozen=True)
class UploadDesk:
    """`token(n)` gives n random bytes as hex."""

    blobs: Blobs
    now: Callable[[], datetime]
    token: Callable[[int], str]

    def open(self, user_id: str, new: NewUpload) -> Json:
        """A form that uploads exactly one file. Raises InputError naming the field that is wrong."""
        kind = kind_of(new.name)
        if kind is None:
            raise InputError("name", f"has to end in one of: {KINDS}")
        try:
            refuse_size(kind, new.size)
        except LabelError as error:
            raise InputError("size", str(error)) from None
        at = self.now()
        upload_id = new_upload_id(at, self.token(8))
        report = UploadReport(
            upload_id=upload_id,
            key=f"{UPLOADED}{user_id}/{upload_id}{kind}",
            name=new.name,
            state="waiting",
            expires_at=at + FORM_EXPIRES,
            at=at,
        )
        write_report(self.blobs, user_id, report)
        expires_s = int(FORM_EXPIRES.total_seconds())
        url, fields = self.blobs.presign_post(report.key, max_bytes=new.size, expires_s=expires_s)
        shown = report.model_dump(mode="json", include={"upload_id", "key", "expires_at"})
        return shown | {"url": url, "fields": fields}

    def report(self, user_id: str, upload_id: str) -> Json:
        """Raises NotFoundError for an upload that does not exist or is somebody else's."""
        try:
            TypeAdapter(UploadId).validate_python(upload_id)
        except ValidationError:
            raise NotFoundError("no such upload") from None
        report = read_report(self.blobs, user_id, upload_id)
        if report is None:
            raise NotFoundError("no such upload, or its report has expired")
        return _shown(report, self.now())

    def newest(self, user_id: str) -> Json:
        """Newest first, without their rows."""
        prefix = report_prefix(user_id)
        ids = [key.removeprefix(prefix).removesuffix(".json") for key in self.blobs.keys(prefix)]
        found = (read_report(self.blobs, user_id, upload_id) for upload_id in sorted(ids, reverse=True)[:LISTED])
        newest = sorted((report for report in found if report), key=lambda report: report.at, reverse=True)
        shown = [_shown(report.model_copy(update={"rows": ()}), self.now()) for report in newest]
        return {"uploads": [{name: value for name, value in one.items() if name != "rows"} for one in shown]}


def _shown(report: UploadReport, now: datetime) -> Json:
    if report.state == "waiting" and report.expires_at is not None and now > report.expires_at + LATE:
        report = report.model_copy(update={"state": "failed", "why": "no file came before the form expired"})
    shown = report.model_dump(mode="json", exclude={"rows", "version"})
    return shown | {"rows": [row.model_dump(mode="json", exclude_none=True) for row in report.rows]}
