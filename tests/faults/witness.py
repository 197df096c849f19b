"""What was acknowledged to whom, kept apart from Swipr, and compared with what is there in the end."""

import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Any

from swipr.models import Decision, Label
from swipr.ports import Begun, Store
from tests.faults.outcome import Outcome


class Witness:
    """Stands before a store and notes the labels and decisions that it said it had kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.kept_labels: dict[tuple[str, str], Label] = {}
        self.decided: dict[tuple[str, str], str] = {}
        """The key in Acted of what has begun; empty for what was only recorded."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_label(self, label: Label) -> bool:
        kept = self._store.put_label(label)
        if kept:
            self.kept_labels[label.user_id, label.card_id] = label
        return kept

    def begin_action(self, decision: Decision, **told: Any) -> Begun:
        begun = self._store.begin_action(decision, **told)
        if begun is Begun.YES:
            self.decided[decision.user_id, decision.card_id] = told["acted_key"]
        return begun

    def record_decision(self, decision: Decision, *, fence: int) -> bool:
        kept = self._store.record_decision(decision, fence=fence)
        if kept:
            self.decided.setdefault((decision.user_id, decision.card_id), "")
        return kept

    def check(self, outcome: Outcome, store: Store, at: datetime, where: str) -> None:
        """`store`: one that answers."""
        for (user_id, card_id), label in self.kept_labels.items():
            kept = store.label(user_id, card_id)
            # A later one of the same card may be there, too, which nobody was told of.
            same = kept is not None and (kept.choice, kept.labelled_at) == (label.choice, label.labelled_at)
            known = same or (kept is not None and kept.labelled_at > label.labelled_at)
            outcome.require(known, f"{where}: the label of {user_id} {card_id} is lost")
        for (user_id, card_id), key in self.decided.items():
            readable = store.decision(user_id, card_id, at=at) is not None
            outcome.require(readable, f"{where}: the decision on {user_id} {card_id} is lost")
            begun = not key or key in store.acted(user_id, [key])
            outcome.require(begun, f"{where}: nothing keeps {user_id} {card_id} from being liked again")


def tell(outcome: Outcome, where: str, check: Callable[[], None]) -> None:
    """A failed check of the tests is a violation, in the check's own words."""
    try:
        check()
    except AssertionError as error:
        failed = traceback.extract_tb(error.__traceback__)[-1].line
        outcome.violations.append(f"{where}: {failed}")
