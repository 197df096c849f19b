"""What outlives its purpose goes: expired decisions, objects past the bucket's lifecycle, orphans, old messages."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from local.application import Application
from local.orphans import KeptObjects, Referring, orphans
from swipr.failures import describe

EVERY_S = 3600.0
#: Not in the way of a start.
FIRST_S = 30.0


class AgedObjects(KeptObjects, Protocol):
    def delete(self, keys: Iterable[str]) -> None: ...


class Expiring(Referring, Protocol):
    def delete_expired(self, at: datetime) -> int: ...


class AgedMessages(Protocol):
    def drop_sent_before(self, queue_name: str, at: datetime) -> int: ...


def expire(application: Application, objects: AgedObjects, store: Expiring, queue: AgedMessages, at: datetime) -> int:
    """Delete what has expired by `at`; returns how many decisions, objects and messages."""
    gone = store.delete_expired(at)
    for spec in application.queues.values():
        gone += queue.drop_sent_before(spec.name, at - timedelta(seconds=spec.retention_s))
    # Decisions go first: what only they led to goes with them.
    keys = {*_past_lifecycle(application, objects, at), *orphans(objects, store, at)}
    objects.delete(keys)
    return gone + len(keys)


def _past_lifecycle(application: Application, objects: AgedObjects, at: datetime) -> Sequence[str]:
    return [
        key
        for prefix, days in (application.bucket.expiry if application.bucket else ())
        for key in objects.keys(prefix)
        if (made_at := objects.modified_at(key)) and made_at <= at - timedelta(days=days)
    ]


class Expiry:
    """`expire`, soon after the start and then every hour."""

    def __init__(
        self,
        application: Application,
        objects: AgedObjects,
        store: Expiring,
        queue: AgedMessages,
        now: Callable[[], datetime],
        log: logging.Logger,
    ) -> None:
        self._application, self._objects, self._store, self._queue = application, objects, store, queue
        self._now, self._log = now, log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        wait_s = FIRST_S
        while not self._stopping.wait(wait_s):
            wait_s = EVERY_S
            try:
                expire(self._application, self._objects, self._store, self._queue, self._now())
            except OSError as error:
                self._log.error("expiry: %s", describe(error))
