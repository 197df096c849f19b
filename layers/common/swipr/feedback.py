"""What labels set going: the head is fitted anew, and files of labels are taken in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from swipr.models import ModelVersion, RefitRequest
from swipr.ports import Blobs, Queue, Store
from swipr.uploads import Uploads


@dataclass(frozen=True)
class Feedback:
    store: Store
    blobs: Blobs
    queue: Queue
    code: str
    now: Callable[[], datetime]

    def refit(self, request: RefitRequest) -> ModelVersion | None:
        """Fit the user's head to the labels there are now; None if it is up to date or cannot be fitted yet."""
        from swipr.learning import refit

        return refit(request.user_id, self.store, self.blobs, now=self.now(), code=self.code)

    def take_upload(self, key: str, *, size: int, uploaded_at: datetime) -> None:
        """Take in a file of labels, then ask for a refit."""
        user_id = self._uploads.take(key, size=size, uploaded_at=uploaded_at)
        if user_id is not None:
            self.queue.ask_refit(RefitRequest(user_id=user_id))

    @cached_property
    def _uploads(self) -> Uploads:
        return Uploads(self.store, self.blobs, self.now)
