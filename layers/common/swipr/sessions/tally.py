"""What a session did and what that would cost, counted while it runs."""

from collections import Counter
from datetime import datetime

from swipr.models import Action, Answer, SessionReport
from swipr.sessions import costs
from swipr.sessions.plans import Plan, Plans


class Tally:
    """Counts by the names of SessionReport's fields."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.counts: Counter[str] = Counter()
        self.judge_ms = 0.0
        self.judge_calls = 0
        self.networks = 0
        self.shadows = 0
        self.actions = 0

    def planned(self, plans: Plans) -> None:
        self.counts.update(cards=plans.new, photos=plans.photos, photo_errors=plans.photo_errors)
        self.judge_ms += plans.judge_ms
        self.judge_calls += plans.judge_calls
        self.networks += plans.networks
        self.shadows += plans.shadows

    def recorded(self, plan: Plan) -> None:
        """A plan carried out, or recorded where nothing is acted on."""
        names = {"like": "liked", "pass": "passed", "unsure": "unsure"}
        self.counts["filtered" if plan.filtered else names[plan.verdict]] += 1

    def began(self) -> None:
        """An action has begun, and will be settled, whatever becomes of it."""
        self.actions += 1

    def acted(self, plan: Plan, action: Action, answer: Answer) -> None:
        """What became of a card, by the last action tried."""
        if answer.state == "sent":
            self.recorded(plan)
            self.counts["superliked"] += action == "superlike"
        else:
            self.counts[answer.state] += 1
        self.counts["matches"] += answer.match_id is not None

    def interrupted(self) -> None:
        """An action of an earlier run whose outcome nobody can tell."""
        self.counts["unknown"] += 1

    def matched(self, matches: int) -> None:
        """Matches of likes sent earlier, found now."""
        self.counts["matches"] += matches

    def has_progressed(self) -> bool:
        """Whether anything was carried out or recorded."""
        return any(self.counts[name] for name in ("liked", "passed", "unsure", "filtered"))

    def report(self, *, session_id: str, ended_at: datetime, outcome: str, deck: str, acting: bool) -> SessionReport:
        cost = costs.session_microusd(
            session_s=(ended_at - self.started_at).total_seconds(),
            judge_ms=self.judge_ms,
            judge_calls=self.judge_calls,
            photos=self.counts["photos"],
            cards=self.counts["cards"],
            actions=self.actions,
            networks=self.networks,
            shadows=self.shadows,
        )
        return SessionReport(
            session_id=session_id,
            started_at=self.started_at,
            ended_at=ended_at,
            outcome=outcome,
            deck=deck,
            acting=acting,
            judge_ms=round(self.judge_ms, 3),
            cost_microusd=round(cost, 3),
            **self.counts,
        )
