"""What a user's own labels say: how many of each kind, of the models before they were known, and of each other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from swipr import doubts
from swipr.learning.evidence import Doubt, Evidence
from swipr.models import Choice, Label, Value
from swipr.reporting.shares import Share, share

#: Worst mistakes and likely wrong labels that a report lists.
LISTED = 10


class LabelFigures(Value):
    n: int
    by_choice: dict[str, int]
    by_source: dict[str, int]
    by_chosen_by: dict[str, int]


class Foretold(Value):
    """What the version in charge had said of a card before its label was known; unsure is no word.

    `any_card`: of cards that were drawn at random; the others were asked about, or corrected, because they are hard.
    """

    all_cards: Share
    any_card: Share


class Contradicted(Value):
    """A label against the score, 0 to 1, of a model that had not seen it. Photos: `/v1/decisions/{card_id}/photos`."""

    card_id: str
    choice: Choice
    score: float
    loss: float
    confirmed: bool
    """Its user was asked again, and said the same."""


class Contradictions(Value):
    """`mistakes`: worst first, where the model said the opposite. `likely_wrong`: those that nobody confirmed.

    `n` of the latter in all: GET /v1/labels/doubtful has the rest.
    """

    mistakes: tuple[Contradicted, ...]
    likely_wrong: tuple[Contradicted, ...]
    n: int


def label_figures(labels: Sequence[Label]) -> LabelFigures:
    return LabelFigures(
        n=len(labels),
        by_choice=counts(label.choice for label in labels),
        by_source=counts(label.source for label in labels),
        by_chosen_by=counts(label.chosen_by for label in labels),
    )


def repeated(labels: Sequence[Label]) -> Share:
    """How often a user who was asked again said the same as before."""
    words = [(label.choice, label.chosen_by, label.earlier) for label in labels]
    pairs = [
        (now, before.choice)
        for choice, chosen_by, earlier in words
        for (now, by), before in zip(
            [(choice, chosen_by), *((each.choice, each.chosen_by) for each in earlier)], earlier, strict=False
        )
        if by == "recheck"
    ]
    same = sum(now == before for now, before in pairs)
    return share(same, len(pairs), "labels asked about again were confirmed (doubtful ones: of others more would be)")


def foretold(labels: Sequence[Label]) -> Foretold:
    """By what was logged with the label when it was given."""
    known = [label for label in labels if label.predicted and label.predicted[0].verdict != "unsure"]
    drawn = [label for label in known if label.chosen_by == "random"]
    return Foretold(
        all_cards=_right(known, "cards were judged as you did, before you did (asked about are the hard ones)"),
        any_card=_right(drawn, "cards drawn at random were judged as you did, before you did"),
    )


def contradictions(evidence: Evidence | None, labels: Mapping[str, Label]) -> Contradictions:
    wrong = doubts.doubtful(evidence, labels)
    found = evidence.doubtful if evidence is not None else ()
    still = [each for each in found if each.card_id in labels and labels[each.card_id].choice == each.choice]
    mistakes = [each for each in still if each.said != (each.choice == "like")]
    return Contradictions(
        mistakes=tuple(_shown(each, labels) for each in mistakes[:LISTED]),
        likely_wrong=tuple(_shown(each, labels) for each in wrong[:LISTED]),
        n=len(wrong),
    )


def counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _right(labels: Sequence[Label], what: str) -> Share:
    return share(sum(label.predicted[0].verdict == label.choice for label in labels), len(labels), what)


def _shown(doubt: Doubt, labels: Mapping[str, Label]) -> Contradicted:
    return Contradicted(
        card_id=doubt.card_id,
        choice=doubt.choice,
        score=round(doubt.score, 4),
        loss=round(doubt.loss, 4),
        confirmed=doubts.is_confirmed(labels[doubt.card_id]),
    )
