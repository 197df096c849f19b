"""Many items at a time: queries page by page, and batches whose unfinished part is asked for again."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from swipr.aws.errors import AwsError, call
from swipr.aws.tables import Item, Key, Table

TRIES = 8
_GETS, _WRITES = 100, 25  # of one batch, as DynamoDB has it


class Pausing(Protocol):
    client: Any

    def pause(self, tries: int) -> None: ...


def of_user(client: Any, table: Table, user_id: str, **more: Any) -> Iterator[Item]:
    """The user's items of a table by sort key, however many; `more` goes into the query."""
    names = {"#user": "user_id"} | more.pop("ExpressionAttributeNames", {})
    values = {":user": {"S": user_id}} | more.pop("ExpressionAttributeValues", {})
    condition = " AND ".join(["#user = :user", *more.pop("conditions", [])])
    arguments = {"TableName": table.name, "KeyConditionExpression": condition}
    consistent = {} if "IndexName" in more else {"ConsistentRead": True}
    expressions = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    yield from pages(client, "query", **arguments, **expressions, **consistent, **more)


def pages(client: Any, operation: str, **arguments: Any) -> Iterator[Item]:
    """The items of all pages of a query or scan. Raises AwsError."""
    while True:
        page = call(client, operation, **arguments)
        yield from page.get("Items", [])
        if not page.get("LastEvaluatedKey"):
            return
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def get_many(asker: Pausing, keys: Iterable[Key], *attributes: str) -> Iterator[Item]:
    """Those of the items that exist, in no order, each with these attributes. Keys are of one table."""
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    wanted = {"ConsistentRead": True, "ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    for batch in _batches((key for key in dict.fromkeys(keys) if key.is_possible), _GETS):
        requests = {batch[0].table.name: wanted | {"Keys": [key.attributes for key in batch]}}
        for answer in _until_done(asker, "batch_get_item", requests, "UnprocessedKeys"):
            yield from answer["Responses"].get(batch[0].table.name, [])


def delete_many(asker: Pausing, keys: Iterable[Key]) -> int:
    """Delete the items, absent or not; how many were named. Keys are of one table."""
    count = 0
    for batch in _batches(keys, _WRITES):
        deletes = [{"DeleteRequest": {"Key": key.attributes}} for key in batch]
        count += len(batch)
        for _ in _until_done(asker, "batch_write_item", {batch[0].table.name: deletes}, "UnprocessedItems"):
            pass
    return count


def _until_done(asker: Pausing, operation: str, requests: Mapping[str, Any], left: str) -> Iterator[Item]:
    """Every answer, until nothing is left. Raises AwsError when something still is after `TRIES`."""
    for tries in range(1, TRIES + 1):
        answer = call(asker.client, operation, RequestItems=requests)
        yield answer
        requests = answer.get(left) or {}
        if not requests:
            return
        asker.pause(tries)
    raise AwsError("dynamodb", operation, left)


def _batches(keys: Iterable[Key], size: int) -> Iterator[list[Key]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch
