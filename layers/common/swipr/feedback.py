"""What labels set going: the head is fitted anew, training is asked for, and files of labels are taken in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from swipr.judging import Judge, backbone_of
from swipr.models import Handoff, ModelVersion, RefitRequest
from swipr.ports import Blobs, Queue, Store
from swipr.reembedding import reembed
from swipr.upload_report import Uploaded, UploadReport
from swipr.uploads import Uploads

#: A label stored while the newest model was being fitted is older than it.
FOLLOWED_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Feedback:
    """`token(n)` gives n random bytes as hex."""

    store: Store
    blobs: Blobs
    queue: Queue
    judge: Judge
    code: str
    now: Callable[[], datetime]
    token: Callable[[int], str]

    def refit(self, request: RefitRequest) -> tuple[ModelVersion | None, Handoff | None]:
        """Fit the user's head to the labels there are now, and hand over what has become enough.

        No model if it is up to date or cannot be fitted yet.
        """
        from swipr.handoff import hand_over
        from swipr.learning import refit

        self._follow(request.user_id)
        backbone = self._backbone
        model = refit(request.user_id, self.store, self.blobs, now=self.now(), code=self.code, backbone=backbone)
        handed = hand_over(request.user_id, self.store, self.blobs, now=self.now(), code=self.code)
        return model, handed

    def take_upload(self, uploaded: Uploaded, *, time_left_s: Callable[[], float]) -> UploadReport | None:
        """Take in a file of labels; see `Uploads.take`."""
        return self._uploads.take(uploaded, time_left_s=time_left_s)

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
        return Uploads(self.store, self.blobs, self.queue, self.judge, self.now, self.token)
