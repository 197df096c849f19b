"""Writes an export's archive: `data.json`, `labels.csv`, `account.json`, `README.txt` and, where kept, the photos."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from swipr import kept_photos
from swipr.errors import NotFoundError
from swipr.models import Decision, ExportRequest, Label, ModelVersion, User
from swipr.ports import Blobs, Store
from swipr.takeout import archive, leaving
from swipr.takeout.exports import ExportState, archive_key, export_prefix, read_state, state_key, write_state

#: An archive is put as a whole, so it has to fit into memory with room to spare; newest labels' photos first.
MOST_PHOTO_BYTES = 300_000_000
#: Versions whose heads go along, the newest; the champion and the one before it always do.
MODELS = 200
#: With less than this left no more photos are read.
RESERVE_S = 60.0
WITHDRAWN = "something was forgotten meanwhile; ask for another one"
_AT_ONCE = 8
_PAGE = 500
_FEATURES_AT_ONCE = 200
#: Of the user's record, what only this install can use.
_OWN = {"deck_token", "lease", "fence", "in_flight", "settings_revision"}
Json = dict[str, Any]


@dataclass(frozen=True)
class ExportWriter:
    store: Store
    blobs: Blobs
    now: Callable[[], datetime]
    most_photo_bytes: int = MOST_PHOTO_BYTES

    def write(self, request: ExportRequest, *, time_left_s: Callable[[], float]) -> ExportState | None:
        """Write the archive and say so in its state; None if there is nothing (more) to do.

        Safe to do twice. What fails is said in the state and raised, so that it comes again. A user deleted or a card
        forgotten meanwhile leaves no archive behind.
        """
        state = read_state(self.blobs, request.user_id, request.export_id)
        user = self.store.user(request.user_id)
        if state is None or state.state in ("ready", "withdrawn"):
            return None
        if user is None:
            self.blobs.delete(self.blobs.keys(export_prefix(request.user_id)))
            return None
        self._say(request, state, state="writing")
        try:
            body, left_out = self._archive(user, time_left_s)
            self.blobs.put(archive_key(request.user_id, request.export_id), body, content_type="application/zip")
        except Exception as error:
            self._say(request, state, state="failed", why=f"{type(error).__name__}; it is tried again, or ask anew")
            raise
        return self._finish(request, state, len(body), left_out)

    # --- its state

    def _finish(self, request: ExportRequest, state: ExportState, size: int, left_out: int) -> ExportState | None:
        """Ready, unless the user was deleted or a card forgotten while it was written: then the archive goes."""
        key = archive_key(request.user_id, request.export_id)
        ready = self._say(request, state, state="ready", size=size, photos_left_out=left_out)
        if ready is None:
            self.blobs.delete([key])
        elif key not in self.blobs.keys(export_prefix(request.user_id)):
            return self._say(request, state, state="withdrawn", why=WITHDRAWN)
        return ready

    def _say(self, request: ExportRequest, before: ExportState, **changes: Any) -> ExportState | None:
        """Write the state; None, and nothing is left, if it was withdrawn or its user is gone."""
        user_id, export_id = request.user_id, request.export_id
        said = read_state(self.blobs, user_id, export_id)
        if said is None or said.state == "withdrawn":
            return None
        changed = before.model_copy(update={"why": None, "at": self.now()} | changes)
        write_state(self.blobs, user_id, changed)
        if self.store.user(user_id) is None:
            self.blobs.delete([state_key(user_id, export_id), archive_key(user_id, export_id)])
            return None
        return changed

    # --- the archive

    def _archive(self, user: User, time_left_s: Callable[[], float]) -> tuple[bytes, int]:
        """Its bytes, and how many photos did not fit."""
        buffer = io.BytesIO()
        labels, models = self.store.labels(user.user_id), self._models(user)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            photos, left_out = self._write_photos(file, user.user_id, labels, time_left_s)
            file.writestr("labels.csv", _csv(labels))
            file.writestr("account.json", _account(user))
            file.writestr("README.txt", leaving.left_out(models))
            with file.open(archive.DATA, "w", force_zip64=True) as data:
                for piece in self._data(user, labels, models, photos):
                    data.write(piece.encode())
        return buffer.getvalue(), left_out

    def _write_photos(
        self, file: zipfile.ZipFile, user_id: str, labels: Iterable[Label], time_left_s: Callable[[], float]
    ) -> tuple[dict[str, list[str]], int]:
        """Names of each card's photos in the archive; they are stored, as photos do not shrink."""
        wanted = self._photo_keys(user_id, labels)
        written: dict[str, list[str]] = {}
        room, left_out = self.most_photo_bytes, 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for some in _parts(wanted, _AT_ONCE):
                enough = time_left_s() > RESERVE_S
                bodies = (
                    list(pool.map(self._photo, [key for _, key in some])) if enough and room > 0 else [b""] * len(some)
                )
                for (label, key), body in zip(some, bodies, strict=True):
                    if body is None:  # taken back just now
                        continue
                    if not body or len(body) > room:
                        left_out += 1
                        continue
                    room -= len(body)
                    name = f"photos/{label.choice}/{'-'.join(key.split('/')[-2:])}"
                    file.writestr(zipfile.ZipInfo(name), body)
                    written.setdefault(label.card_id, []).append(name)
        return written, left_out

    def _photo_keys(self, user_id: str, labels: Iterable[Label]) -> list[tuple[Label, str]]:
        """Of labels, newest first, with where their kept photos lie."""
        by_folder: dict[str, list[str]] = {}
        for key in self.blobs.keys(kept_photos.prefix(user_id)):
            by_folder.setdefault(f"{key.rpartition('/')[0]}/", []).append(key)
        newest = sorted(labels, key=lambda label: label.labelled_at, reverse=True)
        folders = ((label, kept_photos.card_folder(user_id, label.card_id)) for label in newest)
        return [(label, key) for label, folder in folders for key in by_folder.get(folder, [])]

    def _photo(self, key: str) -> bytes | None:
        try:
            return self.blobs.get(key)
        except NotFoundError:
            return None

    def _data(
        self, user: User, labels: Iterable[Label], models: Sequence[ModelVersion], photos: dict[str, list[str]]
    ) -> Iterator[str]:
        """`data.json`, piece by piece: the lists may be long."""
        at, newest = self.now(), leaving.newest_of(models)
        known = (leaving.label_known(label, newest) for label in labels)
        decisions = (leaving.decision_known(each, newest) for each in self._decisions(user.user_id, at))
        matches = self.store.matches(user.user_id, at=at)
        head = archive.head_of(user, leaving.roles_of(user, models), at)
        yield json.dumps(head, indent=1).removesuffix("\n}")
        yield from _list("labels", self._labels(user.user_id, known, photos))
        yield from _list("decisions", map(archive.decision_json, decisions))
        yield from _list("matches", map(archive.match_json, matches))
        yield from _list("models", (archive.model_json(model) for model in models if leaving.goes_along(model)))
        yield "\n}\n"

    def _labels(self, user_id: str, labels: Iterable[Label], photos: dict[str, list[str]]) -> Iterator[Json]:
        for some in _parts(labels, _FEATURES_AT_ONCE):
            features = self.store.label_features(user_id, [label.card_id for label in some])
            for label in some:
                if row := features.get(label.card_id):  # else it was taken back just now
                    whole = label.model_copy(update={"features": row})
                    yield archive.label_json(whole, photos.get(label.card_id, []))

    def _decisions(self, user_id: str, at: datetime) -> Iterator[Decision]:
        before = None
        while page := self.store.decisions(user_id, at=at, limit=_PAGE, before=before):
            yield from page
            before = page[-1].decided_at, page[-1].card_id

    def _models(self, user: User) -> list[ModelVersion]:
        newest = list(self.store.models(user.user_id, limit=MODELS))
        roles = {user.champion, user.previous} - {model.version for model in newest} - {None}
        older = (self.store.model(user.user_id, version) for version in roles if version is not None)
        return sorted([*newest, *filter(None, older)], key=lambda model: model.version, reverse=True)


def _list(name: str, items: Iterable[Json]) -> Iterator[str]:
    yield f',\n "{name}": ['
    for number, item in enumerate(items):
        yield f"{',' if number else ''}\n  {json.dumps(item)}"
    yield "\n ]"


def _csv(labels: Iterable[Label]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["card_id", "choice", "source", "chosen_by", "labelled_at"])
    rows.writerows((x.card_id, x.choice, x.source, x.chosen_by, x.labelled_at.isoformat()) for x in labels)
    return text.getvalue()


def _account(user: User) -> str:
    """The rest of what is kept of the user: for reading, not for importing."""
    return user.model_dump_json(exclude=_OWN, indent=1)


def _parts(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
