"""What the user is asked next, and which of their labels they are asked to look at again."""

import math
import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from swipr import asking, kept_photos
from swipr.api import questions
from swipr.api.decisions import SCAN_PAGES, SCAN_SIZE
from swipr.api.questions import RECHECKS_TRIED, DoubtfulQuery, NextQuery
from swipr.labelling import Labelling, NewLabel, NewLabels
from swipr.learning import evidence, feature_pack
from swipr.learning.evidence import Doubt, Evidence
from swipr.models import BlobRange, Label
from tests.api_home import Asked, Caller, swipe
from tests.api_parts import api_of
from tests.contract.values import a_decision
from tests.doubles import BACKBONE, JPEG
from tests.install import USER, Install

Make = Callable[..., Install]
SEEN = BlobRange(key="sessions/x", first=0, last=1)


def decide(home: Install, number: int, score: float | None, **changes: object) -> None:
    """A card decided so many seconds ago, whose features are gone unless they are stored."""
    user = home.store.user(USER)
    assert user is not None
    at = home.clock.at - timedelta(seconds=number)
    known = {
        "user_id": USER,
        "score": score,
        "threshold": 0.5,
        "photos": (SEEN,),
        "features": SEEN,
        "backbone": BACKBONE,
        "decided_at": at,
        "expires_at": at + timedelta(days=30),
    }
    assert home.store.record_decision(a_decision(f"fake:{number}", **(known | changes)), fence=user.fence)


def session(home: Install, logits: dict[int, float], key: str = "sessions/ann/s.features") -> None:
    """Cards of one session with their features, which are their logits."""
    rows = [struct.pack("<e", logit) for logit in logits.values()]
    home.blobs.put(key, b"".join(rows))
    for place, number in enumerate(logits):
        decide(home, number, None, features=BlobRange(key=key, first=2 * place, last=2 * place + 1))


def teach(home: Install, count: int, *, chosen_by: str = "person", first: int = 0, **changes: Any) -> None:
    """Labels of cards that nothing else is known of, half of them likes."""
    for number in range(first, first + count):
        known = {
            "user_id": USER,
            "card_id": f"taught:{number}",
            "choice": "like" if number % 2 else "pass",
            "chosen_by": chosen_by,
            "labelled_at": home.clock.at + timedelta(seconds=number),
            "backbone": BACKBONE,
            "features": struct.pack("<e", 3.0 if number % 2 else -3.0),
        }
        assert home.store.put_label(Label.model_validate(known | changes))


def doubt(home: Install, *card_ids: str, choice: str = "like") -> None:
    """The newest model doubts these labels, the first one most."""
    found = tuple(
        Doubt(card_id=card_id, choice=choice, score=0.01 * n, loss=-math.log(0.01 * n), said=choice == "pass")  # type: ignore[arg-type]
        for n, card_id in enumerate(card_ids, 1)
    )
    known = Evidence(
        version=1, backbone=BACKBONE, labels_hash="h", made_at=home.clock.at, scores=(), left_out=(), liked=(),
        said=(), threshold=0.5, doubtful=found,
    )  # fmt: skip
    evidence.write(USER, known, home.blobs)


def asked_of(home: Install, limit: int = 10, **parts: Any) -> list[tuple[str, str]]:
    found = questions.to_ask(api_of(home, Asked(), **parts), USER, NextQuery(limit=limit)).cards
    return [(card.card_id, card.chosen_by) for card in found]


# --- held cards, and never falsely nothing ------------------------------------------------------------------


def test_held_cards_are_asked_first(install: Make) -> None:
    home = install(1, cards=[])
    for number in range(12):
        decide(home, number, 0.5 + number / 100)
    decide(home, 90, 0.9, state="unsure", verdict="unsure")
    decide(home, 91, 0.9, state="unsure", verdict="unsure")

    found = questions.to_ask(api_of(home, Asked()), USER, NextQuery(limit=4)).cards

    assert [(card.card_id, card.held) for card in found[:2]] == [("fake:90", True), ("fake:91", True)]
    assert [card.held for card in found[2:]] == [False, False]
    assert all(card.why for card in found)


@pytest.mark.parametrize("changes", [{"photos": ()}, {"features": None}, {"photos_expire_at": "past"}])
def test_what_nobody_could_answer_is_not_asked(install: Make, changes: dict[str, object]) -> None:
    home = install(1, cards=[])
    if "photos_expire_at" in changes:
        changes = {"photos_expire_at": home.clock.at - timedelta(seconds=1)}
    decide(home, 1, 0.5, **changes)

    assert asked_of(home) == []


def test_a_newcomer_is_asked_nothing(call: Caller) -> None:
    assert call("GET", "/v1/labels/next", user="newcomer").body == {"cards": [], "text": questions.NONE_SEEN}


def test_a_labelled_card_is_not_asked_again(call: Caller) -> None:
    swipe(call.install)
    first = [card["card_id"] for card in call("GET", "/v1/labels/next").body["cards"]]
    assert first[0] == "fake:2", "the unsure one is held"

    for card_id in first:
        call("POST", f"/v1/decisions/{card_id}/label", {"choice": "like"})

    assert call("GET", "/v1/labels/next").body == {"cards": [], "text": questions.ALL_ANSWERED}


def test_a_card_far_back_is_found_when_nothing_newer_can_be_asked(install: Make) -> None:
    home = install(1, cards=[])
    beyond = SCAN_PAGES * SCAN_SIZE + 10
    for number in range(beyond):
        decide(home, number, None, photos=())
    decide(home, beyond, None)

    assert asked_of(home) == [(f"fake:{beyond}", "diverse")]


def test_no_more_than_a_thousand_are_looked_at_once_there_is_one_to_ask(install: Make) -> None:
    home = install(1, cards=[])
    beyond = SCAN_PAGES * SCAN_SIZE + 10
    for number in range(beyond):
        decide(home, number, 0.5, **({"photos": ()} if 0 < number < beyond - 1 else {}))

    assert asked_of(home) == [("fake:0", "diverse")]


@pytest.mark.parametrize("taught", [0, 40])
def test_cards_of_another_backbone_or_with_lost_or_damaged_features_are_asked_too(install: Make, taught: int) -> None:
    home = install(1, cards=[])
    teach(home, taught)
    session(home, {1: 0.0, 2: math.nan, 3: 1.0})
    decide(home, 4, 0.5, backbone="f" * 64)
    decide(home, 5, 0.5)

    assert {card_id for card_id, _ in asked_of(home)} == {f"fake:{n}" for n in range(1, 6)}


@pytest.mark.parametrize("path", ["next", "doubtful"])
@pytest.mark.parametrize("limit", ["0", "301", "x"])
def test_a_wrong_limit_is_refused(call: Caller, path: str, limit: str) -> None:
    assert call("GET", f"/v1/labels/{path}", query={"limit": limit}).body["field"] == "limit"


# --- by features --------------------------------------------------------------------------------------------


def test_at_first_the_cards_asked_are_unlike_each_other_and_unlike_what_is_labelled(install: Make) -> None:
    home = install(1, cards=[])
    session(home, {1: -3.0, 2: -3.1, 3: 0.0, 4: 0.1, 5: 3.0, 6: 3.1})
    teach(home, 1, choice="pass")  # at -3
    rows = {
        feature_pack.Key(label.card_id, label.labelled_at): struct.pack("<e", -3.0) for label in home.store.labels(USER)
    }
    home.blobs.put(f"features/{USER}/{BACKBONE[:12]}.bin", feature_pack.pack(rows))

    found = asked_of(home, limit=2)

    assert {chosen_by for _, chosen_by in found} == {"diverse"}
    assert {(int(card_id.split(":")[1]) + 1) // 2 for card_id, _ in found} == {2, 3}, "one of each other pair"


def test_labels_not_packed_yet_count_by_what_was_decided_of_them(install: Make) -> None:
    home = install(1, cards=[])
    session(home, {1: -3.0, 2: -3.0, 3: 3.0})
    teach(home, 1, card_id="fake:1")

    assert asked_of(home, limit=1) == [("fake:3", "diverse")]


def test_with_a_model_the_cards_near_its_line_are_asked_whatever_was_recorded(install: Make) -> None:
    home = install(1, cards=[])
    teach(home, asking.FIRST)
    session(home, {n: 0.01 * n if n < asking.MOST_UNCERTAIN else 5.0 for n in range(40)})

    ((card_id, chosen_by),) = asked_of(home, limit=1)

    assert chosen_by == "uncertain"
    assert int(card_id.split(":")[1]) < asking.MOST_UNCERTAIN


def test_how_questions_are_chosen_goes_on_where_the_answers_stopped(install: Make) -> None:
    home = install(1, cards=[])
    teach(home, asking.FIRST)
    teach(home, 2, chosen_by="uncertain", first=100)
    session(home, {n: 0.1 * n for n in range(20)})
    drawn: list[int] = []

    def last(count: int) -> int:
        drawn.append(count)
        return count - 1

    found = asked_of(home, pick=last)

    words = ["random", *["uncertain"] * 4, "random", *["uncertain"] * 4]
    assert [chosen_by for _, chosen_by in found] == words
    assert drawn == [20, 15]
    assert found == asked_of(home, pick=last), "until there is an answer, the same"


def test_without_a_model_there_is_nothing_to_be_uncertain_by(install: Make) -> None:
    home = install(1, cards=[])
    user = home.store.user(USER)
    assert user is not None
    teach(home, 40, choice="pass")
    home.store.create_user(user.model_copy(update={"user_id": "new", "champion": None}))
    session(home, {1: 0.0, 2: 3.0})
    api = api_of(home, Asked())
    only = home.store.user("new")
    assert only is not None
    assert only.champion is None

    looking = questions.Looking(api, only, {})

    assert looking.distance is None


def test_a_tuned_models_card_is_looked_at_with_its_networks_word(install: Make) -> None:
    home = install(1, cards=[])
    model = home.store.model(USER, 1)
    assert model is not None
    network = {"key": "k", "sha256": "ab" * 32, "size_bytes": 1, "size_px": 96, "share": 0.5}
    home.store.put_model(
        type(model).model_validate(model.model_dump() | {"version": 2, "kind": "tuned", "network": network})
    )
    home.store.set_champion(USER, 2, expected=1)
    decide(home, 1, None, network_logits={("ab" * 32)[:12]: -4.0})
    decide(home, 2, None)
    decided = {each.card_id: each for each in home.store.decisions(USER, at=home.clock.at, limit=9)}
    user = home.store.user(USER)
    assert user is not None

    distance = questions.Looking(api_of(home, Asked()), user, decided).distance

    assert distance is not None
    assert distance("fake:1", (4.0,)) == pytest.approx(0.0), "half of 4 and of -4 is on the line"
    assert distance("fake:2", (4.0,)) == pytest.approx(0.482, abs=1e-3)


def test_one_reading_fetches_a_sessions_features(install: Make) -> None:
    home = install(1, cards=[])
    for number in range(4):
        session(home, {10 * number + n: float(n) for n in range(10)}, key=f"sessions/ann/{number}.features")
    read: list[str] = []
    get_range = home.blobs.get_range

    def counted(part: BlobRange) -> bytes:
        read.append(part.key)
        return get_range(part)

    home.blobs.get_range = counted  # type: ignore[method-assign]
    asked_of(home)

    assert sorted(read) == [f"sessions/ann/{number}.features" for number in range(4)]


# --- re-checks ------------------------------------------------------------------------------------------------


def doubtful_home(install: Make, *, keeps: bool = False) -> Install:
    """Nine questions were answered; two likes of decided cards are doubted, and one of a card long gone."""
    home = install(1, cards=[])
    teach(home, 9, chosen_by="uncertain")
    teach(home, asking.FIRST, first=50)
    session(home, {n: 0.1 * n for n in range(1, 9)})
    for number in (1, 2):
        teach(home, 1, card_id=f"fake:{number}", choice="like")
    doubt(home, "taught:1", "fake:2", "fake:1")
    if keeps:
        home.set(keep_photos=True)
        kept_photos.keep(home.blobs, USER, "taught:1", [JPEG + b"like/1", JPEG + b"like/2"])
    return home


def test_each_tenth_question_is_about_the_most_doubtful_label_that_can_be_seen(install: Make) -> None:
    home = doubtful_home(install)

    first, second = questions.to_ask(api_of(home, Asked()), USER, NextQuery(limit=2)).cards

    assert (first.card_id, first.chosen_by, first.photos, first.held) == ("fake:2", "recheck", 1, False)
    assert (first.score, first.threshold) == (None, None), "asked blind"
    assert not {"doubt", "again", "before", "said"} & set(first.why.split())
    assert second.chosen_by == "uncertain"


def test_kept_photos_are_shown_where_the_decision_is_gone(install: Make) -> None:
    home = doubtful_home(install, keeps=True)

    card = questions.to_ask(api_of(home, Asked()), USER, NextQuery(limit=1)).cards[0]

    assert (card.card_id, card.chosen_by, card.photos) == ("taught:1", "recheck", 2)


def test_doubtful_labels_without_photos_cost_no_more_than_a_few_readings(install: Make) -> None:
    home = doubtful_home(install)
    teach(home, RECHECKS_TRIED, first=100, choice="like")
    doubt(home, *(f"taught:{n}" for n in range(100, 100 + RECHECKS_TRIED)), "fake:1")

    assert "recheck" not in {chosen_by for _, chosen_by in asked_of(home)}


def test_a_recheck_is_a_second_word_and_another_label_is_asked_about_then(call: Caller) -> None:
    swipe(call.install)
    for number in (0, 1):
        call("POST", "/v1/labels", {"card_id": f"fake:{number}", "choice": "like"})
    doubt(call.install, "fake:1", "fake:0")
    before = call.install.store.label(USER, "fake:1")

    stored = call("POST", "/v1/labels", {"card_id": "fake:1", "choice": "pass", "chosen_by": "recheck"})

    label = call.install.store.label(USER, "fake:1")
    assert before is not None
    assert label is not None
    assert (stored.status, label.features) == (202, before.features)
    assert stored.body["stored"][0]["earlier"][0]["choice"] == "like"
    assert [(each.choice, each.chosen_by) for each in label.earlier] == [("like", "person")]
    assert [each["card_id"] for each in call("GET", "/v1/labels/doubtful").body["labels"]] == ["fake:0"]


def test_a_recheck_of_kept_photos_needs_no_decision_and_keeps_them(install: Make) -> None:
    home = doubtful_home(install, keeps=True)
    api = api_of(home, Asked())
    labelling = Labelling(home.store, home.blobs, Asked(), api.judge, home.clock.now)  # type: ignore[arg-type]
    home.clock.sleep(3600)

    labelling.add(USER, NewLabels(labels=(NewLabel(card_id="taught:1", choice="like", chosen_by="recheck"),)))

    label = home.store.label(USER, "taught:1")
    assert label is not None
    assert (len(label.earlier), label.features) == (1, struct.pack("<e", 3.0))
    assert len(kept_photos.keys(home.blobs, USER, "taught:1")) == 2


# --- did you mean this? ------------------------------------------------------------------------------------------


def test_doubtful_labels_come_worst_first_with_score_loss_and_photos(install: Make) -> None:
    home = doubtful_home(install)

    found = questions.doubtful(api_of(home, Asked()), USER, DoubtfulQuery(limit=2))

    assert (found.n, found.version) == (3, 1)
    assert [(label.card_id, label.photos) for label in found.labels] == [("taught:1", 0), ("fake:2", 1)]
    assert (found.labels[0].score, found.labels[0].loss, found.labels[0].said) == (0.01, 4.6052, "pass")
    assert "a model that had not seen this label gives a like 0.01" in found.labels[0].text
    assert len(home.store.labels(USER)) == home.store.user(USER).labels  # type: ignore[union-attr]


def test_a_confirmed_label_is_not_listed_again(call: Caller) -> None:
    swipe(call.install)
    call("POST", "/v1/labels", {"card_id": "fake:1", "choice": "like"})
    doubt(call.install, "fake:1")
    assert call("GET", "/v1/labels/doubtful").body["n"] == 1

    call("POST", "/v1/labels", {"card_id": "fake:1", "choice": "like", "chosen_by": "recheck"})

    answer = call("GET", "/v1/labels/doubtful").body
    assert (answer["n"], answer["labels"], answer["text"]) == (0, [], questions.NO_DOUBTS)


def test_nothing_is_doubtful_before_there_is_a_model(call: Caller) -> None:
    assert call("GET", "/v1/labels/doubtful", user="newcomer").body == {
        "labels": [], "n": 0, "version": None, "text": questions.NO_DOUBTS,
    }  # fmt: skip


def test_a_kept_photo_is_shown_where_no_decision_has_it_any_more(call: Caller) -> None:
    kept_photos.keep(call.install.blobs, USER, "taught:1", [JPEG + b"a", JPEG + b"b"])

    shown = call("GET", "/v1/decisions/taught:1/photos/1")

    assert (shown.status, shown.type, shown.body) == (200, "image/jpeg", JPEG + b"b")
    assert call("GET", "/v1/decisions/taught:1/photos/2").status == 404
    assert call("GET", "/v1/decisions/taught:1/photos/0", user="eve").status == 404


def test_a_card_that_is_forgotten_is_doubtful_no_more(call: Caller) -> None:
    swipe(call.install)
    call("POST", "/v1/labels", {"card_id": "fake:1", "choice": "like"})
    doubt(call.install, "fake:1")

    assert call("DELETE", "/v1/cards/fake:1").status == 200

    assert evidence.read(USER, call.install.blobs) is None
    assert call("GET", "/v1/labels/doubtful").body["n"] == 0
