"""What the parts of the store share: the tables, and changing one user."""

from collections.abc import Callable
from typing import Any

from swipr.aws import items
from swipr.aws.atomic import Atomic, Changes
from swipr.aws.tables import Item, Key, Tables
from swipr.errors import NotFoundError
from swipr.models import User


class Part:
    def __init__(self, client: Any, tables: Tables, **pacing: Any) -> None:
        """`pacing`: see `Atomic`."""
        self._client, self._tables = client, tables
        self._atomic = Atomic(client, **pacing)

    def _user(self, user_id: str) -> Key:
        return Key(self._tables.users, user_id)

    def _change_user(self, user_id: str, change: Callable[[User], User]) -> User:
        """Raises NotFoundError."""

        def decide(item: Item | None) -> tuple[User, Changes]:
            user = known(item, user_id)
            changed = change(user)
            return changed, user_change(user, changed, self._user(user_id))

        return self._atomic.change((self._user(user_id),), decide)

    def _change_user_if(self, user_id: str, change: Callable[[User], User | None]) -> bool:
        """False, and nothing changed, for an unknown user or if the change is None."""

        def decide(item: Item | None) -> tuple[bool, Changes]:
            user = items.user_of(item)
            changed = change(user) if user else None
            if user is None or changed is None:
                return False, {}
            return True, user_change(user, changed, self._user(user_id))

        return self._atomic.change((self._user(user_id),), decide)


def known(item: Item | None, user_id: str) -> User:
    """Raises NotFoundError."""
    user = items.user_of(item)
    if user is None:
        raise NotFoundError(f"no user {user_id}")
    return user


def user_change(user: User, changed: User, key: Key) -> Changes:
    return {key: items.user_item(changed)} if changed != user else {}
