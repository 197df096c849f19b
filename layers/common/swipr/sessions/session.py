"""One session over one user's deck: take the lease, judge what is new, act within the limits, say how it ended."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from swipr.errors import DeckRefusedError, DeckUnavailableError, ModelError, SessionBusyError
from swipr.models import Answer, InFlight, SessionReport, Status, SwipeSession, User
from swipr.ports import LeaseRefusal
from swipr.sessions import endings, gathering, matching
from swipr.sessions.acting import ACTION_S, FRESH_S, STOPPING_S, Acting
from swipr.sessions.endings import Ending
from swipr.sessions.planning import Parts, plan_cards
from swipr.sessions.plans import Plans
from swipr.sessions.quiet import quiet_until
from swipr.sessions.tally import Tally
from swipr.sessions.turn import LEASE_S, LeaseLostError, Turn
from swipr.swiping import Deck, is_overtaken, likes_left, swipes_left

__all__ = ["ACTION_S", "FRESH_S", "LEASE_S", "MAX_HELD", "STOPPING_S", "run_session"]

#: More unanswered cards than this pause the user until some are answered.
MAX_HELD = 10
#: How often a session's end is stored before the error is raised, and seconds between.
END_TRIES = 3
END_PAUSE_S = 0.5


def run_session(
    message: SwipeSession, parts: Parts, *, owner: str, time_left_s: Callable[[], float]
) -> SessionReport | None:
    """Run one session to its end; None when there is nothing (more) to do for this message.

    Safe to do twice: what has been done is not done again. Raises SessionBusyError when this very session runs
    elsewhere, so that the message comes again in case that run dies.
    """
    at = parts.now()
    user = parts.store.user(message.user_id)
    if user is not None and is_overtaken(message, user, at):
        return None
    lease = parts.store.take_lease(message, owner=owner, at=at, until=at + timedelta(seconds=LEASE_S))
    if lease is LeaseRefusal.SAME_SESSION_RUNS:
        raise SessionBusyError(f"session {message.session_id} of {message.user_id} runs elsewhere")
    if isinstance(lease, LeaseRefusal):
        return None
    run = _Run(Turn(message, parts, lease, Tally(at), time_left_s))
    try:
        ending = run.outcome()
    except LeaseLostError:
        return None
    except Exception:
        run.end(run.failed())
        raise
    return run.end(ending)


class _Run:
    def __init__(self, turn: Turn) -> None:
        self.turn, self.parts, self.tally = turn, turn.parts, turn.tally
        self.deck_name = ""
        self.acting = False
        self.actions: Acting | None = None
        self.due_seen: datetime | None = None

    # --- the session's course ---------------------------------------------------------------------

    def outcome(self) -> Ending:
        user = self.turn.user()
        interrupted = user.in_flight is not None
        if user.in_flight is not None:
            user = self.settle(user.in_flight)
        self.due_seen = user.next_due_at
        if not user.enabled:
            return endings.OFF
        self.deck_name, self.acting = user.deck, user.acting
        try:
            return self.pause(user) or self.look(user, interrupted=interrupted)
        except DeckRefusedError as error:
            return Ending("refused", str(error), switch_off=True)
        except DeckUnavailableError as error:
            if error.wait_until is not None:
                return Ending("deck_waits", str(error), deck_wait_until=error.wait_until)
            return Ending("deck_unavailable", str(error))
        except ModelError as error:
            return Ending("judge_failed", f"The photos could not be judged: {error}")

    def settle(self, left: InFlight) -> User:
        """What an earlier run began and never settled is `unknown` for good: it is not repeated."""
        answer = Answer(state="unknown", detail="interrupted before the deck's answer was stored")
        self.turn.settle(left.card_id, answer, fence=left.fence)
        self.tally.interrupted()
        return self.turn.user()

    def pause(self, user: User) -> Ending | None:
        """Why the deck is not even asked: its own word, or the user's limits."""
        at = self.parts.now()
        if user.deck_wait_until is not None and user.deck_wait_until > at:
            return endings.still_waits(user.deck_wait_until)
        quiet = quiet_until(user.settings, at)
        if quiet is not None:
            return endings.quiet(user, quiet)
        if user.champion is None or not user.acting:
            return None
        if likes_left(user, at) == 0:
            return endings.likes_spent(user, at)
        return endings.swipes_spent(user, at) if swipes_left(user, at) == 0 else None

    def look(self, user: User, *, interrupted: bool) -> Ending:
        if user.champion is None:
            return gathering.gather(self.turn, user)
        deck = self.parts.deck_of(user)
        held = self.still_held(user) if deck.is_service else []
        if len(held) > MAX_HELD:
            return endings.waits_for_answers(len(held), self.parts.now())
        if deck.is_service and matching.is_due(user, self.parts, unknown_now=interrupted):
            self.read_matches(user, deck)
        offer = deck.cards()
        if not offer.cards:
            return Ending("deck_empty", "The deck has no cards left.", deck_wait_until=offer.wait_until)
        planned = plan_cards(offer.cards, user, deck, self.parts, name=self.turn.name)
        self.tally.planned(planned)
        if not planned.plans:
            return self.nothing_planned(planned)
        ending = self.carry_out(planned, user, deck)
        if deck.is_service or ending.code != "done" or not self.tally.has_progressed():
            return ending
        return replace(ending, next_due_at=self.parts.now(), keep_due=False)

    def read_matches(self, user: User, deck: Deck) -> None:
        """Matches wait for the next look where the deck fails for a moment; what it forbids ends the session."""
        try:
            self.tally.matched(matching.read_matches(user, deck, self.parts))
        except DeckUnavailableError as error:
            if error.wait_until is not None:
                raise

    def carry_out(self, planned: Plans, user: User, deck: Deck) -> Ending:
        if self.acting:
            self.actions = Acting(self.turn, deck, user)
            return self.actions.carry_out(planned.plans)
        for plan in planned.plans:
            self.turn.record(plan, "dry_run")
        return Ending("done", "Dry run: judged, nothing was sent.")

    def nothing_planned(self, planned: Plans) -> Ending:
        if planned.new:
            return Ending("deck_unavailable", "None of the photos could be fetched; it tries again at the next look.")
        if planned.held and self.acting:
            return endings.waits_for_answers(planned.held, self.parts.now())
        if not self.acting:
            return Ending("dry_run_unchanged", "Dry run: the deck has not changed since it was judged.")
        return Ending("nothing_new", "Every card offered has been dealt with before.")

    def still_held(self, user: User) -> list[str]:
        """Those that can still be answered; what has expired is held no longer."""
        at = self.parts.now()
        held = [card for card in user.held if self.parts.store.decision(user.user_id, card, at=at) is not None]
        if len(held) < len(user.held):
            self.parts.store.release_held(user.user_id, [card for card in user.held if card not in held])
        return held

    # --- its end --------------------------------------------------------------------------------------

    def failed(self) -> Ending:
        """After an error: what the deck has said of itself holds all the same."""
        return (self.actions.stop if self.actions is not None else None) or endings.FAILED

    def end(self, ending: Ending) -> SessionReport | None:
        """Store how it ended; what the deck said must not be lost because the store failed for a moment."""
        at = self.parts.now()
        report = self.tally.report(
            session_id=self.turn.message.session_id,
            ended_at=at,
            outcome=ending.code,
            deck=self.deck_name,
            acting=self.acting,
        )
        for _ in range(END_TRIES - 1):
            with suppress(Exception):
                return self.store_end(ending, report, at)
            self.parts.sleep(END_PAUSE_S)
        return self.store_end(ending, report, at)

    def store_end(self, ending: Ending, report: SessionReport, at: datetime) -> SessionReport | None:
        ended = self.parts.store.end_session(
            self.turn.user_id,
            fence=self.turn.lease.fence,
            report=report,
            status=Status(code=ending.code, text=ending.text, at=at),
            deck_wait_until=ending.deck_wait_until,
            next_due_at=ending.next_due_at,
            keep_due=ending.keep_due,
            due_seen=self.due_seen,
            switch_off=ending.switch_off,
        )
        return report if ended else None
