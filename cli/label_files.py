"""What `swipr label import` sends: a file as it is, or a folder's `like/` and `pass/` zipped on the way."""

import secrets
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

CHOICES = ("like", "pass")
KINDS = (".zip", ".json", ".csv")
_PIECE_BYTES = 256 * 1024


class LabelFileError(Exception):
    """It cannot be sent; the message says why and what to do."""


def open_labels(path: Path) -> tuple[str, IO[bytes]]:
    """Name and content of what to send. Raises LabelFileError."""
    if path.is_dir():
        return f"{path.resolve().name}.zip", _zipped(path)
    if path.suffix.lower() not in KINDS:
        raise LabelFileError(f"{path}: has to end in one of {', '.join(KINDS)}, or be a folder with like/ and pass/")
    try:
        return path.name, path.open("rb")
    except OSError as error:
        raise LabelFileError(f"{path}: cannot be read: {error.strerror}") from None


def _zipped(folder: Path) -> IO[bytes]:
    """Stored, not deflated: photos do not shrink."""
    chosen = [each for each in sorted(folder.iterdir()) if each.is_dir() and each.name.lower() in CHOICES]
    if not chosen:
        raise LabelFileError(f"{folder}: has neither like/ nor pass/ in it")
    file = tempfile.TemporaryFile()  # noqa: SIM115 (its reader closes it)
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for photo in (photo for each in chosen for photo in _photos(each)):
                archive.write(photo, photo.relative_to(folder).as_posix())
    except (OSError, ValueError) as error:  # ValueError: a date before 1980
        file.close()
        raise LabelFileError(f"{folder}: cannot be zipped: {error}") from None
    file.seek(0)
    return file


def _photos(folder: Path) -> Iterator[Path]:
    """Files below the folder but for hidden ones, in order."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


class UploadForm:
    """A form of fields and one file, read piece by piece: as `requests` wants a body of known length."""

    def __init__(self, fields: dict[str, str], name: str, file: IO[bytes], size: int) -> None:
        boundary = secrets.token_hex(16)
        named = {f'name="{field}"': value for field, value in fields.items()}
        head = "".join(_part(boundary, disposition, value) + "\r\n" for disposition, value in named.items())
        head += _part(boundary, f'name="file"; filename="{quote(name)}"', "")
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head, self._tail = head.encode(), f"\r\n--{boundary}--\r\n".encode()
        self._file, self._size = file, size
        self._pieces = self._all()
        self.sent = 0

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 (a piece at a time is what we have)
        """The next piece; empty at the end."""
        return next(self._pieces, b"")

    def _all(self) -> Iterator[bytes]:
        yield self._head
        while piece := self._file.read(_PIECE_BYTES):
            self.sent += len(piece)
            yield piece
        yield self._tail


def _part(boundary: str, disposition: str, value: str) -> str:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}"
