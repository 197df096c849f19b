"""Takes in an export, of another install or of an earlier time: what is here already stays, and nothing is acted on."""

import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from swipr import kept_photos
from swipr.errors import LabelError, ModelError, NotFoundError, UnfinishedError
from swipr.features import mean_row
from swipr.models import MatchRecord, User
from swipr.ports import Blobs, Store
from swipr.sessions.photos import suffix_of
from swipr.takeout import archive
from swipr.takeout.archive import Data
from swipr.takeout.leaving import decision_known, label_known
from swipr.takeout.models import newest_taken, restore_handoff, restore_models
from swipr.takeout.settings import restore_deck, restore_settings
from swipr.uploads.report import Progress
from swipr.uploads.zip import DAMAGED, MAX_PHOTO_BYTES, MAX_UNPACKED_BYTES, refuse_tricks

AT_ONCE = 8
BATCH = 100
#: A batch takes a second or two; with less than this left none is begun.
RESERVE_S = 30.0
#: Clocks differ; later than this is no time at which anything was exported.
AHEAD = timedelta(minutes=10)
#: A decision is kept for a year at most, wherever it was made.
LONGEST = timedelta(days=366)
LATER = "you have labelled it later; that counts"
Json = dict[str, Any]


def archived_data(file: zipfile.ZipFile) -> bytes | None:
    """The archive's `data.json` if it is an export of ours; None for any other zip. Raises LabelError."""
    entries = [entry for entry in file.infolist() if entry.orig_filename == archive.DATA]
    if not entries:
        return None
    if len(entries) > 1:
        raise LabelError(f"the zip holds {archive.DATA} twice")
    refuse_tricks(entries[0])
    body = _unpacked(file, entries[0], archive.MAX_DATA_BYTES)
    return body if archive.is_marked(body) else None


@dataclass
class Import:
    """One run over one archive, for one user: whoever exported it, it becomes theirs.

    `acted_key(card_id)` names a card in this install's Acted.
    """

    user_id: str
    uploaded_at: datetime
    store: Store
    blobs: Blobs
    acted_key: Callable[[str], str]
    now: Callable[[], datetime]

    def take(self, file: zipfile.ZipFile, data: Data, progress: Progress, time_left_s: Callable[[], float]) -> None:
        """Restore all there is, kind by kind; safe to do twice.

        Raises UnfinishedError when the time is over, NotFoundError when the user is gone.
        """
        self._photos = _Photos(file) if self._keeps_photos(data) else None
        self._newest = newest_taken(data, self.user_id, self.store, at=self._latest())
        kinds: list[tuple[str, list[Any], Callable[[Any], str | None]]] = [
            ("labels", data.labels, self._label),
            ("decisions", data.decisions, self._decision),
            ("matches", data.matches, self._match),
        ]
        progress.begin(sum(len(items) for _, items, _ in kinds) + len(data.models) + 1)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for kind, items, take in kinds:
                for start in range(0, len(items), BATCH):
                    self._go_on(progress, time_left_s)
                    batch = items[start : start + BATCH]
                    progress.count(kind, start, list(pool.map(_refusing(take), batch)))
        self._go_on(progress, time_left_s)
        progress.count("models", 0, restore_models(data, self.user_id, self.store, at=self._latest()))
        restore_handoff(data, self.user_id, self.store, at=self._latest())
        restore_deck(data, self.user_id, self.store, at=self.now())
        progress.count("settings", 0, [restore_settings(data, self.user_id, self.store)])
        if not self._user().settings.keep_photos:
            kept_photos.forget_all(self.blobs, self.user_id)

    def _go_on(self, progress: Progress, time_left_s: Callable[[], float]) -> None:
        if time_left_s() < RESERVE_S:
            raise UnfinishedError(f"{progress.seen} of the archive's items are done")
        self._user()

    def _user(self) -> User:
        user = self.store.user(self.user_id)
        if user is None:
            raise NotFoundError("the user was deleted meanwhile")
        return user

    def _keeps_photos(self, data: Data) -> bool:
        return bool(self._user().settings.keep_photos or data.settings.get("keep_photos") is True)

    def _latest(self) -> datetime:
        return self.uploaded_at + AHEAD

    # --- one of each: why not, or None

    def _label(self, item: object) -> str | None:
        label, photos = archive.label_of(item, self.user_id)
        if label.labelled_at > self._latest():
            raise LabelError("labelled_at: lies in the future")
        try:
            mean_row([label.features])
        except ModelError as error:
            raise LabelError(f"features: {error}") from None
        label, bodies = label_known(label, self._newest), self._photos_of(photos)
        stored = self.store.label(self.user_id, label.card_id)
        if stored is not None and (stored.labelled_at, stored.choice) == (label.labelled_at, label.choice):
            self._keep(label.card_id, bodies)
            return None  # here already, perhaps with features of a newer backbone
        if not self.store.put_label(label):
            return LATER
        self._keep(label.card_id, bodies)
        return None

    def _photos_of(self, names: Sequence[str]) -> list[bytes]:
        return [] if self._photos is None else [self._photos.read(name) for name in names]

    def _keep(self, card_id: str, photos: Sequence[bytes]) -> None:
        if photos:
            kept_photos.keep(self.blobs, self.user_id, card_id, photos)

    def _decision(self, item: object) -> str | None:
        decision = decision_known(archive.decision_of(item, self.user_id), self._newest)
        now = self.now()
        if decision.decided_at > self._latest() or decision.expires_at > now + LONGEST:
            raise LabelError("decided_at: lies in the future, or it expires too late")
        if self.store.restore_decision(decision, acted_key=self.acted_key(decision.card_id)):
            return None
        stored = self.store.decision(self.user_id, decision.card_id, at=now)
        if decision.expires_at <= now or (stored is not None and stored.decided_at == decision.decided_at):
            return None  # restored before
        return "this card was decided here; that stays"

    def _match(self, item: object) -> str | None:
        match = archive.match_of(item, self.user_id)
        now = self.now()
        if match.expires_at <= now:
            raise LabelError("the match has expired")
        if match.matched_at > self._latest() or match.expires_at > now + LONGEST:
            raise LabelError("matched_at: lies in the future, or it expires too late")
        stored = self.store.match(self.user_id, match.match_id, at=now)
        if stored is None:
            self.store.put_match(match.model_copy(update={"outcome": None, "outcome_at": None}))
        elif stored.card_id != match.card_id:
            return "another match of this id is here; that stays"
        self._note_outcome(match, stored)
        return None

    def _note_outcome(self, match: MatchRecord, stored: MatchRecord | None) -> None:
        """At the time it was noted, unless one was noted here later."""
        noted = match.outcome_at
        if noted is None or noted > self._latest():
            return
        if stored is None or stored.outcome_at is None or stored.outcome_at < noted:
            self.store.note_outcome(self.user_id, match.match_id, match.outcome, at=noted)


class _Photos:
    """Photos of labels by their names in the archive."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._entries = {entry.orig_filename: entry for entry in file.infolist()}
        self._left = MAX_UNPACKED_BYTES

    def read(self, name: str) -> bytes:
        """Raises LabelError for what is not there, or is no photo."""
        entry = self._entries.get(name)
        if entry is None or not name.startswith("photos/"):
            raise LabelError("photos: are not in the archive")
        refuse_tricks(entry)
        body = _unpacked(self._file, entry, min(MAX_PHOTO_BYTES, self._left))
        self._left -= len(body)
        if suffix_of(body) == ".bin":
            raise LabelError("photos: not a JPEG, PNG or WebP photo")
        return body


def _unpacked(file: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    body = bytearray()
    try:
        with file.open(entry) as stream:
            while chunk := stream.read(1 << 16):
                body += chunk
                if len(body) > most:
                    raise LabelError(f"{entry.orig_filename[:100]}: unpacks to more than {most // 1_000_000} MB")
    except DAMAGED:
        raise LabelError(f"{entry.orig_filename[:100]}: is damaged in the zip") from None
    return bytes(body)


def _refusing(take: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """What is wrong with one item costs that item."""

    def taken(item: Any) -> str | None:
        try:
            return take(item)
        except LabelError as error:
            return str(error)

    return taken
