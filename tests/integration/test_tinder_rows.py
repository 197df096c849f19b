"""The fact sheet row by row: what the deck makes of each answer, over real HTTP, and every call that it made."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from swipr.decks.tinder import TinderDeck
from swipr.errors import SwiprError
from swipr.models import Answer, DeckHealth, Photo, UserSettings
from tests.scripted_deck import Call, Reply, ScriptedDeck, scripted_deck
from tests.tinder_rows import NOW, READ_ROWS, Ill, Raised, Row
from tests.tinder_status_rows import STATUS_ROWS
from tests.tinder_swipe_rows import BARE_CARD, CARD, SWIPE_ROWS

ROWS = [*READ_ROWS, *SWIPE_ROWS, *STATUS_ROWS]
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


@pytest.fixture(scope="module")
def scripted():
    with scripted_deck() as running:
        yield running


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


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(scripted, row):
    deck = TinderDeck(
        "tinder", scripted.origin, "t", (".gotinder.com",), now=lambda: NOW, sleep=lambda _: None, **row.options
    )

    came, calls = outcome(scripted, deck, row.ask, *row.replies)

    assert is_as(came, row.wanted), came
    assert tuple(call.line for call in calls) == row.calls
    assert not calls or looks_as(calls[0], row), calls[0]
    asked = {
        ask: outcome(scripted, deck, ask, FINE, FINE)
        for ask in ("check", "matches", "superlike", "pass", "like", "cards")
    }
    assert {ask for ask, (_, calls) in asked.items() if calls} == row.still
    if row.ask in asked and row.ask not in row.still and not (isinstance(came, Answer) and came.state == "sent"):
        assert asked[row.ask][0] == came


def test_every_row_has_its_own_name():
    names = [row.name for row in ROWS]

    assert len(names) == len(set(names)) > 250


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_token_is_in_no_error_and_no_answer(scripted, method):
    secret = "6e6b21aa-8aa4-443d-b07c-9d0c21b83d17"
    for row in STATUS_ROWS:
        deck = TinderDeck(
            "tinder", scripted.origin, secret, (), now=lambda: NOW, sleep=lambda _: None, like_method=method,
            timeout_s=0.1,
        )  # fmt: skip
        came, _ = outcome(scripted, deck, row.ask, *row.replies)
        assert secret not in repr(came)
        assert "127.0.0.1" not in repr(came)


def test_11_pacing_is_courteous_by_default():
    chosen = UserSettings()

    assert 1 <= chosen.pacing_s <= 3
    assert chosen.swipes_per_session <= 15
    assert 600 <= chosen.session_every_s <= 900
    assert chosen.likes_per_day < 100
    assert [strategy.when for strategy in chosen.superlikes] == ["never"]
