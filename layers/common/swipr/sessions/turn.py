"""One session's turn at a user: its lease, what it writes under it, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from swipr.models import Answer, Decision, Lease, State, SwipeSession, User
from swipr.sessions.forgotten import take_away_if_forgotten
from swipr.sessions.planning import Parts
from swipr.sessions.plans import Plan, decision_of
from swipr.sessions.tally import Tally

#: The longest stretch before the first action, and so between two renewals: matches and cards (3 tries each, 34 s, and
#: 20 s of further pages), the photos (40 s), the judge (4 calls of 60 photos, seconds in practice).
LEASE_S = 240.0


class LeaseLostError(Exception):
    """Somebody else runs this user now; stop without a word."""


@dataclass(frozen=True)
class Turn:
    message: SwipeSession
    parts: Parts
    lease: Lease
    tally: Tally
    time_left_s: Callable[[], float]

    @property
    def user_id(self) -> str:
        return self.message.user_id

    @property
    def name(self) -> str:
        """Names what this run keeps: unlike the session's id it is never used again."""
        return f"{self.message.session_id}-{self.lease.fence}"

    def user(self) -> User:
        """As stored now. Raises LeaseLostError."""
        user = self.parts.store.user(self.user_id)
        if user is None or user.fence != self.lease.fence:
            raise LeaseLostError
        return user

    def acted_key(self, card_id: str) -> str:
        return self.parts.acted_key(self.user_id, card_id)

    def decision(self, plan: Plan, state: State) -> Decision:
        at = self.parts.now()
        return decision_of(
            plan,
            user_id=self.user_id,
            session_id=self.message.session_id,
            state=state,
            at=at,
            expires_at=at + timedelta(days=self.parts.decision_days),
            photos_expire_at=at + timedelta(days=self.parts.photo_days),
        )

    def record(self, plan: Plan, state: Literal["unsure", "dry_run"]) -> None:
        """Record what is not acted on. Only an acting user's unsure cards are held for an answer."""
        if self.parts.store.record_decision(self.decision(plan, state), fence=self.lease.fence):
            self.tally.recorded(plan)
            take_away_if_forgotten(plan.card.card_id, self.user_id, self.parts)

    def settle(self, card_id: str, answer: Answer, *, fence: int, not_taken: bool = False) -> None:
        """Store what became of the action begun under `fence`, and what the deck said of itself.

        `not_taken`: the deck would not take this very card. Raises LeaseLostError if the action was this turn's own
        and has been settled by another.
        """
        settled = self.parts.store.finish_action(
            self.user_id,
            card_id,
            acted_key=self.acted_key(card_id),
            fence=fence,
            state=answer.state,
            detail=answer.detail,
            match_id=answer.match_id,
            at=self.parts.now(),
            not_taken=not_taken,
            deck_wait_until=None if answer.spent == "superlikes" else answer.wait_until,
            refused=answer.refused,
        )
        if not settled and fence == self.lease.fence:
            raise LeaseLostError
