"""Where records lie in DynamoDB: the tables, and the keys of their items."""

from typing import Any, NamedTuple, Self

from swipr.settings import Settings

#: An item's attributes as DynamoDB writes them, for example {"user_id": {"S": "ann"}}.
Item = dict[str, Any]

#: The random mark of an item's last write: writing on its condition means that nobody wrote in between.
MARK = "rev"
# As DynamoDB has it, bytes; and digits of a number.
_HASH_BYTES, _RANGE_BYTES, _DIGITS = 2048, 1024, 38


class Table(NamedTuple):
    name: str
    sort: str = ""
    """The sort key's attribute; empty where there is none."""


class Key(NamedTuple):
    table: Table
    user_id: str
    sort: str | int = ""

    @property
    def attributes(self) -> Item:
        hashed: Item = {"user_id": {"S": self.user_id}}
        return hashed | {self.table.sort: attribute(self.sort)} if self.table.sort else hashed

    @property
    def is_possible(self) -> bool:
        """Whether an item can have it at all: DynamoDB answers an impossible key with an error, not with nothing."""
        return _fits(self.user_id, _HASH_BYTES) and (not self.table.sort or _fits(self.sort, _RANGE_BYTES))


class Tables(NamedTuple):
    users: Table
    decisions: Table
    acted: Table
    labels: Table
    models: Table
    matches: Table
    requests: Table

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            users=Table(settings.users_table),
            decisions=Table(settings.decisions_table, "card_id"),
            acted=Table(settings.acted_table, "acted_key"),
            labels=Table(settings.labels_table, "card_id"),
            models=Table(settings.models_table, "version"),
            matches=Table(settings.matches_table, "match_id"),
            requests=Table(settings.requests_table, "request_key"),
        )


def attribute(value: str | int | bytes) -> dict[str, Any]:
    """The value as DynamoDB writes it."""
    if isinstance(value, bytes):
        return {"B": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _fits(value: str | int, most: int) -> bool:
    return len(str(value)) <= _DIGITS if isinstance(value, int) else 1 <= len(value.encode()) <= most
