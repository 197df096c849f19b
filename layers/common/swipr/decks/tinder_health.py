"""What the answer about the user's own profile says of a deck's health, in plain words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from swipr.decks import tinder_limits as limits
from swipr.decks import tinder_stops as stops
from swipr.decks.tinder_fields import mapping
from swipr.errors import DeckError, DeckUnavailableError
from swipr.models import DeckHealth


def health(answer: Mapping[str, Any], *, deck: str, now: datetime) -> tuple[DeckHealth, stops.Stop | None]:
    """The health, and the stop signal when likes are spent."""
    if not isinstance(answer.get("data"), dict):
        text = f"The deck {deck!r} answers, but in a form that Swipr does not know: see whether there is a newer Swipr."
        return DeckHealth(works=False, text=text), None
    likes = mapping(mapping(answer["data"]).get("likes"))
    left = limits.likes_left(likes)
    if not limits.out_of_likes(likes, now):
        return DeckHealth(works=True, text=f"The deck {deck!r} answers and accepts your token.", likes_left=left), None
    stop = stops.likes_spent(deck, limits.likes_again_at(likes, now), "out of likes")
    text = f"The deck {deck!r} answers and accepts your token. {stop.text} Nothing to do but wait."
    return DeckHealth(works=True, text=text, likes_left=left, wait_until=stop.wait_until), stop


def ill_health(error: DeckError) -> DeckHealth:
    """Of a deck that could not be read; a refusal names its next step itself."""
    if not isinstance(error, DeckUnavailableError):
        return DeckHealth(works=False, text=str(error), refused=True)
    if error.wait_until is not None:
        return DeckHealth(works=False, text=f"{error} Nothing to do but wait.", wait_until=error.wait_until)
    step = "Check this machine's network and open the deck in a browser; if it works there, try again in some minutes."
    return DeckHealth(works=False, text=f"{error} {step}")
