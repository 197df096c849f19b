"""What another process of this machine puts into the inbox: training writes files, and the event follows.

An object `<key>` is the file `<data folder>/blobs/objects/<key>`. Whoever writes one beside the runtime makes it whole
elsewhere on the same disk and renames it (see `training_home`); of a candidate `sums.json` comes last.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from swipr.blob_keys import check_key
from swipr.candidates.candidate import SUMS
from swipr.errors import InputError
from swipr.failures import describe

EVERY_S = 2.0


def objects_folder(data_folder: Path) -> Path:
    return data_folder / "blobs" / "objects"


class _Seen(NamedTuple):
    key: str
    size: int
    written_ns: int


class InboxWatch:
    """Announces each complete candidate once a start and once anew when it is written again: an event more than needed
    changes nothing, one less would leave it there for ever."""

    def __init__(
        self,
        objects: Path,
        announce: Callable[[str, int], None],
        log: logging.Logger,
        *,
        every_s: float = EVERY_S,
        also: Callable[[], object] = lambda: None,
    ) -> None:
        """`also` is done with every look."""
        self._objects, self._announce, self._log, self._every_s = objects, announce, log, every_s
        self._also = also
        self._seen: set[_Seen] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def look(self) -> int:
        """Announce what is new; how much that was."""
        there = set(self._found())
        new = sorted(there - self._seen)
        for each in new:
            self._announce(each.key, each.size)
        self._seen = there
        return len(new)

    def _found(self) -> Iterator[_Seen]:
        for path in self._objects.glob(f"inbox/*/{SUMS}"):
            try:
                key = check_key(path.relative_to(self._objects).as_posix())
                stated = path.stat()
            except (FileNotFoundError, InputError):  # registered just now; or a name that no object has
                continue
            yield _Seen(key, stated.st_size, max(stated.st_mtime_ns, stated.st_ctime_ns))

    def _run(self) -> None:
        while True:
            try:
                self.look()
                self._also()
            except OSError as error:
                self._log.error("inbox: %s", describe(error))
            if self._stopping.wait(self._every_s):
                return
