"""Labels that a model contradicts: listed worst first, never dropped, gone from the list once confirmed."""

import math

from swipr import doubts
from swipr.learning.evidence import Doubt, Evidence
from swipr.models import Earlier
from tests.contract.values import NOW, a_label, later


def doubt(card_id, score, choice="like", said=None):
    loss = -math.log(score if choice == "like" else 1 - score)
    return Doubt(card_id=card_id, choice=choice, score=score, loss=loss, said=score >= 0.5 if said is None else said)


def of(*found):
    return Evidence(
        version=3, backbone="b", labels_hash="h", made_at=NOW, scores=(), left_out=(), liked=(), said=(),
        threshold=0.5, doubtful=found,
    )  # fmt: skip


def labels(*given):
    return {label.card_id: label for label in given}


def rechecked(card_id, choice="like", before="like", seconds=5):
    earlier = (Earlier(choice=before, chosen_by="person", labelled_at=NOW),)
    label = a_label(card_id, choice=choice, chosen_by="recheck", labelled_at=later(seconds))
    return label.model_copy(update={"earlier": earlier})


def test_only_what_is_contradicted_is_doubtful():
    known = of(doubt("a:1", 0.04), doubt("a:2", 0.7, "pass"), doubt("a:3", 0.4, said=True), doubt("a:4", 0.6))
    given = labels(*(a_label(f"a:{n}", choice="pass" if n == 2 else "like") for n in (1, 2, 3, 4)))

    assert [each.card_id for each in doubts.doubtful(known, given)] == ["a:1", "a:2", "a:3"]


def test_a_like_that_the_threshold_refuses_is_doubtful_too():
    assert doubts.doubtful(of(doubt("a:1", 0.6, said=False)), labels(a_label("a:1")))


def test_what_changed_or_went_is_doubtful_no_more():
    known = of(doubt("a:1", 0.1), doubt("a:2", 0.2))

    assert doubts.doubtful(known, labels(a_label("a:1", choice="pass"))) == []
    assert doubts.doubtful(None, labels(a_label("a:1"))) == []


def test_a_confirmed_label_leaves_the_list_until_it_changes():
    known = of(doubt("a:1", 0.1))

    assert doubts.doubtful(known, labels(rechecked("a:1"))) == []
    assert doubts.doubtful(known, labels(rechecked("a:1", before="pass"))), "it was changed to this, not confirmed"
    corrected = rechecked("a:1").model_copy(update={"chosen_by": "person"})
    assert doubts.doubtful(known, labels(corrected)), "another word since"


def test_what_was_asked_again_comes_after_all_else_the_oldest_first():
    known = of(*(doubt(f"a:{n}", n / 20) for n in (1, 2, 3, 4)))
    given = labels(rechecked("a:1", seconds=9), a_label("a:2"), rechecked("a:3", seconds=5), a_label("a:4"))

    assert list(doubts.again(known, given)) == ["a:2", "a:4", "a:3", "a:1"]


def test_the_words_name_choice_and_score():
    assert "you said like" in doubts.in_words(doubt("a:1", 0.04))
    assert "0.04" in doubts.in_words(doubt("a:1", 0.04))
    assert "rather say like" in doubts.in_words(doubt("a:1", 0.9, "pass"))
