"""Stored records as items: the whole value as JSON, its bytes and what is searched for in attributes beside it."""

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from swipr.aws.tables import Item, attribute
from swipr.models import Decision, EarlierRequest, Label, MatchRecord, ModelVersion, State, User

#: DueUsers is asked shard by shard, so that its writes spread over that many places.
SHARDS = 64
#: Before a card's id: the features of its label. Sorts after every card's id, none of which begins so.
FEATURES = "~"
#: Before an id in Users that no user can have: what the install itself keeps there.
NO_USER = "#"
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"  # of one width, so that text sorts as time


def user_item(user: User) -> Item:
    item: Item = {"record": _json(user, "deck_token")}
    if user.deck_token is not None:
        item["deck_token"] = attribute(user.deck_token)
    if user.enabled and user.next_due_at:  # absent from DueUsers otherwise
        item |= {"due_shard": attribute(shard_of(user.user_id)), "next_due_at": attribute(stamp(user.next_due_at))}
    return item


def user_of(item: Item | None) -> User | None:
    if item is None:
        return None
    token = item["deck_token"]["B"] if "deck_token" in item else None
    return User.model_validate_json(item["record"]["S"]).model_copy(update={"deck_token": token})


def decision_item(decision: Decision) -> Item:
    by_time = place(decision.decided_at, decision.card_id)
    return {"record": _json(decision), "decided_at": attribute(by_time), "expires_at": _expiry(decision.expires_at)}


def decision_of(item: Item | None) -> Decision | None:
    return Decision.model_validate_json(item["record"]["S"]) if item else None


def acted_item(state: State) -> Item:
    return {"state": attribute(state)}


def acted_of(item: Item | None) -> State | None:
    return item["state"]["S"] if item else None


def label_item(label: Label) -> Item:
    return {"record": _json(label, "features")}


def features_item(label: Label) -> Item:
    return {"features": attribute(label.features)}


def label_of(item: Item | None, features: Item | None = None) -> Label | None:
    if item is None:
        return None
    body = features["features"]["B"] if features else b""
    return Label.model_validate(json.loads(item["record"]["S"]) | {"features": body})


def is_features_key(sort: str | int) -> bool:
    return isinstance(sort, str) and sort.startswith(FEATURES)


def model_item(model: ModelVersion) -> Item:
    return {"record": _json(model, "head"), "head": attribute(model.head)}


def model_of(item: Item) -> ModelVersion:
    return ModelVersion.model_validate(json.loads(item["record"]["S"]) | {"head": item["head"]["B"]})


def match_item(match: MatchRecord) -> Item:
    return {"record": _json(match), "expires_at": _expiry(match.expires_at)}


def match_of(item: Item | None) -> MatchRecord | None:
    return MatchRecord.model_validate_json(item["record"]["S"]) if item else None


def request_item(request: EarlierRequest, expires_at: datetime) -> Item:
    return {"record": _json(request), "expires_at": _expiry(expires_at), "until": attribute(stamp(expires_at))}


def request_of(item: Item | None) -> EarlierRequest | None:
    return EarlierRequest.model_validate_json(item["record"]["S"]) if item else None


def shard_of(user_id: str) -> int:
    return int.from_bytes(hashlib.sha256(user_id.encode()).digest()[:8], "big") % SHARDS


def place(decided_at: datetime, card_id: str) -> str:
    """Where a decision stands in ByTime: texts compare as the pairs do."""
    return f"{stamp(decided_at)} {card_id}"


def stamp(at: datetime) -> str:
    """Raises TypeError for a time without a zone."""
    if at.tzinfo is None:
        raise TypeError("a time without a zone")
    return at.astimezone(UTC).strftime(_STAMP)


def moment(text: str) -> datetime:
    """The aware UTC time that `stamp` wrote."""
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def _expiry(at: datetime) -> dict[str, Any]:
    """Whole seconds since 1970, never early: DynamoDB deletes by it, readers look at the record."""
    return attribute(math.ceil(at.timestamp()))


def _json(value: BaseModel, *without: str) -> dict[str, Any]:
    """Raises ValueError for a number that is not finite: JSON could not give it back."""
    fields: dict[str, Any] = value.model_dump(mode="json", exclude=set(without))
    return attribute(json.dumps(fields, separators=(",", ":"), allow_nan=False, ensure_ascii=False))
