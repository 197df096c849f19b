"""Uploads as their owner sees them: a form to upload by, and what became of each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from swipr.api.ids import missing, read_id
from swipr.api.views_cards import UploadEntry, UploadForm, UploadList, UploadView
from swipr.errors import InputError, LabelError
from swipr.models import Value
from swipr.ports import Blobs
from swipr.uploads.report import (
    UPLOADED,
    UploadReport,
    as_known,
    new_upload_id,
    read_report,
    report_prefix,
    write_report,
)
from swipr.uploads.uploads import KINDS, kind_of, refuse_size

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

    def open(self, user_id: str, new: NewUpload) -> UploadForm:
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
        return UploadForm(upload_id=upload_id, key=report.key, expires_at=at + FORM_EXPIRES, url=url, fields=fields)

    def report(self, user_id: str, upload_id: str) -> UploadView:
        """Raises NotFoundError for an upload that does not exist or is somebody else's."""
        report = read_report(self.blobs, user_id, read_id("upload_id", upload_id))
        if report is None:
            raise missing("upload_id")
        return UploadView(**_as_it_is(report, self.now()).model_dump(exclude={"version", "tries"}))

    def newest(self, user_id: str) -> UploadList:
        """Newest first, without their rows."""
        prefix = report_prefix(user_id)
        names = (key.removeprefix(prefix).removesuffix(".json") for key in self.blobs.keys(prefix))
        ids = [name for name in names if "/" not in name]  # below lies what became of other things
        found = (read_report(self.blobs, user_id, upload_id) for upload_id in sorted(ids, reverse=True)[:LISTED])
        newest = sorted((report for report in found if report), key=lambda report: report.at, reverse=True)
        shown = (_as_it_is(report, self.now()).model_dump(exclude={"version", "tries", "rows"}) for report in newest)
        return UploadList(uploads=tuple(UploadEntry(**one) for one in shown))


def _as_it_is(report: UploadReport, now: datetime) -> UploadReport:
    """One that waits for a file whose form has expired has failed, and so has one that nobody reads any more."""
    if report.state == "waiting" and report.expires_at is not None and now > report.expires_at + LATE:
        return report.model_copy(update={"state": "failed", "why": "no file came before the form expired"})
    return as_known(report, now)
