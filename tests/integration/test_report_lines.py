"""`swipr report` and `swipr label next|doubtful` as a person reads them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.label_questions import NOTHING, doubtful_lines, next_lines
from cli.report_lines import lines
from swipr.learning.evidence import CurvePoint
from swipr.models import Prediction, User
from swipr.reporting.shares import NOT_ENOUGH
from tests.doubles import Clock
from tests.integration.test_report import champion, doubt, label, learned, said
from tests.moving import Home, a_model, local_home, settle


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "home", Clock()) as home:
        yield home


def read(home: Home) -> str:
    return "\n".join(f"{name} {line}" for name, line in lines(said(home).model_dump(mode="json")))


def test_a_new_users_report_says_what_is_missing(home: Home) -> None:
    home.store.create_user(User(user_id="ann"))

    text = read(home)

    assert "give at least two likes and two passes" in text
    assert text.count(NOT_ENOUGH) >= 6


def test_a_report_of_everything_names_figures_intervals_and_doubts(home: Home) -> None:
    settle(home)
    champion(home, 4, labels=40, likes=20, parent=2, candidate="c-4", metrics={"worsened": 1.0})
    home.store.put_model(a_model("ann", 5, home.clock.now()))
    home.store.set_shadow("ann", 5, expected=None)
    label(home, 1, "like", predicted=(Prediction(version=4, score=0.1, verdict="pass"),))
    point = CurvePoint(labels=20, draws=5, auc=0.8, auc_low=0.7, auc_high=0.9, accuracy=0.75, log_loss=0.5)
    learned(home, 4, doubts=(doubt(1, "like", 0.04),), curve=(point,))

    text = read(home)

    for words in (
        "head, from candidate c-4, goes on from 2",
        "look at the labels that may be wrong",
        "AUC 0.",
        "(95 % between",
        "Waiting version 5 waits: 0 of 60",
        "20 AUC 0.80 (0.70 to 0.90 in 5 draws)",
        "1 labels may be wrong",
        "simulator:1: you said like, it gave 0.04",
    ):
        assert words in text


def test_questions_name_card_reason_and_score_where_one_is_told() -> None:
    known = {"card_id": "fake:1", "photos": 2, "why": "near to your line"}
    cards = [known | {"score": 0.5, "chosen_by": "uncertain"}, known | {"score": None, "chosen_by": "recheck"}]

    near, blind = next_lines({"cards": cards})

    assert near == "fake:1  2 photos, score 0.50  [uncertain] near to your line"
    assert "score" not in blind
    assert list(next_lines({"cards": []})) == [NOTHING]


def test_doubtful_labels_say_whether_their_photos_can_be_seen() -> None:
    labels = [{"card_id": "a:1", "text": "you said like", "photos": 0}, {"card_id": "a:2", "text": "-", "photos": 1}]

    first, one, two = doubtful_lines({"n": 9, "text": "worst first", "labels": labels})

    assert first == "9 in all: worst first"
    assert one == "a:1  you said like (its photos are gone)"
    assert two == "a:2  - (1 photos)"
    assert list(doubtful_lines({"n": 0, "text": "none", "labels": []})) == ["none"]
