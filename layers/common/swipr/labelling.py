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
from swipr.judging import PHOTOS_PER_CALL, Judge, JudgedPhoto, PhotoSource
from swipr.models import CardId, Choice, Label, RefitRequest, User, Value
from swipr.ports import Blobs, Queue, Store
from swipr.predicted import Before, Verdicts, by_decision, by_photos
from swipr.roles import Said, ask_or_see, roles_if_whole
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
class _Seen:
    """Of the photos that came with a label."""

    backbone: str
    features: bytes
    said: Said


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
        user = self.store.user(user_id)
        embedded = self._embed(new.labels, user)
        verdicts = Verdicts(user_id, self.store)
        labels = [
            self._label(user_id, number, label, embedded.get(number), verdicts)
            for number, label in enumerate(new.labels)
        ]
        keeps_photos = user is not None and user.settings.keep_photos
        for label, sent in zip(labels, new.labels, strict=True):
            photos = self._photos(user_id, label.card_id, sent) if keeps_photos else []
            if self.store.put_label(label) and photos:  # a card asked about again may show those kept before
                kept_photos.keep(self.blobs, user_id, label.card_id, photos)
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

    def _label(self, user_id: str, number: int, new: NewLabel, seen: _Seen | None, verdicts: Verdicts) -> Label:
        at = self.now()
        if seen is not None:
            digest = hashlib.sha256("\n".join(new.photos).encode()).hexdigest()
            card_id, source = new.card_id or f"upload:{digest[:32]}", new.source or "taught"
            backbone, features = seen.backbone, seen.features
            before = by_photos(seen.said, features, self.store.label(user_id, card_id))
        else:
            card_id, backbone, features, before = self._of_decision(user_id, number, new, at, verdicts)
            source = new.source or "correction"
        return Label(
            user_id=user_id,
            card_id=card_id,
            choice=new.choice,
            source=source,
            chosen_by=new.chosen_by,
            labelled_at=at,
            backbone=backbone,
            features=features,
            predicted=before.predicted,
            network_logits=before.network_logits,
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

    def _of_decision(
        self, user_id: str, number: int, new: NewLabel, now: datetime, verdicts: Verdicts
    ) -> tuple[str, str, bytes, Before]:
        field = f"labels[{number}].card_id"
        if new.card_id is None:
            raise InputError(field, "name a card that was decided, or send its photos")
        stored, decision = self.store.label(user_id, new.card_id), self.store.decision(user_id, new.card_id, at=now)
        if stored is not None and (new.chosen_by == "recheck" or decision is None or not decision.shows_photos(now)):
            # What was said of it before its first label stays what it was.
            return stored.card_id, stored.backbone, stored.features, Before(stored.predicted, stored.network_logits)
        if decision is None:
            raise NotFoundError(str(missing("card_id")), field)
        if decision.features is None or decision.backbone is None:
            raise InputError(field, "its photos were never seen, so nothing can be learned from it; send them")
        expired = InputError(field, "what was seen of it has expired; send its photos")
        if not decision.shows_photos(now):
            raise expired
        before = by_decision(decision, stored, labelled_at=now, verdict=verdicts)
        try:
            return new.card_id, decision.backbone, self.blobs.get_range(decision.features), before
        except NotFoundError:
            raise expired from None

    def _embed(self, labels: Sequence[NewLabel], user: User | None) -> dict[int, _Seen]:
        """What is seen of each label that brings photos, and said of it, by its place."""
        sources = [
            PhotoSource(id=f"labels[{number}].photos[{place}]", data=photo)
            for number, label in enumerate(labels)
            for place, photo in enumerate(label.photos)
        ]
        for source in sources:
            check_base64(source["id"], source["data"])
        if not sources:
            return {}
        roles, rule = roles_if_whole(user, self.store), user.settings.card_rule if user else "mean"
        judged: dict[int, list[JudgedPhoto]] = {}
        for start in range(0, len(sources), PHOTOS_PER_CALL):
            chunk = sources[start : start + PHOTOS_PER_CALL]
            answer, roles = ask_or_see(self.judge, chunk, roles, self.blobs)
            for source, photo in zip(chunk, answer["photos"], strict=True):
                if "error" in photo:
                    raise InputError(source["id"], photo["error"])
                number = int(source["id"].split("]")[0].removeprefix("labels["))
                judged.setdefault(number, []).append(photo)
        return {
            number: _Seen(
                answer["backbone"],
                mean_row([base64.b64decode(photo["features"]) for photo in own]),
                roles.say(own, rule),
            )
            for number, own in judged.items()
        }


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
