"""Which files of a folder are whole photos, and which card each one is."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from swipr.sessions.photos import suffix_of

#: A file changed this recently may still be written, seconds.
SETTLE_S: Final = 2.0
#: What a JPEG may have before it is made smaller for the judge; others go to the judge as they are.
MAX_JPEG_BYTES: Final = 100_000_000
MAX_BYTES: Final = 10_000_000
#: Files that say they are pictures and are told about when they cannot be read; others are silently none of ours.
PICTURE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp"}
)
_CHUNK: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Found(NamedTuple):
    """One regular file. `path` is its printable name below the folder, the same for the life of the file."""

    path: str
    file: Path
    size: int
    modified_ns: int


class Identity(NamedTuple):
    """A photo has a `card_id`; a picture that cannot be judged says its `trouble`; other files have neither."""

    card_id: str = ""
    trouble: str = ""


@dataclass
class Look:
    """What lies in the folder now: whole files by path, those still written, and how many are left out."""

    files: dict[str, Found] = field(default_factory=dict)
    being_written: set[str] = field(default_factory=set)
    links: int = 0
    unopened: int = 0


class ChangedError(OSError):
    """The file is not the one that was found."""


class PhotoFolder:
    """Looks through a folder again and again, reading each file once.

    `leave_out` is not looked into. Without `now` every file is taken for whole, however fresh.
    """

    def __init__(self, root: Path, *, leave_out: Path | None = None, now: Callable[[], datetime] | None = None) -> None:
        self.root = root.resolve()
        self._leave_out = leave_out.resolve() if leave_out else None
        self._now = now
        self._known: dict[str, tuple[int, int]] = {}
        self._identities: dict[tuple[str, int, int], Identity] = {}

    def look(self) -> Look:
        """Files in ascending order of path, sub-folders included; links and hidden files are left out.

        Raises OSError if the folder itself cannot be read.
        """
        look, known = Look(), {}
        for found in sorted(self._walk(self.root, look, top=True)):
            state = found.size, found.modified_ns
            known[found.path] = state
            if self._is_fresh(found) or self._known.get(found.path, state) != state:
                look.being_written.add(found.path)
            else:
                look.files[found.path] = found
        self._known = known
        return look

    def identify(self, found: Found) -> Identity:
        """Read the file, unless it was read before. Raises OSError; ChangedError if it changes meanwhile."""
        key = found.path, found.size, found.modified_ns
        if key not in self._identities:
            self._identities[key] = _identify(found)
        return self._identities[key]

    def _is_fresh(self, found: Found) -> bool:
        return self._now is not None and abs(self._now().timestamp() - found.modified_ns / 1e9) < SETTLE_S

    def _walk(self, folder: Path, look: Look, *, top: bool = False) -> Iterator[Found]:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            if top:
                raise
            look.unopened += 1
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_symlink():  # what lies in the folder is seen where it lies; the rest is not ours
                    look.links += 1
                elif entry.is_dir(follow_symlinks=False):
                    if Path(entry.path) != self._leave_out:
                        yield from self._walk(Path(entry.path), look)
                elif entry.is_file(follow_symlinks=False):
                    yield self._found(entry)
            except OSError:  # gone again
                look.unopened += 1

    def _found(self, entry: "os.DirEntry[str]") -> Found:
        # os.stat, not entry.stat: on Windows the entry's copy is not up to date while a file is written
        status = os.stat(entry.path, follow_symlinks=False)
        file = Path(entry.path)
        return Found(printable(file.relative_to(self.root).as_posix()), file, status.st_size, status.st_mtime_ns)


def printable(name: str) -> str:
    """The name in valid Unicode on one line: what no text can hold is escaped."""
    whole = os.fsencode(name).decode("utf-8", "backslashreplace") if os.name == "posix" else name
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in whole)


def read_unchanged(found: Found, limit: int | None = None) -> bytes:
    """The file's bytes. Raises ChangedError unless it is the file that was found."""
    with _opened(found) as file:
        body = file.read() if limit is None else file.read(limit)
        _refuse_changed(file, found)
        return body


def card_id_of(digest: str) -> str:
    """The content is the card: renamed, moved and doubled files are one."""
    return f"folder:{digest[:32]}"


def _identify(found: Found) -> Identity:
    kind = suffix_of(read_unchanged(found, 16))
    if kind == ".bin":
        is_picture = found.file.suffix.lower() in PICTURE_SUFFIXES
        return Identity(trouble="not a JPEG, PNG or WebP photo" if is_picture else "")
    limit = MAX_JPEG_BYTES if kind == ".jpg" else MAX_BYTES
    if found.size > limit:
        return Identity(trouble=f"larger than {limit // 10**6} MB; save a smaller copy")
    digest = hashlib.sha256()
    with _opened(found) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        _refuse_changed(file, found)
    return Identity(card_id=card_id_of(digest.hexdigest()))


def _opened(found: Found) -> BinaryIO:
    """Never a link, a pipe or a device that took the file's place."""
    file = open(os.open(found.file, _FLAGS), "rb")  # noqa: SIM115 - the caller closes it
    try:
        _refuse_changed(file, found)
    except BaseException:
        file.close()
        raise
    return file


def _refuse_changed(file: BinaryIO, found: Found) -> None:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (found.size, found.modified_ns):
        raise ChangedError(f"{found.path} changed while it was read")
