"""Is what the template declares in force? Each property of each resource, beside what the services say of it."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.aws import readers_data, readers_door, readers_runs, readers_watch
from tests.aws.declared import resolved

if TYPE_CHECKING:
    from tests.aws.deployment import Stack

#: One reader a type: what its service says, in CloudFormation's words and shape, of what the template may declare.
READERS = {**readers_data.READERS, **readers_door.READERS, **readers_runs.READERS, **readers_watch.READERS}

#: Says that the service holds nothing there.
ABSENT = "(nothing)"
#: The path of a resource that was not made at all.
WHOLE = "(the whole of it)"


@dataclass(frozen=True)
class Difference:
    resource: str
    kind: str
    path: str
    declared: Any
    in_force: Any

    @property
    def property(self) -> str:
        """The property of the resource that it is in, without what lies below."""
        return re.split(r"[.\[]", self.path)[0]

    def __str__(self) -> str:
        return f"{self.resource} ({self.kind})\n    {self.path}: {self.declared!r}\n    in force: {self.in_force!r}"


class UnreadError(Exception):
    """A resource has no reader, so nothing of it could be compared; write one."""


def differences(
    stack: "Stack", template: Mapping[str, Any] | None = None, kinds: Collection[str] | None = None
) -> list[Difference]:
    """All that is declared and not in force; `template` is plain CloudFormation, by default what was deployed.

    A property that a reader does not know reads as absent, and so is among these. Raises UnreadError.
    """
    found = []
    for name, kind, properties in resolved(stack, template or stack.template):
        if kinds is not None and kind not in kinds:
            continue
        if kind not in READERS:
            raise UnreadError(f"{name}: nothing here reads {kind}")
        if in_force := _read(stack, name, kind, properties):
            found += [Difference(name, kind, *each) for each in compared("", properties, in_force)]
        else:
            found.append(Difference(name, kind, WHOLE, properties, ABSENT))
    return found


def _read(stack: "Stack", name: str, kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Empty where there is no such resource."""
    if name not in stack.physical:
        return {}
    try:
        return READERS[kind](stack.emulator, stack.physical[name], properties)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404 and "NotFound" not in str(error):
            raise
        return {}


def compared(path: str, declared: Any, in_force: Any) -> Iterator[tuple[str, Any, Any]]:
    """(path, declared, in force) of each leaf that differs; lists are sets, and maps may hold more in force.

    Numbers and truth values equal their text, as CloudFormation has it.
    """
    if isinstance(declared, Mapping) and isinstance(in_force, Mapping):
        for key, value in declared.items():
            yield from compared(f"{path}.{key}" if path else key, value, in_force.get(key, ABSENT))
    elif isinstance(declared, list) and isinstance(in_force, list):
        yield from _lists_compared(path, declared, in_force)
    elif _text(declared) != _text(in_force):
        yield path, declared, in_force


def _lists_compared(path: str, declared: list[Any], in_force: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Equals are put aside; each other declared element beside the one that is most like it, then what is left over."""
    left, odd = list(in_force), []
    for number, value in enumerate(declared):
        same = next((each for each in left if not list(compared("", value, each))), left)
        if same is left:
            odd.append((number, value))
        else:
            left.remove(same)
    for number, value in odd:
        if left:
            like = min(left, key=lambda each: len(list(compared("", value, each))))
            left.remove(like)
            yield from compared(f"{path}[{number}]", value, like)
        else:
            yield f"{path}[{number}]", value, ABSENT
    for value in left:
        yield f"{path}[+]", ABSENT, value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
