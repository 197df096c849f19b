"""One queue on its way to one function: polled, handed over, deleted when done, shown again when not."""

import heapq
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.chaos import Calm
from local.events import failure_record
from local.queue import Message, SqliteQueue
from swipr.failures import describe

POLL_S = 0.05
#: Before the second try of an asynchronous event; Lambda waits a minute, too.
ASYNC_RETRY_S = 60.0
STOP_S = 1.0

#: The event for these messages, or None if there is nothing to tell any more.
ToEvent = Callable[[Sequence[Message]], dict[str, Any] | None]


class ProcessDiedError(Exception):
    """The process ended while a handler ran."""


@dataclass(frozen=True)
class LaneSpec:
    """What is delivered how. `visibility_s` is also the delay after an error; older than `max_age_s` is dropped.

    `tries` (None: the queue's own redrive counts) ends in a failure record on `failures_to`.
    """

    queue: str
    function: str
    to_event: ToEvent
    batch_size: int
    concurrency: int
    visibility_s: float
    max_age_s: float
    tries: int | None = None
    failures_to: str | None = None


@dataclass(order=True)
class _Delivery:
    due: float
    number: int
    batch: Sequence[Message] = field(compare=False)


class Lane:
    """Delivers in threads of its own. Doubled and late deliveries come from `chaos`."""

    def __init__(
        self,
        spec: LaneSpec,
        queue: SqliteQueue,
        *,
        invoke: Callable[[str, Any], Any],
        chaos: Calm,
        now: Callable[[], datetime],
        log: logging.Logger,
    ) -> None:
        self._spec, self._queue = spec, queue
        self._invoke, self._chaos, self._now, self._log = invoke, chaos, now, log
        self._waiting: list[_Delivery] = []
        self._numbers = itertools.count()
        self._busy = 0
        self._ended = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lane {spec.queue}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no more deliveries; those that run go on."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def finish(self, until: float) -> bool:
        """Wait until no delivery runs, or `time.monotonic()` is past `until`; True if none does."""
        with self._ended:
            return self._ended.wait_for(lambda: self._busy == 0, max(0.0, until - time.monotonic()))

    # --- one thread decides what begins when

    def _run(self) -> None:
        while not self._stopping.wait(POLL_S):
            try:
                self._receive()
                self._begin_due()
            except Exception as error:  # above all the database, for a moment: what was received is shown again
                self._log.error("queue %s cannot be delivered: %s", self._spec.queue, describe(error))
                self._stopping.wait(1.0)

    def _receive(self) -> None:
        """Take no more than can begin at once: what is in hand but waits may be shown again before it has begun."""
        due = sum(delivery.due <= time.monotonic() for delivery in self._waiting)
        room = self._spec.concurrency - self._busy - due
        if room <= 0:
            return
        messages = self._queue.receive(
            self._spec.queue,
            at=self._now(),
            visibility_s=self._spec.visibility_s,
            limit=room * self._spec.batch_size,
        )
        fresh = [message for message in messages if not (self._dropped(message) or self._worn_out(message))]
        for first in range(0, len(fresh), self._spec.batch_size):
            self._plan(fresh[first : first + self._spec.batch_size])

    def _plan(self, batch: Sequence[Message]) -> None:
        for delay_s in self._chaos.deliveries(self._spec.queue):
            heapq.heappush(self._waiting, _Delivery(time.monotonic() + delay_s, next(self._numbers), batch))

    def _begin_due(self) -> None:
        while self._waiting and self._waiting[0].due <= time.monotonic() and self._busy < self._spec.concurrency:
            batch = heapq.heappop(self._waiting).batch
            with self._ended:
                self._busy += 1
            threading.Thread(target=self._deliver, args=(batch,), name=self._spec.function, daemon=True).start()

    def _dropped(self, message: Message) -> bool:
        too_old = self._now() - message.sent_at > timedelta(seconds=self._spec.max_age_s)
        if too_old:
            self._log.warning("%s: message %s died of age", self._spec.queue, message.message_id)
            self._queue.delete(message.receipt)
        return too_old

    def _worn_out(self, message: Message) -> bool:
        """An asynchronous event that has taken its process down with it as often as it may be tried."""
        worn_out = self._spec.tries is not None and message.receive_count > self._spec.tries
        if worn_out:
            self._log.error("%s: message %s ended with its process", self._spec.function, message.message_id)
            self._bury(message, ProcessDiedError())
        return worn_out

    # --- one thread per delivery

    def _deliver(self, batch: Sequence[Message]) -> None:
        try:
            event = self._spec.to_event(batch)
            if event is not None:
                self._invoke(self._spec.function, event)
            for message in batch:
                self._queue.delete(message.receipt)
        except Exception as error:
            self._failed(batch, error)
        finally:
            with self._ended:
                self._busy -= 1
                self._ended.notify_all()

    def _failed(self, batch: Sequence[Message], error: Exception) -> None:
        ids = ", ".join(message.message_id for message in batch)
        self._log.error("%s failed on message %s: %s", self._spec.function, ids, describe(error))
        if self._spec.tries is None:
            return
        try:
            for message in batch:
                self._retry_or_bury(message, error, self._spec.tries)
        except OSError as failure:  # nothing was settled: the message is shown again
            self._log.error("%s cannot settle message %s: %s", self._spec.function, ids, describe(failure))

    def _retry_or_bury(self, message: Message, error: Exception, tries: int) -> None:
        if message.receive_count < tries:
            self._queue.change_visibility(message.receipt, at=self._now(), visibility_s=ASYNC_RETRY_S)
            return
        self._bury(message, error)

    def _bury(self, message: Message, error: Exception) -> None:
        if self._spec.failures_to:
            event, tries = self._spec.to_event([message]), message.receive_count
            record = failure_record(self._spec.function, event, error, tries=tries, at=self._now())
            self._queue.send(self._spec.failures_to, json.dumps(record))
        self._queue.delete(message.receipt)
