"""The published document: valid, complete, and made of the very table that the routes are."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.api import app as api_app
from swipr.api.ids import IDS
from swipr.api.openapi import EVERYWHERE, document
from swipr.api.operations import Operation
from swipr.api.routes import FIXED, OPERATIONS, methods_of, takes
from tests.api_home import Caller

DOCUMENT = document(OPERATIONS)


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    mapped = set(value.get("mapping", {}).values()) if isinstance(value.get("mapping"), dict) else set()
    return own.union(mapped, *map(references, value.values()))


def test_the_document_is_served_as_it_is_made(call: Caller) -> None:
    served = call("GET", "/v1/openapi.json")

    assert (served.status, served.type) == (200, "application/json")
    assert served.body == json.loads(json.dumps(DOCUMENT))
    assert served.body["openapi"] == "3.1.0"


def test_routes_and_document_are_the_same() -> None:
    routes = {
        (route.method, re.sub(r"<(\w+)>", r"{\1}", route.path))
        for route in [*api_app.app._static_routes, *api_app.app._dynamic_routes]
        if route.path.startswith("/v1/")
    }
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert routes == described == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_schema_is_one_and_every_reference_leads_to_one() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert "Input" not in name.removeprefix("Input"), "asked and answered forms of one name differ"
    for reference in references(DOCUMENT):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_no_name_is_given_twice() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_operation_says_what_may_come(operation: Operation) -> None:
    said = described(operation)

    assert {str(status) for status in EVERYWHERE} | {str(operation.status)} <= set(said["responses"])
    assert ("requestBody" in said) == (operation.takes is not None)
    assert {each["name"] for each in said["parameters"] if each["in"] == "path"} == set(operation.id_names)
    headers = {each["name"] for each in said["parameters"] if each["in"] == "header"}
    assert ("Idempotency-Key" in headers) == (operation.method != "GET")


def test_everything_needs_the_scope() -> None:
    assert DOCUMENT["security"] == [{"signIn": ["swipr/use"]}]
    assert DOCUMENT["components"]["securitySchemes"]["signIn"]["bearerFormat"] == "JWT"
    assert not any("security" in described(operation) for operation in OPERATIONS)


def test_answers_leave_no_room_for_more() -> None:
    """An object whose names are known allows no other: what the document does not say is not answered."""
    loose = [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if schema.get("type") == "object" and schema.get("additionalProperties", True) is True
    ]

    assert loose == []


def test_a_fixed_word_is_no_id() -> None:
    by_name = {operation.name: operation for operation in OPERATIONS}

    assert takes(by_name["readModel"], "/v1/models/3")
    assert not takes(by_name["readModel"], "/v1/models/rollback")
    assert methods_of("/v1/models/rollback") == ["POST"]
    assert methods_of("/v1/labels/next") == ["GET"]
    assert methods_of("/v1/labels/tinder:1") == ["DELETE", "GET"]
    assert methods_of("/v1/nothing") == []
    assert "/v1/labels/next" in FIXED


def test_every_id_has_a_form_and_words_for_its_absence() -> None:
    assert {name for operation in OPERATIONS for name in operation.id_names} <= set(IDS)


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/v1/settings"), ("DELETE", "/v1/labels/next")])
def test_a_method_that_an_address_does_not_take_is_told_which_it_does(call: Caller, method: str, path: str) -> None:
    refused = call(method, path)

    assert (refused.status, refused.type) == (405, "application/problem+json")
    assert refused.headers["Allow"] == ", ".join(methods_of(path))
