"""Connecting a deck, whether it works, and forgetting its token."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.api import deck as api_deck
from swipr.api.deck import DeckConnection
from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import DeckHealth, User, UserSettings
from swipr.swiping import Deck
from tests.api_home import Asked, Caller
from tests.api_parts import api_of
from tests.install import USER, Install

Make = Callable[..., Install]


def test_a_service_deck_shows_its_terms_first_and_needs_a_yes(call: Caller) -> None:
    shown = {each["deck"]: each for each in call("GET", "/v1/deck").body["decks"]}
    assert "against the terms" in shown["tinder"]["terms"]
    assert "cost" in shown["tinder"]["terms"] or "close your account" in shown["tinder"]["terms"]
    assert shown["simulator"]["terms"] is None

    for accepted in ({}, {"accept_terms": False}):
        refused = call("PUT", "/v1/deck", {"deck": "tinder", "token": "abc"} | accepted)
        assert (refused.status, refused.body["field"]) == (400, "accept_terms")
        assert "against the terms" in refused.body["detail"]
    user = call.install.store.user(USER)
    assert user is not None
    assert user.deck == "fake"

    assert call("PUT", "/v1/deck", {"deck": "tinder", "token": "abc", "accept_terms": True}).status == 200


def test_limits_chosen_for_ones_own_folder_are_not_for_a_service(install: Make) -> None:
    home = install(1, cards=[])
    api = api_of(home, Asked(), decks=("folder", "simulator"), tokenless=frozenset({"folder"}))
    api_deck.connect(api, USER, DeckConnection(deck="folder"))
    wild = UserSettings(likes_per_day=5000, pacing_s=0.0, session_every_s=5, swipes_per_session=100, wish="precision")
    home.store.save_settings(USER, wild, revision=api.user(USER).settings_revision)

    api_deck.connect(api, USER, DeckConnection(deck="simulator", token="abc"))

    assert api.user(USER).settings == UserSettings(wish="precision")
    assert api.user(USER).deck_token is not None


def test_the_deck_says_since_when_it_is_connected(call: Caller) -> None:
    assert call("GET", "/v1/deck", user="b").body["connected"] is False

    call("PUT", "/v1/deck", {"deck": "simulator", "token": "abc"}, user="b")

    connected = call("GET", "/v1/deck", user="b").body
    assert (connected["deck"], connected["connected"], connected["acting"]) == ("simulator", True, False)
    assert connected["connected_at"] is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"deck": "nowhere", "token": "abc"}, "deck"),
        ({"deck": "simulator"}, "token"),
        ({"deck": "simulator", "token": ' "" '}, "token"),
        ({"deck": "simulator", "token": "x" * 501}, "token"),
        ({"token": "abc"}, "deck"),
        ({"deck": "tinder", "token": "abc", "accept_terms": "yes"}, "accept_terms"),
    ],
)
def test_what_cannot_be_connected_so_names_the_field(call: Caller, body: dict[str, object], field: str) -> None:
    refused = call("PUT", "/v1/deck", body)

    assert (refused.status, refused.body["field"]) == (400, field)


def test_forgetting_the_deck_switches_off_and_leaves_no_token(call: Caller) -> None:
    call("PUT", "/v1/deck", {"deck": "simulator", "token": "abc"})
    call("PUT", "/v1/acting", {"acting": True, "deck": "simulator"})
    call("PUT", "/v1/switch", {"enabled": True})

    forgotten = call("DELETE", "/v1/deck")

    assert (forgotten.body["switch"], forgotten.body["acting"], forgotten.body["deck_connected"]) == (
        "off", False, False,
    )  # fmt: skip
    user = call.install.store.user(USER)
    assert user is not None
    assert (user.deck_token, user.next_due_at) == (None, None)
    assert call("GET", "/v1/switch").body["history"][0]["reason"] == "the deck's token was forgotten"


def test_a_check_without_a_token_says_what_to_do(call: Caller) -> None:
    checked = call("GET", "/v1/deck/check", user="b")

    assert (checked.status, checked.body["works"]) == (200, False)
    assert "token" in checked.body["text"]


def test_a_check_asks_the_deck_once(install: Make) -> None:
    home = install(1, cards=[])

    health = api_deck.check(api_of(home, Asked()), USER)

    assert (health.works, home.deck.calls) == (True, ["check"])


def test_a_deck_that_asked_to_wait_is_not_asked(install: Make) -> None:
    home = install(1, cards=[])
    until = home.clock.now() + timedelta(hours=1)
    user = home.store.user(USER)
    assert user is not None
    api = api_of(home, Asked(), store=Waiting(home.store, user.model_copy(update={"deck_wait_until": until})))

    health = api_deck.check(api, USER)

    assert (health.works, health.wait_until, home.deck.calls) == (False, until, [])


class Saying:
    """A deck that says this of its health, and counts how often it was asked."""

    def __init__(self, health: DeckHealth) -> None:
        self.health, self.asked = health, 0

    def check(self) -> DeckHealth:
        self.asked += 1
        return self.health


def test_a_wait_that_a_check_heard_of_holds_for_the_next_check_and_for_sessions(install: Make) -> None:
    home = install(1, cards=[])
    until = home.clock.now() + timedelta(minutes=10)
    deck = Saying(DeckHealth(works=False, text="Slower.", wait_until=until))
    api = api_of(home, Asked(), deck_of=lambda user: deck)

    api_deck.check(api, USER)
    again = api_deck.check(api, USER)

    assert (deck.asked, again.works, again.wait_until) == (1, False, until)
    assert (api.user(USER).deck_wait_until, api.user(USER).next_due_at) == (until, until)


def test_a_check_that_is_refused_switches_off_and_says_so(install: Make) -> None:
    home = install(1, cards=[])
    api = api_of(home, Asked(), deck_of=lambda user: Saying(DeckHealth(works=False, text="Go away.", refused=True)))

    assert api_deck.check(api, USER).refused is True

    user = api.user(USER)
    assert (user.enabled, user.next_due_at) == (False, None)
    assert user.status is not None
    assert (user.status.code, user.status.text) == ("refused", "Go away.")
    assert user.switch_history[0].by == "swipr"


def test_a_check_without_waits_or_refusals_changes_nothing(install: Make) -> None:
    home = install(1, cards=[])
    api = api_of(home, Asked(), deck_of=lambda user: Saying(DeckHealth(works=False, text="In another form.")))
    before = api.user(USER)

    api_deck.check(api, USER)

    assert api.user(USER) == before


class Waiting:
    """The store, but for this user's record."""

    def __init__(self, store: object, user: User) -> None:
        self.store, self.known = store, user

    def user(self, user_id: str) -> User:
        return self.known

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


@pytest.mark.parametrize("error", [DeckRefusedError("Paste a new token."), DeckUnavailableError("It is silent.")])
def test_a_deck_that_cannot_be_opened_is_an_answer(install: Make, error: Exception) -> None:
    def broken(user: User) -> Deck:
        raise error

    health = api_deck.check(api_of(install(1, cards=[]), Asked(), deck_of=broken), USER)

    assert health == DeckHealth(works=False, text=str(error))
