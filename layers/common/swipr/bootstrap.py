"""Composition root: one cached builder per function, and the only place that knows which world this is.

The world is the module named by `SWIPR_WORLD` (`swipr.aws` by default): its `store`, `blobs`, `queue`, `secrets` and
`judge` take the Settings and return the adapters; its `trainer` may be None. Heavy imports stay inside the builders
that need them.
"""

import importlib
import secrets as random_source
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from swipr import settings
from swipr.errors import DeckRefusedError
from swipr.judging import Judge
from swipr.models import SessionReport, State, SwipeSession, User
from swipr.ports import Blobs, Queue, Secrets, Store, Trainer
from swipr.sessions.planning import Parts, acted_key, forgotten_key
from swipr.sessions.session import run_session
from swipr.settings import Settings
from swipr.swiping import Deck, tick

if TYPE_CHECKING:
    from swipr.api.parts import Api
    from swipr.decks.folder_scan import PhotoFolder
    from swipr.feedback import Feedback


#: Decks of this machine itself, where there is nobody to sign in with.
TOKENLESS_DECKS = frozenset({"folder"})
#: Decks of services whose terms forbid automation: connecting one needs a yes.
DECKS_AGAINST_TERMS = frozenset({"tinder"})


class World(Protocol):
    """What a world's module offers."""

    def store(self, settings: Settings, /) -> Store: ...
    def blobs(self, settings: Settings, /) -> Blobs: ...
    def queue(self, settings: Settings, /) -> Queue: ...
    def secrets(self, settings: Settings, /) -> Secrets: ...
    def judge(self, settings: Settings, /) -> Judge: ...
    def trainer(self, settings: Settings, /) -> Trainer | None: ...


def now() -> datetime:
    return datetime.now(UTC)


@cache
def world() -> World:
    module: World = importlib.import_module(settings.load().swipr_world)
    return module


def forget() -> None:
    """Forget everything built, so that another world can be set up in this process."""
    for built in (settings.load, world, ticker, session_runner, photo_folder, api, feedback):
        built.cache_clear()


@cache
def ticker() -> Callable[[], int]:
    """Queue the sessions that are due now."""
    store, queue = world().store(settings.load()), world().queue(settings.load())
    return lambda: tick(store, queue, at=now())


@cache
def session_runner() -> Callable[[SwipeSession, str, Callable[[], float]], SessionReport | None]:
    """`run_session` with everything but the message, its owner and the time left filled in."""
    chosen = settings.load()
    secrets, store = world().secrets(chosen), world().store(chosen)
    parts = Parts(
        store=store,
        blobs=world().blobs(chosen),
        secrets=secrets,
        judge=world().judge(chosen),
        deck_of=lambda user: deck_of(user, chosen, secrets, store),
        now=now,
        sleep=time.sleep,
        decision_days=chosen.decision_days,
        photo_days=chosen.session_photo_days,
    )
    return lambda message, owner, time_left_s: run_session(message, parts, owner=owner, time_left_s=time_left_s)


def decks(chosen: Settings) -> Mapping[str, str]:
    """The decks of this install by name, and where each is: never a user's choice."""
    known = {"tinder": chosen.tinder_api, "simulator": chosen.simulator_api, "folder": chosen.folder_deck}
    return {name: address for name, address in known.items() if address}


def deck_of(user: User, chosen: Settings, secrets: Secrets, store: Store) -> Deck:
    """Open the user's deck with the user's own token, if it takes one. Raises DeckRefusedError with the next step."""
    address = decks(chosen).get(user.deck)
    if address is None:
        raise DeckRefusedError(f"The deck {user.deck!r} does not exist here: connect another one.")
    if user.deck in TOKENLESS_DECKS:
        return _folder_deck(user, chosen, secrets, store)
    if user.deck_token is None:
        raise DeckRefusedError("The deck has no token: paste one.")
    from swipr.decks.tinder import TinderDeck
    from swipr.decks.tinder_limits import waits_in_a_row

    try:
        token = secrets.open(user.deck_token, context={"user": user.user_id, "deck": user.deck}).decode()
    except PermissionError:
        raise DeckRefusedError("The deck's token cannot be opened any more: paste it again.") from None
    hosts = tuple(host.strip() for host in chosen.tinder_photo_hosts.split(",") if host.strip())
    return TinderDeck(
        user.deck,
        address,
        token,
        photo_hosts=hosts,
        now=now,
        sleep=time.sleep,
        platform=chosen.tinder_platform,
        like_method=chosen.tinder_like_method,
        pass_method=chosen.tinder_pass_method,
        waits_before=waits_in_a_row(user.recent_sessions),
    )


def _folder_deck(user: User, chosen: Settings, secrets: Secrets, store: Store) -> Deck:
    from swipr.decks.folder import FolderDeck, Past
    from swipr.decks.folder_places import Places

    def state(card_id: str) -> State | None:
        key, mark = acted_key(secrets, user.user_id, card_id), forgotten_key(secrets, user.user_id, card_id)
        acted = store.acted(user.user_id, [key, mark])
        return acted.get(mark) or acted.get(key)

    past = Past(
        acting=user.acting,
        held=frozenset(user.held if user.settings.unsure == "ask" else ()),
        decision=lambda card_id: store.decision(user.user_id, card_id, at=now()),
        state=state,
    )
    places = Places(Path(chosen.folder_results), moves=chosen.folder_moves)
    return FolderDeck(photo_folder(), places, past, now=now)


@cache
def photo_folder() -> "PhotoFolder":
    """The one folder of this install; it remembers what it has read."""
    from swipr.decks.folder_scan import PhotoFolder

    chosen = settings.load()
    return PhotoFolder(Path(chosen.folder_deck), leave_out=Path(chosen.folder_results), now=now)


@cache
def api() -> "Api":
    from swipr.api.parts import Api

    chosen = settings.for_waiting(settings.load())
    secrets, store = world().secrets(chosen), world().store(chosen)
    return Api(
        store=store,
        blobs=world().blobs(chosen),
        queue=world().queue(chosen),
        secrets=secrets,
        judge=world().judge(chosen),
        decks=tuple(decks(chosen)),
        tokenless=TOKENLESS_DECKS,
        against_terms=DECKS_AGAINST_TERMS,
        deck_of=lambda user: deck_of(user, chosen, secrets, store),
        fetch_link=_fetch_link,
        now=now,
        token=random_source.token_hex,
        pick=random_source.randbelow,
    )


def _fetch_link(url: str) -> bytes:
    from swipr.links import fetch_link

    return fetch_link(url)


@cache
def feedback() -> "Feedback":
    from swipr.feedback import Feedback

    chosen = settings.load()
    return Feedback(
        store=world().store(chosen),
        blobs=world().blobs(chosen),
        queue=world().queue(chosen),
        secrets=world().secrets(chosen),
        judge=world().judge(chosen),
        code=chosen.code_version,
        now=now,
        token=random_source.token_hex,
        trainer=world().trainer(chosen),
    )
