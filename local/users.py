"""Who uses this install: added, listed and removed by whoever runs it."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from swipr.forgetting import MESSAGES_STAY, Receipt, delete_everything, settle_left_over
from swipr.models import Status, User
from swipr.ports import Blobs, Queue, Store


class Messages(Queue, Protocol):
    def drop_of_user(self, user_id: str) -> int: ...


class LocalUsers:
    """`ended(user_id)` is told who is gone, so that no token of theirs is good any more."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        queue: Messages,
        *,
        now: Callable[[], datetime],
        ended: Callable[[str], None],
    ) -> None:
        self._store, self._blobs, self._queue = store, blobs, queue
        self._now, self._ended = now, ended

    def known(self, user_id: str) -> bool:
        return self._store.user(user_id) is not None

    def add(self, user_id: str) -> bool:
        """Whether there was nobody of this name. Raises ValidationError for what can be nobody's."""
        added = self._store.create_user(User(user_id=user_id))
        if added:
            self._ended(user_id)  # whoever had this name before is somebody else
        return added

    def ids(self) -> list[str]:
        return list(self._store.user_ids())

    def remove(self, user_id: str) -> Receipt:
        """Switch off, then remove with everything; safe to do twice.

        Raises ConflictError while something of theirs still runs: try again in a moment.
        """
        user, at = self._store.user(user_id), self._now()
        if user is not None and user.enabled:
            off = Status(code="off", text="Off: it is being removed.", at=at)
            self._store.switch(user_id, enabled=False, at=at, status=off, reason="removed")
        settle_left_over(user_id, store=self._store, queue=self._queue, at=at)
        receipt = delete_everything(user_id, store=self._store, blobs=self._blobs, at=at)
        self._ended(user_id)
        messages = self._queue.drop_of_user(user_id)
        stays = tuple(line for line in receipt.stays if line != MESSAGES_STAY)
        return receipt.model_copy(update={"removed": receipt.removed | {"messages": messages}, "stays": stays})
