"""What an operation of the API is, as a value: from a table of them come the routes, the document and their tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from swipr.api.parts import Api

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Asked:
    """One request as its operation declared it: `ids` of the address, `query` and `body` are read and checked."""

    user_id: str
    ids: Mapping[str, Any] = field(default_factory=dict)
    query: Any = None
    body: Any = None
    """As `takes` says; bytes where a photo was sent."""
    revision: int | None = None
    """Of `If-Match`."""


class Image(NamedTuple):
    body: bytes
    content_type: str


class Tagged(NamedTuple):
    """An answer with the revision that its ETag states."""

    value: BaseModel
    revision: int


class Plain(NamedTuple):
    """JSON that no model describes: the document itself."""

    text: str


Result = BaseModel | Image | Tagged | Plain


@dataclass(frozen=True)
class Operation:
    name: str
    method: Method
    path: str
    """As OpenAPI writes it, for example `/v1/decisions/{card_id}`."""
    summary: str
    run: Callable[[Api, Asked], Result]
    answers: type[BaseModel] | None = None
    """None for a photo."""
    status: int = 200
    takes: Any = None
    """The JSON body, as pydantic knows it."""
    takes_photo: bool = False
    query: type[BaseModel] | None = None
    conflicts: bool = False
    """May answer 409."""
    tagged: bool = False
    """Answers an ETag, and honours If-Match where it changes something."""

    @property
    def changes(self) -> bool:
        """May change something, so it honours an Idempotency-Key."""
        return self.method != "GET"

    @property
    def id_names(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
