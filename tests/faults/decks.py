"""A deck that keeps its own account of what it was asked, fails by the dice, and is compared with the promises."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import NamedTuple

from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import Answer, Card, MatchList, Offer, UserSettings
from tests.doubles import Clock, FakeDeck, card
from tests.faults.dice import Dice
from tests.faults.outcome import Outcome

READS = ("unavailable", "unavailable", "unavailable", "waits", "refused")
SWIPES = ("5xx", "timed out", "not taken", "too fast", "out of likes")
TASTES = ("like", "pass", "like", "unsure", "like")


class Swipe(NamedTuple):
    at: datetime
    session: str
    choice: str
    card_id: str
    state: str


class LoggedDeck(FakeDeck):
    """Of one user. `session`: set by whoever runs one."""

    def __init__(self, user_id: str, cards: int, clock: Clock, dice: Dice) -> None:
        own = [card(number, TASTES[number % 5], deck=f"fake:{user_id}") for number in range(cards)]
        super().__init__(own)
        self.user_id, self._clock, self._dice = user_id, clock, dice
        self.log: list[Swipe] = []
        self.session = ""
        self.answers = self._answer

    def cards(self) -> Offer:
        """New ones, and some of those that were swiped last."""
        self._fail()
        return Offer(cards=(*self.left[:5], *self.left[-3:]))

    def matches(self) -> MatchList:
        self._fail()
        return super().matches()

    def _fail(self) -> None:
        kind = self._dice.draw(READS)
        if kind == "refused":
            raise DeckRefusedError("paste a new token")
        if kind == "unavailable":
            raise DeckUnavailableError("the deck does not answer")
        if kind == "waits":
            raise DeckUnavailableError("too fast", wait_until=self._clock.now() + timedelta(minutes=20))

    def _swipe(self, choice: str, card: Card, counter: Counter[str]) -> Answer:
        answer = super()._swipe(choice, card, counter)
        self.log.append(Swipe(self._clock.now(), self.session, choice, card.card_id, answer.state))
        return answer

    def _answer(self, choice: str, card: Card) -> Answer:
        kind = self._dice.draw(SWIPES)
        until = self._clock.now() + timedelta(minutes=25)
        if kind in ("5xx", "timed out"):
            return Answer(state="unknown", detail=kind)
        if kind == "not taken":
            return Answer(state="failed", detail="profile gone")
        if kind == "too fast":
            return Answer(state="failed", detail=kind, wait_until=until)
        if kind == "out of likes" and choice == "like":
            return Answer(state="failed", detail=kind, spent="likes", wait_until=until)
        return Answer(state="sent")


def check_log(deck: LoggedDeck, settings: UserSettings, outcome: Outcome, where: str) -> None:
    """By the deck's own account: no card twice, no day and no session over its budget (days are those of UTC)."""
    final: set[str] = set()
    likes: dict[date, int] = defaultdict(int)
    swipes: dict[date, int] = defaultdict(int)
    sessions: Counter[str] = Counter()
    for swipe in deck.log:
        outcome.require(swipe.card_id not in final, f"{where}: {swipe.card_id} was swiped again, {swipe.choice}")
        sessions[swipe.session] += 1
        if swipe.state != "failed":
            final.add(swipe.card_id)
            likes[swipe.at.date()] += swipe.choice != "pass"
            swipes[swipe.at.date()] += 1
    for name, counted, most in (
        ("likes of", likes, settings.likes_per_day),
        ("swipes of", swipes, settings.swipes_per_day),
        ("swipes of session", sessions, settings.swipes_per_session),
    ):
        over = {str(each): count for each, count in counted.items() if count > most}
        outcome.require(not over, f"{where}: {deck.user_id} {name} {over}, {most} allowed")
