"""Zips for the tests of uploads: honest ones, and ones whose headers lie."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping

from tests.doubles import JPEG

#: Of a central directory entry: where its flags, method, sizes and the local header's place lie.
FLAGS, METHOD, COMPRESSED, UNPACKED, PLACE = 8, 10, 20, 24, 42
Entries = Mapping[str, bytes] | Iterable[tuple[str, bytes]]


def photo(taste: str, number: int = 0, size: int = 0) -> bytes:
    """What `FakeJudge` takes for a photo: of the taste `like`, `pass` or, for a damaged one, anything else."""
    return (JPEG + f"{taste}/{number}/".encode()).ljust(size, b"-")


def zip_of(entries: Entries, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Names may come twice, and may be any text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, body in entries.items() if isinstance(entries, Mapping) else entries:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            if name in archive.NameToInfo:
                archive.NameToInfo.pop(name)  # no warning of a double
            archive.writestr(info, body)
    return buffer.getvalue()


def lie(body: bytes, number: int, field: int, value: int) -> bytes:
    """The zip with one field of its `number`th entry, in the table of contents only, set to something else."""
    at = -1
    for _ in range(number + 1):
        at = body.index(b"PK\x01\x02", at + 1)
    layout = "<H" if field in (FLAGS, METHOD) else "<I"
    packed = struct.pack(layout, value)
    return body[: at + field] + packed + body[at + field + len(packed) :]
