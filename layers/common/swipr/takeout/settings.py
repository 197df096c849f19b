"""Settings and the deck's name of an export: taken over only where that sets nothing going."""

import json
from datetime import datetime

from pydantic import ValidationError

from swipr.errors import ConflictError
from swipr.models import UserSettings
from swipr.ports import Store
from swipr.takeout.archive import Data

ACTING = "yours stay while Swipr may act; turn acting off, then import again"
CHANGED = "they were changed here just now; yours stay"


def restore_settings(data: Data, user_id: str, store: Store) -> str | None:
    """Why not, or None. Budgets of somebody who acts are theirs to change, one by one."""
    try:
        settings = UserSettings.model_validate_json(json.dumps(data.settings))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"settings.{'.'.join(map(str, first['loc']))[:100]}: {first['msg']}"
    user = store.user(user_id)
    if user is None or user.settings == settings:
        return None
    if user.acting_on is not None:
        return ACTING
    try:
        store.save_settings(user_id, settings, revision=user.settings_revision)
    except ConflictError:
        return CHANGED
    return None


def restore_deck(data: Data, user_id: str, store: Store, *, at: datetime) -> None:
    """Name the deck where none was ever connected; it is not connected by that, and nothing acts on it."""
    user = store.user(user_id)
    if user is None or user.deck == data.deck or user.enabled:
        return
    if user.deck_token is None and user.deck_connected_at is None and user.acting_on is None:
        store.connect_deck(user_id, deck=data.deck, sealed_token=None, at=at)
        store.forget_deck(user_id)
