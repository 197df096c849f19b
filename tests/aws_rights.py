"""The rights of a function as template.yaml grants them: whatever is asked of AWS without one is an error."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import boto3

from tests.aws_stack import AwsStack

#: Who asks now: a function's logical id; nobody's rights are looked at while it is empty.
_asking: list["Rights"] = []

_PARTS = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}


class Rights:
    """`granted` and `used` are pairs of action and resource; tables and the key go by their logical ids."""

    def __init__(self, world: AwsStack, function: str) -> None:
        self.function = function
        self.granted = set(world.grants(function))
        self.used: set[tuple[str, str]] = set()
        self._logical = {physical: f"arn:aws:none:::{name}" for name, physical in world.physical.items()}

    def check(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        for action, resource in _needed(service, operation, params, self._logical):
            grants = {each for each in self.granted if each[0] == action and fnmatchcase(resource, each[1])}
            assert grants, f"{self.function} may not {action} on {resource}"
            self.used |= grants


@contextmanager
def only_rights_of(world: AwsStack, function: str) -> Iterator[Rights]:
    """Until the block is left, every call by a client of this world needs a right of the function."""
    rights = Rights(world, function)
    _asking.append(rights)
    try:
        yield rights
    finally:
        _asking.pop()


@contextmanager
def watched() -> Iterator[None]:
    """Clients made meanwhile are watched; enter it inside of `moto_world`, which begins a session anew."""
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("before-parameter-build", _look)
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = None


def _look(params: Mapping[str, Any], model: Any, **_: Any) -> None:
    if _asking:
        _asking[-1].check(model.service_model.service_name, model.name, params)


def _needed(
    service: str, operation: str, params: Mapping[str, Any], logical: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    if service == "dynamodb":
        yield from _of_tables(operation, params, logical)
    elif service == "s3":
        yield from _of_objects(operation, params)
    else:
        place = logical[params.get("QueueUrl") or params["KeyId"]]
        yield f"{service}:{operation.removesuffix('Batch')}", place  # a batch of messages asks for the same right


def _of_tables(operation: str, params: Mapping[str, Any], logical: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if operation.startswith("Transact"):
        for part in params["TransactItems"]:
            ((kind, body),) = part.items()
            yield f"dynamodb:{'GetItem' if kind == 'Get' else _PARTS[kind]}", logical[body["TableName"]]
    elif operation.startswith("Batch"):
        for table in params["RequestItems"]:
            yield f"dynamodb:{operation}", logical[table]
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield f"dynamodb:{operation}", logical[params["TableName"]] + index


def _of_objects(operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if operation == "ListObjectsV2":
        yield "s3:ListBucket", f"{bucket} {params['Prefix']}"
    elif operation == "DeleteObjects":
        for each in params["Delete"]["Objects"]:
            yield "s3:DeleteObject", f"{bucket}/{each['Key']}"
    else:
        yield f"s3:{operation}", f"{bucket}/{params['Key']}"
