"""Which deck a user gets, and what is said when there is none."""

import pytest

from swipr import bootstrap
from swipr.errors import DeckRefusedError
from swipr.models import User
from swipr.settings import Settings

TABLES = ("users", "decisions", "acted", "labels", "models", "matches", "requests")
NAMES = (*(f"{table}_table" for table in TABLES), "bucket", "key_id")
SETTINGS = Settings.model_validate(dict.fromkeys(NAMES, "x") | {"simulator_api": "http://127.0.0.1:9"})


class Opened:
    """Secrets that open anything, or nothing."""

    def __init__(self, plain: bytes | None) -> None:
        self.plain = plain

    def open(self, sealed: bytes, *, context: object) -> bytes:
        if self.plain is None:
            raise PermissionError("not what was sealed")
        return self.plain


def deck_of(user: User, plain: bytes | None = b"token") -> object:
    return bootstrap.deck_of(user, SETTINGS, Opened(plain), None)  # type: ignore[arg-type]


def test_a_deck_is_opened_by_its_own_name() -> None:
    assert deck_of(User(user_id="a", deck="simulator", deck_token=b"s")).name == "simulator"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("user", "plain", "says"),
    [
        (User(user_id="a", deck="other", deck_token=b"s"), b"t", "does not exist here"),
        (User(user_id="a", deck="simulator"), b"t", "no token"),
        (User(user_id="a", deck="simulator", deck_token=b"s"), None, "paste it again"),
    ],
)
def test_a_deck_that_cannot_be_opened_says_the_next_step(user: User, plain: bytes | None, says: str) -> None:
    with pytest.raises(DeckRefusedError, match=says):
        deck_of(user, plain)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from swipr import settings

    for name in NAMES:
        monkeypatch.setenv(name.upper(), "x")
    monkeypatch.delenv("BUCKET")
    settings.load.cache_clear()

    with pytest.raises(ValueError, match="BUCKET"):
        settings.load()
    settings.load.cache_clear()
