"""What every Store means: matches, and what their user notes of them."""

import pytest
from pydantic import ValidationError

from swipr.errors import NotFoundError
from tests.contract.values import NOW, a_match, a_user, later

DAY_S = 86_400


@pytest.fixture
def known(store):
    """A store that knows ann and bob."""
    for user_id in ("ann", "bob"):
        store.create_user(a_user(user_id))
    return store


def listed(store, at=NOW):
    return [match.match_id for match in store.matches("ann", at=at)]


def test_a_match_is_read_as_it_was(known):
    match = a_match(
        "m-1/ü#~",
        name="Zoë 🦊",
        decided_at=later(-5),
        action="superlike",
        score=0.1 + 0.2,
        threshold=0.5,
        model_version=3,
        gone_at=later(9),
    )

    known.put_match(match)

    assert known.match("ann", "m-1/ü#~", at=NOW) == match
    assert known.matches("ann", at=NOW) == [match]
    assert known.user("ann") == a_user()


def test_an_absent_match_is_none_and_nobody_else_s_is_read(known):
    known.put_match(a_match())

    assert known.match("ann", "m2", at=NOW) is None
    assert known.match("bob", "m1", at=NOW) is None
    assert known.matches("bob", at=NOW) == []


def test_a_match_of_an_unknown_user_is_not_found_and_not_stored(known):
    with pytest.raises(NotFoundError):
        known.put_match(a_match(user_id="nobody"))

    assert known.matches("nobody", at=NOW) == []


def test_matches_come_newest_first_and_by_id_within_a_moment(known):
    for match_id, seconds in [("a", 0), ("c", 1), ("b", 1), ("z", -1)]:
        known.put_match(a_match(match_id, matched_at=later(seconds)))

    assert listed(known) == ["c", "b", "a", "z"]


def test_hundreds_of_matches_are_listed(known):
    for number in range(150):
        known.put_match(a_match(f"m{number:03}", matched_at=later(number)))

    assert listed(known) == [f"m{number:03}" for number in range(149, -1, -1)]


def test_a_match_is_readable_until_it_expires(known):
    known.put_match(a_match())

    assert known.match("ann", "m1", at=later(DAY_S - 0.000001)) is not None
    assert listed(known, later(DAY_S - 0.000001)) == ["m1"]
    assert known.match("ann", "m1", at=later(DAY_S)) is None
    assert listed(known, later(DAY_S)) == []


def test_a_match_read_again_is_replaced_but_for_what_its_user_noted(known):
    known.put_match(a_match())
    known.note_outcome("ann", "m1", "met", at=later(5))

    known.put_match(a_match(name="new", expires_at=later(2 * DAY_S)))

    expected = a_match(name="new", expires_at=later(2 * DAY_S), outcome="met", outcome_at=later(5))
    assert known.match("ann", "m1", at=NOW) == expected


def test_a_match_read_again_cannot_bring_an_outcome(known):
    known.put_match(a_match())

    known.put_match(a_match(outcome="met", outcome_at=NOW))

    assert known.match("ann", "m1", at=NOW) == a_match()


@pytest.mark.parametrize("noted", ["no_reply", "talked", "met", "not_for_me", None])
def test_an_outcome_is_noted_and_may_be_taken_back(known, noted):
    known.put_match(a_match())
    known.note_outcome("ann", "m1", "talked", at=later(1))

    answer = known.note_outcome("ann", "m1", noted, at=later(5))

    assert answer == a_match(outcome=noted, outcome_at=later(5))
    assert known.match("ann", "m1", at=NOW) == answer


def test_an_outcome_that_is_none_of_ours_is_refused(known):
    known.put_match(a_match())

    with pytest.raises(ValidationError):
        known.note_outcome("ann", "m1", "married", at=NOW)

    assert known.match("ann", "m1", at=NOW) == a_match()


def test_nothing_is_noted_of_a_match_that_is_absent_expired_or_another_s(known):
    known.put_match(a_match())

    for user_id, match_id, at in [("ann", "m2", NOW), ("bob", "m1", NOW), ("ann", "m1", later(DAY_S))]:
        with pytest.raises(NotFoundError):
            known.note_outcome(user_id, match_id, "met", at=at)
    assert known.match("ann", "m1", at=NOW) == a_match()


def test_a_match_is_deleted_once(known):
    known.put_match(a_match())

    assert known.delete_match("bob", "m1") is False
    assert known.delete_match("ann", "m1") is True
    assert known.delete_match("ann", "m1") is False
    assert known.matches("ann", at=NOW) == []


def test_expired_matches_are_deleted_and_counted(known):
    for number in range(4):
        known.put_match(a_match(f"m{number}", expires_at=later(number)))

    assert known.delete_expired(later(2)) in (3, 0)  # 0 where the store expires by itself
    assert listed(known, later(2)) == ["m3"]
    assert known.delete_expired(later(2)) == 0
