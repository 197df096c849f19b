"""The list of super-like strategies is asked in order, and the first that applies wins."""

from typing import Any

import pytest

from swipr.models import Card, UserSettings
from swipr.sessions.superliking import superlike_reason

NEVER = {"when": "never"}
OUT = {"when": "out_of_likes"}
WORD = {"when": "word", "words": ("Ruby", "nurse")}
SCORE = {"when": "score_above", "score": 0.9}
CARD = Card(card_id="fake:1", bio="I write ruby.", jobs=("Nurse",))


def reason(*strategies: dict[str, Any], score: float | None = 0.95, out: bool = False, card: Card = CARD) -> str | None:
    settings = UserSettings.model_validate({"superlikes": strategies})
    return superlike_reason(settings, card, score, out_of_likes=out)


def test_nobody_is_super_liked_unless_their_user_chose_so() -> None:
    assert superlike_reason(UserSettings(), CARD, 1.0, out_of_likes=True) is None
    assert reason() is None


@pytest.mark.parametrize(
    ("strategies", "expected"),
    [
        ((WORD, SCORE), "it holds your word 'Ruby'"),
        ((SCORE, WORD), "the score is above 0.90"),
        ((OUT, SCORE), "the score is above 0.90"),
        ((SCORE, NEVER), "the score is above 0.90"),
        ((NEVER, SCORE, WORD), None),
        ((OUT, NEVER, WORD), None),
    ],
)
def test_the_first_that_applies_wins_and_never_ends_the_list(
    strategies: tuple[dict[str, Any], ...], expected: str | None
) -> None:
    assert reason(*strategies) == expected


def test_a_strategy_that_does_not_apply_is_passed_over() -> None:
    stranger = Card(card_id="fake:2", bio="rubies")

    assert reason(WORD, SCORE, score=0.9, card=stranger) is None
    assert reason(WORD, SCORE, score=None, card=stranger) is None
    assert reason(WORD, OUT, card=stranger, out=True) == "the deck allows no more likes"
    assert reason(OUT, WORD, card=stranger, out=False) is None
