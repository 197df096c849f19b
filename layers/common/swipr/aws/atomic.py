"""Changes of items that are one: read together, decided upon, written on the condition that nothing changed between.

Each write leaves a random mark on the item. A mark seen before is a mark nobody wrote over, so an item that was
deleted and made anew is never taken for the one that was read.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from swipr.aws.errors import AwsError, call
from swipr.aws.tables import MARK, Item, Key, attribute

#: New attributes of an item, or None to delete it.
Changes = Mapping[Key, Item | None]

_T = TypeVar("_T")

TRIES = 12
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.5
#: Reasons of a cancelled transaction that another try may not meet again.
_PASSING: Final = frozenset(
    {"None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)
_CONFLICTS: Final = frozenset(
    {"ConditionalCheckFailedException", "TransactionConflictException", "TransactionInProgressException"}
)


class ConflictingWritesError(AwsError):
    """Somebody else wrote in between, or was about to."""


class Atomic:
    """Reads and writes by one client; `sleep`, `chance` (0 to 1) and `mark` are given by tests."""

    def __init__(
        self,
        client: Any,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        mark: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.client = client
        self._sleep, self._chance, self._mark = sleep, chance, mark

    def pause(self, tries: int) -> None:
        """Wait after so many tries failed: longer each time, and by chance, so that rivals do not meet again."""
        self._sleep(self._chance() * min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**tries))

    def read(self, *keys: Key) -> list[Item | None]:
        """The items as they were at one moment; None for an absent one. Raises AwsError."""
        return self._persist(lambda: self._read(keys))

    def change(self, keys: tuple[Key, ...], decide: Callable[..., tuple[_T, Changes]]) -> _T:
        """What `decide` answers to the items of the keys, once its changes to them are made.

        `decide` is asked again, with the items as they then are, when one of them was changed meanwhile. No changes
        leave everything as it is. Raises AwsError, also when others keep changing the items.
        """
        tried: dict[str, _T] = {}
        try:
            return self._persist(lambda: self._change(keys, decide, tried))
        except AwsError as error:
            if tried and _may_have_happened(error) and (made := _made(self._read_at_last(keys), tried)):
                return made[0]
            raise

    def _persist(self, attempt: Callable[[], _T]) -> _T:
        for tries in range(1, TRIES):
            try:
                return attempt()
            except ConflictingWritesError:
                self.pause(tries)
        return attempt()

    def _read(self, keys: tuple[Key, ...]) -> list[Item | None]:
        possible = [key for key in keys if key.is_possible]
        items = dict(zip(possible, self._get(possible), strict=True))
        return [items.get(key) for key in keys]

    def _get(self, keys: list[Key]) -> list[Item | None]:
        """Several in a transaction: read one after the other, the items could be of different moments."""
        gets = [{"TableName": key.table.name, "Key": key.attributes} for key in keys]
        if not gets:
            return []
        if len(gets) == 1:
            return [_call(self.client, "get_item", **gets[0], ConsistentRead=True).get("Item")]
        answers = _call(self.client, "transact_get_items", TransactItems=[{"Get": get} for get in gets])["Responses"]
        return [answer.get("Item") for answer in answers]

    def _read_at_last(self, keys: tuple[Key, ...]) -> list[Item | None]:
        """Nothing found where that cannot be read either."""
        try:
            return self._read(keys)
        except AwsError:
            return []

    def _change(self, keys: tuple[Key, ...], decide: Callable[..., tuple[_T, Changes]], tried: dict[str, _T]) -> _T:
        """`tried`: the answers by the marks of the writes so far, of which one may have been made unheard."""
        items = self._read(keys)
        if made := _made(items, tried):
            return made[0]
        answer, changes = decide(*items)
        seen = dict(zip(keys, items, strict=True))
        if changes:
            mark = self._mark()
            tried[mark] = answer
            self._write(seen, changes, mark)
        return answer

    def _write(self, seen: Mapping[Key, Item | None], changes: Changes, mark: str) -> None:
        writes = [_write_of(key, seen[key], changes[key], mark) for key in changes]
        checks = [{"ConditionCheck": _unchanged(key, seen[key])} for key in seen if key not in changes]
        if len(writes) == 1 and not checks and "Put" in writes[0]:
            self._put(writes[0]["Put"], mark)
        else:  # a single deletion too: a transaction that is sent twice, as its answer was lost, happens once
            _call(self.client, "transact_write_items", TransactItems=[*writes, *checks])

    def _put(self, put: Item, mark: str) -> None:
        try:
            _call(self.client, "put_item", **put, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ConflictingWritesError as error:
            # The SDK sends again what got no answer, and then meets its own write.
            if error.answer.get("Item", {}).get(MARK) != attribute(mark):
                raise


def _may_have_happened(error: AwsError) -> bool:
    """No answer, an internal error, or a conflict, which may be with the call's own first try."""
    status: int = error.answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return isinstance(error, ConflictingWritesError) or status >= 500


def _made(items: Iterable[Item | None], tried: Mapping[str, _T]) -> tuple[_T] | None:
    """The answer of the write whose mark one of the items carries."""
    marks = [item[MARK]["S"] for item in items if item and MARK in item]
    return next(((tried[mark],) for mark in marks if mark in tried), None)


def _write_of(key: Key, seen: Item | None, item: Item | None, mark: str) -> dict[str, Item]:
    condition = _unchanged(key, seen)
    if item is None:
        return {"Delete": condition}
    del condition["Key"]
    return {"Put": condition | {"Item": key.attributes | item | {MARK: attribute(mark)}}}


def _unchanged(key: Key, seen: Item | None) -> Item:
    """The condition that the item still is what was seen."""
    where = {"TableName": key.table.name, "Key": key.attributes}
    if seen is None:
        return where | {"ConditionExpression": "attribute_not_exists(user_id)"}
    names, values = {"#mark": MARK}, {":seen": seen[MARK]}
    condition = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    return where | condition | {"ConditionExpression": "#mark = :seen"}


def _call(client: Any, operation: str, **arguments: Any) -> Any:
    """As `call`. Raises ConflictingWritesError for what another try may not meet again."""
    try:
        return call(client, operation, **arguments)
    except AwsError as error:
        reasons = [str(reason.get("Code", "None")) for reason in error.answer.get("CancellationReasons", [])]
        lasting = [reason for reason in reasons if reason not in _PASSING]
        if lasting:
            raise AwsError(error.service, operation, lasting[0], error.answer) from None
        if reasons or error.code in _CONFLICTS:
            raise ConflictingWritesError(error.service, operation, error.code, error.answer) from None
        raise
