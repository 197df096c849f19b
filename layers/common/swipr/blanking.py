"""Blanks bytes of a stored object in place, so that what lies beside them stays where it is and as it was."""

from collections.abc import Sequence

from swipr.errors import NotFoundError
from swipr.models import BlobRange
from swipr.ports import Blobs


def blank(parts: Sequence[BlobRange], blobs: Blobs) -> int:
    """Overwrite the ranges, all of one object, with zeros; how many held anything else. What has expired is fine.

    An object is only put as a whole, so two who blank at once could undo each other. Each first leaves marks beside
    the object, blanks all that is marked, and looks again: whoever puts last has seen every mark. Marks expire with
    their object's folder.
    """
    found = [part for part in parts if _holds_anything(part, blobs)]
    for part in found:
        blobs.put(f"{_marks(part.key)}{part.first}-{part.last}", b"")
    if found:
        _blank_marked(found[0].key, blobs)
    return len(found)


def _blank_marked(key: str, blobs: Blobs) -> None:
    done: set[str] = set()
    while (marks := set(blobs.keys(_marks(key)))) != done:
        body = bytearray(blobs.get(key))
        for mark in marks:
            first, last = map(int, mark.rpartition("/")[2].split("-"))
            body[first : last + 1] = bytes(last + 1 - first)
        blobs.put(key, bytes(body))
        done = marks


def _holds_anything(part: BlobRange, blobs: Blobs) -> bool:
    try:
        return any(blobs.get_range(part))
    except NotFoundError:
        return False


def _marks(key: str) -> str:
    return f"{key}.blank/"
