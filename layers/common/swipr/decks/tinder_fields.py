"""Fields of foreign JSON, read without trust: a field that is missing or of another type is an empty one."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

#: What is cut off bounds a session's memory.
MOST_CHARACTERS: Final = 200

_HEX_ID = re.compile(r"[0-9A-Fa-f]{24}")
_WHOLE = re.compile(r"-?[0-9]{1,17}")


def parse_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, or None if it holds anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def text(value: Any) -> str:
    """Text that can be stored: lone surrogates, which JSON allows, are replaced."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def short_text(value: Any) -> str:
    return text(value)[:MOST_CHARACTERS]


def is_number(value: Any) -> TypeGuard[float]:
    """Bounded too: JSON allows integers that no float or date can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -1e18 < value < 1e18


def number(value: Any) -> float:
    return value if is_number(value) else 0


def is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def is_true(value: Any) -> bool:
    """Said to be true: 1 and "true", in capitals too, are; any other text is not."""
    return value in (True, "true") or text(value).strip().casefold() == "true"


def stated_number(value: Any) -> float | None:
    """A number, also one written as text; None for anything else."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    return value if is_number(value) else None


def person_id(value: Any) -> str:
    """The one spelling of a person's id: hexadecimal ones may come in capitals, and one person is one card."""
    stated = text(value)
    return stated.lower() if _HEX_ID.fullmatch(stated) else stated


def time_of(value: Any) -> datetime | None:
    """Aware UTC, of an ISO time; one without a zone is taken for UTC."""
    try:
        at = datetime.fromisoformat(text(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
