"""What had been said of a card before its user's word on it was known: the honest measure of a model."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from swipr.heads import unpack
from swipr.judging import verdict_on
from swipr.models import Decision, Label, NetworkLogits, Prediction, Verdict
from swipr.ports import Store
from swipr.roles import Said
from swipr.sessions.plans import OWN_ANSWER
from swipr.transitions import EARLIER_KEPT


class Before(NamedTuple):
    """As a label keeps them; empty where nobody spoke, or somebody who may have learned from the card."""

    predicted: tuple[Prediction, ...] = ()
    network_logits: NetworkLogits = {}  # noqa: RUF012 - never changed


class Verdicts:
    """What versions of one user's model say of a score; each is read once."""

    def __init__(self, user_id: str, store: Store) -> None:
        self._user_id, self._store = user_id, store
        self._heads: dict[int, bytes | None] = {}

    def __call__(self, version: int, score: float) -> Verdict | None:
        """None if the version is not stored."""
        if version not in self._heads:
            model = self._store.model(self._user_id, version)
            self._heads[version] = model.head if model else None
        head = self._heads[version]
        return verdict_on(score, unpack(head)) if head else None


def by_photos(said: Said, features: bytes, stored: Label | None) -> Before:
    """Of photos that were judged as they came with their label. The same ones, sent again, keep what was said first."""
    if stored is None:
        return Before(said.predicted, said.network_logits)
    return Before(stored.predicted, stored.network_logits) if stored.features == features else Before()


def by_decision(
    decision: Decision, stored: Label | None, *, labelled_at: datetime, verdict: Callable[[int, float], Verdict | None]
) -> Before:
    """Of a decision that was made before this label and any other of its card.

    What the decision says was done may be the user's wish for unsure ones: the verdict is by the model's own lines.
    """
    is_own = decision.filtered or decision.reason.startswith(OWN_ANSWER)
    if is_own or decision.score is None or decision.model_version is None:
        return Before()
    if decision.decided_at > labelled_at or (stored is not None and _was_known(stored, decision.decided_at)):
        return Before()
    says = verdict(decision.model_version, decision.score) or decision.verdict
    served = Prediction(version=decision.model_version, score=decision.score, verdict=says)
    return Before((served, *((decision.shadow,) if decision.shadow else ())), decision.network_logits)


def _was_known(stored: Label, at: datetime) -> bool:
    """Whether the card may have had a label by then; of many, the first ones are not kept."""
    times = [stored.labelled_at, *(earlier.labelled_at for earlier in stored.earlier)]
    return min(times) < at or len(stored.earlier) >= EARLIER_KEPT
