"""The world that handlers get on one machine."""

import pytest

from local import world
from local.blobs import FileBlobs
from local.database import Database
from local.queue import SqliteQueue
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.settings import Settings
from tests.contract.values import NOW

SETTINGS = Settings(
    users_table="u",
    decisions_table="d",
    acted_table="a",
    labels_table="l",
    models_table="m",
    matches_table="x",
    requests_table="r",
    bucket="b",
    key_id="k",
)
#: All but `trainer`, of whom there is none.
BUILDERS = ("store", "blobs", "queue", "secrets", "judge")


@pytest.fixture
def parts(tmp_path):
    database = Database(tmp_path / "swipr.db")
    yield world.World(
        store=SqliteStore(database),
        blobs=FileBlobs(tmp_path / "blobs", sign_key=b"k", base_url=str, now=lambda: NOW),
        queue=SqliteQueue(database, now=lambda: NOW),
        secrets=AesSecrets(b"k" * 32),
        judge=lambda request: {"backbone": "", "dimensions": 0, "photos": [], "ms": 0.0},
    )
    world.stop()
    database.close()


def test_builders_hand_out_the_parts_of_the_started_world(parts):
    world.start(parts)

    for name in BUILDERS:
        assert getattr(world, name)(SETTINGS) is getattr(parts, name)


def test_nobody_trains_by_itself():
    assert world.trainer(SETTINGS) is None


@pytest.mark.parametrize("name", BUILDERS)
def test_there_is_no_world_before_the_start_and_after_the_stop(parts, name):
    with pytest.raises(RuntimeError, match="swipr up"):
        getattr(world, name)(SETTINGS)
    world.start(parts)
    world.stop()
    with pytest.raises(RuntimeError, match="swipr up"):
        getattr(world, name)(SETTINGS)


def test_a_second_world_is_refused(parts):
    world.start(parts)

    with pytest.raises(RuntimeError, match="stop it first"):
        world.start(parts)

    assert world.store(SETTINGS) is parts.store
