"""CloudFormation's YAML tags and functions: parameters, conditions, Ref, GetAtt, Sub, If and their like."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

NO_VALUE = object()

#: What CloudFormation would fill in; here they only have to be the same every time.
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::Region": "local",
    "AWS::StackName": "swipr",
    "AWS::URLSuffix": "localhost",
    "AWS::NoValue": NO_VALUE,
}


class TemplateError(Exception):
    """The template asks for something this runner does not play; names the resource and the next step."""


class TagLoader(yaml.SafeLoader):
    """Reads `!Ref x` as `{"Ref": "x"}` and `!Sub y` as `{"Fn::Sub": "y"}`; refuses a key written twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise TemplateError(f"line {node.start_mark.line + 1}: {key!r} is written twice; keep one of them")
        return super().construct_mapping(node, deep=deep)


def _construct_tag(loader: TagLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


TagLoader.add_multi_constructor("!", _construct_tag)


class Resolver:
    """Turns template values into plain ones.

    `reference(name, attribute)` says what a resource's Ref (attribute None) or GetAtt is on this machine.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        conditions: Mapping[str, Any],
        reference: Callable[[str, str | None], str],
    ) -> None:
        self._parameters = {**PSEUDO_PARAMETERS, **parameters}
        self._conditions = conditions
        self._reference = reference
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.holds,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": lambda v: str(v[0]).join(str(part) for part in self(v[1])),
            "Fn::Select": lambda v: self(v[1])[int(self(v[0]))],
            "Fn::Split": lambda v: str(self(v[1])).split(v[0]),
            "Fn::Equals": lambda v: str(self(v[0])) == str(self(v[1])),
            "Fn::Not": lambda v: not self(v[0]),
            "Fn::And": lambda v: all(self(part) for part in v),
            "Fn::Or": lambda v: any(self(part) for part in v),
        }

    def __call__(self, value: Any) -> Any:
        """The plain value; what resolves to AWS::NoValue is left out of its map or list."""
        if isinstance(value, list):
            return [plain for plain in map(self, value) if plain is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and (name in self._functions or str(name).startswith("Fn::")):
            return self._call(name, value[name])
        plain = {key: self(inner) for key, inner in value.items()}
        return {key: inner for key, inner in plain.items() if inner is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        if condition not in self._conditions:
            raise TemplateError(f"condition {condition!r} is not defined; add it under Conditions")
        return bool(self(self._conditions[condition]))

    def _call(self, name: str, argument: Any) -> Any:
        if name not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise TemplateError(f"{name} is not played here; use one of {known}, or teach local/intrinsics.py")
        return self._functions[name](argument)

    def _ref(self, name: str) -> Any:
        return self._parameters[name] if name in self._parameters else self._reference(name, None)

    def _get_att(self, path: Any) -> str:
        resource, attribute = path if isinstance(path, list) else path.split(".", 1)
        return self._reference(resource, attribute)

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self(then if self.holds(condition) else otherwise)

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self(argument[1]))

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return str(own[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", fill, text)
