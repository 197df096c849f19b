"""One session over one user's deck: take the lease, judge what is new, act within the limits, say how it ended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from swipr.errors import DeckRefusedError, DeckUnavailableError, ModelError, SessionBusyError
from swipr.models import (
    Answer,
    Card,
    Choice,
    Decision,
    Lease,
    SessionReport,
    Status,
    SwipeSession,
    User,
)
from swipr.planning import Parts, Plan, Plans, decision_of, plan_cards
from swipr.ports import Begun, LeaseRefusal
from swipr.swiping import DECK_TIMEOUT_S, Deck, budget_day, likes_left, next_day_starts
from swipr.tally import Tally

#: The longest stretch before the first action, and so between two renewals: matches and cards (3 tries each, 34 s, and
#: 20 s of further pages), the photos (40 s), the judge (4 calls of 60 photos, seconds in practice).
LEASE_S = 240.0
#: An action that could not be sent this soon after it began is not sent at all: its owner was asleep.
FRESH_S = 5.0
#: "Off" is not said before an action begun just earlier must have been answered.
STOPPING_S = FRESH_S + DECK_TIMEOUT_S
#: More unanswered cards than this pause the user until some are answered.
MAX_HELD = 10
#: How many of the newest decisions are looked through for likes of unknown outcome.
RECONCILED = 100
#: A new action needs this much of the function's time: one deck call and what is written around it.
ACTION_S = DECK_TIMEOUT_S + 5.0


@dataclass(frozen=True)
class Ending:
    """How a session ends: the status code, what the user reads, and when it goes on."""

    code: Literal[
        "done", "dry_run_unchanged", "deck_empty", "deck_waits", "deck_unavailable", "judge_failed", "refused",
        "held_cards", "budget_spent", "untaught", "nothing_new", "off", "failed",
    ]  # fmt: skip
    text: str
    deck_wait_until: datetime | None = None
    next_due_at: datetime | None = None
    keep_due: bool = True
    switch_off: bool = False


class _LeaseLostError(Exception):
    """Somebody else runs this user now; stop without a word."""


def run_session(
    message: SwipeSession, parts: Parts, *, owner: str, time_left_s: Callable[[], float]
) -> SessionReport | None:
    """Run one session to its end; None when there is nothing (more) to do for this message.

    Safe to do twice: what has been done is not done again. Raises SessionBusyError when this very session runs
    elsewhere, so that the message comes again in case that run dies.
    """
    at = parts.now()
    lease = parts.store.take_lease(message, owner=owner, at=at, until=at + timedelta(seconds=LEASE_S))
    if lease is LeaseRefusal.SAME_SESSION_RUNS:
        raise SessionBusyError(f"session {message.session_id} of {message.user_id} runs elsewhere")
    if isinstance(lease, LeaseRefusal):
        return None
    run = _Run(message, parts, lease, time_left_s, at)
    try:
        return run.end(run.outcome())
    except _LeaseLostError:
        return None
    except Exception:
        run.end(Ending("failed", "Something went wrong and was written down; it tries again at the next look."))
        raise


class _Run:
    def __init__(
        self,
        message: SwipeSession,
        parts: Parts,
        lease: Lease,
        time_left_s: Callable[[], float],
        started_at: datetime,
    ) -> None:
        self.message = message
        self.parts = parts
        self.lease = lease
        self.time_left_s = time_left_s
        self.tally = Tally(started_at)
        self.deck_name = ""
        self.acting = False
        self.due_seen: datetime | None = None

    # --- the session's course ---------------------------------------------------------------------

    def outcome(self) -> Ending:
        self.settle_in_flight()
        user = self.user()
        self.due_seen = user.next_due_at
        if not user.enabled:
            return Ending("off", "Off: nothing was done.")
        try:
            return self.swipe(user)
        except DeckRefusedError as error:
            return Ending("refused", str(error), switch_off=True)
        except DeckUnavailableError as error:
            if error.wait_until is not None:
                return Ending("deck_waits", str(error), deck_wait_until=error.wait_until)
            return Ending("deck_unavailable", str(error))
        except ModelError as error:
            return Ending("judge_failed", f"The photos could not be judged: {error}")

    def swipe(self, user: User) -> Ending:
        self.deck_name, self.acting = user.deck, user.acting
        if user.champion is None:
            return Ending("untaught", "No model of your taste yet: give at least two likes and two passes.")
        if user.acting and likes_left(user, self.tally.started_at) == 0:
            return self.budget_spent(user)
        deck = self.parts.deck_of(user)
        held = self.still_held(user) if deck.is_service else []
        if len(held) > MAX_HELD:
            return self.wait_for_answers(len(held))
        self.reconcile_unknown(user, deck)
        offer = deck.cards()
        if not offer.cards:
            return Ending("deck_empty", "The deck has no cards left.", deck_wait_until=offer.wait_until)
        name = f"{self.message.session_id}-{self.lease.fence}"
        planned = plan_cards(offer.cards, user, deck, self.parts, name=name)
        self.tally.planned(planned)
        if not planned.plans:
            return self.nothing_planned(planned)
        ending = self.act_on(user, deck, planned.plans)
        if deck.is_service or ending.code != "done" or not self.has_progressed():
            return ending
        return replace(ending, next_due_at=self.parts.now(), keep_due=False)

    def nothing_planned(self, planned: Plans) -> Ending:
        if planned.new:
            return Ending("deck_unavailable", "None of the photos could be fetched; it tries again at the next look.")
        if planned.held and self.acting:
            return self.wait_for_answers(planned.held)
        if not self.acting:
            return Ending("dry_run_unchanged", "Dry run: the deck has not changed since it was judged.")
        return Ending("nothing_new", "Every card offered has been dealt with before.")

    def act_on(self, user: User, deck: Deck, plans: Iterable[Plan]) -> Ending:
        swiped = False
        for plan in plans:
            if plan.verdict == "unsure" or not self.acting:
                self.record(plan, "unsure" if self.acting else "dry_run")
                continue
            if swiped:
                self.parts.sleep(user.settings.pacing_s)
            if self.time_left_s() < ACTION_S:
                return Ending("done", "Stopped in time; it goes on at the next look.")
            ending = self.act(user, deck, plan)
            if ending is not None:
                return ending
            swiped = True
        if not self.acting:
            return Ending("done", "Dry run: judged, nothing was sent.")
        return Ending("done", "Done; it goes on at the next look.")

    # --- one card -------------------------------------------------------------------------------------

    def record(self, plan: Plan, state: Literal["unsure", "dry_run"]) -> None:
        """Record what is not acted on. Only an acting user's unsure cards are held for an answer."""
        if self.parts.store.record_decision(self.decision(plan, state), fence=self.lease.fence):
            self.tally.recorded(plan)

    def act(self, user: User, deck: Deck, plan: Plan) -> Ending | None:
        """Begin, send and settle one like or pass; an Ending when the session must not go on."""
        choice: Choice = "like" if plan.verdict == "like" else "pass"
        at = self.parts.now()
        day, zone = budget_day(user, at)
        begun = self.parts.store.begin_action(
            self.decision(plan, "pending"),
            action=choice,
            acted_key=self.acted_key(plan.card.card_id),
            fence=self.lease.fence,
            session_id=self.message.session_id,
            deck=deck.name,
            day=day,
            zone=zone,
            at=at,
            lease_until=at + timedelta(seconds=LEASE_S),
        )
        if begun is not Begun.YES:
            return self.not_begun(begun, user)
        answer = self.send(deck, plan.card, choice, begun_at=at)
        self.settle(plan.card.card_id, answer, fence=self.lease.fence)
        self.tally.acted(plan, answer)
        return self.after(answer)

    def not_begun(self, begun: Begun, user: User) -> Ending | None:
        if begun is Begun.ACTED:
            return None
        if begun is Begun.OFF:
            return Ending("off", "Switched off: it stopped at once.")
        if begun is Begun.NOT_ACTING:
            return Ending("done", "Acting was turned off: it stopped at once.")
        if begun is Begun.BUDGET_SPENT:
            return self.budget_spent(user)
        if begun is Begun.SESSION_FULL:
            return Ending("done", "This look's swipes are used; it goes on at the next one.")
        # Overtaken (then this ending changes nothing), or so slow that the lease ran out.
        return Ending("deck_unavailable", "The deck was too slow for this look; it tries again at the next one.")

    def send(self, deck: Deck, card: Card, choice: Choice, *, begun_at: datetime) -> Answer:
        if (self.parts.now() - begun_at).total_seconds() > FRESH_S:
            return Answer(state="failed", detail="not sent: the machine was asleep when it was to be sent")
        return deck.like(card) if choice == "like" else deck.pass_(card)

    def settle(self, card_id: str, answer: Answer, *, fence: int) -> None:
        settled = self.parts.store.finish_action(
            self.message.user_id,
            card_id,
            acted_key=self.acted_key(card_id),
            fence=fence,
            state=answer.state,
            detail=answer.detail,
            match_id=answer.match_id,
            at=self.parts.now(),
        )
        if not settled and fence == self.lease.fence:
            raise _LeaseLostError

    def after(self, answer: Answer) -> Ending | None:
        if answer.refused is not None:
            return Ending("refused", answer.refused, switch_off=True)
        if answer.wait_until is not None:
            until = f"{answer.wait_until:%Y-%m-%d %H:%M} UTC"
            text = f"The deck allows no more before {until}: {answer.detail}"
            return Ending("deck_waits", text, deck_wait_until=answer.wait_until)
        if answer.state == "unknown":
            return Ending("deck_unavailable", "The deck's answer is unknown. Not repeated, so nobody is liked twice.")
        return None

    def settle_in_flight(self) -> None:
        """What an earlier run began and never settled is `unknown` for good: it is not repeated."""
        left = self.user().in_flight
        if left is not None:
            answer = Answer(state="unknown", detail="interrupted before the deck's answer was stored")
            self.settle(left.card_id, answer, fence=left.fence)

    def reconcile_unknown(self, user: User, deck: Deck) -> None:
        """A match proves that a like of unknown outcome was sent."""
        recent = self.parts.store.decisions(user.user_id, at=self.parts.now(), limit=RECONCILED)
        unknown = {d.card_id for d in recent if d.state == "unknown" and d.verdict == "like"}
        for match in deck.matches() if unknown else ():
            if match.card_id in unknown:
                self.parts.store.raise_unknown(
                    user.user_id,
                    match.card_id,
                    acted_key=self.acted_key(match.card_id),
                    match_id=match.match_id,
                )

    # --- endings --------------------------------------------------------------------------------------

    def budget_spent(self, user: User) -> Ending:
        tomorrow = next_day_starts(user, self.parts.now())
        text = f"Today's {user.settings.likes_per_day} likes are used. It goes on tomorrow."
        return Ending("budget_spent", text, next_due_at=tomorrow, keep_due=False)

    def wait_for_answers(self, held: int) -> Ending:
        text = f"{held} cards wait for your answer; it goes on as soon as you gave one."
        # Whatever ends the reason without a word to the schedule (an expired card) is noticed within a day.
        tomorrow = self.parts.now() + timedelta(days=1)
        return Ending("held_cards", text, next_due_at=tomorrow, keep_due=False)

    def end(self, ending: Ending) -> SessionReport | None:
        at = self.parts.now()
        report = self.tally.report(
            session_id=self.message.session_id,
            ended_at=at,
            outcome=ending.code,
            deck=self.deck_name,
            acting=self.acting,
        )
        ended = self.parts.store.end_session(
            self.message.user_id,
            fence=self.lease.fence,
            report=report,
            status=Status(code=ending.code, text=ending.text, at=at),
            deck_wait_until=ending.deck_wait_until,
            next_due_at=ending.next_due_at,
            keep_due=ending.keep_due,
            due_seen=self.due_seen,
            switch_off=ending.switch_off,
        )
        return report if ended else None

    # --- small ones -----------------------------------------------------------------------------------

    def has_progressed(self) -> bool:
        return self.tally.has_progressed()

    def user(self) -> User:
        user = self.parts.store.user(self.message.user_id)
        if user is None or user.fence != self.lease.fence:
            raise _LeaseLostError
        return user

    def still_held(self, user: User) -> list[str]:
        at = self.parts.now()
        return [card for card in user.held if self.parts.store.decision(user.user_id, card, at=at) is not None]

    def acted_key(self, card_id: str) -> str:
        return self.parts.acted_key(self.message.user_id, card_id)

    def decision(self, plan: Plan, state: Literal["pending", "unsure", "dry_run"]) -> Decision:
        at = self.parts.now()
        return decision_of(
            plan,
            user_id=self.message.user_id,
            session_id=self.message.session_id,
            state=state,
            at=at,
            expires_at=at + timedelta(days=self.parts.decision_days),
            photos_expire_at=at + timedelta(days=self.parts.photo_days),
        )
