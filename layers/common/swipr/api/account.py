"""The account: how things stand, the switch, acting, and the settings."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from swipr import kept_photos
from swipr.api.parts import Api
from swipr.api.shown import model_view
from swipr.api.views import BudgetView, StatusView, SwitchState, SwitchView
from swipr.errors import InputError
from swipr.models import RefitRequest, Status, User, UserSettings, Value
from swipr.sessions.session import STOPPING_S
from swipr.swiping import budget_day, likes_left

#: Pauses whose reason a change of settings may end; the session looks.
#: A record of the user lies in one item of 400 KB; encoded, and with room for all else.
MOST_SETTINGS_BYTES = 65_536
PAUSES = ("budget_spent", "held_cards", "quiet")


class SwitchChange(Value):
    model_config = ConfigDict(strict=True)

    enabled: bool
    reason: Annotated[str, StringConstraints(max_length=200)] = ""
    """Kept in the switch's history."""


class ActingChange(Value):
    """`deck` must be the connected one: acting is allowed by name."""

    model_config = ConfigDict(strict=True)

    acting: bool
    deck: str | None = None
    likes_per_day: int | None = Field(default=None, ge=0, le=10_000)


def status(api: Api, user_id: str) -> StatusView:
    user, now = api.user(user_id), api.now()
    model = api.store.model(user_id, user.champion) if user.champion is not None else None
    return StatusView(
        user_id=user_id,
        switch=switch_state(user, now),
        acting=user.acting,
        deck=user.deck,
        deck_connected=is_connected(api, user),
        next_due_at=user.next_due_at,
        deck_wait_until=user.deck_wait_until,
        status=user.status,
        budget=_budget(user, now),
        held=len(user.held),
        model=model_view(model, user) if model else None,
        labels=user.labels,
        sessions=user.recent_sessions,
        now=now,
    )


def _budget(user: User, now: datetime) -> BudgetView:
    day, zone = budget_day(user, now)
    is_today = user.budget_day == day
    return BudgetView(
        likes_per_day=user.settings.likes_per_day,
        likes_today=user.likes_today if is_today else 0,
        left=likes_left(user, now),
        superlikes_per_day=user.settings.superlikes_per_day,
        superlikes_today=user.superlikes_today if is_today else 0,
        swipes_per_day=user.settings.swipes_per_day,
        swipes_today=user.swipes_today if is_today else 0,
        day=day.isoformat(),
        time_zone=zone,
    )


# --- the switch ---------------------------------------------------------------------------------------


def read_switch(api: Api, user_id: str) -> SwitchView:
    user = api.user(user_id)
    state = switch_state(user, api.now())
    return SwitchView(switch=state, switched_at=user.switched_at, history=user.switch_history)


def switch(api: Api, user_id: str, change: SwitchChange) -> StatusView:
    user, at = api.user(user_id), api.now()
    text = "On: it looks at the deck at once." if change.enabled else "Off."
    if change.enabled and user.deck_wait_until is not None and user.deck_wait_until > at:
        text = f"On: the deck allows no more before {user.deck_wait_until:%Y-%m-%d %H:%M} UTC."
    said = Status(code="ready" if change.enabled else "off", text=text, at=at)
    api.store.switch(user_id, enabled=change.enabled, at=at, status=said, reason=change.reason)
    return status(api, user_id)


def switch_state(user: User, now: datetime) -> SwitchState:
    """`off` is said only when no action that began before can still be under way."""
    if user.enabled:
        return "on"
    if user.in_flight is not None and now < user.in_flight.begun_at + timedelta(seconds=STOPPING_S):
        return "stopping"
    return "off"


def set_acting(api: Api, user_id: str, change: ActingChange) -> StatusView:
    """Raises InputError unless the deck named is the connected one."""
    user = api.user(user_id)
    if change.acting:
        _let_act(api, user, change)
    else:
        api.store.set_acting(user_id, acting_on=None)
    api.store.wake(user_id, at=api.now())
    return status(api, user_id)


def _let_act(api: Api, user: User, change: ActingChange) -> None:
    if change.deck != user.deck:
        raise InputError("deck", f"name the connected deck, {user.deck!r}, to let Swipr act on it")
    if not is_connected(api, user):
        raise InputError("deck", f"connect {user.deck!r} with its token first: PUT /v1/deck")
    if change.likes_per_day is not None:
        wanted = user.settings.model_copy(update={"likes_per_day": change.likes_per_day})
        api.store.save_settings(user.user_id, wanted, revision=user.settings_revision)
    api.store.set_acting(user.user_id, acting_on=user.deck)


def is_connected(api: Api, user: User) -> bool:
    return user.deck_token is not None or (user.deck in api.decks and user.deck in api.tokenless)


# --- settings -----------------------------------------------------------------------------------------


def settings(api: Api, user_id: str) -> tuple[UserSettings, int]:
    """The settings and their revision."""
    user = api.user(user_id)
    return user.settings, user.settings_revision


def save_settings(api: Api, user_id: str, wanted: UserSettings, revision: int | None) -> tuple[UserSettings, int]:
    """Replace the settings. Raises ConflictError if `revision` is given and not the stored one."""
    if len(wanted.model_dump_json().encode()) > MOST_SETTINGS_BYTES:
        raise InputError("filters", "the settings are too long in all; leave words out")
    user = api.user(user_id)
    known = user.settings_revision if revision is None else revision
    saved = api.store.save_settings(user_id, wanted, revision=known)
    if user.status is not None and user.status.code in PAUSES:
        api.store.wake(user_id, at=api.now())
    if not saved.settings.keep_photos:
        kept_photos.forget_all(api.blobs, user_id)
    if _wish(saved.settings) != _wish(user.settings):  # the line is drawn anew
        api.queue.ask_refit(RefitRequest(user_id=user_id))
    return saved.settings, saved.settings_revision


def _wish(settings: UserSettings) -> tuple[str, float]:
    return settings.wish, settings.precision_at_least
