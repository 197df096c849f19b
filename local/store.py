"""`ports.Store` in SQLite, one file for one machine."""

from local.store_matches import Matches, Requests
from local.store_records import Records
from local.store_sessions import Sessions
from local.store_users import Users


class SqliteStore(Users, Sessions, Records, Matches, Requests):
    """Every operation is one transaction, durable on return; safe from any number of threads.

    Raises DatabaseError when the file fails, ValueError for a number that is not finite.
    """
