"""Pages of matches: as many as there are, within bounds, and honest about what was left out."""

from datetime import UTC, datetime

import pytest

from swipr.decks.tinder_matches import MAX_PAGES, read_matches
from swipr.errors import DeckRefusedError, DeckUnavailableError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def page(number, token=None):
    entry = {"_id": f"m{number}", "person": {"_id": f"p{number}"}}
    return {"data": {"matches": [entry], "next_page_token": token}}


def reader(answer):
    """`answer` gets how many pages were asked for before, and the query."""
    asked = []

    def read(query):
        asked.append(query)
        return answer(len(asked) - 1, query)

    return read, asked


def test_pages_without_end_are_bounded_and_the_list_is_not_complete():
    read, asked = reader(lambda number, query: page(number, f"t{number}"))

    listed = read_matches(read, deck="tinder", now=lambda: NOW)

    assert len(asked) == len(listed.matches) == 2 * MAX_PAGES
    assert not listed.complete


def test_each_kind_begins_at_its_first_page():
    read, asked = reader(lambda number, query: page(number, "next" if number % 2 == 0 else None))

    assert read_matches(read, deck="tinder", now=lambda: NOW).complete
    assert [(query["message"], query.get("page_token")) for query in asked] == [
        ("0", None), ("0", "next"), ("1", None), ("1", "next")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error", [DeckRefusedError("no"), DeckUnavailableError("slower", NOW)], ids=["refused", "told to wait"]
)
def test_a_stop_signal_on_a_later_page_is_raised(error):
    def answer(number, query):
        if number:
            raise error
        return page(number, "next")

    with pytest.raises(type(error)):
        read_matches(reader(answer)[0], deck="tinder", now=lambda: NOW)


def test_after_a_page_that_failed_no_other_is_asked_for():
    def answer(number, query):
        if number == 1:
            raise DeckUnavailableError("answered 502, three times in a row")
        return page(number, "next")

    read, asked = reader(answer)
    listed = read_matches(read, deck="tinder", now=lambda: NOW)

    assert len(asked) == 2
    assert [match.card_id for match in listed.matches] == ["tinder:p0"]
    assert not listed.complete


def test_a_first_page_that_failed_is_raised():
    def answer(number, query):
        raise DeckUnavailableError("answered 502, three times in a row")

    with pytest.raises(DeckUnavailableError):
        read_matches(reader(answer)[0], deck="tinder", now=lambda: NOW)


STRANGE = [
    {},
    {"data": None},
    {"data": {}},
    {"data": {"matches": None}},
    {"data": {"matches": {"0": {}}}},
    {"data": []},
]


@pytest.mark.parametrize("strange", STRANGE)
def test_a_first_page_of_another_form_is_no_empty_list(strange):
    with pytest.raises(DeckUnavailableError, match="form that Swipr does not know"):
        read_matches(reader(lambda number, query: strange)[0], deck="tinder", now=lambda: NOW)


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("token", ["next", None], ids=["next page", "second kind"])
def test_a_later_page_of_another_form_leaves_the_list_incomplete(strange, token):
    read, _ = reader(lambda number, query: strange if number else page(0, token))

    listed = read_matches(read, deck="tinder", now=lambda: NOW)

    assert [match.match_id for match in listed.matches] == ["m0"]
    assert not listed.complete


@pytest.mark.parametrize("token", ["", ["x"], {"x": 1}, True, 1.5])
def test_a_token_that_cannot_be_one_leaves_the_list_incomplete(token):
    read, asked = reader(lambda number, query: page(number, token))

    listed = read_matches(read, deck="tinder", now=lambda: NOW)

    assert [match.match_id for match in listed.matches] == ["m0", "m1"]
    assert [query["message"] for query in asked] == ["0", "1"]
    assert not listed.complete


@pytest.mark.parametrize(
    ("entry", "complete", "unnamed"),
    [({"_id": "x"}, True, ("x",)), ({"id": "x", "person": {"name": "Zoe"}}, True, ("x",)), ({}, False, ()),
     ({"person": {"_id": "p"}}, False, ()), (None, False, ()), ({"_id": "m0"}, True, ())],
)  # fmt: skip
def test_an_entry_without_a_person_is_told_by_its_id_and_only_one_without_any_leaves_the_list_incomplete(
    entry, complete, unnamed
):
    known = page(0)["data"]["matches"]
    read, _ = reader(lambda number, query: {"data": {"matches": [entry, *known]}})

    listed = read_matches(read, deck="tinder", now=lambda: NOW)

    assert [match.match_id for match in listed.matches] == ["m0"]
    assert (listed.complete, listed.unnamed) == (complete, unnamed)
