"""Asks the deck one row of the fact sheet over real HTTP, and says in which way it did not react as the row has it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from swipr.decks.tinder import TinderDeck
from swipr.errors import SwiprError
from swipr.models import Answer, DeckHealth, Photo
from tests.scripted_deck import Call, Reply, ScriptedDeck
from tests.tinder_rows import NOW, Ill, Raised, Row
from tests.tinder_swipe_rows import BARE_CARD, CARD

FINE = Reply(body={"meta": {"status": 200}, "data": {}})

ASKS: Mapping[str, Callable[[TinderDeck, str], object]] = {
    "cards": lambda deck, origin: deck.cards(),
    "matches": lambda deck, origin: deck.matches(),
    "check": lambda deck, origin: deck.check(),
    "like": lambda deck, origin: deck.like(CARD),
    "pass": lambda deck, origin: deck.pass_(CARD),
    "superlike": lambda deck, origin: deck.superlike(CARD),
    "bare like": lambda deck, origin: deck.like(BARE_CARD),
    "bare pass": lambda deck, origin: deck.pass_(BARE_CARD),
    "bare superlike": lambda deck, origin: deck.superlike(BARE_CARD),
    "photo": lambda deck, origin: deck.photo(Photo(photo_id="p", url=f"{origin}/u/p.jpg?Policy=a&Signature=b")),
    "foreign photo": lambda deck, origin: deck.photo(Photo(photo_id="p", url="https://images-ssl.gotinder.com/p.jpg")),
}
#: In this order each is asked after the row's own call.
AFTERWARDS = ("check", "matches", "superlike", "pass", "like", "cards")


def outcome(scripted: ScriptedDeck, deck: TinderDeck, ask: str, *replies: Reply) -> tuple[object, list[Call]]:
    """What the deck returns or raises, and the calls that it made."""
    scripted.take_calls()
    scripted.replies = list(replies)
    try:
        came: object = ASKS[ask](deck, scripted.origin)
    except SwiprError as error:
        came = Raised(type(error), str(error), getattr(error, "wait_until", None))
    return came, scripted.take_calls()


def is_as(came: Any, wanted: Any) -> bool:
    if isinstance(wanted, Ill):
        return isinstance(came, DeckHealth) and not came.works and wanted == (wanted.words, came.wait_until) and (
            wanted.words in came.text
        )  # fmt: skip
    if isinstance(wanted, Raised):
        return isinstance(came, Raised) and came._replace(words="") == wanted._replace(words="") and (
            wanted.words in came.words
        )  # fmt: skip
    return bool(came == wanted)


def looks_as(call: Call, row: Row) -> bool:
    headers = all(call.headers.get(name) == value for name, value in row.headers.items())
    return headers and (row.body is None or json.loads(call.body) == row.body)


def violations(scripted: ScriptedDeck, row: Row) -> list[str]:
    """Empty where the reaction, the calls made for it, and those still made afterwards are the row's."""
    deck = TinderDeck(
        "tinder", scripted.origin, "t", (".gotinder.com",), now=lambda: NOW, sleep=lambda _: None, **row.options
    )
    came, calls = outcome(scripted, deck, row.ask, *row.replies)
    lines = tuple(call.line for call in calls)
    asked = {ask: outcome(scripted, deck, ask, FINE, FINE) for ask in AFTERWARDS}
    still = {ask for ask, (_, made) in asked.items() if made}
    found = [
        (is_as(came, row.wanted), f"came of it: {came!r}"),
        (lines == row.calls, f"calls made: {lines}"),
        (not calls or looks_as(calls[0], row), f"call was: {calls[:1]}"),
        (still == row.still, f"still asked afterwards: {sorted(still)}, not {sorted(row.still)}"),
        (not _is_stopped(row, came) or asked[row.ask][0] == came, "it says something else the second time"),
    ]
    return [f"{row.name}: {words}" for holds, words in found if not holds]


def _is_stopped(row: Row, came: object) -> bool:
    """The call itself is no longer made; then the same is said without it."""
    is_sent = isinstance(came, Answer) and came.state == "sent"
    return row.ask in AFTERWARDS and row.ask not in row.still and not is_sent
