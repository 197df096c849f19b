"""Users and their schedule in SQLite."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from local import records
from local.database import Database, micros, moment
from swipr import transitions
from swipr.errors import NotFoundError
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

    def user_ids(self) -> Sequence[str]:
        with self._database.reading() as db:
            return [user_id for (user_id,) in db.execute("SELECT user_id FROM users ORDER BY user_id")]

    def delete_user(self, user_id: str, *, at: datetime) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is not None and not transitions.may_be_deleted(user, at=at):
                return False
            db.execute("DELETE FROM users WHERE user_id = ?", (user_id,))
            return True

    def switch(self, user_id: str, *, enabled: bool, at: datetime, status: Status, reason: str = "") -> User:
        return self._change(
            user_id, lambda user: transitions.switched(user, enabled=enabled, at=at, status=status, reason=reason)
        )

    def set_acting(self, user_id: str, *, acting_on: str | None) -> User:
        return self._change(user_id, lambda user: user.model_copy(update={"acting_on": acting_on}))

    def save_settings(self, user_id: str, settings: UserSettings, *, revision: int) -> User:
        return self._change(user_id, lambda user: transitions.with_settings(user, settings, revision=revision))

    def connect_deck(self, user_id: str, *, deck: str, sealed_token: bytes | None, at: datetime) -> User:
        return self._change(
            user_id, lambda user: transitions.connected(user, deck=deck, sealed_token=sealed_token, at=at)
        )

    def hear_deck(
        self,
        user_id: str,
        *,
        deck: str,
        connected_at: datetime | None,
        at: datetime,
        wait_until: datetime | None = None,
        refused: str | None = None,
    ) -> bool:
        said: dict[str, Any] = {"at": at, "wait_until": wait_until, "refused": refused}
        return self._change_if(
            user_id, lambda user: transitions.heard_of_deck(user, deck=deck, connected_at=connected_at, **said)
        )

    def forget_deck(self, user_id: str) -> User:
        return self._change(user_id, transitions.without_deck_token)

    def set_matches_read(self, user_id: str, *, at: datetime) -> None:
        self._change_if(user_id, lambda user: user.model_copy(update={"matches_read_at": at}))

    def set_champion(self, user_id: str, version: int, *, expected: int | None) -> bool:
        return self._change_if(
            user_id, lambda user: transitions.with_champion(user, version) if user.champion == expected else None
        )

    def set_shadow(self, user_id: str, version: int | None, *, expected: int | None) -> bool:
        return self._change_if(
            user_id, lambda user: user.model_copy(update={"shadow": version}) if user.shadow == expected else None
        )

    def set_handoff(self, user_id: str, handoff: Handoff, *, expected: Handoff | None) -> bool:
        return self._change_if(
            user_id, lambda user: user.model_copy(update={"handoff": handoff}) if user.handoff == expected else None
        )

    def wake(self, user_id: str, *, at: datetime) -> bool:
        return self._change_if(user_id, lambda user: transitions.woken(user, at=at))

    def release_held(self, user_id: str, card_ids: Sequence[str]) -> None:
        self._change_if(user_id, lambda user: transitions.released(user, card_ids))

    def due_users(self, at: datetime, *, limit: int) -> Sequence[DueUser]:
        statement = "SELECT user_id, due_at FROM users WHERE due_at <= ? ORDER BY due_at, user_id LIMIT ?"
        with self._database.reading() as db:
            rows = db.execute(statement, (micros(at), limit)).fetchall()
        return [DueUser(user_id=user_id, due_at=moment(due)) for user_id, due in rows]

    def claim_slot(self, due: DueUser, *, next_due_at: datetime) -> bool:
        return self._change_if(due.user_id, lambda user: transitions.claimed(user, due, next_due_at=next_due_at))

    def _change(self, user_id: str, change: Callable[[User], User]) -> User:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None:
                raise NotFoundError(f"no user {user_id}")
            user = change(user)
            records.write_user(db, user)
            return user

    def _change_if(self, user_id: str, change: Callable[[User], User | None]) -> bool:
        """False, and nothing changed, for an unknown user or if the change is None."""
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            changed = change(user) if user else None
            if changed is None:
                return False
            records.write_user(db, changed)
            return True
