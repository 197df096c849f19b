"""Users and their schedule in DynamoDB."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any

from swipr import transitions
from swipr.aws import bulk, items
from swipr.aws.atomic import Changes
from swipr.aws.store_part import Part
from swipr.aws.tables import Item, attribute
from swipr.models import DueUser, Handoff, Status, User, UserSettings

#: Shards of DueUsers asked at the same time.
_ASKED_AT_ONCE = 8


class Users(Part):
    """The part of `ports.Store` about users and when they are due."""

    def create_user(self, user: User) -> bool:
        key = self._user(user.user_id)

        def decide(stored: Item | None) -> tuple[bool, Changes]:
            return (False, {}) if stored else (True, {key: items.user_item(user)})

        return self._atomic.change((key,), decide)

    def user(self, user_id: str) -> User | None:
        return items.user_of(self._atomic.read(self._user(user_id))[0])

    def user_ids(self) -> Sequence[str]:
        # For whoever runs the install: reads the whole table.
        table = self._tables.users.name
        found = bulk.pages(self._client, "scan", TableName=table, ProjectionExpression="user_id", ConsistentRead=True)
        ids = (item["user_id"]["S"] for item in found)
        return sorted(user_id for user_id in ids if not user_id.startswith(items.NO_USER))

    def delete_user(self, user_id: str, *, at: datetime) -> bool:
        key = self._user(user_id)

        def decide(item: Item | None) -> tuple[bool, Changes]:
            user = items.user_of(item)
            if user is None:
                return True, {}
            return (True, {key: None}) if transitions.may_be_deleted(user, at=at) else (False, {})

        return self._atomic.change((key,), decide)

    def switch(self, user_id: str, *, enabled: bool, at: datetime, status: Status, reason: str = "") -> User:
        return self._change_user(
            user_id, lambda user: transitions.switched(user, enabled=enabled, at=at, status=status, reason=reason)
        )

    def set_acting(self, user_id: str, *, acting_on: str | None) -> User:
        return self._change_user(user_id, lambda user: user.model_copy(update={"acting_on": acting_on}))

    def save_settings(self, user_id: str, settings: UserSettings, *, revision: int) -> User:
        return self._change_user(user_id, lambda user: transitions.with_settings(user, settings, revision=revision))

    def connect_deck(self, user_id: str, *, deck: str, sealed_token: bytes | None, at: datetime) -> User:
        return self._change_user(
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
        return self._change_user_if(
            user_id, lambda user: transitions.heard_of_deck(user, deck=deck, connected_at=connected_at, **said)
        )

    def forget_deck(self, user_id: str) -> User:
        return self._change_user(user_id, transitions.without_deck_token)

    def set_matches_read(self, user_id: str, *, at: datetime) -> None:
        self._change_user_if(user_id, lambda user: user.model_copy(update={"matches_read_at": at}))

    def set_champion(self, user_id: str, version: int, *, expected: int | None) -> bool:
        return self._change_user_if(
            user_id, lambda user: transitions.with_champion(user, version) if user.champion == expected else None
        )

    def set_shadow(self, user_id: str, version: int | None, *, expected: int | None) -> bool:
        return self._change_user_if(
            user_id, lambda user: user.model_copy(update={"shadow": version}) if user.shadow == expected else None
        )

    def set_handoff(self, user_id: str, handoff: Handoff, *, expected: Handoff | None) -> bool:
        return self._change_user_if(
            user_id, lambda user: user.model_copy(update={"handoff": handoff}) if user.handoff == expected else None
        )

    def wake(self, user_id: str, *, at: datetime) -> bool:
        return self._change_user_if(user_id, lambda user: transitions.woken(user, at=at))

    def release_held(self, user_id: str, card_ids: Sequence[str]) -> None:
        self._change_user_if(user_id, lambda user: transitions.released(user, card_ids))

    def due_users(self, at: datetime, *, limit: int) -> Sequence[DueUser]:
        if limit < 1:
            return []
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            shards = pool.map(lambda shard: self._due_in(shard, at, limit), range(items.SHARDS))
            due = sorted((each for shard in shards for each in shard), key=lambda each: (each.due_at, each.user_id))
        return due[:limit]

    def claim_slot(self, due: DueUser, *, next_due_at: datetime) -> bool:
        return self._change_user_if(due.user_id, lambda user: transitions.claimed(user, due, next_due_at=next_due_at))

    def _due_in(self, shard: int, at: datetime, limit: int) -> list[DueUser]:
        """Of one shard, earliest first."""
        found = bulk.pages(
            self._client,
            "query",
            TableName=self._tables.users.name,
            IndexName="DueUsers",
            KeyConditionExpression="due_shard = :shard AND next_due_at <= :at",
            ExpressionAttributeValues={":shard": attribute(shard), ":at": attribute(items.stamp(at))},
            Limit=limit,
        )
        return [
            DueUser(user_id=item["user_id"]["S"], due_at=items.moment(item["next_due_at"]["S"]))
            for item in islice(found, limit)
        ]
