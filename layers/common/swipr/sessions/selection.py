"""What is dropped before any photo is downloaded, and the rule that says so."""

from collections.abc import Iterator

from swipr.models import Card, Filters
from swipr.sessions.words import first_found

ADULT_YEARS = 18


def dropped_by(card: Card, filters: Filters, *, states_ages: bool) -> str | None:
    """The first rule that drops the card, in words for the user, or None.

    What a rule reads must have been stated: by a deck that does not state ages nobody says anything of themselves,
    so nothing can be missing there.
    """
    rules = [_by_law(card, states_ages), _by_numbers(card, filters), _by_banned_words(card, filters)]
    if states_ages:
        rules.append(_by_what_is_missing(card, filters))
    return next((rule for each in rules for rule in each), None)


def _by_law(card: Card, states_ages: bool) -> Iterator[str]:
    if card.age is None and states_ages:
        yield "no age is stated"
    if card.age is not None and card.age < ADULT_YEARS:
        yield "the stated age is under 18"
    if not card.photos:
        yield "there is no photo"


def _by_numbers(card: Card, filters: Filters) -> Iterator[str]:
    age, far, photos = card.age, card.distance_km, len(card.photos)
    if age is not None and filters.age_min is not None and age < filters.age_min:
        yield f"the stated age {age} is below your {filters.age_min}"
    if age is not None and filters.age_max is not None and age > filters.age_max:
        yield f"the stated age {age} is above your {filters.age_max}"
    if far is not None and filters.distance_km_max is not None and far > filters.distance_km_max:
        yield f"{far:.0f} km away, farther than your {filters.distance_km_max:g} km"
    if filters.photos_min is not None and photos < filters.photos_min:
        yield f"there are {photos} photos, fewer than your {filters.photos_min}"
    if filters.photos_max is not None and photos > filters.photos_max:
        yield f"there are {photos} photos, more than your {filters.photos_max}"


def _by_banned_words(card: Card, filters: Filters) -> Iterator[str]:
    for place, texts in (("the bio", (card.bio,)), ("a school", card.schools), ("a job", card.jobs)):
        word = first_found(filters.banned_words, texts)
        if word is not None:
            yield f"{place} holds your banned word {word!r}"


def _by_what_is_missing(card: Card, filters: Filters) -> Iterator[str]:
    if filters.bio_required and not card.bio.strip():
        yield "there is no bio"
    if filters.verified_only and not card.verified:
        yield "the profile is not verified"
    everything = (card.bio, *card.schools, *card.jobs)
    for words, texts, rule in (
        (filters.must_have_words, everything, "no bio, school or job holds one of your must-have words"),
        (filters.school_words, card.schools, "no school holds one of your school words"),
        (filters.job_words, card.jobs, "no job holds one of your job words"),
    ):
        if words and first_found(words, texts) is None:
            yield rule
