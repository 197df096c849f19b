"""Files that survive a power cut: temp, fsync, rename, fsync of the folder."""

import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_file(path: Path, body: bytes, *, temp: Path) -> None:
    """Put `body` at `path` whole or not at all; `temp` is a folder on the same disk."""
    with draft([body], temp=temp) as written:
        rename(written, path)


@contextmanager
def draft(pieces: Iterable[bytes], *, temp: Path) -> Iterator[Path]:
    """A durable file of mode 0600 in `temp`, gone again on leaving unless it was renamed."""
    path = temp / uuid.uuid4().hex
    try:
        _write(path, pieces)
        yield path
    finally:
        path.unlink(missing_ok=True)


def rename(path: Path, target: Path) -> None:
    """Replace `target` by the file, durably."""
    os.replace(path, target)
    sync_folder(target.parent)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        _sync(file.fileno())


def make_folders(folder: Path) -> None:
    """Make the folder and what lies above it, each one durable on return."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in the folder durable; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # fsync on macOS stops at the drive's own cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
