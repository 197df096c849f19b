"""A folder of photos as a deck: each photo is a card, a like or pass is a link and a row in the results.

All is local and safe to do twice. A row is written first and its link made after it, one photo at a time: only the
newest row can lack its link after a crash, and it gets it at the next look. What Swipr decided but a crash kept from
being written is taken from the decisions.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final

from swipr.decks.folder_photo import LARGE_BYTES, small_photo
from swipr.decks.folder_places import KINDS, Places
from swipr.decks.folder_results import Outcome, Results, Row
from swipr.decks.folder_scan import ChangedError, Found, Look, PhotoFolder, card_id_of, read_unchanged
from swipr.errors import DeckUnavailableError, PhotoError
from swipr.models import Answer, Card, Choice, Decision, DeckHealth, MatchList, Offer, Photo, State, is_final

#: Cards of one offer, and the bytes that a session then keeps of them.
BATCH: Final = 60
BATCH_BYTES: Final = 24_000_000
#: A look reads new files for so long and then goes on with what it has, seconds.
READ_S: Final = 6.0


@dataclass(frozen=True)
class Past:
    """What Swipr knows of the user's cards. `held` wait for an answer; states never expire, decisions do."""

    acting: bool
    held: Collection[str]
    decision: Callable[[str], Decision | None]
    state: Callable[[str], State | None]


@dataclass
class _Offered:
    """What a look found to offer, and why it may not be all."""

    found: dict[str, Found] = field(default_factory=dict)
    bytes: int = 0
    unread: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.found) >= BATCH or self.bytes >= BATCH_BYTES


class FolderDeck:
    """One user's look at the folder; `photos` is shared by all looks, since it remembers what it has read."""

    name = "folder"
    states_ages = False
    is_service = False
    _results: Results

    def __init__(
        self,
        photos: PhotoFolder,
        places: Places,
        past: Past,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._photos, self._places, self._past = photos, places, past
        self._now, self._clock = now, clock
        self._offered: Mapping[str, Found] = {}
        self._trouble = ""
        self._shrinking = Lock()  # decoding takes memory: one large photo at a time

    # --- the deck's calls ----------------------------------------------------------------------------

    def cards(self) -> Offer:
        """New photos, and those whose user has answered. Raises DeckUnavailableError."""
        try:
            look = self._look()
            offered = self._new_photos(look)
        except OSError as error:
            raise DeckUnavailableError(f"The folder cannot be used: {_words(error)}.") from None
        self._offered = offered.found
        if not offered.found and offered.unread:
            raise DeckUnavailableError(f"{offered.unread} photos are still to be read; it goes on at the next look.")
        if not offered.found and look.being_written:
            count = len(look.being_written)
            raise DeckUnavailableError(f"{count} files are still being written; it looks again.")
        return Offer(cards=tuple(_card(card_id, found) for card_id, found in offered.found.items()))

    def photo(self, photo: Photo) -> bytes:
        found = self._offered.get(photo.photo_id)
        if found is None:
            raise PhotoError("this photo was not offered")
        try:
            if found.size <= LARGE_BYTES:
                return _read(found, photo.photo_id)
            with self._shrinking:
                return small_photo(_read(found, photo.photo_id))
        except OSError as error:
            raise PhotoError(f"the photo cannot be read: {_words(error)}") from None

    def like(self, card: Card) -> Answer:
        return self._write(card, "like")

    def pass_(self, card: Card) -> Answer:
        return self._write(card, "pass")

    def superlike(self, card: Card) -> Answer:
        """A folder knows no more than likes."""
        return self._write(card, "like")

    def matches(self) -> MatchList:
        return MatchList()

    def check(self) -> DeckHealth:
        try:
            self._look()
        except OSError as error:
            return DeckHealth(works=False, text=f"The folder cannot be used: {_words(error)}.")
        return DeckHealth(works=True, text="The folder can be read.")

    # --- looking --------------------------------------------------------------------------------------

    def _look(self) -> Look:
        look = self._photos.look()
        if self._past.acting:
            self._places.make()
        self._results = Results(self._places.folder, kept=self._past.acting)
        last = self._results.last()
        if last is not None and self._past.acting:
            self._finish(last, look.files.get(last.path))
        return look

    def _new_photos(self, look: Look) -> _Offered:
        offered = _Offered()
        until = self._clock() + READ_S
        for found in self._unsettled(look):
            if offered.is_full:
                break
            if self._clock() > until:
                offered.unread += 1
                continue
            try:
                self._consider(found, look, offered)
            except ChangedError:
                look.being_written.add(found.path)
            except PermissionError:
                look.unopened += 1
        return offered

    def _unsettled(self, look: Look) -> Iterator[Found]:
        """Answered photos first: their user is waiting. Then those that no row tells about."""
        for row in list(self._results.rows.values()):
            if row.verdict == "unsure" and not self._waits(row.card_id):
                found = self._found(row, look)
                if found is not None:
                    yield found
        for found in look.files.values():
            known = self._results.rows.get(found.path)
            if known is None or not self._is_settled(known, found, look):
                yield found

    def _waits(self, card_id: str) -> bool:
        """A decision that expired meanwhile holds nothing any more: the photo is judged anew."""
        return card_id in self._past.held and self._past.decision(card_id) is not None

    def _found(self, row: Row, look: Look) -> Found | None:
        """An unsure photo where it lies now: in the folder or, if photos are moved, among the results."""
        found = look.files.get(row.path)
        if found is not None and _is_of(row, found):
            return found
        file = self._places.folder / row.place
        if not self._places.moves or not row.place or not file.is_file():
            return None
        status = file.stat()
        return Found(row.path, file, status.st_size, status.st_mtime_ns)

    def _is_settled(self, row: Row, found: Found, look: Look) -> bool:
        if not _is_of(row, found):
            return False
        if row.verdict == "duplicate":
            first = self._results.by_card.get(row.card_id)
            return first is not None and self._lies_there(first, look)
        if self._places.moves and self._past.acting and row.place:
            self._finish(row, found)
        return True  # an unsure one waits, or was looked at as an answered one

    def _lies_there(self, row: Row, look: Look) -> bool:
        if row.path in look.being_written:
            return True
        found = look.files.get(row.path)
        moved = self._places.moves and bool(row.place) and (self._places.folder / row.place).exists()
        return moved or (found is not None and _is_of(row, found))

    def _consider(self, found: Found, look: Look, offered: _Offered) -> None:
        """Offer the photo, or write down why not. In a dry run nothing is written."""
        known = self._results.rows.get(found.path)
        card_id, trouble = (known.card_id, "") if known and known.verdict == "unsure" else self._photos.identify(found)
        if not card_id:
            if trouble:
                self._note(found, "", "unreadable", trouble)
            return
        first = self._results.by_card.get(card_id)
        if first is not None and first.path != found.path and self._lies_there(first, look):
            self._note(found, card_id, "duplicate", f"the same photo as {first.path}")
        elif card_id not in offered.found and not self._is_past(found, card_id, first):
            offered.found[card_id] = found
            offered.bytes += min(found.size, LARGE_BYTES) if _shrinks(found) else found.size

    def _is_past(self, found: Found, card_id: str, first: Row | None) -> bool:
        """Nothing is left to decide; what was decided is written down now."""
        decision = self._past.decision(card_id)
        if decision is None:
            return self._is_past_without_decision(found, card_id, first)
        if not self._past.acting:
            return True
        if decision.state == "unsure" and card_id in self._past.held:
            self._settle(found, card_id, "unsure", decision)
            return True
        if is_final(decision.state) and decision.verdict != "unsure":
            self._settle(found, card_id, _outcome(decision, decision.verdict), decision)
            return True
        return False

    def _is_past_without_decision(self, found: Found, card_id: str, first: Row | None) -> bool:
        state = self._past.state(card_id)
        if state is None or not is_final(state):
            return False
        if not self._past.acting:
            return True
        if first is not None and first.verdict != "unsure":  # renamed
            self._add(_at(first, found), found)
        else:
            self._note(found, card_id, "earlier", "acted on before; what was decided has expired")
        return True

    # --- writing --------------------------------------------------------------------------------------

    def _write(self, card: Card, choice: Choice) -> Answer:
        found = self._offered.get(card.card_id)
        if found is None or self._trouble:
            return Answer(state="failed", detail=self._trouble or "this photo was not offered")
        decision = self._past.decision(card.card_id)
        try:
            read_unchanged(found, 0)
            self._settle(found, card.card_id, _outcome(decision, choice), decision)
        except (ChangedError, FileNotFoundError):
            return Answer(state="failed", detail="the file changed meanwhile; it is judged anew")
        except OSError as error:
            self._trouble = f"could not be written: {_words(error)}"
            return Answer(state="failed", detail=self._trouble)
        return Answer(state="sent")

    def _settle(self, found: Found, card_id: str, verdict: Outcome, decision: Decision | None) -> None:
        score = "" if decision is None or decision.score is None else f"{decision.score:.4f}"
        reason = "" if decision is None else decision.reason
        self._add(self._row(found, card_id, verdict, score, reason), found)

    def _note(self, found: Found, card_id: str, verdict: Outcome, reason: str) -> None:
        if self._past.acting:
            self._results.add(self._row(found, card_id, verdict, "", reason))

    def _row(self, found: Found, card_id: str, verdict: Outcome, score: str, reason: str) -> Row:
        at = self._now().isoformat(timespec="seconds")
        return Row(found.path, card_id, verdict, score, reason, at, "", found.size, found.modified_ns)

    def _add(self, row: Row, found: Found) -> None:
        earlier = self._results.by_card.get(row.card_id)
        if row.verdict in KINDS:
            row = replace(row, place=self._places.choose(_name(row), found.file, row.card_id, row.verdict))
        self._results.add(row)
        self._finish(row, found)
        if earlier is not None and earlier.path != row.path and earlier.place not in ("", row.place):
            self._places.drop(earlier.place, row.card_id)

    def _finish(self, row: Row, found: Found | None) -> None:
        """Make the links as the row says; safe to do twice."""
        if not row.place:
            return
        file = found.file if found is not None and _is_of(row, found) else None
        try:
            self._places.put(_name(row), file, row.card_id, row.place)
        except FileExistsError:
            if file is None:
                return
            place = self._places.choose(_name(row), file, row.card_id, row.verdict)
            self._results.add(replace(row, place=place))
            self._places.put(_name(row), file, row.card_id, place)


def _card(card_id: str, found: Found) -> Card:
    return Card(card_id=card_id, name=found.path, photos=(Photo(photo_id=card_id, url=found.path),))


def _is_of(row: Row, found: Found) -> bool:
    return (row.bytes, row.modified_ns) == (found.size, found.modified_ns)


def _at(row: Row, found: Found) -> Row:
    return replace(row, path=found.path, bytes=found.size, modified_ns=found.modified_ns)


def _name(row: Row) -> str:
    return row.path.rpartition("/")[2]


def _outcome(decision: Decision | None, choice: Choice) -> Outcome:
    """A photo that could not be judged is passed by rule, but nobody said that it is a bad one."""
    return "unreadable" if decision is not None and decision.filtered else choice


def _read(found: Found, card_id: str) -> bytes:
    body = read_unchanged(found)
    if card_id_of(hashlib.sha256(body).hexdigest()) != card_id:
        raise ChangedError(f"{found.path} is another photo now")
    return body


def _shrinks(found: Found) -> bool:
    return found.file.suffix.lower() in (".jpg", ".jpeg", ".jpe")


def _words(error: OSError) -> str:
    return f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
