"""Everything that calls a function without being asked over HTTP: queues, created objects, the schedule."""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from local.application import Application, BlobTrigger, QueueTrigger, Schedule
from local.chaos import Calm
from local.events import s3_event, schedule_event, sqs_event
from local.lanes import Lane, LaneSpec
from local.queue import DeadLetters, Message, SqliteQueue
from swipr.errors import NotFoundError
from swipr.failures import describe

#: Lambda's own caps for events nobody waits for; more at a time gains nothing on one machine.
ASYNC_CONCURRENCY = 2


class Objects(Protocol):
    def size(self, key: str) -> int: ...


class Announcer:
    """Keeps an event for every object about to appear that some function wants to know of."""

    def __init__(self, triggers: Sequence[BlobTrigger], queue: SqliteQueue, now: Callable[[], datetime]) -> None:
        self._triggers, self._queue, self._now = triggers, queue, now

    def __call__(self, key: str, size: int) -> None:
        for trigger in self._triggers:
            if key.startswith(trigger.prefix) and key.endswith(trigger.suffix):
                made = {"key": key, "size": size, "sequencer": f"{time.time_ns():016X}", "at": self._now().isoformat()}
                self._queue.send(trigger.name, json.dumps(made))


class Pump:
    """Delivers at least once. A message whose handler raised comes again after its queue's visibility time-out."""

    def __init__(
        self,
        application: Application,
        queue: SqliteQueue,
        *,
        objects: Objects,
        invoke: Callable[[str, Any], Any],
        now: Callable[[], datetime],
        log: logging.Logger,
        chaos: Calm | None = None,
        schedule_every_s: float | None = None,
    ) -> None:
        """`schedule_every_s` replaces the rate of every schedule."""
        self._application, self._queue, self._objects = application, queue, objects
        self._chaos, self._now, self._log = chaos or Calm(), now, log
        self._every_s = schedule_every_s
        self._stopping = threading.Event()
        specs = [
            *(self._queue_lane(trigger) for trigger in application.queue_triggers),
            *(self._schedule_lane(schedule) for schedule in application.schedules),
            *(self._blob_lane(trigger) for trigger in application.blob_triggers),
        ]
        self._lanes = [Lane(s, queue, invoke=invoke, chaos=self._chaos, now=now, log=log) for s in specs]
        self._clocks = [
            threading.Thread(target=self._tick, args=(schedule,), name=f"schedule {schedule.name}", daemon=True)
            for schedule in application.schedules
        ]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()
        for clock in self._clocks:
            clock.start()

    def stop(self) -> None:
        """Begin nothing more; what runs goes on. Messages in hand are shown again at the next start."""
        self._stopping.set()
        for lane in self._lanes:
            lane.stop()

    def finish(self, within_s: float) -> bool:
        """Wait for deliveries that run; True if all have ended."""
        until = time.monotonic() + within_s
        return all(lane.finish(until) for lane in self._lanes)

    # --- lanes

    def _queue_lane(self, trigger: QueueTrigger) -> LaneSpec:
        spec = self._application.queues[trigger.queue]
        return LaneSpec(
            queue=trigger.queue,
            function=trigger.function,
            to_event=lambda messages: sqs_event(trigger.queue, messages),
            batch_size=trigger.batch_size,
            concurrency=trigger.concurrency,
            visibility_s=spec.visibility_s,
            max_age_s=spec.retention_s,
        )

    def _schedule_lane(self, schedule: Schedule) -> LaneSpec:
        function = self._application.functions[schedule.function]
        age_s = min(schedule.max_age_s, function.async_max_age_s)
        return self._async_lane(schedule.name, schedule.function, _scheduled(schedule), age_s)

    def _blob_lane(self, trigger: BlobTrigger) -> LaneSpec:
        age_s = self._application.functions[trigger.function].async_max_age_s
        return self._async_lane(trigger.name, trigger.function, self._created(trigger), age_s)

    def _async_lane(self, name: str, function_name: str, to_event: Any, max_age_s: float) -> LaneSpec:
        function = self._application.functions[function_name]
        return LaneSpec(
            queue=name,
            function=function_name,
            to_event=to_event,
            batch_size=1,
            concurrency=ASYNC_CONCURRENCY,
            visibility_s=6.0 * function.timeout_s,
            max_age_s=max_age_s,
            tries=1 + function.async_retries,
            failures_to=function.failures_to,
        )

    # --- events

    def _created(self, trigger: BlobTrigger) -> Callable[[Sequence[Message]], dict[str, Any] | None]:
        bucket = self._application.bucket.name if self._application.bucket else ""

        def to_event(messages: Sequence[Message]) -> dict[str, Any] | None:
            made = json.loads(messages[0].body)
            try:
                self._objects.size(made["key"])  # waits until an object about to appear has appeared
            except NotFoundError:
                self._log.info("%s: the object of message %s is gone", trigger.name, messages[0].message_id)
                return None
            etag = hashlib.md5(f"{made['key']} {made['sequencer']}".encode(), usedforsecurity=False).hexdigest()
            return s3_event(
                bucket,
                made["key"],
                made["size"],
                trigger=trigger.name,
                etag=etag,
                sequencer=made["sequencer"],
                at=datetime.fromisoformat(made["at"]),
            )

        return to_event

    # --- the schedule

    def _tick(self, schedule: Schedule) -> None:
        every_s = self._every_s or schedule.every_s
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._fire(schedule)
            # After a pause of the machine the missed ticks are not made up for.
            due = max(due + every_s, time.monotonic())

    def _fire(self, schedule: Schedule) -> None:
        try:
            for _ in range(self._chaos.ticks(schedule.name)):
                self._queue.send(schedule.name, json.dumps({"at": self._now().isoformat()}))
        except OSError as error:  # one tick is lost; the next finds the same users due
            self._log.error("schedule %s cannot fire: %s", schedule.name, describe(error))


def _scheduled(schedule: Schedule) -> Callable[[Sequence[Message]], dict[str, Any]]:
    def to_event(messages: Sequence[Message]) -> dict[str, Any]:
        at = datetime.fromisoformat(json.loads(messages[0].body)["at"])
        return schedule_event(schedule.name, messages[0].message_id, at)

    return to_event


def redrive_of(application: Application) -> dict[str, DeadLetters]:
    """Where each queue's messages go that were received too often."""
    return {
        spec.name: DeadLetters(spec.dead_letters, spec.max_receives)
        for spec in application.queues.values()
        if spec.dead_letters is not None and spec.max_receives is not None
    }
