"""What an answer's body says of its own success: Tinder has many places and spellings for "no", also under HTTP 200."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from swipr.decks.tinder_fields import is_whole, mapping, text

#: Beyond every status: the body tells an error, but not one that Swipr knows.
UNKNOWN_ERROR: Final = 1000
#: These end all calls, whatever else the answer says; the first of them that is said counts.
_STOPS: Final = (403, 401, 429)
_CODES: Final = {40101: 401, 85401: 401, 40303: 403, 42901: 429}
_WORDS: Final = {
    "access denied": 401, "unauthorized": 401, "session invalid": 401, "invalid token": 401,
    "banned": 403, "blacklisted": 403, "forbidden": 403,
    "rate limited": 429, "too many requests": 429,
}  # fmt: skip
#: What an `error` may hold that is none.
_NO_ERROR: Final = frozenset({"", "0", "200", "false", "null", "none", "ok", "success"})
#: Tinder's own error numbers have five digits and begin like a status: 41002 is a bad request.
_FIRST_ERROR_CODE: Final = 40_000
_NUMBER = re.compile(r"[0-9]{1,5}")


def declared_status(answer: Mapping[str, Any]) -> int | None:
    """The status that a body claims, the worst if it claims several; UNKNOWN_ERROR for an error without one."""
    claimed = [status for value in _places(answer) if (status := _status(value)) is not None]
    known = [status for status in claimed if status != UNKNOWN_ERROR]
    if any(status >= 400 for status in known):
        return worst(known)
    if len(known) < len(claimed) or _says_error(answer.get("error")):
        return UNKNOWN_ERROR
    return worst(known) if known else None


def worst(statuses: list[int]) -> int:
    """The status to go by: a stop signal before all others. `statuses` is not empty."""
    stop = next((status for status in _STOPS if status in statuses), None)
    return max(statuses) if stop is None else stop


def in_words(status: int) -> str:
    return "answered with an error that Swipr does not know" if status == UNKNOWN_ERROR else f"answered {status}"


def _places(answer: Mapping[str, Any]) -> Iterator[Any]:
    meta, error = mapping(answer.get("meta")), mapping(answer.get("error"))
    for part in (answer, meta, error):
        yield part.get("status")
        yield part.get("code")
    yield answer.get("error")
    yield error.get("message")


def _status(value: Any) -> int | None:
    """Of a number, a number as text, one of Tinder's codes, or words that are known."""
    number = _whole(value)
    if number is None:
        return _WORDS.get(" ".join(re.split(r"[\W_]+", text(value).casefold())).strip())
    if 100 <= number < UNKNOWN_ERROR:
        return number
    return _CODES.get(number, UNKNOWN_ERROR if _FIRST_ERROR_CODE <= number < 100_000 else None)


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_whole(value):
        return value
    stated = text(value).strip()
    return int(stated) if _NUMBER.fullmatch(stated) else None


def _says_error(error: Any) -> bool:
    """Whether an `error` is more than an empty field."""
    parts = error.values() if isinstance(error, dict) else [error]
    return any(_is_stated(part) for part in parts)


def _is_stated(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() not in _NO_ERROR
    return bool(value) and value != 200
