"""A request and its answer, without how they travel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
PROBLEM = "application/problem+json"
FRESH = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Request:
    """`headers` by their names in small letters, `ids` as they stand in the address, decoded."""

    user_id: str
    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
