"""Photos of labelled cards, kept for training and for a change of backbone only where the user opted in."""

import hashlib
from collections.abc import Sequence

from swipr.ports import Blobs
from swipr.sessions.photos import CONTENT_TYPES, content_type_of, suffix_of


def prefix(user_id: str) -> str:
    return f"labelled/{user_id}/"


def keep(blobs: Blobs, user_id: str, card_id: str, photos: Sequence[bytes]) -> None:
    """Keep a label's photos, in order, in place of any kept before; safe to do twice."""
    folder = card_folder(user_id, card_id)
    kept = {f"{folder}{number:02d}{suffix_of(photo)}": photo for number, photo in enumerate(photos)}
    for key, photo in kept.items():
        blobs.put(key, photo, content_type=content_type_of(photo))
    blobs.delete(set(blobs.keys(folder)) - set(kept))


def keys(blobs: Blobs, user_id: str, card_id: str) -> Sequence[str]:
    """Where the card's kept photos lie, in order; none if none are kept."""
    return [key for key in blobs.keys(card_folder(user_id, card_id)) if key.endswith(tuple(CONTENT_TYPES))]


def all_keys(blobs: Blobs, user_id: str) -> Sequence[str]:
    """Where all of the user's kept photos lie, by card and in order, asked for at once."""
    return [key for key in blobs.keys(prefix(user_id)) if key.endswith(tuple(CONTENT_TYPES))]


def forget(blobs: Blobs, user_id: str, card_id: str) -> None:
    blobs.delete(blobs.keys(card_folder(user_id, card_id)))


def forget_all(blobs: Blobs, user_id: str) -> None:
    blobs.delete(blobs.keys(prefix(user_id)))


def card_folder(user_id: str, card_id: str) -> str:
    """Where a card's photos lie. A card's id may hold characters that a key must not."""
    return f"{prefix(user_id)}{hashlib.sha256(card_id.encode()).hexdigest()[:32]}/"
