"""A user without a model: cards are kept to be labelled, nothing is sent, and once taught all goes on as ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from swipr.models import Answer, Card, Offer
from swipr.sessions.gathering import ENOUGH
from swipr.sessions.plans import NOT_TAUGHT
from swipr.sessions.session import run_session
from tests.doubles import BACKBONE, Crashes, card
from tests.install import USER, Install
from tests.looks import Make, answer, deal, decision_of, look, state_of, swipes_of, user_of

TASTES = ("like", "pass", "unsure")


def untaught(install: Make, cards: list[Card], *, acting: bool = True) -> Install:
    world = install(1, cards=cards, budget=100)
    world.deck.answers = lambda choice, card: Answer(state="sent")
    forget_model(world)
    world.store.set_acting(USER, acting_on="fake" if acting else None)
    return world


def forget_model(world: Install) -> None:
    user = user_of(world).model_copy(update={"champion": None})
    with world.database.transaction() as db:
        db.execute("UPDATE users SET record = ? WHERE user_id = ?", (user.model_dump_json(), USER))


def teach(world: Install) -> None:
    world.store.set_champion(USER, 1, expected=None)


def status(world: Install) -> tuple[str, str]:
    stored = user_of(world).status
    assert stored is not None
    return stored.code, stored.text


@pytest.mark.parametrize("acting", [True, False])
def test_cards_are_kept_to_be_labelled_and_nothing_is_sent(install: Make, acting: bool) -> None:
    world = untaught(install, deal(*TASTES), acting=acting)

    report = look(world)

    assert (report.outcome, report.cards, report.photos, report.unsure) == ("untaught", 3, 3, 3)
    assert (world.deck.calls, user_of(world).held) == (["cards"], ())
    for number in range(3):
        decision = decision_of(world, f"fake:{number}")
        assert (decision.verdict, decision.state, decision.reason) == ("unsure", "dry_run", NOT_TAUGHT)
        assert (decision.score, decision.model_version, decision.backbone) == (None, None, BACKBONE)
        assert decision.features is not None
        assert len(world.blobs.get_range(decision.photos[0])) > 0
    assert status(world) == (
        "untaught",
        "No model of your taste yet. 3 cards wait for you to say like or pass; nothing is sent before that. Give at "
        "least 2 likes and 2 passes (so far 0 and 0); 20 of both together make it useful.",
    )


def test_what_is_kept_is_not_fetched_again(install: Make) -> None:
    world = untaught(install, deal(*TASTES))
    look(world)
    world.deck.left = [card(1, "pass"), card(7, "like")]

    report = look(world)

    assert (report.cards, world.deck.photos) == (1, 4)
    world.deck.left.clear()
    assert look(world).cards == 0
    assert "4 cards wait for you" in status(world)[1]
    assert "The deck offers no new ones for now." in status(world)[1]


def test_filters_apply_before_any_photo_is_fetched(install: Make) -> None:
    world = untaught(install, [card(0, "like", age=17), card(1, "like"), card(2, "like", age=45)])
    world.set(filters={"age_max": 40})

    report = look(world)

    assert (report.filtered, world.deck.photos) == (2, 1)
    assert (state_of(world, "fake:0"), decision_of(world, "fake:2").verdict) == ("dry_run", "pass")
    assert decision_of(world, "fake:2").reason == "filtered: the stated age 45 is above your 40"
    assert "1 card waits" in status(world)[1]


def test_once_enough_wait_the_deck_is_not_asked(install: Make) -> None:
    world = untaught(install, [card(number, "like") for number in range(100)])
    world.deck.batch = 25
    for _ in range(3):
        look(world)
        world.deck.left = world.deck.left[25:]
    assert world.deck.photos == ENOUGH
    world.deck.calls.clear()

    look(world)

    assert world.deck.calls == []
    assert f"{ENOUGH} cards wait for you" in status(world)[1]
    answer(world, "fake:0", "like")
    look(world)
    assert (world.deck.calls, world.deck.photos) == (["cards"], ENOUGH + 1)


def test_the_text_counts_labels_and_says_when_they_suffice(install: Make) -> None:
    world = untaught(install, deal(*TASTES))
    look(world)
    answer(world, "fake:0", "like")
    answer(world, "fake:1", "pass")
    look(world)
    assert "2 likes and 2 passes (so far 1 and 1)" in status(world)[1]

    for number, choice in enumerate(["like", "pass"]):
        answer(world, f"upload:{number}", choice)
    look(world)

    assert "It learns from your 2 likes and 2 passes now" in status(world)[1]


def test_once_taught_an_acting_user_swipes_what_was_kept(install: Make) -> None:
    world = untaught(install, deal(*TASTES))
    look(world)
    answer(world, "fake:1", "like")
    teach(world)

    report = look(world)

    assert swipes_of(world) == ["like fake:0", "like fake:1"]
    assert (decision_of(world, "fake:1").reason, decision_of(world, "fake:1").backbone) == ("your own answer", BACKBONE)
    assert (decision_of(world, "fake:0").model_version, report.unsure) == (1, 1)
    assert user_of(world).held == ("fake:2",)


def test_once_taught_a_dry_run_judges_what_was_kept(install: Make) -> None:
    world = untaught(install, deal(*TASTES), acting=False)
    look(world)
    answer(world, "fake:1", "like")
    teach(world)

    report = look(world)

    assert (report.liked, report.passed, report.unsure, world.deck.swipes()) == (2, 0, 1, 0)
    assert decision_of(world, "fake:0").reason.startswith("score 0.98")
    assert look(world).outcome == "dry_run_unchanged"


def test_a_card_that_cannot_be_seen_is_not_waited_for(install: Make) -> None:
    world = untaught(install, deal("broken", "gone", "removed", "like"))

    report = look(world)

    assert (report.cards, report.photos, report.photo_errors) == (4, 2, 3)
    assert decision_of(world, "fake:0").reason == "none of its photos can be read"
    assert world.store.decision(USER, "fake:1", at=world.clock.now()) is None, "it is tried again"
    assert "1 card waits" in status(world)[1]


def test_a_label_of_the_card_by_another_way_is_enough(install: Make) -> None:
    world = untaught(install, deal("like"))
    answer(world, "fake:0", "like")

    assert (look(world).cards, world.deck.photos) == (0, 0)


def test_a_folders_photos_are_labelled_elsewhere(install: Make) -> None:
    world = untaught(install, deal("like"))
    world.deck.is_service = False  # type: ignore[misc]

    assert look(world).outcome == "untaught"
    assert world.deck.calls == []
    assert status(world)[1].startswith("No model of your taste yet. Give at least 2 likes and 2 passes")


def test_the_decks_wait_is_kept(install: Make) -> None:
    world = untaught(install, [])
    until = world.clock.now() + timedelta(hours=3)
    world.deck.cards = lambda: Offer(wait_until=until)  # type: ignore[method-assign]

    assert look(world).outcome == "untaught"
    assert user_of(world).next_due_at == until


def test_a_session_that_dies_while_gathering_is_made_good(install: Make) -> None:
    whole = Crashes()
    first = untaught(install, deal(*TASTES))
    first.tick()
    first.run(first.queued.pop(), whole)
    for at in range(1, len(whole.calls) + 1):
        world = untaught(install, deal(*TASTES))
        world.tick()
        session = world.queued.pop()
        assert not world.deliver(session, Crashes(at, after=at % 2 == 0))
        world.clock.sleep(241)
        assert world.deliver(session)
        assert look(world).outcome == "untaught"
        assert [state_of(world, f"fake:{number}") for number in range(3)] == ["dry_run"] * 3
        assert world.deck.swipes() == 0


def test_a_judge_with_another_backbone_for_each_photo_is_not_believed(install: Make) -> None:
    world = untaught(install, [card(number, "like", photos=9) for number in range(8)])
    parts, backbones = world.parts(), iter(["a" * 64, "b" * 64])
    judge = parts.judge
    changing = replace(parts, judge=lambda request: {**judge(request), "backbone": next(backbones)})  # type: ignore[arg-type, return-value]
    world.tick()

    report = run_session(world.queued.pop(), changing, owner="test", time_left_s=lambda: 300.0)

    assert report is not None
    assert report.outcome == "judge_failed"
