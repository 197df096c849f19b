"""Decisions, what was acted on, and models in DynamoDB."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from swipr import transitions
from swipr.aws import bulk, items
from swipr.aws.atomic import Changes
from swipr.aws.store_part import Part, known, user_change
from swipr.aws.tables import Item, Key, attribute
from swipr.models import Decision, ModelVersion, State, is_final

#: Items of one page; a page that gives less than was asked for is followed by another.
_PAGE_MOST = 500


class Records(Part):
    """The part of `ports.Store` about decisions and models, and the deletion of everything of a user."""

    def record_decision(self, decision: Decision, *, fence: int) -> bool:
        if decision.state not in ("dry_run", "unsure"):
            raise ValueError(f"a {decision.state} decision is recorded by begin_action")
        keys = self._user(decision.user_id), self._decision(decision.user_id, decision.card_id)

        def decide(user_item: Item | None, stored: Item | None) -> tuple[bool, Changes]:
            user = items.user_of(user_item)
            if user is None or not transitions.may_be_recorded(user, items.decision_of(stored), fence=fence):
                return False, {}
            holding = user_change(user, transitions.holding(user, decision), keys[0])
            return True, {**holding, keys[1]: items.decision_item(decision)}

        return self._atomic.change(keys, decide)

    def decision(self, user_id: str, card_id: str, *, at: datetime) -> Decision | None:
        decision = items.decision_of(self._atomic.read(self._decision(user_id, card_id))[0])
        return decision if decision and decision.expires_at > at else None

    def decisions(
        self, user_id: str, *, at: datetime, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Decision]:
        if limit < 1:
            return []
        found = bulk.of_user(self._client, self._tables.decisions, user_id, **_by_time(at, limit, before))
        decisions = (Decision.model_validate_json(item["record"]["S"]) for item in found)
        return list(islice((decision for decision in decisions if decision.expires_at > at), limit))

    def acted(self, user_id: str, acted_keys: Iterable[str]) -> Mapping[str, State]:
        keys = (Key(self._tables.acted, user_id, acted_key) for acted_key in acted_keys)
        found = bulk.get_many(self._atomic, keys, "acted_key", "state")
        return {item["acted_key"]["S"]: item["state"]["S"] for item in found}

    def attribute_match(self, user_id: str, card_id: str, *, match_id: str) -> bool:
        key = self._decision(user_id, card_id)

        def decide(item: Item | None) -> tuple[bool, Changes]:
            decision = transitions.attributed(items.decision_of(item), match_id)
            return (True, {key: items.decision_item(decision)}) if decision else (False, {})

        return self._atomic.change((key,), decide)

    def forget_card(self, user_id: str, card_id: str, *, forgotten_key: str | None = None) -> Decision | None:
        keys: tuple[Key, ...] = self._user(user_id), self._decision(user_id, card_id)
        if forgotten_key is not None:
            keys += (Key(self._tables.acted, user_id, forgotten_key),)

        def decide(user_item: Item | None, stored: Item | None, *_: Item | None) -> tuple[Decision | None, Changes]:
            user, changes = items.user_of(user_item), dict[Key, Item | None]()
            if user is None:
                return None, {}
            changes |= user_change(user, transitions.not_holding(user, card_id), keys[0])
            changes |= {key: items.acted_item("unknown") for key in keys[2:]}
            return items.decision_of(stored), changes | ({keys[1]: None} if stored else {})

        return self._atomic.change(keys, decide)

    def restore_decision(self, decision: Decision, *, acted_key: str) -> bool:
        user_id = decision.user_id
        acted = Key(self._tables.acted, user_id, acted_key)
        keys = self._user(user_id), self._decision(user_id, decision.card_id), acted

        def decide(user: Item | None, *stored: Item | None) -> tuple[bool, Changes]:
            known(user, user_id)
            if any(stored):
                return False, {}
            final: Changes = {acted: items.acted_item(decision.state)} if is_final(decision.state) else {}
            return True, {keys[1]: items.decision_item(decision), **final}

        return self._atomic.change(keys, decide)

    # models

    def put_model(self, model: ModelVersion) -> bool:
        keys = self._user(model.user_id), Key(self._tables.models, model.user_id, model.version)

        def decide(user: Item | None, stored: Item | None) -> tuple[bool, Changes]:
            known(user, model.user_id)
            return (False, {}) if stored else (True, {keys[1]: items.model_item(model)})

        return self._atomic.change(keys, decide)

    def model(self, user_id: str, version: int) -> ModelVersion | None:
        (item,) = self._atomic.read(Key(self._tables.models, user_id, version))
        return items.model_of(item) if item else None

    def models(self, user_id: str, *, limit: int = 50) -> Sequence[ModelVersion]:
        if limit < 1:
            return []
        newest_first = {"ScanIndexForward": False, "Limit": limit}
        found = bulk.of_user(self._client, self._tables.models, user_id, **newest_first)
        return [items.model_of(item) for item in islice(found, limit)]

    # housekeeping

    def delete_expired(self, at: datetime) -> int:  # noqa: ARG002 - the tables do it by themselves
        return 0

    def delete_records(self, user_id: str) -> int:
        tables = self._tables
        of_user = (tables.decisions, tables.acted, tables.labels, tables.models, tables.matches, tables.requests)
        return sum(self._delete_all(Key(table, user_id)) for table in of_user)

    def _delete_all(self, any_key: Key) -> int:
        """Everything of the key's user in the key's table; how many records there were."""
        table, user_id, _ = any_key
        only_keys = {"ProjectionExpression": "#sort", "ExpressionAttributeNames": {"#sort": table.sort}}
        found = [item[table.sort] for item in bulk.of_user(self._client, table, user_id, **only_keys)]
        sorts: list[str | int] = [int(value["N"]) if "N" in value else value["S"] for value in found]
        bulk.delete_many(self._atomic, (Key(table, user_id, sort) for sort in sorts))
        return sum(not items.is_features_key(sort) for sort in sorts)

    def _decision(self, user_id: str, card_id: str) -> Key:
        return Key(self._tables.decisions, user_id, card_id)


def _by_time(at: datetime, limit: int, before: tuple[datetime, str] | None) -> dict[str, Any]:
    """A query of ByTime: what surely has expired is left out there, the rest is looked at by the reader."""
    values = {":now": attribute(int(at.timestamp()))}
    query = {
        "IndexName": "ByTime",
        "ScanIndexForward": False,
        "FilterExpression": "expires_at > :now",
        "Limit": min(limit, _PAGE_MOST),
    }
    if before is None:
        return query | {"ExpressionAttributeValues": values}
    place = {":before": attribute(items.place(*before))}
    return query | {"ExpressionAttributeValues": values | place, "conditions": ["decided_at < :before"]}
