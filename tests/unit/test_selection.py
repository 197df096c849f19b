"""Each rule by itself: what it drops, what it keeps, and how it says so."""

from typing import Any

import pytest

from swipr.models import Card, Filters, Photo
from swipr.sessions.selection import dropped_by

PHOTOS = tuple(Photo(photo_id=str(number), url=f"photo/{number}") for number in range(3))
ANNA = Card(
    card_id="fake:1", age=30, bio="I like dogs and Ruby.", distance_km=12.4, verified=True,
    schools=("University of Vienna",), jobs=("Nurse", "City Hospital"), photos=PHOTOS,
)  # fmt: skip


def dropped(filters: dict[str, Any], *, states_ages: bool = True, **changes: Any) -> str | None:
    card = ANNA.model_copy(update=changes)
    return dropped_by(card, Filters.model_validate(filters), states_ages=states_ages)


DROPS = [
    ({}, {"age": None}, "no age is stated"),
    ({}, {"age": 17}, "the stated age is under 18"),
    ({}, {"photos": ()}, "there is no photo"),
    ({"age_min": 31}, {}, "the stated age 30 is below your 31"),
    ({"age_max": 29}, {}, "the stated age 30 is above your 29"),
    ({"distance_km_max": 12.0}, {}, "12 km away, farther than your 12 km"),
    ({"photos_min": 4}, {}, "there are 3 photos, fewer than your 4"),
    ({"photos_max": 2}, {}, "there are 3 photos, more than your 2"),
    ({"bio_required": True}, {"bio": " \n"}, "there is no bio"),
    ({"verified_only": True}, {"verified": False}, "the profile is not verified"),
    ({"banned_words": ("cats", "DOGS")}, {}, "the bio holds your banned word 'DOGS'"),
    ({"banned_words": ("vienna",)}, {}, "a school holds your banned word 'vienna'"),
    ({"banned_words": ("nurse",)}, {}, "a job holds your banned word 'nurse'"),
    ({"must_have_words": ("cats", "birds")}, {}, "no bio, school or job holds one of your must-have words"),
    ({"school_words": ("nurse",)}, {}, "no school holds one of your school words"),
    ({"job_words": ("vienna",)}, {}, "no job holds one of your job words"),
]

KEEPS = [
    ({}, {}),
    ({"age_min": 30, "age_max": 30}, {}),
    ({"distance_km_max": 12.4}, {}),
    ({"distance_km_max": 1.0}, {"distance_km": None}),
    ({"photos_min": 3, "photos_max": 3}, {}),
    ({"bio_required": True, "verified_only": True}, {}),
    ({"banned_words": ("dog", "hospitals")}, {}),
    ({"must_have_words": ("cats", "ruby")}, {}),
    ({"must_have_words": ("city hospital",)}, {}),
    ({"school_words": ("vienna",), "job_words": ("nurse",)}, {}),
]


@pytest.mark.parametrize(("filters", "changes", "rule"), DROPS)
def test_a_dropped_card_says_which_rule_fired(filters: dict[str, Any], changes: dict[str, Any], rule: str) -> None:
    assert dropped(filters, **changes) == rule


@pytest.mark.parametrize(("filters", "changes"), KEEPS)
def test_a_card_within_all_rules_is_kept(filters: dict[str, Any], changes: dict[str, Any]) -> None:
    assert dropped(filters, **changes) is None


def test_whoever_may_be_a_minor_is_dropped_before_any_other_rule() -> None:
    everything = {"age_min": 40, "banned_words": ("dogs",), "photos_min": 9, "verified_only": True}

    assert dropped(everything, age=17, verified=False) == "the stated age is under 18"
    assert dropped(everything, age=None, verified=False) == "no age is stated"


@pytest.mark.parametrize(
    "filters",
    [
        {"age_min": 30, "age_max": 40},
        {"distance_km_max": 1.0},
        {"bio_required": True},
        {"verified_only": True},
        {"must_have_words": ("dogs",)},
        {"school_words": ("vienna",)},
        {"job_words": ("nurse",)},
        {"banned_words": ("dogs",)},
    ],
)
def test_a_deck_that_states_nothing_of_anybody_loses_no_card_by_what_is_missing(filters: dict[str, Any]) -> None:
    bare = Card(card_id="folder:1", photos=PHOTOS[:1])

    assert dropped_by(bare, Filters.model_validate(filters), states_ages=False) is None


def test_such_a_deck_is_filtered_by_what_is_there() -> None:
    assert dropped({"photos_min": 4}, states_ages=False) == "there are 3 photos, fewer than your 4"
    assert dropped({}, states_ages=False, age=17) == "the stated age is under 18"
    assert dropped({"banned_words": ("dogs",)}, states_ages=False) == "the bio holds your banned word 'dogs'"
