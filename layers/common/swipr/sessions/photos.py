"""A session's photos in one stored (not deflated) zip, and its cards' features in one object beside it."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

from swipr.models import BlobRange

_LOCAL_HEADER_BYTES = 30


def session_prefix(user_id: str) -> str:
    return f"sessions/{user_id}/"


def zip_photos(key: str, photos: Sequence[bytes]) -> tuple[bytes, list[BlobRange]]:
    """The zip's bytes, and for each photo where its own bytes lie in it, in order."""
    buffer = io.BytesIO()
    parts: list[BlobRange] = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, photo in enumerate(photos):
            info = zipfile.ZipInfo(f"{number:04d}{suffix_of(photo)}")
            archive.writestr(info, photo)
            first = info.header_offset + _LOCAL_HEADER_BYTES + len(info.filename.encode())
            parts.append(BlobRange(key=key, first=first, last=first + len(photo) - 1))
    return buffer.getvalue(), parts


def join_rows(key: str, rows: Mapping[str, bytes]) -> tuple[bytes, dict[str, BlobRange]]:
    """Rows one after the other, and for each name where its row lies. Rows must not be empty."""
    body = bytearray()
    parts = {}
    for name, row in rows.items():
        parts[name] = BlobRange(key=key, first=len(body), last=len(body) + len(row) - 1)
        body += row
    return bytes(body), parts


def mean_row(rows: Sequence[bytes]) -> bytes:
    """The mean of float16 little-endian rows of one length, as such a row; plain Python, sessions have no numpy."""
    layout = struct.Struct(f"<{len(rows[0]) // 2}e")
    columns = zip(*(layout.unpack(row) for row in rows), strict=True)
    return layout.pack(*(sum(column) / len(rows) for column in columns))


def suffix_of(photo: bytes) -> str:
    """`.jpg`, `.png`, `.webp` by the first bytes, else `.bin`."""
    if photo[:3] == b"\xff\xd8\xff":
        return ".jpg"
    if photo[:8] == b"\x89PNG\r\n\x1a\n":
        return ".png"
    if photo[:4] == b"RIFF" and photo[8:12] == b"WEBP":
        return ".webp"
    return ".bin"


CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def content_type_of(photo: bytes) -> str:
    """An image's own type, or `application/octet-stream`."""
    return CONTENT_TYPES.get(suffix_of(photo), "application/octet-stream")
