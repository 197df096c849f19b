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
    Action,
    BlobRange,
    Decision,
    DueUser,
    EarlierRequest,
    ExportRequest,
    Handoff,
    Label,
    Lease,
    MatchRecord,
    ModelVersion,
    RefitRequest,
    SessionReport,
    State,
    Status,
    StoredAnswer,
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
    SUPERLIKES_SPENT = "the day's super likes are spent"
    DAY_FULL = "the day's swipes are spent"
    SESSION_FULL = "the session's swipes are spent"
    ACTED = "this card has been acted on"


class Store(Protocol):
    """Users, decisions, what was acted on, labels and models. Each operation is atomic and durable on return."""

    # users
    def create_user(self, user: User) -> bool:
        """False, and nothing changed, if the id is taken."""

    def user(self, user_id: str) -> User | None: ...

    def user_ids(self) -> Sequence[str]:
        """Everybody's, in ascending order."""

    def delete_user(self, user_id: str, *, at: datetime) -> bool:
        """Remove the user's own record, after which no session, label or model of theirs can be stored.

        False, and nothing changed, unless they are off, nothing is in flight and no lease holds at `at`. True also
        when there is no such user.
        """

    def delete_records(self, user_id: str) -> int:
        """Remove all that is kept under the id beside the user's own record: decisions, acted, labels, models, matches
        and remembered requests; how many there were. Idempotent."""

    def switch(self, user_id: str, *, enabled: bool, at: datetime, status: Status, reason: str = "") -> User:
        """Set the flag. On: due at once, but not before `deck_wait_until`. Off: not due. Raises NotFoundError.

        A real change goes first into `switch_history` (20 are kept), by `you`, with the reason.
        """

    def set_acting(self, user_id: str, *, acting_on: str | None) -> User:
        """Allow acting on the named deck, or None for a dry run. Raises NotFoundError."""

    def save_settings(self, user_id: str, settings: UserSettings, *, revision: int) -> User:
        """Raises ConflictError unless `revision` is the stored one; NotFoundError."""

    def connect_deck(self, user_id: str, *, deck: str, sealed_token: bytes | None, at: datetime) -> User:
        """Name the deck and keep its sealed token.

        Another deck than before ends acting, and forgets `deck_wait_until`, which was of the one before. Raises
        NotFoundError.
        """

    def hear_deck(
        self,
        user_id: str,
        *,
        deck: str,
        connected_at: datetime | None,
        at: datetime,
        wait_until: datetime | None = None,
        refused: str | None = None,
    ) -> bool:
        """Remember what a deck said outside of a session: when it may be asked again (a later time that is stored
        already stays), or that it refuses the user, who then is switched off by `swipr` in these words.

        False, and nothing changed, for an unknown user or unless they have this deck, connected at this time.
        """

    def forget_deck(self, user_id: str) -> User:
        """Forget the deck's token; acting ends. Raises NotFoundError."""

    def set_matches_read(self, user_id: str, *, at: datetime) -> None:
        """Remember when the deck's matches were last read; nothing for an unknown user."""

    def set_champion(self, user_id: str, version: int, *, expected: int | None) -> bool:
        """Point at another model version if the pointer still is `expected`; the old one becomes previous.

        Raises `highest_champion` to the version, if it is higher. The shadow that becomes champion is shadow no more.
        """

    def set_shadow(self, user_id: str, version: int | None, *, expected: int | None) -> bool:
        """Let another version (or none) wait behind the gate, if the one that waits still is `expected`."""

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
        `due_seen`, which the session saw: whoever moved it meanwhile wins. `switch_off` disables, which goes into
        `switch_history` by `swipr` with the status's text.
        A `deck_wait_until` is stored, and an enabled user is not due before it.
        """

    # acting
    def begin_action(
        self,
        decision: Decision,
        *,
        action: Action,
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
        nothing is in flight, the session's and the day's budgets allow one more (a super like is a like too), and
        neither Acted nor the decision is beyond `failed` (absent or reopenable); then count it, put `decision` (with
        the action) and Acted as `pending`, set in flight, extend the lease, take the card out of `held`.

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
        not_taken: bool = False,
        deck_wait_until: datetime | None = None,
        refused: str | None = None,
    ) -> bool:
        """Settle the pending action that began under `fence`; `failed` gives its budgets back, but the session's.

        `not_taken`, of a `failed` one: the deck was asked and would not take this card, which is a try more and costs
        the day's swipe. `deck_wait_until` is remembered, `refused` switches the user off by `swipr`, with this text.

        False, and nothing changed, if that action is not pending any more.
        """

    def raise_unknown(self, user_id: str, card_id: str, *, acted_key: str, match_id: str) -> bool:
        """A match proves that an `unknown` like was sent. False unless it was unknown."""

    # decisions
    def record_decision(self, decision: Decision, *, fence: int) -> bool:
        """Put a `dry_run` or `unsure` decision; an `unsure` card joins `held`.

        False, and nothing changed, if the fence is not the stored one or the stored decision is not reopenable.
        """

    def release_held(self, user_id: str, card_ids: Sequence[str]) -> None:
        """Take the cards out of `held`: nobody can answer for what has expired. Nothing for an unknown user."""

    def decision(self, user_id: str, card_id: str, *, at: datetime) -> Decision | None:
        """None when absent or expired by `at`."""

    def decisions(
        self, user_id: str, *, at: datetime, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Decision]:
        """Newest first by (decided_at, card_id), those below `before` only, expired ones left out."""

    def acted(self, user_id: str, acted_keys: Iterable[str]) -> Mapping[str, State]:
        """The state of each key that exists; never expires."""

    def attribute_match(self, user_id: str, card_id: str, *, match_id: str) -> bool:
        """Note on a `sent` decision which match it led to, also in place of the stand-in's id; False, and nothing
        changed, if it has one or is none."""

    def forget_card(self, user_id: str, card_id: str, *, forgotten_key: str | None = None) -> Decision | None:
        """Remove and return the card's decision; it leaves `held`. Acted stays.

        `forgotten_key` is put in Acted, as `unknown`: so `acted` tells what its user had forgotten from what has only
        expired. None, and nothing changed, for an unknown user.
        """

    def restore_decision(self, decision: Decision, *, acted_key: str) -> bool:
        """Put a decision of another install, and its final state in Acted; False, and nothing changed, if the card has
        a decision or was acted on here. For import only. Raises NotFoundError for an unknown user."""

    # matches
    def put_match(self, match: MatchRecord) -> None:
        """Insert, or replace all but `outcome` and `outcome_at`. Raises NotFoundError for an unknown user."""

    def match(self, user_id: str, match_id: str, *, at: datetime) -> MatchRecord | None:
        """None when absent or expired by `at`."""

    def matches(self, user_id: str, *, at: datetime) -> Sequence[MatchRecord]:
        """All, newest first by (matched_at, match_id), expired ones left out."""

    def note_outcome(self, user_id: str, match_id: str, outcome: str | None, *, at: datetime) -> MatchRecord:
        """Raises NotFoundError, also for an expired one."""

    def delete_match(self, user_id: str, match_id: str) -> bool: ...

    # labels
    def put_label(self, label: Label) -> bool:
        """Store the label, replacing one of the card before it, which goes into `earlier` unless it is this very one;
        the card leaves `held`, `User.labels` counts it.

        False, and nothing changed, if the stored one is newer. Raises NotFoundError for an unknown user.
        """

    def refresh_label(self, label: Label) -> bool:
        """Replace the backbone and features of this very label; False, and nothing changed, if it is not stored."""

    def note_logits(self, user_id: str, card_id: str, logits: Mapping[str, float], *, labelled_at: datetime) -> bool:
        """Add to a label's `network_logits`; False, and nothing changed, unless the label of that time is stored."""

    def delete_label(self, user_id: str, card_id: str) -> Label | None:
        """Remove and return the label; `User.labels` counts it no more."""

    def label(self, user_id: str, card_id: str) -> Label | None: ...

    def labels(self, user_id: str) -> Sequence[Label]:
        """All labels by card_id, with empty `features`."""

    def label_features(self, user_id: str, card_ids: Sequence[str]) -> Mapping[str, bytes]: ...

    # models
    def put_model(self, model: ModelVersion) -> bool:
        """False, and nothing changed, if the version exists. Raises NotFoundError for an unknown user."""

    def model(self, user_id: str, version: int) -> ModelVersion | None: ...

    def models(self, user_id: str, *, limit: int = 50) -> Sequence[ModelVersion]:
        """Newest version first."""

    # requests that carry an Idempotency-Key
    def begin_request(
        self, user_id: str, key: str, *, digest: str, at: datetime, stale_before: datetime, expires_at: datetime
    ) -> EarlierRequest | None:
        """Remember that it is being worked on; what there was before, and nothing changed, if it has an answer or
        began after `stale_before`. What has expired by `at` is as if it never was."""

    def finish_request(self, user_id: str, key: str, *, digest: str, answer: StoredAnswer | None) -> None:
        """Remember the answer of the request begun with this digest; None forgets it, so that it can be tried again."""

    # housekeeping
    def delete_expired(self, at: datetime) -> int:
        """Delete decisions, matches and requests expired by `at`; how many (DynamoDB's TTL does it by itself: 0)."""


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
        """Absent ones are fine. A listed key may have any characters: somebody else may put objects there."""

    def presign_get(self, key: str, *, expires_s: int) -> str:
        """An address that serves the object, ranges too, to whoever holds it."""

    def presign_post(self, key: str, *, max_bytes: int, expires_s: int) -> tuple[str, dict[str, str]]:
        """Address and form fields by which a browser may upload exactly this key, 1 to `max_bytes` bytes."""


class Queue(Protocol):
    """At-least-once messages; sent means stored."""

    def send_session(self, session: SwipeSession) -> None: ...

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        """Send many at once; those that were not stored, in their order."""

    def ask_refit(self, request: RefitRequest) -> None: ...

    def ask_export(self, request: ExportRequest) -> None:
        """To the same queue as refits."""


class Trainer(Protocol):
    """Who is told of a hand-off at once; whoever can read the objects may answer it, too."""

    def start(self, handoff: Handoff) -> str | None:
        """Ask for training, in plain words what was set going; None where nobody trains by itself. Idempotent."""


class Secrets(Protocol):
    def seal(self, plain: bytes, *, context: Mapping[str, str]) -> bytes: ...

    def open(self, sealed: bytes, *, context: Mapping[str, str]) -> bytes:
        """Raises PermissionError if the bytes or the context are not what was sealed."""

    def keyed_hash(self, text: str) -> str:
        """HMAC-SHA256 of the text under the install's own key, hex; the same for the life of the install."""
