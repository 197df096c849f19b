"""The deck: which is connected, connecting one, whether it works, and forgetting its token."""

from pydantic import ConfigDict, Field

from swipr.api import account
from swipr.api.parts import Api
from swipr.api.views import DeckChoice, DeckView, StatusView
from swipr.errors import DeckError, InputError
from swipr.models import DeckHealth, Status, User, UserSettings, Value

TERMS = (
    "Automation is against the terms of this service, which may close your account for it, and nobody but you answers "
    "for that. Swipr was tried against a simulator only. To connect it all the same, say that you accept this."
)


class DeckConnection(Value):
    model_config = ConfigDict(strict=True)

    deck: str
    token: str | None = Field(default=None, min_length=1, max_length=500, repr=False)
    """Of the user's own account; a folder has none."""
    accept_terms: bool = False
    """Needed for a deck that has terms, see `GET /v1/deck`."""


def read(api: Api, user_id: str) -> DeckView:
    user = api.user(user_id)
    return DeckView(
        deck=user.deck,
        connected=account.is_connected(api, user),
        connected_at=user.deck_connected_at,
        acting=user.acting,
        wait_until=user.deck_wait_until,
        decks=tuple(_choice(api, deck) for deck in api.decks),
    )


def _choice(api: Api, deck: str) -> DeckChoice:
    terms = TERMS if deck in api.against_terms else None
    return DeckChoice(deck=deck, needs_token=deck not in api.tokenless, terms=terms)


def connect(api: Api, user_id: str, connection: DeckConnection) -> StatusView:
    """Keep the deck's token sealed. Raises InputError for what cannot be connected so."""
    if connection.deck not in api.decks:
        raise InputError("deck", f"choose one of: {', '.join(api.decks)}")
    if connection.deck in api.against_terms and not connection.accept_terms:
        raise InputError("accept_terms", f"is to be true. {TERMS.replace('say that you accept this', 'send true')}")
    user = api.user(user_id)
    sealed = None if connection.deck in api.tokenless else _sealed(api, user_id, connection)
    if user.deck in api.tokenless and connection.deck not in api.tokenless:
        _be_courteous(api, user)
    api.store.connect_deck(user_id, deck=connection.deck, sealed_token=sealed, at=api.now())
    api.store.wake(user_id, at=api.now())
    return account.status(api, user_id)


def _sealed(api: Api, user_id: str, connection: DeckConnection) -> bytes:
    token = (connection.token or "").strip().strip('"').strip()
    if not token:
        raise InputError("token", "is empty; paste the token of your own account")
    return api.secrets.seal(token.encode(), context={"user": user_id, "deck": connection.deck})


def _be_courteous(api: Api, user: User) -> None:
    """Limits chosen for one's own folder are not for a service with people behind it."""
    limits = UserSettings().model_dump(
        include={"likes_per_day", "swipes_per_day", "swipes_per_session", "session_every_s", "pacing_s"}
    )
    wanted = user.settings.model_copy(update=limits)
    api.store.save_settings(user.user_id, wanted, revision=user.settings_revision)


def check(api: Api, user_id: str) -> DeckHealth:
    """Whether the deck works; it is not asked before a time it has named itself."""
    user, now = api.user(user_id), api.now()
    if user.deck_wait_until is not None and user.deck_wait_until > now:
        text = f"The deck allows no more before {user.deck_wait_until:%Y-%m-%d %H:%M} UTC; it was not asked."
        return DeckHealth(works=False, text=text, wait_until=user.deck_wait_until)
    try:
        health = api.deck_of(user).check()
    except DeckError as error:
        return DeckHealth(works=False, text=str(error))
    _remember(api, user, health)
    return health


def _remember(api: Api, user: User, health: DeckHealth) -> None:
    """What the deck asked for holds for sessions too."""
    if health.wait_until is None and not health.refused:
        return
    api.store.hear_deck(
        user.user_id,
        deck=user.deck,
        connected_at=user.deck_connected_at,
        at=api.now(),
        wait_until=health.wait_until,
        refused=health.text if health.refused else None,
    )


def forget(api: Api, user_id: str) -> StatusView:
    """Switch off, then forget the token: no session begins that would find none."""
    api.user(user_id)
    at = api.now()
    said = Status(code="off", text="Off: the deck's token was forgotten.", at=at)
    api.store.switch(user_id, enabled=False, at=at, status=said, reason="the deck's token was forgotten")
    api.store.forget_deck(user_id)
    return account.status(api, user_id)
