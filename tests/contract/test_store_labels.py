"""What every Store means: labels and models."""

import math

import pytest

from swipr.errors import NotFoundError
from swipr.models import Earlier, Prediction
from swipr.transitions import EARLIER_KEPT
from tests.contract.races import race, race_each
from tests.contract.values import NOT_TEXT, a_decision, a_label, a_model, a_status, a_user, later, lease_of


@pytest.fixture
def known(store):
    """A store that knows ann and bob; ann runs a session with fence 1."""
    for user_id in ("ann", "bob"):
        store.create_user(a_user(user_id))
    lease_of(store)
    return store


def earlier(label):
    return Earlier(choice=label.choice, chosen_by=label.chosen_by, labelled_at=label.labelled_at)


def unsure(card_id="tinder:1", **changes):
    return a_decision(card_id, state="unsure", verdict="unsure", **changes)


@pytest.mark.parametrize("features", [b"", NOT_TEXT, bytes(2704 * 2)])
def test_a_label_is_read_as_it_was(known, features):
    label = a_label(features=features, source="correction", chosen_by="uncertain")

    assert known.put_label(label) is True
    assert known.label("ann", "tinder:1") == label


def test_a_label_of_an_unknown_user_is_not_found_and_not_stored(known):
    with pytest.raises(NotFoundError):
        known.put_label(a_label(user_id="nobody"))

    assert known.label("nobody", "tinder:1") is None
    assert known.labels("nobody") == []


def test_an_absent_label_is_none(known):
    known.put_label(a_label())

    assert known.label("ann", "tinder:2") is None
    assert known.label("bob", "tinder:1") is None
    assert known.delete_label("ann", "tinder:2") is None


@pytest.mark.parametrize("seconds", [0, 0.000001, 60])
def test_a_label_as_new_or_newer_replaces(known, seconds):
    known.put_label(a_label())
    newer = a_label(choice="pass", labelled_at=later(seconds), features=b"xx")

    assert known.put_label(newer) is True
    assert known.label("ann", "tinder:1") == newer.model_copy(update={"earlier": (earlier(a_label()),)})
    assert len(known.labels("ann")) == 1


def test_an_older_label_changes_nothing(known):
    known.put_label(a_label())
    known.record_decision(unsure(), fence=1)

    assert known.put_label(a_label(choice="pass", labelled_at=later(-0.000001))) is False
    assert known.label("ann", "tinder:1") == a_label()
    assert known.user("ann").held == ("tinder:1",)


def test_refreshing_replaces_what_was_seen_of_this_very_label(known):
    known.put_label(a_label())
    known.record_decision(unsure(), fence=1)
    fresh = a_label(backbone="f" * 64, features=b"xxxx")

    assert known.refresh_label(fresh) is True
    assert known.refresh_label(fresh) is True
    assert known.label("ann", "tinder:1") == fresh
    assert known.user("ann").held == ("tinder:1",)


@pytest.mark.parametrize("changes", [{"labelled_at": later(1)}, {"labelled_at": later(-1)}, {"choice": "pass"}])
def test_refreshing_leaves_another_label_of_the_card_alone(known, changes):
    known.put_label(a_label(**changes))

    assert known.refresh_label(a_label(features=b"xxxx")) is False
    assert known.label("ann", "tinder:1") == a_label(**changes)


def test_refreshing_brings_no_deleted_label_back(known):
    known.put_label(a_label())
    known.delete_label("ann", "tinder:1")

    assert known.refresh_label(a_label()) is False
    assert known.labels("ann") == []


def test_a_label_put_twice_is_there_once(known):
    assert known.put_label(a_label()) is True
    assert known.put_label(a_label()) is True

    assert known.labels("ann") == [a_label(features=b"")]


# what its user said of a card before, and what was foretold of it


def test_a_label_is_read_with_what_was_foretold_of_it(known):
    predicted = (
        Prediction(version=3, score=0.25, verdict="pass"),
        Prediction(version=4, score=0.5, verdict="unsure"),
    )
    label = a_label(predicted=predicted, network_logits={"0123456789ab": -1.5})

    known.put_label(label)

    assert known.label("ann", "tinder:1") == label
    assert known.labels("ann") == [label.model_copy(update={"features": b""})]


def test_a_label_delivered_twice_is_no_second_word(known):
    first, second = a_label(), a_label(choice="pass", chosen_by="recheck", labelled_at=later(1))
    for label in (first, first, second, second):
        assert known.put_label(label) is True

    assert known.label("ann", "tinder:1").earlier == (earlier(first),)
    assert known.put_label(first) is False
    assert known.label("ann", "tinder:1").earlier == (earlier(first),)


def test_the_same_word_given_again_later_is_a_second_one(known):
    known.put_label(a_label())
    known.put_label(a_label(chosen_by="recheck", labelled_at=later(1)))

    assert known.label("ann", "tinder:1").earlier == (earlier(a_label()),)


def test_earlier_words_come_newest_first_and_so_many_are_kept(known):
    given = [a_label(labelled_at=later(n), choice="pass" if n % 2 else "like") for n in range(EARLIER_KEPT + 3)]
    for label in given:
        known.put_label(label)

    assert known.label("ann", "tinder:1").earlier == tuple(map(earlier, given[-2 : -2 - EARLIER_KEPT : -1]))


def test_a_label_taken_back_and_given_anew_has_no_earlier_word(known):
    known.put_label(a_label())
    known.delete_label("ann", "tinder:1")
    known.put_label(a_label(labelled_at=later(1)))

    assert known.label("ann", "tinder:1").earlier == ()


def test_refreshing_leaves_earlier_words_and_what_was_foretold(known):
    foretold = {"predicted": (Prediction(version=1, score=0.5, verdict="unsure"),), "network_logits": {"a" * 12: 0.5}}
    known.put_label(a_label())
    known.put_label(a_label(labelled_at=later(1), **foretold))

    assert known.refresh_label(a_label(labelled_at=later(1), features=b"xxxx")) is True

    label = known.label("ann", "tinder:1")
    assert (label.features, label.earlier) == (b"xxxx", (earlier(a_label()),))
    assert (label.predicted, label.network_logits) == (foretold["predicted"], foretold["network_logits"])


def test_logits_are_added_to_the_label_of_that_time(known):
    known.put_label(a_label(network_logits={"a" * 12: 1.0, "b" * 12: 2.0}))
    known.record_decision(unsure(), fence=1)

    for _ in range(2):
        assert known.note_logits("ann", "tinder:1", {"b" * 12: 3.0, "c" * 12: 4.0}, labelled_at=a_label().labelled_at)

    logits = {"a" * 12: 1.0, "b" * 12: 3.0, "c" * 12: 4.0}
    assert known.label("ann", "tinder:1") == a_label(network_logits=logits)
    assert known.user("ann").held == ("tinder:1",)
    assert count(known) == 1


def test_logits_are_added_to_no_other_label(known):
    known.put_label(a_label(labelled_at=later(1)))

    assert known.note_logits("ann", "tinder:1", {"a" * 12: 1.0}, labelled_at=later(0)) is False
    assert known.note_logits("ann", "tinder:2", {"a" * 12: 1.0}, labelled_at=later(1)) is False
    assert known.note_logits("nobody", "tinder:1", {"a" * 12: 1.0}, labelled_at=later(1)) is False
    assert known.label("ann", "tinder:1") == a_label(labelled_at=later(1))


def test_noted_logits_outlive_the_same_label_delivered_again_but_not_another(known):
    known.put_label(a_label())
    known.note_logits("ann", "tinder:1", {"a" * 12: 1.0}, labelled_at=a_label().labelled_at)

    known.put_label(a_label())
    assert known.label("ann", "tinder:1").network_logits == {"a" * 12: 1.0}

    known.put_label(a_label(labelled_at=later(1)))
    assert known.label("ann", "tinder:1").network_logits == {}


def test_logits_noted_at_the_same_time_are_all_there(known):
    known.put_label(a_label())
    at = a_label().labelled_at

    race_each([lambda n=n: known.note_logits("ann", "tinder:1", {f"{n:012}": n}, labelled_at=at) for n in range(4)])

    assert known.label("ann", "tinder:1").network_logits == {f"{n:012}": n for n in range(4)}


def test_a_deleted_label_is_returned_whole_and_gone(known):
    known.put_label(a_label())

    assert known.delete_label("ann", "tinder:1") == a_label()
    assert known.delete_label("ann", "tinder:1") is None
    assert known.labels("ann") == []


def test_labels_come_by_card_without_features(known):
    for card_id in ("b:1", "a:2", "a:10", "a:Z", "a:é"):
        known.put_label(a_label(card_id))
    known.put_label(a_label("a:1", user_id="bob"))

    labels = known.labels("ann")

    assert [label.card_id for label in labels] == sorted(("b:1", "a:2", "a:10", "a:Z", "a:é"))
    assert {label.features for label in labels} == {b""}


def test_features_come_for_the_cards_asked(known):
    for number in range(3):
        known.put_label(a_label(f"a:{number}", features=bytes([number])))

    assert known.label_features("ann", ["a:2", "a:0", "a:7"]) == {"a:0": b"\0", "a:2": b"\2"}
    assert known.label_features("ann", []) == {}
    assert known.label_features("bob", ["a:0"]) == {}


def test_many_labels_are_read_at_once(known, plenty):
    for number in range(plenty):
        known.put_label(a_label(f"a:{number}"))

    assert len(known.labels("ann")) == plenty
    assert len(known.label_features("ann", [f"a:{number}" for number in range(plenty)])) == plenty


def test_labels_put_at_the_same_time_are_all_there_and_the_newest_wins(known):
    race_each(
        [
            lambda second=second: [known.put_label(a_label(f"a:{n}", labelled_at=later(second))) for n in range(20)]
            for second in range(4)
        ]
    )

    labels = known.labels("ann")
    assert len(labels) == 20
    assert {label.labelled_at for label in labels} == {later(3)}


# how many there are


def count(store, user_id="ann"):
    return store.user(user_id).labels


def test_labels_are_counted_by_user_once_a_card(known):
    for card_id in ("a:1", "a:2", "a:2"):
        known.put_label(a_label(card_id))
    known.put_label(a_label("a:1", choice="pass", labelled_at=later(1)))
    known.put_label(a_label("a:1", labelled_at=later(-1)))
    known.refresh_label(a_label("a:2", backbone="f" * 64))

    assert (count(known), count(known, "bob")) == (2, 0)


def test_a_label_that_went_is_not_counted_and_one_that_was_not_there_never_was(known):
    for card_id in ("a:1", "a:2"):
        known.put_label(a_label(card_id))

    for card_id in ("a:2", "a:2", "a:3"):
        known.delete_label("ann", card_id)

    assert count(known) == 1


def test_labels_put_and_deleted_at_the_same_time_are_counted_each_once(known):
    race_each([lambda: [known.put_label(a_label(f"a:{number}")) for number in range(5)]] * 2)
    assert count(known) == 5

    race(lambda: [known.delete_label("ann", f"a:{number}") for number in range(3)])
    assert count(known) == len(known.labels("ann")) == 2


def test_a_label_is_deleted_also_where_its_user_is_gone(known):
    known.put_label(a_label(user_id="bob"))
    known.switch("bob", enabled=False, at=later(0), status=a_status())
    assert known.delete_user("bob", at=later(1))

    assert known.delete_label("bob", "tinder:1") is not None
    assert known.user("bob") is None


# models


def test_a_model_is_read_as_it_was(known):
    assert known.put_model(a_model()) is True
    assert known.model("ann", 1) == a_model()


def test_an_existing_version_is_refused_and_nothing_changes(known):
    known.put_model(a_model())

    assert known.put_model(a_model(head=b"other")) is False
    assert known.model("ann", 1) == a_model()


def test_a_model_of_an_unknown_user_is_not_found_and_not_stored(known):
    with pytest.raises(NotFoundError):
        known.put_model(a_model(user_id="nobody"))

    assert known.models("nobody") == []


def test_an_absent_model_is_none(known):
    known.put_model(a_model())

    assert known.model("ann", 2) is None
    assert known.model("bob", 1) is None


def test_models_come_newest_version_first(known):
    for version in (2, 10, 9, 1):
        known.put_model(a_model(version))
    known.put_model(a_model(11, user_id="bob"))

    assert [model.version for model in known.models("ann")] == [10, 9, 2, 1]
    assert known.models("ann", limit=2) == [a_model(10), a_model(9)]
    assert known.models("nobody") == []


def test_versions_larger_than_a_page_of_the_database_are_all_listed_and_deleted(known):
    for version in range(1, 31):  # 1.8 MB, and DynamoDB reads 1 MB at a time
        known.put_model(a_model(version, head=bytes(60_000)))

    assert [model.version for model in known.models("ann")] == list(range(30, 0, -1))
    assert known.delete_records("ann") == 30
    assert known.models("ann") == []


def test_a_metric_that_is_no_number_is_refused_and_not_half_stored(known):
    with pytest.raises(ValueError, match="JSON"):
        known.put_model(a_model(metrics={"auc": math.nan}))

    assert known.models("ann") == []


def test_one_of_many_publishes_a_version(known):
    for version in range(1, 30):
        assert sorted(race(lambda: known.put_model(a_model(version)), threads=3)) == [False, False, True]  # noqa: B023
