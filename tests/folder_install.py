"""One user whose deck is a folder of photos, over the real local store; photos say their taste in their bytes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from swipr.decks.folder import FolderDeck, Past
from swipr.decks.folder_places import KINDS, Link, Places
from swipr.decks.folder_results import Results, Row
from swipr.decks.folder_scan import PhotoFolder, card_id_of
from swipr.models import Card, Label, SessionReport, Status, User
from swipr.sessions.planning import Parts, acted_key, forgotten_key
from tests.doubles import BACKBONE, JPEG, Crash, Crashes
from tests.install import USER, Install

ALL = 100


class FolderInstall(Install):
    """`photos` and `out` lie below `folder`; each look has a deck of its own, as `bootstrap` does it."""

    def __init__(self, folder: Path, *, moves: bool = False, ways: tuple[Link, ...] | None = None) -> None:
        super().__init__(folder, 1, cards=[], budget=ALL)
        self.photos, self.out = folder / "photos", folder / "out"
        self.photos.mkdir()
        self.moves, self.ways = moves, ways
        self.store.connect_deck(USER, deck="folder", sealed_token=None, at=self.clock.now())
        self.store.set_acting(USER, acting_on="folder")
        self.set(swipes_per_session=ALL, pacing_s=0.0)
        self.restart()

    def restart(self) -> None:
        """What a process remembers is gone."""
        self.scan = PhotoFolder(self.photos, leave_out=self.out, now=self.clock.now)

    def set(self, **changes: object) -> None:
        user = self.user()
        wanted = user.settings.model_copy(update=changes)
        self.store.save_settings(USER, wanted, revision=user.settings_revision)

    def user(self) -> User:
        user = self.store.user(USER)
        assert user is not None
        return user

    def parts(self, crashes: Crashes | None = None) -> Parts:
        return replace(super().parts(crashes), deck_of=self.deck_of)

    def deck_of(self, user: User) -> FolderDeck:
        def state(card_id: str) -> object:
            key, mark = acted_key(self.secrets, USER, card_id), forgotten_key(self.secrets, USER, card_id)
            acted = self.store.acted(USER, [key, mark])
            return acted.get(mark) or acted.get(key)

        past = Past(
            acting=user.acting,
            held=frozenset(user.held if user.settings.unsure == "ask" else ()),
            decision=lambda card_id: self.store.decision(USER, card_id, at=self.clock.now()),
            state=state,  # type: ignore[arg-type]
        )
        return FolderDeck(self.scan, Places(self.out, moves=self.moves, ways=self.ways), past, now=self.clock.now)

    # --- what a test does ------------------------------------------------------------------------------

    def add(self, path: str | bytes, taste: str, body: bytes | None = None) -> Path:
        """A photo of that taste; the same path and taste is the same content unless `body` says otherwise."""
        file = Path(os.fsdecode(os.fsencode(self.photos) + b"/" + os.fsencode(path)))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(JPEG + taste.encode() + b"/" + os.fsencode(path) if body is None else body)
        return file

    def look(self) -> SessionReport:
        """One session, as the next tick starts it."""
        self.clock.sleep(601)
        user = self.user()
        if user.next_due_at is None:
            self.store.switch(USER, enabled=True, at=self.clock.now(), status=_status(self))
        self.tick()
        report = self.run(self.queued.pop(0))
        assert report is not None
        return report

    def look_to_the_end(self) -> SessionReport:
        for _ in range(20):
            report = self.look()
            if report.outcome == "deck_empty":
                return report
        raise AssertionError(f"no end: {report.outcome} {self.user().status}")

    def answer(self, path: str, choice: str) -> None:
        row = self.row(path)
        decision = self.store.decision(USER, row.card_id, at=self.clock.now())
        assert decision is not None
        label = Label(
            user_id=USER,
            card_id=row.card_id,
            choice=choice,  # type: ignore[arg-type]
            source="asked",
            labelled_at=self.clock.now(),
            backbone=BACKBONE,
        )
        self.store.put_label(label)

    # --- what became of it -----------------------------------------------------------------------------

    def row(self, path: str) -> Row:
        return Results(self.out, kept=False).rows[path]

    def verdicts(self) -> dict[str, str]:
        return {path: row.verdict for path, row in Results(self.out, kept=False).rows.items()}

    def places(self) -> dict[str, str]:
        """By name below the results' folder, the photo's taste that lies or is linked there."""
        return {
            f"{kind}/{file.name}": taste_of(file)
            for kind in KINDS
            if (self.out / kind).is_dir()
            for file in sorted((self.out / kind).iterdir())
        }

    def card(self, path: str) -> Card:
        return Card(card_id=card_id_of_file(self.photos / path), name=path)


def taste_of(file: Path) -> str:
    return file.read_bytes().removeprefix(JPEG).decode("utf-8", "replace").split("/")[0] if file.exists() else "gone"


def card_id_of_file(file: Path) -> str:
    import hashlib

    return card_id_of(hashlib.sha256(file.read_bytes()).hexdigest())


def _status(install: FolderInstall) -> Status:
    return Status(code="ready", text="-", at=install.clock.now())


# --- a process that dies at its n-th change of the disk ----------------------------------------------------


class Effects:
    """Sees every change of files below a folder, and ends the process before the n-th."""

    def __init__(self, folder: Path, die_at: int | None = None) -> None:
        self.folder, self.die_at = str(folder), die_at
        self.seen = 0

    def happens(self, event: str, arguments: tuple[object, ...]) -> None:
        paths = [os.fsdecode(each) for each in arguments if isinstance(each, str | bytes | os.PathLike)]
        if not any(path.startswith(self.folder) for path in paths):
            return
        self.seen += 1
        if self.die_at is not None and self.seen >= self.die_at:  # a dead process does nothing any more
            raise Crash(event)


_watching: list[Effects] = []
_CHANGES = {"os.symlink", "os.link", "os.rename", "os.remove", "os.mkdir"}


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wa+")
    if event in _CHANGES or writes:
        _watching[-1].happens(event, arguments)


@contextmanager
def watched(effects: Effects) -> Iterator[Effects]:
    if _hook not in _installed:
        sys.addaudithook(_hook)  # for good, but silent while nothing is watched
        _installed.append(_hook)
    _watching.append(effects)
    try:
        yield effects
    finally:
        _watching.pop()


_installed: list[object] = []
