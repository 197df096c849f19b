"""Users and their schedule in SQLite."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from local import records
from local.database import Database, micros, moment
from swipr.errors import ConflictError, NotFoundError
from swipr.models import DueUser, Handoff, Status, User, UserSettings


class Users:
    """The part of `ports.Store` about users and when they are due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_user(self, user: User) -> bool:
        with self._database.transaction() as db:
            return records.add_user(db, user)

    def user(self, user_id: str) -> User | None:
        with self._database.reading() as db:
            return records.read_user(db, user_id)

    def switch(self, user_id: str, *, enabled: bool, at: datetime, status: Status) -> User:
        def switched(user: User) -> dict[str, Any]:
            due = max(at, user.deck_wait_until or at) if enabled else None
            return {"enabled": enabled, "switched_at": at, "status": status, "next_due_at": due}

        return self._change(user_id, switched)

    def set_acting(self, user_id: str, *, acting_on: str | None) -> User:
        return self._change(user_id, lambda _: {"acting_on": acting_on})

    def save_settings(self, user_id: str, settings: UserSettings, *, revision: int) -> User:
        def saved(user: User) -> dict[str, Any]:
            if user.settings_revision != revision:
                raise ConflictError(f"the settings are at revision {user.settings_revision}, not {revision}")
            return {"settings": settings, "settings_revision": revision + 1}

        return self._change(user_id, saved)

    def connect_deck(self, user_id: str, *, deck: str, sealed_token: bytes | None) -> User:
        def connected(user: User) -> dict[str, Any]:
            acting_on = user.acting_on if deck == user.deck else None
            return {"deck": deck, "deck_token": sealed_token, "acting_on": acting_on}

        return self._change(user_id, connected)

    def set_champion(self, user_id: str, version: int, *, expected: int | None) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or user.champion != expected:
                return False
            records.write_user(db, user.model_copy(update={"champion": version, "previous": expected}))
            return True

    def set_handoff(self, user_id: str, handoff: Handoff, *, expected: Handoff | None) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or user.handoff != expected:
                return False
            records.write_user(db, user.model_copy(update={"handoff": handoff}))
            return True

    def wake(self, user_id: str, *, at: datetime) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or not user.enabled:
                return False
            due = max(at, user.deck_wait_until or at)
            if user.next_due_at is not None and user.next_due_at <= due:
                return False
            records.write_user(db, user.model_copy(update={"next_due_at": due}))
            return True

    def due_users(self, at: datetime, *, limit: int) -> Sequence[DueUser]:
        statement = "SELECT user_id, due_at FROM users WHERE due_at <= ? ORDER BY due_at, user_id LIMIT ?"
        with self._database.reading() as db:
            rows = db.execute(statement, (micros(at), limit)).fetchall()
        return [DueUser(user_id=user_id, due_at=moment(due)) for user_id, due in rows]

    def claim_slot(self, due: DueUser, *, next_due_at: datetime) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, due.user_id)
            if user is None or not user.enabled or user.next_due_at != due.due_at:
                return False
            records.write_user(db, user.model_copy(update={"next_due_at": next_due_at}))
            return True

    def _change(self, user_id: str, changes: Callable[[User], dict[str, Any]]) -> User:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None:
                raise NotFoundError(f"no user {user_id}")
            user = user.model_copy(update=changes(user))
            records.write_user(db, user)
            return user
