"""The SQLite file: versions, failures of the disk, and what a start cleans up."""

import sqlite3
from functools import partial
from threading import Thread

import pytest

from local.database import MIGRATIONS, Database, DatabaseError
from local.store import SqliteStore
from swipr.models import Lease
from tests.contract.races import race_each
from tests.contract.values import (
    NOW,
    a_decision,
    a_label,
    a_session,
    a_user,
    action,
    later,
    lease_of,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "swipr.db"


@pytest.fixture
def database(path):
    database = Database(path)
    yield database
    database.close()


def raw(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        answer = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return answer


def test_what_was_stored_is_there_when_opened_again(path):
    database = Database(path)
    SqliteStore(database).create_user(a_user())
    SqliteStore(database).put_label(a_label())
    database.close()

    again = Database(path)

    assert SqliteStore(again).label("ann", "tinder:1") == a_label()
    again.close()


def test_commits_are_synced_to_a_write_ahead_log(database):
    with database.reading() as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert pragmas == ["wal", 2]


def test_labels_stored_before_they_were_counted_are_counted(path):
    database = Database(path)
    store = SqliteStore(database)
    for user_id in ("ann", "bob"):
        store.create_user(a_user(user_id))
    for number in range(3):
        store.put_label(a_label(f"a:{number}"))
    database.close()
    raw(path, "UPDATE users SET record = json_remove(record, '$.labels')", "PRAGMA user_version = 2")

    again = Database(path)

    assert SqliteStore(again).user("ann") == a_user(labels=3)
    assert SqliteStore(again).user("bob") == a_user("bob")
    again.close()


def test_a_newer_schema_is_refused_and_left_as_it_is(path):
    Database(path).close()
    raw(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(DatabaseError, match="use a newer Swipr"):
        Database(path)

    assert raw(path, "PRAGMA user_version") == [(len(MIGRATIONS) + 1,)]


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"this is a text, and a rather long one at that" * 100)

    with pytest.raises(DatabaseError, match="not a database"):
        Database(path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DatabaseError, match="unable to open"):
        Database(tmp_path / "absent" / "swipr.db")


def test_a_transaction_left_by_an_exception_changes_nothing(database):
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:  # noqa: PT012
        connection.execute("INSERT INTO acted VALUES ('ann', 'k', 'sent')")
        raise ZeroDivisionError

    assert SqliteStore(database).acted("ann", ["k"]) == {}


def test_a_full_disk_raises_and_the_store_goes_on_when_there_is_room(database):
    store = SqliteStore(database)
    store.create_user(a_user())
    with database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(DatabaseError, match="full"):
        store.put_label(a_label(features=bytes(200_000)))

    assert store.label("ann", "tinder:1") is None
    assert store.user("ann") == a_user()
    assert store.put_label(a_label(features=bytes(200_000))) is True


def test_a_file_locked_by_somebody_else_raises_in_the_end(path, monkeypatch):
    monkeypatch.setattr("local.database.BUSY_S", 0.1)
    database = Database(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseError, match="locked"):
        SqliteStore(database).create_user(a_user())

    other.close()
    assert SqliteStore(database).create_user(a_user()) is True
    database.close()


def test_closing_waits_for_nobody_and_loses_nothing(path):
    database = Database(path)
    store, stored = SqliteStore(database), []
    store.create_user(a_user())

    def write():
        try:
            for number in range(1000):
                store.put_label(a_label(f"a:{number}"))
                stored.append(f"a:{number}")
        except DatabaseError:
            return

    writer = Thread(target=write)
    writer.start()
    while len(stored) < 20:
        pass
    database.close()
    writer.join()

    again = Database(path)
    assert {label.card_id for label in SqliteStore(again).labels("ann")} >= set(stored)
    again.close()


def test_transactions_hold_against_other_connections_too(path, database):
    other = Database(path)
    stores = SqliteStore(database), SqliteStore(other)
    stores[0].create_user(a_user())

    for slot in range(50):
        session, at, until = a_session(due_at=later(slot)), later(slot), later(slot + 1)
        takes = [partial(s.take_lease, session, owner="one", at=at, until=until) for s in stores]
        leases = race_each(takes)
        assert [isinstance(lease, Lease) for lease in leases].count(True) == 1

    other.close()


def test_leases_of_a_dead_process_are_released_and_stay_fenced_out(database):
    store = SqliteStore(database)
    for user_id in ("ann", "bob", "cat"):
        store.create_user(a_user(user_id))
    for user_id in ("ann", "bob"):
        lease_of(store, user_id, until=later(600))
    before = store.user("ann")

    assert store.release_all_leases() == 2

    assert store.user("ann") == before.model_copy(update={"lease": None})
    assert store.user("cat") == a_user("cat")
    again = store.take_lease(a_session(), owner="again", at=NOW, until=later(60))
    assert again.fence == 2
    assert store.begin_action(**action()) == "lease lost"
    assert store.record_decision(a_decision(), fence=1) is False


def test_the_due_index_is_sparse_and_used(database):
    with database.reading() as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT user_id, due_at FROM users WHERE due_at <= 1").fetchall()

    assert "COVERING INDEX due_users" in plan[0][3]
