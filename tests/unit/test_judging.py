"""From logits to a verdict with its reason."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swipr.errors import ModelError
from swipr.heads import Head
from swipr.judging import card_logit, rule_on_card

HEAD = Head(hashlib.sha256(b"").hexdigest(), 0.0, 1.0, 0.0, 0.5, 0.4, 0.6, b"\0\0\0\0")
logits = st.lists(st.floats(-30, 30), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("rule", "expected"), [("mean", 0.0), ("any", 3.0), ("best_weighted", (3 + 0 / 2 - 3 / 3) / (1 + 1 / 2 + 1 / 3))]
)
def test_photos_are_pooled_by_the_rule(rule, expected):
    assert card_logit([-3.0, 3.0, 0.0], rule) == pytest.approx(expected)


@given(logits, st.sampled_from(["mean", "any", "best_weighted"]))
def test_a_card_lies_within_its_photos(values, rule):
    assert min(values) - 1e-9 <= card_logit(values, rule) <= max(values) + 1e-9


@given(logits)
def test_the_order_of_photos_does_not_matter(values):
    for rule in ("mean", "any", "best_weighted"):
        assert card_logit(values, rule) == pytest.approx(card_logit(values[::-1], rule))


@pytest.mark.parametrize(("logit", "verdict"), [(2.0, "like"), (-2.0, "pass"), (0.1, "unsure"), (-0.1, "unsure")])
def test_the_verdict_follows_line_and_band(logit, verdict):
    ruling = rule_on_card(HEAD, [logit], "mean")

    assert ruling.verdict == verdict
    assert f"{ruling.score:.2f}" in ruling.reason
    assert "0.50" in ruling.reason


def test_an_empty_band_is_never_unsure():
    plain = HEAD._replace(unsure_low=0.5, unsure_high=0.5)

    assert rule_on_card(plain, [0.0], "mean").verdict == "like"


def test_a_photo_that_failed_is_left_out_and_shown_as_missing():
    ruling = rule_on_card(HEAD, [None, 2.0], "mean")

    assert ruling.photo_scores[0] is None
    assert ruling.score == pytest.approx(HEAD.score(2.0))


def test_a_card_without_any_judged_photo_is_an_error():
    with pytest.raises(ModelError):
        rule_on_card(HEAD, [None, None], "mean")
