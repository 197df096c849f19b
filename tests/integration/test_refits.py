"""What a refit sets going: the first champion wakes its user, a search that was put off is asked for."""

import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from swipr.feedback import Feedback, Learned
from swipr.learning import teaching
from swipr.models import Label, RefitRequest, User
from tests.doubles import BACKBONE, Clock
from tests.moving import Home, local_home
from tests.trained import USER, NetworkJudge

HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "home", Clock()) as home:
        due = home.clock.now() + HOUR
        home.store.create_user(User(user_id=USER, deck="fake", enabled=True, next_due_at=due))
        yield home


def label(home: Home, numbers: range, choice: str) -> None:
    for number in numbers:
        home.store.put_label(
            Label.model_validate(
                {
                    "user_id": USER,
                    "card_id": f"fake:{number}",
                    "choice": choice,
                    "labelled_at": home.clock.now(),
                    "backbone": BACKBONE,
                    "features": struct.pack("<e", 1.0 if choice == "like" else -1.0),
                }
            )
        )


def refit(home: Home) -> Learned:
    judge = NetworkJudge(home.blobs.get)
    parts = (home.store, home.blobs, home.queue, home.secrets, judge)
    feedback = Feedback(*parts, code="tests", now=home.clock.now, token=home.token)  # type: ignore[arg-type]
    return feedback.refit(RefitRequest(user_id=USER))


def waits_s(home: Home) -> float:
    user = home.store.user(USER)
    assert user is not None
    assert user.next_due_at is not None
    return (user.next_due_at - home.clock.now()).total_seconds()


def test_a_likeness_wakes_nobody_and_the_first_champion_does(home: Home) -> None:
    label(home, range(3), "like")
    likeness = refit(home).model
    assert likeness is not None
    assert (likeness.version, likeness.kind) == (1, "likeness")
    assert waits_s(home) > 3000

    label(home, range(3, 6), "pass")
    first = refit(home).model

    assert first is not None
    assert (first.version, first.kind) == (2, "head")
    assert waits_s(home) <= 0


def test_a_later_version_wakes_nobody(home: Home) -> None:
    label(home, range(3), "like")
    label(home, range(3, 6), "pass")
    refit(home)
    user = home.store.user(USER)
    assert user is not None
    assert user.next_due_at is not None
    [due] = home.store.due_users(home.clock.now(), limit=5)
    home.store.claim_slot(due, next_due_at=home.clock.now() + HOUR)

    label(home, range(6, 8), "pass")
    refit(home)

    assert waits_s(home) > 3000


def test_a_search_that_was_put_off_is_asked_for_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "AT_ONCE", 10)
    label(home, range(6), "like")
    label(home, range(6, 12), "pass")
    refit(home)
    label(home, range(12, 15), "like")

    counted = refit(home).model

    assert counted is not None
    assert counted.metrics["search_due"] == 1
    assert home.queue.refits == [USER]
    searched = refit(home).model
    assert searched is not None
    assert searched.metrics["grid_labels"] == 15
    assert home.queue.refits == [USER], "and not again"
