"""Where a case runs: installs over the local adapters, or over those of AWS in moto, each with its queue's deliveries.

    with installs("aws") as install:
        home = install(seed, cards=8)
        home.world.deliveries.receive()

Another world, an emulator for one, needs a class like these two and a line in `installs`.
"""

import json
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from local.blobs import FileBlobs
from local.database import Database
from local.queue import DeadLetters, SqliteQueue
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.aws import clients
from swipr.aws.dynamo import DynamoStore
from swipr.aws.errors import call
from swipr.aws.sqs import SqsQueue
from swipr.aws.tables import Tables
from swipr.models import BlobRange, RefitRequest, SwipeSession
from swipr.ports import Blobs, Secrets, Store
from tests.aws_stack import ACCOUNT, REGION, build_stack
from tests.doubles import Clock
from tests.faults.dice import Dice
from tests.faults.faulty_aws import faulty_aws
from tests.faults.faulty_local import Faulty, FaultyDatabase
from tests.install import Install
from tests.moto_world import moto_world

#: As template.yaml has it for SwipeSessions.
TRIES = 3
VISIBILITY_S = 1800.0


class Delivered(NamedTuple):
    body: str
    receipt: str


class Deliveries(Protocol):
    """The queue of sessions, from its sender's side and from its reader's."""

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]: ...
    def receive(self) -> list[Delivered]:
        """What is visible now; one that was received `TRIES` times goes to the dead letters instead."""

    def delete(self, receipt: str) -> None: ...
    def wait(self) -> None:
        """Until everything received and not deleted is visible again."""

    def waiting(self) -> int:
        """How many are not done, visible or not."""

    def dead(self) -> list[str]: ...


class World(Protocol):
    store: Store
    blobs: Blobs
    secrets: Secrets
    deliveries: Deliveries

    def range_of(self, url: str, first: int, last: int) -> BlobRange: ...
    def close(self) -> None: ...


class LocalDeliveries:
    def __init__(self, database: Database, clock: Clock) -> None:
        redrive = {"SwipeSessions": DeadLetters("SwipeSessionsDead", TRIES)}
        self.queue, self._clock = SqliteQueue(database, now=clock.now, redrive=redrive), clock

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        return self.queue.send_sessions(sessions)

    def receive(self) -> list[Delivered]:
        at = self._clock.now()
        found = self.queue.receive("SwipeSessions", at=at, visibility_s=VISIBILITY_S, limit=10)
        return [Delivered(message.body, message.receipt) for message in found]

    def delete(self, receipt: str) -> None:
        self.queue.delete(receipt)

    def wait(self) -> None:
        self._clock.sleep(VISIBILITY_S + 1)

    def waiting(self) -> int:
        return sum(self.queue.counts("SwipeSessions"))

    def dead(self) -> list[str]:
        return [message.body for message in self.queue.peek("SwipeSessionsDead", limit=100_000)]


class AwsDeliveries:
    """Queues of their own. Time at them passes by `wait` only: what is out is shown again then."""

    def __init__(self, sqs: Any, clock: Clock) -> None:
        self._sqs, self._clock = sqs, clock
        self._url, self._dead_url = (sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"] for _ in range(2))
        found = sqs.get_queue_attributes(QueueUrl=self._dead_url, AttributeNames=["QueueArn"])["Attributes"]
        policy = json.dumps({"deadLetterTargetArn": found["QueueArn"], "maxReceiveCount": TRIES})
        sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"RedrivePolicy": policy})
        self._queue = SqsQueue(sqs, sessions_url=self._url, refits_url="")

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        return self._queue.send_sessions(sessions)

    def receive(self) -> list[Delivered]:
        return self._receive(self._url)

    def delete(self, receipt: str) -> None:
        call(self._sqs, "delete_message", QueueUrl=self._url, ReceiptHandle=receipt)

    def wait(self) -> None:
        self._clock.sleep(VISIBILITY_S + 1)
        _show_again(self._url)

    def waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def dead(self) -> list[str]:
        found: list[str] = []
        while messages := self._receive(self._dead_url):
            found += [message.body for message in messages]
        return found

    def _receive(self, url: str) -> list[Delivered]:
        most = {"MaxNumberOfMessages": 10, "VisibilityTimeout": int(VISIBILITY_S)}
        found = call(self._sqs, "receive_message", QueueUrl=url, **most).get("Messages", [])
        return [Delivered(message["Body"], message["ReceiptHandle"]) for message in found]


class LocalWorld:
    """`dice`: the disk fails by them."""

    def __init__(self, folder: Path, clock: Clock, dice: Dice | None = None) -> None:
        folder.mkdir()
        file = folder / "swipr.db"
        self.database = FaultyDatabase(file, dice) if dice else Database(file)
        self.store: Store = SqliteStore(self.database)
        files = FileBlobs(folder / "blobs", sign_key=b"k" * 32, base_url=lambda: "http://x", now=clock.now)
        self.blobs: Blobs = Faulty(files, dice) if dice else files
        self.secrets: Secrets = AesSecrets(b"k" * 32)
        self.deliveries: Deliveries = LocalDeliveries(self.database, clock)

    def range_of(self, url: str, first: int, last: int) -> BlobRange:
        return BlobRange(key=url.removeprefix("http://x/blobs/").split("?")[0], first=first, last=last)

    def close(self) -> None:
        self.database.close()


class Moto:
    """What is made once: to build a stack and its clients takes moto longer than a session does."""

    def __init__(self) -> None:
        self.built = build_stack("faults")
        self.dynamodb, self.sqs = clients.dynamodb(), clients.sqs()
        self.blobs, self.secrets = self.built.blobs, self.built.secrets
        self.secrets.keyed_hash("the install's key, which its first session makes")


class AwsWorld:
    """The stack, emptied for each install."""

    def __init__(self, stack: Moto, clock: Clock) -> None:
        _empty(stack.built.physical.values())
        stack.blobs.delete(stack.blobs.keys(""))
        # The adapter's own pauses take no time either.
        tables = Tables.of(stack.built.settings)
        self.store: Store = DynamoStore(stack.dynamodb, tables, sleep=lambda _: None)
        self.blobs, self.secrets = stack.blobs, stack.secrets
        self.deliveries: Deliveries = AwsDeliveries(stack.sqs, clock)

    def range_of(self, url: str, first: int, last: int) -> BlobRange:
        return BlobRange(key=urlsplit(url).path.removeprefix("/"), first=first, last=last)

    def close(self) -> None:
        pass


def _empty(names: Iterable[str]) -> None:
    from moto.dynamodb.models import dynamodb_backends

    tables = dynamodb_backends[ACCOUNT][REGION].tables
    for name in names:
        if name in tables:
            tables[name].items = defaultdict(dict)


def _show_again(url: str) -> None:
    """moto's queue goes by the real time: what is out, also to who never heard of it, has been out long enough."""
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[ACCOUNT][REGION].queues[url.rpartition("/")[2]]
    for message in queue._messages:
        message.visible_at = 0.0


class FaultInstall(Install):
    """An install in one of the worlds; its secrets are watched, too, and so are its queue's calls."""

    def __init__(self, make: Callable[[Clock], World], seed: int, **options: Any) -> None:
        self._make = make
        super().__init__(Path(), seed, **options)

    def open(self, folder: Path) -> None:
        self.world = self._make(self.clock)
        self.store, self.blobs, self.secrets = self.world.store, self.world.blobs, self.world.secrets

    def range_of(self, url: str, first: int, last: int) -> BlobRange:
        return self.world.range_of(url, first, last)

    def ask_refit(self, request: RefitRequest) -> None:
        pass


@contextmanager
def worlds(name: str, dice: Dice | None = None) -> Iterator[Callable[[Clock], World]]:
    """Makes empty worlds of this name, `local` or `aws`; one at a time where that is AWS."""
    with ExitStack() as exits:
        if name == "aws":
            exits.enter_context(moto_world())
            stack = Moto()
            if dice is not None:
                exits.enter_context(faulty_aws(dice))
            yield lambda clock: AwsWorld(stack, clock)
            return
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        root = Path(exits.enter_context(tempfile.TemporaryDirectory(dir=memory)))

        def make(clock: Clock) -> World:
            world = LocalWorld(root / str(len(list(root.iterdir()))), clock, dice)
            exits.callback(world.close)
            return world

        yield make


@contextmanager
def installs(name: str) -> Iterator[Callable[..., FaultInstall]]:
    with worlds(name) as make:
        yield lambda seed, **options: FaultInstall(make, seed, **options)
