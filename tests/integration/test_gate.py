"""Who waits comes through the gate when it is better on cards asked of both beforehand, and not otherwise."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swipr.candidates import candidate_report, gate
from swipr.candidates.gate import LOOKS, LOOKS_ALONE, pass_through
from swipr.models import Label, ModelVersion, Network, Prediction, RefitRequest
from tests.doubles import BACKBONE, Crash, Crashes, model
from tests.trained import USER, Trained, trained_home

Say = Callable[[int], tuple[float, float]]

#: The score of a like by the version in charge and by the waiting one; a pass has the rest to one.
BETTER: Say = lambda number: (0.6, 0.9)  # noqa: E731
WORSE: Say = lambda number: (0.9, 0.6)  # noqa: E731
EQUAL: Say = lambda number: (0.6, 0.9) if number % 2 else (0.9, 0.6)  # noqa: E731


class Waiting:
    """Version 2 waits behind version 1."""

    def __init__(self, trained: Trained, **network: Any) -> None:
        self.trained, self.home = trained, trained.home
        shadow = model(USER, 2).model_copy(
            update={"candidate": trained.name(), "created_at": self.home.clock.now()}
            | ({"kind": "tuned", "network": Network(**network)} if network else {})
        )
        self.home.store.put_model(shadow)
        self.home.store.set_shadow(USER, 2, expected=None)

    def give(self, numbers: range, say: Say, *, waiting: int = 2, before: int = 1, sure: bool = True) -> None:
        for number in numbers:
            liked = number % 3 == 0
            said = [Prediction(version=version, score=score if liked else 1 - score, verdict=verdict(score, liked))
                    for version, score in zip((before, waiting), say(number), strict=True)]  # fmt: skip
            self.home.store.put_label(
                Label(
                    user_id=USER,
                    card_id=f"new:{number}",
                    choice="like" if liked else "pass",
                    labelled_at=self.home.clock.now(),
                    backbone=BACKBONE,
                    predicted=tuple(said) if sure else (),
                )
            )

    def look(self, crashes: Crashes | None = None) -> gate.Passed | None:
        watch = (crashes or Crashes()).wrap
        return pass_through(USER, watch(self.home.store), watch(self.home.blobs), now=self.home.clock.now())

    def roles(self) -> tuple[int | None, int | None, int | None]:
        user = self.trained.user()
        return user.champion, user.previous, user.shadow

    def report(self) -> Any:
        return candidate_report.read(USER, self.trained.name(), self.home.blobs)


def verdict(score: float, liked: bool) -> Any:
    return "like" if (score >= 0.5) == liked else "pass"


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Trained]:
    with trained_home(tmp_path / "home", labels=12) as trained:
        yield trained


@pytest.fixture
def waiting(trained: Trained) -> Waiting:
    return Waiting(trained)


def test_a_better_one_comes_through_at_sixty_and_not_before(waiting: Waiting) -> None:
    waiting.give(range(59), BETTER)
    assert waiting.look() is None
    assert waiting.roles() == (1, None, 2)

    waiting.give(range(59, 60), BETTER)
    passed = waiting.look()

    assert passed is not None
    assert (passed.look.pairs, passed.look.outcome) == (60, "promote")
    assert waiting.roles() == (2, 1, None)
    assert (waiting.report().state, len(waiting.report().looks)) == ("promoted", 1)
    assert waiting.look() is None


def test_a_worse_one_waits_no_more(waiting: Waiting) -> None:
    waiting.give(range(60), WORSE)

    passed = waiting.look()

    assert passed is not None
    assert passed.look.outcome == "retire"
    assert waiting.roles() == (1, None, None)
    assert waiting.report().state == "retired"
    assert "not better" in waiting.report().reason


def test_one_that_is_no_better_is_looked_at_five_times_and_retired(waiting: Waiting) -> None:
    for labels in range(0, 300, 10):
        waiting.give(range(labels, labels + 10), EQUAL)
        waiting.look()

    assert [look.pairs for look in waiting.report().looks] == list(LOOKS)
    assert waiting.roles() == (1, None, None)


def test_many_labels_at_once_are_looked_at_as_if_they_had_come_one_by_one(waiting: Waiting) -> None:
    waiting.give(range(60), EQUAL)
    waiting.give(range(60, 200), BETTER)

    passed = waiting.look()

    assert passed is not None
    assert [look.pairs for look in waiting.report().looks] == [60, 90]
    assert waiting.roles() == (2, 1, None)


def test_a_network_that_leaves_the_backbone_out_needs_twice_the_labels(trained: Trained) -> None:
    waiting = Waiting(trained, key="k", sha256="0" * 64, size_bytes=1, size_px=16, share=1.0)
    waiting.give(range(119), BETTER)
    assert waiting.look() is None
    assert gate.standing(waiting.home.store.labels(USER), _shadow(waiting)) == (119, 120)

    waiting.give(range(119, 120), BETTER)

    assert waiting.look() is not None
    assert next(iter(LOOKS_ALONE)) == 120


def _shadow(waiting: Waiting) -> ModelVersion:
    shadow = waiting.home.store.model(USER, 2)
    assert shadow is not None
    return shadow


def test_only_labels_that_both_had_answered_before_count(waiting: Waiting) -> None:
    waiting.give(range(100), BETTER, sure=False)
    waiting.give(range(100, 200), BETTER, waiting=7)
    waiting.give(range(200, 259), BETTER, before=9)

    assert waiting.look() is None
    assert gate.standing(waiting.home.store.labels(USER), _shadow(waiting)) == (59, 60)


def test_better_scores_with_fewer_right_answers_do_not_come_through(waiting: Waiting) -> None:
    waiting.give(range(60), lambda number: (0.501, 0.99 if number % 10 else 0.49))

    assert waiting.look() is None
    assert (waiting.report().looks[0].outcome, waiting.report().looks[0].p_better > 0.99) == ("wait", True)


def test_refits_while_it_waits_are_compared_with_at_their_time(waiting: Waiting) -> None:
    waiting.give(range(30), BETTER)
    waiting.home.store.put_model(model(USER, 3))
    waiting.home.store.set_champion(USER, 3, expected=1)
    waiting.give(range(30, 60), BETTER, before=3)

    assert waiting.look() is not None
    assert waiting.roles() == (2, 3, None)


def test_labels_changed_after_a_look_do_not_bring_a_second_one(waiting: Waiting) -> None:
    waiting.give(range(60), EQUAL)
    waiting.look()
    waiting.give(range(60), BETTER)  # all said anew

    assert waiting.look() is None
    assert [look.pairs for look in waiting.report().looks] == [60]


def test_a_crash_anywhere_and_another_refit_decide_the_same_once(tmp_path: Path) -> None:
    for at in itertools.count(1):
        crashed = False
        for after in (False, True):
            with trained_home(tmp_path / f"{at}-{after}", labels=12) as trained:
                waiting = Waiting(trained)
                waiting.give(range(60), BETTER)
                try:
                    waiting.look(Crashes(at, after=after))
                except Crash:
                    crashed = True
                waiting.look()
                waiting.look()
                assert waiting.roles() == (2, 1, None)
                assert (waiting.report().state, len(waiting.report().looks)) == ("promoted", 1)
        if not crashed:
            assert at > 6
            return


def test_after_a_roll_back_it_does_not_come_back_by_itself(waiting: Waiting) -> None:
    waiting.give(range(60), BETTER)
    waiting.look()
    waiting.home.store.set_champion(USER, 1, expected=2)
    waiting.give(range(60, 300), BETTER)

    assert waiting.look() is None
    assert waiting.roles() == (1, 2, None)


def test_a_refit_looks_and_frees_networks_without_a_role(trained: Trained) -> None:
    trained.send(trained.files())
    trained.arrive()
    waiting = Waiting.__new__(Waiting)
    waiting.trained, waiting.home = trained, trained.home
    waiting.give(range(60), WORSE)
    assert len(trained.keys("models/")) == 1
    trained.home.clock.sleep(7200)

    learned = trained.feedback().refit(RefitRequest(user_id=USER))

    assert learned.passed is not None
    assert learned.passed.look.outcome == "retire"
    assert trained.keys("models/") == []


def test_the_network_that_can_be_rolled_back_to_is_kept(trained: Trained) -> None:
    trained.send(trained.files())
    trained.arrive()
    store = trained.home.store
    store.set_champion(USER, 2, expected=1)
    store.put_model(model(USER, 3))
    store.set_champion(USER, 3, expected=2)
    trained.home.clock.sleep(7200)

    trained.feedback().refit(RefitRequest(user_id=USER))

    assert len(trained.keys("models/")) == 1


def test_one_of_another_backbone_than_the_one_in_use_waits_no_more(waiting: Waiting) -> None:
    waiting.give(range(60), BETTER)
    home = waiting.home

    assert pass_through(USER, home.store, home.blobs, now=home.clock.now(), backbone="3" * 64) is None

    assert waiting.roles() == (1, None, None)
    assert (waiting.report().state, waiting.report().looks) == ("retired", ())


def test_nobody_waits_and_nothing_happens(trained: Trained) -> None:
    assert pass_through(USER, trained.home.store, trained.home.blobs, now=trained.home.clock.now()) is None
    assert pass_through("nobody", trained.home.store, trained.home.blobs, now=trained.home.clock.now()) is None


def test_the_same_gains_are_judged_in_the_same_way() -> None:
    gains = [0.1, -0.2, 0.3, 0.0] * 20

    assert gate.share_above_zero(gains, seed=60) == gate.share_above_zero(gains, seed=60)
    assert gate.share_above_zero([0.0] * 60, seed=60) == 0.5
    assert gate.share_above_zero([0.1] * 60, seed=60) == 1.0
