"""Labels that a model which had not seen them contradicts: to be asked about again, never to be dropped in silence."""

import math
from collections.abc import Iterator, Mapping

from swipr.learning.evidence import Doubt, Evidence
from swipr.models import Label

#: Log loss, nats, of a coin: above it the model would rather say the opposite.
OF_A_COIN = math.log(2)


def doubtful(evidence: Evidence | None, labels: Mapping[str, Label]) -> list[Doubt]:
    """Worst first; without those that were changed since, or that their user has confirmed."""
    return [doubt for doubt in _contradicted(evidence, labels) if not is_confirmed(labels[doubt.card_id])]


def again(evidence: Evidence | None, labels: Mapping[str, Label]) -> Iterator[str]:
    """Cards in the order to ask about them once more: worst first; asked a second time only after all others."""
    found = [doubt.card_id for doubt in _contradicted(evidence, labels)]
    yield from (card_id for card_id in found if labels[card_id].chosen_by != "recheck")
    asked = [labels[card_id] for card_id in found if labels[card_id].chosen_by == "recheck"]
    yield from (label.card_id for label in sorted(asked, key=lambda label: label.labelled_at))


def is_confirmed(label: Label) -> bool:
    """Whether its user, asked again, said the same."""
    return label.chosen_by == "recheck" and bool(label.earlier) and label.earlier[0].choice == label.choice


def in_words(doubt: Doubt) -> str:
    other = "pass" if doubt.choice == "like" else "like"
    return (
        f"you said {doubt.choice}; a model that had not seen this label gives a like {doubt.score:.2f}, "
        f"so it would rather say {other}"
    )


def _contradicted(evidence: Evidence | None, labels: Mapping[str, Label]) -> list[Doubt]:
    """Of labels that still are as they were."""
    found = evidence.doubtful if evidence is not None else ()
    still = [doubt for doubt in found if doubt.card_id in labels and labels[doubt.card_id].choice == doubt.choice]
    return [doubt for doubt in still if doubt.loss > OF_A_COIN or doubt.said != (doubt.choice == "like")]
