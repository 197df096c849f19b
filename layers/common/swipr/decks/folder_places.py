"""The folders `like`, `pass` and `unsure` of a folder deck's results: links to photos, or the photos themselves."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from swipr.decks.folder_scan import card_id_of, printable

KINDS: Final = ("like", "pass", "unsure")
#: Most file systems allow no longer name.
MAX_NAME_BYTES: Final = 255
#: Windows allows these in no name.
_FORBIDDEN: Final = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))

Link = Callable[[Path, Path], None]


class Places:
    """Puts each card into one of the folders. `moves`: the photo itself instead of a link to it."""

    def __init__(self, folder: Path, *, moves: bool = False, ways: tuple[Link, ...] | None = None) -> None:
        """`ways` to make a link are tried in turn: relative link, hard link, copy."""
        self.folder = folder
        self.moves = moves
        self._ways = (_symlink, os.link, _copy) if ways is None else ways

    def make(self) -> None:
        """Raises OSError."""
        for kind in KINDS:
            (self.folder / kind).mkdir(parents=True, exist_ok=True)

    def choose(self, name: str, file: Path, card_id: str, kind: str) -> str:
        """Where the card belongs, below the results' folder: under its own name, or with its id if that is taken."""
        for candidate in _names(name, card_id):
            target = self.folder / kind / candidate
            if not target.exists() or _links_to(target, file) or _is_same(target, file, card_id):
                return f"{kind}/{candidate}"
        raise FileExistsError(f"{self.folder / kind} holds something else by every name of {name}")

    def put(self, name: str, file: Path | None, card_id: str, place: str) -> None:
        """Make the card lie at the place and in no other folder; `file` None: look for it where it was moved to.

        Safe to do twice, also after a crash in between. Raises FileExistsError if something else lies there, OSError.
        """
        target = self.folder / place
        namesakes = [self.folder / kind / each for kind in KINDS for each in _names(name, card_id)]
        source = file if file is not None and file.exists() else self._moved_to(namesakes, card_id)
        if source is None:
            return
        if not self._is_there(target, source, card_id):
            self._take_in(source, target)
        for other in namesakes:
            if other not in (target, source) and (_links_to(other, source) or _is_same(other, source, card_id)):
                other.unlink()
        if self.moves and source != target:
            with suppress(PermissionError):  # it may not be taken away from there; then it stays there, too
                source.unlink()

    def drop(self, place: str, card_id: str) -> None:
        """Remove the link of a photo that was renamed; never the only copy of a photo."""
        link = self.folder / place
        if (link.is_symlink() and not link.exists()) or (not self.moves and _holds(link, card_id)):
            link.unlink()

    def _is_there(self, target: Path, source: Path, card_id: str) -> bool:
        return target == source or (not self.moves and _links_to(target, source)) or _is_same(target, source, card_id)

    def _take_in(self, source: Path, target: Path) -> None:
        if target.is_symlink() and (not target.exists() or _links_to(target, source)):
            target.unlink()
        _first_that_works((os.link, _copy) if self.moves else self._ways, source, target)

    def _moved_to(self, namesakes: Iterable[Path], card_id: str) -> Path | None:
        if not self.moves:
            return None
        return next((place for place in namesakes if _holds(place, card_id)), None)


def _names(name: str, card_id: str) -> Iterator[str]:
    """The card's own name, then with more and more of its id; two cards never share all three."""
    clean = _clean(name)
    stem, suffix = os.path.splitext(clean)
    digest = card_id.partition(":")[2]
    for mark in ("", f"~{digest[:8]}", f"~{digest}"):
        yield _cut(stem, MAX_NAME_BYTES - len((mark + suffix).encode())) + mark + suffix


def _clean(name: str) -> str:
    """A name that every system can hold and every terminal can print."""
    stem, suffix = os.path.splitext(printable(name).translate(_FORBIDDEN))
    return _cut(stem, MAX_NAME_BYTES) + _cut(suffix, 32).rstrip(" .")


def _cut(text: str, length: int) -> str:
    return text.encode()[:length].decode("utf-8", "ignore")


def _links_to(place: Path, file: Path) -> bool:
    return place.is_symlink() and os.path.normpath(place.parent / os.readlink(place)) == os.path.normpath(file)


def _is_same(place: Path, file: Path, card_id: str) -> bool:
    """The very file, or a copy of it."""
    if place.is_symlink() or not place.is_file():
        return False
    return (file.exists() and place.samefile(file)) or _holds(place, card_id)


def _holds(place: Path, card_id: str) -> bool:
    return not place.is_symlink() and place.is_file() and _content(place) == card_id


def _content(file: Path) -> str:
    with open(file, "rb") as opened:
        return card_id_of(hashlib.file_digest(opened, "sha256").hexdigest())


def _first_that_works(ways: tuple[Link, ...], source: Path, target: Path) -> None:
    for way in ways[:-1]:
        try:
            return way(source, target)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError, ValueError):  # not on this disk, not by this user, another drive
            continue
    return ways[-1](source, target)


def _symlink(source: Path, target: Path) -> None:
    """Relative, so that folders that move together stay linked."""
    os.symlink(os.path.relpath(source, target.parent), target)


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all, and over nothing."""
    draft = target.parent.parent / f".draft-{uuid.uuid4().hex}"
    try:
        shutil.copy2(source, draft, follow_symlinks=False)
        with open(draft, "r+b") as file:
            os.fsync(file.fileno())
        if os.path.lexists(target):
            raise FileExistsError(target)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
