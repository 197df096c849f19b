"""The data folder of one install: private, held by one process at a time, with its key made once."""

import os
import secrets
import sys
from pathlib import Path
from typing import IO, Self

from local import durable
from swipr.errors import SwiprError

KEY_BYTES = 32
_OURS = frozenset({"lock", "key", "swipr.db", "blobs"})
# Windows locks bytes, and locked bytes cannot be read: lock one far behind the number written at the start.
_LOCKED_BYTE = 1 << 20


class DataFolderError(SwiprError):
    """The folder cannot be used; the message says why and what to do."""


class DataFolder:
    """An open data folder: `database` and `blobs` are paths in it, `key` its 32 secret bytes.

    The lock lasts until `close` or the end of the process, `kill -9` included.
    """

    def __init__(self, path: Path, lock: IO[bytes], key: bytes) -> None:
        self.path = path
        self.key = key
        self.database = path / "swipr.db"
        self.blobs = path / "blobs"
        self._lock = lock

    def close(self) -> None:
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_folder(path: Path = Path(".swipr")) -> DataFolder:
    """Open the folder, making it first if need be.

    Raises DataFolderError when another process holds it, when it is not ours to use, or when its key is gone.
    """
    path = path.resolve()
    try:
        _make_private(path)
        lock = _take_lock(path)
    except OSError as error:
        raise DataFolderError(f"cannot use {path} as data folder: {error.strerror or error}") from error
    try:
        return DataFolder(path, lock, _install_key(path))
    except BaseException:
        lock.close()
        raise


def _make_private(path: Path) -> None:
    durable.make_folders(path)
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in _OURS)
    if foreign and not (path / "lock").exists():
        raise DataFolderError(f"{path} holds other things ({foreign[0]}); name an empty or a new folder")
    if sys.platform != "win32" and path.stat().st_uid != os.getuid():
        raise DataFolderError(f"{path} belongs to another user of this machine; name a folder of your own")
    path.chmod(0o700)


def _take_lock(path: Path) -> IO[bytes]:
    lock = open(path / "lock", "a+b")  # noqa: SIM115 - stays open as long as the folder is held
    try:
        _lock_or_fail(lock)
        _write_holder(lock)
    except OSError as error:
        holder = _holder(path)
        lock.close()
        if not isinstance(error, BlockingIOError | PermissionError):
            raise
        raise DataFolderError(
            f"{path} is in use by process {holder}; stop that one, or start with another data folder"
        ) from error
    return lock


if sys.platform == "win32":
    import msvcrt

    def _lock_or_fail(lock: IO[bytes]) -> None:
        lock.seek(_LOCKED_BYTE)
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_or_fail(lock: IO[bytes]) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_holder(lock: IO[bytes]) -> None:
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()


def _holder(path: Path) -> str:
    return (path / "lock").read_text(errors="replace").strip() or "unknown"


def _install_key(path: Path) -> bytes:
    file = path / "key"
    if not file.exists():
        if (path / "swipr.db").exists():
            # A new key would not recognise the cards already liked, and would like them again.
            raise DataFolderError(f"{file} is missing but data is there; put the key back or name a new folder")
        durable.write_file(file, secrets.token_bytes(KEY_BYTES), temp=path)
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise DataFolderError(f"{file} is damaged ({len(key)} bytes, not {KEY_BYTES}); put the right one back")
    file.chmod(0o600)
    return key
