"""A person's labels: stored with the features they teach by, taken back, and what they set going."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from swipr import kept_photos
from swipr.api.ids import missing
from swipr.errors import InputError, NotFoundError
from swipr.judging import PHOTOS_PER_CALL, Judge, PhotoSource
from swipr.models import CardId, Choice, Label, RefitRequest, Value
from swipr.ports import Blobs, Queue, Store
from swipr.sessions.photos import mean_row


class NewLabel(Value):
    """One label as a client sends it: of a decided card by its id, or of photos sent along (base64)."""

    choice: Choice
    card_id: CardId | None = None
    photos: Annotated[tuple[str, ...], Field(max_length=9)] = ()
    source: Literal["correction", "taught", "asked"] | None = None
    chosen_by: Literal["person", "diverse", "uncertain", "random", "recheck"] = "person"


class NewLabels(Value):
    labels: Annotated[tuple[NewLabel, ...], Field(min_length=1, max_length=100)]


def _one_or_many(sent: Any) -> str:
    return "many" if isinstance(sent, NewLabels) or (isinstance(sent, dict) and "labels" in sent) else "one"


OneOrMany = Annotated[Annotated[NewLabel, Tag("one")] | Annotated[NewLabels, Tag("many")], Discriminator(_one_or_many)]


@dataclass(frozen=True)
class Labelling:
    store: Store
    blobs: Blobs
    queue: Queue
    judge: Judge
    now: Callable[[], datetime]

    def add(self, user_id: str, new: NewLabels) -> list[Label]:
        """Store the labels, then ask for a refit; nothing is stored unless all can be.

        Raises InputError naming the label that cannot be learned from, NotFoundError naming the one of no known card.
        """
        embedded = self._embed(new.labels)
        labels = [self._label(user_id, number, label, embedded) for number, label in enumerate(new.labels)]
        user = self.store.user(user_id)
        keeps_photos = user is not None and user.settings.keep_photos
        for label, sent in zip(labels, new.labels, strict=True):
            if self.store.put_label(label) and keeps_photos:
                kept_photos.keep(self.blobs, user_id, label.card_id, self._photos(user_id, label.card_id, sent))
        set_going(user_id, self.store, self.queue, at=self.now())
        return labels

    def take_back(self, user_id: str, card_id: str) -> Label:
        """Remove the label and ask for a refit. Raises NotFoundError."""
        label = self.store.delete_label(user_id, card_id)
        kept_photos.forget(self.blobs, user_id, card_id)
        if label is None:
            raise missing("card_id")
        set_going(user_id, self.store, self.queue, at=self.now())
        return label

    def _label(self, user_id: str, number: int, new: NewLabel, embedded: dict[int, tuple[str, bytes]]) -> Label:
        if new.photos:
            backbone, features = embedded[number]
            digest = hashlib.sha256("\n".join(new.photos).encode()).hexdigest()
            card_id, source = new.card_id or f"upload:{digest[:32]}", new.source or "taught"
        else:
            card_id, backbone, features = self._of_decision(user_id, number, new)
            source = new.source or "correction"
        return Label(
            user_id=user_id,
            card_id=card_id,
            choice=new.choice,
            source=source,
            chosen_by=new.chosen_by,
            labelled_at=self.now(),
            backbone=backbone,
            features=features,
        )

    def _photos(self, user_id: str, card_id: str, sent: NewLabel) -> list[bytes]:
        """Those sent along, else those of the decision; none once they have expired."""
        if sent.photos:
            return [base64.b64decode(photo) for photo in sent.photos]
        decision = self.store.decision(user_id, card_id, at=self.now())
        try:
            if decision is None or not decision.shows_photos(self.now()):
                return []
            return [self.blobs.get_range(part) for part in decision.photos]
        except NotFoundError:
            return []

    def _of_decision(self, user_id: str, number: int, new: NewLabel) -> tuple[str, str, bytes]:
        field = f"labels[{number}].card_id"
        if new.card_id is None:
            raise InputError(field, "name a card that was decided, or send its photos")
        now = self.now()
        decision = self.store.decision(user_id, new.card_id, at=now)
        if decision is None:
            raise NotFoundError(str(missing("card_id")), field)
        if decision.features is None or decision.backbone is None:
            raise InputError(field, "its photos were never seen, so nothing can be learned from it; send them")
        expired = InputError(field, "what was seen of it has expired; send its photos")
        if not decision.shows_photos(now):
            raise expired
        try:
            return new.card_id, decision.backbone, self.blobs.get_range(decision.features)
        except NotFoundError:
            raise expired from None

    def _embed(self, labels: Sequence[NewLabel]) -> dict[int, tuple[str, bytes]]:
        """Backbone and mean features of each label that brings photos, by its place."""
        sources = [
            PhotoSource(id=f"labels[{number}].photos[{place}]", data=photo)
            for number, label in enumerate(labels)
            for place, photo in enumerate(label.photos)
        ]
        for source in sources:
            check_base64(source["id"], source["data"])
        if not sources:
            return {}
        rows: dict[int, list[bytes]] = {}
        for start in range(0, len(sources), PHOTOS_PER_CALL):
            chunk = sources[start : start + PHOTOS_PER_CALL]
            answer = self.judge({"photos": chunk, "heads": []})
            for source, photo in zip(chunk, answer["photos"], strict=True):
                if "error" in photo:
                    raise InputError(source["id"], photo["error"])
                number = int(source["id"].split("]")[0].removeprefix("labels["))
                rows.setdefault(number, []).append(base64.b64decode(photo["features"]))
        return {number: (answer["backbone"], mean_row(own)) for number, own in rows.items()}


def set_going(user_id: str, store: Store, queue: Queue, *, at: datetime) -> None:
    """Ask for a refit, and wake a user who sleeps until held cards are answered."""
    queue.ask_refit(RefitRequest(user_id=user_id))
    user = store.user(user_id)
    if user is not None and user.status is not None and user.status.code == "held_cards":
        store.wake(user_id, at=at)


def check_base64(field: str, text: str) -> None:
    """Raises InputError unless the text is base64 of something."""
    try:
        if not base64.b64decode(text, validate=True):
            raise InputError(field, "is empty; send a JPEG, PNG or WebP as base64")
    except ValueError:  # also of what is not ASCII
        raise InputError(field, "is not base64; send a JPEG, PNG or WebP as base64") from None
