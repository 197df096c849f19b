"""The files of a candidate, each as its sums say; see `candidate`.

Raises InputError that names the file and the next step, NotFoundError naming one that is not there (yet).
"""

import hashlib
from collections.abc import Set
from typing import TypeVar

from pydantic import ValidationError

from swipr.candidates.candidate import (
    CARD,
    HEAD,
    LEFT_OUT,
    MAX_BYTES,
    METRICS,
    NETWORK,
    SUMS,
    WANTED,
    Sum,
    Sums,
    folder,
)
from swipr.errors import InputError, NotFoundError
from swipr.models import BlobRange, Value
from swipr.ports import Blobs

AGAIN = "run the training again"
COPY_AGAIN = "copy the whole folder again, sums.json last"

Shaped = TypeVar("Shaped", bound=Value)


def read_files(candidate: str, blobs: Blobs) -> dict[str, bytes]:
    place = folder(candidate)
    there = {key.removeprefix(place) for key in blobs.keys(place)}
    sums = shaped(SUMS, _whole(place, SUMS, blobs), Sums)
    _check_names(sums, there)
    return {name: _summed(place, name, stated, blobs) for name, stated in sums.files.items()}


def _check_names(sums: Sums, there: Set[str]) -> None:
    named = set(sums.files)
    for name in sorted(named - set(WANTED[:-1])):
        raise InputError(SUMS, f"names {name[:60]!r}, which no candidate has; name only {', '.join(WANTED[:-1])}")
    for name in sorted(there - named - {SUMS}):
        raise InputError(name[:60], f"is in the folder but not in sums.json; {COPY_AGAIN}")
    needed = {HEAD, CARD, METRICS} | ({NETWORK, LEFT_OUT} if named & {NETWORK, LEFT_OUT} else set())
    for name in sorted(needed - named):
        raise InputError(name, f"is not named in sums.json; {AGAIN}")
    for name in sorted(named - there):
        raise NotFoundError(f"{name}: it is named in sums.json and is not there; {COPY_AGAIN}")


def _whole(place: str, name: str, blobs: Blobs) -> bytes:
    """All of a file whose size nobody stated, if it is small enough."""
    most = MAX_BYTES[name]
    try:
        blobs.get_range(BlobRange(key=place + name, first=most, last=most))
    except NotFoundError:
        return blobs.get(place + name)
    raise InputError(name, f"has more than {most} bytes; {AGAIN}")


def _summed(place: str, name: str, stated: Sum, blobs: Blobs) -> bytes:
    if stated.size_bytes > MAX_BYTES[name]:
        raise InputError(name, f"has {stated.size_bytes} bytes, more than {MAX_BYTES[name]}; train a smaller one")
    try:
        body = blobs.get_range(BlobRange(key=place + name, first=0, last=stated.size_bytes - 1))
    except NotFoundError:
        raise InputError(name, f"is shorter than the {stated.size_bytes} bytes of sums.json; {COPY_AGAIN}") from None
    if _goes_on(place + name, stated.size_bytes, blobs):
        raise InputError(name, f"is longer than the {stated.size_bytes} bytes of sums.json; {COPY_AGAIN}")
    if hashlib.sha256(body).hexdigest() != stated.sha256:
        raise InputError(name, f"has another sha256 than sums.json says; {COPY_AGAIN}")
    return body


def _goes_on(key: str, size_bytes: int, blobs: Blobs) -> bool:
    try:
        return bool(blobs.get_range(BlobRange(key=key, first=size_bytes, last=size_bytes)))
    except NotFoundError:
        return False


def shaped(name: str, body: bytes, shape: type[Shaped]) -> Shaped:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise InputError(name, f"{where or 'it'}: {first['msg'][:200]}; write it as `candidate.py` says") from None
