"""What Swipr needs from the world it runs in, in Swipr's words.

Two worlds implement each: `local.world` on one machine, `swipr.aws` on AWS. `tests/contract` says what every
operation means. All operations may raise `OSError` or an adapter's own error when the world fails; an operation
that raised may or may not have happened, so each is safe to do twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Protocol

from swipr.models import (
    BlobRange,
    Choice,
    Decision,
    DueUser,
    Handoff,
    Label,
    Lease,
    ModelVersion,
    RefitRequest,
    SessionReport,
    State,
    Status,
    SwipeSession,
    User,
    UserSettings,
)


class LeaseRefusal(StrEnum):
    UNKNOWN_USER = "unknown user"
    SAME_SESSION_RUNS = "this session runs elsewhere"
    OTHER_SESSION_RUNS = "another session of this user runs"
    ENDED = "this session has ended"
    STALE = "a later session has begun"


class Begun(StrEnum):
    """Why an action began or did not; everything but YES leaves nothing changed."""

    YES = "begun"
    OFF = "switched off"
    NOT_ACTING = "dry run"
    LEASE_LOST = "lease lost"
    IN_FLIGHT = "another action is in flight"
    BUDGET_SPENT = "the day's likes are spent"
    SESSION_FULL = "the session's swipes are spent"
    ACTED = "this card has been acted on"


class Store(Protocol):
    """Users, decisions, what was acted on, labels and models. Each operation is atomic and durable on return."""

    # users
    def create_user(self, user: User) -> bool:
        """False, and nothing changed, if the id is taken."""

    def user(self, user_id: str) -> User | None: ...

    def switch(self, user_id: str, *, enabled: bool, at: datetime, status: Status) -> User:
        """Set the flag. On: due at once, but not before `deck_wait_until`. Off: not due. Raises NotFoundError."""

    def set_acting(self, user_id: str, *, acting_on: str | None) -> User:
        """Allow acting on the named deck, or None for a dry run. Raises NotFoundError."""

    def save_settings(self, user_id: str, settings: UserSettings, *, revision: int) -> User:
        """Raises ConflictError unless `revision` is the stored one; NotFoundError."""

    def connect_deck(self, user_id: str, *, deck: str, sealed_token: bytes | None) -> User:
        """Name the deck, keep its sealed token, and forget `deck_wait_until`, which was of the one before.

        Another deck than before ends acting. Raises NotFoundError.
        """

    def set_champion(self, user_id: str, version: int, *, expected: int | None) -> bool:
        """Point at another model version if the pointer still is `expected`; the old one becomes previous."""

    def set_handoff(self, user_id: str, handoff: Handoff, *, expected: Handoff | None) -> bool:
        """Remember what was handed over last, if that still is `expected`."""

    def wake(self, user_id: str, *, at: datetime) -> bool:
        """Make an enabled user due at once, but not before `deck_wait_until`; False if off or due by then."""

    # schedule
    def due_users(self, at: datetime, *, limit: int) -> Sequence[DueUser]:
        """Enabled users with `next_due_at <= at`, earliest first within what the index gives."""

    def claim_slot(self, due: DueUser, *, next_due_at: datetime) -> bool:
        """Advance `next_due_at` if the user is enabled and it still is `due.due_at`."""

    # one session per user
    def take_lease(self, session: SwipeSession, *, owner: str, at: datetime, until: datetime) -> Lease | LeaseRefusal:
        """Take the user's lease, raising the fence, if none is held or it ended by `at`.

        A new session id resets `session_swipes`; the same id goes on counting. A disabled user gets a lease too,
        so that what an earlier run left in flight is settled. `owner` is informative.
        Refusals are checked in this order: UNKNOWN_USER, STALE (id below the stored one), ENDED (same id, ended),
        SAME_SESSION_RUNS / OTHER_SESSION_RUNS (held and not over).
        """

    def end_session(
        self,
        user_id: str,
        *,
        fence: int,
        report: SessionReport,
        status: Status,
        deck_wait_until: datetime | None = None,
        next_due_at: datetime | None = None,
        keep_due: bool = True,
        due_seen: datetime | None = None,
        switch_off: bool = False,
    ) -> bool:
        """End the session and release the lease; False, and nothing changed, if the fence is not the stored one.

        Puts the report first of `recent_sessions` (8 are kept). `keep_due` leaves `next_due_at` as the tick set it;
        otherwise it becomes `next_due_at` (None: not due until something else makes it so), unless it no longer is
        `due_seen`, which the session saw: whoever moved it meanwhile wins. `switch_off` disables.
        A `deck_wait_until` is stored, and an enabled user is not due before it.
        """

    # acting
    def begin_action(
        self,
        decision: Decision,
        *,
        action: Choice,
        acted_key: str,
        fence: int,
        session_id: str,
        deck: str,
        day: date,
        zone: str,
        at: datetime,
        lease_until: datetime,
    ) -> Begun:
        """One transaction: the user is enabled, acting on `deck`, the fence is theirs and the lease not over,
        nothing is in flight, the session's and (for a like) the day's budget allow one more, and neither Acted nor
        the decision is beyond `failed` (absent or reopenable); then count it, put `decision` and Acted as `pending`,
        set in flight, extend the lease, take the card out of `held`.

        `day`/`zone` come from `swiping.budget_day`; a day later than the stored one starts the count anew.
        Checked in the order of `Begun`.
        """

    def finish_action(
        self,
        user_id: str,
        card_id: str,
        *,
        acted_key: str,
        fence: int,
        state: Literal["sent", "failed", "unknown"],
        detail: str,
        match_id: str | None,
        at: datetime,
    ) -> bool:
        """Settle the pending action that began under `fence`; `failed` gives a like's budget back.

        False, and nothing changed, if that action is not pending any more.
        """

    def raise_unknown(self, user_id: str, card_id: str, *, acted_key: str, match_id: str) -> bool:
        """A match proves that an `unknown` like was sent. False unless it was unknown."""

    # decisions
    def record_decision(self, decision: Decision, *, fence: int) -> bool:
        """Put a `dry_run` or `unsure` decision; an `unsure` card joins `held`.

        False, and nothing changed, if the fence is not the stored one or the stored decision is not reopenable.
        """

    def decision(self, user_id: str, card_id: str, *, at: datetime) -> Decision | None:
        """None when absent or expired by `at`."""

    def decisions(
        self, user_id: str, *, at: datetime, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Decision]:
        """Newest first by (decided_at, card_id), those below `before` only, expired ones left out."""

    def acted(self, user_id: str, acted_keys: Iterable[str]) -> Mapping[str, State]:
        """The state of each key that exists; never expires."""

    # labels
    def put_label(self, label: Label) -> bool:
        """Store the label, replacing an earlier one of the card; the card leaves `held`.

        False, and nothing changed, if the stored one is newer.
        """

    def refresh_label(self, label: Label) -> bool:
        """Replace the backbone and features of this very label; False, and nothing changed, if it is not stored."""

    def delete_label(self, user_id: str, card_id: str) -> Label | None:
        """Remove and return the label."""

    def label(self, user_id: str, card_id: str) -> Label | None: ...

    def labels(self, user_id: str) -> Sequence[Label]:
        """All labels by card_id, with empty `features`."""

    def label_features(self, user_id: str, card_ids: Sequence[str]) -> Mapping[str, bytes]: ...

    # models
    def put_model(self, model: ModelVersion) -> bool:
        """False, and nothing changed, if the version exists."""

    def model(self, user_id: str, version: int) -> ModelVersion | None: ...

    def models(self, user_id: str, *, limit: int = 50) -> Sequence[ModelVersion]:
        """Newest version first."""

    # housekeeping
    def delete_expired(self, at: datetime) -> int:
        """Delete decisions expired by `at`, returning how many (DynamoDB's TTL does this by itself: 0)."""


class Blobs(Protocol):
    """Objects by key. Keys are relative, of [A-Za-z0-9._=/-], without empty or dot parts."""

    def put(self, key: str, body: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Durable on return; replaces the whole object or nothing."""

    def get(self, key: str) -> bytes:
        """Raises NotFoundError."""

    def get_range(self, part: BlobRange) -> bytes:
        """Exactly those bytes. Raises NotFoundError also when the object is shorter."""

    def keys(self, prefix: str) -> Sequence[str]:
        """In ascending order."""

    def delete(self, keys: Iterable[str]) -> None:
        """Absent ones are fine."""

    def presign_get(self, key: str, *, expires_s: int) -> str:
        """An address that serves the object, ranges too, to whoever holds it."""

    def presign_post(self, key: str, *, max_bytes: int, expires_s: int) -> tuple[str, dict[str, str]]:
        """Address and form fields by which a browser may upload exactly this key, 1 to `max_bytes` bytes."""


class Queue(Protocol):
    """At-least-once messages; sent means stored."""

    def send_session(self, session: SwipeSession) -> None: ...

    def ask_refit(self, request: RefitRequest) -> None: ...


class Secrets(Protocol):
    def seal(self, plain: bytes, *, context: Mapping[str, str]) -> bytes: ...

    def open(self, sealed: bytes, *, context: Mapping[str, str]) -> bytes:
        """Raises PermissionError if the bytes or the context are not what was sealed."""

    def keyed_hash(self, text: str) -> str:
        """HMAC-SHA256 of the text under the install's own key, hex; the same for the life of the install."""
