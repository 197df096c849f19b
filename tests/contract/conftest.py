"""Every implementation of a port, each behind the fixture of its port: add a parameter to add a world.

`broken_*` is the same implementation after its world has failed.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.config import Config

from local.blobs import FileBlobs
from local.database import Database
from local.queue import SqliteQueue
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.aws.dynamo import DynamoStore
from swipr.aws.s3 import S3Blobs
from swipr.aws.sqs import SqsQueue
from swipr.aws.tables import Tables
from swipr.ports import Blobs, Queue, Secrets, Store
from tests.aws_stack import ALL, BUCKET, KEY, QUEUES, TABLES, AwsStack, build_stack
from tests.contract import known_differences
from tests.contract.values import NOW
from tests.contract.wire import Send, over_http, to_door
from tests.emulator_world import emulator_world
from tests.moto_world import moto_world

EMULATOR = pytest.param("emulator", marks=pytest.mark.aws)
NAMES = {"sessions": "SwipeSessions", "refits": "Refits"}
#: What a port's adapter stands on: nothing else is made for its tests on the emulator, where each takes milliseconds.
STANDS_ON = {"store": [TABLES], "blobs": [BUCKET], "queue": [QUEUES], "new_install": [TABLES, KEY]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and Path(__file__).parent in item.path.parents:
            known_differences.expect(item)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "swipr.db")
    yield database
    database.close()


@pytest.fixture
def aws(request: pytest.FixtureRequest) -> Iterator[AwsStack]:
    """moto in this process, or the emulator where the test is of that world."""
    worlds = {port: world for port, world in request.node.callspec.params.items() if world == "emulator"}
    if not worlds:
        with moto_world() as stack:
            yield stack
        return
    kinds = {kind for port in worlds for kind in STANDS_ON.get(port, ALL)}
    with emulator_world(request.getfixturevalue("emulator"), kinds=kinds) as stack:
        yield stack


def cut_off(service: str) -> Any:
    """A client of a service that nobody answers for, and that is asked once."""
    return boto3.client(service, endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(params=["sqlite", "dynamo", EMULATOR])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "sqlite":
        return SqliteStore(request.getfixturevalue("database"))
    return request.getfixturevalue("aws").store


@pytest.fixture
def broken_store(store: Store, request: pytest.FixtureRequest) -> Store:
    if not isinstance(store, SqliteStore):
        return DynamoStore(cut_off("dynamodb"), Tables.of(request.getfixturevalue("aws").settings))
    request.getfixturevalue("database").close()
    return store


@pytest.fixture
def expire(store: Store, request: pytest.FixtureRequest) -> Callable[[datetime], object]:
    """Delete what has expired by then, by the store itself or as DynamoDB does it."""
    return store.delete_expired if isinstance(store, SqliteStore) else request.getfixturevalue("aws").expire


@pytest.fixture
def plenty(store: Store) -> int:
    """How many records are many, above DynamoDB's batches; see `known_differences` for moto, and HTTP is slow."""
    return 1500 if isinstance(store, SqliteStore) else 220


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How often rivals meet, of so many times: each takes a dozen requests, and HTTP is slow."""
    share = 3 if request.node.callspec.params["store"] == "emulator" else 1
    return lambda times: times // share


@pytest.fixture(params=["files", "s3", EMULATOR])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param != "files":
        return request.getfixturevalue("aws").blobs
    return file_blobs(tmp_path, NOW)


def file_blobs(folder: Path, now: datetime) -> FileBlobs:
    return FileBlobs(folder / "blobs", sign_key=b"k" * 32, base_url=lambda: "http://127.0.0.1:1", now=lambda: now)


@pytest.fixture
def send(blobs: Blobs) -> Send:
    """Asks what a signed address leads to, as whoever holds it."""
    return to_door(blobs) if isinstance(blobs, FileBlobs) else over_http


@pytest.fixture
def minute_ago(blobs: Blobs, tmp_path: Path) -> Callable[[], AbstractContextManager[Blobs]]:
    """The blobs as they were a minute ago: what is signed meanwhile was signed then."""
    if isinstance(blobs, FileBlobs):
        return lambda: nullcontext(file_blobs(tmp_path, NOW - timedelta(minutes=1)))

    @contextmanager
    def signing_then() -> Iterator[Blobs]:
        then = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=1)
        with (
            mock.patch("botocore.auth.get_current_datetime", return_value=then),
            mock.patch("botocore.signers.get_current_datetime", return_value=then),
        ):
            yield blobs

    return signing_then


@pytest.fixture
def blobs_and_stray(blobs: Blobs, tmp_path: Path) -> tuple[Blobs, Callable[[str], object]]:
    """And what puts an object of any name there, as another program may."""
    if isinstance(blobs, S3Blobs):
        return blobs, lambda key: blobs._client.put_object(Bucket=blobs._bucket, Key=key, Body=b"x")

    def put(key: str) -> object:
        path = tmp_path / "blobs" / "objects" / key
        path.parent.mkdir(exist_ok=True)
        return path.write_bytes(b"x")

    return blobs, put


@pytest.fixture
def broken_blobs(blobs: Blobs, tmp_path: Path, request: pytest.FixtureRequest) -> Blobs:
    if not isinstance(blobs, FileBlobs):
        return S3Blobs(cut_off("s3"), "bucket")
    (tmp_path / "blobs").rename(tmp_path / "gone")
    (tmp_path / "blobs").write_text("no folder any more")
    return blobs


@pytest.fixture(params=["sqlite", "sqs", EMULATOR])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param != "sqlite":
        return request.getfixturevalue("aws").queue
    return SqliteQueue(request.getfixturevalue("database"), now=lambda: NOW, **NAMES)


@pytest.fixture
def waiting(queue: Queue, request: pytest.FixtureRequest) -> Callable[[str], list[str]]:
    """The bodies that lie in the queue of `sessions` or `refits`, oldest first."""
    if isinstance(queue, SqliteQueue):
        return lambda kind: [message.body for message in queue.peek(NAMES[kind])]
    world: AwsStack = request.getfixturevalue("aws")
    return lambda kind: world.messages(NAMES[kind])


@pytest.fixture
def broken_queue(queue: Queue, request: pytest.FixtureRequest) -> Queue:
    if not isinstance(queue, SqliteQueue):
        return SqsQueue(cut_off("sqs"), sessions_url="http://127.0.0.1:1/s", refits_url="http://127.0.0.1:1/r")
    request.getfixturevalue("database").close()
    return queue


@pytest.fixture(params=["aes", "kms", EMULATOR])
def new_install(request: pytest.FixtureRequest) -> Callable[[bytes], Secrets]:
    """Secrets of the install that this seed stands for."""
    if request.param == "aes":
        return lambda seed: AesSecrets(seed * 32)
    first: AwsStack = request.getfixturevalue("aws")
    stacks: dict[bytes, AwsStack] = {}

    def install(seed: bytes) -> Secrets:
        """Anew each time, as another process would have it, over the same stack."""
        stack = stacks.setdefault(
            seed, stacks.get(seed) or build_stack(f"{first.stack}-{seed.hex()}", kinds=[TABLES, KEY])
        )
        return AwsStack(stack.stack, stack.environment).secrets

    return install


@pytest.fixture
def secrets(new_install: Callable[[bytes], Secrets]) -> Secrets:
    return new_install(b"a")
