"""Cards that their user had forgotten: left alone for good, and what a session wrote of one meanwhile is taken away.

Whoever forgets marks and removes in one step; whoever writes looks for the mark afterwards. So one of the two sees the
other, whoever comes first.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from swipr.blanking import blank

if TYPE_CHECKING:
    from swipr.models import Decision
    from swipr.sessions.judged_cards import JudgedCard
    from swipr.sessions.planning import Parts


def forgotten(card_ids: Iterable[str], user_id: str, parts: "Parts") -> set[str]:
    """Those of the cards that bear the mark."""
    keys = {parts.forgotten_key(user_id, card_id): card_id for card_id in card_ids}
    return {keys[key] for key in parts.store.acted(user_id, keys)}


def take_away_if_forgotten(card_id: str, user_id: str, parts: "Parts") -> bool:
    """After something of the card was written. Idempotent."""
    if not forgotten([card_id], user_id, parts):
        return False
    take_away(card_id, user_id, parts)
    return True


def take_away(card_id: str, user_id: str, parts: "Parts") -> None:
    """The decision, its photos' bytes and features, and its match; not that the card was acted on."""
    at = parts.now()
    seen = parts.store.decision(user_id, card_id, at=at)
    if seen is not None:  # before the decision goes, as only it knows where they lie
        blank_seen(seen, parts)
        parts.store.forget_card(user_id, card_id)
    for match in parts.store.matches(user_id, at=at):
        if match.card_id == card_id:
            parts.store.delete_match(user_id, match.match_id)


def blank_seen(seen: "Decision | JudgedCard", parts: "Parts") -> None:
    """The photos' bytes and the features, also of what was judged and not written down yet."""
    blank(seen.photos, parts.blobs)
    if seen.features is not None:
        blank([seen.features], parts.blobs)
