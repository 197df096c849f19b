"""What a person or client may ask of Swipr, apart from HTTP: each method answers plain JSON values."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field

from swipr import kept_photos
from swipr.errors import ConflictError, InputError, ModelError, NotFoundError
from swipr.heads import unpack
from swipr.judging import OTHER_BACKBONE, Judge, backbone_of, rule_on_card
from swipr.labelling import Labelling, NewLabels
from swipr.models import Decision, Label, ModelVersion, SessionReport, Status, User, UserSettings, Value
from swipr.ports import Blobs, Queue, Secrets, Store
from swipr.session import STOPPING_S
from swipr.session_photos import content_type_of
from swipr.swiping import budget_day, likes_left
from swipr.upload_desk import NewUpload, UploadDesk

Json = dict[str, Any]


class SwitchChange(Value):
    model_config = ConfigDict(strict=True)

    enabled: bool


class ActingChange(Value):
    """`deck` must be the connected one: acting is allowed by name."""

    model_config = ConfigDict(strict=True)

    acting: bool
    deck: str | None = None
    likes_per_day: int | None = Field(default=None, ge=0, le=10_000)


class DeckConnection(Value):
    deck: str
    token: str | None = Field(default=None, min_length=1, max_length=500, repr=False)
    """Of the user's own account; a folder has none."""


@dataclass(frozen=True)
class Api:
    store: Store
    blobs: Blobs
    queue: Queue
    secrets: Secrets
    judge: Judge
    decks: tuple[str, ...]
    tokenless: frozenset[str]
    """Decks that need no token."""
    now: Callable[[], datetime]
    token: Callable[[int], str]
    """`token(n)` gives n random bytes as hex."""

    # --- the user --------------------------------------------------------------------------------

    def user(self, user_id: str) -> User:
        """The user, made with everything off at the first request."""
        user = self.store.user(user_id)
        if user is None:
            self.store.create_user(User(user_id=user_id, deck=self.decks[0]))
            user = self.store.user(user_id)
        if user is None:
            raise NotFoundError("this user was deleted just now")
        return user

    def status(self, user_id: str) -> Json:
        user, now = self.user(user_id), self.now()
        day, zone = budget_day(user, now)
        model = self.store.model(user_id, user.champion) if user.champion is not None else None
        return {
            "user_id": user_id,
            "switch": switch_state(user, now),
            "acting": user.acting,
            "deck": user.deck,
            "deck_connected": self._is_connected(user),
            "next_due_at": _iso(user.next_due_at),
            "deck_wait_until": _iso(user.deck_wait_until),
            "status": user.status.model_dump(mode="json") if user.status else None,
            "budget": {
                "likes_per_day": user.settings.likes_per_day,
                "likes_today": user.likes_today if user.budget_day == day else 0,
                "left": likes_left(user, now),
                "day": day.isoformat(),
                "time_zone": zone,
            },
            "held": len(user.held),
            "model": model_json(model, user) if model else None,
            "labels": len(self.store.labels(user_id)),
            "sessions": [session_json(report) for report in user.recent_sessions],
            "now": _iso(now),
        }

    def switch(self, user_id: str, change: SwitchChange) -> Json:
        user, at = self.user(user_id), self.now()
        text = "On: it looks at the deck at once." if change.enabled else "Off."
        if change.enabled and user.deck_wait_until is not None and user.deck_wait_until > at:
            text = f"On: the deck allows no more before {user.deck_wait_until:%Y-%m-%d %H:%M} UTC."
        code: Literal["ready", "off"] = "ready" if change.enabled else "off"
        self.store.switch(user_id, enabled=change.enabled, at=at, status=Status(code=code, text=text, at=at))
        return self.status(user_id)

    def set_acting(self, user_id: str, change: ActingChange) -> Json:
        """Raises InputError unless the deck named is the connected one."""
        user = self.user(user_id)
        if not change.acting:
            self.store.set_acting(user_id, acting_on=None)
            self.store.wake(user_id, at=self.now())
            return self.status(user_id)
        if change.deck != user.deck:
            raise InputError("deck", f"name the connected deck, {user.deck!r}, to let Swipr act on it")
        if not self._is_connected(user):
            raise InputError("deck", f"connect {user.deck!r} with its token first: PUT /v1/deck")
        if change.likes_per_day is not None:
            wanted = user.settings.model_copy(update={"likes_per_day": change.likes_per_day})
            self.store.save_settings(user_id, wanted, revision=user.settings_revision)
        self.store.set_acting(user_id, acting_on=change.deck)
        self.store.wake(user_id, at=self.now())
        return self.status(user_id)

    def connect_deck(self, user_id: str, connection: DeckConnection) -> Json:
        """Keep the deck's token sealed. Raises InputError for a deck this install does not have."""
        if connection.deck not in self.decks:
            raise InputError("deck", f"choose one of: {', '.join(self.decks)}")
        user = self.user(user_id)
        sealed = None if connection.deck in self.tokenless else self._sealed(user_id, connection)
        if user.deck in self.tokenless and connection.deck not in self.tokenless:
            self._be_courteous(user)
        self.store.connect_deck(user_id, deck=connection.deck, sealed_token=sealed)
        self.store.wake(user_id, at=self.now())
        return self.status(user_id)

    def _sealed(self, user_id: str, connection: DeckConnection) -> bytes:
        token = (connection.token or "").strip().strip('"').strip()
        if not token:
            raise InputError("token", "is empty; paste the token of your own account")
        return self.secrets.seal(token.encode(), context={"user": user_id, "deck": connection.deck})

    def _be_courteous(self, user: User) -> None:
        """Limits chosen for one's own folder are not for a service with people behind it."""
        limits = UserSettings().model_dump(
            include={"likes_per_day", "swipes_per_session", "session_every_s", "pacing_s"}
        )
        wanted = user.settings.model_copy(update=limits)
        self.store.save_settings(user.user_id, wanted, revision=user.settings_revision)

    def _is_connected(self, user: User) -> bool:
        return user.deck_token is not None or (user.deck in self.decks and user.deck in self.tokenless)

    def settings(self, user_id: str) -> tuple[Json, int]:
        """The settings and their revision."""
        user = self.user(user_id)
        return user.settings.model_dump(mode="json"), user.settings_revision

    def save_settings(self, user_id: str, wanted: UserSettings, revision: int | None) -> tuple[Json, int]:
        """Replace the settings. Raises ConflictError if `revision` is given and not the stored one."""
        user = self.user(user_id)
        known = user.settings_revision if revision is None else revision
        saved = self.store.save_settings(user_id, wanted, revision=known)
        if user.status is not None and user.status.code in ("budget_spent", "held_cards"):
            self.store.wake(user_id, at=self.now())  # the reason to pause may be gone; the session looks
        if not saved.settings.keep_photos:
            kept_photos.forget_all(self.blobs, user_id)
        return saved.settings.model_dump(mode="json"), saved.settings_revision

    # --- decisions -------------------------------------------------------------------------------

    def decisions(self, user_id: str, *, limit: int, cursor: str | None) -> Json:
        """One page, newest first, and the cursor of the next one."""
        before = self._read_cursor(user_id, cursor) if cursor else None
        now = self.now()
        page = self.store.decisions(user_id, at=now, limit=limit + 1, before=before)
        shown = page[:limit]
        more = self._cursor(user_id, shown[-1]) if len(page) > limit else None
        return {
            "decisions": [decision_json(d, self.store.label(user_id, d.card_id), now) for d in shown],
            "next": more,
        }

    def photo(self, user_id: str, card_id: str, number: int) -> tuple[bytes, str]:
        """A decided card's photo and its content type. Raises NotFoundError."""
        now = self.now()
        decision = self.store.decision(user_id, card_id, at=now)
        if decision is None or not decision.shows_photos(now) or not 0 <= number < len(decision.photos):
            raise NotFoundError("no such photo, or it has expired")
        photo = self.blobs.get_range(decision.photos[number])
        return photo, content_type_of(photo)

    def _cursor(self, user_id: str, last: Decision) -> str:
        place = base64.urlsafe_b64encode(json.dumps([last.decided_at.isoformat(), last.card_id]).encode()).decode()
        return f"{place}.{self._cursor_seal(user_id, place)}"

    def _cursor_seal(self, user_id: str, place: str) -> str:
        return self.secrets.keyed_hash(f"cursor {user_id} {place}")[:32]

    def _read_cursor(self, user_id: str, cursor: str) -> tuple[datetime, str]:
        place, _, seal = cursor.partition(".")
        if seal != self._cursor_seal(user_id, place):
            raise InputError("cursor", "is not one this list gave; start without it")
        decided_at, card_id = json.loads(base64.urlsafe_b64decode(place))
        return datetime.fromisoformat(decided_at), card_id

    # --- labels, models, predictions ----------------------------------------------------------------

    def label(self, user_id: str, new: NewLabels) -> Json:
        self.user(user_id)
        stored = self._labelling().add(user_id, new)
        return {"stored": [label_json(label) for label in stored]}

    def take_label_back(self, user_id: str, card_id: str) -> Json:
        return {"removed": label_json(self._labelling().take_back(user_id, card_id))}

    def open_upload(self, user_id: str, new: NewUpload) -> Json:
        self.user(user_id)
        return self._uploads().open(user_id, new)

    def upload(self, user_id: str, upload_id: str) -> Json:
        return self._uploads().report(user_id, upload_id)

    def uploads(self, user_id: str) -> Json:
        return self._uploads().newest(user_id)

    def models(self, user_id: str) -> Json:
        user = self.user(user_id)
        return {"models": [model_json(model, user) for model in self.store.models(user_id)]}

    def predict(self, user_id: str, photo: bytes) -> Json:
        """Judge one photo by the user's own model. Raises ConflictError when there is none yet, InputError."""
        user = self.user(user_id)
        model = self.store.model(user_id, user.champion) if user.champion is not None else None
        if model is None:
            raise ConflictError("no model of your taste yet: give at least two likes and two passes")
        data, head = base64.b64encode(photo).decode(), base64.b64encode(model.head).decode()
        try:
            judged = self.judge({"photos": [{"id": "photo", "data": data}], "heads": [head]})["photos"][0]
        except ModelError as error:
            if backbone_of(self.judge) != model.backbone:
                raise ConflictError(OTHER_BACKBONE) from error
            raise
        if "error" in judged:
            raise InputError("photo", judged["error"])
        ruling = rule_on_card(unpack(model.head), judged["logits"], user.settings.card_rule)
        return {
            "score": round(ruling.score, 4),
            "verdict": ruling.verdict,
            "reason": ruling.reason,
            "threshold": unpack(model.head).threshold,
            "model_version": model.version,
            "qualities": judged.get("qualities", {}),
        }

    def _labelling(self) -> Labelling:
        return Labelling(self.store, self.blobs, self.queue, self.judge, self.now)

    def _uploads(self) -> UploadDesk:
        return UploadDesk(self.blobs, self.now, self.token)


def switch_state(user: User, now: datetime) -> Literal["on", "off", "stopping"]:
    """`off` is said only when no action that began before can still be under way."""
    if user.enabled:
        return "on"
    if user.in_flight is not None and now < user.in_flight.begun_at + timedelta(seconds=STOPPING_S):
        return "stopping"
    return "off"


def decision_json(decision: Decision, label: Label | None, now: datetime) -> Json:
    inner = {"user_id", "photos", "features", "backbone", "expires_at", "photos_expire_at"}
    shown = decision.model_dump(mode="json", exclude=inner)
    choice = {"choice": label.choice, "labelled_at": _iso(label.labelled_at)} if label else None
    photos = len(decision.photos) if decision.shows_photos(now) else 0
    return shown | {"photos": photos, "label": choice}


def label_json(label: Label) -> Json:
    return label.model_dump(mode="json", include={"card_id", "choice", "source", "labelled_at"})


def session_json(report: SessionReport) -> Json:
    return report.model_dump(mode="json")


def model_json(model: ModelVersion, user: User) -> Json:
    roles = {user.champion: "champion", user.previous: "previous"}
    return model.model_dump(mode="json", exclude={"user_id", "head"}) | {"role": roles.get(model.version)}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
