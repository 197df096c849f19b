"""Ticks and sessions: who is due, what the deck offers, what is done about it, and nothing more than allowed."""

from collections.abc import Sequence
from typing import Protocol

from swipr.models import Answer, Card, Match, Offer, Photo


class Deck(Protocol):
    """Where one user's cards come from. Calls time out by themselves; reads are retried inside, swipes never.

    Reads raise DeckUnavailableError or DeckRefusedError; swipes never raise for what the deck or the network did:
    whatever happened is in the Answer.
    """

    name: str
    states_ages: bool
    """Cards of this deck say an age; one without is dropped."""

    def cards(self) -> Offer: ...

    def photo(self, photo: Photo) -> bytes:
        """The photo's bytes, at most 10 MB. Raises PhotoError."""

    def like(self, card: Card) -> Answer: ...

    def pass_(self, card: Card) -> Answer: ...

    def matches(self) -> Sequence[Match]: ...
