"""Events about uploaded files: doubled, out of order, before the object is there, after it is gone, of new versions."""

import base64
import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from functions.feedback.app import uploaded as read_event
from local.events import s3_event
from swipr.errors import NotFoundError
from swipr.models import RefitRequest
from swipr.sessions.planning import acted_key
from swipr.uploads.report import Uploaded, read_report
from swipr.uploads.uploads import GONE_AFTER, TRIES, Uploads
from tests.doubles import FakeJudge
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER
from tests.zips import photo

#: (pieces, events of a piece) at full size and in the tests.
SIZES = {"local": ((10, 100), (2, 50)), "aws": ((1, 60), (1, 15))}
KEYS, VERSIONS, ROWS = 8, 4, 3


class Made(NamedTuple):
    """One version of an object, and how its upload came to be seen."""

    key: str
    number: int
    choice: str
    at: datetime
    size: int


class Bucket:
    """The uploads of one user, and the events that S3 makes of them."""

    def __init__(self, home: FaultInstall, seed: int) -> None:
        self.home, self.random = home, random.Random(f"objects {seed}")
        self.refits = 0
        self.newest: dict[str, Made] = {}
        self.all: dict[str, list[Made]] = {}
        self.gone: set[str] = set()
        self._tokens = itertools.count()
        judge = FakeJudge(lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last)))
        self._uploads = Uploads(
            home.store,
            home.blobs,
            self,
            judge,
            lambda user_id, card_id: acted_key(home.secrets, user_id, card_id),
            home.clock.now,
            lambda size: f"{next(self._tokens):0{2 * size}x}",
        )

    def ask_refit(self, request: RefitRequest) -> None:
        self.refits += 1

    def put(self, key: str, *, store: bool = True) -> Made:
        """A new version: all its rows say the same, another thing than the version before."""
        number = len(self.all.setdefault(key, []))
        self.home.clock.sleep(self.random.uniform(0.01, 30))
        choice = ("like", "pass")[number % 2]
        body = self.body(key, choice)
        made = Made(key, number, choice, self.home.clock.now(), len(body))
        self.all[key].append(made)
        self.newest[key] = made
        self.gone.discard(key)
        if store:
            self.home.blobs.put(key, body)
        return made

    def body(self, key: str, choice: str) -> bytes:
        rows = [{"photo": base64.b64encode(each).decode(), "choice": choice} for each in photos(key)]
        return json.dumps(rows).encode()

    def event(self, made: Made) -> Uploaded:
        """As the handler reads it from S3's own words."""
        said = s3_event("b", made.key, made.size, trigger="t", etag="e", sequencer=f"{made.number:016X}", at=made.at)
        return read_event(said["Records"][0])

    def deliver(self, made: Made) -> bool:
        """Whether it need not come again."""
        try:
            self._uploads.take(self.event(made), time_left_s=lambda: 300.0)
        except NotFoundError:
            return False
        return True


def photos(key: str) -> list[bytes]:
    return [photo("like", 1000 * int(key.rpartition("-")[2].split(".")[0]) + row) for row in range(ROWS)]


def card_ids(key: str) -> list[str]:
    return [f"upload:{hashlib.sha256(body).hexdigest()[:32]}" for body in photos(key)]


@contextmanager
def _bucket(world: str, seed: int) -> Iterator[Bucket]:
    with installs(world) as install:
        yield Bucket(install(seed), seed)


def uploads(world: str, seed: int, events: int) -> Outcome:
    outcome, where = Outcome(), f"seed {seed}"
    with _bucket(world, seed) as bucket:
        while outcome.size < events:
            bucket_round(bucket, outcome, where)
            _check(bucket, outcome, where)
    return outcome


def bucket_round(bucket: Bucket, outcome: Outcome, where: str) -> None:
    """Some new versions, then their events in any order, each one to three times."""
    rng, made = bucket.random, []
    for _ in range(rng.randint(1, KEYS)):
        key = f"labels/{USER}/file-{rng.randrange(KEYS)}.json"
        early = rng.random() < 0.2 and key not in bucket.all
        if early:  # the event comes before the object can be read
            late = bucket.put(key, store=False)
            outcome.require(not bucket.deliver(late), f"{where}: {key} was taken before it was there")
            outcome.size += 1
            outcome.injected += 1
            bucket.home.blobs.put(key, bucket.body(key, late.choice))
            made.append(late)
        else:
            made.append(bucket.put(key))
    for key in {each.key for each in made}:
        if rng.random() < 0.15:  # deleted before its event comes
            bucket.home.blobs.delete([key])
            bucket.gone.add(key)
            outcome.injected += 1
    events = [each for each in made for _ in range(rng.choice((1, 1, 2, 3)))]
    rng.shuffle(events)
    outcome.injected += len(events) - len(made)
    for each in events:
        outcome.size += 1
        _until_done(bucket, each, outcome, where)


def _until_done(bucket: Bucket, made: Made, outcome: Outcome, where: str) -> None:
    """As Lambda tries again: twice more, minutes apart."""
    for _ in range(TRIES):
        if bucket.deliver(made):
            return
        bucket.home.clock.sleep(GONE_AFTER.total_seconds() + 1)
    outcome.violations.append(f"{where}: the event of {made.key} version {made.number} ends as a dead letter")


def _check(bucket: Bucket, outcome: Outcome, where: str) -> None:
    """The newest version counts, each version once, and whoever uploaded it is told."""
    refits = sum(len(versions) for versions in bucket.all.values())
    outcome.require(bucket.refits <= refits, f"{where}: {bucket.refits} refits for {refits} object versions")
    for key, newest in bucket.newest.items():
        report = read_report(bucket.home.blobs, USER, bucket.event(newest).upload_id)
        told = report is not None and report.state in ("done", "failed") and report.version == f"{newest.number:016X}"
        outcome.require(told, f"{where}: {key} version {newest.number} is not reported on: {report}")
        for card_id in card_ids(key):
            label = bucket.home.store.label(USER, card_id)
            if key not in bucket.gone:
                right = label is not None and (label.choice, label.labelled_at) == (newest.choice, _said(newest))
                outcome.require(right, f"{where}: {key} version {newest.number} is not what counts for {card_id}")
            if label is not None:
                seen = [label.labelled_at, *(each.labelled_at for each in label.earlier)]
                outcome.require(len(seen) == len(set(seen)), f"{where}: a version of {key} counted twice")
                stated = {_said(each) for each in bucket.all[key]}
                outcome.require(set(seen) <= stated, f"{where}: {card_id} has a label of no version")


def _said(made: Made) -> datetime:
    """An event tells milliseconds."""
    return made.at - timedelta(microseconds=made.at.microsecond % 1000)


def _pieces(world: str, seed: int, full: bool) -> list[Piece]:
    count, events = SIZES[world][0 if full else 1]
    return [partial(uploads, world, seed + number, events) for number in range(count)]


CASES = [Case("objects", world, "S3 events", partial(_pieces, world)) for world in SIZES]
