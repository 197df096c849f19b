"""Poison among good messages, through the local pump and the real handlers: only the poison ends as a dead letter."""

import io
import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from unittest import mock

from functions.feedback import app as feedback_app
from functions.swipe_tick import app as swipe_app
from local import world as local_world
from swipr import bootstrap
from swipr.models import RefitRequest, SwipeSession, User
from tests.api_home import ENVIRONMENT
from tests.doubles import Clock, FakeJudge
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.pumping import Pumped, pumped
from tests.faults.worlds import LocalWorld, worlds

#: Poison at full size and in the tests; as many good messages lie between them.
SIZES = (200, 44)
QUEUES = {"SwipeSessions": "SwipeSessionsDead", "Refits": "RefitsDead"}
HANDLERS: Any = {"SwipeSession": swipe_app.session_handler, "Feedback": feedback_app.lambda_handler}
STEP_S = 300.0
DEEP = 1000


class Letter(NamedTuple):
    queue: str
    body: str
    kind: str


def poison_of(kind: str, number: int, good: dict[str, Any]) -> str:
    """One of each kind; `good` is what would be right in that queue."""
    bodies = {
        "bad JSON": '{"user_id": "ann", ',
        "not JSON": "\x01\x02 no JSON",
        "empty object": "{}",
        "a list": json.dumps([good]),
        "a number": "17",
        "unknown version": json.dumps(good | {"version": 99}),
        "wrong type": json.dumps(good | {"user_id": {"a": 1}}),
        "bad user id": json.dumps(good | {"user_id": "../../etc"}),
        "unknown field": json.dumps(good | {"colour": "red"}),
        "256 kB": json.dumps(good | {"user_id": "u" * 262_000}),
        "1,000 levels": '{"user_id": ' + "[" * DEEP + "]" * DEEP + "}",
    }
    return bodies[kind].replace("no JSON", f"no JSON {number}")


KINDS = (
    *("bad JSON", "not JSON", "empty object", "a list", "a number", "unknown version", "wrong type"),
    *("bad user id", "unknown field", "256 kB", "1,000 levels"),
)


class Run:
    def __init__(self, world: LocalWorld, clock: Clock, seed: int) -> None:
        self.world, self.clock, self.random = world, clock, random.Random(f"poison {seed}")
        self.good: dict[str, SwipeSession] = {}
        self.letters: list[Letter] = []

    def write(self, count: int) -> None:
        for number in range(count):
            self._write_good(number)
            queue = ("SwipeSessions", "Refits")[number % 2]
            kind = KINDS[number // 2 % len(KINDS)]
            self.letters.append(Letter(queue, poison_of(kind, number, self._right(queue)), kind))
        for number in range(max(1, count // 20)):  # well formed, and about nobody
            nobody = SwipeSession(user_id=f"nobody{number}", due_at=self.clock.now()).model_dump_json()
            self.letters.append(Letter("SwipeSessions", nobody, "unknown user"))
            self.letters.append(
                Letter("Refits", RefitRequest(user_id=f"nobody{number}").model_dump_json(), "unknown user")
            )
        self.random.shuffle(self.letters)

    def _write_good(self, number: int) -> None:
        user_id = f"user{number}"
        self.world.store.create_user(User(user_id=user_id, deck="nowhere", enabled=True))
        session = SwipeSession(user_id=user_id, due_at=self.clock.now())
        self.good[user_id] = session
        self.letters.append(Letter("SwipeSessions", session.model_dump_json(), "good"))
        self.letters.append(Letter("Refits", RefitRequest(user_id=user_id).model_dump_json(), "good"))

    def _right(self, queue: str) -> dict[str, Any]:
        message = SwipeSession(user_id="user0", due_at=self.clock.now()) if queue == "SwipeSessions" else None
        right: dict[str, Any] = json.loads((message or RefitRequest(user_id="user0")).model_dump_json())
        return right

    def check(self, outcome: Outcome, pump: Pumped, where: str) -> None:
        for queue, dead_queue in QUEUES.items():
            dead = [message.body for message in pump.queue.peek(dead_queue, limit=10_000)]
            sent = {
                kind: [each.body for each in self.letters if (each.queue, each.kind) == (queue, kind)] for kind in KINDS
            }
            for kind, bodies in sent.items():
                kept = sum(body in dead for body in bodies)
                outcome.require(kept == len(bodies), f"{where}: {queue}: {kind}: {kept} of {len(bodies)} dead letters")
            poison = {body for bodies in sent.values() for body in bodies}
            others = [body[:80] for body in dead if body not in poison]
            outcome.require(not others, f"{where}: {queue}: good messages are dead letters: {others[:3]}")
        for user_id, session in self.good.items():
            user = self.world.store.user(user_id)
            ran = user is not None and session.session_id in {each.session_id for each in user.recent_sessions}
            outcome.require(ran, f"{where}: the session of {user_id} never ran")


@contextmanager
def _handlers(world: LocalWorld) -> Iterator[None]:
    """The real handlers over this world."""
    judge = FakeJudge(lambda url, first, last: world.blobs.get_range(world.range_of(url, first, last)))
    queue: Any = SimpleNamespace(ask_refit=lambda request: None, send_session=lambda session: None)
    with mock.patch.dict("os.environ", ENVIRONMENT):
        local_world.start(local_world.World(world.store, world.blobs, queue, world.secrets, judge))
        bootstrap.forget()
        logging.disable()
        try:
            with redirect_stdout(io.StringIO()):  # what the handlers log and count would stand in the table
                yield
        finally:
            logging.disable(logging.NOTSET)
            local_world.stop()
            bootstrap.forget()


def _invoke(function: str, event: Any) -> None:
    if function == "SwipeTick":
        return
    context = SimpleNamespace(
        aws_request_id="r", function_name=function, get_remaining_time_in_millis=lambda: 300_000
    )  # fmt: skip
    HANDLERS[function](event, context)


def poison(seed: int, count: int) -> Outcome:
    outcome, clock, where = Outcome(), Clock(), f"seed {seed}"
    with worlds("local") as make:
        world = cast(LocalWorld, make(clock))
        run = Run(world, clock, seed)
        run.write(count)
        with _handlers(world), pumped(world.database, clock, _invoke, world.blobs) as pump:
            for letter in run.letters:
                pump.queue.send(letter.queue, letter.body)
            outcome.require(pump.until_empty(STEP_S), f"{where}: messages are left")
            run.check(outcome, pump, where)
    outcome.size = outcome.injected = count
    return outcome


def _pieces(seed: int, full: bool) -> list[Piece]:
    return [partial(poison, seed, SIZES[0 if full else 1])]


CASES = [Case("poison", "local", "poison messages", _pieces)]
