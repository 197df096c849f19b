"""A schedule that fires twice, two hours late or not at all, over changes of the clock: one session for one slot."""

import json
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

from local.database import Database
from swipr.models import Answer, DueUser, SwipeSession
from swipr.ports import Store
from swipr.swiping import tick
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.pumping import LOOK_S, Pumped, pumped
from tests.faults.worlds import FaultInstall, LocalWorld, installs
from tests.install import USER

#: Schedules at full size and in the tests, each of so many firings.
SIZES = (60, 6)
FIRINGS = 40
EVERY_S = 600
LATE_S = 7200.0
#: So long one of two ticks waits for the other.
MEET_S = 2.0
ODD = (*["on time"] * 6, *["twice"] * 3, *["missing"] * 2, "late", "clock back", "clock forward")
#: An hour or two before each zone's clocks change.
STARTS = (
    ("Europe/Berlin", "2026-03-28T23:30+00:00"),
    ("Europe/Berlin", "2026-10-24T22:30+00:00"),
    ("America/New_York", "2026-03-08T05:30+00:00"),
    ("America/New_York", "2026-11-01T04:30+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T13:00+00:00"),
    ("UTC", "2026-12-31T21:00+00:00"),
)


class Together:
    """Stands before a store for two ticks at once: both have seen who is due before either claims."""

    def __init__(self, store: Store) -> None:
        self._store, self._meet = store, threading.Barrier(2, timeout=MEET_S)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def due_users(self, at: datetime, *, limit: int) -> Sequence[DueUser]:
        due = self._store.due_users(at, limit=limit)
        with suppress(threading.BrokenBarrierError):
            self._meet.wait()
        return due


class Scheduled:
    """An install whose ticks come through the pump."""

    def __init__(self, home: FaultInstall, zone: str) -> None:
        self.home, self.zone = home, zone
        self.sent: list[SwipeSession] = []
        self.days: set[str] = set()
        self.ticks = 0
        self.store: Any = home.store
        home.deck.answers = lambda choice, card: Answer(state="sent")
        home.set(time_zone=zone, session_every_s=EVERY_S)

    def invoke(self, function: str, event: Any) -> None:
        self.ticks += 1
        tick(self.store, self.home, at=self.home.clock.now())

    def run_sessions(self) -> None:
        while self.home.queued:
            session = self.home.queued.pop(0)
            self.sent.append(session)
            self.days.add(self.home.clock.now().astimezone(ZoneInfo(self.zone)).date().isoformat())
            self.home.deliver(session)


def fire_oddly(seed: int) -> Outcome:
    outcome, rng, where = Outcome(size=1), random.Random(f"schedule {seed}"), f"seed {seed}"
    zone, start = STARTS[seed % len(STARTS)]
    with installs("local") as install:
        home = install(seed, cards=90, budget=6 + seed % 3 * 12)
        home.clock.at = datetime.fromisoformat(start)
        home.switch(True)
        run = Scheduled(home, zone)
        with pumped(_database(home), home.clock, run.invoke) as pump:
            while not run.ticks:  # the schedule's own first one
                time.sleep(LOOK_S)
            run.run_sessions()
            for _ in range(FIRINGS):
                _fire(rng.choice(ODD), run, pump, outcome, where)
        _check(run, outcome, where)
    return outcome


def _database(home: FaultInstall) -> Database:
    return cast(LocalWorld, home.world).database


def _fire(kind: str, run: Scheduled, pump: Pumped, outcome: Outcome, where: str) -> None:
    clock, odd = run.home.clock, kind != "on time"
    outcome.injected += odd
    clock.sleep(EVERY_S / 2 if kind == "missing" else EVERY_S + 1)
    if kind == "missing":
        return
    if kind == "late":
        before = run.ticks
        pump.queue.send("SwipeTickTick", _said(run), delay_s=LATE_S)
        clock.sleep(LATE_S + 1)
        outcome.require(pump.until_empty(0.0), f"{where}: a late tick is left")
        outcome.require(run.ticks == before, f"{where}: a tick two hours late was taken")
        return
    if kind.startswith("clock"):
        clock.sleep(-2400 if kind == "clock back" else 3600)
    run.store = Together(run.home.store) if kind == "twice" else run.home.store
    for _ in range(2 if kind == "twice" else 1):
        pump.queue.send("SwipeTickTick", _said(run))
    outcome.require(pump.until_empty(0.0), f"{where}: a tick is left")
    run.run_sessions()


def _said(run: Scheduled) -> str:
    """As the pump's own schedule says it."""
    return json.dumps({"at": run.home.clock.now().isoformat()})


def _check(run: Scheduled, outcome: Outcome, where: str) -> None:
    home = run.home
    ids = [session.session_id for session in run.sent]
    outcome.require(len(ids) > 3, f"{where}: only {len(ids)} sessions began")
    outcome.require(len(ids) == len(set(ids)), f"{where}: a slot had two sessions")
    outcome.require(ids == sorted(ids), f"{where}: a later slot's session came before an earlier one's")
    for before, after in zip(run.sent, run.sent[1:], strict=False):
        apart = after.due_at - before.due_at
        outcome.require(apart >= timedelta(seconds=EVERY_S), f"{where}: two sessions {apart} apart")
    user = home.store.user(USER)
    most = (user.settings.likes_per_day if user else 0) * len(run.days)
    likes = sum(home.deck.likes.values())
    outcome.require(likes <= most, f"{where}: {likes} likes in {len(run.days)} days of {run.zone}, {most} allowed")
    doubled = {card: count for card, count in home.deck.likes.items() if count > 1}
    outcome.require(not doubled, f"{where}: liked twice: {doubled}")


def _pieces(seed: int, full: bool) -> list[Piece]:
    return [partial(fire_oddly, seed + number) for number in range(SIZES[0 if full else 1])]


CASES = [Case("schedule", "local", "schedules", _pieces)]
