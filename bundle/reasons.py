"""Why a statement of the template is about every resource: the comment behind its `*`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from local.intrinsics import TagLoader


def reasons(template: Path) -> dict[tuple[str, str], str]:
    """By role and action, of the roles that the template writes out."""
    text = template.read_text("utf-8")
    lines = text.splitlines()
    document = yaml.compose(text, Loader=TagLoader)
    found: dict[tuple[str, str], str] = {}
    for role, body in _pairs(_get(document, "Resources")):
        for statement in _mappings(body):
            star = _get(statement, "Resource")
            if isinstance(star, yaml.ScalarNode) and star.value == "*":
                _, _, said = lines[star.end_mark.line][star.end_mark.column :].partition("#")
                if said.strip():
                    found |= {(role, action): said.strip() for action in _actions(statement)}
    return found


def _actions(statement: Any) -> list[str]:
    node = _get(statement, "Action")
    if isinstance(node, yaml.SequenceNode):
        return [str(each.value) for each in node.value]
    return [str(node.value)] if node else []


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)


def _get(node: Any, name: str) -> Any:
    return dict(_pairs(node)).get(name)


def _mappings(node: Any) -> Iterator[Any]:
    """The node and everything in it that is a map."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in _pairs(node):
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _mappings(each)
