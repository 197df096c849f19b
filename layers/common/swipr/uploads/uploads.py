"""Files their owner uploads, corrected labels or an export: each good row counts, each other one is reported."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from swipr.blob_file import BlobFile
from swipr.errors import LabelError, NotFoundError
from swipr.forgetting import leave_nothing
from swipr.judging import Judge
from swipr.labelling import set_going
from swipr.models import BlobRange
from swipr.ports import Blobs, Queue, Store
from swipr.takeout.archive import read_data
from swipr.takeout.importing import Import, archived_data
from swipr.uploads.labels import UploadLabels
from swipr.uploads.report import GIVEN_UP, Progress, Uploaded, UploadReport, read_report, write_report
from swipr.uploads.rows import MAX_TEXT_BYTES, Rows, read_csv, read_json
from swipr.uploads.zip import MAX_ZIP_BYTES, ZipRows, opened

#: An absent object may only be late, where a store is slow to show it. After this long it has been deleted. Lambda
#: tries again after one and after three minutes, so the last try ends with a report and not as a dead letter.
GONE_AFTER = timedelta(seconds=100)
#: As often as a function is tried that an object's arrival called.
TRIES = 3

#: How much of each kind is read, bytes.
MAX_BYTES = {".zip": MAX_ZIP_BYTES, ".json": MAX_TEXT_BYTES, ".csv": MAX_TEXT_BYTES}
KINDS = ", ".join(MAX_BYTES)


@dataclass(frozen=True)
class Uploads:
    """Takes in files at `labels/<user>/<name>`: `.json` (a list of rows), `.csv` or `.zip` (`like/` and `pass/`).

    A zip may also be an export of ours. `acted_key(user_id, card_id)` names a card in Acted; `token(n)` gives n random
    bytes as hex.
    """

    store: Store
    blobs: Blobs
    queue: Queue
    judge: Judge
    acted_key: Callable[[str, str], str]
    now: Callable[[], datetime]
    token: Callable[[int], str]

    def take(self, uploaded: Uploaded, *, time_left_s: Callable[[], float]) -> UploadReport | None:
        """Store the file's labels, ask for one refit, and report; None if there is nothing to do.

        Safe to do twice, also at once: every label carries the time of the upload, so each is stored once and a later
        one is kept. A key outside `labels/<user>/` is ignored. Raises NotFoundError while the object may still come,
        UnfinishedError when the time is over, ModelError when the judge fails: delivered again, it goes on.
        """
        user_id = uploaded.user_id
        if user_id is None:
            return None
        if self.store.user(user_id) is None:
            self.blobs.delete([uploaded.key])  # nothing is kept of nobody
            return None
        known = read_report(self.blobs, user_id, uploaded.upload_id)
        if known is not None and known.key == uploaded.key and _is_settled(known, uploaded):
            return None
        progress = Progress(
            _beginning(uploaded, known, self.now()),
            lambda report: write_report(self.blobs, user_id, report),
            self.now,
        )
        try:
            why = self._take(user_id, uploaded, progress, time_left_s)
        except Exception:
            if leave_nothing(user_id, store=self.store, blobs=self.blobs):
                return None
            if progress.tries >= TRIES:  # no other will follow; if one does, it goes on
                progress.finish(GIVEN_UP)
            raise
        if leave_nothing(user_id, store=self.store, blobs=self.blobs):
            return None
        if progress.taken:
            set_going(user_id, self.store, self.queue, at=self.now())
        report = progress.finish(why)
        return None if leave_nothing(user_id, store=self.store, blobs=self.blobs) else report

    def _take(
        self, user_id: str, uploaded: Uploaded, progress: Progress, time_left_s: Callable[[], float]
    ) -> str | None:
        """Why the whole, or the rest of it, could not be used."""
        try:
            kind = self._kind(uploaded)
            if kind != ".zip":
                self._take_rows(user_id, uploaded, self._listed(kind, uploaded), progress, time_left_s)
                return None
            file = opened(BlobFile(self.blobs, uploaded.key, uploaded.size))
            body = archived_data(file)
            if body is None:
                self._take_rows(user_id, uploaded, ZipRows(file, uploaded.size), progress, time_left_s)
            else:
                self._take_archive(user_id, uploaded, file, body, progress, time_left_s)
        except LabelError as error:
            return str(error)
        except NotFoundError:
            if self.store.user(user_id) is None or self.now() - uploaded.uploaded_at < GONE_AFTER:
                raise
            return "the file was deleted before it was read; upload it again"
        return None

    def _take_rows(
        self, user_id: str, uploaded: Uploaded, rows: Rows, progress: Progress, time_left_s: Callable[[], float]
    ) -> None:
        progress.begin(len(rows))
        run = f"uploads/{user_id}/{uploaded.upload_id}/{self.token(8)}"
        labels = UploadLabels(user_id, uploaded, self.store, self.blobs, self.judge, self.now, run)
        labels.take(rows, progress, time_left_s)

    def _take_archive(
        self,
        user_id: str,
        uploaded: Uploaded,
        file: zipfile.ZipFile,
        body: bytes,
        progress: Progress,
        time_left_s: Callable[[], float],
    ) -> None:
        run = Import(
            user_id=user_id,
            uploaded_at=uploaded.uploaded_at,
            store=self.store,
            blobs=self.blobs,
            acted_key=lambda card_id: self.acted_key(user_id, card_id),
            now=self.now,
        )
        run.take(file, read_data(body), progress, time_left_s)

    def _kind(self, uploaded: Uploaded) -> str:
        """Raises LabelError when the whole cannot be used."""
        kind = kind_of(uploaded.file_name)
        if kind is None:
            raise LabelError(f"name the file {KINDS}")
        refuse_size(kind, uploaded.size)
        return kind

    def _listed(self, kind: str, uploaded: Uploaded) -> Rows:
        body = self.blobs.get_range(BlobRange(key=uploaded.key, first=0, last=uploaded.size - 1))
        return read_json(body) if kind == ".json" else read_csv(body)


def kind_of(name: str) -> str | None:
    """`.zip`, `.json` or `.csv` by the name's end; None for any other."""
    return next((kind for kind in MAX_BYTES if name.lower().endswith(kind)), None)


def refuse_size(kind: str, size: int) -> None:
    """Raises LabelError for a file of no bytes, or of more than are read."""
    if size < 1:
        raise LabelError("the file is empty")
    if size > MAX_BYTES[kind]:
        raise LabelError(f"the file is larger than {MAX_BYTES[kind] // 1_000_000} MB; split it")


def _is_settled(known: UploadReport, uploaded: Uploaded) -> bool:
    """This upload has been reported on to its end, or a later one has taken its place."""
    if known.uploaded_at is None or known.uploaded_at < uploaded.uploaded_at:
        return False
    if known.uploaded_at > uploaded.uploaded_at:
        return True
    return known.version == uploaded.version and known.state in ("done", "failed") and known.why != GIVEN_UP


def _beginning(uploaded: Uploaded, known: UploadReport | None, at: datetime) -> UploadReport:
    is_same = known is not None and (known.uploaded_at, known.version) == (uploaded.uploaded_at, uploaded.version)
    return UploadReport(
        upload_id=uploaded.upload_id,
        key=uploaded.key,
        name=known.name if known is not None and known.key == uploaded.key else uploaded.file_name,
        state="reading",
        uploaded_at=uploaded.uploaded_at,
        version=uploaded.version,
        tries=1 + (known.tries if known is not None and is_same else 0),
        at=at,
    )
