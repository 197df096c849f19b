"""Every implementation of a port, each behind the fixture of its port: add a parameter to add a world.

`broken_*` is the same implementation after its world has failed.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

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
from tests.contract.values import NOW
from tests.moto_world import MotoWorld, build_stack, moto_world

QUEUES = {"sessions": "SwipeSessions", "refits": "Refits"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "swipr.db")
    yield database
    database.close()


@pytest.fixture
def aws() -> Iterator[MotoWorld]:
    with moto_world() as world:
        yield world


def cut_off(service: str) -> Any:
    """A client of a service that nobody answers for, and that is asked once."""
    return boto3.client(service, endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(params=["sqlite", "dynamo"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "dynamo":
        return request.getfixturevalue("aws").store
    return SqliteStore(request.getfixturevalue("database"))


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
    """How many records are many: moto copies whole tables for each transaction, so a thousand take it minutes."""
    return 1500 if isinstance(store, SqliteStore) else 220


@pytest.fixture(params=["files", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "s3":
        return request.getfixturevalue("aws").blobs
    return FileBlobs(tmp_path / "blobs", sign_key=b"k" * 32, base_url=lambda: "http://127.0.0.1:1", now=lambda: NOW)


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


@pytest.fixture(params=["sqlite", "sqs"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "sqs":
        return request.getfixturevalue("aws").queue
    return SqliteQueue(request.getfixturevalue("database"), now=lambda: NOW, **QUEUES)


@pytest.fixture
def waiting(queue: Queue, request: pytest.FixtureRequest) -> Callable[[str], list[str]]:
    """The bodies that lie in the queue of `sessions` or `refits`, oldest first."""
    if isinstance(queue, SqliteQueue):
        return lambda kind: [message.body for message in queue.peek(QUEUES[kind])]
    world: MotoWorld = request.getfixturevalue("aws")
    return lambda kind: world.messages(QUEUES[kind])


@pytest.fixture
def broken_queue(queue: Queue, request: pytest.FixtureRequest) -> Queue:
    if not isinstance(queue, SqliteQueue):
        return SqsQueue(cut_off("sqs"), sessions_url="http://127.0.0.1:1/s", refits_url="http://127.0.0.1:1/r")
    request.getfixturevalue("database").close()
    return queue


@pytest.fixture(params=["aes", "kms"])
def new_install(request: pytest.FixtureRequest) -> Callable[[bytes], Secrets]:
    """Secrets of the install that this seed stands for."""
    if request.param == "aes":
        return lambda seed: AesSecrets(seed * 32)
    request.getfixturevalue("aws")
    stacks: dict[bytes, MotoWorld] = {}

    def install(seed: bytes) -> Secrets:
        """Anew each time, as another process would have it, over the same stack."""
        stack = stacks.setdefault(seed, stacks.get(seed) or build_stack(f"install-{seed.hex()}"))
        return MotoWorld(stack.stack, stack.environment).secrets

    return install


@pytest.fixture
def secrets(new_install: Callable[[bytes], Secrets]) -> Secrets:
    return new_install(b"a")
