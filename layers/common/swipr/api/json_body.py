"""Read untrusted JSON into a model, and say of what is wrong where it is."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from swipr.errors import InputError

#: No request of ours needs more; each unknown one would become an error to be told of.
MOST_NAMES = 1000
_FIELD_CHARACTERS = 100


def read_json(body: bytes, form: Any) -> Any:
    """The body as `form`, any type that pydantic knows. Raises InputError naming the first wrong field."""
    plain = _parsed(body)
    try:
        return TypeAdapter(form).validate_json(body)
    except ValidationError as error:
        raise _wrong(error, plain) from None


def read_query(query: Mapping[str, str], form: Any) -> Any:
    """The parameters that the model `form` names; others are ignored. Raises InputError."""
    known = {name: value for name, value in query.items() if name in form.model_fields}
    try:
        return form.model_validate(known)
    except ValidationError as error:
        raise _wrong(error, known) from None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_once_each, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InputError("body", "cannot be read as JSON; send it again") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises InputError for a name given twice: nobody could tell which of the two was meant."""
    if len(pairs) > MOST_NAMES:
        raise InputError("body", f"has an object of more than {MOST_NAMES} names; send what the API knows only")
    value: dict[str, Any] = {}
    for name, each in pairs:
        if name in value:
            raise InputError(_field([name]), "is given twice; send it once")
        value[name] = each
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _wrong(error: ValidationError, plain: Any) -> InputError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return InputError("body", "cannot be read as JSON; send it again")
    return InputError(_field(_in_body(first["loc"], plain, missing=first["type"] == "missing")), first["msg"])


def _in_body(location: Sequence[int | str], value: Any, *, missing: bool) -> list[int | str]:
    """The location without the parts that only say which alternative of a model was tried."""
    path: list[int | str] = []
    for place, part in enumerate(location):
        is_item = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if is_item or (isinstance(value, dict) and part in value):
            value = value[part]
        elif not (missing and place == len(location) - 1):
            continue
        path.append(part)
    return path


def _field(path: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".").encode(errors="replace").decode()[:_FIELD_CHARACTERS] or "body"
