"""Whether a card to be liked gets a super like instead: the user's own list, asked in order."""

from itertools import takewhile

from swipr.models import (
    Card,
    SuperlikeNever,
    SuperlikeOutOfLikes,
    SuperlikeScore,
    SuperlikeStrategy,
    SuperlikeWord,
    UserSettings,
)
from swipr.sessions.words import first_found


def superlike_reason(settings: UserSettings, card: Card, score: float | None, *, out_of_likes: bool) -> str | None:
    """Why a card to be liked gets a super like, in words for the user; None for a plain like.

    `score` is None for a card that no model has judged. `out_of_likes`: the deck allows no more likes.
    """
    asked = takewhile(lambda strategy: not isinstance(strategy, SuperlikeNever), settings.superlikes)
    reasons = (_reason(strategy, card, score, out_of_likes) for strategy in asked)
    return next((reason for reason in reasons if reason is not None), None)


def _reason(strategy: SuperlikeStrategy, card: Card, score: float | None, out_of_likes: bool) -> str | None:
    if isinstance(strategy, SuperlikeOutOfLikes) and out_of_likes:
        return "the deck allows no more likes"
    if isinstance(strategy, SuperlikeWord):
        word = first_found(strategy.words, (card.bio, *card.schools, *card.jobs))
        return None if word is None else f"it holds your word {word!r}"
    if isinstance(strategy, SuperlikeScore) and score is not None and score > strategy.score:
        return f"the score is above {strategy.score:.2f}"
    return None
