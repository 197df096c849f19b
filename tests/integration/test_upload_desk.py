"""Uploads as their owner sees them."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.api.upload_desk import FORM_EXPIRES, LATE, LISTED, NewUpload, UploadDesk
from swipr.errors import InputError, NotFoundError
from swipr.uploads.report import UploadReport, write_report
from tests.install import USER, Install

Make = Callable[..., Install]


@pytest.fixture
def home(install: Make) -> Install:
    return install(1)


@pytest.fixture
def desk(home: Install) -> UploadDesk:
    numbers = itertools.count(1)
    return UploadDesk(home.blobs, home.clock.now, lambda size: f"{next(numbers):0{2 * size}x}")


def test_a_form_fixes_one_key_of_its_owner(home: Install, desk: UploadDesk) -> None:
    opened = desk.open(USER, NewUpload(name="Mine.ZIP", size=77))

    assert opened.upload_id == "20260301T120000-0000000000000001"
    assert opened.key == f"labels/{USER}/20260301T120000-0000000000000001.zip"
    grant = home.blobs.verify_post(opened.fields)
    assert grant == (opened.key, 77)


@pytest.mark.parametrize("user_id", ["eve", "an", f"{USER}x"])
def test_a_report_is_its_owners(desk: UploadDesk, user_id: str) -> None:
    upload_id = desk.open(USER, NewUpload(name="a.csv", size=1)).upload_id

    with pytest.raises(NotFoundError):
        desk.report(user_id, upload_id)
    assert desk.newest(user_id).uploads == ()


@pytest.mark.parametrize("upload_id", ["", "..", "../ann/x", "a/b", "a\n", ".hidden", "x" * 200, "ä"])
def test_an_odd_id_is_nobodys(desk: UploadDesk, upload_id: str) -> None:
    with pytest.raises(NotFoundError):
        desk.report(USER, upload_id)


def test_an_upload_that_never_came_is_said_to_have_failed(home: Install, desk: UploadDesk) -> None:
    upload_id = desk.open(USER, NewUpload(name="a.csv", size=1)).upload_id

    home.clock.sleep((FORM_EXPIRES + LATE - timedelta(minutes=1)).total_seconds())
    before = desk.report(USER, upload_id)
    home.clock.sleep(120)
    after = desk.report(USER, upload_id)

    assert (before.state, before.rows, before.total) == ("waiting", (), None)
    assert (after.state, after.why) == ("failed", "no file came before the form expired")


def test_the_newest_are_listed_first_without_rows(home: Install, desk: UploadDesk) -> None:
    ids = []
    for number in range(LISTED + 5):
        home.clock.sleep(1)
        ids.append(desk.open(USER, NewUpload(name=f"{number}.csv", size=1)).upload_id)
    name, at = "by-hand.csv", home.clock.now()
    dropped = UploadReport(upload_id=name, key=f"labels/{USER}/{name}", name=name, state="done", at=at)
    write_report(home.blobs, USER, dropped)

    listed = desk.newest(USER).uploads

    assert [one.upload_id for one in listed] == ["by-hand.csv", *reversed(ids)][:LISTED]
    assert all("rows" not in one.model_dump() for one in listed)


@pytest.mark.parametrize(
    ("name", "size", "field"), [("a.exe", 1, "name"), ("zip", 1, "name"), ("a.json", 20_000_001, "size")]
)
def test_what_would_not_be_read_is_not_taken(desk: UploadDesk, name: str, size: int, field: str) -> None:
    with pytest.raises(InputError) as wrong:
        desk.open(USER, NewUpload(name=name, size=size))

    assert wrong.value.field == field
