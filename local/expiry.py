"""What outlives its purpose goes: expired decisions, and objects past the bucket's lifecycle."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from local.application import Bucket
from swipr.failures import describe

EVERY_S = 3600.0
#: Not in the way of a start.
FIRST_S = 30.0


class AgedObjects(Protocol):
    def keys(self, prefix: str) -> Sequence[str]: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def modified_at(self, key: str) -> datetime | None: ...


class Expiring(Protocol):
    def delete_expired(self, at: datetime) -> int: ...


def expire(bucket: Bucket | None, objects: AgedObjects, store: Expiring, at: datetime) -> int:
    """Delete what has expired by `at`; returns how many decisions and objects."""
    old = [
        key
        for prefix, days in (bucket.expiry if bucket else ())
        for key in objects.keys(prefix)
        if (made_at := objects.modified_at(key)) and made_at <= at - timedelta(days=days)
    ]
    objects.delete(old)
    return len(old) + store.delete_expired(at)


class Expiry:
    """`expire`, soon after the start and then every hour."""

    def __init__(
        self,
        bucket: Bucket | None,
        objects: AgedObjects,
        store: Expiring,
        now: Callable[[], datetime],
        log: logging.Logger,
    ) -> None:
        self._bucket, self._objects, self._store = bucket, objects, store
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
                expire(self._bucket, self._objects, self._store, self._now())
            except OSError as error:
                self._log.error("expiry: %s", describe(error))
