"""docs/permissions.md from the template: who may do what on what. `make permissions` writes it."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bundle.reasons import reasons
from bundle.tools import ROOT, BuildError
from bundle.translation import translated

TEMPLATE = ROOT / "template.yaml"
PAGE = ROOT / "docs" / "permissions.md"
_BUCKET = "arn:${AWS::Partition}:s3:::${AWS::StackName}-${AWS::AccountId}-${AWS::Region}"
_APART = {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"}
_PARTS = {"Action", "Condition", "Effect", "Resource", "Sid"}
_HEAD = """# Who may do what

Made of `template.yaml`, as SAM translates it, by `make permissions`; a test compares the two. Each role is one
program's, and what stands here is all that it may do. No action has a `*`; a resource `*` has its reason beside it.
Resources are named as in the template; `Bucket/x/*` is every object whose key begins with `x/`.
"""


class Right(NamedTuple):
    """One action of one role; `only` is in words, empty for always."""

    action: str
    resources: tuple[str, ...]
    only: str


class Role(NamedTuple):
    name: str
    users: tuple[str, ...]
    rights: tuple[Right, ...]
    managed: tuple[str, ...]


def roles(template: Path = TEMPLATE) -> list[Role]:
    """Of every role in the stack, by name. Raises BuildError for a star without a reason, or a right hidden apart."""
    resources = translated(template)["Resources"]
    if apart := [name for name, body in resources.items() if body["Type"] in _APART]:
        raise BuildError(f"{', '.join(apart)}: write it in its role, where it is seen")
    why = reasons(template)
    return [
        Role(name, _users(name, resources), tuple(_rights(name, body, why)), tuple(map(_text, _managed(body))))
        for name, body in sorted(resources.items())
        if body["Type"] == "AWS::IAM::Role"
    ]


def _managed(body: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = body["Properties"].get("ManagedPolicyArns", [])
    return found


def _users(role: str, resources: Mapping[str, Any]) -> tuple[str, ...]:
    """The functions that run under it, else the service that takes it."""
    reference = {"Fn::GetAtt": [role, "Arn"]}
    found = [name for name, body in resources.items() if body.get("Properties", {}).get("Role") == reference]
    trusted = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    return tuple(found) or tuple(_text(name) for each in trusted for name in _listed(each["Principal"]["Service"]))


def _rights(role: str, body: Mapping[str, Any], why: Mapping[tuple[str, str], str]) -> Iterator[Right]:
    """One an action and condition: what several statements allow stands together."""
    found: dict[tuple[str, str], set[str]] = {}
    for policy in body["Properties"].get("Policies", []):
        for condition, statement in _statements(policy["PolicyDocument"]["Statement"]):
            for action in _listed(statement["Action"]):
                places = {_place(each) for each in _listed(statement["Resource"])}
                only = _only(role, action, places, condition, statement, why)
                found.setdefault((action, only), set()).update(places)
    yield from (Right(action, tuple(sorted(places)), only) for (action, only), places in sorted(found.items()))


def _statements(listed: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each with the condition of the template under which it is there at all. Raises BuildError for other kinds."""
    for each in _listed(listed):
        condition, statement = ("", each) if "Fn::If" not in each else each["Fn::If"][:2]
        if statement.get("Effect") != "Allow" or set(statement) - _PARTS:
            raise BuildError(f"{statement}: allow by {', '.join(sorted(_PARTS))}, or teach bundle/permissions.py")
        yield condition, statement


def _only(
    role: str, action: str, places: set[str], condition: str, statement: Mapping[str, Any],
    why: Mapping[tuple[str, str], str],
) -> str:  # fmt: skip
    said = [f"if {condition}"] if condition else []
    for operator, tests in statement.get("Condition", {}).items():
        said += [f"{operator} {key}: {', '.join(map(_text, _listed(value)))}" for key, value in tests.items()]
    if "*" in places:
        if (role, action) not in why:
            raise BuildError(f"{role} may {action} on *: say why in a comment behind that * in template.yaml")
        said.append(why[role, action])
    return "; ".join(said)


def _place(resource: Any) -> str:
    text = _text(resource).replace(_BUCKET, "Bucket")
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)


def _text(value: Any) -> str:
    """A value of the template in few words."""
    if isinstance(value, str):
        return value
    ((name, inside),) = value.items()
    if name == "Fn::GetAtt":
        return str(inside[0])
    if name in ("Ref", "Fn::Sub"):
        return str(inside)
    return json.dumps(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- the page ------------------------------------------------------------------------------------------


def page(found: list[Role]) -> str:
    return "\n".join([_HEAD, *map(_section, found)])


def _section(role: Role) -> str:
    rows = [f"| `{right.action}` | {_ticked(right.resources)} | {right.only} |" for right in role.rights]
    managed = [f"| managed policy | {name} | |" for name in role.managed]
    head = f"## {', '.join(role.users)} ({role.name})\n\n| may | on | only |\n|---|---|---|"
    return "\n".join([head, *rows, *managed, ""])


def _ticked(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    try:
        text = page(roles())
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
