"""What labels set going: the head is fitted anew, training is asked for, and files of labels are taken in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from swipr.errors import NotFoundError
from swipr.forgetting import leave_nothing
from swipr.judging import Judge, backbone_of
from swipr.models import ExportRequest, Handoff, ModelVersion, RefitRequest
from swipr.ports import Blobs, Queue, Secrets, Store
from swipr.reembedding import reembed
from swipr.sessions.planning import acted_key
from swipr.takeout.exports import ExportState
from swipr.takeout.writer import ExportWriter
from swipr.uploads.report import Uploaded, UploadReport
from swipr.uploads.uploads import Uploads

#: A label stored while the newest model was being fitted is older than it.
FOLLOWED_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Feedback:
    """`token(n)` gives n random bytes as hex."""

    store: Store
    blobs: Blobs
    queue: Queue
    secrets: Secrets
    judge: Judge
    code: str
    now: Callable[[], datetime]
    token: Callable[[int], str]

    def refit(self, request: RefitRequest) -> tuple[ModelVersion | None, Handoff | None]:
        """Fit the user's head to the labels there are now, and hand over what has become enough.

        No model if it is up to date or cannot be fitted yet. What is left of a user who was deleted is taken away.
        """
        user = self.store.user(request.user_id)
        if user is None:
            self._forget_nobody(request.user_id)
            return None, None
        try:
            return self._refit(request.user_id)
        finally:
            handed = {user.handoff.handoff_id} if user.handoff else set()
            leave_nothing(request.user_id, store=self.store, blobs=self.blobs, handed=handed)

    def _forget_nobody(self, user_id: str) -> None:
        from swipr.handoff import handoff_ids_of_nobody

        handed = handoff_ids_of_nobody(user_id, self.blobs)
        leave_nothing(user_id, store=self.store, blobs=self.blobs, handed=handed)

    def export(self, request: ExportRequest, *, time_left_s: Callable[[], float]) -> ExportState | None:
        """Write the archive that was asked for; see `ExportWriter.write`."""
        return ExportWriter(self.store, self.blobs, self.now).write(request, time_left_s=time_left_s)

    def take_upload(self, uploaded: Uploaded, *, time_left_s: Callable[[], float]) -> UploadReport | None:
        """Take in a file of labels; see `Uploads.take`."""
        return self._uploads.take(uploaded, time_left_s=time_left_s)

    def _refit(self, user_id: str) -> tuple[ModelVersion | None, Handoff | None]:
        from swipr.handoff import hand_over
        from swipr.learning import refit

        try:
            self._follow(user_id)
            now, code, backbone = self.now(), self.code, self._backbone
            model = refit(user_id, self.store, self.blobs, now=now, code=code, backbone=backbone)
            if model is not None and model.version == 1:
                self.store.wake(user_id, at=self.now())  # until now a session could only gather
            return model, hand_over(user_id, self.store, self.blobs, now=self.now(), code=self.code)
        except NotFoundError:
            if self.store.user(user_id) is None:  # deleted meanwhile
                return None, None
            raise

    def _follow(self, user_id: str) -> None:
        """A new label may be of a decision made with an earlier backbone: embed its photos by the one in use."""
        newest = next(iter(self.store.models(user_id, limit=1)), None)
        since = newest.created_at - FOLLOWED_FOR if newest else None
        strangers = [
            label
            for label in self.store.labels(user_id)
            if label.backbone != self._backbone and (since is None or label.labelled_at > since)
        ]
        if strangers:
            reembed(
                strangers, store=self.store, blobs=self.blobs, judge=self.judge, backbone=self._backbone, at=self.now()
            )

    @cached_property
    def _backbone(self) -> str:
        """Asked once: a new backbone comes with a new process, here and on AWS, where both have one layer."""
        return backbone_of(self.judge)

    @cached_property
    def _uploads(self) -> Uploads:
        def key(user_id: str, card_id: str) -> str:
            return acted_key(self.secrets, user_id, card_id)

        return Uploads(self.store, self.blobs, self.queue, self.judge, key, self.now, self.token)
