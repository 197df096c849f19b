"""A zip of photos in `like/` and `pass/`: nothing its headers say is trusted, and nothing is written anywhere."""

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, cast, get_args

from swipr.blob_file import BlobFile
from swipr.errors import LabelError
from swipr.models import Choice
from swipr.sessions.photos import suffix_of
from swipr.uploads.rows import MAX_ROWS, Row

#: All photos together, unpacked.
MAX_UNPACKED_BYTES = 500_000_000
#: The zip itself: all of that stored, and names.
MAX_ZIP_BYTES = 510_000_000
#: As the judge has it.
MAX_PHOTO_BYTES = 10_000_000
#: A photo hardly shrinks; a drawing of few colours may, thirtyfold.
MAX_RATIO = 100
#: Below this much the ratio is nobody's business.
FREE_BYTES = 1_000_000

_CHUNK_BYTES = 64 * 1024
_NAME_CHARACTERS = 200
_ENCRYPTED = 0x1
_UNIX = 3
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What reading a lying or damaged archive raises; the world's own failures (OSError, NotFoundError) are not among them.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, LookupError)


class ZipRows:
    """The photos of a zip as rows, in the order they lie in it. Raises LabelError when the whole cannot be used."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        """`size`: of the zip itself, bytes."""
        self._archive = archive
        self._entries = sorted(filter(_counts, self._archive.infolist()), key=lambda entry: entry.header_offset)
        self._top = _top_folder(self._entries)
        # What is given out, and all that is unpacked: a bomb that is refused costs work, but no good photo its place.
        self._left = min(MAX_UNPACKED_BYTES, FREE_BYTES + MAX_RATIO * size)
        self._work_left = MAX_UNPACKED_BYTES
        _refuse_too_much(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Row]:
        for number, entry in enumerate(self._entries, start=1):
            name = entry.orig_filename[:_NAME_CHARACTERS]
            try:
                choice = self._choice(entry)
            except LabelError as error:
                yield Row(number, name, why=str(error))
            else:
                yield Row(number, name, choice, photo=self._reader(entry))

    def _choice(self, entry: zipfile.ZipInfo) -> Choice:
        """By the entry's folder. Raises LabelError for one that is not to be read."""
        refuse_tricks(entry)
        parts = entry.orig_filename.split("/")
        if len(parts) > 2 and parts[0] == self._top:
            parts = parts[1:]
        choice = _folder_choice(parts[0]) if len(parts) > 1 else None
        if choice is None:
            raise LabelError("lies neither in like/ nor in pass/")
        return choice

    def _reader(self, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        return lambda: self._photo(entry)

    def _photo(self, entry: zipfile.ZipInfo) -> bytes:
        try:
            with self._archive.open(entry) as stream:
                return self._inflate(stream, entry)
        except DAMAGED:
            raise LabelError("is damaged in the zip") from None

    def _inflate(self, stream: IO[bytes], entry: zipfile.ZipInfo) -> bytes:
        most = min(MAX_PHOTO_BYTES, FREE_BYTES + MAX_RATIO * entry.compress_size)
        photo = bytearray()
        while chunk := stream.read(_CHUNK_BYTES):
            photo += chunk
            self._work_left -= len(chunk)
            if len(photo) > most:
                raise LabelError(_too_large(most))
            if len(photo) > self._left or self._work_left < 0:
                raise LabelError("the zip unpacks to more than it may; split it")
            if suffix_of(bytes(photo[:16])) == ".bin":
                raise LabelError("not a JPEG, PNG or WebP photo")
        if not photo:
            raise LabelError("is empty")
        self._left -= len(photo)
        return bytes(photo)


def opened(file: BlobFile) -> zipfile.ZipFile:
    """Raises LabelError for what is no zip."""
    try:
        return zipfile.ZipFile(cast(IO[bytes], file))
    except DAMAGED:
        raise LabelError("the file is not a zip that can be read, or is cut short") from None


def _counts(entry: zipfile.ZipInfo) -> bool:
    """Folders, dot files and what macOS adds are no rows."""
    parts = entry.orig_filename.split("/")
    return not (
        parts[-1] == ""
        or parts[0] == "__MACOSX"
        or any(part[0] == "." and part[:2] not in (".", "..") for part in parts if part)
    )


def _top_folder(entries: list[zipfile.ZipInfo]) -> str | None:
    """The one folder that has `like/` or `pass/` in it, if there is just one and it is neither itself."""
    paths = [entry.orig_filename.split("/") for entry in entries]
    tops = {parts[0] for parts in paths if len(parts) > 2 and _folder_choice(parts[1]) and not _folder_choice(parts[0])}
    return tops.pop() if len(tops) == 1 else None


def _folder_choice(name: str) -> Choice | None:
    lowered = name.lower()
    return cast(Choice, lowered) if lowered in get_args(Choice) else None


def _refuse_too_much(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise LabelError("the zip holds no photos; put them into its folders like/ and pass/")
    if len(entries) > MAX_ROWS:
        raise LabelError(f"the zip holds {len(entries)} files, more than {MAX_ROWS}; split it")
    # a header that claims gigabytes is one bad row
    stated = sum(min(entry.file_size, MAX_PHOTO_BYTES) for entry in entries)
    if stated > MAX_UNPACKED_BYTES:
        raise LabelError(
            f"the zip unpacks to {stated // 1_000_000} MB, more than {MAX_UNPACKED_BYTES // 1_000_000}; split it"
        )


def refuse_tricks(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = name.split("/")
    if "\\" in name or "\0" in name or parts[0][1:2] == ":" or parts[0] == "" or {".", ".."} & set(parts):
        raise LabelError("its path leads out of the zip")
    if entry.create_system == _UNIX and stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise LabelError("is a link, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise LabelError("is encrypted")
    if entry.compress_type not in _METHODS:
        raise LabelError("is compressed in another way than deflate")


def _too_large(most: int) -> str:
    if most == MAX_PHOTO_BYTES:
        return f"the photo is larger than {MAX_PHOTO_BYTES // 1_000_000} MB"
    return f"is compressed more than {MAX_RATIO}-fold, as no photo is"
