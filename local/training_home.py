"""A data folder as training sees it, beside a Swipr that may be running: objects read, candidates put as files.

Whoever trains holds no lock: it writes below `inbox/` only, each object whole by a rename, and the runner looks there.
"""

from collections.abc import Sequence
from pathlib import Path

from local import durable
from swipr.blob_keys import check_key, check_prefix
from swipr.errors import InputError, NotFoundError

#: In the data folder: drafts of what is put, and the log of runs.
FOLDER = "training"
_OBJECTS = Path("blobs", "objects")
_TRIES = 5


class TrainingHome:
    """The objects of one data folder, or of a plain copy of a bucket's objects by their keys."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError for a folder that holds neither."""
        self.folder = folder
        installed = folder / _OBJECTS
        self._objects = installed if installed.is_dir() else folder
        if not installed.is_dir() and not (folder / "handoffs").is_dir():
            raise InputError("folder", f"{folder} is no data folder of Swipr (it has no {_OBJECTS}) and no copy of one")

    def keys(self, prefix: str) -> Sequence[str]:
        """In ascending order."""
        check_prefix(prefix)
        top = self._objects / prefix.rpartition("/")[0]
        found = (path.relative_to(self._objects).as_posix() for path in top.rglob("*") if path.is_file())
        return sorted(key for key in found if key.startswith(prefix))

    def get(self, key: str) -> bytes:
        """Raises NotFoundError."""
        try:
            return (self._objects / check_key(key)).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(key) from None

    def put(self, key: str, body: bytes) -> None:
        """Whole or not at all. Raises InputError for a key outside the inbox."""
        if not check_key(key).startswith("inbox/"):
            raise InputError("key", f"{key} is not below inbox/, the only place that training writes to")
        path = self._objects / key
        for left in reversed(range(_TRIES)):
            try:
                durable.make_folders(path.parent)
                durable.write_file(path, body, temp=drafts(self.folder))
            except FileNotFoundError:  # a runtime that empties the inbox takes its folder away in between
                if not left:
                    raise
            else:
                return


def drafts(data: Path) -> Path:
    """Where drafts and the log of runs lie; made if need be."""
    folder = data / FOLDER
    durable.make_folders(folder)
    return folder
