"""What is dropped before any photo is downloaded."""

from swipr.models import Card

ADULT_YEARS = 18


def dropped_by(card: Card, *, states_ages: bool) -> str | None:
    """The rule that drops the card, in words for the user, or None."""
    if card.age is None and states_ages:
        return "no age is stated"
    if card.age is not None and card.age < ADULT_YEARS:
        return "the stated age is under 18"
    if not card.photos:
        return "there is no photo"
    return None
