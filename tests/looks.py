"""What tests of sessions do with an install: deal cards, look once, answer, change settings."""

from collections.abc import Callable

from swipr.models import Answer, Card, Decision, Label, SessionReport, User
from tests.doubles import BACKBONE, card
from tests.install import USER, Install

Make = Callable[..., Install]


def look(world: Install, after_s: float = 601) -> SessionReport:
    """One tick and the session it starts."""
    world.clock.sleep(after_s)
    world.tick()
    report = world.run(world.queued.pop())
    assert report is not None
    return report


def deal(*tastes: str) -> list[Card]:
    return [card(number, taste) for number, taste in enumerate(tastes)]


def sent(install: Make, *tastes: str, budget: int = 100) -> Install:
    """An install whose deck counts everything."""
    return sent_cards(install, deal(*tastes), budget=budget)


def sent_cards(install: Make, cards: list[Card], budget: int = 100) -> Install:
    world = install(1, cards=cards, budget=budget)
    world.deck.answers = lambda choice, card: Answer(state="sent")
    return world


def settings(world: Install, **changes: object) -> None:
    world.set(**changes)


def answer(world: Install, card_id: str, choice: str) -> None:
    label = Label(
        user_id=USER,
        card_id=card_id,
        choice=choice,  # type: ignore[arg-type]
        labelled_at=world.clock.now(),
        backbone=BACKBONE,
        features=b"\0\0",
    )
    world.store.put_label(label)


def decision_of(world: Install, card_id: str) -> Decision:
    decision = world.store.decision(USER, card_id, at=world.clock.now())
    assert decision is not None
    return decision


def state_of(world: Install, card_id: str) -> str:
    return decision_of(world, card_id).state


def user_of(world: Install) -> User:
    user = world.store.user(USER)
    assert user is not None
    return user


def swipes_of(world: Install) -> list[str]:
    """The deck's calls but its reads, in order."""
    return [call for call in world.deck.calls if call not in ("cards", "matches", "check")]
