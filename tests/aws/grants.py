"""What a function's role allows, taken apart: one action on one resource each, of which each can be taken out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from tests.aws.deployment import Stack

_PREFIX = "s3:prefix"
#: What the emulator asks where AWS asks for `sqs:SendMessage`; `deployment` adds it, here both are one right.
_ONE, _SEVERAL = "sqs:SendMessage", "sqs:SendMessageBatch"


class Grant(NamedTuple):
    """`prefix`: of the keys that may be listed, where the right is bound to one.

    `place`: the resource by its logical id, for example `Users`, `Decisions/index/ByTime` or `Bucket/labels/*`.
    """

    function: str
    action: str
    resource: str
    prefix: str
    place: str

    def __str__(self) -> str:
        return f"{self.action} {self.place}"


def grants(stack: Stack, function: str) -> list[Grant]:
    """All that the function's role allows, in the policy's order."""
    names = {physical.rpartition("/")[2]: logical for logical, physical in stack.physical.items()}
    found = [each for statement in _statements(stack, function) for each in _atoms(function, statement, names)]
    return [each for each in found if each.action != _SEVERAL]


@contextmanager
def without(stack: Stack, grant: Grant) -> Iterator[None]:
    """The function's role lacks this grant, and nothing else, until the block is left."""
    whole = grants(stack, grant.function)
    with _having(stack, grant.function, [each for each in whole if each != grant]):
        yield


@contextmanager
def also(stack: Stack, grant: Grant) -> Iterator[None]:
    """The function's role has this grant too until the block is left."""
    with _having(stack, grant.function, [*grants(stack, grant.function), grant]):
        yield


@contextmanager
def _having(stack: Stack, function: str, allowed: Iterable[Grant]) -> Iterator[None]:
    whole = grants(stack, function)
    _put(stack, function, allowed)
    try:
        yield
    finally:
        _put(stack, function, whole)


def role_of(stack: Stack, function: str) -> str:
    """Its name."""
    found = stack.emulator.client("lambda").get_function_configuration(FunctionName=stack.physical[function])
    role: str = found["Role"].rpartition("/")[2]
    return role


@cache
def _policy(stack_name: str, role: str, iam: Any) -> str:
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert not attached, "a role's rights are those written out in the template"
    only: str = name
    return only


def _statements(stack: Stack, function: str) -> list[dict[str, Any]]:
    iam, role = stack.emulator.client("iam"), role_of(stack, function)
    document = iam.get_role_policy(RoleName=role, PolicyName=_policy(stack.name, role, iam))["PolicyDocument"]
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def _atoms(function: str, statement: dict[str, Any], names: Mapping[str, str]) -> Iterator[Grant]:
    assert set(statement) <= {"Effect", "Action", "Resource", "Condition"}, statement
    assert statement["Effect"] == "Allow"
    prefixes = [""]
    if "Condition" in statement:
        assert set(statement["Condition"]) == {"StringLike"}, f"teach this the condition {statement['Condition']}"
        assert set(statement["Condition"]["StringLike"]) == {_PREFIX}
        prefixes = _listed(statement["Condition"]["StringLike"][_PREFIX])
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            for prefix in prefixes:
                place = f"{_place(resource, names)}/{prefix}" if prefix else _place(resource, names)
                yield Grant(function, action, resource, prefix, place)


def _place(resource: str, names: Mapping[str, str]) -> str:
    """Of an ARN, by the one physical id that stands in it as a whole."""
    parts = resource.split(":", 5)[-1].removesuffix(":*").split(":")[-1].split("/")
    found = [number for number, part in enumerate(parts) if part in names]
    if not found:
        whole = resource.split(":", 5)[-1].removesuffix(":*").removeprefix("log-group:")
        return names.get(whole.rpartition("/")[2], resource)
    return "/".join([names[parts[found[0]]], *parts[found[0] + 1 :]])


def _put(stack: Stack, function: str, allowed: Iterable[Grant]) -> None:
    iam, role = stack.emulator.client("iam"), role_of(stack, function)
    document = {"Version": "2012-10-17", "Statement": [_statement(each) for each in allowed]}
    policy = _policy(stack.name, role, iam)
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def _statement(grant: Grant) -> dict[str, Any]:
    bound = {"Condition": {"StringLike": {_PREFIX: [grant.prefix]}}} if grant.prefix else {}
    actions = [_ONE, _SEVERAL] if grant.action == _ONE else [grant.action]
    return {"Effect": "Allow", "Action": actions, "Resource": [grant.resource], **bound}


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
