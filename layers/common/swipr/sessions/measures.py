"""What an operator counts of each session: a few figures, none of them about a person."""

from typing import Literal, NamedTuple

from swipr.models import SessionReport


class Measure(NamedTuple):
    name: str
    unit: Literal["Count", "Milliseconds"]
    value: float


#: What the deck said of itself: no more (the user is switched off), later, or nothing that could be understood.
REFUSED, WAITS, UNAVAILABLE = "refused", "deck_waits", "deck_unavailable"


def of_session(report: SessionReport) -> list[Measure]:
    """Ten at most: CloudWatch asks money for each name, and the first ten are free. Costs are by list prices."""
    counts = {
        "Sessions": 1.0,
        "CardsJudged": report.cards,
        "Likes": report.liked,
        "UnknownAnswers": report.unknown,
        "DeckRefusals": report.outcome == REFUSED,
        "DeckWaits": report.outcome == WAITS,
        "DeckFailures": report.outcome == UNAVAILABLE,
        "BudgetsSpent": report.outcome == "budget_spent",
        "CostMicrodollars": report.cost_microusd,
    }
    measures = [Measure(name, "Count", float(value)) for name, value in counts.items()]
    if report.photos:
        measures.append(Measure("JudgeMsPerPhoto", "Milliseconds", report.judge_ms / report.photos))
    return measures
