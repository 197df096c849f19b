"""A stored object as a file that can be sought in, read piece by piece and never held whole."""

import io

from swipr.models import BlobRange
from swipr.ports import Blobs

#: One request each: large enough that a long object is few requests, small enough to hold.
WINDOW_BYTES = 2 << 20
#: No honest reader of ours asks for more at once; what does follows a number that the object itself made up.
READ_BYTES = 4 << 20


class BlobFile:
    """The first `size` bytes of an object, as `zipfile` wants a file; only the last window read is kept.

    `read` raises ValueError for more than `READ_BYTES` and NotFoundError when the object is gone or shorter.
    """

    def __init__(self, blobs: Blobs, key: str, size: int) -> None:
        self._blobs, self._key, self._size = blobs, key, size
        self._at = 0
        self._window, self._window_at = b"", 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if whence == io.SEEK_SET and offset < 0:
            raise ValueError("a place before the beginning")
        self._at = max(0, start + offset)  # as BytesIO does it
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._at if size < 0 else min(size, self._size - self._at)
        if wanted > READ_BYTES:
            raise ValueError(f"{wanted} bytes at once, more than {READ_BYTES}")
        pieces = []
        while wanted > 0:
            piece = self._piece(wanted)
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._window = b""

    def _piece(self, wanted: int) -> bytes:
        inside = self._at - self._window_at
        if not 0 <= inside < len(self._window):
            last = min(self._at + WINDOW_BYTES, self._size) - 1
            self._window = self._blobs.get_range(BlobRange(key=self._key, first=self._at, last=last))
            self._window_at, inside = self._at, 0
        return self._window[inside : inside + wanted]
