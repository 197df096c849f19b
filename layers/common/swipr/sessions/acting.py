"""Carry out plans on a deck, one after the other: begin, send, settle, until a limit or the deck's word ends it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from swipr.models import Action, Answer, Card, Decision, User
from swipr.ports import Begun
from swipr.sessions import endings
from swipr.sessions.endings import Ending
from swipr.sessions.forgotten import blank_seen, forgotten, take_away_if_forgotten
from swipr.sessions.matching import keep_new_match
from swipr.sessions.planning import planned_anew
from swipr.sessions.plans import Plan
from swipr.sessions.quiet import quiet_until
from swipr.sessions.superliking import superlike_reason
from swipr.sessions.turn import LEASE_S, Turn
from swipr.swiping import DECK_TIMEOUT_S, Deck, budget_day

#: An action that could not be sent this soon after it began is not sent at all: its owner was asleep.
FRESH_S = 5.0
#: "Off" is not said before an action begun just earlier must have been answered.
STOPPING_S = FRESH_S + DECK_TIMEOUT_S
#: A new action needs this much of the function's time: one deck call and what is written around it.
ACTION_S = DECK_TIMEOUT_S + 5.0


ASLEEP = Answer(state="failed", detail="not sent: the machine was asleep when it was to be sent")


class Acting:
    """What one session does on one deck, and what the deck has said about it so far."""

    def __init__(self, turn: Turn, deck: Deck, user: User) -> None:
        self._turn, self._deck, self._user = turn, deck, user
        self._has_swiped = False
        self._out_of_likes: Answer | None = None
        """The deck's word: nothing but super likes is sent after it, and those only if the user chose so."""
        self._out_of_superlikes = False
        self.stop: Ending | None = None
        """How the session ends should the deck's last answer not be stored: with the stop that is in it."""

    def carry_out(self, plans: Iterable[Plan]) -> Ending:
        """Until the plans, a limit or the deck's patience are at an end. Unsure cards are held for their user."""
        for planned in plans:
            plan = self._anew(planned) if planned.verdict == "unsure" else planned
            if plan is not None and plan.verdict == "unsure":
                self._turn.record(plan, "unsure")
                continue
            ending = self._act(plan) if plan is not None else None
            if ending is not None:
                return ending.not_before(self._out_of_likes.wait_until if self._out_of_likes else None)
        if self._out_of_likes is not None:
            return endings.deck_waits(self._out_of_likes)
        return Ending("done", "Done; it goes on at the next look.")

    # --- one card -------------------------------------------------------------------------------------

    def _act(self, plan: Plan) -> Ending | None:
        """An Ending when the session must not go on. A like the deck has no more of may become a super like, and the
        other way round: either has not counted then, and neither is tried again."""
        tried: tuple[Action, Answer] | None = None
        while self._wish(plan) is not None:
            if (ending := self._ready()) is not None:
                return ending
            fresh = self._anew(plan)
            wish = self._wish(fresh) if fresh is not None else None
            if fresh is None or wish is None:
                break
            plan, (action, reason) = fresh, wish
            result = self._attempt(replace(plan, reason=reason), action)
            if result is Begun.SUPERLIKES_SPENT:
                self._out_of_superlikes = True
                continue
            if not isinstance(result, Answer):
                return result if isinstance(result, Ending) else None
            tried = action, result
            if not self._is_spent(action, result):
                break
        if tried is None:
            return None
        self._turn.tally.acted(plan, *tried)
        return _after(tried[1])

    def _wish(self, plan: Plan) -> tuple[Action, str] | None:
        """What to send for the card, and why; None when the deck allows nothing of it any more."""
        if plan.verdict == "like" and not self._out_of_superlikes:
            out = self._out_of_likes is not None
            why = superlike_reason(self._user.settings, plan.card, plan.score, out_of_likes=out)
            if why is not None:
                return "superlike", f"{plan.reason}; super like: {why}"
        if self._out_of_likes is not None:
            return None
        return ("like" if plan.verdict == "like" else "pass"), plan.reason

    def _is_spent(self, action: Action, answer: Answer) -> bool:
        """Take note of what the deck has no more of; whether that is why this action did not count."""
        if answer.spent == "likes":
            self._out_of_likes = answer
        if answer.spent == "superlikes":
            self._out_of_superlikes = True
        return answer.state == "failed" and not answer.refused and f"{action}s" == answer.spent

    def _ready(self) -> Ending | None:
        """Pause before all but the first action, and take in what the user has chosen meanwhile."""
        pause_s = self._user.settings.pacing_s if self._has_swiped else 0.0
        if self._turn.time_left_s() < pause_s + ACTION_S:
            return endings.NO_TIME_LEFT
        if pause_s:
            self._turn.parts.sleep(pause_s)
        self._user = self._turn.user()
        quiet = quiet_until(self._user.settings, self._turn.parts.now())
        return endings.quiet(self._user, quiet) if quiet is not None else None

    def _anew(self, plan: Plan) -> Plan | None:
        return planned_anew(plan, self._user, self._deck, self._turn.parts.store)

    def _attempt(self, plan: Plan, action: Action) -> Answer | Ending | Begun:
        """The deck's answer; or nothing was sent: an Ending, or why only this action did not begin."""
        if forgotten([plan.card.card_id], self._turn.user_id, self._turn.parts):
            if plan.judged is not None:
                blank_seen(plan.judged, self._turn.parts)
            return Begun.ACTED
        at = self._turn.parts.now()
        decision = self._turn.decision(plan, "pending")
        begun = self._begin(decision, action, at)
        if begun is not Begun.YES:
            return self._not_begun(begun)
        self._has_swiped = True
        return self._send(plan.card, decision, action, begun_at=at)

    def _begin(self, decision: Decision, action: Action, at: datetime) -> Begun:
        day, zone = budget_day(self._user, at)
        return self._turn.parts.store.begin_action(
            decision,
            action=action,
            acted_key=self._turn.acted_key(decision.card_id),
            fence=self._turn.lease.fence,
            session_id=self._turn.message.session_id,
            deck=self._deck.name,
            day=day,
            zone=zone,
            at=at,
            lease_until=at + timedelta(seconds=LEASE_S),
        )

    def _not_begun(self, begun: Begun) -> Ending | Begun:
        if begun in (Begun.ACTED, Begun.SUPERLIKES_SPENT):
            return begun
        at = self._turn.parts.now()
        if begun is Begun.BUDGET_SPENT:
            return endings.likes_spent(self._user, at)
        if begun is Begun.DAY_FULL:
            return endings.swipes_spent(self._user, at)
        known = {
            Begun.OFF: endings.SWITCHED_OFF,
            Begun.NOT_ACTING: endings.NOT_ACTING,
            Begun.SESSION_FULL: endings.SESSION_FULL,
        }
        return known.get(begun, endings.TOO_SLOW)

    def _send(self, card: Card, decision: Decision, action: Action, *, begun_at: datetime) -> Answer:
        """Send what has begun, once, and store the answer and the match it may have brought."""
        self._turn.tally.began()
        was_asleep = (self._turn.parts.now() - begun_at).total_seconds() > FRESH_S
        answer = ASLEEP if was_asleep else self._call(card, action)
        self.stop = _stop_in(answer)
        # What is not a service does not mind being asked again, and may be mended meanwhile.
        not_taken = self._deck.is_service and not was_asleep and _is_not_taken(answer)
        self._turn.settle(card.card_id, answer, fence=self._turn.lease.fence, not_taken=not_taken)
        if answer.state == "sent" and answer.match_id is not None:
            keep_new_match(decision, action, answer.match_id, self._turn.parts)
        take_away_if_forgotten(card.card_id, self._turn.user_id, self._turn.parts)
        return answer

    def _call(self, card: Card, action: Action) -> Answer:
        if action == "superlike":
            return self._deck.superlike(card)
        return self._deck.like(card) if action == "like" else self._deck.pass_(card)


def _is_not_taken(answer: Answer) -> bool:
    """Whether the deck had nothing against the session, and would not take this very card."""
    return answer.state == "failed" and (answer.wait_until, answer.refused, answer.spent) == (None, None, None)


def _stop_in(answer: Answer) -> Ending | None:
    if answer.refused is not None or answer.spent is None:
        ending = _after(answer)
        return ending if ending is not None and (ending.switch_off or ending.deck_wait_until) else None
    return endings.deck_waits(answer) if answer.spent == "likes" else None


def _after(answer: Answer) -> Ending | None:
    """What the answer says about the session; that likes or super likes are spent is no reason by itself."""
    if answer.refused is not None:
        return Ending("refused", answer.refused, switch_off=True)
    if answer.wait_until is not None and answer.spent is None:
        return endings.deck_waits(answer)
    return endings.UNKNOWN if answer.state == "unknown" else None
