"""Lists of corrected labels: every row is judged by itself, and no file costs more memory than it is worth."""

import base64
import json
import tracemalloc

import pytest

from swipr.errors import LabelError
from swipr.uploads.rows import MAX_ROWS, MAX_TEXT_BYTES, Row, read_csv, read_json


def json_row(value: object) -> Row:
    (row,) = read_json(json.dumps([value]).encode())
    return row


def test_rows_name_a_card_or_bring_a_photo() -> None:
    photo = base64.b64encode(b"bytes").decode()

    named = json_row({"card_id": "fake:1", "choice": "like"})
    brought = json_row({"photo": photo, "choice": "pass", "card_id": "fake:2"})

    assert (named.card_id, named.choice, named.photo, named.why) == ("fake:1", "like", None, None)
    assert (brought.card_id, brought.choice, brought.photo and brought.photo()) == ("fake:2", "pass", b"bytes")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("nonsense", "row: "),
        (None, "row: "),
        ([], "row: "),
        ({}, "choice: "),
        ({"card_id": "fake:1"}, "choice: "),
        ({"card_id": "fake:1", "choice": "love"}, "choice: "),
        ({"card_id": "../x", "choice": "like"}, "card_id: "),
        ({"card_id": "fake:1", "choice": "like", "age": 17}, "age: "),
        ({"card_id": 7, "choice": "like"}, "card_id: "),
        ({"card_id": "fake:\ud800", "choice": "like"}, "card_id: "),
        ({"\ud800": 1, "card_id": "fake:1", "choice": "like"}, "row: "),
        ({"choice": "like"}, "card_id: name a decided card"),
        ({"choice": "like", "photo": 5}, "photo: "),
    ],
)
def test_a_bad_row_says_which_field(value: object, why: str) -> None:
    row = json_row(value)

    assert row.why is not None
    assert row.why.startswith(why)
    assert row.why.encode(), "it can be written down"


@pytest.mark.parametrize("text", ["#", "a", "ä", "\ud800", "/9j/\n"])
def test_what_is_not_base64_is_found_when_it_is_read(text: str) -> None:
    row = json_row({"photo": text, "choice": "like"})

    if row.photo is None:
        assert row.why is not None
        return
    with pytest.raises(LabelError, match="base64"):
        row.photo()


def test_csv_has_a_header_and_may_have_more_columns() -> None:
    rows = list(read_csv(b'\xef\xbb\xbfnote,choice,card_id\r\nhi, like ,fake:1\r\n\r\n"a\nb",pass,fake:2\r\nx\r\n'))

    assert [(row.card_id, row.choice) for row in rows[:2]] == [("fake:1", "like"), ("fake:2", "pass")]
    assert rows[2].why is not None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "first line must name the columns: card_id,choice"),
        (b"fake:1,like\n", "first line must name"),
        (b"card_id;choice\nfake:1;like\n", "first line must name"),
        (b"card_id,choice\n", "holds no rows"),
        (b"card_id,choice\nfake:1,\xff\n", "not UTF-8"),
        (b"card_id,choice\nfake:1," + b"x" * 200_000, "follows line 1 is not CSV"),
        (b"card_id,choice\n" + b"fake:1,like\n" * (MAX_ROWS + 1), "more than 5000 rows"),
    ],
)
def test_an_unusable_csv_is_named(body: bytes, why: str) -> None:
    with pytest.raises(LabelError, match=why):
        read_csv(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "not JSON"),
        (b"[" * 40_000, "not JSON"),
        (b"[" * 100_000, "more than 5000 rows"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" + b"9" * 5000 + b"]", "not JSON"),
        (b"{}", "no rows"),
        (b"null", "no rows"),
        (b"[]", "no rows"),
        (json.dumps([{}] * (MAX_ROWS + 1)).encode(), "holds 5001 rows, more than 5000"),
    ],
)
def test_an_unusable_list_is_named(body: bytes, why: str) -> None:
    with pytest.raises(LabelError, match=why):
        read_json(body)


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"a",', b"1.5,", b'{"a":{"a":0}},'])
def test_a_list_of_very_little_costs_little(piece: bytes) -> None:
    body = b"[" + piece * (MAX_TEXT_BYTES // len(piece)) + b"0]"
    tracemalloc.start()

    with pytest.raises(LabelError, match="more than 5000 rows"):
        read_json(body)

    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_row_that_names_no_card_of_ours_is_told_what_to_write() -> None:
    assert "with a photo, leave it out" in str(json_row({"card_id": "mine", "choice": "like", "photo": "aaaa"}).why)
    assert '"choice": "like" or "pass"' in str(json_row("nonsense").why)
