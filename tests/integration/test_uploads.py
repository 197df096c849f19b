"""Files of corrected labels: good rows count, bad rows harm nothing, twice is once."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.errors import NotFoundError
from swipr.models import Answer
from swipr.uploads import MAX_BYTES, MAX_ROWS, Uploads
from tests.doubles import card
from tests.install import USER, Install

Make = Callable[..., Install]
KEY = f"labels/{USER}/mine.json"


@pytest.fixture
def swiped(install: Make) -> Install:
    home = install(1, cards=[card(0, "like"), card(1, "pass"), card(2, "like", age=17)], budget=9)
    home.deck.answers = lambda choice, card: Answer(state="sent")
    home.tick()
    home.run(home.queued.pop())
    return home


def take(home: Install, content: object, key: str = KEY) -> dict[str, object]:
    """Upload, take in, and return the report."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    home.blobs.put(key, body)
    Uploads(home.store, home.blobs, home.clock.now).take(key, size=len(body), uploaded_at=home.clock.now())
    report: dict[str, object] = json.loads(home.blobs.get(f"reports/{key.removeprefix('labels/')}.json"))
    return report


def test_good_rows_count_and_bad_rows_are_named(swiped: Install) -> None:
    rows = [
        {"card_id": "fake:0", "choice": "pass"},
        {"card_id": "fake:9", "choice": "like"},
        {"card_id": "fake:1", "choice": "love"},
        "nonsense",
        {"card_id": "fake:2", "choice": "like"},
    ]

    report = take(swiped, rows)

    assert (report["taken"], report["refused"]) == (1, 4)
    assert [label.choice for label in swiped.store.labels(USER)] == ["pass"]


def test_a_csv_file_is_read_too(swiped: Install) -> None:
    report = take(swiped, b"card_id,choice\nfake:0,pass\nfake:1,like\n", f"labels/{USER}/mine.csv")

    assert report["taken"] == 2


def test_an_upload_taken_twice_does_not_undo_a_later_correction(swiped: Install) -> None:
    rows = [{"card_id": "fake:0", "choice": "pass"}]
    uploaded_at = swiped.clock.now()
    swiped.blobs.put(KEY, json.dumps(rows).encode())
    uploads = Uploads(swiped.store, swiped.blobs, swiped.clock.now)
    uploads.take(KEY, size=10, uploaded_at=uploaded_at)
    corrected = swiped.store.label(USER, "fake:0")
    assert corrected is not None
    later = corrected.model_copy(update={"choice": "like", "labelled_at": uploaded_at + timedelta(minutes=1)})
    swiped.store.put_label(later)

    uploads.take(KEY, size=10, uploaded_at=uploaded_at)

    assert swiped.store.label(USER, "fake:0") == later.model_copy(update={"features": later.features})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{}", "no rows"),
        (b"[]", "no rows"),
        ([{}] * (MAX_ROWS + 1), "more than 5000"),
    ],
)
def test_an_unreadable_file_is_reported(swiped: Install, content: object, why: str) -> None:
    report = take(swiped, content)

    assert report["taken"] == 0
    assert why in str(report["rows"])


def test_a_file_too_large_is_not_read(swiped: Install) -> None:
    uploads = Uploads(swiped.store, swiped.blobs, swiped.clock.now)
    uploads.take(KEY, size=MAX_BYTES + 1, uploaded_at=swiped.clock.now())

    assert b"larger than 5 MB" in swiped.blobs.get(f"reports/{USER}/mine.json.json")


@pytest.mark.parametrize(
    "key", ["labels/nobody/x.json", "labels/x.json", f"labels/{USER}/a/x.json", "other/ann/x.json"]
)
def test_a_key_that_is_nobodys_is_ignored(swiped: Install, key: str) -> None:
    uploads = Uploads(swiped.store, swiped.blobs, swiped.clock.now)

    assert uploads.take(key, size=1, uploaded_at=swiped.clock.now()) is None
    assert swiped.blobs.keys("reports/") == []


def test_an_object_that_is_not_there_yet_comes_again(swiped: Install) -> None:
    uploads = Uploads(swiped.store, swiped.blobs, swiped.clock.now)

    with pytest.raises(NotFoundError):
        uploads.take(KEY, size=1, uploaded_at=swiped.clock.now())
