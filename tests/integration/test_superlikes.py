"""Super likes: sent only as their user chose, within their own budget, and never beside a like of the same card."""

from datetime import timedelta

import pytest

from swipr.models import Answer, Card
from tests.doubles import card
from tests.install import Install
from tests.looks import Make, answer, decision_of, look, sent, sent_cards, settings, state_of, swipes_of, user_of

SCORE = {"when": "score_above", "score": 0.9}
OUT = {"when": "out_of_likes"}
NEVER = {"when": "never"}
OUT_OF_LIKES = {"state": "failed", "spent": "likes", "detail": "out of likes"}
OUT_OF_SUPERLIKES = Answer(state="failed", spent="superlikes", detail="no super likes left")


def superliking(install: Make, *tastes: str, strategies: tuple = (SCORE,), a_day: int = 9) -> Install:
    world = sent(install, *tastes)
    settings(world, superlikes=strategies, superlikes_per_day=a_day, swipes_per_session=12)
    return world


def without_likes(world: Install, superlikes: int = 99) -> None:
    """The deck has no more likes, and so many super likes."""
    until = world.clock.now() + timedelta(hours=12)

    def answers(choice: str, card: Card) -> Answer:
        if choice == "like":
            return Answer.model_validate(OUT_OF_LIKES | {"wait_until": until})
        sent = sum(world.deck.superlikes.values())
        return OUT_OF_SUPERLIKES if choice == "superlike" and sent >= superlikes else Answer(state="sent")

    world.deck.answers = answers


def test_nobody_is_super_liked_by_default(install: Make) -> None:
    world = sent(install, "like")

    look(world)

    assert swipes_of(world) == ["like fake:0"]


def test_a_score_above_the_line_is_super_liked(install: Make) -> None:
    world = superliking(install, "like", "pass")

    report = look(world)

    assert swipes_of(world) == ["superlike fake:0", "pass fake:1"]
    assert (report.liked, report.superliked, report.passed) == (1, 1, 1)
    decision = decision_of(world, "fake:0")
    assert (decision.verdict, decision.action, decision.state) == ("like", "superlike", "sent")
    assert decision.reason == "score 0.98 is on or above your line 0.50; super like: the score is above 0.90"
    assert (user_of(world).likes_today, user_of(world).superlikes_today) == (1, 1)


def test_a_word_is_super_liked_and_the_own_answer_like_too(install: Make) -> None:
    cards = [card(0, "like"), card(1, "like"), card(2, "unsure"), card(3, "pass")]
    cards = [each.model_copy(update={"bio": "I write Ruby"}) if n else each for n, each in enumerate(cards)]
    world = sent_cards(install, cards)
    settings(world, superlikes=({"when": "word", "words": ("ruby",)},), superlikes_per_day=9)
    answer(world, "fake:2", "like")

    look(world)

    assert swipes_of(world) == ["like fake:0", "superlike fake:1", "superlike fake:2", "pass fake:3"]
    assert decision_of(world, "fake:2").reason == "your own answer; super like: it holds your word 'ruby'"


def test_beyond_the_days_super_likes_it_goes_on_with_likes(install: Make) -> None:
    world = superliking(install, "like", "like", "like", a_day=1)

    look(world)

    assert swipes_of(world) == ["superlike fake:0", "like fake:1", "like fake:2"]
    assert decision_of(world, "fake:1").reason == "score 0.98 is on or above your line 0.50"


def test_the_decks_word_that_super_likes_are_spent_makes_it_a_like_and_ends_them(install: Make) -> None:
    world = superliking(install, "like", "like")
    world.deck.answers = lambda choice, card: OUT_OF_SUPERLIKES if choice == "superlike" else Answer(state="sent")

    report = look(world)

    assert swipes_of(world) == ["superlike fake:0", "like fake:0", "like fake:1"]
    assert (report.liked, report.superliked, report.failed) == (2, 0, 0)
    assert (decision_of(world, "fake:0").action, user_of(world).superlikes_today) == ("like", 0)
    world.check_promises()


@pytest.mark.parametrize("strategies", [(NEVER,), (), (SCORE,), (NEVER, OUT)])
def test_out_of_likes_ends_the_session_without_that_strategy(install: Make, strategies: tuple) -> None:
    world = superliking(install, "like", "like", "pass", strategies=strategies, a_day=0)
    without_likes(world)

    report = look(world)

    assert (report.outcome, swipes_of(world)) == ("deck_waits", ["like fake:0"])
    user = user_of(world)
    assert user.next_due_at == user.deck_wait_until
    assert user.status is not None
    assert "allows no more before 2026-03-02 00:00 UTC: out of likes" in user.status.text


def test_out_of_likes_that_card_and_the_following_get_super_likes_and_nothing_else_is_sent(install: Make) -> None:
    world = superliking(install, "like", "pass", "like", "unsure", strategies=(OUT,))
    without_likes(world)

    report = look(world)

    assert swipes_of(world) == ["like fake:0", "superlike fake:0", "superlike fake:2"]
    assert (report.outcome, report.superliked, report.failed, report.unsure) == ("deck_waits", 2, 0, 1)
    assert user_of(world).deck_wait_until == user_of(world).next_due_at
    assert (decision_of(world, "fake:0").action, state_of(world, "fake:0")) == ("superlike", "sent")
    assert world.store.decision("ann", "fake:1", at=world.clock.now()) is None, "the pass waits for the next look"
    world.check_promises()


def test_out_of_likes_super_likes_end_at_the_days_number_of_them(install: Make) -> None:
    world = superliking(install, "like", "like", "like", strategies=(OUT,), a_day=2)
    without_likes(world)

    assert look(world).outcome == "deck_waits"
    assert swipes_of(world) == ["like fake:0", "superlike fake:0", "superlike fake:1"]


def test_out_of_both_nothing_more_is_tried(install: Make) -> None:
    world = superliking(install, "like", "like", "like", strategies=(OUT,))
    without_likes(world, superlikes=1)

    report = look(world)

    assert (report.outcome, report.superliked, report.failed) == ("deck_waits", 1, 1)
    assert swipes_of(world) == ["like fake:0", "superlike fake:0", "superlike fake:1"]
    assert user_of(world).deck_wait_until is not None
    world.check_promises()


def test_super_likes_first_then_likes_then_neither(install: Make) -> None:
    world = superliking(install, "like", "like", strategies=(SCORE, OUT))
    without_likes(world, superlikes=0)

    assert look(world).outcome == "deck_waits"
    assert swipes_of(world) == ["superlike fake:0", "like fake:0"]
    assert state_of(world, "fake:0") == "failed"


def test_the_last_like_may_count_and_say_that_it_was_the_last(install: Make) -> None:
    world = superliking(install, "like", "like", "pass", strategies=(OUT,))
    until = world.clock.now() + timedelta(hours=12)
    last = Answer(state="sent", spent="likes", wait_until=until)
    world.deck.answers = lambda choice, card: last if choice == "like" else Answer(state="sent")

    assert look(world).outcome == "deck_waits"
    assert swipes_of(world) == ["like fake:0", "superlike fake:1"]
    assert user_of(world).deck_wait_until == until


def test_an_unknown_super_like_is_not_repeated_and_the_wait_is_kept(install: Make) -> None:
    world = superliking(install, "like", "like", strategies=(OUT,))
    without_likes(world)
    first = world.deck.answers
    world.deck.answers = lambda choice, card: (
        Answer(state="unknown", detail="timed out") if choice == "superlike" else first(choice, card)
    )

    assert look(world).outcome == "deck_unavailable"
    assert swipes_of(world) == ["like fake:0", "superlike fake:0"]
    assert user_of(world).next_due_at == user_of(world).deck_wait_until
    assert state_of(world, "fake:0") == "unknown"


def test_a_refused_super_like_switches_off(install: Make) -> None:
    world = superliking(install, "like", "like")
    world.deck.answers = lambda choice, card: Answer(state="failed", refused="Your token has ended: paste a new one.")

    assert look(world).outcome == "refused"
    assert swipes_of(world) == ["superlike fake:0"]


def test_a_super_like_counts_as_one_of_the_days_likes(install: Make) -> None:
    world = superliking(install, "like", "like", "like")
    settings(world, likes_per_day=2)

    assert look(world).outcome == "budget_spent"
    assert swipes_of(world) == ["superlike fake:0", "superlike fake:1"]
