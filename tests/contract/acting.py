"""Acting as the contract suites do it: begin, settle, and what is stored of it."""

from typing import Any

from swipr.models import Decision, State, User
from swipr.ports import Begun, Store
from tests.contract.values import NOW, action, outcome


def everything(store: Store, *cards: str) -> tuple[User | None, list[Decision | None], dict[str, State]]:
    """Ann, and the decision and Acted of each card."""
    cards = cards or ("tinder:1",)
    acted = store.acted("ann", [f"key of {card}" for card in cards])
    return store.user("ann"), [store.decision("ann", card, at=NOW) for card in cards], dict(acted)


def begin(store: Store, card_id: str = "tinder:1", **changes: Any) -> Begun:
    return store.begin_action(**action(card_id, **changes))


def finish(store: Store, card_id: str = "tinder:1", **changes: Any) -> bool:
    return store.finish_action(**outcome(card_id, **changes))


def act(store: Store, card_id: str, state: str = "sent", **changes: Any) -> None:
    """Begin and settle; everything must go well."""
    assert begin(store, card_id, **changes) is Begun.YES
    assert finish(store, card_id, state=state) is True


def refused(store: Store, card_id: str = "tinder:1", **changes: Any) -> Begun:
    """Why the action does not begin; nothing may change."""
    before = everything(store, card_id)
    begun = begin(store, card_id, **changes)
    assert everything(store, card_id) == before
    return begun
