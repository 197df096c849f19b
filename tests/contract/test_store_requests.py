"""What every Store means: a request that carries an Idempotency-Key is answered once."""

import pytest

from swipr.models import EarlierRequest, StoredAnswer
from tests.contract.races import race
from tests.contract.values import NOW, later

DAY_S = 86_400
ANSWER = StoredAnswer(status=200, content_type="application/json", body='{"ü": 1}', headers={"etag": '"1"'})


def begin(store, key="k", *, user_id="ann", digest="d", at=NOW):
    """A request begun more than a minute ago is taken for dead."""
    times = {"at": at, "stale_before": at - (NOW - later(-60)), "expires_at": at + (later(DAY_S) - NOW)}
    return store.begin_request(user_id, key, digest=digest, **times)


def finish(store, key="k", *, user_id="ann", digest="d", answer=ANSWER):
    store.finish_request(user_id, key, digest=digest, answer=answer)


def test_a_first_request_has_no_earlier_one(store):
    assert begin(store) is None


def test_a_request_that_is_worked_on_is_told_without_an_answer(store):
    begin(store)

    earlier = begin(store, digest="other", at=later(59.999999))

    assert earlier == EarlierRequest(digest="d", begun_at=NOW, answer=None)


def test_an_answer_is_given_again_as_it_was(store):
    begin(store)
    finish(store)

    expected = EarlierRequest(digest="d", begun_at=NOW, answer=ANSWER)
    assert begin(store) == expected
    assert begin(store, digest="other", at=later(DAY_S - 1)) == expected


def test_a_request_that_died_is_begun_anew(store):
    begin(store)

    assert begin(store, digest="new", at=later(60)) is None
    assert begin(store, at=later(61)) == EarlierRequest(digest="new", begun_at=later(60))


@pytest.mark.parametrize("answered", [True, False])
def test_what_has_expired_is_as_if_it_never_was(store, answered):
    begin(store)
    if answered:
        finish(store)

    assert begin(store, at=later(DAY_S)) is None


def test_a_failed_request_may_be_tried_again(store):
    begin(store)
    finish(store, answer=None)

    assert begin(store, digest="new") is None


def test_an_answer_to_another_request_is_not_remembered(store):
    begin(store)

    finish(store, digest="other")
    finish(store, digest="other", answer=None)

    assert begin(store) == EarlierRequest(digest="d", begun_at=NOW)


def test_an_answer_to_what_was_never_begun_is_not_remembered(store):
    finish(store)

    assert begin(store) is None


def test_keys_are_apart_for_each_user(store):
    begin(store)
    finish(store)

    assert begin(store, "k2") is None
    assert begin(store, user_id="bob") is None


def test_one_of_many_at_once_begins(store):
    for number in range(20):
        told = race(lambda: begin(store, f"k{number}"), threads=4)  # noqa: B023
        assert told.count(None) == 1


def test_expired_requests_are_deleted_and_counted(store):
    for number in range(3):
        begin(store, f"k{number}", at=later(number))

    assert store.delete_expired(later(DAY_S + 1)) in (2, 0)  # 0 where the store expires by itself
    assert begin(store, "k2", at=later(DAY_S + 1)) is None
    assert store.delete_expired(later(DAY_S + 1)) == 0
