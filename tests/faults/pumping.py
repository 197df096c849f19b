"""The local pump over the project's own template, with a clock that a case moves."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.database import Database
from local.pump import Pump, redrive_of
from local.queue import SqliteQueue
from local.template import read_application
from tests.aws_stack import TEMPLATE
from tests.doubles import Clock

#: Real seconds until a lane has looked at its queue for sure, and has begun what it found.
LOOK_S = 0.02
PATIENCE_S = 60.0
NEVER_S = 1e6


class Pumped:
    """`queue`, of which the pump delivers everything to `invoke(function, event)`."""

    def __init__(self, queue: SqliteQueue, clock: Clock, names: list[str]) -> None:
        self.queue, self.clock, self._names = queue, clock, names

    def left(self) -> int:
        return sum(sum(self.queue.counts(name)) for name in self._names)

    def until_empty(self, step_s: float) -> bool:
        """Let time pass, `step_s` at a time, until nothing is left to deliver; False if something is."""
        until = time.monotonic() + PATIENCE_S
        while self.left():
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
            if not any(self.queue.counts(name).visible for name in self._names):
                self.clock.sleep(step_s)  # what waits to be taken must not die of age while it does
        return True


@contextmanager
def pumped(
    database: Database, clock: Clock, invoke: Callable[[str, Any], Any], objects: Any = None
) -> Iterator[Pumped]:
    """What the schedule fires by itself is the first tick, at once, and no other."""
    application = read_application(Path(TEMPLATE))
    queue = SqliteQueue(database, now=clock.now, redrive=redrive_of(application))
    log = logging.getLogger("tests.faults")
    log.disabled = True  # that poison fails is not worth a line each
    pump = Pump(
        application, queue, objects=objects, invoke=invoke, now=clock.now, log=log, schedule_every_s=NEVER_S
    )  # fmt: skip
    names = [trigger.queue for trigger in application.queue_triggers]
    names += [each.name for each in (*application.schedules, *application.blob_triggers)]
    pump.start()
    try:
        yield Pumped(queue, clock, names)
    finally:
        pump.stop()
        pump.finish(PATIENCE_S)
        log.disabled = False
