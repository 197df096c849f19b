"""Ids that stand in an address: their form, and what is said when there is no such thing, or it is somebody else's."""

from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from swipr.api.paging import DIGITS
from swipr.errors import NotFoundError
from swipr.models import CardId

GivenId = Annotated[str, Field(pattern=r"^[0-9]{8}T[0-9]{6}-[0-9a-f]{16}$")]


class Id(NamedTuple):
    form: Any
    """As pydantic knows it."""
    missing: str


IDS = {
    "card_id": Id(CardId, "no such card, or what was known of it has expired"),
    "number": Id(Annotated[int, Field(ge=0, le=999), DIGITS], "no such photo, or it has expired"),
    "upload_id": Id(Annotated[str, Field(pattern=r"^[A-Za-z0-9._=-]{1,128}$")], "no such upload, or it has expired"),
    "match_id": Id(Annotated[str, Field(min_length=1, max_length=200)], "no such match"),
    "version": Id(Annotated[int, Field(ge=1, le=999_999_999), DIGITS], "no such version of your model"),
    "export_id": Id(GivenId, "no such export, or it has expired; ask for another one"),
}


def missing(name: str) -> NotFoundError:
    """The same words for an id that never was, one that has expired, and one of somebody else."""
    return NotFoundError(IDS[name].missing)


def read_id(name: str, text: str) -> Any:
    """The id as its form has it. Raises NotFoundError: what has another form is nobody's id."""
    try:
        return TypeAdapter(IDS[name].form).validate_python(text)
    except ValidationError:
        raise missing(name) from None
