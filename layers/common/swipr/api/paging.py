"""Lists in pages, newest first."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from swipr.api.cursors import Place

Item = TypeVar("Item")


def _whole_number(text: Any) -> Any:
    """Digits only: what Python takes for a number besides ("1_0", " 1") is none in an address."""
    return text if not isinstance(text, str) or (text.isascii() and text.isdigit() and len(text) < 10) else None


def _yes_or_no(text: Any) -> Any:
    return {"true": True, "false": False}.get(text, text) if isinstance(text, str) else text


#: Beside the limits of a number that stands in an address.
DIGITS = BeforeValidator(_whole_number)
YesOrNo = Annotated[bool, Field(strict=True), BeforeValidator(_yes_or_no)]


class PageQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    limit: Annotated[int, Field(ge=1, le=100), DIGITS] = 20
    cursor: Annotated[str, Field(max_length=1000)] | None = None
    """What the page before gave as `next`, with the same filter."""

    @property
    def filter(self) -> str:
        return self.model_dump_json(exclude={"limit", "cursor"})


def page_of(
    items: Iterable[Item], place: Callable[[Item], Place], *, limit: int, before: Place | None
) -> tuple[Sequence[Item], Place | None]:
    """The items of one page, newest first, and the place of the last one if more follow it."""
    newest = sorted((item for item in items if before is None or place(item) < before), key=place, reverse=True)
    shown = newest[:limit]
    return shown, place(shown[-1]) if len(newest) > limit else None
