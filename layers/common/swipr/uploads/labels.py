"""Rows of an upload to labels: batch by batch, each card once, whatever came before and whoever does it too."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from swipr import kept_photos
from swipr.embedding import BATCH_BYTES, BATCH_PHOTOS, embed
from swipr.errors import LabelError, NotFoundError, UnfinishedError
from swipr.judging import Judge
from swipr.models import Choice, Label, User
from swipr.ports import Blobs, Store
from swipr.predicted import Before, Verdicts, by_decision, by_photos
from swipr.roles import roles_if_whole
from swipr.sessions.photos import suffix_of
from swipr.uploads.report import Progress, ReportRow, Uploaded
from swipr.uploads.rows import Row, Rows
from swipr.uploads.zip import MAX_PHOTO_BYTES

#: Reading and writing labels is waiting.
AT_ONCE = 8
#: A batch takes two or three seconds; with less than this left none is begun.
RESERVE_S = 30.0


@dataclass(frozen=True)
class _Read:
    """A row with its photo's bytes, or why there is nothing to do. `done`: an earlier run has stored it."""

    row: Row
    card_id: str = ""
    photo: bytes | None = None
    why: str | None = None
    done: bool = False
    repeated: bool = False

    @property
    def fresh(self) -> bool:
        return self.why is None and not self.done and not self.repeated


@dataclass(frozen=True)
class _Seen:
    backbone: str
    features: bytes
    before: Before


class UploadLabels:
    """One run over one upload. `prefix`: where its batches of photos lie while they are judged; only this run's."""

    def __init__(
        self,
        user_id: str,
        uploaded: Uploaded,
        store: Store,
        blobs: Blobs,
        judge: Judge,
        now: Callable[[], datetime],
        prefix: str,
    ) -> None:
        self._user_id, self._at = user_id, uploaded.uploaded_at
        self._store, self._blobs, self._judge, self._now, self._prefix = store, blobs, judge, now, prefix
        self._stored = {label.card_id: label for label in store.labels(user_id)}
        self._keeps_photos = False
        self._verdicts = Verdicts(user_id, store)
        self._silent: set[int] = set()
        """Versions with which the judge failed: they are not asked again."""
        self._first: dict[str, Row] = {}
        self._outcomes: dict[str, ReportRow] = {}

    def take(self, rows: Rows, progress: Progress, time_left_s: Callable[[], float]) -> None:
        """Stops early when the user is gone. Raises UnfinishedError when the time is over."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for number, batch in enumerate(self._batches(rows)):
                if time_left_s() < RESERVE_S:
                    raise UnfinishedError(f"{progress.seen} of {len(rows)} rows are done")
                user = self._store.user(self._user_id)
                if user is None:
                    return
                self._keeps_photos = user.settings.keep_photos
                progress.add(self._take(batch, f"{self._prefix}/{number}.zip", pool, user))

    # --- reading

    def _batches(self, rows: Rows) -> Iterator[list[_Read]]:
        batch: list[_Read] = []
        held = 0
        for row in rows:
            batch.append(self._read(row))
            held += len(batch[-1].photo or b"")
            if len(batch) == BATCH_PHOTOS or held >= BATCH_BYTES:
                yield batch
                batch, held = [], 0
        if batch:
            yield batch

    def _read(self, row: Row) -> _Read:
        try:
            photo = None if row.photo is None else _photo(row.photo())
        except LabelError as error:
            return _Read(row, why=str(error))
        if row.why is not None or row.choice is None:
            return _Read(row, why=row.why)
        card_id = row.card_id or f"upload:{hashlib.sha256(photo or b'').hexdigest()[:32]}"
        if card_id in self._first:
            return _Read(row, card_id, repeated=True)
        self._first[card_id] = row
        stored = self._stored.get(card_id)
        if stored is not None and stored.labelled_at > self._at:
            return _Read(row, card_id, why=_LATER)
        if stored is not None and self._is_done(stored, row.choice):
            return _Read(row, card_id, photo, done=True)
        return _Read(row, card_id, photo)

    def _is_done(self, stored: Label, choice: Choice) -> bool:
        return (stored.labelled_at, stored.source, stored.choice) == (self._at, "upload", choice)

    # --- storing

    def _take(self, batch: Sequence[_Read], key: str, pool: ThreadPoolExecutor, user: User) -> list[ReportRow]:
        fresh = [one for one in batch if one.fresh]
        seen = self._see(fresh, key, pool, user)
        whys = pool.map(self._label, fresh, seen)
        refused = {one.row.number: why for one, why in zip(fresh, whys, strict=True)}
        list(pool.map(self._keep, [one for one in batch if one.why is None and not refused.get(one.row.number)]))
        return [self._report(one, one.why or refused.get(one.row.number)) for one in batch]

    def _see(self, fresh: Sequence[_Read], key: str, pool: ThreadPoolExecutor, user: User) -> list[_Seen | str]:
        """What there is to learn from each, or why there is nothing."""
        with_photos = [one for one in fresh if one.photo is not None]
        judged = iter(self._judged(with_photos, key, user) if with_photos else ())
        decided = pool.map(self._of_decision, [one.card_id for one in fresh if one.photo is None])
        return [next(judged if one.photo is not None else decided) for one in fresh]

    def _judged(self, fresh: Sequence[_Read], key: str, user: User) -> list[_Seen | str]:
        photos = [one.photo for one in fresh if one.photo is not None]
        roles = roles_if_whole(user, self._store).without(self._silent)
        embedded = embed(photos, key, judge=self._judge, blobs=self._blobs, roles=roles)
        self._silent |= roles.numbers - embedded.asked.numbers
        seen: list[_Seen | str] = []
        for one, photo in zip(fresh, embedded.photos, strict=True):
            if "error" in photo:
                seen.append(photo["error"])
                continue
            features = base64.b64decode(photo["features"])
            said = embedded.asked.say([photo], user.settings.card_rule)
            before = by_photos(said, features, self._stored.get(one.card_id))
            seen.append(_Seen(embedded.backbone, features, before))
        return seen

    def _of_decision(self, card_id: str) -> _Seen | str:
        now = self._now()
        decision = self._store.decision(self._user_id, card_id, at=now)
        if decision is None or decision.features is None or decision.backbone is None:
            return "card_id: this card has not been judged, or too long ago; send its photo"
        before = by_decision(decision, self._stored.get(card_id), labelled_at=self._at, verdict=self._verdicts)
        try:
            if decision.shows_photos(now):
                return _Seen(decision.backbone, self._blobs.get_range(decision.features), before)
        except NotFoundError:
            pass
        return "card_id: what was seen of this card has expired; send its photo"

    def _label(self, one: _Read, seen: _Seen | str) -> str | None:
        """Store the label. Why not, or None."""
        if isinstance(seen, str) or one.row.choice is None:
            return str(seen)
        label = Label(
            user_id=self._user_id,
            card_id=one.card_id,
            choice=one.row.choice,
            source="upload",
            labelled_at=self._at,
            backbone=seen.backbone,
            features=seen.features,
            predicted=seen.before.predicted,
            network_logits=seen.before.network_logits,
        )
        return None if self._store.put_label(label) else _LATER

    def _keep(self, one: _Read) -> None:
        """Keep the photos of what is now a label, if its owner wants that; an earlier run may have come no further."""
        if not self._keeps_photos or one.repeated:
            return
        photos = self._decided_photos(one.card_id) if one.photo is None else [one.photo]
        if photos and not (one.done and kept_photos.keys(self._blobs, self._user_id, one.card_id)):
            kept_photos.keep(self._blobs, self._user_id, one.card_id, photos)

    def _decided_photos(self, card_id: str) -> list[bytes]:
        """Those of the decision, while they last."""
        now = self._now()
        decision = self._store.decision(self._user_id, card_id, at=now)
        try:
            shown = decision.photos if decision is not None and decision.shows_photos(now) else ()
            return [self._blobs.get_range(part) for part in shown]
        except NotFoundError:
            return []

    # --- saying so

    def _report(self, one: _Read, why: str | None) -> ReportRow:
        row, same_as = one.row, None
        if one.repeated:
            first = self._outcomes[one.card_id]
            why, same_as = _why_not_again(row, first), first.row
        said = ReportRow(
            row=row.number,
            taken=why is None,
            name=row.name,
            card_id=one.card_id or row.card_id,
            choice=row.choice,
            why=why,
            same_as=same_as,
        )
        if one.card_id and not one.repeated:
            self._outcomes[one.card_id] = said
        return said


_LATER = "you have labelled it later; that counts"


def _why_not_again(row: Row, first: ReportRow) -> str | None:
    if first.taken and first.choice != row.choice:
        return f"row {first.row} says {first.choice} of the same, and came first"
    return first.why


def _photo(photo: bytes) -> bytes:
    """Raises LabelError for what the judge need not be asked about."""
    if suffix_of(photo) == ".bin":
        raise LabelError("not a JPEG, PNG or WebP photo")
    if len(photo) > MAX_PHOTO_BYTES:
        raise LabelError(f"the photo is larger than {MAX_PHOTO_BYTES // 1_000_000} MB")
    return photo
