"""Every implementation of a port, each behind the fixture of its port: add a parameter to add a world.

`broken_*` is the same implementation after its world has failed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.blobs import FileBlobs
from local.database import Database
from local.queue import SqliteQueue
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.ports import Blobs, Queue, Secrets, Store
from tests.contract.values import NOW

QUEUES = {"sessions": "SwipeSessions", "refits": "Refits"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "swipr.db")
    yield database
    database.close()


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> Store:
    return SqliteStore(request.getfixturevalue("database"))


@pytest.fixture
def broken_store(store: Store, request: pytest.FixtureRequest) -> Store:
    request.getfixturevalue("database").close()
    return store


@pytest.fixture(params=["files"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return FileBlobs(tmp_path / "blobs", sign_key=b"k" * 32, base_url=lambda: "http://127.0.0.1:1", now=lambda: NOW)


@pytest.fixture
def broken_blobs(blobs: Blobs, tmp_path: Path) -> Blobs:
    (tmp_path / "blobs").rename(tmp_path / "gone")
    (tmp_path / "blobs").write_text("no folder any more")
    return blobs


@pytest.fixture(params=["sqlite"])
def queue(request: pytest.FixtureRequest) -> Queue:
    return SqliteQueue(request.getfixturevalue("database"), now=lambda: NOW, **QUEUES)


@pytest.fixture
def waiting(queue: Queue) -> Callable[[str], list[str]]:
    """The bodies that lie in the queue of `sessions` or `refits`, oldest first."""
    assert isinstance(queue, SqliteQueue)
    return lambda kind: [message.body for message in queue.peek(QUEUES[kind])]


@pytest.fixture
def broken_queue(queue: Queue, request: pytest.FixtureRequest) -> Queue:
    request.getfixturevalue("database").close()
    return queue


@pytest.fixture(params=["aes"])
def new_install(request: pytest.FixtureRequest) -> Callable[[bytes], Secrets]:
    """Secrets of the install that this seed stands for."""
    return lambda seed: AesSecrets(seed * 32)


@pytest.fixture
def secrets(new_install: Callable[[bytes], Secrets]) -> Secrets:
    return new_install(b"a")
