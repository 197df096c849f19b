"""The fact sheet row by row: what the deck makes of each answer, over real HTTP, and every call that it made."""

import pytest

from swipr.decks.tinder import TinderDeck
from swipr.models import UserSettings
from tests.scripted_deck import scripted_deck
from tests.tinder_asks import outcome, violations
from tests.tinder_rows import NOW, READ_ROWS
from tests.tinder_status_rows import STATUS_ROWS
from tests.tinder_swipe_rows import SWIPE_ROWS

ROWS = [*READ_ROWS, *SWIPE_ROWS, *STATUS_ROWS]


@pytest.fixture(scope="module")
def scripted():
    with scripted_deck() as running:
        yield running


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(scripted, row):
    assert violations(scripted, row) == []


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
