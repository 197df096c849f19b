"""Filters in a session: what they drop costs no download, is passed by an acting user, and says why."""

from typing import Any

import pytest

from swipr.models import Card
from tests.doubles import card
from tests.install import USER, Install
from tests.looks import Make, answer, decision_of, look, sent_cards, state_of, swipes_of


def profile(number: int, taste: str = "like", **stated: Any) -> Card:
    return card(number, taste).model_copy(update=stated)


def with_bios(install: Make, *bios: str, **filters: Any) -> Install:
    world = sent_cards(install, [profile(number, bio=bio) for number, bio in enumerate(bios)])
    world.set(filters=filters)
    return world


def test_a_filtered_card_costs_no_download_and_is_passed(install: Make) -> None:
    world = with_bios(install, "I love DOGS", "cats only", banned_words=("dogs", "Cats"))

    report = look(world)

    assert (world.deck.photos, report.photos, report.judge_ms) == (0, 0, 0.0)
    assert (report.filtered, report.passed, swipes_of(world)) == (2, 0, ["pass fake:0", "pass fake:1"])


def test_the_decision_says_which_rule_fired_and_keeps_no_bio(install: Make) -> None:
    world = with_bios(install, "my secret bio about dogs", banned_words=("dogs",))

    look(world)

    decision = decision_of(world, "fake:0")
    assert decision.reason == "filtered: the bio holds your banned word 'dogs'"
    assert (decision.filtered, decision.verdict, decision.action) == (True, "pass", "pass")
    assert "secret" not in decision.model_dump_json()


def test_only_what_no_rule_drops_is_fetched(install: Make) -> None:
    world = sent_cards(install, [profile(0, age=25), profile(1, age=31), profile(2, distance_km=80.0)])
    world.set(filters={"age_min": 30, "distance_km_max": 50.0})
    world.deck.left[1] = world.deck.left[1].model_copy(update={"distance_km": 3.0})

    look(world)

    assert world.deck.photos == 1
    assert swipes_of(world) == ["pass fake:0", "like fake:1", "pass fake:2"]


def test_minors_are_dropped_before_any_rule_of_the_user(install: Make) -> None:
    world = sent_cards(install, [profile(0, age=16, bio="dogs"), profile(1, age=None, bio="dogs")])
    world.set(filters={"banned_words": ("dogs",)})

    look(world)

    assert decision_of(world, "fake:0").reason == "filtered: the stated age is under 18"
    assert decision_of(world, "fake:1").reason == "filtered: no age is stated"


def test_a_deck_that_states_no_ages_loses_nothing_by_an_age_filter(install: Make) -> None:
    world = sent_cards(install, [profile(0, age=None)])
    world.deck.states_ages = False  # type: ignore[misc]
    world.set(filters={"age_min": 30, "age_max": 40, "bio_required": True, "verified_only": True})

    look(world)

    assert world.deck.likes == {"fake:0": 1}


def test_an_own_answer_overrules_the_model_and_no_filter(install: Make) -> None:
    world = with_bios(install, "dogs", banned_words=("dogs",))
    answer(world, "fake:0", "like")

    look(world)

    assert swipes_of(world) == ["pass fake:0"]


def test_a_dry_run_looks_anew_at_what_other_filters_change(install: Make) -> None:
    world = with_bios(install, "dogs", "cats", banned_words=("dogs",))
    world.store.set_acting(USER, acting_on=None)
    look(world)
    assert look(world).outcome == "dry_run_unchanged"

    world.set(filters={"banned_words": ("cats",)})

    assert look(world).cards == 2
    assert [decision_of(world, f"fake:{number}").filtered for number in (0, 1)] == [False, True]
    assert look(world).outcome == "dry_run_unchanged"


@pytest.mark.parametrize("acting", [True, False])
def test_a_dropped_card_is_never_held(install: Make, acting: bool) -> None:
    world = sent_cards(install, [profile(0, "unsure", verified=False)])
    world.set(filters={"verified_only": True})
    world.store.set_acting(USER, acting_on="fake" if acting else None)

    look(world)

    user = world.store.user(USER)
    assert user is not None
    assert user.held == ()
    assert state_of(world, "fake:0") == ("sent" if acting else "dry_run")
