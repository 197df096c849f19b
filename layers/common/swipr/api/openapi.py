"""The OpenAPI 3.1 document, made of the same table as the routes."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from swipr.api.exchange import JSON, PROBLEM
from swipr.api.ids import IDS
from swipr.api.operations import Operation
from swipr.api.problems import TITLES
from swipr.api.views import Problem, View
from swipr.sessions.photos import CONTENT_TYPES

Json = dict[str, Any]

#: What the gateway may answer by itself to anything, in words of its own; 503 also is the judge's failure.
EVERYWHERE = (401, 403, 404, 413, 429, 500, 503)
FAILURES = (*EVERYWHERE, 400, 409, 422)
OTHER_PHOTO = "application/octet-stream"
BYTES = {"type": "string", "format": "binary"}
REF = "#/components/schemas/{model}"

INTRODUCTION = (
    "Swipr's API. Every operation is about the user whom the access token names; what belongs to somebody else does "
    "not exist here. Failures are problem details (RFC 9457). A changing request that carries an Idempotency-Key is "
    "done once: sent again within a day, it is answered as before."
)


class GatewayMessage(View):
    """What the gateway itself says before the program is asked."""

    message: str


def document_text(operations: Sequence[Operation]) -> str:
    return _text(tuple(operations))


@cache
def _text(operations: tuple[Operation, ...]) -> str:
    return json.dumps(document(operations), separators=(",", ":"))


def document(operations: Sequence[Operation]) -> Json:
    schemas = _schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Swipr", "version": "1", "description": INTRODUCTION},
        "security": [{"signIn": ["swipr/use"]}],
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "responses": {TITLES[status].replace(" ", ""): _failure(status, schemas) for status in FAILURES},
            "securitySchemes": {
                "signIn": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token with the scope swipr/use.",
                }
            },
        },
    }


# --- schemas -------------------------------------------------------------------------------------------


class _Schemas:
    """The schema of each form used, by form and direction, and the named ones they refer to."""

    def __init__(self, forms: Iterable[tuple[Any, JsonSchemaMode]]) -> None:
        wanted = {(id(form), mode): (form, mode) for form, mode in forms}
        inputs = [(key, mode, TypeAdapter(form)) for key, (form, mode) in wanted.items()]
        self._by_form, rest = TypeAdapter.json_schemas(inputs, ref_template=REF)
        self.named: Json = rest.get("$defs", {})

    def of(self, form: Any, mode: JsonSchemaMode) -> Json:
        return self._by_form[(id(form), mode), mode]


def _schemas(operations: Sequence[Operation]) -> _Schemas:
    forms: list[tuple[Any, JsonSchemaMode]] = [(Problem, "serialization"), (GatewayMessage, "serialization")]
    forms += [(operation.takes, "validation") for operation in operations if operation.takes is not None]
    forms += [(operation.answers, "serialization") for operation in operations if operation.answers is not None]
    return _Schemas(forms)


# --- operations ----------------------------------------------------------------------------------------


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[2].removesuffix(".json")],
        "parameters": [*_ids(operation), *_query(operation), *_headers(operation)],
        "responses": _answers(operation, schemas),
    }
    content = _content(operation, schemas)
    return described | ({"requestBody": {"required": True, "content": content}} if content else {})


def _ids(operation: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": TypeAdapter(IDS[name].form).json_schema()}
        for name in operation.id_names
    ]


def _query(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    properties = _inlined(operation.query)
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        | ({"description": schema["description"]} if "description" in schema else {})
        for name, schema in properties.items()
    ]


def _inlined(query: type[BaseModel]) -> Json:
    properties: Json = query.model_json_schema()["properties"]
    return properties


def _without_null(schema: Json) -> Json:
    """A parameter is left out, not null."""
    kept = {name: value for name, value in schema.items() if name not in ("title", "description")}
    choices = [choice for choice in kept.pop("anyOf", []) if choice != {"type": "null"}]
    if kept.get("default", 0) is None:
        del kept["default"]
    return kept | (choices[0] if choices else {})


def _headers(operation: Operation) -> list[Json]:
    if not operation.changes:
        return []
    key = {"type": "string", "pattern": "^[!-~]{1,128}$"}
    headers = [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}]
    if operation.tagged:
        revision = {"type": "string", "pattern": '^"[0-9]{1,9}"$'}
        headers.append({"name": "If-Match", "in": "header", "required": False, "schema": revision})
    return headers


def _content(operation: Operation, schemas: _Schemas) -> Json:
    content: Json = {}
    if operation.takes_photo:
        content = {kind: {"schema": BYTES} for kind in (*CONTENT_TYPES.values(), OTHER_PHOTO)}
    if operation.takes is not None:
        content[JSON] = {"schema": schemas.of(operation.takes, "validation")}
    return content


def _answers(operation: Operation, schemas: _Schemas) -> Json:
    answers = {str(operation.status): _success(operation, schemas)}
    for status in sorted({*EVERYWHERE, *_own_failures(operation)}):
        answers[str(status)] = {"$ref": f"#/components/responses/{TITLES[status].replace(' ', '')}"}
    return answers


def _own_failures(operation: Operation) -> Iterable[int]:
    if operation.changes or operation.query or operation.takes is not None:
        yield 400
    if operation.changes or operation.conflicts:
        yield 409
    if operation.changes:
        yield 422


def _success(operation: Operation, schemas: _Schemas) -> Json:
    headers: Json = {}
    if operation.tagged:
        headers["ETag"] = {"required": True, "schema": {"type": "string"}, "description": "the settings' revision"}
    if operation.changes:
        replayed = {"type": "string", "enum": ["true"]}
        headers["Idempotency-Replayed"] = {"schema": replayed, "description": "this answer was given before"}
    answer: Json = {"description": operation.summary, "content": _success_content(operation, schemas)}
    return answer | ({"headers": headers} if headers else {})


def _success_content(operation: Operation, schemas: _Schemas) -> Json:
    if operation.answers is not None:
        return {JSON: {"schema": schemas.of(operation.answers, "serialization")}}
    if operation.path.endswith(".json"):
        return {JSON: {"schema": {"type": "object"}}}
    return {kind: {"schema": BYTES} for kind in (*CONTENT_TYPES.values(), OTHER_PHOTO)}


def _failure(status: int, schemas: _Schemas) -> Json:
    content = {PROBLEM: {"schema": schemas.of(Problem, "serialization")}}
    if status in EVERYWHERE:
        content[JSON] = {"schema": schemas.of(GatewayMessage, "serialization")}
    headers = {"Retry-After": {"schema": {"type": "string"}, "description": "seconds"}} if status in (409, 503) else {}
    return {"description": TITLES[status], "content": content} | ({"headers": headers} if headers else {})
