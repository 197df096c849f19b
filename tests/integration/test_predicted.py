"""What was said of a card before its label: copied or asked for at once, and never by who learned from the card."""

import base64
import math
from datetime import timedelta

import pytest

from swipr.errors import ModelError
from swipr.labelling import Labelling, NewLabel, NewLabels
from swipr.models import Label, Prediction, RefitRequest
from swipr.sessions.planning import acted_key
from swipr.uploads.report import Uploaded, UploadReport
from swipr.uploads.uploads import Uploads
from tests.doubles import JPEG, card
from tests.install import USER, Install
from tests.looks import Make, decision_of, sent, sent_cards, settings, user_of
from tests.tuned_users import CHAMPIONS, SHADOWS, Watched, look_with, serve, version
from tests.zips import zip_of


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


class Refits:
    def ask_refit(self, request: RefitRequest) -> None:
        pass


def label(world: Install, judge: Watched, **new: object) -> Label:
    """Give one label as the API does."""
    world.clock.sleep(1)
    labelling = Labelling(world.store, world.blobs, Refits(), judge, world.clock.now)  # type: ignore[arg-type]
    (stored,) = labelling.add(USER, NewLabels(labels=(NewLabel.model_validate(new),)))
    kept = world.store.label(USER, stored.card_id)
    assert kept is not None
    return kept


def upload(world: Install, judge: Watched, key: str, body: bytes, *, ago_s: float = 0) -> UploadReport:
    world.blobs.put(key, body)
    at = world.clock.now() - timedelta(seconds=ago_s)
    uploads = Uploads(
        world.store,
        world.blobs,
        Refits(),  # type: ignore[arg-type]
        judge,
        lambda user_id, card_id: acted_key(world.secrets, user_id, card_id),
        world.clock.now,
        lambda size: "0" * 2 * size,
    )
    report = uploads.take(Uploaded(key=key, size=len(body), uploaded_at=at, version="1"), time_left_s=lambda: 300.0)
    assert report is not None
    return report


def photo(taste: str, number: int = 0) -> str:
    return base64.b64encode(JPEG + f"{taste}/{number}".encode()).decode()


def both(world: Install) -> Watched:
    """A tuned champion (version 2) that agrees with the head, a tuned shadow (3) that says the contrary."""
    serve(world, version(2, CHAMPIONS), version(3, SHADOWS, share=0.75))
    return Watched(world, champions=lambda logit: logit, shadows=lambda logit: -logit)


LOGITS = {CHAMPIONS[:12]: 4.0, SHADOWS[:12]: -4.0}
SAID = (
    Prediction(version=2, score=round(sigmoid(4.0), 6), verdict="like"),
    Prediction(version=3, score=round(sigmoid(-2.0), 6), verdict="pass"),
)


# --- of a decision --------------------------------------------------------------------------------------------


def test_a_label_keeps_what_both_versions_said_when_the_card_was_judged(install: Make) -> None:
    world = sent(install, "like")
    judge = both(world)
    look_with(world, judge)
    asked = len(judge.requests)

    given = label(world, judge, card_id="fake:0", choice="pass")

    assert (given.predicted, given.network_logits) == (SAID, LOGITS)
    assert len(judge.requests) == asked


def test_a_card_of_one_version_keeps_its_one_word(install: Make) -> None:
    world = sent(install, "like")
    judge = Watched(world)
    look_with(world, judge)

    given = label(world, judge, card_id="fake:0", choice="pass")

    assert given.predicted == (Prediction(version=1, score=round(sigmoid(4.0), 6), verdict="like"),)
    assert given.network_logits == {}


@pytest.mark.parametrize("policy", ["ask", "pass", "act"])
def test_the_verdict_is_the_model_s_own_whatever_is_done_about_unsure_cards(install: Make, policy: str) -> None:
    world = sent(install, "unsure")
    settings(world, unsure=policy)
    judge = Watched(world)
    look_with(world, judge)

    given = label(world, judge, card_id="fake:0", choice="like")

    assert given.predicted == (Prediction(version=1, score=0.5, verdict="unsure"),)


def test_a_card_that_a_rule_passed_was_not_judged(install: Make) -> None:
    world = sent_cards(install, [card(0, "like")])
    judge = Watched(world)
    look_with(world, judge)
    decision = decision_of(world, "fake:0")
    world.store.forget_card(USER, "fake:0")
    user = user_of(world)
    with_rule = decision.model_copy(update={"filtered": True, "state": "dry_run"})
    lease = world.store.take_lease(
        session_of(world), owner="x", at=world.clock.now(), until=world.clock.now() + timedelta(seconds=60)
    )
    assert world.store.record_decision(with_rule, fence=lease.fence), user  # type: ignore[union-attr]

    assert label(world, judge, card_id="fake:0", choice="like").predicted == ()


def session_of(world: Install):  # type: ignore[no-untyped-def]
    world.clock.sleep(601)
    world.tick()
    return world.queued.pop()


def test_a_correction_of_a_label_given_after_the_decision_keeps_what_was_said(install: Make) -> None:
    world = sent(install, "like")
    judge = both(world)
    look_with(world, judge)
    label(world, judge, card_id="fake:0", choice="pass")

    again = label(world, judge, card_id="fake:0", choice="like")

    assert [earlier.choice for earlier in again.earlier] == ["pass"]
    assert (again.predicted, again.network_logits) == (SAID, LOGITS)


def test_who_may_have_learned_from_the_card_s_label_is_not_quoted(install: Make) -> None:
    """Judged anew after its label was given: the model knew it."""
    world = sent(install, "like")
    judge = both(world)
    world.store.set_acting(USER, acting_on=None)
    look_with(world, judge)
    decision = decision_of(world, "fake:0")
    label(world, judge, card_id="fake:0", choice="pass")
    world.store.forget_card(USER, "fake:0")
    anew = decision.model_copy(update={"decided_at": world.clock.now()})
    lease = world.store.take_lease(
        session_of(world), owner="x", at=world.clock.now(), until=world.clock.now() + timedelta(seconds=60)
    )
    assert world.store.record_decision(anew, fence=lease.fence)  # type: ignore[union-attr]

    again = label(world, judge, card_id="fake:0", choice="like")

    assert (again.predicted, again.network_logits) == ((), {})


def test_a_decision_that_was_the_user_s_own_answer_is_no_prediction(install: Make) -> None:
    world = sent(install, "unsure")
    judge = both(world)
    look_with(world, judge)
    label(world, judge, card_id="fake:0", choice="like")
    world.store.wake(USER, at=world.clock.now())
    look_with(world, judge)
    assert decision_of(world, "fake:0").reason == "your own answer"
    world.store.delete_label(USER, "fake:0")

    assert label(world, judge, card_id="fake:0", choice="pass").predicted == ()


def test_a_label_changed_so_often_that_its_first_is_not_known_quotes_nobody(install: Make) -> None:
    world = sent(install, "like")
    judge = both(world)
    look_with(world, judge)
    choices = ["like", "pass"] * 4

    quoted = [len(label(world, judge, card_id="fake:0", choice=choice).predicted) for choice in choices]

    assert quoted == [2, 2, 2, 2, 2, 2, 0, 0]


def test_a_re_check_keeps_what_was_said_before_the_first_label(install: Make) -> None:
    world = sent(install, "like")
    judge = both(world)
    look_with(world, judge)
    label(world, judge, card_id="fake:0", choice="pass")

    again = label(world, judge, card_id="fake:0", choice="like", chosen_by="recheck")

    assert (again.choice, again.predicted) == ("like", SAID)


# --- of photos that come with their label -------------------------------------------------------------------------


def test_photos_sent_along_are_judged_by_both_in_the_call_that_makes_their_features(install: Make) -> None:
    world = sent(install)
    judge = both(world)

    given = label(world, judge, choice="pass", photos=(photo("like"), photo("like", 1)))

    assert (given.predicted, given.network_logits) == (SAID, LOGITS)
    assert [(len(request["photos"]), len(request["heads"])) for request in judge.requests] == [(2, 2)]


def test_other_photos_of_a_labelled_card_are_predicted_by_nobody_and_the_same_keep_their_word(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    label(world, judge, card_id="own:1", choice="pass", photos=(photo("like"),))

    same = label(world, judge, card_id="own:1", choice="like", photos=(photo("like"),))
    other = label(world, judge, card_id="own:1", choice="like", photos=(photo("pass"),))

    assert same.predicted == SAID
    assert (other.predicted, other.network_logits) == ((), {})


def test_a_judge_that_refuses_the_versions_still_gives_features(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    judge.dies = lambda request: bool(request["heads"])

    given = label(world, judge, choice="pass", photos=(photo("like"),))

    assert given.features != b""
    assert given.predicted == ()
    assert [len(request["heads"]) for request in judge.requests] == [2, 1, 0]


def test_a_judge_that_fails_altogether_stores_no_label(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    judge.dies = lambda request: True

    with pytest.raises(ModelError):
        label(world, judge, choice="pass", photos=(photo("like"),))
    assert world.store.labels(USER) == []


@pytest.mark.parametrize(
    ("champions", "shadows", "expected"),
    [("broken", lambda logit: -logit, ()), (lambda logit: logit, "broken", SAID[:1])],
)
def test_a_network_that_fails_costs_its_version_s_word(install, champions, shadows, expected):
    world = sent(install)
    both(world)

    given = label(world, Watched(world, champions=champions, shadows=shadows), choice="pass", photos=(photo("like"),))

    assert given.predicted == expected
    assert len(given.network_logits) == 1


def test_before_there_is_a_champion_nobody_is_asked(install: Make) -> None:
    world = sent(install)
    world.store.create_user(user_of(world).model_copy(update={"user_id": "ben", "champion": None}))
    judge = Watched(world)
    labelling = Labelling(world.store, world.blobs, Refits(), judge, world.clock.now)  # type: ignore[arg-type]

    (given,) = labelling.add("ben", NewLabels(labels=(NewLabel(choice="like", photos=(photo("like"),)),)))

    assert given.predicted == ()
    assert judge.requests[0]["heads"] == []


# --- of uploads -----------------------------------------------------------------------------------------------


def zipped(tastes: list[str]) -> bytes:
    return zip_of({f"like/{number}.jpg": JPEG + f"{taste}/{number}".encode() for number, taste in enumerate(tastes)})


def test_photos_of_an_upload_are_judged_by_both_in_as_many_calls_as_before(install: Make) -> None:
    world = sent(install)
    judge = both(world)

    report = upload(world, judge, f"labels/{USER}/mine.zip", zipped(["like"] * 130))

    assert report.taken == 130
    assert [len(request["photos"]) for request in judge.requests] == [60, 60, 10]
    assert {len(request["heads"]) for request in judge.requests} == {2}
    assert {(given.predicted, *given.network_logits.items()) for given in world.store.labels(USER)} == {
        (SAID, *LOGITS.items())
    }


def test_a_judge_that_refuses_the_versions_is_asked_for_features_alone_from_then_on(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    judge.dies = lambda request: bool(request["heads"])

    report = upload(world, judge, f"labels/{USER}/mine.zip", zipped(["like"] * 130))

    assert report.taken == 130
    assert [len(request["heads"]) for request in judge.requests] == [2, 1, 0, 0, 0]


def test_a_judge_that_fails_with_the_shadow_is_asked_for_the_other_from_then_on(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    judge.dies = lambda request: len(request["heads"]) > 1

    upload(world, judge, f"labels/{USER}/mine.zip", zipped(["like"] * 130))

    assert [len(request["heads"]) for request in judge.requests] == [2, 1, 1, 1]
    assert {given.predicted for given in world.store.labels(USER)} == {SAID[:1]}


def test_a_photo_of_a_labelled_card_is_predicted_by_nobody(install: Make) -> None:
    world = sent(install)
    judge = both(world)
    upload(world, judge, f"labels/{USER}/a.zip", zip_of({"like/a.jpg": JPEG + b"like/0"}))
    (first,) = world.store.labels(USER)
    world.store.put_label(first.model_copy(update={"features": b"\0\0", "labelled_at": world.clock.now()}))

    upload(world, judge, f"labels/{USER}/b.zip", zip_of({"pass/a.jpg": JPEG + b"like/0"}))

    (again,) = world.store.labels(USER)
    assert (again.choice, again.predicted, again.network_logits) == ("pass", (), {})


@pytest.mark.parametrize(("ago_s", "quoted"), [(0, 2), (7_200, 0)])
def test_a_decision_is_quoted_by_uploads_that_came_after_it(install: Make, ago_s: float, quoted: int) -> None:
    world = sent(install, "like")
    judge = both(world)
    look_with(world, judge)

    upload(world, judge, f"labels/{USER}/mine.json", b'[{"card_id": "fake:0", "choice": "pass"}]', ago_s=ago_s)

    given = world.store.label(USER, "fake:0")
    assert given is not None
    assert len(given.predicted) == quoted
